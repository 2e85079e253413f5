//! The disk is full for a while, in the middle of bursts: nothing is started without a claim, it is said within five seconds,
//! running jobs are followed to their end, and within ten seconds of room it goes on by itself.
//!
//! In two ways. A small disk in memory is filled to its last byte, or to a few pages; it needs a mount, so this test runs
//! itself once more in a mount namespace of its own, which takes the mount away whatever happens. And a limit on the length of
//! files is put on the running daemon from outside (every write beyond it fails, as on a disk that is full or broken), which
//! needs nothing. Each round begins with a new life, whose short WAL has to grow with the next commit.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use jiff::Timestamp;
use punctual::clock::later;
use punctual::history::{History, HistoryFilter};
use punctual::sandbox::ProcessSpec;
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Row};

use super::checker::{Forgiven, demand_of};
use super::demand::Demand;
use super::dice::{self, Dice};
use super::kill_loop::{between_bursts, file, finish, next_burst};
use super::rig::{Life, Rig};

/// Room for some bursts; what is left of it the ballast takes.
const DISK: &str = "size=16m,mode=700";
/// In the log, once for each time that nothing can be stored.
const TOLD: [&str; 2] = ["Nothing can be written", "The database has not answered"];
/// semantics.md 25.
const LONGEST_SILENCE: Duration = Duration::from_secs(5);
/// From room to the next start, of which there is one every two seconds.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// A job that runs on while the disk is full.
const LONG_JOB: Duration = Duration::from_secs(6);
/// Within which its end is seen: it is looked for every five seconds.
const SEEN: Duration = Duration::from_secs(13);

/// How room is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// All of the small disk, but for so many bytes.
    Disk { left: u64 },
    /// No file of the daemon may be longer than so many bytes, or than its WAL is now.
    Limit { bytes: Option<u64> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Disk,
    Limit,
}

fn way(kind: Kind, round: u64, dice: &mut Dice) -> Way {
    match (kind, round) {
        // To the last byte first, then with a few pages left.
        (Kind::Disk, 0) => Way::Disk { left: 0 },
        (Kind::Disk, _) => Way::Disk { left: 4_096 * dice.throw(40) },
        (Kind::Limit, 0) => Way::Limit { bytes: None },
        (Kind::Limit, _) => Way::Limit { bytes: Some(dice.throw(2) * dice.throw(400_000)) },
    }
}

/// What the rounds came to.
#[derive(Default)]
struct Seen {
    slowest_word: Duration,
    slowest_start: Duration,
    followed: usize,
    unclaimed: Vec<String>,
}

fn yaml(url: &str, first: Timestamp) -> String {
    let line = |key: &str, rhythm: &str, process: &str| {
        format!(
            "  {key}: {{ every: {rhythm}, starts: \"{first}\", timezone: UTC, start: {{ process: {process}, arguments: {{ schedule: {key}, due: \
             \"${{nominal}}\" }} }} }}\n"
        )
    };
    // Something is to be written every two seconds, so silence is not for want of anything to say.
    file(url, 60) + &line("pulse", "2s", "Burst") + &line("long", "10s", "Long")
}

fn take_room(way: Way, rig: &Rig, life: &Life) {
    match way {
        Way::Disk { left } => {
            let mut ballast = File::create(rig.state_dir().join("ballast")).expect("the ballast is begun");
            loop {
                match ballast.write(&[7; 4_096]) {
                    Ok(_) => {}
                    Err(cause) if cause.kind() == ErrorKind::StorageFull => break,
                    Err(cause) => panic!("the disk is not full but broken: {cause}"),
                }
            }
            let length = ballast.metadata().expect("its length").len();
            ballast.set_len(length.saturating_sub(left)).expect("some of it is given back");
        }
        Way::Limit { bytes } => {
            let wal = std::fs::metadata(rig.state_dir().join("punctual.db-wal")).map_or(0, |wal| wal.len());
            limit(life, Some(bytes.unwrap_or(wal)));
        }
    }
}

fn give_room(way: Way, rig: &Rig, life: &Life) {
    match way {
        Way::Disk { .. } => std::fs::remove_file(rig.state_dir().join("ballast")).expect("the ballast is there"),
        Way::Limit { .. } => limit(life, None),
    }
}

