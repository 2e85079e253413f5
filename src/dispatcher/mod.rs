//! The one owner of truth while the daemon runs: all events in one line, one decision at a time.
//!
//! `core` decides and never waits; the loop here stores first and then acts, so a start that was not durably claimed cannot
//! leave. When the store fails, everything in memory is dropped and read again: a claim that was not written never happened,
//! and a start whose answer could not be written is looked up like any unclear one.

pub mod core;
mod run_loop;

pub use run_loop::{Dispatcher, DispatcherEnded, DispatcherSettings, Handle, StoreHealth, Turn};
