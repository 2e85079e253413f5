//! A connection's credential without a daemon: from the files, with a token manager of this command's own.

use std::path::PathBuf;
use std::sync::Arc;

use tokio_util::task::TaskTracker;

use super::args::Global;
use super::failure::{Exit, Failure};
use super::files::load_or_tell;
use super::output::plain;
use crate::auth::{AuthEnvironment, AuthUnavailable, Credential, Exchanges, TokenManager, TokenState};
use crate::clock::Clock;
use crate::schedule::ConnectionName;
use crate::text::known_names;
use crate::wiring;

/// One credential and where its files are.
#[derive(Debug)]
pub(super) struct Here {
    pub(super) credential: Arc<Credential>,
    pub(super) tokens_dir: PathBuf,
    pub(super) clock: Clock,
    /// What an impatient person is kept waiting for.
    pub(super) exchanges: Exchanges,
}

impl Here {
    /// The connection as the files have it.
    pub(super) fn find(global: &Global, name: &str, clock: &Clock) -> Result<Here, Failure> {
        let loaded = load_or_tell(global, clock.now())?;
        let connections = &loaded.set.connections;
        let Some(connection) = connections.values().find(|connection| connection.name.as_str() == name) else {
            return Err(Failure::new(Exit::Usage, format!("there is no connection `{}`", plain(name)))
                .hint(known_names(name, connections.keys().map(ConnectionName::as_str))));
        };
        Ok(Here {
            credential: Arc::new(wiring::credential(connection)),
            tokens_dir: global.tokens_dir(),
            clock: clock.clone(),
            exchanges: Exchanges::default(),
        })
    }

    /// What a token is asked for with.
    pub(super) fn environment(&self) -> AuthEnvironment {
        AuthEnvironment {
            clock: self.clock.clone(),
            tokens_dir: self.tokens_dir.clone(),
            tracker: TaskTracker::new(),
            seed: u64::from(std::process::id()),
            exchanges: self.exchanges.clone(),
        }
    }

    /// Begins to ask for a token. To be stopped, so that what comes back is saved.
    pub(super) fn manager(&self) -> Result<TokenManager, Failure> {
        TokenManager::start((*self.credential).clone(), self.environment())
            .map_err(|cause| Failure::from_error(Exit::Usage, &cause))
    }
}

/// There is no token: why, and whose turn it is.
pub(super) fn refused(cause: &AuthUnavailable) -> Failure {
    Failure::new(exit_of(cause.state), plain(&cause.sentence())).hint(plain(&cause.cure.to_string()))
}

/// The exit code for a token that is not there.
pub(super) fn exit_of(state: TokenState) -> Exit {
    match state {
        TokenState::Valid | TokenState::Refreshing => Exit::Fine,
        TokenState::NeedsLogin | TokenState::BadClient | TokenState::AuthBroken => Exit::Refused,
        TokenState::Starting | TokenState::Unavailable | TokenState::Unsaved => Exit::Unreachable,
    }
}
