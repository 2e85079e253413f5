//! What handles are answered from: the last state of a credential's task, and the status made of it.
//!
//! Absent: any choice; the task replaces the view as a whole.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::credential::Credential;
use super::cure::put;
use super::margins::{LOGIN_ALERT, LOGIN_LIFE};
use super::standing::Standing;
use super::status::{AccessToken, TokenStatus};
use super::trouble::Failure;
use crate::clock::{Reading, earlier, later};
use crate::grant::Asking;
use crate::secret::Secret;

/// What callers are answered from.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) credential: Arc<Credential>,
    pub(crate) standing: Standing,
    pub(crate) token: Option<Secret>,
    pub(crate) failure: Option<Arc<Failure>>,
    pub(crate) refresh_token_at: Option<Timestamp>,
    pub(crate) lock_wait: Option<Duration>,
    pub(crate) skew: Option<SignedDuration>,
}

impl View {
    pub(crate) fn access_token(&self) -> Option<AccessToken> {
        let generation = self.standing.held?.generation;
        Some(AccessToken { generation, secret: self.token.clone()? })
    }

    pub(crate) fn status(&self, now: Reading) -> TokenStatus {
        let held = self.standing.held;
        // Nobody tells us when a personal token ends.
        let timed = held.filter(|_| self.credential.grant.facts().asking != Asking::Nobody);
        TokenStatus {
            state: self.standing.state(now.boot),
            generation: held.map(|held| held.generation),
            issued_at: timed.map(|held| wall(held.life.issued, now)),
            soft_at: timed.map(|held| wall(held.life.soft, now)),
            expires_at: timed.map(|held| wall(held.life.end, now)),
            next_try_at: self.standing.next_try().map(|at| wall(at, now)),
            last_error: self.failure.as_ref().map(|failure| format!("{}; {}", failure.message, failure.cure)),
            last_error_code: self.failure.as_ref().map(|failure| failure.code.clone()),
            refreshes_ok: self.standing.refreshes_ok,
            refreshes_failed: self.standing.refreshes_failed,
            refresh_token_at: self.refresh_token_at,
            refresh_token_ends_at: self.login_ends_at(),
            warning: self.login_warning(now.wall),
            taken_from_file: self.standing.found,
            lock_wait: self.lock_wait,
            clock_skew: self.skew,
        }
    }

    /// Only the identity server's refresh tokens have a known life.
    fn login_ends_at(&self) -> Option<Timestamp> {
        match self.credential.grant.facts().asking {
            Asking::UsesUp => Some(later(self.refresh_token_at?, LOGIN_LIFE)),
            Asking::Free | Asking::MayLock | Asking::Nobody => None,
        }
    }

    /// What to do before the login ends (T20).
    fn login_warning(&self, now: Timestamp) -> Option<String> {
        let ends_at = self.login_ends_at()?;
        let days = now.duration_since(self.refresh_token_at?).as_hours() / 24;
        let is_old = later(self.refresh_token_at?, LOGIN_ALERT) <= now;
        is_old.then(|| {
            let day = ends_at.strftime("%F");
            let anew = put(self.credential.grant.main_secret().0, "a new refresh token", &self.credential);
            format!("its refresh token is {days} days old and ends about {day} unless it is renewed; {anew}")
        })
    }
}

/// An instant of boot time as the wall clock would show it now.
pub(crate) fn wall(boot: Duration, now: Reading) -> Timestamp {
    match boot.checked_sub(now.boot) {
        Some(ahead) => later(now.wall, ahead),
        None => earlier(now.wall, now.boot.saturating_sub(boot)),
    }
}
