//! Which time of a schedule is asked about: the newest that fits, since what has happened is asked about most.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};

use super::facts::Facts;
use crate::clock::{earlier, later};
use crate::recurrence::{Nominal, Note, Recurrence, Written, instants_at, spoken};

/// A time of day is looked for on so many days back.
const DAYS_BACK: usize = 400;

/// So many times are named where several are meant.
const NAMED: usize = 3;

/// A clock change moves a time by less than this.
const NEAR_A_CHANGE: Duration = Duration::from_secs(4 * 3_600);

/// Why no one time is meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotMeant {
    /// It is no way to write a time.
    #[error("`{0}` is not a time")]
    Unreadable(String),
    /// Several times are on that day.
    #[error("it has several times {wanted}")]
    Several {
        /// How it was read.
        wanted: String,
        /// The first of them, as they read in the schedule's zone.
        times: Vec<String>,
    },
    /// It has no time at all.
    #[error("it has never had a time, and will have none")]
    None,
}

/// The last time that has come, by a row or by what is loaded; without one, the next.
pub(super) fn last_due(facts: &Facts<'_>, row: Option<Timestamp>) -> Result<Timestamp, NotMeant> {
    let now = later(facts.now, Duration::from_millis(1));
    let recurrence = facts.recurrence_at(facts.now);
    let has_come = |recurrence: &Recurrence| {
        let last = recurrence.previous_before(now)?;
        if last.fire_at <= facts.now { Some(last.at) } else { recurrence.previous_before(last.at).map(|time| time.at) }
    };
    // What was due before the schedule was loaded first is none of its times.
    let first = facts.versions.first().map_or(facts.now, |version| version.loaded_at);
    let planned = recurrence.and_then(has_come).filter(|at| *at >= first);
    let next = || recurrence.and_then(|recurrence| recurrence.next_after(facts.now)).map(|time| time.at);
    row.max(planned).or_else(next).ok_or(NotMeant::None)
}

/// The time that a text means.
pub(super) fn meant(facts: &Facts<'_>, text: &str) -> Result<Timestamp, NotMeant> {
    let zone = facts.zone();
    let written = Written::read(text, &zone, facts.now).ok_or_else(|| NotMeant::Unreadable(text.to_owned()))?;
    match written {
        Written::Instant(at) => Ok(at_or_fired(facts, at)),
        Written::Local(local) => Ok(at_local(facts, local)),
        Written::Clock(time) => Ok(last_at(facts, time)),
        Written::Day(day) => on(facts, day, || written.shown(&zone)),
    }
}

/// The time at an instant, or the one that fires in that second by its jitter: `next` shows when a time fires.
fn at_or_fired(facts: &Facts<'_>, at: Timestamp) -> Timestamp {
    let last = |recurrence: &Recurrence| recurrence.previous_before(later(at, Duration::from_secs(1)));
    let fits = |time: &Nominal| time.at == at || time.fire_at.as_second() == at.as_second();
    facts.recurrence_at(at).and_then(last).filter(fits).map_or(at, |time| time.at)
}

/// A local time that a clock change leaves out is stood for by another; of two alike the one that the schedule has, else the first.
fn at_local(facts: &Facts<'_>, local: DateTime) -> Timestamp {
    let zone = facts.zone();
    let instants: Vec<Timestamp> = instants_at(&zone, local).into_iter().map(|at| at_or_fired(facts, at)).collect();
    let planned = instants.iter().find(|at| facts.planned_at(**at).is_some());
    if let Some(at) = planned.or(instants.first()) {
        return *at;
    }
    let Some(near) = zone.first_instant_at(local) else { return facts.now };
    stands_for(facts, local, near).unwrap_or(near)
}

fn stands_for(facts: &Facts<'_>, local: DateTime, near: Timestamp) -> Option<Timestamp> {
    let recurrence = facts.recurrence_at(near)?;
    let mut time = recurrence.next_after(earlier(near, NEAR_A_CHANGE));
    while let Some(one) = time.filter(|one| one.at <= later(near, NEAR_A_CHANGE)) {
        if matches!(&one.note, Some(Note::Shifted { missing }) if missing.contains(&local)) {
            return Some(one.at);
        }
        time = recurrence.next_after(one.at);
    }
    None
}

/// The last day on which the schedule has a time at this hour and which has come; without one, the last day on which the clock showed it.
fn last_at(facts: &Facts<'_>, time: Time) -> Timestamp {
    let today = facts.zone().read(facts.now).0.date();
    let days = std::iter::successors(Some(today), |day| day.yesterday().ok()).take(DAYS_BACK);
    let mut come = days.map(|day| at_local(facts, day.to_datetime(time))).filter(|at| *at <= facts.now).peekable();
    let last = come.peek().copied().unwrap_or(facts.now);
    come.find(|at| facts.planned_at(*at).is_some()).unwrap_or(last)
}

/// The only time of a day; on a day without one the day's first instant, which is none of its times.
fn on(facts: &Facts<'_>, day: Date, shown: impl Fn() -> String) -> Result<Timestamp, NotMeant> {
    let zone = facts.zone();
    let Some(first) = zone.first_instant_of(day) else { return Err(NotMeant::Unreadable(day.to_string())) };
    let Some(recurrence) = facts.recurrence_at(first) else { return Ok(first) };
    let next = |after: Timestamp| recurrence.next_after(after);
    let times = std::iter::successors(next(earlier(first, Duration::from_millis(1))), |time| next(time.at));
    let times: Vec<Timestamp> =
        times.take_while(|time| time.local.date() == day).map(|time| time.at).take(NAMED).collect();
    match times.as_slice() {
        [] => Ok(first),
        [one] => Ok(*one),
        several => {
            Err(NotMeant::Several { wanted: shown(), times: several.iter().map(|at| spoken(&zone, *at)).collect() })
        }
    }
}
