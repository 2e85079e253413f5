//! People who pause, resume and skip (semantics.md 29).
//!
//! Several names are one act: it is decided whole, or refused whole and nothing is changed. A name that nothing has is a slip of the
//! fingers; a pattern that fits nothing now may be meant for what is added later.
//!
//! Absent: the answer's way back (`command`), and what a pause does (`run/holding`, the planner).

use jiff::Timestamp;

use super::run::failing;
use super::run::holding::{look_at, skip_claimed};
use super::set::planning::Planning;
use super::state::State;
use crate::happening::{Happening, OfDaemon};
use crate::policy::windows::Whose;
use crate::recurrence::{Excluded, Nominal};
use crate::run::{Pause, PauseId, PauseScope, SkipMark};
use crate::schedule::{ConnectionName, Schedule, ScheduleKey};
use crate::store::Deed;
use crate::text::known_names;

/// Times on days that a calendar takes out are passed over, so many at most.
const MOST_EXCLUDED: usize = 1_000;

/// What a person asks for.
#[derive(Clone, Debug)]
pub enum HoldingCommand {
    /// Hold these back.
    Pause {
        /// What.
        scopes: Vec<PauseScope>,
        /// Why.
        reason: Option<String>,
        /// The first instant after it. None: until somebody ends it.
        until: Option<Timestamp>,
    },
    /// End the pauses with just these scopes.
    Resume {
        /// Of what.
        scopes: Vec<PauseScope>,
    },
    /// Skip one coming time, or do not skip it after all.
    Skip {
        /// Whose.
        schedule: String,
        /// Which nominal time. None: the next one; for what is taken back, the next one that is to be skipped.
        at: Option<Timestamp>,
        /// Which of both.
        how: SkipHow,
        /// Why.
        reason: Option<String>,
    },
}

/// Whether a coming time is skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SkipHow {
    /// It is.
    Skip,
    /// It is not after all.
    Undo,
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HoldingDone {
    /// These hold from now on, each with the schedules that it holds now.
    Paused {
        /// Each.
        scopes: Vec<(PauseScope, Vec<ScheduleKey>)>,
    },
    /// Pauses were ended.
    Resumed {
        /// How many of each scope.
        scopes: Vec<(PauseScope, usize)>,
        /// Schedules that other pauses still hold, with each of those; of those with one scope the first, for all of them end together.
        still: Vec<(ScheduleKey, Pause)>,
    },
    /// One coming time is skipped.
    Skipped(ScheduleKey, Timestamp),
    /// It is not after all.
    Unskipped(ScheduleKey, Timestamp),
}

/// Why nothing was decided.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HoldingRefused {
    /// Nothing has this name.
    #[error("there is no schedule `{name}`")]
    NoSchedule {
        /// As it was written.
        name: String,
        /// The one that was meant, or those there are.
        hint: String,
    },
    /// The same of a connection.
    #[error("there is no connection `{name}`")]
    NoConnection {
        /// As it was written.
        name: String,
        /// The one that was meant, or those there are.
        hint: String,
    },
    /// Nothing was named.
    #[error("nothing is named that is to be held back")]
    Nothing,
    /// It would be over at once.
    #[error("{0} is past, so the pause would be over at once")]
    Past(Timestamp),
    /// It is no time of the schedule that is still to come.
    #[error("`{schedule}` has no coming time {at}")]
    NoTime {
        /// The schedule.
        schedule: ScheduleKey,
        /// The time.
        at: Timestamp,
        /// Its next one.
        next: Option<Timestamp>,
    },
    /// It has no further time.
    #[error("`{0}` has no coming time")]
    NoneComes(ScheduleKey),
    /// There is nothing to take back.
    #[error("no coming time of `{0}` is to be skipped")]
    NotSkipped(ScheduleKey),
}

/// Does what a person asks for.
pub(crate) fn take(
    state: &mut State,
    planning: &Planning,
    command: HoldingCommand,
    actor: &str,
) -> Result<HoldingDone, HoldingRefused> {
    match command {
        HoldingCommand::Pause { scopes, reason, until } => pause(state, scopes, reason, until, actor),
        HoldingCommand::Resume { scopes } => resume(state, scopes, actor),
        HoldingCommand::Skip { schedule, at, how: SkipHow::Skip, reason } => {
            skip(state, planning, &schedule, at, reason, actor)
        }
        HoldingCommand::Skip { schedule, at, how: SkipHow::Undo, reason: _ } => unskip(state, &schedule, at, actor),
    }
}

