//! Opening the database: version floor, pragmas, migrations, the state found in it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Row, SqliteConnection};

use super::claim_lock::StateFolder;
use super::rows::{AttemptRow, EvidenceRow, LoadedState, MarkRow, RunRow, broken};
use super::{installation, sql};
use crate::run::{Attempt, InstallationId, RunId};

/// SQLite 3.7.0 to 3.51.2 can lose commits when two connections of a WAL database write and checkpoint at once: a daemon and
/// a command beside it are just that.
const SQLITE_FLOOR: (u32, u32, u32) = (3, 51, 3);

/// How long another process (a backup, a tool) may hold the file before a write fails.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

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
    /// The file `installation` could not be read or written.
    #[error("failed to keep the installation id in `{}`", path.display())]
    Installation {
        /// The state folder.
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
    /// The writer task is gone.
    #[error("the database writer has ended")]
    Closed,
}

/// An open, migrated database.
#[derive(Debug)]
pub struct Database {
    pub(super) path: PathBuf,
    pub(super) connection: SqliteConnection,
}

impl Database {
    /// Opens the database of a state folder, makes it when it is missing, and brings its schema up to date.
    ///
    /// # Errors
    /// See [`StoreError`]. The file is never overwritten.
    pub async fn open(folder: &StateFolder) -> Result<Database, StoreError> {
        let path = StateFolder::database_path(folder.path());
        let mut connection = connect(&path).await?;
        let failed = |doing| {
            let path = path.clone();
            move |cause| StoreError::Database { path, doing, cause }
        };
        let version: String = sql::query(sql::SQLITE_VERSION)
            .fetch_one(&mut connection)
            .await
            .and_then(|row| row.try_get(0))
            .map_err(failed("reading its version"))?;
        if !new_enough(&version) {
            return Err(StoreError::TooOld(version));
        }
        let check: String = sql::query(sql::QUICK_CHECK)
            .fetch_one(&mut connection)
            .await
            .and_then(|row| row.try_get(0))
            .map_err(failed("being checked"))?;
        if check != "ok" {
            return Err(StoreError::Damaged { path, what: check });
        }
        MIGRATIONS.run(&mut connection).await.map_err(|cause| StoreError::Migration { path: path.clone(), cause })?;
        Ok(Database { path, connection })
    }

    /// Reads what a daemon needs to go on, and settles on the installation id.
    ///
    /// # Errors
    /// See [`StoreError`]; a broken row is named.
    pub async fn load(&mut self, folder: &Path, now: Timestamp) -> Result<LoadedState, StoreError> {
        let installation = self.installation(folder, now).await?;
        let mut attempts: std::collections::HashMap<RunId, Vec<Attempt>> = std::collections::HashMap::new();
        for row in self.rows::<AttemptRow>(sql::LOAD_OPEN_ATTEMPTS, "attempt").await? {
            attempts.entry(row.run_id).or_default().push(row.into_attempt()?);
        }
        let mut open = Vec::new();
        for row in self.rows::<RunRow>(sql::LOAD_OPEN_RUNS, "run").await? {
            let mut run = row.into_run()?;
            run.attempts = attempts.remove(&run.id).unwrap_or_default();
            open.push(run);
        }
        let mut sweeps = Vec::new();
        for mut row in self.rows::<AttemptRow>(sql::LOAD_SWEEPS, "attempt").await? {
            if let Some(connection) = row.connection.take() {
                sweeps.push((row.run_id, connection, row.into_attempt()?));
            }
        }
        let marks = self.rows::<MarkRow>(sql::LOAD_MARKS, "mark").await?;
        let evidence = self.rows::<EvidenceRow>(sql::LOAD_EVIDENCE, "evidence").await?;
        Ok(LoadedState {
            installation,
            open,
            marks: marks.into_iter().map(MarkRow::into_mark).collect::<Result<_, _>>()?,
            evidence: evidence.into_iter().map(EvidenceRow::into_evidence).collect::<Result<_, _>>()?,
            sweeps,
        })
    }

