//! What each answer to a start means for its run (semantics.md 15).

use std::time::Duration;

use jiff::Timestamp;

use super::{adopt, ending};
use crate::dispatcher::core::inquiry::Settle;
use crate::dispatcher::core::progress::{LookedAgain, Need, Pause, Progress};
use crate::dispatcher::core::state::{State, there, wall_of};
use crate::happening::OfRun;
use crate::orchestrator::{CallError, JobView, UnsentReason};
use crate::run::{RunEvent, RunId, RunState, WaitReason};
use crate::schedule::ConnectionName;

/// HTTP's word for something that stands in the way.
const CONFLICT: u16 = 409;

/// Pauses before one start that was turned away at the door is sent again, and then always the last (semantics.md 15).
const PAUSES: [u64; 6] = [1, 2, 5, 10, 30, 60];

/// What a server asks for beyond this is not obeyed: its `Retry-After` may be a mistake, and a start has a deadline.
const LONGEST_ASKED: Duration = Duration::from_secs(300);

/// The same for one that was told "not now": a robot or a licence is rarely free within a second.
const CAPACITY_PAUSES: [u64; 4] = [5, 10, 30, 60];

/// An unclear start is looked up a second after its call ended (semantics.md 16).
const FIRST_LOOK_UP: Duration = Duration::from_secs(1);

/// A start was answered, or not.
pub(crate) fn on_started(
    state: &mut State,
    connection: &ConnectionName,
    id: RunId,
    ended: Duration,
    server_date: Option<Timestamp>,
    result: Result<Vec<JobView>, CallError>,
) {
    let now = state.now;
    if let Some(link) = state.links.get_mut(connection) {
        if let Some(date) = server_date {
            link.compare_clocks(date.duration_since(now.wall), now.boot);
        }
        link.heard_start(&result, now.boot);
    }
    let Some(open) = state.book.get_mut(id) else { return };
    if open.run.state != RunState::Starting {
        // The store was read again while the call was under way, so the run is settling.
        let was = open.run.state;
        if let (RunState::Unknown | RunState::Held, Ok(jobs)) = (was, &result) {
            adopt::accepted(state, id, jobs);
        } else if let Some(settle) = open.settle_mut() {
            // The window counts from the end of the call, which is now known.
            settle.from = if settle.from > now.boot { ended } else { settle.from.max(ended) };
        }
        return;
    }
    match result {
        Ok(jobs) => adopt::accepted(state, id, &jobs),
        Err(error @ CallError::Unsent { reason, .. }) => {
            let waits_for = match reason {
                UnsentReason::Token => WaitReason::Token,
                UnsentReason::Outage => WaitReason::Outage,
                UnsentReason::RateLimit => WaitReason::RateLimit,
            };
            ending::keep_error(state, id, &error);
            pause(state, id, error.retry_after(), &PAUSES);
            state.step(id, RunEvent::Wait(waits_for), OfRun::NotSent(reason));
        }
        // Perhaps the first call's job is what it conflicts with: that one is looked for first (semantics.md 15).
        Err(error @ CallError::Rejected { status: CONFLICT, .. }) if may_have_been_made(state, id) => {
            let what = OfRun::RepeatRefused(error.to_string());
            let settle = Settle { refused: Some(error), ..Settle::from(ended, ended + FIRST_LOOK_UP) };
            state.become_unclear(id, settle, what);
        }
        Err(error) if error.passes().is_some() => {
            let what = error.passes().unwrap_or_default();
            ending::keep_error(state, id, &error);
            pause(state, id, None, &CAPACITY_PAUSES);
            let what = OfRun::NotNow { what, came: error.text().came.clone() };
            state.step(id, RunEvent::Wait(WaitReason::Capacity), what);
            look_up_before_sending(state, id);
        }
        Err(error) if (error.thing_is_unknown() || error.folder_is_unknown()) && may_look_again(state, id) => {
            look_again(state, id, &error);
        }
        Err(error @ CallError::Rejected { .. }) => ending::reject(state, id, &error),
        Err(error @ CallError::Unknown { status, .. }) => {
            ending::keep_error(state, id, &error);
            state.book.change_attempt(id, |attempt| {
                attempt.unclear = attempt.unclear.saturating_add(1);
                if attempt.answered != status {
                    attempt.answered = status;
                    attempt.settled_none = 0;
                }
            });
            let settle = Settle::from(ended, ended + FIRST_LOOK_UP);
            state.become_unclear(id, settle, OfRun::MayHaveStarted(error.to_string()));
        }
    }
}

/// This start is not sent again before a pause has passed; each is longer than the one before.
fn pause(state: &mut State, id: RunId, asked: Option<Duration>, pauses: &[u64]) {
    let now = state.now;
    let Some(open) = there(state.book.get_mut(id), "a run that pauses is open") else { return };
    let count = open.tries.pause.map_or(0, |pause| pause.count);
    let place = usize::try_from(count).unwrap_or(usize::MAX).min(pauses.len() - 1);
    let asked = asked.unwrap_or_default().min(LONGEST_ASKED);
    let until = now.boot + asked.max(Duration::from_secs(pauses[place]));
    open.tries.pause = Some(Pause { count: count.saturating_add(1), until });
    state.wake.at_boot(until);
    state.book.change(id, |run| run.waiting_until = Some(wall_of(now, until)));
}

/// Whether one of its calls stayed unclear, so that its job may exist.
fn may_have_been_made(state: &State, id: RunId) -> bool {
    state.book.get(id).and_then(|open| open.run.attempt()).is_some_and(|attempt| attempt.unclear > 0)
}

fn may_look_again(state: &State, id: RunId) -> bool {
    state.book.get(id).is_some_and(|open| open.tries.looked_again == LookedAgain::NotYet)
}

/// The process has another key now, or the folder another number: they are found again by their names, and the start is
/// sent once more.
fn look_again(state: &mut State, id: RunId, error: &CallError) {
    let Some(open) = there(state.book.get_mut(id), "a run that is looked for again is open") else { return };
    open.tries.looked_again = LookedAgain::Once;
    let (connection, start) = (open.run.connection.clone(), open.run.start().clone());
    if let Some(link) = state.links.get_mut(&connection) {
        if error.folder_is_unknown() {
            link.forget_folder(&start.folder);
        } else {
            let gone = (start.folder, start.process);
            link.targets.retain(|known, _| *known != gone);
        }
    }
    // What was refused made no job, so the next call may go to another folder.
    state.book.change_attempt(id, |attempt| attempt.folder_id = None);
    let what = if error.folder_is_unknown() { OfRun::FolderUnknown } else { OfRun::ProcessUnknown };
    state.step(id, RunEvent::Wait(WaitReason::LookUp), what);
    look_up_before_sending(state, id);
}

/// A refusal made no job. But gateways send a request again by themselves, and what the second one conflicts with may be the
/// job of the first: one look-up costs less than a robot that runs twice.
fn look_up_before_sending(state: &mut State, id: RunId) {
    if let Some(open) = state.book.get_mut(id) {
        open.progress = Progress::Queued(Need::LOOK_UP);
    }
}
