//! What is decided in the odd cases: one table for each policy, gone through whole; and what a run takes with it for its attempts.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod attempts;
mod backfill;
mod deadline;
mod failing;
mod fault;
mod holding;
mod overlap;
mod retry;
mod stop;
mod unknown_start;
mod windows;

#[path = "../support/blackouts.rs"]
mod blackouts;

use jiff::Timestamp;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}
