//! The loop that owns one credential: waits, feeds `core` with events, does what it says, and shows the result.
//!
//! Makes no choice of its own. Requests and saves run in tasks of their own, so that a fault there does not end the loop.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Client;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio_util::task::TaskTracker;
use tracing::{debug, error, info, warn};

use crate::clock::{Clock, Reading, earlier, later};
use crate::secret::Secret;
use crate::witness::Witness;

use super::answer::Access;
use super::core::{Class, Command, Core, Event, Kept, Left, Replay};
use super::credential::{Credential, GrantConfig, printable};
use super::exchange::{Attempt, Evidence, Outcome, Unsaved};
use super::standing::{Phase, Standing};
use super::status::{AccessToken, Generation, TokenStatus};
use super::token_file::TokenHash;
use super::trouble::{Before, Failure, Trouble};

/// What callers are answered from.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) standing: Standing,
    pub(crate) token: Option<Secret>,
    pub(crate) failure: Option<Arc<Failure>>,
    pub(crate) refresh_token_at: Option<Timestamp>,
}

/// What a handle asks of the task.
#[derive(Debug)]
pub(crate) enum Request {
    /// Orchestrator answered 401; `done` is told when the renewal ended, or when there will be none now.
    Refused { generation: Generation, done: oneshot::Sender<()> },
    /// No new request; end when nothing is under way.
    Stop,
}

impl View {
    pub(crate) fn access_token(&self) -> Option<AccessToken> {
        let generation = self.standing.held?.generation;
        Some(AccessToken { generation, secret: self.token.clone()? })
    }

    pub(crate) fn status(&self, now: Reading) -> TokenStatus {
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
pub(crate) fn wall(boot: Duration, now: Reading) -> Timestamp {
    match boot.checked_sub(now.boot) {
        Some(ahead) => later(now.wall, ahead),
        None => earlier(now.wall, now.boot.saturating_sub(boot)),
    }
}

/// What is under way, each in a task of its own, so that a fault there does not end the loop.
enum Work {
    Attempt(JoinHandle<Outcome>),
    Save(JoinHandle<Result<(), Unsaved>>),
}

enum Done {
    Attempt(Option<Box<Outcome>>),
    Save(Option<Result<(), Box<Unsaved>>>),
}

impl Work {
    async fn done(&mut self) -> Done {
        match self {
            Work::Attempt(handle) => Done::Attempt(handle.await.ok().map(Box::new)),
            Work::Save(handle) => Done::Save(handle.await.ok().map(|saved| saved.map_err(Box::new))),
        }
    }
}

/// What a task takes from outside.
pub(crate) struct Surroundings {
    pub(crate) clock: Clock,
    pub(crate) tokens_dir: PathBuf,
    pub(crate) client: Client,
    pub(crate) tracker: TaskTracker,
    pub(crate) witness: Option<Witness>,
}

/// What a task shows.
pub(crate) struct Seen {
    pub(crate) view: watch::Receiver<Arc<View>>,
    pub(crate) statuses: watch::Receiver<TokenStatus>,
}

/// The owner of one credential.
pub(crate) struct Task {
    core: Core,
    credential: Arc<Credential>,
    clock: Clock,
    tokens_dir: PathBuf,
    client: Client,
    tracker: TaskTracker,
    witness: Option<Witness>,
    token: Option<Secret>,
    failure: Option<Arc<Failure>>,
    refresh_token_at: Option<Timestamp>,
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
    /// A task that asks for its first token as soon as it runs, and what its handles read.
    pub(crate) fn new(
        credential: Arc<Credential>,
        surroundings: Surroundings,
        replay: Replay,
        seed: u64,
    ) -> (Task, Seen) {
        let Surroundings { clock, tokens_dir, client, tracker, witness } = surroundings;
        let reading = clock.read();
        let core = Core::new(replay, seed, reading.boot);
        let view = View { standing: core.standing().clone(), token: None, failure: None, refresh_token_at: None };
        let (statuses, statuses_seen) = watch::channel(view.status(reading));
        let (views, view_seen) = watch::channel(Arc::new(view));
        let task = Task {
            core,
            credential,
            clock,
            tokens_dir,
            client,
            tracker,
            witness,
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
        (task, Seen { view: view_seen, statuses: statuses_seen })
    }

    pub(crate) async fn run(mut self, mut requests: mpsc::UnboundedReceiver<Request>) {
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
                        witness: self.witness.clone(),
                    };
                    self.work = Some(Work::Attempt(self.tracker.spawn(attempt.run())));
                }
                Some(Command::Save) => match self.unsaved.clone() {
                    Some(unsaved) => self.work = Some(Work::Save(self.tracker.spawn(unsaved.save()))),
                    None => next = Some(Event::Saved),
                },
                Some(Command::Look) => next = self.look().await,
            }
        }
        self.publish();
    }

    async fn look(&self) -> Option<Event> {
        let (credential, tokens_dir) = (self.credential.clone(), self.tokens_dir.clone());
        let now = spawn_blocking(move || Evidence::gather(&credential, &tokens_dir)).await.ok()?;
        if self.evidence.as_ref() == Some(&now) {
            return None;
        }
        info!(connection = self.credential.connection, "The credential's files have changed: asking again");
        Some(Event::Changed)
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

    async fn saved(&mut self, saved: Option<Result<(), Box<Unsaved>>>) {
        match saved {
            Some(Ok(())) => {
                self.unsaved = None;
                self.failure = None;
                info!(connection = self.credential.connection, "The new refresh token is saved now");
                self.step(Event::Saved).await;
            }
            Some(Err(unsaved)) => {
                self.unsaved = Some(*unsaved);
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
