//! What of runs that have ended still matters to those that are open: places that they hold for a while, and when the last one ended.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use crate::run::RunId;
use crate::schedule::ScheduleKey;

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    /// Runs whose jobs may still run: they count for overlap, each until an instant.
    counting: HashMap<ScheduleKey, BTreeMap<RunId, Timestamp>>,
    /// The same by pool.
    counting_in: HashMap<String, BTreeMap<RunId, Timestamp>>,
    /// When runs of a schedule ended in this life, each by its nominal time: by its job where that is known. One that ended no later than
    /// another of no later a time is left out, for it answers nothing.
    ends: HashMap<ScheduleKey, BTreeMap<Timestamp, Timestamp>>,
}

impl Ended {
    /// A run counts for overlap, and in its pool, until then.
    pub(crate) fn count_until(&mut self, schedule: &ScheduleKey, pool: Option<&str>, id: RunId, until: Timestamp) {
        if let Some(pool) = pool {
            self.counting_in.entry(pool.to_owned()).or_default().insert(id, until);
        }
        self.counting.entry(schedule.clone()).or_default().insert(id, until);
    }

    /// It counts no longer. Gives whether it did.
    pub(crate) fn stop_counting(&mut self, id: RunId, now: Timestamp) -> bool {
        for runs in self.counting_in.values_mut() {
            runs.remove(&id);
        }
        self.counting.values_mut().filter_map(|runs| runs.remove(&id)).any(|until| until > now)
    }

    /// The runs of a schedule that count for overlap, each until then.
    pub(crate) fn counting(&self, schedule: &ScheduleKey) -> impl Iterator<Item = (RunId, Timestamp)> {
        self.counting.get(schedule).into_iter().flatten().map(|(id, until)| (*id, *until))
    }

    /// Until when each of those has a place in a pool.
    pub(crate) fn counting_in(&self, pool: &str) -> impl Iterator<Item = Timestamp> {
        self.counting_in.get(pool).into_iter().flatten().map(|(_, until)| *until)
    }

    /// The run of a schedule for that nominal time has ended, at that instant.
    pub(crate) fn note(&mut self, schedule: &ScheduleKey, nominal: Timestamp, at: Timestamp) {
        let ends = self.ends.entry(schedule.clone()).or_default();
        if ends.range(..=nominal).next_back().is_some_and(|(_, other)| *other >= at) {
            return;
        }
        ends.retain(|other, ended| *other < nominal || *ended > at);
        ends.insert(nominal, at);
    }

    /// When the last of a schedule's runs for earlier times ended in this life.
    pub(crate) fn last_before(&self, schedule: &ScheduleKey, nominal: Timestamp) -> Option<Timestamp> {
        self.ends.get(schedule)?.range(..nominal).next_back().map(|(_, at)| *at)
    }
}
