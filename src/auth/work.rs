//! What is asked of a credential's task, and what is under way for it: an attempt or a save, in a tokio task of its own.
//!
//! So neither a fault in it nor the end of whoever waits can stop it half-way (T7).

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::exchange::Outcome;
use super::keep::Unsaved;
use super::status::Generation;

/// What a handle asks of the task.
#[derive(Debug)]
pub(crate) enum Request {
    /// Orchestrator answered 401; `done` is told when the renewal ended, or when there will be none now.
    Refused { generation: Generation, done: oneshot::Sender<()> },
    /// A person wants a new token now; `done` is told when the attempt ended.
    Refresh { done: oneshot::Sender<()> },
    /// The files may have changed; `done` is told when they were looked at, and what followed ended.
    Look { done: oneshot::Sender<()> },
    /// Asks without order; only what is broken on purpose sends it.
    #[cfg(feature = "faults")]
    Extra,
    /// No new request; end when nothing is under way.
    Stop,
}

/// What is under way, each in a task of its own, so that a fault there does not end the loop.
pub(super) enum Work {
    Attempt(JoinHandle<Outcome>),
    Save(JoinHandle<Result<(), Unsaved>>),
}

pub(super) enum Done {
    Attempt(Option<Box<Outcome>>),
    Save(Option<Result<(), Box<Unsaved>>>),
}

impl Work {
    pub(super) async fn done(&mut self) -> Done {
        match self {
            Work::Attempt(handle) => Done::Attempt(handle.await.ok().map(Box::new)),
            Work::Save(handle) => Done::Save(handle.await.ok().map(|saved| saved.map_err(Box::new))),
        }
    }
}

/// Waits for it; for ever when there is nothing.
pub(super) async fn under_way(work: &mut Option<Work>) -> Done {
    match work {
        Some(work) => work.done().await,
        None => std::future::pending().await,
    }
}
