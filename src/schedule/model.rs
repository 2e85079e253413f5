//! What a schedule file means, once it is known to be right.
//!
//! Every value here has been checked: later code cannot see an invalid schedule. Shapes as written in YAML are in `spec`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

use super::blackout::Blackout;
use super::folder::FolderChoice;
use super::kept::HistoryChoice;
use super::name::{ConnectionName, ScheduleKey};
use super::policy::{CatchUp, JobPriority, OnUnknownStart, OverlapPolicy, PauseAfter, Retry, Timeouts};
use super::timing::Timing;
use crate::grant::Grant;
use crate::http::Authorities;
use crate::recurrence::{Excluded, Nominal, Recurrence, ZoneChoice};

/// How many excluded days are passed over in looking for the time before.
const MOST_EXCLUDED_DAYS: usize = 366;

/// One Orchestrator tenant with its credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Its key in the file.
    pub name: ConnectionName,
    /// The base before `/odata`, without a trailing slash.
    pub url: Url,
    /// Sent as `X-UIPATH-TenantName` when given.
    pub tenant: Option<String>,
    /// How to get an access token.
    pub auth: AuthSpec,
    /// How hard the server may be worked.
    pub limits: ConnectionLimits,
    /// How long after an unclear start a job may still become visible (semantics.md 16).
    pub settle: Duration,
    /// Whom to trust besides the system's authorities, for the token server too (`tls.ca`).
    pub authorities: Option<Authorities>,
}

/// How a connection gets its access tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthSpec {
    /// Which request is sent.
    pub grant: Grant,
    /// Where it is sent, when the file says so; else derived from the connection's URL and the style.
    pub token_url: Option<Url>,
}

/// The work that a connection may be given. Defaults are argued beside each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// StartJobs calls a second. 15 is what UiPath's own client allows itself.
    pub starts_per_second: u32,
    /// Requests under way at once.
    pub open_requests: u32,
    /// `GET /odata/Jobs?…` calls a minute. The Cloud allows 100 for the whole tenant; others need some too.
    pub list_calls_per_minute: u32,
    /// Starts a second after an outage, oldest first.
    pub recovery_rate: u32,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        ConnectionLimits { starts_per_second: 15, open_requests: 32, list_calls_per_minute: 60, recovery_rate: 5 }
    }
}

/// How much of the history is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryLimits {
    /// How long after its end. 400 days, so that the same night last year can be compared.
    pub keep: Duration,
    /// At most so many runs that ended.
    pub max_runs: Option<u64>,
    /// At most so many bytes in the database.
    pub max_bytes: Option<u64>,
}

impl Default for HistoryLimits {
    fn default() -> Self {
        HistoryLimits { keep: Duration::from_secs(400 * 24 * 3600), max_runs: None, max_bytes: None }
    }
}

/// The nightly copies of the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copies {
    /// How many are kept. Three, so that a fault seen a day late finds one from before it.
    pub keep: usize,
    /// Where, if not in the state folder.
    pub folder: Option<PathBuf>,
}

impl Default for Copies {
    fn default() -> Self {
        Copies { keep: 3, folder: None }
    }
}

/// One schedule: when, what, and what to do in the odd cases.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Its identity.
    pub key: ScheduleKey,
    /// For people.
    pub description: Option<String>,
    /// When, as written: its hash makes a schedule version (semantics.md 8).
    pub timing: Timing,
    /// When, compiled from `timing`.
    pub recurrence: Recurrence,
    /// Whether its times run or are recorded as `skipped: disabled`.
    pub enablement: Enablement,
    /// On which connection.
    pub connection: ConnectionName,
    /// What is started.
    pub start: StartSpec,
    /// What happens when an earlier run is still open.
    pub overlap: OverlapPolicy,
    /// What happens with times found late.
    pub catch_up: CatchUp,
    /// How late the first start may be.
    pub start_deadline: Duration,
    /// What happens when a start stays unclear.
    pub on_unknown_start: OnUnknownStart,
    /// Which attempts follow a failed job. None: none.
    pub retry: Option<Retry>,
    /// How long a job may take. None: as long as it needs.
    pub timeout: Option<Timeouts>,
    /// The pool that its runs count in.
    pub pool: Option<String>,
    /// Its place among what waits for a pool or for the limits: higher first.
    pub priority: i32,
    /// When it is paused since its runs fail.
    pub pause_after: PauseAfter,
    /// What of arguments and output its runs keep.
    pub history: HistoryChoice,
    /// Where it stands.
    pub place: Place,
}

