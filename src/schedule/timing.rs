//! When, as written: kept with each schedule version, so that an edit can tell which old times it dropped.
//!
//! Its canonical JSON is hashed: two files that write the same times have the same version, however they spell them. So the
//! text is made from what was read ([`Timing::of`]), never copied from the file, and [`Timing::compile`] reads it back
//! through the same constructors that read the file.
//!
//! Not built yet: `calendar`, `starts`, `ends` and `jitter`, which belong to the timing too (semantics.md 8).

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::recurrence::{Class, CronPattern, DstPolicy, Every, GapPolicy, OverlapTime, Pattern, Recurrence, Zone};

/// The timing keys of a schedule, as canonical text. [`Timing::of`] makes one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// Cron patterns.
    pub cron: Vec<String>,
    /// Interval in whole seconds.
    pub every_s: Option<u64>,
    /// Anchor of the interval, RFC 3339 UTC.
    pub anchor: Option<String>,
    /// Instants, RFC 3339 UTC.
    pub at: Vec<String>,
    /// IANA name.
    pub timezone: String,
    /// `shift`, `offset`, `skip`.
    pub dst_gap: String,
    /// `first`, `last`, `both`.
    pub dst_overlap: String,
    /// `fixed`, `interval`, or by the pattern.
    pub dst_class: Option<String>,
}

/// A timing that cannot be read, or cannot be written as one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stored timing is not valid: {0}")]
pub struct TimingError(pub String);

impl Timing {
    /// Writes down what was read from a file.
    ///
    /// The order and the repetition of cron patterns and instants are lost on purpose: they change no time.
    ///
    /// # Errors
    /// [`TimingError`] when there are two intervals: a schedule has at most one.
    pub fn of(patterns: &[Pattern], zone: &Zone, dst: DstPolicy) -> Result<Timing, TimingError> {
        let DstPolicy { gap, overlap, class } = dst;
        let mut timing = Timing {
            cron: Vec::new(),
            every_s: None,
            anchor: None,
            at: Vec::new(),
            timezone: zone.name().to_string(),
            dst_gap: gap.as_str().to_string(),
            dst_overlap: overlap.as_str().to_string(),
            dst_class: class.map(|class| class.as_str().to_string()),
        };
        for pattern in patterns {
            match pattern {
                Pattern::Cron(cron) => timing.cron.push(cron.as_str().to_string()),
                Pattern::Every(Every { step, anchor }) => {
                    if timing.every_s.is_some() {
                        return Err(TimingError("more than one `every`".into()));
                    }
                    timing.every_s = Some(step.as_secs());
                    timing.anchor = Some(anchor.to_string());
                }
                Pattern::At(at) => timing.at.push(at.to_string()),
            }
        }
        for list in [&mut timing.cron, &mut timing.at] {
            list.sort_unstable();
            list.dedup();
        }
        Ok(timing)
    }

    /// Canonical JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// 16 hex digits of the SHA-256 of the canonical JSON.
    pub fn hash(&self) -> String {
        Sha256::digest(self.to_json().as_bytes())[..8].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The times it means.
    ///
    /// # Errors
    /// [`TimingError`] when it was stored by another version and cannot be read any more.
    pub fn compile(&self) -> Result<Recurrence, TimingError> {
        let Timing { cron, every_s, anchor, at, timezone, dst_gap, dst_overlap, dst_class } = self;
        let mut patterns = Vec::new();
        for text in cron {
            let pattern = CronPattern::parse(text).map_err(|error| TimingError(format!("cron `{text}`: {error}")))?;
            patterns.push(Pattern::Cron(pattern));
        }
        if let Some(seconds) = every_s {
            if *seconds == 0 {
                return Err(TimingError("`every` of 0 seconds".into()));
            }
            let anchor = anchor.as_deref().map_or(Ok(Timestamp::UNIX_EPOCH), read_instant)?;
            patterns.push(Pattern::Every(Every { step: Duration::from_secs(*seconds), anchor }));
        }
        for text in at {
            patterns.push(Pattern::At(read_instant(text)?));
        }
        if patterns.is_empty() {
            return Err(TimingError("neither `cron` nor `every` nor `at`".into()));
        }
        let zone = Zone::find(timezone).map_err(|error| TimingError(error.to_string()))?;
        let dst = DstPolicy {
            gap: GapPolicy::parse(dst_gap).ok_or_else(|| unknown("dst.gap", dst_gap))?,
            overlap: OverlapTime::parse(dst_overlap).ok_or_else(|| unknown("dst.overlap", dst_overlap))?,
            class: match dst_class {
                None => None,
                Some(text) => Some(Class::parse(text).ok_or_else(|| unknown("dst.class", text))?),
            },
        };
        Recurrence::new(patterns, zone, dst).map_err(|error| {
            TimingError(format!("cron `{}`: {error}", cron.get(error.pattern).map_or("", String::as_str)))
        })
    }
}

fn read_instant(text: &str) -> Result<Timestamp, TimingError> {
    text.parse().map_err(|error| TimingError(format!("instant `{text}`: {error}")))
}

fn unknown(key: &str, text: &str) -> TimingError {
    TimingError(format!("`{key}` cannot be `{text}`"))
}
