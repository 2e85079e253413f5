//! A failed call, and its fate.

use std::fmt;
use std::time::Duration;

use super::body::Refusal;
use super::code::{self, ErrorCode};
use super::cure;

/// A call that did not succeed; small, since it is the other side of most results. The variant says whether the server may have acted on it (semantics.md 15); `text` names
/// the connection, what was tried and what came back, never a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Certainly not processed: it may be sent again.
    #[error("{text}")]
    Unsent {
        /// What prevents it.
        reason: UnsentReason,
        /// The HTTP status of the answer that turned it away; `None` when no request left.
        status: Option<u16>,
        /// How long to wait, as far as the server or the token manager said.
        retry_after: Option<Duration>,
        /// For people.
        text: Box<Sentence>,
    },
    /// Refused by Orchestrator itself: it was not processed, and sending the same again would be refused again.
    #[error("{text}")]
    Rejected {
        /// The HTTP status; 404 also where a look-up by name found nothing, 409 where it found too much.
        status: u16,
        /// Orchestrator's own error code.
        code: Option<ErrorCode>,
        /// For people.
        text: Box<Sentence>,
        /// What a person can do about it.
        cure: Option<String>,
        /// Orchestrator's own name for the request, which its support asks for.
        trace_id: Option<String>,
    },
    /// May have been processed: read again before anything is sent again.
    #[error("{text}")]
    Unknown {
        /// The HTTP status, if an answer came.
        status: Option<u16>,
        /// For people.
        text: Box<Sentence>,
        /// How long the server asked to be left alone.
        retry_after: Option<Duration>,
        /// Orchestrator's own name for the request, if the answer had one.
        trace_id: Option<String>,
    },
}

/// Who tried what, and what came of it. Kept apart, since a connection's trouble is shown without the one call that met it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sentence {
    /// The connection's name; empty where the sentence is all in `came`.
    pub connection: String,
    /// A fragment: "starting `p1.…` in folder 7".
    pub what: String,
    /// A fragment that follows it: "was answered 502".
    pub came: String,
    /// What helps, where whoever found the reason knows; not part of the sentence.
    pub cure: Option<String>,
}

impl fmt::Display for Sentence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Sentence { connection, what, came, cure: _ } = self;
        match (connection.is_empty(), what.is_empty()) {
            (true, true) => f.write_str(came),
            (true, false) => write!(f, "{what} {came}"),
            (false, true) => write!(f, "connection `{connection}`: {came}"),
            (false, false) => write!(f, "connection `{connection}`: {what} {came}"),
        }
    }
}

impl From<&str> for Box<Sentence> {
    fn from(came: &str) -> Box<Sentence> {
        Box::new(Sentence { came: came.to_owned(), ..Sentence::default() })
    }
}

/// Why a call was certainly not processed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnsentReason {
    /// No token, or it was refused twice.
    Token,
    /// Orchestrator cannot be reached, or a proxy wants a login.
    Outage,
    /// The tenant's rate limit.
    RateLimit,
}

impl CallError {
    /// What a person can do about it, where known.
    pub fn cure(&self) -> Option<&str> {
        match self {
            CallError::Rejected { cure, .. } => cure.as_deref(),
            CallError::Unsent { text, .. } if text.cure.is_some() => text.cure.as_deref(),
            CallError::Unsent { reason: UnsentReason::Outage, status: None, .. } => Some(cure::UNREACHED),
            CallError::Unknown { text, .. } if cure::is_about_scope(&text.came) => Some(cure::GRANT_THE_SCOPE),
            CallError::Unsent { status, .. } | CallError::Unknown { status, .. } => {
                status.and_then(cure::explain_status).map(|explained| explained.cure)
            }
        }
    }

    /// The likely cause of a refusal, where its code or its words are known.
    pub fn cause(&self) -> Option<&'static str> {
        match self {
            CallError::Rejected { status, code, text, .. } => {
                cure::cause(*status, &Refusal { code: *code, message: Some(text.came.clone()), ..Refusal::default() })
            }
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

    /// The sentence, whichever it is.
    pub fn text(&self) -> &Sentence {
        match self {
            CallError::Unsent { text, .. } | CallError::Rejected { text, .. } | CallError::Unknown { text, .. } => text,
        }
    }

    /// Orchestrator's name for the request, if its answer had one.
    pub fn trace_id(&self) -> Option<&str> {
        match self {
            CallError::Rejected { trace_id, .. } | CallError::Unknown { trace_id, .. } => trace_id.as_deref(),
            CallError::Unsent { .. } => None,
        }
    }

    /// What a refusal waits for, if it passes by itself (`waiting: capacity`); for people, "a robot to be free".
    pub fn passes(&self) -> Option<&'static str> {
        match self {
            CallError::Rejected { code, .. } => code.and_then(code::passes),
            CallError::Unsent { .. } | CallError::Unknown { .. } => None,
        }
    }

    /// Whether Orchestrator does not know the folder by this number any more, or does not show it to this account (1100).
    pub fn folder_is_unknown(&self) -> bool {
        matches!(self, CallError::Rejected { code: Some(code), .. } if *code == code::FOLDER_UNKNOWN)
    }

    /// Whether a thing is not there under the name or key that was given (1002).
    pub fn thing_is_unknown(&self) -> bool {
        matches!(self, CallError::Rejected { code: Some(code), .. } if *code == code::THING_UNKNOWN)
    }

    /// Whether nothing has the name or number that was given: by our own comparison, or by Orchestrator's codes for it. Any other refusal
    /// says nothing of what is there.
    pub fn is_absence(&self) -> bool {
        let compared = matches!(self, CallError::Rejected { status: 404 | 409, code: None, .. });
        compared || self.folder_is_unknown() || self.thing_is_unknown()
    }

    /// Whether the account has no right to what was asked for.
    pub fn is_forbidden(&self) -> bool {
        matches!(self, CallError::Rejected { status: 403, .. }) && !self.folder_is_unknown()
    }

    /// Changes each text that came from elsewhere, to take secrets out of it.
    pub(super) fn map_texts(self, change: impl Fn(String) -> String) -> CallError {
        let changed = |text: Box<Sentence>| {
            let text = *text;
            Box::new(Sentence { came: change(text.came), what: change(text.what), ..text })
        };
        match self {
            CallError::Unsent { reason, status, retry_after, text } => {
                CallError::Unsent { reason, status, retry_after, text: changed(text) }
            }
            CallError::Rejected { status, code, text, cure, trace_id } => {
                CallError::Rejected { status, code, text: changed(text), cure, trace_id: trace_id.map(change) }
            }
            CallError::Unknown { status, text, retry_after, trace_id } => {
                CallError::Unknown { status, text: changed(text), retry_after, trace_id: trace_id.map(change) }
            }
        }
    }
}
