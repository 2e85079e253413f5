//! The judge of the policies is judged: sound jobs pass, and each law has jobs that break it.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use punctual::clock::later;
use punctual::history::RunSummary;
use punctual::sandbox::{JobState, JobTruth};
use serde_json::json;

use super::checker::{Law, judge_ends, judge_jobs, judge_order_in_pool, made};
use super::held::{Pause, judge_held, judge_held_rows};

fn at(second: u64) -> Timestamp {
    later("2026-11-23T12:00:00Z".parse().expect("an instant"), Duration::from_secs(second))
}

/// A job of `key` for the time `due`, made and ended at these seconds.
fn job((id, key, due, attempt): (i64, &str, u64, u16), (from, to): (u64, Option<u64>), state: JobState) -> JobTruth {
    let suffix = if attempt > 1 { format!(".a{attempt}") } else { String::new() };
    JobTruth {
        id,
        key: uuid_of(id),
        reference: Some(format!("p1.0.{key}.{due}{suffix}")),
        folder: "Shared".to_owned(),
        process: "Short".to_owned(),
        created_at: at(from),
        visible_at: at(from),
        started_at: Some(at(from)),
        ended_at: to.map(at),
        state,
        arguments: Some(json!({ "schedule": key, "due": at(due), "attempt": attempt.to_string() })),
        output: None,
        info: None,
    }
}

fn uuid_of(id: i64) -> uuid::Uuid {
    uuid::Uuid::from_u128(u128::from(id.unsigned_abs()))
}

fn sound() -> Vec<JobTruth> {
    vec![
        job((1, "all", 0, 1), (0, Some(5)), JobState::Successful),
        job((2, "all", 1, 1), (5, Some(9)), JobState::Successful),
        job((3, "again", 0, 1), (0, Some(3)), JobState::Faulted),
        job((4, "again", 0, 2), (4, Some(6)), JobState::Successful),
        job((5, "low", 0, 1), (0, Some(4)), JobState::Successful),
        job((6, "high", 1, 1), (4, None), JobState::Running),
    ]
}

#[test]
fn sound_jobs_pass_and_each_law_is_seen_broken() {
    assert_eq!(judge_jobs(&made(&sound())).len(), 0);
    type Break = fn(&mut Vec<JobTruth>);
    let cases: [(Law, Break); 8] = [
        (Law::Once, |jobs| jobs.push(job((7, "all", 1, 1), (20, None), JobState::Running))),
        (Law::Once, |jobs| jobs[3].reference.clone_from(&sound()[2].reference)),
        (Law::Named, |jobs| drop(jobs.remove(2))),
        (Law::Named, |jobs| jobs[3].reference = Some("p1.0.again.0.a3".to_owned())),
        (Law::Retry, |jobs| jobs[2].state = JobState::Successful),
        (Law::Alone, |jobs| jobs[0].ended_at = None),
        (Law::Pool, |jobs| jobs[4].ended_at = Some(at(5))),
        (Law::Order, |jobs| {
            jobs[0] = job((1, "all", 1, 1), (0, Some(5)), JobState::Successful);
            jobs[1] = job((2, "all", 0, 1), (5, Some(9)), JobState::Successful);
        }),
    ];
    for (law, break_it) in cases {
        let mut jobs = sound();
        break_it(&mut jobs);
        let found: BTreeSet<Law> = judge_jobs(&made(&jobs)).into_iter().map(|finding| finding.law).collect();
        assert!(found.contains(&law), "{law:?} is not seen: {found:?}");
    }
}

/// A run of `key` for the time `due`, which has or had this job.
fn run((key, due): (&str, u64), trigger: &str, state: &str, job_id: i64) -> RunSummary {
    let due = at(due).to_string();
    serde_json::from_value(json!({
        "run": "r", "schedule": key, "trigger": trigger, "nominal_at": due, "local": "", "offset": "", "fire_at": due,
        "claimed_at": due, "state": state, "connection": "c", "attempts": 1, "job_id": job_id, "jobs": [],
    }))
    .expect("a row")
}

