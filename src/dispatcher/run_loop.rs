//! The dull loop: gather events, let the core decide, store, then act.
//!
//! While nothing can be stored the loop goes round all the same: it is told, Orchestrator is read on, and a new core takes over
//! when the database is back (`writing`, `core::succession`).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use super::asked::Asked;
use super::core::{Absent, CommandRefused, ConnectionObstacle, ConnectionTrouble, Core, Event, Pace};
use super::handle::{Handle, Load, Order, StoreHealth, Turn};
use super::random::random_bits;
use super::settings::DispatcherSettings;
use super::writing::{NotStored, Outcome, Stored, Writing, begin_restart, left, store_then_act};
use crate::clock::{Clock, Reading};
use crate::executor::{Action, Executor, Report};
use crate::happening::Happening;
use crate::schedule::{ConnectionName, ScheduleSet};
use crate::store::{LoadedState, Store, StoreError};
use crate::text::chain;

/// How many events are taken into one turn: one transaction for all of them.
const EVENTS_PER_TURN: usize = 1024;

/// While a burst is claimed, answers wait so long at most: each start that waits is late, an answer is not until then.
const LONGEST_BURST: Duration = Duration::from_secs(1);

/// How long starts under way may take to end when the daemon stops (semantics.md 28).
const LAST_STARTS: Duration = Duration::from_secs(10);

/// The longest nap; the clock shortens it (semantics.md 7).
const LONGEST_NAP: Duration = Duration::from_secs(3600);

/// The loop, ready to run.
pub struct Dispatcher {
    clock: Clock,
    store: Store,
    executor: Executor,
    reports: mpsc::UnboundedReceiver<Report>,
    orders: mpsc::UnboundedReceiver<Order>,
    stop: watch::Receiver<bool>,
    turns: watch::Sender<Turn>,
    alive: watch::Sender<Duration>,
    leaving: watch::Sender<BTreeSet<ConnectionName>>,
    obstacles: watch::Sender<Vec<ConnectionObstacle>>,
    troubles: watch::Sender<Vec<ConnectionTrouble>>,
    set: Arc<ScheduleSet>,
    absent: Absent,
    pace: Pace,
    core: Core,
    writing: Writing,
    /// Since when nothing can be stored, in boot time.
    failing_since: Option<Duration>,
    /// Stored and not logged yet.
    unlogged: Vec<Happening>,
    under_way: usize,
    starts_under_way: usize,
    give_up_at: Option<Duration>,
    /// A set that was overtaken by a newer one is never looked at.
    newest: Option<Load>,
    loading: Vec<oneshot::Sender<()>>,
    asked: Asked,
}

impl std::fmt::Debug for Dispatcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dispatcher").field("core", &self.core).finish_non_exhaustive()
    }
}

/// Whether the loop goes round again.
enum Round {
    Again,
    Over,
}

impl Dispatcher {
    /// A dispatcher and its handle.
    pub fn new(settings: DispatcherSettings) -> (Dispatcher, Handle) {
        let DispatcherSettings { clock, store, executor, reports, set, absent, state, opened, pace } = settings;
        let (stop, stopped) = watch::channel(false);
        let first = Turn {
            at: opened,
            under_way: 0,
            starts_under_way: 0,
            open_runs: state.open.len(),
            reconciled: false,
            store: StoreHealth::Writable,
        };
        let (turns, seen) = watch::channel(first);
        let (alive, lives) = watch::channel(opened.boot);
        let (orders, ordered) = mpsc::unbounded_channel();
        let (leaving, gone) = watch::channel(BTreeSet::new());
        let (obstacles, stand) = watch::channel(Vec::new());
        let (troubles, known) = watch::channel(Vec::new());
        let core = Core::recover(set.clone(), absent, state, opened, pace, random_bits());
        let dispatcher = Dispatcher {
            clock,
            store,
            executor,
            reports,
            orders: ordered,
            stop: stopped,
            turns,
            alive,
            leaving,
            obstacles,
            troubles,
            set,
            absent,
            pace,
            core,
            writing: Writing::Done,
            failing_since: None,
            unlogged: Vec::new(),
            under_way: 0,
            starts_under_way: 0,
            give_up_at: None,
            newest: None,
            loading: Vec::new(),
            asked: Asked::default(),
        };
        (
            dispatcher,
            Handle {
                stop: Arc::new(stop),
                orders,
                turns: seen,
                alive: lives,
                leaving: gone,
                obstacles: stand,
                troubles: known,
            },
        )
    }

