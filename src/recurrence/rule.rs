//! Which instants a schedule means: the rule for clock changes (semantics.md 2 and 3).
//!
//! Time is walked in stretches of one offset. Inside a stretch local time runs evenly, so the next local match is the next
//! instant; the stretch's edges say which local times were left out or come twice. Each source of times is a fixed set of
//! instants, whatever is asked, and the answer is the least of them after `after`: so times rise strictly and nothing loops.

use std::ops::RangeInclusive;
use std::time::Duration;

use jiff::civil::{Date, DateTime};
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

use super::calendar::{Calendar, Direction, OnExcluded};
use super::civil::CivilTimes;
use super::cron::CronPattern;
use super::every::{Every, whole_seconds};
use super::jitter::Jitter;
use super::nominal::{Excluded, Nominal, Note};
use super::policy::{Class, DstPolicy, GapPolicy, OverlapTime};
use super::zone::{Change, Period, Zone};

/// A longer gap is no clock change but a day that never was, as in Apia in 2011; Vixie cron draws the line there too.
const LONGEST_GAP: SignedDuration = SignedDuration::from_hours(3);

/// No zone is further from UTC than this.
const NEAR: SignedDuration = SignedDuration::from_hours(48);

/// One source of times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// A cron pattern.
    Cron(CronPattern),
    /// An interval.
    Every(Every),
    /// One instant; a fraction of a second is cut off.
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
pub struct Recurrence {
    patterns: Vec<Pattern>,
    zone: Zone,
    dst: DstPolicy,
    calendar: Option<(Calendar, OnExcluded)>,
    /// Unix seconds, both included.
    within: RangeInclusive<i64>,
    jitter: Option<Jitter>,
}

/// A time of one pattern, with the local times that it stands for because they did not exist.
#[derive(Debug)]
struct Due {
    at: Timestamp,
    missing: Vec<DateTime>,
    /// The excluded days whose times it stands for.
    moved_from: Vec<Date>,
    /// The stretch it lies in, where that is known already.
    period: Option<Period>,
}

impl Recurrence {
    /// Puts patterns, zone and clock-change policy together.
    ///
    /// # Errors
    /// [`NeverMatches`] when a cron pattern has no time at all.
    pub fn new(patterns: Vec<Pattern>, zone: Zone, dst: DstPolicy) -> Result<Recurrence, NeverMatches> {
        let never = patterns.iter().position(|pattern| match pattern {
            Pattern::Cron(cron) => !cron.matcher().has_dates(),
            Pattern::Every(_) | Pattern::At(_) => false,
        });
        match never {
            Some(pattern) => Err(NeverMatches { pattern }),
            None => Ok(Recurrence { patterns, zone, dst, calendar: None, within: i64::MIN..=i64::MAX, jitter: None }),
        }
    }

    /// Takes days out by a calendar, in the schedule's zone (semantics.md 6).
    ///
    /// An interval has no day to be moved to: whatever `on_excluded` says, its times on excluded days are skipped.
    pub fn with_calendar(mut self, calendar: Calendar, on_excluded: OnExcluded) -> Recurrence {
        self.calendar = Some((calendar, on_excluded));
        self
    }

    /// Leaves only the times from `starts` to `ends`, both included, whole seconds. A moved time counts by where it went.
    pub fn between(mut self, starts: Option<Timestamp>, ends: Option<Timestamp>) -> Recurrence {
        self.within = starts.map_or(i64::MIN, second_from)..=ends.map_or(i64::MAX, whole_seconds);
        self
    }

    /// Lets times fire up to `longest` later, each by a share that schedule key and time decide (semantics.md 5).
    pub fn with_jitter(mut self, longest: Duration, schedule_key: &str) -> Recurrence {
        self.jitter = Jitter::new(longest, schedule_key);
        self
    }

    /// The first time strictly after `after`, or `None` when there is none before the end of the calendar (semantics.md 3).
    ///
    /// Times of several patterns that meet on one instant are one time.
    pub fn next_after(&self, after: Timestamp) -> Option<Nominal> {
        let due = self.due_after(whole_seconds(after))?;
        Some(self.nominal(due))
    }

