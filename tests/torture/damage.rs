//! Files of the state folder are damaged: bits flipped, cut off, pages emptied, garbage in their place.
//!
//! One story that goes on and on: starts are under way, unclear, waiting or running; the daemon dies (its files are put back as
//! they were at that moment) or lives on; one file is damaged; it goes on. Damage must be noticed, said and made good, or be
//! harmless: no time is started twice, nothing is started that no schedule demands, all that comes due afterwards has its row,
//! and rows of before are as they were unless the loss was told.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use punctual::history::RunSummary;
use punctual::sandbox::{Endpoint, Fault, FaultRule, Faults, FolderSpec, Outage, ProcessSpec};

use super::checker::{Evidence, Forgiven, demand_of, is_open, judge};
use super::demand::demanded;
use super::dice::{self, Dice};
use super::rig::copy_files;
use super::support::{Story, connection};
use super::thread_log;

/// What is done to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    FlipBits,
    CutOff,
    EmptyPages,
    Garbage,
    Empty,
}

const DEEDS: [Deed; 5] = [Deed::FlipBits, Deed::CutOff, Deed::EmptyPages, Deed::Garbage, Deed::Empty];

/// Which file, the likely ones more often.
const FILES: [&str; 8] = [
    "punctual.db",
    "punctual.db",
    "punctual.db-wal",
    "punctual.db-wal",
    "punctual.db-shm",
    "lock",
    "installation",
    "tokens",
];

/// Whether the daemon lives while its files are damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    Dead,
    Alive,
}

#[derive(Clone, Copy, Debug)]
struct Damage {
    file: &'static str,
    deed: Deed,
    moment: Moment,
}

fn choose(dice: &mut Dice) -> Damage {
    let file = FILES[dice.throw(FILES.len() as u64) as usize];
    let deed = DEEDS[dice.throw(DEEDS.len() as u64) as usize];
    // Memory that processes share is no file while it is mapped: cutting it off ends whoever looks, as a kill does.
    let moment = if file != "punctual.db-shm" && dice.percent(20) { Moment::Alive } else { Moment::Dead };
    Damage { file, deed, moment }
}

/// The file itself; of the tokens the newest.
fn file_of(state: &Path, name: &str) -> Option<PathBuf> {
    if name != "tokens" {
        return Some(state.join(name)).filter(|path| path.is_file());
    }
    let mut tokens: Vec<PathBuf> = std::fs::read_dir(state.join("tokens"))
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|ending| ending == "token"))
        .collect();
    tokens.sort();
    tokens.pop()
}

const PAGE: usize = 4_096;

fn damaged(mut bytes: Vec<u8>, deed: Deed, dice: &mut Dice) -> Vec<u8> {
    let length = bytes.len();
    if length == 0 {
        return b"garbage".to_vec();
    }
    let mut somewhere = |below: usize| dice.throw(below.max(1) as u64) as usize;
    match deed {
        Deed::FlipBits => {
            for _ in 0..1 + somewhere(8) {
                let at = somewhere(length);
                bytes[at] ^= 1 << somewhere(8);
            }
        }
        Deed::CutOff => bytes.truncate(somewhere(length)),
        Deed::EmptyPages => {
            let from = somewhere(length.div_ceil(PAGE)) * PAGE;
            let until = (from + PAGE * (1 + somewhere(3))).min(length);
            bytes[from..until].fill(0);
        }
        Deed::Garbage => bytes.iter_mut().for_each(|byte| *byte = somewhere(256) as u8),
        Deed::Empty => bytes.clear(),
    }
    bytes
}

/// Writes in place: whoever has the file open sees it.
fn write_in_place(path: &Path, bytes: &[u8]) {
    use std::os::unix::fs::FileExt;
    let file = std::fs::File::options().write(true).open(path).expect("the file is there");
    file.write_all_at(bytes, 0).expect("it is damaged");
    file.set_len(bytes.len() as u64).expect("it is cut");
}