    /// Runs until it is asked to stop and the starts under way have ended.
    pub async fn run(mut self) {
        let mut batch: Vec<Report> = Vec::new();
        // Since when answers wait, in boot time.
        let mut waiting_since = None;
        #[cfg(feature = "faults")]
        let mut rounds = 0;
        loop {
            #[cfg(feature = "faults")]
            crate::faults::freeze_loop(&mut rounds).await;
            let now = self.clock.read();
            self.alive.send_replace(now.boot);
            self.take_events(&mut batch, now);
            match std::mem::replace(&mut self.writing, Writing::Done) {
                Writing::Done => self.take_turn(now).await,
                waiting @ (Writing::Long(_) | Writing::Failed { .. }) => {
                    self.writing = waiting;
                    let (reads, happened) = self.core.turn_reading(now);
                    happened.iter().for_each(Happening::log);
                    self.read_on(reads);
                }
            }
            self.obstacles.send_replace(self.core.obstacles(now.boot));
            self.troubles.send_replace(self.core.troubles());
            if let Some(end) = self.give_up_at {
                let settled = self.starts_under_way == 0 && !matches!(self.writing, Writing::Long(_));
                if settled || now.boot >= end {
                    self.log();
                    return;
                }
            }
            let waited = now.boot.saturating_sub(*waiting_since.get_or_insert(now.boot));
            if self.core.is_behind() && waited < LONGEST_BURST && matches!(self.writing, Writing::Done) {
                continue;
            }
            waiting_since = None;
            self.log();
            match self.wait(&mut batch, now).await {
                Round::Again => {}
                Round::Over => return,
            }
        }
    }

    fn take_events(&mut self, batch: &mut Vec<Report>, now: Reading) {
        if *self.stop.borrow_and_update() && self.give_up_at.is_none() {
            self.core.handle(Event::Stop, now);
            self.give_up_at = Some(now.boot + LAST_STARTS);
        }
        for report in batch.drain(..) {
            self.under_way = left(self.under_way, usize::from(report.answers_an_action()));
            let starts = usize::from(matches!(report, Report::Started { .. }));
            self.starts_under_way = left(self.starts_under_way, starts);
            self.core.handle(Event::Report(Box::new(report)), now);
        }
        while let Ok(order) = self.orders.try_recv() {
            self.take_order(order, now);
        }
    }

    fn take_order(&mut self, order: Order, now: Reading) {
        match order {
            Order::Load(load) => self.loading.extend(self.newest.replace(load).map(|old| old.done)),
            Order::Command(command, keep, reply) => match self.writing {
                Writing::Done => {
                    let id = self.asked.add(reply, keep);
                    self.core.handle(Event::Command(id, *command), now);
                }
                // Nothing could be decided, since nothing can be stored.
                Writing::Long(_) | Writing::Failed { .. } => {
                    let _ = reply.send(Err(CommandRefused::NotStored));
                }
            },
        }
    }

    /// Logs what is stored. Not in the middle of a burst: each line would make the next start later.
    fn log(&mut self) {
        self.unlogged.drain(..).for_each(|one| one.log());
    }

    /// Decides all that is due, stores it, and acts.
    async fn take_turn(&mut self, now: Reading) {
        if let Some(Load { set, clients, done }) = self.newest.take() {
            self.executor.replace_clients(clients);
            (self.set, self.absent) = (set, Absent::Retire);
            self.core.handle(Event::Load(self.set.clone()), now);
            self.loading.push(done);
        }
        let mut step = self.core.turn(now);
        step.record.kept = self.asked.keep(&step.answers, now.wall);
        let outcome = store_then_act(&self.clock, &self.store, step, &self.executor).await;
        self.take_outcome(outcome, now);
    }

    fn take_outcome(&mut self, outcome: Outcome, now: Reading) {
        match outcome {
            Outcome::Stored(stored) => self.stored(stored, now),
            Outcome::NotStored(failed) => {
                let told = self.failing_since.is_some();
                self.not_stored(failed, now);
                self.writing = begin_restart(&self.clock, &self.store, u32::from(told));
            }
            Outcome::Pending(pending) => {
                self.fail(now, "The database has not answered for 2 s, so nothing is started until it does");
                self.writing = Writing::Long(pending);
            }
        }
    }

