//! One time of a pattern after the other, and not millions of them.

use jiff::Timestamp;

use crate::recurrence::{Nominal, Recurrence};

/// Of one schedule so many times are looked at one by one in a pass, and counted. Between 1970, where a machine without a battery
/// begins, and the day that a time server tells it, a schedule of every minute has thirty million: the loop would stand still
/// for minutes, and the service manager would end it.
const COUNTED: usize = 20_000;

/// One time after the other, until they are too many to be looked at.
pub(super) struct Walk<'a> {
    recurrence: &'a Recurrence,
    at: Timestamp,
    /// Times before this need not be looked at one by one.
    past: Timestamp,
    looked_at: usize,
}

impl<'a> Walk<'a> {
    pub(super) fn new(recurrence: &'a Recurrence, after: Timestamp, past: Timestamp) -> Walk<'a> {
        Walk { recurrence, at: after, past, looked_at: 0 }
    }

    pub(super) fn next(&mut self) -> Option<Nominal> {
        let nominal = self.recurrence.next_after(self.at)?;
        self.at = nominal.at;
        self.looked_at += 1;
        Some(nominal)
    }

    /// When the last one was the last that is looked at in the past: goes to the end of it, and gives the time there.
    pub(super) fn skip(&mut self) -> Option<Nominal> {
        if self.looked_at != COUNTED {
            return None;
        }
        let last = self.recurrence.previous_before(self.past).filter(|last| last.at > self.at)?;
        self.at = last.at;
        Some(last)
    }
}
