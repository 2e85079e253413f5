//! Which civil dates and times of day a cron pattern matches, packed so that the next one is found without scanning.
//!
//! Whether a day matches depends only on its month, the month's length and the weekday the month begins with: 28 kinds of
//! months. croner is asked once for each, when the pattern is read; after that a month is one 32-bit mask. That also makes
//! "no date ever matches" an exact answer instead of a search that gives up.
//!
//! Absent: zones. Times here are civil; `rule` decides which instants they are.

use croner::errors::CronError;
use jiff::civil::{Date, DateTime, Time};

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
    days: [[u32; 7]; 4],
}

impl Matcher {
    /// Packs what croner read.
    pub(super) fn new(pattern: &croner::CronPattern) -> Result<Matcher, CronError> {
        Ok(Matcher {
            seconds: mask(&pattern.seconds.values()),
            minutes: mask(&pattern.minutes.values()),
            hours: mask(&pattern.hours.values()),
            months: mask(&pattern.months.values()),
            days: day_masks(pattern)?,
        })
    }

    /// Whether every hour of a day has a match.
    pub(super) fn runs_every_hour(&self) -> bool {
        self.hours == (1 << 24) - 1
    }

    /// Whether any date of the Gregorian calendar matches.
    ///
    /// Exact: within 400 years every month begins with every weekday, February in both lengths.
    pub(super) fn has_dates(&self) -> bool {
        (1..=12).filter(|month| self.months & (1 << month) != 0).any(|month| {
            let lengths: &[usize] = match month {
                2 => &[0, 1],
                4 | 6 | 9 | 11 => &[2],
                _ => &[3],
            };
            lengths.iter().any(|length| self.days[*length].iter().any(|days| *days != 0))
        })
    }

    /// The first match from `from`, before `until`. Both are whole seconds.
    pub(super) fn first_between(&self, from: DateTime, until: DateTime) -> Option<DateTime> {
        let date = self.first_date(from.date(), until.date())?;
        let earliest = if date == from.date() { from.time() } else { Time::midnight() };
        let found = match self.first_time(earliest) {
            Some(time) => date.to_datetime(time),
            None => {
                let date = self.first_date(date.tomorrow().ok()?, until.date())?;
                date.to_datetime(self.first_time(Time::midnight())?)
            }
        };
        (found < until).then_some(found)
    }

    /// The first matching date from `from` to `last`.
    fn first_date(&self, from: Date, last: Date) -> Option<Date> {
        let mut first = from.first_of_month();
        let mut earliest = from.day();
        while first <= last {
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
    fn first_time(&self, from: Time) -> Option<Time> {
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

fn mask(values: &[u16]) -> u64 {
    values.iter().fold(0, |mask, value| mask | 1 << value)
}

fn day_masks(pattern: &croner::CronPattern) -> Result<[[u32; 7]; 4], CronError> {
    if pattern.is_dom_wildcard() && pattern.is_dow_wildcard() {
        // Every day is the usual case: no need to ask 826 times.
        return Ok(LENGTHS.map(|(length, ..)| [u32::MAX >> (31 - length) & !1; 7]));
    }
    let mut masks = [[0; 7]; 4];
    for (by_first, (length, year, month)) in masks.iter_mut().zip(LENGTHS) {
        for (first, days) in by_first.iter_mut().enumerate() {
            for day in 1..=length {
                let weekday = croner::Weekday::Sunday.shift(first as i32 + day as i32 - 1);
                if pattern.day_match(year, month, day, weekday)? {
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
