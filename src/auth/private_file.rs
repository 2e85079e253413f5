//! Files that only this service's user may read, written so that a crash leaves the old content or the new one.
//!
//! Written next to it, flushed, renamed, and the folder flushed (T9). The first line holds format, version and a checksum of the
//! rest, so a torn or foreign file is told from a whole one. A folder that others can read, that belongs to somebody else, or
//! that lies on a network file system is refused: there neither the lock nor the flush can be relied on.
//!
//! Absent: what stands in the files.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use secrecy::zeroize::Zeroizing;
use sha2::{Digest, Sha256};

use crate::durable::{flush_folder, make_folder, network_file_system, prepare, prepared_at, remove, rename_flushed};

/// Far above any token, far below what would hurt.
const MAX_BYTES: u64 = 64 * 1024;

/// The first words of a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Format {
    pub(crate) name: &'static str,
    /// Written, and the newest that is read.
    pub(crate) version: u32,
    /// The oldest that is read.
    pub(crate) oldest: u32,
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
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
    /// Its owner could read or change the login.
    #[error("`{path}` belongs to user {owner}, neither user {ours}, who asks, nor root; {cure}", path = path.display(), cure = state_cure(*ours, path))]
    Owner {
        /// File or folder.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who we are.
        ours: u32,
    },
    /// Locks and flushes are not to be trusted there.
    #[error("`{path}` lies on a network file system ({system}), where a lock or a flush may not hold; choose a state folder on a local disk", path = path.display())]
    Network {
        /// The folder.
        path: PathBuf,
        /// The file system's name.
        system: &'static str,
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

/// What to do about a file of the state folder that is somebody else's. To root nothing is given: its owner is the service that
/// keeps its login there.
fn state_cure(ours: u32, path: &Path) -> String {
    match ours {
        0 => "leave it, and ask as that user".to_owned(),
        _ => format!("run `chown {ours} {}`", path.display()),
    }
}

/// One file and the place next to it where its next content is prepared.
#[derive(Clone, Debug)]
pub(crate) struct PrivateFile {
    folder: PathBuf,
    path: PathBuf,
    prepared: PathBuf,
    format: Format,
}

impl PrivateFile {
    /// Touches nothing.
    pub(crate) fn new(folder: &Path, name: &str, format: Format) -> PrivateFile {
        let path = folder.join(name);
        PrivateFile { folder: folder.to_owned(), prepared: prepared_at(&path), path, format }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The content in force; none when there is no file. A file that cannot be trusted is an error, never none.
    pub(crate) fn read(&self) -> Result<Option<Zeroizing<Vec<u8>>>, FileError> {
        read(&self.path, self.format)
    }

    /// What was being written when a process died.
    pub(crate) fn read_prepared(&self) -> Result<Option<Zeroizing<Vec<u8>>>, FileError> {
        read(&self.prepared, self.format)
    }

    /// Finishes a save that a crash cut short: in place first, as the next save begins by removing what is prepared.
    pub(crate) fn adopt_prepared(&self) -> Result<(), FileError> {
        let failed = |cause| FileError::Io { path: self.prepared.clone(), what: "put in place", cause };
        rename_flushed(&self.prepared, &self.path).map_err(failed)?;
        self.flush_folder()
    }

    /// Writes durably: when this returns, a power cut leaves the new content. After an error the old content is intact, or
    /// the new one is in place but may not outlive a power cut.
    pub(crate) fn save(&self, body: &[u8]) -> Result<(), FileError> {
        ensure_folder(&self.folder)?;
        let failed = |cause| FileError::Io { path: self.prepared.clone(), what: "written", cause };
        let mut bytes = Zeroizing::new(Vec::with_capacity(body.len() + 128));
        let Format { name, version, oldest: _ } = self.format;
        bytes.extend_from_slice(format!("{name} {version} {}\n", hex(&Sha256::digest(body))).as_bytes());
        bytes.extend_from_slice(body);
        // In steps and not by `durable::replace`, as tests let the process die between them.
        prepare(&self.path, &bytes).map_err(failed)?;
        #[cfg(feature = "faults")]
        crate::faults::point(crate::faults::FAIL_TOKEN_WRITTEN, "token");
        rename_flushed(&self.prepared, &self.path).map_err(|cause| FileError::Io {
            path: self.path.clone(),
            what: "replaced",
            cause,
        })?;
        #[cfg(feature = "faults")]
        crate::faults::point(crate::faults::FAIL_TOKEN_RENAMED, "token");
        self.flush_folder()
    }

    /// Removes it durably; says whether it was there.
    pub(crate) fn remove(&self) -> Result<bool, FileError> {
        let failed = |cause| FileError::Io { path: self.path.clone(), what: "removed", cause };
        remove(&self.prepared).map_err(failed)?;
        let was_there = remove(&self.path).map_err(failed)?;
        if was_there {
            self.flush_folder()?;
        }
        Ok(was_there)
    }

    fn flush_folder(&self) -> Result<(), FileError> {
        #[cfg(feature = "faults")]
        if crate::faults::is_on(crate::faults::NO_FOLDER_FLUSH) {
            return Ok(());
        }
        flush_folder(&self.folder).map_err(|cause| FileError::Io { path: self.folder.clone(), what: "flushed", cause })
    }
}

fn read(path: &Path, format: Format) -> Result<Option<Zeroizing<Vec<u8>>>, FileError> {
    let failed = |cause| FileError::Io { path: path.to_owned(), what: "read", cause };
    let damaged = || FileError::Damaged { path: path.to_owned() };
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
    check(path, &meta, "600")?;
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    match body(&bytes, format) {
        Ok(body) => Ok(Some(Zeroizing::new(body.to_vec()))),
        Err(Undecodable::Damaged) => Err(damaged()),
        Err(Undecodable::Newer) => Err(FileError::Newer { path: path.to_owned() }),
    }
}

enum Undecodable {
    Damaged,
    Newer,
}

fn body(bytes: &[u8], format: Format) -> Result<&[u8], Undecodable> {
    let end = bytes.iter().position(|byte| *byte == b'\n').ok_or(Undecodable::Damaged)?;
    let (head, body) = (&bytes[..end], &bytes[end + 1..]);
    let head = std::str::from_utf8(head).map_err(|_| Undecodable::Damaged)?;
    let mut words = head.split(' ');
    let (name, version, checksum) = (words.next(), words.next(), words.next());
    if name != Some(format.name) {
        return Err(Undecodable::Damaged);
    }
    match version.and_then(|version| version.parse::<u32>().ok()) {
        Some(version) if version > format.version => return Err(Undecodable::Newer),
        Some(version) if version >= format.oldest => {}
        Some(_) | None => return Err(Undecodable::Damaged),
    }
    if checksum != Some(hex(&Sha256::digest(body)).as_str()) {
        return Err(Undecodable::Damaged);
    }
    Ok(body)
}

/// Makes the folder if it is missing, for its owner only.
///
/// # Errors
/// It cannot be made, is no folder, is open to others, or lies on a network file system.
pub fn ensure_folder(folder: &Path) -> Result<(), FileError> {
    let failed = |cause| FileError::Io { path: folder.to_owned(), what: "made", cause };
    let meta = match std::fs::metadata(folder) {
        Ok(meta) => meta,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            make_folder(folder).map_err(failed)?;
            std::fs::metadata(folder).map_err(failed)?
        }
        Err(cause) => return Err(failed(cause)),
    };
    if !meta.is_dir() {
        return Err(failed(io::ErrorKind::NotADirectory.into()));
    }
    check(folder, &meta, "700")?;
    match network_file_system(folder).map_err(failed)? {
        Some(system) => Err(FileError::Network { path: folder.to_owned(), system }),
        None => Ok(()),
    }
}

fn check(path: &Path, meta: &std::fs::Metadata, cure: &'static str) -> Result<(), FileError> {
    let (owner, ours) = (meta.uid(), rustix::process::geteuid().as_raw());
    if owner != ours && owner != 0 {
        return Err(FileError::Owner { path: path.to_owned(), owner, ours });
    }
    let mode = meta.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(FileError::Open { path: path.to_owned(), mode, cure });
    }
    Ok(())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
