//! The rule of semantics.md 2 and 4 written a second time, as plainly as it can be: every minute is looked at,
//! and every second while a zone's clock is not at full minutes when UTC is.
//!
//! Shares nothing with the program but the zone data: it asks the zone only how single instants read. Cron fields are
//! sets of numbers here, days are matched by counting, and all times of a window are listed before any is compared.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan};
use punctual::recurrence::{Class, DstPolicy, GapPolicy, OverlapTime};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// A five-field pattern.
pub(crate) struct NaiveCron {
    minutes: [bool; 60],
    hours: [bool; 24],
    days: String,
    months: Vec<i64>,
    weekdays: String,
    class: Class,
}

impl NaiveCron {
    /// Understands numbers, lists, ranges, steps, `*`, and for days also `L`, `LW`, `nW`, `n#k`, `n#L` and `+`.
    pub(crate) fn read(text: &str) -> NaiveCron {
        let fields: Vec<&str> = text.split(' ').collect();
        let [minute, hour, days, months, weekdays] = fields[..] else { panic!("`{text}` has no five fields") };
        let (minutes, hours) = (numbers(minute, 0, 59), numbers(hour, 0, 23));
        let through = |field: &str, last: &str| {
            let base = field.split('/').next().unwrap();
            !field.contains(',') && (base == "*" || base == last || (base == "0" && field.contains('/')))
        };
        let rhythm = hours.len() == 24 || through(minute, "0-59") || through(hour, "0-23");
        NaiveCron {
            minutes: std::array::from_fn(|minute| minutes.contains(&(minute as i64))),
            hours: std::array::from_fn(|hour| hours.contains(&(hour as i64))),
            days: days.to_string(),
            months: numbers(months, 1, 12),
            weekdays: weekdays.to_string(),
            class: if rhythm { Class::Interval } else { Class::Fixed },
        }
    }

    fn matches(&self, local: DateTime) -> bool {
        local.second() == 0
            && self.minutes[local.minute() as usize]
            && self.hours[local.hour() as usize]
            && self.matches_date(local.date())
    }

    pub(crate) fn matches_date(&self, date: Date) -> bool {
        if !self.months.contains(&i64::from(date.month())) {
            return false;
        }
        let weekdays = self.weekdays.trim_start_matches('+');
        let day = || self.days.split(',').any(|item| day_matches(item, date));
        let weekday = || weekdays.split(',').any(|item| weekday_matches(item, date));
        match (self.days.as_str(), weekdays) {
            ("*", "*") => true,
            ("*", _) => weekday(),
            (_, "*") => day(),
            _ if self.weekdays.starts_with('+') => day() && weekday(),
            _ => day() || weekday(),
        }
    }
}

fn numbers(field: &str, first: i64, last: i64) -> Vec<i64> {
    let mut all = Vec::new();
    for item in field.split(',') {
        let (base, step) = item.split_once('/').unwrap_or((item, "1"));
        let (from, to) = match base.split_once('-') {
            Some((from, to)) => (from.parse().unwrap(), to.parse().unwrap()),
            None if base == "*" => (first, last),
            None if item.contains('/') => (base.parse().unwrap(), last),
            None => (base.parse().unwrap(), base.parse().unwrap()),
        };
        all.extend((from..=to).step_by(step.parse().unwrap()));
    }
    all
}

fn days_of_month(date: Date) -> impl DoubleEndedIterator<Item = Date> {
    let first = date.first_of_month();
    (0..31).map(move |day| first.saturating_add(day.days())).filter(move |day| day.month() == date.month())
}

fn is_working_day(date: Date) -> bool {
    (1..=5).contains(&date.weekday().to_sunday_zero_offset())
}

fn day_matches(item: &str, date: Date) -> bool {
    match item {
        "*" => true,
        "L" => days_of_month(date).next_back() == Some(date),
        "LW" => days_of_month(date).rfind(|day| is_working_day(*day)) == Some(date),
        _ if item.ends_with('W') => {
            let wanted: i8 = item.trim_end_matches('W').parse().unwrap();
            let working_days = days_of_month(date).filter(|day| is_working_day(*day));
            days_of_month(date).any(|day| day.day() == wanted)
                && working_days.min_by_key(|day| (day.day() - wanted).abs()) == Some(date)
        }
        _ => numbers(item, 1, 31).contains(&i64::from(date.day())),
    }
}

fn weekday_matches(item: &str, date: Date) -> bool {
    let (base, place) = item.split_once('#').unwrap_or((item, ""));
    let number = i64::from(date.weekday().to_sunday_zero_offset());
    let last = if base.contains('-') || base == "7" { 7 } else { 6 };
    let named = numbers(base, 0, last).iter().any(|value| value % 7 == number);
    let same: Vec<Date> = days_of_month(date).filter(|day| day.weekday() == date.weekday()).collect();
    let index = same.iter().position(|day| *day == date).unwrap();
    named
        && match place {
            "" => true,
            "L" => index + 1 == same.len(),
            place => index + 1 == place.parse::<usize>().unwrap(),
        }
}

