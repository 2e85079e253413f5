//! SIGKILL at random moments while all policies work at once: overlap of every kind, retries, time-outs, restarts of
//! pending jobs, a pool of one, late times that are caught up, pauses, and windows in which nothing is started.
//!
//! As in the kill loop some answers are lost, here also those to stops. After each kill the database of the dead is
//! held against what reached the server: no start and no stop without its row. Once in a lane the daemon is away for so
//! long that times have to be caught up. At the end all must come to rest by itself, and then the history must say of
//! each run what its last job says.

mod checker;
mod file;
mod finds;
mod held;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use punctual::clock::{earlier, later};
use punctual::history::RunSummary;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Row};

use self::checker::{Finding, Law, judge_ends, judge_jobs, judge_order_in_pool, last_attempts, made};
use self::file::{Kind, Under};
use self::held::{Pause, Person, judge_held, judge_held_rows};
use super::checker::{Calm, Evidence, Invariant, is_open, judge};
use super::demand::demanded;
use super::dice::{self, Dice};
use super::rig::{End, Rig};

/// From the loading of the file to its first times: long enough for the first life to begin.
const BEFORE_FIRST: Duration = Duration::from_secs(6);
/// So long the daemon is away once: times of its first half minute are late then (semantics.md 9).
const AWAY: Duration = Duration::from_secs(90);
/// From the last kill on, whatever was due must come to its end within this.
const TO_REST: Duration = Duration::from_secs(150);

/// What one lane is to do.
#[derive(Clone, Copy, Debug)]
struct Lane {
    seed: u64,
    number: u64,
    kills: u64,
    /// A broken variant of the daemon; the first damage ends its lane.
    fault: Option<&'static str>,
}

/// What a lane came to.
#[derive(Debug, Default)]
struct Outcome {
    findings: Vec<String>,
    laws: BTreeSet<Law>,
    judged: BTreeSet<Invariant>,
    kills: u64,
    figures: Figures,
}

/// That what is to be tried has come.
#[derive(Debug, Default)]
struct Figures {
    jobs: usize,
    attempts: usize,
    stops: usize,
    killed: usize,
    caught_up: usize,
    /// Times of the queue that waited for the one before them.
    queued: usize,
    /// Times that were skipped for an older run or a newer time, of that schedule of each such policy which has the
    /// fewest.
    skipped: usize,
    held: Held,
}

/// The same of pauses and windows.
#[derive(Debug, Default)]
struct Held {
    /// Kills while a pause held.
    kills: usize,
    /// Times that a pause took.
    paused: usize,
    /// Times that a window took, of that schedule which has the fewest.
    shut: usize,
    /// Times that waited for the end of a window and ran.
    waited: usize,
}

impl Held {
    fn count(runs: &[RunSummary], pauses: &[Pause], kills: &[Timestamp]) -> Held {
        let taken = |key: &str, reason: &str| {
            runs.iter().filter(|run| run.schedule == key && run.state.reason() == Some(reason)).count()
        };
        let waited = runs.iter().filter(|run| match Kind::of(&run.schedule).map(|kind| kind.under) {
            Some(Under::Wait(windows)) => run.job_id.is_some() && windows.at(at(&run.nominal_at)).is_some(),
            Some(Under::Nothing | Under::Pauses | Under::Skip(_)) | None => false,
        });
        Held {
            kills: kills.iter().filter(|at| pauses.iter().any(|pause| pause.holds(**at))).count(),
            paused: taken("held", "paused"),
            shut: taken("later", "blackout").min(taken("shut", "blackout")),
            waited: waited.count(),
        }
    }
}

impl Outcome {
    fn add(&mut self, findings: Vec<Finding>) {
        self.laws.extend(findings.iter().map(|finding| finding.law));
        self.findings.extend(findings.iter().map(ToString::to_string));
    }
}

/// What the database of a daemon that has died holds.
#[derive(Debug, Default)]
struct Stored {
    /// The References that were sent or about to be.
    claimed: BTreeSet<String>,
    /// The jobs that are to stop.
    to_stop: BTreeSet<i64>,
}

