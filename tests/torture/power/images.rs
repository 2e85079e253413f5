//! The power goes at any point of a run with bursts, restarts and renewed logins.
//!
//! One daemon lives twice under the recorder, through bursts of starts whose answers are late or lost, with a login that is
//! renewed every few seconds. From its log a disk is made for each of many points, the harshest and random ones, and judged:
//! it opens, it is whole, each start whose bytes had left is on it, and so is the login in use. On some of the disks the real
//! program is then brought back to life, against the same stand-in with the jobs made up to that point, and must come to a
//! calm end.
//!
//! That the log misses nothing is shown on the way: all of it together must give the very files that the daemon left, and
//! each job of the stand-in must have been seen to be asked for.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use punctual::clock::later;
use punctual::sandbox::TokenOutcome;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use url::Url;

use super::dice::{self, Dice};
use super::disk::{CONTENT, Content, Disk, NAMES, Names};
use super::image::Image;
use super::log::{self, Entry};
use super::marks::Marks;
use super::rig::{End, Rig};
use super::still::{Damage, Due, Found, look};
use super::{Second, file, variables};
use crate::kill_loop::faults;

/// Schedules that are due at once, next to the two with the renewed login.
const BURST: usize = 24;
/// A burst comes this often.
const PERIOD: u64 = 5;
/// Life of an access token: it is renewed when half of it is over.
const TOKEN_LIFE: Duration = Duration::from_secs(6);
/// Disks that are judged at the same time.
const AT_ONCE: usize = 4;

/// What was written down.
struct Recording {
    rig: Rig,
    /// When the first life had read its files.
    loaded: Timestamp,
    entries: Vec<Entry>,
    /// Where each life begins in them.
    lives: Vec<usize>,
    marks: Marks,
    /// All that the daemon left in the end.
    left: Image,
}

/// How often a burst comes in each life; between them the daemon is asked to stop.
async fn record(seed: u64, bursts: [usize; 2], fault: Option<&str>) -> Recording {
    let mut rig = Rig::begin(seed, |config| config.identity.token_lifetime = TOKEN_LIFE).await;
    let yaml = file(&rig.sandbox.base_url(), BURST, PERIOD, Second::OneUse);
    rig.write(&yaml);
    rig.control.set_faults(faults());
    let logs = tempfile::tempdir().expect("a folder");
    let mut loaded = None;
    let mut entries = Vec::new();
    let mut lives = Vec::new();
    // The first life begins between two bursts, so that it is plain which is the first that is demanded.
    let first = later(burst_before(rig.clock.now()), Duration::from_secs(2 * PERIOD));
    rig.clock.sleep_until(later(burst_before(rig.clock.now()), Duration::from_secs(PERIOD))).await;
    for (life, bursts) in bursts.into_iter().enumerate() {
        let log = logs.path().join(format!("log.{life}"));
        rig.home.environment = variables(rig.folder.path(), &log);
        rig.home.environment.extend(fault.map(|fault| ("PUNCTUAL_FAULT".to_owned(), fault.to_owned())));
        let running = rig.ready_life().await;
        loaded = loaded.or_else(|| Some(rig.clock.now()));
        assert!(loaded < Some(first), "the first life took too long to begin");
        for _ in 0..bursts {
            rig.clock.sleep_until(later(burst_before(rig.clock.now()), Duration::from_secs(PERIOD))).await;
        }
        // Until most of the burst has been asked for; the rest waits for the next life.
        let enough = rig.control.jobs_made() + BURST * 2 / 3;
        tokio::select! {
            () = rig.control.wait_until(|control| control.jobs_made() >= enough) => {}
            () = rig.clock.sleep(Duration::from_secs(PERIOD - 1)) => {}
        }
        running.ask_to_stop();
        assert_eq!(running.ended().await, End::Code(0), "a life under the recorder: {}", rig.log());
        lives.push(entries.len());
        entries.extend(log::read(&log));
    }
    rig.home.environment.clear();
    let marks = Marks::of(&entries);
    let left = Image::of(rig.folder.path());
    Recording { loaded: loaded.expect("two lives"), entries, lives, marks, left, rig }
}

fn burst_before(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second() - at.as_second().rem_euclid(PERIOD as i64)).expect("an instant")
}

