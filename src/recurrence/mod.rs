//! When a schedule is due: cron pattern, interval or fixed instants in a zone, under one written rule for clock changes.
//!
//! Pure: no clock, no network, no files but the zone database. croner reads cron patterns; which instants they mean is
//! decided here (semantics.md 1–4), because no cron crate has a rule for clock changes that could be promised.
//!
//! Absent: what happens at a due time (`planner`), and YAML (`schedule`).

mod rule;

pub use rule::{
    Class, CronPattern, DstPolicy, Every, GapPolicy, NeverMatches, Nominal, Note, OverlapTime, Pattern, PatternError,
    Recurrence, UnknownZone, Zone,
};