    /// The last time strictly before `before`, or `None` when there is none.
    ///
    /// Times are one set and `next_after` rises with what it is asked, so the place is found by halving: some 60 questions.
    pub fn previous_before(&self, before: Timestamp) -> Option<Nominal> {
        let end = second_from(before);
        let is_before = |from: i64| self.due_after(from).is_some_and(|due| due.at.as_second() < end);
        let beginning = Timestamp::MIN.as_second();
        let reach = (6..40).map(|bits| (end - (1 << bits)).max(beginning)).find(|from| is_before(*from));
        let mut low = reach?;
        let mut high = end;
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if is_before(middle) { low = middle } else { high = middle }
        }
        Some(self.nominal(self.due_after(low)?))
    }

    fn due_after(&self, after: i64) -> Option<Due> {
        let floor = after.max(self.within.start().saturating_sub(1));
        let due = self.patterns.iter().filter_map(|pattern| self.next_of(pattern, floor)).reduce(Due::earlier)?;
        (due.at.as_second() <= *self.within.end()).then_some(due)
    }

    /// The zone its local times are read in.
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    fn next_of(&self, pattern: &Pattern, after: i64) -> Option<Due> {
        match pattern {
            Pattern::Cron(cron) => self.next_cron(cron, after),
            Pattern::Every(every) => Due::plain(every.next_after(after)?),
            Pattern::At(at) => self.instant(*at).filter(|due| due.at.as_second() > after),
        }
    }

    fn moved(&self) -> Option<(&Calendar, Direction)> {
        let (calendar, on_excluded) = self.calendar.as_ref()?;
        Some((calendar, on_excluded.direction()?))
    }

    /// Where a single instant runs.
    fn instant(&self, at: Timestamp) -> Option<Due> {
        let plain = Due::plain(whole_seconds(at))?;
        let local = self.zone.read(plain.at).0;
        let Some((calendar, direction)) = self.moved().filter(|(calendar, _)| !calendar.keeps(local.date())) else {
            return Some(plain);
        };
        let day = calendar.day_for(local.date(), direction)?;
        let moved = self.zone.resolve(day.to_datetime(local.time()), self.dst)?;
        Some(Due { moved_from: vec![local.date()], ..Due::plain(moved.as_second())? })
    }

    fn next_cron(&self, cron: &CronPattern, after: i64) -> Option<Due> {
        let first = Timestamp::from_second(after.checked_add(1)?.max(Timestamp::MIN.as_second())).ok()?;
        let times = CivilTimes { matcher: cron.matcher(), moved: self.moved() };
        let rule = Rule { times, class: self.dst.class.unwrap_or(cron.class()), dst: self.dst };
        let mut period = self.zone.period_at(first);
        loop {
            let due = [rule.first_from_gap(&period, first), rule.first_within(&period, first)];
            if let Some(due) = due.into_iter().flatten().reduce(Due::earlier) {
                let day = due.missing.first().unwrap_or(&period.offset.to_datetime(due.at)).date();
                return Some(Due { moved_from: times.moved_to(day), ..due });
            }
            let change = period.closing()?;
            // Stretches without a match are passed over at once: a date may be two hundred clock changes away.
            let local = times.first_between(change.old.min(change.new), DateTime::MAX)?;
            let near = Offset::UTC.to_timestamp(local).ok().and_then(|at| at.checked_sub(NEAR).ok());
            period = match near.filter(|near| period.end.is_some_and(|end| *near > end)) {
                Some(near) => self.zone.period_at(near),
                None => self.zone.period_after(&period)?,
            };
        }
    }

    fn nominal(&self, due: Due) -> Nominal {
        let period = due.period.unwrap_or_else(|| self.zone.period_at(due.at));
        let local = period.offset.to_datetime(due.at);
        let change =
            if due.missing.is_empty() { twice(&period, local) } else { Some(Note::Shifted { missing: due.missing }) };
        let note = match due.moved_from.as_slice() {
            [] => change,
            [_, ..] => Some(Note::Moved { from: due.moved_from, also: change.map(Box::new) }),
        };
        let excluded = match &self.calendar {
            Some((calendar, _)) if !calendar.keeps(local.date()) => Excluded::Yes,
            Some(_) | None => Excluded::No,
        };
        Nominal { at: due.at, local, offset: period.offset, fire_at: self.fire_at(due.at), excluded, note }
    }

    fn fire_at(&self, at: Timestamp) -> Timestamp {
        let Some(jitter) = &self.jitter else { return at };
        let next = self.due_after(at.as_second()).map(|due| due.at);
        jitter.fire_at(at, next)
    }
}

/// The first whole Unix second that is not before `instant`.
fn second_from(instant: Timestamp) -> i64 {
    whole_seconds(instant) + i64::from(instant.subsec_nanosecond() != 0)
}

