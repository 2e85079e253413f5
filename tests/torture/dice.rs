//! Seeds: every choice of a run follows from one number, which is printed with the command that repeats it.
//!
//! The moments themselves are those of a real machine, so the same seed makes the same choices and not the same second.
//! Seeds that once found something stay in `seeds.txt` and are played first.

use std::path::PathBuf;

/// Small, seeded, and good enough to choose moments.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64, stream: u64) -> Dice {
        let mut dice = Dice(seed ^ stream.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        dice.throw(2);
        dice
    }

    pub(crate) fn throw(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    /// True so many times of a hundred.
    pub(crate) fn percent(&mut self, share: u64) -> bool {
        self.throw(100) < share
    }
}

/// A number from outside, or the one of the short form.
pub(crate) fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn kept_file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/torture/seeds.txt")
}

/// The seeds to play for a test: those that once failed, then this run's.
pub(crate) fn seeds(test: &str) -> Vec<u64> {
    let kept = std::fs::read_to_string(kept_file()).unwrap_or_default();
    let mut seeds: Vec<u64> = kept
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(' '))
        .filter(|(name, _)| *name == test)
        .filter_map(|(_, seed)| seed.trim().parse().ok())
        .collect();
    let first = setting("PUNCTUAL_SEED", 7_804);
    for seed in first..first + setting("PUNCTUAL_SEEDS", 1) {
        if !seeds.contains(&seed) {
            seeds.push(seed);
        }
    }
    seeds
}

/// Keeps a seed that found something, so that it is played first from now on.
pub(crate) fn keep(test: &str, seed: u64) {
    let line = format!("{test} {seed}\n");
    let kept = std::fs::read_to_string(kept_file()).unwrap_or_default();
    if !kept.contains(&line) {
        // Without the file the seed is still in what was printed.
        let _ = std::fs::write(kept_file(), kept + &line);
    }
}
