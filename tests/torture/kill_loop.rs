//! SIGKILL at random moments of bursts, to a server that loses answers and shows jobs late.
//!
//! A burst of a hundred comes every ten seconds, in three kinds of schedule. Some answers are dropped after the work, some
//! requests before it, some jobs are visible late. The daemon is killed again and again; most kills are aimed at moments at
//! which starts are under way, because that is where a scheduler loses or doubles. After each kill the database of the dead
//! is held against the truth; after the last one everything must come to its end by itself, and a quiet burst must be on
//! time. Lanes (a stand-in and a daemon each) run side by side.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use punctual::clock::later;
use punctual::sandbox::{Endpoint, Fault, FaultRule, Faults};

use super::checker::{
    Broken, Calm, Evidence, Forgiven, Invariant, Judgement, Quiet, Vitals, demand_of, is_open, judge,
};
use super::demand::{Demand, demanded};
use super::dice::{self, Dice};
use super::rig::{End, Life, Rig};
use super::support;

/// The settle window of the torture; the product's own is two minutes.
pub(crate) const SETTLE: Duration = Duration::from_secs(2);
/// A burst comes this often.
const PERIOD: u64 = 10;
/// Schedules that are due at once.
const BURST: usize = 100;
/// A daemon that was asked to stop has this long.
const LONGEST_STOP: Duration = Duration::from_secs(15);
/// A life that has to catch up is left alone for so long at most.
const MOST_CATCHING_UP: Duration = Duration::from_secs(30);
/// What a machine that does much else may add; how exact starts are on a free one is measured elsewhere.
const MACHINE: Duration = Duration::from_secs(5);
/// Starts a second.
pub(crate) const RATE: u32 = 100;
/// Starts under way at once: few, so that a burst lasts for many kills.
pub(crate) const OPEN_REQUESTS: u32 = 8;
/// An answer takes this long, so that starts are under way when a kill comes.
const ANSWER: Duration = Duration::from_millis(120);

/// What one lane is to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lane {
    pub(crate) seed: u64,
    pub(crate) number: u64,
    pub(crate) kills: u64,
    /// A broken variant of the daemon.
    pub(crate) fault: Option<&'static str>,
    pub(crate) on_damage: OnDamage,
    pub(crate) weapon: Weapon,
}

/// How a life is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weapon {
    /// SIGKILL.
    Kill,
    /// SIGTERM once, or twice within a moment.
    Stop,
}

/// Whether the first damage ends the lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnDamage {
    GoOn,
    Stop,
}

/// What a lane came to.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) judgement: Judgement,
    pub(crate) kills: u64,
    /// Kills that left a durable `starting`: after the release, before the answer was stored.
    pub(crate) in_flight: u64,
    /// Jobs made while faults and kills went on.
    pub(crate) starts: usize,
    pub(crate) dropped: u64,
    pub(crate) late: usize,
    pub(crate) seconds: f64,
    /// The longest that a daemon took to end after it was asked to.
    pub(crate) slowest_stop: Duration,
}

/// The file of a lane: a hundred schedules in three kinds, all due at the same instants.
pub(crate) fn file(url: &str, schedules: usize) -> String {
    let mut yaml = support::connection(url);
    yaml.push_str(&format!(
        "    settle: {}s\n    limits: {{ list_calls_per_minute: 6000, starts_per_second: {RATE}, open_requests: \
         {OPEN_REQUESTS}, recovery_rate: {RATE} }}\ndefaults: {{ overlap: allow, folder: Shared }}\nschedules:\n",
        SETTLE.as_secs()
    ));
    for n in 0..schedules {
        let rhythm = match n % 3 {
            0 => format!("every: {PERIOD}s, timezone: UTC"),
            1 => format!("cron: \"*/{PERIOD} * * * * *\", timezone: UTC"),
            _ => format!("cron: \"0/{PERIOD} * * * * *\", timezone: Asia/Kolkata"),
        };
        yaml.push_str(&format!(
            "  s{n:03}: {{ {rhythm}, start: {{ process: Burst, arguments: {{ schedule: s{n:03}, due: \"${{nominal}}\" }} }} }}\n"
        ));
    }
    yaml
}

