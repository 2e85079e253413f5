//! What a schedule says about the odd cases: an earlier run that is open, a late time, an unclear start, a job that fails or hangs.
//!
//! A run takes these with it when it is claimed (semantics.md 12a), so each is plain data that can be stored: lengths of time are
//! milliseconds there, since a policy in whole seconds could not be told from one that was cut.
//!
//! Absent: what each decides (`policy`), and reading them from a file (`spec`). No file can set [`Retry`] and [`Timeouts`] yet.

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
}

/// Which late times run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CatchUpPolicy {
    /// The latest one.
    Last,
    /// None.
    Skip,
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
