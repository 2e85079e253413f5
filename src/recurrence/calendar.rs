//! Which local days a schedule runs on (semantics.md 6).
//!
//! A calendar speaks of whole local days, never of instants. A moved time is therefore found among dates: the pattern's time
//! of day on the previous or next kept day, and then under the same clock-change rule as any time of that day. So a moved
//! time is no special case of the rule, and times that meet are one run.
//!
//! Absent: names of calendars, and where their dates come from (`schedule`).

use std::collections::BTreeSet;
use std::fmt;

use jiff::civil::{Date, Weekday};
use serde::{Deserialize, Serialize};

use super::field;
use super::kind::Kind;
use super::word::{PatternError, Word};

/// Sunday first, as cron counts.
const NAMES: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// A set of weekdays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weekdays(u8);

/// The local days that are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calendar {
    /// Only these weekdays are kept; `None`: all of them.
    pub weekdays: Option<Weekdays>,
    /// Dates taken out.
    pub exclude: BTreeSet<Date>,
    /// Dates put back, whatever the rest says.
    pub include: BTreeSet<Date>,
}

/// What becomes of times on a day that the calendar takes out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnExcluded {
    /// They are recorded and do not run.
    #[default]
    Skip,
    /// They run at the same local time on the last kept day before.
    PreviousWorkingDay,
    /// They run at the same local time on the first kept day after.
    NextWorkingDay,
}

impl Weekdays {
    /// Reads the weekday field of a cron pattern that has weekdays only: `MON-FRI`, `SAT,SUN`, `1-5`.
    ///
    /// # Errors
    /// [`PatternError`] with the bytes that are wrong.
    pub fn parse(text: &str) -> Result<Weekdays, PatternError> {
        let word = Word { text: text.trim_end(), at: 0 }.trim_start();
        if word.text.contains(['#', '+', '?']) || word.text.ends_with(['L', 'l']) {
            return Err(word.refuse(
                format!("`{}` is not a set of weekdays", word.text),
                "write weekdays alone, as in `MON-FRI`".to_string(),
            ));
        }
        let read = field::read(Kind::Weekday, word)?;
        Ok(Weekdays(field::numbers(Kind::Weekday, &read.text).fold(0, |set, day| set | 1 << (day % 7))))
    }

    /// Whether it has this weekday.
    pub fn contains(self, day: Weekday) -> bool {
        self.0 & 1 << day.to_sunday_zero_offset() != 0
    }

    /// Whether it has none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<Weekday> for Weekdays {
    fn from_iter<T: IntoIterator<Item = Weekday>>(days: T) -> Weekdays {
        Weekdays(days.into_iter().fold(0, |set, day| set | 1 << day.to_sunday_zero_offset()))
    }
}

/// `MON,TUE`: the same text for the same set, and readable by [`Weekdays::parse`].
impl fmt::Display for Weekdays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> =
            NAMES.iter().enumerate().filter(|(day, _)| self.0 & 1 << day != 0).map(|(_, name)| *name).collect();
        f.write_str(&names.join(","))
    }
}

impl Calendar {
    /// Whether times of this local day run.
    pub fn keeps(&self, date: Date) -> bool {
        self.include.contains(&date)
            || (self.weekdays.is_none_or(|days| days.contains(date.weekday())) && !self.exclude.contains(&date))
    }

    /// The first kept day from `from` on, if there is one.
    pub fn first_kept_from(&self, from: Date) -> Option<Date> {
        if self.keeps_listed_only() {
            return self.include.range(from..).next().copied();
        }
        // Ends within the longest stretch of excluded dates and a week.
        std::iter::successors(Some(from), |date| date.tomorrow().ok()).find(|date| self.keeps(*date))
    }

    /// The last kept day up to `until`, if there is one.
    pub fn last_kept_until(&self, until: Date) -> Option<Date> {
        if self.keeps_listed_only() {
            return self.include.range(..=until).next_back().copied();
        }
        std::iter::successors(Some(until), |date| date.yesterday().ok()).find(|date| self.keeps(*date))
    }

    /// Whether no day is kept but those put back, so that a search by days might never end.
    fn keeps_listed_only(&self) -> bool {
        self.weekdays.is_some_and(Weekdays::is_empty)
    }

    /// The day on which times of `date` run, which may be `date` itself.
    pub(super) fn day_for(&self, date: Date, moved: Direction) -> Option<Date> {
        match moved {
            Direction::Back => self.last_kept_until(date),
            Direction::Forward => self.first_kept_from(date),
        }
    }

    /// The days whose times run on the kept day `date`: itself, and the excluded days that are moved there.
    pub(super) fn days_moved_to(&self, date: Date, moved: Direction) -> impl Iterator<Item = Date> {
        let step = move |day: &Date| match moved {
            Direction::Back => day.tomorrow().ok(),
            Direction::Forward => day.yesterday().ok(),
        };
        let others = std::iter::successors(step(&date), step).take_while(|day| !self.keeps(*day));
        std::iter::once(date).chain(others)
    }
}

/// Which way times of an excluded day are moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Back,
    Forward,
}

impl OnExcluded {
    /// Every value, in the order in which they are listed to people.
    pub const ALL: [OnExcluded; 3] = [OnExcluded::Skip, OnExcluded::PreviousWorkingDay, OnExcluded::NextWorkingDay];

    /// As written in a schedule file.
    pub fn as_str(self) -> &'static str {
        match self {
            OnExcluded::Skip => "skip",
            OnExcluded::PreviousWorkingDay => "previous_working_day",
            OnExcluded::NextWorkingDay => "next_working_day",
        }
    }

    /// Reads what [`OnExcluded::as_str`] writes.
    pub fn parse(text: &str) -> Option<OnExcluded> {
        Self::ALL.into_iter().find(|value| value.as_str() == text)
    }

    pub(super) fn direction(self) -> Option<Direction> {
        match self {
            OnExcluded::Skip => None,
            OnExcluded::PreviousWorkingDay => Some(Direction::Back),
            OnExcluded::NextWorkingDay => Some(Direction::Forward),
        }
    }
}

impl fmt::Display for OnExcluded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
