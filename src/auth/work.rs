//! What is under way for a credential: an attempt or a save, in a tokio task of its own.
//!
//! So neither a fault in it nor the end of whoever waits can stop it half-way (T7).

use tokio::task::JoinHandle;

use super::exchange::Outcome;
use super::keep::Unsaved;

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
