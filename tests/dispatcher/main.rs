//! The dispatcher's mind without a runtime: every crash point, every outcome, and the laws that hold whatever happens.
//!
//! C0 to C14 and R1 to R17 are in docs/rules.md, the numbers 8 to 24 in docs/semantics.md.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod backfilled;
#[path = "../support/blackouts.rs"]
mod blackouts;
mod by_hand;
mod catch_up;
mod crashes;
mod evidence;
mod failing;
mod following;
mod held_deadlines;
mod holding;
mod laws;
mod memory;
mod outcomes;
mod overlap;
mod pools;
mod queue;
mod races;
mod reload;
mod resolve;
mod retried;
mod retry;
mod run_loop;
mod scale;
mod server;
mod stopped;
mod stuck;
mod time_outs;
mod troubles;
mod withdraw;
mod unclear;
mod world;
mod worst_moments;
mod years;
