//! Facts about a schedule.

use std::fmt;

use jiff::Timestamp;

use super::cause::Level;
use super::reasons::WhyPaused;
use crate::run::RunId;

/// What happened to a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OfSchedule {
    /// Its times were edited; the new ones hold.
    Edited,
    /// It is in the files no more.
    Retired,
    /// The times that it had before an edit cannot be worked out any more.
    OldTimesUnknown {
        /// Since then.
        since: Timestamp,
    },
    /// It is paused since its runs failed, or logons of its account.
    PausedByUs(WhyPaused),
    /// A run by hand has succeeded, so it goes on.
    GoesOn {
        /// Which.
        after: RunId,
    },
    /// A time of it was to be skipped and never came.
    SkippedTimeGone {
        /// Which time.
        nominal_at: Timestamp,
    },
    /// Its times were planned up to an instant ahead of the clock.
    PlannedAhead,
    /// A time of it has a row already.
    HasRow {
        /// Which time.
        nominal_at: Timestamp,
    },
}

impl OfSchedule {
    pub(super) fn level(&self) -> Level {
        match self {
            OfSchedule::Edited
            | OfSchedule::HasRow { .. }
            | OfSchedule::GoesOn { .. }
            | OfSchedule::SkippedTimeGone { .. } => Level::Info,
            OfSchedule::Retired | OfSchedule::OldTimesUnknown { .. } | OfSchedule::PausedByUs(_) => Level::Warning,
            OfSchedule::PlannedAhead => Level::Error,
        }
    }
}

impl fmt::Display for OfSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OfSchedule::Edited => f.write_str("its times were edited; the new ones hold from now"),
            OfSchedule::Retired => f.write_str("it is not in the files any more; nothing is started for it"),
            OfSchedule::OldTimesUnknown { since } => {
                write!(f, "its times of before the edit cannot be read; what was due since {since} is not recorded")
            }
            OfSchedule::PausedByUs(why) => {
                write!(f, "it is paused, and starts nothing until somebody resumes it or a run by hand succeeds: {why}")
            }
            OfSchedule::GoesOn { after } => {
                write!(f, "run {} by hand has succeeded, so it is not paused any more", after.short())
            }
            OfSchedule::SkippedTimeGone { nominal_at } => {
                write!(f, "its time {nominal_at} was to be skipped, and is no time of it any more")
            }
            OfSchedule::PlannedAhead => f.write_str(
                "it was planned up to a time ahead of the clock and goes on from now; check this machine's clock",
            ),
            OfSchedule::HasRow { nominal_at } => {
                write!(f, "its time {nominal_at} has a row already; it is not run again")
            }
        }
    }
}
