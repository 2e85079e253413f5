//! The control socket of the real daemon: who may call, what is answered, and what is left of it.
//!
//! The other side is written by hand, byte by byte, or is the real command: no client of punctual's library is asked.

#![expect(clippy::unwrap_used, reason = "a step that fails ends the test where it stands")]

mod place;

#[cfg(feature = "faults")]
mod controls;
mod backfill;
mod by_hand;
mod holding;
mod log;
mod login;
mod meant;
mod once;
mod reading;
mod reload;
mod resolve;
#[cfg(feature = "faults")]
#[path = "../support/noticed.rs"]
mod noticed;
mod show;
mod socket;
mod retry;
mod start;
mod status;
mod stop;
mod why;
