//! After a repeated start all jobs of its Reference are counted once more (R11): is there one too many?

use std::time::Duration;

use super::finding::Finding;
use crate::clock::later;
use crate::dispatcher::core::flights::Folder;
use crate::dispatcher::core::state::{State, Sweep, there};
use crate::executor::{Action, Ask};
use crate::happening::OfRun;
use crate::orchestrator::JobState;
use crate::run::{Attempt, JobRef, Reference, RunId};

/// After a repeated start all jobs of the Reference are counted once more (R11).
const SWEEP_AFTER: Duration = Duration::from_secs(300);

/// After a look-up that broke.
const SWEEP_AGAIN: Duration = Duration::from_secs(60);

/// So many pages in a row may say nothing, ten minutes of them, before the count is given up: what is searched for is a second job that
/// almost never is there.
const SWEEPS_SAID_NOTHING: u32 = 10;

/// The call broke: it is made again later, next to others.
pub(crate) fn put_off(state: &mut State, reference: &Reference) {
    let now = state.now;
    for sweep in state.sweeps.iter_mut().filter(|sweep| sweep.attempt.reference == *reference) {
        // Only in memory: after a restart it is due at once.
        sweep.attempt.sweep_at = Some(later(now.wall, SWEEP_AGAIN));
    }
}

/// After a repeated call, however its job was found: are there two?
pub(crate) fn plan(state: &mut State, id: RunId) {
    let now = state.now;
    let Some(open) = there(state.book.get(id), "a run with a job is open") else { return };
    let connection = open.run.connection.clone();
    if open.run.attempt().is_none_or(|attempt| attempt.sends < 2 || attempt.unclear == 0) {
        return;
    }
    let at = later(now.wall, SWEEP_AFTER);
    state.book.change_attempt(id, |attempt| attempt.sweep_at = Some(at));
    if let Some(attempt) = state.book.get(id).and_then(|open| open.run.attempt()).cloned() {
        state.sweeps.retain(|sweep| sweep.attempt.reference != attempt.reference);
        state.sweeps.push(Sweep::new(id, connection, attempt));
    }
}

/// A run ends of which nobody wants a job any more: one that shows up late is stopped.
pub(crate) fn watch(state: &mut State, id: RunId) {
    let now = state.now;
    let Some(open) = there(state.book.get(id), "a run that is called off is open") else { return };
    let connection = open.run.connection.clone();
    if open.run.attempt().is_none_or(|attempt| attempt.sends == 0) {
        return;
    }
    let settle = state.links.get(&connection).map_or(SWEEP_AFTER, |link| link.connection.settle);
    let at = later(now.wall, settle);
    state.book.change_attempt(id, |attempt| attempt.sweep_at = Some(at));
    if let Some(attempt) = state.book.get(id).and_then(|open| open.run.attempt()).cloned() {
        state.sweeps.retain(|sweep| sweep.attempt.reference != attempt.reference);
        state.sweeps.push(Sweep::new(id, connection, attempt));
    }
}

/// The late count after a repeated start.
pub(crate) fn on_counted(state: &mut State, at: &Folder, ask: &Ask, finding: Finding) {
    let (connection, folder_id) = (&at.connection, at.id);
    let now = state.now;
    let (id, reference) = (ask.run, &ask.reference);
    let Some(place) = state.sweeps.iter().position(|sweep| sweep.attempt.reference == *reference) else { return };
    if matches!(finding, Finding::Nothing | Finding::Stale(_)) {
        let sweep = &mut state.sweeps[place];
        sweep.said_nothing += 1;
        if sweep.said_nothing < SWEEPS_SAID_NOTHING {
            return put_off(state, reference);
        }
    }
    let mut attempt = state.sweeps.swap_remove(place).attempt;
    attempt.sweep_at = None;
    if let Some(open) = state.book.get(id) {
        // A later attempt may be under way by now.
        let same = |attempt: &&Attempt| attempt.reference == *reference;
        let current = open.run.attempts.iter().find(same).and_then(|attempt| attempt.job);
        attempt.job = current.or(attempt.job);
        state.book.change(id, |run| {
            for attempt in run.attempts.iter_mut().filter(|attempt| attempt.reference == *reference) {
                attempt.sweep_at = None;
            }
        });
    } else {
        state.book.record_sweep(id, attempt.clone());
    }
    let jobs = match finding {
        Finding::Jobs(jobs) => jobs,
        Finding::ProvenNone | Finding::NoneShown | Finding::Nothing | Finding::Stale(_) => return,
    };
    for job in jobs.iter().filter(|job| attempt.job.is_none_or(|ours| ours.key != job.key)) {
        state.book.note_ended(id, now.wall, OfRun::JobMadeLate { job: job.id });
        // A person wanted none of them.
        let is_unwanted = attempt.stop.is_some() && attempt.job.is_none() && !job.state.is_final();
        if job.state == JobState::Pending || is_unwanted {
            let job = JobRef { key: job.key, id: job.id };
            state.act(Action::StopSpare { connection: connection.clone(), folder_id, run: id, job });
        }
    }
}
