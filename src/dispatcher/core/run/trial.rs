//! Trial reads: what tells whether a connection answers, when its other answers leave it open (semantics.md 15).

use std::collections::BTreeSet;
use std::time::Duration;

use crate::dispatcher::core::link::targets::TargetState;
use crate::dispatcher::core::state::State;
use crate::schedule::{ConnectionName, FolderChoice, StartSpec};

/// What the next trial reads: each schedule's process in turn, for one of them may be what a firewall dislikes; those that
/// were found before come first.
fn sample(state: &State, name: &ConnectionName) -> Option<(Option<FolderChoice>, String)> {
    let place = |start: &StartSpec| (start.folder.clone(), start.process.clone());
    let link = state.links.get(name)?;
    let all: BTreeSet<_> = state
        .loaded
        .set
        .schedules
        .values()
        .filter(|one| &one.connection == name)
        .map(|one| place(&one.start))
        .collect();
    let known: Vec<_> =
        all.iter().filter(|place| matches!(link.targets.get(place), Some(TargetState::Known(..)))).collect();
    let from = if known.is_empty() { all.iter().collect() } else { known };
    let turn = usize::try_from(link.health.trials).unwrap_or_default();
    let open = || state.book.iter().find(|open| &open.run.connection == name).map(|open| place(open.run.start()));
    from.get(turn % from.len().max(1)).map(|place| (*place).clone()).or_else(open)
}

/// Makes the trial reads that are due: a folder and a process that are known to be there, or were when last looked at.
pub(crate) fn try_unclear_connections(state: &mut State) {
    let now = state.now;
    let due: Vec<(ConnectionName, Duration)> =
        state.links.iter().filter_map(|(name, link)| Some((name.clone(), link.health.trial_due()?))).collect();
    let clocks = state.links.iter().filter_map(|(name, link)| Some((name.clone(), link.clocks.doubted_until()?)));
    let due: Vec<(ConnectionName, Duration)> = due.into_iter().chain(clocks).collect();
    for (name, at) in due {
        if now.boot < at {
            state.wake.at_boot(at);
            continue;
        }
        let Some((folder, process)) = sample(state, &name) else { continue };
        let Some(link) = state.links.get_mut(&name) else { continue };
        if link.health.may_read(now.boot) {
            link.health.trial_began();
            link.clocks.may_compare(now.boot);
            let action = link.find(folder, process);
            state.act(action);
        }
    }
}
