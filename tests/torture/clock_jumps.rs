//! The wall clock is set, a second to ten years off and back to 1970, while nothing or much is going on: no time fires twice,
//! none disappears without a row, and afterwards starts go on by themselves.
//!
//! The real program, with a small library before it that changes what its wall clock reads (`clock/clock.c`); time since boot
//! goes on, as on a machine whose clock is set. In one half of the cells Orchestrator keeps the right time, so that starts have
//! to wait; in the other its `Date` goes along, as if it had been the machine's clock that was wrong before. Each cell goes
//! there and back: the same machine, wrong for some seconds.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use punctual::history::RunSummary;
use punctual::sandbox::{Endpoint, Fault, FaultRule, Faults, ProcessSpec};
use tempfile::TempDir;

use super::checker::{Evidence, Judgement, demand_of, is_open, judge};
use super::demand::{Demand, demanded};
use super::dice::{self, Dice};
use super::rig::{End, Rig};
use super::support;

/// Where the clock is set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    By(SignedDuration),
    To1970,
}

const HOUR: i64 = 3_600;

const STEPS: [Step; 8] = [
    Step::By(SignedDuration::from_secs(1)),
    Step::By(SignedDuration::from_secs(HOUR)),
    Step::By(SignedDuration::from_secs(24 * HOUR)),
    Step::By(SignedDuration::from_secs(3_652 * 24 * HOUR)),
    Step::By(SignedDuration::from_secs(-1)),
    Step::By(SignedDuration::from_secs(-HOUR)),
    Step::By(SignedDuration::from_secs(-24 * HOUR)),
    Step::To1970,
];

/// What is going on when it is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    StartsUnderWay,
    JobsRunning,
    Settling,
    TokenNearItsEnd,
}

const STATES: [State; 5] =
    [State::Idle, State::StartsUnderWay, State::JobsRunning, State::Settling, State::TokenNearItsEnd];

/// Whose clock is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum World {
    /// Only the machine's.
    Alone,
    /// Orchestrator's `Date` as well.
    Together,
}

#[derive(Clone, Copy, Debug)]
struct Cell {
    step: Step,
    state: State,
    world: World,
}

/// Few: a day of each is written down when the clock is set by a day.
const SCHEDULES: usize = 3;
/// A burst comes this often.
const PERIOD: i64 = 5;
/// What the clock shows is wrong for so long: a burst and what follows from it.
const WRONG: Duration = Duration::from_secs(7);
/// After the clock is right again, the next burst has been started by then.
const LONGEST_WAIT: Duration = Duration::from_secs(20);
/// The step is seen by the next look at the clock, and starts under way are let end.
const NOTICED: Duration = Duration::from_secs(3);
/// Nearer than this the clocks are taken for the same (semantics.md 7).
const SAME: SignedDuration = SignedDuration::from_secs(300);
/// A step of the clock beyond this is told.
const TOLD: SignedDuration = SignedDuration::from_secs(5);
/// Gaps up to this are held against the demand time by time, of longer ones the last hours.
const WHOLE: SignedDuration = SignedDuration::from_hours(48);
/// A busy machine may be this late to look at its clock.
const MOMENT: Duration = Duration::from_secs(4);
/// The catch-up window, and a little.
const WINDOW: Duration = Duration::from_secs(6 * 3_600 + 60);
const TOKEN: Duration = Duration::from_secs(30);

/// The library, built once.
fn library() -> &'static Path {
    static BUILT: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, library) = BUILT.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/torture/clock/clock.c");
        let library = folder.path().join("clock.so");
        let mut cc = std::process::Command::new("cc");
        cc.args(["-Wall", "-Werror", "-O2", "-shared", "-fPIC", "-o"]).arg(&library).arg(source).arg("-ldl");
        assert!(cc.status().expect("a C compiler").success(), "the clock's library is built");
        (folder, library)
    });
    library
}

/// The machine's wall clock, as the daemon reads it.
struct Hand {
    path: PathBuf,
    offset: SignedDuration,
    /// What the daemon has lived through, from after the first to the second.
    lived: Vec<(Timestamp, Timestamp)>,
    since: Timestamp,
}

