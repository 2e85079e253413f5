//! One attempt at a token, from reading the secrets to saving what came back.
//!
//! It runs as a task of its own: once the request has left, only the end of the process can keep its answer from being
//! saved (T7). The order is fixed: lock, read the file again, note the request, send, save, and only then tell anyone.
//!
//! The lock and the file are vital for a login whose refresh tokens work once, and a convenience for all others: those go on
//! without, should the disk be full or another process hang.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::clock::Clock;
use crate::grant::Asking;
use crate::http::Client;
use crate::secret::{Purpose, Secret};
use crate::witness::Witness;

use super::access_file::{AccessKey, family_of};
use super::answer::{Access, Answer};
use super::core::{Asker, Left};
use super::credential::Credential;
use super::family::TokenHash;
use super::keep::{End, OneUse, Opened, Unsaved, blocking, finish, reason, save};
use super::margins::{LONGEST_LIFE, life};
use super::secrets::{Given, Mark, Secrets};
use super::tell::Telling;
use super::token_file::{Lock, Pending, Stored, TokenFile};
use super::trouble::{Before, Network, Oauth, Trouble};
use super::under_way::Exchanges;
use super::wire::{Answered, Patience, ask};

/// Longest wait for another process that refreshes the same login (T11): as long as its exchange may take, and its save.
const LOCK_WAIT: Duration = Duration::from_secs(110);
/// The same when a second request would do no harm.
const SHORT_LOCK_WAIT: Duration = Duration::from_secs(5);
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
    /// The file's generation that this process has had already; a newer one is taken instead of a request (T11).
    pub(crate) known: Option<u64>,
    /// The token that Orchestrator refused, when that is why a new one is wanted.
    pub(crate) refused: Option<Secret>,
    /// Is told of the request.
    pub(crate) witness: Option<Witness>,
    /// How many tries in a row before this one were given up without an answer.
    pub(crate) unanswered: u32,
    /// Whose wish it is.
    pub(crate) asker: Asker,
    /// A secret that a person has given and that is not kept yet.
    pub(crate) given: Option<Given>,
    /// Where exchanges are noted whose answers come once.
    pub(crate) exchanges: Exchanges,
    /// Nothing new is to be sent.
    pub(crate) stopping: CancellationToken,
}

/// Where a token came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Server,
    /// A file: no request was sent.
    File,
}

/// A token with the boot time at which its life began.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) access: Access,
    pub(crate) issued: Duration,
    pub(crate) origin: Origin,
}

/// How an attempt ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) result: Result<Got, Trouble>,
    pub(crate) before: Before,
    /// Whether a lost answer costs the login.
    pub(crate) one_use: OneUse,
    pub(crate) unsaved: Option<Unsaved>,
    pub(crate) spent: Option<TokenHash>,
    pub(crate) known: Option<u64>,
    pub(crate) evidence: Evidence,
    pub(crate) refresh_token_at: Option<Timestamp>,
    /// How long the lock was waited for.
    pub(crate) lock_wait: Duration,
    /// How far the token server's clock is ahead of ours (T13).
    pub(crate) skew: Option<SignedDuration>,
}

/// Stands for everything that a person can change to make the next attempt succeed: the secrets, the token file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Evidence {
    secrets: Option<Mark>,
    file: Option<String>,
}

impl Evidence {
    /// Reads it all now.
    pub(crate) fn gather(credential: &Credential, tokens_dir: &Path) -> Evidence {
        let secrets = Secrets::read(credential, tokens_dir, None);
        let file = secrets.as_ref().ok().and_then(|secrets| file_of(credential, secrets, tokens_dir));
        Evidence { secrets: Some(Mark::of(&secrets)), file: file.map(|file| file.fingerprint()) }
    }
}

fn file_of(credential: &Credential, secrets: &Secrets, tokens_dir: &Path) -> Option<TokenFile> {
    family_of(credential, secrets).map(|family| TokenFile::new(tokens_dir, family))
}

/// How the file and the secrets make a token.
enum Plan {
    /// It is there; with it, what its file says of itself.
    Found { got: Got, known: Option<u64>, refresh_token_at: Option<Timestamp> },
    /// The server is asked with these secrets.
    Ask(Secrets, Box<Opened>),
}

