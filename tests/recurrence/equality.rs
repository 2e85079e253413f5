//! The program against the naive evaluator, to the second.
//!
//! By default sixty zones with changes, around those of two years. `PUNCTUAL_ZONES=all` takes every zone of the database, or a
//! list with commas; `PUNCTUAL_YEARS=1970-2040` takes other years; `PUNCTUAL_WINDOWS=whole` every day of them (for a release
//! build: the promise is some billion times). Zones whose clocks read alike all through these years, links of one another
//! mostly, are evaluated once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::civil::{Date, date};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan};
use punctual::recurrence::{DstPolicy, Every, GapPolicy, Note, OverlapTime, Pattern, Recurrence, Zone};

use crate::naive::{NaiveCron, Window};
use crate::support::{cron, times};

const ZONES: [&str; 60] = [
    "Africa/Cairo",
    "Africa/Casablanca",
    "Africa/El_Aaiun",
    "Africa/Juba",
    "Africa/Monrovia",
    "America/Adak",
    "America/Asuncion",
    "America/Caracas",
    "America/Chicago",
    "America/Godthab",
    "America/Halifax",
    "America/Havana",
    "America/Los_Angeles",
    "America/Mexico_City",
    "America/Miquelon",
    "America/New_York",
    "America/Port-au-Prince",
    "America/Santiago",
    "America/Sao_Paulo",
    "America/Scoresbysund",
    "America/St_Johns",
    "America/Whitehorse",
    "Antarctica/Casey",
    "Antarctica/Macquarie",
    "Antarctica/Troll",
    "Asia/Almaty",
    "Asia/Amman",
    "Asia/Beirut",
    "Asia/Damascus",
    "Asia/Gaza",
    "Asia/Hebron",
    "Asia/Hovd",
    "Asia/Jerusalem",
    "Asia/Kathmandu",
    "Asia/Pyongyang",
    "Asia/Singapore",
    "Asia/Tehran",
    "Asia/Ulaanbaatar",
    "Atlantic/Azores",
    "Atlantic/Bermuda",
    "Australia/Adelaide",
    "Australia/Eucla",
    "Australia/Lord_Howe",
    "Australia/Sydney",
    "Europe/Berlin",
    "Europe/Chisinau",
    "Europe/Dublin",
    "Europe/Istanbul",
    "Europe/Kyiv",
    "Europe/Lisbon",
    "Europe/London",
    "Europe/Moscow",
    "Europe/Volgograd",
    "Pacific/Apia",
    "Pacific/Auckland",
    "Pacific/Chatham",
    "Pacific/Easter",
    "Pacific/Fiji",
    "Pacific/Kwajalein",
    "Pacific/Norfolk",
];

/// Those of the promise: midnight to 03:00, and rhythms.
const PROMISED: usize = 11;

/// Those of the promise, and then some that are made for trouble.
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

fn zones() -> Vec<Zone> {
    let names: Vec<String> = match std::env::var("PUNCTUAL_ZONES").as_deref() {
        Ok("all") => jiff::tz::db().available().map(|name| name.to_string()).collect(),
        Ok(list) => return list.split(',').map(|name| Zone::find(name).unwrap()).collect(),
        Err(_) => return ZONES.iter().map(|name| Zone::find(name).unwrap()).collect(),
    };
    // Those that are refused are no zones: `EST`, `right/…`.
    names.iter().filter_map(|name| Zone::find(name).ok()).collect()
}

fn years() -> (Timestamp, Timestamp) {
    let text = std::env::var("PUNCTUAL_YEARS").unwrap_or_else(|_| "2025-2026".into());
    let (first, last) = text.split_once('-').unwrap_or((&text, &text));
    let new_year = |year: i16| utc(date(year, 1, 1));
    (new_year(first.parse().unwrap()), new_year(last.parse::<i16>().unwrap() + 1))
}

