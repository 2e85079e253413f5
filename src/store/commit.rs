//! One transaction for all that lies ready: rows, marks, lines, and the count of writes.

use std::collections::HashSet;
use std::sync::Arc;

use sqlx::{Connection, Row, SqliteConnection};
use tokio::sync::oneshot;

use super::attempt_rows::{AttemptRow, KeptAttempts};
use super::changes::{Changes, DoubtOver, HoldingChange};
use super::connection_rows::{EvidenceRow, ListCallsRow, ShortFolderRow};
use super::holding_rows::{AccountRow, FailingRow, LastAccountRow, PauseRow, SkipMarkRow};
use super::kept_rows::KeptRow;
use super::open::Database;
use super::rows::{DeedRow, EventRow, MakesGood, MarkRow, RunRow, VersionRow};
use super::trouble::StoreError;
use super::{by_hand_sql, holding_sql, kept_rows, sql};
use crate::run::{Ending, Run, RunId, RunState, Seen};

/// What a commit did.
#[derive(Clone, Debug, Default)]
pub struct Committed {
    /// Claims that were lost: their nominal time has a row already. Nothing of them was written.
    pub lost: HashSet<RunId>,
}

impl Committed {
    /// Whether every claim was won.
    pub fn all_won(&self) -> bool {
        self.lost.is_empty()
    }
}

/// Changes, and who waits for them to be durable.
pub(super) type Waiting = (Box<Changes>, oneshot::Sender<Result<Committed, Arc<StoreError>>>);

pub(super) async fn commit_all(database: &mut Database, waiting: &[Waiting]) -> Result<Vec<Committed>, StoreError> {
    let path = database.path.clone();
    let failed = |cause| StoreError::Database { path: path.clone(), doing: "writing", cause };
    let mut transaction = database.connection.begin_with("begin immediate").await.map_err(failed)?;
    let mut results = Vec::with_capacity(waiting.len());
    for (changes, _) in waiting {
        match apply(&mut transaction, changes).await {
            Ok(committed) => results.push(committed),
            Err(fault) => {
                // The first failure is what counts; the rollback may fail because of it.
                let _ = transaction.rollback().await;
                return Err(match fault {
                    Fault::Sqlite(cause) => failed(cause),
                    Fault::Stale { expected, changed } => StoreError::Stale { expected, changed },
                });
            }
        }
    }
    let commits: i64 =
        match sql::query(sql::COUNT_COMMIT).fetch_one(&mut *transaction).await.and_then(|row| row.try_get(0)) {
            Ok(commits) => commits,
            Err(cause) => {
                let _ = transaction.rollback().await;
                return Err(failed(cause));
            }
        };
    #[cfg(feature = "faults")]
    crate::faults::point(crate::faults::FAIL_COMMIT_OPEN, kind_of(waiting));
    transaction.commit().await.map_err(failed)?;
    #[cfg(feature = "faults")]
    crate::faults::point(crate::faults::FAIL_COMMIT_DONE, kind_of(waiting));
    database.counter.write(commits);
    Ok(results)
}

/// The most telling state in a commit, for the places where the process is made to die.
#[cfg(feature = "faults")]
fn kind_of(commits: &[Waiting]) -> &'static str {
    use crate::run::RunState;
    if commits.iter().any(|(changes, _)| !changes.kept.is_empty()) {
        return "kept";
    }
    let kinds = commits.iter().flat_map(|(changes, _)| changes.inserted.iter().chain(&changes.updated)).map(|run| {
        match run.state {
            RunState::Starting => (0, "starting"),
            RunState::Job(_) => (1, "job"),
            RunState::Ended(_) => (2, "ended"),
            RunState::Unknown | RunState::Held => (3, "unknown"),
            RunState::Armed | RunState::Waiting(_) => (4, "waiting"),
        }
    });
    kinds.min().map_or("other", |(_, kind)| kind)
}

enum Fault {
    Sqlite(sqlx::Error),
    Stale { expected: usize, changed: u64 },
}

impl From<sqlx::Error> for Fault {
    fn from(cause: sqlx::Error) -> Self {
        Fault::Sqlite(cause)
    }
}

