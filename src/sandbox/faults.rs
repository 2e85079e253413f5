//! What goes wrong, and for whom.
//!
//! Faults are rules: what happens, to which calls, and to how many of them. Each rule throws dice of its own, seeded, so
//! that adding a rule does not move the throws of the others and a run can be repeated. A fault is spent only on a call
//! that would have been served: what is refused for its token uses none up.
//!
//! Pure: given the rules, their counters and a call, the effects follow.

use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Deserializer};

use super::answer::Answer;
use super::dice;
use super::job::{Mask, Obedience, Reference};

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
}

fn always() -> f64 {
    1.0
}

impl FaultRule {
    /// A rule that hits every call it makes sense for.
    pub fn always(fault: Fault) -> FaultRule {
        FaultRule { fault, on: None, process: None, path: None, share: always(), skip: 0, count: None }
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
    /// RestartJob, ResumeJob, ValidateDynamicJob.
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
    /// Robots go on when asked to stop softly.
    IgnoreSoftStop,
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

    fn answer(&self) -> Answer {
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

    fn answer(&self) -> Answer {
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
fn known_message(code: i32) -> &'static str {
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

/// A call, as far as rules ask about it.
#[derive(Clone, Debug)]
pub(super) struct Subject<'a> {
    pub(super) endpoint: Endpoint,
    pub(super) path: &'a str,
    pub(super) process: Option<&'a str>,
}

/// All that happens to one call.
#[derive(Clone, Debug, Default)]
pub(super) struct Effects {
    /// The faults as written, for the record.
    pub(super) names: Vec<&'static str>,
    pub(super) delay: Duration,
    pub(super) delay_answer: Duration,
    pub(super) connection: Connection,
    /// The answer that stands in for the work.
    pub(super) instead: Option<Answer>,
    /// The answer that hides the work.
    pub(super) afterwards: Option<Answer>,
    pub(super) date_off: SignedDuration,
    pub(super) revokes_token: bool,
    pub(super) garbles: bool,
    pub(super) twist: Twist,
}

/// What happens to the connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Connection {
    #[default]
    Kept,
    CutAfterwards,
    CutBefore,
}

/// How the work itself is done otherwise than usual.
#[derive(Clone, Debug, Default)]
pub(super) struct Twist {
    pub(super) late: Duration,
    /// Made instead of one; 0 means one.
    pub(super) duplicates: usize,
    pub(super) obedience: Obedience,
    pub(super) ignores_filter: bool,
    pub(super) refuses_filter: bool,
    pub(super) empties_list: bool,
    pub(super) mask: Mask,
}

impl Effects {
    fn add(&mut self, fault: &Fault) {
        self.names.push(fault.name());
        match fault {
            Fault::Delay(length) => self.delay = self.delay.saturating_add(*length),
            Fault::DelayAnswer(length) => self.delay_answer = self.delay_answer.saturating_add(*length),
            Fault::DropRequest => self.connection = Connection::CutBefore,
            Fault::DropAnswer => match self.connection {
                Connection::Kept => self.connection = Connection::CutAfterwards,
                Connection::CutAfterwards | Connection::CutBefore => {}
            },
            Fault::Late(length) => self.twist.late = self.twist.late.saturating_add(*length),
            Fault::IgnoreFilter => self.twist.ignores_filter = true,
            Fault::RefuseFilter => self.twist.refuses_filter = true,
            Fault::HideReference => self.twist.mask.reference = Reference::Hidden,
            Fault::EmptyList => self.twist.empties_list = true,
            Fault::ShowState(state) => self.twist.mask.state = Some(state.clone()),
            Fault::Refuse(refusal) => self.stand_in(refusal.answer()),
            Fault::Say(words) => self.stand_in(words.answer()),
            Fault::FailAfter(refusal) => self.afterwards = Some(refusal.answer()),
            Fault::RevokeToken => {
                self.revokes_token = true;
                self.stand_in(Answer::unauthorized());
            }
            Fault::Html => self.stand_in(Answer::login_page()),
            Fault::Garble => self.garbles = true,
            Fault::NoJobs => self.afterwards = Some(Answer::json(201, serde_json::json!({ "value": [] }))),
            Fault::Duplicate(jobs) => self.twist.duplicates = *jobs,
            Fault::Redirect(to) => self.stand_in(Answer::empty(307).header("location", to.as_str())),
            Fault::IgnoreSoftStop => self.twist.obedience = Obedience::GoesOn,
            Fault::DateOff(offset) => self.date_off = self.date_off.saturating_add(*offset),
        }
    }

    /// The first answer that stands in for the work is the one that is given.
    fn stand_in(&mut self, answer: Answer) {
        self.instead.get_or_insert(answer);
    }
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
            Fault::IgnoreSoftStop => "ignore_soft_stop",
            Fault::DateOff(_) => "date_off",
        }
    }

