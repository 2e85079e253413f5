//! Which of two wishes to stop a job holds, and how a job ended that was to stop (semantics.md 21a).

use std::time::Duration;

use jiff::Timestamp;

use crate::clock::{earlier, later};
use crate::run::{JobEnding, StopIntent, StoppedBy};

/// What a new wish does to the one there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The new one takes its place.
    Replaces,
    /// The old one stays and kills at once.
    Hastens,
    /// The old one stays as it is.
    Stays,
}

/// A person's wish replaces any other and is replaced by none but another person's; a kill replaces a soft stop.
pub fn decide(old: Option<&StopIntent>, new: &StopIntent) -> Standing {
    let Some(old) = old else { return Standing::Replaces };
    let is_faster = kills_at_once(new) && !kills_at_once(old);
    match (&old.by, &new.by) {
        (StoppedBy::Person { .. }, StoppedBy::Person { .. }) if is_faster => Standing::Replaces,
        (StoppedBy::Person { .. }, _) => Standing::Stays,
        (StoppedBy::Timeout(_) | StoppedBy::Overlap, StoppedBy::Person { .. }) => Standing::Replaces,
        (StoppedBy::Timeout(_) | StoppedBy::Overlap, StoppedBy::Timeout(_) | StoppedBy::Overlap) if is_faster => {
            Standing::Hastens
        }
        (StoppedBy::Timeout(_) | StoppedBy::Overlap, StoppedBy::Timeout(_) | StoppedBy::Overlap) => Standing::Stays,
    }
}

fn kills_at_once(intent: &StopIntent) -> bool {
    intent.soft.is_none() && intent.kill.is_some()
}

/// How a job says that it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobWord {
    /// `Successful`.
    Successful,
    /// `Faulted`.
    Faulted,
    /// `Stopped`.
    Stopped,
}

/// Whether Orchestrator itself may have stopped a job by its own limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnLimit {
    /// It was given none, or the job ended at another time.
    No,
    /// The job ended when that limit stopped it.
    Passed,
}

/// A job that Orchestrator was to stop at `limit`, and to kill `grace` later, ended by that if it ended then, give or take a minute: the
/// clocks differ, and robots take a moment (semantics.md 21).
pub fn own_limit(limit: Timestamp, grace: Duration, ended_at: Timestamp) -> OwnLimit {
    const MARGIN: Duration = Duration::from_secs(60);
    let within = earlier(limit, MARGIN) <= ended_at && ended_at <= later(later(limit, grace), MARGIN);
    if within { OwnLimit::Passed } else { OwnLimit::No }
}

/// What that means: the wish to stop decides only `Stopped` and `Faulted`, and Orchestrator's own limit only `Stopped` without one.
pub fn ended_as(word: JobWord, stop: Option<&StopIntent>, own: OwnLimit) -> JobEnding {
    match (word, stop.map(|stop| &stop.by), own) {
        (JobWord::Successful, _, _) => JobEnding::Succeeded,
        (JobWord::Faulted | JobWord::Stopped, Some(StoppedBy::Timeout(_)), _) => JobEnding::TimedOut,
        (JobWord::Faulted | JobWord::Stopped, Some(StoppedBy::Overlap | StoppedBy::Person { .. }), _) => {
            JobEnding::Stopped
        }
        (JobWord::Faulted, None, _) => JobEnding::Faulted,
        (JobWord::Stopped, None, OwnLimit::Passed) => JobEnding::TimedOut,
        (JobWord::Stopped, None, OwnLimit::No) => JobEnding::Stopped,
    }
}