impl Hand {
    fn set(&mut self, rig: &Rig, offset: SignedDuration) {
        let before = self.wall(rig);
        let nanoseconds = i64::try_from(offset.as_nanos()).expect("less than three hundred years");
        // In place: the file is mapped.
        write_in_place(&self.path, &nanoseconds.to_ne_bytes());
        let step = offset - self.offset;
        self.offset = offset;
        let after = self.wall(rig);
        if step.is_negative() {
            // What came in the last moment may not have been looked at any more: it comes again.
            self.lived.push((self.since, punctual::clock::earlier(before, MOMENT)));
            self.since = after;
        } else if step > WHOLE {
            self.lived.push((self.since, before));
            self.since = punctual::clock::earlier(after, WINDOW);
        }
    }

    fn wall(&self, rig: &Rig) -> Timestamp {
        rig.clock.now().checked_add(self.offset).expect("an instant")
    }
}

fn write_in_place(path: &Path, bytes: &[u8]) {
    use std::os::unix::fs::FileExt;
    let file = std::fs::File::options().write(true).open(path).expect("the file is there");
    file.write_all_at(bytes, 0).expect("it is written");
}

fn yaml(url: &str) -> String {
    let mut yaml = support::connection(url);
    yaml.push_str(
        "    settle: 2s\n    limits: { list_calls_per_minute: 6000, starts_per_second: 100, recovery_rate: 100 }\n\
         defaults: { overlap: allow, folder: Shared, timezone: UTC }\nschedules:\n",
    );
    for n in 0..SCHEDULES {
        let rhythm = if n % 2 == 0 { format!("every: {PERIOD}s") } else { format!("cron: \"*/{PERIOD} * * * * *\"") };
        let process = if n == 0 { "Long" } else { "Burst" };
        yaml.push_str(&format!(
            "  s{n}: {{ {rhythm}, start: {{ process: {process}, arguments: {{ schedule: s{n}, due: \"${{nominal}}\" }} }} }}\n"
        ));
    }
    yaml
}

fn burst_after(at: Timestamp) -> Timestamp {
    Timestamp::from_second((at.as_second().div_euclid(PERIOD) + 1) * PERIOD).expect("an instant")
}

/// Brings about what is to be going on.
async fn bring_about(rig: &Rig, state: State, dice: &mut Dice) {
    let starts = |fault| FaultRule::always(fault).on(Endpoint::StartJobs);
    let burst = burst_after(rig.clock.now());
    let rules = match state {
        State::StartsUnderWay => vec![starts(Fault::DelayAnswer(Duration::from_millis(700)))],
        State::Settling => {
            vec![
                starts(Fault::DropAnswer).share(0.5),
                starts(Fault::DropRequest).share(0.5),
                starts(Fault::Late(Duration::from_secs(1))),
            ]
        }
        State::Idle | State::JobsRunning | State::TokenNearItsEnd => vec![],
    };
    rig.control.set_faults(Faults { rules });
    if state == State::TokenNearItsEnd {
        let near = TOKEN.as_secs() as i64 / 2 - 2;
        loop {
            let last = rig.control.token_calls().last().map_or(Timestamp::MIN, |call| call.at);
            if (near..near + 3).contains(&rig.control.now().duration_since(last).as_secs()) {
                return;
            }
            rig.clock.sleep(Duration::from_millis(200)).await;
        }
    }
    rig.clock.sleep_until(burst).await;
    let moment = match state {
        State::Idle => 3_800 + dice.throw(1_000),
        State::StartsUnderWay => 100 + dice.throw(500),
        State::JobsRunning => 1_000 + dice.throw(2_000),
        State::Settling => 200 + dice.throw(1_500),
        State::TokenNearItsEnd => 0,
    };
    rig.clock.sleep(Duration::from_millis(moment)).await;
}

fn offset_of(step: Step, rig: &Rig) -> SignedDuration {
    match step {
        Step::By(length) => length,
        Step::To1970 => Timestamp::UNIX_EPOCH.duration_since(rig.clock.now()) + SignedDuration::from_mins(2),
    }
}

