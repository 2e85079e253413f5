//! Finding processes at Orchestrator.

use std::time::Duration;

use crate::dispatcher::core::link::targets::{TARGET_LIFE, TargetKey, TargetState};
use crate::dispatcher::core::state::State;
use crate::executor::Target;
use crate::schedule::{ConnectionName, StartSpec};

/// A process that was refused is looked for again this seldom.
pub(crate) const REFUSED_AGAIN: Duration = Duration::from_secs(60);

/// Whether a process was refused a moment ago, so that asking again at once is of no use.
pub(crate) fn was_refused(state: &State, connection: &ConnectionName, start: &StartSpec) -> bool {
    let now = state.now;
    let key = (start.folder.clone(), start.process.clone());
    let known = state.links.get(connection).and_then(|link| link.targets.get(&key));
    matches!(known, Some(TargetState::Refused(at)) if now.boot.saturating_sub(*at) < REFUSED_AGAIN)
}

/// Where a process is, as far as that is known.
pub(crate) fn known_target(state: &State, connection: &ConnectionName, start: &StartSpec) -> Option<Target> {
    match state.links.get(connection)?.targets.get(&(start.folder.clone(), start.process.clone()))? {
        TargetState::Known(target, _) => Some(*target),
        TargetState::Asked | TargetState::PutOff(_) | TargetState::Refused(_) => None,
    }
}

/// Asks for a process unless it is known or being asked for. The answer comes as a report.
pub(crate) fn want_target(state: &mut State, connection: &ConnectionName, start: &StartSpec) -> Option<Target> {
    find_target(state, connection, &(start.folder.clone(), start.process.clone()))
}

/// The same by its key.
pub(crate) fn find_target(state: &mut State, connection: &ConnectionName, key: &TargetKey) -> Option<Target> {
    let now = state.now;
    let link = state.links.get_mut(connection)?;
    let known = match link.targets.get(key) {
        Some(TargetState::Asked) => return None,
        Some(TargetState::PutOff(until)) if now.boot < *until => {
            state.wake.at_boot(*until);
            return None;
        }
        Some(TargetState::Known(target, at)) if now.boot.saturating_sub(*at) < TARGET_LIFE => return Some(*target),
        // An old answer is good enough to start with; a new one is fetched at the same time.
        Some(TargetState::Known(target, _)) => Some(*target),
        Some(TargetState::Refused(_) | TargetState::PutOff(_)) | None => None,
    };
    if link.health.may_read(now.boot) {
        let asked = known.map_or(TargetState::Asked, |target| TargetState::Known(target, now.boot));
        link.targets.insert(key.clone(), asked);
        let (folder, process) = key.clone();
        let action = link.find(folder, process);
        state.act(action);
    }
    known
}
