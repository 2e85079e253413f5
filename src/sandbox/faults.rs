//! What goes wrong, and for whom.
//!
//! Faults are rules: what happens, to which calls, and to how many of them. Each rule throws dice of its own, seeded, so
//! that adding a rule does not move the throws of the others and a run can be repeated. A fault is spent only on a call
//! that would have been served: what is refused for its token uses none up. What happens to a job is decided when it is
//! made, so such faults belong to the call that starts it.

use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Deserializer};

use super::answer::Answer;
use super::complaint::{Complaint, Failure};
use super::conduct::{PendingReason, Stopping};
use super::durations::{duration, perhaps, signed_duration};

/// A set of rules, as read from `--faults FILE` (YAML, of which JSON is a part).
///
/// ```yaml
/// rules:
///   - { fault: drop_answer, on: start_jobs, share: 0.1 }
///   - { fault: { late: 20s }, process: InvoiceIntake, count: 3 }
///   - { fault: { refuse: { status: 409, code: 1670 } }, skip: 2, count: 1 }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Faults {
    /// The rules; each is asked about each call, and effects add up.
    #[serde(default)]
    pub rules: Vec<FaultRule>,
}

/// The file of faults could not be read.
#[derive(Debug, thiserror::Error)]
#[error("failed to read the faults: {0}")]
pub struct FaultsError(String);

impl Faults {
    /// Reads rules from YAML or JSON.
    ///
    /// # Errors
    /// Not YAML, an unknown key or fault, or a value of the wrong kind; the message names the place.
    pub fn from_yaml(text: &str) -> Result<Faults, FaultsError> {
        serde_saphyr::from_str(text).map_err(|error| FaultsError(error.to_string()))
    }
}

/// One fault, and whom it hits.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// What happens.
    pub fault: Fault,
    /// Only calls of this kind; without it, all that the fault makes sense for.
    #[serde(default)]
    pub on: Option<Endpoint>,
    /// Only calls about jobs of this process.
    #[serde(default)]
    pub process: Option<String>,
    /// Only calls whose path holds this text, in any case.
    #[serde(default)]
    pub path: Option<String>,
    /// The share of matching calls that is hit, 0 to 1.
    #[serde(default = "always", deserialize_with = "share")]
    pub share: f64,
    /// So many matching calls go unharmed first.
    #[serde(default)]
    pub skip: u64,
    /// So many calls are hit at most.
    #[serde(default)]
    pub count: Option<u64>,
    /// Only calls that come so long after the rule was set.
    #[serde(default, deserialize_with = "duration")]
    pub after: Duration,
    /// Only calls that come so soon after that.
    #[serde(default, deserialize_with = "perhaps")]
    pub lasts: Option<Duration>,
}

fn always() -> f64 {
    1.0
}

impl FaultRule {
    /// A rule that hits every call it makes sense for.
    pub fn always(fault: Fault) -> FaultRule {
        FaultRule {
            fault,
            on: None,
            process: None,
            path: None,
            share: always(),
            skip: 0,
            count: None,
            after: Duration::ZERO,
            lasts: None,
        }
    }

    /// A rule that hits one call.
    pub fn once(fault: Fault) -> FaultRule {
        FaultRule { count: Some(1), ..FaultRule::always(fault) }
    }

    /// The same for calls of one kind.
    #[must_use]
    pub fn on(self, endpoint: Endpoint) -> FaultRule {
        FaultRule { on: Some(endpoint), ..self }
    }

    /// The same for one process.
    #[must_use]
    pub fn process(self, process: impl Into<String>) -> FaultRule {
        FaultRule { process: Some(process.into()), ..self }
    }

    /// The same for paths that hold this text.
    #[must_use]
    pub fn path(self, path: impl Into<String>) -> FaultRule {
        FaultRule { path: Some(path.into()), ..self }
    }

    /// The same for a share of the calls.
    #[must_use]
    pub fn share(self, share: f64) -> FaultRule {
        FaultRule { share, ..self }
    }

