//! How a job stands and how its run ends with it.

use super::Core;
use crate::clock::Reading;
use crate::orchestrator::{JobState, JobView};
use crate::run::{Ending, JobPhase, RunEvent, RunId};

impl Core {
    /// Ends a run as its job did.
    pub(super) fn record_end(&mut self, id: RunId, job: &JobView, now: Reading) {
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
        self.book.change(id, |run| {
            run.started_at = job.started_at.or(run.started_at);
            run.ended_at = Some(job.ended_at.unwrap_or(now.wall));
            run.output = run.policy.history.output.of_output(job.output.clone());
            run.error = error.clone();
            if let Some(attempt) = run.attempt_mut() {
                attempt.job_state = Some(job.state.as_str().to_owned());
            }
        });
        let text = match &error {
            Some(error) => format!("Job {} is {}: {error}", job.id, job.state.as_str()),
            None => format!("Job {} is {}", job.id, job.state.as_str()),
        };
        self.step(id, RunEvent::End(ending), now, text);
    }
}

/// What a job does, while it does something. `None` once it has ended, and for a word that is not known here.
pub(super) fn phase_of(state: &JobState) -> Option<JobPhase> {
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
