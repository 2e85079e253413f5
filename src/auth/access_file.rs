//! An access token as the token file holds it, and how old it is after a restart (T14, T21).
//!
//! Within one boot, age is counted in boot time, which no step of the wall clock touches. After a reboot only the wall clock
//! is left: a token from the future, or past its end, counts as dead. Where the kernel hides which boot this is, both rules
//! must hold and the older age counts: within the same boot the boot-time age is the true one, in another boot it can only
//! make the token look older, so a token is never believed for longer than it lives.
//!
//! Pure: clock readings come in as arguments.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

use super::credential::Credential;
use super::family::{Family, digest};
use super::secrets::Secrets;
use crate::clock::{Reading, later};
use crate::grant::{Asking, Grant};
use crate::secret::{Purpose, Secret};

/// Everything that an access token was asked for with. With any part changed the token is another one (T22).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessKey(String);

impl AccessKey {
    /// The key of what this credential asks for with these secrets. None: its token needs no request.
    pub(crate) fn of(credential: &Credential, secrets: &Secrets) -> Option<AccessKey> {
        let grant = &credential.grant;
        let facts = grant.facts();
        if facts.asking == Asking::Nobody {
            return None;
        }
        let last = if facts.sends_tenant { credential.tenant.as_deref() } else { grant.scope() };
        let mut parts = vec![facts.mark, credential.token_url.as_str(), client_of(grant)];
        match facts.secret {
            Purpose::ClientSecret | Purpose::RefreshToken | Purpose::PersonalToken => parts.push(secrets.main.expose()),
            // Unlike a generated secret it could be guessed from its digest.
            Purpose::Password => {}
        }
        parts.push(last.unwrap_or_default());
        Some(AccessKey(digest("access", &parts)))
    }
}

/// The family whose file holds this credential's tokens. None: nothing is ever held for it.
pub(crate) fn family_of(credential: &Credential, secrets: &Secrets) -> Option<Family> {
    let url: &Url = &credential.token_url;
    let grant = &credential.grant;
    let facts = grant.facts();
    match facts.secret {
        Purpose::ClientSecret => Some(Family::without_login(url, facts.mark, client_of(grant))),
        Purpose::RefreshToken => Some(Family::of(url, client_of(grant), &secrets.main)),
        Purpose::Password => {
            let user = format!("{}\n{}", credential.tenant.as_deref().unwrap_or_default(), client_of(grant));
            Some(Family::without_login(url, facts.mark, &user))
        }
        Purpose::PersonalToken => None,
    }
}

/// Who asks: the application, or the user.
fn client_of(grant: &Grant) -> &str {
    grant.client_id().or(grant.username()).unwrap_or_default()
}

/// An access token with its times.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredAccess {
    /// What it was asked for with.
    pub key: AccessKey,
    #[serde(with = "super::exposed")]
    token: Option<Secret>,
    issued_at: Timestamp,
    expires_at: Timestamp,
    boot_id: Option<String>,
    /// Boot time at which its request left.
    issued_boot_ms: u64,
    /// Boot time at which it ends.
    deadline_boot_ms: u64,
}

/// A stored token that may still live.
#[derive(Clone, Debug)]
pub struct Aged {
    /// The token.
    pub token: Secret,
    /// Boot time from which its life is counted; held at zero.
    pub issued: Duration,
    /// How long it lives from then on.
    pub length: Duration,
}

impl StoredAccess {
    /// A token whose request left at `sent`.
    pub fn new(
        key: AccessKey,
        token: Secret,
        sent: Reading,
        length: Duration,
        boot_id: Option<String>,
    ) -> StoredAccess {
        StoredAccess {
            key,
            token: Some(token),
            issued_at: sent.wall,
            expires_at: later(sent.wall, length),
            boot_id,
            issued_boot_ms: millis(sent.boot),
            deadline_boot_ms: millis(sent.boot.saturating_add(length)),
        }
    }

    /// How it stands now; none when it is, or may be, past its end.
    pub fn aged(&self, now: Reading, boot_id: Option<&str>) -> Option<Aged> {
        let by_wall = || {
            let within = self.issued_at <= now.wall && now.wall < self.expires_at;
            within.then(|| now.wall.duration_since(self.issued_at).unsigned_abs())
        };
        let issued = Duration::from_millis(self.issued_boot_ms);
        let age = match (self.boot_id.as_deref(), boot_id) {
            (Some(then), Some(now_id)) if then == now_id => now.boot.checked_sub(issued)?,
            (Some(_), Some(_)) => by_wall()?,
            (None, _) | (_, None) => by_wall()?.max(now.boot.saturating_sub(issued)),
        };
        let length = Duration::from_millis(self.deadline_boot_ms.saturating_sub(self.issued_boot_ms));
        let left = length.checked_sub(age).filter(|left| !left.is_zero())?;
        let issued = now.boot.saturating_sub(age);
        Some(Aged { token: self.token.clone()?, issued, length: (now.boot + left).saturating_sub(issued) })
    }
}

fn millis(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}
