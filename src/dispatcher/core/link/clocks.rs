//! Whether this machine's clock agrees with Orchestrator's: while it does not, starts wait (semantics.md 7).
//!
//! Each answer carries a `Date`. When our clock is set, what was seen before does not hold any more: the difference is worked
//! out anew from the step, and starts wait until an answer has shown it. A clock that was put right waits for one read.

use std::time::Duration;

use jiff::SignedDuration;

use super::obstacle::Obstacle;
use crate::happening::{Cause, OfConnection};
use crate::run::WaitReason;
use crate::schedule::ConnectionName;

/// Clocks further apart than this start nothing: a robot would run at the wrong time, and lists by time would mislead.
const APART: SignedDuration = SignedDuration::from_mins(5);

/// While they are, Orchestrator's is looked at again this often.
const CHECK: Duration = Duration::from_secs(60);

/// So many answers in a row must show the same difference …
const ANSWERS: u32 = 3;

/// … over at least this time, before starts wait: one gateway's odd `Date` stops nothing (semantics.md 7).
const ANSWERS_OVER: Duration = Duration::from_secs(10);

/// While they are gathered, Orchestrator's clock is looked at this often.
const CHECK_SOON: Duration = Duration::from_secs(5);

/// Two differences of one pair of clocks are within this: `Date` has whole seconds, and answers take their time.
const SAME: SignedDuration = SignedDuration::from_secs(60);

/// Whether our clock and Orchestrator's agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clocks {
    /// They do, as far as is known.
    Agree,
    /// So many answers in a row since then showed this difference; too few yet to believe them. Compared again at `next`.
    Doubted { skew: SignedDuration, answers: u32, since: Duration, next: Duration },
    /// They did not when last compared. Compared again at this boot time.
    Differ { skew: SignedDuration, next: Duration },
    /// Ours was set since, and the two have not been compared. They are at this boot time.
    Set { next: Duration },
}

/// Whether Orchestrator's clock was looked at in this life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Looked {
    /// Not yet. It was asked for so often, and may be again at this boot time.
    NotYet { asked: u32, next: Duration },
    /// It was, or none is shown.
    Yes,
}

/// Whether a job's time is judged by this machine's clock: by a wrong one every job has taken too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judges {
    /// It is.
    Yes,
    /// Orchestrator's clock is looked at first, now.
    AfterALook,
    /// The same, at this boot time.
    Later(Duration),
}

impl Looked {
    fn may_judge(&mut self, boot: Duration) -> Judges {
        match *self {
            // Nothing comes of the question, and a job must not run for ever because of that.
            Looked::NotYet { asked, .. } if asked >= ANSWERS => Judges::Yes,
            Looked::NotYet { next, .. } if boot < next => Judges::Later(next),
            Looked::NotYet { asked, .. } => {
                *self = Looked::NotYet { asked: asked.saturating_add(1), next: boot + CHECK_SOON };
                Judges::AfterALook
            }
            Looked::Yes => Judges::Yes,
        }
    }
}

impl Clocks {
    /// Whether a job's time is judged now, where that has been looked at or not.
    pub(crate) fn may_judge(&mut self, looked: &mut Looked, boot: Duration) -> Judges {
        match *self {
            Clocks::Agree => looked.may_judge(boot),
            Clocks::Doubted { next, .. } | Clocks::Differ { next, .. } | Clocks::Set { next } => {
                if self.may_compare(boot) { Judges::AfterALook } else { Judges::Later(next) }
            }
        }
    }

    /// Orchestrator's clock minus ours, as an answer showed it. Gives what is to be logged of it.
    pub(crate) fn compare(&mut self, skew: SignedDuration, boot: Duration) -> Option<OfConnection> {
        let before = *self;
        if skew.abs() <= APART {
            *self = Clocks::Agree;
            return match before {
                Clocks::Differ { .. } | Clocks::Set { .. } => Some(OfConnection::ClocksAgree),
                Clocks::Agree | Clocks::Doubted { .. } => None,
            };
        }
        *self = match *self {
            Clocks::Agree => Clocks::Doubted { skew, answers: 1, since: boot, next: boot + CHECK_SOON },
            Clocks::Doubted { skew: before, answers, since, .. } if (before - skew).abs() <= SAME => {
                let answers = answers.saturating_add(1);
                if answers >= ANSWERS && boot.saturating_sub(since) >= ANSWERS_OVER {
                    Clocks::Differ { skew, next: boot + CHECK }
                } else {
                    Clocks::Doubted { skew, answers, since, next: boot + CHECK_SOON }
                }
            }
            // It is another difference than before: whoever answers, it is not one clock.
            Clocks::Doubted { .. } => Clocks::Doubted { skew, answers: 1, since: boot, next: boot + CHECK_SOON },
            // Starts wait already, and one answer is no reason to let them go.
            Clocks::Set { .. } => Clocks::Differ { skew, next: boot + CHECK },
            Clocks::Differ { .. } => Clocks::Differ { skew, next: boot + CHECK },
        };
        match (before, *self) {
            (Clocks::Differ { .. }, _) => None,
            (_, Clocks::Differ { skew, .. }) => Some(OfConnection::ClocksDiffer(apart(skew))),
            (_, Clocks::Agree | Clocks::Doubted { .. } | Clocks::Set { .. }) => None,
        }
    }