impl Recording {
    /// The log misses nothing that matters.
    fn assert_complete(&self) {
        let mut dice = Dice::new(0, 0);
        let mut disks = self.disks();
        let whole = disks.at(self.entries.len()).after_loss(Names::All, Content::All, &mut dice).without_memory();
        assert_eq!(whole.folders, self.left.folders, "the folders that the log gives are those that were left");
        let names = |image: &Image| image.files.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&whole), names(&self.left), "the files that the log gives are those that were left");
        for (path, text) in &self.left.files {
            assert!(whole.files[path] == *text, "the log does not give `{}` as it was left", path.display());
        }
        for job in self.rig.control.jobs() {
            let reference = job.reference.expect("a Reference");
            assert!(
                self.marks.starts.iter().any(|start| start.reference == reference),
                "a start was not seen to leave"
            );
        }
        let calls = self.rig.control.token_calls();
        let granted = calls.iter().filter(|call| call.client_id == "sandbox-client");
        let granted = granted.filter(|call| matches!(call.outcome, TokenOutcome::Granted(_))).count();
        assert_eq!(self.marks.grants.len(), granted, "each new login was seen to come");
    }

    /// The disk after each record, one after the other.
    fn disks(&self) -> Disks<'_> {
        Disks { recording: self, disk: Disk::new(self.rig.folder.path()), place: 0 }
    }

    fn due(&self, place: usize) -> Due {
        let server = Url::parse(&self.rig.sandbox.root_url()).expect("a URL");
        Due { starts: self.marks.left_by(place), logins: self.marks.logins_by(place), server }
    }
}

/// Steps through a log. Lends its disk, so it is no iterator.
struct Disks<'a> {
    recording: &'a Recording,
    disk: Disk,
    place: usize,
}

impl Disks<'_> {
    fn at(&mut self, place: usize) -> &Disk {
        while self.place < place {
            if self.recording.lives.contains(&self.place) {
                self.disk.next_life();
            }
            self.disk.take(&self.recording.entries[self.place]);
            self.place += 1;
        }
        &self.disk
    }
}

/// Where the power goes, and what is on the disk then.
#[derive(Clone, Copy, Debug)]
struct Loss {
    place: usize,
    names: Names,
    content: Content,
}

/// Every second loss is right after a start was asked for, where harm is done; the others are anywhere. Every second is the
/// harshest, the others are of any kind.
fn losses(recording: &Recording, count: u64, dice: &mut Dice) -> Vec<Loss> {
    let mut losses: Vec<Loss> = (0..count)
        .map(|number| {
            let starts = &recording.marks.starts;
            let place = if number % 2 == 0 && !starts.is_empty() {
                starts[dice.throw(starts.len() as u64) as usize].place + 1
            } else {
                1 + dice.throw(recording.entries.len() as u64) as usize
            };
            let (names, content) = match number / 2 % 2 {
                0 => (Names::Flushed, Content::Flushed),
                _ => (NAMES[dice.throw(4) as usize], CONTENT[dice.throw(4) as usize]),
            };
            Loss { place, names, content }
        })
        .collect();
    losses.sort_by_key(|loss| loss.place);
    losses
}

/// What the disks came to.
#[derive(Debug, Default)]
struct Judged {
    disks: usize,
    /// Of them with starts that had left.
    with_starts: usize,
    found: Vec<(Loss, Found)>,
}

impl Judged {
    fn count(&self, damage: Damage) -> usize {
        self.found.iter().filter(|(_, found)| found.damage == damage).count()
    }

    fn told(&self) -> String {
        let lines = self.found.iter().take(12);
        lines
            .map(|(loss, found)| format!("{loss:?}: {:?}: {}", found.damage, found.sentence))
            .collect::<Vec<_>>()
            .join("\n")
    }
}

