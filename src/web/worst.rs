//! The worst that is wrong with a running daemon, in one sentence, for `status` and for the service manager.
//!
//! Pure. First what stops everything, then what only a person can cure, then what may pass by
//! itself, and last what keeps no start back.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::auth::{TokenState, TokenStatus};
use crate::dispatcher::StoreHealth;
use crate::dispatcher::core::ConnectionObstacle;
use crate::run::WaitReason;

/// None: all is well.
pub fn worst(
    store: StoreHealth,
    tokens: &BTreeMap<String, TokenStatus>,
    obstacles: &[ConnectionObstacle],
    failing: &BTreeMap<&'static str, String>,
    now: Timestamp,
) -> Option<String> {
    if store == StoreHealth::Failing {
        return Some("the database cannot be written, so nothing is started: look at the disk of the state folder (room, rights); it goes on by \
             itself"
                .to_owned());
    }
    let worst_token = tokens
        .iter()
        .filter_map(|(name, token)| Some((rank(token, now)?, name.as_str(), token)))
        .min_by_key(|(rank, name, _)| (*rank, *name));
    if let Some((NEEDS_SOMEBODY, name, token)) = worst_token {
        return Some(in_words(name, token));
    }
    if let Some(obstacle) = obstacles.first() {
        return Some(format!("connection `{}`: {}", obstacle.connection, obstacle.text));
    }
    worst_token.map(|(_, name, token)| in_words(name, token)).or_else(|| failing.values().next().cloned())
}

/// The kinds of trouble that only a person can end (semantics.md 43): a token that may come by itself, and a server that does not answer, are
/// none.
pub(super) fn only_a_person(
    store: StoreHealth,
    tokens: &BTreeMap<String, TokenStatus>,
    obstacles: &[ConnectionObstacle],
    now: Timestamp,
) -> impl Iterator<Item = &'static str> {
    let storage = (store == StoreHealth::Failing).then_some("storage");
    let token = tokens.values().any(|token| rank(token, now) == Some(NEEDS_SOMEBODY)).then_some("token");
    let clock = obstacles.iter().any(|one| one.reason == WaitReason::Clock).then_some("clock");
    [storage, token, clock].into_iter().flatten()
}

const NEEDS_SOMEBODY: u8 = 0;
const MAY_PASS: u8 = 1;

fn rank(token: &TokenStatus, now: Timestamp) -> Option<u8> {
    let has_none = token.expires_at.is_none_or(|at| at <= now);
    match token.state {
        TokenState::Unsaved | TokenState::NeedsLogin | TokenState::BadClient | TokenState::AuthBroken => {
            Some(NEEDS_SOMEBODY)
        }
        TokenState::Unavailable => Some(MAY_PASS),
        // Another try is under way: until it is answered nothing is better than after the last one, however long that takes.
        TokenState::Refreshing if has_none && token.last_error.is_some() => Some(MAY_PASS),
        TokenState::Starting | TokenState::Valid | TokenState::Refreshing => None,
    }
}

fn in_words(name: &str, token: &TokenStatus) -> String {
    match &token.last_error {
        Some(error) => format!("connection `{name}`: {error}"),
        None => format!("connection `{name}`: its token is {}", token.state),
    }
}
