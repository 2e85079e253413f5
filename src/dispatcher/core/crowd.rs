//! Following thousands of open jobs in one folder: "ours, ended since the last answer" in the place of key by key.
//!
//! Fifty keys a call and sixty calls a minute would read each of ten thousand jobs every three minutes. One list of what has
//! ended shows every end within seconds, whatever the crowd; reading by key goes on beside it, seldom, for states on the way
//! and for jobs that vanish (semantics.md 20).

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::Core;
use super::due::Folder;
use super::open::Asked;
use crate::clock::{Reading, earlier};
use crate::executor::Action;
use crate::orchestrator::{CallError, Completeness, JobPage};
use crate::run::{FolderId, Reference, RunId};
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
        let folders = &self.book.due().folders;
        let crowded = folders.iter().filter(|(_, jobs)| jobs.all.len() > CROWD);
        let crowded: BTreeMap<Folder, Timestamp> = crowded
            .filter_map(|(folder, jobs)| Some((folder.clone(), jobs.all.first().map(|(accepted_at, _)| *accepted_at)?)))
            .collect();
        for link in self.links.values_mut() {
            let name = link.connection.name.clone();
            link.crowds.retain(|folder_id, _| crowded.contains_key(&(name.clone(), *folder_id)));
        }
        let prefix = Reference::prefix(self.installation);
        for ((connection, folder_id), oldest) in crowded {
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
        for job in page.jobs.iter().filter(|job| job.state.is_final()) {
            let runs = self.book.followed_as(job.key).into_iter();
            let here = |id: &RunId| self.book.get(*id).is_some_and(|open| open.run.connection == *connection);
            if let Some(run) = runs.filter(here).find(|id| self.is_ours(*id, job)) {
                self.read_once(connection, run);
                self.seen(run, job, now);
            }
        }
    }

    /// Whether this folder's jobs are followed as a crowd.
    pub(super) fn is_crowded(&self, connection: &ConnectionName, folder_id: FolderId) -> bool {
        self.links.get(connection).is_some_and(|link| link.crowds.contains_key(&folder_id))
    }
}
