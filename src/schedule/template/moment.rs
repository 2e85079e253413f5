//! Times in templates: how they are moved and how they are written.
//!
//! Days are days of the calendar, hours and minutes are real time, so "the day before" is right across a clock change.
//!
//! Absent: which time is meant.

use jiff::civil::DateTime;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

use crate::recurrence::Zone;
use crate::schedule::diagnostic::quoted;

/// Ten years in days: a longer way from a run's time is a slip.
const LONGEST_DAYS: i64 = 3_653;

/// What is wrong with a template: one sentence, and what to do.
pub(super) type Told = (String, String);

/// How much of a time is shown.
#[derive(Clone, Copy, Debug)]
pub(super) enum Face {
    Whole,
    Date,
    Time,
}

/// How far a time is moved. Days are days of the calendar: the same time of day, also across a clock change.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shift {
    None,
    Days(i64),
    Real(SignedDuration),
}

pub(super) fn read_shift(text: &str) -> Result<Shift, Told> {
    let wrong = || {
        let message = format!("{} in a template is not a way to move a time", quoted(text));
        (message, "write `-1d`, `+2h` or `-30m`: one sign, a number, and `d`, `h` or `m`".to_owned())
    };
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let (digits, per_day) = match text.chars().next_back() {
        Some('d') => (&text[1..text.len() - 1], 1),
        Some('h') => (&text[1..text.len() - 1], 24),
        Some('m') => (&text[1..text.len() - 1], 24 * 60),
        Some(_) | None => return Err(wrong()),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(wrong());
    }
    let number = digits.parse::<i64>().ok().filter(|n| *n <= LONGEST_DAYS * per_day).ok_or_else(|| {
        ("a template moves a time by more than ten years".to_owned(), "write a smaller number".to_owned())
    })?;
    Ok(match per_day {
        1 => Shift::Days(sign * number),
        24 => Shift::Real(SignedDuration::from_hours(sign * number)),
        _ => Shift::Real(SignedDuration::from_mins(sign * number)),
    })
}

/// A format that fits any time fits each: none of its directives depends on the value.
pub(super) fn check_format(format: &str, face: Face) -> Result<(), Told> {
    let sample = DateTime::constant(2026, 11, 23, 7, 0, 0, 0);
    let told = |message: String| {
        let hint = match face {
            Face::Whole => "write directives such as `%Y-%m-%d %H:%M`",
            Face::Date => "write directives such as `%Y-%m-%d` or `%d.%m.%Y`; a date has no hours",
            Face::Time => "write directives such as `%H:%M`; a time of day has no date",
        };
        (message, hint.to_owned())
    };
    if !format.contains('%') {
        return Err(told("the format of a template holds no `%`, so every run would have the same text".to_owned()));
    }
    match shape(sample, Offset::UTC, "UTC", face, format) {
        Some(_) => Ok(()),
        None => {
            let what = match face {
                Face::Whole => "a time",
                Face::Date => "a date",
                Face::Time => "a time of day",
            };
            Err(told(format!("{} cannot be the format of {what}", quoted(format))))
        }
    }
}

pub(super) fn time_text(at: Timestamp, zone: &Zone, face: Face, shift: Shift, format: Option<&str>) -> Option<String> {
    let (local, offset) = match (shift, face) {
        (Shift::None, _) => zone.read(at),
        (Shift::Real(length), _) => zone.read(at.checked_add(length).ok()?),
        (Shift::Days(days), Face::Whole) => moved_by_days(at, zone, days)?,
        // A date or a time of day by itself needs no instant, so a clock change has no say.
        (Shift::Days(days), Face::Date | Face::Time) => {
            let (local, offset) = zone.read(at);
            (add_days(local, days)?, offset)
        }
    };
    match (format, face) {
        (Some(format), _) => shape(local, offset, zone.name(), face, format),
        (None, Face::Whole) => Some(format!("{}{}", local.strftime("%Y-%m-%dT%H:%M:%S"), colon_offset(offset))),
        (None, Face::Date) => Some(local.strftime("%Y-%m-%d").to_string()),
        (None, Face::Time) => Some(local.strftime("%H:%M:%S").to_string()),
    }
}

fn add_days(local: DateTime, days: i64) -> Option<DateTime> {
    local.checked_add(SignedDuration::from_hours(days.checked_mul(24)?)).ok()
}

/// The same time of day some days away. Of a time that comes twice, the one with the old offset; one that does not exist is
/// as much later as the clock was put forward.
fn moved_by_days(at: Timestamp, zone: &Zone, days: i64) -> Option<(DateTime, Offset)> {
    let (local, offset) = zone.read(at);
    let wanted = add_days(local, days)?;
    let kept = offset.to_timestamp(wanted).ok()?;
    let found = zone.read(kept);
    if found.0 == wanted {
        return Some(found);
    }
    let other = found.1.to_timestamp(wanted).ok()?;
    let there = zone.read(other);
    if there.0 == wanted { Some(there) } else { Some(zone.read(kept.max(other))) }
}

/// `+01:00`, and `Z` for UTC, as RFC 3339 has it.
fn colon_offset(offset: Offset) -> String {
    match offset.seconds() {
        0 => "Z".to_owned(),
        seconds => {
            let sign = if seconds < 0 { '-' } else { '+' };
            let minutes = seconds.abs() / 60;
            format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
        }
    }
}

fn shape(local: DateTime, offset: Offset, zone: &str, face: Face, format: &str) -> Option<String> {
    let mut time = match face {
        Face::Whole => BrokenDownTime::from(local),
        Face::Date => BrokenDownTime::from(local.date()),
        Face::Time => BrokenDownTime::from(local.time()),
    };
    if matches!(face, Face::Whole) {
        time.set_offset(Some(offset));
        time.set_iana_time_zone(Some(zone.to_owned()));
    }
    time.to_string(format).ok()
}
