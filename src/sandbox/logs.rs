//! What robots wrote: a line at the start and at the end of each job, made up from the job itself.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::folder::object;
use super::job::{Job, JobState};
use super::odata::{Kind, Property, Row, Scalar};
use super::time::written;

#[derive(Clone, Debug)]
pub(super) struct LogLine<'a> {
    job: &'a Job,
    number: i64,
    at: Timestamp,
    level: &'static str,
    message: String,
}

/// The lines of one job, oldest first.
pub(super) fn lines(job: &Job) -> Vec<LogLine<'_>> {
    let line = |number, at, level, message| LogLine { job, number: job.id * 10 + number, at, level, message };
    let name = &job.process_name;
    let started = job.started_at.map(|at| line(1, at, "Info", format!("{name} execution started")));
    let ended = job.ended_at.map(|at| match job.state {
        JobState::Faulted => line(2, at, "Error", job.info.clone().unwrap_or_else(|| format!("{name} faulted"))),
        JobState::Pending
        | JobState::Running
        | JobState::Stopping
        | JobState::Terminating
        | JobState::Successful
        | JobState::Stopped
        | JobState::Suspended
        | JobState::Resumed => line(2, at, "Info", format!("{name} execution ended")),
    });
    started.into_iter().chain(ended).collect()
}

impl Row for LogLine<'_> {
    const CONTEXT: &'static str = "RobotLogs";

    const PROPERTIES: &'static [Property] = &[
        ("Id", Kind::Number),
        ("JobKey", Kind::Guid),
        ("Level", Kind::OneOf(&["Trace", "Debug", "Info", "Warn", "Error", "Fatal"])),
        ("WindowsIdentity", Kind::Text),
        ("ProcessName", Kind::Text),
        ("TimeStamp", Kind::Time),
        ("Message", Kind::Text),
        ("RawMessage", Kind::Text),
        ("RobotName", Kind::Text),
        ("HostMachineName", Kind::Text),
        ("MachineId", Kind::Number),
        ("MachineKey", Kind::Guid),
        ("RuntimeType", Kind::Text),
    ];

    fn scalar(&self, property: &str) -> Scalar<'_> {
        match property {
            "Id" => self.number.into(),
            "JobKey" => self.job.key.into(),
            "Level" => self.level.into(),
            "ProcessName" => self.job.process_name.as_str().into(),
            "TimeStamp" => self.at.into(),
            "Message" => self.message.as_str().into(),
            _ => Scalar::Absent,
        }
    }

    fn render(&self) -> Map<String, Value> {
        object(json!({
            "Id": self.number,
            "JobKey": self.job.key,
            "Level": self.level,
            "WindowsIdentity": self.job.conduct.account,
            "ProcessName": self.job.process_name,
            "TimeStamp": written(self.at),
            "Message": self.message,
            "RawMessage": null,
            "RobotName": "sandbox-robot",
            "HostMachineName": "SANDBOX-ROBOT",
            "MachineId": 1,
            "RuntimeType": self.job.start.runtime(),
        }))
    }
}
