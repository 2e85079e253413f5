//! The wiring: open, recover, spawn, wait. The only place where everything is known.

mod bearer;
mod settings;

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

pub use settings::{Chores, DaemonError, DaemonSettings};

pub(crate) use self::bearer::TokenBearer;
use crate::auth::{AuthEnvironment, Credential, GrantConfig, Style, TokenManager, TokenStatus, token_url};
use crate::dispatcher::core::Absent;
use crate::dispatcher::{Dispatcher, DispatcherSettings, Handle};
use crate::executor::{Executor, Report};
use crate::housekeeping::Housekeeping;
use crate::orchestrator::{Client, ClientConfig};
use crate::schedule::{Connection, ConnectionName, Grant};
use crate::store::{Database, StateFolder, Store};
use crate::web::{Control, ControlSocket, Parts, Served, Server, worst};

/// A daemon that runs until it is stopped.
#[derive(Debug)]
pub struct Daemon {
    handle: Handle,
    dispatcher: JoinHandle<()>,
    tokens: BTreeMap<ConnectionName, TokenManager>,
    /// What the control API shows; sent anew when it changes.
    _served: watch::Sender<Served>,
    server: Option<Server>,
    store: Store,
    housekeeping: Option<Housekeeping>,
    tracker: TaskTracker,
    // Last, so that the lock is the last thing to be let go.
    _folder: StateFolder,
}

impl Daemon {
    /// Takes the state folder, opens the database and begins. Returns when it is ready to claim; connections come up by
    /// themselves, each in its own time (semantics.md 17).
    ///
    /// # Errors
    /// See [`DaemonError`]. Nothing was started.
    pub async fn start(settings: DaemonSettings) -> Result<Daemon, DaemonError> {
        let DaemonSettings { clock, set, state_dir, pace, housekeeping, socket } = settings;
        let folder = StateFolder::take(&state_dir)?;
        let opened = clock.read();
        let mut database = Database::open(&folder).await?;
        let state = database.load(folder.path(), opened.wall).await?;
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
        let tracker = TaskTracker::new();
        let store = Store::start(database, &tracker);
        let (reports_in, reports) = mpsc::unbounded_channel();
        let mut tokens = BTreeMap::new();
        let mut clients = BTreeMap::new();
        for (name, connection) in &set.connections {
            let environment = AuthEnvironment {
                clock: clock.clone(),
                tokens_dir: state_dir.join("tokens"),
                tracker: tracker.clone(),
                seed: settings::random_seed(),
            };
            let manager = TokenManager::start(credential(connection), environment)?;
            let client = Client::new(ClientConfig {
                connection: name.to_string(),
                base: connection.url.clone(),
                tenant: connection.tenant.clone(),
                clock: clock.clone(),
                bearer: Arc::new(TokenBearer::new(manager.clone())),
            })?;
            tell_of_renewals(name.clone(), &manager, reports_in.clone(), &tracker);
            tokens.insert(name.clone(), manager);
            clients.insert(name.clone(), Arc::new(client));
        }
        let executor = Executor::new(clients, reports_in, tracker.clone());
        let housekeeping = match housekeeping {
            Chores::Nightly => match Housekeeping::start(store.clone(), clock.clone()).await {
                Ok(chores) => Some(chores),
                Err(cause) => {
                    // Starts matter, chores do not.
                    tracing::warn!("Housekeeping is off: {cause}");
                    None
                }
            },
            Chores::None => None,
        };
        let (dispatcher, handle) = Dispatcher::new(DispatcherSettings {
            clock: clock.clone(),
            store: store.clone(),
            state_dir: state_dir.clone(),
            executor,
            reports,
            set: set.clone(),
            absent: Absent::Retire,
            state,
            opened,
            pace,
        });
        let dispatcher = tokio::spawn(dispatcher.run());
        let (served, served_seen) = watch::channel(Served { set, tokens: tokens.clone() });
        let server = socket.map(|socket| {
            let control = Control::new(Parts {
                clock,
                store: store.clone(),
                dispatcher: handle.clone(),
                state_dir,
                socket: socket.path().to_owned(),
                started_at: opened.wall,
                served: served_seen,
            });
            Server::start(socket, Arc::new(control))
        });
        Ok(Daemon {
            handle,
            dispatcher,
            tokens,
            _served: served,
            server,
            store,
            housekeeping,
            tracker,
            _folder: folder,
        })
    }

