//! What holds schedules back: pauses, and single coming times that are to be skipped (semantics.md 29).
//!
//! Absent: what they do to a time (not built yet), and blackouts, which are in the files.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::schedule::ScheduleKey;

/// The number of a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PauseId(pub i64);

/// What a pause holds back. It also holds what is added later under a name that fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PauseScope {
    /// Schedules whose key fits a pattern.
    Schedules(String),
    /// All schedules on connections whose name fits a pattern.
    Connections(String),
    /// Everything.
    All,
}

/// A pause. It survives restarts and edits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// What it holds back.
    pub scope: PauseScope,
    /// Why, in the words of who asked for it.
    pub reason: Option<String>,
    /// Who asked for it; `punctual` where too many runs in a row have failed.
    pub actor: String,
    /// The first instant in it.
    pub since: Timestamp,
    /// The first instant after it. None: until somebody ends it.
    pub until: Option<Timestamp>,
}

/// One coming time that is to be skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkipMark {
    /// Whose.
    pub schedule: ScheduleKey,
    /// Which nominal time.
    pub nominal_at: Timestamp,
    /// Who asked for it.
    pub actor: String,
    /// Why, in the words of who asked for it.
    pub reason: Option<String>,
    /// When it was asked for.
    pub asked_at: Timestamp,
}
