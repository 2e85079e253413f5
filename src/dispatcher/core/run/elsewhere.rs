//! Runs whose connection leads to another tenant than when they were claimed (semantics.md 12a).
//!
//! Their jobs are not there, and "no job" from another tenant would be a lie: they are neither read nor sent with the new
//! address. They go on when the old one is back within the schedule's `start_deadline`, else they end.

use super::ending;
use crate::dispatcher::core::link::identity;
use crate::dispatcher::core::state::{Absent, State};
use crate::happening::{OfRun, WhyLost};
use crate::run::{RunId, RunState};

/// Compares each open run with where its connection leads now: after a start, and after files were read.
pub(crate) fn compare_identities(state: &mut State) {
    let now = state.now;
    for id in state.book.ids() {
        let Some(open) = state.book.get_mut(id) else { continue };
        let connection = open.run.connection.clone();
        let link = state.links.get(&connection);
        if link.is_none() && state.loaded.absent == Absent::Park {
            // Nothing is loaded yet.
            continue;
        }
        let same = link.is_some_and(|link| {
            open.run.identity.as_ref().is_none_or(|claimed| *claimed == identity(&link.connection))
        });
        match (same, open.elsewhere) {
            (true, None) => continue,
            (false, Some(_)) => {}
            (true, Some(_)) => {
                open.elsewhere = None;
                // What became of it meanwhile is to be read.
                open.reread(now.boot);
                state.note(id, OfRun::TenantBack);
                continue;
            }
            (false, None) => {
                open.elsewhere = Some(now.boot);
                let what = if link.is_some() { OfRun::TenantGone } else { OfRun::ConnectionGone };
                state.note(id, what);
            }
        }
        // Whatever it waited for at the start of this life is not to be had here.
        state.read_once(&connection, id);
    }
}

/// Ends what waits for a tenant that did not come back.
pub(crate) fn give_up(state: &mut State) {
    let now = state.now;
    let away: Vec<RunId> = state.book.due().elsewhere.iter().copied().collect();
    for id in away {
        let Some(open) = state.book.get(id) else { continue };
        let Some(since) = open.elsewhere else { continue };
        let patience = open.run.policy.start_deadline;
        if now.boot < since + patience {
            state.wake.at_boot(since + patience);
            continue;
        }
        match open.run.state {
            RunState::Unknown | RunState::Held | RunState::Job(_) => {
                let why = if state.links.contains_key(&open.run.connection) {
                    WhyLost::OtherTenant
                } else {
                    WhyLost::NoConnection
                };
                ending::lose(state, id, why, None);
            }
            // Its deadline ends it, or its answer is under way.
            RunState::Armed | RunState::Waiting(_) | RunState::Starting | RunState::Ended(_) => {}
        }
    }
}
