//! A job: what it truly is.

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::complaint::Complaint;
use super::conduct::Conduct;
use super::start::StartInfo;
use super::stop::StopStrategy;

/// The states of a job, numbered as Orchestrator numbers them, by its OpenAPI description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JobState {
    /// Waits for a robot.
    Pending,
    /// A robot is at it.
    Running,
    /// Asked to stop.
    Stopping,
    /// Being killed.
    Terminating,
    /// Final: it failed.
    Faulted,
    /// Final: it went well.
    Successful,
    /// Final: it was stopped.
    Stopped,
    /// Parked.
    Suspended,
    /// Waits for a robot again.
    Resumed,
}

/// In the order of their numbers.
const STATES: [JobState; 9] = [
    JobState::Pending,
    JobState::Running,
    JobState::Stopping,
    JobState::Terminating,
    JobState::Faulted,
    JobState::Successful,
    JobState::Stopped,
    JobState::Suspended,
    JobState::Resumed,
];

pub(super) const STATE_NAMES: [&str; 9] =
    ["Pending", "Running", "Stopping", "Terminating", "Faulted", "Successful", "Stopped", "Suspended", "Resumed"];

impl JobState {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        STATES.iter().position(|state| *state == self).and_then(|at| STATE_NAMES.get(at)).copied().unwrap_or("Pending")
    }

    /// Whether nothing comes after it.
    pub fn is_final(self) -> bool {
        match self {
            JobState::Faulted | JobState::Successful | JobState::Stopped => true,
            JobState::Pending
            | JobState::Running
            | JobState::Stopping
            | JobState::Terminating
            | JobState::Suspended
            | JobState::Resumed => false,
        }
    }

    /// Whether it keeps a robot busy.
    pub(super) fn holds_robot(self) -> bool {
        match self {
            JobState::Running | JobState::Stopping | JobState::Terminating => true,
            JobState::Pending
            | JobState::Faulted
            | JobState::Successful
            | JobState::Stopped
            | JobState::Suspended
            | JobState::Resumed => false,
        }
    }
}

/// What a job truly is, whatever the API shows of it.
#[derive(Clone, Debug, PartialEq)]
pub struct JobTruth {
    /// Its number.
    pub id: i64,
    /// Its key.
    pub key: Uuid,
    /// The reference it was started with.
    pub reference: Option<String>,
    /// Path of its folder.
    pub folder: String,
    /// Name of its process.
    pub process: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on the API shows it; [`Timestamp::MAX`] once it was forgotten.
    pub visible_at: Timestamp,
    /// When a robot took it first.
    pub started_at: Option<Timestamp>,
    /// When it became final.
    pub ended_at: Option<Timestamp>,
    /// Its state now.
    pub state: JobState,
    /// Its input arguments.
    pub arguments: Option<Value>,
    /// Its output arguments.
    pub output: Option<Value>,
    /// Its `Info`.
    pub info: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) id: i64,
    pub(super) key: Uuid,
    /// Positions in the world's lists.
    pub(super) folder: usize,
    pub(super) process: usize,
    pub(super) folder_id: i64,
    pub(super) folder_path: String,
    pub(super) process_name: String,
    pub(super) release_id: i64,
    pub(super) start: StartInfo,
    pub(super) batch: Uuid,
    pub(super) created_at: Timestamp,
    pub(super) visible_at: Timestamp,
    pub(super) modified_at: Timestamp,
    pub(super) started_at: Option<Timestamp>,
    pub(super) ended_at: Option<Timestamp>,
    /// When the present stretch of running ends by itself.
    pub(super) runs_until: Timestamp,
    pub(super) resumed_at: Option<Timestamp>,
    pub(super) state: JobState,
    pub(super) stop: Option<StopStrategy>,
    /// When Orchestrator's own time-out stops it.
    pub(super) stops_at: Option<Timestamp>,
    pub(super) conduct: Conduct,
    pub(super) output: Value,
    pub(super) info: Option<String>,
    /// What a faulted job says besides.
    pub(super) complaint: Option<Complaint>,
    /// Goes up with every change of state, so that a timer set for an earlier one is known to be stale.
    pub(super) epoch: u64,
}

impl Job {
    pub(super) fn truth(&self) -> JobTruth {
        JobTruth {
            id: self.id,
            key: self.key,
            reference: self.start.reference.clone(),
            folder: self.folder_path.clone(),
            process: self.process_name.clone(),
            created_at: self.created_at,
            visible_at: self.visible_at,
            started_at: self.started_at,
            ended_at: self.ended_at,
            state: self.state,
            arguments: self.start.arguments.as_deref().and_then(|text| serde_json::from_str(text).ok()),
            output: (!self.output.is_null()).then(|| self.output.clone()),
            info: self.info.clone(),
        }
    }

    /// Higher goes first; the bands are Orchestrator's.
    pub(super) fn priority(&self) -> i64 {
        self.start.specific_priority.unwrap_or(match self.start.priority.as_deref() {
            Some("Low") => 25,
            Some("High") => 65,
            Some(_) | None => 45,
        })
    }
}
