//! Jobs that may not be read: a role without `Jobs.View`, a scope that only writes, a folder that is gone.
//!
//! Such a run must neither stay open for ever nor be started again (semantics.md 22). After ten minutes, while starts are
//! accepted all the same, it ends as `lost` with that reason; its job may still run, so for overlap it counts on for a while.

use std::time::Duration;

use super::ending;
use crate::clock::later;
use crate::dispatcher::core::flights::Folder;
use crate::dispatcher::core::link::Unreadable;
use crate::dispatcher::core::state::State;
use crate::happening::{Cause, OfConnection, OfRun, WhyLost};
use crate::orchestrator::CallError;
use crate::run::RunId;

/// A job that may not be read for so long is given up.
const GIVE_UP: Duration = Duration::from_secs(600);

/// A start that was accepted this long before the reads were refused shows that starts still are.
const ACCEPTED_BEFORE: Duration = Duration::from_secs(60);

/// Counted from its acceptance, the job of a run that was given up counts for overlap and pools this long where no time-out says how long
/// it may run.
const COUNTS_FOR: Duration = Duration::from_secs(3600);

/// A list or a job was read, or refused.
pub(crate) fn heard<T>(state: &mut State, at: &Folder, result: &Result<T, CallError>) {
    let (connection, folder_id) = (&at.connection, at.id);
    let now = state.now;
    let Some(link) = state.links.get_mut(connection) else { return };
    match result {
        Ok(_) => {
            if link.unreadable.remove(&folder_id).is_some() && link.unreadable.is_empty() {
                state.log(connection, OfConnection::JobsReadable);
            }
        }
        Err(error) if error.is_forbidden() => {
            // The connection is named where this is shown.
            let came = format!("{} {}", error.text().what, error.text().came);
            let cause = Cause { came, cure: error.cure().map(str::to_owned) };
            match link.unreadable.get_mut(&folder_id) {
                Some(known) => known.cause = cause,
                None => {
                    link.unreadable.insert(folder_id, Unreadable { since: now.boot, cause: cause.clone() });
                    state.log(connection, OfConnection::JobsUnreadable(cause));
                }
            }
        }
        Err(_) => {}
    }
}

/// A job that is followed was refused by the list and by its id. Gives whether the run has ended with that.
pub(crate) fn could_not_read(state: &mut State, id: RunId, error: &CallError) -> bool {
    let now = state.now;
    let Some(open) = state.book.get_mut(id) else { return false };
    let gone = open.folder.is_gone(now);
    let connection = open.run.connection.clone();
    let accepted_at = open.run.accepted_at;
    let limits =
        open.run.policy.timeout.as_ref().and_then(|timeout| Some(timeout.pending?.saturating_add(timeout.soft?)));
    let counts_for = limits.unwrap_or(COUNTS_FOR);
    let Some(follow) = open.follow_mut() else { return false };
    let since = *follow.unreadable.get_or_insert(now.boot);
    let text = Cause::of(error).to_string();
    if open.run.error.as_deref() != Some(text.as_str()) {
        state.book.change(id, |run| {
            run.error = Some(text.clone());
            run.trace_id = error.trace_id().map(str::to_owned).or(run.trace_id.take());
        });
        state.note(id, OfRun::JobUnreadable(Cause::of(error)));
    }
    if now.boot.saturating_sub(since) < GIVE_UP {
        return false;
    }
    let accepted = state.links.get(&connection).and_then(|link| link.accepted);
    let starts_go_on = accepted.is_some_and(|accepted| accepted + ACCEPTED_BEFORE >= since);
    if !gone && !starts_go_on {
        return false;
    }
    let why = if gone { WhyLost::FolderGone } else { WhyLost::MayNotBeRead };
    let until = later(accepted_at.unwrap_or(now.wall), counts_for);
    ending::lose(state, id, why, (until > now.wall).then_some(until));
    true
}
