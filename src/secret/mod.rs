//! Secrets, and the references to them that stand in schedule files.
//!
//! A file never holds a secret, only where to find it: `credential:NAME` (systemd), `file:PATH`, `env:NAME`. The value is
//! read when it is needed, not at load, so a rotated secret is picked up without a restart.
//!
//! What is read is taken as people write it down: see `written`.
//!
//! [`Secret`] has no `Display` and no `Serialize`; its `Debug` prints a placeholder; memory is wiped on drop.

mod proxy;
mod purpose;
mod signs;
mod value;
mod written;

use std::fmt;
use std::fs::{Metadata, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use secrecy::zeroize::Zeroizing;

pub use proxy::{PROXY_VARIABLES, is_meant_proxy, proxy_passwords};
pub use purpose::Purpose;
pub use signs::{SIGN_CURE, Sign, first_sign, without_signs};
pub use value::Secret;
pub use written::{Cleaned, NotWritten, Oddity, SHORTEST_SECRET, Written, written};

/// The largest secret that is read: far above any key or token, far below what would hurt.
const MAX_SECRET_BYTES: u64 = 64 * 1024;

/// Where a secret is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretRef {
    /// `credential:NAME`: a systemd credential, `$CREDENTIALS_DIRECTORY/NAME`.
    Credential(String),
    /// `file:PATH`, already made absolute against the schedule file's folder.
    File(PathBuf),
    /// `env:NAME`.
    Env(String),
}

/// Where a connection's secret comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// The file says where.
    At(SecretRef),
    /// The file leaves it out: what `punctual login` kept for the connection.
    Kept,
}

/// Why a secret could not be read. Never holds any part of the value.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// `$CREDENTIALS_DIRECTORY` is not set: not started by systemd, or no `LoadCredential=`.
    #[error("`credential:{0}` needs a service started by systemd with `LoadCredential={0}:…`")]
    NoCredentials(String),
    /// The environment variable is not set.
    #[error("environment variable `{0}` is not set")]
    NoVariable(String),
    /// The file could not be read.
    #[error("failed to read the secret in `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: std::io::Error,
    },
    /// The file can be read by everyone, or written by others.
    #[error("the secret in `{path}` is open to others (mode {mode:03o}); {cure}", path = path.display(), cure = open_cure(path))]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A group that is not this process's own may read it.
    #[error("the secret in `{path}` can be read by group {group}, which this service does not belong to; {cure}", path = path.display(), cure = open_cure(path))]
    Group {
        /// The file.
        path: PathBuf,
        /// Its group.
        group: u32,
    },
    /// Somebody else may change it, or give it back to others.
    #[error("the secret in `{path}` belongs to user {owner}, neither user {ours}, who asks, nor root; {cure}", path = path.display(), cure = owner_cure(*ours, path))]
    Owner {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who we are.
        ours: u32,
    },
    /// Nothing in it that can be used.
    #[error("the secret in {place} is {why}")]
    NotWritten {
        /// The reference as written.
        place: String,
        /// What is wrong with it.
        why: NotWritten,
    },
    /// Not a regular file, or too large.
    #[error("the secret in {place} is {what}")]
    Odd {
        /// The reference as written.
        place: String,
        /// What is wrong with it.
        what: &'static str,
    },
}

/// The users that systemd makes for as long as a service runs (`DynamicUser=`, systemd.exec(5)).
const DYNAMIC_USERS: std::ops::RangeInclusive<u32> = 61_184..=65_519;

/// Whether a user is one of systemd's, whose number may be another's after the next start.
pub(crate) fn is_dynamic(user: u32) -> bool {
    DYNAMIC_USERS.contains(&user)
}

/// What to do about a file of somebody else. Not simply `chown` to whoever asks: root may ask on behalf of a service that has a user
/// of its own, which could not read it then.
pub(crate) fn owner_cure(ours: u32, path: &Path) -> String {
    let path = path.display();
    match ours {
        0 => format!(
            "if it is for a service that runs as a user of its own, leave it and ask as that user; if for one that runs as root, run \
             `chown root {path}`"
        ),
        _ if is_dynamic(ours) => format!(
            "this service's user has no lasting number, so let systemd hand the file over: `LoadCredential=NAME:{path}` in `systemctl edit \
             punctual`, and `credential:NAME` in place of `file:`"
        ),
        _ => format!("run `chown {ours} {path}`"),
    }
}

