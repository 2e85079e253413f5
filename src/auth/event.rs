//! What can happen to a credential, and what its loop must do: the words between `core` and `task`.
//!
//! Plain values: no token, no text and no clock in them, so that any order of events can be made up in a test.

use std::time::Duration;

use super::status::Generation;

/// What the token server's answers use up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replay {
    /// The same request may be sent again and again.
    Harmless,
    /// The refresh token is gone once the server has seen it, so a lost answer is replayed at once (T8).
    OnlyAtOnce,
}

/// How a failure is treated (T6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// May pass by itself.
    Transient {
        /// What the server asked for, as a length of time.
        retry_after: Option<Duration>,
    },
    /// The answer may have been lost after the server acted on the request (T8).
    Ambiguous,
    /// Only a new refresh token helps.
    NeedsLogin,
    /// Only a change of the client's settings helps, here or at the server.
    BadClient,
    /// A password or a user key, which may become good again without any change here: an account is unlocked or enabled. Tried
    /// seldom, since each wrong try of a password may count towards locking the account.
    BadKey,
    /// The secret is the token, and Orchestrator refused it; only another one helps.
    SameToken,
}

/// Whether a failed attempt counts against the budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// Nothing was sent: a file could not be read or written.
    Nothing,
    /// A request was sent, or may have been.
    Request,
}

/// Whether what the server handed out is on the disk (T9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Nothing to save, or saved.
    Safely,
    /// A new refresh token is in memory only.
    InMemoryOnly,
}

/// Who wants a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// The machine, by its own rules.
    Itself,
    /// A person: what was refused before is sent once more.
    Person,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Time passed.
    Tick,
    /// The request gave a token.
    Granted {
        /// When the request left.
        issued: Duration,
        /// How long the server says it lives.
        length: Duration,
        /// Whether the login is safe.
        kept: Kept,
    },
    /// A token was at hand without a request: in a file.
    Found {
        /// When its age began.
        issued: Duration,
        /// How long it lives from then on.
        length: Duration,
    },
    /// The request gave none.
    Failed {
        /// How to treat it.
        class: Class,
        /// Whether anything left.
        left: Left,
        /// Whether the login is safe: an answer without a usable access token may still hold a new refresh token.
        kept: Kept,
    },
    /// Orchestrator answered 401 to this generation (T12).
    Refused(Generation),
    /// The secrets or the token file differ from those of the last attempt.
    Changed,
    /// A person asks for a new token now.
    Forced,
    /// The unsaved refresh token is on the disk now.
    Saved,
    /// It is still not.
    SaveFailed,
    /// No new request from here on.
    Stop,
}

/// What the loop must do. At most one thing is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Ask the token server.
    Ask(Asker),
    /// Write the unsaved refresh token.
    Save,
    /// See whether the secrets or the token file have changed.
    Look,
}
