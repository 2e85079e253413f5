//! How the daemon, its connections and its runs stand, in the shapes that `GET /status` answers with.
//!
//! The shapes are also what `punctual status -o json` prints, with or without a daemon: what only a daemon knows is `null`
//! without one.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::holding::{PauseLine, SkipLine};
use super::instant::instant;
use super::needs::Need;
use crate::auth::TokenStatus;
use crate::history::{Chore, RunSummary, ShownState, Spans};

/// Everything at one instant. Instants are RFC 3339 in UTC with milliseconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
    pub at: String,
    /// None: no daemon answers, and the rest is what the files say.
    pub daemon: Option<DaemonStatus>,
    /// The worst that needs somebody or something, in one sentence.
    pub trouble: Option<String>,
    /// What waits for a person, each with its cure. A daemon of an older version does not say.
    #[serde(default)]
    pub needs: Vec<Need>,
    pub connections: Vec<ConnectionStatus>,
    /// What a person must act on, by kind: `held`, `stuck`, `duplicate`, `token`, `storage`, `files`, `clock`,
    /// `paused` (semantics.md 43). A daemon of an older
    /// version does not say.
    #[serde(default)]
    pub act_on: Vec<String>,
    /// The pauses that are not over. A daemon of an older version does not say.
    #[serde(default)]
    pub pauses: Vec<PauseLine>,
    /// The coming times that are skipped, by time. A daemon of an older version does not say.
    #[serde(default)]
    pub skips: Vec<SkipLine>,
    /// The pools of the files, by name. A daemon of an older version does not say.
    #[serde(default)]
    pub pools: Vec<PoolLine>,
    /// How many runs are open, by state and reason.
    pub open: BTreeMap<String, u64>,
    /// The open runs that were due first.
    pub open_runs: Vec<RunLine>,
    /// The soonest coming times.
    pub next: Vec<NextTime>,
    /// From here on failures are counted: yesterday's first instant in the system's zone.
    pub failed_since: String,
    pub failed: u64,
    /// The newest of them.
    pub failures: Vec<RunLine>,
    /// The same by schedule, the one that failed last first. A daemon of an older version does not say.
    #[serde(default)]
    pub failing: Vec<FailingLine>,
    pub zone_database: ZoneDatabaseStatus,
    pub chores: Vec<Chore>,
}

/// The process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DaemonStatus {
    pub version: String,
    pub pid: u32,
    pub started_at: String,
    pub state_dir: String,
    pub socket: String,
    pub schedules: u64,
    /// Whether every run that was open at the start has been read again.
    pub reconciled: bool,
    /// Whether claims can be written; while they cannot, nothing is started.
    pub store_writable: bool,
}

/// One connection.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConnectionStatus {
    pub connection: String,
    pub url: String,
    /// What keeps its starts back; none when nothing does, or when no daemon answers.
    pub obstacle: Option<ObstacleStatus>,
    /// What is wrong without keeping a start back, with what helps; empty when no daemon answers.
    #[serde(default)]
    pub troubles: Vec<String>,
    /// Its waiting runs, by reason.
    pub waiting: BTreeMap<String, u64>,
    pub token: Option<TokenReport>,
}

/// What keeps starts back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ObstacleStatus {
    /// As in `waiting`: `outage`, `token`, `rate_limit`, `clock`.
    pub reason: String,
    pub text: String,
    pub until: Option<String>,
}

/// How a credential stands (T24). Never the token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenReport {
    pub connection: String,
    pub state: String,
    pub generation: Option<u64>,
    pub issued_at: Option<String>,
    pub renew_at: Option<String>,
    pub expires_at: Option<String>,
    pub next_try_at: Option<String>,
    /// The last failure with its cure; none after a success.
    pub error: Option<String>,
    pub refreshes_ok: u64,
    pub refreshes_failed: u64,
    /// When the refresh token in use was received.
    pub refresh_token_at: Option<String>,
    /// When it ends if it is not renewed before.
    pub refresh_token_ends_at: Option<String>,
    /// The short name of the last failure, such as `invalid_client` or `http_503`.
    pub error_code: Option<String>,
    /// What a person should do before it becomes an error.
    pub warning: Option<String>,
}

/// One run, as far as an overview needs it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunLine {
    pub run: String,
    pub schedule: String,
    pub connection: String,
    pub nominal_at: String,
    #[serde(flatten)]
    pub state: ShownState,
    pub job_id: Option<i64>,
    pub error: Option<String>,
    pub note: Option<String>,
    /// When a run that waits is looked at again.
    #[serde(default)]
    pub waiting_until: Option<String>,
    /// How late it was, how long it waited for a robot, and how long it runs. A daemon of an older version does not say.
    #[serde(flatten)]
    pub spans: Spans,
    /// How long its schedule usually takes, in milliseconds, for one that is open (semantics.md 40).
    #[serde(default)]
    pub usual_ms: Option<i64>,
}

/// What failed of a schedule in that time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FailingLine {
    pub schedule: String,
    pub failed: u64,
    /// Of how many that failed or succeeded; none for more than can be counted quickly.
    pub judged: Option<u64>,
    /// The time since which all have failed; none when one has succeeded since.
    pub failing_since: Option<String>,
    pub last_success_at: Option<String>,
    /// The newest that failed.
    pub newest: RunLine,
}

/// One coming time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextTime {
    pub schedule: String,
    pub nominal_at: String,
    pub fire_at: String,
    /// When it is sent, as far as is known: later than it is due where something holds it back. None: no end of that is known.
    #[serde(default)]
    pub goes_at: Option<String>,
    /// What holds it back for a while.
    #[serde(default)]
    pub note: Option<String>,
}

/// How full a pool is (semantics.md 11).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolLine {
    pub pool: String,
    /// How many runs may count at once, as the files say now.
    pub size: u32,
    /// How many do.
    pub running: u32,
    /// How many wait for it.
    pub waiting: u32,
}

/// Which rules of the world's clocks are in use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneDatabaseStatus {
    /// `bundled`, or the system's folder.
    pub source: String,
    pub version: Option<String>,
}

impl TokenReport {
    /// The report of one connection.
    pub fn new(connection: &str, status: &TokenStatus) -> TokenReport {
        let at = |at: Option<Timestamp>| at.map(instant);
        TokenReport {
            connection: connection.to_owned(),
            state: status.state.as_str().to_owned(),
            generation: status.generation.map(|generation| generation.0),
            issued_at: at(status.issued_at),
            renew_at: at(status.soft_at),
            expires_at: at(status.expires_at),
            next_try_at: at(status.next_try_at),
            error: status.last_error.clone(),
            refreshes_ok: status.refreshes_ok,
            refreshes_failed: status.refreshes_failed,
            refresh_token_at: at(status.refresh_token_at),
            refresh_token_ends_at: at(status.refresh_token_ends_at),
            error_code: status.last_error_code.clone(),
            warning: status.warning.clone(),
        }
    }
}

impl RunLine {
    pub(super) fn new(run: RunSummary, usual_ms: Option<i64>, now: Timestamp) -> RunLine {
        let spans = Spans::of(&run, now);
        let RunSummary { run, schedule, connection, nominal_at, state, job_id, error, note, waiting_until, .. } = run;
        RunLine { run, schedule, connection, nominal_at, state, job_id, error, note, waiting_until, spans, usual_ms }
    }
}
