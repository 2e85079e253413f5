//! First answers to acts that are asked for under a key, kept for a day (semantics.md 35).
//!
//! Absent: who may ask, and what is the same question (`web`).

use jiff::Timestamp;

/// An act that is to be done once: who asks, under which key, and for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnceKey {
    /// Whose key it is.
    pub actor: String,
    /// As they chose it.
    pub key: String,
    /// A hash of what they ask for.
    pub asked: String,
}

/// What was answered to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAnswer {
    /// The act.
    pub once: OnceKey,
    /// When.
    pub at: Timestamp,
    /// As it was told.
    pub answer: String,
}

/// What there is under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnderKey {
    /// Nothing: it was not done, or a day ago.
    Nothing,
    /// It was done, and this was the answer.
    Done(String),
    /// Something else was done.
    Another,
}
