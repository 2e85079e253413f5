//! What arrived, as figures: how late, how many, and whether a promise holds.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use super::Load;
use super::sink::Arrival;
use super::watch::Watched;

#[derive(Debug)]
pub(crate) struct Figures {
    p50: Duration,
    p99: Duration,
    max: Duration,
    /// In per cent of all that should have arrived.
    within_100_ms: f64,
    within_1_s: f64,
    missing: usize,
    twice: usize,
    early: usize,
    cpu: Duration,
}

impl Figures {
    pub(crate) fn of(watched: &Watched, load: Load) -> Figures {
        let Watched { arrivals, cpu } = watched;
        let early = arrivals.iter().filter(|arrival| arrival.at < due(arrival)).count();
        let mut late: Vec<Duration> = arrivals.iter().map(|arrival| arrival.at.saturating_sub(due(arrival))).collect();
        late.sort_unstable();
        let part = |part: f64| {
            let place = (late.len().saturating_sub(1) as f64 * part).round() as usize;
            late.get(place).copied().unwrap_or(Duration::MAX)
        };
        let within = |limit| late.partition_point(|late| *late <= limit) as f64 * 100.0 / load.all() as f64;
        let distinct = arrivals.iter().map(|arrival| &arrival.reference).collect::<HashSet<_>>().len();
        Figures {
            p50: part(0.5),
            p99: part(0.99),
            max: part(1.0),
            within_100_ms: within(Duration::from_millis(100)),
            within_1_s: within(Duration::from_secs(1)),
            missing: load.all().saturating_sub(distinct),
            twice: arrivals.len() - distinct,
            early,
            cpu: *cpu,
        }
    }

    /// What no program may do, however slow the machine.
    pub(crate) fn wrong(&self) -> Option<String> {
        let Figures { missing, twice, early, .. } = self;
        (missing + twice + early > 0)
            .then(|| format!("{missing} starts did not arrive, {twice} arrived twice, {early} too early"))
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "late p50 {:.0} ms, p99 {:.0} ms, max {:.0} ms; within 100 ms {:.1} %, within 1 s {:.1} %; CPU {:.2} s",
            ms(self.p50),
            ms(self.p99),
            ms(self.max),
            self.within_100_ms,
            self.within_1_s,
            self.cpu.as_secs_f64()
        )
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

/// The medians of both, and their ratio.
pub(crate) fn compared(ours: &[Figures], floors: &[Figures]) -> String {
    let of = |what: fn(&Figures) -> Duration| (median(ours, what), median(floors, what));
    let ((late, floor), (cpu, floor_cpu)) = (of(|round| round.p99), of(|round| round.cpu));
    format!(
        "p99 {:.0} ms, floor {:.0} ms, ratio {:.1}; CPU {:.2} s, floor {:.2} s",
        ms(late),
        ms(floor),
        late.div_duration_f64(floor),
        cpu.as_secs_f64(),
        floor_cpu.as_secs_f64()
    )
}

/// The instant in a Reference: its fourth part, seconds since 1970 in base 36 (semantics.md 13).
fn due(arrival: &Arrival) -> Duration {
    let part = arrival.reference.split('.').nth(3).unwrap_or_default();
    let seconds = u64::from_str_radix(part, 36);
    Duration::from_secs(seconds.unwrap_or_else(|_| panic!("no instant in `{}`", arrival.reference)))
}

/// The middle of some rounds: the others were disturbed, or lucky.
fn median<T: Copy + PartialOrd>(rounds: &[Figures], of: impl Fn(&Figures) -> T) -> T {
    let mut all: Vec<T> = rounds.iter().map(of).collect();
    all.sort_by(|a, b| a.partial_cmp(b).expect("numbers"));
    all[all.len() / 2]
}

/// What is promised of a load, on two cores that nobody else uses.
#[derive(Debug)]
pub(crate) enum Promise {
    /// The p99 is at most so many times the floor's.
    Floors(f64),
    /// At least so many per cent arrive so soon.
    Within { hundred_milliseconds: f64, second: f64 },
}

impl Promise {
    /// How it is broken by the medians, if it is.
    pub(crate) fn broken(&self, ours: &[Figures], floors: &[Figures]) -> Option<String> {
        match self {
            Promise::Floors(most) => {
                let ratio = median(ours, |round| round.p99).div_duration_f64(median(floors, |round| round.p99));
                (ratio > *most).then(|| format!("the p99 is {ratio:.1} times the floor's, promised are {most}"))
            }
            Promise::Within { hundred_milliseconds, second } => {
                let (soon, in_time) =
                    (median(ours, |round| round.within_100_ms), median(ours, |round| round.within_1_s));
                (soon < *hundred_milliseconds || in_time < *second).then(|| {
                    format!(
                        "{soon:.1} % arrive within 100 ms and {in_time:.1} % within 1 s, promised are \
                         {hundred_milliseconds} % and {second} %"
                    )
                })
            }
        }
    }
}
