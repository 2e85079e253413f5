//! What a schedule says about the odd cases: an earlier run that is open, a late time, an unclear start, a job that fails or hangs.
//!
//! A run takes these with it when it is claimed (semantics.md 12a), so each is plain data that can be stored: lengths of time are
//! milliseconds there, since a policy in whole seconds could not be told from one that was cut.
//!
//! Absent: what each decides (`policy`), and reading them from a file (`spec`).

use std::time::Duration;

use jiff::civil;
use serde::{Deserialize, Serialize};

/// What happens when a time comes while an earlier run of the schedule is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OverlapPolicy {
    /// The new time is recorded as `skipped: overlap`.
    Skip,
    /// Both run.
    Allow,
    /// One time waits behind the open run; later ones are recorded as `skipped: overlap`.
    QueueOne,
    /// The newest time waits behind it; the one that it replaces is recorded as `skipped: overlap`.
    QueueLatest,
    /// All wait behind it, up to [`OverlapPolicy::LONGEST_QUEUE`].
    QueueAll,
    /// The older run's job is asked to stop, and killed if it does not.
    StopOther,
    /// The older run's job is killed.
    KillOther,
}

impl OverlapPolicy {
    /// So many times of one schedule wait at most (semantics.md 11): a schedule of every minute whose robot hangs has a thousand after
    /// seventeen hours, and what is older is of no use to anybody.
    pub const LONGEST_QUEUE: usize = 1_000;

    /// Every one there is.
    pub const ALL: [OverlapPolicy; 7] = [
        OverlapPolicy::Skip,
        OverlapPolicy::Allow,
        OverlapPolicy::QueueOne,
        OverlapPolicy::QueueLatest,
        OverlapPolicy::QueueAll,
        OverlapPolicy::StopOther,
        OverlapPolicy::KillOther,
    ];

    /// Whether a time waits for the end of an older run of its schedule (semantics.md 11).
    pub fn waits(self) -> bool {
        match self {
            OverlapPolicy::Skip | OverlapPolicy::Allow => false,
            OverlapPolicy::QueueOne | OverlapPolicy::QueueLatest | OverlapPolicy::QueueAll => true,
            OverlapPolicy::StopOther | OverlapPolicy::KillOther => true,
        }
    }

    /// Whether the older run is made to end for it.
    pub fn stops_the_older(self) -> bool {
        match self {
            OverlapPolicy::StopOther | OverlapPolicy::KillOther => true,
            OverlapPolicy::Skip
            | OverlapPolicy::Allow
            | OverlapPolicy::QueueOne
            | OverlapPolicy::QueueLatest
            | OverlapPolicy::QueueAll => false,
        }
    }
}

/// What happens with times that were not found within a minute (semantics.md 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatchUp {
    /// Which of them run.
    pub policy: CatchUpPolicy,
    /// How old a time may be to run at all.
    #[serde(rename = "window_ms", with = "milliseconds")]
    pub window: Duration,
    /// How many of them run, where all may.
    #[serde(default = "CatchUp::usual_max", skip_serializing_if = "CatchUp::is_usual")]
    pub max: u32,
}

impl CatchUp {
    /// How many late times run where a file does not say: a night of every hour is caught up, a week is not.
    pub const USUAL_MAX: u32 = 10;

    fn usual_max() -> u32 {
        CatchUp::USUAL_MAX
    }

    /// Left out where it is the usual one: rows of before there was a choice have none, and their seal is of what they have.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
    fn is_usual(max: &u32) -> bool {
        *max == CatchUp::USUAL_MAX
    }
}

/// Which late times run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CatchUpPolicy {
    /// The latest one.
    Last,
    /// None.
    Skip,
    /// The newest `max`, one after another, oldest first.
    All,
}

/// When a schedule is paused since its runs fail (semantics.md 18, 29).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PauseAfter {
    /// Nothing is said: only an account whose logon fails twice in a row pauses it.
    #[default]
    AccountFaults,
    /// `0`: never.
    Never,
    /// After so many failed runs in a row; and as without it for an account.
    Failures(u32),
}

