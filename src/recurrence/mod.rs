//! When a schedule is due: cron patterns, intervals and instants in a zone, under one written rule for clock changes.
//!
//! Pure: no clock, no network, no files but the zone database. croner reads cron patterns and says which days they mean;
//! which instants those are is decided here (semantics.md 1–6), because no cron crate has a rule for clock changes that
//! could be promised. Nothing here keeps an offset: a schedule keeps its zone, and every time is resolved in it afresh.
//!
//! Absent: what happens at a due time (`planner`), and YAML (`schedule`).

mod calendar;
mod civil;
mod cron;
mod every;
mod field;
mod jitter;
mod kind;
mod matcher;
mod nominal;
mod policy;
mod rule;
mod windows_zones;
mod word;
mod written;
mod zone;
mod zone_database;
mod zone_names;

pub use calendar::{Calendar, OnExcluded, Weekdays};
pub use cron::CronPattern;
pub use every::Every;
pub use nominal::{Excluded, Nominal, Note};
pub use policy::{Class, DstPolicy, GapPolicy, OverlapTime};
pub use rule::{NeverMatches, Pattern, Recurrence};
pub use word::PatternError;
pub use written::{Written, instants_at, spoken};
pub use zone::{UnknownZone, Zone};
pub use zone_database::{
    ZoneChoice, ZoneDatabase, ZoneFiles, ZoneSource, choose_zone_database, find_zone_database, look_at_zone_files,
    pick_zone_database, zone_database,
};
