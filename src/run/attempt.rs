//! One attempt at a job of a run: the call, what became of it, how its job ended and why it was stopped.
//!
//! A run has one attempt for each job number and each repetition of a failed job, and each has a sweep of its own: two jobs under one
//! Reference are counted by that Reference.

use std::time::Duration;

use jiff::Timestamp;

use super::{FaultClass, FolderId, JobEnding, JobId, JobKey, Reference, StopIntent};

/// One StartJobs call, repeated under the same Reference only while it is unclear, and its job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Which of the run's jobs: 1 unless the schedule asks for several.
    pub job_number: u8,
    /// 1 for the first, counting on with retries of a failed job.
    pub attempt: u16,
    /// The name under which its job can be found.
    pub reference: Reference,
    /// The folder it is sent to; every look-up asks this very folder.
    pub folder_id: Option<FolderId>,
    /// How often the call was made.
    pub sends: u16,
    /// How many of these calls stayed unclear: each may have made a job.
    pub unclear: u16,
    /// The HTTP status of the last answer that was unclear.
    pub answered: Option<u16>,
    /// How many calls in a row were answered by that status and settled as "no job was made".
    pub settled_none: u16,
    /// When the last call was about to be made.
    pub sent_at: Option<Timestamp>,
    /// The job, once known.
    pub job: Option<JobRef>,
    /// Orchestrator's word for the job's state when last read.
    pub job_state: Option<String>,
    /// When all jobs of this Reference are counted once more, after a repeated call.
    pub sweep_at: Option<Timestamp>,
    /// When it was to be made, for one that repeats a failed job; the first is due with its run.
    pub due_at: Option<Timestamp>,
    /// When its job began on a robot, by Orchestrator's clock.
    pub started_at: Option<Timestamp>,
    /// When its job ended, by Orchestrator's clock.
    pub ended_at: Option<Timestamp>,
    /// How its job ended.
    pub ended_as: Option<JobEnding>,
    /// How long its job was suspended, or waited for a robot again after that: its time-out leaves this out.
    pub parked: Duration,
    /// Since when its job is suspended, or waits for a robot again after that, as it was read; `parked` has what was before.
    pub read_at: Option<Timestamp>,
    /// Whose fault it was, where it failed.
    pub fault: Option<FaultClass>,
    /// The Windows account that its job ran under, where its fault names one.
    pub account: Option<String>,
    /// Why its job is to stop, and how.
    pub stop: Option<StopIntent>,
}

impl Attempt {
    /// The first, not sent yet.
    pub fn first(reference: Reference) -> Attempt {
        Attempt {
            job_number: 1,
            attempt: 1,
            reference,
            folder_id: None,
            sends: 0,
            unclear: 0,
            answered: None,
            settled_none: 0,
            sent_at: None,
            job: None,
            job_state: None,
            sweep_at: None,
            due_at: None,
            started_at: None,
            ended_at: None,
            ended_as: None,
            parked: Duration::ZERO,
            read_at: None,
            fault: None,
            account: None,
            stop: None,
        }
    }
}

/// Orchestrator's two names for a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct JobRef {
    /// For `Key in (…)`.
    pub key: JobKey,
    /// For `/odata/Jobs(id)`.
    pub id: JobId,
}
