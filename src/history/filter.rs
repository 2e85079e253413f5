//! Which runs are asked for.

use jiff::Timestamp;

/// An empty list means: any.
#[derive(Clone, Debug)]
pub struct HistoryFilter {
    /// Keys of schedules.
    pub schedules: Vec<String>,
    /// Names of states.
    pub states: Vec<String>,
    /// Names of states that are left out.
    pub not: Vec<String>,
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
            reasons: Vec::new(),
            triggers: Vec::new(),
            since: None,
            until: None,
            limit: u32::MAX,
        }
    }
}
