//! One due time, and what a clock change did to it.
//!
//! Identity is the instant; the local reading and the note are kept for people (semantics.md 1).

use std::fmt;

use jiff::Timestamp;
use jiff::civil;
use jiff::tz::Offset;

/// More than this many local times or days behind one run are shown by their first and last.
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
    /// When it fires: `at`, or later by the schedule's jitter and before the next time (semantics.md 5). Whole milliseconds.
    pub fire_at: Timestamp,
    /// Whether the calendar takes its day out.
    pub excluded: Excluded,
    /// What a clock change or the calendar did to it.
    pub note: Option<Note>,
}

/// Whether the calendar takes a time's day out (semantics.md 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excluded {
    /// It runs.
    No,
    /// It is recorded as `skipped: calendar`.
    Yes,
}

/// What a clock change or the calendar did to a time.
///
/// Its `Display` is for people: `stands for 02:30, which the clock change leaves out`, `first of two 01:30`,
/// `moved from 2026-05-31, which the calendar takes out`.
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
    /// It stands for the same local time on days that the calendar takes out.
    Moved {
        /// The days, in order, never empty.
        from: Vec<civil::Date>,
        /// What a clock change did to it besides.
        also: Option<Box<Note>>,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::Shifted { missing } => {
                f.write_str("stands for ")?;
                let times: Vec<ClockTime> = missing.iter().copied().map(ClockTime).collect();
                write_list(f, &times, "times")?;
                f.write_str(", which the clock change leaves out")
            }
            Note::FirstOfTwo { local } => write!(f, "first of two {}", ClockTime(*local)),
            Note::SecondOfTwo { local } => write!(f, "second of two {}", ClockTime(*local)),
            Note::Moved { from, also } => {
                f.write_str("moved from ")?;
                write_list(f, from, "days")?;
                f.write_str(", which the calendar takes out")?;
                match also {
                    Some(note) => write!(f, "; {note}"),
                    None => Ok(()),
                }
            }
        }
    }
}

fn write_list<T: fmt::Display>(f: &mut fmt::Formatter<'_>, list: &[T], what: &str) -> fmt::Result {
    match list {
        [] => write!(f, "no {what}"),
        [one] => write!(f, "{one}"),
        [first, .., last] if list.len() > LISTED_TIMES => {
            write!(f, "{} {what} between {first} and {last}", list.len())
        }
        [head @ .., last] => {
            for (index, one) in head.iter().enumerate() {
                let comma = if index == 0 { "" } else { ", " };
                write!(f, "{comma}{one}")?;
            }
            write!(f, " and {last}")
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
