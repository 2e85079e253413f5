//! Where the client gets its bearer token from.
//!
//! A trait with two calls, so that the client can be built and tested without any grant, and so that tokens stay with
//! `auth`: this side sees one token for one request and says when it was refused.

use std::fmt;
use std::pin::Pin;

use jiff::Timestamp;

use reqwest::header::HeaderValue;

use crate::secret::Secret;

/// A future that can be called through a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where the client gets its bearer from.
pub trait Bearer: Send + Sync + 'static {
    /// The current token, fetched first when there is none.
    fn token(&self) -> BoxFuture<'_, Result<Token, TokenUnavailable>>;

    /// A token newer than the one of generation `refused`, which the server answered with 401 (T12).
    fn renewed(&self, refused: u64) -> BoxFuture<'_, Result<Token, TokenUnavailable>>;
}

/// One access token.
#[derive(Clone)]
pub struct Token {
    /// Counts the tokens of a connection, so that fifty 401s on one token cause one renewal.
    pub generation: u64,
    /// The token itself.
    pub secret: Secret,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("generation", &self.generation).finish_non_exhaustive()
    }
}

/// There is no token to send.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TokenUnavailable {
    /// One lower-case fragment: why, and the cure.
    pub message: String,
    /// When asking again may help; `None` when only a person can.
    pub retry_at: Option<Timestamp>,
}

/// `None` for an empty token (never an empty bearer) and for one that would break the header.
pub(super) fn authorization(token: &Token) -> Option<HeaderValue> {
    let secret = token.secret.expose();
    let mut value = HeaderValue::from_str(&format!("Bearer {secret}")).ok().filter(|_| !secret.is_empty())?;
    value.set_sensitive(true);
    Some(value)
}
