//! The adversary: whatever stands between us and Orchestrator, there is one job for each time and Reference.
//!
//! A stand-in between the daemon and the sandbox answers anything (`gateway`, `weather`, `stand_in`), the daemon is killed and
//! stopped meanwhile (`life`), and after the weather has turned calm all of it is judged by the truth (`verdict`). What it never
//! does is listed in [`gateway::is_left_out`] and in docs/promises.md.

mod file;
mod gateway;
mod life;
mod pack;
mod run;
mod stand_in;
mod traffic;
mod verdict;
mod weather;
mod wire;

use std::net::SocketAddr;

use jiff::SignedDuration;
use punctual::sandbox::Control;
use serde_json::Value;

use self::run::{Kills, Order, Outcome, Until, lateness, run};
use self::verdict::{Verdict, verdict};
use self::weather::{CHANGING, NONE, STARTS_ONLY};
use self::wire::{Request, forward};
use super::dice;

/// The folders' numbers and paths, as the sandbox gives them.
async fn numbers_of(control: &Control, sandbox: SocketAddr) -> Vec<(i64, String)> {
    let request = Request {
        method: "GET".to_owned(),
        target: "/acme/acmeprod/orchestrator_/odata/Folders".to_owned(),
        headers: vec![("authorization".to_owned(), format!("Bearer {}", control.mint_token(&[])))],
        body: Vec::new(),
    };
    let answer = forward(sandbox, &request).await.expect("the sandbox answers");
    let body: Value = serde_json::from_slice(&answer.body).expect("folders");
    let folders = body["value"].as_array().expect("a list of folders");
    let named = |folder: &Value| Some((folder["Id"].as_i64()?, folder["FullyQualifiedName"].as_str()?.to_owned()));
    folders.iter().filter_map(named).collect()
}

fn replay(seed: u64, starts: usize) -> String {
    format!(
        "PUNCTUAL_SEED={seed} PUNCTUAL_ADVERSARY_SEEDS=1 PUNCTUAL_ADVERSARY_STARTS={starts} cargo test --test torture adversary -- --ignored --nocapture"
    )
}

#[expect(clippy::print_stdout, reason = "the figures are for who reads the output")]
fn tell(seed: u64, starts: usize, outcome: &Outcome, verdict: &Verdict) {
    let count = |name: &str| outcome.counts.get(name).copied().unwrap_or(0);
    println!("seed {seed}: {}", replay(seed, starts));
    println!(
        "figure: adversary, seed {seed}: {} starts asked for {} times, {} of these attacked, {} answers from a cache, {} folders \
         renumbered, {} kills, {} stops, in {} min of bad weather, {:.0} s in all ({:.1} starts a second); doubles {}, findings {}; \
         runs: {:?}",
        outcome.starts,
        count("starts"),
        count("starts attacked"),
        count("answers from a cache"),
        count("folders renumbered"),
        outcome.kills,
        outcome.stops,
        outcome.rough.as_secs() / 60,
        outcome.took.as_secs_f64(),
        outcome.starts as f64 / outcome.took.as_secs_f64(),
        verdict.doubles,
        verdict.findings.len(),
        verdict.ends
    );
}

