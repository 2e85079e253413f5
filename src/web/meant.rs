//! Which coming time of a schedule a person means who writes `06:00`, `tomorrow 06:00`, a date, or what `next` prints.
//!
//! Pure, and the only place that decides it: only the daemon knows in which zone a schedule's times are, so the command hands on what was
//! written. A person who looks at the clock on the wall of another zone would skip another run, without a word.
//!
//! Absent: whether the daemon has planned that time already (`dispatcher`).

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, Offset};
use jiff::{Timestamp, ZonedDateTime};

use crate::clock::later;
use crate::recurrence::{Excluded, Nominal, Recurrence, Zone};

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

/// What was written, before any zone is asked.
#[derive(Clone, Copy, Debug)]
enum Written {
    Instant(Timestamp),
    Local(DateTime),
    Day(Date),
    /// The next time at which the clock shows this.
    Clock(Time),
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
            wanted: wanted(written, zone),
            zone: zone.name().to_owned(),
            nearest: coming.nearest(middle(written, zone, now)).iter().map(|time| spoken(zone, time.at)).collect(),
        },
        _ => NotMeant::Several { wanted: wanted(written, zone), zone: zone.name().to_owned(), times },
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
        Err(times) => Err(NotMeant::Several { wanted: wanted(written, zone), zone: zone.name().to_owned(), times }),
    }
}

/// As it reads in a zone, with the offset: what this writes is read again.
pub fn spoken(zone: &Zone, at: Timestamp) -> String {
    let (local, offset) = zone.read(at);
    format!("{} {}", local.strftime("%F %T"), written_offset(offset))
}

fn written_offset(offset: Offset) -> String {
    let (sign, seconds) = (if offset.is_negative() { '-' } else { '+' }, offset.seconds().unsigned_abs());
    format!("{sign}{:02}:{:02}", seconds / 3_600, seconds / 60 % 60)
}

/// The only one, or all of them in words.
fn one<T>(mut found: Vec<T>, spoken: impl Fn(&T) -> String) -> Result<T, Vec<String>> {
    match found.len() {
        1 => found.pop().ok_or_else(Vec::new),
        _ => Err(found.iter().map(spoken).collect()),
    }
}

fn read(text: &str, zone: &Zone, now: Timestamp) -> Result<Written, NotMeant> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let unreadable = || NotMeant::Unreadable(text.to_owned());
    let today = zone.read(now).0.date();
    let day_of = |word: &str| match word {
        "today" => Some(today),
        "tomorrow" => today.tomorrow().ok(),
        word => date(word),
    };
    match words.as_slice() {
        [word] => {
            if let Some(day) = day_of(word) {
                return Ok(Written::Day(day));
            }
            clock(word).map(Written::Clock).or_else(|| instant_or_local(word)).ok_or_else(unreadable)
        }
        [day, time] => match (day_of(day), clock(time)) {
            (Some(day), Some(time)) => Ok(Written::Local(day.to_datetime(time))),
            // `2026-11-28T08:00 +01:00`
            _ => instant_or_local(&format!("{day}{time}")).ok_or_else(unreadable),
        },
        [day, time, offset] => match (day_of(day), clock(time)) {
            (Some(day), Some(time)) => instant_or_local(&format!("{day}T{time}{offset}")).ok_or_else(unreadable),
            _ => Err(unreadable()),
        },
        _ => Err(unreadable()),
    }
}

/// A date and nothing else: jiff would take the date of a longer text too.
fn date(word: &str) -> Option<Date> {
    word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-').then(|| word.parse().ok())?
}

/// A time of day, also with one digit for the hour.
fn clock(word: &str) -> Option<Time> {
    if !word.bytes().all(|byte| byte.is_ascii_digit() || byte == b':') || !word.contains(':') {
        return None;
    }
    if word.find(':') == Some(1) { format!("0{word}").parse().ok() } else { word.parse().ok() }
}

fn instant_or_local(text: &str) -> Option<Written> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(Written::Instant(at));
    }
    if let Ok(zoned) = text.parse::<ZonedDateTime>() {
        return Some(Written::Instant(zoned.timestamp()));
    }
    // A local time has no offset: that of one that cannot be read must not be dropped.
    let time = text.get("2026-11-28".len()..)?;
    if time.contains(['+', '-', 'Z', 'z', '[']) {
        return None;
    }
    text.parse().ok().map(Written::Local)
}

fn wanted(written: Written, zone: &Zone) -> String {
    match written {
        Written::Instant(at) => spoken(zone, at),
        Written::Local(local) => local.strftime("%F %T").to_string(),
        Written::Day(day) => format!("on {day}"),
        Written::Clock(time) => format!("at {time}"),
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
        let offsets = match self.recurrence.zone().time_zone().to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => vec![offset],
            AmbiguousOffset::Fold { before, after } => vec![before, after],
            AmbiguousOffset::Gap { .. } => Vec::new(),
        };
        offsets.into_iter().filter_map(|offset| self.at(offset.to_timestamp(local).ok()?)).collect()
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