    /// Whether the fault means anything for such a call.
    fn suits(&self, endpoint: Endpoint) -> bool {
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
            Fault::NoJobs | Fault::Duplicate(_) | Fault::IgnoreSoftStop => endpoint == Endpoint::StartJobs,
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
            Fault::ShowState(_) => matches!(endpoint, Endpoint::ListJobs | Endpoint::GetJob),
        }
    }
}

/// The rules with their counters.
#[derive(Clone, Debug)]
pub(super) struct FaultBook {
    seed: u64,
    rules: Vec<Counted>,
}

#[derive(Clone, Debug)]
struct Counted {
    rule: FaultRule,
    stream: u64,
    matched: u64,
    fired: u64,
}

impl FaultBook {
    pub(super) fn new(seed: u64) -> FaultBook {
        FaultBook { seed, rules: Vec::new() }
    }

    pub(super) fn replace(&mut self, faults: Faults) {
        let Faults { rules } = faults;
        self.rules.clear();
        for rule in rules {
            self.push(rule);
        }
    }

    pub(super) fn push(&mut self, rule: FaultRule) {
        // Streams below 1000 belong to keys and tokens.
        let stream = 1_000 + self.rules.len() as u64;
        self.rules.push(Counted { rule, stream, matched: 0, fired: 0 });
    }

    /// How many calls the rules have hit since they were set.
    pub(super) fn fired(&self) -> u64 {
        self.rules.iter().map(|counted| counted.fired).sum()
    }

    /// Decides about one call, and counts it.
    pub(super) fn decide(&mut self, subject: &Subject<'_>) -> Effects {
        let seed = self.seed;
        let mut effects = Effects::default();
        for counted in &mut self.rules {
            if let Some(fault) = counted.decide(subject, seed) {
                effects.add(fault);
            }
        }
        effects
    }
}

impl Counted {
    fn decide(&mut self, subject: &Subject<'_>, seed: u64) -> Option<&Fault> {
        let FaultRule { fault, on, process, path, share, skip, count } = &self.rule;
        let meant = fault.suits(subject.endpoint)
            && on.is_none_or(|on| on == subject.endpoint)
            && process
                .as_deref()
                .is_none_or(|wanted| subject.process.is_some_and(|is| is.eq_ignore_ascii_case(wanted)))
            && path
                .as_deref()
                .is_none_or(|part| subject.path.to_ascii_lowercase().contains(part.to_ascii_lowercase().as_str()));
        if !meant || count.is_some_and(|count| self.fired >= count) {
            return None;
        }
        let n = self.matched;
        self.matched += 1;
        if n < *skip || !dice::falls_into(*share, seed, self.stream, n) {
            return None;
        }
        self.fired += 1;
        Some(fault)
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

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let length = signed_duration(deserializer)?;
    Duration::try_from(length).map_err(|_| serde::de::Error::custom("a duration must not be negative"))
}

fn signed_duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SignedDuration, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| serde::de::Error::custom(format!("`{text}` is no duration; write `20s`, `500ms` or `2m`")))
}