fn limit(life: &Life, bytes: Option<u64>) {
    let process = i32::try_from(life.process).ok().and_then(Pid::from_raw).expect("a process");
    prlimit(Some(process), Resource::Fsize, Rlimit { current: bytes, maximum: None }).expect("the limit is set");
}

/// Whether the very next write that needs room fails.
fn is_full(way: Way) -> bool {
    matches!(way, Way::Disk { left: 0 } | Way::Limit { bytes: None })
}

fn words(rig: &Rig) -> usize {
    rig.log().lines().filter(|line| TOLD.iter().any(|told| line.contains(told))).count()
}

/// Waits until `reached`, and gives how long it took.
async fn took(rig: &Rig, most: Duration, mut reached: impl FnMut() -> bool) -> Option<Duration> {
    let began = rig.clock.boottime();
    loop {
        let passed = rig.clock.boottime() - began;
        if reached() {
            return Some(passed);
        }
        if passed > most {
            return None;
        }
        rig.clock.sleep(Duration::from_millis(50)).await;
    }
}

/// What is on the disk, read from a copy: a reader would want room next to the files.
async fn claims_on_disk(rig: &Rig) -> Vec<Demand> {
    for _ in 0..50 {
        let copy = tempfile::tempdir().expect("a folder");
        for name in ["punctual.db", "punctual.db-wal"] {
            // A closed database has no WAL.
            let _ = std::fs::copy(rig.state_dir().join(name), copy.path().join(name));
        }
        // Files that change while they are copied do not fit together.
        let Ok(mut whole) = SqliteConnectOptions::new().filename(copy.path().join("punctual.db")).connect().await
        else {
            continue;
        };
        #[expect(clippy::disallowed_methods, reason = "the copy is checked as any SQL tool does it")]
        let check = sqlx::query("pragma quick_check").fetch_one(&mut whole).await.map(|row| row.get::<String, _>(0));
        drop(whole);
        if !check.is_ok_and(|check| check == "ok") {
            continue;
        }
        let history = History::open(copy.path()).await.expect("there is a history");
        let runs = history.list(&HistoryFilter::default()).await.expect("it is read");
        history.close().await;
        let claimed = runs.into_iter().filter(|run| run.sent_at.is_some());
        return claimed
            .map(|run| Demand { schedule: run.schedule, due: run.nominal_at.parse().expect("an instant") })
            .collect();
    }
    panic!("the database cannot be copied whole");
}

/// I6 while nothing can be stored: jobs that exist without a claim on the disk.
async fn look_for_unclaimed(rig: &Rig, seen: &mut Seen) {
    let jobs = rig.control.jobs();
    let claimed = claims_on_disk(rig).await;
    for job in jobs {
        let Some(demand) = demand_of(&job).filter(|demand| !claimed.contains(demand)) else { continue };
        seen.unclaimed.push(format!(
            "job {} of `{}` of {} was made without a claim on disk",
            job.id, demand.schedule, demand.due
        ));
    }
}

/// One full disk. The life is ready, and a burst is about to come.
async fn round(rig: &Rig, life: &Life, way: Way, dice: &mut Dice, seen: &mut Seen) {
    let burst = next_burst(rig.clock.now());
    rig.clock.sleep_until(later(burst, Duration::from_millis(dice.throw(3_500)))).await;
    let before = words(rig);
    let full_at: Timestamp = rig.clock.now();
    take_room(way, rig, life);
    let word = took(rig, 6 * LONGEST_SILENCE, || words(rig) > before).await;
    let word = word.unwrap_or_else(|| panic!("{way:?}: nobody said that nothing can be written:\n{}", tail(rig)));
    // With a few pages left it is not full yet: writes go on until they are taken.
    if is_full(way) {
        seen.slowest_word = seen.slowest_word.max(word);
    }
    let status = rig.command(&["status", "-o", "json"]).stdout(std::process::Stdio::piped()).output().await;
    let status = String::from_utf8_lossy(&status.expect("status runs").stdout).into_owned();
    // With a little room left it may go on for a moment, and then fails again.
    if is_full(way) {
        assert!(status.contains("the database cannot be written, so nothing is started"), "{way:?}: {status}");
    }
    look_for_unclaimed(rig, seen).await;
    let long = rig.control.jobs().into_iter().rev().find(|job| job.process == "Long" && job.created_at < full_at);
    rig.clock.sleep_until(later(burst, SEEN + Duration::from_millis(dice.throw(4_000)))).await;
    look_for_unclaimed(rig, seen).await;
    if let Some(long) = long {
        let path = format!("/odata/Jobs({})", long.id);
        let read = |exchange: &punctual::sandbox::Exchange| exchange.at > full_at && exchange.path.ends_with(&path);
        seen.followed += usize::from(rig.control.exchanges().iter().any(read));
    }
    let made = rig.control.jobs_made();
    give_room(way, rig, life);
    let start = took(rig, 3 * LONGEST_WAIT, || rig.control.jobs_made() > made).await;
    let start = start.unwrap_or_else(|| panic!("{way:?}: there is room, and nothing is started:\n{}", tail(rig)));
    seen.slowest_start = seen.slowest_start.max(start);
}

