//! `punctual stop` through the real program: a job, a run that waits, and all that wait of a schedule.

use std::time::Duration;

use punctual::clock::{Clock, later};
use punctual::sandbox::Sandbox;
use serde_json::Value;

use super::by_hand::{self, said};
use super::place::{FINE, NOT_REACHABLE, Place, USAGE, json, stop};

/// A long job every two seconds, of which the later ones wait.
async fn busy() -> (Sandbox, Place, tokio::process::Child) {
    let sandbox = by_hand::sandbox(&[("Long", Duration::from_secs(300))]).await;
    let ends = later(Clock::system().now(), Duration::from_secs(9)).strftime("%FT%TZ").to_string();
    let line = format!(
        "schedules:\n  long: {{ every: 2s, timezone: UTC, ends: \"{ends}\", overlap: queue_all, start: {{ process: Long, folder: Shared \
         }} }}\n"
    );
    let (place, daemon) = by_hand::daemon(&by_hand::files(&sandbox, &line)).await;
    (sandbox, place, daemon)
}

fn in_state<'r>(runs: &'r Value, state: &str) -> Vec<&'r str> {
    let rows = runs.as_array().unwrap().iter();
    rows.filter(|row| row["state"] == state).map(|row| row["run"].as_str().unwrap()).collect()
}

const RUNS: [&str; 3] = ["runs", "-o", "json"];

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_stopped_a_waiting_run_cancelled_and_all_that_wait_at_once() {
    let (sandbox, place, daemon) = busy().await;
    let runs = place.until("a job and three that wait", &RUNS, |told| {
        let runs = json(told);
        (in_state(&runs, "running").len() == 1 && in_state(&runs, "waiting").len() >= 3).then_some(runs)
    });
    let runs = runs.await;
    // One that waits, by the end of its id as tables show it.
    let one = in_state(&runs, "waiting")[0].to_owned();
    let short = &one[one.len() - 8..];
    let told = said(&place, &["stop", short, "--reason", "not today"], FINE).await;
    assert_eq!(told, format!("`long`, run {short}: it had not been sent, and is cancelled\n"));
    let told = said(&place, &["show", short], FINE).await;
    assert!(told.contains("(uid ") && told.contains(" stopped it"), "{told}");

    let told = said(&place, &["stop", "long", "--waiting"], FINE).await;
    assert!(told.starts_with("`long`: ") && told.ends_with(" cancelled that had not been sent\n"), "{told}");
    let first = in_state(&runs, "running")[0].to_owned();
    let told = said(&place, &["stop", &first], FINE).await;
    assert!(told.ends_with(": its job is asked to stop; `--kill` if it does not\n"), "{told}");
    said(&place, &["stop", &first, "--kill"], FINE).await;
    let show = ["show", &first, "-o", "json"];
    let ended = place.until("the end of its job", &show, |told| {
        let run = json(told);
        (run["state"] == "stopped").then_some(run)
    });
    let ended = ended.await;
    assert!(ended["jobs"][0]["stopped_by"].as_str().unwrap().contains("(uid "), "{ended}");

    let told = said(&place, &["stop", &first], USAGE).await;
    assert!(told.contains("is not open") && told.contains("`punctual show "), "{told}");
    let deeds = json(&place.run(&["audit", "-o", "json"]).await);
    let details: Vec<_> =
        deeds.as_array().unwrap().iter().map(|deed| deed["detail"].as_str().map(str::to_owned)).collect();
    assert_eq!(details.len(), 4, "{deeds}");
    assert_eq!(
        (details[0].as_deref(), details[1].as_deref(), details[3].as_deref()),
        (Some("kill"), None, Some("not today"))
    );
    stop(daemon).await;
    sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_daemon_or_without_such_a_run_nothing_is_stopped() {
    let place = super::place::quiet();
    let told = said(&place, &["stop", "500e0791"], NOT_REACHABLE).await;
    assert!(told.contains("only a running one can stop a run"), "{told}");
    let daemon = place.daemon().await;
    let told = said(&place, &["stop", "500e0791"], USAGE).await;
    assert!(told.contains("there is no run `500e0791`"), "{told}");
    let told = said(&place, &["stop", "yearly", "--waiting"], USAGE).await;
    assert!(told.contains("nothing of `yearly` waits to be sent"), "{told}");
    let told = said(&place, &["stop", "yaerly", "--waiting"], USAGE).await;
    assert!(told.contains("there is no schedule `yaerly`") && told.contains("`yearly`"), "{told}");
    stop(daemon).await;
}
