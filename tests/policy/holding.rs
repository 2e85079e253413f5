//! What pauses, marks and windows make of a time, and of a run that is to be sent: both tables, gone through whole.

use jiff::Timestamp;
use punctual::policy::holding::{Kept, decide, keep};
use punctual::policy::holds::Holds;
use punctual::policy::windows::{Whose, WindowRow};
use punctual::run::{Held, HeldBy, Pause, PauseId, PauseScope, SkipMark};
use punctual::schedule::{BlackoutThen, ConnectionName, HighWaterMark, Marks, ScheduleKey, ScheduleSet, Trigger};
use punctual::text::NamePattern;

use super::at;

const TRIGGERS: [Trigger; 5] =
    [Trigger::Scheduled, Trigger::CatchUp, Trigger::After, Trigger::Backfill, Trigger::Manual];

fn key(name: &str) -> ScheduleKey {
    ScheduleKey::parse(name).unwrap()
}

fn cloud() -> ConnectionName {
    ConnectionName("cloud".into())
}

fn pause(scope: PauseScope, since: &str, until: Option<&str>) -> Pause {
    Pause {
        scope,
        reason: Some("month's end".to_owned()),
        actor: "maria".to_owned(),
        since: at(since),
        until: until.map(at),
    }
}

fn only(name: &str) -> PauseScope {
    PauseScope::Schedules(NamePattern::new(name))
}

fn on(name: &str) -> PauseScope {
    PauseScope::Connections(NamePattern::new(name))
}

fn mark(schedule: &str, nominal_at: &str) -> SkipMark {
    SkipMark {
        schedule: key(schedule),
        nominal_at: at(nominal_at),
        actor: "jo".to_owned(),
        reason: None,
        asked_at: at("2026-11-20T00:00:00Z"),
    }
}

fn row(then: BlackoutThen) -> WindowRow {
    WindowRow { name: "night".to_owned(), then, until: Some(at("2026-11-23T06:00:00Z")) }
}

#[test]
fn of_a_time_a_mark_comes_before_a_pause_and_a_pause_before_a_window() {
    let (mark, pause) = (mark("x", "2026-11-23T05:00:00Z"), pause(PauseScope::All, "2026-11-23T00:00:00Z", None));
    let by_mark = || Held::Skipped(HeldBy::Mark { actor: "jo".to_owned(), reason: None });
    let by_pause = || Held::Skipped(HeldBy::pause(PauseId(7), &pause));
    let by_window = || Held::Skipped(HeldBy::Window { name: "night".to_owned() });
    let waits = || Held::Waits { name: "night".to_owned(), until: Some(at("2026-11-23T06:00:00Z")) };
    for has_mark in [None, Some(&mark)] {
        for has_pause in [None, Some((PauseId(7), &pause))] {
            for window in [None, Some(BlackoutThen::Skip), Some(BlackoutThen::Wait)] {
                let expected = match (has_mark, has_pause, window) {
                    (Some(_), _, _) => by_mark(),
                    (None, Some(_), _) => by_pause(),
                    (None, None, Some(BlackoutThen::Skip)) => by_window(),
                    (None, None, Some(BlackoutThen::Wait)) => waits(),
                    (None, None, None) => Held::No,
                };
                for trigger in TRIGGERS {
                    let held = decide(trigger, has_mark, has_pause, window.map(row));
                    let of_it = match trigger {
                        Trigger::Scheduled | Trigger::CatchUp | Trigger::After => expected.clone(),
                        // A back-fill run waits as a run, and a person is asked before.
                        Trigger::Backfill | Trigger::Manual => Held::No,
                    };
                    assert_eq!(held, of_it, "{trigger:?}, {has_mark:?}, {has_pause:?}, {window:?}");
                }
            }
        }
    }
}

