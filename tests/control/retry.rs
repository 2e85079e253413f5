//! `punctual retry` through the real program: repeated, refused, and each cure carried out.

use std::time::Duration;

use punctual::sandbox::Sandbox;

use super::by_hand::{self, FOUND, said};
use super::place::{FINE, Place, USAGE, json, stop};

/// Processes that nobody starts but by hand.
fn files(sandbox: &Sandbox, drop: &str) -> String {
    let line = |name: &str, process: &str, more: &str| {
        format!(
            "  {name}: {{ cron: \"0 0 29 2 *\", timezone: UTC{more}, start: {{ process: {process}, folder: Shared, arguments: {{ n: 1 \
             }} }} }}\n"
        )
    };
    let again = ", retry: { attempts: 2, delay: 1h, on: [faulted] }";
    let lines = [line("quick", "Quick", ""), line("flaky", "Flaky", drop), line("again", "Flaky", again)].concat();
    by_hand::files(sandbox, &format!("schedules:\n{lines}"))
}

async fn place() -> (Sandbox, Place, tokio::process::Child) {
    let sandbox = by_hand::sandbox(&[("Quick", Duration::from_secs(1))]).await;
    let (place, daemon) = by_hand::daemon(&files(&sandbox, "")).await;
    (sandbox, place, daemon)
}

/// The id of the run that a command has just told of.
fn told_run(told: &str) -> String {
    let rest = told.split_once(": run ").unwrap().1;
    rest.split([' ', '\n']).next().unwrap().to_owned()
}

/// The command that a cure names first which begins so.
fn cure(told: &str, begins: &str) -> Vec<String> {
    let quoted = told.split('`').skip(1).step_by(2);
    let mut ours = quoted.filter_map(|text| text.strip_prefix("punctual ")).filter(|text| text.starts_with(begins));
    ours.next().unwrap_or_else(|| panic!("{told}")).split(' ').map(str::to_owned).collect()
}

async fn carry_out(place: &Place, told: &str, begins: &str, more: &[&str], code: i32) -> String {
    let command = cure(told, begins);
    let words: Vec<&str> = command.iter().map(String::as_str).chain(more.iter().copied()).collect();
    said(place, &words, code).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_repeated_and_what_is_refused_says_the_command_that_does_it_all_the_same() {
    let (sandbox, place, daemon) = place().await;
    let old = told_run(&said(&place, &["start", "flaky", "--wait"], FOUND).await);
    let told = said(&place, &["retry", &old, "--wait", "--reason", "the file is there now"], FOUND).await;
    assert!(told.starts_with("`flaky`: run ") && told.contains(&format!(" repeats run {old}\n")), "{told}");
    let rows = json(&place.run(&["runs", "flaky", "-o", "json"]).await);
    let id = |row: usize| rows[row]["run"].as_str().unwrap().to_owned();
    assert_eq!(rows[0]["retry_of"], rows[1]["run"], "{rows}");
    assert_eq!(rows[0]["nominal_at"], rows[1]["nominal_at"], "{rows}");
    let deeds = json(&place.run(&["audit", "-o", "json"]).await);
    let deed = (&deeds[0]["action"], &deeds[0]["subject"], &deeds[0]["detail"]);
    assert_eq!(deed, (&"retry".into(), &id(1).into(), &"the file is there now".into()));

    let good = told_run(&said(&place, &["start", "quick", "--wait"], FINE).await);
    let told = said(&place, &["retry", &good], USAGE).await;
    assert!(told.starts_with(&format!("error: run `{good}` succeeded\n")), "{told}");
    let told = carry_out(&place, &told, "retry", &["--wait"], FINE).await;
    assert!(told.contains(&format!(" repeats run {good}\n")), "{told}");
    let told = said(&place, &["retry", &good, "--now"], USAGE).await;
    assert!(told.contains("does not wait for another attempt: it has ended\n"), "{told}");
    stop(daemon).await;
    sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_says_something_else_by_now_is_told_and_the_cure_takes_it() {
    let (sandbox, place, daemon) = place().await;
    let old = told_run(&said(&place, &["start", "flaky", "--wait"], FOUND).await);
    let other =
        files(&sandbox, "").replace("flaky: { cron", "flaky: { description: x, cron").replace("{ n: 1 }", "{ n: 2 }");
    place.write("schedules.yaml", &other);
    said(&place, &["reload"], FINE).await;
    let told = said(&place, &["retry", &old, "--wait"], FOUND).await;
    assert!(told.contains("Its file says something else by now"), "{told}");
    let argument = |rows: &serde_json::Value| rows[0]["arguments"]["n"].clone();
    assert_eq!(argument(&json(&place.run(&["runs", "flaky", "-o", "json"]).await)), 1);
    let told = carry_out(&place, &told, "retry", &["--wait"], FOUND).await;
    assert!(told.contains(&format!(" repeats run {old}\n")) && !told.contains("something else"), "{told}");
    assert_eq!(argument(&json(&place.run(&["runs", "flaky", "-o", "json"]).await)), 2);

    place.write("schedules.yaml", &files(&sandbox, ", history: { arguments: drop }"));
    said(&place, &["reload"], FINE).await;
    let old = told_run(&said(&place, &["start", "flaky", "--wait"], FOUND).await);
    let told = said(&place, &["retry", &old], USAGE).await;
    assert!(told.contains("were not kept"), "{told}");
    carry_out(&place, &told, "retry", &["--wait"], FOUND).await;
    stop(daemon).await;
    sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_waits_for_an_hour_is_made_at_once() {
    let (sandbox, place, daemon) = place().await;
    let run = told_run(&said(&place, &["start", "again"], FINE).await);
    let waits = place.until("a further attempt", &["runs", "again", "-o", "json"], |told| {
        (json(told)[0]["reason"] == "retry").then_some(())
    });
    waits.await;
    let told = said(&place, &["retry", &run], USAGE).await;
    assert!(told.contains("is still open, waiting: retry"), "{told}");
    let told = carry_out(&place, &told, "retry", &["--wait"], FOUND).await;
    assert!(told.starts_with(&format!("`again`: the next attempt of run {run} is made now\n")), "{told}");
    let rows = json(&place.run(&["runs", "again", "-o", "json"]).await);
    assert_eq!((&rows[0]["attempts"], &rows[0]["state"]), (&2.into(), &"faulted".into()), "{rows}");
    stop(daemon).await;
    sandbox.stop().await;
}
