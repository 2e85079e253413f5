//! When a schedule is paused since its runs fail (semantics.md 18, 29).
//!
//! Absent: the counts themselves, and what is written down (`dispatcher`).

use crate::run::{Ending, FaultClass};
use crate::schedule::PauseAfter;

/// So many logons of one account may fail in a row: domains lock an account after three to ten wrong passwords, and others try too.
pub const LOGONS: u32 = 2;

/// What an end says of a row of failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// One more has failed.
    Failed,
    /// The row is over.
    Succeeded,
    /// Nothing.
    Not,
}

/// What the end of a run says of its schedule.
pub fn of_run(ending: Ending) -> Counted {
    match ending {
        Ending::Faulted | Ending::TimedOut | Ending::Rejected => Counted::Failed,
        Ending::Succeeded => Counted::Succeeded,
        Ending::Stopped | Ending::Lost | Ending::Skipped(_) | Ending::Missed(_) | Ending::Cancelled => Counted::Not,
    }
}

/// What the end of a run says of the account that its job ran under: whoever got as far as the workflow had logged on.
pub fn of_account(ending: Ending, fault: Option<FaultClass>) -> Counted {
    match (ending, fault) {
        (Ending::Succeeded, _) => Counted::Succeeded,
        (Ending::Faulted, Some(FaultClass::Account)) => Counted::Failed,
        (Ending::Faulted, Some(FaultClass::Business | FaultClass::Application)) => Counted::Succeeded,
        (Ending::Faulted, Some(FaultClass::Infrastructure) | None)
        | (
            Ending::Stopped
            | Ending::TimedOut
            | Ending::Rejected
            | Ending::Lost
            | Ending::Skipped(_)
            | Ending::Missed(_)
            | Ending::Cancelled,
            _,
        ) => Counted::Not,
    }
}

/// Whether so many failed runs in a row pause their schedule.
pub fn pauses(pause_after: PauseAfter, failures: u32) -> bool {
    match pause_after {
        PauseAfter::Failures(most) => failures >= most,
        PauseAfter::AccountFaults | PauseAfter::Never => false,
    }
}

/// Whether so many failed logons in a row pause a schedule that last ran under that account.
pub fn logons_pause(pause_after: PauseAfter, faults: u32) -> bool {
    match pause_after {
        PauseAfter::AccountFaults | PauseAfter::Failures(_) => faults >= LOGONS,
        PauseAfter::Never => false,
    }
}
