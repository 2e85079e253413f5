//! Which times are due, which will never run, and when to look again.
//!
//! Synchronous and pure: the same set, marks and instant give the same plan. Times that will not run are rows too, so that
//! nothing is missed silently: every nominal time up to the mark has exactly one row, or lies in exactly one range row.
//!
//! Absent: whether a due time may start now (`policy`), and everything that waits.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::{earlier, later};
use crate::recurrence::{Excluded, Nominal, Recurrence};
use crate::run::{Ending, MissReason, SkipReason};
use crate::schedule::{
    CatchUpPolicy, Enablement, HighWaterMark, Marks, Occurrence, Schedule, ScheduleKey, ScheduleSet, Trigger,
};

/// A time found this long after it was due still counts as on time (semantics.md 9).
pub const ON_TIME: Duration = Duration::from_secs(60);

/// Up to this many times of one schedule get a row each; more share one, or the history of a week's outage of an
/// every-second schedule would be 600,000 rows that say the same.
pub const ROWS_EACH: usize = 1_000;

/// Of one schedule so many times are looked at one by one in a pass, and counted. Between 1970, where a machine without a battery
/// begins, and the day that a time server tells it, a schedule of every minute has thirty million: the loop would stand still
/// for minutes, and the service manager would end it.
const COUNTED: usize = 20_000;

/// No jitter moves a time by more where times are so many.
const LONGEST_DELAY: Duration = Duration::from_secs(24 * 3600);

/// A mark further ahead of the clock than this was made under a wrong clock (semantics.md 7).
const AHEAD: Duration = Duration::from_secs(5);

/// What one pass found.
#[derive(Debug, Default)]
pub struct Plan {
    /// Times to start, in order.
    pub due: Vec<Occurrence>,
    /// Times that will not run, and why.
    pub recorded: Vec<Recorded>,
    /// Marks that moved.
    pub marks: Vec<(ScheduleKey, HighWaterMark)>,
}

/// Times that will not run: one, or a range that shares a row.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Whose.
    pub schedule: Arc<Schedule>,
    /// The time, or the first of them.
    pub first: Nominal,
    /// The last of a range, and how many they are, where they were counted.
    pub range: Option<(Timestamp, Option<u64>)>,
    /// Why.
    pub ending: Ending,
}

/// The times to come, so that a pass touches only schedules that are due.
#[derive(Debug)]
pub struct Planner {
    set: Arc<ScheduleSet>,
    marks: Marks,
    upcoming: BTreeMap<Timestamp, BTreeSet<ScheduleKey>>,
    next: BTreeMap<ScheduleKey, Timestamp>,
    /// Not planned before they are released.
    held: BTreeSet<ScheduleKey>,
    /// Those that got their next time since this was last asked.
    requeued: BTreeSet<ScheduleKey>,
}

impl Planner {
    /// Begins at these marks. Every schedule of the set must have one.
    pub fn new(set: Arc<ScheduleSet>, marks: Marks) -> Planner {
        let mut planner = Planner {
            set,
            marks,
            upcoming: BTreeMap::new(),
            next: BTreeMap::new(),
            held: BTreeSet::new(),
            requeued: BTreeSet::new(),
        };
        let keys: Vec<_> = planner.set.schedules.keys().cloned().collect();
        for key in keys {
            planner.requeue(&key);
        }
        planner
    }

    /// Everything whose time has come by `now`. Moves the marks of what it returns.
    pub fn pass(&mut self, now: Timestamp) -> Plan {
        self.pass_some(now, usize::MAX)
    }

    /// The same, until so many times are due; the others are found by the next pass.
    pub fn pass_some(&mut self, now: Timestamp, most: usize) -> Plan {
        let mut plan = Plan::default();
        while plan.due.len() < most
            && let Some(key) = self.first_due(now)
        {
            let Some(schedule) = self.set.schedules.get(&key).cloned() else { break };
            let mark = self.mark(&key, now);
            let of_schedule = plan_schedule(&schedule, mark, now);
            plan.due.extend(of_schedule.due);
            plan.recorded.extend(of_schedule.recorded);
            self.marks.0.insert(key.clone(), of_schedule.mark);
            plan.marks.push((key.clone(), of_schedule.mark));
            self.requeue(&key);
        }
        plan.due.sort_by(|a, b| (a.fire_at, &a.schedule.key).cmp(&(b.fire_at, &b.schedule.key)));
        plan
    }

    /// When the next time comes.
    pub fn wake_at(&self) -> Option<Timestamp> {
        self.upcoming.keys().next().copied()
    }

    /// The schedules with a time in `(after, until]`: what to make ready before.
    pub fn due_between(&self, after: Timestamp, until: Timestamp) -> impl Iterator<Item = (Timestamp, &Arc<Schedule>)> {
        let range = (Bound::Excluded(after), Bound::Included(until.max(after)));
        let keys = Some(range).filter(|_| after < until).map(|range| self.upcoming.range(range));
        let times = keys.into_iter().flatten().flat_map(|(at, keys)| keys.iter().map(move |key| (*at, key)));
        times.filter_map(|(at, key)| Some((at, self.set.schedules.get(key)?)))
    }

