//! Starts that were not sent before their deadline (semantics.md 10).

use super::ending::join;
use crate::dispatcher::core::progress::Open;
use crate::dispatcher::core::state::State;
use crate::happening::OfRun;
use crate::run::{Ending, MissReason, RunEvent, RunId, RunState, WaitReason};

/// Past its deadline a start that was certainly not sent is not sent any more (semantics.md 10). Asked before new times are claimed, since
/// one that comes at that very deadline would be skipped for it, and both would be lost; and after, since what was found late may be past its
/// own.
pub(crate) fn give_up_late_starts(state: &mut State) {
    let now = state.now.wall;
    let deadlines = &state.book.due().deadlines;
    let late: Vec<RunId> = deadlines.iter().take_while(|(at, _)| *at <= now).map(|(_, id)| *id).collect();
    if let Some((next, _)) = deadlines.iter().find(|(at, _)| *at > now) {
        state.wake.at_wall(*next);
    }
    for id in late {
        miss(state, id);
    }
}

/// It was not sent in time.
pub(crate) fn miss(state: &mut State, id: RunId) {
    let open = state.book.get(id);
    let told = open.map(|open| (open.run.state, open.run.had_job(), pool_of(open).map(str::to_owned)));
    let Some((was, had_job, pool)) = told else { return };
    if !had_job {
        let of = pool.map(|pool| format!(", for a place in pool `{pool}`")).unwrap_or_default();
        state.book.change(id, |run| {
            run.note = join(run.note.take(), format!("not started before its deadline; it was {was}{of}"));
        });
    }
    state.step(id, RunEvent::End(Ending::Missed(MissReason::Deadline)), OfRun::DeadlinePassed { was });
}

/// The pool that it waits for. What waits for the limits of its connection alone is called alike.
fn pool_of(open: &Open) -> Option<&str> {
    let waits = open.run.state == RunState::Waiting(WaitReason::Limit) && open.pool_since.is_some();
    open.run.policy.pool.as_deref().filter(|_| waits)
}