async fn apply(connection: &mut SqliteConnection, changes: &Changes) -> Result<Committed, Fault> {
    let Changes {
        inserted,
        updated,
        seen,
        versions,
        marks,
        retired,
        evidence,
        short_folders,
        list_calls,
        swept,
        uncounted,
        holding,
        failing,
        audit,
        kept,
        doubt,
    } = changes;
    let mut committed = Committed::default();
    // Before the runs that are claimed under them, and the marks after those: see `INSERT_RUNS`.
    execute(connection, sql::INSERT_VERSIONS, versions.iter().map(VersionRow::from_version).collect()).await?;
    committed.lost = claim(connection, inserted).await?;
    if !updated.is_empty() {
        let changed = sql::query(sql::UPDATE_RUNS)
            .bind(json(updated.iter().map(RunRow::from_run)))
            .execute(&mut *connection)
            .await?
            .rows_affected();
        if changed != updated.len() as u64 {
            return Err(Fault::Stale { expected: updated.len(), changed });
        }
    }
    make_good(connection, inserted, updated).await?;
    // The attempts of a claim that was lost are not written.
    let won: Vec<AttemptRow> = attempts_of(inserted.iter().filter(|run| !committed.lost.contains(&run.id)));
    let insert = if won.iter().all(AttemptRow::is_claim) { sql::INSERT_CLAIMED_ATTEMPTS } else { sql::UPSERT_ATTEMPTS };
    execute(connection, insert, won).await?;
    execute(connection, sql::UPSERT_ATTEMPTS, attempts_of(updated.iter())).await?;
    // Only these can have had one that was not sent: it was dropped at their end.
    let may_lack = |run: &&Run| run.attempts.is_empty() || run.state.is_final() && run.most_starts().is_some();
    let unsent: Vec<KeptAttempts> = updated.iter().filter(may_lack).map(KeptAttempts::of).collect();
    execute(connection, sql::DELETE_UNSENT_ATTEMPTS, unsent).await?;
    let swept = swept.iter().map(|(run, attempt)| AttemptRow::from_attempt(*run, attempt)).collect();
    execute(connection, sql::SWEEPS_DONE, swept).await?;
    execute(connection, sql::COUNT_NO_LONGER, uncounted.iter().map(ToString::to_string).collect()).await?;
    let known = seen.iter().filter(|seen| !committed.lost.contains(&seen.run));
    let (now, late): (Vec<&Seen>, Vec<&Seen>) = known.partition(|seen| seen.state.is_some());
    execute(connection, sql::INSERT_EVENTS, now.into_iter().map(EventRow::from_seen).collect()).await?;
    execute(connection, sql::INSERT_LATE_EVENTS, late.into_iter().map(EventRow::from_seen).collect()).await?;
    execute(connection, sql::UPSERT_MARKS, marks.iter().map(|(key, mark)| MarkRow::from_mark(key, *mark)).collect())
        .await?;
    for delete in [sql::DELETE_MARKS, holding_sql::DELETE_RETIRED_FAILING, holding_sql::DELETE_RETIRED_ACCOUNTS] {
        execute(connection, delete, retired.iter().map(|gone| gone.0.clone()).collect()).await?;
    }
    execute(connection, sql::UPSERT_EVIDENCE, evidence.iter().map(EvidenceRow::from_evidence).collect()).await?;
    let short_folders = short_folders.iter().map(ShortFolderRow::from_short_folder).collect();
    execute(connection, sql::UPSERT_SHORT_FOLDERS, short_folders).await?;
    let list_calls: Vec<ListCallsRow> = list_calls.iter().map(ListCallsRow::from_list_calls).collect();
    if let Some(latest) = list_calls.iter().map(|made| made.at).max() {
        sql::query(sql::DELETE_LIST_CALLS).bind(latest).execute(&mut *connection).await?;
    }
    execute(connection, sql::INSERT_LIST_CALLS, list_calls).await?;
    for change in holding {
        hold(connection, change).await?;
    }
    execute(connection, holding_sql::UPSERT_FAILING, FailingRow::all_of(failing)).await?;
    execute(connection, holding_sql::DELETE_FAILING, FailingRow::all_of(failing)).await?;
    execute(connection, holding_sql::UPSERT_FAILING_ACCOUNTS, AccountRow::all_of(failing)).await?;
    execute(connection, holding_sql::DELETE_FAILING_ACCOUNTS, AccountRow::all_of(failing)).await?;
    execute(connection, holding_sql::UPSERT_LAST_ACCOUNTS, LastAccountRow::all_of(failing)).await?;
    execute(connection, sql::INSERT_AUDIT, audit.iter().map(DeedRow::from_deed).collect()).await?;
    if let Some(latest) = kept.iter().map(|one| one.at).max() {
        sql::query(kept_rows::DELETE_OLD_ANSWERS).bind(kept_rows::too_old(latest)).execute(&mut *connection).await?;
    }
    execute(connection, kept_rows::KEEP_ANSWERS, kept.iter().map(KeptRow::from_kept).collect()).await?;
    if let Some(DoubtOver) = doubt {
        sql::query(sql::DOUBT_OVER).execute(&mut *connection).await?;
    }
    Ok(committed)
}

