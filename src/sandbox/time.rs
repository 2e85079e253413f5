//! The time of the sandbox's own machine.
//!
//! It is taken from the boot-time side of the shared clock: a step of the daemon's wall clock must not move a remote
//! server's, or the daemon's skew check could never be shown. Whole milliseconds, as Orchestrator stores them, so that a
//! time read from an answer compares equal when it comes back in a filter.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::clock::{Clock, Reading, later};

#[derive(Clone, Debug)]
pub(super) struct ServerTime {
    clock: Clock,
    origin: Reading,
}

impl ServerTime {
    pub(super) fn new(clock: Clock) -> ServerTime {
        let origin = clock.read();
        ServerTime { clock, origin }
    }

    pub(super) fn now(&self) -> Timestamp {
        let since = self.clock.boottime().saturating_sub(self.origin.boot);
        let exact = later(self.origin.wall, since);
        Timestamp::from_millisecond(exact.as_millisecond()).unwrap_or(exact)
    }

    pub(super) async fn sleep(&self, length: Duration) {
        if !length.is_zero() {
            self.clock.sleep(length).await;
        }
    }

    pub(super) async fn sleep_until(&self, deadline: Timestamp) {
        self.sleep(length_until(self.now(), deadline)).await;
    }
}

/// The time from `now` to `deadline`; nothing when it is past.
pub(super) fn length_until(now: Timestamp, deadline: Timestamp) -> Duration {
    let left = deadline.duration_since(now);
    if left <= SignedDuration::ZERO { Duration::ZERO } else { left.unsigned_abs() }
}

/// As Orchestrator writes times: UTC, milliseconds, `Z`.
pub(super) fn written(instant: Timestamp) -> String {
    format!("{instant:.3}")
}