fn utc(day: Date) -> Timestamp {
    day.at(0, 0, 0, 0).to_zoned_datetime(TimeZone::UTC).unwrap().timestamp()
}

fn whole() -> bool {
    std::env::var("PUNCTUAL_WINDOWS").is_ok_and(|windows| windows == "whole")
}

/// The zones, each set of those that read alike under its first.
fn by_clock(zones: Vec<Zone>) -> Vec<(Zone, Vec<String>)> {
    let (begin, end) = years();
    let margin = SignedDuration::from_hours(24 * 10);
    type Clock = Vec<(Timestamp, Offset)>;
    let mut groups: BTreeMap<Clock, (Zone, Vec<String>)> = BTreeMap::new();
    for zone in zones {
        let tz = zone.time_zone();
        let mut clock = vec![(begin - margin, tz.to_offset(begin - margin))];
        let changes = tz.following(begin - margin).take_while(|change| change.timestamp() < end + margin);
        clock.extend(changes.map(|change| (change.timestamp(), change.offset())));
        let name = zone.name().to_string();
        groups.entry(clock).or_insert_with(|| (zone, Vec::new())).1.push(name);
    }
    groups.into_values().collect()
}

/// Where to compare, how many of the patterns, and under which policies.
struct Stretch {
    from: Timestamp,
    to: Timestamp,
    patterns: usize,
    policies: Vec<(GapPolicy, OverlapTime)>,
}

/// Around each clock change, or everywhere.
fn stretches(zone: &TimeZone) -> Vec<Stretch> {
    let (begin, end) = years();
    let days = |count: i64| SignedDuration::from_hours(24 * count);
    let changes: Vec<Timestamp> =
        zone.following(begin - days(3)).map(|change| change.timestamp()).take_while(|at| *at < end + days(3)).collect();
    if whole() {
        let firsts = date(1900, 1, 1).series(1.month()).map(utc).skip_while(|first| *first < begin);
        let firsts: Vec<Timestamp> = firsts.take_while(|first| *first <= end).collect();
        let stretch = |(number, month): (usize, &[Timestamp])| {
            let (from, to) = (month[0], month[1]);
            let changes = changes.iter().any(|at| *at > from - days(3) && *at < to + days(3));
            if changes {
                Stretch { from, to, patterns: PATTERNS.len(), policies: POLICIES.to_vec() }
            } else {
                // Where no clock changes, the policies take turns.
                Stretch { from, to, patterns: PROMISED, policies: vec![POLICIES[number % POLICIES.len()]] }
            }
        };
        return firsts.windows(2).enumerate().map(stretch).collect();
    }
    // To the full minute: a few old changes came at odd seconds.
    let minute = |at: &Timestamp| Timestamp::from_second(at.as_second().div_euclid(60) * 60).unwrap();
    let around = |at: &Timestamp| (minute(at) - days(2), minute(at) + days(2));
    // A quiet stretch too, for zones without any change.
    changes
        .iter()
        .filter(|at| (begin..end).contains(*at))
        .map(around)
        .chain([(begin, begin + days(3))])
        .map(|(from, to)| Stretch { from, to, patterns: PATTERNS.len(), policies: POLICIES.to_vec() })
        .collect()
}

fn missing(note: Option<Note>) -> Vec<jiff::civil::DateTime> {
    match note {
        Some(Note::Shifted { missing }) => missing,
        Some(Note::FirstOfTwo { .. } | Note::SecondOfTwo { .. } | Note::Moved { .. }) | None => Vec::new(),
    }
}

/// What was compared in one zone, and what differed.
#[derive(Default)]
struct Compared {
    times: usize,
    differences: Vec<String>,
}

