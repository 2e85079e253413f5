//! Rows of pauses and of coming times that are to be skipped.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::rows::{broken, ms};
use super::trouble::StoreError;
use crate::run::{Pause, PauseId, PauseScope, SkipMark};
use crate::schedule::ScheduleKey;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PauseRow {
    /// Given by the database.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<PauseId>,
    scope: String,
    pattern: Option<String>,
    reason: Option<String>,
    actor: String,
    since_at: i64,
    until_at: Option<i64>,
}

impl PauseRow {
    pub(super) fn from_pause(pause: &Pause) -> PauseRow {
        let Pause { scope, reason, actor, since, until } = pause.clone();
        let (scope, pattern) = match scope {
            PauseScope::Schedules(pattern) => ("schedule", Some(pattern)),
            PauseScope::Connections(pattern) => ("connection", Some(pattern)),
            PauseScope::All => ("all", None),
        };
        let (since_at, until_at) = (ms(since), until.map(ms));
        PauseRow { id: None, scope: scope.to_owned(), pattern, reason, actor, since_at, until_at }
    }

    pub(super) fn into_pause(self) -> Result<(PauseId, Pause), StoreError> {
        let PauseRow { id, scope, pattern, reason, actor, since_at, until_at } = self;
        let id = id.ok_or_else(|| broken("pause", "?", "id"))?;
        let scope = match (scope.as_str(), pattern) {
            ("schedule", Some(pattern)) => PauseScope::Schedules(pattern),
            ("connection", Some(pattern)) => PauseScope::Connections(pattern),
            ("all", None) => PauseScope::All,
            (_, _) => return Err(broken("pause", id.0, "scope")),
        };
        let at = |column, ms| Timestamp::from_millisecond(ms).map_err(|_| broken("pause", id.0, column));
        let since = at("since_at", since_at)?;
        let until = until_at.map(|ms| at("until_at", ms)).transpose()?;
        Ok((id, Pause { scope, reason, actor, since, until }))
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SkipMarkRow {
    schedule: ScheduleKey,
    nominal_at: i64,
    actor: String,
    reason: Option<String>,
    asked_at: i64,
}

impl SkipMarkRow {
    pub(super) fn from_mark(mark: &SkipMark) -> SkipMarkRow {
        let SkipMark { schedule, nominal_at, actor, reason, asked_at } = mark.clone();
        SkipMarkRow { schedule, nominal_at: ms(nominal_at), actor, reason, asked_at: ms(asked_at) }
    }

    pub(super) fn into_mark(self) -> Result<SkipMark, StoreError> {
        let SkipMarkRow { schedule, nominal_at, actor, reason, asked_at } = self;
        let at = |column, ms| Timestamp::from_millisecond(ms).map_err(|_| broken("skip_mark", &schedule, column));
        let (nominal_at, asked_at) = (at("nominal_at", nominal_at)?, at("asked_at", asked_at)?);
        Ok(SkipMark { schedule, nominal_at, actor, reason, asked_at })
    }
}
