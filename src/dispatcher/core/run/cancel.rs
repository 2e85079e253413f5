//! Runs that a person does not want any more: what was never sent ends at once, the rest when it is known that no job was made (semantics.md
//! 32).

use super::sweep;
use crate::dispatcher::core::progress::{Need, Open};
use crate::dispatcher::core::state::State;
use crate::happening::OfRun;
use crate::run::{Ending, RunEvent, RunId, RunState, StoppedBy};

/// Whether a start may have come through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// Certainly not, or what was sent made no job.
    Never,
    /// Perhaps: it is under way, unclear, or of a life that the database may have forgotten.
    Perhaps,
}

/// Whether a run may have been started already.
pub(crate) fn was_sent(state: &State, open: &Open) -> Sent {
    let sends = open.run.attempt().map_or(0, |attempt| attempt.sends);
    match open.need() {
        None => Sent::Perhaps,
        Some(Need::Nothing) => Sent::Never,
        Some(Need::Overlap) if open.settle().is_some() => Sent::Never,
        // It would be looked up before it is sent; but each send is preceded by a row that says so, and this row says that there was none.
        Some(Need::Overlap | Need::LookUp(_)) if sends == 0 && state.loaded.doubt.is_none() => Sent::Never,
        Some(Need::Overlap | Need::LookUp(_)) => Sent::Perhaps,
    }
}

/// Who wants a run stopped of which no job is known.
pub(crate) fn wanted(open: &Open) -> Option<String> {
    let attempt = open.run.attempt().filter(|attempt| attempt.job.is_none())?;
    match &attempt.stop.as_ref()?.by {
        StoppedBy::Person { actor } => Some(actor.clone()),
        StoppedBy::Timeout(_) | StoppedBy::Overlap => None,
    }
}

/// It is not sent, or not again: it is cancelled, or ends as the job that it has had. Gives its end.
pub(crate) fn cancel(state: &mut State, id: RunId, actor: String) -> Option<Ending> {
    let had_job = state.book.get(id)?.run.had_job();
    if !had_job {
        state.book.change(id, |run| run.cancelled_by = Some(actor.clone()));
    }
    sweep::watch(state, id);
    state.step(id, RunEvent::End(Ending::Cancelled), OfRun::CancelledBy { actor });
    match state.book.get(id)?.run.state {
        RunState::Ended(ending) => Some(ending),
        RunState::Armed
        | RunState::Waiting(_)
        | RunState::Starting
        | RunState::Unknown
        | RunState::Held
        | RunState::Job(_) => None,
    }
}
