//! Which coming time of a schedule a person means who writes `06:00`, `tomorrow 06:00`, a date, or what `next` prints.
//!
//! Pure, and the only place that decides it: only the daemon knows in which zone a schedule's times are, so the command hands on what was
//! written. A person who looks at the clock on the wall of another zone would skip another run, without a word.
//!
//! Absent: whether the daemon has planned that time already (`dispatcher`).

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};

use crate::clock::later;
use crate::recurrence::{Excluded, Nominal, Recurrence, Written, Zone, instants_at, spoken};

/// So many times on days that the calendar takes out, and so many days without the wanted time, are passed over.
const MOST: usize = 1_000;

/// So many times are named where several are meant.
const NAMED: usize = 3;

/// Why no one time is meant. Times are written as they read in the schedule's zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotMeant {
    /// It is no way to write a time.
    #[error("`{0}` is not a time")]
    Unreadable(String),
    /// The schedule has none there.
    #[error("it has no coming time {wanted} in {zone}")]
    NoTime {
        /// How it was read.
        wanted: String,
        /// Where it was read.
        zone: String,
        /// Those before and after it.
        nearest: Vec<String>,
    },
    /// More than one fits.
    #[error("it has several coming times {wanted} in {zone}")]
    Several {
        /// How it was read.
        wanted: String,
        /// Where it was read.
        zone: String,
        /// The first of them.
        times: Vec<String>,
    },
}

/// The coming time of a schedule that a person means.
///
/// # Errors
/// See [`NotMeant`].
pub fn meant(text: &str, recurrence: &Recurrence, now: Timestamp) -> Result<Nominal, NotMeant> {
    let zone = recurrence.zone();
    let written = read(text, zone, now)?;
    let coming = Coming { recurrence, floor: floor(recurrence, now) };
    let found = match written {
        Written::Instant(at) => coming.at(at).into_iter().collect(),
        Written::Local(local) => coming.at_local(local),
        Written::Day(day) => coming.on(day),
        Written::Clock(time) => coming.next_at(time),
    };
    one(found, |time| spoken(zone, time.at)).map_err(|times| match times.as_slice() {
        [] => NotMeant::NoTime {
            wanted: written.shown(zone),
            zone: zone.name().to_owned(),
            nearest: coming.nearest(middle(written, zone, now)).iter().map(|time| spoken(zone, time.at)).collect(),
        },
        _ => NotMeant::Several { wanted: written.shown(zone), zone: zone.name().to_owned(), times },
    })
}

/// The same among some instants, in order: those that are to be skipped. None: none of them is meant.
///
/// # Errors
/// See [`NotMeant`].
pub fn meant_of(
    text: &str,
    zone: &Zone,
    instants: &[Timestamp],
    now: Timestamp,
) -> Result<Option<Timestamp>, NotMeant> {
    let written = read(text, zone, now)?;
    let fits = |at: &&Timestamp| {
        let local = zone.read(**at).0;
        match written {
            Written::Instant(wanted) => **at == wanted,
            Written::Local(wanted) => local == wanted,
            Written::Day(day) => local.date() == day,
            Written::Clock(time) => local.time() == time,
        }
    };
    let mut found: Vec<Timestamp> = instants.iter().filter(fits).copied().collect();
    if let (Written::Clock(_), Some(first)) = (written, found.first().copied()) {
        found.retain(|at| zone.read(*at).0 == zone.read(first).0);
    }
    match one(found, |at| spoken(zone, *at)) {
        Ok(at) => Ok(Some(at)),
        Err(times) if times.is_empty() => Ok(None),
        Err(times) => Err(NotMeant::Several { wanted: written.shown(zone), zone: zone.name().to_owned(), times }),
    }
}

fn read(text: &str, zone: &Zone, now: Timestamp) -> Result<Written, NotMeant> {
    Written::read(text, zone, now).ok_or_else(|| NotMeant::Unreadable(text.to_owned()))
}

