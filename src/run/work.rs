//! What a run takes with it when it is claimed: its work, and what its schedule says about all that may happen to it.
//!
//! An edit of the schedule holds for later claims (semantics.md 12a). A policy that is read from the live files cannot be explained
//! afterwards.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::schedule::{
    CatchUp, HistoryChoice, OnUnknownStart, OverlapPolicy, Retry, Schedule, StartSpec, Timeouts, milliseconds,
};

/// What a run does. Names are those of the column `work_kind`.
#[derive(Clone, Debug, PartialEq)]
pub enum Work {
    /// Starts a job of a process.
    Process(StartSpec),
}

impl Work {
    /// Its stable name, as in the database.
    pub fn kind(&self) -> &'static str {
        match self {
            Work::Process(_) => "process",
        }
    }
}

/// What a schedule said at the claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrozenPolicy {
    /// What happens when an earlier run is open. None: it was claimed before this was frozen, and what the files say now holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap: Option<OverlapPolicy>,
    /// What happens when the start stays unclear.
    pub on_unknown_start: OnUnknownStart,
    /// What of arguments and output stays in the history.
    #[serde(default)]
    pub history: HistoryChoice,
    /// How late it may be sent, from when its deadline counts; also how long its connection may lead elsewhere.
    #[serde(rename = "start_deadline_ms", with = "milliseconds")]
    pub start_deadline: Duration,
    /// Which of several times run that have waited for one cause. None as for `overlap`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catch_up: Option<CatchUp>,
    /// Which attempts follow a failed job. None: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// How long a job may take. None: as long as it needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Timeouts>,
    /// The first instant at which `timeout.at` shows on the clocks of its schedule's zone after it is to be sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_at: Option<Timestamp>,
    /// The pool that it counts in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// Of pools and of starts that wait: higher first.
    #[serde(default, skip_serializing_if = "is_ordinary")]
    pub priority: i32,
    /// What windows in which nothing is started are to it: a person may start it all the same (semantics.md 31).
    #[serde(default, skip_serializing_if = "InWindows::is_usual")]
    pub in_windows: InWindows,
}

/// What becomes of a run inside a window in which nothing is started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InWindows {
    /// It waits for the end.
    #[default]
    Waits,
    /// A person wants it started then.
    Starts,
}

impl InWindows {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_usual(&self) -> bool {
        *self == InWindows::Waits
    }
}

fn is_ordinary(priority: &i32) -> bool {
    *priority == 0
}

impl FrozenPolicy {
    /// What a schedule says now.
    pub fn of(schedule: &Schedule) -> FrozenPolicy {
        FrozenPolicy {
            overlap: Some(schedule.overlap),
            on_unknown_start: schedule.on_unknown_start,
            history: schedule.history,
            start_deadline: schedule.start_deadline,
            catch_up: Some(schedule.catch_up),
            retry: schedule.retry.clone(),
            timeout: schedule.timeout.clone(),
            stop_at: None,
            pool: schedule.pool.clone(),
            priority: schedule.priority,
            in_windows: InWindows::Waits,
        }
    }
}
