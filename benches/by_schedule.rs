//! How long it takes to tell what 5,000 schedules have come to, on a history of a million runs.
//!
//! Beside it the floor: the index alone is walked, without a row. Promised are 200 ms on two cores, as `punctual runs --by-schedule` asks,
//! with the history opened for it; it ends with code 1 when that is broken. Run it with `cargo bench --bench by_schedule`; it is no test,
//! so that a busy machine fails none.

#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]
#![expect(
    clippy::disallowed_methods,
    reason = "a bench measures real time, and makes a history that no daemon has time for"
)]

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use punctual::history::{Digest, History};
use punctual::store::{Database, StateFolder};
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

const SCHEDULES: usize = 5_000;
const RUNS: usize = 1_000_000;
const ROUNDS: usize = 7;
const BOUND: Duration = Duration::from_millis(200);

/// One run an hour of each schedule; one in twelve failed, one in thirty was left out. What is frozen at a claim is as long as usual.
const FILL: &str = "
with recursive n (i) as (select 0 union all select i + 1 from n where i + 1 < ?1)
insert into run (id, version, schedule, trigger, nominal_at, local, offset_s, fire_at, claimed_at, deadline_at, sent_at, accepted_at,
  started_at, ended_at, state, reason, connection, work_kind, folder, process, payload, policy, output)
select printf('%08x-0000-7000-8000-%012x', i * 2654435761 % 4294967296, i), 5, printf('invoices-%05d', i % ?2), 'scheduled',
  1760000000000 + i / ?2 * 3600000, '2026-11-23T07:00:00', 3600, 1760000000000 + i / ?2 * 3600000,
  1760000000010 + i / ?2 * 3600000, 1760003600000 + i / ?2 * 3600000, 1760000000050 + i / ?2 * 3600000,
  1760000000120 + i / ?2 * 3600000, 1760000004120 + i / ?2 * 3600000, 1760000060120 + i / ?2 * 3600000 + i * 7919 % 840000,
  case when i % 12 = 7 then 'faulted' when i % 30 = 3 then 'skipped' else 'succeeded' end,
  case when i % 12 <> 7 and i % 30 = 3 then 'overlap' end, 'uipath', 'process', 'Shared', 'InvoiceIntake',
  json_object('process', 'InvoiceIntake', 'folder', 'Shared', 'arguments', json_object('day', '2026-11-23', 'text', printf('%080d', i))),
  json_object('overlap', 'skip', 'start_deadline_ms', 3600000, 'on_unknown_start', 'retry', 'more', printf('%0200d', i)),
  '{\"rows\":12}'
from n";

const INDEX_ALONE: &str = "
select sum((select count(*) from (select nominal_at from run where schedule = one.value order by nominal_at desc limit 30)))
from json_each(?1) as one";

#[tokio::main]
async fn main() -> ExitCode {
    let folder = tempfile::tempdir().expect("a folder");
    let held = StateFolder::take(folder.path()).expect("the folder");
    drop(Database::open(&held).await.expect("a database"));
    let options = SqliteConnectOptions::new().filename(StateFolder::database_path(folder.path()));
    let mut database = SqliteConnection::connect_with(&options).await.expect("the database");
    let (runs, schedules) = (i64::try_from(RUNS).expect("a count"), i64::try_from(SCHEDULES).expect("a count"));
    sqlx::query(FILL).bind(runs).bind(schedules).execute(&mut database).await.expect("a million rows");

    let mut asking = Vec::new();
    let mut floor = Vec::new();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let (names, digests) = ask(folder.path()).await;
        asking.push(began.elapsed());
        assert_eq!(digests.len(), SCHEDULES);
        assert!(
            digests.iter().all(|digest| digest.runs.len() == 30 && digest.usual_ms.is_some()),
            "all have run often"
        );
        let names = serde_json::json!(names).to_string();
        let began = Instant::now();
        sqlx::query(INDEX_ALONE).bind(names).fetch_one(&mut database).await.expect("a sum");
        floor.push(began.elapsed());
    }
    let best = |times: &[Duration]| times.iter().min().copied().unwrap_or_default();
    let (asking, floor) = (best(&asking), best(&floor));
    println!(
        "figure: {SCHEDULES} schedules told of {RUNS} runs: {asking:.1?}, promised is {BOUND:?}; floor {floor:.1?}, ratio {:.1}",
        asking.as_secs_f64() / floor.as_secs_f64()
    );
    if asking <= BOUND { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// As the command does it.
async fn ask(state_dir: &Path) -> (Vec<String>, Vec<Digest>) {
    let history = History::open(state_dir).await.expect("the history");
    let names = history.schedules().await.expect("the schedules");
    let digests = history.digests(&names, None, None).await.expect("the digests");
    history.close().await;
    (names, digests)
}