/// Which of these were not written, as their time has a row already.
async fn claim(connection: &mut SqliteConnection, inserted: &[Run]) -> Result<HashSet<RunId>, sqlx::Error> {
    if inserted.is_empty() {
        return Ok(HashSet::new());
    }
    let rows: Vec<RunRow> = inserted.iter().map(RunRow::from_run).collect();
    let insert = if rows.iter().all(RunRow::is_claim) { sql::INSERT_CLAIMS } else { sql::INSERT_RUNS };
    let new = json(rows.into_iter());
    let now = inserted.iter().map(|run| run.claimed_at).max().map_or(i64::MAX, |at| at.as_millisecond());
    let foreseen = sql::query(sql::ANY_FORESEEN).bind(now).fetch_one(&mut *connection).await?;
    if foreseen.try_get::<bool, _>(0)? {
        sql::query(sql::DELETE_FORESEEN).bind(new.clone()).execute(&mut *connection).await?;
    }
    let written = sql::query(insert).bind(new.clone()).execute(&mut *connection).await?.rows_affected();
    if written == inserted.len() as u64 {
        return Ok(HashSet::new());
    }
    // Asked only then: each row that comes back costs a change of threads, and a claim is hardly ever lost.
    let mut written = HashSet::new();
    for row in &sql::query(sql::WRITTEN_RUNS).bind(new).fetch_all(&mut *connection).await? {
        written.insert(row.try_get::<String, _>(0)?);
    }
    Ok(inserted.iter().map(|run| run.id).filter(|id| !written.contains(&id.to_string())).collect())
}

/// What a person starts for a time, or again, makes that good: until it ends other than well.
async fn make_good(connection: &mut SqliteConnection, inserted: &[Run], updated: &[Run]) -> Result<(), sqlx::Error> {
    let is_by_hand = |run: &&Run| !run.trigger.is_planned();
    let fails = |run: &&Run| run.state.is_final() && run.state != RunState::Ended(Ending::Succeeded);
    let asked: Vec<MakesGood> = inserted.iter().filter(is_by_hand).map(MakesGood::of).collect();
    if !asked.is_empty() {
        let rows = json(asked.into_iter());
        for make in [by_hand_sql::MAKE_TIMES_GOOD, by_hand_sql::MAKE_RUNS_GOOD] {
            sql::query(make).bind(rows.clone()).execute(&mut *connection).await?;
        }
    }
    let failed = inserted.iter().chain(updated).filter(is_by_hand).filter(fails).map(|run| run.id).collect();
    execute(connection, by_hand_sql::MAKE_GOOD_NO_LONGER, failed).await
}

fn attempts_of<'a>(runs: impl Iterator<Item = &'a Run>) -> Vec<AttemptRow> {
    runs.flat_map(|run| run.attempts.iter().map(|attempt| AttemptRow::from_attempt(run.id, attempt))).collect()
}

/// One by one: people pause and resume.
async fn hold(connection: &mut SqliteConnection, change: &HoldingChange) -> Result<(), sqlx::Error> {
    match change {
        HoldingChange::Pause(id, pause) => {
            #[cfg(feature = "faults")]
            if crate::faults::is_on(crate::faults::PAUSE_IN_MEMORY) {
                return Ok(());
            }
            execute(connection, holding_sql::INSERT_PAUSE, vec![PauseRow::from_pause(*id, pause)]).await
        }
        HoldingChange::Resume { pause, at, actor } => {
            let query = sql::query(holding_sql::END_PAUSE).bind(pause.0).bind(at.as_millisecond()).bind(actor.clone());
            query.execute(connection).await.map(|_| ())
        }
        HoldingChange::Skip(mark) => {
            execute(connection, holding_sql::INSERT_SKIP_MARK, vec![SkipMarkRow::from_mark(mark)]).await
        }
        HoldingChange::Unskip { schedule, nominal_at } => {
            let query =
                sql::query(holding_sql::DELETE_SKIP_MARK).bind(schedule.to_string()).bind(nominal_at.as_millisecond());
            query.execute(connection).await.map(|_| ())
        }
    }
}

async fn execute<T: serde::Serialize>(
    connection: &mut SqliteConnection,
    statement: &'static str,
    rows: Vec<T>,
) -> Result<(), sqlx::Error> {
    if !rows.is_empty() {
        sql::query(statement).bind(json(rows.into_iter())).execute(connection).await?;
    }
    Ok(())
}

pub(super) fn json<T: serde::Serialize>(rows: impl Iterator<Item = T>) -> String {
    serde_json::to_string(&rows.collect::<Vec<_>>()).expect("rows are plain structs with text keys")
}
