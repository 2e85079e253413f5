//! Store first, then act; and what happens while nothing can be stored.
//!
//! A write that takes long is waited for while everything else goes on, a write that failed is followed by opening the database anew.
//! Meanwhile Orchestrator is read on, and nothing is claimed or sent. The waiting is for a task, never for the database itself, so
//! nothing of the database is dropped half-way.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::core::{Answer, Step};
use crate::clock::Clock;
use crate::executor::{Action, Executor};
use crate::happening::Happening;
use crate::run::RunId;
#[cfg(feature = "faults")]
use crate::store::Changes;
use crate::store::{Committed, LoadedState, Store, StoreError};

/// A write that has not ended after this is told (semantics.md 25: within five seconds).
const LONG: Duration = Duration::from_secs(2);

/// After a failed write the database is opened anew this soon, …
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// … and if that fails, each time later, up to this: it goes on within ten seconds of the cure.
const LAST_RETRY: Duration = Duration::from_secs(5);

/// How the last write is.
pub(super) enum Writing {
    /// Ended well.
    Done,
    /// Under way for long.
    Long(Pending),
    /// It failed; the database is being opened anew.
    Failed { restart: JoinHandle<Result<LoadedState, StoreError>>, tries: u32 },
}

/// A write that is under way, with what follows from it.
pub(super) struct Pending {
    commit: JoinHandle<Result<Committed, Arc<StoreError>>>,
    after: After,
}

/// What follows from a write that ended well.
struct After {
    then: Vec<Action>,
    answers: Vec<Answer>,
    happened: Vec<Happening>,
}

/// A write that ended well.
pub(super) struct Stored {
    pub(super) lost: BTreeSet<RunId>,
    pub(super) answers: Vec<Answer>,
    pub(super) actions: usize,
    pub(super) starts: usize,
    /// To be logged.
    pub(super) happened: Vec<Happening>,
}

/// A write that failed. What it would have stored never happened.
pub(super) struct NotStored {
    pub(super) error: Arc<StoreError>,
    pub(super) then: Vec<Action>,
    /// What is known all the same: how connections and the machine are.
    pub(super) happened: Vec<Happening>,
}

/// What came of a write.
pub(super) enum Outcome {
    Stored(Stored),
    NotStored(NotStored),
    /// It is under way still.
    Pending(Pending),
}

/// Stores a turn's changes, then acts; or gives the write back when it takes long.
pub(super) async fn store_then_act(clock: &Clock, store: &Store, step: Step, executor: &Executor) -> Outcome {
    let Step { record, then, answers, happened } = step;
    let after = After { then, answers, happened };
    #[cfg(feature = "faults")]
    if crate::faults::is_on(crate::faults::CLAIM_AFTER_POST) {
        return act_then_store(store, record, after, executor).await;
    }
    if record.is_empty() {
        return Outcome::Stored(act(Committed::default(), after, executor));
    }
    let store = store.clone();
    let mut pending = Pending { commit: tokio::spawn(async move { store.commit(record).await }), after };
    let ended = {
        tokio::select! {
            biased;
            ended = &mut pending.commit => Some(ended),
            () = clock.sleep(LONG) => None,
        }
    };
    match ended {
        Some(ended) => finish(ended, pending.after, executor),
        None => Outcome::Pending(pending),
    }
}

impl Pending {
    /// Waits for its end, however long. May be dropped and called again.
    pub(super) async fn ended(&mut self) -> Result<Result<Committed, Arc<StoreError>>, tokio::task::JoinError> {
        (&mut self.commit).await
    }

    /// Acts, or gives back what must not be done.
    pub(super) fn finish(
        self,
        ended: Result<Result<Committed, Arc<StoreError>>, tokio::task::JoinError>,
        executor: &Executor,
    ) -> Outcome {
        finish(ended, self.after, executor)
    }
}

fn finish(
    ended: Result<Result<Committed, Arc<StoreError>>, tokio::task::JoinError>,
    after: After,
    executor: &Executor,
) -> Outcome {
    match ended.unwrap_or_else(|_| Err(Arc::new(StoreError::Closed))) {
        Ok(committed) => Outcome::Stored(act(committed, after, executor)),
        Err(error) => {
            let happened = after.happened.into_iter().filter(Happening::is_known_anyway).collect();
            Outcome::NotStored(NotStored { error, then: after.then, happened })
        }
    }
}

/// A start leaves only when its claim cannot be taken back; nor is a word of it in the log before.
fn act(committed: Committed, after: After, executor: &Executor) -> Stored {
    let After { then, answers, happened } = after;
    let lost: BTreeSet<RunId> = committed.lost.into_iter().collect();
    let happened = happened.into_iter().filter(|one| one.run().is_none_or(|run| !lost.contains(&run))).collect();
    let mut stored = Stored { lost, answers, actions: 0, starts: 0, happened };
    for action in then {
        if action.claimed_run().is_some_and(|run| stored.lost.contains(&run)) {
            continue;
        }
        stored.actions += 1;
        stored.starts += usize::from(matches!(action, Action::Start(_)));
        executor.perform(action);
    }
    stored
}

/// The wrong order, for a negative control: act, then store.
#[cfg(feature = "faults")]
async fn act_then_store(store: &Store, record: Changes, after: After, executor: &Executor) -> Outcome {
    let done = act(Committed::default(), after, executor);
    crate::faults::slow_disk().await;
    match store.commit(record).await {
        Ok(committed) => Outcome::Stored(Stored { lost: committed.lost.into_iter().collect(), ..done }),
        Err(error) => Outcome::NotStored(NotStored { error, then: Vec::new(), happened: Vec::new() }),
    }
}

/// Opens the database anew, after a pause that grows with the tries.
pub(super) fn begin_restart(clock: &Clock, store: &Store, tries: u32) -> Writing {
    let (clock, store) = (clock.clone(), store.clone());
    let pause = FIRST_RETRY.saturating_mul(1 << tries.min(3)).min(LAST_RETRY);
    let restart = tokio::spawn(async move {
        clock.sleep(pause).await;
        store.restart(clock.now()).await
    });
    Writing::Failed { restart, tries }
}

/// What is still under way. Exact: an answer to what was never sent is a fault of ours, and a test shall end there.
#[cfg(not(feature = "faults"))]
pub(super) fn left(under_way: usize, answered: usize) -> usize {
    under_way - answered
}

/// The wrong order (`claim_after_post`) sends what is then neither stored nor counted.
#[cfg(feature = "faults")]
pub(super) fn left(under_way: usize, answered: usize) -> usize {
    under_way.saturating_sub(answered)
}
