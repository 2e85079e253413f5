//! Which of several times of one schedule run that have waited for the same token, outage or clock (semantics.md 9).

use crate::schedule::{CatchUp, CatchUpPolicy};

/// How many of the newest run; the others are `missed: limit`.
pub fn decide(catch_up: CatchUp) -> usize {
    match catch_up.policy {
        CatchUpPolicy::Last | CatchUpPolicy::Skip => 1,
        CatchUpPolicy::All => usize::try_from(catch_up.max).unwrap_or(usize::MAX),
    }
}
