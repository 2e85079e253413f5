//! How a run ends, but for its deadline: with its job, refused, out of reach, or for an older run.

use crate::dispatcher::core::state::State;
use crate::orchestrator::{CallError, JobState, JobView};
use crate::run::{Ending, JobPhase, RunEvent, RunId, RunState, SkipReason};

/// Ends a run whose job is out of reach. Its job may still run, so it counts for overlap until then.
pub(crate) fn lose(state: &mut State, id: RunId, why: &str, counts_until: Option<jiff::Timestamp>) {
    let Some(schedule) = state.book.get(id).map(|open| open.run.schedule.clone()) else { return };
    state.book.change(id, |run| {
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
    if state.step(id, RunEvent::End(Ending::Lost), text)
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
        run.output = run.history.output.of_output(job.output.clone());
        run.error = error.clone();
        if let Some(attempt) = run.attempt_mut() {
            attempt.job_state = Some(job.state.as_str().to_owned());
        }
    });
    let text = match &error {
        Some(error) => format!("Job {} is {}: {error}", job.id, job.state.as_str()),
        None => format!("Job {} is {}", job.id, job.state.as_str()),
    };
    state.step(id, RunEvent::End(ending), text);
}

/// An older run of the schedule is open. Whether a robot is at work or nothing could be sent yet is told apart.
pub(crate) fn skip_for(state: &mut State, id: RunId, other: RunId) {
    let why = match state.book.get(other).map(|open| open.run.state) {
        Some(state @ (RunState::Waiting(_) | RunState::Armed | RunState::Held)) => {
            format!("run {} was still open, {state}", other.short())
        }
        Some(RunState::Starting | RunState::Unknown | RunState::Job(_)) => {
            format!("run {} was still open", other.short())
        }
        Some(RunState::Ended(_)) | None => {
            let other = other.short();
            format!(
                "run {other} is lost and its job may still run; `punctual resolve {other} lost` lets its schedule go on"
            )
        }
    };
    state.book.change(id, |run| run.note = join(run.note.take(), why.clone()));
    state.step(id, RunEvent::End(Ending::Skipped(SkipReason::Overlap)), format!("Not started: {why}"));
}

/// Keeps what went wrong with the run that it went wrong with.
pub(crate) fn keep_error(state: &mut State, id: RunId, error: &CallError) {
    let text = with_cure(error);
    state.book.change(id, |run| {
        run.error = Some(text);
        run.trace_id = error.trace_id().map(str::to_owned);
    });
}

pub(crate) fn reject(state: &mut State, id: RunId, error: &CallError) {
    keep_error(state, id, error);
    refuse(state, id, &with_cure(error));
}

/// The same with what is known of it in words only.
pub(crate) fn refuse(state: &mut State, id: RunId, told: &str) {
    state.book.change(id, |run| run.error = Some(told.to_owned()));
    state.step(id, RunEvent::End(Ending::Rejected), format!("Refused: {told}"));
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

/// An error as a run shows it.
pub(crate) fn with_cure(error: &CallError) -> String {
    match error.cure() {
        Some(cure) => format!("{error}; {cure}"),
        None => error.to_string(),
    }
}

/// Two notes on one run.
pub(crate) fn join(old: Option<String>, new: String) -> Option<String> {
    Some(match old {
        Some(old) => format!("{old}; {new}"),
        None => new,
    })
}
