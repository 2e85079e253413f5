//! Why the store failed, and whether the file is to blame.

use crate::text::causes;
use std::path::{Path, PathBuf};

/// Why the store failed. Whatever it is, nothing was half written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite, the disk, or a lock.
    #[error("the database `{}` failed while {doing}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What SQLite said.
        #[source]
        cause: sqlx::Error,
    },
    /// A newer version wrote the schema: after a downgrade, or with a copy from another machine.
    #[error(
        "the database `{}` was written by a newer version of punctual (its schema is {wrote}, this version knows none beyond {known}); \
         nothing was changed: install that version again, or put back a copy from before", path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The number of a migration that this version does not have.
        wrote: i64,
        /// The newest that it has.
        known: i64,
    },
    /// A migration failed.
    #[error("the database `{}` has a schema that this version cannot bring up to date", path.display())]
    Migration {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        cause: sqlx::migrate::MigrateError,
    },
    /// The linked SQLite has the WAL-reset fault.
    #[error("the linked SQLite is {0}; at least 3.51.3 is needed")]
    TooOld(String),
    /// The file is damaged.
    #[error("the database `{}` is damaged: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the check said.
        what: String,
    },
    /// A row that no version of this program wrote.
    #[error("row {id} of table `{table}` has a value in `{column}` that cannot be read")]
    RowBroken {
        /// The table.
        table: &'static str,
        /// The row.
        id: String,
        /// The column.
        column: &'static str,
    },
    /// A row that does not fit its own seal.
    #[error("row {id} of table `{table}` is damaged: it was changed, and not by punctual")]
    RowChanged {
        /// The table.
        table: &'static str,
        /// The row.
        id: String,
    },
    /// The file `installation` could not be read or written.
    #[error("failed to keep the installation id in `{}`", path.display())]
    Installation {
        /// The state folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: std::io::Error,
    },
    /// Neither the file `installation` nor a database knows the id.
    #[error(
        "`{}` is damaged, and no database knows what it held; write into it the 8 hex digits that the Reference of any job of \
         punctual has after `p1.`, or remove the file to begin anew without knowing those jobs", .0.display()
    )]
    NoInstallation(PathBuf),
    /// A damaged file could not be moved out of the way.
    #[error("failed to set the damaged database `{}` aside", path.display())]
    SetAside {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: std::io::Error,
    },
    /// Somebody else wrote a row between our reading and our writing.
    #[error("another writer changed the database: {expected} rows were to change, {changed} did")]
    Stale {
        /// How many rows were meant.
        expected: usize,
        /// How many were changed.
        changed: u64,
    },
    /// A write failed, and the database has not been opened again since.
    #[error("the database is closed after a failed write, until it can be opened again")]
    Shut,
    /// The writer task is gone.
    #[error("the database writer has ended")]
    Closed,
}

impl StoreError {
    /// The state folder, where a full disk may be why it failed.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            StoreError::Database { path, .. }
            | StoreError::Newer { path, .. }
            | StoreError::Migration { path, .. }
            | StoreError::SetAside { path, .. } => path.parent(),
            StoreError::Installation { path, .. } => Some(path),
            StoreError::TooOld(_)
            | StoreError::Damaged { .. }
            | StoreError::RowBroken { .. }
            | StoreError::RowChanged { .. }
            | StoreError::NoInstallation(_)
            | StoreError::Stale { .. }
            | StoreError::Shut
            | StoreError::Closed => None,
        }
    }
}

/// SQLite's primary codes for a file that is damaged, or that is no database.
const CORRUPT: i32 = 11;
const NOT_A_DATABASE: i32 = 26;

impl StoreError {
    /// Whether the file itself is damaged, so that opening it again will not help.
    pub(super) fn is_damage(&self) -> bool {
        match self {
            StoreError::Damaged { .. } | StoreError::RowBroken { .. } | StoreError::RowChanged { .. } => true,
            StoreError::Database { .. } | StoreError::Migration { .. } => is_damage(self),
            StoreError::TooOld(_)
            | StoreError::Newer { .. }
            | StoreError::Installation { .. }
            | StoreError::NoInstallation(_)
            | StoreError::SetAside { .. }
            | StoreError::Stale { .. }
            | StoreError::Shut
            | StoreError::Closed => false,
        }
    }
}

fn is_damage(error: &StoreError) -> bool {
    let database = |cause: &sqlx::Error| matches!(cause, sqlx::Error::Database(_)).then(|| is_damaged_file(cause));
    causes(error).find_map(|cause| cause.downcast_ref().and_then(database)).unwrap_or(false)
}

/// Whether SQLite says that the file is to blame.
pub(super) fn is_damaged_file(error: &sqlx::Error) -> bool {
    matches!(primary_code(error), Some(CORRUPT | NOT_A_DATABASE))
}

fn primary_code(error: &sqlx::Error) -> Option<i32> {
    let code = error.as_database_error()?.code()?.parse::<i32>().ok()?;
    // The extended codes have the primary one in their low byte.
    Some(code & 0xFF)
}

/// What a start needs free on its disk: the log of a first write of every table, with room to spare.
const ROOM: u64 = 20 * 1024 * 1024;

/// A disk without room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoRoom {
    /// The folder that is on it.
    pub folder: PathBuf,
    /// Bytes of the database.
    pub database: u64,
    /// Bytes that are free.
    pub free: u64,
    /// Bytes that must be.
    pub needed: u64,
}

/// Whether the disk of a state folder has too little room, which SQLite and the system report in many ways. None where it has
/// enough, or where nobody knows.
pub fn no_room(folder: &Path) -> Option<NoRoom> {
    let stat = rustix::fs::statvfs(folder).ok()?;
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    let database = std::fs::metadata(folder.join("punctual.db")).map_or(0, |meta| meta.len());
    (free < ROOM).then(|| NoRoom { folder: folder.to_owned(), database, free, needed: ROOM })
}
