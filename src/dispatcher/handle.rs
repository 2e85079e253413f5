//! How the rest of the daemon asks the dispatcher for something, and watches it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use super::asked::{By, Keep, Reply};
use super::core::{
    BackfillCommand, BackfillDone, Command, CommandRefused, ConnectionObstacle, ConnectionTrouble, Done,
    HoldingCommand, HoldingDone, Resolution, Resolved, RetryCommand, RetryDone, StartCommand, StopCommand, StopDone,
};
use crate::clock::Reading;
use crate::executor::Clients;
use crate::run::RunId;
use crate::schedule::{ConnectionName, ScheduleSet};

/// Asks the dispatcher for something, and watches it.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(super) stop: Arc<watch::Sender<bool>>,
    pub(super) orders: mpsc::UnboundedSender<Order>,
    pub(super) turns: watch::Receiver<Turn>,
    pub(super) alive: watch::Receiver<Duration>,
    pub(super) leaving: watch::Receiver<BTreeSet<ConnectionName>>,
    pub(super) obstacles: watch::Receiver<Vec<ConnectionObstacle>>,
    pub(super) troubles: watch::Receiver<Vec<ConnectionTrouble>>,
}

/// What is asked.
pub(super) enum Order {
    /// A new set takes the place of the loaded one.
    Load(Load),
    /// A person asks for something.
    Command(Box<Command>, Option<Keep>, Reply),
}

/// A new set, with the clients of all its connections and of those that runs are still open on.
pub(super) struct Load {
    pub(super) set: Arc<ScheduleSet>,
    pub(super) clients: Clients,
    pub(super) done: oneshot::Sender<()>,
}

/// What the last turn left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The clocks when it was taken.
    pub at: Reading,
    /// Calls under way.
    pub under_way: usize,
    /// Of those, starts.
    pub starts_under_way: usize,
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

/// Each command has an answer of its own kind.
fn not_its_own(done: &Done) -> CommandRefused {
    tracing::error!("The dispatcher gave another command's answer: {done:?}");
    CommandRefused::Stopping
}

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
        self.orders.send(Order::Load(Load { set, clients, done })).map_err(|_| DispatcherEnded)?;
        loaded.await.map_err(|_| DispatcherEnded)
    }

    /// Decides about a run that is held. Returns when the decision is stored, with `by` as who made it.
    ///
    /// # Errors
    /// [`CommandRefused`]; nothing was changed.
    pub async fn resolve(&self, run: RunId, how: Resolution, by: impl Into<By>) -> Result<Resolved, CommandRefused> {
        let By { actor, keep } = by.into();
        match self.ask(Command::Resolve { run, how, actor }, keep).await? {
            Done::Resolved(resolved) => Ok(resolved),
            other => Err(not_its_own(&other)),
        }
    }

    /// Pauses, resumes or skips. Returns when that is stored, with `by` as who asked for it.
    ///
    /// # Errors
    /// [`CommandRefused`]; nothing was changed.
    pub async fn hold(&self, what: HoldingCommand, by: impl Into<By>) -> Result<HoldingDone, CommandRefused> {
        let By { actor, keep } = by.into();
        match self.ask(Command::Hold { what, actor }, keep).await? {
            Done::Held(done) => Ok(done),
            other => Err(not_its_own(&other)),
        }
    }

    /// Stops a run, or whatever of a schedule waits. Returns when that is stored, with `by` as who asked for it.
    ///
    /// # Errors
    /// [`CommandRefused`]; nothing was changed.
    pub async fn stop_runs(&self, what: StopCommand, by: impl Into<By>) -> Result<StopDone, CommandRefused> {
        let By { actor, keep } = by.into();
        match self.ask(Command::Stop { what, actor }, keep).await? {
            Done::Stopped(done) => Ok(done),
            other => Err(not_its_own(&other)),
        }
    }

    /// Starts something by hand. Returns its run when that is stored, with `by` as who asked for it.
    ///
    /// # Errors
    /// [`CommandRefused`]; nothing is started.
    pub async fn start_run(&self, what: StartCommand, by: impl Into<By>) -> Result<RunId, CommandRefused> {
        let By { actor, keep } = by.into();
        match self.ask(Command::Start { what, actor }, keep).await? {
            Done::Started(run) => Ok(run),
            other => Err(not_its_own(&other)),
        }
    }

    /// Tries a run again. Returns when that is stored, with `by` as who asked for it.
    ///
    /// # Errors
    /// [`CommandRefused`]; nothing is started.
    pub async fn retry(&self, what: RetryCommand, by: impl Into<By>) -> Result<RetryDone, CommandRefused> {
        let By { actor, keep } = by.into();
        match self.ask(Command::Retry { what, actor }, keep).await? {
            Done::Retried(done) => Ok(done),
            other => Err(not_its_own(&other)),
        }
    }

    /// Makes times of the past good. Returns their runs when they are stored, with `by` as who asked for them.
    ///
    /// # Errors
    /// [`CommandRefused`]; nothing is started.
    pub async fn backfill(&self, what: BackfillCommand, by: impl Into<By>) -> Result<BackfillDone, CommandRefused> {
        let By { actor, keep } = by.into();
        match self.ask(Command::Backfill { what, actor }, keep).await? {
            Done::Backfilled(done) => Ok(done),
            other => Err(not_its_own(&other)),
        }
    }

    async fn ask(&self, command: Command, keep: Option<Keep>) -> Result<Done, CommandRefused> {
        let (reply, answer) = oneshot::channel();
        self.orders.send(Order::Command(Box::new(command), keep, reply)).map_err(|_| CommandRefused::Stopping)?;
        answer.await.map_err(|_| CommandRefused::Stopping)?
    }

    /// The connections that are not in the files any more, and that open runs are still followed on.
    pub fn leaving(&self) -> watch::Receiver<BTreeSet<ConnectionName>> {
        self.leaving.clone()
    }

    /// The connections that kept their starts back when last looked at.
    pub fn obstacles(&self) -> Vec<ConnectionObstacle> {
        self.obstacles.borrow().clone()
    }

    /// The connections' troubles that keep no start back, when last looked at.
    pub fn troubles(&self) -> Vec<ConnectionTrouble> {
        self.troubles.borrow().clone()
    }

    /// The turns, level-triggered.
    pub fn turns(&self) -> watch::Receiver<Turn> {
        self.turns.clone()
    }

    /// Changes at least once a second while the loop goes round (boot time): for a watchdog. It goes round while the database
    /// blocks, too.
    pub fn alive(&self) -> watch::Receiver<Duration> {
        self.alive.clone()
    }
}
