//! What the calls work with: handles on the parts of the running daemon.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;

use super::answer::{Refusal, Why};
use super::directives::LogLevel;
use super::logins::Logins;
use super::peer::Peer;
use super::reread::Rereads;
use super::turns::Turns;
use crate::auth::{TokenManager, tokens_folder};
use crate::clock::Clock;
use crate::dispatcher::Handle;
use crate::schedule::{ConnectionName, ScheduleSet};
use crate::store::Store;

/// What is served at the moment. Replaced whole when the files are read anew.
#[derive(Clone, Debug)]
pub struct Served {
    /// The schedules.
    pub set: Arc<ScheduleSet>,
    /// What is wrong with the files, when what was loaded before goes on.
    pub files: Option<String>,
    /// One for each connection.
    pub tokens: BTreeMap<ConnectionName, TokenManager>,
}

/// The state behind every call.
#[derive(Debug)]
pub struct Control {
    /// The time.
    pub(super) clock: Clock,
    /// For `audit` rows, and for answers that are kept.
    pub(super) store: Store,
    /// For asking and watching the dispatcher.
    pub(super) dispatcher: Handle,
    /// Where the history is.
    pub(super) state_dir: PathBuf,
    /// Where this is served.
    pub(super) socket: PathBuf,
    /// When the daemon began.
    pub(super) started_at: Timestamp,
    /// For reading the files again.
    pub(super) files: Arc<dyn Rereads>,
    /// Schedules and tokens.
    served: watch::Receiver<Served>,
    /// Chores that failed, by name.
    pub(super) failing: watch::Receiver<BTreeMap<&'static str, String>>,
    /// The log of this process.
    pub(super) log: Option<Arc<dyn LogLevel>>,
    /// Browser logins that wait for their person.
    pub(super) logins: Logins,
    /// Acts under a key, one at a time.
    pub(super) turns: Turns,
}

/// What a control API is given at the start.
#[derive(Debug)]
pub struct Parts {
    pub clock: Clock,
    pub store: Store,
    pub dispatcher: Handle,
    pub state_dir: PathBuf,
    pub socket: PathBuf,
    pub started_at: Timestamp,
    pub files: Arc<dyn Rereads>,
    pub served: watch::Receiver<Served>,
    pub failing: watch::Receiver<BTreeMap<&'static str, String>>,
    pub log: Option<Arc<dyn LogLevel>>,
}

impl Control {
    /// The state of a daemon that begins.
    pub fn new(parts: Parts) -> Control {
        let Parts { clock, store, dispatcher, state_dir, socket, started_at, files, served, failing, log } = parts;
        let (logins, turns) = (Logins::default(), Turns::default());
        Control { clock, store, dispatcher, state_dir, socket, started_at, files, served, failing, log, logins, turns }
    }

    /// What is served now.
    pub(super) fn served(&self) -> Served {
        self.served.borrow().clone()
    }

    /// Where tokens and what logins keep are.
    pub(super) fn tokens_dir(&self) -> PathBuf {
        tokens_folder(&self.state_dir)
    }

    /// The token manager of a connection.
    ///
    /// # Errors
    /// There is no such connection.
    pub(super) fn manager(&self, name: &str) -> Result<TokenManager, Refusal> {
        let tokens = &self.served.borrow().tokens;
        let found = tokens.iter().find(|(known, _)| known.as_str() == name);
        found.map(|(_, manager)| manager.clone()).ok_or_else(|| {
            let known: Vec<_> = tokens.keys().map(ToString::to_string).collect();
            Refusal::new(Why::Missing, format!("the daemon has no connection `{name}`")).hint(format!(
                "it has: {}; a connection that was added to the files is there once they are taken up",
                known.join(", ")
            ))
        })
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
