//! What the look for a process came to.

use std::time::Duration;

use super::ending;
use super::{folder, short_folder};
use crate::dispatcher::core::link::identity;
use crate::dispatcher::core::link::targets::{TargetKey, TargetState};
use crate::dispatcher::core::state::State;
use crate::executor::Resolved;
use crate::happening::{Cause, OfConnection};
use crate::orchestrator::{CallError, ServerSkew};
use crate::run::RunId;
use crate::schedule::ConnectionName;

/// A process that could not be looked for, for want of a clear answer, is looked for again after this.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// A process was looked for.
pub(crate) fn on_found(
    state: &mut State,
    connection: &ConnectionName,
    asked_of: &str,
    (folder, process): TargetKey,
    result: Result<Resolved, CallError>,
    server_skew: ServerSkew,
) {
    let now = state.now;
    let Some(link) = state.links.get_mut(connection) else { return };
    if identity(&link.connection) != asked_of {
        // Folder and process of another tenant; it is asked again in this one.
        return;
    }
    match (&result, server_skew) {
        (Ok(_) | Err(_), ServerSkew::By(skew)) => link.compare_clocks(skew, now.boot),
        (Ok(_) | Err(_), ServerSkew::Open) => link.clocks.compare_soon(now.boot),
        (Ok(_), ServerSkew::Unknown) => link.has_no_clock(),
        (Err(_), ServerSkew::Unknown) => {}
    }
    let key = (folder.clone(), process.clone());
    link.health.heard_read(&result, now.boot);
    let result = result.and_then(|resolved| {
        short_folder::check(state, connection, folder.as_ref(), &resolved.folder)?;
        Ok(resolved)
    });
    let Some(link) = state.links.get_mut(connection) else { return };
    match result {
        Ok(Resolved { target, folder: _ }) => {
            link.targets.insert(key, TargetState::Known(target, now.boot));
            folder::on_found(state, connection, &folder, target.folder_id);
        }
        Err(error) => {
            if !matches!(error, CallError::Rejected { .. }) {
                // What was known before is still good to start with; what was being asked for is asked for again.
                if matches!(link.targets.get(&key), Some(TargetState::Asked)) {
                    link.targets.insert(key, TargetState::PutOff(now.boot + LOOK_AGAIN));
                }
                return;
            }
            link.targets.insert(key, TargetState::Refused(now.boot));
            folder::on_absent(state, connection, (&folder, &process), &error);
            // Only the runs that are due: a process may be deployed before the others' time.
            let queued: Vec<RunId> =
                state.book.due().queues.get(connection).map(|queue| queue.runs().collect()).unwrap_or_default();
            let refused: Vec<RunId> = queued
                .into_iter()
                .filter_map(|id| state.book.get(id))
                .filter(|open| open.run.start().folder == folder && open.run.start().process == process)
                .map(|open| open.run.id)
                .collect();
            if refused.is_empty() {
                state.log(connection, OfConnection::ProcessNotFound(Cause::of(&error)));
            }
            for id in refused {
                ending::reject(state, id, &error);
            }
        }
    }
}
