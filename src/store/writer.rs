//! The writer task. Callers hand in changes and wait; dropping the waiting caller does not drop the transaction.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};

use super::changes::{Changes, Deed, LoadedState};
use super::chores::{self, Removed, Retention};
use super::claim_lock::Counter;
use super::commit::{Committed, Waiting, commit_all, json};
use super::kept_answer::{KeptAnswer, OnceKey, UnderKey};
use super::kept_rows;
use super::one_run::Recorded;
use super::open::Database;
use super::rows::DeedRow;
use super::sql;
use super::trouble::StoreError;
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

#[derive(Debug)]
enum Request {
    Commit { changes: Box<Changes>, reply: oneshot::Sender<Result<Committed, Arc<StoreError>>> },
    Restart { now: Timestamp, reply: oneshot::Sender<Result<LoadedState, StoreError>> },
    Read { run: RunId, reply: oneshot::Sender<Result<Option<Recorded>, Arc<StoreError>>> },
    Look { once: Box<OnceKey>, now: Timestamp, reply: oneshot::Sender<Result<UnderKey, Arc<StoreError>>> },
    Run { task: Task, reply: oneshot::Sender<Result<(), Arc<StoreError>>> },
    Remove { retention: Retention, reply: oneshot::Sender<Result<Removed, Arc<StoreError>>> },
    Close { reply: oneshot::Sender<Result<(), StoreError>> },
}

/// Small writes of their own.
#[derive(Clone, Debug)]
enum Task {
    Audit(Deed),
    HousekeepingDone { name: &'static str, at: Timestamp },
    Optimize,
    Checkpoint,
    GiveBack,
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

    /// Opens the database anew after a failed write, checks it, tries whether it can be written, and reads the open state, as
    /// at a start: after a failed fsync nothing of the old connection can be trusted. A damaged file is set aside.
    ///
    /// # Errors
    /// See [`StoreError`]; it is to be tried again later.
    pub async fn restart(&self, now: Timestamp) -> Result<LoadedState, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.requests.send(Request::Restart { now, reply }).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Records what a person did, where no run is changed by it; what changes runs is in their transaction.
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
        self.run(Task::Audit(Deed { at, actor, action, subject, detail })).await
    }

    /// A run as it was written last, open or not, and by which other it has been made good; none: there is no such run.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn read_run(&self, run: RunId) -> Result<Option<Recorded>, Arc<StoreError>> {
        let (reply, answer) = oneshot::channel();
        self.requests.send(Request::Read { run, reply }).await.map_err(|_| Arc::new(StoreError::Closed))?;
        answer.await.map_err(|_| Arc::new(StoreError::Closed))?
    }

    /// What is kept under a key: with whatever was handed in before.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn under_key(&self, once: OnceKey, now: Timestamp) -> Result<UnderKey, Arc<StoreError>> {
        let (reply, answer) = oneshot::channel();
        let request = Request::Look { once: Box::new(once), now, reply };
        self.requests.send(request).await.map_err(|_| Arc::new(StoreError::Closed))?;
        answer.await.map_err(|_| Arc::new(StoreError::Closed))?
    }

    /// Keeps an answer where no run and no pause is changed by the act; else it is in their transaction.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn keep_answer(&self, kept: KeptAnswer) -> Result<(), Arc<StoreError>> {
        self.commit(Changes { kept: vec![kept], ..Changes::default() }).await.map(|_| ())
    }

    /// Removes one batch of old runs; none when there is nothing more to remove.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn remove_old_runs(&self, retention: Retention) -> Result<Removed, Arc<StoreError>> {
        let (reply, answer) = oneshot::channel();
        self.requests.send(Request::Remove { retention, reply }).await.map_err(|_| Arc::new(StoreError::Closed))?;
        answer.await.map_err(|_| Arc::new(StoreError::Closed))?
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

    /// Gives some free pages back to the disk.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn give_back(&self) -> Result<(), Arc<StoreError>> {
        self.run(Task::GiveBack).await
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

/// The writer's database, or where it is when it is not open.
enum Place {
    Open(Box<Database>),
    /// A write failed: whatever the connection says now is not to be trusted.
    Shut(PathBuf, Counter),
}

impl Place {
    fn open(&mut self) -> Result<&mut Database, Arc<StoreError>> {
        match self {
            Place::Open(database) => Ok(database),
            Place::Shut(..) => Err(Arc::new(StoreError::Shut)),
        }
    }

    async fn shut(&mut self) {
        let Place::Open(database) = self else { return };
        let (folder, counter) = database.place();
        if let Place::Open(database) = std::mem::replace(self, Place::Shut(folder, counter)) {
            database.shut().await;
        }
    }

