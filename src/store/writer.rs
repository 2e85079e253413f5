//! The writer task. Callers hand in changes and wait; dropping the waiting caller does not drop the transaction.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use sqlx::{Connection, Row, SqliteConnection};
use tokio::sync::{mpsc, oneshot};

use super::open::{Database, StoreError};
use super::rows::{AttemptRow, Changes, EventRow, EvidenceRow, MarkRow, RunRow, VersionRow};
use super::sql;
use crate::run::RunId;

/// How many requests may wait: the dispatcher has one, housekeeping and commands a few.
const QUEUE: usize = 64;

/// How many requests are committed together at most, so that the first one's answer is not delayed without end.
const GROUP: usize = 32;

/// The handle to the writer. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    requests: mpsc::Sender<Request>,
}

/// What a commit did.
#[derive(Clone, Debug, Default)]
pub struct Committed {
    /// Claims that were lost: their nominal time has a row already. Nothing of them was written.
    pub lost: HashSet<RunId>,
}

#[derive(Debug)]
enum Request {
    Commit { changes: Box<Changes>, reply: oneshot::Sender<Result<Committed, Arc<StoreError>>> },
    Load { folder: PathBuf, now: Timestamp, reply: oneshot::Sender<Result<super::LoadedState, StoreError>> },
    Run { task: Task, reply: oneshot::Sender<Result<(), Arc<StoreError>>> },
    Close { reply: oneshot::Sender<Result<(), StoreError>> },
}

/// Small writes of their own.
#[derive(Clone, Debug)]
enum Task {
    Audit { at: Timestamp, actor: String, action: &'static str, subject: String, detail: Option<String> },
    HousekeepingDone { name: &'static str, at: Timestamp },
    Optimize,
    Checkpoint,
}

impl Store {
    /// Starts the writer on its own task.
    pub fn start(database: Database, tracker: &tokio_util::task::TaskTracker) -> Store {
        let (requests, inbox) = mpsc::channel(QUEUE);
        tracker.spawn(write_until_closed(database, inbox));
        Store { requests }
    }

    /// Commits one turn's changes durably: when this returns `Ok`, a power loss cannot take them back.
    ///
    /// # Errors
    /// Nothing was written.
    pub async fn commit(&self, changes: Changes) -> Result<Committed, Arc<StoreError>> {
        if changes.is_empty() {
            return Ok(Committed::default());
        }
        let (reply, answer) = oneshot::channel();
        let request = Request::Commit { changes: Box::new(changes), reply };
        self.requests.send(request).await.map_err(|_| Arc::new(StoreError::Closed))?;
        answer.await.map_err(|_| Arc::new(StoreError::Closed))?
    }

    /// Reads the open state again, as at start-up.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn load(&self, folder: PathBuf, now: Timestamp) -> Result<super::LoadedState, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.requests.send(Request::Load { folder, now, reply }).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Records what a person did.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn record_audit(
        &self,
        at: Timestamp,
        actor: String,
        action: &'static str,
        subject: String,
        detail: Option<String>,
    ) -> Result<(), Arc<StoreError>> {
        self.run(Task::Audit { at, actor, action, subject, detail }).await
    }

    /// Records that a housekeeping task succeeded.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn record_housekeeping(&self, name: &'static str, at: Timestamp) -> Result<(), Arc<StoreError>> {
        self.run(Task::HousekeepingDone { name, at }).await
    }

    /// Lets SQLite refresh its statistics.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn optimize(&self) -> Result<(), Arc<StoreError>> {
        self.run(Task::Optimize).await
    }

    /// Folds the WAL back into the file.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn checkpoint(&self) -> Result<(), Arc<StoreError>> {
        self.run(Task::Checkpoint).await
    }

    async fn run(&self, task: Task) -> Result<(), Arc<StoreError>> {
        let (reply, answer) = oneshot::channel();
        self.requests.send(Request::Run { task, reply }).await.map_err(|_| Arc::new(StoreError::Closed))?;
        answer.await.map_err(|_| Arc::new(StoreError::Closed))?
    }

    /// Ends the writer after everything handed in before.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn close(&self) -> Result<(), StoreError> {
        let (reply, answer) = oneshot::channel();
        if self.requests.send(Request::Close { reply }).await.is_err() {
            return Ok(());
        }
        answer.await.unwrap_or(Ok(()))
    }
}

async fn write_until_closed(mut database: Database, mut inbox: mpsc::Receiver<Request>) {
    let mut batch = Vec::with_capacity(GROUP);
    while inbox.recv_many(&mut batch, GROUP).await > 0 {
        let mut commits = Vec::new();
        for request in batch.drain(..) {
            match request {
                Request::Commit { changes, reply } => commits.push((changes, reply)),
                Request::Load { folder, now, reply } => {
                    flush(&mut database, &mut commits).await;
                    let _ = reply.send(database.load(&folder, now).await);
                }
                Request::Run { task, reply } => {
                    flush(&mut database, &mut commits).await;
                    let _ = reply.send(run(&mut database, task).await.map_err(Arc::new));
                }
                Request::Close { reply } => {
                    flush(&mut database, &mut commits).await;
                    let _ = reply.send(database.close().await);
                    return;
                }
            }
        }
        flush(&mut database, &mut commits).await;
    }
    if let Err(cause) = database.close().await {
        tracing::warn!("Failed to close the database: {cause}");
    }
}

