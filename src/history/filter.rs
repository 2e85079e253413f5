//! Which runs are asked for.

use jiff::Timestamp;

/// Whether all are asked for, or only what failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ended {
    /// All, open ones too.
    #[default]
    Anyhow,
    /// Those of which [`Ending::is_failure`](crate::run::Ending::is_failure) holds.
    Failed,
}

/// An empty list means: any.
#[derive(Clone, Debug)]
pub struct HistoryFilter {
    /// Keys of schedules.
    pub schedules: Vec<String>,
    /// Names of states.
    pub states: Vec<String>,
    /// Names of states that are left out.
    pub not: Vec<String>,
    /// How they ended.
    pub ended: Ended,
    /// Names of reasons.
    pub reasons: Vec<String>,
    /// Names of triggers.
    pub triggers: Vec<String>,
    /// Nominal times from here.
    pub since: Option<Timestamp>,
    /// Nominal times before this.
    pub until: Option<Timestamp>,
    /// At most so many, the newest.
    pub limit: u32,
}

impl Default for HistoryFilter {
    fn default() -> Self {
        HistoryFilter {
            schedules: Vec::new(),
            states: Vec::new(),
            not: Vec::new(),
            ended: Ended::Anyhow,
            reasons: Vec::new(),
            triggers: Vec::new(),
            since: None,
            until: None,
            limit: u32::MAX,
        }
    }
}
