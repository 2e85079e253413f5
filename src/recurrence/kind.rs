//! The fields of a cron pattern, their bounds and names.
//!
//! Absent: grammar, which is in `field`.

/// Which field of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Second,
    Minute,
    Hour,
    DayOfMonth,
    Month,
    Weekday,
    /// As Quartz counts: Sunday is 1. Read into the numbers of [`Kind::Weekday`].
    QuartzWeekday,
    Year,
}

/// Before Unix time no robot was started.
pub(super) const FIRST_YEAR: u16 = 1970;
/// Far enough that `*/4` ends for nobody, and a set of years is still a few words long.
pub(super) const LAST_YEAR: u16 = 2199;

const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Second => "second",
            Kind::Minute => "minute",
            Kind::Hour => "hour",
            Kind::DayOfMonth => "day-of-month",
            Kind::Month => "month",
            Kind::Weekday | Kind::QuartzWeekday => "weekday",
            Kind::Year => "year",
        }
    }

    pub(super) fn first(self) -> u16 {
        match self {
            Kind::Second | Kind::Minute | Kind::Hour | Kind::Weekday => 0,
            Kind::DayOfMonth | Kind::Month | Kind::QuartzWeekday => 1,
            Kind::Year => FIRST_YEAR,
        }
    }

    pub(super) fn last(self) -> u16 {
        match self {
            Kind::Second | Kind::Minute => 59,
            Kind::Hour => 23,
            Kind::DayOfMonth => 31,
            Kind::Month => 12,
            // 7 is Sunday again (semantics.md 4), so that `FRI-SUN` is `5-7`.
            Kind::Weekday | Kind::QuartzWeekday => 7,
            Kind::Year => LAST_YEAR,
        }
    }

    /// What is taken off a number as written: the numbers of [`Kind::Weekday`] are used throughout.
    pub(super) fn shift(self) -> u16 {
        match self {
            Kind::QuartzWeekday => 1,
            Kind::Second | Kind::Minute | Kind::Hour | Kind::DayOfMonth | Kind::Month | Kind::Weekday | Kind::Year => 0,
        }
    }

    pub(super) fn names(self) -> &'static [&'static str] {
        match self {
            Kind::Month => &MONTHS,
            Kind::Weekday | Kind::QuartzWeekday => &WEEKDAYS,
            Kind::Second | Kind::Minute | Kind::Hour | Kind::DayOfMonth | Kind::Year => &[],
        }
    }

    pub(super) fn is_day(self) -> bool {
        self == Kind::DayOfMonth || self.is_weekday()
    }

    pub(super) fn is_weekday(self) -> bool {
        matches!(self, Kind::Weekday | Kind::QuartzWeekday)
    }
}
