//! Which civil dates and times of day a cron pattern matches, packed so that the next one is found without scanning.
//!
//! Whether a day matches depends only on its month, the month's length and the weekday the month begins with: 28 kinds of
//! months. croner is asked once for each, when the pattern is read; after that a month is one 32-bit mask. That also makes
//! "no date ever matches" an exact answer instead of a search that gives up.
//!
//! Absent: zones and calendars. Times here are civil; `civil` puts days and times together, `rule` makes instants of them.

use std::collections::BTreeSet;

use croner::errors::CronError;
use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::{Date, Time};

use super::field::{self, Field, Fields, Shape};
use super::kind::Kind;

/// Month lengths, each with a month that has it: croner needs a real one.
const LENGTHS: [(u32, i32, u32); 4] = [(28, 2023, 2), (29, 2024, 2), (30, 2023, 4), (31, 2023, 1)];

/// The civil times of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Matcher {
    /// Bit n is second n.
    seconds: u64,
    /// Bit n is minute n.
    minutes: u64,
    /// Bit n is hour n.
    hours: u64,
    /// Bit n is month n, from 1.
    months: u64,
    /// By month length from 28 and weekday of the first day from Sunday: bit n is day n, from 1.
    days: DayMasks,
    /// The years of the year field, when it says any.
    years: Option<BTreeSet<u16>>,
}

type DayMasks = [[u32; 7]; 4];

impl Matcher {
    /// Packs fields that were read.
    ///
    /// The two day fields are read apart and put together here: croner does not know `L-3`.
    pub(super) fn new(fields: &Fields) -> Result<Matcher, CronError> {
        let Fields { second, minute, hour, day, month, weekday, year } = fields;
        let numbers = |kind, field: &Field| field::numbers(kind, &field.text).fold(0, |mask, value| mask | 1 << value);
        let any_day = LENGTHS.map(|(length, ..)| [u32::MAX >> (31 - length) & !1; 7]);
        let days = match (day.shape == Shape::Any, weekday.shape == Shape::Any) {
            (true, true) => any_day,
            (true, false) => day_masks("*", &weekday.text)?,
            (false, true) => days_of_month(&day.text)?,
            (false, false) => {
                let mut days = days_of_month(&day.text)?;
                let weekdays = day_masks("*", &weekday.text)?;
                for (left, right) in days.as_flattened_mut().iter_mut().zip(weekdays.as_flattened()) {
                    *left = if weekday.joined { *left & right } else { *left | right };
                }
                days
            }
        };
        Ok(Matcher {
            seconds: numbers(Kind::Second, second),
            minutes: numbers(Kind::Minute, minute),
            hours: numbers(Kind::Hour, hour),
            months: numbers(Kind::Month, month),
            days,
            years: (year.shape != Shape::Any).then(|| field::numbers(Kind::Year, &year.text).collect()),
        })
    }

    /// Whether every hour of a day has a match.
    pub(super) fn runs_every_hour(&self) -> bool {
        self.hours == (1 << 24) - 1
    }

    /// Whether any date of the Gregorian calendar matches.
    ///
    /// Exact: within 400 years every month begins with every weekday, February in both lengths, and a year field has fewer.
    pub(super) fn has_dates(&self) -> bool {
        let (first, last) = match &self.years {
            Some(years) => (years.first().copied().unwrap_or(0), years.last().copied().unwrap_or(0)),
            None => (2000, 2399),
        };
        let edge = |year: u16, month, day| i16::try_from(year).ok().and_then(|year| Date::new(year, month, day).ok());
        edge(first, 1, 1).zip(edge(last, 12, 31)).is_some_and(|(first, last)| self.first_date(first, last).is_some())
    }

    /// Whether a date matches.
    pub(super) fn matches_date(&self, date: Date) -> bool {
        self.first_date(date, date).is_some()
    }