async fn play(rig: &Rig, hand: &mut Hand, cell: Cell, dice: &mut Dice, wrong: &mut Vec<String>) {
    bring_about(rig, cell.state, dice).await;
    let offset = offset_of(cell.step, rig);
    let told = steps_told(rig);
    let set_at = rig.control.now();
    hand.set(rig, offset);
    let mut rules = vec![];
    if cell.world == World::Together {
        rules.push(FaultRule::always(Fault::DateOff(offset)));
    }
    rig.control.set_faults(Faults { rules });
    rig.clock.sleep(WRONG + Duration::from_millis(dice.throw(2_000))).await;
    let right_at = rig.control.now();
    let made_by = rig.control.jobs_made();
    hand.set(rig, SignedDuration::ZERO);
    rig.control.set_faults(Faults::default());
    if offset.abs() > SAME && cell.world == World::Alone {
        let noticed = punctual::clock::later(set_at, NOTICED);
        let jobs = rig.control.jobs();
        for job in jobs.iter().filter(|job| job.created_at > noticed && job.created_at < right_at) {
            wrong.push(format!("{cell:?}: job {} was started although the clocks differ by {offset:#}", job.id));
        }
    }
    let began = rig.clock.boottime();
    // A time that came after the clock was set right: what waited may be sent before.
    let next = burst_after(rig.clock.now());
    let is_new = |demand: &Demand| demand.due >= next && demand.due <= rig.clock.now();
    loop {
        let jobs = rig.control.jobs();
        if jobs.iter().skip(made_by).filter_map(demand_of).any(|demand| is_new(&demand)) {
            break;
        }
        if rig.clock.boottime() - began > LONGEST_WAIT {
            wrong.push(format!(
                "{cell:?}: {LONGEST_WAIT:?} after the clock was right again nothing new has been started"
            ));
            break;
        }
        rig.clock.sleep(Duration::from_millis(100)).await;
    }
    let said = steps_told(rig) - told;
    if offset.abs() > TOLD && said < 2 {
        wrong.push(format!("{cell:?}: the clock was set twice, and {said} times it was told"));
    }
}

fn due_of(run: &RunSummary) -> Timestamp {
    run.nominal_at.parse().expect("an instant")
}

fn steps_told(rig: &Rig) -> usize {
    rig.log().matches("The clock was set ").count()
}

