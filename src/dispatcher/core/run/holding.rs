//! Runs that have a row and are not to be sent for now: a pause holds their schedule back, or a window in which nothing is started
//! (semantics.md 29, 30).
//!
//! Absent: times that are not claimed for a start at all (`planner`), and the last time of a window (`set/window`).

use jiff::Timestamp;

use super::ending::join;
use super::overlap;
use crate::dispatcher::core::holding::whose;
use crate::dispatcher::core::progress::{Need, Progress, Wish};
use crate::dispatcher::core::queue::Seat;
use crate::dispatcher::core::state::State;
use crate::happening::OfRun;
use crate::policy::holding::Kept;
use crate::run::{Ending, Held, InWindows, PauseScope, Run, RunEvent, RunId, RunState, WaitReason};
use crate::schedule::Trigger;

/// What a run waits for that is held back now. None: nothing holds it.
pub(crate) fn keep(state: &mut State, id: RunId) -> Option<Seat> {
    if state.holding.holds.is_idle() {
        return None;
    }
    let now = state.now.wall;
    let open = state.book.get(id)?;
    let in_windows = open.run.policy.in_windows;
    let kept = match (state.holding.holds.kept(whose(&open.run), open.run.trigger, now), open.wish) {
        // A person has decided about this very start, knowing of the pause or not.
        (Kept::Paused(..), Wish::Start) => Kept::No,
        (Kept::Blackout(..), _) if in_windows == InWindows::Starts => Kept::No,
        (kept, Wish::Start | Wish::StartAfterLook | Wish::None) => kept,
    };
    let (reason, by, until) = match kept {
        Kept::No => return None,
        Kept::Paused(by, until) => (WaitReason::Paused, by, until),
        Kept::Blackout(by, until) => (WaitReason::Blackout, by, until),
    };
    let knows_overlap = open.run.sent_at.is_none() && matches!(open.progress, Progress::Queued(Need::Nothing));
    // Its time counts from the end of the older run, also where that comes while it is held back: a pause uses it up, and the next life
    // must know of it (semantics.md 11, 29).
    overlap::stays_behind(state, id);
    if reason == WaitReason::Blackout
        && knows_overlap
        && let Some(open) = state.book.get_mut(id)
    {
        // Its schedule may start another one meanwhile, as it does not count.
        open.progress = Progress::Queued(Need::Overlap);
    }
    state.wait(id, reason, None, OfRun::HeldBack(by));
    show_until(state, id, until);
    Some(until.map_or(Seat::Event, Seat::UntilWall))
}

/// Shows until when a run waits that is held back.
pub(crate) fn show_until(state: &mut State, id: RunId, until: Option<Timestamp>) {
    if state.book.get(id).is_some_and(|open| open.is_queued() && open.run.waiting_until != until) {
        state.book.change(id, |run| run.waiting_until = until);
    }
}

/// A pause begins or ends: whatever it holds is looked at.
pub(crate) fn look_at(state: &mut State, scope: &PauseScope) {
    let ids: Vec<RunId> = match scope {
        PauseScope::All => return state.book.look_at_all(),
        PauseScope::Schedules(_) | PauseScope::Connections(_) => {
            let held = state.book.iter().filter(|open| scope.holds(&open.run.schedule, &open.run.connection));
            held.map(|open| open.run.id).collect()
        }
    };
    for id in ids {
        state.book.get_mut(id);
    }
}

/// Times that came at the very instant from which a pause holds lie in it (semantics.md 29): what was claimed of them and never sent is skipped.
pub(crate) fn skip_claimed(state: &mut State, scope: &PauseScope, since: Timestamp) {
    let planned = |run: &Run| match run.trigger {
        Trigger::Scheduled | Trigger::CatchUp | Trigger::After => true,
        Trigger::Backfill | Trigger::Manual => false,
    };
    let unsent = |run: &Run| match run.state {
        RunState::Armed | RunState::Waiting(_) => run.sent_at.is_none(),
        RunState::Starting | RunState::Unknown | RunState::Held | RunState::Job(_) | RunState::Ended(_) => false,
    };
    let of_now = state.book.iter().map(|open| &open.run).filter(|run| run.fire_at >= since);
    let of_now = of_now.filter(|run| planned(run) && unsent(run) && scope.holds(&run.schedule, &run.connection));
    let of_now: Vec<Run> = of_now.cloned().collect();
    for run in of_now {
        let Held::Skipped(by) = state.holding.of_run(&run) else { continue };
        state.book.change(run.id, |run| {
            run.attempts.clear();
            run.note = join(run.note.take(), by.to_string());
        });
        state.step(run.id, RunEvent::End(Ending::Skipped(by.skips_as())), OfRun::LeftOut(by));
    }
}

/// The windows are others than when their deadlines were worked out: what was not sent gets the time that new windows take. A deadline
/// that was given stays, for nobody is told that it has become shorter.
pub(crate) fn renew_deadlines(state: &mut State) {
    if state.holding.holds.windows.is_empty() {
        return;
    }
    for id in state.book.ids() {
        let State { book, holding, .. } = &mut *state;
        let Some(open) = book.get(id).filter(|open| open.run.state.may_be_sent()) else { continue };
        let deadline = holding.deadline(&open.run, open.run.deadline_from);
        if deadline > open.run.deadline_at {
            book.change(id, |run| run.deadline_at = deadline);
        }
    }
}
