//! What happens in the odd cases, one story for each policy: overlap, retry, time-outs, pools, catch-up (semantics.md
//! 9, 11, 18, 21, 21a).
//!
//! Judged by the sandbox's own list of jobs and by the calls that reached it; the history is what a person sees of the
//! same.

mod failing;
// These pass in real seconds, once for both builds.
#[cfg(not(feature = "faults"))]
mod held;
mod restarts;

use std::time::Duration;

use jiff::Timestamp;
use punctual::history::RunSummary;
use punctual::sandbox::{Failure, Fault, FaultRule, JobTruth, Mishap};
use serde_json::Value;

use super::support::{Story, at};
use super::{SECOND, seconds};

const NOON: &str = "2026-11-23T12:00:00Z";

/// Times ten seconds apart, the first ten seconds after noon.
fn times(count: usize) -> String {
    let times: Vec<String> = (1..=count).map(|n| format!("\"2026-11-23T12:00:{}Z\"", n * 10)).collect();
    format!("at: [{}]", times.join(", "))
}

fn one(keys: &str, process: &str) -> String {
    format!("schedules:\n  report: {{ {keys}, start: {{ process: {process}, folder: Shared }} }}\n")
}

/// Reaches only jobs that are started from now on.
fn starts(fault: Fault) -> FaultRule {
    FaultRule::always(fault)
}

/// How a run is shown: `skipped: overlap`.
fn state(run: &RunSummary) -> String {
    match run.state.reason() {
        Some(reason) => format!("{}: {reason}", run.state.name()),
        None => run.state.name().to_owned(),
    }
}

impl Story {
    async fn states(&self) -> Vec<String> {
        self.runs_of("report").await.iter().map(state).collect()
    }

    /// Lets time pass up to an instant, second by second.
    async fn to(&self, wall: &str) {
        let left = at(wall).duration_since(self.clock.now());
        self.pass_in_steps(left.try_into().expect("it is to come"), SECOND).await;
    }

    /// The stops that were asked for, with how and when.
    fn stops(&self) -> Vec<(String, Timestamp)> {
        let calls = self.control.exchanges().into_iter().filter(|exchange| exchange.path.ends_with(".StopJob"));
        calls
            .map(|call| (call.request_body.unwrap_or_default()["strategy"].as_str().unwrap_or("?").to_owned(), call.at))
            .collect()
    }

    fn strategies(&self) -> Vec<String> {
        self.stops().into_iter().map(|(how, _)| how).collect()
    }

    /// What was asked for with the first start.
    fn start_info(&self) -> Value {
        let calls = self.control.exchanges();
        let start = calls.iter().find(|call| call.path.ends_with(".StartJobs")).expect("a start was sent");
        start.request_body.as_ref().expect("it has a body")["startInfo"].clone()
    }

    /// The last run, once all runs of the schedule have ended.
    async fn until_all_ended(&self, step: Duration, most: Duration) -> Vec<RunSummary> {
        let mut passed = Duration::ZERO;
        loop {
            let runs = self.runs_of("report").await;
            if !runs.is_empty() && runs.iter().all(has_ended) {
                return runs;
            }
            assert!(passed < most, "not all end within {most:?}: {runs:#?}");
            self.pass(step).await;
            passed += step;
        }
    }
}

fn has_ended(run: &RunSummary) -> bool {
    !matches!(
        run.state.name(),
        "armed" | "waiting" | "starting" | "unknown" | "held" | "pending" | "running" | "suspended" | "stopping"
    )
}

/// Each began after the one before it had ended.
fn assert_one_after_another(jobs: &[JobTruth]) {
    for pair in jobs.windows(2) {
        let ended = pair[0].ended_at.expect("only the last may still run");
        assert!(ended <= pair[1].created_at, "{pair:#?}");
    }
}

fn references(jobs: &[JobTruth]) -> Vec<&str> {
    jobs.iter().map(|job| job.reference.as_deref().expect("a job of ours has a Reference")).collect()
}