type Waiting = (Box<Changes>, oneshot::Sender<Result<Committed, Arc<StoreError>>>);

/// One transaction for all that lies ready; one fsync, whatever the burst.
async fn flush(database: &mut Database, commits: &mut Vec<Waiting>) {
    if commits.is_empty() {
        return;
    }
    match commit_all(database, commits).await {
        Ok(results) => {
            for ((_, reply), committed) in commits.drain(..).zip(results) {
                let _ = reply.send(Ok(committed));
            }
        }
        Err(cause) => {
            let cause = Arc::new(cause);
            for (_, reply) in commits.drain(..) {
                let _ = reply.send(Err(cause.clone()));
            }
            // A connection that failed in a commit or an fsync is not to be trusted; the next write begins with a new one.
            match Database::reopen(&database.path).await {
                Ok(fresh) => *database = fresh,
                Err(cause) => tracing::error!("Failed to reopen the database: {cause}"),
            }
        }
    }
}

async fn commit_all(database: &mut Database, commits: &[Waiting]) -> Result<Vec<Committed>, StoreError> {
    let path = database.path.clone();
    let failed = |cause| StoreError::Database { path: path.clone(), doing: "writing", cause };
    let mut transaction = database.connection.begin_with("begin immediate").await.map_err(failed)?;
    let mut results = Vec::with_capacity(commits.len());
    for (changes, _) in commits {
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
    #[cfg(feature = "faults")]
    crate::faults::point(crate::faults::FAIL_COMMIT_OPEN, kind_of(commits));
    transaction.commit().await.map_err(failed)?;
    #[cfg(feature = "faults")]
    crate::faults::point(crate::faults::FAIL_COMMIT_DONE, kind_of(commits));
    Ok(results)
}

/// The most telling state in a commit, for the places where the process is made to die.
#[cfg(feature = "faults")]
fn kind_of(commits: &[Waiting]) -> &'static str {
    use crate::run::RunState;
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
    let Changes { inserted, updated, seen, versions, marks, retired, evidence, swept } = changes;
    let mut committed = Committed::default();
    if !inserted.is_empty() {
        let rows = sql::query(sql::INSERT_RUNS)
            .bind(json(inserted.iter().map(RunRow::from_run)))
            .fetch_all(&mut *connection)
            .await?;
        if rows.len() < inserted.len() {
            let mut written = HashSet::new();
            for row in &rows {
                written.insert(row.try_get::<String, _>(0)?);
            }
            committed.lost =
                inserted.iter().map(|run| run.id).filter(|id| !written.contains(&id.to_string())).collect();
        }
    }
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
    let attempts: Vec<AttemptRow> = inserted
        .iter()
        .chain(updated)
        .flat_map(|run| run.attempts.iter().map(|attempt| AttemptRow::from_attempt(run.id, attempt)))
        .chain(swept.iter().map(|(run, attempt)| AttemptRow::from_attempt(*run, attempt)))
        .collect();
    execute(connection, sql::UPSERT_ATTEMPTS, attempts).await?;
    execute(connection, sql::INSERT_EVENTS, seen.iter().map(EventRow::from_seen).collect()).await?;
    execute(connection, sql::INSERT_VERSIONS, versions.iter().map(VersionRow::from_version).collect()).await?;
    execute(connection, sql::UPSERT_MARKS, marks.iter().map(|(key, mark)| MarkRow::from_mark(key, *mark)).collect())
        .await?;
    execute(connection, sql::DELETE_MARKS, retired.iter().map(|gone| gone.0.clone()).collect()).await?;
    execute(connection, sql::UPSERT_EVIDENCE, evidence.iter().map(EvidenceRow::from_evidence).collect()).await?;
    Ok(committed)
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

fn json<T: serde::Serialize>(rows: impl Iterator<Item = T>) -> String {
    serde_json::to_string(&rows.collect::<Vec<_>>()).expect("rows are plain structs with text keys")
}

async fn run(database: &mut Database, task: Task) -> Result<(), StoreError> {
    let query = match task {
        Task::Audit { at, actor, action, subject, detail } => {
            sql::query(sql::INSERT_AUDIT).bind(at.as_millisecond()).bind(actor).bind(action).bind(subject).bind(detail)
        }
        Task::HousekeepingDone { name, at } => sql::query(sql::HOUSEKEEPING_DONE).bind(name).bind(at.as_millisecond()),
        Task::Optimize => sql::query(sql::OPTIMIZE),
        Task::Checkpoint => sql::query(sql::CHECKPOINT),
    };
    let done = query.execute(&mut database.connection).await;
    done.map(|_| ()).map_err(|cause| database.failed("housekeeping", cause))
}

/// For log lines.
impl Committed {
    /// Whether every claim was won.
    pub fn all_won(&self) -> bool {
        self.lost.is_empty()
    }
}
