//! The secrets that a person gave to `punctual login`: what a connection uses when its `auth` leaves the secret out.
//!
//! One file a connection and kind, next to the rotated refresh tokens and under the same rules. Kept apart from those: a kept
//! refresh token is the first of its family, never the current one, so giving the same one again changes nothing and giving a
//! new one starts a new family.
//!
//! Absent: asking a person (the command line's), and any decision about when a secret is used.

use std::io;
use std::path::{Path, PathBuf};

use secrecy::zeroize::Zeroizing;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::private_file::{FileError, Format, PrivateFile, hex};
use crate::secret::{Purpose, Secret};

const FORMAT: Format = Format { name: "punctual-kept", version: 1, oldest: 1 };
/// Twice as long as the longest token that is accepted; what is kept must be readable again.
const LONGEST_SECRET: usize = 32 * 1024;

/// What a file holds.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    connection: String,
    kind: String,
    secret: String,
}

impl Drop for Content {
    fn drop(&mut self) {
        secrecy::zeroize::Zeroize::zeroize(&mut self.secret);
    }
}

/// All kept secrets of one state folder.
#[derive(Clone, Debug)]
pub struct KeptSecrets {
    folder: PathBuf,
}

impl KeptSecrets {
    /// In the folder that also holds rotated refresh tokens. Touches nothing.
    pub fn new(tokens_dir: &Path) -> KeptSecrets {
        KeptSecrets { folder: tokens_dir.to_owned() }
    }

    /// Keeps it durably, in the place of one that was kept before.
    ///
    /// # Errors
    /// It is not kept; the one before is intact.
    pub fn keep(&self, connection: &str, kind: Purpose, secret: &Secret) -> Result<(), FileError> {
        let content = Content {
            connection: connection.to_owned(),
            kind: kind.key().to_owned(),
            secret: secret.expose().to_owned(),
        };
        let file = self.file(connection, kind);
        if secret.expose().is_empty() || secret.expose().len() > LONGEST_SECRET {
            let cause = io::Error::new(io::ErrorKind::InvalidInput, "it is empty or longer than 32 KiB");
            return Err(FileError::Io { path: file.path().to_owned(), what: "written", cause });
        }
        let mut body = Zeroizing::new(Vec::with_capacity(2 * secret.expose().len() + 1024));
        serde_json::to_writer_pretty(&mut *body, &content).map_err(|cause| FileError::Io {
            path: file.path().to_owned(),
            what: "written",
            cause: cause.into(),
        })?;
        body.push(b'\n');
        file.save(&body)
    }

    /// The kept secret; none when nothing was kept.
    ///
    /// # Errors
    /// There is one, but it cannot be read or not be trusted.
    pub fn read(&self, connection: &str, kind: Purpose) -> Result<Option<Secret>, FileError> {
        let file = self.file(connection, kind);
        let Some(body) = file.read()? else { return Ok(None) };
        match serde_json::from_slice::<Content>(&body) {
            Ok(content) if content.connection == connection && content.kind == kind.key() => {
                Ok(Some(Secret::new(content.secret.clone())))
            }
            Ok(_) | Err(_) => Err(FileError::Damaged { path: file.path().to_owned() }),
        }
    }

    /// Removes it durably; says whether there was one.
    ///
    /// # Errors
    /// It may still be there.
    pub fn forget(&self, connection: &str, kind: Purpose) -> Result<bool, FileError> {
        self.file(connection, kind).remove()
    }

    fn file(&self, connection: &str, kind: Purpose) -> PrivateFile {
        // Names in schedule files are plain; any other is not trusted in a path.
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let fits = !connection.is_empty() && connection.len() <= 100 && connection.chars().all(plain);
        let stem = if fits { connection.to_owned() } else { hex(&Sha256::digest(connection.as_bytes())) };
        PrivateFile::new(&self.folder, &format!("{stem}.{}.kept", kind.key()), FORMAT)
    }
}
