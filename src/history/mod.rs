//! Reading what happened: for the command line now, for the pages later, so that both show the same numbers.
//!
//! Read-only by construction: its connections cannot write, so a question about the history never holds up a start. It reads
//! the view `history`, which is what any SQL tool sees.

mod details;
mod columns;
mod digest;
mod filter;
mod holding;
mod now;
mod planned;
mod shown;
mod spans;
mod sql;
mod summary;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use sqlx::Row;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};

pub use details::{Details, JobPlace, PoolUse};
pub use digest::{Digest, Judged, Recent, usual};
pub use filter::{Ended, HistoryFilter};
pub use holding::HeldBack;
pub use planned::Planned;
pub use shown::{Named, Shown, ShownState};
pub use spans::Spans;
pub use sql::ALL as SQL_STATEMENTS;
pub use summary::{Chore, DeedLine, JobLine, RunLine, RunSummary};

use self::digest::Untold;
use self::holding::{PauseRow, SkipRow};
use self::planned::PlannedRow;
use crate::run::FrozenPolicy;
use crate::store::StateFolder;

/// Two readers: a command asks one question at a time, and the live table another.
const READERS: u32 = 2;

/// A reader waits this long for a checkpoint to let it in.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The history of one state folder.
#[derive(Clone, Debug)]
pub struct History {
    pool: SqlitePool,
    path: PathBuf,
}

/// Why the history could not be read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// No daemon has run with this folder.
    #[error("there is no history in `{}`", .0.display())]
    Missing(PathBuf),
    /// Somebody else's folder.
    #[error("you may not read `{}`", .0.display())]
    Closed(PathBuf),
    /// SQLite failed.
    #[error("failed to read the history in `{}`", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        cause: sqlx::Error,
    },
    /// A row that this version cannot read.
    #[error("a row of the history in `{}` cannot be read", path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        cause: serde_json::Error,
    },
}

/// What a person's word for a run may mean.
#[derive(Debug)]
pub enum Found {
    /// This run.
    One(Box<RunSummary>),
    /// None.
    None,
    /// Several; these are some of them.
    Several(Vec<String>),
}

impl History {
    /// Opens the history of a state folder, with or without a daemon on it.
    ///
    /// # Errors
    /// [`HistoryError::Missing`] when there is none.
    pub async fn open(state_dir: &Path) -> Result<History, HistoryError> {
        let path = StateFolder::database_path(state_dir);
        // Not by opening it: to close it again would let go of the locks that a daemon in this process has on it (fcntl(2)). And
        // `is_file` would say of a closed folder that nothing is in it.
        match rustix::fs::access(&path, rustix::fs::Access::READ_OK) {
            Ok(()) => {}
            Err(rustix::io::Errno::ACCESS) => return Err(HistoryError::Closed(state_dir.to_owned())),
            Err(_) => return Err(HistoryError::Missing(state_dir.to_owned())),
        }
        let options = SqliteConnectOptions::new().filename(&path).read_only(true).busy_timeout(BUSY_TIMEOUT);
        let pool = SqlitePoolOptions::new()
            .max_connections(READERS)
            .connect_with(options)
            .await
            .map_err(|cause| HistoryError::Database { path: path.clone(), cause })?;
        Ok(History { pool, path })
    }

    /// Runs that the filter lets through, newest first.
    ///
    /// # Errors
    /// See [`HistoryError`].
    pub async fn list(&self, filter: &HistoryFilter) -> Result<Vec<RunSummary>, HistoryError> {
        let HistoryFilter { schedules, states, not, ended, reasons, triggers, since, until, limit } = filter;
        let list = |values: &Vec<String>| (!values.is_empty()).then(|| serde_json::json!(values).to_string());
        let rows = sql::query(sql::LIST)
            .bind(list(schedules))
            .bind(list(states))
            .bind(list(reasons))
            .bind(list(triggers))
            .bind(since.map(|at| at.as_millisecond()))
            .bind(until.map(|at| at.as_millisecond()))
            .bind(i64::from(*limit))
            .bind(list(not))
            .bind((*ended == Ended::Failed).then_some(1))
            .fetch_all(&self.pool)
            .await
            .map_err(|cause| self.failed(cause))?;
        rows.iter().map(|row| self.read(row)).collect()
    }

    /// The run that a person names by its id, or by the beginning or the end of it.
    ///
    /// # Errors
    /// See [`HistoryError`].
    pub async fn find(&self, named: &str) -> Result<Found, HistoryError> {
        let plain: String = named.to_ascii_lowercase().chars().filter(|c| *c != '-').collect();
        if plain.is_empty() || !plain.chars().all(|c| c.is_ascii_hexdigit()) {
            return Ok(Found::None);
        }
        let rows =
            sql::query(sql::FIND).bind(&plain).fetch_all(&self.pool).await.map_err(|cause| self.failed(cause))?;
        let mut found: Vec<RunSummary> = rows.iter().map(|row| self.read(row)).collect::<Result<_, _>>()?;
        Ok(match (found.pop(), found.is_empty()) {
            (None, _) => Found::None,
            (Some(run), true) => Found::One(Box::new(run)),
            (Some(run), false) => Found::Several(found.into_iter().chain([run]).map(|run| run.run).collect()),
        })
    }

