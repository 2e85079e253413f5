//! How long the next time takes to find: `cargo bench --bench recurrence`.
//!
//! The promise is at most 2 µs for a typical pattern and 1 ms for the worst. Each line also says how many floors that is, a
//! floor being one reading of an instant in the zone: a ratio holds on another machine, nanoseconds do not.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a program to be looked at, not the product")]

use std::hint::black_box;
use std::time::Duration;

use jiff::Timestamp;
use punctual::recurrence::{Calendar, CronPattern, DstPolicy, OnExcluded, Pattern, Recurrence, Weekdays, Zone};

const ROUNDS: u32 = 2_000;

fn main() {
    let zone = Zone::find("America/New_York").unwrap();
    let from: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
    let floor = time(|| {
        black_box(zone.read(black_box(from)));
    });
    println!("{:>10} ns  floor: one reading in the zone", floor.as_nanos());
    let working_days = Calendar { weekdays: Some(Weekdays::parse("MON-FRI").unwrap()), ..Calendar::default() };
    let one = |text: &str| recurrence(text, &zone);
    let cases = [
        ("0 7 * * MON-FRI", one("0 7 * * MON-FRI")),
        ("*/15 * * * *", one("*/15 * * * *")),
        ("* * * * * *", one("* * * * * *")),
        ("0 6 L * *", one("0 6 L * *")),
        ("0 7 * * *, working days, next", one("0 7 * * *").with_calendar(working_days, OnExcluded::NextWorkingDay)),
        ("*/15 * * * *, jitter", one("*/15 * * * *").with_jitter(Duration::from_secs(60), "invoices")),
        ("worst: 0 0 29 2 +MON", one("0 0 29 2 +MON")),
        ("worst: 0 0 0 29 2 +MON 2150-2199", one("0 0 0 29 2 +MON 2150-2199")),
        ("worst: 0 0 0 1 1 * 2199", one("0 0 0 1 1 * 2199")),
    ];
    for (name, recurrence) in cases {
        let took = time(|| {
            black_box(recurrence.next_after(black_box(from)));
        });
        let ratio = took.as_nanos() / floor.as_nanos().max(1);
        println!("{:>10} ns  {ratio:>6} floors  {name}", took.as_nanos());
    }
}

fn recurrence(text: &str, zone: &Zone) -> Recurrence {
    let pattern = Pattern::Cron(CronPattern::parse(text).unwrap());
    Recurrence::new(vec![pattern], zone.clone(), DstPolicy::default()).unwrap()
}

/// The best of five, for one call: what other programs on the machine take is not ours.
fn time(mut act: impl FnMut()) -> Duration {
    let mut round = || {
        #[expect(clippy::disallowed_methods, reason = "a bench measures, and is no part of the daemon")]
        let begin = std::time::Instant::now();
        for _ in 0..ROUNDS {
            act();
        }
        begin.elapsed() / ROUNDS
    };
    (0..5).map(|_| round()).min().unwrap_or_default()
}
