//! STUB to be replaced: signatures that the rest of the house builds on.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use jiff::civil;
use jiff::tz::{Offset, TimeZone};
use jiff::Timestamp;

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// It stands for these local times, which did not exist.
    Shifted {
        /// The local times, in order.
        missing: Vec<civil::DateTime>,
    },
    /// The local time comes twice; this is the first.
    FirstOfTwo,
    /// The local time comes twice; this is the second.
    SecondOfTwo,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// A zone of the IANA database.
#[derive(Clone, Debug)]
pub struct Zone(TimeZone);

/// No such zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown time zone `{name}`")]
pub struct UnknownZone {
    /// As written.
    pub name: String,
    /// The IANA name that was probably meant.
    pub hint: Option<String>,
}

impl Zone {
    /// Finds a zone by its IANA name.
    ///
    /// # Errors
    /// See [`UnknownZone`].
    pub fn find(_name: &str) -> Result<Zone, UnknownZone> {
        Ok(Zone(TimeZone::UTC))
    }
    /// UTC.
    pub fn utc() -> Zone {
        Zone(TimeZone::UTC)
    }
    /// Its name.
    pub fn name(&self) -> &str {
        "UTC"
    }
    /// How an instant reads there.
    pub fn read(&self, at: Timestamp) -> (civil::DateTime, Offset) {
        let offset = self.0.to_offset(at);
        (offset.to_datetime(at), offset)
    }
}

/// What clock changes do to a schedule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DstPolicy {
    /// For fixed times that do not exist.
    pub gap: GapPolicy,
    /// For fixed times that come twice.
    pub overlap: OverlapTime,
    /// Overrides what the pattern says.
    pub class: Option<Class>,
}

/// Fixed times in a gap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GapPolicy {
    /// The first instant after the gap.
    #[default]
    Shift,
    /// As if the old offset still held.
    Offset,
    /// Not at all.
    Skip,
}

/// Fixed times in an overlap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OverlapTime {
    /// The first.
    #[default]
    First,
    /// The second.
    Last,
    /// Both.
    Both,
}

/// Whether a pattern names times of day or a rhythm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Times of day.
    Fixed,
    /// A rhythm in real time.
    Interval,
}

/// A cron pattern that was read.
#[derive(Clone, Debug)]
pub struct CronPattern;

/// A cron pattern that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PatternError {
    /// One sentence.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
    /// The bytes of the pattern that are wrong.
    pub span: Option<Range<usize>>,
}

impl CronPattern {
    /// Reads 5 or 6 fields.
    ///
    /// # Errors
    /// See [`PatternError`].
    pub fn parse(_text: &str) -> Result<CronPattern, PatternError> {
        Ok(CronPattern)
    }
}

/// A fixed interval in real time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Every {
    /// Whole seconds, at least one.
    pub step: Duration,
    /// An instant that is one of the times.
    pub anchor: Timestamp,
}

/// One source of times.
#[derive(Clone, Debug)]
pub enum Pattern {
    /// A cron pattern.
    Cron(CronPattern),
    /// An interval.
    Every(Every),
    /// One instant.
    At(Timestamp),
}

/// A pattern that no day ever matches.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no date ever matches")]
pub struct NeverMatches {
    /// Which of the patterns, from 0.
    pub pattern: usize,
}

/// All the times of a schedule.
#[derive(Clone, Debug)]
pub struct Recurrence;

impl Recurrence {
    /// Puts patterns, zone and clock-change policy together.
    ///
    /// # Errors
    /// [`NeverMatches`] when a cron pattern has no time at all.
    pub fn new(_patterns: Vec<Pattern>, _zone: Zone, _dst: DstPolicy) -> Result<Recurrence, NeverMatches> {
        Ok(Recurrence)
    }
    /// The first time strictly after `after`.
    pub fn next_after(&self, _after: Timestamp) -> Option<Nominal> {
        None
    }
    /// The zone its local times are read in.
    pub fn zone(&self) -> &Zone {
        static UTC: std::sync::LazyLock<Zone> = std::sync::LazyLock::new(Zone::utc);
        &UTC
    }
}
