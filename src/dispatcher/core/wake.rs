//! When the next turn is due if nothing happens before.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::clock::Reading;

/// When to look again by time alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wake {
    /// On the wall clock.
    pub wall: Option<Timestamp>,
    /// In boot time.
    pub boot: Option<Duration>,
}

impl Wake {
    pub(crate) fn at_wall(&mut self, wall: Timestamp) {
        self.wall = Some(self.wall.map_or(wall, |old| old.min(wall)));
    }

    pub(crate) fn at_boot(&mut self, boot: Duration) {
        self.boot = Some(self.boot.map_or(boot, |old| old.min(boot)));
    }

    /// How long that is from `now`.
    pub fn from(&self, now: Reading) -> Option<Duration> {
        let by_wall = self.wall.map(|at| {
            let left = at.duration_since(now.wall);
            if left <= SignedDuration::ZERO { Duration::ZERO } else { left.unsigned_abs() }
        });
        let by_boot = self.boot.map(|at| at.saturating_sub(now.boot));
        by_wall.into_iter().chain(by_boot).min()
    }
}
