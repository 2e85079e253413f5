//! When a write has failed: the old core goes on reading Orchestrator, and a new one takes its place once the database is back.
//!
//! What was decided and not stored never happened, so the new core begins from the database. It inherits only what no database
//! holds: how each connection is, what is being asked, and the ends of jobs that the old one has seen meanwhile.

use std::time::Duration;

use super::progress::Open;
use super::run::lists;
use super::set::reload;
use super::state::State;
use crate::happening::OfRun;
use crate::run::{Ending, Run, RunEvent, RunState};

/// No call of a start takes longer: it may wait for a token, be refused, wait for another one and be made again.
const LONGEST_CALL: Duration = Duration::from_secs(300);

/// Takes the place of a core whose decisions could not be stored.
pub(crate) fn take_over(state: &mut State, mut old: State) {
    let now = state.now;
    reload::keep_connections(state, reload::leaving_connections(&old));
    state.usual = std::mem::take(&mut old.usual);
    for (name, link) in std::mem::take(&mut old.links) {
        if let Some(own) = state.links.get_mut(&name) {
            let stored = own.lists.made(now.boot).count();
            own.inherit(link);
            lists::inherit(state, &name, stored);
        }
    }
    // What was decided while nothing could be stored, and changes something at Orchestrator, is not done.
    for action in old.take_actions() {
        old.withdraw(&action);
    }
    for open in old.book.iter() {
        let ends = match (open.run.state, open.settle()) {
            // Its call is under way in this very process, and may leave only now: nothing is settled before it has ended.
            (RunState::Starting, _) => now.boot + LONGEST_CALL,
            (RunState::Unknown, Some(settle)) => settle.from,
            (RunState::Unknown, None)
            | (RunState::Armed | RunState::Waiting(_) | RunState::Held | RunState::Job(_) | RunState::Ended(_), _) => {
                continue;
            }
        };
        let own = state.book.get_mut(open.run.id).filter(|own| own.run.state == RunState::Unknown);
        if let Some(settle) = own.and_then(Open::settle_mut) {
            settle.from = settle.from.max(ends);
        }
    }
    for seen in old.book.iter().map(|open| &open.run) {
        take_over_end(state, seen);
    }
    state.book.inherit_flights(old.book.into_flights());
}

/// The old core has seen the end of a job.
fn take_over_end(state: &mut State, seen: &Run) {
    let RunState::Ended(ending) = seen.state else { return };
    match ending {
        Ending::Succeeded | Ending::Faulted | Ending::Stopped | Ending::TimedOut => {}
        Ending::Rejected | Ending::Lost | Ending::Skipped(_) | Ending::Missed(_) | Ending::Cancelled => return,
    }
    let job = seen.attempt().and_then(|attempt| attempt.job);
    let same = state.book.get(seen.id).is_some_and(|open| job.is_some() && open.run.open_job() == job);
    if !same {
        return;
    }
    let job_state = seen.attempt().and_then(|attempt| attempt.job_state.clone());
    state.book.change(seen.id, |run| {
        run.started_at = seen.started_at.or(run.started_at);
        run.ended_at = seen.ended_at;
        run.output = seen.output.clone();
        run.error = seen.error.clone();
        if let Some(attempt) = run.attempt_mut() {
            attempt.job_state = job_state;
        }
    });
    state.step(seen.id, RunEvent::End(ending), OfRun::EndSeenBefore);
}
