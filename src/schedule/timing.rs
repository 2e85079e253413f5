//! When, as written: kept with each schedule version, so that an edit can tell which old times it dropped.
//!
//! Its canonical JSON is hashed: two files that write the same times the same way have the same version.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::recurrence::Recurrence;

/// The timing keys of a schedule, as canonical text.
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

/// A stored timing that this version cannot read any more.
#[derive(Clone, Debug, thiserror::Error)]
#[error("stored timing is not valid: {0}")]
pub struct TimingError(pub String);

impl Timing {
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
        Err(TimingError("stub".into()))
    }
}
