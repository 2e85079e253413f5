//! What went wrong with a connection, as three fragments that sentences are made of.

use std::fmt;

/// What went wrong: three fragments without a full stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What was found.
    pub found: String,
    /// The likely cause.
    pub cause: String,
    /// What to do.
    pub cure: String,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}; {}", self.found, self.cause, self.cure)
    }
}

pub(super) fn trouble(found: impl Into<String>, cause: impl Into<String>, cure: impl Into<String>) -> Trouble {
    Trouble { found: found.into(), cause: cause.into(), cure: cure.into() }
}
