//! How a schedule was planned, as the database keeps it.

use jiff::Timestamp;
use serde::Deserialize;

/// The versions of a schedule's times, and how far they have been judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Planned {
    /// When which times were loaded, as canonical text, oldest first.
    pub versions: Vec<(Timestamp, String)>,
    /// Up to where its times have a row.
    pub mark: Option<Timestamp>,
    /// The nominal time of its oldest row.
    pub oldest: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
pub(super) struct PlannedRow {
    versions: Vec<(i64, String)>,
    mark: Option<i64>,
    oldest: Option<i64>,
}

impl PlannedRow {
    /// What is no instant is left out.
    pub(super) fn into_planned(self) -> Planned {
        let instant = |ms: i64| Timestamp::from_millisecond(ms).ok();
        let versions = self.versions.into_iter().filter_map(|(at, timing)| Some((instant(at)?, timing)));
        Planned {
            versions: versions.collect(),
            mark: self.mark.and_then(instant),
            oldest: self.oldest.and_then(instant),
        }
    }
}
