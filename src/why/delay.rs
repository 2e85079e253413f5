//! What a run waited for before a robot began it.

use std::time::Duration;

use jiff::Timestamp;

use crate::history::{RunLine, RunSummary};
use crate::run::{JobPhase, RunState, WaitReason};

/// What passed the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delay {
    /// Nobody looked: the daemon was down, or could not write.
    NotSeen,
    /// It waited.
    Wait(WaitReason),
    /// It was being sent, or it was being found out whether it had been.
    Sending,
    /// Its job waited for a robot.
    Robot,
}

/// How long, for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// For what.
    pub delay: Delay,
    /// How long, in all.
    pub length: Duration,
}

/// The spans between the time at which a run was due and the beginning of its first job, or `now` if none has begun; the longest first. What
/// took no millisecond is left out.
pub(super) fn spans(run: &RunSummary, lines: &[RunLine], now: Timestamp) -> Vec<Span> {
    let read = |text: &str| text.parse::<Timestamp>().ok();
    let Some(due) = read(&run.fire_at) else { return Vec::new() };
    let mut spans: Vec<Span> = Vec::new();
    let mut from = due;
    let mut passes = Some(Delay::NotSeen);
    let mut add = |delay: Option<Delay>, from: Timestamp, until: Timestamp| {
        let Some(delay) = delay else { return };
        let length = until.duration_since(from).try_into().unwrap_or(Duration::ZERO);
        match spans.iter_mut().find(|span| span.delay == delay) {
            Some(span) => span.length = span.length.saturating_add(length),
            None => spans.push(Span { delay, length }),
        }
    };
    let mut over = false;
    for line in lines {
        let (Some(at), Some(state)) = (read(&line.at), line.state.known()) else { continue };
        add(passes, from, at);
        from = from.max(at);
        passes = match state {
            RunState::Armed => None,
            RunState::Waiting(reason) => Some(Delay::Wait(reason)),
            RunState::Starting | RunState::Unknown | RunState::Held => Some(Delay::Sending),
            RunState::Job(JobPhase::Pending) => Some(Delay::Robot),
            RunState::Job(JobPhase::Running | JobPhase::Suspended | JobPhase::Stopping) | RunState::Ended(_) => {
                over = true;
                break;
            }
        };
    }
    if !over {
        add(passes, from, now);
    }
    spans.retain(|span| span.length.as_millis() > 0);
    spans.sort_by_key(|span| std::cmp::Reverse(span.length));
    spans
}
