//! The dull loop: gather events, let the core decide, store, then act.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use super::core::{Absent, ConnectionObstacle, Core, Event, Pace, RandomBits, Step};
use crate::clock::{Clock, Reading};
use crate::executor::{Action, Clients, Executor, Report};
use crate::schedule::{ConnectionName, ScheduleSet};
use crate::store::{Changes, LoadedState, Store, StoreError};

/// How many events are taken into one turn: one transaction for all of them.
const EVENTS_PER_TURN: usize = 1024;

/// After a failed write the store is tried again this soon.
const STORE_RETRY: Duration = Duration::from_secs(1);

/// How long starts under way may take to end when the daemon stops (semantics.md 28).
const LAST_STARTS: Duration = Duration::from_secs(10);

/// The longest nap; the clock shortens it (semantics.md 7).
const LONGEST_NAP: Duration = Duration::from_secs(3600);

/// All that a dispatcher needs.
pub struct DispatcherSettings {
    /// The time.
    pub clock: Clock,
    /// The writer.
    pub store: Store,
    /// Where the state folder is, for reading the state again.
    pub state_dir: PathBuf,
    /// Who carries things out.
    pub executor: Executor,
    /// What it says.
    pub reports: mpsc::UnboundedReceiver<Report>,
    /// The schedules.
    pub set: Arc<ScheduleSet>,
    /// What becomes of schedules that the database knows and the set does not have.
    pub absent: Absent,
    /// What the database held when it was opened.
    pub state: LoadedState,
    /// When the lock was taken.
    pub opened: Reading,
    /// How often jobs are read.
    pub pace: Pace,
}

impl std::fmt::Debug for DispatcherSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DispatcherSettings").field("state_dir", &self.state_dir).finish_non_exhaustive()
    }
}

/// The loop, ready to run.
#[derive(Debug)]
pub struct Dispatcher {
    settings: DispatcherSettings,
    stop: watch::Receiver<bool>,
    loads: mpsc::UnboundedReceiver<Load>,
    turns: watch::Sender<Turn>,
    leaving: watch::Sender<BTreeSet<ConnectionName>>,
    obstacles: watch::Sender<Vec<ConnectionObstacle>>,
}

/// A new set, with the clients of all its connections and of those that runs are still open on.
struct Load {
    set: Arc<ScheduleSet>,
    clients: Clients,
    done: oneshot::Sender<()>,
}

impl std::fmt::Debug for Load {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Load").field("schedules", &self.set.schedules.len()).finish_non_exhaustive()
    }
}

/// Asks the dispatcher for something, and watches it.
#[derive(Clone, Debug)]
pub struct Handle {
    stop: Arc<watch::Sender<bool>>,
    loads: mpsc::UnboundedSender<Load>,
    turns: watch::Receiver<Turn>,
    leaving: watch::Receiver<BTreeSet<ConnectionName>>,
    obstacles: watch::Receiver<Vec<ConnectionObstacle>>,
}

/// What the last turn left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The clocks when it was taken.
    pub at: Reading,
    /// Calls under way.
    pub under_way: usize,
    /// Runs without a final state.
    pub open_runs: usize,
    /// Whether every open run found at the start has been read again.
    pub reconciled: bool,
    /// Whether the store took the last write.
    pub store: StoreHealth,
}

/// Whether claims can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreHealth {
    /// They can.
    Writable,
    /// They cannot; nothing is started until they can.
    Failing,
}

/// The loop ended before it was asked to.
#[derive(Debug, thiserror::Error)]
#[error("the dispatcher has ended")]
pub struct DispatcherEnded;

impl Handle {
    /// Asks for the stop: nothing more is claimed or sent.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Puts a checked set in the place of the loaded one, whole, between two turns. Returns when it holds and is stored.
    ///
    /// `clients` has one for each connection of the set, and those that were there for connections still in
    /// [`Handle::leaving`].
    ///
    /// # Errors
    /// [`DispatcherEnded`]; the next start reads the files itself.
    pub async fn load(&self, set: Arc<ScheduleSet>, clients: Clients) -> Result<(), DispatcherEnded> {
        let (done, loaded) = oneshot::channel();
        self.loads.send(Load { set, clients, done }).map_err(|_| DispatcherEnded)?;
        loaded.await.map_err(|_| DispatcherEnded)
    }

