//! One attempt at a token, from reading the secrets to saving the next refresh token.
//!
//! It runs as a task of its own: once the request has left, only the end of the process can keep its answer from being
//! saved (T7). The order is fixed: lock, read the file again, note the request, send, save, and only then tell anyone.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Client;
use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;
use tracing::warn;

use crate::clock::Clock;
use crate::secret::{Secret, SecretError, SecretRef};
use crate::witness::Witness;

use super::answer::{Access, Answer};
use super::core::Class;
use super::credential::{Credential, GrantConfig};
use super::tell::Telling;
use super::token_file::{Family, Lock, Pending, Stored, TokenFile, TokenFileError, TokenHash, hex};
use super::trouble::{Before, Oauth, Trouble, Which};
use super::wire::{Secrets, ask};

/// Longest wait for another process that refreshes the same login (T11).
const LOCK_WAIT: Duration = Duration::from_secs(30);
const LOCK_LOOK: Duration = Duration::from_millis(50);

/// What an attempt needs.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) client: Client,
    pub(crate) credential: Arc<Credential>,
    pub(crate) tokens_dir: PathBuf,
    pub(crate) clock: Clock,
    /// The last token that earned `invalid_grant`, for a file that could not be written (T8).
    pub(crate) spent: Option<TokenHash>,
    /// Is told of the request.
    pub(crate) witness: Option<Witness>,
}

/// How an attempt ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Boot time when the request left.
    pub(crate) issued: Duration,
    pub(crate) access: Result<Access, Trouble>,
    pub(crate) before: Before,
    pub(crate) unsaved: Option<Unsaved>,
    pub(crate) spent: Option<TokenHash>,
    pub(crate) evidence: Evidence,
    pub(crate) refresh_token_at: Option<Timestamp>,
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

/// Stands for everything that a person can change to make the next attempt succeed: the secrets, the token file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Evidence(String);

impl Evidence {
    /// Reads it all now. An unreadable secret is evidence, too: it may become readable.
    pub(crate) fn gather(credential: &Credential, tokens_dir: &Path) -> Evidence {
        let mut digest = Sha256::new();
        let mut add = |text: Result<Secret, SecretError>| {
            let text = match &text {
                Ok(secret) => format!("+{}", secret.expose()),
                Err(cause) => format!("-{cause}"),
            };
            digest.update((text.len() as u64).to_be_bytes());
            digest.update(text.as_bytes());
        };
        match &credential.grant {
            GrantConfig::ClientCredentials { client_secret, .. } => add(client_secret.read()),
            GrantConfig::RefreshTokenAccount { client_id, refresh_token, .. }
            | GrantConfig::RefreshTokenIdentity { client_id, refresh_token, .. } => {
                if let GrantConfig::RefreshTokenIdentity { client_secret: Some(client_secret), .. } = &credential.grant
                {
                    add(client_secret.read());
                }
                let seed = refresh_token.read();
                if let Ok(seed) = &seed {
                    let family = Family::of(&credential.token_url, client_id, seed);
                    match TokenFile::new(tokens_dir, family).peek() {
                        Ok(stored) => add(Ok(stored.and_then(|s| s.refresh_token).unwrap_or_else(|| Secret::new("")))),
                        Err(cause) => add(Ok(Secret::new(cause.to_string()))),
                    }
                }
                add(seed);
            }
        }
        Evidence(hex(&digest.finalize()))
    }
}

/// A login, ready to be used once.
#[derive(Debug)]
struct Login {
    file: TokenFile,
    stored: Stored,
    token: TokenHash,
    before: Before,
    /// A lost answer costs the login, so the request is noted on the disk first (T10).
    lock: Option<Arc<Lock>>,
}

/// What is ready to be sent.
#[derive(Debug)]
struct Ready {
    secrets: Secrets,
    login: Option<Login>,
}

