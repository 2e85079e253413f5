//! Where processes are at Orchestrator, kept for an hour.

use std::collections::HashMap;
use std::time::Duration;

use crate::executor::Target;
use crate::schedule::FolderChoice;

/// A process found this long ago is looked up again before its next start: it may have been deployed anew.
pub(crate) const TARGET_LIFE: Duration = Duration::from_secs(3600);

/// A process in a folder, as the files name them.
pub(crate) type TargetKey = (Option<FolderChoice>, String);

/// What is known of a process in a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TargetState {
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
pub(crate) struct Targets {
    known: HashMap<TargetKey, TargetState>,
    changes: TargetChanges,
}

/// How often something was learnt of a process, and how often something was forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TargetChanges {
    pub(crate) learnt: u64,
    pub(crate) forgotten: u64,
}

impl Targets {
    pub(crate) fn get(&self, key: &TargetKey) -> Option<&TargetState> {
        self.known.get(key)
    }

    pub(crate) fn insert(&mut self, key: TargetKey, state: TargetState) {
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
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&TargetKey, &TargetState) -> bool) {
        self.changes.forgotten += 1;
        self.known.retain(|key, state| keep(key, state));
    }

    /// Whoever waits for a process is looked at again when these have changed.
    pub(crate) fn changes(&self) -> TargetChanges {
        self.changes
    }
}
