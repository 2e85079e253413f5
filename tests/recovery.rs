//! Whatever dies, nothing is lost and nothing is started twice.

#[expect(dead_code, reason = "each story uses its part")]
mod support;

use std::time::Duration;

use punctual::dispatcher::StoreHealth;
use punctual::dispatcher::core::StartCommand;
use punctual::run::InWindows;
use punctual::schedule::OverlapPolicy;
use punctual::store::{Begins, Copy, StateFolder, Step, Whose, copy_to};
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use support::Story;

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

const PAYROLL: &str =
    "schedules:\n  payroll: { cron: \"0 * * * *\", timezone: UTC, start: { process: Payroll, folder: Finance } }\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_ended_while_the_daemon_was_down_is_recorded_as_succeeded() {
    let mut story = Story::begin("2026-11-23T11:59:00Z", PAYROLL).await;
    story.pass(seconds(60)).await;
    story.pass(seconds(2)).await;
    story.stop_daemon().await;
    story.hand.advance(seconds(600));
    story.start_daemon().await;
    story.settle().await;
    let run = story.until("payroll", "succeeded", seconds(1), seconds(10)).await;
    assert_eq!(run.ended_at.as_deref(), Some("2026-11-23T12:00:05.000Z"), "by Orchestrator's clock");
    assert_eq!(story.control.jobs().len(), 1);
    story.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn times_that_came_while_nobody_was_there_are_recorded_and_the_latest_runs() {
    let mut story = Story::begin("2026-11-23T11:30:00Z", PAYROLL).await;
    story.stop_daemon().await;
    story.hand.advance_to(support::at("2026-11-23T15:30:00Z"));
    story.start_daemon().await;
    story.until("payroll", "succeeded", seconds(1), seconds(60)).await;
    let runs = story.runs().await;
    let seen: Vec<_> = runs
        .iter()
        .map(|run| (run.nominal_at.as_str(), run.trigger.name(), run.state.name(), run.state.reason()))
        .collect();
    assert_eq!(
        seen,
        [
            ("2026-11-23T12:00:00.000Z", "scheduled", "missed", Some("down")),
            ("2026-11-23T13:00:00.000Z", "scheduled", "missed", Some("down")),
            ("2026-11-23T14:00:00.000Z", "scheduled", "missed", Some("down")),
            ("2026-11-23T15:00:00.000Z", "catch_up", "succeeded", None),
        ]
    );
    story.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_catch_up_start_is_looked_up_first_so_an_old_copy_of_the_database_starts_nothing_twice() {
    let mut story = Story::begin("2026-11-23T11:30:00Z", PAYROLL).await;
    story.stop_daemon().await;
    let database = story.state_dir().join("punctual.db");
    let copy = std::fs::read(&database).expect("the database is read");
    story.start_daemon().await;
    story.pass_to("2026-11-23T12:00:00Z").await;
    story.until("payroll", "succeeded", seconds(1), seconds(60)).await;
    story.stop_daemon().await;
    // The copy knows nothing of the run at noon.
    std::fs::write(&database, copy).expect("the copy is put back");
    for rest in ["punctual.db-wal", "punctual.db-shm"] {
        let _ = std::fs::remove_file(story.state_dir().join(rest));
    }
    story.hand.advance(seconds(600));
    story.start_daemon().await;
    let run = story.until("payroll", "succeeded", seconds(1), seconds(60)).await;
    assert_eq!(run.nominal_at, "2026-11-23T12:00:00.000Z");
    let lines = story.lines(&run.run).await;
    assert!(lines.iter().any(|line| line.text.starts_with("Found at Orchestrator")), "{lines:#?}");
    assert_eq!(story.control.jobs().len(), 1);
    story.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_of_the_times_records_what_the_old_ones_still_owed() {
    let mut story = Story::begin("2026-11-23T11:30:00Z", PAYROLL).await;
    story.stop_daemon().await;
    story.yaml = story.yaml.replace("0 * * * *", "15 * * * *");
    story.hand.advance_to(support::at("2026-11-23T13:10:00Z"));
    story.start_daemon().await;
    story.pass_to("2026-11-23T13:15:00Z").await;
    story.until("payroll", "succeeded", seconds(1), seconds(60)).await;
    let runs = story.runs().await;
    let seen: Vec<_> = runs.iter().map(|run| (run.nominal_at.as_str(), run.state.name(), run.state.reason())).collect();
    assert_eq!(
        seen,
        [
            ("2026-11-23T12:00:00.000Z", "missed", Some("edited")),
            ("2026-11-23T13:00:00.000Z", "missed", Some("edited")),
            ("2026-11-23T13:15:00.000Z", "succeeded", None),
        ]
    );
    story.end().await;
}

/// Lets simulated time pass until the daemon's store is as wanted.
async fn until_store(story: &Story, wanted: StoreHealth) {
    let daemon = story.daemon.as_ref().expect("the daemon runs");
    for _ in 0..600 {
        if daemon.handle().turns().borrow().store == wanted {
            return;
        }
        story.hand.advance(Duration::from_millis(500));
        // A moment of real time, in which the writer may run into the lock.
        let mut turns = daemon.handle().turns();
        turns.borrow_and_update();
        #[expect(clippy::disallowed_methods, reason = "only how often it is looked is decided by this")]
        let _ = tokio::time::timeout(Duration::from_millis(50), turns.changed()).await;
    }
    panic!("the store never is {wanted:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::disallowed_methods, reason = "the database is locked and checked as any SQL tool does it")]
async fn while_the_database_is_locked_nothing_is_started_and_running_jobs_are_followed_to_their_end() {
    let story = Story::begin("2026-11-23T11:59:00Z", PAYROLL).await;
    story.pass_to("2026-11-23T12:00:00Z").await;
    assert_eq!(story.control.jobs().len(), 1);
    let path = story.state_dir().join("punctual.db");
    let mut locker = SqliteConnectOptions::new().filename(&path).connect().await.expect("a second connection");
    sqlx::raw_sql("begin immediate").execute(&mut locker).await.expect("it is locked");
    until_store(&story, StoreHealth::Failing).await;

    // The job ends, and another time comes.
    story.hand.advance_to(support::at("2026-11-23T13:00:01Z"));
    let read = |exchange: &punctual::sandbox::Exchange| exchange.path.contains("/odata/Jobs(");
    let control = story.control.clone();
    for _ in 0..200 {
        if control.exchanges().iter().any(read) {
            break;
        }
        story.hand.advance(Duration::from_millis(500));
        let daemon = story.daemon.as_ref().expect("the daemon runs");
        let mut alive = daemon.handle().alive();
        alive.borrow_and_update();
        alive.changed().await.expect("the loop goes round");
    }
    assert!(control.exchanges().iter().any(read), "the job's end was read while nothing could be written");
    assert_eq!(control.jobs().len(), 1, "nothing is started without a claim");

    sqlx::raw_sql("rollback").execute(&mut locker).await.expect("it is free");
    let free = story.clock.now();
    until_store(&story, StoreHealth::Writable).await;
    let took = story.clock.now().duration_since(free);
    assert!(took <= jiff::SignedDuration::from_secs(10), "it went on after {took:#}");
    story.pass(seconds(5)).await;
    story.until("payroll", "succeeded", seconds(1), seconds(60)).await;
    let states: Vec<_> = story.runs().await.iter().map(|run| run.state.name().to_owned()).collect();
    assert_eq!(states, ["succeeded", "succeeded"]);
    assert_eq!(control.jobs().len(), 2);
    let check = sqlx::query("pragma integrity_check").fetch_one(&mut locker).await.expect("it is checked");
    assert_eq!(sqlx::Row::get::<String, _>(&check, 0), "ok");
    drop(locker);
    story.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_database_does_not_keep_the_daemon_from_starting_and_nothing_is_started_twice() {
    let mut story = Story::begin("2026-11-23T11:30:00Z", PAYROLL).await;
    story.pass_to("2026-11-23T12:00:00Z").await;
    story.until("payroll", "succeeded", seconds(1), seconds(60)).await;
    story.stop_daemon().await;
    let database = story.state_dir().join("punctual.db");
    std::fs::write(&database, b"a disk that has lost its mind".repeat(400)).expect("it is damaged");
    story.hand.advance(seconds(600));
    story.start_daemon().await;
    let run = story.until("payroll", "succeeded", seconds(1), seconds(60)).await;
    assert_eq!(run.nominal_at, "2026-11-23T12:00:00.000Z", "its row is written from its job");
    assert_eq!(story.control.jobs().len(), 1);
    let aside = std::fs::read_dir(story.state_dir()).expect("the folder").filter_map(Result::ok);
    assert!(
        aside.map(|entry| entry.file_name()).any(|name| name.to_string_lossy().starts_with("punctual.db.corrupt-"))
    );
    story.end().await;
}

/// Puts a copy back, as `punctual restore` does.
async fn restore(story: &Story, copy: &std::path::Path) {
    let folder = StateFolder::take(&story.state_dir()).expect("no daemon runs");
    let copy = Copy::look(copy).await.expect("it is a copy");
    let prepared = copy.prepare(&folder, Whose::Own, story.clock.now()).await.expect("it is sound");
    let ready = prepared.ready(&folder, "alice".to_owned(), Begins::Running, story.clock.now()).await;
    let ready = ready.expect("it lies ready");
    for step in Step::ALL {
        ready.perform(step).expect("it is put in its place");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_restore_what_was_started_since_or_waits_in_the_copy_is_looked_up_whoever_asked_for_it() {
    let mut story = Story::begin("2026-11-23T11:59:00Z", PAYROLL).await;
    story.pass_to("2026-11-23T12:00:00Z").await;
    story.pass(seconds(1)).await;
    let by_hand = StartCommand {
        schedule: "payroll".to_owned(),
        arguments: serde_json::Map::new(),
        typed: std::collections::BTreeMap::new(),
        nominal_at: None,
        overlap: Some(OverlapPolicy::QueueAll),
        in_windows: InWindows::Waits,
        reason: None,
    };
    let daemon = story.daemon.as_ref().expect("the daemon runs");
    let run = daemon.handle().start_run(by_hand, "alice".to_owned()).await.expect("it waits").0.to_string();
    story.settle().await;
    // While the daemon runs; in it the run by hand waits for the one in front of it, and 13:00 has not come.
    let copy = copy_to(&story.state_dir(), story.folder.path(), story.clock.now()).await.expect("a copy");
    story.until("payroll", "succeeded", seconds(1), seconds(60)).await;
    story.pass_to("2026-11-23T13:00:00Z").await;
    story.until("payroll", "succeeded", seconds(1), seconds(60)).await;
    let jobs = story.control.jobs().len();
    assert_eq!(jobs, 3, "two times, and one by hand");
    story.stop_daemon().await;

    restore(&story, &copy).await;
    let waits = story.runs().await.into_iter().find(|line| line.run == run).expect("it is in the copy");
    assert_eq!((waits.state.name(), waits.state.reason()), ("waiting", Some("overlap")));
    story.hand.advance(seconds(600));
    story.start_daemon().await;
    for _ in 0..60 {
        story.pass(seconds(5)).await;
    }
    let seen: Vec<_> = story
        .runs()
        .await
        .into_iter()
        .map(|run| (run.trigger.name().to_owned(), run.state.name().to_owned()))
        .collect();
    assert!(seen.len() == 3 && seen.iter().all(|(_, state)| state == "succeeded"), "{seen:?}");
    let lines = story.lines(&run).await;
    assert!(lines.iter().any(|line| line.text.starts_with("Found at Orchestrator")), "{lines:#?}");
    assert_eq!(story.control.jobs().len(), jobs, "nothing is started twice");
    story.end().await;
}