/// All of a state folder, with its tokens.
fn carry(from: &Path, to: &Path) {
    // It may not be there yet.
    let _ = std::fs::remove_dir_all(to);
    copy_files(from, to);
    if from.join("tokens").is_dir() {
        copy_files(&from.join("tokens"), &to.join("tokens"));
    }
    for folder in [to.to_owned(), to.join("tokens")] {
        use std::os::unix::fs::PermissionsExt;
        if folder.is_dir() {
            std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).expect("it is closed");
        }
    }
}

const TEN: Duration = Duration::from_secs(600);

fn file(url: &str) -> String {
    let mut yaml = connection(url);
    yaml.push_str("defaults: { timezone: UTC, overlap: allow, folder: Shared }\nschedules:\n");
    for n in 0..12 {
        let process = if n % 4 == 0 { "Long" } else { "Short" };
        yaml.push_str(&format!(
            "  s{n:02}: {{ every: 10m, start: {{ process: {process}, arguments: {{ schedule: s{n:02}, due: \"${{nominal}}\" }} }} }}\n"
        ));
    }
    yaml
}

/// What went wrong in a case; nothing is good.
struct Case<'a> {
    story: &'a mut Story,
    damage: Damage,
    loaded: Timestamp,
    /// Jobs of before were judged before.
    judged_from: Timestamp,
}

/// How a case ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Ending {
    Harmless,
    Noticed,
    Refused,
}

/// What a person is told when something was noticed: each has its sentence, and the sentence a file's name.
const NOTICES: [&str; 5] = ["damaged", "was gone", "is older than", "cannot be read", "does not hold"];

