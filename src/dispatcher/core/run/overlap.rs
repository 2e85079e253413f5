//! Runs that wait for older ones of their schedule: for the word of them, for their end, or until they have been stopped (semantics.md 9,
//! 11).

use jiff::Timestamp;

use super::{ending, polling, stop};
use crate::clock::later;
use crate::dispatcher::core::counting::{self, Turn};
use crate::dispatcher::core::inquiry::{Settle, Then};
use crate::dispatcher::core::progress::{Need, Open, Patience, Progress};
use crate::dispatcher::core::state::{EarlierLife, State, boot_of, there};
use crate::happening::{OfRun, OldBlocker};
use crate::policy::overlap::{self, ActiveRun, Admission, Knowledge, Stage};
use crate::recurrence::Excluded;
use crate::run::{RunId, RunState, StoppedBy, WaitReason};
use crate::schedule::{OverlapPolicy, ScheduleKey, Trigger};

/// Times on days that a calendar takes out are passed over, so many at most.
const MOST_EXCLUDED: usize = 1_000;

/// A time that a life before this one may have started, and that the database may have forgotten: an unclear start.
pub(crate) fn doubt_start(state: &mut State, id: RunId) {
    let now = state.now;
    state.book.change_attempt(id, |attempt| {
        // So that a call of ours counts as a repeated one, whose jobs are counted later.
        attempt.sends = attempt.sends.max(1);
        attempt.unclear = attempt.unclear.max(1);
    });
    let settle = Settle::from(state.loaded.opened.boot, now.boot).then_ask_overlap();
    state.become_unclear(id, settle, OfRun::MayBeForgotten);
    state.wake.at_boot(now.boot);
}

/// What of a run that may go on decides how it does.
struct Asked {
    trigger: Trigger,
    due: Timestamp,
    need: Option<Need>,
    /// Its start was unclear, and has settled.
    has_settled: bool,
}

/// Whether a run may go on, as far as older ones of its schedule are concerned; then it is known what is still to be asked.
pub(crate) fn pass(state: &mut State, id: RunId) -> bool {
    let Some(Asked { trigger, due, need: known, has_settled }) = may_go(state, id) else { return false };
    let now = state.now;
    if has_settled {
        if let Some(settle) = state.book.get_mut(id).and_then(Open::settle_mut) {
            // Nothing was started.
            settle.then = Then::Send;
        }
        return true;
    }
    let need = match state.earlier_life(trigger, due) {
        EarlierLife::StartedNothing => Need::Nothing,
        EarlierLife::MayHaveStarted => {
            // Look-ups go out at the beginning of a turn.
            state.wake.at_boot(now.boot);
            Need::LOOK_UP
        }
        EarlierLife::MayBeForgotten => {
            doubt_start(state, id);
            return false;
        }
    };
    if known != Some(need)
        && let Some(open) = state.book.get_mut(id)
    {
        open.progress = Progress::Queued(need);
    }
    need == Need::Nothing
}

/// The same of one that has been asked before and waited for something else since: asked once more before it is sent (semantics.md 11).
pub(crate) fn may_still_go(state: &mut State, id: RunId) -> bool {
    let may = may_go(state, id).is_some();
    if !may {
        wait_for_older(state, id);
    }
    may
}

/// It is asked again when something of the older ones changes.
pub(crate) fn wait_for_older(state: &mut State, id: RunId) {
    if let Some(open) = state.book.get_mut(id)
        && let Progress::Queued(need) = &mut open.progress
    {
        *need = Need::Overlap;
    }
}

