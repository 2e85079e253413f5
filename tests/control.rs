//! The control socket of the real daemon: who may call, what is answered, and what is left of it.
//!
//! The other side is written by hand, byte by byte, or is the real command: no client of punctual's library is asked.

#![expect(clippy::unwrap_used, reason = "a step that fails ends the test where it stands")]

#[path = "control/place.rs"]
mod place;

#[cfg(feature = "faults")]
#[path = "control/controls.rs"]
mod controls;
#[path = "control/login.rs"]
mod login;
#[path = "control/reload.rs"]
mod reload;
#[path = "control/resolve.rs"]
mod resolve;
#[cfg(feature = "faults")]
#[path = "support/noticed.rs"]
mod noticed;
#[path = "control/show.rs"]
mod show;
#[path = "control/socket.rs"]
mod socket;
#[path = "control/status.rs"]
mod status;
