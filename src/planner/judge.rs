//! What becomes of the times of one schedule that have come: on time, late, held back, or not run (semantics.md 8, 9, 29, 30).

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::not_run::{Ranges, Recorded};
use crate::clock::earlier;
use crate::recurrence::{Excluded, Nominal};
use crate::run::{Ending, Held, HeldBy, MissReason, SkipReason};
use crate::schedule::{CatchUpPolicy, Enablement, Occurrence, Schedule, Trigger};

/// A time found this long after it was due still counts as on time (semantics.md 9).
pub const ON_TIME: Duration = Duration::from_secs(60);

/// What pauses, marks and windows make of a time (semantics.md 29, 30).
pub type AskHeld<'a> = &'a mut dyn FnMut(&Schedule, &Nominal) -> Held;

/// No jitter moves a time by more where times are so many.
const LONGEST_DELAY: Duration = Duration::from_secs(24 * 3600);

/// Judges the times of one schedule that have come, in their order (semantics.md 9).
pub(super) struct Judge<'a> {
    schedule: &'a Arc<Schedule>,
    now: Timestamp,
    held: AskHeld<'a>,
    on_time_from: Timestamp,
    window_from: Timestamp,
    due: Vec<Occurrence>,
    /// Those that may be caught up: as many as do, at most.
    late: VecDeque<Time>,
    /// The last time so far of a row of windows for whose end it waits.
    waits: Option<Waits>,
    not_run: Ranges,
    /// So many have been judged.
    judged: u64,
}

/// A time, with its place among those that are judged.
struct Time {
    place: u64,
    nominal: Nominal,
}

struct Waits {
    time: Time,
    name: String,
    until: Option<Timestamp>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(schedule: &'a Arc<Schedule>, now: Timestamp, held: AskHeld<'a>) -> Judge<'a> {
        Judge {
            schedule,
            now,
            held,
            on_time_from: earlier(now, ON_TIME),
            window_from: earlier(now, schedule.catch_up.window),
            due: Vec::new(),
            late: VecDeque::new(),
            waits: None,
            not_run: Ranges::new(schedule.clone()),
            judged: 0,
        }
    }

    /// Times before this need not be looked at one by one.
    pub(super) fn looked_at_from(&self) -> Timestamp {
        earlier(self.window_from, LONGEST_DELAY)
    }

    /// The next time.
    pub(super) fn take(&mut self, nominal: Nominal) {
        let time = self.time(nominal);
        if time.nominal.excluded == Excluded::Yes {
            return self.not_run.push(time.place, time.nominal, Ending::Skipped(SkipReason::Calendar), None);
        }
        match self.schedule.enablement {
            Enablement::Disabled => {
                return self.not_run.push(time.place, time.nominal, Ending::Skipped(SkipReason::Disabled), None);
            }
            Enablement::Enabled => {}
        }
        match (self.held)(self.schedule, &time.nominal) {
            Held::No => {
                self.settle_wait();
                let fire_at = time.nominal.fire_at;
                self.judge(time, fire_at);
            }
            Held::Skipped(by) => {
                self.not_run.push(time.place, time.nominal, Ending::Skipped(by.skips_as()), Some(by));
            }
            Held::Waits { name, until } => {
                match self.waits.take() {
                    Some(Waits { time: Time { place, nominal }, name, until: same }) if same == until => {
                        let by = HeldBy::LaterTime { name };
                        self.not_run.push(place, nominal, Ending::Skipped(by.skips_as()), Some(by));
                    }
                    before => {
                        self.waits = before;
                        self.settle_wait();
                    }
                }
                self.waits = Some(Waits { time, name, until });
            }
        }
    }

    /// The next times, from this one to the last: too many to be counted. One pause may hold all of them.
    pub(super) fn take_uncounted(&mut self, first: Nominal, last: &Nominal) {
        let (ending, by) = match self.schedule.enablement {
            Enablement::Disabled => (Ending::Skipped(SkipReason::Disabled), None),
            Enablement::Enabled => match ((self.held)(self.schedule, &first), (self.held)(self.schedule, last)) {
                (Held::Skipped(by @ HeldBy::Pause { .. }), Held::Skipped(last_by)) if by == last_by => {
                    (Ending::Skipped(by.skips_as()), Some(by))
                }
                (Held::No | Held::Skipped(_) | Held::Waits { .. }, _) => (Ending::Missed(MissReason::Window), None),
            },
        };
        self.leave_out_uncounted(first, last.at, ending, by);
    }

    /// The next time, which is not judged: it ends so.
    pub(super) fn leave_out(&mut self, nominal: Nominal, ending: Ending, by: Option<HeldBy>) {
        let Time { place, nominal } = self.time(nominal);
        self.not_run.push(place, nominal, ending, by);
    }

    /// The same for all from this one to the last.
    pub(super) fn leave_out_uncounted(&mut self, first: Nominal, last: Timestamp, ending: Ending, by: Option<HeldBy>) {
        let Time { place, nominal } = self.time(first);
        self.not_run.push_uncounted(place, nominal, last, ending, by);
    }

    fn time(&mut self, nominal: Nominal) -> Time {
        let place = self.judged;
        self.judged += 1;
        Time { place, nominal }
    }

    /// The windows are over: their last time is as late as their end is past, and on time while it is not.
    fn settle_wait(&mut self) {
        let Some(Waits { time, name: _, until }) = self.waits.take() else { return };
        let free = until.unwrap_or(Timestamp::MAX).min(self.now);
        self.judge(time, free);
    }

    /// What becomes of a time that could have been sent from an instant on.
    fn judge(&mut self, time: Time, free: Timestamp) {
        if free >= self.on_time_from {
            let trigger = if time.nominal.fire_at >= self.on_time_from { Trigger::Scheduled } else { Trigger::CatchUp };
            return self.due.push(occurrence(self.schedule, time.nominal, trigger));
        }
        if free < self.window_from {
            return self.not_run.push(time.place, time.nominal, Ending::Missed(MissReason::Window), None);
        }
        let (most, missed) = match self.schedule.catch_up.policy {
            CatchUpPolicy::Skip => (0, MissReason::Down),
            // Only the latest runs, and it is known to be the latest when the next one is seen.
            CatchUpPolicy::Last => (1, MissReason::Down),
            CatchUpPolicy::All => {
                (usize::try_from(self.schedule.catch_up.max).unwrap_or(usize::MAX), MissReason::Limit)
            }
        };
        self.late.push_back(time);
        if let Some(earlier) = (self.late.len() > most).then(|| self.late.pop_front()).flatten() {
            self.not_run.push(earlier.place, earlier.nominal, Ending::Missed(missed), None);
        }
    }

    /// Those that are to start, in order, and those that will not run.
    pub(super) fn finish(mut self) -> (Vec<Occurrence>, Vec<Recorded>) {
        self.settle_wait();
        let schedule = self.schedule;
        let caught_up = self.late.into_iter().map(|time| occurrence(schedule, time.nominal, Trigger::CatchUp));
        (caught_up.chain(self.due).collect(), self.not_run.finish())
    }
}

fn occurrence(schedule: &Arc<Schedule>, nominal: Nominal, trigger: Trigger) -> Occurrence {
    Occurrence { schedule: schedule.clone(), fire_at: nominal.fire_at, nominal, trigger }
}
