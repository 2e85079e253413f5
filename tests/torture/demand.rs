//! What a schedule file demands, computed a second time.
//!
//! Written from the rules alone (semantics.md 2 to 4), for the part of them that the torture uses: `at`, `every` and cron
//! patterns of numbers, in any zone. It looks at every second of the window and asks the zone how it reads, so it is slow
//! and hard to get wrong. It shares no code with `recurrence`, `schedule` or `planner`; the file is read as plain YAML.
//!
//! Absent: calendars, jitter, unions, names in patterns. Such a file is refused, loudly.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// One time of one schedule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Demand {
    pub(crate) schedule: String,
    pub(crate) due: Timestamp,
}

/// A hole in local time longer than this is a day that never was.
const LONGEST_GAP: SignedDuration = SignedDuration::from_hours(3);

/// All times of a file's schedules after `from`, up to `until`.
pub(crate) fn demanded(yaml: &str, from: Timestamp, until: Timestamp) -> BTreeSet<Demand> {
    let file: Value = serde_saphyr::from_str(yaml).expect("the frozen file is YAML");
    let schedules = file["schedules"].as_object().expect("the file has schedules");
    // Schedules that share a rhythm share the work.
    let mut known: BTreeMap<String, Vec<Timestamp>> = BTreeMap::new();
    let mut demands = BTreeSet::new();
    for (key, schedule) in schedules {
        let zone = schedule["timezone"].as_str().or(file["defaults"]["timezone"].as_str()).unwrap_or_default();
        let rhythm = format!("{} {zone}", rhythm_of(schedule));
        let times = known.entry(rhythm).or_insert_with(|| times_of(schedule, zone, from, until));
        demands.extend(times.iter().map(|due| Demand { schedule: key.clone(), due: *due }));
    }
    demands
}

fn rhythm_of(schedule: &Value) -> String {
    for word in ["calendar", "jitter", "ends", "after", "dst", "anchor", "enabled"] {
        assert!(schedule.get(word).is_none(), "the second implementation does not know `{word}`");
    }
    format!("{} {} {} {}", schedule["at"], schedule["every"], schedule["cron"], schedule["starts"])
}

fn times_of(schedule: &Value, zone: &str, from: Timestamp, until: Timestamp) -> Vec<Timestamp> {
    if let Some(starts) = schedule["starts"].as_str() {
        let starts: Timestamp = starts.parse().expect("`starts` is an instant");
        let mut without = schedule.clone();
        without.as_object_mut().expect("a schedule is a map").remove("starts");
        return times_of(&without, zone, from, until).into_iter().filter(|due| *due >= starts).collect();
    }
    if let Some(at) = schedule["at"].as_str() {
        let at: Timestamp = at.parse().expect("an instant");
        return Some(at).into_iter().filter(|at| *at > from && *at <= until).collect();
    }
    if let Some(every) = schedule["every"].as_str() {
        let step = seconds_of(every);
        return seconds(from, until).filter(|at| at.as_second().rem_euclid(step) == 0).collect();
    }
    let zone = TimeZone::get(zone).expect("a zone that is known");
    let cron = Cron::read(schedule["cron"].as_str().expect("one pattern"));
    cron.times(&zone, from, until)
}

fn seconds_of(text: &str) -> i64 {
    let (number, unit) = text.split_at(text.len() - 1);
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        other => panic!("the second implementation does not know the unit `{other}`"),
    };
    number.parse::<i64>().expect("a number") * unit
}

/// The whole seconds after `from`, up to `until`.
fn seconds(from: Timestamp, until: Timestamp) -> impl Iterator<Item = Timestamp> {
    (from.as_second() + 1..=until.as_second()).map(|at| Timestamp::from_second(at).expect("an instant"))
}

struct Cron {
    second: Vec<i8>,
    minute: Vec<i8>,
    hour: Vec<i8>,
    day: Vec<i8>,
    month: Vec<i8>,
    weekday: Vec<i8>,
    days: Days,
    class: Class,
}

/// How day of month and weekday go together: restricted both, either is enough.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Days {
    Both,
    Either,
}

/// Real time, or a time of day.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Interval,
    Fixed,
}

impl Cron {
    fn read(pattern: &str) -> Cron {
        let mut fields: Vec<&str> = pattern.split_whitespace().collect();
        if fields.len() == 5 {
            fields.insert(0, "0");
        }
        let [second, minute, hour, day, month, weekday] = fields[..] else {
            panic!("`{pattern}` has neither five nor six fields");
        };
        let whole = |field: &str| {
            let base = field.split('/').next().unwrap_or_default();
            !field.contains(',') && (base == "*" || field.starts_with("0/") || field.starts_with("0-59"))
        };
        let hours = numbers(hour, 0, 23);
        let class = if hours.len() == 24 || whole(minute) || whole(hour) { Class::Interval } else { Class::Fixed };
        let days = if day != "*" && weekday != "*" { Days::Either } else { Days::Both };
        Cron {
            second: numbers(second, 0, 59),
            minute: numbers(minute, 0, 59),
            hour: hours,
            day: numbers(day, 1, 31),
            month: numbers(month, 1, 12),
            weekday: numbers(weekday, 0, 7).into_iter().map(|day| day % 7).collect(),
            days,
            class,
        }
    }

    fn fits(&self, local: DateTime) -> bool {
        let day = self.day.contains(&local.day());
        let weekday = self.weekday.contains(&(local.weekday().to_sunday_zero_offset()));
        let date = match self.days {
            Days::Both => day && weekday,
            Days::Either => day || weekday,
        };
        date && self.month.contains(&local.month())
            && self.hour.contains(&local.hour())
            && self.minute.contains(&local.minute())
            && self.second.contains(&local.second())
    }

