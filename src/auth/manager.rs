//! The task that owns one credential, and the handle that everyone else holds.
//!
//! Callers read the task's last view; none of them starts a request, so a thousand of them cause one (T1), and a caller
//! that goes away takes nothing with it (T7). All choices are made in `core`; this loop performs them.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio_util::task::TaskTracker;
use tracing::{debug, error, info, warn};

use crate::clock::{Clock, Reading, later};
use crate::secret::Secret;

use super::answer::Access;
use super::core::{Class, Command, Core, Event, Kept, Left, Phase, Replay, Serve, Standing};
use super::credential::{AuthSetupError, Credential, GrantConfig, printable};
use super::exchange::{Attempt, Evidence, Outcome, Unsaved};
use super::status::{AccessToken, AuthUnavailable, Generation, TokenState, TokenStatus};
use super::token_file::{TokenHash, ensure_folder};
use super::trouble::{Before, Failure, Trouble};
use super::wire;

/// Longest wait of a caller once no token is usable (T5).
const CALLER_WAIT: Duration = Duration::from_secs(15);
/// Longest wait for a request and its save at the end (T7).
const STOP_WAIT: Duration = Duration::from_secs(10);

/// What a manager takes from outside.
#[derive(Clone, Debug)]
pub struct AuthEnvironment {
    /// Time.
    pub clock: Clock,
    /// The folder for rotated refresh tokens, mode 0700.
    pub tokens_dir: PathBuf,
    /// Counts the tasks, so that the end of the process waits for them.
    pub tracker: TaskTracker,
    /// For jitter.
    pub seed: u64,
}

/// A credential's token, kept fresh. Clones share one task; the last one dropped ends it.
#[derive(Clone)]
pub struct TokenManager(Arc<Handle>);

struct Handle {
    credential: Arc<Credential>,
    clock: Clock,
    view: watch::Receiver<Arc<View>>,
    statuses: watch::Receiver<TokenStatus>,
    requests: mpsc::UnboundedSender<Request>,
}

/// What callers are answered from.
#[derive(Clone, Debug)]
struct View {
    standing: Standing,
    token: Option<Secret>,
    failure: Option<Arc<Failure>>,
    refresh_token_at: Option<jiff::Timestamp>,
}

#[derive(Debug)]
enum Request {
    /// Orchestrator answered 401; `done` is told when the renewal ended, or when there will be none now.
    Refused {
        generation: Generation,
        done: oneshot::Sender<()>,
    },
    Stop,
}

