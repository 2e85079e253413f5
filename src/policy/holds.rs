//! All pauses, marks and windows, so that what holds one time back is found without going through all of them.
//!
//! Absent: what follows from it (`holding`).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;

use super::holding::{self, Kept};
use super::windows::{Whose, Windows};
use crate::recurrence::{Excluded, Nominal};
use crate::run::{Held, HeldBy, Pause, PauseId, PauseScope, SkipMark};
use crate::schedule::{Marks, Schedule, ScheduleKey, ScheduleSet, Trigger};

/// Whatever holds back.
#[derive(Debug, Default)]
pub struct Holds {
    pauses: BTreeMap<PauseId, Pause>,
    /// Those of one schedule, by its key.
    of_one: HashMap<String, BTreeSet<PauseId>>,
    /// All others.
    of_many: BTreeSet<PauseId>,
    /// By schedule and nominal time.
    marks: BTreeMap<(ScheduleKey, Timestamp), SkipMark>,
    /// The windows of all blackouts.
    pub windows: Windows,
}

impl Holds {
    /// What the database knows, under the blackouts of a set.
    pub fn new(
        pauses: impl IntoIterator<Item = (PauseId, Pause)>,
        marks: impl IntoIterator<Item = SkipMark>,
        set: &ScheduleSet,
    ) -> Holds {
        let mut holds = Holds { windows: Windows::of(set), ..Holds::default() };
        pauses.into_iter().for_each(|(id, pause)| holds.pause(id, pause));
        marks.into_iter().for_each(|mark| holds.mark(mark));
        holds
    }

    /// Whether nothing can hold a run back.
    pub fn is_idle(&self) -> bool {
        self.pauses.is_empty() && self.windows.is_empty()
    }

    /// A pause begins.
    pub fn pause(&mut self, id: PauseId, pause: Pause) {
        match &pause.scope {
            PauseScope::Schedules(key) if !key.is_open() => {
                self.of_one.entry(key.as_str().to_owned()).or_default().insert(id);
            }
            PauseScope::Schedules(_) | PauseScope::Connections(_) | PauseScope::All => {
                self.of_many.insert(id);
            }
        }
        self.pauses.insert(id, pause);
    }

    /// The clock was set back: a pause that somebody is to end holds from now on, and not only when the clock is there again.
    pub fn begin_by(&mut self, now: Timestamp) {
        for pause in self.pauses.values_mut().filter(|pause| pause.until.is_none()) {
            pause.since = pause.since.min(now);
        }
    }

    /// A pause ends. It still holds what was due before.
    pub fn end(&mut self, id: PauseId, at: Timestamp) {
        if let Some(pause) = self.pauses.get_mut(&id) {
            pause.until = Some(pause.until.map_or(at, |until| until.min(at)));
        }
    }

    /// A coming time is to be skipped. Asked for twice, the first time holds.
    pub fn mark(&mut self, mark: SkipMark) {
        self.marks.entry((mark.schedule.clone(), mark.nominal_at)).or_insert(mark);
    }

    /// It is not, or it has come.
    pub fn unmark(&mut self, schedule: &ScheduleKey, nominal_at: Timestamp) -> Option<SkipMark> {
        if self.marks.is_empty() {
            return None;
        }
        self.marks.remove(&(schedule.clone(), nominal_at))
    }

    /// The times of a schedule that are to be skipped, in order.
    pub fn marks_of(&self, schedule: &ScheduleKey) -> impl Iterator<Item = &SkipMark> {
        let all = (schedule.clone(), Timestamp::MIN)..=(schedule.clone(), Timestamp::MAX);
        self.marks.range(all).map(|(_, mark)| mark)
    }

    /// Forgets what holds nothing any more, where no time of before is left to be judged: `planned` is up to where each schedule is. Gives
    /// the times to be skipped that never came.
    pub fn forget_past(&mut self, now: Timestamp, planned: &Marks) -> Vec<SkipMark> {
        let over: Vec<PauseId> =
            self.pauses.iter().filter(|(_, pause)| pause.is_over(now)).map(|(id, _)| *id).collect();
        for id in over {
            self.of_many.remove(&id);
            if let Some(Pause { scope: PauseScope::Schedules(key), .. }) = self.pauses.remove(&id)
                && let Some(ids) = self.of_one.get_mut(key.as_str())
            {
                ids.remove(&id);
                if ids.is_empty() {
                    self.of_one.remove(key.as_str());
                }
            }
        }
        let is_past = |key: &ScheduleKey, at: Timestamp| planned.0.get(key).is_none_or(|mark| at <= mark.0);
        let old: Vec<_> = self.marks.keys().filter(|(key, at)| is_past(key, *at)).cloned().collect();
        old.into_iter().filter_map(|key| self.marks.remove(&key)).collect()
    }

