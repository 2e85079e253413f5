//! Which runs of a schedule count for overlap (semantics.md 11).

use std::time::Duration;

use jiff::Timestamp;

use super::book::Book;
use crate::policy::overlap::{ActiveRun, Knowledge};
use crate::run::{RunId, RunState};
use crate::schedule::{OnUnknownStart, OverlapPolicy, ScheduleKey, Trigger};

/// The runs of a schedule but this one that count for overlap, oldest first (semantics.md 11): those that were sent or may
/// have been, and those that were due before it. What is held for want of proof does not count, unless its schedule leaves
/// the decision to a person (16b). A job is known to be open only if it was read since `due`, in boot time.
pub(crate) fn active(
    book: &Book,
    policy: OverlapPolicy,
    schedule: &ScheduleKey,
    but: Option<RunId>,
    due: Duration,
    now: Timestamp,
) -> Vec<ActiveRun> {
    // Nothing is looked at where nothing depends on it.
    if policy == OverlapPolicy::Allow {
        return Vec::new();
    }
    let before = but.and_then(|id| book.get(id)).map(|open| (open.run.nominal_at, open.run.id));
    let mut active: Vec<_> = book
        .of_schedule(schedule)
        // Rows that end with this very turn are still here.
        .filter(|open| !open.run.state.is_final())
        .filter(|open| match open.run.trigger {
            Trigger::Scheduled | Trigger::CatchUp | Trigger::After => true,
            // They have an overlap of their own (semantics.md 12).
            Trigger::Manual | Trigger::Backfill => false,
        })
        .filter(|open| Some(open.run.id) != but)
        .filter(|open| match open.run.state {
            RunState::Held => open.run.policy.on_unknown_start == OnUnknownStart::Hold,
            RunState::Starting | RunState::Unknown | RunState::Job(_) => true,
            RunState::Armed | RunState::Waiting(_) => {
                before.is_none_or(|before| (open.run.nominal_at, open.run.id) < before)
            }
            RunState::Ended(_) => false,
        })
        .map(|open| (open.run.nominal_at, ActiveRun { id: open.run.id, knowledge: open.knowledge_since(due) }))
        .collect();
    active.sort_by_key(|(nominal_at, run)| (*nominal_at, run.id));
    let ended = book.counting(schedule).filter(|(_, until)| *until > now);
    let ended = ended.map(|(id, _)| ActiveRun { id, knowledge: Knowledge::Current });
    active.into_iter().map(|(_, run)| run).chain(ended).collect()
}