#[test]
fn a_pause_keeps_every_run_but_one_by_hand_and_a_window_keeps_all() {
    let pause = pause(PauseScope::All, "2026-11-23T00:00:00Z", None);
    let until = Some(at("2026-11-23T09:00:00Z"));
    let paused = || Kept::Paused(HeldBy::pause(PauseId(7), &pause), until);
    let shut = || Kept::Blackout(HeldBy::Window { name: "night".to_owned() }, Some(at("2026-11-23T06:00:00Z")));
    for is_paused in [false, true] {
        for window in [None, Some(BlackoutThen::Skip), Some(BlackoutThen::Wait)] {
            for trigger in TRIGGERS {
                let kept = keep(trigger, is_paused.then_some((PauseId(7), &pause, until)), window.map(row));
                let expected = match (is_paused && trigger != Trigger::Manual, window) {
                    (true, _) => paused(),
                    // What is late waits in a window that skips, too: its own time was before it.
                    (false, Some(_)) => shut(),
                    (false, None) => Kept::No,
                };
                assert_eq!(kept, expected, "{trigger:?}, {is_paused}, {window:?}");
            }
        }
    }
}

fn held(holds: &mut Holds, schedule: &str, fire_at: &str) -> Held {
    let (schedule, connection) = (key(schedule), cloud());
    let whose = Whose { schedule: &schedule, connection: &connection };
    holds.held(whose, at(fire_at), at(fire_at), Trigger::Scheduled)
}

fn is_held(holds: &mut Holds, schedule: &str, fire_at: &str) -> bool {
    held(holds, schedule, fire_at) != Held::No
}

#[test]
fn a_pause_begins_with_its_first_instant_and_ends_before_its_last() {
    let one = pause(PauseScope::All, "2026-11-23T10:00:00Z", Some("2026-11-23T12:00:00Z"));
    let mut holds = Holds::new([(PauseId(1), one)], [], &ScheduleSet::default());
    for (fire_at, expected) in [
        ("2026-11-23T09:59:59.999Z", false),
        ("2026-11-23T10:00:00Z", true),
        ("2026-11-23T11:59:59.999Z", true),
        ("2026-11-23T12:00:00Z", false),
    ] {
        assert_eq!(is_held(&mut holds, "x", fire_at), expected, "{fire_at}");
    }
    // One that is ended holds what was due before, and never longer than it would have.
    holds.end(PauseId(1), at("2026-11-23T11:00:00Z"));
    assert!(is_held(&mut holds, "x", "2026-11-23T10:59:59Z") && !is_held(&mut holds, "x", "2026-11-23T11:00:00Z"));
    holds.end(PauseId(1), at("2026-11-23T23:00:00Z"));
    assert!(!is_held(&mut holds, "x", "2026-11-23T11:00:00Z"));
}

#[test]
fn a_pause_holds_whatever_fits_its_scope() {
    let table = [
        (only("x"), ["x"].as_slice()),
        (only("x-*"), &["x-1", "x-2"]),
        (only("x?1"), &["x-1"]),
        (only("*"), &["x", "x-1", "x-2"]),
        (on("cloud"), &["x", "x-1", "x-2"]),
        (on("c*"), &["x", "x-1", "x-2"]),
        (on("onprem"), &[]),
        (PauseScope::All, &["x", "x-1", "x-2"]),
    ];
    for (scope, expected) in table {
        let one = pause(scope.clone(), "2026-11-23T00:00:00Z", None);
        let mut holds = Holds::new([(PauseId(1), one)], [], &ScheduleSet::default());
        for schedule in ["x", "x-1", "x-2"] {
            let held = is_held(&mut holds, schedule, "2026-11-23T10:00:00Z");
            assert_eq!(held, expected.contains(&schedule), "{scope} and {schedule}");
        }
    }
}

