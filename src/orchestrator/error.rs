//! A failed call, and its fate.

use std::time::Duration;

use super::cure;

/// A call that did not succeed. The variant says whether the server may have acted on it (semantics.md 15); `text` is one
/// sentence that names the connection, what was tried and what came back, never a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Certainly not processed: it may be sent again.
    #[error("{text}")]
    Unsent {
        /// What stands in the way.
        reason: UnsentReason,
        /// How long to wait, as far as the server or the token manager said.
        retry_after: Option<Duration>,
        /// For people.
        text: String,
    },
    /// Refused: sending the same again would be refused again.
    #[error("{text}")]
    Rejected {
        /// The HTTP status; 404 also where a look-up by name found nothing, 409 where it found too much.
        status: u16,
        /// Orchestrator's own error code.
        code: Option<i64>,
        /// For people.
        text: String,
        /// What a person can do about it.
        cure: Option<String>,
    },
    /// May have been processed: read again before anything is sent again.
    #[error("{text}")]
    Unknown {
        /// For people.
        text: String,
        /// How long the server asked to be left alone.
        retry_after: Option<Duration>,
    },
}

/// Why a call was certainly not processed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnsentReason {
    /// No token, or it was refused twice.
    Token,
    /// Orchestrator cannot be reached, or a proxy spoke in its place.
    Outage,
    /// The tenant's rate limit.
    RateLimit,
}

impl CallError {
    /// What a person can do about it, where known.
    pub fn cure(&self) -> Option<&str> {
        match self {
            CallError::Rejected { cure, .. } => cure.as_deref(),
            CallError::Unsent { .. } | CallError::Unknown { .. } => None,
        }
    }

    /// The likely cause of a refusal, where its code or its words are known.
    pub fn cause(&self) -> Option<&'static str> {
        match self {
            CallError::Rejected { status, code, text, .. } => cure::cause(*status, *code, text),
            CallError::Unsent { .. } | CallError::Unknown { .. } => None,
        }
    }

    /// How long the server asked to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            CallError::Unsent { retry_after, .. } | CallError::Unknown { retry_after, .. } => *retry_after,
            CallError::Rejected { .. } => None,
        }
    }
}
