//! Open, recover, spawn, wait. The only place where everything is known.

mod connections;
mod files_state;
mod own_thread;
mod reload;
mod reloads;
mod settings;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

pub use files_state::FilesState;
pub use reloads::Reloads;
pub use settings::{Chores, DaemonError, DaemonSettings, DispatcherThread, Files};

pub use crate::schedule::Removals;
pub use crate::web::Reloaded;

use self::connections::{Connections, Shared};
use self::own_thread::OwnThread;
use self::reload::{Beginning, ReloadSettings};
use crate::auth::{Exchanges, TokenStatus};
use crate::clock::Clock;
use crate::dispatcher::{Dispatcher, DispatcherSettings, Handle};
use crate::executor::Executor;
use crate::housekeeping::{Belief, ChoreSettings, Failing, Housekeeping};
use crate::recurrence::choose_zone_database;
use crate::schedule::{ConnectionName, HistoryLimits, ScheduleKey, ScheduleSet};
use crate::store::{Database, StateFolder, Store};
use crate::web::{Control, ControlSocket, Parts, Served, Server, worst};

/// A daemon that runs until it is stopped.
#[derive(Debug)]
pub struct Daemon {
    handle: Handle,
    dispatcher: JoinHandle<()>,
    reloads: Reloads,
    reloader: JoinHandle<()>,
    connections: Connections,
    exchanges: Exchanges,
    server: Option<Server>,
    store: Store,
    housekeeping: Option<Housekeeping>,
    failing: watch::Receiver<Failing>,
    tracker: TaskTracker,
    _own_thread: Option<OwnThread>,
    // Last, so that the lock is the last thing to be let go.
    _folder: StateFolder,
}

impl Daemon {
    /// Takes the state folder, opens the database and begins. Returns when it is ready to claim; connections come up by
    /// themselves, each in its own time (semantics.md 17).
    ///
    /// # Errors
    /// See [`DaemonError`]. Nothing was started.
    #[expect(clippy::too_many_lines, reason = "it is the list of the daemon's parts in the order in which they begin")]
    pub async fn start(settings: DaemonSettings) -> Result<Daemon, DaemonError> {
        let DaemonSettings { clock, set, files, removals, state_dir, thread, pace, housekeeping, socket, log } =
            settings;
        let folder = StateFolder::take(&state_dir)?;
        let opened = clock.read();
        let (database, state) = Database::open_and_load(&folder, opened.wall).await?;
        tracing::info!(
            installation = %state.installation,
            "Opened the state folder {}: open runs: {}, schedules: {}",
            folder.path().display(),
            state.open.len(),
            set.schedules.len()
        );
        // Under the lock, and before anything is started: a place that cannot be used leaves no trace.
        let socket = match socket {
            Some(path) => Some(ControlSocket::bind(&path).await?),
            None => None,
        };
        let loaded: BTreeSet<ScheduleKey> = state.marks.iter().map(|(key, ..)| key.clone()).collect();
        // What is kept of the history is what the files say, also while their schedules are held back.
        let as_written = set.clone();
        let Beginning { set, absent, held } = reload::begin(set, &loaded, removals);
        let tracker = TaskTracker::new();
        let own_thread = match thread {
            DispatcherThread::Own => Some(OwnThread::start().map_err(DaemonError::Thread)?),
            DispatcherThread::Callers => None,
        };
        let store = {
            let _there = own_thread.as_ref().map(OwnThread::enter);
            Store::start(database, &tracker)
        };
        let (reports_in, reports) = mpsc::unbounded_channel();
        let exchanges = Exchanges::default();
        let connections = Connections::new(Shared {
            clock: clock.clone(),
            state_dir: state_dir.clone(),
            tracker: tracker.clone(),
            reports: reports_in.clone(),
            exchanges: exchanges.clone(),
        });
        choose_zone_database(set.zone_database);
        let prepared = connections.prepare(&set)?;
        let executor = Executor::new(prepared.clients(), reports_in, tracker.clone());
        connections.take(prepared);
        let (failed, failing) = watch::channel(Failing::new());
        let chores = chores_of(&as_written, &state_dir, &store, &clock, failed);
        let housekeeping = match housekeeping {
            Chores::Nightly => begin_chores(chores).await,
            Chores::None => None,
        };
        let (dispatcher, handle) = Dispatcher::new(DispatcherSettings {
            clock: clock.clone(),
            store: store.clone(),
            executor,
            reports,
            set: set.clone(),
            absent,
            state,
            opened,
            pace,
        });
        let dispatcher = {
            let _there = own_thread.as_ref().map(OwnThread::enter);
            tokio::spawn(dispatcher.run())
        };
        let (served, served_seen) = watch::channel(Served {
            set: set.clone(),
            files: FilesState::at_start(&set, held.as_ref()).trouble(),
            tokens: connections.managers(),
        });
        let (reloads, reloader) = reload::start(ReloadSettings {
            files,
            clock: clock.clone(),
            dispatcher: handle.clone(),
            connections: connections.clone(),
            served,
            set,
            loaded,
            held,
        });
        let server = socket.map(|socket| {
            let control = Control::new(Parts {
                clock,
                store: store.clone(),
                dispatcher: handle.clone(),
                state_dir,
                socket: socket.path().to_owned(),
                started_at: opened.wall,
                files: Arc::new(reloads.clone()),
                served: served_seen,
                failing: failing.clone(),
                log,
            });
            Server::start(socket, Arc::new(control))
        });
        Ok(Daemon {
            handle,
            dispatcher,
            reloads,
            reloader,
            connections,
            exchanges,
            server,
            store,
            housekeeping,
            failing,
            tracker,
            _own_thread: own_thread,
            _folder: folder,
        })
    }

