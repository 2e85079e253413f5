//! A job: what it truly is, and how Orchestrator shows it.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::folder::object;
use super::odata::{Kind, Property, Row, Scalar};
use super::start::StartInfo;
use super::stop::StopStrategy;
use super::time::written;

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

const STATE_NAMES: [&str; 9] =
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

/// What a robot makes of a soft stop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Obedience {
    #[default]
    Stops,
    GoesOn,
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
    pub(super) obedience: Obedience,
    pub(super) output: Value,
    pub(super) info: Option<String>,
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

/// A job as a row of an answer. What a fault changes is changed here, so that truth stays untouched.
#[derive(Clone, Debug)]
pub(super) struct ShownJob<'a> {
    pub(super) job: &'a Job,
    pub(super) mask: Mask,
}

/// What a fault hides or twists in one row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mask {
    pub(super) reference: Reference,
    /// Shown instead of the true state.
    pub(super) state: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Reference {
    #[default]
    Shown,
    Hidden,
}

impl Row for ShownJob<'_> {
    const CONTEXT: &'static str = "Jobs";

    const PROPERTIES: &'static [Property] = &[
        ("Id", Kind::Number),
        ("Key", Kind::Guid),
        ("State", Kind::OneOf(&STATE_NAMES)),
        ("SubState", Kind::Text),
        ("StartTime", Kind::Time),
        ("EndTime", Kind::Time),
        ("CreationTime", Kind::Time),
        ("LastModificationTime", Kind::Time),
        ("ResumeTime", Kind::Time),
        ("ReleaseName", Kind::Text),
        ("Release", Kind::Opaque),
        ("Robot", Kind::Opaque),
        ("Machine", Kind::Opaque),
        ("HostMachineName", Kind::Text),
        ("Source", Kind::Text),
        ("SourceType", Kind::Text),
        ("Type", Kind::Text),
        ("ProcessType", Kind::Text),
        ("RuntimeType", Kind::Text),
        ("Info", Kind::Text),
        ("JobError", Kind::Opaque),
        ("ErrorCode", Kind::Text),
        ("InputArguments", Kind::Text),
        ("InputFile", Kind::Guid),
        ("OutputArguments", Kind::Text),
        ("OutputFile", Kind::Guid),
        ("EnvironmentVariables", Kind::Text),
        ("Reference", Kind::Text),
        ("BatchExecutionKey", Kind::Guid),
        ("StartingScheduleId", Kind::Number),
        ("StartingTriggerId", Kind::Guid),
        ("JobPriority", Kind::OneOf(&["Low", "Normal", "High"])),
        ("SpecificPriorityValue", Kind::Number),
        ("StopStrategy", Kind::OneOf(&["SoftStop", "Kill"])),
        ("ResumeVersion", Kind::Number),
        ("ResumeOnSameContext", Kind::Flag),
        ("PersistenceId", Kind::Guid),
        ("RequiresUserInteraction", Kind::Flag),
        ("ReleaseVersionId", Kind::Number),
        ("EntryPointPath", Kind::Text),
        ("OrganizationUnitId", Kind::Number),
        ("OrganizationUnitFullyQualifiedName", Kind::Text),
        ("MaxExpectedRunningTimeSeconds", Kind::Number),
        ("ParentJobKey", Kind::Guid),
        ("LocalSystemAccount", Kind::Text),
        ("OrchestratorUserIdentity", Kind::Text),
        ("RemoteControlAccess", Kind::Text),
        ("ServerlessJobType", Kind::Text),
        ("ProfilingOptions", Kind::Text),
        ("AutopilotForRobots", Kind::Opaque),
        ("TraceId", Kind::Text),
        ("ParentSpanId", Kind::Text),
        ("RootSpanId", Kind::Text),
        ("FpsContext", Kind::Text),
        ("FpsProperties", Kind::Text),
        ("ResourceOverwrites", Kind::Text),
        ("HasMediaRecorded", Kind::Flag),
        ("HasVideoRecorded", Kind::Flag),
    ];

    fn scalar(&self, property: &str) -> Scalar<'_> {
        let job = self.job;
        match property {
            "Id" => job.id.into(),
            "Key" => job.key.into(),
            "State" => job.state.name().into(),
            "StartTime" => job.started_at.into(),
            "EndTime" => job.ended_at.into(),
            "CreationTime" => job.created_at.into(),
            "LastModificationTime" => job.modified_at.into(),
            "ResumeTime" => job.resumed_at.into(),
            "ReleaseName" => job.process_name.as_str().into(),
            "HostMachineName" => job.started_at.map(|_| HOST).into(),
            "Source" => job.start.source().into(),
            "SourceType" => job.start.source_type().into(),
            "Type" => "Unattended".into(),
            "ProcessType" => "Process".into(),
            "RuntimeType" => job.start.runtime().into(),
            "Info" => job.info.as_deref().into(),
            "InputArguments" => job.start.arguments.as_deref().into(),
            // The database knows it even where a fault keeps it out of the answer.
            "Reference" => job.start.reference.as_deref().into(),
            "BatchExecutionKey" => job.batch.into(),
            "JobPriority" => job.start.priority.as_deref().unwrap_or("Normal").into(),
            "SpecificPriorityValue" => job.priority().into(),
            "StopStrategy" => job.stop.map(StopStrategy::name).into(),
            "ResumeOnSameContext" | "RequiresUserInteraction" | "HasMediaRecorded" | "HasVideoRecorded" => {
                Scalar::Flag(false)
            }
            "EntryPointPath" => job.start.entry_point.as_deref().into(),
            "OrganizationUnitId" => job.folder_id.into(),
            "OrganizationUnitFullyQualifiedName" => job.folder_path.as_str().into(),
            _ => Scalar::Absent,
        }
    }

    fn render(&self) -> Map<String, Value> {
        let job = self.job;
        let error = (job.state == JobState::Faulted).then(|| {
            json!({
                "code": "Robot", "title": job.info.as_deref().unwrap_or("faulted"), "detail": "", "category": "User",
                "status": 0, "timestamp": job.ended_at.map(written),
            })
        });
        let reference = match self.mask.reference {
            Reference::Shown => job.start.reference.as_deref(),
            Reference::Hidden => None,
        };
        let state = self.mask.state.as_deref().unwrap_or_else(|| job.state.name());
        let output = (!job.output.is_null()).then(|| job.output.to_string());
        object(json!({
            "Id": job.id,
            "Key": job.key,
            "State": state,
            "SubState": null,
            "StartTime": job.started_at.map(written),
            "EndTime": job.ended_at.map(written),
            "CreationTime": written(job.created_at),
            "LastModificationTime": written(job.modified_at),
            "ResumeTime": job.resumed_at.map(written),
            "ReleaseName": job.process_name,
            "HostMachineName": job.started_at.map(|_| HOST),
            "Source": job.start.source(),
            "SourceType": job.start.source_type(),
            "Type": "Unattended",
            "ProcessType": "Process",
            "RuntimeType": job.start.runtime(),
            "Info": job.info,
            "JobError": error,
            "ErrorCode": (job.state == JobState::Faulted).then_some("Robot"),
            "InputArguments": job.start.arguments,
            "OutputArguments": output,
            "OutputFile": null,
            "EnvironmentVariables": job.start.environment,
            "Reference": reference,
            "BatchExecutionKey": job.batch,
            "StartingScheduleId": null,
            "JobPriority": job.start.priority.as_deref().unwrap_or("Normal"),
            "SpecificPriorityValue": job.priority(),
            "StopStrategy": job.stop.map(StopStrategy::name),
            "ResumeOnSameContext": false,
            "RequiresUserInteraction": false,
            "ReleaseVersionId": job.release_id,
            "EntryPointPath": job.start.entry_point,
            "OrganizationUnitId": job.folder_id,
            "OrganizationUnitFullyQualifiedName": job.folder_path,
            "HasMediaRecorded": false,
            "HasVideoRecorded": false,
        }))
    }
}

const HOST: &str = "SANDBOX-ROBOT";
