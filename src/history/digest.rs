//! What each schedule has come to, from its last runs: for people who look after many of them.
//!
//! One statement, by the index that keeps planned rows apart: the newest runs of a schedule lie next to each other in it, so that a long
//! history costs nothing, and no index of its own makes a burst of claims dearer. It is asked for both halves of the schedules at once.
//!
//! Absent: times that came and went in a row for several of them count as one run, and what a person sees of it (`cli`).

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::sqlite::{SqlitePool, SqliteRow};

use super::shown::ShownState;
use super::sql;
use crate::run::{Ending, RunState};

/// As many as a line holds next to its words; the statement has the same number.
const SHOWN: usize = 30;

/// The usual duration is the median of so many successes, the newest … (semantics.md 40)
const USUAL_OF: usize = 20;

/// … and with fewer than these there is none.
const USUAL_LEAST: usize = 5;

/// One schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// Its key.
    pub schedule: String,
    /// Its last runs within the asked time, at most 30, newest first by their nominal times.
    pub runs: Vec<Recent>,
    /// The nominal time of its last success, however long ago within its newest thousand runs.
    pub last_success: Option<Timestamp>,
    /// How long it usually takes, in milliseconds: from the accepted start to the end.
    pub usual_ms: Option<i64>,
    /// How late its last start was sent, in milliseconds after it was due.
    pub late_ms: Option<i64>,
}

/// One of the last runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recent {
    /// When it was due.
    pub nominal_at: Timestamp,
    /// How it stands.
    #[serde(flatten)]
    pub state: ShownState,
    /// When Orchestrator took its start.
    pub accepted_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// What a run says of its schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// It is well.
    Succeeded,
    /// It is not: as `status` counts failures.
    Failed,
    /// Nothing: it was left out, called off, or is not over.
    Nothing,
}

impl Recent {
    /// From the accepted start to the end, in milliseconds.
    pub fn took_ms(&self) -> Option<i64> {
        Some(self.ended_at?.as_millisecond() - self.accepted_at?.as_millisecond())
    }

    /// Whether it succeeded or failed.
    pub fn judged(&self) -> Judged {
        match self.state.known() {
            Some(RunState::Ended(Ending::Succeeded)) => Judged::Succeeded,
            Some(RunState::Ended(ending)) if ending.is_failure() => Judged::Failed,
            Some(
                RunState::Ended(_)
                | RunState::Armed
                | RunState::Waiting(_)
                | RunState::Starting
                | RunState::Unknown
                | RunState::Held
                | RunState::Job(_),
            )
            | None => Judged::Nothing,
        }
    }
}

impl Digest {
    /// Whether these are all of the asked time, and not only the newest.
    pub fn is_whole(&self) -> bool {
        self.runs.len() < SHOWN
    }

    /// How many of its last runs failed.
    pub fn failed(&self) -> usize {
        self.runs.iter().filter(|run| run.judged() == Judged::Failed).count()
    }

    /// How many of its last runs failed or succeeded.
    pub fn judged(&self) -> usize {
        self.runs.iter().filter(|run| run.judged() != Judged::Nothing).count()
    }

    /// Since which time all have failed: None when the last one that tells anything succeeded.
    pub fn failing_since(&self) -> Option<Timestamp> {
        let told = self.runs.iter().filter(|run| run.judged() != Judged::Nothing);
        told.take_while(|run| run.judged() == Judged::Failed).last().map(|run| run.nominal_at)
    }

    /// Its newest run that has a job and has not ended.
    pub fn open(&self) -> Option<&Recent> {
        self.runs.iter().find(|run| matches!(run.state.known(), Some(RunState::Job(_))))
    }
}

/// The middle of the newest successes' durations; of two in the middle what lies between.
pub fn usual(newest_first: impl Iterator<Item = i64>) -> Option<i64> {
    let mut lengths: Vec<i64> = newest_first.take(USUAL_OF).collect();
    if lengths.len() < USUAL_LEAST {
        return None;
    }
    lengths.sort_unstable();
    let (below, above) = (lengths.get((lengths.len() - 1) / 2)?, lengths.get(lengths.len() / 2)?);
    Some(i64::midpoint(*below, *above))
}

/// When it was due, its state and reason, when it was accepted and when it ended.
type RecentRow = (i64, String, Option<String>, Option<i64>, Option<i64>);

#[derive(Deserialize)]
struct DigestRow {
    schedule: String,
    runs: Vec<RecentRow>,
    late: Option<i64>,
}