    /// All pauses that are not over, the first one first.
    pub fn pauses(&self, now: Timestamp) -> impl Iterator<Item = (PauseId, &Pause)> {
        self.pauses.iter().filter(move |(_, pause)| !pause.is_over(now)).map(|(id, pause)| (*id, pause))
    }

    /// The pauses that hold somebody at an instant, the first one first.
    pub fn pauses_of(&self, whose: Whose<'_>, at: Timestamp) -> impl Iterator<Item = (PauseId, &Pause)> {
        let of_one = self.of_one.get(whose.schedule.as_str());
        let mut ids: Vec<PauseId> = of_one.into_iter().flatten().chain(&self.of_many).copied().collect();
        ids.sort_unstable();
        let all = ids.into_iter().filter_map(|id| Some((id, self.pauses.get(&id)?)));
        all.filter(move |(_, pause)| pause.has(at) && pause.scope.holds(whose.schedule, whose.connection))
    }

    /// What becomes of a time.
    pub fn held(&mut self, whose: Whose<'_>, nominal_at: Timestamp, fire_at: Timestamp, trigger: Trigger) -> Held {
        let window = self.windows.row_at(whose, fire_at);
        let mark = match self.marks.is_empty() {
            true => None,
            false => self.marks.get(&(whose.schedule.clone(), nominal_at)),
        };
        let pause = self.pauses_of(whose, fire_at).next();
        holding::decide(trigger, mark, pause, window)
    }

    /// What will become of a coming time of a schedule, as far as is known now: of those in one row of windows only the last waits.
    pub fn outlook(&mut self, schedule: &Schedule, nominal: &Nominal) -> Held {
        let whose = Whose { schedule: &schedule.key, connection: &schedule.connection };
        let held = self.held(whose, nominal.at, nominal.fire_at, Trigger::Scheduled);
        let Held::Waits { name, until } = &held else { return held };
        let mut later = schedule.recurrence.next_after(nominal.at);
        while let Some(time) = later {
            match self.held(whose, time.at, time.fire_at, Trigger::Scheduled) {
                Held::Waits { until: its, .. } if its != *until => break,
                Held::Waits { .. } if time.excluded == Excluded::No => {
                    return Held::Skipped(HeldBy::LaterTime { name: name.clone() });
                }
                Held::Waits { .. } | Held::Skipped(_) => later = schedule.recurrence.next_after(time.at),
                Held::No => break,
            }
            if later.as_ref().is_some_and(|time| until.is_some_and(|until| time.fire_at >= until)) {
                break;
            }
        }
        held
    }

    /// When that which skips a time ends: the next time before then is skipped as well. None: it does not end by itself.
    pub fn skipped_until(&mut self, schedule: &Schedule, nominal: &Nominal, by: &HeldBy) -> Option<Timestamp> {
        let whose = Whose { schedule: &schedule.key, connection: &schedule.connection };
        match by {
            HeldBy::Mark { .. } | HeldBy::LaterTime { .. } => Some(nominal.at),
            HeldBy::Pause { .. } => self.paused_until(whose, nominal.fire_at),
            HeldBy::Window { .. } => self.windows.free_from(whose, nominal.fire_at),
        }
    }

    /// The end of the last of the pauses that hold somebody. None: one has no end, or none holds.
    fn paused_until(&self, whose: Whose<'_>, at: Timestamp) -> Option<Timestamp> {
        let ends = self.pauses_of(whose, at).map(|(_, pause)| pause.until);
        // One without an end is the last of all.
        ends.max_by_key(|until| until.unwrap_or(Timestamp::MAX)).flatten()
    }

    /// What keeps a run from being sent now.
    pub fn kept(&mut self, whose: Whose<'_>, trigger: Trigger, now: Timestamp) -> Kept {
        let window = self.windows.row_at(whose, now);
        let first = self.pauses_of(whose, now).next();
        let ends = self.paused_until(whose, now);
        holding::keep(trigger, first.map(|(id, pause)| (id, pause, ends)), window)
    }
}
