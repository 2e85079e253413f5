//! What may be handed to somebody who helps: everything but secrets.
//!
//! By allow-list: each field below was chosen, and what is not here does not leave. Of a connection its addresses and the
//! names of its references, of a schedule when and what but no arguments, of a run its state and our own words. What robots
//! wrote is left out: a fault's text may quote what the robot was typing.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use super::step::Step;
use crate::schedule::{Connection, FolderChoice, Schedule, ScheduleSet};
use crate::secret::{Secret, SecretSource};
use crate::witness::{Came, Masker, masked_by};

/// Argument values shorter than this are words like `yes`; hiding them would make every sentence unreadable.
const SHORTEST_HIDDEN: usize = 4;

/// A bundle, ready to be written.
#[derive(Debug, Serialize)]
pub struct Bundle {
    format: &'static str,
    version: u32,
    made_at: Timestamp,
    machine: Machine,
    connections: Vec<ConnectionPart>,
    schedules: Vec<SchedulePart>,
    steps: Vec<StepPart>,
    runs: Vec<StateCount>,
    errors: Vec<RunError>,
}

/// Where it was made.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// This program's version.
    pub punctual: String,
    /// Name and version of the operating system.
    pub system: String,
    /// The kernel's name, release and machine.
    pub kernel: String,
    /// The time zone database in use.
    pub zones: String,
}

/// How many runs are in one state.
#[derive(Clone, Debug, Serialize)]
pub struct StateCount {
    /// The state.
    pub state: String,
    /// Its reason.
    pub reason: Option<String>,
    /// How many.
    pub runs: u64,
}

/// A run that did not go well.
#[derive(Clone, Debug, Serialize)]
pub struct RunError {
    /// Its id.
    pub run: String,
    /// Its schedule.
    pub schedule: String,
    /// When it was due.
    pub nominal_at: String,
    /// Its state.
    pub state: String,
    /// The state's reason.
    pub reason: Option<String>,
    /// Our words; none where they would be a robot's.
    pub error: Option<String>,
}

#[derive(Debug, Serialize)]
struct ConnectionPart {
    name: String,
    url: String,
    tenant: Option<String>,
    grant: &'static str,
    token_url: Option<String>,
    scope: Option<String>,
    references: Vec<String>,
    settle_s: u64,
}

#[derive(Debug, Serialize)]
struct SchedulePart {
    key: String,
    connection: String,
    folder: Option<FolderChoice>,
    process: String,
    runtime: Option<String>,
    next_at: Option<Timestamp>,
    zone: String,
    argument_names: usize,
}

#[derive(Debug, Serialize)]
struct StepPart {
    connection: String,
    step: &'static str,
    subject: Option<String>,
    verdict: &'static str,
    found: String,
    cause: Option<String>,
    cure: Option<String>,
    request: Option<String>,
    status: Option<u16>,
    content_type: Option<String>,
    took_ms: Option<u64>,
}

/// Puts a bundle together.
pub fn bundle(
    set: &ScheduleSet,
    steps: &[Step],
    machine: Machine,
    runs: Vec<StateCount>,
    errors: Vec<RunError>,
    now: Timestamp,
) -> Bundle {
    let hidden = argument_values(set);
    #[cfg(feature = "faults")]
    let hidden = if crate::faults::is_on(crate::faults::BUNDLE_SHOWS_ARGUMENTS) { Vec::new() } else { hidden };
    let masker = Masker::of([]).and_values(&hidden);
    let hide = |text: &str| masked_by(text, &masker);
    let errors = errors.into_iter().map(|one| RunError { error: one.error.as_deref().map(hide), ..one }).collect();
    Bundle {
        format: "punctual-doctor",
        version: 1,
        made_at: now,
        machine,
        connections: set.connections.values().map(|connection| connection_part(connection)).collect(),
        schedules: set.schedules.values().map(|schedule| schedule_part(schedule, now)).collect(),
        steps: steps.iter().map(|step| step_part(step, &hide)).collect(),
        runs,
        errors,
    }
}

fn connection_part(connection: &Connection) -> ConnectionPart {
    let grant = &connection.auth.grant;
    let Connection { name, url, tenant, auth, limits: _, settle, authorities: _ } = connection;
    ConnectionPart {
        name: name.to_string(),
        url: printable(url),
        tenant: tenant.clone(),
        grant: grant.facts().label,
        token_url: auth.token_url.as_ref().map(printable),
        scope: grant.scope().map(str::to_owned),
        references: grant.secrets().into_iter().map(|(_, from)| source(from)).collect(),
        settle_s: settle.as_secs(),
    }
}

/// Where a secret is.
fn source(source: &SecretSource) -> String {
    match source {
        SecretSource::At(reference) => reference.to_string(),
        SecretSource::Kept => "kept by `punctual login`".to_owned(),
    }
}

/// Scheme, host and path.
fn printable(url: &url::Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}

fn schedule_part(schedule: &Schedule, now: Timestamp) -> SchedulePart {
    let start = &schedule.start;
    SchedulePart {
        key: schedule.key.to_string(),
        connection: schedule.connection.to_string(),
        folder: start.folder.clone(),
        process: start.process.clone(),
        runtime: start.runtime.clone(),
        next_at: schedule.recurrence.next_after(now).map(|nominal| nominal.at),
        zone: schedule.recurrence.zone().name().to_owned(),
        argument_names: start.arguments.as_ref().map_or(0, Map::len),
    }
}

fn step_part(step: &Step, hide: &impl Fn(&str) -> String) -> StepPart {
    let answered = step.exchange.as_ref().and_then(|exchange| match &exchange.came {
        Came::Answer(answered) => Some(answered),
        Came::Nothing { .. } => None,
    });
    StepPart {
        connection: step.connection.clone(),
        step: step.topic.as_str(),
        subject: step.subject.as_deref().map(hide),
        verdict: step.verdict.as_str(),
        found: hide(&step.found),
        cause: step.cause.as_deref().map(hide),
        cure: step.cure.as_deref().map(hide),
        request: step.exchange.as_ref().map(|exchange| hide(&exchange.request)),
        status: answered.map(|answered| answered.status),
        content_type: answered.and_then(|answered| answered.content_type.as_deref().map(hide)),
        took_ms: step.took.map(|took| took.as_millis() as u64),
    }
}

/// Every text in every schedule's arguments, and every variable that a template may name: a server that repeats one in its
/// refusal does not get it into the bundle.
fn argument_values(set: &ScheduleSet) -> Vec<Secret> {
    let mut texts: Vec<&str> = set.env.values().map(String::as_str).collect();
    for schedule in set.schedules.values() {
        schedule.start.arguments.iter().flat_map(Map::values).for_each(|value| collect(value, &mut texts));
    }
    texts.retain(|text| text.chars().count() >= SHORTEST_HIDDEN);
    texts.into_iter().map(Secret::new).collect()
}

fn collect<'a>(value: &'a Value, texts: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => texts.push(text),
        Value::Array(items) => items.iter().for_each(|item| collect(item, texts)),
        Value::Object(entries) => entries.values().for_each(|entry| collect(entry, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
