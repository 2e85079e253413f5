//! What holds schedules back, with the real program in real seconds: a person pauses, resumes and skips, windows come and
//! go, runs fail, and the daemon is killed in between (semantics.md 18, 29, 30).
//!
//! What was started is asked of the sandbox; what a person sees is what the commands print.

#![expect(clippy::unwrap_used, reason = "a step that fails ends the test where it stands")]

mod failing;
#[expect(dead_code, reason = "each story uses its part")]
#[path = "../../../support/place.rs"]
mod place;
mod stage;
mod views;
mod windows;

use jiff::Timestamp;

use serde_json::Value;

use self::stage::{Row, Stage, schedule};

/// Who asks, as rows and commands name them: `name (uid N)`.
fn me() -> String {
    format!("(uid {})", rustix::process::getuid().as_raw())
}

/// The times of a schedule that a pause holds, once there are so many from an instant on.
async fn paused_times(stage: &Stage, from: Timestamp, count: usize) -> Vec<Row> {
    let paused = |rows: &[Row]| {
        let all: Vec<Row> =
            rows.iter().filter(|row| row.due >= from && row.state == "skipped: paused").cloned().collect();
        (all.len() >= count).then_some(all)
    };
    stage.until("times that are skipped", "report", paused).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_holds_a_schedule_until_it_is_resumed_and_no_other() {
    let keys = "every: 1s, overlap: allow";
    let lines = format!("schedules:\n{}{}", schedule("report", keys, "Quick"), schedule("other", keys, "Quick"));
    let stage = Stage::begin(&lines).await;
    stage.until_started("report", Timestamp::MIN).await;
    let told = stage.told(&["pause", "report", "--reason", "month's end"]).await;
    assert_eq!(told, "`report` is paused until it is resumed\n");
    let from = stage.clock.now();

    let skipped = paused_times(&stage, from, 2).await;
    for row in &skipped {
        assert!(row.note.starts_with("paused by ") && row.note.ends_with(&format!("{}: month's end", me())), "{row:?}");
        assert_eq!((row.job, row.whole["reference"].as_str()), (None, None), "nothing was sent for it");
    }
    let status = stage.told(&["status"]).await;
    let paused = status.lines().find(|line| line.starts_with("  `report`  since ")).unwrap_or_default();
    assert!(paused.ends_with(&format!("{}: month's end", me())), "{status}");
    assert_eq!(skipped[0].whole["arguments"], Value::Null, "nobody filled them in");
    assert_eq!(stage.status_code().await, Some(0), "a pause by a person is meant");
    let shown = stage.told(&["show", &skipped[0].run]).await;
    assert!(shown.contains("not filled in, since it was not sent: {"), "{shown}");
    let line = format!("This time came and did not run: {}", skipped[0].note);
    assert!(shown.starts_with("report skipped: paused\n") && shown.contains(&line), "{shown}");
    stage.until_started("other", from).await;

    let until = stage.clock.now();
    assert_eq!(stage.told(&["resume", "report"]).await, "`report` is resumed\n");
    let resumed = stage.clock.now();
    stage.until_started("report", resumed).await;
    assert!(!stage.jobs("report").iter().any(|(due, _)| (from..until).contains(due)), "{:#?}", stage.jobs("report"));
    let rows = stage.rows("report").await;
    assert!(rows.iter().filter(|row| (from..until).contains(&row.due)).all(|row| row.state == "skipped: paused"));
    assert!(rows.iter().filter(|row| row.due >= resumed).all(|row| row.state != "skipped: paused"), "{rows:#?}");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_that_is_killed_while_paused_is_paused_in_its_next_life() {
    let lines = format!("schedules:\n{}", schedule("report", "every: 1s, overlap: allow", "Quick"));
    let mut stage = Stage::begin(&lines).await;
    stage.until_started("report", Timestamp::MIN).await;
    let told = stage.told(&["pause", "--all", "--reason", "the server moves"]).await;
    assert_eq!(told, "everything is paused until it is resumed: `report`\n");
    let from = stage.clock.now();
    stage.kill().await;
    let killed = stage.clock.now();
    stage.live().await;
    let ready = stage.clock.now();
    // Of the next life, and those that came while nobody was there: a pause holds however late a time is found.
    let come = |rows: &[Row]| rows.iter().any(|row| row.due >= ready).then(|| rows.to_vec());
    let rows = stage.until("a time of the next life", "report", come).await;
    let meanwhile: Vec<&Row> = rows.iter().filter(|row| row.due >= from).collect();
    assert!(meanwhile.iter().all(|row| row.state == "skipped: paused"), "{meanwhile:#?}");
    assert!(meanwhile.iter().all(|row| row.note.ends_with("the server moves")), "{meanwhile:#?}");
    let whole = (killed.as_second() + 1..ready.as_second()).map(|second| Timestamp::from_second(second).unwrap());
    for second in whole {
        assert!(meanwhile.iter().any(|row| row.due == second), "{second} has no row: {meanwhile:#?}");
    }
    let until = stage.clock.now();
    assert_eq!(stage.told(&["resume", "--all"]).await, "everything is resumed\n");
    stage.until_started("report", stage.clock.now()).await;
    let jobs = stage.jobs("report");
    assert!(!jobs.iter().any(|(due, _)| (from..until).contains(due)), "{jobs:#?}");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_coming_time_is_skipped_and_one_that_was_to_be_is_not() {
    let lines = format!("schedules:\n{}", schedule("report", "every: 4s, overlap: allow", "Quick"));
    let stage = Stage::begin(&lines).await;
    let told = stage.told(&["skip", "report", "--reason", "the bank is closed"]).await;
    let time = told.strip_prefix("`report`: its time ").and_then(|told| told.strip_suffix(" in UTC is skipped\n"));
    let [date, time, offset] = time.unwrap_or_else(|| panic!("{told}")).split(' ').collect::<Vec<_>>()[..] else {
        panic!("no instant: {told}");
    };
    let skipped: Timestamp = format!("{date}T{time}{offset}").parse().unwrap();
    let kept = punctual::clock::later(skipped, super::seconds(4));
    stage.told(&["skip", "report", &kept.to_string()]).await;
    let told = stage.told(&["skip", "report", &kept.to_string(), "--undo"]).await;
    assert!(told.ends_with(" is not skipped any more\n"), "{told}");

    stage.until_started("report", kept).await;
    let rows = stage.rows("report").await;
    let row = rows.iter().find(|row| row.due == skipped).unwrap_or_else(|| panic!("{rows:#?}"));
    assert_eq!((row.state.as_str(), row.job), ("skipped: paused", None), "{row:#?}");
    assert!(row.note.starts_with("this time was skipped by "), "{row:#?}");
    assert!(row.note.ends_with(&format!("{}: the bank is closed", me())), "{row:#?}");
    assert!(!stage.jobs("report").iter().any(|(due, _)| *due == skipped));
    stage.end().await;
}
