//! The rules for one run, from claimed to ended: functions of the state. Which may call which is in `tests/architecture`.

pub(crate) mod finding;
pub(crate) mod verdict;
pub(crate) mod lists;
pub(crate) mod process;
pub(crate) mod ending;
pub(crate) mod unreadable;
pub(crate) mod folder;
pub(crate) mod short_folder;
pub(crate) mod proof;
pub(crate) mod sweep;
pub(crate) mod adopt;
pub(crate) mod settle;
pub(crate) mod look_up;
pub(crate) mod looked_up;
pub(crate) mod polling;
pub(crate) mod follow;
pub(crate) mod crowd;
pub(crate) mod started;
pub(crate) mod overlap;
pub(crate) mod deadline;
pub(crate) mod send;
pub(crate) mod found;
pub(crate) mod trial;
pub(crate) mod elsewhere;
