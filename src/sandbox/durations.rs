//! Lengths of time as files of faults write them: `500ms`, `20s`, `2m`.

use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Deserializer};

pub(super) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let length = signed_duration(deserializer)?;
    Duration::try_from(length).map_err(|_| serde::de::Error::custom("a duration must not be negative"))
}

pub(super) fn signed_duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SignedDuration, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| serde::de::Error::custom(format!("`{text}` is no duration; write `20s`, `500ms` or `2m`")))
}

/// The same where there may be none.
pub(super) fn perhaps<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    duration(deserializer).map(Some)
}
