//! A copy put back in the middle of a burst doubles starts when the folder does not remember how often its database was written,
//! and a turned bit starts something else when rows have no seal. With both in place nothing of it happens.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use punctual::clock::later;
use punctual::faults;
use punctual::sandbox::{Endpoint, Fault, FaultRule, Faults, Outage};
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;

use super::checker::{demand_of, is_open};
use super::dice::{self, Dice};
use super::kill_loop::{SETTLE, file, next_burst};
use super::rig::Rig;
use super::support;

const FILES: [&str; 3] = ["punctual.db", "punctual.db-wal", "punctual.db-shm"];

/// The database's files alone, as somebody copies them; shared memory is made anew.
fn carry(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for name in FILES {
        // It need not be there.
        let _ = std::fs::remove_file(to.join(name));
    }
    for name in &FILES[..2] {
        if from.join(name).exists() {
            std::fs::copy(from.join(name), to.join(name)).expect("a copy");
        }
    }
}

/// Copies before a burst, kills in the middle of it, puts the copy back: gives how many times were started twice.
async fn put_back(fault: Option<&str>, rounds: u32) -> usize {
    let seed = dice::setting("PUNCTUAL_SEED", 7_804);
    let mut dice = Dice::new(seed, 78);
    let mut rig = Rig::begin(seed, |_| {}).await;
    rig.home.environment.extend(fault.map(|fault| ("PUNCTUAL_FAULT".to_owned(), fault.to_owned())));
    rig.write(&file(&rig.sandbox.base_url(), 60));
    // Jobs that are there and are not shown yet.
    let late = FaultRule::always(Fault::Late(SETTLE / 2)).on(Endpoint::StartJobs);
    rig.control.set_faults(Faults { rules: vec![late] });
    let copy = rig.folder.path().join("copy");
    let mut life = rig.ready_life().await;
    let mut doubled = 0;
    for _ in 0..rounds {
        let burst = next_burst(later(rig.clock.now(), Duration::from_secs(2)));
        rig.clock.sleep_until(punctual::clock::earlier(burst, Duration::from_secs(1))).await;
        carry(&rig.state_dir(), &copy);
        rig.clock.sleep_until(burst).await;
        let enough = rig.control.jobs_made() + 10 + dice.throw(30) as usize;
        tokio::select! {
            () = rig.control.wait_until(|control| control.jobs_made() >= enough) => {}
            () = rig.clock.sleep(Duration::from_secs(5)) => {}
        }
        life.kill().await;
        carry(&copy, &rig.state_dir());
        life = rig.ready_life().await;
        rig.clock.sleep(SETTLE + Duration::from_secs(2)).await;
        let mut made: BTreeMap<_, usize> = BTreeMap::new();
        for demand in rig.control.jobs().iter().filter_map(demand_of) {
            *made.entry(demand).or_default() += 1;
        }
        doubled = made.values().filter(|count| **count > 1).count();
        if doubled > 0 {
            break;
        }
    }
    life.kill().await;
    rig.sandbox.stop().await;
    doubled
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_copy_that_is_not_recognised_starts_jobs_twice() {
    let (sound, broken) = tokio::join!(put_back(None, 2), put_back(Some(faults::NO_COUNTER), 6));
    println!("figure: negative control {}: started twice {broken}, and {sound} with the counter", faults::NO_COUNTER);
    assert_eq!(sound, 0);
    assert!(broken > 0, "the harness found no double start");
}

/// A run that waits has a bit turned in what it is to start; gives the arguments of the jobs that were made, and the log.
async fn turn_a_bit(fault: Option<&str>) -> (Vec<String>, String) {
    let mut rig = Rig::begin(dice::setting("PUNCTUAL_SEED", 7_804), |_| {}).await;
    rig.home.environment.extend(fault.map(|fault| ("PUNCTUAL_FAULT".to_owned(), fault.to_owned())));
    let due = later(rig.clock.now(), Duration::from_secs(4));
    let due = jiff::Timestamp::from_second(due.as_second()).expect("an instant");
    let mut yaml = support::connection(&rig.sandbox.base_url());
    yaml.push_str(&format!(
        "    settle: 2s\ndefaults: {{ timezone: UTC, folder: Shared }}\nschedules:\n  one: {{ at: \"{due}\", start: {{ process: Burst, \
         arguments: {{ schedule: one, due: \"${{nominal}}\" }} }} }}\n"
    ));
    rig.write(&yaml);
    let life = rig.ready_life().await;
    rig.control.set_outage(Outage::Refused);
    let waits = |runs: &[punctual::history::RunSummary]| runs.iter().any(|run| run.state.name() == "waiting");
    rig.until(None, Duration::from_secs(30), waits).await.expect("it waits");
    life.kill().await;
    let mut database =
        SqliteConnectOptions::new().filename(rig.state_dir().join("punctual.db")).connect().await.expect("it opens");
    // One bit of a letter.
    #[expect(clippy::disallowed_methods, reason = "the database is damaged from outside")]
    sqlx::query("update run set payload = replace(payload, 'due', 'dug')")
        .execute(&mut database)
        .await
        .expect("it is damaged");
    drop(database);
    rig.control.set_outage(Outage::None);
    let life = rig.ready_life().await;
    // Where no job has been seen yet, an unclear start is kept for a person.
    let ended = |runs: &[punctual::history::RunSummary]| {
        !runs.is_empty() && runs.iter().all(|run| !is_open(run) || run.state.name() == "held")
    };
    rig.until(None, Duration::from_secs(60), ended).await.expect("it ends");
    life.kill().await;
    let made = rig.control.jobs().iter().map(|job| format!("{:?}", job.arguments)).collect();
    let log = rig.log();
    rig.sandbox.stop().await;
    (made, log)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bit_that_was_turned_in_a_waiting_run_starts_something_else_without_its_seal() {
    let ((sound, log), (broken, _)) = tokio::join!(turn_a_bit(None), turn_a_bit(Some(faults::NO_SEAL)));
    println!("figure: negative control {}: started with {broken:?}, and with {sound:?} under a seal", faults::NO_SEAL);
    assert!(log.contains("is damaged: it was changed, and not by punctual"), "{log}");
    assert!(!sound.iter().any(|arguments| arguments.contains("dug")), "{sound:?}");
    assert!(broken.iter().any(|arguments| arguments.contains("dug")), "the harness found no wrong start: {broken:?}");
}