pub(crate) fn faults() -> Faults {
    let starts = |fault| FaultRule::always(fault).on(Endpoint::StartJobs);
    Faults {
        rules: vec![
            starts(Fault::Late(SETTLE / 2)).share(0.3),
            starts(Fault::DropAnswer).share(0.15),
            starts(Fault::DropRequest).share(0.05),
            starts(Fault::DelayAnswer(ANSWER)),
        ],
    }
}

/// The burst at or before an instant.
pub(crate) fn burst_before(at: Timestamp) -> Timestamp {
    let second = at.as_second() - at.as_second().rem_euclid(PERIOD as i64);
    Timestamp::from_second(second).expect("an instant")
}

pub(crate) fn next_burst(at: Timestamp) -> Timestamp {
    later(burst_before(at), Duration::from_secs(PERIOD))
}

/// Waits until the next burst is far enough away for a life to begin before it, and gives that burst: so it is plain which one
/// is the first that is demanded.
pub(crate) async fn between_bursts(rig: &Rig) -> Timestamp {
    let near = next_burst(rig.clock.now());
    if later(rig.clock.now(), Duration::from_secs(PERIOD / 2)) > near {
        rig.clock.sleep_until(near).await;
    }
    next_burst(rig.clock.now())
}

/// What the loop has seen of the truth so far.
#[derive(Default)]
struct Watch {
    seen: usize,
    made: BTreeMap<Demand, usize>,
    unclaimed: Vec<String>,
    doubled: Vec<Broken>,
}

impl Watch {
    /// Holds the jobs made since the last look against the rows that the dead daemon left.
    async fn compare(&mut self, rig: &Rig) -> u64 {
        let jobs = rig.control.jobs();
        let fresh = &jobs[self.seen..];
        let since = fresh.iter().filter_map(|job| demand_of(job).map(|demand| demand.due)).min();
        let since = since.unwrap_or(Timestamp::MAX).min(burst_before(rig.clock.now()));
        let runs = rig.runs_since(Some(since)).await;
        let claimed: BTreeSet<Demand> = runs
            .iter()
            .filter(|run| run.sent_at.is_some())
            .map(|run| Demand { schedule: run.schedule.clone(), due: run.nominal_at.parse().expect("an instant") })
            .collect();
        for job in fresh {
            let Some(demand) = demand_of(job) else { continue };
            if !claimed.contains(&demand) {
                let Demand { schedule, due } = &demand;
                self.unclaimed
                    .push(format!("job {} of `{schedule}` of {due} was made without a claim on disk", job.id));
            }
            let count = self.made.entry(demand.clone()).or_default();
            *count += 1;
            if *count > 1 {
                let Demand { schedule, due } = &demand;
                let sentence = format!("`{schedule}` of {due} was started {count} times");
                self.doubled.push(Broken { invariant: Invariant::I2, sentence });
            }
        }
        self.seen = jobs.len();
        runs.iter().filter(|run| run.state.name() == "starting").count() as u64
    }

    fn has_damage(&self) -> bool {
        !self.unclaimed.is_empty() || !self.doubled.is_empty()
    }
}

/// Kills that come faster than a slow machine starts daemons would only pile bursts up: then one life has time to catch up.
async fn wait_for_the_backlog(rig: &Rig, first: Timestamp) {
    let bursts = burst_before(rig.clock.now()).duration_since(first).as_secs() / PERIOD as i64 + 1;
    let demanded = usize::try_from(bursts).unwrap_or(0) * BURST;
    if demanded > rig.control.jobs_made() + 2 * BURST {
        tokio::select! {
            () = rig.control.wait_until(|control| control.jobs_made() + BURST >= demanded) => {}
            () = rig.clock.sleep(MOST_CATCHING_UP) => {}
        }
    }
}

