//! Torture: kills, lost answers, outages, lost databases. One checker judges all of it (`torture/checker.rs`).
//!
//! The short forms run here; `.ci/full` runs the long ones. Every run prints its seed and the command that repeats it.

#[expect(dead_code, reason = "each story uses its part")]
#[path = "torture/checker.rs"]
mod checker;
#[path = "torture/checker_finds.rs"]
mod checker_finds;
#[path = "torture/demand.rs"]
mod demand;
#[path = "torture/dice.rs"]
mod dice;
#[path = "torture/kill_loop.rs"]
mod kill_loop;
#[path = "torture/outcomes.rs"]
mod outcomes;
#[expect(dead_code, reason = "each story uses its part")]
#[path = "torture/rig.rs"]
mod rig;
#[cfg(feature = "faults")]
#[path = "torture/steps.rs"]
mod steps;
#[expect(dead_code, reason = "each story uses its part")]
mod support;
