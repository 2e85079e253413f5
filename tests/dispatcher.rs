//! The dispatcher's mind without a runtime: every crash point, every outcome, and the laws that hold whatever happens.
//!
//! C0 to C14 and R1 to R17 are in docs/rules.md, the numbers 8 to 24 in docs/semantics.md.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "dispatcher/crashes.rs"]
mod crashes;
#[path = "dispatcher/evidence.rs"]
mod evidence;
#[path = "dispatcher/following.rs"]
mod following;
#[path = "dispatcher/laws.rs"]
mod laws;
#[path = "dispatcher/memory.rs"]
mod memory;
#[path = "dispatcher/outcomes.rs"]
mod outcomes;
#[path = "dispatcher/overlap.rs"]
mod overlap;
#[path = "dispatcher/reload.rs"]
mod reload;
#[path = "dispatcher/resolve.rs"]
mod resolve;
#[path = "dispatcher/run_loop.rs"]
mod run_loop;
#[path = "dispatcher/scale.rs"]
mod scale;
#[path = "dispatcher/server.rs"]
mod server;
#[path = "dispatcher/stuck.rs"]
mod stuck;
#[path = "dispatcher/troubles.rs"]
mod troubles;
#[path = "dispatcher/withdraw.rs"]
mod withdraw;
#[path = "dispatcher/unclear.rs"]
mod unclear;
#[path = "dispatcher/world.rs"]
mod world;
