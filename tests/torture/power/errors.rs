//! One call after another fails: the n-th write, flush, open, rename, cut or removal in the state folder, with EIO or ENOSPC.
//!
//! Failing once, it must cost nothing but time; a daemon that is not ready yet may end with a sentence, and the next life
//! must do. Failing from the n-th call on, nothing may be started that was not claimed before, the daemon must say so, and
//! when the disk is well again it goes on by itself. Whatever fails: no panic, a whole database, nothing set aside, and the
//! one judge has no findings.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use punctual::clock::later;
#[cfg(not(feature = "faults"))]
use tokio::task::JoinSet;
use url::Url;

use super::dice::{self, Dice};
use super::log::{self, Entry};
use super::rig::{End, Life, Rig};
use super::still::{Due, look};
use super::{Second, file, variables};
use crate::checker::{Calm, Evidence, Forgiven, demand_of, is_open, judge};
use crate::demand::demanded;

/// Schedules that are due at once, next to the two with the one-use login.
const BURST: usize = 6;
const PERIOD: u64 = 4;
/// Daemons side by side.
const AT_ONCE: usize = 8;
/// New schedules begin at the first commit; one that failed is tried again after a second.
const FIRST_COMMIT: Duration = Duration::from_secs(2);
/// A disk that is well again is noticed within so long, and the next burst comes.
const BACK: Duration = Duration::from_secs(10 + PERIOD);

/// I6, while nothing can be written.
const UNCLAIMED: &str = "was started without a claim on the disk";

/// As in `errno.h`.
const EIO: i32 = 5;
const ENOSPC: i32 = 28;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lasting {
    Once,
    /// Until the disk is made well again.
    Stays,
}

#[derive(Clone, Copy, Debug)]
struct Trouble {
    call: u64,
    errno: i32,
    lasting: Lasting,
}

/// What one trouble came to.
#[derive(Debug, Default)]
struct Outcome {
    wrong: Vec<String>,
    /// The call that failed first; none when the life had fewer.
    failed: Option<String>,
    /// Lives that ended before they were ready.
    ended_at_start: usize,
}

fn burst_before(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second() - at.as_second().rem_euclid(PERIOD as i64)).expect("an instant")
}

/// Waits until a life is ready; or gives its end.
async fn ready(rig: &Rig, life: &mut Life, before: u64) -> Option<End> {
    for _ in 0..1_200 {
        if rig.readies() > before {
            return None;
        }
        if let Some(end) = life.ends_within(&rig.clock, Duration::from_millis(50)).await {
            return Some(end);
        }
    }
    panic!("a daemon is neither ready nor gone after a minute: {}", rig.log())
}

async fn first_failure(rig: &Rig, log: &Path, most: Duration) -> Option<(String, Timestamp)> {
    let end = rig.clock.boottime() + most;
    while rig.clock.boottime() < end {
        let failed = log::read(log).into_iter().find_map(|entry| match entry {
            Entry::Failed { number, call, path, at } => {
                let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                Some((format!("{call} {name} ({number})"), at))
            }
            _ => None,
        });
        if failed.is_some() {
            return failed;
        }
        rig.clock.sleep(Duration::from_millis(500)).await;
    }
    None
}

/// Lets this life end if it was never ready, and gives one that is.
async fn a_ready_life(rig: &Rig, outcome: &mut Outcome) -> Option<Life> {
    let before = rig.readies();
    let mut life = rig.live();
    let Some(end) = ready(rig, &mut life, before).await else { return Some(life) };
    outcome.ended_at_start += 1;
    if !matches!(end, End::Code(code) if code != 0) {
        outcome.wrong.push(format!("it ended with {end:?} before it was ready"));
    }
    None
}

