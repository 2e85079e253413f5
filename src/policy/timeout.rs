//! When a job has taken too long (semantics.md 21).

use std::time::Duration;

use jiff::Timestamp;

use crate::clock::later;
use crate::run::TimeLimit;
use crate::schedule::Timeouts;

/// What is known of a job's time.
#[derive(Clone, Copy, Debug)]
pub struct JobTimes {
    /// When Orchestrator took it, by our clock.
    pub accepted_at: Timestamp,
    /// When it began on a robot first, by Orchestrator's clock.
    pub started_at: Option<Timestamp>,
    /// How long it was suspended, or waited for a robot again after that.
    pub parked: Duration,
    /// Whether it is now: then that time runs on, and its own stands still.
    pub is_parked: bool,
    /// The time of day after which it may not run, as an instant.
    pub stop_at: Option<Timestamp>,
}

/// The first limit that it passes if nothing changes, and when. None: none does.
pub fn decide(timeouts: &Timeouts, job: &JobTimes) -> Option<(Timestamp, TimeLimit)> {
    let pending = match job.started_at {
        None => timeouts.pending.map(|most| (later(job.accepted_at, most), TimeLimit::Pending)),
        // A job that resumes waits for a robot again, and is not meant.
        Some(_) => None,
    };
    let soft = job.started_at.filter(|_| !job.is_parked).zip(timeouts.soft);
    let soft = soft.map(|(started_at, most)| (later(later(started_at, most), job.parked), TimeLimit::Soft));
    let at = job.stop_at.map(|at| (at, TimeLimit::At));
    [pending, soft, at].into_iter().flatten().min_by_key(|(at, _)| *at)
}
