//! What tables say of runs that were tried again or stopped, and of pools that are full.

use punctual::sandbox::{Failure, Fault, FaultRule, Mishap};
use serde_json::json;

use super::stage::{Row, Stage, schedule};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_late_a_run_was_is_told_by_its_first_attempt_and_how_often_it_was_tried() {
    let keys = "every: 1s, overlap: skip, pool: finance, priority: 5, retry: { attempts: 3, delay: 1s }, timeout: { soft: 1m }";
    let lines = format!("limits: {{ finance: {{ running: 2 }} }}\nschedules:\n{}", schedule("report", keys, "Quick"));
    let fails = FaultRule::always(Fault::Fails(Failure::new(Mishap::WorkflowException))).count(1);
    let stage = Stage::begin_with(&lines, &[fails]).await;
    let again = |rows: &[Row]| rows.iter().find(|row| row.whole["attempts"] == 2 && row.state == "succeeded").cloned();
    let run = stage.until("a run that was tried again", "report", again).await;
    let (first, second) = (&run.whole["jobs"][0]["sent_at"], &run.whole["jobs"][1]["sent_at"]);
    assert!(first.is_string() && first != second, "{:#}", run.whole);
    assert_eq!(&run.whole["sent_at"], first);

    let table = stage.told(&["runs", "report", "-n", "1000"]).await;
    let line = table.lines().find(|line| line.starts_with(&run.run[28..])).unwrap_or_else(|| panic!("{table}"));
    assert!(line.contains("attempt 2 of 3"), "{line}");
    let shown = stage.told(&["show", &run.run]).await;
    let policy = "  policy      pool finance; priority 5; 3 attempts, the next after 1s; time-out soft 1m\n";
    assert!(shown.contains(policy), "{shown}");
    let whole = stage.json(&["show", &run.run]).await;
    assert_eq!(whole["policy"]["pool"], "finance", "{whole:#}");
    assert_eq!(whole["run"], run.run.as_str());
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_was_stopped_says_for_which_and_a_full_pool_who_waits() {
    let lines = format!(
        "limits: {{ finance: {{ running: 1 }}, idle: {{ running: 4 }} }}\nschedules:\n{}{}{}",
        schedule("report", "every: 4s, overlap: kill_other", "LongReport"),
        schedule("books", "every: 1s, overlap: allow, pool: finance", "LongReport"),
        schedule("slow", "every: 2s, timeout: { soft: 1s, kill_after: 1s }", "LongReport")
    );
    let stage = Stage::begin(&lines).await;
    let stopped = |rows: &[Row]| {
        let at = rows.iter().position(|row| row.state == "stopped")?;
        Some((rows[at].clone(), rows.get(at + 1)?.clone()))
    };
    let (older, newer) = stage.until("a run that was stopped", "report", stopped).await;
    let table = stage.told(&["runs", "--state", "stopped"]).await;
    let line = table.lines().find(|line| line.starts_with(&older.run[28..])).unwrap_or_else(|| panic!("{table}"));
    assert!(line.contains(&format!("run {} takes its place", &newer.run[28..])), "{table}");

    let timed_out = |rows: &[Row]| rows.iter().any(|row| row.state == "timed_out").then_some(());
    stage.until("a run that took too long", "slow", timed_out).await;
    let table = stage.told(&["runs", "slow", "--state", "timed_out"]).await;
    assert!(table.contains("  it ran for too long"), "{table}");

    let full = |status: &serde_json::Value| {
        let finance = status["pools"][0].clone();
        (finance["running"] == 1 && finance["waiting"].as_u64()? > 0).then_some(status["pools"].clone())
    };
    let pools = stage.until_status("a full pool", full).await;
    assert_eq!((&pools[0]["pool"], &pools[0]["size"]), (&json!("finance"), &json!(1)));
    assert_eq!(pools[1], json!({ "pool": "idle", "size": 4, "running": 0, "waiting": 0 }));
    let status = stage.told(&["status"]).await;
    let line = status.lines().find(|line| line.starts_with("  pools: ")).unwrap_or_else(|| panic!("{status}"));
    assert!(line.starts_with("  pools: finance 1 of 1, ") && line.ends_with(" waiting"), "{line}");

    stage.told(&["pause", "books"]).await;
    let paused = |status: &serde_json::Value| status["connections"][0]["waiting"]["paused"].as_u64();
    stage.until_status("what the pause holds", paused).await;
    let status = stage.told(&["status"]).await;
    let line = status.lines().find(|line| line.starts_with("    waiting: ")).unwrap_or_else(|| panic!("{status}"));
    assert!(line.contains(" for the end of a pause"), "{line}");
    stage.end().await;
}
