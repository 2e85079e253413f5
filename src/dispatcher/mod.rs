//! The one owner of truth while the daemon runs: all events in one line, one decision at a time.
//!
//! `core` decides and never waits; the loop here stores first and then acts, so a start that was not durably claimed cannot
//! leave. When the store fails, Orchestrator is read on and nothing is started; once the database is back everything is read from
//! it again: a claim that was not written never happened, and a start whose answer could not be written is looked up like any
//! unclear one.

mod asked;
pub mod core;
mod handle;
mod random;
mod run_loop;
mod settings;
mod writing;

pub use asked::By;
pub use handle::{DispatcherEnded, Handle, StoreHealth, Turn};
pub use run_loop::Dispatcher;
pub use settings::DispatcherSettings;
