//! The database deleted, and old copies put back, in the middle of bursts: nothing is started twice.
//!
//! What a database of before does not know cannot be promised to be in it again: rows of times up to then are forgiven,
//! second jobs are not. The file `installation` stays, as it does when somebody deletes or restores the database alone.

use std::path::Path;
use std::time::Duration;

use super::checker::{Calm, Evidence, Forgiven, Invariant, demand_of, judge};
use super::demand::demanded;
use super::dice::{self, Dice};
use super::kill_loop::{between_bursts, burst_before, faults, file, finish, next_burst};
use super::rig::Rig;
use super::support::{Story, at, connection};

const FILES: [&str; 3] = ["punctual.db", "punctual.db-wal", "punctual.db-shm"];

/// What is done to the database of a daemon that was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Copied,
    PutBack,
    Deleted,
}

const DEEDS: [Deed; 3] = [Deed::Copied, Deed::PutBack, Deed::Deleted];

fn delete(state: &Path) {
    for name in FILES {
        // A database that was closed has no WAL.
        let _ = std::fs::remove_file(state.join(name));
    }
}

/// The database's files from one folder to another; the place they go to holds just them afterwards.
fn carry(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    delete(to);
    // The shared memory is made anew.
    for name in &FILES[..2] {
        if from.join(name).exists() {
            std::fs::copy(from.join(name), to.join(name)).expect("a copy");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a minute of daemons that are killed: `cargo test --test torture -- --ignored`"]
async fn a_database_that_is_deleted_or_put_back_in_the_middle_of_a_burst_starts_nothing_twice() {
    let seed = dice::setting("PUNCTUAL_SEED", 7_804);
    let rounds = dice::setting("PUNCTUAL_DATABASE_ROUNDS", 1);
    let mut dice = Dice::new(seed, 77);
    let rig = Rig::begin(seed, |_| {}).await;
    let yaml = file(&rig.sandbox.base_url(), 100);
    rig.write(&yaml);
    rig.control.set_faults(faults());
    let copy = rig.folder.path().join("copy");
    let first = between_bursts(&rig).await;
    let mut life = rig.ready_life().await;
    let loaded = rig.clock.now();
    assert!(loaded < first, "the first life took too long to begin");
    let mut forgiven = Forgiven::Nothing;
    for _ in 0..rounds {
        for deed in DEEDS {
            let burst = next_burst(rig.clock.now());
            rig.clock.sleep_until(burst).await;
            let enough = rig.control.jobs_made() + 10 + dice.throw(60) as usize;
            tokio::select! {
                () = rig.control.wait_until(|control| control.jobs_made() >= enough) => {}
                () = rig.clock.sleep(Duration::from_secs(5)) => {}
            }
            life.kill().await;
            match deed {
                Deed::Copied => carry(&rig.state_dir(), &copy),
                Deed::PutBack => carry(&copy, &rig.state_dir()),
                Deed::Deleted => delete(&rig.state_dir()),
            }
            match deed {
                Deed::Copied => {}
                Deed::PutBack | Deed::Deleted => forgiven = Forgiven::UpTo(rig.clock.now()),
            }
            life = rig.ready_life().await;
            println!(
                "{deed:?} in the burst of {} after {} jobs",
                burst_before(rig.clock.now()),
                rig.control.jobs_made()
            );
        }
    }
    let made = rig.control.jobs_made();
    let judgement = finish(&rig, life, &yaml, loaded, None, forgiven).await;
    let doubled = judgement.broken.iter().filter(|broken| broken.invariant == Invariant::I2).count();
    println!(
        "figure: database lost, seed {seed}: {rounds} × copied, put back, deleted in bursts of 100; {made} starts, started twice {doubled}"
    );
    judgement
        .assert_holds(&format!("PUNCTUAL_SEED={seed} cargo test --test torture lost_database -- --include-ignored"));
    rig.sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_is_an_hour_old_put_back_in_the_middle_of_a_burst_starts_nothing_twice() {
    let mut schedules = String::from("defaults: { timezone: UTC, overlap: allow, folder: Shared }\nschedules:\n");
    for n in 0..100 {
        schedules.push_str(&format!(
            "  s{n:03}: {{ every: 10m, start: {{ process: Heartbeat, arguments: {{ schedule: s{n:03}, due: \"${{nominal}}\" }} }} }}\n"
        ));
    }
    let mut story = Story::with(
        "2026-11-23T10:59:00Z",
        |config| config.tenant.folders[0].robots = 1_000,
        |url| format!("{}{schedules}", connection(url)),
    )
    .await;
    let minute = Duration::from_secs(60);
    let copy = story.folder.path().join("copy");
    story.pass_to("2026-11-23T11:00:00Z").await;
    story.pass_in_steps(minute, Duration::from_secs(1)).await;
    story.stop_daemon().await;
    carry(&story.state_dir(), &copy);
    story.start_daemon().await;
    for tens in 1..6 {
        story.pass_to(&format!("2026-11-23T11:{tens}0:00Z")).await;
        story.pass_in_steps(minute, Duration::from_secs(2)).await;
    }
    story.pass_to("2026-11-23T12:00:00Z").await;
    story.pass_in_steps(Duration::from_secs(2), Duration::from_secs(1)).await;
    let noon = at("2026-11-23T12:00:00Z");
    let of_noon = |story: &Story| {
        let jobs = story.control.jobs();
        jobs.iter().filter(|job| demand_of(job).is_some_and(|demand| demand.due == noon)).count()
    };
    let before = of_noon(&story);
    assert!((10..90).contains(&before), "{before} of 100 had been started: this is not the middle");
    story.stop_daemon().await;
    carry(&copy, &story.state_dir());
    story.start_daemon().await;
    story.pass_in_steps(4 * minute, Duration::from_secs(2)).await;
    let after = of_noon(&story);
    println!("figure: a copy an hour old put back after {before} of 100 starts: {after} jobs in the end");
    assert_eq!(after, 100, "the rest of the burst is started, what was started is found");
    let evidence = Evidence {
        demanded: demanded(&story.yaml, at("2026-11-23T10:59:00Z"), story.clock.now()),
        jobs: story.control.jobs(),
        runs: story.runs().await,
        forgiven: Forgiven::UpTo(at("2026-11-23T11:59:59Z")),
        calm: Some(Calm),
        ..Evidence::default()
    };
    judge(&evidence).assert_holds("an hour-old copy");
    story.end().await;
}
