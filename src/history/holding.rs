//! The pauses that are not over, and the times that are to be skipped.

use jiff::Timestamp;
use serde::Deserialize;

use crate::run::{Pause, PauseId, PauseScope, SkipMark};
use crate::schedule::ScheduleKey;

/// What holds schedules back by the word of somebody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeldBack {
    /// The pauses that are not over, the first one first.
    pub pauses: Vec<(PauseId, Pause)>,
    /// The times to be skipped, by time.
    pub skips: Vec<SkipMark>,
}

#[derive(Debug, Deserialize)]
pub(super) struct PauseRow {
    id: PauseId,
    scope: String,
    pattern: Option<String>,
    reason: Option<String>,
    actor: String,
    since_at: i64,
    until_at: Option<i64>,
}

impl PauseRow {
    /// None: a newer version wrote it.
    pub(super) fn into_pause(self) -> Option<(PauseId, Pause)> {
        let PauseRow { id, scope, pattern, reason, actor, since_at, until_at } = self;
        let scope = PauseScope::from_columns(&scope, pattern)?;
        let until = until_at.map(Timestamp::from_millisecond).transpose().ok()?;
        Some((id, Pause { scope, reason, actor, since: Timestamp::from_millisecond(since_at).ok()?, until }))
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct SkipRow {
    schedule: ScheduleKey,
    nominal_at: i64,
    actor: String,
    reason: Option<String>,
    asked_at: i64,
}

impl SkipRow {
    pub(super) fn into_mark(self) -> Option<SkipMark> {
        let SkipRow { schedule, nominal_at, actor, reason, asked_at } = self;
        let (nominal_at, asked_at) = (Timestamp::from_millisecond(nominal_at), Timestamp::from_millisecond(asked_at));
        Some(SkipMark { schedule, nominal_at: nominal_at.ok()?, actor, reason, asked_at: asked_at.ok()? })
    }
}