fn pause(
    state: &mut State,
    scopes: Vec<PauseScope>,
    reason: Option<String>,
    until: Option<Timestamp>,
    actor: &str,
) -> Result<HoldingDone, HoldingRefused> {
    let since = state.this_millisecond();
    if let Some(until) = until.filter(|until| until.as_millisecond() <= since.as_millisecond()) {
        return Err(HoldingRefused::Past(until));
    }
    let scopes = once(scopes)?;
    scopes.iter().try_for_each(|scope| is_known(state, scope))?;
    for scope in &scopes {
        let (scope, reason, actor) = (scope.clone(), reason.clone(), actor.to_owned());
        state.holding.pause(&mut state.book, Pause { scope: scope.clone(), reason, actor, since, until });
        skip_claimed(state, &scope, since);
        look_at(state, &scope);
    }
    let detail = match (&reason, until) {
        (None, None) => None,
        (Some(reason), None) => Some(reason.clone()),
        (None, Some(until)) => Some(format!("until {until:.0}")),
        (Some(reason), Some(until)) => Some(format!("until {until:.0}: {reason}")),
    };
    for scope in &scopes {
        deed(state, actor, "pause", subject(scope), detail.clone());
        state.book.log(Happening::Daemon(OfDaemon::Paused {
            scope: scope.clone(),
            actor: actor.to_owned(),
            reason: reason.clone(),
        }));
    }
    let scopes = scopes.into_iter().map(|scope| {
        let held = schedules_of(state, &scope).map(|schedule| schedule.key.clone()).collect();
        (scope, held)
    });
    Ok(HoldingDone::Paused { scopes: scopes.collect() })
}

fn resume(state: &mut State, scopes: Vec<PauseScope>, actor: &str) -> Result<HoldingDone, HoldingRefused> {
    let at = state.this_millisecond();
    let scopes = once(scopes)?;
    let mut ended: Vec<(PauseScope, Vec<PauseId>)> = Vec::new();
    for scope in scopes {
        let all = state.holding.holds.pauses(state.now.wall);
        let exactly: Vec<PauseId> = all.filter(|(_, pause)| pause.scope == scope).map(|(id, _)| id).collect();
        if exactly.is_empty() {
            is_known(state, &scope)?;
        }
        ended.push((scope, exactly));
    }
    for (scope, ids) in &ended {
        if ids.is_empty() {
            continue;
        }
        for id in ids {
            state.holding.resume(&mut state.book, *id, at, actor);
        }
        let going_on: Vec<ScheduleKey> = schedules_of(state, scope).map(|schedule| schedule.key.clone()).collect();
        going_on.iter().for_each(|schedule| failing::count_anew(state, schedule));
        look_at(state, scope);
        deed(state, actor, "resume", subject(scope), None);
        state.book.log(Happening::Daemon(OfDaemon::Resumed { scope: scope.clone(), actor: actor.to_owned() }));
    }
    let mut still: Vec<(ScheduleKey, Pause)> = Vec::new();
    for schedule in state.loaded.set.schedules.values() {
        if !ended.iter().any(|(scope, _)| scope.holds(&schedule.key, &schedule.connection)) {
            continue;
        }
        let whose = Whose { schedule: &schedule.key, connection: &schedule.connection };
        let mut named: Vec<&PauseScope> = Vec::new();
        for (_, pause) in state.holding.holds.pauses_of(whose, at) {
            if !named.contains(&&pause.scope) {
                named.push(&pause.scope);
                still.push((schedule.key.clone(), pause.clone()));
            }
        }
    }
    let scopes = ended.into_iter().map(|(scope, ids)| (scope, ids.len())).collect();
    Ok(HoldingDone::Resumed { scopes, still })
}