impl Attempt {
    pub(crate) async fn run(self) -> Outcome {
        let began = self.clock.boottime();
        let (credential, tokens_dir, given) = (self.credential.clone(), self.tokens_dir.clone(), self.given.clone());
        let read = spawn_blocking(move || {
            let secrets = Secrets::read(&credential, &tokens_dir, given.as_ref());
            (Mark::of(&secrets), secrets)
        })
        .await;
        let (mark, secrets) = match read {
            Ok((mark, secrets)) => (Some(mark), secrets),
            Err(_) => (None, Err(Trouble::Crashed)),
        };
        let file = secrets.as_ref().ok().and_then(|secrets| file_of(&self.credential, secrets, &self.tokens_dir));
        let mut outcome = Outcome {
            result: Err(Trouble::Crashed),
            before: Before::Answered,
            one_use: OneUse::No,
            unsaved: None,
            spent: self.spent.clone(),
            known: self.known,
            evidence: Evidence { secrets: mark, file: None },
            refresh_token_at: None,
            lock_wait: Duration::ZERO,
            skew: None,
        };
        let plan = match secrets {
            Ok(secrets) => self.plan(secrets).await,
            Err(trouble) => Err(trouble),
        };
        outcome.lock_wait = self.clock.boottime().saturating_sub(began);
        match plan {
            Err(trouble) => outcome.result = Err(trouble),
            Ok(Plan::Found { got, known, refresh_token_at }) => {
                outcome.known = known;
                outcome.refresh_token_at = refresh_token_at;
                outcome.result = Ok(got);
            }
            Ok(Plan::Ask(secrets, opened)) => self.send(secrets, *opened, &mut outcome).await,
        }
        // After the attempt, so that what it wrote is not taken for another's change.
        outcome.evidence.file = match file {
            Some(file) => spawn_blocking(move || file.fingerprint()).await.ok(),
            None => None,
        };
        outcome
    }

    async fn send(&self, secrets: Secrets, opened: Opened, outcome: &mut Outcome) {
        let sent = self.clock.read();
        outcome.before = opened.before;
        outcome.one_use = opened.one_use;
        let (patience, entry) = match opened.one_use {
            OneUse::No => (Patience::Usual { unanswered: self.unanswered }, None),
            OneUse::Yes => match self.exchanges.begin(&self.credential.connection, sent.boot) {
                Some(entry) => (Patience::OneUse, Some(entry)),
                None => {
                    outcome.result = Err(Trouble::Stopping);
                    return;
                }
            },
        };
        let telling = self.witness.as_ref().map(|witness| Telling { witness, clock: &self.clock, began: sent.boot });
        let Answered { answer, skew } =
            ask(&self.client, &self.credential, &secrets, &self.clock, patience, telling).await;
        #[cfg(feature = "faults")]
        crate::faults::point(crate::faults::FAIL_TOKEN_ANSWERED, "token");
        #[cfg(feature = "faults")]
        crate::faults::panic_with(&(self, &secrets, &opened, &answer));
        outcome.skew = skew;
        if is_refused(&answer) && opened.one_use == OneUse::Yes {
            outcome.spent = opened.token.clone().or(outcome.spent.take());
        }
        let Answer { access, refresh_token } = answer;
        let End { refresh_token_at, unsaved, generation } =
            finish(opened, refresh_token, &access, &secrets, sent, &self.clock).await;
        outcome.refresh_token_at = refresh_token_at;
        outcome.unsaved = unsaved;
        outcome.known = Some(generation);
        outcome.result = access.map_err(|trouble| trouble.with_oddities(&secrets.odd)).map(|access| Got {
            access,
            issued: sent.boot,
            origin: Origin::Server,
        });
        // What came back is on the disk, or its owner has it to be written again.
        drop(entry);
    }

    async fn plan(&self, secrets: Secrets) -> Result<Plan, Trouble> {
        let (Some(file), Some(key)) =
            (file_of(&self.credential, &secrets, &self.tokens_dir), AccessKey::of(&self.credential, &secrets))
        else {
            return self.personal(secrets);
        };
        let opened = self.open(file, key, &secrets).await?;
        if let Some(got) = self.newer(&opened) {
            debug!(connection = self.credential.connection, "Took the access token from the token file");
            let Stored { generation, obtained_at, .. } = opened.stored;
            return Ok(Plan::Found { got, known: Some(generation), refresh_token_at: obtained_at });
        }
        let Opened { file, key, mut stored, token, before, one_use, lock } = opened;
        if let Some(token) = &token
            && self.asker == Asker::Itself
            && one_use == OneUse::Yes
            && (stored.refused.as_ref() == Some(token) || self.spent.as_ref() == Some(token))
        {
            return Err(Trouble::Spent);
        }
        let secrets = match (&token, stored.refresh_token.clone()) {
            (Some(_), Some(main)) => Secrets { main, ..secrets },
            (Some(_) | None, _) => secrets,
        };
        // Once it is noted as sent, it is sent: the note would tell of an answer that was lost.
        if self.stopping.is_cancelled() && before == Before::Answered {
            return Err(Trouble::Stopping);
        }
        match (before, &token, one_use) {
            (Before::Lost, _, _) => info!(
                connection = self.credential.connection,
                "The answer to the last token request was lost; the same refresh token is sent again"
            ),
            (Before::Answered, Some(token), OneUse::Yes) => {
                stored.pending = Some(Pending {
                    generation: stored.generation.saturating_add(1),
                    sent_at: self.clock.now(),
                    token: token.clone(),
                });
                // The age of a login that was given to us counts from its first use: nobody knows an earlier instant.
                stored.obtained_at = stored.obtained_at.or(Some(self.clock.now()));
                // This also shows that the folder can be written while the old token is still good.
                stored = save(&file, stored).await?;
                #[cfg(feature = "faults")]
                crate::faults::point(crate::faults::FAIL_TOKEN_NOTED, "token");
            }
            (Before::Answered, Some(_) | None, OneUse::Yes | OneUse::No) => {}
        }
        Ok(Plan::Ask(secrets, Box::new(Opened { file, key, stored, token, before, one_use, lock })))
    }

