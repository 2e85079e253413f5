//! Dies at every step of a renewal of a one-use refresh token, and logs in again from what it left.
//!
//! Only one step can cost the login: the answer has arrived and is not on the disk, and the server forgives no replay. Then
//! the runs wait, nothing is called failed, and a new login goes on without a restart (T10).

use std::time::Duration;

use jiff::Timestamp;
use punctual::faults;

use super::checker::{Calm, Evidence, judge};
use super::demand::demanded;
use super::rig::{Rig, is_kill};
use super::support::write_secret;

/// Where it dies, and at which passing: the first save of a renewal is the note that it is under way.
const PLACES: [(&str, u32); 6] = [
    (faults::FAIL_TOKEN_WRITTEN, 1),
    (faults::FAIL_TOKEN_RENAMED, 1),
    (faults::FAIL_TOKEN_NOTED, 1),
    (faults::FAIL_TOKEN_ANSWERED, 1),
    (faults::FAIL_TOKEN_WRITTEN, 2),
    (faults::FAIL_TOKEN_RENAMED, 2),
];

const GRACES: [Option<Duration>; 2] = [Some(Duration::from_secs(60)), None];

/// What became of the login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Login {
    Kept,
    Lost,
}

fn expected(place: &str, grace: Option<Duration>) -> Login {
    match grace {
        None if place == faults::FAIL_TOKEN_ANSWERED => Login::Lost,
        Some(_) | None => Login::Kept,
    }
}

async fn die_and_log_in(place: &'static str, passing: u32, grace: Option<Duration>) -> Vec<String> {
    let mut rig = Rig::begin(7_804, |config| config.identity.reuse_grace = grace).await;
    let due = Timestamp::from_second(rig.clock.now().as_second() + 4).expect("an instant");
    let yaml = format!(
        "version: 1\nconnections:\n  uipath:\n    url: {}\n    tenant: acmeprod\n    auth: {{ grant: refresh_token, client_id: \
         sandbox-client, client_secret: \"file:client-secret\", refresh_token: \"file:refresh-token\" }}\nschedules:\n  \
         payroll: {{ at: \"{due}\", timezone: UTC, start: {{ process: Burst, folder: Shared, arguments: {{ schedule: payroll, \
         due: \"${{nominal}}\" }} }} }}\n",
        rig.sandbox.base_url()
    );
    rig.write(&yaml);
    rig.home.environment.push(("PUNCTUAL_FAIL_AT".to_owned(), format!("{place}/token:{passing}")));
    let loaded = rig.clock.now();
    let mut first = rig.live();
    let end = first.ends_within(&rig.clock, Duration::from_secs(15)).await;
    if !end.is_some_and(is_kill) {
        return vec![format!("it did not die at {place}:{passing}: {end:?}\n{}", rig.log())];
    }
    rig.home.environment.clear();
    let life = rig.ready_life().await;
    let mut wrong = Vec::new();
    let ended = |runs: &[punctual::history::RunSummary]| runs.iter().any(|run| run.ended_at.is_some());
    let waits = |runs: &[punctual::history::RunSummary]| runs.iter().any(|run| run.state.reason() == Some("token"));
    let seen = rig.until(None, Duration::from_secs(30), |runs| ended(runs) || waits(runs)).await;
    let login = if seen.as_deref().is_ok_and(waits) { Login::Lost } else { Login::Kept };
    if login != expected(place, grace) {
        wrong.push(format!("the login is {login:?}: {seen:?}"));
    }
    if login == Login::Lost {
        let anew = rig.control.mint_refresh_token("sandbox-client").expect("the client is known");
        write_secret(&rig.folder.path().join("refresh-token"), &anew);
    }
    let seen = rig.until(None, Duration::from_secs(40), ended).await;
    if !seen.as_deref().is_ok_and(|runs| runs.iter().all(|run| run.state.name() == "succeeded")) {
        wrong.push(format!("the run did not succeed: {seen:?}"));
    }
    life.ask_to_stop();
    life.ended().await;
    let evidence = Evidence {
        demanded: demanded(&yaml, loaded, due),
        jobs: rig.control.jobs(),
        runs: rig.runs().await,
        calm: Some(Calm),
        outputs: rig.outputs(),
        secrets: rig.control.secrets(),
        ..Evidence::default()
    };
    wrong.extend(judge(&evidence).broken.iter().map(ToString::to_string));
    rig.sandbox.stop().await;
    wrong
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_death_at_every_step_of_a_renewal_costs_no_login_that_the_server_would_forgive() {
    let mut tasks = Vec::new();
    for (place, passing) in PLACES {
        for grace in GRACES {
            let task = tokio::spawn(die_and_log_in(place, passing, grace));
            tasks.push((format!("{place}:{passing}, grace {grace:?}"), task));
        }
    }
    let count = tasks.len();
    let mut wrong = Vec::new();
    for (name, task) in tasks {
        wrong.extend(task.await.expect("a cell ends").into_iter().map(|told| format!("{name}: {told}")));
    }
    println!("figure: kill at every step of a renewal: {count} cells, {} findings", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
