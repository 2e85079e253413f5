//! Secrets, and the references to them that stand in schedule files.
//!
//! A file never holds a secret, only where to find it: `credential:NAME` (systemd), `file:PATH`, `env:NAME`. The value is
//! read when it is needed, not at load, so a rotated secret is picked up without a restart.
//!
//! [`Secret`] has no `Display` and no `Serialize`; its `Debug` prints a placeholder; memory is wiped on drop.

use std::fmt;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

/// The largest secret that is read: far above any key or token, far below what would hurt.
const MAX_SECRET_BYTES: u64 = 64 * 1024;

/// A value that must never be printed.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes a value into custody.
    pub fn new(value: impl Into<String>) -> Secret {
        Secret(SecretString::from(value.into()))
    }

    /// The value itself, for the wire and nowhere else.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

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
    #[error("the secret in `{path}` is open to others (mode {mode:03o}); run `chmod 600 {path}`", path = path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not a regular file, too large, empty, or not text.
    #[error("the secret in {place} is {what}")]
    Odd {
        /// The reference as written.
        place: String,
        /// What is wrong with it.
        what: &'static str,
    },
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

    /// Reads the secret now. A trailing line break is taken off, as editors add one.
    ///
    /// # Errors
    /// See [`SecretError`]; each says where the secret was looked for.
    pub fn read(&self) -> Result<Secret, SecretError> {
        let text = match self {
            SecretRef::Env(name) => std::env::var(name).map_err(|_| SecretError::NoVariable(name.clone()))?,
            SecretRef::Credential(name) => {
                let folder = std::env::var_os("CREDENTIALS_DIRECTORY")
                    .ok_or_else(|| SecretError::NoCredentials(name.clone()))?;
                read_file(&Path::new(&folder).join(name), &self.to_string())?
            }
            SecretRef::File(path) => {
                check_permissions(path)?;
                read_file(path, &self.to_string())?
            }
        };
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            return Err(SecretError::Odd { place: self.to_string(), what: "empty" });
        }
        Ok(Secret::new(text))
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

fn check_permissions(path: &Path) -> Result<(), SecretError> {
    use std::os::unix::fs::MetadataExt;
    let meta = std::fs::metadata(path).map_err(|cause| SecretError::Read { path: path.to_owned(), cause })?;
    if meta.is_dir() {
        // Its permissions are not what is wrong with it.
        return Err(SecretError::Odd { place: format!("`file:{}`", path.display()), what: "a folder, not a file" });
    }
    let mode = meta.mode() & 0o777;
    // Readable by the owning group is common for service accounts; writable by it, or open to all, is not safe (S10).
    if mode & 0o027 != 0 { Err(SecretError::Open { path: path.to_owned(), mode }) } else { Ok(()) }
}

fn read_file(path: &Path, place: &str) -> Result<String, SecretError> {
    use std::io::Read;
    let odd = |what| SecretError::Odd { place: place.to_owned(), what };
    let failed = |cause| SecretError::Read { path: path.to_owned(), cause };
    // Look before opening: opening a FIFO would wait for its writer for ever.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(odd("not a regular file"));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path).map_err(failed)?.take(MAX_SECRET_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_SECRET_BYTES {
        return Err(odd("larger than 64 KiB"));
    }
    String::from_utf8(bytes).map_err(|_| odd("not text"))
}
