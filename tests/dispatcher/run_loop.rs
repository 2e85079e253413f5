//! The loop around the core, with a real database that fails: what was not stored never happened, and nothing is forgotten.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use punctual::clock::Clock;
use punctual::dispatcher::core::{Absent, Pace};
use punctual::dispatcher::{Dispatcher, DispatcherSettings};
use punctual::executor::{Action, Executor, Report};
use punctual::history::{History, HistoryFilter};
use punctual::orchestrator::{Bearer, BoxFuture, Client, ClientConfig, Token, TokenUnavailable};
use punctual::schedule::ConnectionName;
use punctual::store::{Database, StateFolder, Store};
use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use super::world::{at, hourly, seconds, set_of};

async fn execute(connection: &mut SqliteConnection, statement: &'static str) {
    sqlx::raw_sql(statement).execute(connection).await.unwrap();
}

#[tokio::test]
async fn no_time_is_forgotten_when_the_database_can_neither_be_written_nor_read_for_a_while() {
    let begin = at("2026-11-23T11:59:00Z");
    let dir = tempfile::tempdir().unwrap();
    let folder = StateFolder::take(dir.path()).unwrap();
    let (clock, hand) = Clock::manual(begin);
    let opened = clock.read();
    let (database, state) = Database::open_and_load(&folder, begin).await.unwrap();
    let tracker = TaskTracker::new();
    let store = Store::start(database, &tracker);
    let (reports_in, reports) = mpsc::unbounded_channel();
    // No client: every call ends as one that found nobody.
    let executor = Executor::new(BTreeMap::new(), reports_in, tracker.clone());
    let (dispatcher, handle) = Dispatcher::new(DispatcherSettings {
        clock,
        store: store.clone(),
        executor,
        reports,
        set: set_of(&hourly(""), begin),
        absent: Absent::Retire,
        state,
        opened,
        pace: Pace::default(),
    });
    let running = tokio::spawn(dispatcher.run());
    let mut turns = handle.turns();
    hand.advance(seconds(1));
    turns.wait_for(|turn| turn.at.wall > begin).await.unwrap();

    let path = StateFolder::database_path(dir.path());
    let mut raw = SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    execute(&mut raw, "create trigger full before insert on run begin select raise(abort, 'disk full'); end").await;
    execute(&mut raw, "alter table evidence rename to elsewhere").await;
    hand.advance_to(at("2026-11-23T12:00:00Z"));
    for _ in 0..40 {
        hand.advance(seconds(2));
        // Each takes a moment of real time, in which the loop goes on.
        for _ in 0..20 {
            execute(&mut raw, "select count(*) from run").await;
        }
    }
    execute(&mut raw, "alter table elsewhere rename to evidence").await;
    execute(&mut raw, "drop trigger full").await;
    let healed = handle.turns().borrow().at;
    assert!(healed.wall < at("2026-11-23T12:00:00Z"), "no turn counts while nothing can be stored: {}", healed.wall);

    let one = at("2026-11-23T13:00:00Z");
    hand.advance_to(one);
    loop {
        let turn = *handle.turns().borrow();
        if turn.at.wall >= one {
            break;
        }
        // The pause after a failure is over as soon as the clock moves on.
        hand.advance(Duration::from_millis(500));
        execute(&mut raw, "select count(*) from run").await;
    }
    handle.stop();
    running.await.unwrap();
    store.close().await.unwrap();
    let history = History::open(dir.path()).await.unwrap();
    let mut times: Vec<String> =
        history.list(&HistoryFilter::default()).await.unwrap().into_iter().map(|run| run.nominal_at).collect();
    times.sort();
    // On a busy machine the clock may be moved further before the loop has seen it.
    assert_eq!(times[..2], ["2026-11-23T12:00:00.000Z", "2026-11-23T13:00:00.000Z"]);
    history.close().await;
    drop(folder);
}

struct NoToken;

impl Bearer for NoToken {
    fn token(&self) -> BoxFuture<'_, Result<Token, TokenUnavailable>> {
        Box::pin(async { Err(TokenUnavailable { message: "none yet".to_owned(), retry_at: None }) })
    }
    fn renewed(&self, _refused: u64) -> BoxFuture<'_, Result<Token, TokenUnavailable>> {
        self.token()
    }
}

#[tokio::test]
async fn what_was_ordered_before_a_reload_goes_where_the_connection_led_then() {
    let cloud = ConnectionName("cloud".into());
    let client = Client::new(ClientConfig {
        connection: cloud.to_string(),
        base: "http://127.0.0.1:1/".parse().unwrap(),
        tenant: None,
        authorities: None,
        clock: Clock::system(),
        bearer: Arc::new(NoToken),
    });
    let (reports, mut came) = mpsc::unbounded_channel();
    let clients = BTreeMap::from([(cloud.clone(), Arc::new(client.unwrap()))]);
    let executor = Executor::new(clients, reports, TaskTracker::new());
    executor.perform(Action::Resolve {
        connection: cloud,
        asked_of: String::new(),
        folder: None,
        process: "P".to_owned(),
    });
    executor.replace_clients(BTreeMap::new());
    let Some(Report::Resolved { result: Err(error), .. }) = came.recv().await else { panic!("one report comes") };
    assert!(error.to_string().contains("none yet"), "{error}");
}
