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

use super::claim::{self, Settled, StoredMark};
use super::link::Link;
use super::target::Warmed;
use super::{Core, Stopping};
use crate::clock::Reading;
use crate::planner::Planner;
use crate::run::{Ending, Run, RunId, SkipReason};
use crate::schedule::{Connection, ConnectionName, Enablement, Marks, ScheduleSet};

/// What becomes of schedules that the database knows and the loaded set does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// They were taken out of the files: their marks go, and they begin anew should they come back.
    Retire,
    /// The set is held back, so nothing is loaded yet: their marks stay, and what comes due is judged when they are loaded.
    Park,
}

impl Core {
    pub(super) fn load(&mut self, set: Arc<ScheduleSet>, now: Reading) {
        // The next life reads the files itself, and finds in the database what the old ones owed.
        if self.stopping == Stopping::Yes {
            return;
        }
        self.claim_due(now);
        let mut stored: Vec<StoredMark> = std::mem::take(&mut self.parked);
        for (key, mark) in &self.planner.marks().0 {
            if let Some(old) = self.set.schedules.get(key) {
                stored.push((key.clone(), *mark, old.timing.hash(), Some(old.timing.clone())));
            }
        }
        let Settled { marks, recorded, parked } =
            claim::settle_versions(&set, stored, Absent::Retire, None, now.wall, &mut self.book);
        self.parked = parked;
        self.absent = Absent::Retire;
        self.planner = Planner::new(set.clone(), Marks(marks));
        self.hold_recalled();
        self.set = set;
        for recorded in recorded {
            self.record_not_run(&recorded, now.wall);
        }
        self.link_connections(now);
        self.forget_short_folders();
        self.compare_identities(now);
        self.warmed = Warmed::from(now.wall);
        // Whether a run is wanted, and what it may overlap with, is in the files.
        self.book.look_at_all();
    }

    /// Connections that the files still have keep what is known of them; new ones read first what is open on them.
    fn link_connections(&mut self, now: Reading) {
        let mut unread: BTreeMap<&ConnectionName, BTreeSet<RunId>> = BTreeMap::new();
        for open in self.book.iter().filter(|open| open.is_to_be_read()) {
            unread.entry(&open.run.connection).or_default().insert(open.run.id);
        }
        for (name, connection) in &self.set.connections {
            match self.links.get_mut(name) {
                Some(link) => link.renew(connection.clone(), now.boot),
                None => {
                    let to_read = unread.remove(name).unwrap_or_default();
                    self.links
                        .insert(name.clone(), Link::new(connection.clone(), to_read, now.boot, self.installation.0));
                }
            }
        }
        self.leaving = self.links.keys().filter(|name| !self.set.connections.contains_key(*name)).cloned().collect();
    }

    /// Why the files do not want a run any more that has not been sent, or is not to be sent again. An edit withdraws nothing: what
    /// was due is sent as it was claimed (semantics.md 27).
    pub(super) fn unwanted(&self, run: &Run) -> Option<(Ending, &'static str)> {
        match (self.set.schedules.get(&run.schedule).map(|schedule| schedule.enablement), self.absent) {
            (Some(Enablement::Enabled), _) | (None, Absent::Park) => None,
            (Some(Enablement::Disabled), _) => {
                Some((Ending::Skipped(SkipReason::Disabled), "its schedule was disabled before it could be sent"))
            }
            (None, Absent::Retire) => {
                Some((Ending::Cancelled, "its schedule was taken out of the files before it could be sent"))
            }
        }
    }

    /// A connection that is gone from the files is let go with the last run on it.
    pub(super) fn let_connections_go(&mut self) {
        if self.leaving.is_empty() {
            return;
        }
        let busy: BTreeSet<&ConnectionName> = self
            .book
            .iter()
            .map(|open| &open.run.connection)
            .chain(self.sweeps.iter().map(|sweep| sweep.connection()))
            .collect();
        let idle: Vec<ConnectionName> = self.leaving.iter().filter(|name| !busy.contains(name)).cloned().collect();
        for name in idle {
            tracing::info!(connection = %name, "Connection `{name}` is let go; it is not in the files, and nothing is open on it");
            self.leaving.remove(&name);
            self.links.remove(&name);
        }
    }

    /// The connections that are not in the files any more, and that open runs are still followed on.
    pub fn leaving(&self) -> &BTreeSet<ConnectionName> {
        &self.leaving
    }

    /// The same with all that is known of them, for a core that starts over: the files cannot tell it.
    pub fn leaving_connections(&self) -> Vec<Arc<Connection>> {
        self.leaving.iter().filter_map(|name| self.links.get(name)).map(|link| link.connection.clone()).collect()
    }

    /// Goes on with connections that are not in the files any more.
    pub fn keep_connections(&mut self, leaving: Vec<Arc<Connection>>, now: Reading) {
        for connection in leaving {
            let name = connection.name.clone();
            if self.links.contains_key(&name) {
                continue;
            }
            let open = self.book.iter().filter(|open| open.run.connection == name && open.is_to_be_read());
            let to_read = open.map(|open| open.run.id).collect();
            self.links.insert(name.clone(), Link::new(connection, to_read, now.boot, self.installation.0));
            self.leaving.insert(name);
        }
        self.compare_identities(now);
    }
}
