//! A new set of schedules takes the place of the old one, whole, between two turns (semantics.md 8, 27).
//!
//! What had come due by then is claimed as the old files had it. A schedule whose times are as they were keeps its mark, so
//! nothing is lost and nothing comes twice; one with other times, and a new or renamed key, begins at the load. A run that was
//! sent has its frozen payload and is followed to its end, also when its schedule or its connection is gone; one that was
//! certainly not sent is withdrawn when its schedule is gone or disabled (semantics.md 14), for nobody wants it any more.
//!
//! Absent: reading files, and whether a set is to be taken at all (`daemon`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::claim;
use super::planning::{Planning, Settled, StoredMark, Warmed, settle_versions};
use super::recall;
use crate::dispatcher::core::link::Link;
use crate::dispatcher::core::run::{elsewhere, holding};
use crate::dispatcher::core::state::{Absent, State};
use crate::happening::OfConnection;
use crate::planner::Planner;
use crate::run::RunId;
use crate::schedule::{Connection, ConnectionName, Marks, ScheduleSet};

/// Takes a new set in.
pub(crate) fn load(state: &mut State, planning: &mut Planning, set: Arc<ScheduleSet>) {
    let now = state.now;
    claim::claim_all(state, planning);
    let mut stored: Vec<StoredMark> = std::mem::take(&mut planning.parked);
    for (key, mark) in &planning.planner.marks().0 {
        if let Some(old) = state.loaded.set.schedules.get(key) {
            stored.push((key.clone(), *mark, old.timing.hash(), Some(old.timing.clone())));
        }
    }
    state.holding.renew_windows(&set);
    let Settled { marks, due, recorded, parked } = settle_versions(state, &set, stored, Absent::Retire, None);
    planning.parked = parked;
    state.holding.retire(|key| set.schedules.contains_key(key));
    state.loaded.absent = Absent::Retire;
    planning.planner = Planner::new(set.clone(), Marks(marks));
    recall::hold(planning);
    state.loaded.set = set;
    for recorded in recorded {
        claim::record_not_run(state, &recorded);
    }
    link_connections(state);
    claim::claim_kept(state, &due);
    holding::renew_deadlines(state);
    state.links.values_mut().for_each(Link::forget_short_folders);
    elsewhere::compare_identities(state);
    planning.warmed = Warmed::from(now.wall);
    // Whether a run is wanted, and what it may overlap with, is in the files.
    state.book.look_at_all();
}

/// Connections that the files still have keep what is known of them; new ones read first what is open on them.
fn link_connections(state: &mut State) {
    let now = state.now;
    let mut unread: BTreeMap<&ConnectionName, BTreeSet<RunId>> = BTreeMap::new();
    for open in state.book.iter().filter(|open| open.is_to_be_read()) {
        unread.entry(&open.run.connection).or_default().insert(open.run.id);
    }
    for (name, connection) in &state.loaded.set.connections {
        match state.links.get_mut(name) {
            Some(link) => link.renew(connection.clone(), now.boot),
            None => {
                let to_read = unread.remove(name).unwrap_or_default();
                state.links.insert(
                    name.clone(),
                    Link::new(connection.clone(), to_read, now.boot, state.loaded.installation.0),
                );
            }
        }
    }
    state.leaving =
        state.links.keys().filter(|name| !state.loaded.set.connections.contains_key(*name)).cloned().collect();
}

/// A connection that is gone from the files is let go with the last run on it.
pub(crate) fn let_connections_go(state: &mut State) {
    if state.leaving.is_empty() {
        return;
    }
    let busy: BTreeSet<&ConnectionName> = state
        .book
        .iter()
        .map(|open| &open.run.connection)
        .chain(state.sweeps.iter().map(|sweep| &sweep.connection))
        .collect();
    let idle: Vec<ConnectionName> = state.leaving.iter().filter(|name| !busy.contains(name)).cloned().collect();
    for name in idle {
        state.log(&name, OfConnection::LetGo);
        state.leaving.remove(&name);
        state.links.remove(&name);
    }
}

/// The connections that are not in the files any more, for a core that starts over: the files cannot tell it.
pub(crate) fn leaving_connections(state: &State) -> Vec<Arc<Connection>> {
    state.leaving.iter().filter_map(|name| state.links.get(name)).map(|link| link.connection.clone()).collect()
}

/// Goes on with connections that are not in the files any more.
pub(crate) fn keep_connections(state: &mut State, leaving: Vec<Arc<Connection>>) {
    let now = state.now;
    for connection in leaving {
        let name = connection.name.clone();
        if state.links.contains_key(&name) {
            continue;
        }
        let open = state.book.iter().filter(|open| open.run.connection == name && open.is_to_be_read());
        let to_read = open.map(|open| open.run.id).collect();
        state.links.insert(name.clone(), Link::new(connection, to_read, now.boot, state.loaded.installation.0));
        state.leaving.insert(name);
    }
    elsewhere::compare_identities(state);
}
