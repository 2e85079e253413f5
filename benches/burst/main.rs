//! How late starts arrive when many are due at once, next to the least program that keeps the same promise.
//!
//! `cargo bench --bench burst` measures punctual (the binary, as it is built for release) and a floor program in one run,
//! against the same server (`sink.rs`) and in turns, so that both meet the same machine. A ratio of the two holds on another
//! machine, milliseconds do not. The floor claims each start durably one second ahead, sends with the same HTTP client, and
//! writes what became of the starts in batches (`floor.rs`); it knows no schedule, no limit, no trouble and follows no job.
//!
//! `-- --quick` is some dozen starts of each, for a look whether all of it works: it judges no time. With either, a start
//! that did not arrive, or arrived twice, ends it with code 1. Without it, a broken promise does so too.
//!
//! Absent: TLS and a network. Both programs would wait for the same, and a ratio would say less.

#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]
#![expect(
    clippy::disallowed_methods,
    reason = "a bench measures real time, and its floor program speaks to a server and a database of its own"
)]

mod daemon;
mod figures;
mod floor;
mod sink;
mod watch;

use std::process::ExitCode;

use figures::{Figures, Promise, compared};
use sink::Sink;

/// What is due.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Due together, at each instant.
    pub(crate) starts: usize,
    /// One second apart.
    pub(crate) instants: usize,
    /// Among which the starts are spread evenly.
    pub(crate) connections: usize,
}

impl Load {
    pub(crate) fn all(self) -> usize {
        self.starts * self.instants
    }
}

struct Scenario {
    name: &'static str,
    load: Load,
    /// Of each program; the medians are compared.
    rounds: usize,
    promise: Option<Promise>,
}

fn scenarios(quick: bool) -> Vec<Scenario> {
    let scenario = |name, starts, instants, connections, rounds, promise| Scenario {
        name,
        load: Load { starts, instants, connections },
        rounds,
        promise,
    };
    if quick {
        return vec![
            scenario("30 at once over 3 connections", 30, 1, 3, 1, None),
            scenario("10 a second for 2 s", 10, 2, 1, 1, None),
        ];
    }
    let steady = Promise::Within { hundred_milliseconds: 90.0, second: 100.0 };
    vec![
        scenario("1,000 at once", 1_000, 1, 1, 3, Some(Promise::Floors(3.0))),
        scenario("10,000 at once over 10 connections", 10_000, 1, 10, 3, Some(Promise::Floors(3.0))),
        scenario("1,000 a second for 20 s", 1_000, 20, 1, 3, Some(steady)),
    ]
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [floor::ROLE, ref settings @ ..] => {
            floor::run(settings);
            ExitCode::SUCCESS
        }
        [] => measure(&scenarios(false)),
        ["--quick"] => measure(&scenarios(true)),
        _ => {
            println!("usage: cargo bench --bench burst [-- --quick]");
            ExitCode::from(2)
        }
    }
}

fn measure(scenarios: &[Scenario]) -> ExitCode {
    let sink = Sink::start();
    let mut broken = Vec::new();
    for scenario in scenarios {
        let (mut ours, mut floors) = (Vec::new(), Vec::new());
        for round in 1..=scenario.rounds {
            for (program, all) in [("floor", &mut floors), ("punctual", &mut ours)] {
                let watched = if program == "floor" {
                    floor::measure(&sink, scenario.load)
                } else {
                    daemon::measure(&sink, scenario.load)
                };
                let figures = Figures::of(&watched, scenario.load);
                println!("figure: {}, round {round}, {program}: {figures}", scenario.name);
                broken.extend(figures.wrong().map(|wrong| format!("{}, {program}: {wrong}", scenario.name)));
                all.push(figures);
            }
        }
        println!("figure: {}: {}", scenario.name, compared(&ours, &floors));
        let promise = scenario.promise.as_ref();
        broken.extend(
            promise.and_then(|promise| promise.broken(&ours, &floors)).map(|how| format!("{}: {how}", scenario.name)),
        );
    }
    for broken in &broken {
        println!("BROKEN: {broken}");
    }
    if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
