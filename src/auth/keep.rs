//! The end of an attempt: what the answer changed is on the disk before anyone hears of it (T9).
//!
//! Only a new refresh token is vital: if it cannot be written it is kept in memory with the lock, and written again until it
//! can. Everything else that fails to be written costs one more request after a restart, and no login.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::task::spawn_blocking;
use tracing::warn;

use crate::clock::{Clock, Reading};
use crate::secret::Secret;

use super::access_file::{AccessKey, StoredAccess};
use super::answer::Access;
use super::family::TokenHash;
use super::private_file::FileError;
use super::secrets::Secrets;
use super::token_file::{Lock, Stored, TokenFile};
use super::trouble::{Before, Oauth, Trouble};

/// The token file, opened for one attempt.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) file: TokenFile,
    pub(super) key: AccessKey,
    pub(super) stored: Stored,
    /// The refresh token that would be sent, when the grant has one.
    pub(super) token: Option<TokenHash>,
    pub(super) before: Before,
    pub(super) one_use: OneUse,
    pub(super) lock: Option<Arc<Lock>>,
}

/// Whether a lost answer costs the login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OneUse {
    Yes,
    No,
}

/// A new refresh token that is in memory only. Keeps the lock: another process would send the old one.
#[derive(Clone, Debug)]
pub(crate) struct Unsaved {
    file: TokenFile,
    stored: Stored,
    pub(crate) reason: String,
    _lock: Option<Arc<Lock>>,
}

impl Unsaved {
    /// Tries again. Gives itself back when that fails, too.
    pub(crate) async fn save(self) -> Result<(), Unsaved> {
        let again = self.clone();
        let (file, mut stored) = (self.file, self.stored);
        match spawn_blocking(move || file.save(&mut stored)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(cause)) => Err(Unsaved { reason: cause.to_string(), ..again }),
            Err(_) => Err(again),
        }
    }
}

/// What is known once the answer is dealt with.
pub(super) struct End {
    pub(super) refresh_token_at: Option<Timestamp>,
    pub(super) unsaved: Option<Unsaved>,
    pub(super) generation: u64,
}

/// Saves what the answer changed (T9).
pub(super) async fn finish(
    opened: Opened,
    next: Option<Secret>,
    access: &Result<Access, Trouble>,
    sent_secrets: &Secrets,
    sent: Reading,
    clock: &Clock,
) -> End {
    let Opened { file, key, mut stored, token, before, one_use, lock } = opened;
    let next = next.filter(|next| token.is_some() && next.expose() != sent_secrets.main.expose());
    let is_new_login = next.is_some();
    if next.is_some() || access.is_ok() {
        stored.generation = stored.generation.saturating_add(1);
        stored.pending = None;
        stored.refused = None;
    }
    if let Some(next) = next {
        stored.rotate(next, clock.now());
    }
    let settled = match access {
        Ok(Access { token, length, scope: _ }) => {
            stored.access = Some(StoredAccess::new(key, token.clone(), sent, *length, clock.boot_id()));
            true
        }
        Err(_) if is_new_login => true,
        Err(Trouble::Denied { code: Oauth::InvalidGrant, .. }) if token.is_some() && one_use == OneUse::Yes => {
            stored.refused = token;
            true
        }
        // A request that was surely refused leaves no doubt behind, unless an earlier one did.
        Err(trouble) => one_use == OneUse::Yes && !trouble.leaves_doubt() && before == Before::Answered,
    };
    let mut end = End { refresh_token_at: stored.obtained_at, unsaved: None, generation: stored.generation };
    // Without the lock another process may be writing.
    if !settled || (lock.is_none() && !is_new_login) {
        return end;
    }
    stored.pending = None;
    #[cfg(feature = "faults")]
    if crate::faults::is_on(crate::faults::USE_BEFORE_SAVE) {
        tokio::spawn(async move {
            crate::faults::slow_disk().await;
            let _ = save(&file, stored).await;
            drop(lock);
        });
        return end;
    }
    match save(&file, stored.clone()).await {
        Ok(_) => {}
        Err(trouble) if is_new_login => {
            end.unsaved = Some(Unsaved { file, stored, reason: reason(trouble), _lock: lock });
        }
        // Not vital: at worst the next start asks once more, or believes that an answer was lost.
        Err(trouble) => warn!(reason = reason(trouble), "The token file could not be written"),
    }
    end
}

pub(super) async fn save(file: &TokenFile, mut stored: Stored) -> Result<Stored, Trouble> {
    let file = file.clone();
    blocking(move || file.save(&mut stored).map(|()| stored)).await
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, FileError> + Send + 'static,
) -> Result<T, Trouble> {
    match spawn_blocking(work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(FileError::Damaged { path })) => Err(Trouble::DamagedFile { path: path.display().to_string() }),
        Ok(Err(cause)) => Err(Trouble::TokenFile { reason: cause.to_string() }),
        Err(_) => Err(Trouble::TokenFile { reason: "the file could not be handled".to_owned() }),
    }
}

pub(super) fn reason(trouble: Trouble) -> String {
    match trouble {
        Trouble::TokenFile { reason } => reason,
        Trouble::DamagedFile { path } => format!("`{path}` is damaged"),
        Trouble::Busy => "another process keeps it locked".to_owned(),
        other => format!("{other:?}"),
    }
}
