//! Which runs of a schedule count for overlap (semantics.md 11).

use std::time::Duration;

use jiff::Timestamp;

use super::book::Book;
use super::progress::Open;
use crate::policy::overlap::{ActiveRun, Knowledge, Stage};
use crate::run::{Run, RunId, RunState, WaitReason};
use crate::schedule::{OnUnknownStart, OverlapPolicy, ScheduleKey, Trigger};

/// Who goes first where one of several may: planned runs before those that a person started, these before what fills a hole of the past
/// (semantics.md 11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Planned,
    Manual,
    Backfill,
}

fn rank(trigger: Trigger) -> Rank {
    match trigger {
        Trigger::Scheduled | Trigger::CatchUp | Trigger::After => Rank::Planned,
        Trigger::Manual => Rank::Manual,
        Trigger::Backfill => Rank::Backfill,
    }
}

/// Whose turn it is asked whether it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    nominal_at: Timestamp,
    id: RunId,
    rank: Rank,
}

impl Turn {
    pub(crate) fn of(run: &Run) -> Turn {
        Turn { nominal_at: run.nominal_at, id: run.id, rank: rank(run.trigger) }
    }
}

/// Whether a run that was never sent stands before another one. None: before one that there is no row of yet.
fn waits_before(run: &Run, turn: Option<&Turn>) -> bool {
    let own = rank(run.trigger);
    let Some(turn) = turn else { return own == Rank::Planned };
    match (own, turn.rank) {
        // Of one time there is one run: a second row of it is a claim that is lost.
        (Rank::Planned, Rank::Planned) => goes_before(run.nominal_at, turn.nominal_at),
        (Rank::Backfill, Rank::Backfill) => (run.nominal_at, run.id) < (turn.nominal_at, turn.id),
        (Rank::Planned | Rank::Manual, _) => own < turn.rank,
        (Rank::Backfill, _) => false,
    }
}

/// The planned run of a schedule that is open: what fills a hole of the past goes after it (semantics.md 12).
pub(crate) fn planned(book: &Book, schedule: &ScheduleKey) -> Option<RunId> {
    let open = book.of_schedule_but(schedule, None).filter(|open| open.run.trigger.is_planned());
    let open = open.filter(|open| !open.run.state.is_final());
    let open = open
        .filter(|open| open.run.state != RunState::Held || open.run.policy.on_unknown_start == OnUnknownStart::Hold);
    open.min_by_key(|open| (open.run.nominal_at, open.run.id)).map(|open| open.run.id)
}

/// Of two times that wait.
fn goes_before(one: Timestamp, other: Timestamp) -> bool {
    #[cfg(feature = "faults")]
    if crate::faults::is_on(crate::faults::LAST_COME_FIRST) {
        return one > other;
    }
    one < other
}

/// Of several late times that run one after another, the first that is open and comes before this planned run (semantics.md 9).
pub(crate) fn caught_up_before(book: &Book, id: RunId, due: Duration) -> Option<ActiveRun> {
    let run = &book.get(id)?.run;
    let before = (run.nominal_at, run.id);
    let ahead = book
        .caught_up(&run.schedule)
        .filter(|_| run.trigger.is_planned())
        .filter(|open| !open.run.state.is_final())
        .filter(|open| open.run.state != RunState::Held || open.run.policy.on_unknown_start == OnUnknownStart::Hold)
        .filter(|open| (open.run.nominal_at, open.run.id) < before);
    let first = ahead.min_by_key(|open| (open.run.nominal_at, open.run.id))?;
    Some(ActiveRun { id: first.run.id, knowledge: first.knowledge_since(due), stage: first.stage() })
}

/// Whether the window that a run waits in is not over; its end is its own turn to be asked.
fn is_shut(open: &Open, now: Timestamp) -> bool {
    open.run.waiting_until.is_none_or(|until| now < until)
}

/// The runs of a schedule but this one that count for overlap, oldest first (semantics.md 11): those that were sent or may
/// have been, and those that were due before it. What is held for want of proof does not count, unless its schedule leaves
/// the decision to a person (16b). A job is known to be open only if it was read since `due`, in boot time.
pub(crate) fn active(
    book: &Book,
    policy: OverlapPolicy,
    schedule: &ScheduleKey,
    turn: Option<Turn>,
    due: Duration,
    now: Timestamp,
) -> Vec<ActiveRun> {
    // Nothing is looked at where nothing depends on it.
    if policy == OverlapPolicy::Allow {
        return Vec::new();
    }
    let but = turn.map(|turn| turn.id);
    let mut active: Vec<_> = book
        .of_schedule_but(schedule, but)
        // Rows that end with this very turn are still here.
        .filter(|open| !open.run.state.is_final())
        .filter(|open| match open.run.state {
            RunState::Held => open.run.policy.on_unknown_start == OnUnknownStart::Hold,
            RunState::Starting | RunState::Unknown | RunState::Job(_) => true,
            RunState::Armed | RunState::Waiting(_) if open.run.had_job() => true,
            // Inside a window overlap is not asked yet (semantics.md 30).
            RunState::Waiting(WaitReason::Blackout) if open.run.sent_at.is_none() && is_shut(open, now) => false,
            // What a person asked for counts once it was sent (semantics.md 12), but for what comes after it anyway.
            RunState::Armed | RunState::Waiting(_) => waits_before(&open.run, turn.as_ref()),
            RunState::Ended(_) => false,
        })
        .map(|open| {
            (
                open.run.nominal_at,
                ActiveRun { id: open.run.id, knowledge: open.knowledge_since(due), stage: open.stage() },
            )
        })
        .collect();
    active.sort_by_key(|(nominal_at, run)| (*nominal_at, run.id));
    let ended = book.ended.counting(schedule).filter(|(_, until)| *until > now);
    let ended = ended.map(|(id, _)| ActiveRun { id, knowledge: Knowledge::Current, stage: Stage::GivenUp });
    active.into_iter().map(|(_, run)| run).chain(ended).collect()
}
