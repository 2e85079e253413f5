//! One due time, and what a clock change did to it.
//!
//! Identity is the instant; the local reading and the note are kept for people (semantics.md 1).

use std::fmt;

use jiff::Timestamp;
use jiff::civil;
use jiff::tz::Offset;

/// More than this many local times behind one run are shown by their first and last.
const LISTED_TIMES: usize = 3;

/// One due time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nominal {
    /// The instant, whole seconds.
    pub at: Timestamp,
    /// How it reads in the zone.
    pub local: civil::DateTime,
    /// The zone's offset then.
    pub offset: Offset,
    /// What a clock change did to it.
    pub note: Option<Note>,
}

/// What a clock change did to a time.
///
/// Its `Display` is for people: `stands for 02:30, which the clock change leaves out`, `first of two 01:30`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// It stands for these local times, which did not exist.
    Shifted {
        /// The local times, in order, never empty.
        missing: Vec<civil::DateTime>,
    },
    /// The local time comes twice; this is the first.
    FirstOfTwo {
        /// The local time.
        local: civil::DateTime,
    },
    /// The local time comes twice; this is the second.
    SecondOfTwo {
        /// The local time.
        local: civil::DateTime,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::Shifted { missing } => {
                f.write_str("stands for ")?;
                write_times(f, missing)?;
                f.write_str(", which the clock change leaves out")
            }
            Note::FirstOfTwo { local } => write!(f, "first of two {}", ClockTime(*local)),
            Note::SecondOfTwo { local } => write!(f, "second of two {}", ClockTime(*local)),
        }
    }
}

fn write_times(f: &mut fmt::Formatter<'_>, times: &[civil::DateTime]) -> fmt::Result {
    match times {
        [] => f.write_str("no time"),
        [one] => write!(f, "{}", ClockTime(*one)),
        [first, .., last] if times.len() > LISTED_TIMES => {
            write!(f, "{} times from {} to {}", times.len(), ClockTime(*first), ClockTime(*last))
        }
        [head @ .., last] => {
            for (index, time) in head.iter().enumerate() {
                let comma = if index == 0 { "" } else { ", " };
                write!(f, "{comma}{}", ClockTime(*time))?;
            }
            write!(f, " and {}", ClockTime(*last))
        }
    }
}

/// The time of day, with seconds only when there are some.
struct ClockTime(civil::DateTime);

impl fmt::Display for ClockTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0.hour(), self.0.minute())?;
        if self.0.second() != 0 {
            write!(f, ":{:02}", self.0.second())?;
        }
        Ok(())
    }
}
