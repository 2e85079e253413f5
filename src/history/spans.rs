//! How late a run was, how long its job waited for a robot, and how long it ran: three lengths with three causes, which one sum would hide.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::summary::RunSummary;
use crate::run::{JobPhase, RunState};

/// In milliseconds. Where the end of one is still to come, up to now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spans {
    /// From due to the first time it was sent.
    #[serde(default)]
    pub late_ms: Option<i64>,
    /// From the accepted start until a robot began, of its last attempt. Two clocks, so a small difference may be missing from it.
    #[serde(default)]
    pub pending_ms: Option<i64>,
    /// From where the robot began to the end, by Orchestrator's clock.
    #[serde(default)]
    pub running_ms: Option<i64>,
}

impl Spans {
    /// The columns, in their order.
    pub const COLUMNS: [&'static str; 3] = ["late_ms", "pending_ms", "running_ms"];

    /// Those of a run, at this instant.
    pub fn of(run: &RunSummary, now: Timestamp) -> Spans {
        let read = |text: &str| text.parse::<Timestamp>().ok();
        let [sent, accepted, started, ended] =
            [&run.sent_at, &run.accepted_at, &run.started_at, &run.ended_at].map(|at| at.as_deref().and_then(read));
        let between =
            |from: Option<Timestamp>, to: Option<Timestamp>| Some(to?.as_millisecond() - from?.as_millisecond());
        let (pending_until, running_until) = match run.state.known() {
            Some(RunState::Job(JobPhase::Pending)) => (Some(now), None),
            Some(RunState::Job(JobPhase::Running | JobPhase::Suspended | JobPhase::Stopping)) => (started, Some(now)),
            // A job that no robot took has waited until its end.
            Some(RunState::Ended(_)) => (started.or(ended), ended),
            Some(RunState::Armed | RunState::Waiting(_) | RunState::Starting | RunState::Unknown | RunState::Held)
            | None => (started, ended),
        };
        Spans {
            late_ms: between(read(&run.fire_at), sent),
            pending_ms: between(accepted, pending_until).map(|length| length.max(0)),
            running_ms: between(started, running_until).map(|length| length.max(0)),
        }
    }
}
