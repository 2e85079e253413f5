//! What the fuzz targets share: the checks, and the memory and time that each input has.
//!
//! Both are measured here and not by libFuzzer: `-rss_limit_mb` counts its own corpus and tables too, and `-timeout` the time
//! that other programs took. `-timeout` still ends what never comes back.

pub mod checks;

use std::alloc::System;
use std::sync::LazyLock;
use std::time::Duration;

use cap::Cap;
use rustix::time::{ClockId, clock_gettime};

#[global_allocator]
static MEMORY: Cap<System> = Cap::new(System, usize::MAX);

/// What one input may make the program hold, in MiB, the zone database's few included.
const MOST_MIB: u64 = 64;
/// What one input may take of the processor's time, in milliseconds, in a build that counts every branch.
const MOST_MS: u64 = 1_000;

/// The limits, or those that `fuzz/run` sets to see that they are kept.
static LIMITS: LazyLock<(usize, Duration)> = LazyLock::new(|| {
    let mib = usize::try_from(set("PUNCTUAL_FUZZ_MOST_MIB", MOST_MIB)).expect("a size that fits");
    (mib * 1024 * 1024, Duration::from_millis(set("PUNCTUAL_FUZZ_MOST_MS", MOST_MS)))
});

fn set(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{name} is not a number")))
}

/// Runs a check within these limits. An allocation beyond them fails and so ends the process, which libFuzzer reports.
pub fn run(check: checks::Check, input: &[u8]) {
    let (room, longest) = *LIMITS;
    MEMORY.set_limit(MEMORY.allocated() + room).expect("a limit above what is held");
    let begun = worked();
    check(input);
    let took = worked().saturating_sub(begun);
    MEMORY.set_limit(usize::MAX).expect("no limit");
    assert!(took <= longest, "took {took:?} of the processor's time");
}

fn worked() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}
