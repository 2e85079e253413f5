//! People who start something by hand: a run of what the file says now, of the trigger `manual` (semantics.md 12, 31).
//!
//! Its nominal time is when it was asked for, or the one that it is to stand for: then that time is made good by it.
//!
//! Absent: the answer's way back (`command`), and what it has in common with other acts (`by_hand`).

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::by_hand::{self, ByHandRefused};
use super::set::new_run::{fill_in, new_run};
use super::state::State;
use crate::recurrence::{Excluded, Nominal};
use crate::run::{InWindows, RunId};
use crate::schedule::{OverlapPolicy, Schedule, Trigger};
use crate::text::nearest;

/// What a person wants started.
#[derive(Clone, Debug, PartialEq)]
pub struct StartCommand {
    /// Of which schedule.
    pub schedule: String,
    /// These take the place of what the file says, one by one.
    pub arguments: Map<String, Value>,
    /// The same as a person types them: a text where the file has a text, else JSON where it is some, else a text.
    pub typed: BTreeMap<String, String>,
    /// For which time of the schedule. None: for now.
    pub nominal_at: Option<Timestamp>,
    /// What an older run does to it. None: it is refused while one is open, unless the schedule lets both run.
    pub overlap: Option<OverlapPolicy>,
    /// Whether it is started inside a window in which nothing is.
    pub in_windows: InWindows,
    /// Why.
    pub reason: Option<String>,
}

/// Does what a person asks for: gives the run.
pub(crate) fn take(state: &mut State, command: StartCommand, actor: &str) -> Result<RunId, ByHandRefused> {
    let StartCommand { schedule: name, mut arguments, typed, nominal_at, overlap, in_windows, reason } = command;
    let schedule = by_hand::find(state, &name)?;
    let policy = by_hand::policy(overlap, &schedule);
    by_hand::may_start(state, &schedule, policy, in_windows)?;

    for (name, text) in typed {
        let value = as_the_file_has_it(&schedule, &name, text);
        arguments.insert(name, value);
    }
    are_meant(&schedule, &arguments)?;
    let (now, id) = (state.now.wall, state.random_run_id());
    let nominal = nominal_for(&schedule, nominal_at.unwrap_or(now), now);
    let told = replaced(&arguments);
    let schedule = with_arguments(&schedule, arguments);
    let mut run = new_run(id, &schedule, &nominal, Trigger::Manual, now);
    (run.policy.overlap, run.policy.in_windows) = (Some(policy), in_windows);
    run.actor = Some(actor.to_owned());
    run.identity = state.identity_of(&schedule.connection);
    let filled = fill_in(&mut run, &schedule, &state.loaded.set, state.loaded.installation);
    filled.map_err(|wrong| ByHandRefused::Arguments(wrong.to_string()))?;
    by_hand::claim(state, run);
    let of_time = nominal_at.map(|at| format!("for {at}"));
    let told = match (of_time, told) {
        (Some(time), Some(told)) => Some(format!("{time}; {told}")),
        (time, told) => time.or(told),
    };
    by_hand::record(state, actor, "start", schedule.key.to_string(), [told, reason]);
    Ok(id)
}

/// A time of a schedule for which something is sent now.
pub(super) fn nominal_for(schedule: &Schedule, at: Timestamp, now: Timestamp) -> Nominal {
    let (local, offset) = schedule.recurrence.zone().read(at);
    Nominal { at, local, offset, fire_at: now, excluded: Excluded::No, note: None }
}

/// A name that the file does not have may be one of the process's own; one that is nearly a name of the file is a slip of the fingers.
fn are_meant(schedule: &Schedule, given: &Map<String, Value>) -> Result<(), ByHandRefused> {
    let Some(in_file) = &schedule.start.arguments else { return Ok(()) };
    for name in given.keys().filter(|name| !in_file.contains_key(*name)) {
        if let Some(meant) = nearest(name, in_file.keys().map(String::as_str)) {
            let (schedule, name, meant) = (schedule.key.clone(), name.clone(), meant.to_owned());
            return Err(ByHandRefused::NoArgument { schedule, name, meant });
        }
    }
    Ok(())
}

/// The names of the arguments that were given: their values may be secret.
fn replaced(arguments: &Map<String, Value>) -> Option<String> {
    let names: Vec<&str> = arguments.keys().map(String::as_str).collect();
    (!names.is_empty()).then(|| format!("arguments: {}", names.join(", ")))
}

/// `007` is a text, and so is `7` where the file has a text.
fn as_the_file_has_it(schedule: &Schedule, name: &str, text: String) -> Value {
    let in_file = schedule.start.arguments.as_ref().and_then(|arguments| arguments.get(name));
    match in_file {
        Some(Value::String(_)) => Value::String(text),
        Some(_) | None => serde_json::from_str(&text).unwrap_or(Value::String(text)),
    }
}

/// Each argument that was given takes the place of that of the file.
fn with_arguments(schedule: &Schedule, arguments: Map<String, Value>) -> Schedule {
    let mut schedule = schedule.clone();
    if !arguments.is_empty() {
        schedule.start.arguments.get_or_insert_default().extend(arguments);
    }
    schedule
}
