//! A database of an older version is taken over whole: rows in every state, nothing lost, and the history reads right.

use std::collections::BTreeMap;

use punctual::run::{Ending, RunState, SkipReason, WaitReason};
use sqlx::migrate::Migrator;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Row, SqliteConnection};

use super::place::{FINE, Place, quiet, signal, text};
use super::{Signal, ended};

/// What belongs to each table of the first schema.
const TABLES: [(&str, &str); 5] = [
    (
        "run",
        "id, schedule, trigger, nominal_at, nominal_until_at, count, local, offset_s, fire_at, claimed_at, deadline_at, \
         sent_at, accepted_at, started_at, ended_at, state, reason, note, error, connection, folder, process, \
         payload ->> '$.process', payload -> '$.arguments', output, actor",
    ),
    ("attempt", "run_id, job_number, attempt, reference, folder_id, job_id, job_key"),
    ("run_event", "run_id, at, state, reason, text"),
    ("evidence", "connection, folder_id, reference, proven_at"),
    ("audit", "at, actor, action, subject, detail"),
];

/// The migrations of every schema before this one.
const OLDER: [(&str, &str); 6] = [
    ("0001_spine.sql", include_str!("../../migrations/0001_spine.sql")),
    ("0002_memory.sql", include_str!("../../migrations/0002_memory.sql")),
    ("0003_seal.sql", include_str!("../../migrations/0003_seal.sql")),
    ("0004_damaged_rows.sql", include_str!("../../migrations/0004_damaged_rows.sql")),
    ("0005_not_processed.sql", include_str!("../../migrations/0005_not_processed.sql")),
    ("0006_list_calls.sql", include_str!("../../migrations/0006_list_calls.sql")),
];

/// What the schemas before 0005 do not know.
const NEWER: [RunState; 5] = [
    RunState::Waiting(WaitReason::LookUp),
    RunState::Waiting(WaitReason::Capacity),
    RunState::Waiting(WaitReason::Paused),
    RunState::Waiting(WaitReason::Blackout),
    RunState::Ended(Ending::Skipped(SkipReason::Blackout)),
];

/// The states that they do know.
fn known_states() -> impl Iterator<Item = RunState> {
    RunState::ALL.into_iter().filter(|state| !NEWER.contains(state))
}

/// With so many of the older migrations, and a run in every state that they know.
async fn write_schema(place: &Place, migrations: &[(&str, &str)]) {
    let old = place.path("migrations");
    std::fs::create_dir(&old).unwrap();
    for (name, text) in migrations {
        std::fs::write(old.join(name), text).unwrap();
    }
    std::fs::create_dir(place.path("state")).unwrap();
    std::fs::write(place.path("state").join("installation"), "0badcafe\n").unwrap();
    let options = SqliteConnectOptions::new().filename(place.path("state").join("punctual.db")).create_if_missing(true);
    let mut database = options.connect().await.unwrap();
    Migrator::new(old).await.unwrap().run(&mut database).await.unwrap();
    let mut rows = include_str!("../data/0001_spine.sql").to_owned();
    for (number, state) in known_states().enumerate() {
        let id = format!("019ab0a0-0000-7000-8000-0000000001{number:02}");
        let at = 1_795_350_000_000_i64 + 60_000 * number as i64;
        let (job, job_key) = (5_000 + number, format!("'00000000-0000-0000-0000-0000000001{number:02}'"));
        let ended = if state.is_final() { (at + 9_000).to_string() } else { "null".to_owned() };
        let reason = state.reason().map_or("null".to_owned(), |reason| format!("'{reason}'"));
        let has_job = matches!(state, RunState::Job(_)) || matches!(state.name(), "succeeded" | "faulted" | "stopped");
        let (job, job_key) = if has_job { (job.to_string(), job_key) } else { ("null".to_owned(), "null".to_owned()) };
        rows.push_str(&format!(
            "insert into run (id, version, schedule, trigger, nominal_at, local, offset_s, fire_at, claimed_at, deadline_at, sent_at,
               ended_at, state, reason, note, connection, folder, process, payload, on_unknown_start)
             values ('{id}', 3, 'every-state', 'scheduled', {at}, '2026-11-22T12:00:00', 0, {at}, {at}, 4102444800000, {at},
               {ended}, '{}', {reason}, 'note {number}', 'cloud', 'Shared', 'Leap',
               '{{\"process\":\"Leap\",\"folder\":\"Shared\",\"runtime\":null,\"arguments\":{{\"n\":{number}}}}}', 'retry');
             insert into attempt (run_id, job_number, attempt, reference, folder_id, sends, sent_at, job_id, job_key)
             values ('{id}', 1, 1, 'p1.0badcafe.0123456789ab.x{number}', 7, 1, {at}, {job}, {job_key});
             insert into run_event (run_id, at, state, reason, text) values ('{id}', {at}, '{}', {reason}, 'line {number}');\n",
            state.name(),
            state.name(),
        ));
    }
    sqlx::raw_sql(sqlx::AssertSqlSafe(rows)).execute(&mut database).await.unwrap();
    database.close().await.unwrap();
}

