//! The file that holds a rotated refresh token: for one-use tokens it is the only copy of the login.
//!
//! One file a family, named after a hash of server, client and the first token, so an unchanged configuration always finds
//! its own family and a new first token starts a new one. Written beside, flushed, renamed, and the folder flushed (T9); a
//! complete file left beside by a crash is taken up when it is newer. First line: format, version, checksum of the rest.
//!
//! Absent: the first token itself (only its hash), access tokens, and any decision about them.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::{FlockOperation, OFlags};
use secrecy::zeroize::Zeroizing;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use url::Url;

use crate::secret::Secret;

const FORMAT: &str = "punctual-token";
const VERSION: u32 = 1;
/// Far above any token, far below what would hurt.
const MAX_BYTES: u64 = 64 * 1024;

/// Names the refresh tokens that descend from one first token.
///
/// The scopes are not part of it: they may be changed without losing the login. The host is, so a token never goes to
/// another server than the one that made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family(String);

impl Family {
    /// The family that begins with `seed` at this server for this client.
    pub fn of(token_url: &Url, client_id: &str, seed: &Secret) -> Family {
        Family(hash(&["family", &token_url.origin().ascii_serialization(), client_id, seed.expose()]))
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
    let mut digest = Sha256::new();
    digest.update(b"punctual refresh token v1");
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part.as_bytes());
    }
    hex(&digest.finalize())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the file holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stored {
    /// Whose it is.
    family: String,
    /// The connection's name when it was written, for people who look into the folder.
    pub connection: String,
    /// Refresh tokens received in this family; zero while the first is in use.
    pub generation: u64,
    /// Counts the writes, so that the newer of two files is known.
    revision: u64,
    /// The token to send next; none while the first, configured one is in use.
    #[serde(with = "exposed")]
    pub refresh_token: Option<Secret>,
    /// When it was received, wall time (T20).
    pub obtained_at: Option<Timestamp>,
    /// A request that was not yet answered when this was written (T10).
    pub pending: Option<Pending>,
    /// A token that earned `invalid_grant`: never sent again (T8).
    pub refused: Option<TokenHash>,
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
        }
    }

    /// Takes in the token that follows the one just used.
    pub fn rotate(&mut self, token: Secret, at: Timestamp) {
        self.generation = self.generation.saturating_add(1);
        self.refresh_token = Some(token);
        self.obtained_at = Some(at);
        self.pending = None;
    }
}

/// `Secret` has no serde on purpose; this file is the one place where a token is written.
mod exposed {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::secret::Secret;

    pub(super) fn serialize<S: Serializer>(secret: &Option<Secret>, serializer: S) -> Result<S::Ok, S::Error> {
        secret.as_ref().map(Secret::expose).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
        Ok(Option::<String>::deserialize(deserializer)?.map(Secret::new))
    }
}

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenFileError {
    /// The system refused.
    #[error("`{path}` cannot be {what}: {cause}", path = path.display())]
    Io {
        /// File or folder.
        path: PathBuf,
        /// The act, as a past participle.
        what: &'static str,
        /// The system's words.
        cause: io::Error,
    },
    /// Others could read the login.
    #[error("`{path}` is open to others (mode {mode:03o}); run `chmod {cure} {path}`", path = path.display())]
    Open {
        /// File or folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// What they should be.
        cure: &'static str,
    },
    /// The checksum does not fit, or it is another format.
    #[error("`{path}` is damaged", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// Written by a newer version of this program.
    #[error("`{path}` was written by a newer version", path = path.display())]
    Newer {
        /// The file.
        path: PathBuf,
    },
}