/// What to do about a file that others can read. `chmod 600` alone would close a file of root's to a service that is not root.
pub(crate) fn open_cure(path: &Path) -> String {
    let ours = rustix::process::geteuid().as_raw();
    let close = format!("run `chmod 600 {}`", path.display());
    if ours == 0 || std::fs::metadata(path).is_ok_and(|meta| meta.uid() == ours) {
        close
    } else {
        format!("{close}, and {}", owner_cure(ours, path))
    }
}

impl SecretRef {
    /// Reads a reference as written in a file; `folder` is where relative paths start.
    ///
    /// # Errors
    /// The text is no reference: most likely the secret itself, so the error never repeats it.
    pub fn parse(text: &str, folder: &Path) -> Result<SecretRef, NotAReference> {
        match text.split_once(':') {
            Some(("credential", name)) if plain_name(name) => Ok(SecretRef::Credential(name.to_owned())),
            Some(("file", path)) if !path.is_empty() => Ok(SecretRef::File(folder.join(path))),
            Some(("env", name)) if plain_name(name) => Ok(SecretRef::Env(name.to_owned())),
            _ => Err(NotAReference),
        }
    }

    /// Reads the secret now, as it is to be sent.
    ///
    /// # Errors
    /// See [`SecretError`]; each says where the secret was looked for.
    pub fn read(&self, purpose: Purpose) -> Result<Secret, SecretError> {
        self.look(purpose).map(|written| written.secret)
    }

    /// Reads the secret now, and says what was odd about the way it is written.
    ///
    /// # Errors
    /// See [`SecretError`]; each says where the secret was looked for.
    pub fn look(&self, purpose: Purpose) -> Result<Written, SecretError> {
        let bytes = match self {
            SecretRef::Env(name) => Zeroizing::new(
                std::env::var_os(name).ok_or_else(|| SecretError::NoVariable(name.clone()))?.into_encoded_bytes(),
            ),
            SecretRef::Credential(name) => {
                let folder = std::env::var_os("CREDENTIALS_DIRECTORY")
                    .ok_or_else(|| SecretError::NoCredentials(name.clone()))?;
                // systemd made the folder for this service alone.
                read_file(&Path::new(&folder).join(name), &self.to_string(), |_, _| Ok(()))?
            }
            SecretRef::File(path) => read_file(path, &self.to_string(), check_permissions)?,
        };
        written(&bytes, purpose).map_err(|why| SecretError::NotWritten { place: self.to_string(), why })
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretRef::Credential(name) => write!(f, "credential:{name}"),
            SecretRef::File(path) => write!(f, "file:{}", path.display()),
            SecretRef::Env(name) => write!(f, "env:{name}"),
        }
    }
}

/// The text is not a reference to a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a reference to a secret")]
pub struct NotAReference;

fn plain_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')) && name != ".."
}

/// Readable by the service's own group is common and safe; writable by it, readable by another, or open to all is not (S10).
fn check_permissions(path: &Path, meta: &Metadata) -> Result<(), SecretError> {
    let (owner, ours) = (meta.uid(), rustix::process::geteuid().as_raw());
    if owner != ours && owner != 0 {
        return Err(SecretError::Owner { path: path.to_owned(), owner, ours });
    }
    let mode = meta.mode() & 0o777;
    if mode & 0o027 != 0 {
        return Err(SecretError::Open { path: path.to_owned(), mode });
    }
    if mode & 0o040 != 0 && !is_own_group(meta.gid()) {
        return Err(SecretError::Group { path: path.to_owned(), group: meta.gid() });
    }
    Ok(())
}

fn is_own_group(group: u32) -> bool {
    let supplementary = rustix::process::getgroups().unwrap_or_default();
    rustix::process::getegid().as_raw() == group || supplementary.iter().any(|own| own.as_raw() == group)
}

fn read_file(
    path: &Path,
    place: &str,
    check: fn(&Path, &Metadata) -> Result<(), SecretError>,
) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let odd = |what| SecretError::Odd { place: place.to_owned(), what };
    let failed = |cause| SecretError::Read { path: path.to_owned(), cause };
    // Links are followed: that is how container platforms mount secrets. Opening a FIFO must not wait for its writer.
    let flags = OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path).map_err(failed)?;
    // What is checked is what was opened, whatever the name means a moment later.
    let meta = file.metadata().map_err(failed)?;
    if meta.is_dir() {
        // Its permissions are not what is wrong with it.
        return Err(odd("a folder, not a file"));
    }
    if !meta.is_file() {
        return Err(odd("not a regular file"));
    }
    check(path, &meta)?;
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(MAX_SECRET_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_SECRET_BYTES {
        return Err(odd("larger than 64 KiB"));
    }
    Ok(bytes)
}