#[expect(clippy::disallowed_methods, reason = "the judge asks the file itself, not the program")]
async fn stored(state: &Path) -> Result<Stored, sqlx::Error> {
    let path = state.join("punctual.db");
    if !path.is_file() {
        return Ok(Stored::default());
    }
    let mut connection = SqliteConnectOptions::new().filename(&path).read_only(true).connect().await?;
    let sent = sqlx::query("select reference from attempt where sends > 0").fetch_all(&mut connection).await?;
    let to_stop = sqlx::query("select job_id from attempt where stop_by is not null and job_id is not null")
        .fetch_all(&mut connection)
        .await?;
    connection.close().await?;
    Ok(Stored {
        claimed: sent.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?,
        to_stop: to_stop.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?,
    })
}

/// What has reached the server so far.
#[derive(Debug, Default)]
struct Watch {
    /// The jobs whose stop was asked for, and how often by a kill.
    asked: BTreeMap<i64, usize>,
    /// Of the calls that were looked at, the time of the last one.
    looked_at: Option<Timestamp>,
    /// References and stops that were told already.
    told: BTreeSet<String>,
}

impl Watch {
    /// The stops among the calls that are new; a call under way at the last look is among them.
    fn look(&mut self, rig: &Rig) {
        let from = self.looked_at.map(|at| earlier(at, Duration::from_secs(60)));
        self.looked_at = Some(rig.control.now());
        for call in rig.control.exchanges() {
            if !call.path.ends_with(".StopJob") || from.is_some_and(|from| call.answered_at < from) {
                continue;
            }
            let id = call.path.split_once("Jobs(").and_then(|(_, rest)| rest.split_once(')')).map(|(id, _)| id);
            let id = id.and_then(|id| id.parse().ok()).expect("a job's id");
            let kills = call.request_body.is_some_and(|body| body["strategy"] == "Kill");
            let known = self.asked.entry(id).or_default();
            *known = (*known).max(usize::from(kills));
        }
    }

    fn asked(&self) -> BTreeSet<i64> {
        self.asked.keys().copied().collect()
    }

    /// Holds it against what the dead daemon had stored.
    async fn compare(&mut self, rig: &Rig) -> Vec<Finding> {
        self.look(rig);
        let stored = stored(&rig.state_dir()).await.expect("the database of the dead is read");
        let mut findings = Vec::new();
        for job in rig.control.jobs() {
            let reference = job.reference.unwrap_or_default();
            if !stored.claimed.contains(&reference) && self.told.insert(reference.clone()) {
                let sentence = format!("job {} runs under `{reference}`, which is not on the disk", job.id);
                findings.push(Finding { law: Law::Claim, sentence });
            }
        }
        for id in self.asked.keys().filter(|id| !stored.to_stop.contains(id)) {
            if self.told.insert(format!("stop {id}")) {
                let sentence = format!("job {id} was asked to stop, and the disk does not say why");
                findings.push(Finding { law: Law::Intent, sentence });
            }
        }
        findings
    }
}

/// When the next kill comes: anywhere; soon after something new, when answers are under way; or late enough for ends to
/// be seen.
async fn wait_for_the_moment(rig: &Rig, dice: &mut Dice) {
    if dice.percent(25) {
        return rig.clock.sleep(Duration::from_millis(5 + dice.throw(1_500))).await;
    }
    let enough = rig.control.jobs_made() + 1 + dice.throw(3) as usize;
    let patience = Duration::from_millis(500 + dice.throw(7_500));
    if dice.percent(50) {
        rig.clock.sleep(patience).await;
    }
    tokio::select! {
        () = rig.control.wait_until(|control| control.jobs_made() >= enough) => {}
        () = rig.clock.sleep(patience) => {}
    }
    rig.clock.sleep(Duration::from_millis(dice.throw(150))).await;
}

