//! The rules for the whole set of schedules: what is due, what is loaded, jumps of the clocks, a lost memory.

pub(crate) mod new_run;
pub(crate) mod warm_up;
pub(crate) mod recall;
pub(crate) mod planning;
pub(crate) mod window;
pub(crate) mod claim;
pub(crate) mod reload;
pub(crate) mod jumps;