    /// An answer left it open what Orchestrator's clock shows: the next one tells.
    pub(crate) fn compare_soon(&mut self, boot: Duration) {
        match self {
            Clocks::Doubted { next, .. } | Clocks::Differ { next, .. } | Clocks::Set { next } => {
                *next = boot + CHECK_SOON
            }
            Clocks::Agree => {}
        }
    }

    /// A good answer came without a `Date`: nothing speaks against our clock.
    pub(crate) fn cannot_be_compared(&mut self) {
        *self = match *self {
            Clocks::Set { .. } => Clocks::Agree,
            known @ (Clocks::Agree | Clocks::Doubted { .. } | Clocks::Differ { .. }) => known,
        };
    }

    /// Our clock was set by so much.
    pub(crate) fn were_set(&mut self, stepped: SignedDuration, boot: Duration) {
        *self = match *self {
            // Within what clocks may differ by it makes no difference.
            Clocks::Agree if stepped.abs() <= APART => Clocks::Agree,
            Clocks::Agree | Clocks::Doubted { .. } | Clocks::Differ { .. } | Clocks::Set { .. } => {
                Clocks::Set { next: boot }
            }
        };
    }

    /// Whether the clocks are to be compared again now; if so that is noted.
    pub(crate) fn may_compare(&mut self, boot: Duration) -> bool {
        match self {
            Clocks::Differ { next, .. } | Clocks::Set { next } if boot >= *next => {
                *next = boot + CHECK;
                true
            }
            Clocks::Doubted { next, .. } if boot >= *next => {
                *next = boot + CHECK_SOON;
                true
            }
            Clocks::Differ { .. } | Clocks::Set { .. } | Clocks::Doubted { .. } | Clocks::Agree => false,
        }
    }

    /// When the clocks are to be looked at though no start waits for it.
    pub(crate) fn doubted_until(&self) -> Option<Duration> {
        match *self {
            Clocks::Doubted { next, .. } => Some(next),
            Clocks::Agree | Clocks::Differ { .. } | Clocks::Set { .. } => None,
        }
    }

    /// Why a start has to wait because of a clock.
    pub(crate) fn obstacle(&self, name: &ConnectionName) -> Option<Obstacle> {
        #[cfg(feature = "faults")]
        if crate::faults::is_on(crate::faults::NO_CLOCK_CHECK) {
            return None;
        }
        let (text, next) = match *self {
            Clocks::Agree | Clocks::Doubted { .. } => return None,
            Clocks::Differ { skew, next } => (apart(skew).to_string(), next),
            Clocks::Set { next } => {
                ("this machine's clock was set; it is compared with Orchestrator's first".to_owned(), next)
            }
        };
        let error = format!("connection `{name}`: {text}");
        Some(Obstacle { reason: WaitReason::Clock, until: Some(next), text, error: Some(error) })
    }
}

/// Which clock is ahead, and what helps. The seconds do not matter when it is minutes.
fn apart(skew: SignedDuration) -> Cause {
    let (which, length) = if skew.is_negative() { ("ahead of", -skew) } else { ("behind", skew) };
    let minutes = length.as_secs() / 60;
    let length = match (minutes / 60 / 24, minutes / 60 % 24, minutes % 60) {
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, 0) => format!("{hours} h"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, 0, _) => format!("{days} days"),
        (days, hours, _) => format!("{days} days {hours} h"),
    };
    Cause {
        came: format!("this machine's clock is {length} {which} Orchestrator's; starts wait"),
        cure: Some("run `timedatectl set-ntp true`".to_owned()),
    }
}