impl Attempt {
    pub(crate) async fn run(self) -> Outcome {
        let gather = (self.credential.clone(), self.tokens_dir.clone());
        let evidence = spawn_blocking(move || Evidence::gather(&gather.0, &gather.1)).await;
        let evidence = evidence.unwrap_or_else(|_| Evidence(String::new()));
        let nothing = |issued, trouble, spent| Outcome {
            issued,
            access: Err(trouble),
            before: Before::Answered,
            unsaved: None,
            spent,
            evidence: evidence.clone(),
            refresh_token_at: None,
        };
        let ready = match self.prepare().await {
            Ok(ready) => ready,
            Err(trouble) => return nothing(self.clock.boottime(), trouble, self.spent),
        };
        let sent = self.clock.read();
        let telling = self.witness.as_ref().map(|witness| Telling { witness, clock: &self.clock, began: sent.boot });
        let answer = ask(&self.client, &self.credential, &ready.secrets, sent.wall, telling).await;
        #[cfg(feature = "faults")]
        crate::faults::point(crate::faults::FAIL_TOKEN_ANSWERED, "token");
        let (issued, received) = (sent.boot, self.clock.now());
        let Some(login) = ready.login else {
            return Outcome {
                issued,
                access: answer.access,
                before: Before::Answered,
                unsaved: None,
                spent: None,
                evidence,
                refresh_token_at: None,
            };
        };
        let (before, token) = (login.before, login.token.clone());
        let refused = is_refused(&answer);
        let (spent, access) = (if refused { Some(token) } else { self.spent }, answer.access);
        let (obtained_at, unsaved) = finish(login, answer.refresh_token, &access, &ready.secrets, received).await;
        Outcome { issued, access, before, unsaved, spent, evidence, refresh_token_at: obtained_at }
    }

    async fn prepare(&self) -> Result<Ready, Trouble> {
        let (client_id, seed, client_secret) = match &self.credential.grant {
            GrantConfig::ClientCredentials { client_secret, .. } => {
                let client_secret = secret(client_secret, Which::ClientSecret).await?;
                return Ok(Ready { secrets: Secrets::Client { client_secret }, login: None });
            }
            GrantConfig::RefreshTokenAccount { client_id, refresh_token, .. } => {
                (client_id, secret(refresh_token, Which::RefreshToken).await?, None)
            }
            GrantConfig::RefreshTokenIdentity { client_id, refresh_token, client_secret, .. } => {
                let client_secret = match client_secret {
                    Some(reference) => Some(secret(reference, Which::ClientSecret).await?),
                    None => None,
                };
                (client_id, secret(refresh_token, Which::RefreshToken).await?, client_secret)
            }
        };
        let family = Family::of(&self.credential.token_url, client_id, &seed);
        let file = TokenFile::new(&self.tokens_dir, family.clone());
        let one_use = match &self.credential.grant {
            GrantConfig::RefreshTokenIdentity { .. } => true,
            // Reused for ever, unless the server has begun to hand out new ones.
            GrantConfig::ClientCredentials { .. } | GrantConfig::RefreshTokenAccount { .. } => file.path().exists(),
        };
        let lock = if one_use { Some(Arc::new(self.lock(&file).await?)) } else { None };
        let loaded = {
            let file = file.clone();
            blocking(move || file.load()).await?
        };
        let mut stored = loaded.unwrap_or_else(|| Stored::new(&family, &self.credential.connection));
        let refresh_token = stored.refresh_token.clone().unwrap_or(seed);
        let token = family.name(&refresh_token);
        if stored.refused.as_ref() == Some(&token) || self.spent.as_ref() == Some(&token) {
            return Err(Trouble::Spent);
        }
        let lost = stored.pending.as_ref().is_some_and(|pending| pending.token == token);
        let before = if lost { Before::Lost } else { Before::Answered };
        if one_use && !lost {
            stored.pending = Some(Pending {
                generation: stored.generation.saturating_add(1),
                sent_at: self.clock.now(),
                token: token.clone(),
            });
            // This also shows that the folder can be written while the old token is still good.
            stored = save(&file, stored).await?;
            #[cfg(feature = "faults")]
            crate::faults::point(crate::faults::FAIL_TOKEN_NOTED, "token");
        }
        let secrets = Secrets::Refresh { refresh_token, client_secret };
        Ok(Ready { secrets, login: Some(Login { file, stored, token, before, lock }) })
    }