fn tail(rig: &Rig) -> String {
    let log = rig.log();
    let lines: Vec<&str> = log.lines().filter(|line| !line.contains("DEBUG")).collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

async fn rig_for(kind: Kind, seed: u64) -> Rig {
    let mut rig = Rig::begin(seed, |config| {
        config.tenant.folders[0].processes.push(ProcessSpec::new("Long").taking(Duration::ZERO, LONG_JOB));
    })
    .await;
    if kind == Kind::Limit {
        // Without the trap the first byte too many ends the process instead of failing to be written.
        rig.home.wrapper = ["sh", "-c", "trap '' XFSZ; exec \"$0\" \"$@\""].map(str::to_owned).to_vec();
    }
    std::fs::create_dir(rig.state_dir()).expect("the state folder");
    rig
}

#[expect(clippy::print_stdout, reason = "the figure is for who reads the output")]
async fn disk_is_full(kind: Kind, name: &str) {
    let seed = dice::setting("PUNCTUAL_SEED", 7_804);
    let rounds = dice::setting("PUNCTUAL_FILLS", 2);
    let replay = format!(
        "PUNCTUAL_SEED={seed} PUNCTUAL_FILLS={rounds} cargo test --test torture disk_full -- --ignored --nocapture"
    );
    println!("seed {seed}: {replay}");
    let mut dice = Dice::new(seed, 600);
    let rig = rig_for(kind, seed).await;
    if kind == Kind::Disk {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", DISK, "punctual-torture"]).arg(rig.state_dir());
        assert!(mount.status().expect("mount runs").success(), "the small disk is mounted");
    }
    let first = between_bursts(&rig).await;
    let text = yaml(&rig.sandbox.base_url(), first);
    rig.write(&text);
    let mut seen = Seen::default();
    let mut life = rig.ready_life_with_piped_log().await;
    let loaded = rig.clock.now();
    assert!(loaded < first, "the first life took too long to begin");
    for number in 0..rounds {
        if number > 0 {
            life.ask_to_stop();
            life.ended().await;
            life = rig.ready_life_with_piped_log().await;
        }
        let way = way(kind, number, &mut dice);
        round(&rig, &life, way, &mut dice, &mut seen).await;
    }
    let state = rig.state_dir();
    let mut judgement = finish(&rig, life, &text, loaded, Some(seen.unclaimed), Forgiven::Nothing).await;
    // What the judge leaves out: the log is long, and holds what was said of the disk.
    assert_eq!(integrity(&state).await, "ok", "{replay}");
    println!(
        "figure: {name}, seed {seed}: {rounds} times full in bursts; said after {} ms at most, a start {} ms after there was room, \
         {} long jobs seen to end meanwhile; {} starts, {} findings, integrity_check ok",
        seen.slowest_word.as_millis(),
        seen.slowest_start.as_millis(),
        seen.followed,
        rig.control.jobs_made(),
        judgement.broken.len()
    );
    if !judgement.broken.is_empty() {
        dice::keep("disk_full", seed);
    }
    judgement.broken.truncate(12);
    judgement.assert_holds(&replay);
    assert!(seen.slowest_word <= LONGEST_SILENCE, "{replay}: said after {:?}", seen.slowest_word);
    assert!(seen.slowest_start <= LONGEST_WAIT, "{replay}: a start came {:?} after there was room", seen.slowest_start);
    assert!(seen.followed as u64 == rounds, "{replay}: {} of {rounds} long jobs were seen to end", seen.followed);
    rig.sandbox.stop().await;
}

#[expect(clippy::disallowed_methods, reason = "the database is checked as any SQL tool does it")]
async fn integrity(state: &Path) -> String {
    let path: PathBuf = state.join("punctual.db");
    let mut database = SqliteConnectOptions::new().filename(path).connect().await.expect("the database opens");
    sqlx::query("pragma integrity_check").fetch_one(&mut database).await.expect("it is checked").get(0)
}

#[cfg(not(feature = "faults"))]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a minute of disks that fail: `cargo test --test torture -- --ignored`"]
async fn writes_that_fail_for_a_while_start_nothing_without_a_claim_and_lose_nothing() {
    disk_is_full(Kind::Limit, "writes that fail").await;
}

/// The ways to a mount of one's own: as anybody where the kernel allows it, as root else.
const NAMESPACES: [&str; 2] = ["-rm", "-m"];

#[cfg(not(feature = "faults"))]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a minute of disks that fill: `cargo test --test torture -- --ignored`"]
async fn a_disk_that_is_full_for_a_while_starts_nothing_without_a_claim_and_loses_nothing() {
    const NAME: &str = "disk_full::a_disk_that_is_full_for_a_while_starts_nothing_without_a_claim_and_loses_nothing";
    if std::env::var_os("PUNCTUAL_TEST_CHILD").is_some() {
        return disk_is_full(Kind::Disk, "disk full").await;
    }
    let works = |way: &str| {
        let try_it = format!("mount -t tmpfs -o {DISK} punctual-torture /tmp");
        Command::new("unshare").args([way, "sh", "-c", &try_it]).output().is_ok_and(|output| output.status.success())
    };
    let Some(way) = NAMESPACES.into_iter().find(|way| works(way)) else {
        assert!(std::env::var_os("PUNCTUAL_MOUNTS_REQUIRED").is_none(), "nothing can be mounted here");
        println!(
            "left out: nothing can be mounted here, so no disk was filled (PUNCTUAL_MOUNTS_REQUIRED=1 makes this a failure)"
        );
        return;
    };
    let mut child = Command::new("unshare");
    child.arg(way).arg(std::env::current_exe().expect("this test")).args([
        "--exact",
        NAME,
        "--include-ignored",
        "--nocapture",
    ]);
    let output = tokio::task::spawn_blocking(move || child.env("PUNCTUAL_TEST_CHILD", "1").output()).await;
    let output = output.expect("it is waited for").expect("the test runs once more");
    let said = String::from_utf8_lossy(&output.stdout);
    for line in said.lines().filter(|line| line.starts_with("figure: ") || line.starts_with("seed ")) {
        println!("{line}");
    }
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}\n{told}");
}

