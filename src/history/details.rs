//! What is known of runs next to the columns of the view: how full the pools are, how many starts a run may have, why its job was to stop,
//! where that is, and how long its schedule usually takes.

use serde::{Deserialize, Serialize};

/// The runs of a pool.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct PoolUse {
    /// The pool.
    pub pool: String,
    /// Those that count.
    pub running: u32,
    /// Those that wait for it, or with it for a connection's own limits.
    pub waiting: u32,
}

/// What a line for people has next to a run's columns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Details {
    /// Which run.
    pub run: String,
    /// `retry.attempts`, as it was frozen at the claim.
    pub starts_allowed: Option<u32>,
    /// Why its last job was to stop, if it was.
    pub to_stop: Option<String>,
    /// How long its schedule usually takes, in milliseconds, for one that is running.
    #[serde(default)]
    pub usual_ms: Option<i64>,
    /// It was given up and its job may still run, so that it keeps its schedule back.
    #[serde(default)]
    pub counts: bool,
}

/// Where a run's last job is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct JobPlace {
    /// The number of its folder.
    pub folder_id: Option<i64>,
    /// Where its connection led at the claim: host, path and tenant. Rows of before that was kept have none.
    pub identity: Option<String>,
}