impl Schedule {
    /// Its last time before `at` that its calendar keeps, if there is one.
    pub fn previous_time(&self, at: Timestamp) -> Option<Timestamp> {
        let mut before = at;
        for _ in 0..MOST_EXCLUDED_DAYS {
            let time = self.recurrence.previous_before(before)?;
            if time.excluded == Excluded::No {
                return Some(time.at);
            }
            // The calendar takes whole days, so the rest of that day is passed over.
            before = self.recurrence.zone().first_instant_of(time.local.date()).unwrap_or(time.at).min(time.at);
        }
        None
    }
}

/// Whether a schedule runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enablement {
    /// It runs.
    Enabled,
    /// Its times are recorded as `skipped: disabled`.
    Disabled,
}

/// A place in a file, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file as it was named.
    pub file: PathBuf,
    /// The line.
    pub line: u32,
}

/// The job that is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartSpec {
    /// The process (release) by its name in the folder.
    pub process: String,
    /// In which folder; absent where the server has one folder only.
    pub folder: Option<FolderChoice>,
    /// Orchestrator's `RuntimeType`, sent as written.
    pub runtime: Option<String>,
    /// Orchestrator's own priority; absent: as the process says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<JobPriority>,
    /// Input arguments, a JSON object. Of a schedule they may hold templates; of a run they are filled in for its attempt.
    pub arguments: Option<serde_json::Map<String, serde_json::Value>>,
}

/// All that is loaded, as one immutable set.
#[derive(Clone, Debug, Default)]
pub struct ScheduleSet {
    /// By name.
    pub connections: BTreeMap<ConnectionName, Arc<Connection>>,
    /// By key.
    pub schedules: BTreeMap<ScheduleKey, Arc<Schedule>>,
    /// How many runs may be open at once in each pool (`limits.POOL.running`).
    pub pools: BTreeMap<String, u32>,
    /// The windows in which nothing is started, by name.
    pub blackouts: BTreeMap<String, Arc<Blackout>>,
    /// Which time zone database is read (`daemon.tzdb`).
    pub zone_database: ZoneChoice,
    /// Whether files that change are read again (`daemon.watch`).
    pub watch: Watch,
    /// How much of the history is kept (`daemon.history`).
    pub history: HistoryLimits,
    /// The nightly copies (`daemon.backup`).
    pub copies: Copies,
    /// The environment variables that templates may name (`daemon.allow_env`).
    pub allow_env: BTreeSet<String>,
    /// Those of them that were set when the files were loaded, with their values.
    pub env: BTreeMap<String, String>,
}

/// Whether files that change are read again by themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Watch {
    /// Once they have been still for a moment.
    #[default]
    On,
    /// Only when asked for.
    Off,
}

/// One due time of one schedule.
#[derive(Clone, Debug)]
pub struct Occurrence {
    /// The schedule.
    pub schedule: Arc<Schedule>,
    /// When it was meant, and how that reads in its zone.
    pub nominal: Nominal,
    /// When it is to be sent: nominal plus jitter.
    pub fire_at: Timestamp,
    /// Why it exists.
    pub trigger: Trigger,
}

/// Why a run exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// Found on time.
    Scheduled,
    /// Found late.
    CatchUp,
    /// Another run ended.
    After,
    /// A range of past times, asked for by a person.
    Backfill,
    /// A person.
    Manual,
}

impl Trigger {
    /// Its stable name, as in the database and in machine output.
    pub fn name(self) -> &'static str {
        match self {
            Trigger::Scheduled => "scheduled",
            Trigger::CatchUp => "catch_up",
            Trigger::After => "after",
            Trigger::Backfill => "backfill",
            Trigger::Manual => "manual",
        }
    }

    /// Whether it is a time of the schedule, of which there is one run; what a person asks for is a further one (semantics.md 12).
    pub fn is_planned(self) -> bool {
        match self {
            Trigger::Scheduled | Trigger::CatchUp | Trigger::After => true,
            Trigger::Manual | Trigger::Backfill => false,
        }
    }
}

/// Up to where each schedule has been planned, and under which version of its timing.
#[derive(Clone, Debug, Default)]
pub struct Marks(pub BTreeMap<ScheduleKey, HighWaterMark>);

/// Every time up to and including this one has a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HighWaterMark(pub Timestamp);
