//! Old rows go, by the writer and in small batches, so that a claim never waits long.
//!
//! Absent: when that is done (`housekeeping`), and copies (`copying`).

use jiff::Timestamp;

use super::open::Database;
use super::sql;
use super::trouble::StoreError;

/// Rows removed by one statement: a few milliseconds.
const BATCH: i64 = 200;

/// Which rows may stay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Runs that ended before this go.
    pub ended_before: Option<Timestamp>,
    /// Of the others that ended, so many stay.
    pub max_runs: Option<u64>,
    /// And no more than fit in so many bytes.
    pub max_bytes: Option<u64>,
}

/// How many runs went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Removed(pub u64);

/// One batch; none are removed when there is nothing more to do. Open runs are never touched.
pub(super) async fn remove_batch(database: &mut Database, retention: &Retention) -> Result<Removed, StoreError> {
    let Retention { ended_before, max_runs, max_bytes } = *retention;
    let doing = "removing old runs";
    if let Some(before) = ended_before {
        let query = sql::query(sql::DELETE_ENDED_BEFORE).bind(before.as_millisecond()).bind(BATCH);
        let gone = database.run(query, doing).await?;
        if gone > 0 {
            return Ok(Removed(gone));
        }
    }
    let over = match max_runs {
        Some(most) => database.ask_number(sql::COUNT_RUNS, doing).await? - i64::try_from(most).unwrap_or(i64::MAX),
        None => 0,
    };
    let too_large = match max_bytes {
        Some(most) => database.ask_number(sql::SIZE, doing).await? > i64::try_from(most).unwrap_or(i64::MAX),
        None => false,
    };
    let many = if too_large { BATCH } else { over.clamp(0, BATCH) };
    if many == 0 {
        return Ok(Removed(0));
    }
    Ok(Removed(database.run(sql::query(sql::DELETE_OLDEST).bind(many), doing).await?))
}