    /// The schedules that got their next time since this was last asked, with that time.
    pub fn take_requeued(&mut self) -> Vec<(Timestamp, Arc<Schedule>)> {
        let keys = std::mem::take(&mut self.requeued);
        keys.iter().filter_map(|key| Some((*self.next.get(key)?, self.set.schedules.get(key)?.clone()))).collect()
    }

    /// Takes marks back that lie ahead of the clock, after it was set back; rows keep their times from running twice.
    pub fn clamp_marks(&mut self, now: Timestamp) -> Vec<(ScheduleKey, HighWaterMark)> {
        let limit = later(now, AHEAD);
        let ahead: Vec<_> =
            self.marks.0.iter().filter(|(_, mark)| mark.0 > limit).map(|(key, _)| key.clone()).collect();
        for key in &ahead {
            self.marks.0.insert(key.clone(), HighWaterMark(now));
            self.requeue(key);
        }
        ahead.into_iter().map(|key| (key, HighWaterMark(now))).collect()
    }

    /// Leaves these out until they are released: it is not known yet what was started of them.
    pub fn hold(&mut self, keys: BTreeSet<ScheduleKey>) {
        self.held = keys;
        for key in self.held.clone() {
            self.requeue(&key);
        }
    }

    /// Plans a schedule from here on, from a later mark if one is given. Gives the mark when it moved.
    pub fn release(&mut self, key: &ScheduleKey, at_least: Option<HighWaterMark>) -> Option<HighWaterMark> {
        self.held.remove(key);
        let moved = at_least.filter(|new| self.marks.0.get(key).is_some_and(|old| old.0 < new.0));
        if let Some(new) = moved {
            self.marks.0.insert(key.clone(), new);
        }
        self.requeue(key);
        moved
    }

    /// Up to where each schedule is planned, for whoever takes its place when the set changes.
    pub fn marks(&self) -> &Marks {
        &self.marks
    }

    fn first_due(&self, now: Timestamp) -> Option<ScheduleKey> {
        let (_, keys) = self.upcoming.first_key_value().filter(|(fire_at, _)| **fire_at <= now)?;
        keys.first().cloned()
    }

    fn mark(&self, key: &ScheduleKey, now: Timestamp) -> HighWaterMark {
        self.marks.0.get(key).copied().unwrap_or(HighWaterMark(now))
    }

    fn requeue(&mut self, key: &ScheduleKey) {
        if let Some(old) = self.next.remove(key)
            && let Some(keys) = self.upcoming.get_mut(&old)
        {
            keys.remove(key);
            if keys.is_empty() {
                self.upcoming.remove(&old);
            }
        }
        if self.held.contains(key) {
            return;
        }
        let Some(schedule) = self.set.schedules.get(key) else { return };
        let Some(mark) = self.marks.0.get(key) else { return };
        if let Some(nominal) = schedule.recurrence.next_after(mark.0) {
            self.next.insert(key.clone(), nominal.fire_at);
            self.upcoming.entry(nominal.fire_at).or_default().insert(key.clone());
            self.requeued.insert(key.clone());
        }
    }
}

struct SchedulePlan {
    due: Vec<Occurrence>,
    recorded: Vec<Recorded>,
    mark: HighWaterMark,
}

/// The times of one schedule after its mark that fire by now (semantics.md 8).
fn plan_schedule(schedule: &Arc<Schedule>, mark: HighWaterMark, now: Timestamp) -> SchedulePlan {
    let on_time_from = earlier(now, ON_TIME);
    let window_from = earlier(now, schedule.catch_up.window);
    let mut plan = SchedulePlan { due: Vec::new(), recorded: Vec::new(), mark };
    let mut not_run = Ranges::new(schedule.clone());
    let mut last_late: Option<Nominal> = None;
    let mut walk = Walk::new(&schedule.recurrence, mark.0, earlier(window_from, LONGEST_DELAY));
    // Jitter keeps the order of times, so the first that fires later ends the pass.
    while let Some(nominal) = walk.next().filter(|nominal| nominal.fire_at <= now) {
        plan.mark = HighWaterMark(nominal.at);
        if let Some(last) = walk.skip() {
            let ending = match schedule.enablement {
                Enablement::Disabled => Ending::Skipped(SkipReason::Disabled),
                Enablement::Enabled => Ending::Missed(MissReason::Window),
            };
            plan.mark = HighWaterMark(last);
            not_run.push_uncounted(nominal, last, ending);
            continue;
        }
        if nominal.excluded == Excluded::Yes {
            not_run.push(nominal, Ending::Skipped(SkipReason::Calendar));
            continue;
        }
        match schedule.enablement {
            Enablement::Disabled => not_run.push(nominal, Ending::Skipped(SkipReason::Disabled)),
            Enablement::Enabled if nominal.fire_at >= on_time_from => {
                plan.due.push(occurrence(schedule, nominal, Trigger::Scheduled));
            }
            Enablement::Enabled if nominal.fire_at < window_from => {
                not_run.push(nominal, Ending::Missed(MissReason::Window));
            }
            Enablement::Enabled => match schedule.catch_up.policy {
                CatchUpPolicy::Skip => not_run.push(nominal, Ending::Missed(MissReason::Down)),
                CatchUpPolicy::Last => {
                    // Only the latest runs, and it is known to be the latest when the next one is seen.
                    if let Some(earlier) = last_late.replace(nominal) {
                        not_run.push(earlier, Ending::Missed(MissReason::Down));
                    }
                }
            },
        }
    }
    if let Some(nominal) = last_late {
        plan.due.insert(0, occurrence(schedule, nominal, Trigger::CatchUp));
    }
    plan.recorded = not_run.finish();
    plan
}

