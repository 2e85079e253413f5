//! A fixed interval in real time: arithmetic on instants, so a year of downtime costs as much as a minute.
//!
//! No zone and no clock change has a say here: `every: 4h` is four hours of real time, always.

use std::time::Duration;

use jiff::Timestamp;

/// A fixed interval in real time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Every {
    /// Whole seconds, at least one. Less counts as one second, a fraction is cut off.
    pub step: Duration,
    /// An instant that is one of the times; the times reach back before it as well.
    pub anchor: Timestamp,
}

impl Every {
    /// The first time after `after`, both in whole Unix seconds; `None` past the end of time.
    pub(super) fn next_after(&self, after: i64) -> Option<i64> {
        let step = i128::from(self.step.as_secs().max(1));
        let anchor = i128::from(whole_seconds(self.anchor));
        let steps = (i128::from(after) - anchor).div_euclid(step) + 1;
        i64::try_from(anchor + steps * step).ok()
    }
}

/// The Unix second that `instant` lies in, rounded towards the past also before 1970.
pub(super) fn whole_seconds(instant: Timestamp) -> i64 {
    // jiff counts a negative instant down to its second and its nanoseconds further down from there.
    if instant.subsec_nanosecond() < 0 { instant.as_second() - 1 } else { instant.as_second() }
}
