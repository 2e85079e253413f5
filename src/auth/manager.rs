//! The handle on one credential that everyone holds.
//!
//! Callers read the task's last view; none of them starts a request, so a thousand of them cause one (T1), and a caller
//! that goes away takes nothing with it (T7).

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::spawn_blocking;

use crate::clock::{Clock, Reading};
use crate::grant::Asking;
use crate::secret::Purpose;
use crate::secret::Secret;
use crate::witness::Witness;

use super::core::Replay;
use super::credential::{AuthSetupError, Credential, printable};
use super::environment::AuthEnvironment;
use super::login::Login;
use super::margins::{CALLER_WAIT, PERSON_WAIT, PERSON_WAIT_FOR_LOGIN, STOP_WAIT, STOP_WAIT_FOR_LOGIN};
use super::private_file::ensure_folder;
use super::secrets::Secrets;
use super::standing::{Phase, Serve};
use super::status::{AccessToken, AuthUnavailable, Generation, TokenState, TokenStatus};
use super::task::{Seen, Surroundings, Task};
use super::trial::{Earlier, Given, NotKept, Taken, Unfinished, finish_login, take_login};
use super::trouble::{Before, Failure};
use super::view::{View, wall};
use super::what_helps::Cure;
use super::wire;
use super::work::Request;

/// A credential's token, kept fresh. Clones share one task; the last one dropped ends it.
#[derive(Clone)]
pub struct TokenManager(Arc<Handle>);

struct Handle {
    credential: Arc<Credential>,
    environment: AuthEnvironment,
    clock: Clock,
    view: watch::Receiver<Arc<View>>,
    statuses: watch::Receiver<TokenStatus>,
    requests: mpsc::UnboundedSender<Request>,
}

impl TokenManager {
    /// Starts the task; it asks for the first token at once.
    ///
    /// # Errors
    /// See [`AuthSetupError`]: things that no later attempt could cure.
    pub fn start(credential: Credential, environment: AuthEnvironment) -> Result<TokenManager, AuthSetupError> {
        TokenManager::begin(credential, environment, None)
    }

    /// The same, and tells `witness` of each request to the token server, secrets masked.
    ///
    /// # Errors
    /// See [`AuthSetupError`].
    pub fn start_watched(
        credential: Credential,
        environment: AuthEnvironment,
        witness: Witness,
    ) -> Result<TokenManager, AuthSetupError> {
        TokenManager::begin(credential, environment, Some(witness))
    }

    fn begin(
        credential: Credential,
        environment: AuthEnvironment,
        witness: Option<Witness>,
    ) -> Result<TokenManager, AuthSetupError> {
        let AuthEnvironment { clock, tokens_dir, tracker, seed, exchanges } = environment.clone();
        credential.check_url()?;
        if credential.tenant.as_ref().is_some_and(|name| reqwest::header::HeaderValue::from_str(name).is_err()) {
            return Err(AuthSetupError::Tenant { connection: credential.connection });
        }
        let replay = match credential.grant.facts().asking {
            Asking::Free | Asking::MayLock | Asking::Nobody => Replay::Harmless,
            Asking::UsesUp => {
                ensure_folder(&tokens_dir).map_err(|cause| AuthSetupError::TokensFolder {
                    connection: credential.connection.clone(),
                    path: tokens_dir.clone(),
                    reason: cause.to_string(),
                })?;
                Replay::OnlyAtOnce
            }
        };
        let client = wire::client(&credential)?;
        let credential = Arc::new(credential);
        let surroundings =
            Surroundings { clock: clock.clone(), tokens_dir, client, tracker: tracker.clone(), witness, exchanges };
        let (task, Seen { view, statuses }) = Task::new(credential.clone(), surroundings, replay, seed);
        let (requests, requests_taken) = mpsc::unbounded_channel();
        tracker.spawn(task.run(requests_taken));
        Ok(TokenManager(Arc::new(Handle { credential, environment, clock, view, statuses, requests })))
    }

    /// Why the secrets that the next request needs cannot be read now; none when they can. Nothing is sent.
    pub async fn secret_trouble(&self, tokens_dir: &Path) -> Option<Failure> {
        let (credential, tokens_dir) = (self.0.credential.clone(), tokens_dir.to_owned());
        let read = move || {
            Secrets::read(&credential, &tokens_dir, None).err().map(|why| why.explain(&credential, Before::Answered))
        };
        // A panic in it is a fault of ours that the next request will show.
        spawn_blocking(read).await.ok().flatten()
    }

