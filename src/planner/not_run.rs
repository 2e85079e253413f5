//! Times that will not run, collected without keeping millions of them in memory.

use std::sync::Arc;

use jiff::Timestamp;

use crate::recurrence::Nominal;
use crate::run::{Ending, HeldBy};
use crate::schedule::Schedule;

/// Times that will not run: one, or a range that shares a row.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Whose.
    pub schedule: Arc<Schedule>,
    /// The time, or the first of them.
    pub first: Nominal,
    /// The last of a range, and how many they are, where they were counted.
    pub range: Option<(Timestamp, Option<u64>)>,
    /// As what.
    pub ending: Ending,
    /// What held it back, where that is why.
    pub by: Option<HeldBy>,
}

/// Up to this many times of one schedule get a row each; more share one, or the history of a week's outage of an
/// every-second schedule would be 600,000 rows that say the same.
pub const ROWS_EACH: usize = 1_000;

/// A row for each, or for each stretch of them that is alike.
pub(super) struct Ranges {
    schedule: Arc<Schedule>,
    each: Vec<(Nominal, Ending, Option<HeldBy>)>,
    groups: Vec<Group>,
    seen: usize,
}

struct Group {
    first: Nominal,
    last: Timestamp,
    /// The place of the last one among all that were judged: only what follows it at once is of its stretch.
    place: u64,
    /// None: they were not counted.
    count: Option<u64>,
    ending: Ending,
    by: Option<HeldBy>,
}

impl Ranges {
    pub(super) fn new(schedule: Arc<Schedule>) -> Ranges {
        Ranges { schedule, each: Vec::new(), groups: Vec::new(), seen: 0 }
    }

    /// One time. What it is is often known only after later ones, so they come in any order.
    pub(super) fn push(&mut self, place: u64, nominal: Nominal, ending: Ending, by: Option<HeldBy>) {
        self.seen += 1;
        let is_next = |group: &&mut Group| group.place + 1 == place && group.ending == ending && group.by == by;
        match self.groups.last_mut().filter(is_next) {
            Some(group) => {
                (group.last, group.place) = (nominal.at, place);
                group.count = group.count.map(|count| count + 1);
            }
            None => {
                let (first, last, by) = (nominal.clone(), nominal.at, by.clone());
                self.groups.push(Group { first, last, place, count: Some(1), ending, by });
            }
        }
        if self.seen <= ROWS_EACH {
            self.each.push((nominal, ending, by));
        }
    }

    /// From this one to the last: too many to be counted.
    pub(super) fn push_uncounted(
        &mut self,
        place: u64,
        first: Nominal,
        last: Timestamp,
        ending: Ending,
        by: Option<HeldBy>,
    ) {
        self.push(place, first, ending, by);
        if let Some(group) = self.groups.last_mut() {
            (group.last, group.count) = (last, None);
        }
    }

    pub(super) fn finish(self) -> Vec<Recorded> {
        let schedule = self.schedule;
        if self.seen <= ROWS_EACH {
            let one = |(first, ending, by)| Recorded { schedule: schedule.clone(), first, range: None, ending, by };
            return self.each.into_iter().map(one).collect();
        }
        let range = |group: Group| Recorded {
            schedule: schedule.clone(),
            first: group.first,
            range: (group.count != Some(1)).then_some((group.last, group.count)),
            ending: group.ending,
            by: group.by,
        };
        self.groups.into_iter().map(range).collect()
    }
}
