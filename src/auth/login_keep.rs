//! Keeping what a person gave: only where the file has left it out, and only what can be a secret of that kind.

use std::path::Path;

use super::credential::Credential;
use super::kept::KeptSecrets;
use super::private_file::FileError;
use crate::secret::{Purpose, SHORTEST_SECRET, Secret, SecretSource};

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
        kind: Purpose,
        /// Where the file says that it is.
        reference: String,
    },
    /// The grant has no such secret.
    #[error("connection `{connection}` has no use for a {kind}")]
    NotNeeded {
        /// Whose.
        connection: String,
        /// Which.
        kind: Purpose,
        /// What it needs.
        needed: Purpose,
    },
    /// Empty, too short or long, or with line breaks or control characters.
    #[error("what was given cannot be a {kind}: it is {what}")]
    Odd {
        /// Which.
        kind: Purpose,
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

/// Whether a secret of this kind would be used if it were kept.
///
/// # Errors
/// It would not.
fn check_kind(credential: &Credential, kind: Purpose) -> Result<(), KeepError> {
    let connection = credential.connection.clone();
    match credential.grant.secret(kind) {
        Some(SecretSource::Kept) => Ok(()),
        Some(SecretSource::At(reference)) => {
            Err(KeepError::NotKept { connection, kind, reference: reference.to_string() })
        }
        None => Err(KeepError::NotNeeded { connection, kind, needed: credential.grant.main_secret().1 }),
    }
}

/// Whether this can be kept, before anything is sent with it.
///
/// # Errors
/// It would not be used, or cannot be such a secret.
pub(super) fn check(credential: &Credential, kind: Purpose, secret: &Secret) -> Result<(), KeepError> {
    check_kind(credential, kind)?;
    let odd = |what| Err(KeepError::Odd { kind, what });
    match secret.expose() {
        "" => odd("empty"),
        text if text.len() > LONGEST => odd("longer than 16 KiB"),
        text if text.contains(char::is_control) => odd("more than one line, or has control characters"),
        // Passwords may have spaces and letters of any script; the others are made by servers.
        text if kind != Purpose::Password && !text.bytes().all(|byte| byte.is_ascii_graphic()) => {
            odd("no single word of ASCII characters")
        }
        text if kind != Purpose::Password && text.chars().count() < SHORTEST_SECRET => {
            odd("shorter than 8 characters, so it could not be kept out of logs")
        }
        _ => Ok(()),
    }
}

/// Keeps a secret durably. Blocks for as long as the disk does.
///
/// # Errors
/// Nothing was kept; what was kept before is intact.
pub fn keep(credential: &Credential, tokens_dir: &Path, kind: Purpose, secret: &Secret) -> Result<(), KeepError> {
    check(credential, kind, secret)?;
    Ok(KeptSecrets::new(tokens_dir).keep(&credential.connection, kind, secret)?)
}
