//! How much later than its nominal time a run fires (semantics.md 5).
//!
//! A hash instead of a random number: the same after a restart and on every machine, so a run that is looked for is found
//! where it was, and `next` shows what will happen.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

/// A schedule's jitter.
#[derive(Clone, Debug)]
pub(super) struct Jitter {
    longest: SignedDuration,
    schedule_key: Box<str>,
}

impl Jitter {
    /// `None` when it is less than a millisecond, which changes nothing.
    pub(super) fn new(longest: Duration, schedule_key: &str) -> Option<Jitter> {
        let longest = SignedDuration::try_from(longest).unwrap_or(SignedDuration::MAX);
        (longest.as_millis() > 0).then(|| Jitter { longest, schedule_key: schedule_key.into() })
    }

    /// When the time at `at` fires, in whole milliseconds: always before `next`, so that runs fire in the order of their times.
    pub(super) fn fire_at(&self, at: Timestamp, next: Option<Timestamp>) -> Timestamp {
        let room = next.map_or(self.longest, |next| next.duration_since(at).min(self.longest));
        let mut hash = Sha256::new();
        // No key has a zero byte, so no two of (key, time) are hashed alike.
        hash.update(self.schedule_key.as_bytes());
        hash.update([0]);
        hash.update(at.as_second().to_be_bytes());
        let share = hash.finalize()[..8].iter().fold(0_u64, |share, byte| share << 8 | u64::from(*byte));
        let room_ms = u128::try_from(room.as_millis().clamp(0, i128::from(i64::MAX))).unwrap_or(0);
        let late = i64::try_from((u128::from(share) * room_ms) >> 64).unwrap_or(0);
        at.checked_add(SignedDuration::from_millis(late)).unwrap_or(at)
    }
}
