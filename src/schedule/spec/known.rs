//! The names that a set of files describes, which others may refer to.

use std::collections::BTreeMap;

use super::values::Zones;
use crate::recurrence::Calendar;
use crate::schedule::diagnostic::At;

/// The names that schedules may use.
#[derive(Clone, Copy)]
pub(super) struct Known<'k> {
    /// Every connection that is described, rightly or wrongly.
    pub(super) connections: &'k BTreeMap<String, At>,
    /// Every calendar; `None`: it was told what is wrong with it.
    pub(super) calendars: &'k BTreeMap<String, Option<Calendar>>,
    /// Every pool of `limits`.
    pub(super) pools: &'k BTreeMap<String, At>,
    /// Those that can be named: a refused one is no cure.
    pub(super) pools_to_name: &'k BTreeMap<String, At>,
    /// Every schedule, rightly or wrongly described.
    pub(super) schedules: &'k BTreeMap<String, At>,
    /// Where zones are found, and the one of whoever names none.
    pub(super) zones: Zones<'k>,
}
