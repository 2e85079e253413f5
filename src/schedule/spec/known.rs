//! The names that a set of files describes, which others may refer to.

use std::collections::BTreeMap;

use super::values::Zones;
use crate::recurrence::Calendar;
use crate::schedule::diagnostic::At;

/// Whether the pools of the files are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Pools {
    #[default]
    Known,
    /// They stand under another key, or one lacks its name: that was told, so a name that nothing has is no news.
    Misplaced,
}

/// The names that schedules may use.
#[derive(Clone, Copy)]
pub(super) struct Known<'k> {
    /// Every connection that is described, rightly or wrongly.
    pub(super) connections: &'k BTreeMap<String, At>,
    /// Every calendar; `None`: it was told what is wrong with it.
    pub(super) calendars: &'k BTreeMap<String, Option<Calendar>>,
    /// Every pool of `limits`.
    pub(super) pools: &'k BTreeMap<String, At>,
    /// Whether these are all.
    pub(super) all_pools: Pools,
    /// Those that can be named: a refused one is no cure.
    pub(super) pools_to_name: &'k BTreeMap<String, At>,
    /// Every schedule, rightly or wrongly described.
    pub(super) schedules: &'k BTreeMap<String, At>,
    /// Where zones are found, and the one of whoever names none.
    pub(super) zones: Zones<'k>,
}
