//! Taking a job as a run's own, and dealing with one too many.
//!
//! Two jobs under one Reference are the failure that everything else is there to prevent; when it happens all the same, one is
//! followed, the other is stopped while it has not begun, and the log says so.

use super::ending::{join, phase_of};
use super::{proof, reading, sweep};
use crate::dispatcher::core::flights::Folder;
use crate::dispatcher::core::progress::Open;
use crate::dispatcher::core::state::{State, there};
use crate::executor::Action;
use crate::happening::{Fate, HowFound, OfRun};
use crate::orchestrator::{CallError, JobState, JobView};
use crate::run::{DUPLICATE, FolderId, JobPhase, JobRef, RunEvent, RunId};
use crate::schedule::ConnectionName;

/// A start was accepted.
pub(crate) fn accepted(state: &mut State, id: RunId, jobs: &[JobView]) {
    let Some(open) = state.book.get(id) else { return };
    let Some(folder_id) = there(open.run.folder_id(), "what was sent has a folder") else { return };
    adopt(state, id, folder_id, jobs, HowFound::Accepted);
    let Some(open) = state.book.get(id) else { return };
    let Some(attempt) = there(open.run.attempt(), "what was sent has an attempt") else { return };
    let connection = open.run.connection.clone();
    let reference = attempt.reference.clone();
    proof::want(state, &Folder::new(connection, folder_id), id, reference);
}

/// Takes a job as this run's. Of several the one that runs, then the oldest; the others are stopped while they have not
/// begun, and the log says so.
pub(crate) fn adopt(state: &mut State, id: RunId, folder_id: FolderId, jobs: &[JobView], how: HowFound) {
    let now = state.now;
    let mut jobs: Vec<&JobView> = jobs.iter().collect();
    jobs.sort_by_key(|job| (job.state == JobState::Pending, job.id));
    // A list may show one job twice, as its rows move between two pages.
    jobs.dedup_by_key(|job| job.key);
    let Some((job, spare)) = jobs.split_first() else { return };
    let reference = JobRef { key: job.key, id: job.id };
    // A job that has ended already is read whole before the run ends.
    let phase = phase_of(&job.state).unwrap_or(JobPhase::Running);
    let takes_it = |open: &Open| open.run.state.apply(RunEvent::Job(phase)).is_ok();
    if there(state.book.get(id).filter(|open| takes_it(open)), "a job is taken where it may be").is_none() {
        return;
    }
    state.book.change(id, |run| {
        run.accepted_at.get_or_insert(now.wall);
        run.started_at = job.began_at().or(run.started_at);
        run.error = None;
        run.held_for = None;
        if let Some(attempt) = run.attempt_mut() {
            attempt.folder_id.get_or_insert(folder_id);
            attempt.job = Some(reference);
            reading::keep(attempt, job, now.wall);
        }
    });
    if !state.step(id, RunEvent::Job(phase), OfRun::Adopted { how, job: job.id }) {
        return;
    }
    let first = now.boot + state.loaded.pace.first;
    if let Some(open) = state.book.get_mut(id) {
        let has_ended = job.state.is_final();
        open.become_following(now.boot, if has_ended { now.boot } else { first });
        if has_ended && let Some(follow) = open.follow_mut() {
            follow.read_at = None;
        }
    }
    stop_spare(state, id, &spare.iter().map(|job| (*job).clone()).collect::<Vec<_>>());
    sweep::plan(state, id);
}

fn stop_spare(state: &mut State, id: RunId, spare: &[JobView]) {
    let Some(open) = there(state.book.get(id), "a run with a job is open") else { return };
    let connection = open.run.connection.clone();
    let Some(folder_id) = there(open.run.folder_id(), "what has a job has a folder") else { return };
    for job in spare {
        let fate = if job.state == JobState::Pending { Fate::Stopped } else { Fate::HadBegun };
        state.book.change(id, |run| {
            run.note = join(run.note.take(), format!("{DUPLICATE} {}; {fate}", job.id));
        });
        state.note(id, OfRun::JobTooMany { job: job.id, fate });
        if job.state == JobState::Pending {
            let job = JobRef { key: job.key, id: job.id };
            state.act(Action::StopSpare { connection: connection.clone(), folder_id, run: id, job });
        }
    }
}

/// The answer to a stop of a job that was one too many.
pub(crate) fn on_spare_stopped(
    state: &mut State,
    connection: &ConnectionName,
    run: RunId,
    job: JobRef,
    result: Result<(), CallError>,
) {
    let now = state.now;
    let what = match &result {
        Ok(()) => OfRun::SpareStopped(job.id),
        Err(error) => OfRun::SpareNotStopped { job: job.id, came: error.to_string() },
    };
    if let Some(link) = state.links.get_mut(connection) {
        link.health.heard_of_job(&result, now.boot);
    }
    state.book.note_ended(run, now.wall, what);
}