/// Where one family is kept.
#[derive(Clone, Debug)]
pub struct TokenFile {
    folder: PathBuf,
    path: PathBuf,
    beside: PathBuf,
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
            path: folder.join(format!("{stem}.token")),
            beside: folder.join(format!("{stem}.token.new")),
            lock: folder.join(format!("{stem}.lock")),
            family,
        }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the family for this process, or says that another has it.
    ///
    /// # Errors
    /// The folder or the lock file cannot be made.
    pub fn try_lock(&self) -> Result<Option<Lock>, TokenFileError> {
        ensure_folder(&self.folder)?;
        let failed = |cause: io::Error| TokenFileError::Io { path: self.lock.clone(), what: "locked", cause };
        let file = private().create(true).truncate(false).open(&self.lock).map_err(failed)?;
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
    pub fn peek(&self) -> Result<Option<Stored>, TokenFileError> {
        self.read(&self.path)
    }

    /// Reads the newest complete copy, and finishes a save that a crash cut short. Only under the lock: without it, another
    /// process's save looks like one.
    ///
    /// # Errors
    /// There is a file but it cannot be trusted: then the first token must not be sent in its place.
    pub fn load(&self) -> Result<Option<Stored>, TokenFileError> {
        let current = self.read(&self.path);
        // Whatever is wrong with the copy beside: it was never in force, so only a whole one counts.
        let beside = self.read(&self.beside).ok().flatten();
        match (current, beside) {
            (Ok(Some(current)), Some(beside)) if beside.revision > current.revision => self.adopt(beside).map(Some),
            (Ok(None) | Err(TokenFileError::Damaged { .. }), Some(beside)) => self.adopt(beside).map(Some),
            (current, _) => current,
        }
    }

    fn adopt(&self, beside: Stored) -> Result<Stored, TokenFileError> {
        // In place first: the next save would begin by removing the only good copy.
        let failed = |cause| TokenFileError::Io { path: self.beside.clone(), what: "put in place", cause };
        File::open(&self.beside).and_then(|file| file.sync_all()).map_err(failed)?;
        std::fs::rename(&self.beside, &self.path).map_err(failed)?;
        self.flush_folder()?;
        Ok(beside)
    }

    fn read(&self, path: &Path) -> Result<Option<Stored>, TokenFileError> {
        let failed = |cause| TokenFileError::Io { path: path.to_owned(), what: "read", cause };
        let damaged = || TokenFileError::Damaged { path: path.to_owned() };
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path) {
            Ok(file) => file,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(failed(cause)),
        };
        let meta = file.metadata().map_err(failed)?;
        if !meta.is_file() {
            return Err(damaged());
        }
        let mode = meta.mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(TokenFileError::Open { path: path.to_owned(), mode, cure: "600" });
        }
        let mut bytes = Zeroizing::new(Vec::new());
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
        match decode(&bytes) {
            Ok(stored) if stored.family == self.family.0 => Ok(Some(stored)),
            Ok(_) | Err(Undecodable::Damaged) => Err(damaged()),
            Err(Undecodable::Newer) => Err(TokenFileError::Newer { path: path.to_owned() }),
        }
    }

    /// Writes durably: when this returns, a power cut leaves the new content.
    ///
    /// # Errors
    /// The old content is intact, or the new one is in place but may not outlive a power cut.
    pub fn save(&self, stored: &mut Stored) -> Result<(), TokenFileError> {
        ensure_folder(&self.folder)?;
        stored.revision = stored.revision.saturating_add(1);
        let failed = |cause| TokenFileError::Io { path: self.beside.clone(), what: "written", cause };
        match std::fs::remove_file(&self.beside) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(failed(cause)),
            Ok(()) | Err(_) => {}
        }
        let bytes = encode(stored).map_err(|cause| failed(cause.into()))?;
        let mut file = private().create_new(true).open(&self.beside).map_err(failed)?;
        file.write_all(&bytes).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        #[cfg(feature = "faults")]
        crate::faults::point(crate::faults::FAIL_TOKEN_WRITTEN, "token");
        std::fs::rename(&self.beside, &self.path).map_err(|cause| TokenFileError::Io {
            path: self.path.clone(),
            what: "replaced",
            cause,
        })?;
        #[cfg(feature = "faults")]
        crate::faults::point(crate::faults::FAIL_TOKEN_RENAMED, "token");
        self.flush_folder()
    }

    fn flush_folder(&self) -> Result<(), TokenFileError> {
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(|cause| TokenFileError::Io {
            path: self.folder.clone(),
            what: "flushed",
            cause,
        })
    }
}

/// Makes the folder if it is missing, for its owner only.
///
/// # Errors
/// It cannot be made, is no folder, or is open to others.
pub fn ensure_folder(folder: &Path) -> Result<(), TokenFileError> {
    let failed = |cause| TokenFileError::Io { path: folder.to_owned(), what: "made", cause };
    let meta = match std::fs::metadata(folder) {
        Ok(meta) => meta,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
            std::fs::metadata(folder).map_err(failed)?
        }
        Err(cause) => return Err(failed(cause)),
    };
    if !meta.is_dir() {
        return Err(failed(io::ErrorKind::NotADirectory.into()));
    }
    let mode = meta.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(TokenFileError::Open { path: folder.to_owned(), mode, cure: "700" });
    }
    Ok(())
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    let flags = OFlags::NOFOLLOW | OFlags::CLOEXEC;
    options.write(true).mode(0o600).custom_flags(flags.bits().cast_signed());
    options
}

fn encode(stored: &Stored) -> Result<Zeroizing<Vec<u8>>, serde_json::Error> {
    let mut body = Zeroizing::new(Vec::with_capacity(4096));
    serde_json::to_writer_pretty(&mut *body, stored)?;
    body.push(b'\n');
    let mut bytes = Zeroizing::new(Vec::with_capacity(body.len() + 128));
    bytes.extend_from_slice(format!("{FORMAT} {VERSION} {}\n", hex(&Sha256::digest(&*body))).as_bytes());
    bytes.extend_from_slice(&body);
    Ok(bytes)
}

enum Undecodable {
    Damaged,
    Newer,
}

fn decode(bytes: &[u8]) -> Result<Stored, Undecodable> {
    let end = bytes.iter().position(|byte| *byte == b'\n').ok_or(Undecodable::Damaged)?;
    let (head, body) = (&bytes[..end], &bytes[end + 1..]);
    let head = std::str::from_utf8(head).map_err(|_| Undecodable::Damaged)?;
    let mut words = head.split(' ');
    let (format, version, checksum) = (words.next(), words.next(), words.next());
    if format != Some(FORMAT) {
        return Err(Undecodable::Damaged);
    }
    match version.and_then(|version| version.parse::<u32>().ok()) {
        Some(VERSION) => {}
        Some(version) if version > VERSION => return Err(Undecodable::Newer),
        Some(_) | None => return Err(Undecodable::Damaged),
    }
    if checksum != Some(hex(&Sha256::digest(body)).as_str()) {
        return Err(Undecodable::Damaged);
    }
    serde_json::from_slice(body).map_err(|_| Undecodable::Damaged)
}
