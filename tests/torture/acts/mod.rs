//! SIGKILL at random moments while people start, stop, retry, pause, resume, back-fill and resolve through the socket, each act under a key
//! of its own. Whoever gets no answer asks again under the same key until there is one (semantics.md 35).
//!
//! At the end the history and the audit are held against what people were told: what was confirmed is there, once; what was refused is not;
//! and nothing is there that nobody was told of.

mod judge;
mod people;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use punctual::clock::later;
use punctual::sandbox::{Endpoint, Failure, Fault, FaultRule, Faults, Mishap, ProcessSpec, SandboxConfig};

use self::judge::{blind_to, judge};
use self::people::People;
use super::checker::is_open;
#[cfg(not(feature = "faults"))]
use super::dice;
use super::dice::Dice;
use super::rig::{End, Rig};
use super::support;

/// The settle window; the product's own is two minutes.
const SETTLE: Duration = Duration::from_secs(2);
/// From the last kill on, whatever was asked for must come to its end within this.
const TO_REST: Duration = Duration::from_secs(150);
/// So many people act at once.
const PEOPLE: u64 = 3;

/// `tick` comes by itself, so that there is something to pause and to make good; the others are only started by hand.
fn file(url: &str, starts: Timestamp, ends: Option<Timestamp>) -> String {
    let ends = ends.map(|ends| format!(", ends: \"{ends}\"")).unwrap_or_default();
    let by_hand = |key: &str, more: &str, process: &str| {
        format!("  {key}: {{ cron: \"0 0 29 2 *\", {more}start: {{ process: {process} }} }}\n")
    };
    let mut yaml = support::connection(url);
    yaml.push_str(&format!(
        "    settle: {}s\n    limits: {{ list_calls_per_minute: 6000, starts_per_second: 100, open_requests: 32, recovery_rate: 100 }}\n\
         defaults: {{ folder: Shared, timezone: UTC, pause_after_failures: 0 }}\nschedules:\n",
        SETTLE.as_secs()
    ));
    for (key, more, process) in [
        ("quick", "overlap: allow, ", "Short"),
        ("flaky", "overlap: allow, ", "Faulty"),
        ("long", "overlap: allow, ", "Long"),
        ("line", "overlap: queue_all, ", "Four"),
        ("unclear", "overlap: allow, on_unknown_start: hold, ", "Unclear"),
    ] {
        yaml.push_str(&by_hand(key, more, process));
    }
    yaml.push_str(&format!(
        "  tick: {{ every: 2s, starts: \"{starts}\"{ends}, overlap: allow, start: {{ process: Short }} }}\n"
    ));
    yaml
}

fn tenant(config: &mut SandboxConfig) {
    let process = |name: &str, lasts: u64| {
        ProcessSpec::new(name).taking(Duration::from_millis(100), Duration::from_millis(lasts))
    };
    let all = [
        process("Short", 700),
        process("Unclear", 700),
        process("Faulty", 700),
        process("Four", 4_000),
        process("Long", 90_000),
    ];
    config.tenant.folders[0].processes.extend(all);
}

/// A server that loses answers and requests; robots that fail.
fn faults() -> Faults {
    let starts = |fault| FaultRule::always(fault).on(Endpoint::StartJobs);
    let mut faults = robots();
    faults.rules.extend([
        // So that there is something to decide.
        starts(Fault::DropRequest).process("Unclear").share(0.5),
        starts(Fault::Late(SETTLE / 2)).share(0.1),
        starts(Fault::DropAnswer).share(0.1),
        starts(Fault::DropRequest).share(0.1),
        starts(Fault::DelayAnswer(Duration::from_millis(100))),
    ]);
    faults
}

fn robots() -> Faults {
    let fails = Fault::Fails(Failure::new(Mishap::WorkflowException));
    Faults { rules: vec![FaultRule::always(fails).on(Endpoint::StartJobs).process("Faulty").share(0.7)] }
}

/// What a run of the loop came to.
#[derive(Debug, Default)]
struct Outcome {
    findings: Vec<String>,
    /// What was falsified on purpose and not found.
    blind: Vec<&'static str>,
    /// How many acts of each kind were confirmed, and how many were asked for again after a lost answer.
    confirmed: BTreeMap<&'static str, usize>,
    asked_again: usize,
    jobs: usize,
}

