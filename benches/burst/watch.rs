//! Watches a program while its starts arrive: the same look at both.

use std::fs;
use std::time::Duration;

use super::Load;
use super::sink::{Arrival, Sink, now};

/// A program's processor time counts from so long before the first instant, …
const BEFORE: Duration = Duration::from_millis(1_500);

/// … which has the claims in it, to so long after the last arrival, which has the last outcomes in it.
const AFTER: Duration = Duration::from_secs(1);

/// So long nothing more arrives: then it does not come.
const PATIENCE: Duration = Duration::from_secs(20);

/// Linux tells every program times in hundredths of a second (`USER_HZ`), whatever the kernel counts in.
const TICK: Duration = Duration::from_millis(10);

#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) arrivals: Vec<Arrival>,
    /// Of the program.
    pub(crate) cpu: Duration,
}

/// Waits until all has arrived, or no more does.
///
/// # Panics
/// When the program was not ready in time, so that what would be measured is its beginning.
pub(crate) fn watch(sink: &Sink, load: Load, first_due: u64, program: u32) -> Watched {
    let first_due = Duration::from_secs(first_due);
    assert!(now() + BEFORE < first_due, "the program was ready too late to be measured");
    wait_until(first_due - BEFORE);
    let before = cpu(program);
    let last_due = first_due + Duration::from_secs(load.instants as u64 - 1);
    let (mut seen, mut changed) = (0, last_due);
    loop {
        std::thread::sleep(Duration::from_millis(50));
        let count = sink.count();
        if count != seen {
            (seen, changed) = (count, now().max(last_due));
        }
        let quiet = now().saturating_sub(changed);
        if seen >= load.all() && quiet > AFTER || quiet > PATIENCE {
            break;
        }
    }
    Watched { cpu: cpu(program).saturating_sub(before), arrivals: sink.arrivals() }
}

/// The first whole second that is at least so long away.
pub(crate) fn whole_second_after(lead: Duration) -> u64 {
    (now() + lead).as_secs() + 1
}

pub(crate) fn wait_until(instant: Duration) {
    std::thread::sleep(instant.saturating_sub(now()));
}

/// Processor time of a process up to now, its own and the kernel's for it (`/proc/PID/stat`, proc(5)).
fn cpu(process: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("the program runs");
    // Its name, in brackets, may hold blanks; after it the times are the twelfth and thirteenth words.
    let (_, words) = stat.rsplit_once(')').expect("a name in brackets");
    let ticks: u32 = words.split_whitespace().skip(11).take(2).map(|word| word.parse::<u32>().expect("a number")).sum();
    TICK * ticks
}