/// Negative control: starts that leave before their claim is stored are found while nothing can be stored.
#[cfg(feature = "faults")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn starts_without_a_claim_on_a_full_disk_are_found() {
    let seed = dice::setting("PUNCTUAL_SEED", 7_804);
    let mut rig = rig_for(Kind::Limit, seed).await;
    rig.home.environment.push(("PUNCTUAL_FAULT".to_owned(), punctual::faults::CLAIM_AFTER_POST.to_owned()));
    let first = between_bursts(&rig).await;
    rig.write(&yaml(&rig.sandbox.base_url(), first));
    let life = rig.ready_life_with_piped_log().await;
    rig.clock.sleep_until(next_burst(rig.clock.now())).await;
    take_room(Way::Limit { bytes: None }, &rig, &life);
    let mut seen = Seen::default();
    for _ in 0..10 {
        rig.clock.sleep(Duration::from_secs(1)).await;
        look_for_unclaimed(&rig, &mut seen).await;
        if !seen.unclaimed.is_empty() {
            break;
        }
    }
    println!(
        "figure: negative control claim_after_post on a full disk, seed {seed}: {} starts without a claim",
        seen.unclaimed.len()
    );
    assert!(!seen.unclaimed.is_empty(), "nothing was found:\n{}", tail(&rig));
    rig.sandbox.stop().await;
}
