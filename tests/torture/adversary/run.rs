//! One run: bursts of starts in bad weather with kills, then calm, then the verdict.
//!
//! The clock is moved by hand, half a second at a time, as soon as all that can be done at an instant has been done: what waits
//! for the clock (an answer that is held back) is not waited for. So an hour takes as long as its work takes.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use punctual::clock::{Clock, ManualClock, later};
use punctual::history::{History, HistoryFilter, RunSummary};
use punctual::sandbox::{Control, Endpoint, Fault, FaultRule, JobTruth, Sandbox};
use tempfile::TempDir;

use super::super::dice::Dice;
use super::super::support;
use super::file::{PERIOD, crowd, file, folders};
use super::life::Life;
use super::stand_in::StandIn;
use super::weather::{Kind, Weather};

/// Time passes in steps of this.
const STEP: Duration = Duration::from_millis(500);

/// Nothing is looked for longer than this (real time): a daemon that is busy without end is let go on.
const MOST_BUSY: Duration = Duration::from_millis(1_500);

/// So long after the last call (real time) nothing more comes at an instant, when all that is under way is held back.
const IDLE: Duration = Duration::from_millis(1);

/// The same where something is under way of which the stand-in does not know.
const LONG_IDLE: Duration = Duration::from_millis(40);

/// Between two looks.
const NAP: Duration = Duration::from_millis(1);

/// On a machine that wakes us so much too late, what is under way takes so many times longer: else the clock would run on while a call
/// has not come yet, and starts that nobody attacks would be late.
const SLOWER: u32 = 12;

/// In calm weather everything must have come to its end in so long: the settle time, the longest pause between reads, a held
/// run's look every five minutes, and the missing of a job over five minutes with all its reads.
const CALM: Duration = Duration::from_secs(25 * 60);

/// Schedules that are judged in the calm: their times of the last minutes must have run.
pub(crate) const LAST: Duration = Duration::from_secs(6 * 60);

/// What a run is to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    pub(crate) seed: u64,
    /// Different starts to be asked for in bad weather.
    pub(crate) starts: usize,
    pub(crate) kinds: &'static [Kind],
    pub(crate) kills: Kills,
    pub(crate) until: Until,
}

/// Whether the daemon is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kills {
    Often,
    Never,
}

/// When it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// When the calm has lasted long enough.
    AllIsSettled,
    /// The same, or as soon as a job has been made twice.
    Double,
    /// At this instant of the bad weather; nothing is settled.
    Instant(Timestamp),
}

/// What it came to.
pub(crate) struct Outcome {
    pub(crate) yaml: String,
    pub(crate) loaded: Timestamp,
    /// Times up to then are judged.
    pub(crate) judged: Timestamp,
    pub(crate) rough: Duration,
    pub(crate) took: Duration,
    pub(crate) starts: usize,
    pub(crate) kills: u64,
    pub(crate) stops: u64,
    pub(crate) runs: Vec<RunSummary>,
    pub(crate) jobs: Vec<JobTruth>,
    pub(crate) counts: BTreeMap<String, u64>,
    pub(crate) story: BTreeMap<String, Vec<String>>,
    pub(crate) lines: BTreeMap<String, Vec<String>>,
    pub(crate) outputs: Vec<(String, Vec<u8>)>,
    pub(crate) secrets: Vec<String>,
    /// What went wrong on the way.
    pub(crate) wrong: Vec<String>,
}

pub(crate) fn begin() -> Timestamp {
    support::at("2026-11-23T08:00:05Z")
}

/// Everything that lives through a run.
struct Stage {
    order: Order,
    clock: Clock,
    hand: ManualClock,
    real: Clock,
    sandbox: Sandbox,
    control: Control,
    stand_in: StandIn,
    folder: TempDir,
    yaml: String,
    life: Option<Life>,
    wrong: Vec<String>,
    /// How much too late this machine wakes us, of late, in real time.
    lag: Duration,
}