    /// A personal token is there without asking. Refused, it is not given again until it is another one.
    fn personal(&self, secrets: Secrets) -> Result<Plan, Trouble> {
        let Secrets { main, client_secret: _, odd: _ } = secrets;
        if self.refused.as_ref().is_some_and(|refused| refused.expose() == main.expose()) {
            return Err(Trouble::SameToken);
        }
        // Read again once a day, should it have been replaced without a refusal.
        let access = Access { token: main, length: LONGEST_LIFE, scope: None };
        let got = Got { access, issued: self.clock.boottime(), origin: Origin::File };
        Ok(Plan::Found { got, known: None, refresh_token_at: None })
    }

    /// Locks and reads the file.
    async fn open(&self, file: TokenFile, key: AccessKey, secrets: &Secrets) -> Result<Opened, Trouble> {
        let facts = self.credential.grant.facts();
        let (vital, has_login) = (facts.asking == Asking::UsesUp, facts.secret == Purpose::RefreshToken);
        let lock = match self.lock(&file, if vital { LOCK_WAIT } else { SHORT_LOCK_WAIT }).await {
            Ok(lock) => Some(Arc::new(lock)),
            Err(trouble) if vital => return Err(trouble),
            Err(trouble) => {
                debug!(connection = self.credential.connection, reason = reason(trouble), "No token file is used");
                None
            }
        };
        let loaded = {
            let (file, locked) = (file.clone(), lock.is_some());
            // A save that was cut short is finished only under the lock.
            blocking(move || if locked { file.load() } else { file.peek() }).await
        };
        let loaded = match loaded {
            Ok(loaded) => loaded,
            Err(trouble) if vital => return Err(trouble),
            Err(trouble) => {
                warn!(connection = self.credential.connection, reason = reason(trouble), "The token file is not used");
                None
            }
        };
        let mut stored = loaded.unwrap_or_else(|| Stored::new(file.family(), &self.credential.connection));
        // Reused for ever, unless the server has begun to hand out new ones.
        let one_use = if vital || stored.refresh_token.is_some() { OneUse::Yes } else { OneUse::No };
        if one_use == OneUse::Yes && lock.is_none() {
            return Err(Trouble::Busy);
        }
        stored.connection.clone_from(&self.credential.connection);
        let current = stored.refresh_token.as_ref().unwrap_or(&secrets.main);
        let token = has_login.then(|| file.family().name(current));
        let lost = stored.pending.as_ref().is_some_and(|pending| Some(&pending.token) == token.as_ref());
        let before = if lost { Before::Lost } else { Before::Answered };
        Ok(Opened { file, key, stored, token, before, one_use, lock })
    }

    /// The file's access token, if this process has not had it and it is worth handing out (T11, T21).
    fn newer(&self, opened: &Opened) -> Option<Got> {
        let Opened { key, stored, before, .. } = opened;
        #[cfg(feature = "faults")]
        if crate::faults::is_on(crate::faults::NO_SINGLE_FLIGHT) {
            return None;
        }
        // A lost answer can be had again for seconds only, so nothing comes before that (T8).
        // What a person gave is tried itself.
        let is_new = self.given.is_none()
            && self.known.is_none_or(|known| stored.generation > known)
            && *before == Before::Answered;
        let access = stored.access.as_ref().filter(|access| is_new && access.key == *key)?;
        let now = self.clock.read();
        let aged = access.aged(now, self.clock.boot_id().as_deref())?;
        (now.boot < life(aged.issued, aged.length, 0.0).hard).then(|| Got {
            access: Access { token: aged.token, length: aged.length, scope: None },
            issued: aged.issued,
            origin: Origin::File,
        })
    }

    async fn lock(&self, file: &TokenFile, longest: Duration) -> Result<Lock, Trouble> {
        let end = self.clock.boottime().saturating_add(longest);
        loop {
            let candidate = file.clone();
            if let Some(lock) = blocking(move || candidate.try_lock()).await? {
                return Ok(lock);
            }
            if self.stopping.is_cancelled() {
                return Err(Trouble::Stopping);
            }
            if self.clock.boottime() >= end {
                return Err(Trouble::Busy);
            }
            self.clock.sleep(LOCK_LOOK).await;
        }
    }
}

/// How many tries in a row have now been given up without an answer. An attempt that sent nothing, or got no connection, says
/// nothing of how long the server takes.
pub(super) fn unanswered_after(result: &Result<Got, Trouble>, before: u32) -> u32 {
    match result {
        Err(Trouble::Network { how: Network::GaveUp { .. }, .. }) => before.saturating_add(1),
        Err(Trouble::Network { how: Network::Broken, .. }) => 0,
        Err(Trouble::Network { .. }) => before,
        Err(trouble) if trouble.left() == Left::Nothing => before,
        Ok(_) | Err(_) => 0,
    }
}

fn is_refused(answer: &Answer) -> bool {
    matches!(answer.access, Err(Trouble::Denied { code: Oauth::InvalidGrant, .. }))
}
