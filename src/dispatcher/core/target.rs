//! Where processes are at Orchestrator: looked up a minute ahead, so that the due instant costs one call, and kept for an hour.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::Timestamp;

use super::Core;
use crate::clock::{Reading, earlier, later};
use crate::executor::Target;
use crate::schedule::{ConnectionName, FolderChoice, StartSpec};

/// Processes are looked up this long before their time, so that the due instant costs one call.
const WARM_UP: Duration = Duration::from_secs(60);

/// A process found this long ago is looked up again before its next start: it may have been deployed anew.
const TARGET_LIFE: Duration = Duration::from_secs(3600);

/// A process in a folder, as the files name them.
pub(super) type TargetKey = (Option<FolderChoice>, String);

/// What is known of a process in a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TargetState {
    /// Being looked for.
    Asked,
    /// The last look came to nothing; the next one is at this boot time.
    PutOff(Duration),
    /// Found, at this boot time.
    Known(Target, Duration),
    /// Not there, or not ours to see, at this boot time.
    Refused(Duration),
}

/// What is known of the processes of a connection.
#[derive(Debug, Default)]
pub(super) struct Targets {
    known: HashMap<TargetKey, TargetState>,
    changes: TargetChanges,
}

/// How often something was learnt of a process, and how often something was forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TargetChanges {
    pub(super) learnt: u64,
    pub(super) forgotten: u64,
}

impl Targets {
    pub(super) fn get(&self, key: &TargetKey) -> Option<&TargetState> {
        self.known.get(key)
    }

    pub(super) fn insert(&mut self, key: TargetKey, state: TargetState) {
        let old = self.known.insert(key, state);
        let changed = match (old, state) {
            // Nothing is learnt by asking.
            (_, TargetState::Asked) => false,
            (Some(TargetState::Known(before, _)), TargetState::Known(now, _)) => before != now,
            (_, TargetState::Known(..) | TargetState::PutOff(_) | TargetState::Refused(_)) => true,
        };
        self.changes.learnt += u64::from(changed);
    }

    /// Forgets those for which this does not hold.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&TargetKey, &TargetState) -> bool) {
        self.changes.forgotten += 1;
        self.known.retain(|key, state| keep(key, state));
    }

    /// Whoever waits for a process is looked at again when these have changed.
    pub(super) fn changes(&self) -> TargetChanges {
        self.changes
    }
}

/// Up to where the coming times have been made ready.
#[derive(Debug)]
pub(super) struct Warmed {
    until: Timestamp,
    /// Of these the places of processes are not known yet; each is looked for until its time, and then by the run itself.
    wanted: BTreeMap<(ConnectionName, Option<FolderChoice>, String), Timestamp>,
}

impl Warmed {
    /// Nothing yet: from this instant on.
    pub(super) fn from(now: Timestamp) -> Warmed {
        Warmed { until: now, wanted: BTreeMap::new() }
    }
}

impl Core {
    /// Finds the processes of the next minute's times, so that the due instant costs one call.
    pub(super) fn warm_up(&mut self, now: Reading) {
        let until = later(now.wall, WARM_UP);
        // Some have got a time within the minute that was looked at already.
        let planned = self.planner.take_requeued();
        let planned = planned.into_iter().filter(|(fire_at, _)| *fire_at <= self.warmed.until);
        let coming = self.planner.due_between(self.warmed.until.max(now.wall), until);
        let coming = coming.map(|(fire_at, schedule)| (fire_at, schedule.clone()));
        for (fire_at, schedule) in planned.chain(coming) {
            let place = (schedule.connection.clone(), schedule.start.folder.clone(), schedule.start.process.clone());
            let last = self.warmed.wanted.entry(place).or_insert(fire_at);
            *last = fire_at.max(*last);
        }
        self.warmed.until = until;
        for (place, fire_at) in std::mem::take(&mut self.warmed.wanted) {
            let (connection, folder, process) = &place;
            let key = (folder.clone(), process.clone());
            let state = self.links.get(connection).and_then(|link| link.targets.get(&key)).copied();
            // Refused a moment ago: it is asked for again later, not in a loop until then.
            let refused = matches!(state, Some(TargetState::Refused(at)) if now.boot.saturating_sub(at) < WARM_UP);
            if fire_at > now.wall && (refused || self.find_target(connection, &key, now).is_none()) {
                self.warmed.wanted.insert(place, fire_at);
            }
        }
        if let Some(next) = self.planner.wake_at() {
            let warm = earlier(next, WARM_UP);
            if warm > now.wall {
                self.wake.at_wall(warm);
            }
        }
    }

    /// Where a process is, as far as that is known.
    pub(super) fn known_target(&self, connection: &ConnectionName, start: &StartSpec) -> Option<Target> {
        match self.links.get(connection)?.targets.get(&(start.folder.clone(), start.process.clone()))? {
            TargetState::Known(target, _) => Some(*target),
            TargetState::Asked | TargetState::PutOff(_) | TargetState::Refused(_) => None,
        }
    }

    /// Asks for a process unless it is known or being asked for. The answer comes as a report.
    pub(super) fn want_target(
        &mut self,
        connection: &ConnectionName,
        start: &StartSpec,
        now: Reading,
    ) -> Option<Target> {
        self.find_target(connection, &(start.folder.clone(), start.process.clone()), now)
    }

    fn find_target(&mut self, connection: &ConnectionName, key: &TargetKey, now: Reading) -> Option<Target> {
        let link = self.links.get_mut(connection)?;
        let known = match link.targets.get(key) {
            Some(TargetState::Asked) => return None,
            Some(TargetState::PutOff(until)) if now.boot < *until => {
                self.wake.at_boot(*until);
                return None;
            }
            Some(TargetState::Known(target, at)) if now.boot.saturating_sub(*at) < TARGET_LIFE => return Some(*target),
            // An old answer is good enough to start with; a new one is fetched beside it.
            Some(TargetState::Known(target, _)) => Some(*target),
            Some(TargetState::Refused(_) | TargetState::PutOff(_)) | None => None,
        };
        if link.may_read(now.boot) {
            let state = known.map_or(TargetState::Asked, |target| TargetState::Known(target, now.boot));
            link.targets.insert(key.clone(), state);
            let (folder, process) = key.clone();
            let action = link.find(folder, process);
            self.actions.push(action);
        }
        known
    }
}