async fn suffer(seed: u64, trouble: Trouble, fault: Option<&str>) -> Outcome {
    let mut outcome = Outcome::default();
    let mut rig = Rig::begin(seed, |_| {}).await;
    let yaml = file(&rig.sandbox.base_url(), BURST, PERIOD, Second::OneUse);
    rig.write(&yaml);
    let logs = tempfile::tempdir().expect("a folder");
    let (log, ill) = (logs.path().join("log"), logs.path().join("ill"));
    std::fs::write(&ill, "").expect("a file");
    let Trouble { call, errno, lasting } = trouble;
    let until = match lasting {
        Lasting::Once => String::new(),
        Lasting::Stays => format!(":{}", ill.display()),
    };
    rig.home.environment = variables(rig.folder.path(), &log);
    rig.home.environment.push(("POWER_FAIL".to_owned(), format!("{call}:{errno}{until}")));
    rig.home.environment.extend(fault.map(|fault| ("PUNCTUAL_FAULT".to_owned(), fault.to_owned())));
    let mut life = a_ready_life(&rig, &mut outcome).await;
    let mut from = rig.clock.now();
    if life.is_some() {
        let failed = first_failure(&rig, &log, Duration::from_secs(2 * PERIOD + 1)).await;
        outcome.failed = failed.as_ref().map(|(call, _)| call.clone());
        if let (Lasting::Stays, Some((_, since))) = (lasting, failed) {
            // Two bursts come that cannot be claimed.
            rig.clock.sleep_until(later(burst_before(since), Duration::from_secs(2 * PERIOD + 1))).await;
            let now = rig.clock.now();
            let runs = rig.runs().await;
            let sent = runs.iter().filter(|run| run.sent_at.is_some());
            let claimed: BTreeSet<&str> = sent.flat_map(|run| &run.jobs).map(|job| job.reference.as_str()).collect();
            for job in rig.control.jobs() {
                if demand_of(&job).is_some_and(|demand| demand.due > since) {
                    outcome.wrong.push(format!("job {} was started while nothing could be written", job.id));
                }
                if !job.reference.as_deref().is_some_and(|reference| claimed.contains(reference)) {
                    outcome.wrong.push(format!("job {} {UNCLAIMED}", job.id));
                }
            }
            if !rig.log().contains("ERROR") {
                outcome.wrong.push("it did not say that nothing can be written".to_owned());
            }
            std::fs::remove_file(&ill).expect("a file");
            from = now;
            let made = rig.control.jobs_made();
            tokio::select! {
                () = rig.control.wait_until(|control| control.jobs_made() > made) => {}
                () = rig.clock.sleep(BACK) => outcome.wrong.push("it did not go on when the disk was well again".to_owned()),
            }
            // Schedules that were never written down begin when they can be: one of the known limits.
            if runs.is_empty() {
                from = rig.clock.now();
            }
        }
    } else {
        outcome.failed = first_failure(&rig, &log, Duration::from_secs(1)).await.map(|(call, _)| call);
    }
    // As a service manager does.
    let _ = std::fs::remove_file(&ill);
    if life.is_none() {
        rig.home.environment.clear();
        life = a_ready_life(&rig, &mut outcome).await;
        from = rig.clock.now();
    }
    let Some(mut life) = life else {
        outcome.wrong.push("without a trouble it does not become ready".to_owned());
        return outcome;
    };
    let from = later(from, FIRST_COMMIT);
    rig.clock.sleep_until(later(burst_before(later(from, Duration::from_secs(PERIOD))), Duration::from_secs(1))).await;
    let until = burst_before(rig.clock.now());
    let in_window = |at: &str| at.parse::<Timestamp>().expect("an instant") <= until;
    let _ = rig
        .until(None, Duration::from_secs(60), |runs| {
            runs.iter().any(|run| run.nominal_at.parse::<Timestamp>().expect("an instant") == until)
                && runs.iter().filter(|run| in_window(&run.nominal_at)).all(|run| !is_open(run))
        })
        .await;
    if let Some(end) = life.ends_within(&rig.clock, Duration::ZERO).await {
        outcome.wrong.push(format!("it ended with {end:?} although it was ready"));
    } else {
        life.ask_to_stop();
        let end = life.ended().await;
        if end != End::Code(0) {
            outcome.wrong.push(format!("asked to stop, it ended with {end:?}"));
        }
    }
    let all = rig.control.jobs();
    let evidence = Evidence {
        demanded: demanded(&yaml, from, until),
        jobs: all.iter().filter(|job| demand_of(job).is_none_or(|demand| demand.due <= until)).cloned().collect(),
        runs: rig.runs().await.into_iter().filter(|run| in_window(&run.nominal_at)).collect(),
        forgiven: Forgiven::UpTo(from),
        calm: Some(Calm),
        ..Evidence::default()
    };
    outcome.wrong.extend(judge(&evidence).broken.iter().map(ToString::to_string));
    let server = Url::parse(&rig.sandbox.root_url()).expect("a URL");
    let starts = all.into_iter().filter_map(|job| job.reference).collect();
    let found = look(&rig.state_dir(), &Due { starts, logins: Vec::new(), server }).await;
    outcome.wrong.extend(found.into_iter().map(|found| format!("{:?}: {}", found.damage, found.sentence)));
    if rig.log().contains("panicked") {
        outcome.wrong.push("it panicked".to_owned());
    }
    if !outcome.wrong.is_empty() {
        outcome.wrong.push(rig.log().lines().filter(|line| !line.contains("DEBUG")).collect::<Vec<_>>().join("\n"));
    }
    rig.sandbox.stop().await;
    outcome
}