    /// The first matching date from `from` to `last`.
    pub(super) fn first_date(&self, from: Date, last: Date) -> Option<Date> {
        let mut first = from.first_of_month();
        let mut earliest = from.day();
        while first <= last {
            if let Some(years) = &self.years {
                let year = u16::try_from(first.year()).unwrap_or(0);
                let next = *years.range(year..).next()?;
                if next > year {
                    first = Date::new(i16::try_from(next).ok()?, 1, 1).ok()?;
                    earliest = 1;
                    continue;
                }
            }
            if let Some(day) = self.first_day(first, earliest) {
                let found = Date::new(first.year(), first.month(), day).ok()?;
                return (found <= last).then_some(found);
            }
            earliest = 1;
            first = first.last_of_month().tomorrow().ok()?;
        }
        None
    }

    fn first_day(&self, first_of_month: Date, earliest: i8) -> Option<i8> {
        if self.months & (1 << first_of_month.month()) == 0 {
            return None;
        }
        let length = usize::try_from(first_of_month.days_in_month() - 28).ok()?;
        let weekday = usize::try_from(first_of_month.weekday().to_sunday_zero_offset()).ok()?;
        next_bit(u64::from(self.days[length][weekday]), earliest)
    }

    /// The first time of day from `from`.
    pub(super) fn first_time(&self, from: Time) -> Option<Time> {
        let hour = next_bit(self.hours, from.hour())?;
        if hour > from.hour() {
            return self.start_of(hour);
        }
        self.first_time_in_hour(from).or_else(|| self.start_of(next_bit(self.hours, hour + 1)?))
    }

    fn first_time_in_hour(&self, from: Time) -> Option<Time> {
        let minute = next_bit(self.minutes, from.minute())?;
        let earliest = if minute == from.minute() { from.second() } else { 0 };
        let (minute, second) = match next_bit(self.seconds, earliest) {
            Some(second) => (minute, second),
            None => (next_bit(self.minutes, minute + 1)?, next_bit(self.seconds, 0)?),
        };
        Time::new(from.hour(), minute, second, 0).ok()
    }

    /// The first time of day in an hour that matches.
    fn start_of(&self, hour: i8) -> Option<Time> {
        Time::new(hour, next_bit(self.minutes, 0)?, next_bit(self.seconds, 0)?, 0).ok()
    }
}

/// A day-of-month field: croner's part, and days counted back from the last.
fn days_of_month(text: &str) -> Result<DayMasks, CronError> {
    let (before_last, usual): (Vec<&str>, Vec<&str>) = text.split(',').partition(|item| item.starts_with("L-"));
    let mut masks = if usual.is_empty() { [[0; 7]; 4] } else { day_masks(&usual.join(","), "*")? };
    for days in before_last.iter().filter_map(|item| item.strip_prefix("L-")?.parse::<u32>().ok()) {
        for (by_first, (length, ..)) in masks.iter_mut().zip(LENGTHS) {
            // A month that is too short for it has no such day.
            let day = length.checked_sub(days).filter(|day| *day > 0);
            by_first.iter_mut().for_each(|mask| *mask |= day.map_or(0, |day| 1 << day));
        }
    }
    Ok(masks)
}

/// One day field as croner means it; the other is `*`.
fn day_masks(day: &str, weekday: &str) -> Result<DayMasks, CronError> {
    let cron = CronParser::builder()
        .seconds(Seconds::Disallowed)
        .year(Year::Disallowed)
        .build()
        .parse(&format!("0 0 {day} * {weekday}"))?;
    let mut masks = [[0; 7]; 4];
    for (by_first, (length, year, month)) in masks.iter_mut().zip(LENGTHS) {
        for (first, days) in by_first.iter_mut().enumerate() {
            for day in 1..=length {
                let weekday = croner::Weekday::Sunday.shift(first as i32 + day as i32 - 1);
                if cron.pattern.day_match(year, month, day, weekday)? {
                    *days |= 1 << day;
                }
            }
        }
    }
    Ok(masks)
}

/// The first set bit from `from`.
fn next_bit(mask: u64, from: i8) -> Option<i8> {
    let left = mask.checked_shr(u32::try_from(from).ok()?)?;
    if left == 0 { None } else { i8::try_from(left.trailing_zeros()).ok()?.checked_add(from) }
}