async fn run(seed: u64, kills: u64) -> Outcome {
    let rig = Rig::begin(seed, tenant).await;
    let starts =
        Timestamp::from_second(later(rig.clock.now(), Duration::from_secs(4)).as_second()).expect("an instant");
    rig.write(&file(&rig.sandbox.base_url(), starts, None));
    rig.control.set_faults(faults());
    let mut dice = Dice::new(seed, 0);
    let mut life = rig.ready_life().await;
    let people: Vec<People> = (1..=PEOPLE)
        .map(|number| People::begin(&rig.state_dir(), &rig.clock, Dice::new(seed, number), number))
        .collect();
    let mut readies = rig.readies();
    for _ in 0..kills {
        rig.clock.sleep(Duration::from_millis(200 + dice.throw(2_500))).await;
        life.kill().await;
        readies = rig.readies();
        life = rig.live();
    }
    rig.until_ready(readies).await;
    let mut acts = Vec::new();
    for person in people {
        acts.extend(person.leave().await);
    }
    rig.control.set_faults(robots());
    // What is made good waits for whatever is planned, and that would never end.
    let ends = Timestamp::from_second(rig.clock.now().as_second() + 1).expect("an instant");
    rig.write(&file(&rig.sandbox.base_url(), starts, Some(ends)));
    // And what has piled up is started one after another: it is called off.
    acts.push(people::call_off(&rig.state_dir(), &rig.clock).await);
    let until = rig.clock.now();
    let is_due = |nominal_at: &str| nominal_at.parse::<Timestamp>().expect("an instant") <= until;
    let is_held = |state: &str| state == "held";
    let rests = |runs: &[punctual::history::RunSummary]| {
        let open = runs.iter().filter(|run| is_due(&run.nominal_at) && is_open(run));
        open.into_iter().all(|run| is_held(run.state.name()))
    };
    let rested = rig.until(None, TO_REST, rests).await.is_ok();
    life.ask_to_stop();
    let end = life.ended().await;
    let runs = rig.runs().await;
    let jobs = rig.control.jobs();
    let mut findings = judge(&acts, &runs, &jobs, &rig.state_dir()).await;
    let open = runs.iter().filter(|run| is_due(&run.nominal_at) && is_open(run) && !is_held(run.state.name()));
    let open: Vec<String> = open.map(|run| format!("{} {} {}", run.schedule, run.trigger, run.state)).collect();
    findings.extend((!rested).then(|| format!("what was asked for has not come to rest: {open:?}")));
    findings.extend((end != End::Code(0)).then(|| format!("asked to stop, the daemon ended with {end:?}")));
    let blind = blind_to(&acts, &runs, &jobs, &rig.state_dir()).await;
    let mut outcome = Outcome { findings, blind, jobs: jobs.len(), ..Outcome::default() };
    for act in &acts {
        outcome.asked_again += usize::from(act.asked > 1);
        if act.is_confirmed() {
            *outcome.confirmed.entry(act.kind.name()).or_default() += 1;
        }
    }
    rig.sandbox.stop().await;
    outcome
}

#[cfg(not(feature = "faults"))]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "two minutes of daemons that are killed: `cargo test --test torture -- --ignored`"]
async fn what_people_were_told_was_done_is_done_once_whatever_dies_meanwhile() {
    let kills = dice::setting("PUNCTUAL_KILLS", 30);
    for seed in dice::seeds("acts") {
        let replay = format!(
            "PUNCTUAL_SEED={seed} PUNCTUAL_KILLS={kills} cargo test --test torture acts -- --ignored --nocapture"
        );
        println!("seed {seed}: {replay}");
        let Outcome { findings, blind, confirmed, asked_again, jobs } = run(seed, kills).await;
        println!(
            "figure: acts under fire, seed {seed}: {kills} kills; {confirmed:?} confirmed, {asked_again} asked for again; {jobs} jobs; {} \
             findings",
            findings.len()
        );
        if !findings.is_empty() {
            dice::keep("acts", seed);
        }
        let shown: Vec<&str> = findings.iter().take(12).map(String::as_str).collect();
        assert!(findings.is_empty(), "{replay}: {} findings:\n{}", findings.len(), shown.join("\n"));
        assert!(blind.is_empty(), "the judge does not see {blind:?}");
        assert!(asked_again > 0, "no answer was lost");
        let came = ["start", "stop", "waiting", "retry", "pause", "resume", "backfill", "resolve"];
        let never: Vec<&str> = came.into_iter().filter(|kind| !confirmed.contains_key(kind)).collect();
        assert!(kills < 30 || never.is_empty(), "what is to be tried did not come: {never:?}");
    }
}