impl Case<'_> {
    async fn play(&mut self, dice: &mut Dice) -> std::result::Result<Ending, String> {
        let due = next_ten(self.story.clock.now());
        let troubled = dice.throw(3);
        let starts = |fault| FaultRule::always(fault).on(Endpoint::StartJobs);
        match troubled {
            0 => self.story.control.set_outage(Outage::Refused),
            1 => self.story.control.set_faults(Faults {
                rules: vec![starts(Fault::DropAnswer).share(0.3), starts(Fault::DropRequest).share(0.2)],
            }),
            _ => {}
        }
        self.story.pass_to(&due.to_string()).await;
        self.story.pass_in_steps(Duration::from_secs(3), Duration::from_millis(500)).await;
        let before = self.story.runs().await;
        let state = self.story.state_dir();
        let mut refused = None;
        thread_log::take();
        match self.damage.moment {
            Moment::Dead => {
                let image = self.story.folder.path().join("image");
                carry(&state, &image);
                self.story.stop_daemon().await;
                carry(&image, &state);
                self.harm(&state, dice);
                self.heal();
                thread_log::take();
                if let Err(error) = self.story.try_daemon().await {
                    refused = Some(error);
                    // What a person then does: the file of before.
                    carry(&image, &state);
                    self.story.begin_daemon().await;
                }
                self.story.settle().await;
            }
            Moment::Alive => {
                self.harm(&state, dice);
                self.heal();
                // A life is never as long as the damage: it is noticed at the next start at the latest.
                self.story.pass_in_steps(Duration::from_secs(30), Duration::from_secs(5)).await;
                self.story.stop_daemon().await;
                if let Err(error) = self.story.try_daemon().await {
                    refused = Some(error);
                    let name = self.damage.file;
                    std::fs::remove_file(state.join(name)).map_err(|cause| format!("`{name}` stays: {cause}"))?;
                    self.story.begin_daemon().await;
                }
                self.story.settle().await;
            }
        }
        self.story.pass_in_steps(Duration::from_secs(130), Duration::from_secs(5)).await;
        self.story.pass_in_steps(Duration::from_secs(240), Duration::from_secs(20)).await;
        let said = thread_log::take();
        let noticed = NOTICES.iter().any(|word| said.contains(word));
        if let Some(error) = &refused {
            // Where to look, and what to do.
            if !error.contains(state.to_str().unwrap_or_default()) || !error.contains("remove the file") {
                return Err(format!("it refused to begin, with `{error}`"));
            }
        }
        self.judge(&before, due, noticed).await.map_err(|wrong| format!("{wrong}\nit said:\n{said}"))?;
        Ok(if refused.is_some() {
            Ending::Refused
        } else if noticed {
            Ending::Noticed
        } else {
            Ending::Harmless
        })
    }

    fn harm(&self, state: &Path, dice: &mut Dice) {
        let Some(path) = file_of(state, self.damage.file) else { return };
        let bytes = std::fs::read(&path).expect("the file is read");
        write_in_place(&path, &damaged(bytes, self.damage.deed, dice));
    }

    fn heal(&self) {
        self.story.control.set_outage(Outage::None);
        self.story.control.set_faults(Faults::default());
    }

    async fn judge(&self, before: &[RunSummary], due: Timestamp, noticed: bool) -> std::result::Result<(), String> {
        let runs = self.story.runs().await;
        let jobs = self.story.control.jobs();
        // Never a wrong start: what runs is what a schedule says.
        for job in jobs.iter().filter(|job| job.created_at >= self.judged_from) {
            let demand = demand_of(job).ok_or_else(|| format!("job {} has arguments that nobody wrote", job.id))?;
            let number: usize =
                demand.schedule[1..].parse().map_err(|_| format!("`{}` is no schedule", demand.schedule))?;
            let process = if number.is_multiple_of(4) { "Long" } else { "Short" };
            if job.process != process || job.folder != "Shared" || demand.due > self.story.clock.now() {
                return Err(format!("job {} of {demand:?} is of `{}` in `{}`", job.id, job.process, job.folder));
            }
        }
        // SQLite has no checksum for what stands in a page: of a run that has ended a turned bit changes what is shown.
        let only_shown = self.damage.deed == Deed::FlipBits && self.damage.file.starts_with("punctual.db");
        let shown = if only_shown { as_they_were(before, &runs) } else { runs.clone() };
        let forgiven = if noticed { Forgiven::UpTo(due) } else { Forgiven::Nothing };
        let evidence = Evidence {
            demanded: demanded(&self.story.yaml, self.loaded, self.story.clock.now())
                .into_iter()
                .filter(|demand| demand.due >= due)
                .collect(),
            jobs: jobs.into_iter().filter(|job| demand_of(job).is_some_and(|demand| demand.due >= due)).collect(),
            runs: shown
                .iter()
                .filter(|run| run.nominal_at.parse::<Timestamp>().is_ok_and(|at| at >= due))
                .cloned()
                .collect(),
            forgiven,
            ..Evidence::default()
        };
        let broken = judge(&evidence).broken;
        if let Some(broken) = broken.first() {
            return Err(format!("{} findings, such as {broken}", broken_count(&evidence)));
        }
        if let Some(run) = runs.iter().find(|run| is_open(run)) {
            return Err(format!(
                "`{}` of {} is still {} ({:?})",
                run.schedule,
                run.nominal_at,
                run.state.name(),
                run.error
            ));
        }
        if !noticed && !only_shown {
            let now: BTreeMap<&str, &RunSummary> = runs.iter().map(|run| (run.run.as_str(), run)).collect();
            for old in before.iter().filter(|run| !is_open(run)) {
                match now.get(old.run.as_str()) {
                    None => {
                        return Err(format!(
                            "`{}` of {} has lost its row, and nobody said so",
                            old.schedule, old.nominal_at
                        ));
                    }
                    Some(new) if format!("{new:?}") != format!("{old:?}") => {
                        return Err(format!("a row has changed, and nobody said so:\n{old:?}\n{new:?}"));
                    }
                    Some(_) => {}
                }
            }
        }
        Ok(())
    }
}

