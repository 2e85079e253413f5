//! Processes are looked up a minute ahead, so that the due instant costs one call.

use std::time::Duration;

use super::planning::Planning;
use crate::clock::{earlier, later};
use crate::dispatcher::core::link::targets::TargetState;
use crate::dispatcher::core::run::process;
use crate::dispatcher::core::state::State;

/// Processes are looked up this long before their time.
const WARM_UP: Duration = Duration::from_secs(60);

/// Finds the processes of the next minute's times, so that the due instant costs one call.
pub(crate) fn warm_up(state: &mut State, planning: &mut Planning) {
    let now = state.now;
    let until = later(now.wall, WARM_UP);
    // Some have got a time within the minute that was looked at already.
    let planned = planning.planner.take_requeued();
    let planned = planned.into_iter().filter(|(fire_at, _)| *fire_at <= planning.warmed.until);
    let coming = planning.planner.due_between(planning.warmed.until.max(now.wall), until);
    let coming = coming.map(|(fire_at, schedule)| (fire_at, schedule.clone()));
    for (fire_at, schedule) in planned.chain(coming) {
        let place = (schedule.connection.clone(), schedule.start.folder.clone(), schedule.start.process.clone());
        let last = planning.warmed.wanted.entry(place).or_insert(fire_at);
        *last = fire_at.max(*last);
    }
    planning.warmed.until = until;
    for (place, fire_at) in std::mem::take(&mut planning.warmed.wanted) {
        let (connection, folder, process) = &place;
        let key = (folder.clone(), process.clone());
        let known = state.links.get(connection).and_then(|link| link.targets.get(&key)).copied();
        // Refused a moment ago: it is asked for again later, not in a loop until then.
        let refused = matches!(known, Some(TargetState::Refused(at)) if now.boot.saturating_sub(at) < WARM_UP);
        if fire_at > now.wall && (refused || process::find_target(state, connection, &key).is_none()) {
            planning.warmed.wanted.insert(place, fire_at);
        }
    }
    if let Some(next) = planning.planner.wake_at() {
        let warm = earlier(next, WARM_UP);
        if warm > now.wall {
            state.wake.at_wall(warm);
        }
    }
}
