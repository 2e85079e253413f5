//! Where questions about what happened are asked: of the daemon, if one answers, else of the files.
//!
//! The daemon has every right on them, so its caller needs none; and where it may not be called, the files may still be open.

use jiff::Timestamp;

use super::args::Global;
use super::client::{Client, segment};
use super::failure::Failure;
use crate::history::{History, HistoryError, RunSummary};
use crate::schedule::load;
use crate::web::{RunStory, ShownRun};

/// Who is asked.
#[derive(Debug)]
pub(super) enum Reads {
    /// The daemon.
    Daemon(Client),
    /// The files.
    Files(History),
    /// No daemon answers, and none has run here.
    Nothing(HistoryError),
}

impl Reads {
    /// # Errors
    /// There is something to ask, and the caller may not.
    pub(super) async fn find(global: &Global) -> Result<Reads, Failure> {
        let shut_out = match Client::find(global).await {
            Ok(Some(client)) => return Ok(Reads::Daemon(client)),
            Ok(None) => None,
            Err(failure) => Some(failure),
        };
        match (History::open(&global.state_dir()).await, shut_out) {
            (Ok(history), _) => Ok(Reads::Files(history)),
            // Whoever may neither call nor read is told how to be let in.
            (Err(HistoryError::Missing(_) | HistoryError::Closed(_)), Some(failure)) => Err(failure),
            (Err(cause @ HistoryError::Missing(_)), None) => Ok(Reads::Nothing(cause)),
            (Err(cause), _) => Err(cause.into()),
        }
    }

    /// All that is known of the run that a person names.
    pub(super) async fn run(
        self,
        named: &str,
        global: &Global,
        now: Timestamp,
    ) -> Result<(ShownRun, RunStory), Failure> {
        match self {
            Reads::Daemon(client) => {
                let shown: ShownRun = client.get(&format!("/runs/{}", segment(named))).await?;
                let story = client.get(&format!("/runs/{}/story", segment(&shown.run.run))).await?;
                Ok((shown, story))
            }
            Reads::Files(history) => {
                // What is wrong with the files is for `check`.
                let loaded = load(&global.config_paths(), now).ok();
                let address = |name: &str| {
                    let mut connections = loaded.as_ref()?.set.connections.values();
                    let connection = connections.find(|connection| connection.name.as_str() == name)?;
                    Some(connection.url.clone())
                };
                let shown = ShownRun::find(&history, named, address, now).await;
                history.close().await;
                Ok(shown?)
            }
            Reads::Nothing(cause) => Err(cause.into()),
        }
    }
}

/// The run that a person names to a daemon that is to act on it.
pub(super) async fn run_of(client: &Client, named: &str) -> Result<RunSummary, Failure> {
    let shown: ShownRun = client.get(&format!("/runs/{}", segment(named))).await?;
    Ok(shown.run)
}
