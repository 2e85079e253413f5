//! Following thousands of open jobs in one folder: "ours, ended since the last answer" in the place of key by key.
//!
//! Fifty keys a call and sixty calls a minute would read each of ten thousand jobs every three minutes. One list of what has
//! ended shows every end within seconds, whatever the crowd; reading by key goes on next to it, seldom, for states on the way
//! and for jobs that vanish (semantics.md 20).

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::{follow, lists, polling};
use crate::clock::earlier;
use crate::dispatcher::core::flights::{Folder, Question};
use crate::dispatcher::core::link::Crowd;
use crate::dispatcher::core::state::State;
use crate::executor::Action;
use crate::orchestrator::{CallError, Completeness, JobPage};
use crate::run::{Reference, RunId};

/// From so many open jobs in one folder on. Below it, reading by key takes at most twenty calls a round.
const CROWD: usize = 1_000;

/// Orchestrator's clock is not ours, and jobs are asked for from before the oldest acceptance.
const MARGIN: Duration = Duration::from_secs(600);

/// After a refusal the list is not asked for again for a while; reading by key does without it.
const AFTER_REFUSAL: Duration = Duration::from_secs(3_600);

/// Asks crowded folders for what has ended.
pub(crate) fn ask(state: &mut State) {
    let now = state.now;
    let folders = &state.book.due().folders;
    let crowded = folders.iter().filter(|(_, jobs)| jobs.all.len() > CROWD);
    let crowded: BTreeMap<Folder, Timestamp> = crowded
        .filter_map(|(folder, jobs)| Some((folder.clone(), jobs.all.first().map(|(accepted_at, _)| *accepted_at)?)))
        .collect();
    for link in state.links.values_mut() {
        let name = link.connection.name.clone();
        link.crowds.retain(|folder_id, _| crowded.contains_key(&Folder::new(name.clone(), *folder_id)));
    }
    let prefix = Reference::prefix(state.loaded.installation);
    for (Folder { connection, id: folder_id }, oldest) in crowded {
        let Some(link) = state.links.get_mut(&connection) else { continue };
        let crowd = link.crowds.entry(folder_id).or_insert(Crowd { since: earlier(oldest, MARGIN), next: now.boot });
        let (next, since) = (crowd.next, crowd.since);
        if state.book.flights().has(&Question::Ended(Folder::new(connection.clone(), folder_id))) {
            continue;
        }
        if now.boot < next {
            state.wake.at_boot(next);
            continue;
        }
        if !polling::starts_go_first(state, &connection) && lists::may_list(state, &connection) {
            state.act(Action::ListEnded { connection, folder_id, prefix: prefix.clone(), since });
        }
    }
}

/// Jobs of ours that have ended were listed.
pub(crate) fn on_listed_ended(state: &mut State, at: &Folder, result: Result<JobPage, CallError>) {
    let (connection, folder_id) = (&at.connection, at.id);
    let now = state.now;
    let first = state.loaded.pace.first;
    let Some(link) = state.links.get_mut(connection) else { return };
    link.health.heard_read(&result, now.boot);
    let crowd = link.crowds.get_mut(&folder_id);
    let page = match result {
        Ok(page) => page,
        Err(error) => {
            if let Some(crowd) = crowd {
                let refused = matches!(error, CallError::Rejected { .. });
                crowd.next = now.boot + if refused { AFTER_REFUSAL } else { first };
            }
            return;
        }
    };
    if let Some(crowd) = crowd {
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
        let runs = state.book.followed_as(job.key).into_iter();
        let here = |id: &RunId| state.book.get(*id).is_some_and(|open| open.run.connection == *connection);
        if let Some(run) = runs.filter(here).find(|id| follow::is_ours(state, *id, job)) {
            state.read_once(connection, run);
            follow::on_listed(state, run, job);
        }
    }
}
