//! A daemon that is asked to stop while its database blocks.

use punctual::clock::Clock;
use punctual::sandbox::{Sandbox, SandboxConfig};
use punctual::store::StateFolder;
use rustix::process::Signal;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Executor};

use super::place::{FINE, Place, in_time, signal, text};
use super::{ended, lines};

/// The promise of semantics.md 28, and what a loaded machine adds to it.
const IN_TIME_S: u64 = 15 + 5;

fn file(sandbox: &Sandbox) -> String {
    format!(
        "version: 1\nconnections:\n  sandbox:\n    url: {}\n    tenant: acmeprod\n    auth: {{ grant: refresh_token, style: \
         account, client_id: sandbox-account, refresh_token: \"file:user-key\" }}\nschedules:\n  beat: {{ every: 1s, timezone: \
         UTC, overlap: allow, start: {{ process: Heartbeat, folder: Shared }} }}\n",
        sandbox.base_url()
    )
}

/// Another process's write lock: nobody else can write.
async fn write_lock(place: &Place) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(StateFolder::database_path(&place.path("state")));
    let mut connection = options.connect().await.unwrap();
    connection.execute("begin immediate").await.unwrap();
    connection
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_whose_database_is_locked_ends_in_time_starts_nothing_more_and_the_next_life_loses_nothing() {
    let sandbox = Sandbox::start(SandboxConfig::demo(Clock::system())).await.unwrap();
    let control = sandbox.control();
    let place = Place::new(&file(&sandbox));
    place.write("user-key", "sandbox-user-key\n");
    let daemon = place.daemon().await;
    in_time("two jobs", control.wait_until(|control| control.jobs().len() >= 2)).await;
    let lock = write_lock(&place).await;
    let mut log = lines(daemon);
    log.until("The database has not answered for 2 s, so nothing is started until it does").await;
    let made = control.jobs_made();

    let clock = Clock::system();
    let begin = clock.boottime();
    signal(&log.daemon, Signal::TERM);
    log.until("Stopped").await;
    let end = ended(log.daemon).await;
    let took = clock.boottime() - begin;
    assert_eq!(end.status.code(), Some(FINE), "{}", log.seen);
    assert!(took.as_secs() <= IN_TIME_S, "{took:?}");
    println!("figure: SIGTERM with a locked database: ended after {} ms", took.as_millis());
    assert_eq!(control.jobs_made(), made, "nothing leaves without its claim");
    let told = log.seen.matches("Sent to Orchestrator").count();
    assert_eq!(told, made, "the log speaks of no start whose claim is not stored:\n{}", log.seen);

    drop(lock);
    let next = place.daemon().await;
    in_time("a job of the next life", control.wait_until(|control| control.jobs_made() > made + 1)).await;
    signal(&next, Signal::TERM);
    let end = ended(next).await;
    assert_eq!(end.status.code(), Some(FINE), "{}", text(&end.stderr));
    // Every second since the first job has one row, and each job is some row's.
    let rows = place.run(&["runs", "-o", "json", "--limit", "10000"]).await;
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&rows.stdout).unwrap();
    let mut covered = std::collections::BTreeMap::new();
    for row in &rows {
        let at = |field: &str| row[field].as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok());
        let first = at("nominal_at").unwrap();
        let last = at("nominal_until").unwrap_or(first);
        for second in first.as_second()..=last.as_second() {
            *covered.entry(second).or_insert(0) += 1;
        }
    }
    let (first, last) = (*covered.keys().next().unwrap(), *covered.keys().next_back().unwrap());
    let odd: Vec<_> = (first..=last).filter(|second| covered.get(second) != Some(&1)).collect();
    assert!(odd.is_empty(), "seconds without exactly one row: {odd:?}");
    let known: std::collections::BTreeSet<i64> = rows.iter().filter_map(|row| row["job_id"].as_i64()).collect();
    let jobs: std::collections::BTreeSet<i64> = control.jobs().iter().map(|job| job.id).collect();
    assert_eq!(known, jobs);
    sandbox.stop().await;
}
