//! Numbers that look random and are the same for the same seed (SplitMix64).
//!
//! Absent: security. Nothing behind the sandbox is worth guessing a token for.

use uuid::Uuid;

/// The `n`-th number of a stream.
pub(super) fn roll(seed: u64, stream: u64, n: u64) -> u64 {
    let mut x = seed
        .wrapping_add(stream.wrapping_mul(0xD1B5_4A32_D192_ED03))
        .wrapping_add(n.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// Whether the `n`-th throw of a stream falls into `share` (0 never, 1 always).
pub(super) fn falls_into(share: f64, seed: u64, stream: u64, n: u64) -> bool {
    // 53 bits are what a double holds exactly.
    let unit = (roll(seed, stream, n) >> 11) as f64 / (1_u64 << 53) as f64;
    unit < share
}

/// A stream of keys and tokens.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    seed: u64,
    stream: u64,
    used: u64,
}

impl Keys {
    pub(super) fn new(seed: u64, stream: u64) -> Keys {
        Keys { seed, stream, used: 0 }
    }

    fn next(&mut self) -> u64 {
        self.used += 1;
        roll(self.seed, self.stream, self.used)
    }

    pub(super) fn uuid(&mut self) -> Uuid {
        let (high, low) = (self.next(), self.next());
        uuid::Builder::from_random_bytes(((u128::from(high) << 64) | u128::from(low)).to_be_bytes()).into_uuid()
    }

    /// 32 hex digits.
    pub(super) fn hex(&mut self) -> String {
        let (high, low) = (self.next(), self.next());
        format!("{high:016x}{low:016x}")
    }
}