#[test]
fn a_run_waits_for_the_last_of_the_pauses_that_hold_it() {
    let since = "2026-11-23T00:00:00Z";
    let (short, long) = (Some("2026-11-23T10:00:00Z"), Some("2026-11-23T11:00:00Z"));
    let pauses = [pause(only("x"), since, long), pause(on("cloud"), since, short), pause(only("y"), since, None)];
    let mut holds = Holds::new((1..).map(PauseId).zip(pauses), [], &ScheduleSet::default());
    let (x, y, cloud) = (key("x"), key("y"), cloud());
    let mut until = |schedule, now: &str| {
        let whose = Whose { schedule, connection: &cloud };
        match holds.kept(whose, Trigger::Scheduled, at(now)) {
            Kept::Paused(HeldBy::Pause { pause, .. }, until) => Some((pause.0, until)),
            Kept::Paused(..) | Kept::Blackout(..) | Kept::No => None,
        }
    };
    assert_eq!(until(&x, "2026-11-23T09:00:00Z"), Some((1, long.map(at))));
    assert_eq!(until(&x, "2026-11-23T10:30:00Z"), Some((1, long.map(at))));
    assert_eq!(until(&x, "2026-11-23T11:00:00Z"), None);
    // One without an end is the last of all.
    assert_eq!(until(&y, "2026-11-23T09:00:00Z"), Some((2, None)));
}

#[test]
fn a_mark_takes_its_one_time_by_what_was_meant_and_not_by_when_it_fires() {
    let mut holds = Holds::new([], [mark("x", "2026-11-23T10:00:00Z")], &ScheduleSet::default());
    let (x, cloud) = (key("x"), cloud());
    let whose = Whose { schedule: &x, connection: &cloud };
    let mut ask = |nominal: &str, fire: &str| holds.held(whose, at(nominal), at(fire), Trigger::Scheduled) != Held::No;
    assert!(ask("2026-11-23T10:00:00Z", "2026-11-23T10:04:00Z"));
    assert!(!ask("2026-11-23T09:56:00Z", "2026-11-23T10:00:00Z"));
    assert!(!is_held(&mut holds, "y", "2026-11-23T10:00:00Z"));
    assert!(holds.unmark(&x, at("2026-11-23T10:00:00Z")).is_some());
    assert!(
        holds.unmark(&x, at("2026-11-23T10:00:00Z")).is_none() && !is_held(&mut holds, "x", "2026-11-23T10:00:00Z")
    );
}

#[test]
fn what_holds_nothing_any_more_is_forgotten_and_nothing_else() {
    let since = "2026-11-23T00:00:00Z";
    let pauses = [
        pause(only("x"), since, Some("2026-11-23T10:00:00Z")),
        pause(only("x"), since, None),
        pause(on("c*"), since, Some("2026-11-23T10:00:01Z")),
        pause(PauseScope::All, since, Some("2026-11-23T09:00:00Z")),
    ];
    let marks = [
        mark("x", "2026-11-23T09:00:00Z"),
        mark("x", "2026-11-23T11:00:00Z"),
        // It is not in the files any more.
        mark("gone", "2026-11-23T11:00:00Z"),
    ];
    let mut holds = Holds::new((1..).map(PauseId).zip(pauses), marks, &ScheduleSet::default());
    let planned = Marks([(key("x"), HighWaterMark(at("2026-11-23T10:00:00Z")))].into());
    let never = holds.forget_past(at("2026-11-23T10:00:00Z"), &planned);
    let never: Vec<_> = never.iter().map(|mark| (mark.schedule.to_string(), mark.nominal_at.to_string())).collect();
    assert_eq!(
        never,
        [("gone".to_owned(), "2026-11-23T11:00:00Z".to_owned()), ("x".to_owned(), "2026-11-23T09:00:00Z".to_owned())]
    );
    assert_eq!(holds.marks_of(&key("x")).count(), 1);
    let left: Vec<_> = holds.pauses(Timestamp::MIN).map(|(id, _)| id.0).collect();
    assert_eq!(left, [2, 3]);
    // The one that was of a single schedule is not found by its key either.
    let (x, cloud) = (key("x"), cloud());
    let of_x = holds.pauses_of(Whose { schedule: &x, connection: &cloud }, at("2026-11-23T09:30:00Z"));
    assert_eq!(of_x.map(|(id, _)| id.0).collect::<Vec<_>>(), [2, 3]);
}
