//! Which times are due, which will never run, and when to look again.
//!
//! Synchronous and pure: the same set, marks and instant give the same plan. Times that will not run are rows too, so that
//! nothing is missed silently: every nominal time up to the mark has exactly one row, or lies in exactly one range row.
//!
//! Absent: whether a due time may start now (`policy`), what holds one back (it is told), and everything that waits.

mod judge;
mod not_run;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use self::judge::Judge;
pub use self::judge::{AskHeld, ON_TIME};
pub use self::not_run::{ROWS_EACH, Recorded};
use self::walk::Walk;
use crate::clock::{earlier, later};
use crate::recurrence::{Excluded, Recurrence};
use crate::run::{Ending, MissReason, SkipReason};
use crate::schedule::{HighWaterMark, Marks, Occurrence, Schedule, ScheduleKey, ScheduleSet};

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

/// What becomes of the times of a timing that was edited.
#[derive(Debug)]
pub struct Edited {
    /// Those that both timings have, and that are to start.
    pub due: Vec<Occurrence>,
    /// Those that will not run.
    pub recorded: Vec<Recorded>,
    /// From here on the new timing is planned.
    pub mark: HighWaterMark,
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
    pub fn pass(&mut self, now: Timestamp, held: AskHeld<'_>) -> Plan {
        self.pass_some(now, usize::MAX, held)
    }

    /// The same, until so many times are due; the others are found by the next pass.
    pub fn pass_some(&mut self, now: Timestamp, most: usize, held: AskHeld<'_>) -> Plan {
        let mut plan = Plan::default();
        while plan.due.len() < most
            && let Some(key) = self.first_due(now)
        {
            let Some(schedule) = self.set.schedules.get(&key).cloned() else { break };
            let mark = self.mark(&key, now);
            let of_schedule = plan_schedule(&schedule, mark, now, &mut *held);
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

    /// Whether a time up to then is still to be planned, once it is released.
    pub fn is_behind(&self, now: Timestamp) -> bool {
        !self.held.is_empty() || self.wake_at().is_some_and(|next| next <= now)
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
fn plan_schedule(schedule: &Arc<Schedule>, mark: HighWaterMark, now: Timestamp, held: AskHeld<'_>) -> SchedulePlan {
    let mut judge = Judge::new(schedule, now, held);
    let mut mark = mark;
    let mut walk = Walk::new(&schedule.recurrence, mark.0, judge.looked_at_from());
    // Jitter keeps the order of times, so the first that fires later ends the pass.
    while let Some(nominal) = walk.next().filter(|nominal| nominal.fire_at <= now) {
        mark = HighWaterMark(nominal.at);
        match walk.skip() {
            Some(last) => {
                mark = HighWaterMark(last.at);
                judge.take_uncounted(nominal, &last);
            }
            None => judge.take(nominal),
        }
    }
    let (due, recorded) = judge.finish();
    SchedulePlan { due, recorded, mark }
}

/// The times in (mark, load] of a timing that was edited: what the new one has too is judged as it is, the others will not run any more
/// (semantics.md 8).
pub fn plan_edited(
    schedule: &Arc<Schedule>,
    old: &Recurrence,
    mark: HighWaterMark,
    load: Timestamp,
    held: AskHeld<'_>,
) -> Edited {
    let mut judge = Judge::new(schedule, load, held);
    let mut begin = HighWaterMark(load);
    let mut walk = Walk::new(old, mark.0, judge.looked_at_from());
    while let Some(nominal) = walk.next().filter(|nominal| nominal.at <= load) {
        if let Some(last) = walk.skip() {
            judge.leave_out_uncounted(nominal, last.at, Ending::Missed(MissReason::Edited), None);
            continue;
        }
        if nominal.excluded == Excluded::Yes {
            // It would not have run before the edit either.
            judge.leave_out(nominal, Ending::Skipped(SkipReason::Calendar), None);
            continue;
        }
        let before = earlier(nominal.at, Duration::from_secs(1));
        match schedule.recurrence.next_after(before).filter(|new| new.at == nominal.at) {
            // It has not come yet by its jitter. No jitter reaches beyond the next time, so it is the last one.
            Some(new) if new.fire_at > load => begin = HighWaterMark(earlier(new.at, Duration::from_millis(1))),
            Some(new) => judge.take(new),
            None => judge.leave_out(nominal, Ending::Missed(MissReason::Edited), None),
        }
    }
    let (due, recorded) = judge.finish();
    Edited { due, recorded, mark: begin }
}
