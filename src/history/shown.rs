//! What the database says in one of our own words, as a type: the compiler then lists every place that must decide.
//!
//! A word may still be one that this version does not know: a disk has turned a bit of it, or a newer version wrote it. It is shown as it is
//! and hides no other row.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::run::{HeldFor, RunState};
use crate::schedule::Trigger;

/// A value with a name, or a word that is none of its names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Shown<T> {
    /// This one.
    Known(T),
    /// Whatever is in the column.
    Other(String),
}

/// What has a stable name.
pub trait Named {
    /// The name.
    fn name(&self) -> &'static str;
}

impl Named for Trigger {
    fn name(&self) -> &'static str {
        Trigger::name(*self)
    }
}

impl Named for HeldFor {
    fn name(&self) -> &'static str {
        HeldFor::name(*self)
    }
}

impl<T: Named> Shown<T> {
    /// The word.
    pub fn name(&self) -> &str {
        match self {
            Shown::Known(value) => value.name(),
            Shown::Other(word) => word,
        }
    }
}

impl<T: Named> fmt::Display for Shown<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A state with its reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Words", into = "Words")]
pub enum ShownState {
    /// This one.
    Known(RunState),
    /// Whatever is in the two columns.
    Other {
        /// In the column `state`.
        state: String,
        /// In the column `reason`.
        reason: Option<String>,
    },
}

/// The two columns.
#[derive(Serialize, Deserialize)]
struct Words {
    state: String,
    reason: Option<String>,
}

impl From<Words> for ShownState {
    fn from(Words { state, reason }: Words) -> ShownState {
        match RunState::from_names(&state, reason.as_deref()) {
            Some(known) => ShownState::Known(known),
            None => ShownState::Other { state, reason },
        }
    }
}

impl From<ShownState> for Words {
    fn from(shown: ShownState) -> Words {
        Words { state: shown.name().to_owned(), reason: shown.reason().map(str::to_owned) }
    }
}

impl From<RunState> for ShownState {
    fn from(state: RunState) -> ShownState {
        ShownState::Known(state)
    }
}

impl ShownState {
    /// The state, where it is one of ours.
    pub fn known(&self) -> Option<RunState> {
        match self {
            ShownState::Known(state) => Some(*state),
            ShownState::Other { .. } => None,
        }
    }

    /// The word in the column `state`.
    pub fn name(&self) -> &str {
        match self {
            ShownState::Known(state) => state.name(),
            ShownState::Other { state, .. } => state,
        }
    }

    /// The word in the column `reason`.
    pub fn reason(&self) -> Option<&str> {
        match self {
            ShownState::Known(state) => state.reason(),
            ShownState::Other { reason, .. } => reason.as_deref(),
        }
    }
}

/// `state: reason`, or the state alone.
impl fmt::Display for ShownState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self.reason() {
            Some(reason) => write!(f, ": {reason}"),
            None => Ok(()),
        }
    }
}
