//! The handle by which files are read again: any number of callers, one reader (`reload`).
//!
//! Apart from the reader, because the control API holds it behind its own trait and must not see more.

use std::fmt;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};

use super::files_state::FilesState;
use crate::schedule::Removals;
use crate::web::{Reloaded, Reread, Rereads};

/// One who asks.
pub(super) struct Request {
    pub(super) removals: Removals,
    pub(super) reply: Option<oneshot::Sender<Reread>>,
}

/// Asks for the files to be read again, and tells how they stand.
#[derive(Clone, Debug)]
pub struct Reloads {
    pub(super) requests: mpsc::UnboundedSender<Request>,
    pub(super) state: watch::Receiver<FilesState>,
    pub(super) paths: Arc<[PathBuf]>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("removals", &self.removals).finish_non_exhaustive()
    }
}

impl Reloads {
    /// Reads the files again, and waits for what came of it.
    pub async fn reload(&self, removals: Removals) -> Reread {
        let (reply, answer) = oneshot::channel();
        // Only a daemon that stops does not answer.
        let stopping =
            || Reread { outcome: Reloaded::Stopping, warnings: Vec::new(), schedules: self.state.borrow().schedules() };
        if self.requests.send(Request { removals, reply: Some(reply) }).is_err() {
            return stopping();
        }
        answer.await.unwrap_or_else(|_| stopping())
    }

    /// Reads them again soon. What comes of it is in the log.
    pub fn hang_up(&self) {
        // Only a daemon that stops does not listen.
        let _ = self.requests.send(Request { removals: Removals::Guarded, reply: None });
    }

    /// How the files stand.
    pub fn state(&self) -> watch::Receiver<FilesState> {
        self.state.clone()
    }
}

impl Rereads for Reloads {
    fn reread(&self, removals: Removals) -> Pin<Box<dyn Future<Output = Reread> + Send + '_>> {
        Box::pin(self.reload(removals))
    }

    fn paths(&self) -> Vec<String> {
        self.paths.iter().map(|path| path.display().to_string()).collect()
    }
}
