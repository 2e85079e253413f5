//! From accepted to the end, by reading Orchestrator again: one list call per folder for all open jobs.
//!
//! Nothing is taken from the answer to one call alone: a job is over when it has been read whole, and lost only when three
//! complete lists over five minutes and a read by id do not show it.

use std::time::Duration;

use super::ending::{join, phase_of};
use super::next_attempt::{self, Further};
use super::{folder, polling, reading, unreadable};
use crate::dispatcher::core::flights::Folder;
use crate::dispatcher::core::progress::Open;
use crate::dispatcher::core::state::{State, there};
use crate::happening::{Cause, OfConnection, OfRun};
use crate::orchestrator::{CallError, Freshness, JobPage, JobView};
use crate::run::{Ending, JobRef, RunEvent, RunId, RunState};
use crate::schedule::ConnectionName;

/// A job that a list shows as ended is read whole this often before the list's word is enough: an answer that always breaks
/// must not keep its schedule from running.
const READS: u32 = 20;

/// So many lists in a row that came to nothing, and their jobs are read one by one.
const BROKEN_LISTS: u32 = 3;

/// A job of which nothing can be read for so long is told to people.
const SILENT_FOR: Duration = Duration::from_secs(600);

/// A job missing from this many complete lists …
const MISSES: u32 = 3;

/// … over this time is asked for by its id (semantics.md 22).
const MISSING_FOR: Duration = Duration::from_secs(300);

/// Jobs were listed by key.
pub(crate) fn on_polled(state: &mut State, at: &Folder, jobs: &[(RunId, JobRef)], result: Result<JobPage, CallError>) {
    let (connection, folder_id) = (&at.connection, at.id);
    unreadable::heard(state, at, &result);
    let Some(link) = state.links.get_mut(connection) else { return };
    link.health.heard_read(&result, state.now.boot);
    let page = match result {
        Ok(page) => page,
        Err(error) => return on_poll_failed(state, at, jobs, &error),
    };
    if page.freshness == Freshness::Fresh {
        folder::answered(state, folder_id, jobs.iter().map(|(run, _)| *run));
    }
    for (run, job) in jobs {
        state.read_once(connection, *run);
        match page.jobs.iter().find(|listed| listed.key == job.key && is_ours(state, *run, listed)) {
            // What a cache kept may be of before; an end is an end.
            Some(listed) if page.freshness == Freshness::Fresh || listed.state.is_final() => {
                on_listed(state, *run, listed);
            }
            Some(_) => polling::read_again_later(state, *run),
            None if page.is_proof() => on_not_listed(state, at, *run, *job),
            None => polling::read_again_later(state, *run),
        }
    }
}

/// A list was refused, or came to nothing. One job in it may be the reason, and must not hide the others: they are read one
/// by one (semantics.md 22).
fn on_poll_failed(state: &mut State, at: &Folder, jobs: &[(RunId, JobRef)], error: &CallError) {
    let connection = &at.connection;
    let refused = matches!(error, CallError::Rejected { .. });
    if refused {
        state.log(connection, OfConnection::ListRefused(Cause::of(error)));
    }
    if error.folder_is_unknown() {
        let ids: Vec<RunId> = jobs.iter().map(|(run, _)| *run).collect();
        folder::seek(state, connection, &ids);
    }
    for (run, job) in jobs {
        let mut alone = refused;
        if matches!(error, CallError::Unknown { .. })
            && let Some(follow) = state.book.get_mut(*run).and_then(Open::follow_mut)
        {
            follow.broken = follow.broken.saturating_add(1);
            alone = follow.broken >= BROKEN_LISTS;
        }
        if alone && let Some(link) = state.links.get_mut(connection) {
            // Its own schedule waits until it has been read; the others do not (semantics.md 22).
            link.reconciled(*run);
        }
        if refused {
            state.read_once(connection, *run);
        }
        if alone {
            polling::read_whole(state, at, *run, *job);
        }
        polling::read_again_later(state, *run);
    }
}

/// A key names one job for ever; but a tenant that was set up anew, or a stand-in started again, may give it to another.
/// What carries another Reference is not this run's job.
pub(crate) fn is_ours(state: &State, id: RunId, job: &JobView) -> bool {
    let ours = state.book.get(id).and_then(|open| open.run.attempt()).map(|attempt| &attempt.reference);
    job.reference.is_none() || job.reference.as_ref() == ours
}

/// A job as a list or a read shows it, not yet read whole.
pub(crate) fn on_listed(state: &mut State, id: RunId, job: &JobView) {
    let now = state.now;
    let Some(open) = state.book.get_mut(id) else { return };
    let Some(follow) = open.follow_mut() else { return };
    follow.misses = 0;
    follow.first_miss = None;
    follow.broken = 0;
    let silent = follow.silent.take().is_some();
    if follow.unreadable.take().is_some() || silent {
        state.book.change(id, |run| run.error = None);
    }
    let Some(open) = state.book.get_mut(id) else { return };
    let Some(follow) = open.follow_mut() else { return };
    if job.state.is_final() {
        follow.ended = Some(Box::new(job.clone()));
        follow.next = now.boot;
        // A time that comes before it is read whole waits for that, it is not skipped.
        return;
    }
    follow.read_at = Some(follow.asked_at);
    let known = open.run.attempt().and_then(|attempt| attempt.job_state.as_deref()) == Some(job.state.as_str());
    let started = open.run.started_at == job.started_at || job.started_at.is_none();
    if !known || !started {
        state.book.change(id, |run| {
            run.started_at = job.started_at.or(run.started_at);
            if let Some(attempt) = run.attempt_mut() {
                reading::keep(attempt, job, now.wall);
            }
        });
    }
    match phase_of(&job.state) {
        Some(phase) => {
            state.step(id, RunEvent::Job(phase), OfRun::JobIs { job: job.id, state: job.state.as_str().to_owned() });
        }
        None => {
            let what = OfRun::JobInUnknownState { job: job.id, state: job.state.as_str().to_owned() };
            if !known {
                state.note(id, what);
            }
        }
    }
    polling::read_again_later(state, id);
}

