//! The program against the naive evaluator, around clock changes.
//!
//! By default a dozen zones around the changes of two years. `PUNCTUAL_ZONES=all` takes every zone of the database, or a
//! list with commas; `PUNCTUAL_YEARS=1970-2037` takes other years; `PUNCTUAL_WINDOWS=whole` every day of them.

use std::time::Duration;

use jiff::civil::date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use punctual::recurrence::{DstPolicy, Every, GapPolicy, Note, OverlapTime, Pattern, Recurrence, Zone};

use crate::naive::{NaiveCron, Window};
use crate::support::{cron, times};

const ZONES: [&str; 13] = [
    "Africa/Cairo",
    "Africa/Casablanca",
    "America/New_York",
    "America/St_Johns",
    "America/Santiago",
    "Antarctica/Troll",
    "Asia/Beirut",
    "Asia/Kathmandu",
    "Atlantic/Azores",
    "Australia/Lord_Howe",
    "Europe/Berlin",
    "Europe/Dublin",
    "Pacific/Chatham",
];

const PATTERNS: [&str; 17] = [
    "0 0 * * *",
    "30 0 * * *",
    "30 1 * * *",
    "0 2 * * *",
    "30 2 * * *",
    "0 3 * * *",
    "*/15 * * * *",
    "0 * * * *",
    "30 */2 * * *",
    "*/30 0-2 * * *",
    "0-30/10 2 * * *",
    "0/20 2 * * *",
    "59,0 23,0,1,2,3 * * *",
    "45 2,3 * * SUN",
    "15,45 0-23 * * *",
    "10 1-3 L,1-7 * *",
    "* 2 * * 0",
];

const POLICIES: [(GapPolicy, OverlapTime); 3] = [
    (GapPolicy::Shift, OverlapTime::First),
    (GapPolicy::Offset, OverlapTime::Last),
    (GapPolicy::Skip, OverlapTime::Both),
];

fn zones() -> Vec<String> {
    match std::env::var("PUNCTUAL_ZONES").as_deref() {
        Ok("all") => {
            let names = jiff::tz::db().available().map(|name| name.to_string());
            names.filter(|name| Zone::find(name).is_ok()).collect()
        }
        Ok(list) => list.split(',').map(str::to_string).collect(),
        Err(_) => ZONES.map(str::to_string).to_vec(),
    }
}

fn years() -> (i16, i16) {
    let Ok(text) = std::env::var("PUNCTUAL_YEARS") else { return (2025, 2026) };
    let (first, last) = text.split_once('-').unwrap_or((&text, &text));
    (first.parse().unwrap(), last.parse().unwrap())
}

/// Where to compare: around each clock change, or everywhere.
fn windows(zone: &TimeZone) -> Vec<(Timestamp, Timestamp)> {
    let (first, last) = years();
    let utc = |year: i16| date(year, 1, 1).at(0, 0, 0, 0).to_zoned_datetime(TimeZone::UTC).unwrap().timestamp();
    let (begin, end) = (utc(first), utc(last + 1));
    if std::env::var("PUNCTUAL_WINDOWS").is_ok_and(|windows| windows == "whole") {
        return vec![(begin, end)];
    }
    let days = |count: i64| SignedDuration::from_hours(24 * count);
    let mut windows: Vec<(Timestamp, Timestamp)> = zone
        .following(begin)
        .map(|change| change.timestamp())
        .take_while(|at| *at < end)
        // To the full minute: a few old changes came at odd seconds.
        .map(|at| Timestamp::from_second(at.as_second().div_euclid(60) * 60).unwrap())
        .map(|at| (at - days(2), at + days(2)))
        .collect();
    // A quiet stretch too, for zones without any change.
    windows.push((begin, begin + days(3)));
    windows
}

fn missing(note: Option<Note>) -> Vec<jiff::civil::DateTime> {
    match note {
        Some(Note::Shifted { missing }) => missing,
        Some(Note::FirstOfTwo { .. } | Note::SecondOfTwo { .. } | Note::Moved { .. }) | None => Vec::new(),
    }
}

