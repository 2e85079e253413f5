//! Opening the database: version floor, pragmas, migrations, the state found in it.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use sqlx::{Connection, Row, SqliteConnection};

use super::attempt_rows::{AttemptRow, SweepRow};
use super::changes::{Counting, Doubt, Failing, Holding, LoadedState};
use super::claim_lock::{Counter, StateFolder};
use super::connect::connect;
use super::connection_rows::{EvidenceRow, ListCallsRow, ShortFolderRow};
use super::holding_rows::{AccountRow, FailingRow, LastAccountRow, PauseRow, SkipMarkRow};
use super::installation::{self, InFile};
use super::rows::{CountingRow, MarkRow, RunRow, broken};
use super::seal;
use super::set_aside::{set_aside, set_log_aside};
use super::trouble::StoreError;
use super::wal::{self, Log};
use super::{copy_sql, holding_sql, sql};
use crate::run::{Attempt, InstallationId, PauseId, RunId};
use crate::text::chain;

/// An open, migrated database.
#[derive(Debug)]
pub struct Database {
    folder: PathBuf,
    pub(super) path: PathBuf,
    pub(super) connection: SqliteConnection,
    pub(super) counter: Counter,
}

impl Database {
    /// Opens the database of a state folder, makes it when it is missing, and brings its schema up to date.
    ///
    /// # Errors
    /// See [`StoreError`]. The file is never overwritten.
    pub async fn open(folder: &StateFolder) -> Result<Database, StoreError> {
        Database::open_in(folder.path(), folder.counter()).await
    }