    /// The same after so many unharmed calls.
    #[must_use]
    pub fn skip(self, skip: u64) -> FaultRule {
        FaultRule { skip, ..self }
    }

    /// The same for so many calls.
    #[must_use]
    pub fn count(self, count: u64) -> FaultRule {
        FaultRule { count: Some(count), ..self }
    }

    /// The same from so long after it is set.
    #[must_use]
    pub fn after(self, after: Duration) -> FaultRule {
        FaultRule { after, ..self }
    }

    /// The same for so long.
    #[must_use]
    pub fn lasts(self, lasts: Duration) -> FaultRule {
        FaultRule { lasts: Some(lasts), ..self }
    }
}

/// The kinds of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// Any token endpoint.
    Token,
    /// StartJobs.
    StartJobs,
    /// The list form of Jobs.
    ListJobs,
    /// A job by id or key.
    GetJob,
    /// StopJob and StopJobs.
    StopJobs,
    /// RestartJob, ResumeJob, ValidateDynamicJob, ValidateExistingJob.
    OtherJobs,
    /// Folders in any form.
    Folders,
    /// Releases in any form.
    Releases,
    /// RobotLogs.
    RobotLogs,
    /// AddQueueItem.
    AddQueueItem,
    /// The list form of QueueItems.
    ListQueueItems,
    /// Everything else.
    Other,
}

