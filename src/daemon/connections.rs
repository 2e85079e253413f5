//! The clients and token managers of all connections, and how they follow the files.
//!
//! A connection that says the same keeps both. A credential that is different in any part gets a token manager of its own, so
//! a token that was got with the old one is never used again (T22). What a connection that is gone still has open is followed
//! with the client it had.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use super::settings::{DaemonError, random_seed};
use crate::auth::{AuthEnvironment, Credential, Exchanges, TokenManager, tokens_folder};
use crate::clock::Clock;
use crate::executor::{Clients, Report};
use crate::orchestrator::Client;
use crate::schedule::{Connection, ConnectionName, ScheduleSet, asks_elsewhere};
use crate::wiring;

/// What all connections share.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    pub(super) clock: Clock,
    pub(super) state_dir: PathBuf,
    pub(super) tracker: TaskTracker,
    pub(super) reports: mpsc::UnboundedSender<Report>,
    pub(super) exchanges: Exchanges,
}

#[derive(Clone, Debug)]
struct Wired {
    connection: Arc<Connection>,
    credential: Credential,
    manager: TokenManager,
    client: Arc<Client>,
}

type All = BTreeMap<ConnectionName, Wired>;

/// All connections there are. Its clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Connections {
    shared: Shared,
    wired: Arc<Mutex<All>>,
    /// Managers that nobody asks any more, each until what it has under way has come to its end.
    retired: Arc<Mutex<Retired>>,
}

#[derive(Debug, Default)]
struct Retired {
    count: u64,
    ending: BTreeMap<u64, TokenManager>,
}

/// Connections that are ready to be taken, and not in use yet.
#[derive(Debug)]
pub(super) struct Prepared(All);

impl Prepared {
    /// For the executor.
    pub(super) fn clients(&self) -> Clients {
        self.0.iter().map(|(name, wired)| (name.clone(), wired.client.clone())).collect()
    }
}

impl Connections {
    pub(super) fn new(shared: Shared) -> Connections {
        Connections { shared, wired: Arc::default(), retired: Arc::default() }
    }

    /// Makes what a set needs, in addition to all that there is. Nothing changes until it is taken.
    ///
    /// # Errors
    /// The first connection that cannot be used at all.
    pub(super) fn prepare(&self, set: &ScheduleSet) -> Result<Prepared, DaemonError> {
        // What is not in the set stays until nothing is open on it.
        let mut all = self.lock().clone();
        for (name, connection) in &set.connections {
            match self.wire(connection, all.get(name)) {
                Ok(wired) => all.insert(name.clone(), wired),
                Err(error) => {
                    self.retire_all_but(&self.lock().clone(), all);
                    return Err(error);
                }
            };
        }
        Ok(Prepared(all))
    }

    /// They are in use now.
    pub(super) fn take(&self, prepared: Prepared) {
        let Prepared(new) = prepared;
        let old = std::mem::replace(&mut *self.lock(), new.clone());
        self.retire_all_but(&new, old);
    }

    /// Lets go of connections that are neither in the set nor followed on.
    pub(super) fn keep_only(&self, set: &ScheduleSet, leaving: &BTreeSet<ConnectionName>) {
        let (kept, gone) = std::mem::take(&mut *self.lock())
            .into_iter()
            .partition(|(name, _)| set.connections.contains_key(name) || leaving.contains(name));
        *self.lock() = kept;
        let kept = self.lock().clone();
        self.retire_all_but(&kept, gone);
    }

    /// The manager of each connection.
    pub(super) fn managers(&self) -> BTreeMap<ConnectionName, TokenManager> {
        self.lock().iter().map(|(name, wired)| (name.clone(), wired.manager.clone())).collect()
    }

    /// The secrets are read now: one that cannot be read any more is told at once, and not when its token ends in the night.
    pub(super) fn look(&self) {
        self.managers().values().for_each(TokenManager::begin_to_look);
    }

    /// Nothing new is asked for from here on. Waits for nothing.
    pub(super) fn begin_to_stop(&self) {
        let managers: Vec<_> = self.managers().into_values().chain(self.retired().ending.values().cloned()).collect();
        managers.iter().for_each(TokenManager::begin_to_stop);
    }

    /// Waits for what is under way: a one-use token must be saved before the process ends. All have been told before the first
    /// is waited for.
    pub(super) async fn stop(&self) {
        self.begin_to_stop();
        for manager in self.managers().into_values() {
            manager.stop().await;
        }
        let retired = std::mem::take(&mut self.retired().ending);
        for manager in retired.into_values() {
            manager.stop().await;
        }
    }

    /// How many managers are still ending.
    #[must_use]
    pub(super) fn ending(&self) -> usize {
        self.retired().ending.len()
    }

    fn retired(&self) -> std::sync::MutexGuard<'_, Retired> {
        self.retired.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, All> {
        self.wired.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn retire_all_but(&self, used: &All, old: All) {
        for (name, wired) in old {
            if used.get(&name).is_some_and(|now| now.credential == wired.credential) {
                continue;
            }
            let number = {
                let mut retired = self.retired();
                retired.count += 1;
                let number = retired.count;
                retired.ending.insert(number, wired.manager.clone());
                number
            };
            let all = self.clone();
            self.shared.tracker.spawn(async move {
                wired.manager.stop().await;
                all.retired().ending.remove(&number);
            });
        }
    }

    fn wire(&self, connection: &Arc<Connection>, old: Option<&Wired>) -> Result<Wired, DaemonError> {
        let credential = wiring::credential(connection);
        let same = |old: &&Wired| {
            !asks_elsewhere(&old.connection, connection) && old.connection.authorities == connection.authorities
        };
        if let Some(old) = old.filter(same) {
            return Ok(Wired { connection: connection.clone(), ..old.clone() });
        }
        let manager = match old.filter(|old| old.credential == credential) {
            Some(old) => old.manager.clone(),
            None => self.start_manager(&connection.name, &credential)?,
        };
        let client = wiring::client(connection, &self.shared.clock, &manager)?;
        Ok(Wired { connection: connection.clone(), credential, manager, client: Arc::new(client) })
    }

    fn start_manager(&self, name: &ConnectionName, credential: &Credential) -> Result<TokenManager, DaemonError> {
        let Shared { clock, state_dir, tracker, reports, exchanges } = &self.shared;
        let environment = AuthEnvironment {
            clock: clock.clone(),
            tokens_dir: tokens_folder(state_dir),
            tracker: tracker.clone(),
            seed: random_seed(),
            exchanges: exchanges.clone(),
        };
        let manager = TokenManager::start(credential.clone(), environment)?;
        tell_of_renewals(name.clone(), &manager, reports.clone(), tracker);
        Ok(manager)
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