    async fn lock(&self, file: &TokenFile) -> Result<Lock, Trouble> {
        let end = self.clock.boottime().saturating_add(LOCK_WAIT);
        loop {
            let candidate = file.clone();
            if let Some(lock) = blocking(move || candidate.try_lock()).await? {
                return Ok(lock);
            }
            if self.clock.boottime() >= end {
                return Err(Trouble::Busy);
            }
            self.clock.sleep(LOCK_LOOK).await;
        }
    }
}

/// Saves what the answer changed (T9), and says when the refresh token in use was received.
async fn finish(
    login: Login,
    next: Option<Secret>,
    access: &Result<Access, Trouble>,
    sent: &Secrets,
    received: Timestamp,
) -> (Option<Timestamp>, Option<Unsaved>) {
    let Login { file, mut stored, token, before, lock } = login;
    let same = |next: &Secret| matches!(sent, Secrets::Refresh { refresh_token, .. } if refresh_token.expose() == next.expose());
    if let Some(next) = next.filter(|next| !same(next)) {
        stored.rotate(next, received);
        let saved = save(&file, stored.clone()).await;
        let unsaved = saved.err().map(|trouble| Unsaved { file, stored, reason: reason(trouble), _lock: lock });
        return (Some(received), unsaved);
    }
    let obtained_at = stored.obtained_at;
    let settled = match access {
        Ok(_) => true,
        Err(Trouble::Denied { code: Oauth::InvalidGrant, .. }) => {
            stored.refused = Some(token);
            true
        }
        // A request that was surely refused leaves no doubt behind, unless an earlier one did.
        Err(trouble) => trouble.class() != Class::Ambiguous && before == Before::Answered,
    };
    if settled && lock.is_some() {
        stored.pending = None;
        // Not vital: at worst the next start believes that an answer was lost.
        if let Err(trouble) = save(&file, stored).await {
            warn!(reason = reason(trouble), "The note of an answered token request could not be taken back");
        }
    }
    (obtained_at, None)
}

fn is_refused(answer: &Answer) -> bool {
    matches!(answer.access, Err(Trouble::Denied { code: Oauth::InvalidGrant, .. }))
}

async fn secret(reference: &SecretRef, which: Which) -> Result<Secret, Trouble> {
    let owned = reference.clone();
    match spawn_blocking(move || owned.read()).await {
        Ok(Ok(secret)) => Ok(secret),
        Ok(Err(cause)) => Err(Trouble::Secret { which, reason: with_cause(&cause) }),
        Err(_) => Err(Trouble::Crashed),
    }
}

fn with_cause(error: &SecretError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

async fn save(file: &TokenFile, mut stored: Stored) -> Result<Stored, Trouble> {
    let file = file.clone();
    blocking(move || file.save(&mut stored).map(|()| stored)).await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, TokenFileError> + Send + 'static,
) -> Result<T, Trouble> {
    match spawn_blocking(work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(TokenFileError::Damaged { path })) => Err(Trouble::DamagedFile { path: path.display().to_string() }),
        Ok(Err(cause)) => Err(Trouble::TokenFile { reason: cause.to_string() }),
        Err(_) => Err(Trouble::TokenFile { reason: "the file could not be handled".to_owned() }),
    }
}

fn reason(trouble: Trouble) -> String {
    match trouble {
        Trouble::TokenFile { reason } => reason,
        Trouble::DamagedFile { path } => format!("`{path}` is damaged"),
        other => format!("{other:?}"),
    }
}
