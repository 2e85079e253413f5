//! How late the first start of a run may be (semantics.md 10).

use std::time::Duration;

use jiff::Timestamp;

use crate::clock::later;
use crate::schedule::Trigger;

/// The instant at and after which it is not sent any more. A time that was found on time counts from when it was to be sent, one that was
/// found late from the finding, what a person or another run asks for from the asking (`found_at` is either). A back-fill run has no
/// deadline: it waits until it is sent or called off.
pub fn decide(trigger: Trigger, fire_at: Timestamp, found_at: Timestamp, start_deadline: Duration) -> Timestamp {
    match trigger {
        Trigger::Scheduled => later(fire_at, start_deadline),
        Trigger::CatchUp | Trigger::After | Trigger::Manual => later(found_at, start_deadline),
        Trigger::Backfill => Timestamp::MAX,
    }
}
