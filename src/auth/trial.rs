//! Tries what a person gave before it takes the place of what was kept.
//!
//! A mistyped secret must not end a login that works: what was kept before stays until the server has taken the new one. It is
//! tried by the very request that the daemon would send, so an answer that works once is saved in its token file before the
//! secret is kept, and the daemon goes on with that.
//!
//! It runs in a task of its own: neither the person's going away nor a handler that is dropped cuts it short.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::core::{Asker, Class};
use super::credential::{AuthSetupError, Credential};
use super::environment::AuthEnvironment;
use super::exchange::{Attempt, Outcome, unanswered_after};
use super::kept::KeptSecrets;
use super::login::Login;
use super::login_keep::{KeepError, check, keep};
use super::login_trouble::LoginError;
use super::personal::try_personal;
pub use super::secrets::Given;
use super::status::TokenState;
use super::trouble::{Before, Failure, Trouble};
use super::under_way::Exchanges;
use super::wire;
use crate::grant::{Asking, Style};
use crate::secret::{Purpose, Secret};

/// Between a lost answer and the second request for it (T8).
const REPLAY_PAUSE: Duration = Duration::from_secs(1);
/// How often a new refresh token that cannot be written is tried again, once a second, before the person is told.
const SAVES: u32 = 30;

/// How the login stands that would be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Earlier {
    /// There is none, or the server refuses it.
    Useless,
    /// It works, or nothing is known against it.
    Works,
}

impl Earlier {
    /// By how its token stands.
    pub fn of(state: TokenState) -> Earlier {
        match state {
            TokenState::NeedsLogin | TokenState::BadClient | TokenState::AuthBroken => Earlier::Useless,
            TokenState::Starting
            | TokenState::Valid
            | TokenState::Refreshing
            | TokenState::Unavailable
            | TokenState::Unsaved => Earlier::Works,
        }
    }
}

/// It is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// The server has taken it.
    Accepted,
    /// It could not be tried, and there was nothing to lose.
    Untried,
}

/// It is not kept. What was kept before is as it was.
#[derive(Debug, thiserror::Error)]
pub enum NotKept {
    /// It cannot be kept at all.
    #[error(transparent)]
    Keep(#[from] KeepError),
    /// The connection cannot be used at all.
    #[error(transparent)]
    Setup(#[from] AuthSetupError),
    /// The server said no.
    #[error("Refused, so not kept{stays}: {message}", stays = stays(*earlier))]
    Refused {
        /// What would have been replaced.
        earlier: Earlier,
        /// What was sent and what came back.
        message: String,
        /// What to do.
        cure: String,
    },
    /// It could not be tried.
    #[error("Not kept, because it could not be tried{stays}: {message}", stays = stays(Earlier::Works))]
    Unclear {
        /// What was sent and what came back.
        message: String,
        /// What to do.
        cure: String,
    },
    /// The attempt broke.
    #[error("the login could not be tried; the log says why")]
    Crashed,
}

impl NotKept {
    /// What to do.
    pub fn cure(&self) -> String {
        match self {
            NotKept::Keep(cause) => cause.cure(),
            NotKept::Setup(_) => "check `auth.token_url` and `url` of the connection".to_owned(),
            NotKept::Refused { cure, .. } | NotKept::Unclear { cure, .. } => cure.clone(),
            NotKept::Crashed => "report it with the log".to_owned(),
        }
    }
}

fn stays(earlier: Earlier) -> &'static str {
    match earlier {
        Earlier::Useless => "",
        Earlier::Works => "; the login from before stays",
    }
}

/// Tries a secret and keeps it. `earlier` is how the login stands that it would replace.
///
/// # Errors
/// See [`NotKept`]; nothing was changed.
pub async fn take_login(
    credential: Arc<Credential>,
    environment: AuthEnvironment,
    earlier: Earlier,
    given: Given,
) -> Result<Taken, NotKept> {
    check(&credential, given.kind, &given.secret)?;
    credential.check_url()?;
    let tracker = environment.tracker.clone();
    let trial = Trial { credential, environment, given };
    tracker.spawn(trial.noted(earlier)).await.unwrap_or(Err(NotKept::Crashed))
}

/// A browser login that came to nothing.
#[derive(Debug)]
pub enum Unfinished {
    /// There is no refresh token.
    Code(LoginError),
    /// There is one, and it is not kept.
    Token(NotKept),
}

/// Turns a browser's code into a refresh token, tries that and keeps it. The code works once and so does what comes of it, so
/// both are one piece of work that the end of the process waits for.
///
/// # Errors
/// See [`Unfinished`]; the login from before stays.
pub async fn finish_login(
    login: Login,
    code: Secret,
    environment: AuthEnvironment,
    earlier: Earlier,
) -> Result<Taken, Unfinished> {
    let (credential, tracker) = (login.credential().clone(), environment.tracker.clone());
    let finished = tracker.spawn({
        let credential = credential.clone();
        async move {
            let AuthEnvironment { clock, exchanges, tokens_dir, .. } = &environment;
            let Some(_entry) = exchanges.begin(&credential.connection, clock.boottime()) else {
                return Err(Unfinished::Code(LoginError::stopping(&credential)));
            };
            let secret = login.redeem(&code, tokens_dir, clock).await.map_err(Unfinished::Code)?;
            let given = Given { kind: Purpose::RefreshToken, secret };
            check(&credential, given.kind, &given.secret).map_err(|cause| Unfinished::Token(cause.into()))?;
            let trial = Trial { credential, environment: environment.clone(), given };
            trial.run(earlier).await.map_err(Unfinished::Token)
        }
    });
    finished.await.unwrap_or_else(|_| Err(Unfinished::Code(LoginError::crashed(&credential))))
}

struct Trial {
    credential: Arc<Credential>,
    environment: AuthEnvironment,
    given: Given,
}

impl Trial {
    /// On the register up to the end: a token that is saved and belongs to no secret that is kept would be found by nobody.
    async fn noted(self, earlier: Earlier) -> Result<Taken, NotKept> {
        let AuthEnvironment { clock, exchanges, .. } = &self.environment;
        let Some(_entry) = exchanges.begin(&self.credential.connection, clock.boottime()) else {
            let (message, cure) = ("this process is about to end".to_owned(), "give it again afterwards".to_owned());
            return Err(NotKept::Unclear { message, cure });
        };
        self.run(earlier).await
    }