impl TokenManager {
    /// Starts the task; it asks for the first token at once.
    ///
    /// # Errors
    /// See [`AuthSetupError`]: things that no later attempt could cure.
    pub fn start(credential: Credential, environment: AuthEnvironment) -> Result<TokenManager, AuthSetupError> {
        let AuthEnvironment { clock, tokens_dir, tracker, seed } = environment;
        credential.check_url()?;
        let replay = match &credential.grant {
            GrantConfig::ClientCredentials { .. } => Replay::Harmless,
            GrantConfig::RefreshTokenAccount { tenant, .. } => {
                if tenant.as_ref().is_some_and(|name| reqwest::header::HeaderValue::from_str(name).is_err()) {
                    return Err(AuthSetupError::Tenant { connection: credential.connection });
                }
                Replay::Harmless
            }
            GrantConfig::RefreshTokenIdentity { .. } => {
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
        let reading = clock.read();
        let core = Core::new(replay, seed, reading.boot);
        let view = View { standing: core.standing().clone(), token: None, failure: None, refresh_token_at: None };
        let (statuses, statuses_seen) = watch::channel(view.status(reading));
        let (views, view_seen) = watch::channel(Arc::new(view));
        let (requests, requests_taken) = mpsc::unbounded_channel();
        let task = Task {
            core,
            credential: credential.clone(),
            clock: clock.clone(),
            tokens_dir,
            client,
            tracker: tracker.clone(),
            token: None,
            failure: None,
            refresh_token_at: None,
            unsaved: None,
            spent: None,
            evidence: None,
            waiting: Vec::new(),
            work: None,
            views,
            statuses,
        };
        tracker.spawn(task.run(requests_taken));
        Ok(TokenManager(Arc::new(Handle { credential, clock, view: view_seen, statuses: statuses_seen, requests })))
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

    /// How the credential stands now.
    pub fn status(&self) -> TokenStatus {
        self.0.view.borrow().status(self.0.clock.read())
    }

    /// Follows the status; a new value comes with every change of state.
    pub fn watch(&self) -> watch::Receiver<TokenStatus> {
        self.0.statuses.clone()
    }

    /// Ends the task: no new request; waits at most 10 s for one under way and its save (T7).
    pub async fn stop(&self) {
        // An error means that the task has ended already.
        let _ = self.0.requests.send(Request::Stop);
        let mut view = self.0.view.clone();
        tokio::select! {
            () = async { while view.changed().await.is_ok() {} } => {}
            () = self.0.clock.sleep(STOP_WAIT) => {}
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
                "check that `url` and `auth.token_url` belong to the same organization, and that the application or user has access there; the token is tried again by itself".to_owned(),
            ),
            (Some(failure), _) => {
                return AuthUnavailable {
                    connection: credential.connection.clone(),
                    state,
                    message: failure.message.clone(),
                    cure: failure.cure.clone(),
                    retry_at: retry_at.map(|at| wall(at, now)),
                };
            }
            (None, _) if view.standing.phase == Phase::Stopped => {
                ("the daemon is stopping".to_owned(), "start it again".to_owned())
            }
            (None, _) if view.standing.refused.is_some() => (
                "Orchestrator answered 401 to the token, and a newer one is not at hand yet".to_owned(),
                "it is renewed by itself, at most every 10 s".to_owned(),
            ),
            (None, _) => (
                format!("POST {} is under way and has given no token yet", printable(&credential.token_url)),
                "it goes on by itself".to_owned(),
            ),
        };
        AuthUnavailable {
            connection: credential.connection.clone(),
            state,
            message: format!("connection `{}`: {message}", credential.connection),
            cure,
            retry_at: retry_at.map(|at| wall(at, now)),
        }
    }
}

impl fmt::Debug for TokenManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenManager").field("connection", &self.0.credential.connection).finish_non_exhaustive()
    }
}

impl View {
    fn access_token(&self) -> Option<AccessToken> {
        let generation = self.standing.held?.generation;
        Some(AccessToken { generation, secret: self.token.clone()? })
    }

    fn status(&self, now: Reading) -> TokenStatus {
        let held = self.standing.held;
        TokenStatus {
            state: self.standing.state(now.boot),
            generation: held.map(|held| held.generation),
            issued_at: held.map(|held| wall(held.life.issued, now)),
            soft_at: held.map(|held| wall(held.life.soft, now)),
            expires_at: held.map(|held| wall(held.life.end, now)),
            next_try_at: self.standing.next_try().map(|at| wall(at, now)),
            last_error: self.failure.as_ref().map(|failure| format!("{}; {}", failure.message, failure.cure)),
            refreshes_ok: self.standing.refreshes_ok,
            refreshes_failed: self.standing.refreshes_failed,
            refresh_token_at: self.refresh_token_at,
        }
    }
}

/// An instant of boot time as the wall clock would show it now.
fn wall(boot: Duration, now: Reading) -> jiff::Timestamp {
    match boot.checked_sub(now.boot) {
        Some(ahead) => later(now.wall, ahead),
        None => crate::clock::earlier(now.wall, now.boot.saturating_sub(boot)),
    }
}

/// What is under way, each in a task of its own, so that a fault there does not end the loop.
enum Work {
    Attempt(JoinHandle<Outcome>),
    Save(JoinHandle<Result<(), Unsaved>>),
}

enum Done {
    Attempt(Option<Box<Outcome>>),
    Save(Option<Result<(), Unsaved>>),
}

impl Work {
    async fn done(&mut self) -> Done {
        match self {
            Work::Attempt(handle) => Done::Attempt(handle.await.ok().map(Box::new)),
            Work::Save(handle) => Done::Save(handle.await.ok()),
        }
    }
}

