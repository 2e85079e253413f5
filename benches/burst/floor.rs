//! The least program that starts jobs on time and once: a claim for each start, durable one second ahead; the start; what
//! became of it, written in batches.
//!
//! It makes its names as punctual does, so that the sink reads both alike, and its client as `http/client.rs` and
//! `orchestrator/transport.rs` do. It is this bench's own binary in another role, so that it is built alike, and a process of
//! its own, so that its processor time is its own.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tokio::sync::{Mutex, mpsc, watch};

use super::Load;
use super::sink::{Sink, now};
use super::watch::{Watched, whole_second_after};

/// The argument that makes this binary the floor.
pub(crate) const ROLE: &str = "floor";

/// As many as one connection of punctual may have here.
const OPEN_REQUESTS: usize = 256;

/// Outcomes that are written together at most.
const BATCH: usize = 1_024;

const AHEAD: Duration = Duration::from_secs(1);

/// To its readiness: a database, and its connections to the server.
const LEAD: Duration = Duration::from_secs(4);

pub(crate) fn measure(sink: &Sink, load: Load) -> Watched {
    let folder = tempfile::tempdir().expect("a folder");
    sink.empty();
    let first_due = whole_second_after(LEAD);
    let mut program = start(&[
        ROLE.to_owned(),
        sink.port.to_string(),
        first_due.to_string(),
        load.instants.to_string(),
        load.starts.to_string(),
        folder.path().join("floor.db").to_string_lossy().into_owned(),
    ]);
    let mut ready = [0];
    program.stdout.as_mut().expect("a pipe").read_exact(&mut ready).expect("the floor program is ready");
    let watched = super::watch::watch(sink, load, first_due, program.id());
    // It has waited for this, so that its processor time could be read.
    drop(program.stdin.take());
    assert!(program.wait().expect("its end").success(), "the floor program failed");
    watched
}

fn start(arguments: &[String]) -> Child {
    let program = std::env::current_exe().expect("this program");
    let command = Command::new(program).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    command.expect("the floor program starts")
}

/// The program itself.
pub(crate) fn run(settings: &[&str]) {
    let [port, first_due, instants, starts, database] = settings else { panic!("settings are missing") };
    let number = |text: &str| text.parse::<usize>().expect("a number");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(all(number(port), number(first_due), number(instants), number(starts), database));
}

async fn all(port: usize, first_due: usize, instants: usize, starts: usize, database: &str) {
    let client = client();
    let server = format!("http://127.0.0.1:{port}");
    let database = Arc::new(Mutex::new(open(database).await));
    warm_up(&client, &server).await;
    let mut out = std::io::stdout();
    out.write_all(b"r").and_then(|()| out.flush()).expect("the bench waits for it");

    let names: Arc<Vec<String>> = Arc::new((0..instants * starts).map(|n| name(n, first_due + n / starts)).collect());
    let (release, released) = watch::channel(0_usize);
    let (outcomes, reported) = mpsc::unbounded_channel();
    let next = Arc::new(AtomicUsize::new(0));
    for _ in 0..OPEN_REQUESTS {
        let sender = Sender {
            client: client.clone(),
            url: format!("{server}/a0/b/orchestrator_/odata/Jobs/UiPath.Server.Configuration.OData.StartJobs"),
            names: Arc::clone(&names),
            next: Arc::clone(&next),
            released: released.clone(),
            outcomes: outcomes.clone(),
        };
        tokio::spawn(sender.send_all());
    }
    drop(outcomes);
    let written = tokio::spawn(write_outcomes(reported, Arc::clone(&database)));

    for instant in 0..=instants {
        // What is due now goes out before what is due next is claimed.
        let due = Duration::from_secs((first_due + instant) as u64);
        wait_until(due - AHEAD).await;
        if instant > 0 {
            commit_release(&database, instant - 1).await;
            release.send(instant * starts).expect("senders wait for it");
        }
        if instant < instants {
            claim(&database, &names[instant * starts..(instant + 1) * starts], instant * starts, due).await;
        }
    }
    written.await.expect("all outcomes are written");
    std::io::stdin().read_to_end(&mut Vec::new()).expect("the bench says when to end");
}

fn client() -> reqwest::Client {
    let builder = reqwest::Client::builder()
        .user_agent("floor")
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .http1_only()
        .retry(reqwest::retry::never())
        .timeout(Duration::from_secs(30))
        .no_proxy();
    builder.build().expect("a client")
}