/// A schedule, its jobs, which of them were asked to stop, and how its run ended.
type Story<'a> = (&'a str, &'a [(u16, JobState)], &'a [i64], &'a str);

#[test]
fn an_end_that_is_not_that_of_the_last_job_is_seen() {
    use JobState::{Faulted, Pending, Running, Stopped, Successful};
    let ends = |key, jobs: &[(u16, JobState)], asked: &[i64], state| {
        let jobs: Vec<JobTruth> =
            jobs.iter().map(|(n, state)| job((i64::from(*n), key, 0, *n), (0, Some(5)), *state)).collect();
        let asked: BTreeSet<i64> = asked.iter().copied().collect();
        let last = jobs.last().map_or(0, |job| job.id);
        let found = judge_ends(&made(&jobs), &[run((key, 0), "scheduled", state, last)], &asked);
        found.into_iter().map(|finding| finding.law).collect::<Vec<Law>>()
    };
    let sound: [Story<'_>; 6] = [
        ("all", &[(1, Successful)], &[], "succeeded"),
        ("other", &[(1, Stopped)], &[1], "stopped"),
        ("other", &[(1, Successful)], &[1], "succeeded"),
        ("soft", &[(1, Stopped)], &[1], "timed_out"),
        ("again", &[(1, Faulted), (2, Faulted), (3, Faulted)], &[], "faulted"),
        ("never", &[(1, Faulted)], &[], "faulted"),
    ];
    for (key, jobs, asked, state) in sound {
        assert_eq!(ends(key, jobs, asked, state), [], "{key} {jobs:?} {state}");
    }
    assert_eq!(ends("all", &[(1, Successful)], &[], "faulted"), [Law::End]);
    assert_eq!(ends("all", &[(1, Running)], &[], "succeeded"), [Law::End], "its job goes on");
    assert_eq!(ends("all", &[(1, Pending)], &[], "missed"), [Law::End], "it has a job");
    assert_eq!(ends("all", &[], &[], "skipped"), [Law::End], "none of a queue of all is skipped");
    assert_eq!(ends("other", &[(1, Stopped)], &[], "stopped"), [Law::End], "nobody stopped it");
    assert_eq!(ends("soft", &[(1, Stopped)], &[1], "stopped"), [Law::End], "it took too long");
    assert_eq!(ends("again", &[(1, Faulted), (2, Faulted)], &[], "faulted"), [Law::Given], "one is left");
}

#[test]
fn a_late_time_that_is_overtaken_while_it_is_caught_up_is_seen() {
    for (from, found) in [(4, 0), (3, 1)] {
        let jobs = [
            job((1, "late", 0, 1), (0, Some(4)), JobState::Successful),
            job((2, "late", 12, 1), (from, None), JobState::Running),
        ];
        let runs = [run(("late", 0), "catch_up", "succeeded", 1)];
        let laws: Vec<Law> =
            judge_ends(&made(&jobs), &runs, &BTreeSet::new()).into_iter().map(|finding| finding.law).collect();
        assert_eq!(laws, vec![Law::CaughtUp; found]);
    }
}

#[test]
fn a_lower_priority_that_goes_first_is_seen_in_the_middle_of_a_life() {
    for (low, high, begun, expected) in [(30, 31, 0, 1), (30, 31, 26, 0), (30, 31, 31, 0), (34, 30, 0, 0)] {
        let jobs = [
            job((1, "low", 30, 1), (low, Some(low + 1)), JobState::Successful),
            job((2, "high", 30, 1), (high, Some(high + 1)), JobState::Successful),
        ];
        let found = judge_order_in_pool(&made(&jobs), &[at(begun)]);
        let laws: Vec<Law> = found.into_iter().map(|finding| finding.law).collect();
        assert_eq!(laws, vec![Law::Priority; expected], "{low} {high} {begun}");
    }
}