/// How many calls a life makes up to the end of its first burst.
async fn calls_of_a_life(seed: u64) -> u64 {
    let mut rig = Rig::begin(seed, |_| {}).await;
    rig.write(&file(&rig.sandbox.base_url(), BURST, PERIOD, Second::OneUse));
    let logs = tempfile::tempdir().expect("a folder");
    let log = logs.path().join("log");
    rig.home.environment = variables(rig.folder.path(), &log);
    let life = rig.ready_life().await;
    let ended =
        rig.until(None, Duration::from_secs(30), |runs| runs.iter().filter(|run| !is_open(run)).count() >= BURST).await;
    assert!(ended.is_ok(), "a life without troubles: {}", rig.log());
    life.ask_to_stop();
    assert_eq!(life.ended().await, End::Code(0));
    rig.sandbox.stop().await;
    log::read(&log).iter().filter(|entry| entry.can_fail()).count() as u64
}

/// Every `step`-th call or so, in all four ways in turn.
fn troubles(calls: u64, points: u64, dice: &mut Dice) -> Vec<Trouble> {
    let points = points.min(4 * calls).max(1);
    (0..points)
        .map(|point| {
            let (from, to) = (point * calls / points, ((point + 1) * calls / points).max(point * calls / points + 1));
            let lasting = if point % 3 == 2 { Lasting::Stays } else { Lasting::Once };
            let errno = if dice.percent(50) { EIO } else { ENOSPC };
            Trouble { call: 1 + from + dice.throw(to - from), errno, lasting }
        })
        .collect()
}

#[cfg(not(feature = "faults"))]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a minute of disks that fail: `cargo test --test torture -- --ignored`"]
async fn whichever_call_to_the_disk_fails_nothing_is_started_without_a_claim_and_it_goes_on() {
    let points = dice::setting("PUNCTUAL_IO_POINTS", 16);
    for seed in dice::seeds("errors") {
        let replay = format!(
            "PUNCTUAL_SEED={seed} PUNCTUAL_IO_POINTS={points} cargo test --test torture power::errors -- --ignored --nocapture"
        );
        println!("seed {seed}: {replay}");
        let calls = calls_of_a_life(seed).await;
        let mut dice = Dice::new(seed, 9);
        let mut left = troubles(calls, points, &mut dice);
        let (mut once, mut stays, mut unmet, mut at_start) = (0, 0, 0, 0);
        let mut wrong = Vec::new();
        let mut lanes = JoinSet::new();
        loop {
            while lanes.len() < AT_ONCE
                && let Some(trouble) = left.pop()
            {
                lanes.spawn(async move { (trouble, suffer(seed, trouble, None).await) });
            }
            let Some(lane) = lanes.join_next().await else { break };
            let (trouble, outcome) = lane.expect("a lane ends");
            at_start += outcome.ended_at_start;
            match (&outcome.failed, trouble.lasting) {
                (None, _) => unmet += 1,
                (Some(_), Lasting::Once) => once += 1,
                (Some(_), Lasting::Stays) => stays += 1,
            }
            if !outcome.wrong.is_empty() {
                wrong.push(format!("{trouble:?}, {:?}: {}", outcome.failed, outcome.wrong.join("\n  ")));
            }
        }
        println!(
            "figure: failing calls, seed {seed}: of {calls} calls of a life {once} failed once and {stays} from there on, {unmet} were \
             not reached; {at_start} lives ended before they were ready; {} findings",
            wrong.len()
        );
        if !wrong.is_empty() {
            dice::keep("errors", seed);
        }
        assert!(wrong.is_empty(), "{replay}:\n{}", wrong.join("\n"));
        assert!(once > 0 && stays > 0, "no call failed");
    }
}

/// Negative control: starts that leave before their claim is stored are found when nothing can be stored.
#[cfg(feature = "faults")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_claim_after_the_post_a_failing_disk_shows_starts_without_a_claim() {
    let seed = dice::setting("PUNCTUAL_SEED", 7_804);
    let calls = calls_of_a_life(seed).await;
    let mut outcomes = Vec::new();
    // Past the opening of a new database. Whether one of them is in the commit of a burst's claims, the moments of each life
    // decide: if none was, others are tried, between those of before.
    for round in 0..12 {
        let mut lanes = tokio::task::JoinSet::new();
        for tenth in 4..10 {
            let call = calls * (12 * tenth + round) / 120;
            let trouble = Trouble { call, errno: EIO, lasting: Lasting::Stays };
            lanes.spawn(async move { suffer(seed, trouble, Some(punctual::faults::CLAIM_AFTER_POST)).await });
        }
        outcomes.extend(lanes.join_all().await);
        let wrong = outcomes.iter().flat_map(|outcome| &outcome.wrong);
        let found = wrong.filter(|wrong| wrong.contains(UNCLAIMED)).count();
        println!("figure: negative control claim_after_post with failing calls, seed {seed}: {found} starts found");
        if found > 0 {
            return;
        }
    }
    panic!("nothing was found: {outcomes:?}");
}