    /// A run's lines, oldest first.
    ///
    /// # Errors
    /// See [`HistoryError`].
    pub async fn lines(&self, run: &str) -> Result<Vec<RunLine>, HistoryError> {
        self.rows(sql::query(sql::LINES).bind(run)).await
    }

    /// The runs that have a line after `seq`, in the order of their last line, and the newest line's number.
    ///
    /// # Errors
    /// See [`HistoryError`].
    pub async fn changed_since(&self, seq: i64) -> Result<(Vec<RunSummary>, i64), HistoryError> {
        let newest: Option<i64> = sql::query(sql::NEWEST_LINE)
            .fetch_one(&self.pool)
            .await
            .and_then(|row| row.try_get(0))
            .map_err(|cause| self.failed(cause))?;
        let newest = newest.unwrap_or(0);
        let rows = sql::query(sql::CHANGED)
            .bind(seq)
            .bind(newest)
            .fetch_all(&self.pool)
            .await
            .map_err(|cause| self.failed(cause))?;
        let runs = rows.iter().map(|row| self.read(row)).collect::<Result<_, _>>()?;
        Ok((runs, newest))
    }

    /// How many runs are in each state, most first.
    ///
    /// # Errors
    /// See [`HistoryError`].
    pub async fn count_by_state(&self) -> Result<Vec<(ShownState, u64)>, HistoryError> {
        let rows = sql::query(sql::COUNT_BY_STATE).fetch_all(&self.pool).await.map_err(|cause| self.failed(cause))?;
        rows.iter()
            .map(|row| {
                let count: i64 = row.try_get(1).map_err(|cause| self.failed(cause))?;
                Ok((self.read(row)?, u64::try_from(count).unwrap_or(0)))
            })
            .collect()
    }

    /// Every run without a final state, the one due first at the front.
    ///
    /// # Errors
    /// See [`HistoryError`].
    pub async fn open_runs(&self) -> Result<Vec<RunSummary>, HistoryError> {
        self.rows(sql::query(sql::OPEN)).await
    }

    /// The runs that were given up at `now` and whose jobs may still run, so that they count for overlap; oldest first.
    ///
    /// # Errors
    /// See [`HistoryError`].
    pub async fn counting_runs(&self, now: Timestamp) -> Result<Vec<RunSummary>, HistoryError> {
        self.rows(sql::query(sql::COUNTING).bind(now.as_millisecond())).await
    }

    /// The runs due from `since` on that failed or were missed, newest first.
    ///
    /// # Errors
    /// See [`HistoryError`].
    pub async fn failures_since(&self, since: Timestamp) -> Result<Vec<RunSummary>, HistoryError> {
        self.rows(sql::query(sql::FAILED).bind(since.as_millisecond())).await
    }

    /// When each chore last succeeded.
    ///
    /// # Errors
    /// See [`HistoryError`].
    pub async fn chores(&self) -> Result<Vec<Chore>, HistoryError> {
        self.rows(sql::query(sql::CHORES)).await
    }

    /// What people did by hand from `since` on and before `until`, at most `limit` of it, newest first.
    ///
    /// # Errors
    /// See [`HistoryError`].
    pub async fn deeds(
        &self,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
        limit: u32,
    ) -> Result<Vec<DeedLine>, HistoryError> {
        let rows = sql::query(sql::DEEDS)
            .bind(since.map(|at| at.as_millisecond()))
            .bind(until.map(|at| at.as_millisecond()))
            .bind(i64::from(limit))
            .fetch_all(&self.pool)
            .await
            .map_err(|cause| self.failed(cause))?;
        rows.iter().map(|row| self.read(row)).collect()
    }

    /// The pauses that are not over by `now`, and the times that are to be skipped.
    ///
    /// # Errors
    /// See [`HistoryError`].
    pub async fn held_back(&self, now: Timestamp) -> Result<HeldBack, HistoryError> {
        let pauses = sql::query(sql::PAUSES)
            .bind(now.as_millisecond())
            .fetch_all(&self.pool)
            .await
            .map_err(|cause| self.failed(cause))?;
        let skips = sql::query(sql::SKIPS).fetch_all(&self.pool).await.map_err(|cause| self.failed(cause))?;
        let pauses: Vec<PauseRow> = pauses.iter().map(|row| self.read(row)).collect::<Result<_, _>>()?;
        let skips: Vec<SkipRow> = skips.iter().map(|row| self.read(row)).collect::<Result<_, _>>()?;
        Ok(HeldBack {
            pauses: pauses.into_iter().filter_map(PauseRow::into_pause).collect(),
            skips: skips.into_iter().filter_map(SkipRow::into_mark).collect(),
        })
    }