/// What happens when a start stays unclear after the settle window and no job is found (semantics.md 16).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnUnknownStart {
    /// Start again, with the same Reference.
    Retry,
    /// Let it be.
    Skip,
    /// Wait for a person.
    Hold,
}

/// Which starts follow a failed job, as new attempts of the same run (semantics.md 18).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// Starts in all, the first included.
    pub attempts: u16,
    /// The first pause; each next one is twice as long.
    #[serde(rename = "delay_ms", with = "milliseconds")]
    pub delay: Duration,
    /// The longest pause.
    #[serde(rename = "max_delay_ms", with = "milliseconds")]
    pub max_delay: Duration,
    /// After which ends of a job.
    pub on: Vec<RetryOn>,
}

/// An end of a job that another attempt may follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryOn {
    /// It failed, and neither its account nor a business rule is why.
    Faulted,
    /// It was stopped since it took too long.
    TimedOut,
    /// A business rule was broken.
    Business,
}

impl Retry {
    /// The first pause where a file does not say: a robot's session is gone for about that long.
    pub const USUAL_DELAY: Duration = Duration::from_secs(60);

    /// The longest pause where a file does not say: an update or a restart of a robot's machine is over by then.
    pub const USUAL_MAX_DELAY: Duration = Duration::from_secs(900);

    /// So many starts in all has a run whose pending job is to be started anew, where `retry` does not say: one that is never tried
    /// again is not healed, and one that finds no robot twice will not find one by the third try (semantics.md 21).
    pub const STARTS_OF_PENDING: u16 = 2;
}

/// How long a job may take (semantics.md 21).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timeouts {
    /// From acceptance to its first start on a robot.
    #[serde(rename = "pending_ms", default, skip_serializing_if = "Option::is_none", with = "milliseconds_or_none")]
    pub pending: Option<Duration>,
    /// From its start to the soft stop, without the time that it was suspended.
    #[serde(rename = "soft_ms", default, skip_serializing_if = "Option::is_none", with = "milliseconds_or_none")]
    pub soft: Option<Duration>,
    /// At this time of day, in the schedule's zone, it is stopped softly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<civil::Time>,
    /// From the accepted soft stop to the kill.
    #[serde(rename = "kill_after_ms", with = "milliseconds")]
    pub kill_after: Duration,
    /// What follows when it was pending for too long.
    pub on_pending: OnPending,
    /// Who else counts.
    pub counted_by: CountedBy,
}

impl Timeouts {
    /// From the accepted soft stop to the kill where a file does not say (semantics.md 11, 21).
    pub const USUAL_KILL_AFTER: Duration = Duration::from_secs(300);

    /// After how long Orchestrator itself asks a job to stop, where it is told to: it cannot count the wait for a robot apart.
    pub fn on_server(&self) -> Option<Duration> {
        match self.counted_by {
            CountedBy::ServerToo => Some(self.pending?.saturating_add(self.soft?)),
            CountedBy::Us => None,
        }
    }
}

/// What follows when a job found no robot in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnPending {
    /// The run ends as `timed_out`.
    Stop,
    /// The job is stopped and another one started: Orchestrator freezes what a pending job waits for at its dispatch.
    Restart,
}

/// Who counts a job's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CountedBy {
    /// This program.
    Us,
    /// Orchestrator too, by its own stop expressions (`on_server: true`).
    ServerToo,
}

/// How urgent a job is to Orchestrator; sent as its `JobPriority`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum JobPriority {
    /// After others.
    Low,
    /// As the process says, which is what it says itself where nothing is set.
    Normal,
    /// Before others.
    High,
}

impl JobPriority {
    /// Orchestrator's word for it.
    pub fn name(self) -> &'static str {
        match self {
            JobPriority::Low => "Low",
            JobPriority::Normal => "Normal",
            JobPriority::High => "High",
        }
    }
}

/// Whole milliseconds in JSON.
pub mod milliseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    /// The longest length there is stays the longest.
    pub fn serialize<S: Serializer>(length: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(length.as_millis()).unwrap_or(u64::MAX))
    }

    /// The same back.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

mod milliseconds_or_none {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(length: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        match length {
            Some(length) => super::milliseconds::serialize(length, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(deserializer)?.map(Duration::from_millis))
    }
}
