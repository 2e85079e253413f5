//! How a job ended and whose fault that was, and why a job is to stop (semantics.md 18, 21a).
//!
//! A stop is stored before it is asked for, and pursued until the job is final, also after a restart: what was decided must not be
//! decided again from a clock that has gone on.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Ending;

/// How one job of a run ended. In the order in which a run of several jobs takes the worst (semantics.md 13).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobEnding {
    /// It cannot be read any more.
    Lost,
    /// It failed.
    Faulted,
    /// It took too long and was stopped for it.
    TimedOut,
    /// Its start was refused.
    Rejected,
    /// It was stopped.
    Stopped,
    /// It did its work.
    Succeeded,
}

impl JobEnding {
    /// Every one there is, the worst first.
    pub const ALL: [JobEnding; 6] = [
        JobEnding::Lost,
        JobEnding::Faulted,
        JobEnding::TimedOut,
        JobEnding::Rejected,
        JobEnding::Stopped,
        JobEnding::Succeeded,
    ];
}

impl From<JobEnding> for Ending {
    fn from(ending: JobEnding) -> Ending {
        match ending {
            JobEnding::Lost => Ending::Lost,
            JobEnding::Faulted => Ending::Faulted,
            JobEnding::TimedOut => Ending::TimedOut,
            JobEnding::Rejected => Ending::Rejected,
            JobEnding::Stopped => Ending::Stopped,
            JobEnding::Succeeded => Ending::Succeeded,
        }
    }
}

/// Whose fault a failed job was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultClass {
    /// The robot's account: each try may lock it.
    Account,
    /// A business rule was broken, as the workflow itself says.
    Business,
    /// The machine, the network, Orchestrator.
    Infrastructure,
    /// The workflow.
    Application,
}

impl FaultClass {
    /// Every one there is.
    pub const ALL: [FaultClass; 4] =
        [FaultClass::Account, FaultClass::Business, FaultClass::Infrastructure, FaultClass::Application];
}

/// What the error of a run says whose job is stuck: by these words people and `status` know it (semantics.md 21a).
pub const STUCK: &str = "does not end although it was stopped";

/// What the note of a run says of a second job of one start …
pub const DUPLICATE: &str = "duplicate job";

/// … that nobody stops, since it was at work already.
pub const HAD_BEGUN: &str = "it had begun already";

/// Why a job is to stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StopIntent {
    /// By whom or what.
    pub by: StoppedBy,
    /// When that was decided.
    pub asked_at: Timestamp,
    /// The soft stop. None: it is killed at once.
    pub soft: Option<StopStep>,
    /// The kill. None: it is only asked to stop.
    pub kill: Option<StopStep>,
}

/// Who or what wants a job stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoppedBy {
    /// It took too long.
    Timeout(TimeLimit),
    /// A newer time of its schedule.
    Overlap,
    /// A person, or a program in a person's name.
    Person {
        /// Who.
        actor: String,
    },
}

/// Which limit a job has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeLimit {
    /// It had not begun by then.
    Pending,
    /// It ran for too long.
    Soft,
    /// A time of day.
    At,
}

impl TimeLimit {
    /// Every one there is.
    pub const ALL: [TimeLimit; 3] = [TimeLimit::Pending, TimeLimit::Soft, TimeLimit::At];
}

/// One step of a stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StopStep {
    /// When it is asked for.
    pub at: Timestamp,
    /// When Orchestrator took it.
    pub accepted_at: Option<Timestamp>,
}