#[test]
fn every_time_around_clock_changes_is_the_naive_evaluators() {
    let mut compared = 0;
    for name in zones() {
        let tz = TimeZone::get(&name).unwrap();
        let zone = Zone::find(&name).unwrap();
        for (from, to) in windows(&tz) {
            let window = Window::look(&tz, from, to);
            for text in PATTERNS {
                let naive = NaiveCron::read(&text.replace("SUN", "0"));
                let matching = window.matching(&naive);
                for (gap, overlap) in POLICIES {
                    let dst = DstPolicy { gap, overlap, class: None };
                    let recurrence = Recurrence::new(vec![cron(text)], zone.clone(), dst).unwrap();
                    let found: Vec<_> =
                        times(&recurrence, from, to).into_iter().map(|due| (due.at, missing(due.note))).collect();
                    let expected = window.times(&naive, &matching, dst);
                    compared += expected.len();
                    assert_eq!(found, expected, "`{text}` in {name} under {dst:?}, from {from}");
                }
            }
        }
    }
    assert!(compared > 1_000, "only {compared} times were compared");
}

#[test]
fn every_ninety_minutes_is_counted_out_from_the_anchor() {
    let anchor: Timestamp = "2025-01-01T00:10:00Z".parse().unwrap();
    let step = SignedDuration::from_mins(90);
    let every = Pattern::Every(Every { step: Duration::from_secs(90 * 60), anchor });
    for name in zones() {
        let recurrence =
            Recurrence::new(vec![every.clone()], Zone::find(&name).unwrap(), DstPolicy::default()).unwrap();
        for (from, to) in windows(&TimeZone::get(&name).unwrap()) {
            let mut at = anchor;
            while at < from {
                at += step;
            }
            while at - step >= from {
                at -= step;
            }
            for due in times(&recurrence, from, to) {
                assert_eq!(due.at, at, "in {name}");
                at += step;
            }
            assert!(at >= to, "in {name} the times end at {at} before {to}");
        }
    }
}

#[test]
fn the_dates_of_every_kind_of_day_field_are_the_naive_evaluators() {
    let fields = [
        "* 0",
        "* 7",
        "* 1-5",
        "* 5-7",
        "* */2",
        "* */3",
        "* 1-5/2",
        "* 5#2",
        "* 0#1,3#5",
        "* 7#2",
        "* 5#L",
        "* 0#L,6#3",
        "* 1-5#1",
        "* 6-7#L",
        "13 5",
        "13 +5",
        "1-7 +1-5",
        "*/2 +1",
        "*/10 *",
        "5/7 *",
        "1-31/3 1",
        "L *",
        "LW *",
        "L,15W *",
        "LW,1W *",
        "1W *",
        "31W *",
        "30W,2 *",
        "29 *",
        "29 +1",
        "31 0#1",
        "L +5#L",
    ];
    for field in fields {
        for months in ["*", "2", "2,3,12", "1-12/5", "4/3"] {
            let (days, weekdays) = field.split_once(' ').unwrap();
            let text = format!("0 0 {days} {months} {weekdays}");
            let naive = NaiveCron::read(&text);
            let recurrence = Recurrence::new(vec![cron(&text)], Zone::utc(), DstPolicy::default());
            let (from, to) = ("2023-01-01T00:00:00Z".parse().unwrap(), "2029-01-01T00:00:00Z".parse().unwrap());
            let due = recurrence.map(|recurrence| times(&recurrence, from, to)).unwrap_or_default();
            let found: Vec<_> = due.iter().map(|due| due.local.date()).collect();
            let all = date(2023, 1, 1).series(jiff::Span::new().days(1)).take_while(|day| day.year() < 2029);
            let expected: Vec<_> = all.filter(|day| naive.matches_date(*day)).collect();
            assert_eq!(found, expected, "`{text}`");
        }
    }
}