/// The only one, or all of them in words.
fn one<T>(mut found: Vec<T>, spoken: impl Fn(&T) -> String) -> Result<T, Vec<String>> {
    match found.len() {
        1 => found.pop().ok_or_else(Vec::new),
        _ => Err(found.iter().map(spoken).collect()),
    }
}

/// Around which instant the nearest times are looked for.
fn middle(written: Written, zone: &Zone, now: Timestamp) -> Timestamp {
    match written {
        Written::Instant(at) => at,
        Written::Local(local) => zone.first_instant_at(local).unwrap_or(now),
        Written::Day(day) => zone.first_instant_of(day).unwrap_or(now),
        Written::Clock(_) => now,
    }
}

/// What comes is after this instant: a time that has passed and has not fired yet by its jitter is still to come.
fn floor(recurrence: &Recurrence, now: Timestamp) -> Timestamp {
    let second_after = |at: Timestamp| later(at, std::time::Duration::from_secs(1));
    match recurrence.previous_before(second_after(now)) {
        Some(last) if last.at <= now && last.fire_at > now => just_before(last.at),
        Some(_) | None => now,
    }
}

fn just_before(at: Timestamp) -> Timestamp {
    crate::clock::earlier(at, std::time::Duration::from_nanos(1))
}

/// The coming times of a schedule that its calendar keeps.
struct Coming<'r> {
    recurrence: &'r Recurrence,
    floor: Timestamp,
}

impl Coming<'_> {
    fn after(&self, at: Timestamp) -> impl Iterator<Item = Nominal> {
        let next = |after: Timestamp| self.recurrence.next_after(after);
        let mut excluded = 0;
        std::iter::successors(next(at.max(self.floor)), move |time| next(time.at))
            .take_while(move |time| {
                excluded = if time.excluded == Excluded::Yes { excluded + 1 } else { 0 };
                excluded <= MOST
            })
            .filter(|time| time.excluded == Excluded::No)
    }

    /// The time at an instant, or the one that fires in that second by its jitter: `next` shows when a time fires.
    fn at(&self, at: Timestamp) -> Option<Nominal> {
        let last = self.recurrence.previous_before(later(at, std::time::Duration::from_secs(1)))?;
        let comes = last.at > self.floor && last.excluded == Excluded::No;
        let fits = last.at == at || last.fire_at.as_second() == at.as_second();
        (comes && fits).then_some(last)
    }

    /// A local time exists twice where the clocks go back: both are asked.
    fn at_local(&self, local: DateTime) -> Vec<Nominal> {
        instants_at(self.recurrence.zone(), local).into_iter().filter_map(|at| self.at(at)).collect()
    }

    fn on(&self, day: Date) -> Vec<Nominal> {
        let Some(first) = self.recurrence.zone().first_instant_of(day) else { return Vec::new() };
        self.after(just_before(first)).take_while(|time| time.local.date() == day).take(NAMED).collect()
    }

    /// Day by day, but for those without any time.
    fn next_at(&self, time: Time) -> Vec<Nominal> {
        let mut from = self.floor;
        for _ in 0..MOST {
            let Some(next) = self.after(from).next() else { break };
            let day = next.local.date();
            let found = self.at_local(day.to_datetime(time));
            if !found.is_empty() {
                return found;
            }
            let Some(end) = day.tomorrow().ok().and_then(|day| self.recurrence.zone().first_instant_of(day)) else {
                break;
            };
            from = just_before(end).max(next.at);
        }
        Vec::new()
    }

    /// The last one before an instant and the first one after it; the first two, where none is before.
    fn nearest(&self, at: Timestamp) -> Vec<Nominal> {
        let before = || {
            let mut at = at;
            for _ in 0..MOST {
                let time = self.recurrence.previous_before(at).filter(|time| time.at > self.floor)?;
                if time.excluded == Excluded::No {
                    return Some(time);
                }
                at = time.at;
            }
            None
        };
        let before = before();
        let after = self.after(at).take(if before.is_some() { 1 } else { 2 });
        before.into_iter().chain(after).collect()
    }
}