async fn judge_disks(recording: &Recording, count: u64, dice: &mut Dice) -> Judged {
    let mut judged = Judged::default();
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut looks = JoinSet::new();
    let mut disks = recording.disks();
    for loss in losses(recording, count, dice) {
        let image = disks.at(loss.place).after_loss(loss.names, loss.content, dice);
        let due = recording.due(loss.place);
        judged.disks += 1;
        judged.with_starts += usize::from(!due.starts.is_empty());
        let permit = permits.clone().acquire_owned().await.expect("never closed");
        looks.spawn(async move {
            let folder = tempfile::tempdir().expect("a folder");
            image.write(folder.path());
            let found = look(&folder.path().join("state"), &due).await;
            drop(permit);
            (loss, found)
        });
    }
    while let Some(look) = looks.join_next().await {
        let (loss, found) = look.expect("a look ends");
        judged.found.extend(found.into_iter().map(|found| (loss, found)));
    }
    judged.found.sort_by_key(|(loss, _)| loss.place);
    judged
}

#[cfg(not(feature = "faults"))]
mod sound {
    use std::collections::{BTreeMap, BTreeSet};

    use punctual::sandbox::Faults;

    use super::*;
    use crate::checker::{Calm, Evidence, Judgement, demand_of, is_open, judge};
    use crate::demand::demanded;

    fn replay(seed: u64) -> String {
        format!("PUNCTUAL_SEED={seed} cargo test --test torture power::images -- --ignored --nocapture")
    }

    /// Brings the daemon back on the disk of a loss. Later losses first: what was made after the point is forgotten for good.
    async fn revive(recording: &Recording, loss: Loss, dice: &mut Dice) -> (Judgement, usize) {
        let image = recording.disks().at(loss.place).after_loss(loss.names, loss.content, dice);
        let rig = &recording.rig;
        let left: BTreeSet<String> = recording.marks.left_by(loss.place).into_iter().collect();
        let before = rig.control.jobs();
        let (made, later): (Vec<_>, Vec<_>) =
            before.iter().partition(|job| job.reference.as_ref().is_some_and(|reference| left.contains(reference)));
        for job in &later {
            rig.control.forget_job(job.id);
        }
        // A second job of a Reference is from an earlier revival.
        let mut first = BTreeSet::new();
        let known: BTreeSet<i64> =
            made.iter().filter(|job| first.insert(job.reference.clone())).map(|job| job.id).collect();
        for job in made.iter().filter(|job| !known.contains(&job.id)) {
            rig.control.forget_job(job.id);
        }
        std::fs::remove_dir_all(rig.state_dir()).expect("the folder is removed");
        image.write(rig.folder.path());
        let life = rig.ready_life().await;
        let until = burst_before(rig.clock.now());
        let in_window = |at: &str| at.parse::<Timestamp>().expect("an instant") <= until;
        let settled = rig
            .until(None, Duration::from_secs(60), |runs| {
                runs.iter().filter(|run| in_window(&run.nominal_at)).all(|run| !is_open(run))
            })
            .await;
        life.ask_to_stop();
        let end = life.ended().await;
        assert_eq!(end, End::Code(0), "asked to stop after {loss:?} ({}): {}", settled.is_ok(), rig.log());
        let fresh = rig.control.jobs().split_off(before.len());
        let jobs: Vec<_> = rig.control.jobs().into_iter().filter(|job| known.contains(&job.id)).chain(fresh).collect();
        let made = jobs.len();
        let evidence = Evidence {
            demanded: demanded(&yaml(rig), recording.loaded, until),
            jobs: jobs.into_iter().filter(|job| demand_of(job).is_none_or(|demand| demand.due <= until)).collect(),
            runs: rig.runs().await.into_iter().filter(|run| in_window(&run.nominal_at)).collect(),
            calm: Some(Calm),
            ..Evidence::default()
        };
        (judge(&evidence), made)
    }