    async fn restart(&mut self, now: Timestamp) -> Result<LoadedState, StoreError> {
        self.shut().await;
        let Place::Shut(folder, counter) = self else { return Err(StoreError::Closed) };
        let (mut database, state) = Database::open_and_load_in(folder, counter.clone(), now).await?;
        match database.try_write().await {
            Ok(()) => {
                *self = Place::Open(Box::new(database));
                Ok(state)
            }
            Err(error) => {
                database.shut().await;
                Err(error)
            }
        }
    }
}

async fn write_until_closed(database: Database, mut inbox: mpsc::Receiver<Request>) {
    let mut place = Place::Open(Box::new(database));
    let mut batch = Vec::with_capacity(GROUP);
    while inbox.recv_many(&mut batch, GROUP).await > 0 {
        let mut commits = Vec::new();
        for request in batch.drain(..) {
            if let Request::Commit { changes, reply } = request {
                commits.push((changes, reply));
                continue;
            }
            flush(&mut place, &mut commits).await;
            match request {
                Request::Commit { .. } => {}
                Request::Restart { now, reply } => {
                    let _ = reply.send(place.restart(now).await);
                }
                Request::Read { run, reply } => {
                    let _ = reply.send(match place.open() {
                        Ok(database) => database.read_run(run).await.map_err(Arc::new),
                        Err(shut) => Err(shut),
                    });
                }
                Request::Look { once, now, reply } => {
                    let _ = reply.send(match place.open() {
                        Ok(database) => look(database, &once, now).await.map_err(Arc::new),
                        Err(shut) => Err(shut),
                    });
                }
                Request::Run { task, reply } => {
                    let _ = reply.send(match place.open() {
                        Ok(database) => run(database, task).await.map_err(Arc::new),
                        Err(shut) => Err(shut),
                    });
                }
                Request::Remove { retention, reply } => {
                    let _ = reply.send(match place.open() {
                        Ok(database) => chores::remove_batch(database, &retention).await.map_err(Arc::new),
                        Err(shut) => Err(shut),
                    });
                }
                Request::Close { reply } => {
                    let closed = match place {
                        Place::Open(database) => database.close().await,
                        Place::Shut(..) => Ok(()),
                    };
                    let _ = reply.send(closed);
                    return;
                }
            }
        }
        flush(&mut place, &mut commits).await;
    }
    if let Place::Open(database) = place
        && let Err(cause) = database.close().await
    {
        tracing::warn!("Failed to close the database: {cause}");
    }
}

/// One transaction for all that lies ready; one fsync, whatever the burst.
async fn flush(place: &mut Place, commits: &mut Vec<Waiting>) {
    if commits.is_empty() {
        return;
    }
    let done = match place.open() {
        Ok(database) => commit_all(database, commits).await.map_err(Arc::new),
        Err(shut) => Err(shut),
    };
    match done {
        Ok(results) => {
            for ((_, reply), committed) in commits.drain(..).zip(results) {
                let _ = reply.send(Ok(committed));
            }
        }
        Err(cause) => {
            for (_, reply) in commits.drain(..) {
                let _ = reply.send(Err(cause.clone()));
            }
            // A connection that failed in a commit or an fsync is not to be trusted; nothing is written over it any more.
            place.shut().await;
        }
    }
}

async fn run(database: &mut Database, task: Task) -> Result<(), StoreError> {
    let query = match task {
        Task::Audit(deed) => sql::query(sql::INSERT_AUDIT).bind(json(std::iter::once(DeedRow::from_deed(&deed)))),
        Task::HousekeepingDone { name, at } => sql::query(sql::HOUSEKEEPING_DONE).bind(name).bind(at.as_millisecond()),
        Task::Optimize => sql::query(sql::OPTIMIZE),
        Task::Checkpoint => sql::query(sql::CHECKPOINT),
        Task::GiveBack => sql::query(sql::GIVE_BACK),
    };
    database.run(query, "housekeeping").await.map(|_| ())
}

async fn look(database: &mut Database, once: &OnceKey, now: Timestamp) -> Result<UnderKey, StoreError> {
    let OnceKey { actor, key, asked: _ } = once.clone();
    let query = sql::query(kept_rows::LOAD_KEPT_ANSWER).bind(actor).bind(key).bind(kept_rows::too_old(now));
    let row = query.fetch_optional(&mut database.connection).await;
    let found = row.and_then(|row| kept_rows::under_key(row.as_ref(), once));
    found.map_err(|cause| database.failed("reading what was answered under a key", cause))
}