pub(crate) async fn run(order: Order) -> Outcome {
    let mut stage = Stage::set_up(order).await;
    let began = stage.real.boottime();
    let mut dice = Dice::new(order.seed, 0x0DD5);
    stage.live().await;
    let loaded = stage.clock.now();
    let (mut kills, mut stops) = (0, 0);
    let mut next_kill = stage.next_kill(&mut dice);
    let mut doubled = false;
    let bad = |stage: &Stage| match order.until {
        Until::Instant(end) => stage.clock.now() < end,
        Until::AllIsSettled | Until::Double => stage.stand_in.shared.lock().references() < order.starts,
    };
    while bad(&stage) && !doubled {
        stage.step().await;
        if order.kills == Kills::Often && stage.clock.now() >= next_kill {
            if dice.percent(70) {
                kills += 1;
                stage.kill(&mut dice).await;
            } else {
                stops += 1;
                stage.stop().await;
            }
            let down = if dice.percent(40) { 0 } else { dice.throw(90) };
            stage.pass(Duration::from_secs(down)).await;
            stage.live().await;
            next_kill = stage.next_kill(&mut dice);
        }
        doubled = order.until == Until::Double && stage.has_double();
    }
    let rough = (stage.clock.now().duration_since(loaded)).unsigned_abs();
    let starts = stage.stand_in.shared.lock().references();
    let mut judged = stage.clock.now();
    if !matches!(order.until, Until::Instant(_)) && !doubled {
        stage.stand_in.shared.calm_down();
        stage.control.set_faults(punctual::sandbox::Faults::default());
        stage.pass(CALM).await;
        judged = stage.clock.now();
        // What came last has its time to end, too.
        stage.pass(Duration::from_secs(4 * 60)).await;
    }
    stage.stop().await;
    let took = stage.real.boottime() - began;
    stage.look_back(loaded, judged, rough, took, starts, kills, stops).await
}

impl Stage {
    async fn set_up(order: Order) -> Stage {
        let (clock, hand) = Clock::manual(begin());
        let mut config = support::sandbox_config(&clock);
        config.seed = order.seed;
        config.tenant.folders = folders();
        let tenant = Sandbox::start(config).await.expect("the sandbox starts");
        let control = tenant.control();
        if order.kinds.len() > 1 {
            let late = Fault::Late(Duration::from_secs(10));
            control.push_rule(FaultRule::always(late).on(Endpoint::StartJobs).share(0.1));
        }
        let sandbox = tenant.root_url().trim_start_matches("http://").parse().expect("an address");
        let numbers = super::numbers_of(&control, sandbox).await;
        let weather = Weather::new(order.seed, order.kinds, begin());
        let stand_in =
            StandIn::start(order.seed, &clock, sandbox, &numbers, weather).await.expect("the stand-in starts");
        let folder = tempfile::tempdir().expect("a folder");
        support::write_secrets(folder.path());
        let url = format!("http://{}/acme/acmeprod/orchestrator_", stand_in.address);
        let yaml = file(&url, crowd(order.starts));
        Stage {
            order,
            clock,
            hand,
            real: Clock::system(),
            sandbox: tenant,
            control,
            stand_in,
            folder,
            yaml,
            life: None,
            wrong: Vec::new(),
            lag: Duration::ZERO,
        }
    }

    async fn live(&mut self) {
        match Life::begin(self.folder.path(), &self.yaml, &self.clock).await {
            Ok(life) => self.life = Some(life),
            Err(cause) => panic!("seed {}: the daemon does not begin: {cause}", self.order.seed),
        }
        self.be_idle().await;
    }

    fn next_kill(&self, dice: &mut Dice) -> Timestamp {
        let soon = later(self.clock.now(), Duration::from_secs(20 + dice.throw(240)));
        // Bursts are where starts are under way.
        let burst = soon.as_second() - soon.as_second().rem_euclid(PERIOD as i64);
        match dice.percent(60) {
            true => Timestamp::from_second(burst + PERIOD as i64).unwrap_or(soon),
            false => soon,
        }
    }

    /// At a moment that nothing was waited for.
    async fn kill(&mut self, dice: &mut Dice) {
        let Some(life) = self.life.take() else { return };
        self.hand.advance(STEP);
        self.stand_in.shared.blow(self.clock.now());
        self.real.sleep(Duration::from_micros(dice.throw(12_000))).await;
        life.kill().await;
    }

    async fn stop(&mut self) {
        let Some(life) = self.life.take() else { return };
        let (hand, shared, clock) = (self.hand.clone(), self.stand_in.shared.clone(), self.clock.clone());
        let stopped = life
            .stop(async || {
                hand.advance(STEP);
                shared.blow(clock.now());
            })
            .await;
        if let Err(cause) = stopped {
            self.wrong.push(format!("the daemon did not stop: {cause}"));
        }
    }

