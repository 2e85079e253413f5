//! Windows of several blackouts, kept between questions: compared with asking each blackout's pattern anew.

use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;
use punctual::clock::{earlier, later};
use punctual::policy::windows::{Whose, WindowRow, Windows};
use punctual::schedule::{Blackout, BlackoutThen, ConnectionName, ScheduleKey, ScheduleSet};
use punctual::text::NamePattern;

use super::at;
use super::blackouts::{about, blackout, under};

fn key(name: &str) -> ScheduleKey {
    ScheduleKey::parse(name).unwrap()
}

fn cloud() -> ConnectionName {
    ConnectionName("cloud".into())
}

/// Nights that meet patches, and noons of another schedule.
fn several() -> Vec<Blackout> {
    vec![
        blackout("night", "0 22 * * *", 4 * 60, BlackoutThen::Wait),
        blackout("patching", "0 2 * * SUN", 90, BlackoutThen::Skip),
        blackout("inventory", "30 23 * * SAT", 60, BlackoutThen::Skip),
        about(blackout("noon", "0 12 * * *", 30, BlackoutThen::Skip), &["payroll-*"]),
        // Its own windows overlap.
        about(blackout("often", "*/20 9 * * *", 30, BlackoutThen::Wait), &["x"]),
    ]
}

fn windows(all: &[Blackout]) -> Windows {
    Windows::of(&under(&ScheduleSet::default(), all))
}

#[test]
fn windows_that_meet_are_one_and_one_that_skips_wins() {
    let all = several();
    let mut windows = windows(&all);
    let (x, payroll, cloud) = (key("x"), key("payroll-de"), cloud());
    let whose = |schedule| Whose { schedule, connection: &cloud };
    use BlackoutThen::{Skip, Wait};
    // A Saturday: whose, when; the blackout, what it does, and the end of the whole row.
    let table = [
        (&x, "2026-11-28T21:59:59.999Z", None),
        (&x, "2026-11-28T22:00:00Z", Some(("night", Wait, "2026-11-29T03:30:00Z"))),
        (&x, "2026-11-28T23:30:00Z", Some(("inventory", Skip, "2026-11-29T03:30:00Z"))),
        (&x, "2026-11-29T00:29:59Z", Some(("inventory", Skip, "2026-11-29T03:30:00Z"))),
        (&x, "2026-11-29T00:30:00Z", Some(("night", Wait, "2026-11-29T03:30:00Z"))),
        (&x, "2026-11-29T02:00:00Z", Some(("patching", Skip, "2026-11-29T03:30:00Z"))),
        (&x, "2026-11-29T03:30:00Z", None),
        // A Monday.
        (&x, "2026-11-30T22:00:00Z", Some(("night", Wait, "2026-12-01T02:00:00Z"))),
        (&x, "2026-11-30T12:10:00Z", None),
        (&payroll, "2026-11-30T12:10:00Z", Some(("noon", Skip, "2026-11-30T12:30:00Z"))),
        (&payroll, "2026-11-30T09:10:00Z", None),
        (&x, "2026-11-30T09:10:00Z", Some(("often", Wait, "2026-11-30T10:10:00Z"))),
        (&x, "2026-11-30T10:09:59Z", Some(("often", Wait, "2026-11-30T10:10:00Z"))),
        (&x, "2026-11-30T10:10:00Z", None),
    ];
    for (schedule, when, expected) in table {
        let expected = expected.map(|(name, then, until): (&str, _, _)| WindowRow {
            name: name.to_owned(),
            then,
            until: Some(at(until)),
        });
        assert_eq!(windows.row_at(whose(schedule), at(when)), expected, "{schedule} at {when}");
    }
}

