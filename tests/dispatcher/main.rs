//! The dispatcher's mind without a runtime: every crash point, every outcome, and the laws that hold whatever happens.
//!
//! C0 to C14 and R1 to R17 are in docs/rules.md, the numbers 8 to 24 in docs/semantics.md.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod crashes;
mod evidence;
mod following;
mod laws;
mod memory;
mod outcomes;
mod overlap;
mod reload;
mod resolve;
mod run_loop;
mod scale;
mod server;
mod stuck;
mod troubles;
mod withdraw;
mod unclear;
mod world;