    /// The connections that are not in the files any more, and that open runs are still followed on.
    pub fn leaving(&self) -> watch::Receiver<BTreeSet<ConnectionName>> {
        self.leaving.clone()
    }

    /// The turns, level-triggered.
    pub fn turns(&self) -> watch::Receiver<Turn> {
        self.turns.clone()
    }

    /// The connections that kept their starts back at the last turn.
    pub fn obstacles(&self) -> Vec<ConnectionObstacle> {
        self.obstacles.borrow().clone()
    }
}

impl Dispatcher {
    /// A dispatcher and its handle.
    pub fn new(settings: DispatcherSettings) -> (Dispatcher, Handle) {
        let (stop, stopped) = watch::channel(false);
        let first = Turn {
            at: settings.opened,
            under_way: 0,
            open_runs: settings.state.open.len(),
            reconciled: false,
            store: StoreHealth::Writable,
        };
        let (turns, seen) = watch::channel(first);
        let (loads, to_load) = mpsc::unbounded_channel();
        let (leaving, gone) = watch::channel(BTreeSet::new());
        let (obstacles, obstacles_seen) = watch::channel(Vec::new());
        let dispatcher = Dispatcher { settings, stop: stopped, loads: to_load, turns, leaving, obstacles };
        (dispatcher, Handle { stop: Arc::new(stop), loads, turns: seen, leaving: gone, obstacles: obstacles_seen })
    }

    /// Runs until it is asked to stop and the starts under way have ended.
    pub async fn run(self) {
        let Dispatcher { settings, mut stop, mut loads, turns, leaving, obstacles } = self;
        let DispatcherSettings {
            clock,
            store,
            state_dir,
            executor,
            mut reports,
            mut set,
            mut absent,
            state,
            opened,
            pace,
        } = settings;
        let mut core = Core::recover(set.clone(), absent, state, opened, pace, random_bits());
        let mut under_way: usize = 0;
        let mut starts_under_way: usize = 0;
        let mut health = StoreHealth::Writable;
        let mut give_up_at: Option<Duration> = None;
        let mut batch: Vec<Report> = Vec::new();
        let mut newest: Option<Load> = None;
        let mut loading: Vec<oneshot::Sender<()>> = Vec::new();
        loop {
            let now = clock.read();
            if *stop.borrow_and_update() && give_up_at.is_none() {
                core.handle(Event::Stop, now);
                give_up_at = Some(now.boot + LAST_STARTS);
            }
            for report in batch.drain(..) {
                under_way -= usize::from(report.answers_an_action());
                if matches!(report, Report::Started { .. }) {
                    starts_under_way -= 1;
                }
                core.handle(Event::Report(Box::new(report)), now);
            }
            // A set that was overtaken by a newer one is never looked at.
            while let Ok(load) = loads.try_recv() {
                loading.extend(newest.replace(load).map(|old| old.done));
            }
            if let Some(Load { set: new, clients, done }) = newest.take() {
                executor.replace_clients(clients);
                (set, absent) = (new, Absent::Retire);
                core.handle(Event::Load(set.clone()), now);
                loading.push(done);
            }
            let Step { record, then } = core.turn(now);
            match perform(&store, record, then, &executor).await {
                Ok(performed) => {
                    health = StoreHealth::Writable;
                    under_way += performed.actions;
                    starts_under_way += performed.starts;
                    if !performed.lost.is_empty() {
                        core.handle(Event::ClaimsLost(performed.lost), now);
                    }
                }
                Err(error) => {
                    if health == StoreHealth::Writable {
                        tracing::error!("Nothing can be written, so nothing is started: {}", chain(&*error));
                    }
                    health = StoreHealth::Failing;
                    turns.send_modify(|turn| turn.store = health);
                    let kept = core.leaving_connections();
                    // The old core believes what was not stored; not one more turn may be its.
                    core = loop {
                        match start_over(&clock, &store, &state_dir, &set, absent, pace).await {
                            Some(fresh) => break fresh,
                            None if *stop.borrow() => return,
                            None => {}
                        }
                    };
                    core.keep_connections(kept, clock.read());
                    if give_up_at.is_some() {
                        core.handle(Event::Stop, clock.read());
                    }
                    continue;
                }
            }
            obstacles.send_replace(core.obstacles(now.boot));
            turns.send_replace(Turn {
                at: now,
                under_way,
                open_runs: core.open_runs(),
                reconciled: core.is_reconciled(),
                store: health,
            });
            leaving.send_if_modified(|old| {
                let changed = old != core.leaving();
                if changed {
                    old.clone_from(core.leaving());
                }
                changed
            });
            for done in loading.drain(..) {
                // Whoever asked may have gone.
                let _ = done.send(());
            }
            if let Some(end) = give_up_at
                && (starts_under_way == 0 || now.boot >= end)
            {
                return;
            }
            let mut nap = core.wake().from(clock.read()).unwrap_or(LONGEST_NAP).min(LONGEST_NAP);
            if let Some(end) = give_up_at {
                nap = nap.min(end.saturating_sub(now.boot));
            }
            // Nothing of the store is awaited here, so nothing is dropped half-way.
            tokio::select! {
                biased;
                _ = reports.recv_many(&mut batch, EVENTS_PER_TURN) => {}
                Some(load) = loads.recv() => newest = Some(load),
                changed = stop.changed(), if give_up_at.is_none() => {
                    if changed.is_err() {
                        return;
                    }
                }
                () = clock.nap(now, nap) => {}
            }
        }
    }
}

