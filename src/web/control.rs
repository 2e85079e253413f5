//! What the calls work with: handles on the parts of the running daemon.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;

use super::answer::{Refusal, Why};
use super::peer::Peer;
use crate::auth::TokenManager;
use crate::clock::Clock;
use crate::dispatcher::Handle;
use crate::schedule::{ConnectionName, ScheduleSet};
use crate::store::Store;

/// What is served at the moment. Replaced whole when the files are read anew.
#[derive(Clone, Debug)]
pub struct Served {
    /// The schedules.
    pub set: Arc<ScheduleSet>,
    /// One for each connection.
    pub tokens: BTreeMap<ConnectionName, TokenManager>,
}

/// The state behind every call.
#[derive(Debug)]
pub struct Control {
    /// The time.
    pub clock: Clock,
    /// For `audit` rows.
    pub store: Store,
    /// For asking and watching the dispatcher.
    pub dispatcher: Handle,
    /// Where the history is.
    pub state_dir: PathBuf,
    /// Where this is served.
    pub socket: PathBuf,
    /// When the daemon began.
    pub started_at: Timestamp,
    /// Schedules and tokens.
    pub served: watch::Receiver<Served>,
}

impl Control {
    /// What is served now.
    pub(super) fn served(&self) -> Served {
        self.served.borrow().clone()
    }

    /// Writes down who does what, before it is done (S54): what cannot be written down is not done.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn audit(
        &self,
        peer: &Peer,
        action: &'static str,
        subject: &str,
        detail: Option<String>,
    ) -> Result<(), Refusal> {
        tracing::info!(uid = peer.uid, action, subject, "{peer}: {action} `{subject}`");
        let written =
            self.store.record_audit(self.clock.now(), peer.to_string(), action, subject.to_owned(), detail).await;
        written.map_err(|cause| {
            tracing::error!("Nothing can be written, so nothing is done: {cause}");
            Refusal::new(Why::Unable, "the daemon's database cannot be written, so nothing was done")
                .hint("its log says why; free space on the disk of the state folder")
        })
    }
}