#[test]
fn both_the_schedule_and_the_connection_must_fit_where_both_are_named() {
    let both = Blackout {
        connections: vec![NamePattern::new("cl*")],
        ..about(blackout("both", "0 0 * * *", 60, BlackoutThen::Skip), &["x"])
    };
    let mut windows = windows(&[both]);
    let (x, y, cloud, other) = (key("x"), key("y"), cloud(), ConnectionName("onprem".into()));
    for (schedule, connection, shut) in [(&x, &cloud, true), (&x, &other, false), (&y, &cloud, false)] {
        let row = windows.row_at(Whose { schedule, connection }, at("2026-11-23T00:30:00Z"));
        assert_eq!(row.is_some(), shut, "{schedule} on {connection}");
    }
}

#[test]
fn who_is_excepted_is_in_no_window_whatever_selects_it() {
    let but = Blackout {
        except: vec![NamePattern::new("x")],
        ..about(blackout("but", "0 0 * * *", 60, BlackoutThen::Skip), &["x", "y"])
    };
    let mut windows = windows(&[but]);
    let (x, y, cloud) = (key("x"), key("y"), cloud());
    for (schedule, shut) in [(&x, false), (&y, true)] {
        let row = windows.row_at(Whose { schedule, connection: &cloud }, at("2026-11-23T00:30:00Z"));
        assert_eq!(row.is_some(), shut, "{schedule}");
    }
}

#[test]
fn what_is_always_shut_has_no_end() {
    let mut windows = windows(&[blackout("shut", "* * * * *", 2, BlackoutThen::Wait)]);
    let (x, cloud) = (key("x"), cloud());
    let whose = Whose { schedule: &x, connection: &cloud };
    let row = windows.row_at(whose, at("2026-11-23T00:30:00Z")).unwrap();
    assert_eq!(row.until, None);
    assert_eq!(windows.free_stretch(whose, at("2026-11-23T00:30:00Z")), (Timestamp::MAX, Timestamp::MAX));
}

#[test]
fn a_burst_of_ten_thousand_times_asks_each_pattern_a_few_times() {
    let all = several();
    let mut windows = windows(&all);
    let cloud = cloud();
    for number in 0..10_000_u64 {
        let schedule = key(&format!("s{number}"));
        let whose = Whose { schedule: &schedule, connection: &cloud };
        let at = later(at("2026-11-29T00:10:00Z"), Duration::from_millis(number));
        assert!(windows.row_at(whose, at).is_some());
        assert!(windows.free_stretch(whose, at).0 > at);
    }
    assert!(windows.asked() <= 4 * all.len() as u64, "{}", windows.asked());
}

/// The end of the window of one blackout that holds an instant, from its pattern alone.
fn shut_until(blackout: &Blackout, at: Timestamp) -> Option<Timestamp> {
    let begins = std::iter::successors(blackout.begins.next_after(earlier(at, 2 * blackout.length)), |begin| {
        blackout.begins.next_after(begin.at)
    });
    let held = begins.take_while(|begin| begin.at <= at).map(|begin| later(begin.at, blackout.length));
    held.filter(|end| at < *end).max()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// In whatever order it is asked, the answer is that of the patterns.
    #[test]
    fn what_is_kept_changes_no_answer(minutes in proptest::collection::vec(0_u64..14 * 24 * 60, 1..40)) {
        let all = several();
        let mut windows = windows(&all);
        let (x, cloud) = (key("x"), cloud());
        let whose = Whose { schedule: &x, connection: &cloud };
        let of_x: Vec<_> = all.iter().filter(|one| one.is_about("x", cloud.as_str())).collect();
        let shut = |at| of_x.iter().filter_map(|one| shut_until(one, at)).max();
        for minute in minutes {
            let at = later(at("2026-11-21T00:00:00Z"), Duration::from_secs(60 * minute));
            let mut free = at;
            while let Some(until) = shut(free) {
                free = until;
            }
            prop_assert_eq!(windows.free_from(whose, at), Some(free));
            prop_assert_eq!(windows.row_at(whose, at).is_some(), free > at);
            let (from, until) = windows.free_stretch(whose, at);
            prop_assert_eq!(from, free);
            prop_assert_eq!(shut(earlier(until, Duration::from_secs(1))), None);
            prop_assert!(shut(until).is_some(), "a free stretch ends with a window, or another one begins: {}", until);
        }
    }
}