fn assert_nothing_found(seed: u64, starts: usize, verdict: &Verdict) {
    let stories: Vec<&str> = verdict.findings.iter().take(10).map(String::as_str).collect();
    let findings: Vec<&str> = verdict.findings.iter().filter_map(|finding| finding.lines().next()).take(200).collect();
    let count = verdict.findings.len();
    assert!(
        findings.is_empty(),
        "{}: {count} findings:\n{}\n\nthe first of them:\n{}",
        replay(seed, starts),
        findings.join("\n"),
        stories.join("\n")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "two minutes of daemons that are killed: `cargo test --test torture -- --ignored`"]
async fn whatever_answers_in_orchestrators_place_each_time_has_one_job_and_every_run_ends() {
    let starts = dice::setting("PUNCTUAL_ADVERSARY_STARTS", 500) as usize;
    let first = dice::setting("PUNCTUAL_SEED", 7_804);
    let seeds = dice::setting("PUNCTUAL_ADVERSARY_SEEDS", 2);
    let mut verdicts = Vec::new();
    for seed in first..first + seeds {
        let order = Order { seed, starts, kinds: CHANGING, kills: Kills::Often, until: Until::AllIsSettled };
        let outcome = run(order).await;
        let verdict = verdict(&outcome);
        tell(seed, starts, &outcome, &verdict);
        verdicts.push((seed, verdict));
    }
    for (seed, verdict) in &verdicts {
        assert_nothing_found(*seed, starts, verdict);
    }
}

/// By the clock of the test, which stands still while work is done: what is seen is what waits, not what computes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "half a minute of daemons that wait: `cargo test --test torture -- --ignored`"]
async fn neighbours_of_starts_that_are_attacked_are_on_time() {
    let seed = dice::setting("PUNCTUAL_SEED", 7_804);
    let starts = dice::setting("PUNCTUAL_ADVERSARY_STARTS", 500).min(2_000) as usize;
    let end = punctual::clock::later(run::begin(), std::time::Duration::from_secs(starts as u64));
    let order = |kinds| Order { seed, starts, kinds, kills: Kills::Never, until: Until::Instant(end) };
    let p99 = |late: &[SignedDuration]| late[late.len() * 99 / 100].as_secs_f64();
    let calm = lateness(&run(order(NONE)).await);
    let attacked = lateness(&run(order(STARTS_ONLY)).await);
    println!(
        "figure: neighbours, seed {seed}: {} starts next to attacked ones, p99 {:.1} s late, at most {:.1} s; without the adversary {} \
         starts, p99 {:.1} s, at most {:.1} s",
        attacked.len(),
        p99(&attacked),
        attacked.last().map_or(0.0, SignedDuration::as_secs_f64),
        calm.len(),
        p99(&calm),
        calm.last().map_or(0.0, SignedDuration::as_secs_f64)
    );
    assert_eq!(attacked.len(), calm.len(), "some starts are missing");
    // A step of the clock is as exact as it gets.
    assert!(p99(&attacked) <= (2.0 * p99(&calm)).max(0.5), "late: {:?}", &attacked[attacked.len() * 99 / 100..]);
}

/// Negative controls: with one rule broken the same run must find doubles. They are switched on by the environment, and the
/// daemon lives in this process, so each takes a process of its own.
#[cfg(feature = "faults")]
mod broken {
    use super::weather::CACHED_ONLY;
    use super::*;

    /// Says so when the adversary finds no double.
    const SEARCH: &str = "adversary::broken::the_adversary_looks_for_doubles";

    /// Alone it passes: what is not broken on purpose gives no double.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_adversary_looks_for_doubles() {
        let seed = dice::setting("PUNCTUAL_SEED", 7_804);
        let fault = std::env::var("PUNCTUAL_FAULT").unwrap_or_default();
        let kinds = if fault == punctual::faults::BELIEVE_CACHED_LISTS { CACHED_ONLY } else { CHANGING };
        let starts = if fault.is_empty() { 100 } else { 3_000 };
        let outcome = run(Order { seed, starts, kinds, kills: Kills::Often, until: Until::Double }).await;
        let Verdict { doubles, findings, .. } = verdict(&outcome);
        let found = findings.iter().find(|finding| finding.starts_with("I2")).cloned().unwrap_or_default();
        println!(
            "figure: negative control {fault:?}, seed {seed}: {doubles} doubles among {} starts: {found}",
            outcome.starts
        );
        assert_eq!(doubles, 0);
    }

    #[expect(clippy::print_stdout, reason = "the figure is for who reads the output")]
    fn finds_doubles(fault: &str) {
        let mut command = std::process::Command::new(std::env::current_exe().expect("this test"));
        command.args(["--exact", SEARCH, "--include-ignored", "--nocapture"]).env("PUNCTUAL_FAULT", fault);
        let output = command.output().expect("a process");
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        let figures: Vec<&str> = told.lines().filter(|line| line.starts_with("figure: ")).collect();
        println!("{}", figures.join("\n"));
        assert!(told.contains("running 1 test"), "the search was not made: {told}");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && figures.len() == 1, "no double was found: {told}\n{errors}");
    }

    #[test]
    fn with_the_old_rule_for_4xx_the_adversary_finds_doubles() {
        finds_doubles(punctual::faults::OLD_4XX_RULE);
    }

    #[test]
    fn when_cached_lists_are_believed_the_adversary_finds_doubles() {
        finds_doubles(punctual::faults::BELIEVE_CACHED_LISTS);
    }
}
