//! Simulated days and years: the real core on the real database against a server that keeps the truth, with everything that can befall
//! them, and a checker that has learned the rules from docs/semantics.md alone.
//!
//! `cargo test --test years` is a dense day. A year: `cargo test --release --test years -- --ignored --nocapture`, with
//! PUNCTUAL_YEARS_DAYS (7, so that a debug build ends), PUNCTUAL_YEARS_SEED (the first) and PUNCTUAL_YEARS_SEEDS (how many); the first of
//! these holds for the year only, the others for the day too. Years go side by side, one on each core; a process for each of them, bound
//! to its core as `.ci/full` does it, takes a third of the time, since its threads take turns. To look at what was found: PUNCTUAL_YEARS_TELL
//! (a schedule) prints its story, PUNCTUAL_YEARS_STOP lives only so many days of the plan.
//!
//! Absent: runs by hand, clocks that are set, damaged databases (tests/torture).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod blackout;
mod checker;
mod controls;
mod controls_of_holding;
mod dice;
mod held;
mod holding;
mod job;
mod law;
mod orchestrator;
mod people;
mod plan;
mod story;
mod why;
mod world;

use std::sync::{LazyLock, Mutex};
use std::time::Instant;

use checker::Difference;
use plan::{Plan, Size};
use story::Story;
use world::World;

/// So many differences are shown; the others are counted.
const SHOWN: usize = 20;

const DAY: Size = Size { schedules: 30, days: 1, times_a_day: 22, kills_a_day: 5 };

/// About 160,000 times in 365 days. Each life begins with a check of the whole database, which grows all year: with five kills a day
/// that would take three quarters of the time.
const YEAR: Size = Size { schedules: 200, days: 365, times_a_day: 2, kills_a_day: 1 };

/// What happened, told.
fn live(seed: u64, size: Size) -> Story {
    let mut plan = Plan::of(seed, size);
    if let Ok(days) = std::env::var("PUNCTUAL_YEARS_STOP") {
        plan.end = plan.end.min(plan.begin + days.parse::<i64>().unwrap() * 86_400_000);
    }
    let mut world = World::new(&plan);
    world.run();
    Story::told(&plan, world)
}

/// The day that the controls falsify.
fn day() -> &'static Story {
    static DAY_ONE: LazyLock<Story> = LazyLock::new(|| live(number("PUNCTUAL_YEARS_SEED", 1), DAY));
    &DAY_ONE
}

#[expect(clippy::print_stdout, reason = "figures of a run are for its reader")]
fn judge(story: &Story) {
    if let Ok(key) = std::env::var("PUNCTUAL_YEARS_TELL") {
        checker::tell(story, &key);
    }
    let found = checker::check(story);
    let counts = (story.rows.len(), story.jobs.len(), story.stops.len());
    println!("seed {}: (rows, jobs, stops) {counts:?}, {} differences", story.seed, found.len());
    let text: Vec<String> = found.iter().take(SHOWN).map(Difference::to_string).collect();
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), text.join("\n"));
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap())
}

#[test]
fn a_dense_day_goes_by_the_rules() {
    judge(day());
    let first = number("PUNCTUAL_YEARS_SEED", 1);
    (first + 1..first + number("PUNCTUAL_YEARS_SEEDS", 1)).for_each(|seed| judge(&live(seed, DAY)));
}

/// A year, and how fast it went by.
#[expect(clippy::disallowed_methods, reason = "how fast time goes by is measured")]
#[expect(clippy::print_stdout, reason = "figures of a run are for its reader")]
fn live_a_year(seed: u64, size: Size) -> Story {
    let began = Instant::now();
    let story = live(seed, size);
    let days = f64::from(i32::try_from(size.days).unwrap());
    let rate = days / began.elapsed().as_secs_f64();
    println!("figure: seed {seed}: {rate:.3} simulated days a second, {} times in {days} days", story.rows.len());
    story
}

#[test]
#[ignore = "a year takes a quarter of an hour, in a release build"]
fn a_year_goes_by_the_rules() {
    let size = Size { days: i64::try_from(number("PUNCTUAL_YEARS_DAYS", 7)).unwrap(), ..YEAR };
    let first = number("PUNCTUAL_YEARS_SEED", 1);
    let seeds = Mutex::new(first..first + number("PUNCTUAL_YEARS_SEEDS", 1));
    let next = || seeds.lock().unwrap().next();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let years = || {
            while let Some(seed) = next() {
                judge(&live_a_year(seed, size));
            }
        };
        for _ in 0..cores {
            scope.spawn(years);
        }
    });
}