    /// The token at hand at once when it is before its hard point (T3, T4); otherwise waits for the request under way, at
    /// most 15 s (T5).
    ///
    /// # Errors
    /// No token is usable; says when to ask again.
    pub async fn token(&self) -> Result<AccessToken, AuthUnavailable> {
        let mut view = self.0.view.clone();
        let end = self.0.clock.boottime().saturating_add(CALLER_WAIT);
        loop {
            let now = self.0.clock.read();
            let seen = view.borrow_and_update().clone();
            #[cfg(feature = "faults")]
            self.ask_alone(&seen, now);
            match seen.standing.serve(now.boot) {
                Serve::Token => {
                    if let Some(token) = seen.access_token() {
                        return Ok(token);
                    }
                    return Err(self.unavailable(&seen, now, None));
                }
                Serve::Nothing { retry_at } => return Err(self.unavailable(&seen, now, retry_at)),
                Serve::Wait if now.boot >= end => return Err(self.unavailable(&seen, now, Some(now.boot))),
                Serve::Wait => {
                    tokio::select! {
                        changed = view.changed() => {
                            if changed.is_err() {
                                return Err(self.unavailable(&seen, now, None));
                            }
                        }
                        () = self.0.clock.sleep_until_boottime(end) => {}
                    }
                }
            }
        }
    }

    /// A newer token than `refused`, which the server has just answered with 401 (T12). The caller sends its request once
    /// more, never twice.
    ///
    /// # Errors
    /// There is no newer one now: the token server has none, or the last renewal is less than 10 s ago, or three fresh
    /// tokens were refused in a row.
    pub async fn renewed(&self, refused: Generation) -> Result<AccessToken, AuthUnavailable> {
        if self.newer_than(refused) {
            return self.token().await;
        }
        let (done, ended) = oneshot::channel();
        if self.0.requests.send(Request::Refused { generation: refused, done }).is_ok() {
            tokio::select! {
                // An error means that the task has ended; the view says the rest.
                _ = ended => {}
                () = self.0.clock.sleep(CALLER_WAIT) => {}
            }
        }
        if self.newer_than(refused) {
            return self.token().await;
        }
        let now = self.0.clock.read();
        let seen = self.0.view.borrow().clone();
        let retry_at = if seen.standing.broken_until.is_some_and(|until| now.boot < until) {
            seen.standing.broken_until
        } else {
            seen.standing.next_try()
        };
        Err(self.unavailable(&seen, now, retry_at))
    }

    /// A new token now, because a person asks for one. Waits for the request under way instead of a second one (T1), takes
    /// the token of another process that has renewed meanwhile (T11), and keeps to the budget (T23).
    ///
    /// # Errors
    /// There is no newer token; says why and when to ask again.
    pub async fn refresh(&self) -> Result<TokenStatus, AuthUnavailable> {
        let before = self.0.view.borrow().clone();
        self.request(|done| Request::Refresh { done }).await;
        let now = self.0.clock.read();
        let seen = self.0.view.borrow().clone();
        if self.generation() > before.standing.held.map(|held| held.generation) {
            return Ok(seen.status(now));
        }
        let retry_at = seen.standing.next_try();
        // What an earlier request came to is no answer to this one.
        let was_asked = seen.standing.refreshes_failed > before.standing.refreshes_failed;
        if was_asked || seen.standing.phase == Phase::Stopped {
            return Err(self.unavailable(&seen, now, retry_at));
        }
        let last = seen.failure.as_ref().map(|failure| format!("; before that: {}", failure.message));
        Err(AuthUnavailable {
            connection: self.0.credential.connection.clone(),
            state: seen.standing.state(now.boot),
            message: format!("a new token was not asked for now{}", last.unwrap_or_default()),
            cure: Cure::of(
                "it is asked for six times a minute at most, or the last request is still under way; ask again in a minute",
            ),
            retry_at: retry_at.map(|at| wall(at, now)),
        })
    }

    /// Tries a secret that a person gave, keeps it if the server takes it, and goes on with it.
    ///
    /// # Errors
    /// See [`NotKept`]: the login from before stays.
    pub async fn take_login(&self, given: Given) -> Result<TokenStatus, NotKept> {
        let Handle { credential, environment, .. } = &*self.0;
        let taken =
            take_login(credential.clone(), environment.clone(), Earlier::of(self.status().state), given).await?;
        Ok(self.go_on_with(taken).await)
    }

    /// Turns a browser's code into a login, and goes on with it.
    ///
    /// # Errors
    /// See [`Unfinished`]: the login from before stays.
    pub async fn finish_login(&self, login: Login, code: Secret) -> Result<TokenStatus, Unfinished> {
        let taken = finish_login(login, code, self.0.environment.clone(), Earlier::of(self.status().state)).await?;
        Ok(self.go_on_with(taken).await)
    }

    async fn go_on_with(&self, taken: Taken) -> TokenStatus {
        let status = self.look().await;
        let is_refused = matches!(status.state, TokenState::NeedsLogin | TokenState::BadClient);
        if taken == Taken::Accepted && is_refused {
            // Nothing looks different where no file could be written; what was refused before is asked for anew all the same.
            let _ = self.refresh().await;
        }
        self.status()
    }

