//! From when `start_deadline` counts, and what it leaves out.

use std::time::Duration;

use jiff::Timestamp;
use punctual::policy::deadline;
use punctual::schedule::Trigger;

use super::at;

const HOUR: Duration = Duration::from_secs(3_600);

/// Nothing is ever shut.
fn open(at: Timestamp) -> (Timestamp, Timestamp) {
    (at, Timestamp::MAX)
}

#[test]
fn the_deadline_counts_from_the_due_time_only_for_what_was_found_on_time() {
    let (fire, found) = (at("2026-11-23T07:00:00Z"), at("2026-11-23T09:00:00Z"));
    let (from_fire, from_found) = (at("2026-11-23T08:00:00Z"), at("2026-11-23T10:00:00Z"));
    for (trigger, expected) in [
        (Trigger::Scheduled, from_fire),
        (Trigger::CatchUp, from_found),
        (Trigger::After, from_found),
        (Trigger::Manual, from_found),
        (Trigger::Backfill, Timestamp::MAX),
    ] {
        let base = deadline::base(trigger, fire, found);
        assert_eq!(deadline::at(base, HOUR, open), expected, "{trigger:?}");
    }
}

#[test]
fn a_deadline_beyond_all_instants_is_the_last_of_them() {
    let now = at("2026-11-23T07:00:00Z");
    assert_eq!(deadline::at(now, Duration::MAX, open), Timestamp::MAX);
}

/// Their first instants and the first ones after them, in order.
type Times<'t> = &'t [(&'t str, &'t str)];

fn shut(windows: Times<'_>) -> impl Fn(Timestamp) -> (Timestamp, Timestamp) {
    let windows: Vec<_> = windows.iter().map(|(from, until)| (at(from), at(until))).collect();
    move |at| {
        let from = windows.iter().fold(at, |at, (from, until)| if *from <= at && at < *until { *until } else { at });
        let next = windows.iter().map(|(begin, _)| *begin).find(|begin| *begin > from);
        (from, next.unwrap_or(Timestamp::MAX))
    }
}

#[test]
fn windows_are_left_out_of_a_deadline() {
    let noon = ("2026-11-23T12:00:00Z", "2026-11-23T13:00:00Z");
    let two = [noon, ("2026-11-23T13:30:00Z", "2026-11-23T14:00:00Z")];
    let none: [(&str, &str); 0] = [];
    let table: [(Times<'_>, &str, u64, &str); 10] = [
        // The windows, from when it counts, how many minutes, and when it ends.
        (&none, "2026-11-23T12:00:00Z", 60, "2026-11-23T13:00:00Z"),
        (&[noon], "2026-11-23T10:00:00Z", 60, "2026-11-23T11:00:00Z"),
        // At the very begin of a window it has passed.
        (&[noon], "2026-11-23T11:00:00Z", 60, "2026-11-23T12:00:00Z"),
        (&[noon], "2026-11-23T11:00:00Z", 61, "2026-11-23T13:01:00Z"),
        (&[noon], "2026-11-23T11:30:00Z", 60, "2026-11-23T13:30:00Z"),
        // A time in a window has all of it from the window's end on.
        (&[noon], "2026-11-23T12:00:00Z", 60, "2026-11-23T14:00:00Z"),
        (&[noon], "2026-11-23T12:59:59Z", 60, "2026-11-23T14:00:00Z"),
        (&[noon], "2026-11-23T13:00:00Z", 60, "2026-11-23T14:00:00Z"),
        (&two, "2026-11-23T12:10:00Z", 30, "2026-11-23T13:30:00Z"),
        (&two, "2026-11-23T12:10:00Z", 60, "2026-11-23T14:30:00Z"),
    ];
    for (windows, from, minutes, expected) in table {
        let length = Duration::from_secs(60 * minutes);
        assert_eq!(deadline::at(at(from), length, shut(windows)), at(expected), "{windows:?} {from} {minutes}");
    }
}

#[test]
fn what_is_always_shut_has_no_deadline() {
    let never = |_| (Timestamp::MAX, Timestamp::MAX);
    assert_eq!(deadline::at(at("2026-11-23T07:00:00Z"), HOUR, never), Timestamp::MAX);
}

/// A pattern of every second with windows of a second is a mistake of the file; a turn does not stand still for it.
#[test]
fn no_deadline_is_looked_for_for_ever() {
    let mut asked = 0_u32;
    let begin = at("2026-11-23T07:00:00Z");
    let millisecond = Duration::from_millis(1);
    let end = deadline::at(begin, HOUR, |at| {
        asked += 1;
        (at, at.checked_add(millisecond).unwrap())
    });
    assert_eq!(asked, 1_000);
    assert_eq!(end, at("2026-11-23T08:00:00Z"));
}
