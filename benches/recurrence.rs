//! How long the next time takes to find: `cargo bench --bench recurrence`.
//!
//! The promise is at most 2 µs for a typical pattern and 1 ms for the worst. Each line also says how many floors that is, a
//! floor being one reading of an instant in the zone: a ratio holds on another machine, nanoseconds do not. Ends with code 1
//! when a promise is broken; it is run on purpose, so that a busy machine fails no test.
//!
//! The worst are those that look far (a date of the next century), that look at much (every second that a clock change left
//! out), and that pass over much (a year of days that a calendar takes out). A union costs the sum of its patterns, which the
//! last line shows.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a program to be looked at, not the product")]

use std::collections::BTreeSet;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::date;
use punctual::recurrence::{Calendar, Class, CronPattern, DstPolicy, OnExcluded, Pattern, Recurrence, Weekdays, Zone};

/// One measurement is at least so long, so that reading the clock does not count.
const MEASURED: Duration = Duration::from_millis(4);
const MEASUREMENTS: u32 = 25;

struct Case {
    name: &'static str,
    recurrence: Recurrence,
    after: Timestamp,
}

struct Group {
    name: &'static str,
    bound: Duration,
    cases: Vec<Case>,
}

fn main() -> ExitCode {
    let zone = Zone::find("America/New_York").unwrap();
    let from: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
    let floor = time(|| {
        black_box(zone.read(black_box(from)));
    });
    println!("{:>10} ns  floor: one reading in the zone", floor.as_nanos());
    let typical = Group { name: "typical", bound: Duration::from_micros(2), cases: typical(&zone, from) };
    let worst = Group { name: "worst", bound: Duration::from_millis(1), cases: worst(&zone, from) };
    let union = Group { name: "union of 50", bound: Duration::from_millis(50), cases: union(&zone, from) };
    let kept: Vec<bool> = [typical, worst, union].iter().map(|group| measure(group, floor)).collect();
    if kept.iter().all(|kept| *kept) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Whether every case of the group was within its bound.
fn measure(group: &Group, floor: Duration) -> bool {
    let mut slowest = (Duration::ZERO, "");
    for case in &group.cases {
        let took = time(|| {
            black_box(case.recurrence.next_after(black_box(case.after)));
        });
        let ratio = took.as_nanos() / floor.as_nanos().max(1);
        println!("{:>10} ns  {ratio:>6} floors  {}: {}", took.as_nanos(), group.name, case.name);
        slowest = slowest.max((took, case.name));
    }
    let (took, name) = slowest;
    println!("figure: next time, {}: {took:?} at most (`{name}`), promised are {:?}", group.name, group.bound);
    if took > group.bound {
        println!("BROKEN: `{name}` ({}) takes {took:?}, and {:?} are promised", group.name, group.bound);
    }
    took <= group.bound
}

fn typical(zone: &Zone, after: Timestamp) -> Vec<Case> {
    let one = |text: &str| recurrence(&[text], zone, DstPolicy::default());
    let working_days = Calendar { weekdays: Some(Weekdays::parse("MON-FRI").unwrap()), ..Calendar::default() };
    let moved = one("0 7 * * *").with_calendar(working_days, OnExcluded::NextWorkingDay);
    let jitter = one("*/15 * * * *").with_jitter(Duration::from_secs(60), "invoices");
    [
        ("0 7 * * MON-FRI", one("0 7 * * MON-FRI")),
        ("*/15 * * * *", one("*/15 * * * *")),
        ("* * * * * *", one("* * * * * *")),
        ("0 6 L * *", one("0 6 L * *")),
        ("0 7 * * *, working days, next", moved),
        ("*/15 * * * *, jitter", jitter),
    ]
    .into_iter()
    .map(|(name, recurrence)| Case { name, recurrence, after })
    .collect()
}

fn worst(zone: &Zone, after: Timestamp) -> Vec<Case> {
    let one = |text: &str| recurrence(&[text], zone, DstPolicy::default());
    // A second before the clock goes forward.
    let before_gap: Timestamp = "2027-03-14T06:59:59Z".parse().unwrap();
    let of_class = |class| recurrence(&["* * * * * *"], zone, DstPolicy { class: Some(class), ..DstPolicy::default() });
    let back = one("0 7 * * *")
        .with_calendar(closed_year(), OnExcluded::PreviousWorkingDay)
        .with_jitter(Duration::from_secs(60), "invoices");
    let forward = one("0 7 * * *").with_calendar(closed_year(), OnExcluded::NextWorkingDay);
    [
        ("0 0 29 2 +MON", one("0 0 29 2 +MON"), after),
        ("0 0 0 29 2 +MON 2150-2199", one("0 0 0 29 2 +MON 2150-2199"), after),
        ("0 0 0 1 1 * 2199", one("0 0 0 1 1 * 2199"), after),
        ("* * * * * * as interval, before a gap", of_class(Class::Interval), before_gap),
        ("* * * * * * as fixed, before a gap", of_class(Class::Fixed), before_gap),
        ("0 7 * * *, a closed year, next", forward, after),
        ("0 7 * * *, a closed year, previous, jitter", back, after),
    ]
    .into_iter()
    .map(|(name, recurrence, after)| Case { name, recurrence, after })
    .collect()
}

fn union(zone: &Zone, after: Timestamp) -> Vec<Case> {
    let texts: Vec<String> = (0..50).map(|n| format!("{n} {} {} * *", n % 24, n % 28 + 1)).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let recurrence = recurrence(&texts, zone, DstPolicy::default())
        .with_calendar(closed_year(), OnExcluded::PreviousWorkingDay)
        .with_jitter(Duration::from_secs(60), "invoices");
    vec![Case { name: "50 patterns, a closed year, previous, jitter", recurrence, after }]
}

/// A year of holidays.
fn closed_year() -> Calendar {
    let holidays = BTreeSet::from_iter(date(2026, 11, 24).series(jiff::Span::new().days(1)).take(365));
    Calendar { exclude: holidays, ..Calendar::default() }
}

fn recurrence(texts: &[&str], zone: &Zone, dst: DstPolicy) -> Recurrence {
    let patterns = texts.iter().map(|text| Pattern::Cron(CronPattern::parse(text).unwrap())).collect();
    Recurrence::new(patterns, zone.clone(), dst).unwrap()
}

/// One call, the best of some measurements: what other programs on the machine take is not ours.
fn time(mut act: impl FnMut()) -> Duration {
    let mut measure = |rounds: u32| {
        #[expect(clippy::disallowed_methods, reason = "a bench measures, and is no part of the daemon")]
        let begin = std::time::Instant::now();
        for _ in 0..rounds {
            act();
        }
        begin.elapsed()
    };
    let mut rounds = 1;
    while measure(rounds) < MEASURED {
        rounds *= 2;
    }
    (0..MEASUREMENTS).map(|_| measure(rounds) / rounds).min().unwrap_or_default()
}
