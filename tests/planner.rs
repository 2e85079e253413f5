//! Which times are due, which will never run, and that each has exactly one row (semantics.md 7, 8, 9).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::date;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use punctual::planner::{Edited, ON_TIME, Plan, Planner, ROWS_EACH, plan_edited};
use punctual::recurrence::{Calendar, Nominal, OnExcluded, Recurrence};
use punctual::run::{Held, HeldBy, PauseId, RunState};
use punctual::schedule::{HighWaterMark, Marks, Schedule, ScheduleKey, ScheduleSet, SourceFile, Trigger, parse};

const HEAD: &str = "
version: 1
connections:
  cloud:
    url: https://cloud.uipath.com/acme/production/orchestrator_
    auth: { grant: client_credentials, client_id: app, client_secret: \"credential:cloud\", scope: OR.Jobs }
defaults: { timezone: UTC }
schedules:
";

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn set(schedules: &str) -> Arc<ScheduleSet> {
    let text = format!("{HEAD}{schedules}");
    let file = SourceFile { path: PathBuf::from("s.yaml"), text, folder: PathBuf::from("/etc") };
    match parse(&[file], at("2026-01-01T00:00:00Z")) {
        Ok(loaded) => Arc::new(loaded.set),
        Err(invalid) => panic!("{:#?}", invalid.diagnostics),
    }
}

fn schedule(line: &str) -> Arc<Schedule> {
    set(&format!("  x: {{ {line}, start: {{ process: P }} }}\n")).schedules["x"].clone()
}

fn planner(set: &Arc<ScheduleSet>, mark: &str) -> Planner {
    let marks = set.schedules.keys().map(|key| (key.clone(), HighWaterMark(at(mark)))).collect();
    Planner::new(set.clone(), Marks(marks))
}

fn one(line: &str, mark: &str) -> Planner {
    planner(&set(&format!("  x: {{ {line}, start: {{ process: P }} }}\n")), mark)
}

/// One schedule whose times are changed behind its file's back.
fn changed(line: &str, mark: &str, change: impl FnOnce(Recurrence) -> Recurrence) -> Planner {
    let mut changed = (*schedule(line)).clone();
    changed.recurrence = change(changed.recurrence);
    let mut set = (*set(&format!("  x: {{ {line}, start: {{ process: P }} }}\n"))).clone();
    set.schedules.insert(changed.key.clone(), Arc::new(changed));
    planner(&Arc::new(set), mark)
}

/// Nothing is held back.
fn free(_: &Schedule, _: &Nominal) -> Held {
    Held::No
}

/// Each time with what becomes of it, ranges written out by their ends.
fn told(plan: &Plan) -> Vec<String> {
    let due = plan.due.iter().map(|time| (time.nominal.at, format!("{} {:?}", time.nominal.at, time.trigger)));
    let not_run = plan.recorded.iter().map(|time| {
        let state = RunState::Ended(time.ending);
        let text = match time.range {
            Some((until, Some(count))) => format!("{} to {until} ({count}) {state}", time.first.at),
            Some((until, None)) => format!("{} to {until} (not counted) {state}", time.first.at),
            None => format!("{} {state}", time.first.at),
        };
        (time.first.at, text)
    });
    let mut all: Vec<_> = due.chain(not_run).collect();
    all.sort();
    all.into_iter().map(|(_, text)| text).collect()
}

#[test]
fn a_time_is_due_at_its_instant_and_not_before() {
    let mut planner = one("cron: \"0 12 * * *\"", "2026-11-23T00:00:00Z");
    assert_eq!(planner.wake_at(), Some(at("2026-11-23T12:00:00Z")));
    let early = planner.pass(at("2026-11-23T11:59:59.999Z"), &mut free);
    assert!(early.due.is_empty() && early.marks.is_empty());
    let plan = planner.pass(at("2026-11-23T12:00:00Z"), &mut free);
    assert_eq!(told(&plan), ["2026-11-23T12:00:00Z Scheduled"]);
    assert_eq!(plan.marks.len(), 1);
    assert_eq!(plan.marks[0].1, HighWaterMark(at("2026-11-23T12:00:00Z")));
    assert!(planner.pass(at("2026-11-23T12:00:00Z"), &mut free).due.is_empty(), "once");
    assert_eq!(planner.wake_at(), Some(at("2026-11-24T12:00:00Z")));
}

#[test]
fn sixty_seconds_decide_between_on_time_and_late() {
    let rows = [("2026-11-23T12:01:00Z", Trigger::Scheduled), ("2026-11-23T12:01:00.001Z", Trigger::CatchUp)];
    for (now, trigger) in rows {
        let plan = one("cron: \"0 12 * * *\"", "2026-11-23T00:00:00Z").pass(at(now), &mut free);
        assert_eq!(plan.due.len(), 1, "{now}");
        assert_eq!(plan.due[0].trigger, trigger, "{now}");
    }
    assert_eq!(ON_TIME, Duration::from_secs(60));
}

#[test]
fn of_late_times_the_last_in_the_window_runs_and_each_other_has_its_row() {
    let plan = one("cron: \"0 * * * *\", catch_up: { window: 3h }", "2026-11-23T06:00:00Z")
        .pass(at("2026-11-23T12:30:00Z"), &mut free);
    assert_eq!(
        told(&plan),
        [
            "2026-11-23T07:00:00Z missed: window",
            "2026-11-23T08:00:00Z missed: window",
            "2026-11-23T09:00:00Z missed: window",
            "2026-11-23T10:00:00Z missed: down",
            "2026-11-23T11:00:00Z missed: down",
            "2026-11-23T12:00:00Z CatchUp",
        ]
    );
}

#[test]
fn the_window_alone_decides_how_old_a_time_may_be() {
    let rows = [("2026-11-23T15:00:00Z", 1), ("2026-11-23T15:00:00.001Z", 0)];
    for (now, due) in rows {
        let plan =
            one("cron: \"0 12 * * *\", catch_up: { window: 3h }", "2026-11-23T00:00:00Z").pass(at(now), &mut free);
        assert_eq!(plan.due.len(), due, "{now}");
        assert_eq!(plan.due.len() + plan.recorded.len(), 1, "{now}");
    }
}

#[test]
fn a_time_that_is_on_time_is_no_matter_of_the_window() {
    let plan = one("cron: \"0 12 * * *\", catch_up: { window: 1s }", "2026-11-23T00:00:00Z")
        .pass(at("2026-11-23T12:00:30Z"), &mut free);
    assert_eq!(told(&plan), ["2026-11-23T12:00:00Z Scheduled"]);
}

#[test]
fn with_skip_no_late_time_runs_and_one_on_time_does() {
    let plan = one("every: 1m, catch_up: { policy: skip }", "2026-11-23T12:00:00Z")
        .pass(at("2026-11-23T12:03:10Z"), &mut free);
    assert_eq!(
        told(&plan),
        ["2026-11-23T12:01:00Z missed: down", "2026-11-23T12:02:00Z missed: down", "2026-11-23T12:03:00Z Scheduled",]
    );
}

#[test]
fn the_late_one_comes_before_the_one_on_time() {
    let plan = one("every: 2m", "2026-11-23T12:00:00Z").pass(at("2026-11-23T12:06:10Z"), &mut free);
    let due: Vec<_> = plan.due.iter().map(|time| (time.nominal.at.to_string(), time.trigger)).collect();
    assert_eq!(
        due,
        [
            ("2026-11-23T12:04:00Z".to_owned(), Trigger::CatchUp),
            ("2026-11-23T12:06:00Z".to_owned(), Trigger::Scheduled),
        ]
    );
}

#[test]
fn the_times_of_a_disabled_schedule_are_recorded_and_its_mark_moves_on() {
    let mut planner = one("cron: \"0 * * * *\", enabled: false", "2026-11-23T06:00:00Z");
    let plan = planner.pass(at("2026-11-23T08:00:00Z"), &mut free);
    assert_eq!(told(&plan), ["2026-11-23T07:00:00Z skipped: disabled", "2026-11-23T08:00:00Z skipped: disabled"]);
    assert_eq!(plan.marks[0].1, HighWaterMark(at("2026-11-23T08:00:00Z")));
    assert_eq!(planner.wake_at(), Some(at("2026-11-23T09:00:00Z")));
}

#[test]
fn a_time_that_the_calendar_takes_out_is_recorded_and_never_caught_up() {
    let calendar = Calendar { exclude: [date(2026, 11, 22)].into(), ..Calendar::default() };
    let mut planner = changed("cron: \"0 12 * * *\", catch_up: { window: 3d }", "2026-11-20T12:00:00Z", |times| {
        times.with_calendar(calendar, OnExcluded::Skip)
    });
    assert_eq!(
        told(&planner.pass(at("2026-11-22T13:00:00Z"), &mut free)),
        ["2026-11-21T12:00:00Z CatchUp", "2026-11-22T12:00:00Z skipped: calendar"]
    );
}

#[test]
fn with_jitter_a_time_is_due_when_it_fires_and_on_time_counts_from_there() {
    let longest = Duration::from_secs(3_600);
    let planner = || changed("cron: \"0 12 * * *\"", "2026-11-23T00:00:00Z", |times| times.with_jitter(longest, "x"));
    let fire_at = planner().wake_at().expect("a time to come");
    assert!(fire_at > at("2026-11-23T12:00:00Z"), "{fire_at}");
    let mut waiting = planner();
    assert!(waiting.pass(fire_at - SignedDuration::from_millis(1), &mut free).due.is_empty());
    let plan = waiting.pass(fire_at, &mut free);
    assert_eq!(told(&plan), ["2026-11-23T12:00:00Z Scheduled"]);
    assert_eq!(plan.due[0].fire_at, fire_at);
    assert_eq!(plan.marks[0].1, HighWaterMark(at("2026-11-23T12:00:00Z")));
    let last = fire_at + SignedDuration::try_from(ON_TIME).expect("a minute");
    assert_eq!(told(&planner().pass(last, &mut free)), ["2026-11-23T12:00:00Z Scheduled"]);
    let late = last + SignedDuration::from_millis(1);
    assert_eq!(told(&planner().pass(late, &mut free)), ["2026-11-23T12:00:00Z CatchUp"]);
}

#[test]
fn up_to_a_thousand_times_have_a_row_each_and_more_share_one() {
    // Times every second up to noon; the last sixty-one of them are on time.
    let rows = [(ROWS_EACH as i64, ROWS_EACH), (ROWS_EACH as i64 + 1, 1)];
    for (missed, written) in rows {
        let now = at("2026-11-23T12:00:00Z");
        let mark = now.checked_sub(SignedDuration::from_secs(61 + missed)).unwrap();
        let plan = one("every: 1s, catch_up: { policy: skip }", &mark.to_string()).pass(now, &mut free);
        assert_eq!(plan.due.len(), 61);
        assert_eq!(plan.recorded.len(), written);
        let counted: u64 = plan.recorded.iter().map(|time| time.range.map_or(1, |(_, count)| count.unwrap())).sum();
        assert_eq!(counted, missed as u64);
    }
}

/// A machine without a battery begins in 1970, until a time server tells it the day.
#[test]
fn half_a_century_is_not_looked_at_minute_by_minute() {
    let now = at("2026-11-23T12:00:30Z");
    for (schedule, last) in [
        ("cron: \"* * * * *\"", "2026-11-22T05:59:00Z"),
        ("every: 1s", "2026-11-22T06:00:29Z"),
        ("cron: \"* * * * *\", jitter: 30s", "2026-11-22T05:59:00Z"),
    ] {
        let mut planner = one(schedule, "1970-01-01T00:00:00Z");
        let plan = planner.pass(now, &mut free);
        let times = told(&plan);
        assert!(times[0].starts_with("1970-01-01T00:0"), "{}", times[0]);
        assert!(times[0].contains("(not counted) missed"), "{}", times[0]);
        // From there on to the catch-up window it is counted again, in the same row.
        let (until, _) = plan.recorded[0].range.unwrap();
        assert!(until >= at(last) && until < at("2026-11-23T06:00:30Z"), "{until}");
        let latest = plan.due.last().unwrap();
        assert!(latest.fire_at > at("2026-11-23T11:59:00Z") && latest.fire_at <= now, "{}", latest.fire_at);
        assert_eq!(plan.marks.last().unwrap().1.0, latest.nominal.at);
    }
}

#[test]
fn a_shared_row_names_its_first_and_last_time_and_one_stands_for_each_reason() {
    let plan =
        one("every: 1s, catch_up: { window: 30m }", "2026-11-23T11:00:00Z").pass(at("2026-11-23T12:00:00Z"), &mut free);
    assert_eq!(
        told(&plan)[..3],
        [
            "2026-11-23T11:00:01Z to 2026-11-23T11:29:59Z (1799) missed: window",
            "2026-11-23T11:30:00Z to 2026-11-23T11:58:58Z (1739) missed: down",
            "2026-11-23T11:58:59Z CatchUp",
        ]
    );
}

#[test]
fn a_week_of_every_second_is_planned_in_a_moment_and_in_a_few_rows() {
    let mut planner = one("cron: \"* * * * * *\"", "2026-11-16T12:00:00Z");
    let plan = planner.pass(at("2026-11-23T12:00:00Z"), &mut free);
    assert_eq!(plan.recorded.len(), 2);
    assert_eq!(plan.due.len(), 62);
    assert_eq!(planner.wake_at(), Some(at("2026-11-23T12:00:01Z")));
}

fn edit(old: &str, new: &str, mark: &str, load: &str) -> (Vec<String>, Timestamp) {
    let (old, new) = (schedule(old), schedule(new));
    let Edited { due, recorded, mark } =
        plan_edited(&new, &old.recurrence, HighWaterMark(at(mark)), at(load), &mut free);
    (told(&Plan { due, recorded, marks: Vec::new() }), mark.0)
}

#[test]
fn the_times_that_an_edit_dropped_are_recorded_and_those_that_both_timings_have_are_judged() {
    let (times, mark) =
        edit("cron: \"0 * * * *\"", "cron: \"30 * * * *\"", "2026-11-23T09:00:00Z", "2026-11-23T12:00:00Z");
    assert_eq!(
        times,
        [
            "2026-11-23T10:00:00Z missed: edited",
            "2026-11-23T11:00:00Z missed: edited",
            "2026-11-23T12:00:00Z missed: edited",
        ]
    );
    assert_eq!(mark, at("2026-11-23T12:00:00Z"));
    // Every other hour stays; what only the new timing has begins at the load.
    let (times, mark) = edit(
        "cron: \"0 * * * *\", catch_up: { window: 3h }",
        "cron: [\"0 */2 * * *\", \"15 * * * *\"], catch_up: { window: 3h }",
        "2026-11-23T05:00:00Z",
        "2026-11-23T12:30:00Z",
    );
    assert_eq!(
        times,
        [
            "2026-11-23T06:00:00Z missed: window",
            "2026-11-23T07:00:00Z missed: edited",
            "2026-11-23T08:00:00Z missed: window",
            "2026-11-23T09:00:00Z missed: edited",
            "2026-11-23T10:00:00Z missed: down",
            "2026-11-23T11:00:00Z missed: edited",
            "2026-11-23T12:00:00Z CatchUp",
        ]
    );
    assert_eq!(mark, at("2026-11-23T12:30:00Z"));
    let (times, _) = edit(
        "cron: \"0 * * * *\"",
        "cron: \"0 * * * *\", enabled: false",
        "2026-11-23T11:00:00Z",
        "2026-11-23T12:30:00Z",
    );
    assert_eq!(times, ["2026-11-23T12:00:00Z skipped: disabled"]);
}

#[test]
fn a_time_that_an_edit_keeps_and_that_has_not_fired_yet_is_planned_when_it_fires() {
    let jittered = schedule("cron: \"0 12 * * *\", jitter: 50m");
    let fire_at = jittered.recurrence.next_after(at("2026-11-23T00:00:00Z")).unwrap().fire_at;
    let before = fire_at - SignedDuration::from_secs(1);
    let noon = at("2026-11-23T12:00:00Z");
    assert!(before > noon, "{fire_at}");
    let mark = HighWaterMark(at("2026-11-23T00:00:00Z"));
    for old in ["cron: [\"0 12 * * *\", \"0 11 * * *\"]", "cron: [\"0 11 * * *\", \"0 12 * * *\"], jitter: 2h"] {
        let edited = plan_edited(&jittered, &schedule(old).recurrence, mark, before, &mut free);
        assert!(edited.due.is_empty() && edited.mark.0 < noon, "{old}");
        let dropped = told(&Plan { due: Vec::new(), recorded: edited.recorded, marks: Vec::new() });
        assert_eq!(dropped, ["2026-11-23T11:00:00Z missed: edited"]);
        let set = set("  x: { cron: \"0 12 * * *\", jitter: 50m, start: { process: P } }\n");
        let mut planner = Planner::new(set, Marks([(jittered.key.clone(), edited.mark)].into()));
        assert_eq!(told(&planner.pass(fire_at, &mut free)), ["2026-11-23T12:00:00Z Scheduled"]);
    }
}

/// Held back from one instant to another, both of the same day.
fn paused(from: &str, until: &str) -> impl FnMut(&Schedule, &Nominal) -> Held + use<> {
    let (from, until) = (at(from), at(until));
    move |_, time| match (from..until).contains(&time.fire_at) {
        true => Held::Skipped(HeldBy::Pause { pause: PauseId(1), actor: "maria".to_owned(), reason: None }),
        false => Held::No,
    }
}

/// The same by a window whose last time waits.
fn waits(from: &str, until: &str) -> impl FnMut(&Schedule, &Nominal) -> Held + use<> {
    let (from, until) = (at(from), at(until));
    move |_, time| match (from..until).contains(&time.fire_at) {
        true => Held::Waits { name: "night".to_owned(), until: Some(until) },
        false => Held::No,
    }
}

#[test]
fn late_times_that_lie_in_a_pause_are_skipped_for_it_and_never_caught_up() {
    let mut planner = one("cron: \"0 * * * *\", catch_up: { window: 2h }", "2026-11-23T06:00:00Z");
    let mut pause = paused("2026-11-23T08:00:00Z", "2026-11-23T12:00:00Z");
    let plan = planner.pass(at("2026-11-23T11:30:00Z"), &mut pause);
    assert_eq!(
        told(&plan),
        [
            "2026-11-23T07:00:00Z missed: window",
            "2026-11-23T08:00:00Z skipped: paused",
            "2026-11-23T09:00:00Z skipped: paused",
            "2026-11-23T10:00:00Z skipped: paused",
            "2026-11-23T11:00:00Z skipped: paused",
        ]
    );
    let by = plan.recorded.last().and_then(|time| time.by.as_ref()).map(ToString::to_string);
    assert_eq!(by.as_deref(), Some("paused by maria"));
    assert_eq!(plan.marks[0].1, HighWaterMark(at("2026-11-23T11:00:00Z")), "its mark moves on");
    // The time after it is on time.
    assert_eq!(told(&planner.pass(at("2026-11-23T12:00:00Z"), &mut pause)), ["2026-11-23T12:00:00Z Scheduled"]);
}

#[test]
fn of_the_times_in_a_window_the_last_waits_and_is_as_late_as_the_windows_end() {
    let skipped = |hours: &[&str]| -> Vec<String> {
        hours.iter().map(|hour| format!("2026-11-23T{hour}:00:00Z skipped: blackout")).collect()
    };
    let line = "cron: \"0 * * * *\", catch_up: { window: 2h }";
    // Found when: inside the window; a moment after it; later; so late that nothing of it runs.
    let table: [(&str, &[&str], &[&str]); 5] = [
        ("2026-11-23T03:30:00Z", &["01", "02"], &["2026-11-23T03:00:00Z CatchUp"]),
        ("2026-11-23T03:00:30Z", &["01", "02"], &["2026-11-23T03:00:00Z Scheduled"]),
        ("2026-11-23T04:00:30Z", &["01", "02"], &["2026-11-23T03:00:00Z CatchUp", "2026-11-23T04:00:00Z Scheduled"]),
        ("2026-11-23T04:30:00Z", &["01", "02"], &["2026-11-23T03:00:00Z missed: down", "2026-11-23T04:00:00Z CatchUp"]),
        (
            "2026-11-23T06:30:00Z",
            &["01", "02"],
            &[
                "2026-11-23T03:00:00Z missed: window",
                "2026-11-23T04:00:00Z missed: window",
                "2026-11-23T05:00:00Z missed: down",
                "2026-11-23T06:00:00Z CatchUp",
            ],
        ),
    ];
    for (now, before, after) in table {
        let mut window = waits("2026-11-23T01:00:00Z", "2026-11-23T04:00:00Z");
        let plan = one(line, "2026-11-23T00:00:00Z").pass(at(now), &mut window);
        let after: Vec<_> = after.iter().map(|time| (*time).to_owned()).collect();
        assert_eq!(told(&plan), [skipped(before), after].concat(), "{now}");
    }
    // With `skip` no late time runs; one that waits is not late.
    let line = "cron: \"0 * * * *\", catch_up: { policy: skip }";
    let mut window = waits("2026-11-23T01:00:00Z", "2026-11-23T04:00:00Z");
    let plan = one(line, "2026-11-23T00:00:00Z").pass(at("2026-11-23T03:30:00Z"), &mut window);
    assert_eq!(told(&plan)[2], "2026-11-23T03:00:00Z CatchUp");
}

#[test]
fn ranges_of_many_times_hold_none_that_ended_otherwise() {
    // Every second, with a pause in the middle: what is known of a time only after later ones makes no range over these.
    let mut pause = paused("2026-11-23T11:20:00Z", "2026-11-23T11:40:00Z");
    let plan = one("every: 1s", "2026-11-23T11:00:00Z").pass(at("2026-11-23T12:00:00Z"), &mut pause);
    assert_eq!(
        told(&plan)[..5],
        [
            "2026-11-23T11:00:01Z to 2026-11-23T11:19:58Z (1198) missed: down",
            "2026-11-23T11:19:59Z missed: down",
            "2026-11-23T11:20:00Z to 2026-11-23T11:39:59Z (1200) skipped: paused",
            "2026-11-23T11:40:00Z to 2026-11-23T11:58:58Z (1139) missed: down",
            "2026-11-23T11:58:59Z CatchUp",
        ]
    );
}

#[test]
fn a_pause_of_half_a_century_is_not_looked_at_minute_by_minute() {
    let mut pause = paused("1970-01-01T00:00:00Z", "2026-11-23T12:00:00Z");
    let plan = one("cron: \"* * * * *\"", "1970-01-01T00:00:00Z").pass(at("2026-11-23T11:59:30Z"), &mut pause);
    assert!(plan.due.is_empty());
    let states: Vec<_> = plan.recorded.iter().map(|time| RunState::Ended(time.ending).to_string()).collect();
    assert_eq!(states, ["skipped: paused"]);
}

#[test]
fn a_mark_ahead_of_the_clock_is_taken_back_and_one_a_little_ahead_is_not() {
    let now = at("2026-11-23T12:00:00Z");
    let mut planner = one("cron: \"0 * * * *\"", "2026-11-23T12:00:05Z");
    assert!(planner.clamp_marks(now).is_empty());
    let mut planner = one("cron: \"0 * * * *\"", "2026-11-25T00:00:00Z");
    let taken = planner.clamp_marks(now);
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].1, HighWaterMark(now));
    assert_eq!(planner.wake_at(), Some(at("2026-11-23T13:00:00Z")));
}

