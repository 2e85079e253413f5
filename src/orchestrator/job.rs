//! A job as Orchestrator shows it.

use std::fmt;

use jiff::Timestamp;

use super::freshness::Freshness;
use crate::run::{JobId, JobKey, JobRef, Reference};

/// Jobs from one list call, and whether they are all there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobPage {
    /// The jobs, as the server chose them. Compare what you asked for again: a filter may have been ignored.
    pub jobs: Vec<JobView>,
    /// Whether a job that is not here does not exist.
    pub completeness: Completeness,
    /// Whether it is of now.
    pub freshness: Freshness,
}

impl JobPage {
    /// The answer to no question.
    pub fn nothing() -> JobPage {
        JobPage { jobs: Vec::new(), completeness: Completeness::Complete, freshness: Freshness::Fresh }
    }

    /// Whether a job that it does not show does not exist: it is complete, and no cache's.
    pub fn is_proof(&self) -> bool {
        self.completeness == Completeness::Complete && self.freshness == Freshness::Fresh
    }
}

/// Whether a list is the whole list (semantics.md 16: "none" counts only if it is).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completeness {
    /// The server had no more.
    Complete,
    /// There are more, or there may be: as many as asked for, a link to a next page, or a server-side page limit.
    Cut,
    /// Jobs in it could not be read and are left out: any job may be one of them.
    Holes,
}

/// One job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobView {
    /// For `/odata/Jobs(id)`.
    pub id: JobId,
    /// For `Key in (…)`.
    pub key: JobKey,
    /// Where it stands.
    pub state: JobState,
    /// The name it was started under, ours or another's.
    pub reference: Option<Reference>,
    /// The process's name in its folder.
    pub release_name: Option<String>,
    /// When Orchestrator accepted it.
    pub created_at: Option<Timestamp>,
    /// When its robot began; see [`JobView::began_at`].
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Orchestrator's remark; only [`read_job`](super::Client::read_job) and a start's answer carry it.
    pub info: Option<String>,
    /// Why it faulted; carried as `info` is.
    pub error: Option<JobFault>,
    /// Its output arguments, JSON text; carried as `info` is.
    pub output: Option<String>,
}

impl JobView {
    /// Both of its names.
    pub fn job_ref(&self) -> JobRef {
        JobRef { key: self.key, id: self.id }
    }

    /// When a robot began it. One that was stopped before any had is shown with the instant of its end as that of its
    /// start (UiPath/skills, `cv-element-not-found`, `o365-app-scope-asset-not-found`: recorded lists of jobs): it
    /// never began.
    pub fn began_at(&self) -> Option<Timestamp> {
        self.started_at.filter(|_| self.state != JobState::Stopped || self.started_at != self.ended_at)
    }
}

/// Why a job faulted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobFault {
    /// For programs, such as `Robot.UserNotLoggedIn`.
    pub code: Option<String>,
    /// One line.
    pub title: Option<String>,
    /// The rest, often with a stack trace.
    pub detail: Option<String>,
    /// `User`, `Deployment` or `System`.
    pub category: Option<String>,
}

/// Where a job stands. Only `Faulted`, `Successful` and `Stopped` are final (semantics.md 20).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobState {
    /// Waits for a robot.
    Pending,
    /// On a robot.
    Running,
    /// A soft stop was asked for.
    Stopping,
    /// A kill was asked for.
    Terminating,
    /// Ended with an error.
    Faulted,
    /// Ended well.
    Successful,
    /// Ended because it was asked to.
    Stopped,
    /// Parked; it goes on later.
    Suspended,
    /// Waits for a robot again.
    Resumed,
    /// A word that this version does not know; not final.
    Other(String),
}

/// In the order of Orchestrator's own numbers, 0 to 8.
const NAMES: [&str; 9] =
    ["Pending", "Running", "Stopping", "Terminating", "Faulted", "Successful", "Stopped", "Suspended", "Resumed"];

impl JobState {
    /// Reads Orchestrator's word, in any case, or its number as text.
    pub fn from_text(text: &str) -> JobState {
        let place = match text.parse::<usize>() {
            Ok(number) => Some(number),
            Err(_) => NAMES.iter().position(|name| name.eq_ignore_ascii_case(text)),
        };
        match place {
            Some(0) => JobState::Pending,
            Some(1) => JobState::Running,
            Some(2) => JobState::Stopping,
            Some(3) => JobState::Terminating,
            Some(4) => JobState::Faulted,
            Some(5) => JobState::Successful,
            Some(6) => JobState::Stopped,
            Some(7) => JobState::Suspended,
            Some(8) => JobState::Resumed,
            Some(_) | None => JobState::Other(text.to_owned()),
        }
    }

    /// Orchestrator's word for it.
    pub fn as_str(&self) -> &str {
        match self {
            JobState::Pending => NAMES[0],
            JobState::Running => NAMES[1],
            JobState::Stopping => NAMES[2],
            JobState::Terminating => NAMES[3],
            JobState::Faulted => NAMES[4],
            JobState::Successful => NAMES[5],
            JobState::Stopped => NAMES[6],
            JobState::Suspended => NAMES[7],
            JobState::Resumed => NAMES[8],
            JobState::Other(word) => word,
        }
    }

    /// Whether nothing more will happen.
    pub fn is_final(&self) -> bool {
        match self {
            JobState::Faulted | JobState::Successful | JobState::Stopped => true,
            JobState::Pending
            | JobState::Running
            | JobState::Stopping
            | JobState::Terminating
            | JobState::Suspended
            | JobState::Resumed
            | JobState::Other(_) => false,
        }
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a job is asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopStrategy {
    /// The robot may finish its step.
    SoftStop,
    /// At once.
    Kill,
}

impl StopStrategy {
    /// Orchestrator's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            StopStrategy::SoftStop => "SoftStop",
            StopStrategy::Kill => "Kill",
        }
    }
}

/// One line of a robot's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// When, by the robot's clock.
    pub at: Option<Timestamp>,
    /// `Trace` to `Fatal`.
    pub level: String,
    /// What it says.
    pub message: String,
}