    async fn run(self, earlier: Earlier) -> Result<Taken, NotKept> {
        let kept_before = self.kept_before().await;
        let earlier = if kept_before { earlier } else { Earlier::Useless };
        let taken = match self.tried().await? {
            Ok(()) => Taken::Accepted,
            Err((trouble, before)) => {
                let Failure { class, message, cure, .. } = trouble.explain(&self.credential, before);
                let message = format!("connection `{}`: {message}", self.credential.connection);
                match (class, earlier) {
                    // What the other half of the login lacks says nothing of this one.
                    _ if matches!(trouble, Trouble::NothingKept { .. } | Trouble::Secret { .. }) => Taken::Untried,
                    (Class::NeedsLogin | Class::BadClient | Class::BadKey | Class::SameToken, earlier) => {
                        // What is not kept is not tried again by itself.
                        let cure = match self.credential.grant.facts().style {
                            Style::Account => {
                                "copy the user key from API Access in Orchestrator once more, or create a new one there"
                                    .to_owned()
                            }
                            Style::Identity | Style::Authenticate => cure.to_string(),
                        };
                        return Err(NotKept::Refused { earlier, message, cure });
                    }
                    (Class::Transient { .. } | Class::Ambiguous, Earlier::Works) => {
                        return Err(NotKept::Unclear {
                            message,
                            cure: format!("give it again when it can be; {cure}"),
                        });
                    }
                    (Class::Transient { .. } | Class::Ambiguous, Earlier::Useless) => Taken::Untried,
                }
            }
        };
        let (credential, tokens_dir) = (self.credential, self.environment.tokens_dir);
        let Given { kind, secret } = self.given;
        match spawn_blocking(move || keep(&credential, &tokens_dir, kind, &secret)).await {
            Ok(kept) => kept.map(|()| taken).map_err(NotKept::Keep),
            Err(_) => Err(NotKept::Crashed),
        }
    }

    async fn kept_before(&self) -> bool {
        let kept = KeptSecrets::new(&self.environment.tokens_dir);
        let (connection, kind) = (self.credential.connection.clone(), self.given.kind);
        let read = spawn_blocking(move || kept.read(&connection, kind)).await;
        // One that cannot be read is of no use to the daemon either.
        matches!(read, Ok(Ok(Some(_))))
    }

    async fn tried(&self) -> Result<Result<(), (Trouble, Before)>, AuthSetupError> {
        let AuthEnvironment { clock, .. } = &self.environment;
        let client = wire::client(&self.credential)?;
        if self.credential.grant.facts().asking == Asking::Nobody {
            let tried = try_personal(&client, &self.credential, &self.given.secret, clock).await;
            return Ok(tried.map_err(|trouble| (trouble, Before::Answered)));
        }
        let attempt = Attempt {
            client,
            credential: self.credential.clone(),
            tokens_dir: self.environment.tokens_dir.clone(),
            clock: clock.clone(),
            spent: None,
            known: None,
            refused: None,
            witness: None,
            unanswered: 0,
            asker: Asker::Person,
            given: Some(self.given.clone()),
            // The whole trial is on the register, which may have been closed since.
            exchanges: Exchanges::default(),
            stopping: CancellationToken::new(),
        };
        let mut outcome = attempt.clone().run().await;
        let lost = outcome
            .result
            .as_ref()
            .is_err_and(|trouble| trouble.explain(&self.credential, outcome.before).class == Class::Ambiguous);
        if lost {
            clock.sleep(REPLAY_PAUSE).await;
            let unanswered = unanswered_after(&outcome.result, 0);
            outcome = Attempt { unanswered, ..attempt }.run().await;
        }
        let Outcome { result, before, unsaved, .. } = outcome;
        let mut unsaved = unsaved;
        for _ in 0..SAVES {
            let Some(again) = unsaved.take() else { break };
            if let Err(still) = again.save().await {
                unsaved = Some(still);
                clock.sleep(super::margins::SAVE_EVERY).await;
            }
        }
        Ok(match (result, unsaved) {
            (_, Some(unsaved)) => Err((Trouble::TokenFile { reason: unsaved.reason.clone() }, before)),
            (Ok(_), None) => Ok(()),
            (Err(trouble), None) => Err((trouble, before)),
        })
    }
}