#[test]
fn only_what_is_due_soon_is_made_ready() {
    let set = set(
        "  a: { cron: \"1 12 * * *\", start: { process: P } }\n  b: { cron: \"2 12 * * *\", start: { process: P } }\n",
    );
    let planner = planner(&set, "2026-11-23T12:00:00Z");
    let soon: Vec<_> = planner
        .due_between(at("2026-11-23T12:00:30Z"), at("2026-11-23T12:01:30Z"))
        .map(|(_, schedule)| schedule.key.to_string())
        .collect();
    assert_eq!(soon, ["a"]);
}

#[test]
fn a_schedule_without_a_further_time_wakes_nobody() {
    let mut planner = one("at: \"2026-11-23T12:00:00Z\"", "2026-11-23T11:00:00Z");
    assert_eq!(planner.pass(at("2026-11-23T12:00:00Z"), &mut free).due.len(), 1);
    assert_eq!(planner.wake_at(), None);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// However passes fall, each time up to the mark is in exactly one of them: due, recorded, or in one range.
    #[test]
    fn every_time_is_in_exactly_one_pass_exactly_once(
        gaps in proptest::collection::vec(1i64..20_000, 1..12),
        which in 0usize..5,
        back in proptest::option::of((0usize..12, 1i64..5)),
    ) {
        let lines = [
            "every: 7s",
            "cron: \"*/5 * * * *\"",
            "cron: [\"0 * * * *\", \"*/20 * * * *\"], catch_up: { policy: skip }",
            "every: 1s, catch_up: { window: 20m }",
            "cron: \"17 * * * * *\", enabled: false",
        ];
        let begin = at("2026-03-28T22:00:00Z");
        let set = set(&format!("  x: {{ {}, timezone: Europe/Berlin, start: {{ process: P }} }}\n", lines[which]));
        let mut planner = planner(&set, &begin.to_string());
        // Some thousand times a gap are beyond the window, and more than have a row each: more of them show nothing else.
        let shorter = if lines[which].starts_with("every: 1s") { 5 } else { 1 };
        let gaps: Vec<i64> = gaps.iter().map(|gap| 1 + gap / shorter).collect();
        let mut now = begin;
        let key = ScheduleKey::parse("x").unwrap();
        let end = begin.checked_add(SignedDuration::from_secs(gaps.iter().sum())).unwrap();
        let times = times(&set.schedules[&key].recurrence, begin, end);
        let mut counted = vec![0_u32; times.len()];
        for (index, gap) in gaps.iter().enumerate() {
            now = now.checked_add(SignedDuration::from_secs(*gap)).unwrap();
            if let Some((_, less)) = back.filter(|(when, _)| *when == index) {
                now = now.checked_sub(SignedDuration::from_secs(less)).unwrap();
            }
            let plan = planner.pass(now, &mut free);
            for time in &plan.due {
                let place = times.binary_search(&time.nominal.at);
                prop_assert!(place.is_ok(), "{} is no time of it", time.nominal.at);
                counted[place.unwrap()] += 1;
            }
            for time in &plan.recorded {
                let (until, count) = time.range.unwrap_or((time.first.at, Some(1)));
                let first = times.binary_search(&time.first.at);
                prop_assert!(first.is_ok(), "{} is no time of it", time.first.at);
                let range = first.unwrap()..times.partition_point(|time| *time <= until);
                prop_assert_eq!(Some(range.len() as u64), count);
                counted[range].iter_mut().for_each(|count| *count += 1);
            }
        }
        for (time, count) in times.iter().zip(counted) {
            prop_assert_eq!(count, u32::from(*time <= now), "{}", time);
        }
    }
}

/// Every time after `begin` up to `end`.
fn times(recurrence: &Recurrence, begin: Timestamp, end: Timestamp) -> Vec<Timestamp> {
    let next = |after: Timestamp| recurrence.next_after(after).map(|nominal| nominal.at).filter(|time| *time <= end);
    std::iter::successors(next(begin), |time| next(*time)).collect()
}