    /// Looks at the credential's files now, as after a login, and asks for a token if they have changed. Returns when what
    /// followed has ended.
    pub async fn look(&self) -> TokenStatus {
        self.request(|done| Request::Look { done }).await;
        self.status()
    }

    /// The same, and waits for nothing.
    pub fn begin_to_look(&self) {
        let (done, _) = oneshot::channel();
        // An error means that the task has ended: then there is nothing to look for.
        let _ = self.0.requests.send(Request::Look { done });
    }

    fn generation(&self) -> Option<Generation> {
        self.0.view.borrow().standing.held.map(|held| held.generation)
    }

    /// Sends a request and waits until the task has dealt with it, or long enough for a lock and an answer.
    async fn request(&self, request: impl FnOnce(oneshot::Sender<()>) -> Request) {
        let (done, ended) = oneshot::channel();
        if self.0.requests.send(request(done)).is_ok() {
            tokio::select! {
                // An error means that the task has ended; the view says the rest.
                _ = ended => {}
                () = self.0.clock.sleep(if self.has_login() { PERSON_WAIT_FOR_LOGIN } else { PERSON_WAIT }) => {}
            }
        }
    }

    /// What it asks with.
    pub fn credential(&self) -> Arc<Credential> {
        self.0.credential.clone()
    }

    /// How the credential stands now.
    pub fn status(&self) -> TokenStatus {
        self.0.view.borrow().status(self.0.clock.read())
    }

    /// Follows the status; a new value comes with every change of state.
    pub fn watch(&self) -> watch::Receiver<TokenStatus> {
        self.0.statuses.clone()
    }

    /// Orders the end of the task and waits for nothing: no new request from here on.
    pub fn begin_to_stop(&self) {
        // An error means that the task has ended already.
        let _ = self.0.requests.send(Request::Stop);
    }

    /// Ends the task: no new request; waits at most 10 s for one under way and its save, and as long as an exchange may take
    /// where the answer may be a login's only copy (T7).
    pub async fn stop(&self) {
        self.begin_to_stop();
        let mut view = self.0.view.clone();
        tokio::select! {
            () = async { while view.changed().await.is_ok() {} } => {}
            () = self.0.clock.sleep(if self.has_login() { STOP_WAIT_FOR_LOGIN } else { STOP_WAIT }) => {}
        }
    }

    /// Whether it has a refresh token.
    fn has_login(&self) -> bool {
        self.0.credential.grant.facts().secret == Purpose::RefreshToken
    }

    /// As if nobody else could be asking.
    #[cfg(feature = "faults")]
    fn ask_alone(&self, seen: &View, now: Reading) {
        let is_due = seen.standing.held.is_none_or(|held| held.life.soft <= now.boot);
        if is_due && crate::faults::is_on(crate::faults::NO_SINGLE_FLIGHT) {
            let _ = self.0.requests.send(Request::Extra);
        }
    }

    fn newer_than(&self, refused: Generation) -> bool {
        self.0.view.borrow().standing.held.is_some_and(|held| held.generation > refused)
    }

    fn unavailable(&self, view: &View, now: Reading, retry_at: Option<Duration>) -> AuthUnavailable {
        let credential = &self.0.credential;
        let state = view.standing.state(now.boot);
        let (message, cure) = match (&view.failure, state) {
            (_, TokenState::AuthBroken) => (
                "Orchestrator answered 401 to three fresh tokens in a row".to_owned(),
                Cure {
                    act: "check that `url` and `auth.token_url` belong to the same organization, and that the application or user has access there".to_owned(),
                    promise: Some("a new token is asked for every five minutes by itself".to_owned()),
                },
            ),
            (Some(failure), _) => (failure.message.clone(), failure.cure.clone()),
            (None, _) if view.standing.phase == Phase::Stopped => {
                ("the daemon is stopping".to_owned(), Cure::of("start it again"))
            }
            (None, _) if view.standing.refused.is_some() => (
                "Orchestrator answered 401 to the token, and a newer one is not at hand yet".to_owned(),
                Cure::by_itself("it is renewed by itself, at most every 10 s"),
            ),
            (None, _) => {
                let once = "; the answer to a refresh token that works once is waited for 100 s";
                let message = format!("POST {} is under way and has given no token yet", printable(&credential.token_url));
                (message, Cure::by_itself(format!("it goes on by itself{}", if self.has_login() { once } else { "" })))
            }
        };
        AuthUnavailable {
            connection: credential.connection.clone(),
            state,
            message,
            cure,
            retry_at: retry_at.map(|at| wall(at, now)),
        }
    }
}

impl fmt::Debug for TokenManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenManager({})", self.0.credential.connection)
    }
}