impl Due {
    fn plain(second: i64) -> Option<Due> {
        Some(Due {
            at: Timestamp::from_second(second).ok()?,
            missing: Vec::new(),
            moved_from: Vec::new(),
            period: None,
        })
    }

    /// The earlier of two, or both as one when they meet.
    fn earlier(mut self, mut other: Due) -> Due {
        if self.at != other.at {
            return if self.at < other.at { self } else { other };
        }
        self.period = self.period.or(other.period);
        self.missing.append(&mut other.missing);
        self.missing.sort_unstable();
        self.missing.dedup();
        self.moved_from.append(&mut other.moved_from);
        self.moved_from.sort_unstable();
        self.moved_from.dedup();
        self
    }
}

fn twice(period: &Period, local: DateTime) -> Option<Note> {
    if period.closing().is_some_and(|change| local >= change.new) {
        Some(Note::FirstOfTwo { local })
    } else if period.opening().is_some_and(|change| local < change.old) {
        Some(Note::SecondOfTwo { local })
    } else {
        None
    }
}

/// One cron pattern under one policy.
struct Rule<'a> {
    times: CivilTimes<'a>,
    class: Class,
    dst: DstPolicy,
}

impl Rule<'_> {
    /// The first match from `first` on that the clock really shows within the period.
    fn first_within(&self, period: &Period, first: Timestamp) -> Option<Due> {
        let begin = period.start.map_or(first, |start| start.max(first));
        let mut from = period.offset.to_datetime(begin);
        let mut until = period.closing().map_or(DateTime::MAX, |change| change.old);
        match (self.class, self.dst.overlap) {
            (Class::Interval, _) | (Class::Fixed, OverlapTime::Both) => {}
            // What the period before has shown already is left out at the beginning,
            (Class::Fixed, OverlapTime::First) => from = period.opening().map_or(from, |change| from.max(change.old)),
            // and what the period after will show again, at the end.
            (Class::Fixed, OverlapTime::Last) => until = period.closing().map_or(until, |change| until.min(change.new)),
        }
        let local = self.times.first_between(from, until)?;
        Some(Due {
            at: period.offset.to_timestamp(local).ok()?,
            missing: Vec::new(),
            moved_from: Vec::new(),
            period: Some(*period),
        })
    }

    /// The first run from `first` on that stands for local times which the change at the period's beginning left out.
    fn first_from_gap(&self, period: &Period, first: Timestamp) -> Option<Due> {
        let (start, gap) = (period.start?, period.opening()?);
        let length = SignedDuration::from_secs(i64::from(period.offset.seconds() - period.before.seconds()));
        if length <= SignedDuration::ZERO || length > LONGEST_GAP {
            return None;
        }
        match self.dst.gap {
            GapPolicy::Skip => None,
            GapPolicy::Shift if start < first => None,
            GapPolicy::Shift => {
                let missing = self.missing_in(gap);
                (!missing.is_empty()).then_some(Due {
                    at: start,
                    missing,
                    moved_from: Vec::new(),
                    period: Some(*period),
                })
            }
            GapPolicy::Offset if start.checked_add(length).is_ok_and(|over| over <= first) => None,
            GapPolicy::Offset => self
                .missing_in(gap)
                .into_iter()
                .filter_map(|local| {
                    Some(Due {
                        at: period.before.to_timestamp(local).ok()?,
                        missing: vec![local],
                        moved_from: Vec::new(),
                        period: Some(*period),
                    })
                })
                .find(|due| due.at >= first && period.end.is_none_or(|end| due.at < end)),
        }
    }

    /// The matches in a gap that something has to stand for.
    fn missing_in(&self, gap: Change) -> Vec<DateTime> {
        let mut missing = Vec::new();
        let mut from = gap.old;
        while let Some(local) = self.times.first_between(from, gap.new) {
            missing.push(local);
            let Ok(next) = local.checked_add(SignedDuration::from_secs(1)) else { break };
            from = next;
        }
        match self.class {
            Class::Fixed => {}
            Class::Interval => missing.retain(|local| !self.has_match_outside(gap, local.date())),
        }
        missing
    }

    /// Whether a date has a match that the gap does not swallow: then a rhythm goes on by itself.
    fn has_match_outside(&self, gap: Change, date: Date) -> bool {
        let midnight = date.at(0, 0, 0, 0);
        let next_midnight = date.tomorrow().map_or(DateTime::MAX, |next| next.at(0, 0, 0, 0));
        self.times.first_between(midnight, gap.old).is_some()
            || self.times.first_between(midnight.max(gap.new), next_midnight).is_some()
    }
}
