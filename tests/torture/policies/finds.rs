//! The judge of the policies is judged: sound jobs pass, and each law has jobs that break it.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use punctual::clock::later;
use punctual::history::RunSummary;
use punctual::sandbox::{JobState, JobTruth};
use serde_json::json;

use super::checker::{Law, judge_ends, judge_jobs, made};

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
