//! Torture: kills, lost answers, outages, lost databases. One checker judges all of it (`torture/checker.rs`).
//!
//! The short forms run here; `.ci/full` runs the long ones. Every run prints its seed and the command that repeats it. The
//! build with the feature `faults` has what needs it, and leaves out what would only be repeated.

#[path = "torture/adversary/mod.rs"]
mod adversary;
#[path = "torture/checker.rs"]
mod checker;
#[path = "torture/checker_finds.rs"]
mod checker_finds;
#[cfg_attr(feature = "faults", expect(dead_code, reason = "each build uses its part"))]
#[path = "torture/clock_jumps.rs"]
mod clock_jumps;
#[cfg(not(feature = "faults"))]
#[path = "torture/damage.rs"]
mod damage;
#[path = "torture/demand.rs"]
mod demand;
#[path = "torture/dice.rs"]
mod dice;
#[cfg_attr(feature = "faults", expect(dead_code, reason = "each build uses its part"))]
#[path = "torture/kill_loop.rs"]
mod kill_loop;
#[cfg_attr(feature = "faults", expect(dead_code, reason = "each build uses its part"))]
#[path = "torture/disk_full.rs"]
mod disk_full;
#[cfg(not(feature = "faults"))]
#[path = "torture/lost_database.rs"]
mod lost_database;
#[cfg(feature = "faults")]
#[path = "torture/lost_database_finds.rs"]
mod lost_database_finds;
#[cfg(not(feature = "faults"))]
#[path = "torture/outcomes.rs"]
mod outcomes;
#[cfg(not(feature = "faults"))]
#[path = "torture/ready.rs"]
mod ready;
// The recorder stands between the program and glibc.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[cfg_attr(feature = "faults", expect(dead_code, reason = "each build uses its part"))]
#[path = "torture/power/mod.rs"]
mod power;
#[expect(dead_code, reason = "each build uses its part")]
#[path = "torture/rig.rs"]
mod rig;
#[cfg(not(feature = "faults"))]
#[path = "torture/signals.rs"]
mod signals;
#[cfg(feature = "faults")]
#[path = "torture/steps.rs"]
mod steps;
#[cfg(not(feature = "faults"))]
#[path = "torture/storms.rs"]
mod storms;
#[cfg(not(feature = "faults"))]
#[path = "support/thread_log.rs"]
mod thread_log;
#[cfg(feature = "faults")]
#[path = "torture/token_steps.rs"]
mod token_steps;
#[expect(dead_code, reason = "each story uses its part")]
mod support;

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
#[test]
fn power_loss_and_failing_disks_are_not_tried_here() {
    println!("power loss and failing disks: left out, the recorder needs Linux with glibc");
}