struct Task {
    core: Core,
    credential: Arc<Credential>,
    clock: Clock,
    tokens_dir: PathBuf,
    client: Client,
    tracker: TaskTracker,
    token: Option<Secret>,
    failure: Option<Arc<Failure>>,
    refresh_token_at: Option<jiff::Timestamp>,
    unsaved: Option<Unsaved>,
    spent: Option<TokenHash>,
    evidence: Option<Evidence>,
    /// Callers of `renewed` that wait for the request under way.
    waiting: Vec<oneshot::Sender<()>>,
    work: Option<Work>,
    views: watch::Sender<Arc<View>>,
    statuses: watch::Sender<TokenStatus>,
}

impl Task {
    async fn run(mut self, mut requests: mpsc::UnboundedReceiver<Request>) {
        self.step(Event::Tick).await;
        while self.core.standing().phase != Phase::Stopped {
            let wake_at = self.core.wake_at(self.clock.boottime());
            tokio::select! {
                request = requests.recv(), if !requests.is_closed() || !requests.is_empty() => match request {
                    Some(Request::Refused { generation, done }) => {
                        // Noted before the event: it may end the wait at once.
                        self.waiting.push(done);
                        self.step(Event::Refused(generation)).await;
                    }
                    Some(Request::Stop) | None => self.step(Event::Stop).await,
                },
                done = under_way(&mut self.work) => {
                    self.work = None;
                    match done {
                        Done::Attempt(outcome) => self.attempted(outcome.map(|outcome| *outcome)).await,
                        Done::Save(saved) => self.saved(saved).await,
                    }
                }
                () = sleep(&self.clock, wake_at) => self.step(Event::Tick).await,
            }
        }
        debug!(connection = self.credential.connection, "Token manager ended");
    }

    async fn step(&mut self, event: Event) {
        let mut next = Some(event);
        while let Some(event) = next.take() {
            match self.core.handle(event, self.clock.boottime()) {
                None => {}
                Some(Command::Ask) => {
                    let attempt = Attempt {
                        client: self.client.clone(),
                        credential: self.credential.clone(),
                        tokens_dir: self.tokens_dir.clone(),
                        clock: self.clock.clone(),
                        spent: self.spent.clone(),
                    };
                    self.work = Some(Work::Attempt(self.tracker.spawn(attempt.run())));
                }
                Some(Command::Save) => match self.unsaved.clone() {
                    Some(unsaved) => self.work = Some(Work::Save(self.tracker.spawn(unsaved.save()))),
                    None => next = Some(Event::Saved),
                },
                Some(Command::Look) => {
                    if self.changed().await {
                        info!(
                            connection = self.credential.connection,
                            "The credential's files have changed: asking again"
                        );
                        next = Some(Event::Changed);
                    }
                }
            }
        }
        self.publish();
    }

    async fn changed(&self) -> bool {
        let (credential, tokens_dir) = (self.credential.clone(), self.tokens_dir.clone());
        let now = spawn_blocking(move || Evidence::gather(&credential, &tokens_dir)).await.ok();
        now.is_some() && now != self.evidence
    }

    async fn attempted(&mut self, outcome: Option<Outcome>) {
        let Some(Outcome { issued, access, before, unsaved, spent, evidence, refresh_token_at }) = outcome else {
            let failure = Trouble::Crashed.explain(&self.credential, Before::Answered);
            return self.failed(failure, Kept::Safely).await;
        };
        self.evidence = Some(evidence);
        self.spent = spent;
        self.refresh_token_at = refresh_token_at.or(self.refresh_token_at);
        let kept = if unsaved.is_some() { Kept::InMemoryOnly } else { Kept::Safely };
        self.unsaved = unsaved;
        match access {
            Ok(access) => self.granted(access, issued, kept).await,
            Err(trouble) => self.failed(trouble.explain(&self.credential, before), kept).await,
        }
    }

    async fn granted(&mut self, access: Access, issued: Duration, kept: Kept) {
        let Access { token, length, scope } = access;
        self.warn_if_narrowed(scope.as_deref());
        self.token = Some(token);
        self.failure = match kept {
            Kept::InMemoryOnly => self.unsaved_failure(),
            Kept::Safely if length.is_zero() => Some(Arc::new(self.dead_on_arrival())),
            Kept::Safely => None,
        };
        if kept == Kept::InMemoryOnly {
            self.report_unsaved();
        }
        self.step(Event::Granted { issued, length, kept }).await;
        let status = self.statuses.borrow().clone();
        info!(
            connection = self.credential.connection,
            generation = status.generation.map(|generation| generation.0),
            expires_at = status.expires_at.map(tracing::field::display),
            "Got an access token"
        );
    }

