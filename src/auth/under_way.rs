//! The exchanges of this process whose answers come once: whoever ends the process waits for them.
//!
//! One register for a process, not for a manager: a login that is being tried, a browser's code and a manager that was let go
//! of count as well. An exchange is on it from before its request leaves until what came back is saved.
//!
//! Absent: how long is waited (each exchange has its own limit), and telling anybody.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

/// The register. Its clones are the same.
#[derive(Clone)]
pub struct Exchanges(Arc<watch::Sender<Register>>);

#[derive(Debug, Default)]
struct Register {
    count: u64,
    under_way: BTreeMap<u64, UnderWay>,
    closed: bool,
}

/// One exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnderWay {
    /// Whose.
    pub connection: String,
    /// When its request left, boot time.
    pub since: Duration,
}

/// On the register until it is dropped.
pub(super) struct Entry {
    register: Arc<watch::Sender<Register>>,
    number: u64,
}

impl Exchanges {
    /// Puts an exchange on it; none when nothing may be begun any more.
    pub(super) fn begin(&self, connection: &str, since: Duration) -> Option<Entry> {
        let mut entry = None;
        self.0.send_modify(|register| {
            if !register.closed {
                register.count += 1;
                let number = register.count;
                register.under_way.insert(number, UnderWay { connection: connection.to_owned(), since });
                entry = Some(Entry { register: self.0.clone(), number });
            }
        });
        entry
    }

    /// From here on none is begun.
    pub fn close(&self) {
        self.0.send_modify(|register| register.closed = true);
    }

    /// What is on it, the oldest first.
    pub fn under_way(&self) -> Vec<UnderWay> {
        self.0.borrow().under_way.values().cloned().collect()
    }

    /// Waits until nothing is on it.
    pub async fn ended(&self) {
        // It cannot fail: the sender is here.
        let _ = self.0.subscribe().wait_for(|register| register.under_way.is_empty()).await;
    }

    /// Waits until something is on it.
    pub async fn begun(&self) {
        let _ = self.0.subscribe().wait_for(|register| !register.under_way.is_empty()).await;
    }
}

impl Default for Exchanges {
    fn default() -> Exchanges {
        Exchanges(Arc::new(watch::Sender::default()))
    }
}

impl fmt::Debug for Exchanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Exchanges").field(&self.under_way()).finish()
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.register.send_modify(|register| {
            register.under_way.remove(&self.number);
        });
    }
}
