//! Runs that wait for the word of an older one of their schedule (semantics.md 11).

use super::{ending, polling};
use crate::dispatcher::core::counting;
use crate::dispatcher::core::inquiry::{Settle, Then};
use crate::dispatcher::core::progress::{Need, Open, Progress};
use crate::dispatcher::core::state::{EarlierLife, State, boot_of, there};
use crate::happening::OfRun;
use crate::policy::overlap::{self, Admission};
use crate::run::{RunId, WaitReason};
use crate::schedule::OverlapPolicy;

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

/// Whether a run that had to wait for older ones may go on.
pub(crate) fn pass(state: &mut State, id: RunId) -> bool {
    let now = state.now;
    let Some(open) = there(state.book.get(id), "a run that is to be sent is open") else { return false };
    let live = state.loaded.set.schedules.get(&open.run.schedule).map(|schedule| schedule.overlap);
    let policy = open.run.policy.overlap.or(live).unwrap_or(OverlapPolicy::Skip);
    let earlier = state.earlier_life(open.run.trigger, open.run.fire_at);
    let due = boot_of(now, open.run.fire_at);
    let older = counting::active(&state.book, policy, &open.run.schedule, Some(id), due, now.wall);
    match overlap::decide(policy, &older) {
        Admission::AskAgain => {
            polling::read_for_overlap(state, &older, due);
            state.wait(id, WaitReason::Overlap, None, OfRun::WaitsForOlder);
            false
        }
        Admission::Skip(other) => {
            // One that was sent before keeps its attempt: its Reference answers what became of it.
            state.book.change(id, |run| {
                if run.sent_at.is_none() {
                    run.attempts.clear();
                }
            });
            ending::skip_for(state, id, other);
            false
        }
        Admission::Start => {
            if let Some(settle) = state.book.get_mut(id).and_then(Open::settle_mut) {
                // It has settled: nothing was started.
                settle.then = Then::Send;
                return true;
            }
            let need = match earlier {
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
            if let Some(open) = state.book.get_mut(id) {
                open.progress = Progress::Queued(need);
            }
            need == Need::Nothing
        }
    }
}
