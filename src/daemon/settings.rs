//! What a daemon is started with, and why it may not start.

use std::path::PathBuf;
use std::sync::Arc;

use crate::auth::AuthSetupError;
use crate::clock::Clock;
use crate::dispatcher::core::Pace;
use crate::orchestrator::ClientSetupError;
use crate::schedule::{FileStamps, Removals, ScheduleSet, look_at_files};
use crate::store::{StateFolderError, StoreError};
use crate::web::{LogLevel, SocketError};

/// All choices of a daemon.
#[derive(Clone, Debug)]
pub struct DaemonSettings {
    /// The time.
    pub clock: Clock,
    /// The schedules, already checked.
    pub set: Arc<ScheduleSet>,
    /// Where they were read from, to read them again when they change; none for a set that was made by hand.
    pub files: Files,
    /// Whether a set may lose much of the last loaded one at once.
    pub removals: Removals,
    /// Where the database, the lock and the tokens are.
    pub state_dir: PathBuf,
    /// Where the dispatcher and the writer run.
    pub thread: DispatcherThread,
    /// How often jobs are read.
    pub pace: Pace,
    /// Whether chores run.
    pub housekeeping: Chores,
    /// Where the control socket is made; `None` for a daemon that nobody asks.
    pub socket: Option<PathBuf>,
    /// The log whose level people may change; `None` where it is not the daemon's own.
    pub log: Option<Arc<dyn LogLevel>>,
}

/// The files of a set, as they were just before it was read from them.
#[derive(Clone, Debug)]
pub struct Files {
    pub(super) paths: Vec<PathBuf>,
    pub(super) seen: FileStamps,
}

impl Files {
    /// Looks at them. To be called before they are read, so that a change in between is not missed.
    pub fn look(paths: Vec<PathBuf>) -> Files {
        Files { seen: look_at_files(&paths), paths }
    }

    /// None: the set was made by hand, and stays.
    pub fn none() -> Files {
        Files::look(Vec::new())
    }
}

/// Where the dispatcher and the writer run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DispatcherThread {
    /// On a thread of their own, so that no call to Orchestrator goes before a claim.
    Own,
    /// Where the daemon is started, so that a test can end all of it at once.
    Callers,
}

/// Whether chores run. They live by the system's clock, so a daemon on a manual one has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chores {
    /// Every night.
    Nightly,
    /// Not at all.
    None,
}

/// Why a daemon did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The state folder.
    #[error(transparent)]
    Folder(#[from] StateFolderError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A credential that cannot be used at all.
    #[error(transparent)]
    Auth(#[from] AuthSetupError),
    /// A connection that cannot be used at all.
    #[error(transparent)]
    Client(#[from] ClientSetupError),
    /// The control socket.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The dispatcher's thread.
    #[error("no thread could be started for the dispatcher")]
    Thread(#[source] std::io::Error),
    /// The dispatcher fell over.
    #[error("the dispatcher has ended; this is a fault of punctual: please report the log lines above")]
    Ended,
}

/// For jitter only.
pub(super) fn random_seed() -> u64 {
    let mut bytes = [0u8; 8];
    if getrandom::fill(&mut bytes).is_err() {
        return 0;
    }
    u64::from_be_bytes(bytes)
}