    /// The id is in the file and in the database; whichever is missing is made from the other. Should they differ, the file
    /// wins: it is older than a database that was put back or copied from elsewhere.
    async fn installation(&mut self, folder: &Path, now: Timestamp) -> Result<InstallationId, StoreError> {
        let failed = |cause| StoreError::Installation { path: folder.to_owned(), cause };
        let in_file = installation::read(folder).map_err(failed)?;
        let stored: Option<String> = sql::query(sql::INSTALLATION_GET)
            .fetch_optional(&mut self.connection)
            .await
            .and_then(|row| row.map(|row| row.try_get(0)).transpose())
            .map_err(|cause| self.failed("reading the installation id", cause))?;
        let stored = stored
            .map(|text| InstallationId::parse(&text).ok_or_else(|| broken("installation", &text, "id")))
            .transpose()?;
        let id = match in_file.or(stored) {
            Some(id) => id,
            None => installation::make().map_err(failed)?,
        };
        if in_file.is_none() {
            installation::write(folder, id).map_err(failed)?;
            #[cfg(feature = "faults")]
            crate::faults::point(crate::faults::FAIL_INSTALLATION_WRITTEN, "file");
        }
        if stored.is_none() {
            sql::query(sql::INSTALLATION_SET)
                .bind(id.to_string())
                .bind(now.as_millisecond())
                .execute(&mut self.connection)
                .await
                .map_err(|cause| self.failed("writing the installation id", cause))?;
        }
        if let Some(stored) = stored.filter(|stored| *stored != id) {
            tracing::warn!(
                "The database belongs to installation {stored}, the state folder to {id}; starts go on under {id}"
            );
        }
        Ok(id)
    }

    async fn rows<T: serde::de::DeserializeOwned>(
        &mut self,
        statement: &'static str,
        table: &'static str,
    ) -> Result<Vec<T>, StoreError> {
        let rows = sql::query(statement)
            .fetch_all(&mut self.connection)
            .await
            .map_err(|cause| self.failed("reading the open runs", cause))?;
        rows.iter()
            .map(|row| {
                let text: String = row.try_get(0).map_err(|cause| self.failed("reading a row", cause))?;
                serde_json::from_str(&text).map_err(|cause| {
                    tracing::error!("A row of table `{table}` cannot be read: {cause}: {text}");
                    broken(table, "?", "?")
                })
            })
            .collect()
    }

    pub(super) fn failed(&self, doing: &'static str, cause: sqlx::Error) -> StoreError {
        StoreError::Database { path: self.path.clone(), doing, cause }
    }

    /// A second connection after the first one broke. The schema is known to be right.
    pub(super) async fn reopen(path: &Path) -> Result<Database, StoreError> {
        Ok(Database { path: path.to_owned(), connection: connect(path).await? })
    }

    /// Closes it, so that the WAL is folded back.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn close(self) -> Result<(), StoreError> {
        let Database { path, connection } = self;
        connection.close().await.map_err(|cause| StoreError::Database { path, doing: "being closed", cause })
    }

    /// Prepares every statement of the program against the schema: for the test that keeps them true.
    ///
    /// # Errors
    /// The first statement that SQLite does not take.
    pub async fn prepare_all(&mut self, statements: &[&'static str]) -> Result<(), (String, sqlx::Error)> {
        use sqlx::{Executor, SqlSafeStr};
        for statement in statements {
            let sql: &'static str = statement;
            (&mut self.connection).prepare(sql.into_sql_str()).await.map_err(|cause| (sql.to_owned(), cause))?;
        }
        Ok(())
    }
}

async fn connect(path: &Path) -> Result<SqliteConnection, StoreError> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // A claim that a power loss takes back would start its robot again (R4).
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .pragma("trusted_schema", "off")
        .pragma("cell_size_check", "on")
        .pragma("mmap_size", "0");
    options.connect().await.map_err(|cause| StoreError::Database {
        path: path.to_owned(),
        doing: "being opened",
        cause,
    })
}

fn new_enough(version: &str) -> bool {
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    (next(), next(), next()) >= SQLITE_FLOOR
}
