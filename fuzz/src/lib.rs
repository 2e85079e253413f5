//! What the fuzz targets share: the checks, and the memory and time that each input has.
//!
//! Both are measured here and not by libFuzzer: `-rss_limit_mb` counts its own corpus and tables too, and `-timeout` the time
//! that other programs took. `-timeout` still ends what never comes back.

pub mod checks;

use std::alloc::System;
use std::time::Duration;

use cap::Cap;
use rustix::time::{ClockId, clock_gettime};

#[global_allocator]
static MEMORY: Cap<System> = Cap::new(System, usize::MAX);

/// What one input may make the program hold, in bytes, the zone database's few megabytes included.
const MOST_BYTES: usize = 64 * 1024 * 1024;
/// What one input may take of the processor's time, in a build that counts every branch.
const LONGEST: Duration = Duration::from_secs(1);

/// Runs a check within these limits. An allocation beyond them fails and so ends the process, which libFuzzer reports.
pub fn run(check: checks::Check, input: &[u8]) {
    MEMORY.set_limit(MEMORY.allocated() + MOST_BYTES).expect("a limit above what is held");
    let begun = worked();
    check(input);
    let took = worked().saturating_sub(begun);
    MEMORY.set_limit(usize::MAX).expect("no limit");
    assert!(took <= LONGEST, "took {took:?} of the processor's time");
}

fn worked() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}