/// Asks its policy, and does what that says. None: it may not go on.
fn may_go(state: &mut State, id: RunId) -> Option<Asked> {
    let now = state.now;
    let open = there(state.book.get(id), "a run that is to be sent is open")?;
    let has_settled = open.settle().is_some();
    let asked = Asked { trigger: open.run.trigger, due: open.run.due_at(), need: open.need(), has_settled };
    if open.run.had_job() {
        // Its schedule has waited for it since its first attempt.
        return Some(asked);
    }
    let (schedule, is_new) = (open.run.schedule.clone(), open.run.state == RunState::Armed);
    let patience = open.patience;
    let stays_limited = open.run.state == RunState::Waiting(WaitReason::RateLimit) && asked.need == Some(Need::Overlap);
    let turn = Some(Turn::of(&open.run));
    let live = state.loaded.set.schedules.get(&schedule).map(|schedule| schedule.overlap);
    let policy = open.run.policy.overlap.or(live).unwrap_or(OverlapPolicy::Skip);
    let has_waited = matches!(open.run.state, RunState::Waiting(WaitReason::Overlap | WaitReason::CatchUp))
        || patience != Patience::Runs
        // Perhaps for the word of an older one, which it does not show while Orchestrator keeps it off.
        || stays_limited && policy != OverlapPolicy::Allow;
    let due = boot_of(now, open.run.fire_at);
    if state.book.has_caught_up(&schedule)
        && let Some(ahead) = counting::caught_up_before(&state.book, id, due)
    {
        polling::read_for_overlap(state, &[ahead], due);
        let what = OfRun::BehindCaughtUp(blocker(state, ahead.id));
        // A later time has its deadline from its own; those that are caught up have it from the end of the one before (semantics.md 9).
        let is_caught_up = state.book.get(id).is_some_and(|open| open.run.is_caught_up());
        let patience = if is_caught_up { Patience::Behind } else { Patience::Runs };
        wait_behind(state, id, WaitReason::CatchUp, patience, what);
        return None;
    }
    if asked.trigger == Trigger::Backfill && gives_planned_way(state, id, &schedule, policy) {
        return None;
    }
    let older = counting::active(&state.book, policy, &schedule, turn, due, now.wall);
    match overlap::decide(policy, &older) {
        Admission::Start => {
            if has_waited {
                release(state, id);
            }
            Some(asked)
        }
        Admission::AskAgain => {
            polling::read_for_overlap(state, &older, due);
            if patience == Patience::Behind && count_from_last_end(state, id) {
                // What it waited behind is gone, and what the next one does is not known: for that it waits within its deadline.
                set_patience(state, id, Patience::Runs);
            }
            let what = if is_new { OfRun::ClaimedBehindOlder } else { OfRun::WaitsForOlder };
            state.wait(id, WaitReason::Overlap, None, what);
            None
        }
        Admission::Skip(other) => {
            drop_attempt(state, id);
            ending::skip_for(state, id, other);
            None
        }
        Admission::Behind(front) => {
            let what = OfRun::Behind(blocker(state, front));
            wait_behind(state, id, WaitReason::Overlap, Patience::Behind, what);
            None
        }
        Admission::InPlaceOf(front, replaced) => {
            for other in replaced {
                replace(state, other, id);
            }
            let what = OfRun::Behind(blocker(state, front));
            wait_behind(state, id, WaitReason::Overlap, Patience::Behind, what);
            None
        }
        Admission::AfterStopping(older) => {
            stop_older(state, id, policy, &older);
            None
        }
        Admission::TooMany => {
            drop_attempt(state, id);
            ending::too_many_wait(state, id, OverlapPolicy::LONGEST_QUEUE);
            None
        }
    }
}

/// What fills a hole of the past goes when no planned run of its schedule is open, or due within the time that its jobs usually take; where
/// that is not known, or longer than from one time to the next, as soon as none is open (semantics.md 12).
fn gives_planned_way(state: &mut State, id: RunId, schedule: &ScheduleKey, policy: OverlapPolicy) -> bool {
    // One that is to be skipped next to another is no better off by waiting.
    if policy != OverlapPolicy::Skip
        && let Some(planned) = counting::planned(&state.book, schedule)
    {
        let what = OfRun::Behind(blocker(state, planned));
        wait_behind(state, id, WaitReason::Overlap, Patience::Behind, what);
        return true;
    }
    let now = state.now.wall;
    let Some(usual) = state.usual.get(schedule).copied() else { return false };
    let recurrence = state.loaded.set.schedules.get(schedule).map(|schedule| schedule.recurrence.clone());
    let kept = |after| {
        let times = std::iter::successors(recurrence.as_ref()?.next_after(after), |time| {
            recurrence.as_ref()?.next_after(time.at)
        });
        times.take(MOST_EXCLUDED).find(|time| time.excluded == Excluded::No)
    };
    let Some(next) = kept(now) else { return false };
    let gap = kept(next.at).map(|second| second.at.duration_since(next.at).unsigned_abs());
    if next.fire_at >= later(now, usual) || gap.is_some_and(|gap| gap < usual) {
        return false;
    }
    state.wake.at_wall(next.fire_at);
    wait_behind(state, id, WaitReason::Overlap, Patience::Behind, OfRun::PlannedIsNear { nominal_at: next.at });
    true
}

/// Whether a run waits for the end of an older one, as far as is known.
pub(crate) fn waits_behind(open: &Open) -> bool {
    let waits_for = |reason| open.run.state == RunState::Waiting(reason);
    // Of two things that it waits for, the one that is shown is a pause or a window.
    let may_wait = waits_for(WaitReason::Overlap) || waits_for(WaitReason::Paused) || waits_for(WaitReason::Blackout);
    // For times that are caught up, whether its own time runs meanwhile or not.
    waits_for(WaitReason::CatchUp) || may_wait && open.patience != Patience::Runs
}

/// It waits for the end of an older one; whether its own time runs meanwhile depends on what that is.
fn wait_behind(state: &mut State, id: RunId, reason: WaitReason, patience: Patience, what: OfRun) {
    set_patience(state, id, patience);
    state.wait(id, reason, None, what);
}

/// Only what changes is touched: whoever waits for a touched run is looked at again.
fn set_patience(state: &mut State, id: RunId, patience: Patience) {
    if state.book.get(id).is_some_and(|open| open.patience != patience)
        && let Some(open) = state.book.get_mut(id)
    {
        open.patience = patience;
    }
}

/// Nothing stands before it any more: its time counts from the end of what stood there (semantics.md 11).
fn release(state: &mut State, id: RunId) {
    count_from_last_end(state, id);
    set_patience(state, id, Patience::Runs);
    // It may be past it already.
    if let Some(open) = state.book.get(id) {
        state.wake.at_wall(open.run.deadline_at);
    }
}

