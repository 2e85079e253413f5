//! Jobs that may not be read: a role without `Jobs.View`, a scope that only writes, a folder that is gone.
//!
//! Such a run must neither stay open for ever nor be started again (semantics.md 22). After ten minutes, while starts are
//! accepted all the same, it ends as `lost` with that reason; its job may still run, so for overlap it counts on for a while.

use std::time::Duration;

use super::Core;
use super::send::with_cure;
use crate::clock::{Reading, later};
use crate::orchestrator::CallError;
use crate::run::{Ending, FolderId, RunEvent, RunId, RunState};
use crate::schedule::ConnectionName;

/// A job that may not be read for so long is given up.
const GIVE_UP: Duration = Duration::from_secs(600);

/// A start that was accepted this long before the reads were refused shows that starts still are.
const ACCEPTED_BEFORE: Duration = Duration::from_secs(60);

/// Counted from its acceptance, the job of a run that was given up counts for overlap this long: no time-out says how long it
/// may run.
const COUNTS_FOR: Duration = Duration::from_secs(3600);

/// What is known of a folder whose jobs may not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unreadable {
    /// Since when, in boot time.
    pub(super) since: Duration,
    /// What was refused, with its cure.
    pub(super) text: String,
}

/// A trouble of a connection that keeps no start back but that a person must act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionTrouble {
    /// The connection.
    pub connection: ConnectionName,
    /// What is wrong and what to do, in words.
    pub text: String,
}

impl Core {
    /// The connections' troubles, in the order of their names.
    pub fn troubles(&self) -> Vec<ConnectionTrouble> {
        let unreadable = self.links.iter().filter_map(|(name, link)| Some((name, link.unreadable.values().next()?)));
        unreadable
            .map(|(name, unreadable)| ConnectionTrouble {
                connection: name.clone(),
                text: format!("jobs cannot be read, so runs that were started are not followed: {}", unreadable.text),
            })
            .collect()
    }

    /// A list or a job was read, or refused.
    pub(super) fn heard_of_jobs<T>(
        &mut self,
        connection: &ConnectionName,
        folder_id: FolderId,
        result: &Result<T, CallError>,
        now: Reading,
    ) {
        let Some(link) = self.links.get_mut(connection) else { return };
        match result {
            Ok(_) => {
                if link.unreadable.remove(&folder_id).is_some() && link.unreadable.is_empty() {
                    tracing::info!(connection = %connection, "Connection `{connection}`: jobs can be read again");
                }
            }
            Err(error) if error.is_forbidden() => {
                // The connection is named where this is shown.
                let text = format!("{} {}; {}", error.text().what, error.text().came, error.cure().unwrap_or_default());
                match link.unreadable.get_mut(&folder_id) {
                    Some(known) => known.text = text,
                    None => {
                        tracing::error!(connection = %connection, "Jobs cannot be read: {text}");
                        link.unreadable.insert(folder_id, Unreadable { since: now.boot, text });
                    }
                }
            }
            Err(_) => {}
        }
    }

    /// A job that is followed was refused by the list and by its id. Gives whether the run has ended with that.
    pub(super) fn could_not_read(&mut self, id: RunId, error: &CallError, now: Reading) -> bool {
        let Some(open) = self.book.get_mut(id) else { return false };
        let RunState::Job(_) = open.run.state else { return false };
        let gone = open.folder.is_gone(now);
        let connection = open.run.connection.clone();
        let accepted_at = open.run.accepted_at;
        let Some(follow) = open.follow.as_mut() else { return false };
        let since = *follow.unreadable.get_or_insert(now.boot);
        let told = with_cure(error);
        if open.run.error.as_deref() != Some(told.as_str()) {
            self.book.change(id, |run| {
                run.error = Some(told.clone());
                run.trace_id = error.trace_id().map(str::to_owned).or(run.trace_id.take());
            });
            self.book.note(id, now.wall, format!("Its job cannot be read: {told}"));
        }
        if now.boot.saturating_sub(since) < GIVE_UP {
            return false;
        }
        let accepted = self.links.get(&connection).and_then(|link| link.accepted);
        let starts_go_on = accepted.is_some_and(|accepted| accepted + ACCEPTED_BEFORE >= since);
        if !gone && !starts_go_on {
            return false;
        }
        let why = if gone { "its folder no longer exists" } else { "its job may not be read" };
        let until = later(accepted_at.unwrap_or(now.wall), COUNTS_FOR);
        self.lose(id, why, (until > now.wall).then_some(until), now);
        true
    }

    /// Ends a run whose job is out of reach. Its job may still run, so it counts for overlap until then.
    pub(super) fn lose(&mut self, id: RunId, why: &str, counts_until: Option<jiff::Timestamp>, now: Reading) {
        let Some(schedule) = self.book.get(id).map(|open| open.run.schedule.clone()) else { return };
        self.book.change(id, |run| {
            run.counts_until = counts_until;
            run.error = Some(match run.error.take() {
                Some(error) => format!("{why}; {error}"),
                None => why.to_owned(),
            });
        });
        let text = match counts_until {
            Some(until) => format!("Lost: {why}. The job may still run; it counts for overlap until {until:.0}"),
            None => format!("Lost: {why}"),
        };
        if self.step(id, RunEvent::End(Ending::Lost), now, text)
            && let Some(until) = counts_until
        {
            self.book.count_until(&schedule, id, until);
        }
    }
}
