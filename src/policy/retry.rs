//! Does another attempt follow a job that has ended? (semantics.md 18, 21, 21a)

use std::time::Duration;

use crate::run::{FaultClass, JobEnding, RunId, StopIntent, StoppedBy, TimeLimit};
use crate::schedule::{Retry, RetryOn};

/// How a job ended, as far as this depends on it.
#[derive(Clone, Debug)]
pub struct JobEnd<'a> {
    /// How.
    pub ended_as: JobEnding,
    /// Whose fault it was, where it failed.
    pub fault: Option<FaultClass>,
    /// Why it was to stop, where it was.
    pub stop: Option<&'a StopIntent>,
    /// Whether it has ever begun on a robot.
    pub began: bool,
    /// Whether a job that was pending for too long is to be started anew (`on_pending: restart`).
    pub restart: bool,
    /// How many starts the run has made, this one included.
    pub starts: u16,
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Another attempt after this pause.
    Again(Duration),
    /// The run ends as its job did.
    Ends(Why),
}

/// Why no other attempt follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Nobody asked for one.
    NotAsked,
    /// It was the last one.
    NoneLeft,
    /// The robot's account was refused, and each try may lock it.
    Account,
    /// A person or a newer run had it stopped.
    Stopped,
    /// It had found a robot after all, so it is judged by its own end.
    HadBegun,
    /// It would be made after the time of day that `timeout.at` gives.
    TooLate,
    /// This newer run of its schedule takes its place.
    GaveWay(RunId),
}

/// The table.
pub fn decide(retry: Option<&Retry>, end: &JobEnd<'_>, run: RunId) -> Next {
    let most = retry.map_or(Retry::STARTS_OF_PENDING, |retry| retry.attempts);
    let again = |pause: Duration| if end.starts < most { Next::Again(pause) } else { Next::Ends(Why::NoneLeft) };
    let on = |wanted: RetryOn| retry.filter(|retry| retry.on.contains(&wanted));
    let asked = |wanted: RetryOn| match on(wanted) {
        Some(retry) => again(pause_after(retry, end.starts, run)),
        None => Next::Ends(Why::NotAsked),
    };
    match (end.ended_as, end.stop.map(|stop| &stop.by)) {
        (JobEnding::Succeeded | JobEnding::Lost | JobEnding::Rejected, _) => Next::Ends(Why::NotAsked),
        (
            JobEnding::Faulted | JobEnding::Stopped | JobEnding::TimedOut,
            Some(StoppedBy::Person { .. } | StoppedBy::Overlap),
        ) => Next::Ends(Why::Stopped),
        (JobEnding::TimedOut, Some(StoppedBy::Timeout(TimeLimit::Pending))) => match (end.restart, end.began) {
            (false, _) => Next::Ends(Why::NotAsked),
            (true, true) => Next::Ends(Why::HadBegun),
            (true, false) => again(Duration::ZERO),
        },
        // No attempt is made after that time of day.
        (JobEnding::TimedOut, Some(StoppedBy::Timeout(TimeLimit::At))) => Next::Ends(Why::NotAsked),
        (JobEnding::TimedOut, Some(StoppedBy::Timeout(TimeLimit::Soft)) | None) => asked(RetryOn::TimedOut),
        (JobEnding::Stopped, Some(StoppedBy::Timeout(_)) | None) => Next::Ends(Why::NotAsked),
        (JobEnding::Faulted, Some(StoppedBy::Timeout(_)) | None) => match end.fault {
            Some(FaultClass::Account) => Next::Ends(Why::Account),
            Some(FaultClass::Business) => asked(RetryOn::Business),
            Some(FaultClass::Infrastructure | FaultClass::Application) | None => asked(RetryOn::Faulted),
        },
    }
}

/// The pause after so many starts, up to a tenth shorter or longer by a hash of the run, so that what failed together is not tried again
/// together.
pub fn pause_after(retry: &Retry, starts: u16, run: RunId) -> Duration {
    let doublings = u32::from(starts.saturating_sub(1)).min(31);
    let pause = retry.delay.saturating_mul(1 << doublings).min(retry.max_delay);
    // A number of 0 to 200 for each run and start, spread by an odd factor (Knuth's).
    let bits = run.0.as_u128() ^ (run.0.as_u128() >> 64) ^ u128::from(starts);
    let low = u32::try_from(bits & 0xFFFF_FFFF).unwrap_or(0);
    let part = low.wrapping_mul(2_654_435_761) >> 8 & 0xFFFF;
    let percent_of_tenth = part * 200 / 0xFFFF;
    pause.saturating_mul(900 + percent_of_tenth) / 1_000
}
