//! What clock changes do to a schedule, as data (semantics.md 2).
//!
//! Three small enums instead of one list of cases: each answers one question, and a schedule may override each alone.

use std::fmt;

use serde::{Deserialize, Serialize};

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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Times of day.
    Fixed,
    /// A rhythm in real time.
    Interval,
}

impl GapPolicy {
    /// Every value, in the order in which they are listed to people.
    pub const ALL: [GapPolicy; 3] = [GapPolicy::Shift, GapPolicy::Offset, GapPolicy::Skip];

    /// As written in a schedule file.
    pub fn as_str(self) -> &'static str {
        match self {
            GapPolicy::Shift => "shift",
            GapPolicy::Offset => "offset",
            GapPolicy::Skip => "skip",
        }
    }

    /// Reads what [`GapPolicy::as_str`] writes.
    pub fn parse(text: &str) -> Option<GapPolicy> {
        Self::ALL.into_iter().find(|policy| policy.as_str() == text)
    }
}

impl OverlapTime {
    /// Every value, in the order in which they are listed to people.
    pub const ALL: [OverlapTime; 3] = [OverlapTime::First, OverlapTime::Last, OverlapTime::Both];

    /// As written in a schedule file.
    pub fn as_str(self) -> &'static str {
        match self {
            OverlapTime::First => "first",
            OverlapTime::Last => "last",
            OverlapTime::Both => "both",
        }
    }

    /// Reads what [`OverlapTime::as_str`] writes.
    pub fn parse(text: &str) -> Option<OverlapTime> {
        Self::ALL.into_iter().find(|time| time.as_str() == text)
    }
}

impl Class {
    /// Every value, in the order in which they are listed to people.
    pub const ALL: [Class; 2] = [Class::Fixed, Class::Interval];

    /// As written in a schedule file.
    pub fn as_str(self) -> &'static str {
        match self {
            Class::Fixed => "fixed",
            Class::Interval => "interval",
        }
    }

    /// Reads what [`Class::as_str`] writes.
    pub fn parse(text: &str) -> Option<Class> {
        Self::ALL.into_iter().find(|class| class.as_str() == text)
    }
}

impl fmt::Display for GapPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for OverlapTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
