//! Torture: kills, lost answers, outages, lost databases. One checker judges all of it (`torture/checker.rs`).
//!
//! The short forms run here; `.ci/full` runs the long ones. Every run prints its seed and the command that repeats it. The
//! build with the feature `faults` has what needs it, and leaves out what would only be repeated.

#[cfg_attr(feature = "faults", expect(dead_code, reason = "each build uses its part"))]
mod acts;
mod adversary;
mod checker;
mod checker_finds;
#[cfg_attr(feature = "faults", expect(dead_code, reason = "each build uses its part"))]
mod clock_jumps;
#[cfg(not(feature = "faults"))]
mod damage;
mod demand;
mod dice;
#[cfg_attr(feature = "faults", expect(dead_code, reason = "each build uses its part"))]
mod kill_loop;
#[cfg_attr(feature = "faults", expect(dead_code, reason = "each build uses its part"))]
mod disk_full;
#[cfg(not(feature = "faults"))]
mod lost_database;
#[cfg(feature = "faults")]
mod lost_database_finds;
#[cfg(not(feature = "faults"))]
mod outcomes;
#[cfg(not(feature = "faults"))]
mod overlap;
#[cfg(not(feature = "faults"))]
mod ready;
#[cfg_attr(feature = "faults", expect(dead_code, reason = "each build uses its part"))]
mod policies;
// The recorder stands between the program and glibc.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[cfg_attr(feature = "faults", expect(dead_code, reason = "each build uses its part"))]
mod power;
#[expect(dead_code, reason = "each build uses its part")]
mod rig;
#[cfg(not(feature = "faults"))]
mod signals;
#[cfg(feature = "faults")]
mod steps;
#[cfg(not(feature = "faults"))]
mod storms;
#[cfg(not(feature = "faults"))]
#[path = "../support/thread_log.rs"]
mod thread_log;
#[cfg(feature = "faults")]
mod token_steps;
#[expect(dead_code, reason = "each story uses its part")]
#[path = "../support/mod.rs"]
mod support;

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
#[test]
fn power_loss_and_failing_disks_are_not_tried_here() {
    println!("power loss and failing disks: left out, the recorder needs Linux with glibc");
}
