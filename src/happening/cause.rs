//! What went wrong, with what helps; and how much a person should care.

use std::fmt;

use crate::orchestrator::CallError;

/// How much a person should care.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For whoever looks for a fault of this program.
    Debug,
    /// As it should be.
    Info,
    /// It goes on by itself, and may become worse.
    Warning,
    /// Somebody should act.
    Error,
}

/// What went wrong with a call, with what helps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// What was tried and what came back.
    pub came: String,
    /// What a person can do, where known.
    pub cure: Option<String>,
}

impl Cause {
    /// Of a call.
    pub fn of(error: &CallError) -> Cause {
        Cause { came: error.to_string(), cure: error.cure().map(str::to_owned) }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        with_cure(f, &self.came, self.cure.as_deref())
    }
}

/// What happened, and what helps.
pub(super) fn with_cure(f: &mut fmt::Formatter<'_>, came: &str, cure: Option<&str>) -> fmt::Result {
    f.write_str(came)?;
    match cure {
        Some(cure) => write!(f, "; {cure}"),
        None => Ok(()),
    }
}