    /// For asking and watching.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// For reading the files again.
    pub fn reloads(&self) -> &Reloads {
        &self.reloads
    }

    /// How each connection's token stands.
    pub fn token_status(&self) -> BTreeMap<ConnectionName, TokenStatus> {
        self.connections.managers().into_iter().map(|(name, manager)| (name, manager.status())).collect()
    }

    /// The token exchanges whose answers come once. Whoever ends the process waits for them (semantics.md 28).
    pub fn exchanges(&self) -> &Exchanges {
        &self.exchanges
    }

    /// How many token managers of credentials that are not used any more have not ended yet.
    pub fn ending_tokens(&self) -> usize {
        self.connections.ending()
    }

    /// The worst that is wrong now, in one sentence; none when all is well.
    pub fn trouble(&self) -> Option<String> {
        let turn = *self.handle.turns().borrow();
        let tokens = self.token_status().into_iter().map(|(name, status)| (name.to_string(), status)).collect();
        worst(turn.store, &tokens, &self.handle.obstacles(), &self.failing.borrow(), turn.at.wall)
    }

    /// Ends softly: nothing new is claimed or sent, starts under way are seen to their end, everything is committed
    /// (semantics.md 28). Robots go on; they are found again at the next start.
    ///
    /// # Errors
    /// [`DaemonError::Ended`] when the dispatcher had fallen over.
    pub async fn stop(self) -> Result<(), DaemonError> {
        let Daemon {
            handle,
            dispatcher,
            reloads: _,
            reloader,
            connections,
            exchanges: _,
            server,
            store,
            housekeeping,
            failing: _,
            tracker,
            _own_thread,
            _folder,
        } = self;
        // Files are not looked at any more; a set that was handed over already is taken or not, as a whole.
        reloader.abort();
        handle.stop();
        // While starts under way end: what is asked from here on would act on a daemon that goes away.
        let serving = async {
            if let Some(server) = server {
                server.stop().await;
            }
        };
        let (ended, ()) = tokio::join!(dispatcher, serving);
        if let Some(housekeeping) = housekeeping {
            housekeeping.stop().await;
        }
        // Their answers may take longer than all the rest, so the database is closed meanwhile.
        connections.begin_to_stop();
        // A reader that is still there would keep the WAL from being folded back on closing.
        if let Err(cause) = store.checkpoint().await {
            tracing::debug!("The WAL stays next to the database: {cause}");
        }
        if let Err(cause) = store.close().await {
            tracing::warn!("Failed to close the database: {cause}");
        }
        connections.stop().await;
        tracker.close();
        ended.map_err(|_| DaemonError::Ended)
    }

    /// Waits for the dispatcher to end by itself, which it does only when it has fallen over.
    pub async fn fell_over(&mut self) -> DaemonError {
        let _ = (&mut self.dispatcher).await;
        DaemonError::Ended
    }
}

async fn begin_chores(chores: ChoreSettings) -> Option<Housekeeping> {
    // Starts matter, chores do not.
    Housekeeping::start(chores).await.inspect_err(|cause| tracing::warn!("Housekeeping is off: {cause}")).ok()
}

/// What the files say of the history and its copies.
fn chores_of(
    set: &ScheduleSet,
    state_dir: &Path,
    store: &Store,
    clock: &Clock,
    failing: watch::Sender<Failing>,
) -> ChoreSettings {
    let HistoryLimits { keep, max_runs, max_bytes } = set.history;
    ChoreSettings {
        store: store.clone(),
        clock: clock.clone(),
        belief: Belief::begin(clock.read()),
        state_dir: state_dir.to_owned(),
        keep,
        max_runs,
        max_bytes,
        copies_dir: set.copies.folder.clone().unwrap_or_else(|| state_dir.join("copies")),
        copies: set.copies.keep,
        failing,
    }
}