/// When the next kill comes.
async fn wait_for_the_moment(rig: &Rig, dice: &mut Dice) {
    if dice.percent(30) {
        // Anywhere.
        rig.clock.sleep(Duration::from_millis(5 + dice.throw(495))).await;
        return;
    }
    // Into starts under way: when one was just made, its answer and those of others are still to come.
    let enough = rig.control.jobs_made() + 1 + dice.throw(2 * u64::from(OPEN_REQUESTS)) as usize;
    let patience = later_than(dice);
    tokio::select! {
        () = rig.control.wait_until(|control| control.jobs_made() >= enough) => {}
        () = rig.clock.sleep(patience) => {}
    }
    rig.clock.sleep(Duration::from_millis(dice.throw(60))).await;
}

/// Long enough for the settle window to end and for starts to be repeated: kills hit those too.
fn later_than(dice: &mut Dice) -> Duration {
    SETTLE + Duration::from_millis(300 + dice.throw(700))
}

pub(crate) async fn run(lane: Lane) -> Outcome {
    let mut rig = Rig::begin(lane.seed.wrapping_add(lane.number), |_| {}).await;
    if let Some(fault) = lane.fault {
        rig.home.environment.push(("PUNCTUAL_FAULT".to_owned(), fault.to_owned()));
    }
    let yaml = file(&rig.sandbox.base_url(), BURST);
    rig.write(&yaml);
    rig.control.set_faults(faults());
    let mut dice = Dice::new(lane.seed, lane.number);
    let mut watch = Watch::default();
    let mut outcome = Outcome::default();
    let first = between_bursts(&rig).await;
    let mut readies = rig.readies();
    let mut life = rig.ready_life().await;
    let loaded = rig.clock.now();
    assert!(loaded < first, "the first life took too long to begin");
    rig.clock.sleep_until(first).await;
    let began = rig.clock.boottime();
    while outcome.kills < lane.kills {
        wait_for_the_backlog(&rig, first).await;
        wait_for_the_moment(&rig, &mut dice).await;
        end(&rig, life, lane.weapon, readies, &mut dice, &mut outcome).await;
        outcome.kills += 1;
        outcome.in_flight += u64::from(watch.compare(&rig).await > 0);
        if lane.on_damage == OnDamage::Stop && watch.has_damage() {
            outcome.judgement.broken = watch.doubled;
            let sentences = watch.unclaimed.into_iter();
            outcome.judgement.broken.extend(sentences.map(|sentence| Broken { invariant: Invariant::I6, sentence }));
            return outcome;
        }
        readies = rig.readies();
        life = rig.live();
    }
    outcome.seconds = (rig.clock.boottime() - began).as_secs_f64();
    outcome.starts = rig.control.jobs_made();
    outcome.late = rig.control.jobs().iter().filter(|job| job.visible_at > job.created_at).count();
    outcome.dropped =
        rig.control.exchanges().iter().filter(|exchange| exchange.faults.contains(&"drop_answer")).count() as u64;
    // What a life holds before it has opened its database is no measure of what it may hold later.
    rig.until_ready(readies).await;
    let found = std::mem::take(&mut outcome.judgement.broken);
    outcome.judgement = finish(&rig, life, &yaml, loaded, Some(watch.unclaimed), Forgiven::Nothing).await;
    outcome.judgement.broken.extend(found);
    rig.sandbox.stop().await;
    outcome
}

/// Ends a life. One that was asked to stop says 0 within 15 s (semantics.md 28); asked before it listens, it dies of the
/// signal, as any process does. `readies` is what had been said before it began.
async fn end(rig: &Rig, life: Life, weapon: Weapon, readies: u64, dice: &mut Dice, outcome: &mut Outcome) {
    match weapon {
        Weapon::Kill => life.kill().await,
        Weapon::Stop => {
            let asked = rig.clock.boottime();
            life.ask_to_stop();
            if dice.percent(30) {
                rig.clock.sleep(Duration::from_millis(dice.throw(60))).await;
                life.ask_to_stop();
            }
            let end = life.ended().await;
            let took = rig.clock.boottime() - asked;
            outcome.slowest_stop = outcome.slowest_stop.max(took);
            let unborn = rig.readies() == readies && end == End::Signal(15);
            if (end != End::Code(0) && !unborn) || took > LONGEST_STOP {
                let sentence = format!("asked to stop, the daemon ended with {end:?} after {took:?}");
                outcome.judgement.broken.push(Broken { invariant: Invariant::I7, sentence });
            }
        }
    }
}

