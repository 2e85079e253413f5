//! punctual starts UiPath robots on time, exactly once, and keeps the history.
//!
//! Data goes one way: schedule file → plan → durable claim → StartJobs → follow → history. `ARCHITECTURE.md` is the map;
//! `tests/architecture/` holds the rows below as data and fails when a module imports from a row under it.
//! Modules are public for the tests only: the program's interface is its command line, its files and its database.

#![warn(clippy::too_many_lines)]

#[doc(hidden)]
pub mod text;
#[doc(hidden)]
pub mod clock;
#[doc(hidden)]
pub mod secret;
#[doc(hidden)]
pub mod grant;
#[doc(hidden)]
pub mod witness;
#[doc(hidden)]
pub mod durable;
#[doc(hidden)]
pub mod http;
#[doc(hidden)]
pub mod recurrence;
#[doc(hidden)]
pub mod schedule;
#[doc(hidden)]
pub mod run;
#[doc(hidden)]
pub mod planner;
#[doc(hidden)]
pub mod policy;
#[doc(hidden)]
pub mod auth;
#[doc(hidden)]
pub mod orchestrator;
#[doc(hidden)]
pub mod happening;
#[doc(hidden)]
pub mod store;
#[doc(hidden)]
pub mod history;
#[doc(hidden)]
pub mod why;
#[doc(hidden)]
pub mod executor;
#[doc(hidden)]
pub mod dispatcher;
#[cfg(feature = "faults")]
#[doc(hidden)]
pub mod faults;
#[doc(hidden)]
pub mod lifecycle;
#[doc(hidden)]
pub mod housekeeping;
#[doc(hidden)]
pub mod web;
#[doc(hidden)]
pub mod wiring;
#[doc(hidden)]
pub mod daemon;
#[doc(hidden)]
pub mod doctor;
#[doc(hidden)]
pub mod sandbox;
#[doc(hidden)]
pub mod cli;
