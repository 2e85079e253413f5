//! Which rules hit a call, and the counters that decide it.

use jiff::Timestamp;

use super::dice;
use super::effects::Effects;
use super::faults::{Endpoint, Fault, FaultRule, Faults};
use crate::clock::later;

/// A call, as far as rules ask about it.
#[derive(Clone, Debug)]
pub(super) struct Subject<'a> {
    pub(super) endpoint: Endpoint,
    pub(super) path: &'a str,
    pub(super) process: Option<&'a str>,
    pub(super) at: Timestamp,
}

/// The rules with their counters.
#[derive(Clone, Debug)]
pub(super) struct FaultBook {
    seed: u64,
    rules: Vec<Counted>,
}

#[derive(Clone, Debug)]
struct Counted {
    rule: FaultRule,
    set_at: Timestamp,
    stream: u64,
    matched: u64,
    fired: u64,
}

impl FaultBook {
    pub(super) fn new(seed: u64) -> FaultBook {
        FaultBook { seed, rules: Vec::new() }
    }

    pub(super) fn replace(&mut self, faults: Faults, now: Timestamp) {
        let Faults { rules } = faults;
        self.rules.clear();
        for rule in rules {
            self.push(rule, now);
        }
    }

    pub(super) fn push(&mut self, rule: FaultRule, now: Timestamp) {
        // Streams below 1000 belong to keys and tokens.
        let stream = 1_000 + self.rules.len() as u64;
        self.rules.push(Counted { rule, set_at: now, stream, matched: 0, fired: 0 });
    }

    /// How many calls the rules have hit since they were set.
    pub(super) fn fired(&self) -> u64 {
        self.rules.iter().map(|counted| counted.fired).sum()
    }

    /// Decides about one call, and counts it.
    pub(super) fn decide(&mut self, subject: &Subject<'_>) -> Effects {
        let seed = self.seed;
        let mut effects = Effects::default();
        for counted in &mut self.rules {
            if let Some(fault) = counted.decide(subject, seed) {
                effects.add(fault);
            }
        }
        effects
    }
}

impl Counted {
    fn decide(&mut self, subject: &Subject<'_>, seed: u64) -> Option<&Fault> {
        let FaultRule { fault, on, process, path, share, skip, count, after, lasts } = &self.rule;
        let from = later(self.set_at, *after);
        let meant = fault.suits(subject.endpoint)
            && from <= subject.at
            && lasts.is_none_or(|lasts| subject.at < later(from, lasts))
            && on.is_none_or(|on| on == subject.endpoint)
            && process
                .as_deref()
                .is_none_or(|wanted| subject.process.is_some_and(|is| is.eq_ignore_ascii_case(wanted)))
            && path
                .as_deref()
                .is_none_or(|part| subject.path.to_ascii_lowercase().contains(part.to_ascii_lowercase().as_str()));
        if !meant || count.is_some_and(|count| self.fired >= count) {
            return None;
        }
        let n = self.matched;
        self.matched += 1;
        if n < *skip || !dice::falls_into(*share, seed, self.stream, n) {
            return None;
        }
        self.fired += 1;
        Some(fault)
    }
}
