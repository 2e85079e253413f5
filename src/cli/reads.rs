//! Where questions about what happened are asked: of the daemon, if one answers, else of the files.
//!
//! The daemon has every right on them, so its caller needs none; and where it may not be called, the files may still be open.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::args::Global;
use super::client::{Client, segment};
use super::failure::{Exit, Failure};
use crate::history::{Digest, History, HistoryError, HistoryFilter, RunSummary};
use crate::schedule::load;
use crate::web::{RunList, RunQuery, RunStory, ShownRun, digests_of};

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
            // The folder that was named is closed itself, and the socket is only in it.
            (Err(cause @ HistoryError::Closed(_)), Some(_)) if global.state_dir.is_some() => Err(cause.into()),
            // Whoever may neither call nor read is told how to be let in.
            (Err(HistoryError::Missing(_) | HistoryError::Closed(_)), Some(failure)) => Err(failure),
            (Err(cause @ HistoryError::Missing(_)), None) => Ok(Reads::Nothing(cause)),
            (Err(cause), _) => Err(cause.into()),
        }
    }

    /// The files, whether a daemon runs or not.
    pub(super) async fn files(global: &Global) -> Result<Reads, Failure> {
        Ok(Reads::Files(History::open(&global.state_dir()).await?))
    }

    /// Nothing more is asked.
    pub(super) async fn close(self) {
        if let Reads::Files(history) = self {
            history.close().await;
        }
    }

    /// The runs of a filter.
    pub(super) async fn runs(
        &self,
        filter: &HistoryFilter,
        global: &Global,
        now: Timestamp,
    ) -> Result<RunList, Failure> {
        match self {
            Reads::Daemon(client) => client.get(&format!("/runs?{}", RunQuery::of(filter).in_address())).await,
            Reads::Files(history) => Ok(RunList::ask(history, &names(global, now), filter, now).await?),
            Reads::Nothing(cause) => Err(nothing(cause)),
        }
    }

    /// What has changed since a list was asked for.
    pub(super) async fn changed(&self, seen: i64, now: Timestamp) -> Result<RunList, Failure> {
        match self {
            Reads::Daemon(client) => client.get(&format!("/runs/changed?after={seen}")).await,
            Reads::Files(history) => Ok(RunList::changed(history, seen, now).await?),
            Reads::Nothing(cause) => Err(nothing(cause)),
        }
    }

    /// What schedules have come to.
    pub(super) async fn digests(
        &self,
        filter: &HistoryFilter,
        global: &Global,
        now: Timestamp,
    ) -> Result<Vec<Digest>, Failure> {
        match self {
            Reads::Daemon(client) => {
                // Of schedules all are asked for: which are shown is decided by how they stand.
                let query = RunQuery { limit: None, failed: false, ..RunQuery::of(filter) };
                client.get(&format!("/schedules/digests?{}", query.in_address())).await
            }
            Reads::Files(history) => Ok(digests_of(history, &names(global, now), filter).await?),
            Reads::Nothing(cause) => Err(nothing(cause)),
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

/// The schedules of the files. Files that cannot be read know nothing; the history can be asked all the same.
fn names(global: &Global, now: Timestamp) -> BTreeSet<String> {
    let loaded = load(&global.config_paths(), now);
    loaded.map(|loaded| loaded.set.schedules.keys().map(ToString::to_string).collect()).unwrap_or_default()
}

fn nothing(cause: &HistoryError) -> Failure {
    match cause {
        HistoryError::Missing(path) => HistoryError::Missing(path.clone()).into(),
        other => Failure::from_error(Exit::NotReachable, other),
    }
}

/// The run that a person names to a daemon that is to act on it.
pub(super) async fn run_of(client: &Client, named: &str) -> Result<RunSummary, Failure> {
    let shown: ShownRun = client.get(&format!("/runs/{}", segment(named))).await?;
    Ok(shown.run)
}
