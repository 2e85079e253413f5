//! Which open jobs are read when: those whose turn has come in as few lists as they fit, and those that a newer time waits for
//! ahead of others (semantics.md 11, 20).

use std::time::Duration;

use super::lists;
use crate::dispatcher::core::flights::Folder;
use crate::dispatcher::core::progress::Open;
use crate::dispatcher::core::state::{State, there};
use crate::executor::Action;
use crate::policy::overlap::{ActiveRun, Knowledge};
use crate::run::{JobRef, RunId};
use crate::schedule::ConnectionName;

/// Keys in one call: both official clients send as many, for the URL's length.
const KEYS_PER_CALL: usize = 50;

/// A job is read again after this part of its age: often while it is young, seldom when it takes hours.
const PART_OF_AGE: u32 = 8;

/// What a newer time waits for is read as if it had been due so much earlier: before all that others have waited for less long, and
/// after what has waited longer. Where there are more folders than list calls, each has its turn.
const AHEAD: Duration = Duration::from_secs(60);

/// Following waits so long at most while there are starts under way on its connection: each read next to a burst makes a start late.
const AFTER_STARTS: Duration = Duration::from_secs(1);

/// Jobs that are due within this time are read along.
const TOGETHER: Duration = Duration::from_secs(2);

/// In a crowd a job is read by key this seldom: three times in the quarter of an hour after which a vanished one is missed.
const SLOWEST_IN_CROWD: Duration = Duration::from_secs(300);

/// Whether following waits for starts that are under way on this connection. Not while a run waits for the word of an older one, which
/// following brings.
pub(crate) fn starts_go_first(state: &mut State, connection: &ConnectionName) -> bool {
    let Some(since) = state.book.flights().starting_since(connection) else { return false };
    let until = since + AFTER_STARTS;
    let waits = state.now.boot < until && !state.book.due().has_waiting_for_older();
    if waits {
        state.wake.at_boot(until);
    }
    waits
}

/// Sends the list calls that are due; look-ups had the budget first.
pub(crate) fn follow_jobs(state: &mut State) {
    let now = state.now;
    let reading: Vec<ConnectionName> = state.book.due().whole.keys().cloned().collect();
    for name in reading {
        if starts_go_first(state, &name) {
            continue;
        }
        let (ended, next) = state.book.due().whole_due(&name, now.boot);
        next.into_iter().for_each(|next| state.wake.at_boot(next));
        for id in ended {
            if !read_ended(state, id) {
                break;
            }
        }
    }
    let mut calls = Vec::new();
    let (due, next) = state.book.due().folders_due(now.boot);
    next.into_iter().for_each(|next| state.wake.at_boot(next));
    for Folder { connection, id: folder_id } in due {
        if starts_go_first(state, &connection) || !lists::could_list(state, &connection) {
            continue;
        }
        let jobs = state.book.due().listed_by(&Folder::new(connection.clone(), folder_id), now.boot + TOGETHER);
        let jobs: Vec<(Duration, RunId, JobRef)> =
            jobs.into_iter().filter_map(|(next, id)| Some((next, id, state.book.get(id)?.run.open_job()?))).collect();
        calls.extend(jobs.chunks(KEYS_PER_CALL).map(|chunk| (connection.clone(), folder_id, chunk.to_vec())));
    }
    // Whoever has waited longest is first, or the last folders would never be read when the budget is short.
    calls.sort_by_key(|(_, _, jobs)| jobs.first().map(|(next, _, _)| *next));
    for (connection, folder_id, chunk) in calls {
        if !lists::may_list(state, &connection) {
            continue;
        }
        let jobs: Vec<(RunId, JobRef)> = chunk.into_iter().map(|(_, run, job)| (run, job)).collect();
        for (run, _) in &jobs {
            note_when_asked(state, *run);
        }
        state.act(Action::Poll { connection, folder_id, jobs });
    }
}

/// Reads a job that a list shows as ended. Gives whether its connection lets more be read.
fn read_ended(state: &mut State, id: RunId) -> bool {
    let Some(open) = there(state.book.get(id), "a job that is to be read is of an open run") else { return true };
    let Some(job) = there(open.run.open_job(), "it is known") else { return true };
    let Some(folder_id) = there(open.run.folder_id(), "its folder is known") else { return true };
    let connection = open.run.connection.clone();
    read_whole(state, &Folder::new(connection, folder_id), id, job)
}

/// Reads a job whole, if its connection lets it. Gives whether it does.
pub(crate) fn read_whole(state: &mut State, at: &Folder, run: RunId, job: JobRef) -> bool {
    let (connection, folder_id) = (&at.connection, at.id);
    let under_way = state.book.flights().reads_on(connection);
    let Some(link) = state.links.get_mut(connection) else { return false };
    // A burst that ends together is not read all at once; each answer lets the next one go.
    let may = under_way < link.connection.limits.open_requests && link.health.may_read(state.now.boot);
    if may {
        note_when_asked(state, run);
        state.act(Action::Read { connection: connection.clone(), folder_id, run, job });
    }
    may
}

fn note_when_asked(state: &mut State, run: RunId) {
    let now = state.now;
    if let Some(follow) = state.book.get_mut(run).and_then(Open::follow_mut) {
        follow.asked_at = now.boot;
    }
}

/// A newer time waits for the word of these jobs: they are read ahead of others, once for each such time. What comes to nothing is
/// read again at its usual pace.
pub(crate) fn read_for_overlap(state: &mut State, older: &[ActiveRun], due: Duration) {
    for run in older.iter().filter(|run| run.knowledge == Knowledge::NotReadYet) {
        let ahead = due.saturating_sub(AHEAD);
        let is_asked = state.book.flights().has_job_of(run.id);
        let follow = state.book.get(run.id).and_then(Open::follow);
        let sooner = follow.is_some_and(|follow| !is_asked && follow.asked_at < due && follow.next > ahead);
        // Only a job whose turn changes is touched, since each run that waits for a touched one is looked at again.
        if sooner && let Some(follow) = state.book.get_mut(run.id).and_then(Open::follow_mut) {
            follow.next = ahead;
        }
    }
}

pub(crate) fn read_again_later(state: &mut State, id: RunId) {
    let now = state.now;
    let Some(open) = state.book.get(id) else { return };
    let link = state.links.get(&open.run.connection);
    let crowded = link.zip(open.run.folder_id()).is_some_and(|(link, folder_id)| link.is_crowded(folder_id));
    let usual = state.usual.get(&open.run.schedule).copied();
    let slowest = if crowded { SLOWEST_IN_CROWD } else { state.loaded.pace.slowest };
    let first = if crowded { SLOWEST_IN_CROWD } else { state.loaded.pace.first };
    let Some(follow) = state.book.get_mut(id).and_then(Open::follow_mut) else { return };
    let age = now.boot.saturating_sub(follow.since);
    follow.next = now.boot + next_look(age, usual).clamp(first, slowest.max(first));
    let next = follow.next;
    state.wake.at_boot(next);
}

/// How long until a job of this age is read again: seldom while its usual end is far, often around it, and seldom again once
/// it takes much longer than usual. Without a usual duration, the age alone decides.
fn next_look(age: Duration, usual: Option<Duration>) -> Duration {
    match usual {
        Some(usual) if age < usual => (usual - age) / 2,
        Some(usual) => (age - usual) / PART_OF_AGE,
        None => age / PART_OF_AGE,
    }
}