fn compare_patterns(zone: &Zone) -> Compared {
    let crons: Vec<(NaiveCron, Pattern)> =
        PATTERNS.iter().map(|text| (NaiveCron::read(&text.replace("SUN", "0")), cron(text))).collect();
    let mut compared = Compared::default();
    for Stretch { from, to, patterns, policies } in stretches(zone.time_zone()) {
        let window = Window::look(zone.time_zone(), from, to);
        for ((naive, pattern), text) in crons.iter().zip(PATTERNS).take(patterns) {
            let matching = window.matching(naive);
            for (gap, overlap) in &policies {
                let dst = DstPolicy { gap: *gap, overlap: *overlap, class: None };
                let recurrence = Recurrence::new(vec![pattern.clone()], zone.clone(), dst).unwrap();
                let expected = window.times(naive, &matching, dst);
                compared.times += expected.len();
                let mut found = times(&recurrence, from, to).into_iter().map(|due| (due.at, missing(due.note)));
                let differs = expected.iter().map(Some).chain([None]).find_map(|expected| {
                    Some(found.next()).filter(|found| found.as_ref() != expected).map(|found| (expected, found))
                });
                if let Some((expected, found)) = differs {
                    compared.differences.push(format!(
                        "`{text}` in {} under {dst:?}, from {from}: expected {expected:?}, found {found:?}",
                        zone.name()
                    ));
                }
            }
        }
    }
    compared
}

fn compare_intervals(zone: &Zone) -> Compared {
    let anchor: Timestamp = "2025-01-01T00:10:00Z".parse().unwrap();
    let step = SignedDuration::from_mins(90);
    let every = Pattern::Every(Every { step: Duration::from_secs(90 * 60), anchor });
    let recurrence = Recurrence::new(vec![every], zone.clone(), DstPolicy::default()).unwrap();
    let mut compared = Compared::default();
    for Stretch { from, to, .. } in stretches(zone.time_zone()) {
        // Counted out from the anchor, one by one in either direction.
        let mut at = anchor;
        while at < from {
            at += step;
        }
        while at - step >= from {
            at -= step;
        }
        let expected: Vec<Timestamp> =
            std::iter::successors(Some(at), |at| Some(*at + step)).take_while(|at| *at < to).collect();
        let found: Vec<Timestamp> = times(&recurrence, from, to).iter().map(|due| due.at).collect();
        compared.times += expected.len();
        if found != expected {
            compared.differences.push(format!("every 90 min in {}, from {from}", zone.name()));
        }
    }
    compared
}

/// Does it for every zone, on all cores.
#[expect(clippy::print_stdout, reason = "figures, and progress of what may take half an hour")]
fn in_every_zone(what: &str, compare: fn(&Zone) -> Compared) {
    let all = zones();
    let count = all.len();
    let groups = by_clock(all);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut sum = Compared::default();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some((zone, names)) = groups.get(number) else { break };
            if number.is_multiple_of(20) {
                println!("{what}: clock {number} of {}", groups.len());
            }
            let Compared { times, differences } = compare(zone);
            sum.times += times;
            for text in differences {
                let text = format!("{text} (as {})", names.join(", "));
                // At once: a run that is stopped half-way has said what it saw.
                println!("difference: {text}");
                sum.differences.push(text);
            }
        }
        sum
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let sums: Vec<Compared> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let compared: usize = sums.iter().map(|sum| sum.times).sum();
    let differences: Vec<String> = sums.into_iter().flat_map(|sum| sum.differences).collect();
    let (begin, end) = years();
    println!(
        "figure: {what}: {compared} times compared, {} differences; {count} zones, {} different clocks, {} from {begin} to {end}",
        differences.len(),
        groups.len(),
        if whole() { "every day" } else { "around clock changes" }
    );
    let shown = &differences[..differences.len().min(40)];
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), shown.join("\n"));
    assert!(compared > 1_000, "only {compared} times were compared");
}

#[test]
fn every_time_of_a_cron_pattern_is_the_naive_evaluators() {
    in_every_zone(&format!("{} cron patterns", PATTERNS.len()), compare_patterns);
}

#[test]
fn every_ninety_minutes_is_counted_out_from_the_anchor() {
    in_every_zone("every 90 min", compare_intervals);
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