    async fn pass(&mut self, length: Duration) {
        let end = later(self.clock.now(), length);
        while self.clock.now() < end {
            self.step().await;
        }
    }

    async fn step(&mut self) {
        self.hand.advance(STEP);
        self.stand_in.shared.blow(self.clock.now());
        self.be_idle().await;
    }

    /// Waits until all has been done that can be done now.
    async fn be_idle(&mut self) {
        let Some(life) = &self.life else { return };
        let now = self.clock.read();
        let mut turns = life.daemon.handle().turns();
        let begun = self.real.boottime();
        loop {
            let (seen, busy) = {
                let turn = turns.borrow_and_update();
                (turn.at == now, turn.under_way)
            };
            let shared = &self.stand_in.shared;
            let patience = match busy {
                0 => Duration::ZERO,
                _ if busy <= shared.held() => IDLE.max(self.lag),
                // One of them is about to come, or waits for another's token.
                _ => LONG_IDLE.max(self.lag * SLOWER),
            };
            if seen && shared.is_idle_for(patience) {
                return;
            }
            if self.real.boottime() - begun > MOST_BUSY {
                return;
            }
            let asleep = self.real.boottime();
            tokio::select! {
                _ = turns.changed() => {}
                () = self.real.sleep(NAP) => {
                    let over = self.real.boottime().saturating_sub(asleep + NAP);
                    self.lag = over.max(self.lag * 15 / 16);
                }
            }
        }
    }

    fn has_double(&self) -> bool {
        let mut seen = std::collections::BTreeSet::new();
        self.control.jobs().into_iter().any(|job| !seen.insert(job.reference))
    }

    #[expect(clippy::too_many_arguments, reason = "figures of the run")]
    async fn look_back(
        self,
        loaded: Timestamp,
        judged: Timestamp,
        rough: Duration,
        took: Duration,
        starts: usize,
        kills: u64,
        stops: u64,
    ) -> Outcome {
        let state = self.folder.path().join("state");
        let history = History::open(&state).await.expect("there is a history");
        let filter = HistoryFilter { limit: 1_000_000, ..HistoryFilter::default() };
        let runs = history.list(&filter).await.expect("the history is read");
        let mut lines = BTreeMap::new();
        let attacked = self.stand_in.shared.lock().attacked();
        for run in runs.iter().filter(|run| run.reference.as_ref().is_some_and(|name| attacked.contains(name))) {
            let told = history.lines(&run.run).await.unwrap_or_default();
            let told =
                told.into_iter().map(|line| format!("{} {} {}", line.at, line.state.name(), line.text)).collect();
            lines.insert(run.run.clone(), told);
        }
        history.close().await;
        let mut outputs = Vec::new();
        for path in [self.folder.path().join("log"), state.join("punctual.db"), state.join("punctual.db-wal")] {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            outputs.push((name, std::fs::read(&path).unwrap_or_default()));
        }
        let jobs = self.control.jobs();
        let secrets = self.control.secrets();
        self.stand_in.shared.calm_down();
        let (counts, story) = {
            let state = self.stand_in.shared.lock();
            (state.counts.clone(), state.story.clone())
        };
        self.stand_in.stop();
        self.sandbox.stop().await;
        Outcome {
            yaml: self.yaml,
            loaded,
            judged,
            rough,
            took,
            starts,
            kills,
            stops,
            runs,
            jobs,
            counts,
            story,
            lines,
            outputs,
            secrets,
            wrong: self.wrong,
        }
    }
}

/// What comes due just before the end may be made or not: it is compared with nothing.
const END: SignedDuration = SignedDuration::from_secs(5);

/// How late the neighbours' jobs were made, in the order of lateness.
pub(crate) fn lateness(outcome: &Outcome) -> Vec<SignedDuration> {
    let mut late: Vec<SignedDuration> = outcome
        .jobs
        .iter()
        .filter_map(|job| super::super::checker::demand_of(job).map(|demand| (job, demand)))
        .filter(|(_, demand)| demand.schedule.starts_with("quiet"))
        .filter(|(_, demand)| outcome.judged.duration_since(demand.due) >= END)
        .map(|(job, demand)| job.created_at.duration_since(demand.due))
        .collect();
    late.sort();
    late
}
