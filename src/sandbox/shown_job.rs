//! How Orchestrator shows a job, and what a fault hides or twists of it.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::complaint::JobError;
use super::folder::object;
use super::job::{Job, JobState, STATE_NAMES};
use super::odata::{Kind, Property, Row, Scalar};
use super::stop::StopStrategy;
use super::time::written;

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
    pub(super) start: StartShown,
}

/// What is shown as the start of a job that was stopped before a robot took it. UiPath's pages do not say; all eight such
/// jobs in the recordings of UiPath/skills (`cv-element-not-found`, `o365-app-scope-asset-not-found`) have the time of
/// their end, and all but one of them no machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum StartShown {
    /// The time of its end.
    #[default]
    End,
    /// None.
    Nothing,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Reference {
    #[default]
    Shown,
    Hidden,
}

impl ShownJob<'_> {
    fn started_at(&self) -> Option<Timestamp> {
        let Job { started_at, ended_at, state, .. } = *self.job;
        match (self.mask.start, started_at, state) {
            (StartShown::End, None, JobState::Stopped) => ended_at,
            (StartShown::End | StartShown::Nothing, _, _) => started_at,
        }
    }

    /// `JobError` and `ErrorCode`.
    fn error(&self) -> (Option<Value>, Option<&str>) {
        let job = self.job;
        match (job.state, &job.complaint) {
            (JobState::Faulted, Some(complaint)) => {
                (Some(members(&complaint.error, job.ended_at)), complaint.error_code.as_deref())
            }
            (JobState::Faulted, None) => {
                let error = JobError {
                    code: Some("Robot".to_owned()),
                    title: Some(job.info.clone().unwrap_or_else(|| "faulted".to_owned())),
                    detail: Some(String::new()),
                    category: Some("User".to_owned()),
                    status: Some(0),
                };
                (Some(members(&error, job.ended_at)), Some("Robot"))
            }
            (
                JobState::Pending
                | JobState::Running
                | JobState::Stopping
                | JobState::Terminating
                | JobState::Successful
                | JobState::Stopped
                | JobState::Suspended
                | JobState::Resumed,
                _,
            ) => (None, None),
        }
    }

    /// The Windows account, which is known once a robot has taken the job.
    fn account(&self) -> Option<&str> {
        self.job.started_at.map(|_| self.job.conduct.account.as_str())
    }
}

/// What there is of an error; with nothing in it, it has no time either.
fn members(error: &JobError, at: Option<Timestamp>) -> Value {
    let JobError { code, title, detail, category, status } = error;
    if *error == JobError::default() {
        return json!({});
    }
    let all = object(json!({
        "code": code, "title": title, "detail": detail, "category": category, "status": status,
        "timestamp": at.map(written),
    }));
    Value::Object(all.into_iter().filter(|(_, value)| !value.is_null()).collect())
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
            "StartTime" => self.started_at().into(),
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
            "LocalSystemAccount" => self.account().into(),
            "ErrorCode" => self.error().1.into(),
            "OrganizationUnitId" => job.folder_id.into(),
            "OrganizationUnitFullyQualifiedName" => job.folder_path.as_str().into(),
            _ => Scalar::Absent,
        }
    }

    fn render(&self) -> Map<String, Value> {
        let job = self.job;
        let (error, error_code) = self.error();
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
            "StartTime": self.started_at().map(written),
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
            "ErrorCode": error_code,
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
            "LocalSystemAccount": self.account(),
            "OrganizationUnitId": job.folder_id,
            "OrganizationUnitFullyQualifiedName": job.folder_path,
            "HasMediaRecorded": false,
            "HasVideoRecorded": false,
        }))
    }
}

const HOST: &str = "SANDBOX-ROBOT";
