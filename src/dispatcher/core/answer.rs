//! What people are told about what they asked for.

use std::fmt;

use super::backfill_command::{BackfillDone, BackfillRefused};
use super::by_hand::ByHandRefused;
use super::holding_command::{HoldingDone, HoldingRefused};
use super::retry_command::{RetryDone, RetryRefused};
use super::stop_command::{StopDone, StopRefused};
use crate::run::{FolderId, JobId, JobKey, RunId, RunState};

/// Names a command until it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CommandId(pub u64);

/// What was decided. Its `Display` is for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolved {
    /// It is looked up once more and then sent.
    Starting,
    /// It is recorded as skipped.
    Skipped,
    /// The job is followed.
    Adopted(JobId),
    /// The run has ended, and its schedule goes on.
    Lost,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// About a held run.
    Resolved(Resolved),
    /// About what is held back.
    Held(HoldingDone),
    /// A run by hand.
    Started(RunId),
    /// About a run that is tried again.
    Retried(RetryDone),
    /// About times that are made good.
    Backfilled(BackfillDone),
    /// About what was stopped.
    Stopped(StopDone),
}

impl fmt::Display for Resolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Resolved::Starting => f.write_str("it is looked up once more, and started if no job is found"),
            Resolved::Skipped => f.write_str("it is recorded as skipped and is not started"),
            Resolved::Adopted(job) => write!(f, "job {job} is taken as its job and followed"),
            Resolved::Lost => f.write_str("it is given up, and its schedule goes on; its job may still run"),
        }
    }
}

/// Why nothing was decided.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandRefused {
    /// It has ended, or there is none.
    #[error("run `{}` is not open", .0.short())]
    NotOpen(RunId),
    /// Nobody has to decide about it.
    #[error("run `{run}` is {state}, and only a held run can be resolved so; `lost` ends one whose job cannot be read")]
    NotHeld {
        /// Which.
        run: RunId,
        /// What it is.
        state: RunState,
    },
    /// Its job can be read, so nothing is lost.
    #[error("job {job} of run `{run}` can be read: it is {state}; stop it in Orchestrator if it is not wanted")]
    CanBeRead {
        /// The run.
        run: RunId,
        /// Its job.
        job: JobId,
        /// What it is.
        state: String,
    },
    /// Nothing of it is at Orchestrator.
    #[error("run `{run}` is {state}: nothing of it can be lost; it ends by its deadline")]
    NothingToLose {
        /// Which.
        run: RunId,
        /// What it is.
        state: RunState,
    },
    /// It was never sent anywhere.
    #[error("run `{0}` has no folder in which a job of it could be")]
    NoFolder(RunId),
    /// There is no such job.
    #[error("folder {folder} shows no job `{key}`")]
    NoJob {
        /// The key.
        key: JobKey,
        /// Where it was looked for.
        folder: FolderId,
    },
    /// Another process's job.
    #[error("job `{key}` is of process `{found}`, and the run starts `{wanted}`")]
    OtherProcess {
        /// The key.
        key: JobKey,
        /// Its process.
        found: String,
        /// The run's.
        wanted: String,
    },
    /// Another run's job.
    #[error("job `{0}` belongs to another run")]
    OtherRun(JobKey),
    /// Orchestrator did not answer.
    #[error("the job could not be read: {0}")]
    NotRead(String),
    /// It is being decided already.
    #[error("run `{0}` is being resolved already")]
    Busy(RunId),
    /// Nothing was paused, resumed or skipped.
    #[error(transparent)]
    Holding(#[from] HoldingRefused),
    /// Nothing was started.
    #[error(transparent)]
    Start(#[from] ByHandRefused),
    /// Nothing is tried again.
    #[error(transparent)]
    Retry(#[from] RetryRefused),
    /// Nothing is made good.
    #[error(transparent)]
    Backfill(#[from] BackfillRefused),
    /// Nothing was stopped.
    #[error(transparent)]
    Stop(#[from] StopRefused),
    /// The daemon is about to end.
    #[error("the daemon is stopping")]
    Stopping,
    /// Nothing can be written now.
    #[error("the database cannot be written at the moment, so nothing was decided")]
    NotStored,
}

/// A command with its answer.
pub type Answer = (CommandId, Result<Done, CommandRefused>);
