//! One run as it was written last, for people who want it tried again: it may have ended long ago.

use sqlx::Row;

use super::attempt_rows::AttemptRow;
use super::by_hand_sql::{LOAD_ATTEMPTS, LOAD_RUN, MADE_GOOD_BY};
use super::open::Database;
use super::rows::{RunRow, broken};
use super::sql;
use super::trouble::StoreError;
use crate::run::{Run, RunId};

/// A run that may have ended, as the database has it.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// All of it.
    pub run: Run,
    /// The run that repeats it, or that makes its time good: open, or succeeded.
    pub made_good_by: Option<RunId>,
}

impl Database {
    /// A run that may have ended long ago, and by which other it has been made good.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub(super) async fn read_run(&mut self, id: RunId) -> Result<Option<Recorded>, StoreError> {
        let Some(row) = self.rows_of::<RunRow>(LOAD_RUN, id, "run").await?.pop() else { return Ok(None) };
        let mut run = row.into_run()?;
        for row in self.rows_of::<AttemptRow>(LOAD_ATTEMPTS, id, "attempt").await? {
            run.attempts.push(row.into_attempt()?);
        }
        let asked = sql::query(MADE_GOOD_BY).bind(id.to_string()).fetch_one(&mut self.connection).await;
        let by = asked.and_then(|row| row.try_get::<Option<String>, _>(0));
        let by = by.map_err(|cause| self.failed("reading a run", cause))?;
        let by = by.map(|by| by.parse().map(RunId).map_err(|_| broken("run", id, "made_good_by"))).transpose()?;
        Ok(Some(Recorded { run, made_good_by: by }))
    }

    async fn rows_of<T: serde::de::DeserializeOwned>(
        &mut self,
        statement: &'static str,
        run: RunId,
        table: &'static str,
    ) -> Result<Vec<T>, StoreError> {
        let rows = sql::query(statement)
            .bind(run.to_string())
            .fetch_all(&mut self.connection)
            .await
            .map_err(|cause| self.failed("reading a run", cause))?;
        self.parsed(&rows, table)
    }
}
