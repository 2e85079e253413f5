//! The windows of all blackouts as a schedule meets them: those that meet are one row (semantics.md 30).
//!
//! To ask a pattern for its times costs up to a fraction of a millisecond, and each of ten thousand times that come together asks. So of
//! each blackout the stretches that were asked about last are kept: between windows, and within one, the answer stays the same.
//!
//! Absent: what a window does to a time (`holding`).

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;

use crate::schedule::{Blackout, BlackoutThen, ConnectionName, ScheduleKey, ScheduleSet, Stretch};

/// So many windows may meet before their end is looked for no further: what is always shut has none.
const MOST_IN_A_ROW: usize = 1_000;

/// Of each blackout so many stretches are kept: the one of now, and those that a deadline reaches into.
const KEPT: usize = 4;

/// Whose time it is.
#[derive(Clone, Copy, Debug)]
pub struct Whose<'a> {
    /// Which schedule's.
    pub schedule: &'a ScheduleKey,
    /// On which connection it is.
    pub connection: &'a ConnectionName,
}

/// The windows that hold an instant, with those that follow without a gap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowRow {
    /// The blackout whose window it is: one that skips before one that waits, and then the one whose window ends last.
    pub name: String,
    /// What becomes of a time in it.
    pub then: BlackoutThen,
    /// The first instant after all of them. None: no end was found.
    pub until: Option<Timestamp>,
}

/// All blackouts of a set.
#[derive(Debug, Default)]
pub struct Windows {
    each: Vec<Watched>,
    /// Which of them are about whom.
    about: HashMap<(ScheduleKey, ConnectionName), Arc<[usize]>>,
}

#[derive(Debug)]
struct Watched {
    blackout: Arc<Blackout>,
    /// The one that was asked for last is the first.
    known: VecDeque<Stretch>,
    /// How often its pattern was asked.
    asked: u64,
}

impl Watched {
    fn stretch_at(&mut self, at: Timestamp) -> Stretch {
        let known = self.known.iter().position(|known| known.from <= at && at < known.until);
        match known.and_then(|place| self.known.remove(place)) {
            Some(stretch) => self.known.push_front(stretch),
            None => {
                self.asked += 1;
                self.known.truncate(KEPT - 1);
                self.known.push_front(self.blackout.stretch_at(at));
            }
        }
        self.known[0]
    }
}

impl Windows {
    /// Those of a set.
    pub fn of(set: &ScheduleSet) -> Windows {
        let each = set.blackouts.values().map(|blackout| Watched {
            blackout: blackout.clone(),
            known: VecDeque::new(),
            asked: 0,
        });
        Windows { each: each.collect(), about: HashMap::new() }
    }

    /// Whether there is none at all.
    pub fn is_empty(&self) -> bool {
        self.each.is_empty()
    }

    /// The row of windows that holds an instant.
    pub fn row_at(&mut self, whose: Whose<'_>, at: Timestamp) -> Option<WindowRow> {
        let about = self.about(whose)?;
        let shut = about.iter().filter_map(|place| {
            let watched = self.each.get_mut(*place)?;
            let until = watched.stretch_at(at).shut_until?;
            Some(((watched.blackout.then == BlackoutThen::Skip, until), watched.blackout.clone()))
        });
        let (_, blackout) = shut.max_by_key(|(rank, _)| *rank)?;
        Some(WindowRow { name: blackout.name.clone(), then: blackout.then, until: self.free_from(whose, at) })
    }

    /// The first instant from `at` on that no window holds; `at` itself where none does. None where no end is found.
    pub fn free_from(&mut self, whose: Whose<'_>, at: Timestamp) -> Option<Timestamp> {
        let Some(about) = self.about(whose) else { return Some(at) };
        let mut free = at;
        for _ in 0..MOST_IN_A_ROW {
            let shut = about.iter().filter_map(|place| self.each.get_mut(*place)?.stretch_at(free).shut_until);
            match shut.max() {
                Some(until) => free = until,
                None => return Some(free),
            }
        }
        None
    }

    /// The next stretch from `at` on that no window holds: its first instant, and the first one after it. At the end of all time where
    /// there is none.
    pub fn free_stretch(&mut self, whose: Whose<'_>, at: Timestamp) -> (Timestamp, Timestamp) {
        let Some(about) = self.about(whose) else { return (at, Timestamp::MAX) };
        let Some(from) = self.free_from(whose, at) else { return (Timestamp::MAX, Timestamp::MAX) };
        let ends = about.iter().filter_map(|place| Some(self.each.get_mut(*place)?.stretch_at(from).until));
        (from, ends.min().unwrap_or(Timestamp::MAX))
    }

    /// How often a pattern was asked for its times: what all questions so far have cost.
    pub fn asked(&self) -> u64 {
        self.each.iter().map(|watched| watched.asked).sum()
    }

    /// The blackouts that are about somebody; none where there is none.
    fn about(&mut self, whose: Whose<'_>) -> Option<Arc<[usize]>> {
        if self.each.is_empty() {
            return None;
        }
        let Windows { each, about } = self;
        let about = about.entry((whose.schedule.clone(), whose.connection.clone())).or_insert_with(|| {
            let all = each.iter().enumerate();
            let fits = all.filter(|(_, one)| one.blackout.is_about(whose.schedule.as_str(), whose.connection.as_str()));
            fits.map(|(place, _)| place).collect()
        });
        Some(about.clone()).filter(|about| !about.is_empty())
    }
}
