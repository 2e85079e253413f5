//! How the writer's connection is opened: what SQLite is told to do for each file.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, SqliteConnection};

use super::trouble::StoreError;

/// How long another process (a backup, a tool) may hold the file before a write fails: that no start is
/// made is shown within five seconds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// The log is folded back into the file when it has so many pages of 4 KiB: 16 MiB. With SQLite's own limit, a quarter of it, every third
/// part of a burst waits for that; now every twelfth does. After a kill a log of this size is read in 5 ms and folded back in 40.
const LOG_PAGES: &str = "4000";

pub(super) async fn connect(path: &Path) -> Result<SqliteConnection, StoreError> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // A claim that a power loss takes back would start its robot again (R4).
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        // For databases begun from here on; pages freed by retention go back to the disk.
        .auto_vacuum(SqliteAutoVacuum::Incremental)
        .busy_timeout(BUSY_TIMEOUT)
        .pragma("trusted_schema", "off")
        .pragma("cell_size_check", "on")
        .pragma("mmap_size", "0")
        .pragma("wal_autocheckpoint", LOG_PAGES)
        // What retention removes may be what somebody wants gone.
        .pragma("secure_delete", "on");
    #[cfg(feature = "faults")]
    let options = if crate::faults::is_on(crate::faults::SYNCHRONOUS_NORMAL) {
        options.synchronous(SqliteSynchronous::Normal)
    } else {
        options
    };
    options.connect().await.map_err(|cause| StoreError::Database {
        path: path.to_owned(),
        doing: "being opened",
        cause,
    })
}