async fn lane(seed: u64, number: u64, cells: Vec<Cell>, fault: Option<&str>) -> (Vec<String>, Judgement, usize) {
    let mut dice = Dice::new(seed, 1_000 + number);
    let mut rig = Rig::begin(seed.wrapping_add(number), |config| {
        config.identity.account_token_lifetime = TOKEN;
        config.tenant.folders[0]
            .processes
            .push(ProcessSpec::new("Long").taking(Duration::ZERO, Duration::from_secs(4)));
    })
    .await;
    let path = rig.folder.path().join("clock");
    std::fs::write(&path, 0_i64.to_ne_bytes()).expect("the clock is right");
    let variables = [("LD_PRELOAD", library()), ("PUNCTUAL_TEST_CLOCK", path.as_path())];
    for (name, value) in variables {
        rig.home.environment.push((name.to_owned(), value.display().to_string()));
    }
    if let Some(fault) = fault {
        rig.home.environment.push(("PUNCTUAL_FAULT".to_owned(), fault.to_owned()));
    }
    let text = yaml(&rig.sandbox.base_url());
    rig.write(&text);
    // It begins right after a burst, so that it is plain which is the first that is demanded.
    rig.clock.sleep_until(burst_after(rig.clock.now())).await;
    let first = burst_after(rig.clock.now());
    let mut life = rig.ready_life().await;
    let loaded = rig.clock.now();
    assert!(loaded < first, "the first life took too long to begin");
    let mut hand = Hand { path, offset: SignedDuration::ZERO, lived: Vec::new(), since: loaded };
    let mut wrong = Vec::new();
    for cell in &cells {
        play(&rig, &mut hand, *cell, &mut dice, &mut wrong).await;
        if life.ends_within(&rig.clock, Duration::ZERO).await.is_some() {
            wrong.push(format!("{cell:?}: the daemon has ended"));
            life = rig.ready_life().await;
        }
    }
    // One more burst, and all that is due by then has a row and an end.
    let until = burst_after(rig.clock.now());
    rig.clock.sleep_until(until).await;
    let last: Vec<Demand> = demanded(&text, punctual::clock::earlier(until, Duration::from_secs(1)), until)
        .into_iter()
        .filter(|demand| demand.due > loaded)
        .collect();
    let calm = |runs: &[RunSummary]| {
        let has_row =
            |demand: &Demand| runs.iter().any(|run| run.schedule == demand.schedule && due_of(run) == demand.due);
        last.iter().all(has_row) && runs.iter().filter(|run| due_of(run) <= until).all(|run| !is_open(run))
    };
    if let Err(runs) = rig.until(None, Duration::from_secs(60), calm).await {
        let open: Vec<_> = runs.iter().filter(|run| is_open(run) && due_of(run) <= until).take(3).collect();
        wrong.push(format!("{cells:?}: by {until} not all is done, such as {open:?}"));
    }
    life.ask_to_stop();
    let end = life.ended().await;
    if end != End::Code(0) {
        wrong.push(format!("asked to stop, the daemon ended with {end:?}"));
    }
    hand.lived.push((hand.since, until));
    let runs = rig.runs().await;
    // What a wrong clock has foreseen is still to come. A row of many times may begin before the last look at a clock.
    let mut demands: std::collections::BTreeSet<Demand> =
        hand.lived.iter().flat_map(|(from, to)| demanded(&text, *from, (*to).min(until))).collect();
    let is_range = |run: &RunSummary| run.nominal_until.is_some() && due_of(run) <= until;
    let ranges = runs.iter().filter(|run| is_range(run));
    demands.extend(ranges.map(|run| Demand { schedule: run.schedule.clone(), due: due_of(run) }));
    let lived = |at: Timestamp| at <= until && hand.lived.iter().any(|(from, to)| *from < at && at <= *to);
    let jobs: Vec<_> = rig.control.jobs();
    let only_ours_is_wrong = cells.iter().all(|cell| cell.world == World::Alone);
    for (job, demand) in jobs.iter().filter_map(|job| demand_of(job).map(|demand| (job, demand))) {
        let early = demand.due.duration_since(job.created_at);
        // Small steps are within what clocks differ by.
        if only_ours_is_wrong && early > SAME && early < SignedDuration::from_hours(24 * 365) {
            wrong.push(format!("`{}` of {} was started {early:#} before its time", demand.schedule, demand.due));
        }
    }
    let mut made: std::collections::BTreeMap<Demand, usize> = std::collections::BTreeMap::new();
    for demand in jobs.iter().filter_map(demand_of) {
        *made.entry(demand).or_default() += 1;
    }
    for (demand, count) in made.into_iter().filter(|(_, count)| *count > 1) {
        wrong.push(format!("{cells:?}: `{}` of {} was started {count} times", demand.schedule, demand.due));
    }
    let expired = rig.control.exchanges().iter().filter(|exchange| exchange.status == Some(401)).count();
    if expired > 0 {
        wrong.push(format!("{expired} calls were refused for their token"));
    }
    let made = jobs.len();
    let evidence = Evidence {
        demanded: demands,
        jobs: jobs.into_iter().filter(|job| demand_of(job).is_some_and(|demand| lived(demand.due))).collect(),
        runs: runs.into_iter().filter(|run| lived(due_of(run)) || is_range(run)).collect(),
        outputs: rig.outputs(),
        secrets: rig.control.secrets().into_iter().filter(|secret| secret.starts_with("sandbox")).collect(),
        ..Evidence::default()
    };
    let judgement = judge(&evidence);
    if !wrong.is_empty() || !judgement.broken.is_empty() {
        let log = rig.log();
        let told: Vec<&str> = log.lines().filter(|line| line.contains(" WARN ") || line.contains("ERROR")).collect();
        wrong.push(format!("{cells:?} said:\n{}", told[told.len().saturating_sub(40)..].join("\n")));
        let kept = std::env::temp_dir().join(format!("punctual-clock-{seed}-{number}"));
        super::rig::copy_files(&rig.state_dir(), &kept);
        std::fs::write(kept.join("log"), &log).expect("the log is kept");
        wrong.push(format!("the log and the database of this lane are kept in {}", kept.display()));
    }
    rig.sandbox.stop().await;
    (wrong, judgement, made)
}

