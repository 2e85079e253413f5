//! What a read of a job adds to what is known of it.

use std::time::Duration;

use jiff::Timestamp;

use crate::dispatcher::core::due::is_parked;
use crate::orchestrator::JobView;
use crate::run::Attempt;

/// A job's state is another one than before. The time in which nobody read it counts as its last state read (semantics.md 21).
pub(crate) fn keep(attempt: &mut Attempt, job: &JobView, now: Timestamp) {
    if let Some(since) = attempt.read_at.take().filter(|_| is_parked(attempt)) {
        let more = now.duration_since(since).try_into().unwrap_or(Duration::ZERO);
        attempt.parked = attempt.parked.saturating_add(more);
    }
    attempt.started_at = attempt.started_at.or(job.began_at());
    attempt.job_state = Some(job.state.as_str().to_owned());
    attempt.read_at = is_parked(attempt).then_some(now);
}
