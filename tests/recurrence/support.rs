//! Building recurrences from text, and reading their times back as text.

use jiff::Timestamp;
use punctual::recurrence::{Class, CronPattern, DstPolicy, GapPolicy, Nominal, OverlapTime, Pattern, Recurrence, Zone};

/// Everything at its default.
pub(crate) const USUAL: DstPolicy = DstPolicy { gap: GapPolicy::Shift, overlap: OverlapTime::First, class: None };

pub(crate) fn gap(gap: GapPolicy) -> DstPolicy {
    DstPolicy { gap, ..USUAL }
}

pub(crate) fn overlap(overlap: OverlapTime) -> DstPolicy {
    DstPolicy { overlap, ..USUAL }
}

pub(crate) fn class(class: Class) -> DstPolicy {
    DstPolicy { class: Some(class), ..USUAL }
}

pub(crate) fn cron(text: &str) -> Pattern {
    Pattern::Cron(CronPattern::parse(text).unwrap_or_else(|error| panic!("`{text}`: {error}")))
}

pub(crate) fn zone(name: &str) -> Zone {
    Zone::find(name).unwrap_or_else(|error| panic!("{error}, {:?}", error.hint))
}

pub(crate) fn instant(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|error| panic!("`{text}`: {error}"))
}

/// Several patterns, one schedule.
pub(crate) fn union(patterns: &[&str], zone_name: &str, dst: DstPolicy) -> Recurrence {
    Recurrence::new(patterns.iter().map(|text| cron(text)).collect(), zone(zone_name), dst).unwrap()
}

pub(crate) fn recurrence(pattern: &str, zone_name: &str, dst: DstPolicy) -> Recurrence {
    union(&[pattern], zone_name, dst)
}

/// All times in `from..to`. Fails, rather than going round for ever, when they do not rise.
pub(crate) fn times(recurrence: &Recurrence, from: Timestamp, to: Timestamp) -> Vec<Nominal> {
    let mut after = from - jiff::SignedDuration::from_secs(1);
    let mut times = Vec::new();
    while let Some(due) = recurrence.next_after(after).filter(|due| due.at < to) {
        assert!(due.at > after, "asked for a time after {after}, got {}", due.at);
        after = due.at;
        times.push(due);
    }
    times
}

/// `03-08 03:00-04 (stands for 02:30, which the clock change leaves out)`: a time as a table row.
pub(crate) fn row(due: &Nominal) -> String {
    let note = due.note.as_ref().map_or(String::new(), |note| format!(" ({note})"));
    format!("{}{}{note}", due.local.strftime("%m-%d %H:%M"), due.offset)
}

/// All times of the local days `from` to `to`, both included, as rows.
pub(crate) fn rows(recurrence: &Recurrence, from: &str, to: &str) -> Vec<String> {
    let first: jiff::civil::Date = from.parse().unwrap();
    let last: jiff::civil::Date = to.parse().unwrap();
    // A day more on either side in UTC holds every zone's day; the local date then decides.
    let utc = |date: jiff::civil::Date, hours: i64| {
        date.to_datetime(jiff::civil::Time::midnight()).to_zoned_datetime(jiff::tz::TimeZone::UTC).unwrap().timestamp()
            + jiff::SignedDuration::from_hours(hours)
    };
    times(recurrence, utc(first, -24), utc(last, 48))
        .iter()
        .filter(|due| (first..=last).contains(&due.local.date()))
        .map(row)
        .collect()
}