/// Half of its connections are open before anything is due, as a burst finds them.
async fn warm_up(client: &reqwest::Client, server: &str) {
    let asked: Vec<_> = (0..OPEN_REQUESTS)
        .map(|_| tokio::spawn(client.get(format!("{server}/a0/b/orchestrator_/odata/Folders")).send()))
        .collect();
    for answer in asked {
        answer.await.expect("a request").expect("an answer").bytes().await.expect("a body");
    }
}

async fn open(path: &str) -> SqliteConnection {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let mut database = options.connect().await.expect("a database");
    let table = "create table run (id integer primary key, reference text not null, due integer not null, payload text not null, \
                 state text not null, job integer) strict; create table released (instant integer primary key) strict";
    sqlx::raw_sql(table).execute(&mut database).await.expect("the tables are made");
    database
}

async fn claim(database: &Mutex<SqliteConnection>, names: &[String], first: usize, due: Duration) {
    let rows: Vec<Value> = names.iter().enumerate().map(|(n, name)| json!([first + n, name])).collect();
    let insert = "insert into run (id, reference, due, payload, state) \
                  select value ->> 0, value ->> 1, ?2, '{\"process\":\"P\"}', 'armed' from json_each(?1)";
    let due = i64::try_from(due.as_secs()).expect("a second of these years");
    let mut database = database.lock().await;
    sqlx::query(insert).bind(Value::Array(rows).to_string()).bind(due).execute(&mut *database).await.expect("claims");
}

/// One durable row for an instant: from here on its starts are sent.
async fn commit_release(database: &Mutex<SqliteConnection>, instant: usize) {
    let instant = i64::try_from(instant).expect("a small number");
    let mut database = database.lock().await;
    sqlx::query("insert into released (instant) values (?1)")
        .bind(instant)
        .execute(&mut *database)
        .await
        .expect("a row");
}

async fn write_outcomes(mut reported: mpsc::UnboundedReceiver<(usize, i64)>, database: Arc<Mutex<SqliteConnection>>) {
    let update = "update run set state = 'pending', job = new.value ->> 1 from json_each(?1) as new where run.id = new.value ->> 0";
    let mut batch = Vec::new();
    while reported.recv_many(&mut batch, BATCH).await > 0 {
        let rows: Vec<Value> = batch.drain(..).map(|(id, job)| json!([id, job])).collect();
        let mut database = database.lock().await;
        let mut transaction = database.begin().await.expect("a transaction");
        sqlx::query(update).bind(Value::Array(rows).to_string()).execute(&mut *transaction).await.expect("outcomes");
        transaction.commit().await.expect("outcomes are kept");
    }
}

/// One of those that send, each one start after the other.
struct Sender {
    client: reqwest::Client,
    url: String,
    names: Arc<Vec<String>>,
    next: Arc<AtomicUsize>,
    released: watch::Receiver<usize>,
    outcomes: mpsc::UnboundedSender<(usize, i64)>,
}

impl Sender {
    async fn send_all(mut self) {
        loop {
            let id = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(name) = self.names.get(id) else { return };
            self.released.wait_for(|released| *released > id).await.expect("the release of every instant");
            let body = json!({ "startInfo": { "ReleaseKey": "11111111-1111-4111-8111-111111111111", "Strategy": "ModernJobsCount",
                "JobsCount": 1, "Reference": name } });
            let request = self.client.post(&self.url).bearer_auth("the-token-of-the-sink");
            let request =
                request.header("X-UIPATH-OrganizationUnitId", "7").header("accept-encoding", "identity").json(&body);
            let answer: Value = request.send().await.expect("an answer").json().await.expect("JSON");
            let job = answer["value"][0]["Id"].as_i64().expect("a job");
            self.outcomes.send((id, job)).expect("outcomes are written");
        }
    }
}

async fn wait_until(instant: Duration) {
    tokio::time::sleep(instant.saturating_sub(now())).await;
    // The runtime's clock counts whole milliseconds of another clock: it may be a moment early.
    while now() < instant {
        tokio::task::yield_now().await;
    }
}

/// As punctual names a job: installation, schedule and instant in base 36.
fn name(number: usize, due: usize) -> String {
    let (mut left, mut digits) = (due, Vec::new());
    while left > 0 {
        digits.push(char::from_digit((left % 36) as u32, 36).expect("a digit"));
        left /= 36;
    }
    format!("p1.00000000.{number:012x}.{}", digits.into_iter().rev().collect::<String>())
}
