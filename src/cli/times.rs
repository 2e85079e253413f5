//! Times and durations on the command line and in tables.

use std::time::Duration;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ZonedDateTime};

use crate::clock::earlier;
use crate::run::RunState;

/// A point in time as a person writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// An instant.
    At(Timestamp),
    /// So long ago.
    Ago(Duration),
}

impl When {
    pub(super) fn resolve(self, now: Timestamp) -> Timestamp {
        match self {
            When::At(at) => at,
            When::Ago(length) => earlier(now, length),
        }
    }
}

/// `90s`, `5m`, `2h`, `1d`, or several of them together.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a duration; write for example `90s`, `5m`, `2h`, `1d`");
    let mut seconds: u64 = 0;
    let mut digits = String::new();
    for c in text.chars() {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        let unit = match c {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return Err(wrong()),
        };
        let count: u64 = digits.parse().map_err(|_| wrong())?;
        digits.clear();
        seconds = count.checked_mul(unit).and_then(|more| seconds.checked_add(more)).ok_or_else(wrong)?;
    }
    if text.is_empty() || !digits.is_empty() { Err(wrong()) } else { Ok(Duration::from_secs(seconds)) }
}

/// A duration that is not nothing.
pub(super) fn parse_some_duration(text: &str) -> Result<Duration, String> {
    match parse_duration(text)? {
        Duration::ZERO => Err("it must be at least `1s`".to_owned()),
        length => Ok(length),
    }
}

/// A count that is not 0.
pub(super) fn parse_count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("it must be at least 1".to_owned()),
        Ok(count) => Ok(count),
        Err(_) => Err("it must be a whole number".to_owned()),
    }
}

/// An instant, a local date or date and time, or a duration ago.
pub(super) fn parse_when(text: &str) -> Result<When, String> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(When::At(at));
    }
    if let Ok(zoned) = text.parse::<ZonedDateTime>() {
        return Ok(When::At(zoned.timestamp()));
    }
    let local = |at: DateTime| at.to_zoned_datetime(TimeZone::system()).map(|zoned| When::At(zoned.timestamp()));
    if let Ok(at) = text.parse::<DateTime>() {
        return local(at).map_err(|cause| cause.to_string());
    }
    if let Ok(date) = text.parse::<Date>() {
        return local(date.at(0, 0, 0, 0)).map_err(|cause| cause.to_string());
    }
    parse_duration(text).map(When::Ago).map_err(|_| {
        format!("`{text}` is not a time; write an instant such as `2026-11-23T07:00:00Z`, a date, or a duration ago such as `7d`")
    })
}

/// For people: the local zone, with the offset.
pub(super) fn local(at: Timestamp) -> String {
    at.to_zoned_datetime(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
}

/// For people with a narrow terminal: without year and offset.
pub(super) fn local_short(at: Timestamp) -> String {
    at.to_zoned_datetime(TimeZone::system()).strftime("%m-%d %H:%M:%S").to_string()
}

/// The same from a machine field.
pub(super) fn local_text(text: &str) -> String {
    text.parse::<Timestamp>().map_or_else(|_| text.to_owned(), local)
}

/// Milliseconds in UTC, for machines.
pub(super) fn machine(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// `2h 05m`, `3m 07s`, `4.2s`.
pub(super) fn length(length: SignedDuration) -> String {
    let sign = if length.is_negative() { "-" } else { "" };
    let length = length.unsigned_abs();
    let seconds = length.as_secs();
    match seconds {
        0..60 => format!("{sign}{:.1}s", length.as_secs_f64()),
        60..3_600 => format!("{sign}{}m {:02}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{sign}{}h {:02}m", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{sign}{}d {:02}h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

/// Every state's name once, for help texts.
pub(super) fn state_names() -> Vec<&'static str> {
    let mut names: Vec<_> = RunState::ALL.iter().map(|state| state.name()).collect();
    names.dedup();
    names
}

/// Every reason's name once.
pub(super) fn reason_names() -> Vec<&'static str> {
    let mut names: Vec<_> = RunState::ALL.iter().filter_map(|state| state.reason()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The time of day with milliseconds, for lines that lie close together.
pub(super) fn local_ms(text: &str) -> String {
    match text.parse::<Timestamp>() {
        Ok(at) => at.to_zoned_datetime(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S%.3f").to_string(),
        Err(_) => text.to_owned(),
    }
}
