//! Whose tokens a file holds, and names for tokens and secrets that must not be kept themselves.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use url::Url;

use super::private_file::hex;
use crate::secret::Secret;

/// Names the refresh tokens that descend from one first token.
///
/// The scopes are not part of it: they may be changed without losing the login. The host is, so a token never goes to
/// another server than the one that made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family(pub(super) String);

impl Family {
    /// The family that begins with `seed` at this server for this client.
    pub fn of(token_url: &Url, client_id: &str, seed: &Secret) -> Family {
        Family(hash(&["family", &token_url.origin().ascii_serialization(), client_id, seed.expose()]))
    }

    /// The family of a credential that has nothing to rotate: one for each server, grant and client.
    pub fn without_login(token_url: &Url, grant: &str, client: &str) -> Family {
        Family(hash(&["no login", &token_url.origin().ascii_serialization(), grant, client]))
    }

    /// A token's name within the family; not the token.
    pub fn name(&self, token: &Secret) -> TokenHash {
        TokenHash(hash(&["token", &self.0, token.expose()]))
    }
}

/// Stands for a refresh token where the token itself must not be kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenHash(String);

/// Salted with the parts before the secret; the secrets are long and random, so a slow hash would add nothing.
fn hash(parts: &[&str]) -> String {
    digest("refresh token", parts)
}

/// A digest of parts that cannot run into one another.
pub(crate) fn digest(of: &str, parts: &[&str]) -> String {
    let mut digest = Sha256::new();
    digest.update(format!("punctual {of} v1"));
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part.as_bytes());
    }
    hex(&digest.finalize())
}