async fn run(lane: Lane) -> Outcome {
    let mut rig = Rig::begin(lane.seed.wrapping_add(lane.number), file::tenant).await;
    if let Some(fault) = lane.fault {
        rig.home.environment.push(("PUNCTUAL_FAULT".to_owned(), fault.to_owned()));
    }
    let second = later(rig.clock.now(), BEFORE_FIRST).as_second();
    let starts = Timestamp::from_second(second).expect("an instant");
    let yaml = file::file(&rig.sandbox.base_url(), starts);
    rig.write(&yaml);
    rig.control.set_faults(file::faults());
    let mut dice = Dice::new(lane.seed, lane.number);
    let (mut watch, mut outcome) = (Watch::default(), Outcome::default());
    let mut readies = rig.readies();
    let mut life = rig.ready_life().await;
    assert!(rig.clock.now() < starts, "the first life took too long to begin");
    rig.clock.sleep_until(starts).await;
    let person = Person::begin(&rig.state_dir(), &rig.clock, Dice::new(lane.seed, lane.number + LANES));
    let (mut kills, mut begun) = (Vec::new(), Vec::new());
    while outcome.kills < lane.kills {
        wait_for_the_moment(&rig, &mut dice).await;
        life.kill().await;
        outcome.kills += 1;
        kills.push(rig.clock.now());
        outcome.add(watch.compare(&rig).await);
        if lane.fault.is_some() {
            let jobs = made(&rig.control.jobs());
            outcome.add(judge_jobs(&jobs));
            outcome.add(judge_held(&jobs, &person.pauses()));
            if !outcome.findings.is_empty() {
                return outcome;
            }
        } else if outcome.kills == lane.kills / 2 {
            rig.clock.sleep(AWAY).await;
        }
        readies = rig.readies();
        begun.push(rig.clock.now());
        life = rig.live();
    }
    rig.until_ready(readies).await;
    let pauses = person.leave().await;
    rig.control.set_faults(file::robots());
    let until = rig.clock.now();
    let is_due = |nominal_at: &str| at(nominal_at) <= until;
    let _ = rig.until(None, TO_REST, |runs| runs.iter().all(|run| !is_due(&run.nominal_at) || !is_open(run))).await;
    life.ask_to_stop();
    let end = life.ended().await;
    outcome.findings.extend((end != End::Code(0)).then(|| format!("asked to stop, the daemon ended with {end:?}")));
    outcome.add(watch.compare(&rig).await);
    let runs: Vec<_> = rig.runs().await.into_iter().filter(|run| is_due(&run.nominal_at)).collect();
    let all = made(&rig.control.jobs());
    let judged: Vec<_> = all.iter().filter(|made| made.due <= until).cloned().collect();
    outcome.add(judge_jobs(&all));
    outcome.add(judge_ends(&judged, &runs, &watch.asked()));
    outcome.add(judge_held(&all, &pauses));
    outcome.add(judge_held_rows(&runs, &pauses));
    outcome.add(judge_order_in_pool(&all, &begun));
    outcome.figures = Figures {
        jobs: all.len(),
        attempts: all.iter().filter(|made| made.attempt > 1).count(),
        stops: watch.asked.len(),
        killed: watch.asked.values().sum(),
        caught_up: runs.iter().filter(|run| run.trigger.name() == "catch_up").count(),
        queued: runs.iter().filter(|run| run.schedule == "all" && has_waited(run)).count(),
        skipped: ["skip", "one", "latest"].map(|key| count_skipped(&runs, key)).into_iter().min().unwrap_or(0),
        held: Held::count(&runs, &pauses, &kills),
    };
    let evidence = Evidence {
        demanded: demanded(&yaml, earlier(starts, Duration::from_secs(1)), until),
        jobs: last_attempts(&judged),
        runs,
        calm: Some(Calm),
        outputs: rig.outputs(),
        secrets: rig.control.secrets().into_iter().filter(|secret| secret.starts_with("sandbox")).collect(),
        ..Evidence::default()
    };
    let judgement = judge(&evidence);
    outcome.findings.extend(judgement.broken.iter().map(ToString::to_string));
    outcome.judged = judgement.judged;
    rig.sandbox.stop().await;
    outcome
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn has_waited(run: &RunSummary) -> bool {
    run.sent_at.as_deref().is_some_and(|sent| at(sent) > later(at(&run.nominal_at), Duration::from_secs(2)))
}

fn count_skipped(runs: &[RunSummary], key: &str) -> usize {
    runs.iter().filter(|run| run.schedule == key && run.state.reason() == Some("overlap")).count()
}

/// Lanes of one seed, side by side.
const LANES: u64 = 2;

fn replay(seed: u64, kills: u64) -> String {
    format!("PUNCTUAL_SEED={seed} PUNCTUAL_KILLS={kills} cargo test --test torture policies -- --ignored --nocapture")
}

#[cfg(not(feature = "faults"))]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "five minutes of daemons that are killed: `cargo test --test torture -- --ignored`"]
async fn kills_while_all_policies_work_lose_nothing_and_start_and_stop_nothing_that_no_row_knows() {
    let kills = dice::setting("PUNCTUAL_KILLS", 50);
    for seed in dice::seeds("policies") {
        let lanes = (0..LANES).map(|number| Lane { seed, number, kills: kills.div_ceil(LANES), fault: None });
        let lanes: Vec<_> = lanes.map(|lane| tokio::spawn(run(lane))).collect();
        let mut findings = Vec::new();
        println!("seed {seed}: {}", replay(seed, kills));
        for lane in lanes {
            let Outcome { findings: found, judged, kills, figures, .. } = lane.await.expect("a lane ends");
            let Figures { jobs, attempts, stops, killed, caught_up, queued, skipped, held } = figures;
            println!(
                "figure: kills among policies, seed {seed}: {kills} kills; {jobs} jobs, {attempts} of them further attempts; {stops} \
                 asked to stop, {killed} of them killed; {queued} times waited in the queue, {skipped} or more were skipped, {caught_up} caught up; {} findings",
                found.len()
            );
            let Held { kills, paused, shut, waited } = held;
            println!(
                "figure: pauses and windows next to them, seed {seed}: {kills} kills while paused; {paused} times paused, {shut} or more \
                 shut out by each window, {waited} waited for the end of theirs and ran"
            );
            findings.extend(found);
            let expected = [Invariant::I1, Invariant::I2, Invariant::I3, Invariant::I4, Invariant::I7, Invariant::I8];
            assert_eq!(judged.into_iter().collect::<Vec<_>>(), expected, "these are judged");
            let came = [attempts, stops, killed, caught_up, queued, skipped, kills, paused, shut, waited];
            assert!(!came.contains(&0), "what is to be tried did not come: {came:?}");
        }
        if !findings.is_empty() {
            dice::keep("policies", seed);
        }
        let shown: Vec<&str> = findings.iter().take(12).map(String::as_str).collect();
        assert!(findings.is_empty(), "{}: {} findings:\n{}", replay(seed, kills), findings.len(), shown.join("\n"));
    }
}

/// Negative controls: with one rule broken the same loop must find the damage.
#[cfg(feature = "faults")]
mod broken {
    use super::*;

    /// Kills that a broken variant is given to show its damage.
    const ENOUGH: u64 = 40;

    #[expect(clippy::print_stdout, reason = "the figure is for who reads the output")]
    async fn assert_finds(fault: &'static str, law: Law) {
        let seed = dice::setting("PUNCTUAL_SEED", 7_804);
        let outcome = run(Lane { seed, number: 0, kills: ENOUGH, fault: Some(fault) }).await;
        let found = outcome.findings.first().map(String::as_str).unwrap_or_default();
        println!("figure: negative control {fault}, seed {seed}: found after {} kills: {found}", outcome.kills);
        assert!(outcome.laws.contains(&law), "nothing of {law:?} was found in {} kills: {outcome:?}", outcome.kills);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_retry_under_the_name_of_the_first_attempt_is_found_as_two_jobs_of_one_reference() {
        assert_finds(punctual::faults::RETRY_UNDER_OLD_NAME, Law::Once).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_stop_that_is_not_stored_is_found_on_the_disk_of_the_dead() {
        assert_finds(punctual::faults::STOP_IN_MEMORY, Law::Intent).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_queue_in_which_the_last_comer_goes_first_is_found_by_its_order() {
        assert_finds(punctual::faults::LAST_COME_FIRST, Law::Order).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_pause_that_is_not_stored_is_found_by_what_the_next_life_starts() {
        assert_finds(punctual::faults::PAUSE_IN_MEMORY, Law::Paused).await;
    }
}
