//! `punctual start` through the real program: followed to its end, refused, and forced.

use std::time::Duration;

use punctual::sandbox::Sandbox;

use super::by_hand::{self, FOUND, said};
use super::place::{FINE, NOT_REACHABLE, Place, USAGE, json, stop};

/// Processes that nobody starts but by hand, the last of them under a blackout that never ends here.
async fn place() -> (Sandbox, Place, tokio::process::Child) {
    let sandbox = by_hand::sandbox(&[("Quick", Duration::from_secs(1)), ("Long", Duration::from_secs(300))]).await;
    let line = |name: &str, process: &str| {
        format!(
            "  {name}: {{ cron: \"0 0 29 2 *\", timezone: UTC, start: {{ process: {process}, folder: Shared }} }}\n"
        )
    };
    let lines = [line("quick", "Quick"), line("long", "Long"), line("flaky", "Flaky"), line("shut", "Quick")].concat();
    let blackouts = "blackouts:\n  month: { cron: \"0 0 1 * *\", for: 30d, timezone: UTC, schedules: [shut] }\n  rest: { cron: \
                     \"0 0 30 * *\", for: 3d, timezone: UTC, schedules: [shut] }\n";
    let (place, daemon) = by_hand::daemon(&by_hand::files(&sandbox, &format!("{blackouts}schedules:\n{lines}"))).await;
    (sandbox, place, daemon)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_by_hand_is_followed_to_its_end_and_its_exit_code_tells_how_that_was() {
    let (sandbox, place, daemon) = place().await;
    let told = said(&place, &["start", "quick", "-a", "who=me", "--wait", "--reason", "audit"], FINE).await;
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 2, "{told}");
    assert!(lines[1].starts_with(lines[0]) && lines[1].ends_with(" succeeded"), "{told}");
    let runs = json(&place.run(&["runs", "quick", "-o", "json"]).await);
    assert_eq!((&runs[0]["trigger"], &runs[0]["arguments"]["who"]), (&"manual".into(), &"me".into()), "{runs}");
    assert!(runs[0]["actor"].as_str().unwrap().contains("(uid "), "{runs}");
    let deeds = json(&place.run(&["audit", "-o", "json"]).await);
    assert_eq!((&deeds[0]["action"], &deeds[0]["detail"]), (&"start".into(), &"arguments: who; audit".into()));

    let told = said(&place, &["start", "flaky", "--wait"], FOUND).await;
    assert!(told.ends_with(" faulted\n"), "{told}");
    stop(daemon).await;
    sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_says_why_and_the_cure_that_is_printed_starts_it() {
    let (sandbox, place, daemon) = place().await;
    said(&place, &["start", "long"], FINE).await;
    let told = said(&place, &["start", "long"], USAGE).await;
    assert!(told.starts_with("error: run `") || told.starts_with("error: run "), "{told}");
    assert!(told.contains(" of `long` is still open") && told.contains("`--overlap allow`"), "{told}");
    said(&place, &["start", "long", "--overlap", "allow"], FINE).await;
    let told = said(&place, &["start", "long", "--overlap", "alow"], USAGE).await;
    assert!(told.contains("`alow` is no overlap policy") && told.contains("`kill_other`"), "{told}");

    let told = said(&place, &["start", "shut"], USAGE).await;
    assert!(told.contains("blackout `") && told.contains("lets nothing of `shut` start now"), "{told}");
    assert!(told.contains("`--force` starts it all the same"), "{told}");
    said(&place, &["start", "shut", "--force", "--wait"], FINE).await;

    let told = said(&place, &["start", "lnog"], USAGE).await;
    assert!(told.contains("there is no schedule `lnog`") && told.contains("`long`"), "{told}");
    let told = said(&place, &["start", "long", "--nominal", "2026-11-23 07:00"], USAGE).await;
    assert!(told.contains("`long` has no time 2026-11-23 07:00:00 +00:00 in UTC, its zone"), "{told}");
    assert!(told.contains("the nearest there: 2024-02-29 00:00:00 +00:00, 2028-02-29 00:00:00 +00:00"), "{told}");
    let told = said(&place, &["start", "long", "-a", "who"], USAGE).await;
    assert!(told.contains("`who` is not `NAME=VALUE`"), "{told}");
    stop(daemon).await;
    let told = said(&place, &["start", "long"], NOT_REACHABLE).await;
    assert!(told.contains("only a running one can start a run"), "{told}");
    sandbox.stop().await;
}
