//! The local times of a pattern on the days that a calendar gives them.
//!
//! Only dates are moved, never times of day: so the first date and the first time of it are two questions, and a search costs
//! no more with a calendar than without.
//!
//! Absent: zones. A local time here may not exist, or come twice.

use jiff::civil::{Date, DateTime, Time};

use super::calendar::{Calendar, Direction};
use super::matcher::Matcher;

/// A pattern's local times.
#[derive(Clone, Copy, Debug)]
pub(super) struct CivilTimes<'a> {
    pub(super) matcher: &'a Matcher,
    /// The calendar whose excluded days are moved, and which way.
    pub(super) moved: Option<(&'a Calendar, Direction)>,
}

impl CivilTimes<'_> {
    /// The first from `from`, before `until`. Both are whole seconds.
    pub(super) fn first_between(&self, from: DateTime, until: DateTime) -> Option<DateTime> {
        let date = self.first_date(from.date(), until.date())?;
        let earliest = if date == from.date() { from.time() } else { Time::midnight() };
        let found = match self.matcher.first_time(earliest) {
            Some(time) => date.to_datetime(time),
            None => {
                let date = self.first_date(date.tomorrow().ok()?, until.date())?;
                date.to_datetime(self.matcher.first_time(Time::midnight())?)
            }
        };
        (found < until).then_some(found)
    }

    /// The dates the pattern names whose times run on `date`, when one of them is another date.
    pub(super) fn moved_to(&self, date: Date) -> Vec<Date> {
        let Some((calendar, direction)) = self.moved else { return Vec::new() };
        let days = calendar.days_moved_to(date, direction).skip(1);
        let mut days: Vec<Date> = days.filter(|day| self.matcher.matches_date(*day)).collect();
        days.sort_unstable();
        days
    }

    fn first_date(&self, from: Date, last: Date) -> Option<Date> {
        let Some((calendar, direction)) = self.moved else { return self.matcher.first_date(from, last) };
        let found = match direction {
            Direction::Forward => {
                // Excluded days just before `from` move to it or beyond; earlier ones do not reach it.
                let kept = from.yesterday().ok().and_then(|day| calendar.last_kept_until(day));
                let earliest = kept.map_or(Some(Date::MIN), |day| day.tomorrow().ok())?;
                calendar.first_kept_from(self.matcher.first_date(earliest, last)?)?
            }
            Direction::Back => {
                let earliest = calendar.first_kept_from(from)?;
                // A date after `last` may move back to it.
                let beyond = calendar.first_kept_from(last.tomorrow().unwrap_or(last)).unwrap_or(Date::MAX);
                calendar.last_kept_until(self.matcher.first_date(earliest, beyond)?)?
            }
        };
        (found <= last).then_some(found)
    }
}