/// The rows, those of runs that had ended before the damage as they were then. A turned bit may be in the time of such a run
/// or in its id, which decide nothing any more; that nothing is started for it again is seen by the jobs.
fn as_they_were(before: &[RunSummary], now: &[RunSummary]) -> Vec<RunSummary> {
    let ended: Vec<RunSummary> = before.iter().filter(|run| !is_open(run)).cloned().collect();
    let same = |old: &RunSummary, new: &RunSummary| {
        old.run == new.run || (&old.schedule, &old.nominal_at) == (&new.schedule, &new.nominal_at)
    };
    let others = now.iter().filter(|new| !ended.iter().any(|old| same(old, new))).cloned().collect();
    [ended, others].concat()
}

fn broken_count(evidence: &Evidence) -> usize {
    judge(evidence).broken.len()
}

fn next_ten(now: Timestamp) -> Timestamp {
    let ten = TEN.as_secs() as i64;
    Timestamp::from_second((now.as_second().div_euclid(ten) + 1) * ten).expect("an instant")
}

#[tokio::test]
#[ignore = "twenty seconds of daemons on damaged files: `cargo test --test torture -- --ignored`"]
async fn damaged_files_are_noticed_or_harmless_and_start_nothing_wrong_or_twice() {
    for seed in dice::seeds("damage") {
        damage_files(seed).await;
    }
}

#[expect(clippy::print_stdout, reason = "the figure is for who reads the output")]
async fn damage_files(seed: u64) {
    let cases = dice::setting("PUNCTUAL_DAMAGES", 40);
    println!(
        "seed {seed}: PUNCTUAL_SEED={seed} PUNCTUAL_DAMAGES={cases} cargo test --test torture damage -- --nocapture"
    );
    // A test, its daemon and all their tasks are one thread.
    thread_log::keep(tracing::Level::WARN);
    let mut dice = Dice::new(seed, 900);
    let mut results: BTreeMap<Ending, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    let mut number = 0;
    while number < cases {
        // A story that grows for ever would only get slow.
        let mut story = begin(seed.wrapping_add(number)).await;
        let loaded = story.clock.now();
        for _ in 0..20.min(cases - number) {
            let damage = choose(&mut dice);
            let judged_from = story.clock.now();
            let mut case = Case { story: &mut story, damage, loaded, judged_from };
            match case.play(&mut dice).await {
                Ok(result) => *results.entry(result).or_default() += 1,
                Err(finding) => {
                    wrong.push(format!("case {number}, {damage:?}: {finding}"));
                    number += 1;
                    break;
                }
            }
            number += 1;
        }
        story.stop_daemon().await;
        story.sandbox.stop().await;
    }
    let count = |result| results.get(&result).copied().unwrap_or(0);
    println!(
        "figure: damaged files, seed {seed}: {cases} cases, {} noticed and made good, {} refused with what to do, {} harmless; {} findings",
        count(Ending::Noticed),
        count(Ending::Refused),
        count(Ending::Harmless),
        wrong.len()
    );
    if !wrong.is_empty() {
        dice::keep("damage", seed);
    }
    assert!(wrong.is_empty(), "seed {seed}:\n{}", wrong.join("\n\n"));
    assert!(count(Ending::Noticed) > 0, "no damage was ever noticed");
}

async fn begin(seed: u64) -> Story {
    let story = Story::with(
        "2026-11-23T11:51:00Z",
        |config| {
            config.seed = seed;
            let short = ProcessSpec::new("Short").taking(Duration::ZERO, Duration::from_secs(1));
            let long = ProcessSpec::new("Long").taking(Duration::from_secs(1), Duration::from_secs(60));
            config.tenant.folders =
                vec![FolderSpec { path: "Shared".to_owned(), processes: vec![short, long], robots: 1_000 }];
        },
        file,
    )
    .await;
    // A day of it is normal, so that a look-up can be believed.
    story.pass_to("2026-11-23T12:00:00Z").await;
    story.pass_in_steps(Duration::from_secs(300), Duration::from_secs(10)).await;
    story
}