    fn times(&self, zone: &TimeZone, from: Timestamp, until: Timestamp) -> Vec<Timestamp> {
        let one = SignedDuration::from_secs(1);
        let mut times = Vec::new();
        for at in seconds(from, until) {
            let local = zone.to_datetime(at);
            let before = zone.to_datetime(at - one);
            // Local time jumped: the times in the hole meet here.
            let jumped = local.duration_since(before) - one;
            let met = jumped > SignedDuration::ZERO && jumped <= LONGEST_GAP && self.meets_in(before, local, zone, at);
            if met || self.fits(local) && self.counts(zone, at, local) {
                times.push(at);
            }
        }
        times
    }

    /// Whether the times in a hole of local time have to be made up for.
    fn meets_in(&self, before: DateTime, after: DateTime, zone: &TimeZone, at: Timestamp) -> bool {
        let one = SignedDuration::from_secs(1);
        let mut lost = before.saturating_add(one);
        let mut any = false;
        while lost < after {
            any |= self.fits(lost);
            lost = lost.saturating_add(one);
        }
        any && match self.class {
            Class::Fixed => true,
            // Real time has no hole, unless nothing else of that day is left.
            Class::Interval => {
                let day = SignedDuration::from_hours(25);
                !seconds(at - day, at + day)
                    .map(|other| zone.to_datetime(other))
                    .any(|local| local.date() == after.date() && self.fits(local))
            }
        }
    }

    /// A time of day that comes twice counts the first time only.
    fn counts(&self, zone: &TimeZone, at: Timestamp, local: DateTime) -> bool {
        match self.class {
            Class::Interval => true,
            Class::Fixed => zone.to_ambiguous_timestamp(local).earlier().is_ok_and(|first| first == at),
        }
    }
}

/// `*`, `5`, `1-4`, `*/10`, `0/10`, `2-8/3`, and lists of them.
fn numbers(field: &str, first: i8, last: i8) -> Vec<i8> {
    let mut found = BTreeSet::new();
    for item in field.split(',') {
        let (base, step) = match item.split_once('/') {
            Some((base, step)) => (base, step.parse::<i8>().expect("a step")),
            None => (item, 1),
        };
        let number = |text: &str| text.parse::<i8>().expect("a number");
        let (from, to) = match (base, base.split_once('-')) {
            ("*", _) => (first, last),
            (_, Some((from, to))) => (number(from), number(to)),
            (one, None) if item.contains('/') => (number(one), last),
            (one, None) => (number(one), number(one)),
        };
        let mut at = i16::from(from);
        while at <= i16::from(to) {
            found.insert(i8::try_from(at).expect("a small number"));
            at += i16::from(step);
        }
    }
    found.into_iter().collect()
}

/// The second implementation is tested by hand-made tables: it judges the first.
mod tests {
    use super::*;

    fn times(schedule: &str, from: &str, until: &str) -> Vec<String> {
        let at = |text: &str| text.parse::<Timestamp>().expect("an instant");
        let yaml = format!("schedules:\n  one: {{ {schedule} }}\n");
        demanded(&yaml, at(from), at(until)).into_iter().map(|demand| demand.due.to_string()).collect()
    }

    #[test]
    fn the_second_reading_of_schedules_agrees_with_the_rules_on_hand_made_cases() {
        let seconds = times(r#"cron: "*/20 * * * * *", timezone: UTC"#, "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z");
        assert_eq!(seconds, ["2026-01-01T00:00:20Z", "2026-01-01T00:00:40Z", "2026-01-01T00:01:00Z"]);
        let every = times("every: 7s, timezone: UTC", "1970-01-01T00:00:00Z", "1970-01-01T00:00:21Z");
        assert_eq!(every, ["1970-01-01T00:00:07Z", "1970-01-01T00:00:14Z", "1970-01-01T00:00:21Z"]);
        let from = r#"every: 7s, starts: "1970-01-01T00:00:14Z", timezone: UTC"#;
        let later = times(from, "1970-01-01T00:00:00Z", "1970-01-01T00:00:21Z");
        assert_eq!(later, ["1970-01-01T00:00:14Z", "1970-01-01T00:00:21Z"]);
        // Berlin loses 02:00 to 03:00 on 29 March, and has them twice on 25 October.
        let spring = |cron: &str| {
            times(
                &format!(r#"cron: "{cron}", timezone: Europe/Berlin"#),
                "2026-03-28T23:30:00Z",
                "2026-03-29T02:00:00Z",
            )
        };
        assert_eq!(spring("30 2 * * *"), ["2026-03-29T01:00:00Z"]);
        assert_eq!(spring("0,30 2 * * *"), ["2026-03-29T01:00:00Z"]);
        assert_eq!(
            spring("*/30 * * * *"),
            [
                "2026-03-29T00:00:00Z",
                "2026-03-29T00:30:00Z",
                "2026-03-29T01:00:00Z",
                "2026-03-29T01:30:00Z",
                "2026-03-29T02:00:00Z"
            ]
        );
        assert_eq!(spring("*/30 2 * * *"), ["2026-03-29T01:00:00Z"]);
        let autumn = |cron: &str| {
            times(
                &format!(r#"cron: "{cron}", timezone: Europe/Berlin"#),
                "2026-10-24T23:59:00Z",
                "2026-10-25T01:59:00Z",
            )
        };
        assert_eq!(autumn("30 2 * * *"), ["2026-10-25T00:30:00Z"]);
        assert_eq!(autumn("30 * * * *"), ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"]);
        let either = times(r#"cron: "0 0 13 * 5", timezone: UTC"#, "2026-02-01T00:00:00Z", "2026-02-14T00:00:00Z");
        assert_eq!(either, ["2026-02-06T00:00:00Z", "2026-02-13T00:00:00Z"]);
    }
}