/// How a zone's clock read at every minute of a window.
pub(crate) struct Window {
    from: Timestamp,
    to: Timestamp,
    step: SignedDuration,
    readings: Vec<(Timestamp, DateTime, Offset)>,
    /// The same by local time; one that comes twice stands there twice, the earlier instant first.
    shown: Vec<(DateTime, Timestamp)>,
    /// The first readings after local times were left out, with those local times.
    gaps: Vec<(Timestamp, Vec<DateTime>)>,
}

impl Window {
    /// Looks a good day further on both sides, since a time comes twice within a day.
    pub(crate) fn look(zone: &TimeZone, from: Timestamp, to: Timestamp) -> Window {
        let by_minutes = Window::look_every(MINUTE, zone, from, to);
        if by_minutes.readings.iter().all(|(_, local, _)| local.second() == 0) {
            return by_minutes;
        }
        // Liberia was 44 minutes and 30 seconds behind until 1972.
        Window::look_every(SignedDuration::from_secs(1), zone, from, to)
    }

    fn look_every(step: SignedDuration, zone: &TimeZone, from: Timestamp, to: Timestamp) -> Window {
        let margin = SignedDuration::from_hours(30);
        let last = to + margin;
        let readings: Vec<(Timestamp, DateTime, Offset)> =
            std::iter::successors(Some(from - margin), |at| Some(*at + step).filter(|at| *at < last))
                .map(|at| (at, zone.to_offset(at)))
                .map(|(at, offset)| (at, offset.to_datetime(at), offset))
                .collect();
        let mut shown: Vec<(DateTime, Timestamp)> = readings.iter().map(|(at, local, _)| (*local, *at)).collect();
        shown.sort();
        let left_out = |before: DateTime, after: DateTime| -> Vec<DateTime> {
            std::iter::successors(before.checked_add(step).ok(), |local| local.checked_add(step).ok())
                .take_while(|local| *local < after)
                .collect()
        };
        let most = usize::try_from(SignedDuration::from_hours(3).as_secs() / step.as_secs()).unwrap();
        let gaps = readings
            .windows(2)
            .filter(|pair| pair[0].2 != pair[1].2)
            .map(|pair| (pair[1].0, left_out(pair[0].1, pair[1].1)))
            .filter(|(_, left_out)| (1..=most).contains(&left_out.len()))
            .collect();
        Window { from, to, step, readings, shown, gaps }
    }

    /// The readings that match.
    pub(crate) fn matching(&self, cron: &NaiveCron) -> Vec<(Timestamp, DateTime)> {
        let matching = self.readings.iter().filter(|(_, local, _)| cron.matches(*local));
        matching.map(|(at, local, _)| (*at, *local)).collect()
    }

    /// The instants at which the clock reads so, in order.
    fn instants(&self, local: DateTime) -> Vec<Timestamp> {
        let first = self.shown.partition_point(|(other, _)| *other < local);
        self.shown[first..].iter().take_while(|(other, _)| *other == local).map(|(_, at)| *at).collect()
    }

    /// All times of a pattern in the window, each with the local times that did not exist and that it stands for.
    pub(crate) fn times(
        &self,
        cron: &NaiveCron,
        matching: &[(Timestamp, DateTime)],
        dst: DstPolicy,
    ) -> Vec<(Timestamp, Vec<DateTime>)> {
        let class = dst.class.unwrap_or(cron.class);
        let mut times: BTreeMap<Timestamp, Vec<DateTime>> = BTreeMap::new();
        for (at, local) in matching {
            let runs = match (class, dst.overlap) {
                (Class::Interval, _) | (Class::Fixed, OverlapTime::Both) => true,
                (Class::Fixed, OverlapTime::First) => self.instants(*local).first() == Some(at),
                (Class::Fixed, OverlapTime::Last) => self.instants(*local).last() == Some(at),
            };
            if runs {
                times.entry(*at).or_default();
            }
        }
        for (at, left_out) in &self.gaps {
            let dates: BTreeSet<Date> = left_out.iter().map(|local| local.date()).collect();
            let gone_on: Vec<Date> = dates.into_iter().filter(|date| any_other(cron, *date, left_out)).collect();
            for (place, local) in left_out.iter().enumerate().filter(|(_, local)| cron.matches(**local)) {
                if class == Class::Interval && gone_on.contains(&local.date()) {
                    continue;
                }
                let stand_in = match dst.gap {
                    GapPolicy::Shift => *at,
                    GapPolicy::Offset => *at + self.step * i32::try_from(place).unwrap(),
                    GapPolicy::Skip => continue,
                };
                times.entry(stand_in).or_default().push(*local);
            }
        }
        times.into_iter().filter(|(at, _)| (self.from..self.to).contains(at)).collect()
    }
}

/// Whether a date has a match besides those left out.
fn any_other(cron: &NaiveCron, date: Date, left_out: &[DateTime]) -> bool {
    let minutes = (0..24).flat_map(|hour| (0..60).map(move |minute| date.at(hour, minute, 0, 0)));
    minutes.filter(|local| cron.matches(*local)).any(|local| !left_out.contains(&local))
}
