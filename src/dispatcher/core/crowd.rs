//! Following thousands of open jobs in one folder: "ours, ended since the last answer" in the place of key by key.
//!
//! Fifty keys a call and sixty calls a minute would read each of ten thousand jobs every three minutes. One list of what has
//! ended shows every end within seconds, whatever the crowd; reading by key goes on beside it, seldom, for states on the way
//! and for jobs that vanish (semantics.md 20).

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::Core;
use super::open::Asked;
use crate::clock::{Reading, earlier};
use crate::executor::Action;
use crate::orchestrator::{CallError, Completeness, JobPage};
use crate::run::{FolderId, JobKey, Reference, RunId};
use crate::schedule::ConnectionName;

/// From so many open jobs in one folder on. Below it, reading by key takes at most twenty calls a round.
const CROWD: usize = 1_000;

/// In a crowd a job is read by key this seldom: three times in the quarter of an hour after which a vanished one is missed.
pub(super) const SLOWEST_IN_CROWD: Duration = Duration::from_secs(300);

/// Orchestrator's clock is not ours, and jobs are asked for from before the oldest acceptance.
const MARGIN: Duration = Duration::from_secs(600);

/// After a refusal the list is not asked for again for a while; reading by key does without it.
const AFTER_REFUSAL: Duration = Duration::from_secs(3_600);

/// What is known of a crowded folder.
#[derive(Clone, Debug)]
pub(super) struct Crowd {
    /// The latest end that has been seen, by Orchestrator's clock.
    since: Timestamp,
    /// When the list is asked for next, in boot time.
    next: Duration,
    asked: Asked,
}

impl Core {
    /// Asks crowded folders for what has ended.
    pub(super) fn ask_crowds(&mut self, now: Reading) {
        let mut open: BTreeMap<(ConnectionName, FolderId), (usize, Timestamp)> = BTreeMap::new();
        let here = self.book.iter().filter(|open| open.run.open_job().is_some() && open.elsewhere.is_none());
        for run in here.map(|open| &open.run) {
            let Some(folder_id) = run.attempt().and_then(|attempt| attempt.folder_id) else { continue };
            let accepted = run.accepted_at.unwrap_or(run.fire_at);
            let folder = open.entry((run.connection.clone(), folder_id)).or_insert((0, accepted));
            folder.0 += 1;
            folder.1 = folder.1.min(accepted);
        }
        for link in self.links.values_mut() {
            let name = link.connection.name.clone();
            link.crowds
                .retain(|folder_id, _| open.get(&(name.clone(), *folder_id)).is_some_and(|(count, _)| *count > CROWD));
        }
        let prefix = Reference::prefix(self.installation);
        for ((connection, folder_id), (_, oldest)) in open.into_iter().filter(|(_, (count, _))| *count > CROWD) {
            let Some(link) = self.links.get_mut(&connection) else { continue };
            let crowd = link.crowds.entry(folder_id).or_insert(Crowd {
                since: earlier(oldest, MARGIN),
                next: now.boot,
                asked: Asked::No,
            });
            let (next, since, asked) = (crowd.next, crowd.since, crowd.asked);
            if asked == Asked::Yes {
                continue;
            }
            if now.boot < next {
                self.wake.at_boot(next);
                continue;
            }
            if self.may_list(&connection, now) {
                if let Some(crowd) = self.links.get_mut(&connection).and_then(|link| link.crowds.get_mut(&folder_id)) {
                    crowd.asked = Asked::Yes;
                }
                self.actions.push(Action::ListEnded { connection, folder_id, prefix: prefix.clone(), since });
            }
        }
    }

    /// Jobs of ours that have ended were listed.
    pub(super) fn listed_ended(
        &mut self,
        connection: &ConnectionName,
        folder_id: FolderId,
        result: Result<JobPage, CallError>,
        now: Reading,
    ) {
        let first = self.pace.first;
        let Some(link) = self.links.get_mut(connection) else { return };
        link.heard_read(&result, now.boot);
        let crowd = link.crowds.get_mut(&folder_id);
        let page = match result {
            Ok(page) => page,
            Err(error) => {
                if let Some(crowd) = crowd {
                    crowd.asked = Asked::No;
                    let refused = matches!(error, CallError::Rejected { .. });
                    crowd.next = now.boot + if refused { AFTER_REFUSAL } else { first };
                }
                return;
            }
        };
        if let Some(crowd) = crowd {
            crowd.asked = Asked::No;
            // What a cache kept is of before, and so is its latest end.
            let latest = page.jobs.iter().filter_map(|job| job.ended_at).max();
            let moved = latest.is_some_and(|latest| latest > crowd.since);
            crowd.since = latest.map_or(crowd.since, |latest| latest.max(crowd.since));
            // A page that was cut is followed by the next at once, unless it would be the same again.
            crowd.next = match page.completeness {
                Completeness::Cut if moved => now.boot,
                Completeness::Cut | Completeness::Holes | Completeness::Complete => now.boot + first,
            };
        }
        let ours: BTreeMap<JobKey, RunId> = self
            .book
            .iter()
            .filter(|open| &open.run.connection == connection)
            .filter_map(|open| Some((open.run.open_job()?.key, open.run.id)))
            .collect();
        for job in page.jobs.iter().filter(|job| job.state.is_final()) {
            if let Some(run) = ours.get(&job.key).filter(|run| self.is_ours(**run, job)) {
                self.read_once(connection, *run);
                self.seen(*run, job, now);
            }
        }
    }

    /// Whether this folder's jobs are followed as a crowd.
    pub(super) fn is_crowded(&self, connection: &ConnectionName, folder_id: FolderId) -> bool {
        self.links.get(connection).is_some_and(|link| link.crowds.contains_key(&folder_id))
    }
}
