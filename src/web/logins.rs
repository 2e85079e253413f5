//! Browser logins between their two halves: begun here, and waiting for their person.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::answer::{Refusal, Why};
use crate::auth::Login;

/// Logins that were begun and not finished, at once.
const MOST_BEGUN: usize = 16;
/// How long a begun login waits for its person.
const BEGUN_LIFE: Duration = Duration::from_secs(900);

/// The logins that were begun.
#[derive(Debug, Default)]
pub(super) struct Logins(Mutex<HashMap<String, Waiting>>);

#[derive(Debug)]
struct Waiting {
    connection: String,
    login: Login,
    until: Duration,
}

impl Logins {
    pub(super) fn begin(&self, connection: &str, login: Login, now: Duration) -> Result<(), Refusal> {
        let mut begun = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        begun.retain(|_, waiting| waiting.until > now);
        if begun.len() >= MOST_BEGUN {
            return Err(Refusal::new(Why::NotNow, "too many logins were begun and not finished")
                .hint("they are forgotten after a quarter of an hour"));
        }
        let waiting = Waiting { connection: connection.to_owned(), login, until: now.saturating_add(BEGUN_LIFE) };
        begun.insert(waiting.login.state().to_owned(), waiting);
        Ok(())
    }

    pub(super) fn take(&self, connection: &str, state: &str, now: Duration) -> Option<Login> {
        let mut begun = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        begun.retain(|_, waiting| waiting.until > now);
        if begun.get(state)?.connection != connection {
            return None;
        }
        begun.remove(state).map(|waiting| waiting.login)
    }
}
