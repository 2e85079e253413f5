//! What an outage has piled up: of several times of one schedule its catch-up chooses when the outage ends (semantics.md 9).

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::ending;
use crate::dispatcher::core::progress::Open;
use crate::dispatcher::core::state::State;
use crate::policy::pile;
use crate::run::{RunId, RunState, WaitReason};
use crate::schedule::{ConnectionName, ScheduleKey};

/// A connection's starts may go again after a trouble: of each schedule the newest times are kept.
pub(crate) fn choose(state: &mut State, connection: &ConnectionName) {
    choose_of(state, connection, |_| true);
}

/// A trouble had kept these back when the life before this one ended. Whether it is over or not, the newest of them go at its end. What
/// waited only for what was open at the start of that life shows no trouble.
pub(crate) fn choose_left_over(state: &mut State) {
    let names: Vec<ConnectionName> = state.links.keys().cloned().collect();
    for name in names {
        choose_of(state, &name, |open| open.run.error.is_some());
    }
}

fn choose_of(state: &mut State, connection: &ConnectionName, wanted: impl Fn(&Open) -> bool) {
    let now = state.now.wall;
    let queue = state.book.due().queues.get(connection);
    let queued: Vec<RunId> = queue.into_iter().flat_map(|queue| queue.runs()).collect();
    let mut piles: BTreeMap<ScheduleKey, Vec<(Timestamp, RunId, WaitReason)>> = BTreeMap::new();
    for open in queued.into_iter().filter_map(|id| state.book.get(id)).filter(|open| wanted(open)) {
        if let Some(reason) = waited_for(open, now) {
            let pile = piles.entry(open.run.schedule.clone()).or_default();
            pile.push((open.run.nominal_at, open.run.id, reason));
        }
    }
    for (key, mut pile) in piles.into_iter().filter(|(_, pile)| pile.len() > 1) {
        pile.sort_by_key(|(nominal_at, id, _)| (*nominal_at, *id));
        let newest = pile.last().and_then(|(_, id, _)| state.book.get(*id));
        let frozen = newest.and_then(|open| open.run.policy.catch_up);
        let live = || state.loaded.set.schedules.get(&key).map(|schedule| schedule.catch_up);
        let Some(catch_up) = frozen.or_else(live) else { continue };
        let gone = pile.len().saturating_sub(pile::decide(catch_up));
        for (_, id, reason) in pile.into_iter().take(gone) {
            ending::piled_up(state, id, reason);
        }
    }
}

/// What a planned run that was certainly never sent has waited for, if that was the connection or its clock.
fn waited_for(open: &Open, now: Timestamp) -> Option<WaitReason> {
    let planned = open.run.trigger.is_planned();
    let RunState::Waiting(reason @ (WaitReason::Token | WaitReason::Outage | WaitReason::Clock)) = open.run.state
    else {
        return None;
    };
    // Calls that certainly did not arrive leave it unsent.
    let unsent = open.run.attempt().is_none_or(|attempt| attempt.unclear == 0) && !open.run.had_job();
    let unsent = unsent && open.elsewhere.is_none();
    (planned && unsent && open.run.due_at() <= now).then_some(reason)
}
