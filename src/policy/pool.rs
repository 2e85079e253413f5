//! Who goes before whom where a pool has no place for all (semantics.md 11).

use crate::schedule::Trigger;

/// In this order, after priority and before how long each has waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// Its time is now, or somebody waits for it.
    Now,
    /// It is late already.
    Late,
    /// It fills a hole of the past.
    Past,
}

/// The rank of a run.
pub fn rank(trigger: Trigger) -> Rank {
    match trigger {
        Trigger::Scheduled | Trigger::After | Trigger::Manual => Rank::Now,
        Trigger::CatchUp => Rank::Late,
        Trigger::Backfill => Rank::Past,
    }
}
