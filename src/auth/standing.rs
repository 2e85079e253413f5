//! The visible part of the machine in `core`: what a caller gets, and which state is shown.
//!
//! Apart from it because callers answer themselves from a copy, at their own instant: a token that passes its hard point
//! is not handed out even while the task that owns it is busy (T5).
//!
//! Pure; all instants are boot time (T13).

use std::time::Duration;

pub use super::margins::Life;
use super::status::{Generation, TokenState};

/// What is under way, or what it waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Ask at `at`.
    Resting {
        /// Boot time.
        at: Duration,
    },
    /// A request is under way.
    Asking,
    /// The last attempt failed; ask again at `at`.
    Retrying {
        /// Boot time.
        at: Duration,
    },
    /// The answer may have been lost, and the login with it: the same request is sent once more at `at` (T8).
    Replaying {
        /// Boot time.
        at: Duration,
    },
    /// Only a change helps. Looks for one at `look_at`; asks at `at` all the same when trying again does no harm.
    Blocked {
        /// What the server refused.
        why: Block,
        /// Boot time.
        look_at: Duration,
        /// Boot time.
        at: Option<Duration>,
    },
    /// A new refresh token is in memory only; write it at `at`. No request meanwhile (T9).
    Unsaved {
        /// Boot time.
        at: Duration,
    },
    /// It is being written.
    Saving,
    /// Ended.
    Stopped,
}

/// The permanent refusals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block {
    /// The refresh token.
    NeedsLogin,
    /// The client.
    BadClient,
}

/// The token at hand, without the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Which one.
    pub generation: Generation,
    /// Its times.
    pub life: Life,
}

/// What may be given to a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serve {
    /// The token at hand (T3, T4).
    Token,
    /// Wait for the request under way, or due at this moment (T5).
    Wait,
    /// Nothing; ask again at the instant, if there is one.
    Nothing {
        /// Boot time.
        retry_at: Option<Duration>,
    },
}

/// The visible part of the machine: what callers and `status` are answered from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The token at hand.
    pub held: Option<Held>,
    /// What is under way.
    pub phase: Phase,
    /// The generation that Orchestrator refused last, while it is still at hand.
    pub refused: Option<Generation>,
    /// No token is handed out before this (T12).
    pub broken_until: Option<Duration>,
    /// Tokens received.
    pub refreshes_ok: u64,
    /// Tokens that were at hand without a request.
    pub found: u64,
    /// Failed attempts.
    pub refreshes_failed: u64,
}

impl Standing {
    fn usable(&self, now: Duration) -> bool {
        self.held.is_some_and(|held| now < held.life.hard)
    }

    fn broken(&self, now: Duration) -> bool {
        self.broken_until.is_some_and(|until| now < until)
    }

    /// The state that is shown.
    pub fn state(&self, now: Duration) -> TokenState {
        if self.broken(now) {
            return TokenState::AuthBroken;
        }
        match self.phase {
            Phase::Unsaved { .. } | Phase::Saving => TokenState::Unsaved,
            Phase::Blocked { why: Block::NeedsLogin, .. } => TokenState::NeedsLogin,
            Phase::Blocked { why: Block::BadClient, .. } => TokenState::BadClient,
            Phase::Asking if self.held.is_none() && self.refreshes_failed == 0 => TokenState::Starting,
            Phase::Asking | Phase::Replaying { .. } => TokenState::Refreshing,
            Phase::Resting { .. } | Phase::Retrying { .. } | Phase::Stopped if self.usable(now) => TokenState::Valid,
            Phase::Resting { .. } if self.held.is_none() => TokenState::Starting,
            Phase::Resting { .. } | Phase::Retrying { .. } | Phase::Stopped => TokenState::Unavailable,
        }
    }

    /// When the next request leaves, or the next look at the files when only that is planned.
    pub fn next_try(&self) -> Option<Duration> {
        match self.phase {
            Phase::Resting { at } | Phase::Retrying { at } | Phase::Replaying { at } | Phase::Unsaved { at } => {
                Some(at)
            }
            Phase::Blocked { look_at, at, .. } => Some(at.map_or(look_at, |at| at.min(look_at))),
            Phase::Asking | Phase::Saving | Phase::Stopped => None,
        }
    }

    /// What a caller gets now.
    pub fn serve(&self, now: Duration) -> Serve {
        match self.broken_until {
            Some(until) if now < until => return Serve::Nothing { retry_at: Some(until) },
            // The request that ends it is due at this moment.
            Some(_) if matches!(self.phase, Phase::Resting { .. }) => return Serve::Wait,
            Some(_) | None => {}
        }
        if self.usable(now) {
            // A refused token is not worth sending while a better one is on its way; if that fails it serves again (T4).
            let refused = self.held.is_some_and(|held| self.refused == Some(held.generation));
            return if refused && self.phase == Phase::Asking { Serve::Wait } else { Serve::Token };
        }
        match self.phase {
            Phase::Asking | Phase::Replaying { .. } => Serve::Wait,
            Phase::Resting { at } | Phase::Retrying { at } | Phase::Blocked { at: Some(at), .. } if at <= now => {
                Serve::Wait
            }
            Phase::Resting { at } | Phase::Retrying { at } | Phase::Unsaved { at } => {
                Serve::Nothing { retry_at: Some(at) }
            }
            Phase::Blocked { at, .. } => Serve::Nothing { retry_at: at },
            Phase::Saving | Phase::Stopped => Serve::Nothing { retry_at: None },
        }
    }
}