    /// The same and its state. A damaged database is set aside, and the daemon goes on with a new one: what was started is
    /// asked of Orchestrator.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn open_and_load(folder: &StateFolder, now: Timestamp) -> Result<(Database, LoadedState), StoreError> {
        let path = StateFolder::database_path(folder.path());
        let log = wal::look(&path).await;
        match &log {
            Log::Own => {}
            Log::Foreign(why) => {
                let aside = set_log_aside(&path, now)?;
                tracing::error!(
                    "The write-ahead log next to the database `{}` is another database's ({why}), as after a copy was put back \
                     while the log of a killed daemon was there: it is kept as `{}`, and the database is used as it is; \
                     Orchestrator is asked what was started since",
                    path.display(),
                    aside.display()
                );
            }
        }
        let (mut database, state) = Database::open_and_load_in(folder.path(), folder.counter(), now).await?;
        database.fold_log().await?;
        Ok((database, state))
    }

    /// From here on the file itself says what was decided at the start, so that a log that is found next to it can be told from
    /// another's (see [`wal`]).
    async fn fold_log(&mut self) -> Result<(), StoreError> {
        if [wal::COPY, wal::RESTORED].map(i64::from).contains(&self.application().await?) {
            self.run(sql::query(copy_sql::OWN_APPLICATION), "being taken over").await?;
        }
        // A reader keeps it from being folded back whole; that is no failure.
        let folded = sql::query(sql::CHECKPOINT).fetch_one(&mut self.connection).await;
        folded.map(|_| ()).map_err(|cause| self.failed("folding back its log", cause))
    }

    /// Whether it is a copy that was put back.
    async fn application(&mut self) -> Result<i64, StoreError> {
        self.ask_number(copy_sql::APPLICATION, "reading whether it is a copy").await
    }

    pub(super) async fn open_and_load_in(
        folder: &Path,
        counter: Counter,
        now: Timestamp,
    ) -> Result<(Database, LoadedState), StoreError> {
        match Database::try_open_and_load(folder, counter.clone(), now).await {
            Err(error) if error.is_damage() => {
                let path = StateFolder::database_path(folder);
                let aside = set_aside(&path, now)?;
                tracing::error!(
                    "The database was damaged and is set aside as {}; a new one is begun, and Orchestrator is asked what was \
                     started: {}",
                    aside.display(),
                    chain(&error)
                );
                Database::try_open_and_load(folder, counter, now).await
            }
            other => other,
        }
    }

    async fn try_open_and_load(
        folder: &Path,
        counter: Counter,
        now: Timestamp,
    ) -> Result<(Database, LoadedState), StoreError> {
        let mut database = Database::open_in(folder, counter).await?;
        match database.load(now).await {
            Ok(state) => Ok((database, state)),
            Err(error) => {
                database.shut().await;
                Err(error)
            }
        }
    }

    pub(super) async fn open_in(folder: &Path, counter: Counter) -> Result<Database, StoreError> {
        let path = StateFolder::database_path(folder);
        let connection = connect(&path).await?;
        let mut database = Database { folder: folder.to_owned(), path, connection, counter };
        match database.bring_up_to_date().await {
            Ok(()) => Ok(database),
            Err(error) => {
                database.shut().await;
                Err(error)
            }
        }
    }

    /// One text.
    pub(super) async fn ask_text(
        &mut self,
        statement: &'static str,
        doing: &'static str,
    ) -> Result<String, StoreError> {
        let answer = sql::query(statement).fetch_one(&mut self.connection).await.and_then(|row| row.try_get(0));
        answer.map_err(|cause| self.failed(doing, cause))
    }

    /// One number.
    pub(super) async fn ask_number(&mut self, statement: &'static str, doing: &'static str) -> Result<i64, StoreError> {
        let answer = sql::query(statement).fetch_one(&mut self.connection).await.and_then(|row| row.try_get(0));
        answer.map_err(|cause| self.failed(doing, cause))
    }

    /// Closes it after a failure. It has to be closed whole before its files may be moved: SQLite removes a WAL by its name.
    pub(super) async fn shut(self) {
        if let Err(cause) = self.connection.close().await {
            tracing::debug!("The database did not close cleanly: {cause}");
        }
    }

    /// Where it is, for opening it again.
    pub(super) fn place(&self) -> (PathBuf, Counter) {
        (self.folder.clone(), self.counter.clone())
    }

    /// Whether it can be written: one page, made durable.
    pub(super) async fn try_write(&mut self) -> Result<(), StoreError> {
        let commits = self.ask_number(sql::COUNT_COMMIT, "being tried").await?;
        self.counter.write(commits);
        Ok(())
    }

    /// Reads what a daemon needs to go on, and settles on the installation id.
    ///
    /// # Errors
    /// See [`StoreError`]; a broken row is named.
    pub async fn load(&mut self, now: Timestamp) -> Result<LoadedState, StoreError> {
        let (installation, doubt) = self.installation(now).await?;
        let mut attempts: std::collections::HashMap<RunId, Vec<Attempt>> = std::collections::HashMap::new();
        for row in self.rows::<AttemptRow>(sql::LOAD_OPEN_ATTEMPTS, "attempt").await? {
            attempts.entry(row.run_id).or_default().push(row.into_attempt()?);
        }
        let mut open = Vec::new();
        for row in self.rows::<RunRow>(sql::LOAD_OPEN_RUNS, "run").await? {
            let sealed = row.seal;
            let mut run = row.into_run()?;
            run.attempts = attempts.remove(&run.id).unwrap_or_default();
            if sealed.is_some_and(|seal| seal != seal::of_run(&run)) {
                return Err(StoreError::RowChanged { table: "run", id: run.id.to_string() });
            }
            open.push(run);
        }
        let mut sweeps = Vec::new();
        for SweepRow { connection, attempt } in self.rows(sql::LOAD_SWEEPS, "attempt").await? {
            sweeps.push((attempt.run_id, connection, attempt.into_attempt()?));
        }
        let counting = self.counting(now).await?;
        let marks = self.rows::<MarkRow>(sql::LOAD_MARKS, "mark").await?;
        let evidence = self.rows::<EvidenceRow>(sql::LOAD_EVIDENCE, "evidence").await?;
        let short_folders = self.rows::<ShortFolderRow>(sql::LOAD_SHORT_FOLDERS, "short_folder").await?;
        let list_calls = self.rows::<ListCallsRow>(sql::LOAD_LIST_CALLS, "list_call").await?;
        let pauses = self.rows::<PauseRow>(holding_sql::LOAD_PAUSES, "pause").await?;
        let skips = self.rows::<SkipMarkRow>(holding_sql::LOAD_SKIP_MARKS, "skip_mark").await?;
        let holding = Holding {
            pauses: pauses.into_iter().map(PauseRow::into_pause).collect::<Result<_, _>>()?,
            last_pause: PauseId(self.ask_number(holding_sql::LAST_PAUSE, "reading the last pause").await?),
            skips: skips.into_iter().map(SkipMarkRow::into_mark).collect::<Result<_, _>>()?,
        };
        let failing = Failing {
            schedules: FailingRow::into_counts(self.rows(holding_sql::LOAD_FAILING, "failing").await?),
            accounts: AccountRow::into_counts(self.rows(holding_sql::LOAD_FAILING_ACCOUNTS, "failing_account").await?),
            last: LastAccountRow::into_accounts(self.rows(holding_sql::LOAD_LAST_ACCOUNTS, "last_account").await?),
        };
        Ok(LoadedState {
            installation,
            open,
            marks: marks.into_iter().map(MarkRow::into_mark).collect::<Result<_, _>>()?,
            evidence: evidence.into_iter().map(EvidenceRow::into_evidence).collect::<Result<_, _>>()?,
            sweeps,
            holding,
            failing,
            counting,
            short_folders: short_folders
                .into_iter()
                .map(ShortFolderRow::into_short_folder)
                .collect::<Result<_, _>>()?,
            list_calls: list_calls.into_iter().map(ListCallsRow::into_list_calls).collect::<Result<_, _>>()?,
            doubt,
        })
    }

    async fn counting(&mut self, now: Timestamp) -> Result<Vec<Counting>, StoreError> {
        let rows = sql::query(sql::LOAD_COUNTING)
            .bind(now.as_millisecond())
            .fetch_all(&mut self.connection)
            .await
            .map_err(|cause| self.failed("reading the runs that still count", cause))?;
        rows.iter()
            .map(|row| {
                let text: String = row.try_get(0).map_err(|cause| self.failed("reading a row", cause))?;
                let row: CountingRow =
                    serde_json::from_str(&text).map_err(|_| broken("run", "?", "counts_until_at"))?;
                row.into_counting()
            })
            .collect()
    }

    /// The id is in the file and in the database; whichever is missing is made from the other. Should they differ, the file
    /// wins: it is older than a database that was copied from elsewhere. Only one that `restore` has put back wins over the file.
    ///
    /// A database that is new in a folder that is not, or that counts fewer writes than its folder, may have forgotten starts.
    /// That is kept until Orchestrator has been asked.
    async fn installation(&mut self, now: Timestamp) -> Result<(InstallationId, Option<Doubt>), StoreError> {
        let folder = self.folder.clone();
        let failed = |cause| StoreError::Installation { path: folder.clone(), cause };
        let in_file = installation::read(&folder).map_err(failed)?;
        let row = sql::query(sql::INSTALLATION_GET)
            .fetch_optional(&mut self.connection)
            .await
            .map_err(|cause| self.failed("reading the installation id", cause))?;
        let counted = self.counter.read();
        let Some(row) = row else {
            let (id, doubt) = match in_file {
                InFile::Holds(id) => (id, Some(Doubt::Lost)),
                InFile::Missing => (installation::make().map_err(failed)?, None),
                InFile::Damaged => return Err(StoreError::NoInstallation(folder.join(installation::FILE))),
            };
            let commits = if doubt.is_some() { counted } else { 0 };
            let query = sql::query(sql::INSTALLATION_SET).bind(id.to_string()).bind(now.as_millisecond());
            // The row before the file: a file without a row would mean that a database was lost.
            self.run(query.bind(commits).bind(doubt.map(Doubt::name)), "writing the installation id").await?;
            #[cfg(feature = "faults")]
            crate::faults::point(crate::faults::FAIL_INSTALLATION_WRITTEN, "row");
            if in_file == InFile::Missing {
                installation::write(&folder, id).map_err(failed)?;
            }
            if doubt.is_some() {
                tracing::error!(
                    "The state folder {} is not new, and its database was gone: Orchestrator is asked what was started; what else \
                     the history held is lost unless you put a copy back",
                    folder.display()
                );
            } else {
                // A number from another database, such as one that was deleted with its installation.
                self.counter.write(0);
            }
            return Ok((id, doubt));
        };
        let read = |column, cause| self.failed(column, cause);
        let text: String = row.try_get(0).map_err(|cause| read("reading the installation id", cause))?;
        let commits: i64 = row.try_get(1).map_err(|cause| read("reading the installation id", cause))?;
        let doubt: Option<String> = row.try_get(2).map_err(|cause| read("reading the installation id", cause))?;
        let stored = InstallationId::parse(&text).ok_or_else(|| broken("installation", &text, "id"))?;
        // A restore may have died between the database and the file, and a person has agreed to the database's id.
        let restored = self.application().await? == i64::from(wal::RESTORED);
        let id = match in_file {
            InFile::Holds(id) if !restored => id,
            InFile::Holds(_) | InFile::Missing | InFile::Damaged => stored,
        };
        match in_file {
            InFile::Holds(old) if old != id => installation::write(&folder, id).map_err(failed)?,
            InFile::Holds(_) => {}
            InFile::Missing => installation::write(&folder, id).map_err(failed)?,
            InFile::Damaged => {
                let file = folder.join(installation::FILE);
                tracing::error!("The file {} was damaged; it is written anew from the database", file.display());
                installation::write(&folder, id).map_err(failed)?;
            }
        }
        if stored != id {
            tracing::warn!(
                "The database belongs to installation {stored}, the state folder to {id}; starts go on under {id}"
            );
        }
        let known = doubt.as_deref().and_then(Doubt::from_name);
        if commits >= counted {
            return Ok((id, known));
        }
        tracing::error!(
            "The database is older than its state folder {}: {} writes are missing, as after a copy was put back; Orchestrator is \
             asked what was started since",
            folder.display(),
            counted - commits
        );
        // One that had a doubt already has forgotten more.
        let doubt = known.unwrap_or(Doubt::Older);
        self.run(sql::query(sql::DOUBT_SET).bind(counted).bind(doubt.name()), "writing that it is old").await?;
        Ok((id, Some(doubt)))
    }

    pub(super) async fn run(
        &mut self,
        query: sqlx::query::Query<'static, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>,
        doing: &'static str,
    ) -> Result<u64, StoreError> {
        let done = query.execute(&mut self.connection).await;
        done.map(|done| done.rows_affected()).map_err(|cause| self.failed(doing, cause))
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
        self.parsed(&rows, table)
    }

    pub(super) fn parsed<T: serde::de::DeserializeOwned>(
        &self,
        rows: &[sqlx::sqlite::SqliteRow],
        table: &'static str,
    ) -> Result<Vec<T>, StoreError> {
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

    /// Closes it, so that the WAL is folded back.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn close(self) -> Result<(), StoreError> {
        let Database { folder: _, path, connection, counter: _ } = self;
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