fn skip(
    state: &mut State,
    planning: &Planning,
    name: &str,
    at: Option<Timestamp>,
    reason: Option<String>,
    actor: &str,
) -> Result<HoldingDone, HoldingRefused> {
    let schedule = find(state, name)?;
    let planned = planning.planner.marks().0.get(&schedule.key).map_or(state.now.wall, |mark| mark.0);
    let mut coming = coming(&schedule, planned);
    let first = coming.next();
    let nominal_at = match (at, &first) {
        (None, Some(next)) => next.at,
        (None, None) => return Err(HoldingRefused::NoneComes(schedule.key.clone())),
        (Some(at), _) => {
            let is_one = first.iter().cloned().chain(coming).take_while(|time| time.at <= at).any(|time| time.at == at);
            if !is_one {
                let next = first.map(|next| next.at);
                return Err(HoldingRefused::NoTime { schedule: schedule.key.clone(), at, next });
            }
            at
        }
    };
    let (key, asked_at) = (schedule.key.clone(), state.this_millisecond());
    let mark =
        SkipMark { schedule: key.clone(), nominal_at, actor: actor.to_owned(), reason: reason.clone(), asked_at };
    state.holding.mark(&mut state.book, mark);
    let detail = reason.map_or_else(|| nominal_at.to_string(), |reason| format!("{nominal_at}: {reason}"));
    deed(state, actor, "skip", key.to_string(), Some(detail));
    Ok(HoldingDone::Skipped(key, nominal_at))
}

fn unskip(state: &mut State, name: &str, at: Option<Timestamp>, actor: &str) -> Result<HoldingDone, HoldingRefused> {
    let key = find(state, name)?.key.clone();
    let marked = state.holding.holds.marks_of(&key).map(|mark| mark.nominal_at);
    let nominal_at = match at {
        Some(at) => marked.into_iter().find(|marked| *marked == at),
        None => marked.min(),
    };
    let Some(nominal_at) = nominal_at else { return Err(HoldingRefused::NotSkipped(key)) };
    state.holding.unmark(&mut state.book, &key, nominal_at);
    deed(state, actor, "skip", key.to_string(), Some(format!("{nominal_at}: undone")));
    Ok(HoldingDone::Unskipped(key, nominal_at))
}

/// The times after an instant that the calendar keeps.
fn coming(schedule: &Schedule, after: Timestamp) -> impl Iterator<Item = Nominal> {
    let next = |after: Timestamp| schedule.recurrence.next_after(after);
    let times = std::iter::successors(next(after), move |time| next(time.at));
    let mut excluded = 0;
    times
        .take_while(move |time| {
            excluded = if time.excluded == Excluded::Yes { excluded + 1 } else { 0 };
            excluded <= MOST_EXCLUDED
        })
        .filter(|time| time.excluded == Excluded::No)
}

/// Each only once; something must be named.
fn once(scopes: Vec<PauseScope>) -> Result<Vec<PauseScope>, HoldingRefused> {
    let mut each: Vec<PauseScope> = Vec::new();
    for scope in scopes {
        if !each.contains(&scope) {
            each.push(scope);
        }
    }
    if each.is_empty() { Err(HoldingRefused::Nothing) } else { Ok(each) }
}

fn is_known(state: &State, scope: &PauseScope) -> Result<(), HoldingRefused> {
    match scope {
        PauseScope::Schedules(key) if !key.is_open() => find(state, key.as_str()).map(|_| ()),
        PauseScope::Connections(name) if !name.is_open() => {
            let known = &state.loaded.set.connections;
            if known.keys().any(|known| known.as_str() == name.as_str()) {
                return Ok(());
            }
            let hint = known_names(name.as_str(), known.keys().map(ConnectionName::as_str));
            Err(HoldingRefused::NoConnection { name: name.to_string(), hint })
        }
        PauseScope::Schedules(_) | PauseScope::Connections(_) | PauseScope::All => Ok(()),
    }
}

fn find(state: &State, name: &str) -> Result<std::sync::Arc<Schedule>, HoldingRefused> {
    let schedules = &state.loaded.set.schedules;
    schedules.get(name).cloned().ok_or_else(|| HoldingRefused::NoSchedule {
        name: name.to_owned(),
        hint: known_names(name, schedules.keys().map(ScheduleKey::as_str)),
    })
}

fn schedules_of<'s>(state: &'s State, scope: &'s PauseScope) -> impl Iterator<Item = &'s Schedule> {
    let all = state.loaded.set.schedules.values().map(AsRef::as_ref);
    all.filter(|schedule| scope.holds(&schedule.key, &schedule.connection))
}

/// What an `audit` row is about.
fn subject(scope: &PauseScope) -> String {
    match scope {
        PauseScope::Schedules(pattern) => pattern.to_string(),
        PauseScope::Connections(pattern) => format!("connection {pattern}"),
        PauseScope::All => "all".to_owned(),
    }
}

fn deed(state: &mut State, actor: &str, action: &'static str, subject: String, detail: Option<String>) {
    state.book.record_deed(Deed { at: state.now.wall, actor: actor.to_owned(), action, subject, detail });
}
