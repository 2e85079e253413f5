//! The state folder and the lock that makes one daemon its owner.
//!
//! The lock is the kernel's: it is gone with the process, however that died, so no lock is ever left behind.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::durable::{make_folder, network_file_system};
use crate::text::in_shell;

/// A state folder that this process owns until it is dropped.
#[derive(Debug)]
pub struct StateFolder {
    path: PathBuf,
    lock: Arc<File>,
}

/// How often the database of a state folder was written, kept beside it in the file `lock`: a copy of the database that was
/// put back, or one that lost its WAL, knows a smaller number.
///
/// It is not made durable by itself: after a power loss it may lag behind the database, which is no sign of anything.
#[derive(Clone, Debug)]
pub(super) struct Counter(Arc<File>);

impl Counter {
    /// The number, or 0 where there is none that can be read.
    pub(super) fn read(&self) -> i64 {
        #[cfg(feature = "faults")]
        if crate::faults::is_on(crate::faults::NO_COUNTER) {
            return 0;
        }
        Counter::in_file(&self.0)
    }

    fn in_file(lock: &File) -> i64 {
        let mut text = [0_u8; COUNTER_WIDTH];
        match lock.read_exact_at(&mut text, 0) {
            Ok(()) => std::str::from_utf8(&text).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0),
            Err(_) => 0,
        }
    }

    /// Always as wide, so that a full disk does not matter.
    pub(super) fn write(&self, commits: i64) {
        if let Err(cause) = self.0.write_all_at(format!("{commits:>COUNTER_WIDTH$}").as_bytes(), 0) {
            tracing::debug!("Failed to count a write in the file `lock`: {cause}");
        }
    }
}

/// Whoever may write into the folder can put another database into it, and robots are started from that. Said and not refused: a
/// folder of a container's volume is often made so, and a daemon that does not start helps nobody.
fn tell_if_open_to_all(folder: &Path) {
    const OTHERS_MAY_WRITE: u32 = 0o002;
    if std::fs::metadata(folder).is_ok_and(|meta| meta.mode() & OTHERS_MAY_WRITE != 0) {
        tracing::warn!(
            "Every user of this machine may change what is in the state folder, and so what is started: `chmod o-rwx {}`",
            in_shell(folder)
        );
    }
}

/// The digits of the largest number there can be.
const COUNTER_WIDTH: usize = 20;

/// Who holds a state folder, as they have written it into the file `lock` after the count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The number of the process, in its own container if it is in one.
    pub pid: u32,
    /// What was called, in one line.
    pub command: String,
}

impl Holder {
    /// What of a command line is kept.
    const LONGEST: u64 = 4096;

    fn this_process() -> Holder {
        let words: Vec<_> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
        let command = words.join(" ").replace(char::is_control, " ");
        Holder { pid: std::process::id(), command }
    }

    /// Where the disk is full nothing is written, and the folder is taken all the same.
    fn write(&self, lock: &File) -> io::Result<()> {
        let text = format!("\n{}\n{}\n", self.pid, self.command);
        lock.write_all_at(format!("{:>COUNTER_WIDTH$}", Counter::in_file(lock)).as_bytes(), 0)?;
        lock.write_all_at(text.as_bytes(), COUNTER_WIDTH as u64)?;
        lock.set_len(COUNTER_WIDTH as u64 + text.len() as u64)
    }

    /// None where an older version holds it, which writes nothing.
    fn read(lock: &File) -> Option<Holder> {
        let length = lock.metadata().ok()?.len().min(COUNTER_WIDTH as u64 + Self::LONGEST);
        let mut text = vec![0; usize::try_from(length.checked_sub(COUNTER_WIDTH as u64)?).ok()?];
        lock.read_exact_at(&mut text, COUNTER_WIDTH as u64).ok()?;
        let text = String::from_utf8(text).ok()?;
        let (pid, command) = text.trim().split_once('\n')?;
        Some(Holder { pid: pid.trim().parse().ok()?, command: command.trim().to_owned() })
    }
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "daemon {} (`{}`)", self.pid, self.command)
    }
}

/// Why a state folder could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum StateFolderError {
    /// Another daemon has it.
    #[error("{} already runs with `{}`", holder.as_ref().map_or_else(|| "another daemon".to_owned(), Holder::to_string), path.display())]
    Held {
        /// The folder.
        path: PathBuf,
        /// Which one, where it has said so.
        holder: Option<Holder>,
    },
    /// It could not be made or opened.
    #[error("failed to open the state folder `{}`", path.display())]
    Open {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// File locks and WAL files do not work over a network.
    #[error("the state folder `{}` lies on a network file system ({kind}); choose a local folder with `--state-dir`", path.display())]
    Network {
        /// The folder.
        path: PathBuf,
        /// The file system.
        kind: &'static str,
    },
}

impl StateFolder {
    /// Makes the folder (0700) when it is missing, and takes its lock.
    ///
    /// # Errors
    /// [`StateFolderError::Held`] when another daemon has it: the caller ends with exit code 75.
    pub fn take(path: &Path) -> Result<StateFolder, StateFolderError> {
        let failed = |cause| StateFolderError::Open { path: path.to_owned(), cause };
        make_folder(path).map_err(failed)?;
        if let Some(kind) = network_file_system(path).map_err(failed)? {
            return Err(StateFolderError::Network { path: path.to_owned(), kind });
        }
        tell_if_open_to_all(path);
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(path.join("lock"))
            .map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {
                if let Err(cause) = Holder::this_process().write(&lock) {
                    tracing::debug!("Failed to write into the file `lock` who holds it: {cause}");
                }
                Ok(StateFolder { path: path.to_owned(), lock: Arc::new(lock) })
            }
            Err(TryLockError::WouldBlock) => {
                Err(StateFolderError::Held { path: path.to_owned(), holder: Holder::read(&lock) })
            }
            Err(TryLockError::Error(cause)) => Err(failed(cause)),
        }
    }

    /// Whether another process holds a folder; no folder, or one that cannot be looked into, is held by none. A daemon that begins in
    /// the very moment of the look may be refused by it.
    pub(super) fn is_held(path: &Path) -> bool {
        let Ok(lock) = File::open(path.join("lock")) else { return false };
        matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn counter(&self) -> Counter {
        Counter(self.lock.clone())
    }

    /// Where the database is, in any state folder.
    pub fn database_path(folder: &Path) -> PathBuf {
        folder.join("punctual.db")
    }
}
