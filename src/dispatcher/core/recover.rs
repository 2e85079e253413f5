//! Taking over what the database knows: at the start of a life, and after a write that failed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::holding::Holding;
use super::link::Link;
use super::progress::Open;
use super::run::{elsewhere, holding, lists, pile};
use super::set::planning::{Planning, Settled, settle_versions};
use super::set::{claim, jumps, recall};
use super::state::{Absent, Loaded, Pace, RandomBits, State, Sweep};
use crate::clock::Reading;
use crate::happening::OfConnection;
use crate::planner::Planner;
use crate::run::{RunId, RunState, WaitReason};
use crate::schedule::{ConnectionName, Marks, ScheduleSet};
use crate::store::LoadedState;

/// The state and the plans that follow from a database.
pub(crate) fn recover(
    set: Arc<ScheduleSet>,
    absent: Absent,
    stored: LoadedState,
    opened: Reading,
    pace: Pace,
    random: RandomBits,
) -> (State, Planning) {
    let LoadedState {
        installation,
        open,
        marks,
        evidence,
        sweeps,
        counting,
        short_folders,
        list_calls,
        holding,
        failing,
        doubt,
    } = stored;
    let loaded = Loaded { installation, set: set.clone(), absent, pace, opened, doubt };
    let mut state = State::new(loaded, random);
    for counting in counting {
        state.book.ended.count_until(&counting.schedule, counting.pool.as_deref(), counting.run, counting.until);
    }
    state.holding = Holding::new(holding, failing, &set);
    state.holding.holds.begin_by(opened.wall);
    let Settled { marks, due, recorded, parked } = settle_versions(&mut state, &set, marks, absent, doubt);
    let mut planning = Planning::new(Planner::new(set.clone(), Marks(marks)), parked, opened.wall);
    state.sweeps = sweeps.into_iter().map(|(run, connection, attempt)| Sweep::new(run, connection, attempt)).collect();
    let mut to_read: BTreeMap<ConnectionName, BTreeSet<RunId>> = BTreeMap::new();
    for run in open {
        let open = Open::found_at_start(run, opened);
        if open.is_to_be_read() || open.run.state == RunState::Starting {
            to_read.entry(open.run.connection.clone()).or_default().insert(open.run.id);
        }
        state.book.add(open);
    }
    for (name, connection) in &set.connections {
        let left = to_read.remove(name).unwrap_or_default();
        let link = Link::new(connection.clone(), left, opened.boot, installation.0);
        state.links.insert(name.clone(), link);
    }
    for (name, runs) in to_read {
        state.log(&name, OfConnection::NotLoaded { runs: runs.len() });
    }
    for proof in evidence {
        if let Some(link) = state.links.get_mut(&proof.connection) {
            link.evidence.insert(proof.folder_id, proof);
        }
    }
    for short in short_folders {
        if let Some(link) = state.links.get_mut(&short.connection) {
            link.short_folders.insert(short.name.clone(), short);
        }
    }
    lists::count_stored(&mut state, list_calls);
    for recorded in recorded {
        claim::record_not_run(&mut state, &recorded);
    }
    holding::renew_deadlines(&mut state);
    claim::claim_kept(&mut state, &due);
    jumps::take_back_marks(&mut state, &mut planning, opened.wall);
    jumps::doubt_unfinished_starts(&mut state);
    elsewhere::compare_identities(&mut state);
    jumps::shorten_distances(&mut state);
    count_from_finding(&mut state);
    match doubt {
        Some(doubt) => recall::plan(&mut state, &mut planning, doubt),
        None => pile::choose_left_over(&mut state),
    }
    (state, planning)
}

/// What of further attempts came due while nobody was there counts from the finding (semantics.md 18).
fn count_from_finding(state: &mut State) {
    let opened = state.loaded.opened.wall;
    for id in state.book.ids() {
        let late = state.book.get(id).is_some_and(|open| {
            open.run.had_job()
                // One that waits for anything else was due already, and has its deadline from then.
                && open.run.state == RunState::Waiting(WaitReason::Retry)
                && open.run.deadline_from < opened
                && open.run.due_at() <= opened
        });
        if late {
            state.set_deadline(id, opened);
        }
    }
}
