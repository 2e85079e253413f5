//! Times and durations on the command line and in tables.

use std::time::Duration;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};

use crate::clock::{earlier, later};
use crate::run::RunState;
use crate::text::{self, NotADuration};

/// A point in time as a person writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// An instant.
    At(Timestamp),
    /// So long ago.
    Ago(Duration),
    /// The last time that the clock showed this, in the local zone.
    Clock(Time),
    /// The first instant of this day, in the local zone.
    Today,
    /// The first instant of the day before.
    Yesterday,
}

impl When {
    pub(super) fn resolve(self, now: Timestamp) -> Timestamp {
        match self {
            When::At(at) => at,
            When::Ago(length) => earlier(now, length),
            When::Clock(time) => {
                let days = std::iter::successors(Some(today(now)), |day| day.yesterday().ok());
                on_the_clock(days, time).find(|at| *at <= now).unwrap_or(Timestamp::MIN)
            }
            When::Today => begins(today(now)),
            When::Yesterday => begins(today(now).yesterday().unwrap_or(Date::MIN)),
        }
    }
}

fn today(now: Timestamp) -> Date {
    now.to_zoned_datetime(TimeZone::system()).date()
}

/// A day's first instant, which is not midnight where the clock is put on at midnight.
fn begins(day: Date) -> Timestamp {
    let start = day.to_zoned_datetime(TimeZone::system()).and_then(|zoned| zoned.start_of_day());
    start.map_or(Timestamp::MIN, |zoned| zoned.timestamp())
}

/// When the clock shows a time on each of these days.
fn on_the_clock(days: impl Iterator<Item = Date>, time: Time) -> impl Iterator<Item = Timestamp> {
    let zoned = days.filter_map(move |day| day.to_datetime(time).to_zoned_datetime(TimeZone::system()).ok());
    zoned.map(|zoned| zoned.timestamp())
}

/// `90s`, `5m`, `2h`, `1d`, or several of them together.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    text::duration(text).map_err(|why| match why {
        NotADuration::NoUnit => format!("`{text}` needs a unit; write for example `{text}s` or `{text}m`"),
        NotADuration::Shape => {
            format!("`{text}` is not a duration; write for example `90s`, `5m`, `2h`, `1d`, or `1h30m`")
        }
        NotADuration::TooLong => format!("`{text}` is longer than can be counted; write a shorter duration"),
    })
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

/// An instant, a local date or date and time, a day's name, a time of day, or a duration ago.
pub(super) fn parse_when(text: &str) -> Result<When, String> {
    match text {
        "today" => return Ok(When::Today),
        "yesterday" => return Ok(When::Yesterday),
        _ => {}
    }
    // As our tables print it: jiff takes no space before the offset.
    if let Ok(at) = text.replacen(" +", "+", 1).replacen(" -", "-", 1).parse::<Timestamp>() {
        return Ok(When::At(at));
    }
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
    if let Ok(length) = text::duration(text) {
        return Ok(When::Ago(length));
    }
    text.parse::<Time>().map(When::Clock).map_err(|_| {
        format!("`{text}` is not a time; write an instant such as `2026-11-23T07:00:00Z`, a date, `today`, `yesterday`, a time of day such as `07:00`, or a duration ago such as `7d`")
    })
}

/// A point in time to come as a person writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ahead {
    /// An instant.
    At(Timestamp),
    /// So long from now.
    In(Duration),
    /// The next time that the clock shows this, in the local zone.
    Clock(Time),
}

impl Ahead {
    pub(super) fn resolve(self, now: Timestamp) -> Timestamp {
        match self {
            Ahead::At(at) => at,
            Ahead::In(length) => later(now, length),
            Ahead::Clock(time) => {
                let days = std::iter::successors(Some(today(now)), |day| day.tomorrow().ok());
                on_the_clock(days, time).find(|at| *at > now).unwrap_or(Timestamp::MAX)
            }
        }
    }
}

/// An instant, a local date or date and time, a time of day, or a duration from now.
pub(super) fn parse_ahead(text: &str) -> Result<Ahead, String> {
    if let Ok(length) = text::duration(text) {
        return Ok(Ahead::In(length));
    }
    // A time of day alone is none of these, and a date alone is no time of day.
    if let Ok(When::At(at)) = parse_when(text) {
        return Ok(Ahead::At(at));
    }
    text.parse::<Time>().map(Ahead::Clock).map_err(|_| {
        format!("`{text}` is not a time; write an instant such as `2026-11-23T07:00:00Z`, a date, a time of day such as `18:00`, or a duration from now such as `2h`")
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

/// For people with a narrow terminal, where the seconds tell nothing.
pub(super) fn local_minute(at: Timestamp) -> String {
    at.to_zoned_datetime(TimeZone::system()).strftime("%m-%d %H:%M").to_string()
}

/// With the day's name, which people remember: `Mon 11-23 07:00`.
pub(super) fn local_weekday(at: Timestamp) -> String {
    at.to_zoned_datetime(TimeZone::system()).strftime("%a %m-%d %H:%M").to_string()
}

/// The time of day where it is today, else with the day: `07:00`, `Mon 11-23 07:00`.
pub(super) fn local_near(at: Timestamp, now: Timestamp) -> String {
    let zoned = at.to_zoned_datetime(TimeZone::system());
    if zoned.date() == today(now) { zoned.strftime("%H:%M").to_string() } else { local_weekday(at) }
}

/// The day alone.
pub(super) fn local_day(at: Timestamp) -> String {
    at.to_zoned_datetime(TimeZone::system()).strftime("%Y-%m-%d").to_string()
}

/// The same from a machine field.
pub(super) fn local_text(text: &str) -> String {
    text.parse::<Timestamp>().map_or_else(|_| text.to_owned(), local)
}

/// A sentence of the daemon's with its instants, which are for machines there, in the local zone.
pub(super) fn local_in(text: &str) -> String {
    let at = |word: &str| {
        let instant = word.trim_end_matches([',', ';', ':', '.', ')']);
        let is_one = instant.ends_with('Z') && instant.contains('T');
        let at = is_one.then(|| instant.parse::<Timestamp>().ok())??;
        Some(format!("{}{}", local(at), &word[instant.len()..]))
    };
    text.split(' ').map(|word| at(word).unwrap_or_else(|| word.to_owned())).collect::<Vec<_>>().join(" ")
}

/// Milliseconds in UTC, for machines.
pub(super) fn machine(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
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