/// What can go wrong.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The request waits before anything is done with it; it is done even if the client has gone by then.
    Delay(#[serde(deserialize_with = "duration")] Duration),
    /// The work is done at once, the answer comes later.
    DelayAnswer(#[serde(deserialize_with = "duration")] Duration),
    /// The connection is closed and nothing is done.
    DropRequest,
    /// The work is done and the connection is closed without an answer.
    DropAnswer,
    /// Jobs or queue items made by the call are shown by lists and look-ups only after this time.
    Late(#[serde(deserialize_with = "duration")] Duration),
    /// The list is answered as if it had no `$filter`.
    IgnoreFilter,
    /// A list with a `$filter` is refused (400, 1000).
    RefuseFilter,
    /// Rows come without their `Reference`.
    HideReference,
    /// The list is empty, as it is for somebody without rights.
    EmptyList,
    /// Jobs are shown in this state, whatever theirs is.
    ShowState(String),
    /// Nothing is done; this is the answer. Without a message, the known one of the code.
    Refuse(Refusal),
    /// Nothing is done; this is the answer, to the letter: whatever a server, a proxy or a gateway can say.
    Say(Words),
    /// The work is done; this is the answer.
    FailAfter(Refusal),
    /// The token is revoked, and so the call is refused with 401.
    RevokeToken,
    /// Nothing is done; the answer is 200 with a page of HTML.
    Html,
    /// The work is done; the answer is 2xx and JSON that ends in the middle.
    Garble,
    /// The work is done; the answer is 201 with an empty list of jobs.
    NoJobs,
    /// So many jobs are made instead of one; the answer shows only the last, as after retries by a gateway.
    Duplicate(usize),
    /// Nothing is done; 307 to this place.
    Redirect(String),
    /// The job stays Pending for ever, for a reason that is not looked at again.
    Hang(PendingReason),
    /// The job stays Pending for so much longer.
    PendingFor(#[serde(deserialize_with = "duration")] Duration),
    /// The job runs for so long, instead of what its process says.
    RunsFor(#[serde(deserialize_with = "duration")] Duration),
    /// The job is suspended once for so long.
    Suspends(#[serde(deserialize_with = "duration")] Duration),
    /// The job faults, in the words of real robots.
    Fails(Failure),
    /// The job faults, and says this.
    FailsWith(Complaint),
    /// The robot goes on when asked to stop softly.
    IgnoreSoftStop,
    /// The robot needs so long for a soft stop, and the job ends so.
    SoftStop(Stopping),
    /// The job stays Terminating when it is killed, until Orchestrator cleans it up.
    IgnoreKill,
    /// The robot needs so long for a kill, and the job ends so.
    Kill(Stopping),
    /// A robot takes a Pending job that the call stops, a moment before.
    TakenBeforeStop,
    /// Jobs that were stopped before a robot took them are shown without a start, not with that of their end.
    StoppedHidesStart,
    /// A second Pending job of a process in a folder is refused (409, 1670), as where a start names a robot.
    OnePending,
    /// The folder of the call has so many robots from now on.
    Robots(usize),
    /// The `Date` header is off by this much.
    DateOff(#[serde(deserialize_with = "signed_duration")] SignedDuration),
}

/// An answer that is no success.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// Orchestrator's error code. Without one there is no Orchestrator body either: a proxy spoke.
    #[serde(default)]
    pub code: Option<i32>,
    /// Its message.
    #[serde(default)]
    pub message: Option<String>,
    /// The `Retry-After` header, in seconds.
    #[serde(default)]
    pub retry_after: Option<u64>,
}

/// An answer, to the letter.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub body: String,
    /// Its `Content-Type`; without one, JSON.
    #[serde(default)]
    pub content_type: Option<String>,
}

impl Words {
    /// A JSON answer.
    pub fn json(status: u16, body: impl Into<String>) -> Words {
        Words { status, body: body.into(), content_type: None }
    }

    pub(super) fn answer(&self) -> Answer {
        let Words { status, body, content_type } = self;
        let kind = content_type.as_deref().unwrap_or("application/json; charset=utf-8");
        Answer::text(*status, kind, body)
    }
}

impl Refusal {
    /// A refusal by Orchestrator, with the message known for the code.
    pub fn code(status: u16, code: i32) -> Refusal {
        Refusal { status, code: Some(code), message: None, retry_after: None }
    }

    /// An answer of a gateway or proxy, with a page of HTML.
    pub fn gateway(status: u16) -> Refusal {
        Refusal { status, code: None, message: None, retry_after: None }
    }

    /// The same with a `Retry-After` in seconds.
    #[must_use]
    pub fn retry_after(self, seconds: u64) -> Refusal {
        Refusal { retry_after: Some(seconds), ..self }
    }

    pub(super) fn answer(&self) -> Answer {
        let answer = match self.code {
            Some(code) => {
                let message = self.message.as_deref().unwrap_or_else(|| known_message(code));
                Answer::error(self.status, code, message)
            }
            None => Answer::html(self.status, self.message.as_deref().unwrap_or("<h1>Gateway</h1>")),
        };
        match self.retry_after {
            Some(seconds) => answer.header("retry-after", seconds.to_string()),
            None => answer,
        }
    }
}

/// The messages of Orchestrator, by UiPath's page on response codes and users' reports.
pub(super) fn known_message(code: i32) -> &'static str {
    match code {
        1000 => "Invalid OData query options",
        1002 => "The process does not exist.",
        1100 => "Folder does not exist or the user does not have access to the folder.",
        1101 => "A folder is required for this action.",
        1230 => "Foreground job requires an unattended robot to be defined on your user",
        1670 => "The robots already have pending jobs for this Process",
        1671 => "Couldn't find any user with unattended robot permissions in the current folder.",
        2818 => "Could not find a machine with Unattended or NonProduction runtimes in the current folder",
        _ => "The operation failed.",
    }
}

/// How the whole service fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    /// It does not.
    None,
    /// Nobody listens on the port: connections are refused, open ones are closed.
    Refused,
    /// Each request is answered with 503 by a gateway, and not done.
    Unavailable,
    /// Each connection is closed without an answer, and nothing is done.
    Silent,
}

impl Fault {
    /// As it is called in a file of faults.
    pub fn name(&self) -> &'static str {
        match self {
            Fault::Delay(_) => "delay",
            Fault::DelayAnswer(_) => "delay_answer",
            Fault::DropRequest => "drop_request",
            Fault::DropAnswer => "drop_answer",
            Fault::Late(_) => "late",
            Fault::IgnoreFilter => "ignore_filter",
            Fault::RefuseFilter => "refuse_filter",
            Fault::HideReference => "hide_reference",
            Fault::EmptyList => "empty_list",
            Fault::ShowState(_) => "show_state",
            Fault::Refuse(_) => "refuse",
            Fault::Say(_) => "say",
            Fault::FailAfter(_) => "fail_after",
            Fault::RevokeToken => "revoke_token",
            Fault::Html => "html",
            Fault::Garble => "garble",
            Fault::NoJobs => "no_jobs",
            Fault::Duplicate(_) => "duplicate",
            Fault::Redirect(_) => "redirect",
            Fault::Hang(_) => "hang",
            Fault::PendingFor(_) => "pending_for",
            Fault::RunsFor(_) => "runs_for",
            Fault::Suspends(_) => "suspends",
            Fault::Fails(_) => "fails",
            Fault::FailsWith(_) => "fails_with",
            Fault::IgnoreSoftStop => "ignore_soft_stop",
            Fault::SoftStop(_) => "soft_stop",
            Fault::IgnoreKill => "ignore_kill",
            Fault::Kill(_) => "kill",
            Fault::TakenBeforeStop => "taken_before_stop",
            Fault::StoppedHidesStart => "stopped_hides_start",
            Fault::OnePending => "one_pending",
            Fault::Robots(_) => "robots",
            Fault::DateOff(_) => "date_off",
        }
    }

    /// Whether the fault means anything for such a call.
    pub(super) fn suits(&self, endpoint: Endpoint) -> bool {
        match self {
            Fault::Delay(_)
            | Fault::DelayAnswer(_)
            | Fault::DropRequest
            | Fault::DropAnswer
            | Fault::Refuse(_)
            | Fault::Say(_)
            | Fault::FailAfter(_)
            | Fault::Html
            | Fault::Garble
            | Fault::Redirect(_)
            | Fault::DateOff(_) => true,
            Fault::RevokeToken => endpoint != Endpoint::Token,
            Fault::Late(_) => matches!(endpoint, Endpoint::StartJobs | Endpoint::AddQueueItem),
            Fault::NoJobs
            | Fault::Duplicate(_)
            | Fault::Hang(_)
            | Fault::PendingFor(_)
            | Fault::RunsFor(_)
            | Fault::Suspends(_)
            | Fault::Fails(_)
            | Fault::FailsWith(_)
            | Fault::IgnoreSoftStop
            | Fault::SoftStop(_)
            | Fault::IgnoreKill
            | Fault::Kill(_)
            | Fault::OnePending => endpoint == Endpoint::StartJobs,
            Fault::TakenBeforeStop => endpoint == Endpoint::StopJobs,
            Fault::Robots(_) => matches!(
                endpoint,
                Endpoint::StartJobs | Endpoint::ListJobs | Endpoint::GetJob | Endpoint::StopJobs | Endpoint::OtherJobs
            ),
            Fault::IgnoreFilter | Fault::RefuseFilter | Fault::EmptyList => matches!(
                endpoint,
                Endpoint::ListJobs
                    | Endpoint::Folders
                    | Endpoint::Releases
                    | Endpoint::RobotLogs
                    | Endpoint::ListQueueItems
            ),
            Fault::HideReference => {
                matches!(
                    endpoint,
                    Endpoint::StartJobs | Endpoint::ListJobs | Endpoint::GetJob | Endpoint::ListQueueItems
                )
            }
            Fault::ShowState(_) | Fault::StoppedHidesStart => {
                matches!(endpoint, Endpoint::ListJobs | Endpoint::GetJob)
            }
        }
    }
}

fn share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let share = f64::deserialize(deserializer)?;
    if (0.0..=1.0).contains(&share) {
        Ok(share)
    } else {
        Err(serde::de::Error::custom(format!("the share `{share}` is not between 0 and 1")))
    }
}
