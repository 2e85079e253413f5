//! The file that a credential's tokens outlive the process in: for one-use refresh tokens it is the only copy of the login.
//!
//! One file a family, named after a hash of server, client and the first token, so an unchanged configuration always finds
//! its own family and a new first token starts a new one. `private_file` writes it so that a crash leaves the old or the new;
//! a complete file that a crash left next to it is taken up when it is newer.
//!
//! The access token is in it, too: a restart then starts robots at once, without the token server (T21). It is worth less
//! than the refresh token or secret that lies on this machine anyway, and it ends within a day.
//!
//! Absent: the first token itself (only its hash), and any decision about the tokens.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::FlockOperation;
use secrecy::zeroize::Zeroizing;
use serde::{Deserialize, Serialize};

use super::access_file::StoredAccess;
pub use super::family::Family;
use super::family::TokenHash;
use super::private_file::{FileError, Format, PrivateFile, ensure_folder};
use crate::durable::private;
use crate::secret::Secret;

const FORMAT: Format = Format { name: "punctual-token", version: 2, oldest: 1 };
/// Room for the longest access and refresh token, so that the buffer never grows and leaves a copy behind.
const LARGEST_BODY: usize = 40 * 1024;

/// What the file holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stored {
    /// Whose it is.
    family: String,
    /// The connection's name when it was written, for people who look into the folder.
    pub connection: String,
    /// Counts the answers with a token, so that a process sees that another has been given a newer one.
    pub generation: u64,
    /// Counts the writes, so that the newer of two files is known.
    revision: u64,
    /// The token to send next; none while the first, configured one is in use.
    #[serde(with = "super::exposed")]
    pub refresh_token: Option<Secret>,
    /// When it was received, or when the first one was used first; wall time (T20).
    pub obtained_at: Option<Timestamp>,
    /// A request that was not yet answered when this was written (T10).
    pub pending: Option<Pending>,
    /// A token that earned `invalid_grant`: never sent again (T8).
    pub refused: Option<TokenHash>,
    /// The newest access token (T21).
    #[serde(default)]
    pub access: Option<StoredAccess>,
}

/// A request on its way: the server may already have used up the token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pending {
    /// The generation asked for.
    pub generation: u64,
    /// Wall time.
    pub sent_at: Timestamp,
    /// The token that was sent.
    pub token: TokenHash,
}

impl Stored {
    /// A family of which only the first token is known.
    pub fn new(family: &Family, connection: &str) -> Stored {
        Stored {
            family: family.0.clone(),
            connection: connection.to_owned(),
            generation: 0,
            revision: 0,
            refresh_token: None,
            obtained_at: None,
            pending: None,
            refused: None,
            access: None,
        }
    }

    /// Takes in the refresh token that follows the one just used.
    pub fn rotate(&mut self, token: Secret, at: Timestamp) {
        self.refresh_token = Some(token);
        self.obtained_at = Some(at);
        self.pending = None;
    }
}

/// The folder of all token files within a state folder.
pub fn tokens_folder(state_dir: &Path) -> PathBuf {
    state_dir.join("tokens")
}

/// Where one family is kept.
#[derive(Clone, Debug)]
pub struct TokenFile {
    folder: PathBuf,
    file: PrivateFile,
    lock: PathBuf,
    family: Family,
}

/// Holds the family for one process (T11). The kernel lets go of it when the process dies.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl TokenFile {
    /// The file of `family` in `folder`. Touches nothing.
    pub fn new(folder: &Path, family: Family) -> TokenFile {
        let stem = &family.0[..32];
        TokenFile {
            folder: folder.to_owned(),
            file: PrivateFile::new(folder, &format!("{stem}.token"), FORMAT),
            lock: folder.join(format!("{stem}.lock")),
            family,
        }
    }

    /// Whose it is.
    pub(crate) fn family(&self) -> &Family {
        &self.family
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Takes the family for this process, or says that another has it.
    ///
    /// # Errors
    /// The folder or the lock file cannot be made.
    pub fn try_lock(&self) -> Result<Option<Lock>, FileError> {
        ensure_folder(&self.folder)?;
        let failed = |cause: io::Error| FileError::Io { path: self.lock.clone(), what: "locked", cause };
        let file = private().create(true).truncate(false).open(&self.lock).map_err(failed)?;
        #[cfg(feature = "faults")]
        if crate::faults::is_on(crate::faults::NO_TOKEN_LOCK) || crate::faults::is_on(crate::faults::NO_SINGLE_FLIGHT) {
            return Ok(Some(Lock { _file: file }));
        }
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Lock { _file: file })),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(errno) => Err(failed(errno.into())),
        }
    }

    /// Reads the copy in force and touches nothing, so it needs no lock.
    ///
    /// # Errors
    /// As [`TokenFile::load`].
    pub fn peek(&self) -> Result<Option<Stored>, FileError> {
        self.decoded(self.file.read()?)
    }

    /// Reads the newest complete copy, and finishes a save that a crash cut short. Only under the lock: without it, another
    /// process's save looks like one.
    ///
    /// # Errors
    /// There is a file but it cannot be trusted: then the first token must not be sent in its place.
    pub fn load(&self) -> Result<Option<Stored>, FileError> {
        let current = self.peek();
        // Whatever is wrong with the one that was prepared: it was never in force, so only a whole one counts.
        let prepared = self.file.read_prepared().and_then(|body| self.decoded(body)).ok().flatten();
        match (current, prepared) {
            (Ok(Some(current)), Some(prepared)) if prepared.revision > current.revision => {
                self.adopt(prepared).map(Some)
            }
            (Ok(None) | Err(FileError::Damaged { .. }), Some(prepared)) => self.adopt(prepared).map(Some),
            (current, _) => current,
        }
    }

    /// Changes when another process was given newer tokens, or a person put another file here.
    pub(crate) fn fingerprint(&self) -> String {
        match self.peek() {
            Ok(None) => "none".to_owned(),
            Ok(Some(stored)) => {
                let token = stored.refresh_token.as_ref().map(|token| self.family.name(token));
                format!("{} {token:?} {}", stored.generation, stored.refused.is_some())
            }
            Err(cause) => cause.to_string(),
        }
    }

    fn adopt(&self, prepared: Stored) -> Result<Stored, FileError> {
        self.file.adopt_prepared()?;
        Ok(prepared)
    }

    fn decoded(&self, body: Option<Zeroizing<Vec<u8>>>) -> Result<Option<Stored>, FileError> {
        let Some(body) = body else { return Ok(None) };
        match serde_json::from_slice::<Stored>(&body) {
            Ok(stored) if stored.family == self.family.0 => Ok(Some(stored)),
            Ok(_) | Err(_) => Err(FileError::Damaged { path: self.file.path().to_owned() }),
        }
    }

    /// Writes durably: when this returns, a power cut leaves the new content.
    ///
    /// # Errors
    /// The old content is intact, or the new one is in place but may not outlive a power cut.
    pub fn save(&self, stored: &mut Stored) -> Result<(), FileError> {
        stored.revision = stored.revision.saturating_add(1);
        let mut body = Zeroizing::new(Vec::with_capacity(LARGEST_BODY));
        serde_json::to_writer_pretty(&mut *body, stored).map_err(|cause| FileError::Io {
            path: self.file.path().to_owned(),
            what: "written",
            cause: cause.into(),
        })?;
        body.push(b'\n');
        self.file.save(&body)
    }
}
