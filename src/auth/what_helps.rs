//! What helps with a trouble of a token, as a value: what to do, and what happens without anybody.

use std::fmt;

/// What a person can do, and what happens by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cure {
    /// Empty where nothing is to be done.
    pub act: String,
    /// What the daemon does by itself. A command that ends leaves it out, as nothing would follow.
    pub promise: Option<String>,
}

/// Of a call that may work the next time.
pub(super) const AGAIN: &str = "it is tried again by itself";

impl Cure {
    /// Nothing happens by itself.
    pub(super) fn of(act: impl Into<String>) -> Cure {
        Cure { act: act.into(), promise: None }
    }

    /// It is tried again.
    pub(super) fn again(act: impl Into<String>) -> Cure {
        Cure { act: act.into(), promise: Some(AGAIN.to_owned()) }
    }

    /// What is missing is looked for.
    pub(super) fn looked_for(act: impl Into<String>) -> Cure {
        Cure { act: act.into(), promise: Some("it is looked for every 5 s".to_owned()) }
    }

    /// Nothing is to be done.
    pub(super) fn by_itself(promise: impl Into<String>) -> Cure {
        Cure { act: String::new(), promise: Some(promise.into()) }
    }
}

impl fmt::Display for Cure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.act)?;
        match &self.promise {
            Some(promise) if self.act.is_empty() => f.write_str(promise),
            Some(promise) => write!(f, "; {promise}"),
            None => Ok(()),
        }
    }
}
