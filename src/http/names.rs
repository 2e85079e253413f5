//! Which address of a name is tried first.
//!
//! hyper tries IPv6 and IPv4 at the same time, but the addresses of one family one after the other, each for its share of
//! the time for connecting: with two addresses, of which the first drops packets, each new connection would come 5 s late
//! (measured with hyper-util 0.1.21), and with a first address that takes TCP and is silent in the handshake none would come
//! at all. So the address that answered last is tried first, and one that was tried first in vain is tried last. The first
//! connection finds the good address within its time, and each one after it goes there at once.
//!
//! Absent: trying all at once. It would open connections that nobody uses, for every start.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::net::lookup_host;

/// Where addresses come from.
#[derive(Clone, Debug, Default)]
pub enum Source {
    /// The system's look-up.
    #[default]
    System,
    /// These, whatever the name.
    Fixed(Vec<SocketAddr>),
}

/// One client's memory of addresses. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Names {
    source: Source,
    memory: Arc<Mutex<Memory>>,
}

#[derive(Debug, Default)]
struct Memory {
    good: Option<IpAddr>,
    bad: Option<IpAddr>,
    /// What was handed out first, last time.
    first: Option<IpAddr>,
}

impl Names {
    /// Addresses from here.
    pub fn of(source: Source) -> Names {
        Names { source, memory: Arc::default() }
    }

    /// An answer came from this address.
    pub fn answered(&self, address: IpAddr) {
        let mut memory = self.lock();
        memory.good = Some(address);
        memory.bad = memory.bad.filter(|bad| *bad != address);
    }

    /// No connection came about.
    pub fn failed(&self) {
        let mut memory = self.lock();
        memory.bad = memory.first;
        memory.good = memory.good.filter(|good| Some(*good) != memory.bad);
    }

    fn ordered(&self, mut found: Vec<SocketAddr>) -> Vec<SocketAddr> {
        let mut memory = self.lock();
        found.sort_by_key(|address| match Some(address.ip()) {
            ip if ip == memory.good => 0,
            ip if ip == memory.bad => 2,
            _ => 1,
        });
        memory.first = found.first().map(SocketAddr::ip);
        found
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let names = self.clone();
        Box::pin(async move {
            let found = match &names.source {
                Source::System => lookup_host((name.as_str(), 0)).await?.collect(),
                Source::Fixed(addresses) => addresses.clone(),
            };
            if found.is_empty() {
                return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address").into());
            }
            Ok(Box::new(names.ordered(found).into_iter()) as Addrs)
        })
    }
}