    /// Both connections by user key: the stand-in does not travel back in time with a one-use token.
    fn yaml(rig: &Rig) -> String {
        file(&rig.sandbox.base_url(), BURST, PERIOD, Second::UserKey)
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    #[ignore = "a minute of disks as a power loss leaves them: `cargo test --test torture -- --ignored`"]
    async fn a_power_loss_at_any_point_loses_no_claim_and_no_login_and_starts_nothing_twice() {
        let count = dice::setting("PUNCTUAL_POWER_IMAGES", 300);
        let revivals = dice::setting("PUNCTUAL_POWER_REVIVALS", 3);
        let first = usize::try_from(dice::setting("PUNCTUAL_POWER_BURSTS", 1)).expect("a small number");
        for seed in dice::seeds("power") {
            println!("seed {seed}: {}", replay(seed));
            let mut dice = Dice::new(seed, 5);
            let recording = record(seed, [first, 1], None).await;
            recording.assert_complete();
            let kinds = recording.entries.iter().fold(BTreeMap::new(), |mut kinds: BTreeMap<&str, usize>, entry| {
                *kinds.entry(kind(entry)).or_default() += 1;
                kinds
            });
            let judged = judge_disks(&recording, count, &mut dice).await;
            println!(
                "figure: power loss, seed {seed}: {} disks of a log of {} records ({kinds:?}), {} of them after starts; {} claims lost, \
                 {} logins lost, {} unreadable",
                judged.disks,
                recording.entries.len(),
                judged.with_starts,
                judged.count(Damage::Unclaimed),
                judged.count(Damage::Login),
                judged.count(Damage::Unreadable),
            );
            if !judged.found.is_empty() {
                dice::keep("power", seed);
            }
            assert!(judged.found.is_empty(), "{}:\n{}", replay(seed), judged.told());
            assert!(judged.with_starts > 0 && kinds["flush"] > 10 && !recording.marks.logins_by(usize::MAX).is_empty());
            recording.rig.control.set_faults(Faults::default());
            recording.rig.write(&yaml(&recording.rig));
            let begin = recording.marks.starts.first().expect("a start").place;
            let mut points: Vec<Loss> = losses(&recording, 4 * revivals, &mut dice);
            points.retain(|loss| loss.place > begin);
            let step = (points.len() / usize::try_from(revivals.max(1)).expect("a small number")).max(1);
            let points: Vec<Loss> = points.into_iter().rev().step_by(step).collect();
            let mut jobs = 0;
            for loss in &points {
                let (judgement, made) = revive(&recording, *loss, &mut dice).await;
                jobs += made;
                if !judgement.broken.is_empty() {
                    dice::keep("power", seed);
                }
                judgement.assert_holds(&format!("{} ({loss:?})", replay(seed)));
            }
            println!(
                "figure: power loss, seed {seed}: {} disks brought back to life with {jobs} jobs, none started twice",
                points.len()
            );
            recording.rig.sandbox.stop().await;
        }
    }

    fn kind(entry: &Entry) -> &'static str {
        match entry {
            Entry::Opened { .. } => "open",
            Entry::Written { .. } => "write",
            Entry::Cut { .. } => "cut",
            Entry::FlushBegun { .. } | Entry::Flushed { .. } => "flush",
            Entry::Renamed { .. } | Entry::Unlinked { .. } | Entry::FolderMade { .. } => "name",
            Entry::Sent(_) => "sent",
            Entry::Received(_) => "received",
            Entry::Failed { .. } | Entry::Unknown { .. } => "other",
        }
    }
}

/// Negative controls: with one flush left out, the same disks must show the damage.
#[cfg(feature = "faults")]
mod broken {
    use super::*;

    #[expect(clippy::print_stdout, reason = "the figure is for who reads the output")]
    async fn damage_of(fault: &str) -> Judged {
        let seed = dice::setting("PUNCTUAL_SEED", 7_804);
        let recording = record(seed, [1, 0], Some(fault)).await;
        recording.assert_complete();
        let judged = judge_disks(&recording, 60, &mut Dice::new(seed, 6)).await;
        println!(
            "figure: negative control {fault}, seed {seed}: of {} disks {} without a claim, {} without the login",
            judged.disks,
            judged.count(Damage::Unclaimed),
            judged.count(Damage::Login)
        );
        judged
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn with_commits_that_are_not_flushed_the_disks_show_starts_without_a_claim() {
        let judged = damage_of(punctual::faults::SYNCHRONOUS_NORMAL).await;
        assert!(judged.count(Damage::Unclaimed) > 0, "nothing was found: {}", judged.told());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn with_folders_that_are_not_flushed_the_disks_show_lost_logins() {
        let judged = damage_of(punctual::faults::NO_FOLDER_FLUSH).await;
        assert!(judged.count(Damage::Login) > 0, "nothing was found: {}", judged.told());
    }
}