    /// For asking and watching.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// How each connection's token stands.
    pub fn token_status(&self) -> BTreeMap<ConnectionName, TokenStatus> {
        self.tokens.iter().map(|(name, manager)| (name.clone(), manager.status())).collect()
    }

    /// The worst that is wrong now, in one sentence; none when all is well.
    pub fn trouble(&self) -> Option<String> {
        let store = self.handle.turns().borrow().store;
        let tokens = self.tokens.iter().map(|(name, manager)| (name.to_string(), manager.status())).collect();
        worst(store, &tokens, &self.handle.obstacles())
    }

    /// Ends softly: nothing new is claimed or sent, starts under way are seen to their end, everything is committed
    /// (semantics.md 28). Robots go on; they are found again at the next start.
    ///
    /// # Errors
    /// [`DaemonError::Ended`] when the dispatcher had fallen over.
    pub async fn stop(self) -> Result<(), DaemonError> {
        let Daemon { handle, dispatcher, tokens, _served, server, store, housekeeping, tracker, _folder } = self;
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
        for manager in tokens.values() {
            manager.stop().await;
        }
        // A reader that is still there would keep the WAL from being folded back on closing.
        if let Err(cause) = store.checkpoint().await {
            tracing::debug!("The WAL stays beside the database: {cause}");
        }
        if let Err(cause) = store.close().await {
            tracing::warn!("Failed to close the database: {cause}");
        }
        tracker.close();
        ended.map_err(|_| DaemonError::Ended)
    }

    /// Waits for the dispatcher to end by itself, which it does only when it has fallen over.
    pub async fn fell_over(&mut self) -> DaemonError {
        let _ = (&mut self.dispatcher).await;
        DaemonError::Ended
    }
}

/// Lets the dispatcher know of each new token. Ends with the manager.
fn tell_of_renewals(
    connection: ConnectionName,
    manager: &TokenManager,
    reports: mpsc::UnboundedSender<Report>,
    tracker: &TaskTracker,
) {
    let mut status = manager.watch();
    tracker.spawn(async move {
        let mut known = status.borrow_and_update().generation;
        while status.changed().await.is_ok() {
            let generation = status.borrow_and_update().generation;
            if generation != known && generation.is_some() {
                known = generation;
                if reports.send(Report::TokenRenewed { connection: connection.clone() }).is_err() {
                    return;
                }
            }
        }
    });
}

/// What the files say, in the words of `auth`. Public so that a command without a daemon means the same.
pub fn credential(connection: &Connection) -> Credential {
    let derived = |style| token_url(&connection.url, style);
    let tenant = connection.tenant.clone();
    let (grant, derived) = match connection.auth.grant.clone() {
        Grant::ClientCredentials { client_id, client_secret, scope } => {
            (GrantConfig::ClientCredentials { client_id, client_secret, scope }, derived(Style::Identity))
        }
        Grant::RefreshTokenAccount { client_id, refresh_token } => {
            (GrantConfig::RefreshTokenAccount { client_id, refresh_token, tenant }, derived(Style::Account))
        }
        Grant::RefreshTokenIdentity { client_id, client_secret, refresh_token, scope } => {
            let grant = GrantConfig::RefreshTokenIdentity { client_id, client_secret, refresh_token, scope };
            (grant, derived(Style::Identity))
        }
        Grant::Password { username, password } => {
            (GrantConfig::Password { username, password, tenant }, derived(Style::Authenticate))
        }
        // Nobody is asked; the address only has to be one that the token may be sent to.
        Grant::PersonalAccessToken { token } => (GrantConfig::PersonalAccessToken { token }, connection.url.clone()),
    };
    let token_url = connection.auth.token_url.clone().unwrap_or(derived);
    Credential { connection: connection.name.to_string(), grant, token_url }
}
