//! What a caller sees of a credential: its token, its state, or one sentence why there is none.

use super::what_helps::Cure;
use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::secret::Secret;

/// Counts the access tokens of one credential, so that a refusal names the token that was refused (T12).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub u64);

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A token that was before its hard point when it was handed out.
#[derive(Clone, Debug)]
pub struct AccessToken {
    /// Say it in [`TokenManager::renewed`](super::TokenManager::renewed) when the server answers 401.
    pub generation: Generation,
    /// For the `Authorization` header and nowhere else.
    pub secret: Secret,
}

/// How a credential stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenState {
    /// The first token is on its way.
    Starting,
    /// A token is at hand and nothing is wrong.
    Valid,
    /// A new token is being asked for; the one at hand, if any, still serves (T3).
    Refreshing,
    /// No token is at hand; the next try is set.
    Unavailable,
    /// The refresh token is missing or no longer accepted: a person must log in again.
    NeedsLogin,
    /// The server refuses the client: id, secret, scope or grant.
    BadClient,
    /// The new refresh token could not be written; it is in memory only, and written again every second (T9).
    Unsaved,
    /// Orchestrator refused three fresh tokens in a row; none is handed out for a while (T12).
    AuthBroken,
}

impl TokenState {
    /// A request is under way whose answer decides.
    pub fn is_undecided(self) -> bool {
        match self {
            TokenState::Starting | TokenState::Refreshing => true,
            TokenState::Valid
            | TokenState::Unavailable
            | TokenState::NeedsLogin
            | TokenState::BadClient
            | TokenState::Unsaved
            | TokenState::AuthBroken => false,
        }
    }

    /// The name, as printed and stored.
    pub fn as_str(self) -> &'static str {
        match self {
            TokenState::Starting => "starting",
            TokenState::Valid => "valid",
            TokenState::Refreshing => "refreshing",
            TokenState::Unavailable => "unavailable",
            TokenState::NeedsLogin => "needs_login",
            TokenState::BadClient => "bad_client",
            TokenState::Unsaved => "unsaved",
            TokenState::AuthBroken => "auth_broken",
        }
    }
}

impl fmt::Display for TokenState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Everything about a credential that may be shown (T24). Instants are wall time, worked out from boot time (T13).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenStatus {
    /// How it stands.
    pub state: TokenState,
    /// Of the token at hand.
    pub generation: Option<Generation>,
    /// When the token at hand was asked for.
    pub issued_at: Option<Timestamp>,
    /// From here on a new token is asked for in the background.
    pub soft_at: Option<Timestamp>,
    /// When the server stops accepting it; none for a personal token, whose end nobody tells us. It is no longer handed out from 30 s before, less for short lives (T2).
    pub expires_at: Option<Timestamp>,
    /// The next request to the token server, or the next look at the files when only a person can help.
    pub next_try_at: Option<Timestamp>,
    /// The last failure, with its cure; none after a success.
    pub last_error: Option<String>,
    /// Its short name, such as `invalid_client` or `http_503`; stable.
    pub last_error_code: Option<String>,
    /// Tokens received since the start.
    pub refreshes_ok: u64,
    /// Failed attempts since the start.
    pub refreshes_failed: u64,
    /// When the refresh token in use was received, for its age (T20). The
    /// configured one counts from its first use.
    pub refresh_token_at: Option<Timestamp>,
    /// When the refresh token in use ends if it is not renewed before; none when the grant has none, or its life is not known.
    pub refresh_token_ends_at: Option<Timestamp>,
    /// What a person should do before it becomes an error, such as a login that is about to end (T20).
    pub warning: Option<String>,
    /// Access tokens taken from the token file: at the start, or because another process had renewed.
    pub taken_from_file: u64,
    /// How long the last attempt waited for the token file.
    pub lock_wait: Option<Duration>,
    /// How far the token server's clock was ahead of ours when it last answered (T13).
    pub clock_skew: Option<SignedDuration>,
}

/// There is no token now. Nothing was sent to Orchestrator.
#[derive(Clone, Debug, thiserror::Error)]
#[error("connection `{connection}`: {message}; {cure}")]
pub struct AuthUnavailable {
    /// The connection's name in the schedule file.
    pub connection: String,
    /// How the credential stands.
    pub state: TokenState,
    /// What was tried and what came back, as one sentence without the connection.
    pub message: String,
    /// What a person can do about it.
    pub cure: Cure,
    /// When asking again makes sense; none when only a person can help.
    pub retry_at: Option<Timestamp>,
}

impl AuthUnavailable {
    /// The message with the connection, where the cure is shown apart.
    pub fn sentence(&self) -> String {
        format!("connection `{}`: {}", self.connection, self.message)
    }
}