#[derive(Deserialize)]
struct SuccessRow {
    schedule: String,
    /// Nominal time and duration, newest first.
    of: Vec<(i64, Option<i64>)>,
}

impl DigestRow {
    /// What is no instant is left out.
    fn into_digest(self) -> Digest {
        let instant = |ms: i64| Timestamp::from_millisecond(ms).ok();
        let runs = self.runs.into_iter().filter_map(|(nominal_at, state, reason, accepted_at, ended_at)| {
            let state = match RunState::from_names(&state, reason.as_deref()) {
                Some(known) => ShownState::Known(known),
                None => ShownState::Other { state, reason },
            };
            let (accepted_at, ended_at) = (accepted_at.and_then(instant), ended_at.and_then(instant));
            Some(Recent { nominal_at: instant(nominal_at)?, state, accepted_at, ended_at })
        });
        let runs: Vec<Recent> = runs.collect();
        let succeeded = || runs.iter().filter(|run| run.judged() == Judged::Succeeded);
        let last_success = succeeded().map(|run| run.nominal_at).next();
        let usual_ms = usual(succeeded().filter_map(Recent::took_ms));
        Digest { schedule: self.schedule, last_success, usual_ms, late_ms: self.late, runs }
    }
}

/// Why it cannot be told.
pub(super) enum Untold {
    /// SQLite failed.
    Database(sqlx::Error),
    /// A row that cannot be read.
    Row(serde_json::Error),
}

impl From<sqlx::Error> for Untold {
    fn from(cause: sqlx::Error) -> Untold {
        Untold::Database(cause)
    }
}

fn read<T: serde::de::DeserializeOwned>(row: &SqliteRow) -> Result<T, Untold> {
    // As every reader: a damaged row is shown as it can be.
    serde_json::from_str(&String::from_utf8_lossy(row.try_get(0)?)).map_err(Untold::Row)
}

/// The schedules that have a run, by name.
pub(super) async fn schedules(pool: &SqlitePool) -> Result<Vec<String>, Untold> {
    sql::query(sql::SCHEDULES).fetch_all(pool).await?.iter().map(read).collect()
}

/// See [`super::History::digests`].
pub(super) async fn digests(
    pool: &SqlitePool,
    schedules: &[String],
    since: Option<Timestamp>,
    until: Option<Timestamp>,
) -> Result<Vec<Digest>, Untold> {
    let (first, second) = schedules.split_at(schedules.len() / 2);
    let (mut digests, more) =
        tokio::try_join!(some_digests(pool, first, since, until), some_digests(pool, second, since, until))?;
    digests.extend(more);
    // Those whose shown runs do not tell, and all where not the newest are shown.
    let ask = |digest: &&Digest| {
        let successes = digest.runs.iter().filter(|run| run.judged() == Judged::Succeeded).count();
        since.is_some() || until.is_some() || successes < USUAL_OF
    };
    let asked: Vec<&str> = digests.iter().filter(ask).map(|digest| digest.schedule.as_str()).collect();
    if asked.is_empty() {
        return Ok(digests);
    }
    let rows = sql::query(sql::SUCCESSES).bind(serde_json::json!(asked).to_string()).fetch_all(pool).await?;
    let places = digests.iter().enumerate().map(|(place, digest)| (digest.schedule.clone(), place));
    let places: BTreeMap<String, usize> = places.collect();
    for row in &rows {
        let SuccessRow { schedule, of } = read(row)?;
        if let Some(digest) = places.get(&schedule).and_then(|place| digests.get_mut(*place)) {
            digest.last_success = of.first().and_then(|(nominal_at, _)| Timestamp::from_millisecond(*nominal_at).ok());
            digest.usual_ms = usual(of.iter().filter_map(|(_, took)| *took));
        }
    }
    Ok(digests)
}

async fn some_digests(
    pool: &SqlitePool,
    schedules: &[String],
    since: Option<Timestamp>,
    until: Option<Timestamp>,
) -> Result<Vec<Digest>, Untold> {
    if schedules.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sql::query(sql::DIGESTS)
        .bind(serde_json::json!(schedules).to_string())
        .bind(since.map_or(i64::MIN, |at| at.as_millisecond()))
        .bind(until.map_or(i64::MAX, |at| at.as_millisecond()))
        .fetch_all(pool)
        .await?;
    rows.iter().map(|row| read(row).map(DigestRow::into_digest)).collect()
}
