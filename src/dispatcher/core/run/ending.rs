//! How a run ends, but for its deadline: with its job, refused, out of reach, or for an older run.

use crate::dispatcher::core::state::{State, there};
use crate::happening::{Cause, OfRun, OldBlocker, WhyLost};
use crate::orchestrator::{CallError, JobState, JobView};
use crate::run::{Ending, JobPhase, RunEvent, RunId, SkipReason};

/// Ends a run whose job is out of reach. Its job may still run, so it counts for overlap until then.
pub(crate) fn lose(state: &mut State, id: RunId, why: WhyLost, counts_until: Option<jiff::Timestamp>) {
    let open = there(state.book.get(id), "a run that is given up is open");
    let Some(schedule) = open.map(|open| open.run.schedule.clone()) else { return };
    state.book.change(id, |run| {
        run.counts_until = counts_until;
        run.error = Some(match run.error.take() {
            Some(error) => format!("{why}; {error}"),
            None => why.to_string(),
        });
    });
    if state.step(id, RunEvent::End(Ending::Lost), OfRun::Lost { why, counts_until })
        && let Some(until) = counts_until
    {
        state.book.count_until(&schedule, id, until);
    }
}

/// Ends a run as its job did.
pub(crate) fn record_end(state: &mut State, id: RunId, job: &JobView) {
    let now = state.now;
    let ending = match job.state {
        JobState::Successful => Ending::Succeeded,
        JobState::Faulted => Ending::Faulted,
        JobState::Stopped => Ending::Stopped,
        JobState::Pending
        | JobState::Running
        | JobState::Stopping
        | JobState::Terminating
        | JobState::Suspended
        | JobState::Resumed
        | JobState::Other(_) => return,
    };
    let error = job_error(job);
    state.book.change(id, |run| {
        run.started_at = job.started_at.or(run.started_at);
        run.ended_at = Some(job.ended_at.unwrap_or(now.wall));
        run.output = run.policy.history.output.of_output(job.output.clone());
        run.error = error.clone();
        if let Some(attempt) = run.attempt_mut() {
            attempt.job_state = Some(job.state.as_str().to_owned());
        }
    });
    let what = OfRun::JobEnded { job: job.id, state: job.state.as_str().to_owned(), error };
    state.step(id, RunEvent::End(ending), what);
}

/// An older run of the schedule is open.
pub(crate) fn skip_for(state: &mut State, id: RunId, other: RunId) {
    let older = OldBlocker { run: other, state: state.book.get(other).map(|open| open.run.state) };
    state.book.change(id, |run| run.note = join(run.note.take(), older.to_string()));
    state.step(id, RunEvent::End(Ending::Skipped(SkipReason::Overlap)), OfRun::Overlapped(older));
}

/// Keeps what went wrong with the run that it went wrong with.
pub(crate) fn keep_error(state: &mut State, id: RunId, error: &CallError) {
    let text = Cause::of(error).to_string();
    state.book.change(id, |run| {
        run.error = Some(text);
        run.trace_id = error.trace_id().map(str::to_owned);
    });
}

pub(crate) fn reject(state: &mut State, id: RunId, error: &CallError) {
    keep_error(state, id, error);
    refuse(state, id, &Cause::of(error).to_string());
}

/// The same with what is known of it in words only.
pub(crate) fn refuse(state: &mut State, id: RunId, told: &str) {
    state.book.change(id, |run| run.error = Some(told.to_owned()));
    state.step(id, RunEvent::End(Ending::Rejected), OfRun::Refused(told.to_owned()));
}

/// What a job does, while it does something. `None` once it has ended, and for a word that is not known here.
pub(crate) fn phase_of(state: &JobState) -> Option<JobPhase> {
    match state {
        JobState::Pending | JobState::Resumed => Some(JobPhase::Pending),
        JobState::Running => Some(JobPhase::Running),
        JobState::Suspended => Some(JobPhase::Suspended),
        JobState::Stopping | JobState::Terminating => Some(JobPhase::Stopping),
        JobState::Faulted | JobState::Successful | JobState::Stopped | JobState::Other(_) => None,
    }
}

/// What went wrong with a job, in its own words: the title and detail of its error, else its info.
fn job_error(job: &JobView) -> Option<String> {
    if job.state == JobState::Successful {
        return None;
    }
    if let Some(fault) = &job.error {
        let title = fault.title.as_deref().filter(|text| !text.is_empty());
        let detail = fault.detail.as_deref().filter(|text| !text.is_empty());
        match (title, detail) {
            (Some(title), Some(detail)) if title != detail => return Some(format!("{title}: {detail}")),
            (Some(text), _) | (None, Some(text)) => return Some(text.to_owned()),
            (None, None) => {}
        }
    }
    job.info.clone().filter(|text| !text.is_empty())
}

/// Two notes on one run.
pub(crate) fn join(old: Option<String>, new: String) -> Option<String> {
    Some(match old {
        Some(old) => format!("{old}; {new}"),
        None => new,
    })
}
