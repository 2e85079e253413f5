//! Places in pools: who has one, and who gets the next (semantics.md 11).
//!
//! Those that wait for nothing else are ranked at the end of each turn, so that of several that come in one turn the right one goes first.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::dispatcher::core::due::holds_a_place;
use crate::dispatcher::core::progress::Open;
use crate::dispatcher::core::queue::Seat;
use crate::dispatcher::core::state::State;
use crate::happening::OfRun;
use crate::policy::pool::{Rank, rank};
use crate::run::{RunId, WaitReason};

/// The pool that a run waits in, if its size is limited by the files of now and it has no place. A pool that is gone limits nothing.
pub(crate) fn limited_by(state: &State, open: &Open) -> Option<String> {
    let pool = open.run.policy.pool.as_ref()?;
    state.loaded.set.pools.contains_key(pool).then(|| pool.clone())
}

/// How many places of a pool are free: for this run, which does not stand in its own way where it has a place, or for
/// any that has none.
fn free(state: &mut State, pool: &str, id: Option<RunId>) -> usize {
    let now = state.now.wall;
    let Some(size) = state.loaded.set.pools.get(pool).copied() else { return usize::MAX };
    let due = state.book.due();
    let nobody = BTreeSet::new();
    let held = due.holders.get(pool).unwrap_or(&nobody);
    let others = match id.filter(|id| held.contains(id)) {
        None => held.len(),
        // Of those that have a place and wait to be sent again none stands in another's way: where the pool has become
        // smaller, all of them would.
        Some(id) => {
            let waiting = due.pool_waits.get(pool).unwrap_or(&nobody);
            held.iter().filter(|other| **other != id && !waiting.contains(other)).count()
        }
    };
    // What was given up and may still run has its place for a while (semantics.md 22).
    let given_up = state.book.ended.counting_in(pool).filter(|until| *until > now).count();
    usize::try_from(size).unwrap_or(usize::MAX).saturating_sub(others.saturating_add(given_up))
}

/// It waits for a place.
pub(crate) fn wait(state: &mut State, id: RunId, pool: String) {
    let now = state.now.wall;
    // Only what changes is touched: whoever waits for a touched run is looked at again.
    if state.book.get(id).is_some_and(|open| open.pool_since.is_none())
        && let Some(open) = state.book.get_mut(id)
    {
        open.pool_since = Some(now);
    }
    state.wait(id, WaitReason::Limit, None, OfRun::WaitsForPool { pool });
}

/// Gives the free places of each pool to those that wait, the first in rank first. `start` sends one, and gives what it waits for else.
pub(crate) fn grant(state: &mut State, mut start: impl FnMut(&mut State, RunId) -> Seat) {
    let pools: Vec<String> = state.book.due().pool_waits.keys().cloned().collect();
    for pool in pools {
        let mut tried: BTreeSet<RunId> = BTreeSet::new();
        while let Some(id) = first(state, &pool, &tried) {
            tried.insert(id);
            if free(state, &pool, Some(id)) > 0 && start(state, id) == Seat::Limit {
                // Only how many starts its connection takes keeps it back, for a moment: whoever comes after it in rank would run for
                // hours in its place.
                break;
            }
        }
    }
}

/// The first in rank of those that wait, may go and were not tried in this turn. Where no place is free, one that has a
/// place itself may go all the same, whoever is before it in rank: its start came to nothing, and nobody else goes
/// before it does.
fn first(state: &mut State, pool: &str, tried: &BTreeSet<RunId>) -> Option<RunId> {
    let is_full = free(state, pool, None) == 0;
    let waiting: Vec<RunId> = state.book.due().pool_waits.get(pool)?.iter().copied().collect();
    let ranked = waiting.into_iter().filter(|id| !tried.contains(id)).filter_map(|id| {
        let open = state.book.get(id).filter(|open| !is_full || holds_a_place(open.run.state))?;
        Some((rank_of(open), id))
    });
    ranked.min().map(|(_, id)| id)
}

fn rank_of(open: &Open) -> (Reverse<i32>, Rank, Timestamp, Timestamp, RunId) {
    let since = open.pool_since.unwrap_or(open.run.deadline_from);
    (Reverse(open.run.policy.priority), rank(open.run.trigger), since, open.run.due_at(), open.run.id)
}
