//! `punctual doctor` as a person meets it: the real binary against the sandbox, with each thing that can go wrong.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bench;
mod bundle;
mod causes;
#[cfg(feature = "faults")]
mod controls;
mod facts;
#[cfg(feature = "faults")]
#[path = "../support/noticed.rs"]
mod noticed;
mod gateway;
mod outputs;
mod probe;
mod way;
#[expect(dead_code, reason = "stories with a daemon are next to what is used here")]
#[path = "../support/mod.rs"]
mod support;
