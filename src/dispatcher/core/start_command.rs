//! People who start something by hand: a run of what the file says now, of the trigger `manual` (semantics.md 12, 31).
//!
//! It is claimed as a planned time is, with a row before anything is sent; but it is no time of the schedule: it moves no mark, and what an
//! older run does to it is told at once instead of being written down.
//!
//! Absent: the answer's way back (`command`).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::counting;
use super::progress::Open;
use super::run::{overlap, polling};
use super::set::new_run::{fill_in, new_run};
use super::state::{State, boot_of};
use crate::policy::windows::Whose;
use crate::recurrence::{Excluded, Nominal};
use crate::run::{InWindows, RunId, RunState};
use crate::schedule::{OverlapPolicy, Schedule, ScheduleKey, Trigger};
use crate::store::Deed;
use crate::text::known_names;

/// What a person wants started.
#[derive(Clone, Debug, PartialEq)]
pub struct StartCommand {
    /// Of which schedule.
    pub schedule: String,
    /// These take the place of what the file says, one by one.
    pub arguments: Map<String, Value>,
    /// The same as a person types them: a text where the file has a text, else JSON where it is some, else a text.
    pub typed: BTreeMap<String, String>,
    /// What an older run does to it. None: it is refused while one is open, unless the schedule lets both run.
    pub overlap: Option<OverlapPolicy>,
    /// Whether it is started inside a window in which nothing is.
    pub in_windows: InWindows,
    /// Why.
    pub reason: Option<String>,
}

/// Why nothing is started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartRefused {
    /// Nothing has this name.
    #[error("there is no schedule `{name}`")]
    NoSchedule {
        /// As it was written.
        name: String,
        /// The one that was meant, or those there are.
        hint: String,
    },
    /// An older run is open.
    #[error("run `{}` of `{schedule}` is still open{}", run.short(), stands(*state))]
    Overlaps {
        /// Whose.
        schedule: ScheduleKey,
        /// Which.
        run: RunId,
        /// How it stands; none: it is lost, and its job may still run.
        state: Option<RunState>,
    },
    /// Nothing is to be started now.
    #[error("blackout `{name}` lets nothing of `{schedule}` start now")]
    InWindow {
        /// Whose.
        schedule: ScheduleKey,
        /// Which window.
        name: String,
        /// When it ends, in words for people; none: no end was found.
        until: Option<jiff::Timestamp>,
    },
    /// The arguments cannot be filled in.
    #[error("{0}")]
    Arguments(String),
}

fn stands(state: Option<RunState>) -> String {
    state.map_or_else(|| " or may be".to_owned(), |state| format!(", {state}"))
}

/// Does what a person asks for: gives the run.
pub(crate) fn take(state: &mut State, command: StartCommand, actor: &str) -> Result<RunId, StartRefused> {
    let StartCommand { schedule: name, mut arguments, typed, overlap, in_windows, reason } = command;
    let known = || state.loaded.set.schedules.keys().map(ScheduleKey::as_str);
    let schedule = state.loaded.set.schedules.get(name.as_str()).cloned();
    let schedule = schedule.ok_or_else(|| StartRefused::NoSchedule { hint: known_names(&name, known()), name })?;
    let policy = overlap.unwrap_or(match schedule.overlap {
        OverlapPolicy::Allow => OverlapPolicy::Allow,
        OverlapPolicy::Skip
        | OverlapPolicy::QueueOne
        | OverlapPolicy::QueueLatest
        | OverlapPolicy::QueueAll
        | OverlapPolicy::StopOther
        | OverlapPolicy::KillOther => OverlapPolicy::Skip,
    });
    not_in_a_window(state, &schedule, in_windows)?;
    not_over_another(state, &schedule, policy)?;

    for (name, text) in typed {
        let value = as_the_file_has_it(&schedule, &name, text);
        arguments.insert(name, value);
    }
    let (now, id) = (state.now.wall, state.random_run_id());
    let (local, offset) = schedule.recurrence.zone().read(now);
    let nominal = Nominal { at: now, local, offset, fire_at: now, excluded: Excluded::No, note: None };
    let told = replaced(&arguments);
    let schedule = with_arguments(&schedule, arguments);
    let mut run = new_run(id, &schedule, &nominal, Trigger::Manual, now);
    (run.policy.overlap, run.policy.in_windows) = (Some(policy), in_windows);
    run.actor = Some(actor.to_owned());
    run.identity = state.identity_of(&schedule.connection);
    run.deadline_at = state.holding.deadline(&run, run.deadline_from);
    let filled = fill_in(&mut run, &schedule, &state.loaded.set, state.loaded.installation);
    filled.map_err(|wrong| StartRefused::Arguments(wrong.to_string()))?;
    state.book.add(Open::claimed(run));
    if !overlap::pass(state, id) {
        overlap::wait_for_older(state, id);
    }
    let detail = [told, reason].into_iter().flatten().collect::<Vec<_>>().join("; ");
    state.book.record_deed(Deed {
        at: now,
        actor: actor.to_owned(),
        action: "start",
        subject: schedule.key.to_string(),
        detail: Some(detail).filter(|detail| !detail.is_empty()),
    });
    Ok(id)
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

fn not_in_a_window(state: &mut State, schedule: &Schedule, in_windows: InWindows) -> Result<(), StartRefused> {
    let whose = Whose { schedule: &schedule.key, connection: &schedule.connection };
    match (in_windows, state.holding.holds.windows.row_at(whose, state.now.wall)) {
        (InWindows::Starts, _) | (InWindows::Waits, None) => Ok(()),
        (InWindows::Waits, Some(row)) => {
            Err(StartRefused::InWindow { schedule: schedule.key.clone(), name: row.name, until: row.until })
        }
    }
}

/// A person who is refused is told so at once, and may say what is to become of the older one.
fn not_over_another(state: &mut State, schedule: &Schedule, policy: OverlapPolicy) -> Result<(), StartRefused> {
    if policy != OverlapPolicy::Skip {
        return Ok(());
    }
    let due = boot_of(state.now, state.now.wall);
    let older = counting::active(&state.book, policy, &schedule.key, None, due, state.now.wall);
    let Some(first) = older.first().map(|older| older.id) else { return Ok(()) };
    // It may have ended since it was read last: whoever asks again hears of that.
    polling::read_for_overlap(state, &older, due);
    let its_state = state.book.get(first).map(|open| open.run.state);
    Err(StartRefused::Overlaps { schedule: schedule.key.clone(), run: first, state: its_state })
}