/// The times of a timing that an edit dropped: those in (mark, load] will not run any more (semantics.md 8).
pub fn plan_edited(schedule: &Arc<Schedule>, old: &Recurrence, mark: HighWaterMark, load: Timestamp) -> Vec<Recorded> {
    let mut dropped = Ranges::new(schedule.clone());
    let mut walk = Walk::new(old, mark.0, load);
    while let Some(nominal) = walk.next().filter(|nominal| nominal.at <= load) {
        if let Some(last) = walk.skip() {
            dropped.push_uncounted(nominal, last, Ending::Missed(MissReason::Edited));
            continue;
        }
        let ending = match nominal.excluded {
            Excluded::No => Ending::Missed(MissReason::Edited),
            // It would not have run before the edit either.
            Excluded::Yes => Ending::Skipped(SkipReason::Calendar),
        };
        dropped.push(nominal, ending);
    }
    dropped.finish()
}

/// One time after the other, until they are too many to be looked at.
struct Walk<'a> {
    recurrence: &'a Recurrence,
    at: Timestamp,
    /// Times before this need not be looked at one by one.
    past: Timestamp,
    looked_at: usize,
}

impl<'a> Walk<'a> {
    fn new(recurrence: &'a Recurrence, after: Timestamp, past: Timestamp) -> Walk<'a> {
        Walk { recurrence, at: after, past, looked_at: 0 }
    }

    fn next(&mut self) -> Option<Nominal> {
        let nominal = self.recurrence.next_after(self.at)?;
        self.at = nominal.at;
        self.looked_at += 1;
        Some(nominal)
    }

    /// When the last one was the last that is looked at in the past: goes to the end of it, and says where that is.
    fn skip(&mut self) -> Option<Timestamp> {
        if self.looked_at != COUNTED {
            return None;
        }
        let last = self.recurrence.previous_before(self.past).filter(|last| last.at > self.at)?;
        self.at = last.at;
        Some(last.at)
    }
}

fn occurrence(schedule: &Arc<Schedule>, nominal: Nominal, trigger: Trigger) -> Occurrence {
    Occurrence { schedule: schedule.clone(), fire_at: nominal.fire_at, nominal, trigger }
}

/// Collects times that will not run, without keeping millions of them in memory.
struct Ranges {
    schedule: Arc<Schedule>,
    each: Vec<(Nominal, Ending)>,
    groups: Vec<Group>,
    seen: usize,
}

struct Group {
    first: Nominal,
    last: Timestamp,
    /// None: they were not counted.
    count: Option<u64>,
    ending: Ending,
}

impl Ranges {
    fn new(schedule: Arc<Schedule>) -> Ranges {
        Ranges { schedule, each: Vec::new(), groups: Vec::new(), seen: 0 }
    }

    fn push(&mut self, nominal: Nominal, ending: Ending) {
        self.seen += 1;
        match self.groups.last_mut().filter(|group| group.ending == ending) {
            Some(group) => {
                group.last = nominal.at;
                group.count = group.count.map(|count| count + 1);
            }
            None => {
                self.groups.push(Group { first: nominal.clone(), last: nominal.at, count: Some(1), ending });
            }
        }
        if self.seen <= ROWS_EACH {
            self.each.push((nominal, ending));
        }
    }

    /// From this one to the last: too many to be counted.
    fn push_uncounted(&mut self, first: Nominal, last: Timestamp, ending: Ending) {
        self.push(first, ending);
        if let Some(group) = self.groups.last_mut() {
            (group.last, group.count) = (last, None);
        }
    }

    fn finish(self) -> Vec<Recorded> {
        let schedule = self.schedule;
        if self.seen <= ROWS_EACH {
            let one = |(first, ending)| Recorded { schedule: schedule.clone(), first, range: None, ending };
            return self.each.into_iter().map(one).collect();
        }
        let range = |group: Group| Recorded {
            schedule: schedule.clone(),
            first: group.first,
            range: (group.count != Some(1)).then_some((group.last, group.count)),
            ending: group.ending,
        };
        self.groups.into_iter().map(range).collect()
    }
}
