//! What a connection of the schedule files becomes: a credential, a bearer of its tokens, and a client.
//!
//! The daemon, `doctor` and the commands that work without a daemon all start from the same connection, and must send the same
//! requests with the same tokens; so what a file means in the words of `auth` and `orchestrator` is written here once. `auth`
//! and `orchestrator` do not know each other, and neither knows schedule files.
//!
//! Absent: which connections there are and for how long they are kept, which is the daemon's, and any request.

mod bearer;

use std::sync::Arc;

use self::bearer::TokenBearer;
use crate::auth::{Credential, TokenManager, token_url};
use crate::clock::Clock;
use crate::grant::Asking;
use crate::orchestrator::{Client, ClientConfig, ClientSetupError};
use crate::schedule::Connection;

/// The client of a connection, which asks `manager` for its tokens. Sends nothing yet.
///
/// # Errors
/// The connection's addresses or names cannot be sent.
pub fn client(connection: &Connection, clock: &Clock, manager: &TokenManager) -> Result<Client, ClientSetupError> {
    Client::new(ClientConfig {
        connection: connection.name.to_string(),
        base: connection.url.clone(),
        tenant: connection.tenant.clone(),
        authorities: connection.authorities.clone(),
        clock: clock.clone(),
        bearer: Arc::new(TokenBearer::new(manager.clone())),
    })
}

/// What the files say of a connection, in the words of `auth`.
pub fn credential(connection: &Connection) -> Credential {
    let grant = connection.auth.grant.clone();
    let facts = grant.facts();
    let derived = match facts.asking {
        // Nobody is asked; the address only has to be one that the token may be sent to.
        Asking::Nobody => connection.url.clone(),
        Asking::Free | Asking::UsesUp | Asking::MayLock => token_url(&connection.url, facts.style),
    };
    let tenant = connection.tenant.clone().filter(|_| facts.sends_tenant);
    let token_url = connection.auth.token_url.clone().unwrap_or(derived);
    let authorities = connection.authorities.clone();
    Credential { connection: connection.name.to_string(), grant, token_url, tenant, authorities }
}
