//! Why the store failed, and whether the file is to blame.

use std::path::PathBuf;

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
    /// A newer version wrote the schema, or a migration failed.
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
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        if let Some(sqlx::Error::Database(database)) = inner.downcast_ref::<sqlx::Error>() {
            let code = database.code().and_then(|code| code.parse::<i32>().ok()).unwrap_or_default();
            // The extended codes have the primary one in their low byte.
            return matches!(code & 0xFF, CORRUPT | NOT_A_DATABASE);
        }
        cause = inner.source();
    }
    false
}

/// An error with all its causes, for one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        // Some libraries repeat the cause in their own text.
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}