/// Asked for from 10 on, and from 11 to 20 for certain; from 21 on it is over.
fn pause() -> Pause {
    Pause { asked: at(10), confirmed: Some(at(11)), resume_asked: Some(at(20)), resumed: Some(at(21)) }
}

#[test]
fn a_job_in_a_pause_or_a_window_is_seen() {
    // The windows of `later` are from 5 to 14, and those of `shut` from 15 to 21.
    let cases: [(&str, u64, u64, &[Law]); 15] = [
        ("held", 9, 9, &[]),
        ("held", 9, 12, &[]),
        ("held", 9, 15, &[Law::Paused]),
        ("held", 12, 12, &[Law::Paused]),
        ("held", 12, 30, &[Law::Paused]),
        ("held", 21, 21, &[]),
        ("later", 3, 3, &[]),
        ("later", 3, 6, &[]),
        ("later", 3, 9, &[Law::Window]),
        ("later", 12, 14, &[]),
        ("later", 12, 13, &[Law::Window]),
        ("later", 6, 14, &[Law::Window]),
        ("shut", 12, 12, &[]),
        ("shut", 12, 19, &[Law::Window]),
        ("shut", 15, 21, &[Law::Window]),
    ];
    for (key, due, from, expected) in cases {
        let jobs = made(&[job((1, key, due, 1), (from, None), JobState::Running)]);
        let laws: Vec<Law> = judge_held(&jobs, &[pause()]).into_iter().map(|finding| finding.law).collect();
        assert_eq!(laws, expected, "`{key}` of {due}, made at {from}");
    }
    // Nobody knows yet when this one ends.
    let open = Pause { resume_asked: None, resumed: None, ..pause() };
    let jobs = made(&[job((1, "held", 60, 1), (60, None), JobState::Running)]);
    assert_eq!(judge_held(&jobs, &[open]).len(), 1);
}

#[test]
fn a_row_that_is_held_back_for_nothing_or_is_not_is_seen() {
    let cases: [(&str, u64, &str, &[Law]); 14] = [
        ("held", 9, "succeeded", &[]),
        ("held", 9, "paused", &[Law::Paused]),
        ("held", 10, "succeeded", &[]),
        ("held", 10, "paused", &[]),
        ("held", 12, "paused", &[]),
        ("held", 12, "missed", &[Law::Paused]),
        ("held", 21, "paused", &[Law::Paused]),
        ("later", 3, "blackout", &[Law::Window]),
        ("later", 6, "blackout", &[]),
        ("later", 6, "succeeded", &[Law::Window]),
        ("later", 12, "blackout", &[Law::Window]),
        ("later", 12, "succeeded", &[]),
        ("shut", 15, "blackout", &[]),
        ("shut", 15, "succeeded", &[Law::Window]),
    ];
    let note = |state: &str| (state == "paused").then(|| "paused by somebody: the torture pauses it".to_owned());
    let row = |key: &str, due: u64, state: &str| {
        let shown = if ["paused", "blackout"].contains(&state) { "skipped" } else { state };
        let mut row = serde_json::to_value(run((key, due), "scheduled", shown, 1)).expect("a row");
        row["reason"] = if row["state"] == "skipped" { json!(state) } else { json!(null) };
        row["note"] = json!(note(state));
        serde_json::from_value::<RunSummary>(row).expect("a row")
    };
    let found = |run: RunSummary| {
        let found = judge_held_rows(&[run], &[pause()]);
        found.into_iter().map(|finding| finding.law).collect::<Vec<Law>>()
    };
    for (key, due, state, expected) in cases {
        assert_eq!(found(row(key, due, state)), expected, "`{key}` of {due}, {state}");
    }
    let without = RunSummary { note: Some("paused by somebody".to_owned()), ..row("held", 12, "paused") };
    assert_eq!(found(without), [Law::Paused], "it does not say why");
}