/// Its time counts from the last end of those before it, or from our reading of it where that came later. Gives whether there was one since
/// it counts.
fn count_from_last_end(state: &mut State, id: RunId) -> bool {
    let now = state.now.wall;
    let Some(open) = state.book.get(id) else { return false };
    if open.run.state == RunState::Waiting(WaitReason::CatchUp) && !open.run.is_caught_up() {
        // A later time that waited for those that are caught up has its deadline from its own (semantics.md 9).
        return false;
    }
    let ended = state.book.ended.last_before(&open.run.schedule, open.run.nominal_at);
    let since = ended.is_some_and(|ended| ended > open.run.deadline_from);
    if since {
        state.set_deadline(id, now);
    }
    since
}

/// It waits for an older one, and something keeps it back besides: whether that older one is still there is asked all the same, since its
/// own time runs from then on.
pub(crate) fn stays_behind(state: &mut State, id: RunId) -> bool {
    let now = state.now;
    let Some(open) = state.book.get(id) else { return false };
    let is_behind = waits_behind(open);
    // One that asked, and has not been told yet, whether an older one is there.
    let has_asked = open.run.state == RunState::Waiting(WaitReason::Overlap);
    if !is_behind && !has_asked {
        return false;
    }
    let (schedule, turn) = (open.run.schedule.clone(), Some(Turn::of(&open.run)));
    let policy = open.run.policy.overlap.unwrap_or(OverlapPolicy::Skip);
    let (due, is_caught_up) = (boot_of(now, open.run.fire_at), open.run.is_caught_up());
    let older = counting::active(&state.book, policy, &schedule, turn, due, now.wall);
    let is_behind_caught_up = counting::caught_up_before(&state.book, id, due).is_some();
    let is_first = older.is_empty() && !is_behind_caught_up;
    if is_first {
        release(state, id);
    } else if !is_behind {
        return false;
    } else if is_behind_caught_up && !is_caught_up {
        // It has its deadline from its own time (semantics.md 9).
        set_patience(state, id, Patience::Runs);
    } else if older.iter().all(|run| run.knowledge == Knowledge::NotReadYet) && count_from_last_end(state, id) {
        // What it waited behind is gone, and what the next one does is not known: for that it waits within its deadline.
        set_patience(state, id, Patience::Runs);
    }
    !is_first
}

/// What held it back besides is over, and it is shown with the older one again.
pub(crate) fn show_behind(state: &mut State, id: RunId) {
    let was_held = |state| matches!(state, RunState::Waiting(WaitReason::Paused | WaitReason::Blackout));
    let Some(open) = state.book.get(id).filter(|open| was_held(open.run.state)) else { return };
    let due = boot_of(state.now, open.run.fire_at);
    let reason = match counting::caught_up_before(&state.book, id, due) {
        Some(_) => WaitReason::CatchUp,
        None => WaitReason::Overlap,
    };
    state.wait(id, reason, None, OfRun::WaitsForOlder);
}

/// The older ones are made to end, each as it can be; what was never sent is not started at all.
fn stop_older(state: &mut State, id: RunId, policy: OverlapPolicy, older: &[ActiveRun]) {
    let how = if policy == OverlapPolicy::KillOther { stop::How::Kill } else { stop::How::Softly };
    let mut patience = Patience::Runs;
    for run in older {
        match run.stage {
            Stage::Unsent => replace(state, run.id, id),
            Stage::Job => {
                stop::wish(state, run.id, StoppedBy::Overlap, how, Some(id));
                patience = Patience::Behind;
            }
            Stage::Retrying => ending::end_as_last_job(state, run.id, OfRun::Replaced { newer: id }),
            // As soon as its job is known it is asked again.
            Stage::Unclear => {}
            Stage::GivenUp => patience = Patience::Behind,
        }
    }
    let left = older.iter().find(|run| state.book.get(run.id).is_none_or(|open| !open.run.state.is_final()));
    match left.map(|run| run.id) {
        Some(front) => {
            let what = OfRun::BehindStopped(blocker(state, front));
            wait_behind(state, id, WaitReason::Overlap, patience, what);
        }
        None => {
            // Nothing of them is left: it is asked again in a turn of its own.
            let what = OfRun::WaitsForOlder;
            state.wait(id, WaitReason::Overlap, None, what);
            state.wake.at_boot(state.now.boot);
        }
    }
}

/// A newer time takes the place of one that was never sent.
fn replace(state: &mut State, id: RunId, newer: RunId) {
    drop_attempt(state, id);
    ending::skip_for_newer(state, id, newer);
}

/// One that was sent before keeps its attempt: its Reference answers what became of it. Nothing was sent for others, so they have none to
/// look for.
fn drop_attempt(state: &mut State, id: RunId) {
    state.book.change(id, |run| {
        if run.sent_at.is_none() {
            run.attempts.clear();
        }
    });
}

fn blocker(state: &State, run: RunId) -> OldBlocker {
    OldBlocker { run, state: state.book.get(run).map(|open| open.run.state) }
}