/// Calm: everything must come to its end by itself, and one more burst must be on time.
pub(crate) async fn finish(
    rig: &Rig,
    life: Life,
    yaml: &str,
    loaded: Timestamp,
    unclaimed: Option<Vec<String>>,
    forgiven: Forgiven,
) -> Judgement {
    rig.control.set_faults(Faults::default());
    // I7: a minute is enough for whatever was open when the faults ended.
    let all_ended = |upto: Timestamp| {
        move |runs: &[punctual::history::RunSummary]| {
            let mut due = runs.iter().filter(|run| run.nominal_at.parse::<Timestamp>().expect("an instant") <= upto);
            due.all(|run| !is_open(run))
        }
    };
    let last = burst_before(rig.clock.now());
    let _ = rig.until(None, Duration::from_secs(60), all_ended(last)).await;
    let settled = Vitals::of(life.process);
    let quiet = next_burst(rig.clock.now());
    rig.clock.sleep_until(later(quiet, Duration::from_secs(2))).await;
    let _ = rig.until(Some(quiet), Duration::from_secs(20), all_ended(quiet)).await;
    let judged_at = rig.clock.now();
    let still = at_rest(rig, &life, settled).await;
    life.ask_to_stop();
    let end = life.ended().await;
    let rows = rig.runs().await;
    let until = burst_before(judged_at);
    let in_window = |due: Timestamp| due <= until;
    let mut secrets = rig.control.secrets();
    // Every life has tokens of its own; the known words and some of those are enough to search for.
    secrets.sort_by_key(|secret| !secret.starts_with("sandbox"));
    secrets.truncate(60);
    let evidence = Evidence {
        demanded: demanded(yaml, loaded, until),
        jobs: rig
            .control
            .jobs()
            .into_iter()
            .filter(|job| demand_of(job).is_none_or(|demand| in_window(demand.due)))
            .collect(),
        runs: rows.into_iter().filter(|run| in_window(run.nominal_at.parse().expect("an instant"))).collect(),
        quiet: Some(Quiet {
            from: later(last, Duration::from_secs(PERIOD)),
            until: quiet,
            lateness: Duration::from_secs_f64(BURST as f64 / f64::from(RATE)) + MACHINE,
        }),
        unclaimed,
        forgiven,
        calm: Some(Calm),
        outputs: rig.outputs(),
        secrets,
        vitals: settled.zip(still),
    };
    let mut judgement = judge(&evidence);
    if end != End::Code(0) {
        let sentence = format!("asked to stop, the daemon ended with {end:?}");
        judgement.broken.push(Broken { invariant: Invariant::I7, sentence });
    }
    judgement
}

/// Lanes of one seed, side by side.
const LANES: u64 = 2;

/// What a life holds once the connections that a burst has opened are closed: unused ones are after 20 s.
async fn at_rest(rig: &Rig, life: &Life, before: Option<Vitals>) -> Option<Vitals> {
    let end = rig.clock.boottime() + Duration::from_secs(30);
    loop {
        let now = Vitals::of(life.process)?;
        if before.is_none_or(|before| now.has_come_back_to(before)) || rig.clock.boottime() >= end {
            return Some(now);
        }
        rig.clock.sleep(Duration::from_millis(500)).await;
    }
}

fn replay(seed: u64, kills: u64) -> String {
    format!("PUNCTUAL_SEED={seed} PUNCTUAL_KILLS={kills} cargo test --test torture kill_loop -- --ignored --nocapture")
}

