//! Keeping what a person gave: only where the file has left it out, and only what can be a secret of that kind.

use std::path::Path;

use super::credential::{Credential, GrantConfig};
use super::kept::{KeptSecrets, Kind};
use super::private_file::FileError;
use crate::secret::{SHORTEST_SECRET, Secret, SecretSource};

/// Longest that is taken: as long as a token may be.
const LONGEST: usize = 16 * 1024;

/// Why a secret is not kept.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// The file says where the secret is, so a kept one would never be read.
    #[error("connection `{connection}` reads its {kind} from `{reference}`, so a kept one would not be used")]
    NotKept {
        /// Whose.
        connection: String,
        /// Which.
        kind: Kind,
        /// Where the file says that it is.
        reference: String,
    },
    /// The grant has no such secret.
    #[error("connection `{connection}` has no use for a {kind}")]
    NotNeeded {
        /// Whose.
        connection: String,
        /// Which.
        kind: Kind,
        /// What it needs.
        needed: Kind,
    },
    /// Empty, too short or long, or with line breaks or control characters.
    #[error("what was given cannot be a {kind}: it is {what}")]
    Odd {
        /// Which.
        kind: Kind,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The file could not be written.
    #[error(transparent)]
    File(#[from] FileError),
}

impl KeepError {
    /// What to do.
    pub fn cure(&self) -> String {
        match self {
            KeepError::NotKept { kind, .. } => format!(
                "write it there; or take `{}` out of the connection's `auth`, reload, and log in again",
                kind.key()
            ),
            KeepError::NotNeeded { needed, .. } => format!("it needs a {needed}"),
            KeepError::Odd { .. } => "copy it whole, and nothing else".to_owned(),
            KeepError::File(_) => "let the daemon's user, and nobody else, write there".to_owned(),
        }
    }
}

impl GrantConfig {
    /// Whether `punctual login` may keep a client secret beside the main one: a confidential application with a user's login.
    pub fn keeps_client_secret(&self) -> bool {
        matches!(self, GrantConfig::RefreshTokenIdentity { client_secret: SecretSource::Kept, .. })
    }

    /// Where the file says that a secret of this kind is; none when the grant has no such secret.
    fn source_of(&self, wanted: Kind) -> Option<&SecretSource> {
        let (source, kind) = self.main_secret();
        match self {
            _ if kind == wanted => Some(source),
            GrantConfig::RefreshTokenIdentity { client_secret, .. } if wanted == Kind::ClientSecret => {
                Some(client_secret)
            }
            GrantConfig::RefreshTokenIdentity { .. }
            | GrantConfig::RefreshTokenAccount { .. }
            | GrantConfig::ClientCredentials { .. }
            | GrantConfig::Password { .. }
            | GrantConfig::PersonalAccessToken { .. } => None,
        }
    }
}

/// Whether a secret of this kind would be used if it were kept.
///
/// # Errors
/// It would not.
fn check_kind(credential: &Credential, kind: Kind) -> Result<(), KeepError> {
    let connection = credential.connection.clone();
    match credential.grant.source_of(kind) {
        Some(SecretSource::Kept) => Ok(()),
        Some(SecretSource::At(reference)) => {
            Err(KeepError::NotKept { connection, kind, reference: reference.to_string() })
        }
        None => Err(KeepError::NotNeeded { connection, kind, needed: credential.grant.main_secret().1 }),
    }
}

/// Keeps a secret durably. Blocks for as long as the disk does.
///
/// # Errors
/// Nothing was kept; what was kept before is intact.
pub fn keep(credential: &Credential, tokens_dir: &Path, kind: Kind, secret: &Secret) -> Result<(), KeepError> {
    check_kind(credential, kind)?;
    let odd = |what| Err(KeepError::Odd { kind, what });
    match secret.expose() {
        "" => return odd("empty"),
        text if text.len() > LONGEST => return odd("longer than 16 KiB"),
        text if text.contains(char::is_control) => return odd("more than one line, or has control characters"),
        // Passwords may have spaces and letters of any script; the others are made by servers.
        text if kind != Kind::Password && !text.bytes().all(|byte| byte.is_ascii_graphic()) => {
            return odd("no single word of ASCII characters");
        }
        text if kind != Kind::Password && text.chars().count() < SHORTEST_SECRET => {
            return odd("shorter than 8 characters, so it could not be kept out of logs");
        }
        _ => {}
    }
    Ok(KeptSecrets::new(tokens_dir).keep(&credential.connection, kind, secret)?)
}
