//! Runs whose connection leads to another tenant than when they were claimed (semantics.md 12a).
//!
//! Their jobs are not there, and "no job" from another tenant would be a lie: they are neither read nor sent with the new
//! address. They go on when the old one is back within the schedule's `start_deadline`, else they end.

use jiff::Timestamp;

use super::Core;
use super::reload::Absent;
use crate::clock::Reading;
use crate::policy::overlap::Knowledge;
use crate::run::{RunId, RunState};
use crate::schedule::{Connection, ConnectionName};

/// Where a connection leads: host, path and tenant. The scheme, the port and a slash at the end are not part of it, so that a move
/// to TLS or to another port of the same server loses nothing.
pub(super) fn identity(connection: &Connection) -> String {
    let host = connection.url.host_str().unwrap_or_default().to_ascii_lowercase();
    let path = connection.url.path().trim_end_matches('/');
    let tenant = connection.tenant.as_deref().unwrap_or_default();
    format!("{host}{path}#{tenant}")
}

impl Core {
    /// Compares each open run with where its connection leads now: after a start, and after files were read.
    pub(super) fn compare_identities(&mut self, now: Reading) {
        for id in self.book.ids() {
            let Some(open) = self.book.get_mut(id) else { continue };
            let connection = open.run.connection.clone();
            let link = self.links.get(&connection);
            if link.is_none() && self.absent == Absent::Park {
                // Nothing is loaded yet.
                continue;
            }
            let same = link.is_some_and(|link| {
                open.run.identity.as_ref().is_none_or(|claimed| *claimed == identity(&link.connection))
            });
            match (same, open.elsewhere) {
                (true, None) => continue,
                (false, Some(_)) => {}
                (true, Some(_)) => {
                    open.elsewhere = None;
                    // What became of it meanwhile is to be read.
                    open.knowledge = Knowledge::NotReadYet;
                    let text = "Its connection leads to the tenant that it was claimed for again".to_owned();
                    self.book.note(id, now.wall, text);
                    continue;
                }
                (false, None) => {
                    open.elsewhere = Some(now.boot);
                    let text = match link {
                        Some(_) => "Its connection leads to another tenant now: it is neither read nor sent there",
                        None => "Its connection is not in the files any more: it can be neither read nor sent",
                    };
                    self.book.note(id, now.wall, text.to_owned());
                }
            }
            // Whatever it waited for at the start of this life is not to be had here.
            self.read_once(&connection, id);
        }
    }

    /// Ends what waits for a tenant that did not come back.
    pub(super) fn give_up_elsewhere(&mut self, now: Reading) {
        let away: Vec<RunId> = self.book.due().elsewhere.iter().copied().collect();
        for id in away {
            let Some(open) = self.book.get(id) else { continue };
            let Some(since) = open.elsewhere else { continue };
            let patience = open.run.policy.start_deadline;
            if now.boot < since + patience {
                self.wake.at_boot(since + patience);
                continue;
            }
            match open.run.state {
                RunState::Unknown | RunState::Held | RunState::Job(_) => {
                    let none: Option<Timestamp> = None;
                    let why = if self.links.contains_key(&open.run.connection) {
                        "its connection leads to another tenant than when it was started"
                    } else {
                        "its connection is not in the files any more"
                    };
                    self.lose(id, why, none, now);
                }
                // Its deadline ends it, or its answer is under way.
                RunState::Armed | RunState::Waiting(_) | RunState::Starting | RunState::Ended(_) => {}
            }
        }
    }

    /// Whether a run's connection leads elsewhere.
    pub(super) fn is_elsewhere(&self, id: RunId) -> bool {
        self.book.get(id).is_some_and(|open| open.elsewhere.is_some())
    }

    /// Where a connection leads now, for a run that is claimed on it.
    pub(super) fn identity_of(&self, connection: &ConnectionName) -> Option<String> {
        self.set.connections.get(connection).map(|connection| identity(connection))
    }
}
