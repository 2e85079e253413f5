//! A time as a person writes it: `06:00`, `tomorrow 06:00`, a date, or what `next` and `runs` print.
//!
//! Absent: which time of a schedule is meant by it (`web` for coming ones, `why` for all).

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, Offset};
use jiff::{Timestamp, ZonedDateTime};

use super::zone::Zone;

/// What was written, before any schedule is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// An instant.
    Instant(Timestamp),
    /// A local time, which a clock change may leave out or show twice.
    Local(DateTime),
    /// A day.
    Day(Date),
    /// A time of day.
    Clock(Time),
}

impl Written {
    /// Reads it in a zone; `now` says which day is today. None: it is no way to write a time.
    pub fn read(text: &str, zone: &Zone, now: Timestamp) -> Option<Written> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let today = zone.read(now).0.date();
        let day_of = |word: &str| match word {
            "yesterday" => today.yesterday().ok(),
            "today" => Some(today),
            "tomorrow" => today.tomorrow().ok(),
            word => date(word),
        };
        match words.as_slice() {
            [word] => match day_of(word) {
                Some(day) => Some(Written::Day(day)),
                None => clock(word).map(Written::Clock).or_else(|| instant_or_local(word)),
            },
            [day, time] => match (day_of(day), clock(time)) {
                (Some(day), Some(time)) => Some(Written::Local(day.to_datetime(time))),
                // `2026-11-28T08:00 +01:00`
                _ => instant_or_local(&format!("{day}{time}")),
            },
            [day, time, offset] => {
                let (day, time) = (day_of(day)?, clock(time)?);
                instant_or_local(&format!("{day}T{time}{offset}"))
            }
            _ => None,
        }
    }

    /// How it was read, for people.
    pub fn shown(self, zone: &Zone) -> String {
        match self {
            Written::Instant(at) => spoken(zone, at),
            Written::Local(local) => local.strftime("%F %T").to_string(),
            Written::Day(day) => format!("on {day}"),
            Written::Clock(time) => format!("at {time}"),
        }
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

/// As it reads in a zone, with the offset: what this writes is read again.
pub fn spoken(zone: &Zone, at: Timestamp) -> String {
    let (local, offset) = zone.read(at);
    format!("{} {}", local.strftime("%F %T"), written_offset(offset))
}

fn written_offset(offset: Offset) -> String {
    let (sign, seconds) = (if offset.is_negative() { '-' } else { '+' }, offset.seconds().unsigned_abs());
    format!("{sign}{:02}:{:02}", seconds / 3_600, seconds / 60 % 60)
}

/// The instants at which the clocks of a zone show a local time: none where a clock change leaves it out, two where it comes twice.
pub fn instants_at(zone: &Zone, local: DateTime) -> Vec<Timestamp> {
    let offsets = match zone.time_zone().to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => vec![offset],
        AmbiguousOffset::Fold { before, after } => vec![before, after],
        AmbiguousOffset::Gap { .. } => Vec::new(),
    };
    offsets.into_iter().filter_map(|offset| offset.to_timestamp(local).ok()).collect()
}
