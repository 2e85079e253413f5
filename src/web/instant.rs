//! Instants as machines read them.

use jiff::Timestamp;

/// Milliseconds in UTC, as everywhere in machine output.
pub(super) fn instant(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}
