//! Windows in which nothing is started (semantics.md 30): maintenance of a tenant, the night in which robots are patched.
//!
//! A window begins at each time of its pattern and lasts for so long in real time. Its begin is included, its end is not.
//!
//! Absent: what a window does to a time, and windows of several blackouts that meet (`policy`).

use std::time::Duration;

use jiff::Timestamp;

use super::timing::Timing;
use crate::clock::later;
use crate::recurrence::Recurrence;
use crate::text::NamePattern;

/// One entry of `blackouts`.
#[derive(Clone, Debug)]
pub struct Blackout {
    /// Its key in the file.
    pub name: String,
    /// When its windows begin, as written.
    pub timing: Timing,
    /// The same, compiled.
    pub begins: Recurrence,
    /// How long each lasts.
    pub length: Duration,
    /// Whose times it takes; none: all schedules'.
    pub schedules: Vec<NamePattern>,
    /// On which connections; none: on all. With `schedules` both must fit.
    pub connections: Vec<NamePattern>,
    /// Not those of these schedules, whatever the two above select.
    pub except: Vec<NamePattern>,
    /// What becomes of the times in it.
    pub then: BlackoutThen,
}

/// What becomes of the times in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlackoutThen {
    /// They are recorded as `skipped: blackout`.
    Skip,
    /// The last of each schedule waits for the end.
    Wait,
}

/// A stretch of time in which one blackout says the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Its first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub until: Timestamp,
    /// The first instant after the window that it lies in. None: it lies between windows.
    pub shut_until: Option<Timestamp>,
}

impl Blackout {
    /// Whether the other one says the same.
    pub fn is_same(&self, other: &Blackout) -> bool {
        let Blackout { name, timing, begins: _, length, schedules, connections, except, then } = other;
        self.name == *name
            && self.timing == *timing
            && self.length == *length
            && self.schedules == *schedules
            && self.connections == *connections
            && self.except == *except
            && self.then == *then
    }

    /// Whether it is about this schedule.
    pub fn is_about(&self, schedule: &str, connection: &str) -> bool {
        let any = |patterns: &[NamePattern], name: &str| patterns.iter().any(|pattern| pattern.fits(name));
        let fits = |patterns: &[NamePattern], name: &str| patterns.is_empty() || any(patterns, name);
        fits(&self.schedules, schedule) && fits(&self.connections, connection) && !any(&self.except, schedule)
    }

    /// What it says at an instant, and for how long it says the same. Of several windows the one that began last holds.
    pub fn stretch_at(&self, at: Timestamp) -> Stretch {
        let last = self.begins.previous_before(later(at, Duration::from_nanos(1))).map(|begin| begin.at);
        let next = self.begins.next_after(at).map_or(Timestamp::MAX, |begin| begin.at);
        let ended = last.map_or(Timestamp::MIN, |from| later(from, self.length));
        match last.filter(|_| at < ended) {
            Some(from) => Stretch { from, until: ended.min(next), shut_until: Some(ended) },
            None => Stretch { from: ended, until: next, shut_until: None },
        }
    }
}
