//! `punctual backfill` and `start --nominal` through the real program.

use std::time::Duration;

use punctual::clock::{Clock, later};
use punctual::sandbox::Sandbox;
use serde_json::Value;

use super::by_hand::{self, said};
use super::place::{FINE, Place, USAGE, json, stop};

/// Two schedules with a time each second for a while, which are paused: one of quick jobs, one of long ones.
async fn place() -> (Sandbox, Place, tokio::process::Child) {
    let sandbox = by_hand::sandbox(&[("Quick", Duration::from_millis(200)), ("Long", Duration::from_secs(300))]).await;
    let now = Clock::system().now();
    let (starts, ends) = (later(now, Duration::from_secs(6)), later(now, Duration::from_secs(9)));
    let line = |name: &str, process: &str| {
        format!(
            "  {name}: {{ every: 1s, timezone: UTC, starts: \"{}\", ends: \"{}\", start: {{ process: {process}, folder: Shared, \
             arguments: {{ at: \"${{nominal}}\" }} }} }}\n",
            starts.strftime("%FT%TZ"),
            ends.strftime("%FT%TZ")
        )
    };
    let lines = [line("quick", "Quick"), line("long", "Long")].concat();
    let (place, daemon) = by_hand::daemon(&by_hand::files(&sandbox, &format!("schedules:\n{lines}"))).await;
    (sandbox, place, daemon)
}

fn rows<'r>(runs: &'r Value, trigger: &str, state: &str) -> Vec<&'r Value> {
    let rows = runs.as_array().unwrap().iter();
    rows.filter(|row| row["trigger"] == trigger && row["state"] == state).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn times_that_a_pause_took_are_made_good_when_that_is_asked_for_by_name_and_called_off_again() {
    let (sandbox, place, daemon) = place().await;
    said(&place, &["pause", "--all"], FINE).await;
    for schedule in ["quick", "long"] {
        let runs = ["runs", schedule, "-o", "json"];
        let paused = place.until("times that the pause took", &runs, |told| {
            (rows(&json(told), "scheduled", "skipped").len() >= 3).then_some(())
        });
        paused.await;
    }
    said(&place, &["resume", "--all"], FINE).await;

    let told = said(&place, &["backfill", "quick", "--from", "yesterday"], FINE).await;
    assert!(told.starts_with("`quick`: nothing is to be made good in that range\nnot taken: "), "{told}");
    assert!(told.contains("times (paused): `--include paused` takes them\n"), "{told}");
    let dry = ["backfill", "quick", "--from", "yesterday", "--include", "paused", "-o", "json"];
    let would = json(&place.run(&[&dry[..], &["--dry-run"]].concat()).await);
    assert!(would.as_array().unwrap().len() >= 3 && would[0]["run"].is_null(), "{would}");
    let done = json(&place.run(&dry).await);
    assert_eq!(done.as_array().unwrap().len(), would.as_array().unwrap().len(), "{done}");
    let all = ["runs", "quick", "-o", "json"];
    let runs = place.until("all of them made good", &all, |told| {
        let runs = json(told);
        (rows(&runs, "backfill", "succeeded").len() == done.as_array().unwrap().len()).then_some(runs)
    });
    let runs = runs.await;
    for old in rows(&runs, "scheduled", "skipped") {
        let by = rows(&runs, "backfill", "succeeded").into_iter().find(|row| row["nominal_at"] == old["nominal_at"]);
        let by = by.unwrap_or_else(|| panic!("{old}"));
        assert_eq!(old["made_good_by"], by["run"]);
        assert_eq!(by["arguments"]["at"], old["nominal_at"].as_str().unwrap().replace(".000Z", "Z"));
    }
    let told = said(&place, &dry[..6], FINE).await;
    assert!(told.contains("nothing is to be made good") && told.contains("that succeeded: `--include ran`"), "{told}");

    let told = said(&place, &["backfill", "long", "--from", "yesterday", "--include", "paused"], FINE).await;
    assert!(told.contains("are made good, one after another\n"), "{told}");
    let told = said(&place, &["backfill", "long", "--cancel"], FINE).await;
    assert!(told.contains(" back-fill runs called off that had not been sent\n"), "{told}");
    let told = said(&place, &["backfill", "long", "--cancel"], USAGE).await;
    assert!(told.contains("nothing of `long` waits to be sent"), "{told}");

    let again = ["backfill", "quick", "--from", "yesterday", "--include", "ran,paused"];
    let told = said(&place, &again, USAGE).await;
    assert!(told.contains("of `quick` ran already, and would run again\n") && told.contains("`--dry-run`"), "{told}");
    let dry_run = json(&place.run(&[&again[..], &["--dry-run", "-o", "json"]].concat()).await);
    let ran = dry_run.as_array().unwrap().iter().filter(|time| time["kind"] == "ran").count();
    assert!(ran >= done.as_array().unwrap().len(), "{dry_run}");
    stop(daemon).await;
    sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_time_is_made_good_by_a_start_for_it_and_what_is_no_time_or_no_kind_is_told() {
    let (sandbox, place, daemon) = place().await;
    said(&place, &["pause", "--all"], FINE).await;
    let runs = ["runs", "quick", "-o", "json"];
    let paused = place.until("a time that the pause took", &runs, |told| {
        rows(&json(told), "scheduled", "skipped").first().map(|row| row["nominal_at"].as_str().unwrap().to_owned())
    });
    let at = paused.await;
    said(&place, &["start", "quick", "--nominal", &at, "--overlap", "allow", "--wait"], FINE).await;
    let told = json(&place.run(&runs).await);
    let made = rows(&told, "manual", "succeeded");
    let [made] = made[..] else { panic!("{told}") };
    let old = rows(&told, "scheduled", "skipped").into_iter().find(|row| row["nominal_at"] == at.as_str()).unwrap();
    assert_eq!((&made["nominal_at"], &old["made_good_by"]), (&at.into(), &made["run"]), "{told}");

    // A pause holds nothing that a person starts, and is told.
    let told = said(&place, &["start", "quick", "--overlap", "allow", "--wait"], FINE).await;
    assert!(
        told.contains("The schedule is paused (") && told.contains("; what a person starts runs all the same"),
        "{told}"
    );
    let skipped = rows(&json(&place.run(&runs).await), "scheduled", "skipped")[0]["run"].as_str().unwrap().to_owned();
    let told = said(&place, &["retry", &skipped, "--force"], USAGE).await;
    let cure =
        told.split('`').find_map(|text| text.strip_prefix("punctual start ")).unwrap_or_else(|| panic!("{told}"));
    let words: Vec<&str> = cure.split(' ').collect();
    said(&place, &[&["start"], &words[..], &["--overlap", "allow", "--wait"]].concat(), FINE).await;

    let told = said(&place, &["start", "quick", "--nominal", "soon"], USAGE).await;
    assert!(told.contains("`soon` is not a time"), "{told}");
    let told = said(&place, &["backfill", "quick", "--from", "yesterday", "--include", "mised"], USAGE).await;
    assert!(told.contains("`mised` cannot be included") && told.contains("`overlap`"), "{told}");
    let told = said(&place, &["backfill", "quick", "--from", "tomorrow"], USAGE).await;
    assert!(told.contains("nothing lies between"), "{told}");
    let told = said(&place, &["backfill", "qick", "--from", "yesterday"], USAGE).await;
    assert!(told.contains("there is no schedule `qick`") && told.contains("`quick`"), "{told}");
    stop(daemon).await;
    sandbox.stop().await;
}