/// Each row as JSON text, by table.
#[expect(clippy::disallowed_methods, reason = "the database is read as any SQL tool does it")]
async fn dump(database: &mut SqliteConnection) -> BTreeMap<&'static str, Vec<String>> {
    let mut tables = BTreeMap::new();
    for (table, columns) in TABLES {
        let select = format!("select json_array({columns}) from {table} order by 1");
        let rows = sqlx::query(sqlx::AssertSqlSafe(select)).fetch_all(&mut *database).await.unwrap();
        tables.insert(table, rows.iter().map(|row| row.get::<String, _>(0)).collect());
    }
    tables
}

async fn open(place: &Place) -> SqliteConnection {
    SqliteConnectOptions::new().filename(place.path("state").join("punctual.db")).connect().await.unwrap()
}

fn is_final(row: &str) -> bool {
    let row: Vec<serde_json::Value> = serde_json::from_str(row).unwrap();
    // `ended_at`
    !row[14].is_null()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_every_older_schema_with_runs_in_every_state_is_taken_over() {
    for count in 1..=OLDER.len() {
        is_taken_over(&OLDER[..count]).await;
    }
}

#[expect(clippy::disallowed_methods, reason = "the database is checked as any SQL tool does it")]
async fn is_taken_over(migrations: &[(&str, &str)]) {
    let place = quiet();
    write_schema(&place, migrations).await;
    let mut database = open(&place).await;
    let before = dump(&mut database).await;
    database.close().await.unwrap();

    let daemon = place.daemon().await;
    signal(&daemon, Signal::TERM);
    let end = ended(daemon).await;
    assert_eq!(end.status.code(), Some(FINE), "{}", text(&end.stderr));

    let mut database = open(&place).await;
    let check = sqlx::query("pragma integrity_check").fetch_one(&mut database).await.unwrap();
    assert_eq!(check.get::<String, _>(0), "ok");
    assert!(sqlx::query("pragma foreign_key_check").fetch_all(&mut database).await.unwrap().is_empty());
    let after = dump(&mut database).await;
    database.close().await.unwrap();
    for (table, rows) in &before {
        // What was open has gone on: it is there, and under which Reference stands in `attempt`.
        let kept = |row: &&String| *table != "run" || is_final(row);
        for row in rows.iter().filter(kept) {
            assert!(after[table].contains(row), "table `{table}` has lost or changed {row}");
        }
        assert!(after[table].len() >= rows.len(), "table `{table}` has lost rows");
    }
    assert_eq!(after["run"].len(), before["run"].len(), "no run has come or gone");

    let shown = place.run(&["runs", "--limit", "1000", "-o", "json"]).await;
    let runs: Vec<serde_json::Value> = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(runs.len(), before["run"].len());
    for (number, state) in known_states().enumerate() {
        let id = format!("019ab0a0-0000-7000-8000-0000000001{number:02}");
        let run = runs.iter().find(|run| run["run"] == id.as_str()).unwrap_or_else(|| panic!("no run in {state}"));
        assert_eq!(run["arguments"]["n"], number);
        assert_eq!(run["reference"], format!("p1.0badcafe.0123456789ab.x{number}"));
        if state.is_final() {
            assert_eq!((run["state"].as_str(), run["reason"].as_str()), (Some(state.name()), state.reason()));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::disallowed_methods, reason = "a version to come is played")]
async fn a_database_of_a_version_to_come_is_refused_with_a_sentence_and_is_not_touched() {
    let place = quiet();
    let daemon = place.daemon().await;
    signal(&daemon, Signal::TERM);
    assert_eq!(ended(daemon).await.status.code(), Some(FINE));
    let mut database = open(&place).await;
    let to_come = "insert into _sqlx_migrations (version, description, success, checksum, execution_time) \
                   values (4711, 'to come', 1, x'00', 0)";
    sqlx::query(to_come).execute(&mut database).await.unwrap();
    let before = dump(&mut database).await;
    database.close().await.unwrap();

    let refused = place.run(&["daemon"]).await;
    assert_eq!(refused.status.code(), Some(3), "{}", text(&refused.stderr));
    let said = text(&refused.stderr);
    for part in [
        "was written by a newer version of punctual",
        "its schema is 4711",
        "nothing was changed: install that version again",
    ] {
        assert!(said.contains(part), "{said}");
    }
    let mut database = open(&place).await;
    assert_eq!(dump(&mut database).await, before);
    let still =
        sqlx::query("select 1 from _sqlx_migrations where version = 4711").fetch_all(&mut database).await.unwrap();
    assert_eq!(still.len(), 1);
    database.close().await.unwrap();
}