fn seconds_between(from: Timestamp, to: Timestamp) -> i64 {
    to.duration_since(from).as_secs()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_queue_one_the_first_that_comes_waits_and_later_ones_are_skipped() {
    let story = Story::begin(NOON, &one(&format!("{}, overlap: queue_one", times(3)), "LongReport")).await;
    story.to("2026-11-23T12:00:30Z").await;
    assert_eq!(story.states().await, ["running", "waiting: overlap", "skipped: overlap"]);
    let runs = story.until_all_ended(SECOND, seconds(120)).await;
    assert_eq!(story.states().await, ["succeeded", "succeeded", "skipped: overlap"]);
    let waited = &runs[1].run[28..];
    assert!(runs[2].note.as_deref().is_some_and(|note| note.contains(waited)), "{:?}", runs[2].note);
    let jobs = story.control.jobs();
    assert_eq!(jobs.len(), 2);
    assert_one_after_another(&jobs);
    story.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_queue_latest_the_newest_waits_and_takes_the_place_of_the_one_before() {
    let story = Story::begin(NOON, &one(&format!("{}, overlap: queue_latest", times(3)), "LongReport")).await;
    story.to("2026-11-23T12:00:20Z").await;
    assert_eq!(story.states().await, ["running", "waiting: overlap"]);
    let runs = {
        story.to("2026-11-23T12:00:30Z").await;
        story.until_all_ended(SECOND, seconds(120)).await
    };
    assert_eq!(story.states().await, ["succeeded", "skipped: overlap", "succeeded"]);
    assert_eq!(runs[1].note.as_deref(), Some(format!("run {} took its place", &runs[2].run[28..]).as_str()));
    assert_eq!(runs[1].reference, None, "nothing was sent for it");
    assert_one_after_another(&story.control.jobs());
    story.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_queue_all_every_time_runs_in_its_order_also_behind_one_that_failed() {
    let story = Story::begin(NOON, &one(&format!("{}, overlap: queue_all", times(4)), "LongReport")).await;
    let fails = Fault::Fails(Failure::new(Mishap::WorkflowException));
    story.control.push_rule(starts(fails).count(1));
    story.to("2026-11-23T12:00:40Z").await;
    let waiting = "waiting: overlap";
    assert_eq!(story.states().await, ["running", waiting, waiting, waiting]);
    let runs = story.until_all_ended(SECOND, seconds(240)).await;
    assert_eq!(story.states().await, ["faulted", "succeeded", "succeeded", "succeeded"]);
    let jobs = story.control.jobs();
    assert_one_after_another(&jobs);
    let by_time: Vec<Option<i64>> = runs.iter().map(|run| run.job_id).collect();
    assert_eq!(by_time, jobs.iter().map(|job| Some(job.id)).collect::<Vec<_>>());
    story.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_stop_other_the_older_job_is_asked_to_stop_and_the_newer_time_runs_then() {
    let story = Story::begin(NOON, &one(&format!("{}, overlap: stop_other", times(2)), "LongReport")).await;
    story.to("2026-11-23T12:00:20Z").await;
    let runs = story.until_all_ended(SECOND, seconds(120)).await;
    assert_eq!(story.states().await, ["stopped", "succeeded"]);
    assert_eq!(story.strategies(), ["SoftStop"]);
    assert_one_after_another(&story.control.jobs());
    let lines: Vec<String> = story.lines(&runs[0].run).await.into_iter().map(|line| line.text).collect();
    let why = format!("Its job is to stop: run {} takes its place", &runs[1].run[28..]);
    assert!(lines.contains(&why), "{lines:#?}");
    story.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deaf_job_is_killed_for_the_newer_time_after_kill_after() {
    let keys = format!("{}, overlap: stop_other, timeout: {{ kill_after: 15s }}", times(2));
    let story = Story::begin(NOON, &one(&keys, "LongReport")).await;
    story.control.push_rule(starts(Fault::IgnoreSoftStop).count(1));
    story.control.push_rule(starts(Fault::RunsFor(seconds(7_200))).count(1));
    story.to("2026-11-23T12:00:20Z").await;
    story.until_all_ended(SECOND, seconds(120)).await;
    assert_eq!(story.states().await, ["stopped", "succeeded"]);
    let stops = story.stops();
    let [(soft, asked), (kill, killed)] = stops.as_slice() else { panic!("two stops: {stops:#?}") };
    assert_eq!((soft.as_str(), kill.as_str(), seconds_between(*asked, *killed)), ("SoftStop", "Kill", 15));
    assert_one_after_another(&story.control.jobs());
    story.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_kill_other_the_older_job_is_killed_at_once() {
    let story = Story::begin(NOON, &one(&format!("{}, overlap: kill_other", times(2)), "LongReport")).await;
    story.control.push_rule(starts(Fault::IgnoreSoftStop));
    story.to("2026-11-23T12:00:20Z").await;
    story.until_all_ended(SECOND, seconds(120)).await;
    assert_eq!(story.states().await, ["stopped", "succeeded"]);
    assert_eq!(story.strategies(), ["Kill"]);
    assert_one_after_another(&story.control.jobs());
    story.end().await;
}

fn pool(schedules: &[(&str, i32)]) -> String {
    let lines: String = schedules
        .iter()
        .map(|(key, priority)| {
            format!(
                "  {key}: {{ at: \"2026-11-23T12:00:10Z\", priority: {priority}, start: {{ process: LongReport, folder: Shared }} }}\n"
            )
        })
        .collect();
    format!("limits: {{ one: {{ running: 1 }} }}\ndefaults: {{ pool: one }}\nschedules:\n{lines}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_pool_of_one_two_wait_and_the_higher_priority_goes_first() {
    let story = Story::begin(NOON, &pool(&[("ash", 0), ("birch", 5), ("cedar", 10)])).await;
    story.to("2026-11-23T12:00:10Z").await;
    let shown: Vec<(String, String)> = {
        let mut runs = story.runs().await;
        runs.sort_by(|a, b| a.schedule.cmp(&b.schedule));
        runs.iter().map(|run| (run.schedule.clone(), state(run))).collect()
    };
    let expected = [("ash", "waiting: limit"), ("birch", "waiting: limit"), ("cedar", "pending")];
    assert_eq!(shown, expected.map(|(key, state)| (key.to_owned(), state.to_owned())));
    for key in ["cedar", "birch", "ash"] {
        story.until(key, "succeeded", SECOND, seconds(90)).await;
    }
    let jobs = story.control.jobs();
    assert_one_after_another(&jobs);
    let runs = story.runs().await;
    let order: Vec<&str> = jobs
        .iter()
        .filter_map(|job| runs.iter().find(|run| run.job_id == Some(job.id)))
        .map(|run| run.schedule.as_str())
        .collect();
    assert_eq!(order, ["cedar", "birch", "ash"]);
    story.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_priority_of_a_start_arrives_as_orchestrators_own() {
    let text = "schedules:\n  report: { at: \"2026-11-23T12:00:10Z\", start: { process: Heartbeat, folder: Shared, priority: High } }\n  \
                plain: { at: \"2026-11-23T12:00:30Z\", start: { process: Heartbeat, folder: Shared } }\n";
    let story = Story::begin(NOON, text).await;
    story.to("2026-11-23T12:00:10Z").await;
    assert_eq!(story.start_info()["JobPriority"], "High");
    story.to("2026-11-23T12:00:30Z").await;
    let calls = story.control.exchanges();
    let plain = calls.iter().rfind(|call| call.path.ends_with(".StartJobs")).expect("the second start");
    let body = plain.request_body.as_ref().expect("it has a body");
    assert_eq!(body["startInfo"].get("JobPriority"), None, "its process decides");
    story.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_night_without_the_daemon_the_newest_times_are_caught_up_in_their_order() {
    let keys = "cron: \"*/10 * * * *\", timezone: UTC, catch_up: { policy: all, max: 3, window: 2h }";
    let mut story = Story::begin(NOON, &one(keys, "LongReport")).await;
    story.stop_daemon().await;
    story.hand.advance_to(at("2026-11-23T13:05:00Z"));
    story.start_daemon().await;
    let runs = story.until_all_ended(SECOND, seconds(240)).await;
    let told: Vec<(String, String)> = runs.iter().map(|run| (run.local[11..16].to_owned(), state(run))).collect();
    let missed = ["12:10", "12:20", "12:30"].map(|time| (time.to_owned(), "missed: limit".to_owned()));
    let caught_up = ["12:40", "12:50", "13:00"].map(|time| (time.to_owned(), "succeeded".to_owned()));
    assert_eq!(told, [missed, caught_up].concat());
    assert!(runs[3..].iter().all(|run| run.trigger.name() == "catch_up"));
    let jobs = story.control.jobs();
    assert_one_after_another(&jobs);
    let in_order: Vec<Option<i64>> = jobs.iter().map(|job| Some(job.id)).collect();
    assert_eq!(runs[3..].iter().map(|run| run.job_id).collect::<Vec<_>>(), in_order);
    story.end().await;
}
