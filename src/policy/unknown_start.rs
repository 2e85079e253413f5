//! What becomes of a start that stayed unclear, once it is certain that no job was made (semantics.md 16).

use jiff::Timestamp;

use crate::schedule::OnUnknownStart;

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoJob {
    /// It is sent again under the same Reference.
    SendAgain,
    /// It would be, and its deadline has passed: `missed: deadline`.
    TooLate,
    /// `skipped: unknown_start`.
    Skip,
    /// It is held until a person decides.
    Hold,
}

/// `now` and `deadline_at` by the wall clock; at the deadline itself it is too late.
pub fn decide(policy: OnUnknownStart, now: Timestamp, deadline_at: Timestamp) -> NoJob {
    match policy {
        OnUnknownStart::Retry if now < deadline_at => NoJob::SendAgain,
        OnUnknownStart::Retry => NoJob::TooLate,
        OnUnknownStart::Skip => NoJob::Skip,
        OnUnknownStart::Hold => NoJob::Hold,
    }
}