    /// How full the pools are at `now`, by name.
    ///
    /// # Errors
    /// See [`HistoryError`].
    pub async fn pools(&self, now: Timestamp) -> Result<Vec<PoolUse>, HistoryError> {
        self.rows(sql::query(sql::POOLS).bind(now.as_millisecond())).await
    }

    /// What lines for people have next to the columns of these runs.
    ///
    /// # Errors
    /// See [`HistoryError`].
    pub async fn details(&self, runs: &[RunSummary]) -> Result<BTreeMap<String, Details>, HistoryError> {
        let wanted = |run: &&RunSummary| run.attempts > 1 || run.jobs.iter().any(|job| job.stopped_by.is_some());
        let ids: Vec<&str> = runs.iter().filter(wanted).map(|run| run.run.as_str()).collect();
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let rows = sql::query(sql::DETAILS)
            .bind(serde_json::json!(ids).to_string())
            .fetch_all(&self.pool)
            .await
            .map_err(|cause| self.failed(cause))?;
        let all: Vec<Details> = rows.iter().map(|row| self.read(row)).collect::<Result<_, _>>()?;
        Ok(all.into_iter().map(|details| (details.run.clone(), details)).collect())
    }

    /// What a run's schedule said at the claim. None: the row is damaged, or of before this was kept.
    ///
    /// # Errors
    /// See [`HistoryError`].
    pub async fn policy(&self, run: &str) -> Result<Option<FrozenPolicy>, HistoryError> {
        let row = sql::query(sql::POLICY).bind(run).fetch_optional(&self.pool).await;
        let row = row.map_err(|cause| self.failed(cause))?;
        let text: Option<String> = match row {
            Some(row) => row.try_get(0).map_err(|cause| self.failed(cause))?,
            None => None,
        };
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Where the last job of a run is. None: it has none.
    ///
    /// # Errors
    /// See [`HistoryError`].
    pub async fn job_place(&self, run: &str) -> Result<Option<JobPlace>, HistoryError> {
        let row = sql::query(sql::JOB_PLACE).bind(run).fetch_optional(&self.pool).await;
        row.map_err(|cause| self.failed(cause))?.map(|row| self.read(&row)).transpose()
    }

    /// How a schedule was planned.
    ///
    /// # Errors
    /// See [`HistoryError`].
    pub async fn planned(&self, schedule: &str) -> Result<Planned, HistoryError> {
        let row = sql::query(sql::PLANNED).bind(schedule).fetch_one(&self.pool).await;
        self.read::<PlannedRow>(&row.map_err(|cause| self.failed(cause))?).map(PlannedRow::into_planned)
    }

    /// The open runs that have a place in the pool of a run, the one due first at the front.
    ///
    /// # Errors
    /// See [`HistoryError`].
    pub async fn in_pool_of(&self, run: &str) -> Result<Vec<RunSummary>, HistoryError> {
        let rows = sql::query(sql::IN_POOL_OF).bind(run).fetch_all(&self.pool).await;
        rows.map_err(|cause| self.failed(cause))?.iter().map(|row| self.read(row)).collect()
    }

    /// The schedules that have a run, by name.
    ///
    /// # Errors
    /// See [`HistoryError`].
    pub async fn schedules(&self) -> Result<Vec<String>, HistoryError> {
        digest::schedules(&self.pool).await.map_err(|cause| self.untold(cause))
    }

    /// What these schedules have come to, in their order: of the runs due from `since` on and before `until`.
    ///
    /// # Errors
    /// See [`HistoryError`].
    pub async fn digests(
        &self,
        schedules: &[String],
        since: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Result<Vec<Digest>, HistoryError> {
        digest::digests(&self.pool, schedules, since, until).await.map_err(|cause| self.untold(cause))
    }

    async fn rows<T: serde::de::DeserializeOwned>(&self, query: sql::Query<'_>) -> Result<Vec<T>, HistoryError> {
        let rows = query.fetch_all(&self.pool).await.map_err(|cause| self.failed(cause))?;
        rows.iter().map(|row| self.read(row)).collect()
    }

    fn untold(&self, cause: Untold) -> HistoryError {
        match cause {
            Untold::Database(cause) => self.failed(cause),
            Untold::Row(cause) => HistoryError::Row { path: self.path.clone(), cause },
        }
    }

    fn read<T: serde::de::DeserializeOwned>(&self, row: &sqlx::sqlite::SqliteRow) -> Result<T, HistoryError> {
        // A damaged row may hold bytes that are no text. It is shown as it can be, and hides no other.
        let bytes: &[u8] = row.try_get(0).map_err(|cause| self.failed(cause))?;
        serde_json::from_str(&String::from_utf8_lossy(bytes))
            .map_err(|cause| HistoryError::Row { path: self.path.clone(), cause })
    }

    fn failed(&self, cause: sqlx::Error) -> HistoryError {
        HistoryError::Database { path: self.path.clone(), cause }
    }

    /// Closes the connections.
    pub async fn close(self) {
        self.pool.close().await;
    }
}