struct Performed {
    actions: usize,
    starts: usize,
    lost: BTreeSet<crate::run::RunId>,
}

/// Store first, then act: a start leaves only when its claim cannot be taken back.
async fn perform(
    store: &Store,
    record: Changes,
    then: Vec<Action>,
    executor: &Executor,
) -> Result<Performed, Arc<StoreError>> {
    #[cfg(feature = "faults")]
    if crate::faults::is_on(crate::faults::CLAIM_AFTER_POST) {
        return act_then_store(store, record, then, executor).await;
    }
    let committed = store.commit(record).await?;
    let mut performed = Performed { actions: 0, starts: 0, lost: committed.lost.into_iter().collect() };
    for action in then {
        if action.claimed_run().is_some_and(|run| performed.lost.contains(&run)) {
            continue;
        }
        performed.actions += 1;
        performed.starts += usize::from(matches!(action, Action::Start(_)));
        executor.perform(action);
    }
    Ok(performed)
}

/// The wrong order, for a negative control: act, then store.
#[cfg(feature = "faults")]
async fn act_then_store(
    store: &Store,
    record: Changes,
    then: Vec<Action>,
    executor: &Executor,
) -> Result<Performed, Arc<StoreError>> {
    let mut performed = Performed { actions: then.len(), starts: 0, lost: BTreeSet::new() };
    for action in then {
        performed.starts += usize::from(matches!(action, Action::Start(_)));
        executor.perform(action);
    }
    crate::faults::slow_disk().await;
    store.commit(record).await?;
    Ok(performed)
}

/// What was decided and not stored never happened: everything is read again, as at a start. Reports of calls that were under
/// way find their runs by Reference or by key.
async fn start_over(
    clock: &Clock,
    store: &Store,
    state_dir: &std::path::Path,
    set: &Arc<ScheduleSet>,
    absent: Absent,
    pace: Pace,
) -> Option<Core> {
    clock.sleep(STORE_RETRY).await;
    let now = clock.read();
    match store.load(state_dir.to_owned(), now.wall).await {
        Ok(state) => Some(Core::recover(set.clone(), absent, state, now, pace, random_bits())),
        Err(error) => {
            tracing::debug!("The database cannot be read yet: {}", chain(&error));
            None
        }
    }
}

fn random_bits() -> RandomBits {
    Box::new(|| {
        let mut bits = [0u8; 10];
        // Without random bits ids still differ by their instant; two in one millisecond would collide and be refused.
        if let Err(error) = getrandom::fill(&mut bits) {
            tracing::error!("The system gives no random bits: {error}");
        }
        bits
    })
}

/// An error with all its causes, for one log line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
