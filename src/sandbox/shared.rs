//! What the parts of a running sandbox share: its state under one lock, and word of every change.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::connection::{Connections, Gate};
use super::fault_book::FaultBook;
use super::faults::Outage;
use super::record::{Exchange, TokenCall};
use super::service::Service;
use super::time::ServerTime;

/// What handlers, ticker and whoever controls it share.
pub(super) struct Shared {
    pub(super) time: ServerTime,
    state: Mutex<SharedState>,
    /// Goes up with every change; level, not edge, so nobody can miss one.
    version: watch::Sender<u64>,
    gate: watch::Sender<Gate>,
    pub(super) connections: Connections,
}

pub(super) struct SharedState {
    pub(super) service: Service,
    pub(super) faults: FaultBook,
    pub(super) outage: Outage,
    pub(super) exchanges: VecDeque<Exchange>,
    pub(super) token_calls: Vec<TokenCall>,
    /// By process: starts that were let in.
    pub(super) starts_asked: HashMap<String, usize>,
}

/// Says nothing of what is inside: tokens are.
impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("time", &self.time).finish_non_exhaustive()
    }
}

impl Shared {
    pub(super) fn new(
        time: ServerTime,
        service: Service,
        faults: FaultBook,
        gate: watch::Sender<Gate>,
        connections: Connections,
    ) -> Shared {
        let state = Mutex::new(SharedState {
            service,
            faults,
            outage: Outage::None,
            exchanges: VecDeque::new(),
            token_calls: Vec::new(),
            starts_asked: HashMap::new(),
        });
        Shared { time, state, version: watch::Sender::new(0), gate, connections }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, SharedState> {
        // A panic elsewhere is reported there; what is kept here is as good as it was.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn changed(&self) {
        self.version.send_modify(|version| *version += 1);
    }

    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    pub(super) fn set_outage(&self, outage: Outage) {
        self.lock().outage = outage;
        let gate = match outage {
            Outage::Refused => Gate::Refusing,
            Outage::None | Outage::Unavailable | Outage::Silent => Gate::Open,
        };
        self.gate.send_replace(gate);
        match outage {
            Outage::Refused | Outage::Silent => self.connections.cut_all(),
            Outage::None | Outage::Unavailable => {}
        }
    }
}