    async fn failed(&mut self, failure: Failure, kept: Kept) {
        let Failure { class, left, message, cure } = &failure;
        match class {
            Class::Transient { .. } | Class::Ambiguous => {
                warn!(connection = self.credential.connection, cure, "{message}")
            }
            Class::NeedsLogin | Class::BadClient => error!(connection = self.credential.connection, cure, "{message}"),
        }
        let event = Event::Failed { class: *class, left: *left, kept };
        self.failure = Some(Arc::new(failure));
        if kept == Kept::InMemoryOnly {
            self.report_unsaved();
        }
        self.step(event).await;
    }

    async fn saved(&mut self, saved: Option<Result<(), Unsaved>>) {
        match saved {
            Some(Ok(())) => {
                self.unsaved = None;
                self.failure = None;
                info!(connection = self.credential.connection, "The new refresh token is saved now");
                self.step(Event::Saved).await;
            }
            Some(Err(unsaved)) => {
                self.unsaved = Some(unsaved);
                self.failure = self.unsaved_failure();
                self.step(Event::SaveFailed).await;
            }
            // The copy in `self.unsaved` is still there.
            None => self.step(Event::SaveFailed).await,
        }
    }

    fn publish(&mut self) {
        let view = View {
            standing: self.core.standing().clone(),
            token: self.token.clone(),
            failure: self.failure.clone(),
            refresh_token_at: self.refresh_token_at,
        };
        let status = view.status(self.clock.read());
        self.views.send_replace(Arc::new(view));
        self.statuses.send_if_modified(|last| {
            let changed = *last != status;
            *last = status;
            changed
        });
        if !self.core.busy() {
            for done in self.waiting.drain(..) {
                // An error means that the caller has gone.
                let _ = done.send(());
            }
        }
    }

    fn unsaved_failure(&self) -> Option<Arc<Failure>> {
        let reason = &self.unsaved.as_ref()?.reason;
        Some(Arc::new(Failure {
            class: Class::Transient { retry_after: None },
            left: Left::Nothing,
            message: format!(
                "connection `{}`: the new refresh token is in memory only because {reason}",
                self.credential.connection
            ),
            cure: "make the folder writable before this process ends, or the login is lost; it is tried every second"
                .to_owned(),
        }))
    }

    fn report_unsaved(&self) {
        if let Some(failure) = self.unsaved_failure() {
            error!(connection = self.credential.connection, cure = failure.cure, "{}", failure.message);
        }
    }

    fn dead_on_arrival(&self) -> Failure {
        Failure {
            class: Class::Transient { retry_after: None },
            left: Left::Request,
            message: format!(
                "connection `{}`: POST {} answered with a token that had already expired",
                self.credential.connection,
                printable(&self.credential.token_url)
            ),
            cure: "check the clock of the token server; it is tried again by itself".to_owned(),
        }
    }

    fn warn_if_narrowed(&self, granted: Option<&str>) {
        let asked = match &self.credential.grant {
            GrantConfig::ClientCredentials { scope, .. } => Some(scope.as_str()),
            GrantConfig::RefreshTokenIdentity { scope, .. } => scope.as_deref(),
            GrantConfig::RefreshTokenAccount { .. } => None,
        };
        let (Some(asked), Some(granted)) = (asked, granted) else { return };
        let missing: Vec<&str> =
            asked.split_whitespace().filter(|one| !granted.split_whitespace().any(|other| other == *one)).collect();
        if !missing.is_empty() {
            warn!(
                connection = self.credential.connection,
                missing = missing.join(" "),
                "The token has fewer scopes than asked for"
            );
        }
    }
}

async fn under_way(work: &mut Option<Work>) -> Done {
    match work {
        Some(work) => work.done().await,
        None => std::future::pending().await,
    }
}

async fn sleep(clock: &Clock, until: Option<Duration>) {
    match until {
        Some(until) => clock.sleep_until_boottime(until).await,
        None => std::future::pending().await,
    }
}
