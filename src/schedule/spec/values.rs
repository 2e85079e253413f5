//! Durations and instants as they are written in a schedule file.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::temporal::{Pieces, PiecesOffset, TimeZoneAnnotationKind};
use jiff::tz::Offset;

use crate::recurrence::{Zone, ZoneDatabase, zone_database};
use crate::text::{self, NotADuration};

/// The longest duration that is taken: ten years. Longer ones are slips, and sums of them would overflow.
const LONGEST: Duration = Duration::from_secs(3_653 * 86_400);

/// Seconds. No clock is further from UTC (RFC 9557 leaves it open; zones of the database have at most 15 hours and 13 minutes).
const MOST_OFFSET: i32 = 18 * 3_600;

/// Why a value cannot be taken.
#[derive(Debug)]
pub struct Wrong {
    /// Follows the key's name: "needs a unit".
    pub message: String,
    /// What to write instead.
    pub hint: String,
}

fn wrong(message: impl Into<String>, hint: impl Into<String>) -> Wrong {
    Wrong { message: message.into(), hint: hint.into() }
}

/// `90s`, `5m`, `2h`, `1d`, or several together as in `1h30m`: whole seconds, from one to ten years of them.
///
/// # Errors
/// [`Wrong`] with what to write instead.
pub fn duration(text: &str) -> Result<Duration, Wrong> {
    let too_long = || wrong("is longer than ten years", "write a shorter duration");
    match text::duration(text) {
        Ok(Duration::ZERO) => Err(wrong("must be longer than nothing", "write `1s` or more")),
        Ok(length) if length > LONGEST => Err(too_long()),
        Ok(length) => Ok(length),
        Err(NotADuration::NoUnit) => {
            Err(wrong("needs a unit", format!("write `{text}s` for seconds, or `m`, `h`, `d`")))
        }
        Err(NotADuration::Shape) => Err(wrong("is not a duration", "write `90s`, `5m`, `2h`, `1d`, or `1h30m`")),
        Err(NotADuration::TooLong) => Err(too_long()),
    }
}

/// The first or the last time of a schedule, as written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Bound {
    /// A whole local day.
    Day(Date),
    Instant(Timestamp),
}

/// `2026-12-25`.
pub(super) fn date(text: &str) -> Result<Date, Wrong> {
    if let Some((first, last)) = text.split_once("..") {
        let cure = format!("write each day from `{first}` to `{last}` as an entry of its own");
        return Err(wrong("is a range, and must be one date", cure));
    }
    let shape = || wrong("is not a date", "write year, month and day, as in `2026-12-25`");
    let signs = text.bytes().enumerate().all(|(n, b)| if n == 4 || n == 7 { b == b'-' } else { b.is_ascii_digit() });
    if text.len() != 10 || !signs {
        return Err(shape());
    }
    text.parse().map_err(|_| wrong("is no day of the calendar", "look at the month, and at its last day"))
}

/// `08:00`.
pub(super) fn time_of_day(text: &str) -> Result<Time, Wrong> {
    let example = || "write hours and minutes of the day in two digits each, such as `\"08:00\"`".to_owned();
    let shape = |hint| wrong("is not a time of day", hint);
    let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<i8>().ok()).flatten();
    let Some((hour, minute)) = text.split_once(':') else { return Err(shape(example())) };
    match (number(hour), number(minute)) {
        (Some(24), Some(0)) => Err(shape("midnight is written `\"00:00\"`".to_owned())),
        (Some(hours @ 0..24), Some(minutes @ 0..60)) if minute.len() == 2 => match hour.len() {
            2 => Time::new(hours, minutes, 0, 0).map_err(|_| shape(example())),
            _ => Err(shape(format!("write `\"{hours:02}:{minutes:02}\"`"))),
        },
        _ => Err(shape(example())),
    }
}

/// A date or an instant.
pub(super) fn bound(text: &str, zones: Zones<'_>) -> Result<Bound, Wrong> {
    if text.contains(['T', ':', '[']) {
        read_instant(text, zones).map(Bound::Instant)
    } else {
        date(text).map(Bound::Day)
    }
}

/// Where zones are looked up, and which one is usual where it is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Zones<'z> {
    pub(super) database: &'z ZoneDatabase,
    /// The zone of the schedule, or of whoever names none: for hints.
    pub(super) usual: &'z str,
}

/// An RFC 3339 or RFC 9557 instant, in the zone database that is in use. `zone` is for the hint when the text names none.
///
/// # Errors
/// [`Wrong`] with what to write instead.
pub fn instant(text: &str, zone: &str) -> Result<Timestamp, Wrong> {
    read_instant(text, Zones { database: &zone_database(), usual: zone })
}

