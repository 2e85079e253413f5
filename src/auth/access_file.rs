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

use super::credential::{Credential, GrantConfig};
use super::family::{Family, digest};
use super::secrets::Secrets;
use crate::clock::{Reading, later};
use crate::secret::Secret;

/// Everything that an access token was asked for with. With any part changed the token is another one (T22).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessKey(String);

impl AccessKey {
    /// The key of what this credential asks for with these secrets. None: its token needs no request.
    pub(crate) fn of(credential: &Credential, secrets: &Secrets) -> Option<AccessKey> {
        let secret = secrets.main.expose();
        let url = credential.token_url.as_str();
        let parts: Vec<&str> = match &credential.grant {
            GrantConfig::ClientCredentials { client_id, client_secret: _, scope } => {
                vec!["client_credentials", url, client_id, secret, scope]
            }
            GrantConfig::RefreshTokenAccount { client_id, refresh_token: _, tenant } => {
                vec!["account", url, client_id, secret, tenant.as_deref().unwrap_or_default()]
            }
            GrantConfig::RefreshTokenIdentity { client_id, client_secret: _, refresh_token: _, scope } => {
                vec!["identity", url, client_id, secret, scope.as_deref().unwrap_or_default()]
            }
            // Without the password: unlike a generated secret it could be guessed from its digest.
            GrantConfig::Password { username, password: _, tenant } => {
                vec!["password", url, username, tenant.as_deref().unwrap_or_default()]
            }
            GrantConfig::PersonalAccessToken { token: _ } => return None,
        };
        Some(AccessKey(digest("access", &parts)))
    }
}

/// The family whose file holds this credential's tokens. None: nothing is ever held for it.
pub(crate) fn family_of(credential: &Credential, secrets: &Secrets) -> Option<Family> {
    let url: &Url = &credential.token_url;
    match &credential.grant {
        GrantConfig::ClientCredentials { client_id, .. } => {
            Some(Family::without_login(url, "client_credentials", client_id))
        }
        GrantConfig::RefreshTokenAccount { client_id, .. } | GrantConfig::RefreshTokenIdentity { client_id, .. } => {
            Some(Family::of(url, client_id, &secrets.main))
        }
        GrantConfig::Password { username, tenant, .. } => {
            let user = format!("{}\n{username}", tenant.as_deref().unwrap_or_default());
            Some(Family::without_login(url, "password", &user))
        }
        GrantConfig::PersonalAccessToken { .. } => None,
    }
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
