//! Asked to stop at any moment, hung up on a hundred times a second, with a second daemon and impatient people at the door.

use std::process::Stdio;
use std::time::Duration;

use super::checker::Forgiven;
use super::dice;
use super::kill_loop::{self, Lane, OnDamage, Weapon, between_bursts, file, finish};
use super::rig::Rig;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a minute of daemons that are stopped: `cargo test --test torture -- --ignored`"]
async fn daemons_that_are_asked_to_stop_in_bursts_end_with_0_in_time_and_lose_nothing() {
    let (seed, stops) = (dice::setting("PUNCTUAL_SEED", 7_804), dice::setting("PUNCTUAL_STOPS", 25));
    let lane = Lane { seed, number: 100, kills: stops, fault: None, on_damage: OnDamage::GoOn, weapon: Weapon::Stop };
    let outcome = kill_loop::run(lane).await;
    println!(
        "figure: SIGTERM, seed {seed}: {} stops in bursts, the slowest took {} ms; {} starts, {} findings",
        outcome.kills,
        outcome.slowest_stop.as_millis(),
        outcome.starts,
        outcome.judgement.broken.len()
    );
    outcome.judgement.assert_holds(&format!(
        "PUNCTUAL_SEED={seed} PUNCTUAL_STOPS={stops} cargo test --test torture signals -- --ignored"
    ));
}

/// What SQLite says when somebody is in somebody's way; people must not read it.
const QUARRELS: [&str; 5] = ["locked", "busy", "malformed", "corrupt", "panicked"];

/// A command that people give, to its end: its exit code and all that it said.
async fn say(rig: &Rig, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = rig.command(arguments);
    let output = command
        .env_remove("NOTIFY_SOCKET")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()
        .await
        .expect("the command runs");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code(), said)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a minute of commands: `cargo test --test torture -- --ignored`"]
async fn hang_ups_second_daemons_and_hammering_commands_disturb_no_burst() {
    let seed = dice::setting("PUNCTUAL_SEED", 7_804);
    let rig = Rig::begin(seed, |_| {}).await;
    let yaml = file(&rig.sandbox.base_url(), 100);
    rig.write(&yaml);
    let first = between_bursts(&rig).await;
    let life = rig.ready_life().await;
    let loaded = rig.clock.now();
    assert!(loaded < first, "the life took too long to begin");
    rig.clock.sleep_until(first).await;
    // Two bursts long.
    let end = rig.clock.boottime() + Duration::from_secs(dice::setting("PUNCTUAL_HAMMER_SECONDS", 14));
    let hang_ups = async {
        let mut count = 0_u32;
        while rig.clock.boottime() < end {
            life.hang_up();
            count += 1;
            rig.clock.sleep(Duration::from_millis(10)).await;
        }
        count
    };
    let seconds = async {
        let mut count = 0_u32;
        while rig.clock.boottime() < end {
            let (code, said) = say(&rig, &["daemon"]).await;
            assert_eq!(code, Some(75), "{said}");
            count += 1;
        }
        count
    };
    let people = async {
        let mut count = 0_u32;
        while rig.clock.boottime() < end {
            let asked: [&[&str]; 5] =
                [&["runs", "-o", "json"], &["next"], &["status"], &["check"], &["runs", "--state", "unknown"]];
            for arguments in asked {
                let (code, said) = say(&rig, arguments).await;
                // It says so where a person must act (semantics.md 43).
                let fits = code == Some(0) || code == Some(1) && arguments[0] == "status";
                assert!(fits, "{arguments:?}: {code:?} {said}");
                let quarrel = QUARRELS.iter().find(|word| said.contains(**word));
                assert_eq!(quarrel, None, "{arguments:?}: {said}");
                count += 1;
            }
            if let Some(run) = rig.runs().await.first() {
                let (code, said) = say(&rig, &["show", &run.run]).await;
                assert_eq!(code, Some(0), "show {}: {said}", run.run);
            }
        }
        count
    };
    let (hang_ups, seconds, people) = tokio::join!(hang_ups, seconds, people);
    let judgement = finish(&rig, life, &yaml, loaded, None, Forgiven::Nothing).await;
    println!(
        "figure: hammering, seed {seed}: {hang_ups} SIGHUPs, {seconds} second daemons (75), {people} commands; {} starts, {} findings",
        rig.control.jobs_made(),
        judgement.broken.len()
    );
    let log = rig.log();
    let quarrel = log.lines().find(|line| QUARRELS.iter().any(|word| line.contains(word)));
    assert_eq!(quarrel, None, "the daemon's log");
    judgement.assert_holds(&format!("PUNCTUAL_SEED={seed} cargo test --test torture signals -- --ignored"));
    rig.sandbox.stop().await;
}
