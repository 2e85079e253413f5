//! `punctual doctor` as a person meets it: the real binary against the sandbox, with each thing that can go wrong.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "doctor/bench.rs"]
mod bench;
#[path = "doctor/bundle.rs"]
mod bundle;
#[path = "doctor/causes.rs"]
mod causes;
#[cfg(feature = "faults")]
#[path = "doctor/controls.rs"]
mod controls;
#[path = "doctor/facts.rs"]
mod facts;
#[cfg(feature = "faults")]
#[path = "support/noticed.rs"]
mod noticed;
#[path = "doctor/gateway.rs"]
mod gateway;
#[path = "doctor/outputs.rs"]
mod outputs;
#[path = "doctor/probe.rs"]
mod probe;
#[path = "doctor/way.rs"]
mod way;
#[expect(dead_code, reason = "stories with a daemon stand beside what is used here")]
#[path = "support/mod.rs"]
mod support;
