//! A history that was written before the command is called: rows as the daemon leaves them, for tests of what people read.

use std::path::Path;

use jiff::Timestamp;
use punctual::store::{Database, StateFolder};
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

/// A run; instants as seconds after its due time.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    pub schedule: &'static str,
    pub due: Timestamp,
    pub state: &'static str,
    pub reason: Option<&'static str>,
    pub sent: Option<i64>,
    pub accepted: Option<i64>,
    pub started: Option<i64>,
    pub ended: Option<i64>,
    pub error: Option<&'static str>,
    /// It was given up, and its job may still run for so long.
    pub counts: Option<i64>,
}

impl Row {
    /// One that was sent in time and ended after so many seconds.
    pub(crate) fn ran(schedule: &'static str, due: Timestamp, state: &'static str, took: i64) -> Row {
        let (sent, accepted, started) = (Some(0), Some(1), Some(3));
        Row {
            schedule,
            due,
            state,
            reason: None,
            sent,
            accepted,
            started,
            ended: Some(1 + took),
            error: None,
            counts: None,
        }
    }
}

/// Makes the state folder `state` in a folder, with these runs. The n-th has the id `0000000n-…`, and its end is its number.
#[expect(clippy::disallowed_methods, reason = "rows of a history that would take weeks to come about")]
pub(crate) async fn with_history(folder: &Path, rows: &[Row]) {
    let state = StateFolder::take(&folder.join("state")).unwrap();
    drop(Database::open(&state).await.unwrap());
    let options = SqliteConnectOptions::new().filename(StateFolder::database_path(&folder.join("state")));
    let mut database = SqliteConnection::connect_with(&options).await.unwrap();
    for (number, row) in rows.iter().enumerate() {
        let due = row.due.as_millisecond();
        let after = |seconds: Option<i64>| seconds.map(|seconds| due + seconds * 1_000);
        let id = format!("00000000-0000-7000-8000-{:012x}", number + 1);
        sqlx::query(
            "insert into run (id, version, schedule, trigger, nominal_at, local, offset_s, fire_at, claimed_at, deadline_at, sent_at,
               accepted_at, started_at, ended_at, state, reason, error, connection, work_kind, folder, process, payload, policy,
               counts_until_at)
             values (?1, 1, ?2, 'scheduled', ?3, '2026-11-23T07:00:00', 0, ?3, ?3, ?3 + 3600000, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'uipath',
               'process', 'Shared', 'Invoices', '{\"arguments\":null}', '{}', ?11)",
        )
        .bind(&id)
        .bind(row.schedule)
        .bind(due)
        .bind(after(row.sent))
        .bind(after(row.accepted))
        .bind(after(row.started))
        .bind(after(row.ended))
        .bind(row.state)
        .bind(row.reason)
        .bind(row.error)
        .bind(after(row.counts))
        .execute(&mut database)
        .await
        .unwrap();
        if row.accepted.is_some() {
            sqlx::query(
                "insert into attempt (run_id, job_number, attempt, reference, folder_id, sends, sent_at, job_id, job_key, job_state)
                 values (?1, 1, 1, 'p1.test', 77, 1, ?2, ?3, 'bef93a36-80f0-415a-8962-d2befa0aeae4', 'Successful')",
            )
            .bind(&id)
            .bind(after(row.sent))
            .bind(i64::try_from(number).unwrap() + 1)
            .execute(&mut database)
            .await
            .unwrap();
        }
    }
    database.close().await.unwrap();
}
