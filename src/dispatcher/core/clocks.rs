//! Whether this machine's clock agrees with Orchestrator's: while it does not, starts wait (semantics.md 7).
//!
//! Each answer carries a `Date`. When our clock is set, what was seen before does not hold any more: the difference is worked
//! out anew from the step, and starts wait until an answer has shown it. A clock that was put right waits for one read.

use std::time::Duration;

use jiff::SignedDuration;

use super::link::{Link, Obstacle};
use crate::run::WaitReason;

/// Clocks further apart than this start nothing: a robot would run at the wrong time, and lists by time would mislead.
const APART: SignedDuration = SignedDuration::from_mins(5);

/// While they are, Orchestrator's is looked at again this often.
const CHECK: Duration = Duration::from_secs(60);

/// Whether our clock and Orchestrator's agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clocks {
    /// They do, as far as is known.
    Agree,
    /// They did not when last compared. Compared again at this boot time.
    Differ { skew: SignedDuration, next: Duration },
    /// Ours was set since, and the two have not been compared. They are at this boot time.
    Set { next: Duration },
}

impl Link {
    /// Orchestrator's clock minus ours, as an answer showed it.
    pub(super) fn compare_clocks(&mut self, skew: Option<SignedDuration>, boot: Duration) {
        let Some(skew) = skew else { return };
        let differ = skew.abs() > APART;
        match (self.clocks, differ) {
            (Clocks::Agree | Clocks::Set { .. }, true) => tracing::error!(
                connection = %self.connection.name,
                "Connection `{}`: Orchestrator's clock is {skew:#} off ours; starts wait until they agree: set this machine's clock",
                self.connection.name
            ),
            (Clocks::Differ { .. } | Clocks::Set { .. }, false) => {
                tracing::info!(connection = %self.connection.name, "Connection `{}`: the clocks agree again", self.connection.name);
            }
            (Clocks::Agree, false) | (Clocks::Differ { .. }, true) => {}
        }
        self.clocks = if differ { Clocks::Differ { skew, next: boot + CHECK } } else { Clocks::Agree };
    }

    /// A good answer came without a `Date`: nothing speaks against our clock.
    pub(super) fn clocks_cannot_be_compared(&mut self) {
        self.clocks = match self.clocks {
            Clocks::Set { .. } => Clocks::Agree,
            known @ (Clocks::Agree | Clocks::Differ { .. }) => known,
        };
    }

    /// Our clock was set by so much.
    pub(super) fn clock_was_set(&mut self, stepped: SignedDuration, boot: Duration) {
        self.clocks = match self.clocks {
            // Within what clocks may differ by it makes no difference.
            Clocks::Agree if stepped.abs() <= APART => Clocks::Agree,
            Clocks::Agree | Clocks::Differ { .. } | Clocks::Set { .. } => Clocks::Set { next: boot },
        };
    }

    /// Whether the clocks are to be compared again now; if so that is noted.
    pub(super) fn may_compare_clocks(&mut self, boot: Duration) -> bool {
        match &mut self.clocks {
            Clocks::Differ { next, .. } | Clocks::Set { next } if boot >= *next => {
                *next = boot + CHECK;
                true
            }
            Clocks::Differ { .. } | Clocks::Set { .. } | Clocks::Agree => false,
        }
    }

    /// Why a start has to wait because of a clock.
    pub(super) fn clock_obstacle(&self) -> Option<Obstacle> {
        #[cfg(feature = "faults")]
        if crate::faults::is_on(crate::faults::NO_CLOCK_CHECK) {
            return None;
        }
        let (text, next) = match self.clocks {
            Clocks::Agree => return None,
            Clocks::Differ { skew, next } => {
                (format!("Orchestrator's clock is {skew:#} off ours; set this machine's clock"), next)
            }
            Clocks::Set { next } => {
                ("this machine's clock was set; it is compared with Orchestrator's first".to_owned(), next)
            }
        };
        let error = format!("connection `{}`: {text}", self.connection.name);
        Some(Obstacle { reason: WaitReason::Clock, until: Some(next), text, error: Some(error) })
    }
}
