//! Runs that fail one after another, and a robot whose password is wrong (semantics.md 18, 29).

use punctual::sandbox::{Failure, Fault, FaultRule, Faults, Mishap};
use serde_json::Value;

use super::stage::{Row, Stage, TO_ACT, schedule};

/// What `status` says is to be done about a schedule that is paused.
fn need<'s>(status: &'s Value, schedule: &str) -> Option<&'s str> {
    let needs = status["needs"].as_array().unwrap();
    let need = needs.iter().find(|need| need["kind"] == "paused" && need["subject"] == schedule)?;
    assert_eq!(need["cure"], format!("once that is mended: `punctual resume {schedule}`"));
    need["text"].as_str()
}

fn fails(mishap: Mishap) -> FaultRule {
    FaultRule::always(Fault::Fails(Failure::new(mishap)))
}

/// As tables have it: the end of the id.
fn short(row: &Row) -> &str {
    &row.run[28..]
}

/// The first time of a schedule from now on that is skipped, as it is paused.
async fn next_skipped(stage: &Stage, schedule: &str) -> Row {
    let from = stage.clock.now();
    let skipped = |rows: &[Row]| rows.iter().find(|row| row.due > from && row.state == "skipped: paused").cloned();
    stage.until("a time that is skipped", schedule, skipped).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schedule_whose_runs_fail_twice_in_a_row_is_paused_by_punctual_until_it_is_resumed() {
    let lines = format!("schedules:\n{}", schedule("report", "every: 1s, pause_after_failures: 2", "Quick"));
    let stage = Stage::begin_with(&lines, &[fails(Mishap::WorkflowException).count(2)]).await;
    let text = stage.until_status("the pause", |status| need(status, "report").map(str::to_owned)).await;
    let skipped = next_skipped(&stage, "report").await;
    let rows = stage.rows("report").await;
    let failed: Vec<&Row> = rows.iter().filter(|row| row.state == "faulted").collect();
    assert_eq!((failed.len(), stage.jobs("report").len()), (2, 2), "{rows:#?}");
    let why = format!(
        "2 runs in a row failed; the last was run {}: It was not possible to access the portal",
        short(failed[1])
    );
    assert!(text.starts_with("`report` starts nothing since ") && text.ends_with(&format!(": {why}")), "{text}");
    assert_eq!(skipped.note, format!("paused by punctual: {why}"));
    let status = stage.told(&["status"]).await;
    assert_eq!(status.matches(&why).count(), 1, "it is said once: {status}");
    assert!(!status.contains("  `report`  since "), "what stands above is not said again: {status}");
    let said = status.lines().find(|line| line.starts_with("  `report` starts nothing since 20")).unwrap_or_default();
    assert!(
        said.contains(" +00:00: 2 runs in a row failed") && said.contains("; then: once that is mended"),
        "{status}"
    );
    assert_eq!(stage.status_code().await, Some(TO_ACT));
    // A cell has the first line of what the workflow threw, `show` the stack too.
    let table = stage.told(&["runs", "report", "-n", "1000"]).await;
    assert!(table.contains("It was not possible to access the portal") && !table.contains("Main.xaml"), "{table}");
    assert!(!status.contains("Main.xaml"), "{status}");
    assert!(stage.told(&["show", &failed[0].run]).await.contains("Main.xaml"));

    assert_eq!(stage.told(&["resume", "report"]).await, "`report` is resumed\n");
    stage.until_started("report", stage.clock.now()).await;
    assert_eq!(need(&stage.json(&["status"]).await, "report"), None);
    assert_eq!(stage.status_code().await, Some(0));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_is_never_tried_again_and_the_second_refusal_pauses_all_that_run_under_it() {
    // Each reads how its last job ended when its next time comes; in turns, so that one refusal is known before another start.
    let [even, odd] = ["*/2", "1-59/2"].map(|seconds| {
        format!("cron: \"{seconds} * * * * *\", retry: {{ attempts: 3, delay: 1s }}, catch_up: {{ policy: skip }}")
    });
    let lines = format!("schedules:\n{}{}", schedule("report", &even, "Quick"), schedule("other", &odd, "Quick"));
    let stage = Stage::begin_with(&lines, &[fails(Mishap::LogonFailed)]).await;
    let both = |status: &Value| Some([need(status, "report")?.to_owned(), need(status, "other")?.to_owned()]);
    let texts = stage.until_status("two pauses", both).await;
    let why = "2 logons of account `sandbox\\robot` in a row failed in folder `Shared`, and each further one may lock the account; \
               the last was run ";
    for (key, text) in ["report", "other"].into_iter().zip(texts) {
        assert!(text.starts_with(&format!("`{key}` starts nothing since ")) && text.contains(why), "{text}");
        assert!(
            text.ends_with(
                ": Could not start executor. Logon failed for user sandbox\\robot. The user name or password is \
             incorrect. (0x0000052E). Last error: 131092. RDP connection failed."
            ),
            "{text}"
        );
        next_skipped(&stage, key).await;
        let (rows, jobs) = (stage.rows(key).await, stage.jobs(key));
        assert!((1..=2).contains(&jobs.len()), "{jobs:#?}");
        let failed: Vec<&Row> = rows.iter().filter(|row| row.state == "faulted").collect();
        assert!(!failed.is_empty() && failed.iter().all(|row| row.whole["attempts"] == 1), "{rows:#?}");
        assert_eq!(
            failed[0].note,
            "the robot's account was refused: it is not tried again, since each try may lock the account"
        );
        let shown = stage.told(&["show", &failed[0].run]).await;
        assert!(shown.contains("fault: the robot's account was refused (sandbox\\robot)"), "{shown}");
    }

    // The password is mended.
    stage.control.set_faults(Faults::default());
    stage.told(&["resume", "report"]).await;
    stage.until_started("report", stage.clock.now()).await;
    let status = stage.json(&["status"]).await;
    assert!(need(&status, "report").is_none() && need(&status, "other").is_some(), "{status:#}");
    stage.end().await;
}