/// The loop with all its seeds; kills of one seed are shared out among its lanes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a minute of daemons that are killed: `cargo test --test torture -- --ignored`"]
async fn kills_at_random_moments_of_bursts_lose_nothing_and_start_nothing_twice() {
    // Beside the broken variants a few kills show that the same build can also be sound.
    let kills = if cfg!(feature = "faults") { 20 } else { dice::setting("PUNCTUAL_KILLS", 60) };
    let mut totals: BTreeMap<u64, Outcome> = BTreeMap::new();
    // One seed after the other: more lanes at once would measure the machine, not the daemon.
    for seed in dice::seeds("kill_loop") {
        let lanes = (0..LANES).map(|number| Lane {
            seed,
            number,
            kills: kills.div_ceil(LANES),
            fault: None,
            on_damage: OnDamage::GoOn,
            weapon: Weapon::Kill,
        });
        let lanes: Vec<_> = lanes.map(|lane| tokio::spawn(run(lane))).collect();
        let outcome = totals.entry(seed).or_default();
        for lane in lanes {
            let Outcome { judgement, kills, in_flight, starts, dropped, late, seconds, slowest_stop: _ } =
                lane.await.expect("a lane ends");
            outcome.judgement.broken.extend(judgement.broken);
            outcome.judgement.judged.extend(judgement.judged);
            outcome.kills += kills;
            outcome.in_flight += in_flight;
            outcome.starts += starts;
            outcome.dropped += dropped;
            outcome.late += late;
            outcome.seconds = outcome.seconds.max(seconds);
        }
        let Outcome { judgement, kills, in_flight, starts, dropped, late, seconds, slowest_stop: _ } = &*outcome;
        let count = |invariant| judgement.broken.iter().filter(|broken| broken.invariant == invariant).count();
        println!("seed {seed}: {}", replay(seed, *kills));
        println!(
            "figure: kill loop, seed {seed}: {kills} kills in {seconds:.0} s, {:.0} % of them between release and answer; \
             {starts} starts, {dropped} answers dropped, {late} jobs visible late; lost {}, started twice {}, other findings {}",
            100.0 * *in_flight as f64 / (*kills).max(1) as f64,
            count(Invariant::I1) + count(Invariant::I7),
            count(Invariant::I2),
            judgement.broken.len() - count(Invariant::I1) - count(Invariant::I7) - count(Invariant::I2),
        );
        if !judgement.broken.is_empty() {
            dice::keep("kill_loop", seed);
        }
    }
    for (seed, outcome) in &totals {
        outcome.judgement.assert_holds(&replay(*seed, outcome.kills));
        assert_eq!(outcome.judgement.judged.iter().copied().collect::<Vec<_>>(), Invariant::ALL, "all are judged");
        assert!(outcome.dropped > 0 && outcome.late > 0, "the faults did not come: {outcome:?}");
        // Fewer would show little: starts under way are where the danger is.
        assert!(outcome.in_flight * 10 >= outcome.kills * 3, "too few kills hit starts under way: {outcome:?}");
    }
}

/// Negative controls: with one rule broken the same loop must find the damage.
#[cfg(feature = "faults")]
mod broken {
    use super::*;

    /// Kills that a broken variant is given to show its damage.
    const ENOUGH: u64 = 60;

    #[expect(clippy::print_stdout, reason = "the figure is for who reads the output")]
    async fn damage_of(fault: &'static str) -> Outcome {
        let seed = dice::setting("PUNCTUAL_SEED", 7_804);
        let lane = Lane {
            seed,
            number: 0,
            kills: ENOUGH,
            fault: Some(fault),
            on_damage: OnDamage::Stop,
            weapon: Weapon::Kill,
        };
        let outcome = run(lane).await;
        let found = outcome.judgement.broken.first().map(ToString::to_string).unwrap_or_default();
        println!("figure: negative control {fault}, seed {seed}: found after {} kills: {found}", outcome.kills);
        outcome
    }

    fn assert_found(outcome: &Outcome, invariant: Invariant) {
        let found = outcome.judgement.broken.iter().any(|broken| broken.invariant == invariant);
        assert!(found, "the harness found nothing of {invariant:?} in {} kills: {outcome:?}", outcome.kills);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn without_a_settle_window_the_loop_finds_double_starts() {
        assert_found(&damage_of(punctual::faults::NO_SETTLE).await, Invariant::I2);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn with_a_random_reference_the_loop_finds_double_starts() {
        assert_found(&damage_of(punctual::faults::RANDOM_REFERENCE).await, Invariant::I2);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn with_the_claim_after_the_post_the_loop_finds_starts_without_a_claim() {
        assert_found(&damage_of(punctual::faults::CLAIM_AFTER_POST).await, Invariant::I6);
    }
}
