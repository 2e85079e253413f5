//! The loop that owns one credential: waits, feeds `core` with events, does what it says, and shows the result.
//!
//! Makes no choice of its own. Requests and saves run in tasks of their own, so that a fault there does not end the loop.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, error, info, warn};

use crate::clock::Clock;
use crate::http::Client;
use crate::secret::Secret;
use crate::witness::Witness;

use super::answer::Access;
use super::concern;
use super::core::{Asker, Class, Command, Core, Event, Kept, Replay};
use super::credential::Credential;
use super::exchange::{Attempt, Evidence, Got, Origin, Outcome, unanswered_after};
use super::family::TokenHash;
use super::keep::{OneUse, Unsaved};
use super::margins::{LOGIN_ALERT_EVERY, life};
use super::standing::Phase;
use super::status::TokenStatus;
use super::trouble::{Before, Failure, Trouble};
use super::under_way::Exchanges;
use super::view::View;
use super::work::{Done, Request, Work, under_way};

/// What a task takes from outside.
pub(crate) struct Surroundings {
    pub(crate) clock: Clock,
    pub(crate) tokens_dir: PathBuf,
    pub(crate) client: Client,
    pub(crate) tracker: TaskTracker,
    pub(crate) witness: Option<Witness>,
    pub(crate) exchanges: Exchanges,
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
    exchanges: Exchanges,
    /// Told to attempts, so that one that has sent nothing yet sends nothing.
    stopping: CancellationToken,
    token: Option<Secret>,
    failure: Option<Arc<Failure>>,
    refresh_token_at: Option<Timestamp>,
    unsaved: Option<Unsaved>,
    spent: Option<TokenHash>,
    evidence: Option<Evidence>,
    /// The token file's generation that this process has had (T11).
    known: Option<u64>,
    lock_wait: Option<Duration>,
    skew: Option<SignedDuration>,
    /// How many tries in a row were given up without an answer, so that the next one waits longer.
    unanswered: u32,
    /// When the age of the login was told last, boot time (T20).
    alerted_at: Option<Duration>,
    /// The files changed during the attempt, perhaps after it had read them.
    look_again: bool,
    /// Callers of `renewed` and others that wait for the request under way.
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
        let Surroundings { clock, tokens_dir, client, tracker, witness, exchanges } = surroundings;
        let reading = clock.read();
        let core = Core::new(replay, seed, reading.boot);
        let view = View {
            credential: credential.clone(),
            standing: core.standing().clone(),
            token: None,
            failure: None,
            refresh_token_at: None,
            lock_wait: None,
            skew: None,
        };
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
            exchanges,
            stopping: CancellationToken::new(),
            token: None,
            failure: None,
            refresh_token_at: None,
            unsaved: None,
            spent: None,
            evidence: None,
            known: None,
            lock_wait: None,
            skew: None,
            unanswered: 0,
            alerted_at: None,
            look_again: false,
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
                    Some(Request::Refresh { done }) => {
                        self.waiting.push(done);
                        self.step(Event::Forced).await;
                    }
                    Some(Request::Look { done }) => {
                        self.waiting.push(done);
                        self.looked().await;
                    }
                    #[cfg(feature = "faults")]
                    Some(Request::Extra) => {
                        self.tracker.spawn(self.attempt(Asker::Itself).run());
                    }
                    Some(Request::Stop) | None => {
                        self.stopping.cancel();
                        self.step(Event::Stop).await;
                    }
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
                Some(Command::Ask(asker)) => {
                    self.work = Some(Work::Attempt(self.tracker.spawn(self.attempt(asker).run())));
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

    fn attempt(&self, asker: Asker) -> Attempt {
        let standing = self.core.standing();
        let is_refused = standing.held.is_some_and(|held| standing.refused == Some(held.generation));
        Attempt {
            client: self.client.clone(),
            credential: self.credential.clone(),
            tokens_dir: self.tokens_dir.clone(),
            clock: self.clock.clone(),
            spent: self.spent.clone(),
            known: self.known,
            refused: self.token.clone().filter(|_| is_refused),
            witness: self.witness.clone(),
            unanswered: self.unanswered,
            asker,
            given: None,
            exchanges: self.exchanges.clone(),
            stopping: self.stopping.clone(),
        }
    }

    /// Somebody says that the files may have changed.
    async fn looked(&mut self) {
        if self.core.busy() {
            self.look_again = true;
            return;
        }
        match self.look().await {
            Some(event) => self.step(event).await,
            None => self.publish(),
        }
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
        let Some(outcome) = outcome else {
            let failure = Trouble::Crashed.explain(&self.credential, Before::Answered);
            return self.failed(failure, Kept::Safely).await;
        };
        let Outcome { result, before, one_use, unsaved, spent, known, evidence, refresh_token_at, lock_wait, skew } =
            outcome;
        self.evidence = Some(evidence);
        self.spent = spent;
        self.known = known;
        self.lock_wait = Some(lock_wait);
        self.refresh_token_at = refresh_token_at.or(self.refresh_token_at);
        self.note_skew(skew);
        self.unanswered = unanswered_after(&result, self.unanswered);
        let kept = if unsaved.is_some() { Kept::InMemoryOnly } else { Kept::Safely };
        self.unsaved = unsaved;
        match result {
            Ok(got) => self.granted(got, kept).await,
            Err(trouble) => {
                let mut failure = trouble.explain(&self.credential, before);
                // A user key whose server hands out new ones works once, too.
                if one_use == OneUse::Yes && failure.class == Class::BadKey {
                    failure.class = Class::NeedsLogin;
                }
                self.failed(failure, kept).await;
            }
        }
        if std::mem::take(&mut self.look_again) {
            self.looked().await;
        }
    }

    async fn granted(&mut self, got: Got, kept: Kept) {
        let Got { access: Access { token, length, scope }, issued, origin } = got;
        concern::tell_narrowed(&self.credential, scope.as_deref());
        self.token = Some(token);
        self.failure = match kept {
            Kept::InMemoryOnly => self.unsaved_failure(),
            Kept::Safely if life(issued, length, 0.0).hard <= self.clock.boottime() => {
                Some(Arc::new(concern::dead_on_arrival(&self.credential, length)))
            }
            Kept::Safely => None,
        };
        if kept == Kept::InMemoryOnly {
            self.report_unsaved();
        }
        let event = match origin {
            Origin::Server => Event::Granted { issued, length, kept },
            Origin::File => Event::Found { issued, length },
        };
        self.step(event).await;
        let status = self.statuses.borrow().clone();
        info!(
            connection = self.credential.connection,
            generation = status.generation.map(|generation| generation.0),
            expires_at = status.expires_at.map(tracing::field::display),
            "{}",
            match origin {
                Origin::Server => "Got an access token",
                Origin::File => "Took an access token from its file",
            }
        );
    }

    async fn failed(&mut self, failure: Failure, kept: Kept) {
        let Failure { class, left, code: _, message, cure } = &failure;
        let name = &self.credential.connection;
        match class {
            Class::Transient { .. } | Class::Ambiguous => {
                warn!(connection = name, %cure, "connection `{name}`: {message}")
            }
            Class::NeedsLogin | Class::BadClient | Class::BadKey | Class::SameToken => {
                error!(connection = name, %cure, "connection `{name}`: {message}")
            }
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
            credential: self.credential.clone(),
            standing: self.core.standing().clone(),
            token: self.token.clone(),
            failure: self.failure.clone(),
            refresh_token_at: self.refresh_token_at,
            lock_wait: self.lock_wait,
            skew: self.skew,
        };
        let now = self.clock.read();
        let status = view.status(now);
        if let Some(warning) = &status.warning
            && self.alerted_at.is_none_or(|at| now.boot >= at.saturating_add(LOGIN_ALERT_EVERY))
        {
            self.alerted_at = Some(now.boot);
            let name = &self.credential.connection;
            error!(connection = name, "connection `{name}`: {warning}");
        }
        self.views.send_replace(Arc::new(view));
        self.statuses.send_if_modified(|last| {
            let changed = *last != status;
            *last = status;
            changed
        });
        if !self.core.undecided() && !self.look_again {
            for done in self.waiting.drain(..) {
                // An error means that the caller has gone.
                let _ = done.send(());
            }
        }
    }

    fn unsaved_failure(&self) -> Option<Arc<Failure>> {
        self.unsaved.as_ref().map(|unsaved| Arc::new(concern::unsaved(&unsaved.reason)))
    }

    fn report_unsaved(&self) {
        if let Some(failure) = self.unsaved_failure() {
            let name = &self.credential.connection;
            error!(connection = name, cure = %failure.cure, "connection `{name}`: {}", failure.message);
        }
    }

    fn note_skew(&mut self, skew: Option<SignedDuration>) {
        let Some(skew) = skew else { return };
        concern::tell_skew(&self.credential, skew, self.skew);
        self.skew = Some(skew);
    }
}

async fn sleep(clock: &Clock, until: Option<Duration>) {
    match until {
        Some(until) => clock.sleep_until_boottime(until).await,
        None => std::future::pending().await,
    }
}
