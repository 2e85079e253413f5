//! What may stand in schedule files, read by hand from a tree that knows its places.
//!
//! Pure: no clock, no files. `tree` is YAML, `keys` what may stand where, `open`, `fields` and `field` take maps apart; one file an entry.

mod address;
mod arguments;
mod blackouts;
mod calendar;
pub(in crate::schedule) mod choices;
mod connection;
mod context;
mod daemon;
mod doubts;
mod field;
mod fields;
mod folder;
mod foreign;
mod foreign_cure;
mod foreign_means;
mod given;
mod habits;
mod hidden;
pub(in crate::schedule) mod keys;
mod known;
mod later;
mod mistyped;
mod moved;
pub(in crate::schedule) mod near;
mod open;
mod outdented;
mod policies;
mod pools;
mod retry;
mod schedule;
mod secret;
mod set;
mod shut;
mod stray;
mod syntax;
mod timeout;
mod times;
mod token_address;
mod tree;
mod values;

pub use set::{Invalid, Loaded, parse};
pub use values::{Wrong, duration, instant};
