//! What is common to all that people start: a run of theirs is claimed as a planned time is, with a row before anything is sent; but it is no
//! time of the schedule: it moves no mark, and what an older run does to it is told at once where that can be (semantics.md 12).
//!
//! Absent: what each of the acts asks for (`start_command`, `retry_command`, `backfill_command`).

use std::sync::Arc;

use super::counting;
use super::progress::Open;
use super::run::{overlap, polling};
use super::state::{State, boot_of};
use crate::policy::windows::Whose;
use crate::run::{InWindows, Run, RunId, RunState};
use crate::schedule::{OverlapPolicy, Schedule, ScheduleKey};
use crate::store::Deed;
use crate::text::known_names;

/// Why nothing is started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ByHandRefused {
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
        /// When it ends; none: no end was found.
        until: Option<jiff::Timestamp>,
    },
    /// The arguments cannot be filled in.
    #[error("{0}")]
    Arguments(String),
    /// Its file has no such argument, and one that is nearly the same: a robot would go on with that of the file.
    #[error("the file of `{schedule}` has no argument `{name}`")]
    NoArgument {
        /// Whose.
        schedule: ScheduleKey,
        /// As it was written.
        name: String,
        /// The one that was meant.
        meant: String,
    },
}

fn stands(state: Option<RunState>) -> String {
    state.map_or_else(|| " or may be".to_owned(), |state| format!(", {state}"))
}

/// The schedule of this name, as the files have it now.
pub(super) fn find(state: &State, name: &str) -> Result<Arc<Schedule>, ByHandRefused> {
    let schedules = &state.loaded.set.schedules;
    schedules.get(name).cloned().ok_or_else(|| ByHandRefused::NoSchedule {
        name: name.to_owned(),
        hint: known_names(name, schedules.keys().map(ScheduleKey::as_str)),
    })
}

/// What an older run does to one that a person starts: it keeps it back, unless the schedule lets both run or the person says otherwise.
pub(super) fn policy(asked: Option<OverlapPolicy>, schedule: &Schedule) -> OverlapPolicy {
    asked.unwrap_or(match schedule.overlap {
        OverlapPolicy::Allow => OverlapPolicy::Allow,
        OverlapPolicy::Skip
        | OverlapPolicy::QueueOne
        | OverlapPolicy::QueueLatest
        | OverlapPolicy::QueueAll
        | OverlapPolicy::StopOther
        | OverlapPolicy::KillOther => OverlapPolicy::Skip,
    })
}

/// Refuses what would only wait for the end of a window, or be skipped for an older run.
pub(super) fn may_start(
    state: &mut State,
    schedule: &Schedule,
    policy: OverlapPolicy,
    in_windows: InWindows,
) -> Result<(), ByHandRefused> {
    not_in_a_window(state, schedule, in_windows)?;
    not_over_another(state, schedule, policy)
}

/// Writes its row: it goes in this very turn, or waits for what its policy says.
pub(super) fn claim(state: &mut State, mut run: Run) -> RunId {
    let id = run.id;
    run.deadline_from = crate::policy::deadline::base(run.trigger, run.fire_at, run.claimed_at);
    run.deadline_at = state.holding.deadline(&run, run.deadline_from);
    state.book.add(Open::claimed(run));
    if !overlap::pass(state, id) {
        overlap::wait_for_older(state, id);
    }
    id
}

/// An open run of a person for this time of a schedule: two would do the same.
pub(super) fn open_for(state: &State, schedule: &ScheduleKey, nominal_at: jiff::Timestamp) -> Option<RunId> {
    let of_time = state.book.of_schedule(schedule).filter(|open| open.run.nominal_at == nominal_at);
    let by_hand = of_time.filter(|open| !open.run.trigger.is_planned());
    by_hand.filter(|open| !open.run.state.is_final()).map(|open| open.run.id).next()
}

/// The `audit` row of an act, with what it names and why it was done.
pub(super) fn record(
    state: &mut State,
    actor: &str,
    action: &'static str,
    subject: String,
    details: [Option<String>; 2],
) {
    let detail = details.into_iter().flatten().collect::<Vec<_>>().join("; ");
    let detail = Some(detail).filter(|detail| !detail.is_empty());
    state.book.record_deed(Deed { at: state.now.wall, actor: actor.to_owned(), action, subject, detail });
}

fn not_in_a_window(state: &mut State, schedule: &Schedule, in_windows: InWindows) -> Result<(), ByHandRefused> {
    let whose = Whose { schedule: &schedule.key, connection: &schedule.connection };
    match (in_windows, state.holding.holds.windows.row_at(whose, state.now.wall)) {
        (InWindows::Starts, _) | (InWindows::Waits, None) => Ok(()),
        (InWindows::Waits, Some(row)) => {
            Err(ByHandRefused::InWindow { schedule: schedule.key.clone(), name: row.name, until: row.until })
        }
    }
}

/// A person who is refused is told so at once, and may say what is to become of the older one.
fn not_over_another(state: &mut State, schedule: &Schedule, policy: OverlapPolicy) -> Result<(), ByHandRefused> {
    if policy != OverlapPolicy::Skip {
        return Ok(());
    }
    let due = boot_of(state.now, state.now.wall);
    let older = counting::active(&state.book, policy, &schedule.key, None, due, state.now.wall);
    let Some(first) = older.first().map(|older| older.id) else { return Ok(()) };
    // It may have ended since it was read last: whoever asks again hears of that.
    polling::read_for_overlap(state, &older, due);
    let its_state = state.book.get(first).map(|open| open.run.state);
    Err(ByHandRefused::Overlaps { schedule: schedule.key.clone(), run: first, state: its_state })
}
