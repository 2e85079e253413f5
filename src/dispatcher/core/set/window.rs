//! Times in a window whose last one waits for its end (semantics.md 30).
//!
//! Inside a window this comes before overlap: each time takes the place of the one before it, and overlap is asked when the window ends.

use std::sync::Arc;

use jiff::Timestamp;

use crate::dispatcher::core::progress::{Need, Open, Progress};
use crate::dispatcher::core::run::ending::join;
use crate::dispatcher::core::run::holding::show_until;
use crate::dispatcher::core::state::State;
use crate::happening::OfRun;
use crate::recurrence::Excluded;
use crate::run::{Ending, Held, HeldBy, Run, RunEvent, RunId, RunState, WaitReason};
use crate::schedule::{HighWaterMark, Schedule, ScheduleKey, Trigger};

/// What became of a run whose time may lie in such a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InWindow {
    /// It waits for the end.
    Waits,
    /// There is none, or it is over: the run goes the way of any other.
    No,
}

/// Has a run that was just claimed wait for the end of the window that its time lies in.
pub(crate) fn wait(state: &mut State, id: RunId) -> InWindow {
    if state.holding.holds.windows.is_empty() {
        return InWindow::No;
    }
    let now = state.now.wall;
    let State { book, holding, .. } = &mut *state;
    let held = book.get(id).map_or(Held::No, |open| holding.of_run(&open.run));
    let Held::Waits { name, until } = held else { return InWindow::No };
    if until.is_some_and(|until| until <= now) {
        return InWindow::No;
    }
    if let Some(open) = state.book.get_mut(id) {
        open.progress = Progress::Queued(Need::Overlap);
    }
    let what = OfRun::HeldBack(HeldBy::Window { name });
    if state.step(id, RunEvent::Wait(WaitReason::Blackout), what) {
        show_until(state, id, until);
    }
    InWindow::Waits
}

/// The times of a schedule up to this mark have come: of those in one row of windows the earlier ones make way for the last, whatever
/// became of that.
pub(crate) fn make_way(state: &mut State, key: &ScheduleKey, mark: HighWaterMark) {
    if state.holding.holds.windows.is_empty() {
        return;
    }
    let Some(schedule) = state.loaded.set.schedules.get(key).cloned() else { return };
    let waiting = state.book.of_schedule(key).filter(|open| may_be_replaced(open));
    let waiting: Vec<Run> = waiting.map(|open| open.run.clone()).collect();
    for run in waiting {
        let Held::Waits { name, until } = state.holding.of_run(&run) else { continue };
        if !has_later(state, &schedule, &run, until, mark) {
            continue;
        }
        let by = HeldBy::LaterTime { name };
        state.book.change(run.id, |run| {
            run.attempts.clear();
            run.note = join(run.note.take(), by.to_string());
        });
        state.step(run.id, RunEvent::End(Ending::Skipped(by.skips_as())), OfRun::LeftOut(by));
    }
}

/// Whether a later time of the schedule lies in the same row of windows, and has come.
fn has_later(
    state: &mut State,
    schedule: &Arc<Schedule>,
    run: &Run,
    until: Option<Timestamp>,
    mark: HighWaterMark,
) -> bool {
    let next = |after| schedule.recurrence.next_after(after).filter(|time| time.at <= mark.0);
    let mut later = next(run.nominal_at);
    while let Some(time) = later {
        match state.holding.of_time(schedule, &time) {
            Held::Waits { until: its, .. } if its != until => return false,
            Held::Waits { .. } if time.excluded == Excluded::No => return true,
            // What is left out for another reason takes nobody's place.
            Held::Waits { .. } | Held::Skipped(_) => later = next(time.at),
            Held::No => return false,
        }
    }
    false
}

/// Whether it is a planned time that was never sent: of one that may have been it is not known that nothing runs.
fn may_be_replaced(open: &Open) -> bool {
    let planned = match open.run.trigger {
        Trigger::Scheduled | Trigger::CatchUp => true,
        Trigger::After | Trigger::Backfill | Trigger::Manual => false,
    };
    let unsent = match open.run.state {
        RunState::Armed | RunState::Waiting(_) => open.run.sent_at.is_none(),
        RunState::Starting | RunState::Unknown | RunState::Held | RunState::Job(_) | RunState::Ended(_) => false,
    };
    planned && unsent
}