    fn stored(&mut self, stored: Stored, now: Reading) {
        let Stored { lost, answers, actions, starts, happened } = stored;
        self.unlogged.extend(happened);
        self.under_way += actions;
        self.starts_under_way += starts;
        if !lost.is_empty() {
            self.core.handle(Event::ClaimsLost(lost), now);
        }
        self.asked.give(answers);
        if let Some(since) = self.failing_since.take() {
            let length = now.boot.saturating_sub(since).as_secs();
            tracing::info!("The database can be written again, after {length} s; starts go on");
        }
        self.turns.send_replace(Turn {
            at: now,
            under_way: self.under_way,
            starts_under_way: self.starts_under_way,
            open_runs: self.core.open_runs(),
            reconciled: self.core.is_reconciled(),
            store: StoreHealth::Writable,
        });
        let leaving = self.core.leaving();
        self.leaving.send_if_modified(|old| {
            let changed = old != leaving;
            if changed {
                old.clone_from(leaving);
            }
            changed
        });
        for done in self.loading.drain(..) {
            // Whoever asked may have gone.
            let _ = done.send(());
        }
    }

    /// What was decided and not stored never happened. Orchestrator is read all the same.
    fn not_stored(&mut self, failed: NotStored, now: Reading) {
        let NotStored { error, then, happened } = failed;
        self.unlogged.extend(happened);
        let text = format!(
            "Nothing can be written, so nothing is started; running jobs are followed on: {}; look at the disk of the state folder \
                 (room, rights), it goes on by itself",
            chain(&*error)
        );
        self.fail(now, &text);
        self.core.never_sent(&then);
        self.read_on(then.into_iter().filter(Action::only_reads).collect());
        self.asked.refuse_all();
    }

    fn fail(&mut self, now: Reading, text: &str) {
        if self.failing_since.is_none() {
            self.failing_since = Some(now.boot);
            tracing::error!("{text}");
        }
        self.turns
            .send_if_modified(|turn| std::mem::replace(&mut turn.store, StoreHealth::Failing) != StoreHealth::Failing);
    }

    fn read_on(&mut self, reads: Vec<Action>) {
        self.under_way += reads.len();
        for read in reads {
            self.executor.perform(read);
        }
    }

    /// The database was opened anew, or could not be.
    fn restarted(&mut self, state: Result<LoadedState, StoreError>, tries: u32, now: Reading) {
        match state {
            Ok(state) => {
                let fresh = Core::recover(self.set.clone(), self.absent, state, now, self.pace, random_bits());
                let old = std::mem::replace(&mut self.core, fresh);
                self.core.take_over(old, now);
            }
            Err(error) => {
                tracing::debug!("The database cannot be used yet: {}", chain(&error));
                self.writing = begin_restart(&self.clock, &self.store, tries.saturating_add(1));
            }
        }
    }

    /// Waits until something happens. Of the database only tasks are awaited, so nothing of it is dropped half-way.
    async fn wait(&mut self, batch: &mut Vec<Report>, now: Reading) -> Round {
        let mut nap = self.core.wake().from(self.clock.read()).unwrap_or(LONGEST_NAP).min(LONGEST_NAP);
        if let Some(end) = self.give_up_at {
            nap = nap.min(end.saturating_sub(now.boot));
        }
        let mut ended = None;
        let mut restarted = None;
        let mut ordered = None;
        let writing = &mut self.writing;
        let written = async {
            match writing {
                Writing::Done => std::future::pending().await,
                Writing::Long(pending) => ended = Some(pending.ended().await),
                Writing::Failed { restart, tries: _ } => restarted = Some(restart.await),
            }
        };
        tokio::select! {
            biased;
            _ = self.reports.recv_many(batch, EVENTS_PER_TURN) => {}
            () = written => {}
            Some(order) = self.orders.recv() => ordered = Some(order),
            changed = self.stop.changed(), if self.give_up_at.is_none() => {
                if changed.is_err() {
                    return Round::Over;
                }
            }
            () = self.clock.nap(now, nap) => {}
        }
        let now = self.clock.read();
        if let Some(order) = ordered {
            self.take_order(order, now);
        }
        if let Some(ended) = ended
            && let Writing::Long(pending) = std::mem::replace(&mut self.writing, Writing::Done)
        {
            let outcome = pending.finish(ended, &self.executor);
            self.take_outcome(outcome, now);
        }
        if let Some(restarted) = restarted
            && let Writing::Failed { tries, .. } = std::mem::replace(&mut self.writing, Writing::Done)
        {
            self.restarted(restarted.unwrap_or(Err(StoreError::Closed)), tries, now);
        }
        Round::Again
    }
}