/// Cells that run one after the other.
const LANES: usize = 8;

/// Every step once with Orchestrator's clock right and once with it going along; all states in turn.
fn short() -> Vec<Vec<Cell>> {
    (0..LANES)
        .map(|n| {
            let cell = |step: usize, state: usize, world| Cell {
                step: STEPS[step % STEPS.len()],
                state: STATES[state % STATES.len()],
                world,
            };
            vec![cell(n, n, World::Alone), cell(n + 3, n + 2, World::Together)]
        })
        .collect()
}

/// Every step in every state in both worlds.
fn whole() -> Vec<Vec<Cell>> {
    STEPS
        .iter()
        .flat_map(|step| {
            [World::Alone, World::Together].map(|world| STATES.map(|state| Cell { step: *step, state, world }).to_vec())
        })
        .collect()
}

#[cfg(not(feature = "faults"))]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a minute of clocks that are set: `cargo test --test torture -- --ignored`"]
async fn a_clock_that_is_set_fires_nothing_twice_and_loses_nothing() {
    for seed in dice::seeds("clock_jumps") {
        set_clocks(seed).await;
    }
}

#[expect(clippy::print_stdout, reason = "the figure is for who reads the output")]
async fn set_clocks(seed: u64) {
    let rounds = dice::setting("PUNCTUAL_CLOCK_ROUNDS", 0);
    let replay = format!(
        "PUNCTUAL_SEED={seed} PUNCTUAL_CLOCK_ROUNDS={rounds} cargo test --test torture clock_jumps -- --ignored --nocapture"
    );
    println!("seed {seed}: {replay}");
    let lanes: Vec<Vec<Cell>> = if rounds == 0 { short() } else { (0..rounds).flat_map(|_| whole()).collect() };
    let (mut wrong, mut jumps, mut starts, mut number) = (Vec::new(), 0, 0, 0);
    for group in lanes.chunks(LANES) {
        let mut running = Vec::new();
        for cells in group {
            jumps += 2 * cells.len();
            running.push((format!("{cells:?}"), tokio::spawn(lane(seed, number, cells.clone(), None))));
            number += 1;
        }
        for (cells, lane) in running {
            let (found, judgement, made) = lane.await.expect("a lane ends");
            starts += made;
            wrong.extend(found);
            wrong.extend(judgement.broken.iter().take(3).map(|broken| format!("{cells}: {broken}")));
        }
    }
    println!("figure: clock set, seed {seed}: {jumps} jumps, {starts} starts, {} findings", wrong.len());
    if !wrong.is_empty() {
        dice::keep("clock_jumps", seed);
    }
    assert!(wrong.is_empty(), "{replay}:\n{}", wrong.join("\n"));
}

/// Negative control: starts that do not wait for a clock are found.
#[cfg(feature = "faults")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn starts_under_a_wrong_clock_are_found() {
    let seed = dice::setting("PUNCTUAL_SEED", 7_804);
    let cell = Cell { step: STEPS[1], state: State::Idle, world: World::Alone };
    let (wrong, _, made) = lane(seed, 0, vec![cell], Some(punctual::faults::NO_CLOCK_CHECK)).await;
    let found = wrong.iter().filter(|wrong| wrong.contains("was started although the clocks differ")).count();
    println!("figure: negative control no_clock_check, seed {seed}: of {made} starts {found} under a wrong clock");
    assert!(found > 0, "nothing was found: {wrong:?}");
}
