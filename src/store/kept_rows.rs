//! Rows of answers that are kept, and the writer's statements about them.
//!
//! What is too old goes with the next one that is written: there is one for each act by hand, so nobody has to come by for it.

use jiff::Timestamp;
use serde::Serialize;
use sqlx::Row;

use super::kept_answer::{KeptAnswer, OnceKey, UnderKey};

/// A day.
const KEPT_MS: i64 = 24 * 3_600 * 1_000;

pub(super) const LOAD_KEPT_ANSWER: &str = "
select asked, answer from kept_answer where actor = ?1 and key = ?2 and at > ?3";

pub(super) const DELETE_OLD_ANSWERS: &str = "delete from kept_answer where at <= ?1";

/// One that is there still is too old to be shown: whoever acts has looked.
pub(super) const KEEP_ANSWERS: &str = "
insert into kept_answer (actor, key, at, asked, answer)
select value ->> 'actor', value ->> 'key', value ->> 'at', value ->> 'asked', value ->> 'answer' from json_each(?1)
where true
on conflict (actor, key) do update set at = excluded.at, asked = excluded.asked, answer = excluded.answer";

#[derive(Debug, Serialize)]
pub(super) struct KeptRow<'k> {
    actor: &'k str,
    key: &'k str,
    at: i64,
    asked: &'k str,
    answer: &'k str,
}

impl<'k> KeptRow<'k> {
    pub(super) fn from_kept(kept: &'k KeptAnswer) -> KeptRow<'k> {
        let KeptAnswer { once: OnceKey { actor, key, asked }, at, answer } = kept;
        KeptRow { actor, key, at: at.as_millisecond(), asked, answer }
    }
}

/// The last instant that is too old, in milliseconds.
pub(super) fn too_old(now: Timestamp) -> i64 {
    now.as_millisecond() - KEPT_MS
}

/// What a row, or none, says to this question.
pub(super) fn under_key(row: Option<&sqlx::sqlite::SqliteRow>, once: &OnceKey) -> Result<UnderKey, sqlx::Error> {
    let Some(row) = row else { return Ok(UnderKey::Nothing) };
    let asked: String = row.try_get(0)?;
    if asked == once.asked { row.try_get(1).map(UnderKey::Done) } else { Ok(UnderKey::Another) }
}