/// A complete list does not show the job.
fn on_not_listed(state: &mut State, at: &Folder, id: RunId, job: JobRef) {
    if has_vanished(state, id) {
        polling::read_whole(state, at, id, job);
    }
    polling::read_again_later(state, id);
}

/// Counts that a job was not shown. Gives whether it was often enough, and for long enough, to believe it.
fn has_vanished(state: &mut State, id: RunId) -> bool {
    let now = state.now;
    let Some(follow) = state.book.get_mut(id).and_then(Open::follow_mut) else { return false };
    follow.misses += 1;
    let first = *follow.first_miss.get_or_insert(now.boot);
    follow.misses >= MISSES && now.boot.saturating_sub(first) >= MISSING_FOR
}

/// A read of one job was answered; what it says of the job comes after.
pub(crate) fn heard_read(
    state: &mut State,
    connection: &ConnectionName,
    id: RunId,
    result: &Result<Option<JobView>, CallError>,
) {
    if let Some(link) = state.links.get_mut(connection) {
        link.health.heard_of_job(result, state.now.boot);
    }
    let Some(folder_id) = state.book.get(id).and_then(|open| open.run.folder_id()) else { return };
    unreadable::heard(state, &Folder::new(connection.clone(), folder_id), result);
    if result.is_ok() {
        folder::answered(state, folder_id, std::iter::once(id));
    }
}

/// A job was read whole.
pub(crate) fn on_read(
    state: &mut State,
    connection: &ConnectionName,
    id: RunId,
    result: Result<Option<JobView>, CallError>,
) {
    let Some(open) = state.book.get(id) else { return };
    if !matches!(open.run.state, RunState::Job(_)) {
        return;
    }
    let listed = open.follow().and_then(|follow| follow.ended.clone());
    // Somebody else's job under our number: ours is gone.
    let result = result.map(|found| found.filter(|job| is_ours(state, id, job)));
    match (result, listed) {
        (Ok(Some(job)), _) if job.state.is_final() => on_ended(state, id, &job),
        (Ok(Some(job)), _) => {
            if let Some(follow) = state.book.get_mut(id).and_then(Open::follow_mut) {
                follow.ended = None;
            }
            on_listed(state, id, &job);
        }
        // It was listed as ended and cannot be read whole any more: what the list said is all there is.
        (Ok(None) | Err(CallError::Rejected { .. }), Some(listed)) => on_ended(state, id, &listed),
        (Ok(None), None) => on_vanished(state, id),
        (Err(CallError::Unknown { .. }), Some(listed)) if read_in_vain(state, id) >= READS => {
            on_ended(state, id, &listed);
        }
        (Err(error @ CallError::Rejected { .. }), None) => {
            if error.folder_is_unknown() {
                folder::seek(state, connection, &[id]);
            }
            if !unreadable::could_not_read(state, id, &error) {
                polling::read_again_later(state, id);
            }
        }
        (Err(error @ CallError::Unknown { .. }), None) => {
            show_that_it_is_silent(state, id, &error);
            polling::read_again_later(state, id);
        }
        (Err(_), _) => polling::read_again_later(state, id),
    }
}

/// Neither lists nor reads of a job come to anything: it is followed on, and after a while the run shows what helps.
fn show_that_it_is_silent(state: &mut State, id: RunId, error: &CallError) {
    let now = state.now;
    let Some(follow) = state.book.get_mut(id).and_then(Open::follow_mut) else { return };
    let since = *follow.silent.get_or_insert(now.boot);
    let open = state.book.get(id);
    if now.boot.saturating_sub(since) < SILENT_FOR || open.is_none_or(|open| open.run.error.is_some()) {
        return;
    }
    let what = OfRun::JobSilent { came: error.to_string(), run: id };
    state.book.change(id, |run| run.error = Some(what.to_string()));
    state.note(id, what);
}

fn on_ended(state: &mut State, id: RunId, job: &JobView) {
    learn_duration(state, id);
    next_attempt::on_job_ended(state, id, job, Further::AsItSays);
}

/// Counts the answers in vain to reads of a job that a list shows as ended.
fn read_in_vain(state: &mut State, id: RunId) -> u32 {
    let Some(follow) = state.book.get_mut(id).and_then(Open::follow_mut) else { return 0 };
    follow.reads_in_vain += 1;
    follow.reads_in_vain
}

/// Half of what was known and half of what was seen: a schedule whose work grows is followed.
fn learn_duration(state: &mut State, id: RunId) {
    let now = state.now;
    let Some(open) = state.book.get(id) else { return };
    let Some(follow) = there(open.follow(), "a job that has ended was followed") else { return };
    let seen = now.boot.saturating_sub(follow.since);
    let usual = state.usual.entry(open.run.schedule.clone()).or_insert(seen);
    *usual = (*usual + seen) / 2;
}

/// Its job is not there by its id.
fn on_vanished(state: &mut State, id: RunId) {
    // Where lists are refused, as in a folder that is gone, "not there" by id is what counts (R15).
    if !has_vanished(state, id) {
        return polling::read_again_later(state, id);
    }
    state.book.change(id, |run| {
        run.error = join(run.error.take(), "the job is not at Orchestrator any more".to_owned());
    });
    state.step(id, RunEvent::End(Ending::Lost), OfRun::JobVanished);
}