pub(super) fn read_instant(text: &str, zones: Zones<'_>) -> Result<Timestamp, Wrong> {
    let example = || "write `\"2026-12-31T22:00[Europe/Berlin]\"` or `\"2026-12-31T21:00:00Z\"`".to_owned();
    let pieces = Pieces::parse(text).map_err(|_| wrong("is not an instant", example()))?;
    let Some(time) = pieces.time() else {
        return Err(wrong("needs a time of day", example()));
    };
    if time.subsec_nanosecond() != 0 {
        return Err(wrong("must be a whole second", "leave the fraction out"));
    }
    // The reader takes second 60 for 59.
    if text.contains(":60") {
        return Err(wrong("has a second 60", "write second 59, or the minute after"));
    }
    let named = pieces.time_zone_annotation().map(|annotation| annotation.kind());
    if let Some(TimeZoneAnnotationKind::Named(name)) = named {
        find(name.as_str(), zones.database)?;
    }
    let local = pieces.date().to_datetime(time);
    let out_of_range = || wrong("is out of range", "write a year from 0001 to 9998");
    let offset = match pieces.offset() {
        // With `Z` the instant is known, and a zone next to it is for people.
        Some(PiecesOffset::Zulu) => return Offset::UTC.to_timestamp(local).map_err(|_| out_of_range()),
        Some(PiecesOffset::Numeric(numeric)) if numeric.offset().seconds().abs() <= MOST_OFFSET => {
            Some(numeric.offset())
        }
        Some(PiecesOffset::Numeric(_)) => {
            return Err(wrong("has an offset that no clock has", "write an offset from -18:00 to +18:00"));
        }
        Some(_) => return Err(wrong("is not an instant", example())),
        None => None,
    };
    match named {
        Some(TimeZoneAnnotationKind::Named(name)) => in_zone(text, local, offset, name.as_str(), zones.database),
        Some(TimeZoneAnnotationKind::Offset(zone)) => zone.to_timestamp(local).map_err(|_| out_of_range()),
        Some(_) => Err(wrong("is not an instant", example())),
        None => match offset {
            Some(offset) => offset.to_timestamp(local).map_err(|_| out_of_range()),
            None => Err(wrong("names no zone", format!("write `\"{text}[{}]\"`, or an offset", zones.usual))),
        },
    }
}

fn find(name: &str, database: &ZoneDatabase) -> Result<Zone, Wrong> {
    let told = |meant: Option<&str>| wrong(format!("names an unknown time zone `{name}`"), zone_hint(meant));
    Zone::find_in(database, name).map_err(|unknown| told(unknown.hint.as_deref()))
}

fn in_zone(
    text: &str,
    local: DateTime,
    offset: Option<Offset>,
    name: &str,
    database: &ZoneDatabase,
) -> Result<Timestamp, Wrong> {
    let zone = find(name, database)?;
    let plain = text.split('[').next().unwrap_or(text);
    let choices = instants_of(&zone, local);
    if let Some(offset) = offset {
        return choices.iter().find(|(_, o)| *o == offset).map(|(at, _)| *at).ok_or_else(|| {
            let right: Vec<String> = choices.iter().map(|(_, o)| written(*o)).collect();
            let hint = match right.is_empty() {
                true => "leave the offset out".to_owned(),
                false => format!("the offset there is {} at that time; or leave it out", text::either(&right)),
            };
            wrong(format!("has an offset that `{name}` does not have at that time"), hint)
        });
    }
    match choices.as_slice() {
        [(at, _)] => Ok(*at),
        [] => {
            let next = after_gap(&zone, local);
            let hint = next.map_or_else(|| "write another time".to_owned(), |t| format!("write `\"{t}[{name}]\"`"));
            Err(wrong(format!("does not exist in `{name}`: the clock skips it"), hint))
        }
        several => {
            let written: Vec<String> =
                several.iter().map(|(_, o)| format!("\"{plain}{}[{name}]\"", written(*o))).collect();
            Err(wrong(
                format!("comes twice in `{name}`: the clock is set back"),
                format!("write {}", text::either(written)),
            ))
        }
    }
}

/// `+01:00`.
fn written(offset: Offset) -> String {
    let minutes = offset.seconds() / 60;
    let sign = if minutes < 0 { '-' } else { '+' };
    format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
}

/// What to say about an unknown zone.
pub(super) fn zone_hint(meant: Option<&str>) -> String {
    match meant {
        // A reader who wrote `UTC+2` takes `Etc/GMT-2` for its opposite.
        Some(name) if name.starts_with("Etc/GMT") => format!(
            "did you mean `{name}`? Its sign is turned on purpose; a place, such as `Europe/Berlin`, follows clock changes too"
        ),
        Some(name) => format!("did you mean `{name}`?"),
        None => "use an IANA name, such as `Europe/Berlin`".to_owned(),
    }
}

/// The instants at which a zone's clock shows a local time: none in a gap, two in an overlap.
fn instants_of(zone: &Zone, local: DateTime) -> Vec<(Timestamp, Offset)> {
    let mut found: Vec<(Timestamp, Offset)> = offsets_near(zone, local)
        .into_iter()
        .filter_map(|offset| offset.to_timestamp(local).ok().map(|at| (at, offset)))
        .filter(|(at, offset)| zone.read(*at) == (local, *offset))
        .collect();
    found.sort();
    found
}

/// The offsets that hold within a day and a half of a local time: more than any zone is away from UTC.
fn offsets_near(zone: &Zone, local: DateTime) -> Vec<Offset> {
    let Ok(about) = Offset::UTC.to_timestamp(local) else {
        return Vec::new();
    };
    let mut offsets: Vec<Offset> = (-36..=36)
        .filter_map(|hours| about.checked_add(jiff::SignedDuration::from_hours(hours)).ok())
        .map(|at| zone.read(at).1)
        .collect();
    offsets.sort();
    offsets.dedup();
    offsets
}

/// The local time that a skipped one becomes when the old offset is kept.
fn after_gap(zone: &Zone, local: DateTime) -> Option<DateTime> {
    let old = offsets_near(zone, local).into_iter().min()?;
    Some(zone.read(old.to_timestamp(local).ok()?).0)
}
