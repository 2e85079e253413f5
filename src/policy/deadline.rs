//! How late the first start of a run may be (semantics.md 10).

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::clock::later;
use crate::schedule::Trigger;

/// So many windows are left out of one deadline; what is left then counts through all others.
const MOST_WINDOWS: usize = 1_000;

/// From when it counts. A time that was found on time counts from when it was to be sent, one that was found late from the finding, what a
/// person or another run asks for from the asking (`found_at` is either). A back-fill run has no deadline: it waits until it is sent or
/// called off, so it never begins to count.
pub fn base(trigger: Trigger, fire_at: Timestamp, found_at: Timestamp) -> Timestamp {
    match trigger {
        Trigger::Scheduled => fire_at,
        Trigger::CatchUp | Trigger::After | Trigger::Manual => found_at,
        Trigger::Backfill => Timestamp::MAX,
    }
}

/// The instant at and after which it is not sent any more: `start_deadline` after the base, not counting the windows in which nothing is
/// started (semantics.md 30). `free` gives the next stretch from an instant on that no window holds: its first instant, and the first one
/// after it.
pub fn at(
    base: Timestamp,
    start_deadline: Duration,
    mut free: impl FnMut(Timestamp) -> (Timestamp, Timestamp),
) -> Timestamp {
    if base == Timestamp::MAX {
        // It has none, and no window is looked for that far ahead.
        return base;
    }
    let (mut at, mut left) = (base, start_deadline);
    for _ in 0..MOST_WINDOWS {
        let (from, until) = free(at);
        let deadline = later(from, left);
        if deadline <= until {
            return deadline;
        }
        left = left.saturating_sub(until.duration_since(from).max(SignedDuration::ZERO).unsigned_abs());
        at = until;
    }
    later(at, left)
}
