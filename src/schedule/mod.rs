//! Schedule files: what they may say, what they mean, and what is wrong with them.
//!
//! `spec` has the shapes as written, `model` what they mean. Everything is parsed once and all mistakes are told together;
//! later code cannot see an invalid schedule. Only `load` touches files.

mod model;
mod timing;

pub use model::{
    AuthSpec, CatchUp, CatchUpPolicy, Connection, ConnectionLimits, ConnectionName, Enablement, Grant, HighWaterMark,
    Marks, Occurrence, OnUnknownStart, OverlapPolicy, Place, Schedule, ScheduleKey, ScheduleSet, StartSpec, Trigger,
};
pub use timing::{Timing, TimingError};
