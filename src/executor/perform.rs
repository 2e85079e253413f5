//! One task for each action.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use super::action::{Action, Ask, NextToNewest, Report, Resolved, StartOrder, Target};
use crate::orchestrator::{CallError, Client, JobPage, Sentence, ServerSkew, StartRequest, StopStrategy, UnsentReason};
use crate::run::{FolderId, JobKey, Reference};
use crate::schedule::{ConnectionName, FolderChoice, StartSpec};

/// One client for each connection.
pub type Clients = BTreeMap<ConnectionName, Arc<Client>>;

/// Holds the clients and sends the reports.
#[derive(Clone, Debug)]
pub struct Executor {
    /// Replaced as a whole when files are read again. A call that is under way goes on with the client it began with.
    clients: Arc<RwLock<Arc<Clients>>>,
    reports: mpsc::UnboundedSender<Report>,
    tracker: TaskTracker,
    /// Where calls are made. The dispatcher, which hands them in, runs elsewhere.
    runtime: Handle,
}

impl Executor {
    /// An executor for these connections, whose calls are made in the runtime that it is made in. Reports are few and small
    /// (one an action), and each must arrive: the channel has no bound.
    pub fn new(clients: Clients, reports: mpsc::UnboundedSender<Report>, tracker: TaskTracker) -> Executor {
        Executor { clients: Arc::new(RwLock::new(Arc::new(clients))), reports, tracker, runtime: Handle::current() }
    }

    /// Begins one action. Its task is not dropped by anybody: a start that is under way is seen to its end.
    pub fn perform(&self, action: Action) {
        // The clients of now: when the task begins, files may have been read again, and the connection may lead elsewhere.
        let clients = self.clients.read().unwrap_or_else(PoisonError::into_inner).clone();
        let executor = Executor { clients: Arc::new(RwLock::new(clients)), ..self.clone() };
        let calls = async move {
            let report = executor.report_of(action).await;
            #[cfg(feature = "faults")]
            crate::faults::point(crate::faults::FAIL_BEFORE_REPORT, report.kind());
            // The dispatcher is gone only when the daemon is.
            let _ = executor.reports.send(report);
        };
        self.tracker.spawn_on(calls, &self.runtime);
    }

    /// From now on these are the connections.
    pub fn replace_clients(&self, clients: Clients) {
        *self.clients.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(clients);
    }

    fn client(&self, connection: &ConnectionName) -> Result<Arc<Client>, CallError> {
        let known = self.clients.read().unwrap_or_else(PoisonError::into_inner).get(connection).cloned();
        known.ok_or_else(|| CallError::Unsent {
            reason: UnsentReason::Outage,
            status: None,
            retry_after: None,
            text: Box::new(Sentence {
                connection: connection.to_string(),
                what: String::new(),
                came: "it is not in the loaded files any more".to_owned(),
                cure: None,
            }),
        })
    }

    #[expect(clippy::too_many_lines, reason = "it is a table, an arm for each action")]
    async fn report_of(&self, action: Action) -> Report {
        match action {
            Action::Resolve { connection, asked_of, folder, process } => {
                let result = self.resolve(&connection, folder.as_ref(), &process).await;
                let server_skew = self.client(&connection).map_or(ServerSkew::Unknown, |client| client.clock_skew());
                Report::Resolved { connection, asked_of, folder, process, result, server_skew }
            }
            Action::Start(order) => self.start(order).await,
            Action::LookUp { connection, folder_id, asks, control, nonce } => {
                let references = names_of(&asks, control.as_ref());
                let result = match self.client(&connection) {
                    Ok(client) => client.list_by_reference(folder_id, &references, &nonce).await,
                    Err(error) => Err(error),
                };
                Report::LookedUp { connection, folder_id, asks, control, result }
            }
            Action::LookUpNextToNewest { connection, folder_id, asks, nonce } => {
                let result = match self.client(&connection) {
                    Ok(client) => look_up_next_to_newest(&client, folder_id, &asks, &nonce).await,
                    Err(error) => Err(error),
                };
                Report::LookedUpNextToNewest { connection, folder_id, asks, result }
            }
            Action::ListSince { connection, folder_id, asks, since } => {
                let result = match self.client(&connection) {
                    Ok(client) => client.list_since(folder_id, since).await,
                    Err(error) => Err(error),
                };
                Report::ListedSince { connection, folder_id, asks, result }
            }
            Action::Poll { connection, folder_id, jobs } => {
                let keys: Vec<JobKey> = jobs.iter().map(|(_, job)| job.key).collect();
                let result = match self.client(&connection) {
                    Ok(client) => client.list_by_key(folder_id, &keys).await,
                    Err(error) => Err(error),
                };
                Report::Polled { connection, folder_id, jobs, result }
            }
            Action::ListEnded { connection, folder_id, prefix, since } => {
                let result = match self.client(&connection) {
                    Ok(client) => client.list_ended_since(folder_id, &prefix, since).await,
                    Err(error) => Err(error),
                };
                Report::ListedEnded { connection, folder_id, result }
            }
            Action::Read { connection, folder_id, run, job } => {
                let result = match self.client(&connection) {
                    Ok(client) => client.read_job(folder_id, job.id).await,
                    Err(error) => Err(error),
                };
                Report::Read { connection, run, result }
            }
            Action::Recall { connection, folder, folder_id, prefix, since } => {
                let result = match self.client(&connection) {
                    Ok(client) => match &prefix {
                        Some(prefix) => client.list_ours_since(folder_id, prefix, since).await,
                        None => client.list_since(folder_id, since).await,
                    },
                    Err(error) => Err(error),
                };
                Report::Recalled { connection, folder, folder_id, result }
            }
            Action::FindJob { connection, folder_id, run, key } => {
                let result = match self.client(&connection) {
                    Ok(client) => client.list_by_key(folder_id, &[key]).await,
                    Err(error) => Err(error),
                };
                Report::JobFound { connection, folder_id, run, result }
            }
            Action::StopSpare { connection, folder_id, run, job } => {
                let result = match self.client(&connection) {
                    Ok(client) => client.stop_job(folder_id, job.id, StopStrategy::SoftStop).await,
                    Err(error) => Err(error),
                };
                Report::SpareStopped { connection, run, job, result }
            }
            Action::Stop { connection, folder_id, run, job, how } => {
                let result = match self.client(&connection) {
                    Ok(client) => client.stop_job(folder_id, job.id, how).await,
                    Err(error) => Err(error),
                };
                Report::Stopped { connection, run, job, how, result }
            }
        }
    }

    async fn resolve(
        &self,
        connection: &ConnectionName,
        folder: Option<&FolderChoice>,
        process: &str,
    ) -> Result<Resolved, CallError> {
        let client = self.client(connection)?;
        let folder = client.find_folder(folder).await?;
        let release = client.find_release(folder.id, process).await.map_err(|error| folder.explain(error))?;
        Ok(Resolved { target: Target { folder_id: folder.id, release }, folder })
    }

    async fn start(&self, order: StartOrder) -> Report {
        let StartOrder { run, connection, target, reference, start, stop } = order;
        #[cfg(feature = "faults")]
        let reference = crate::faults::reference_to_send(reference);
        let arguments = start.arguments.map(|object| serde_json::Value::Object(object).to_string());
        let StartSpec { runtime, priority, .. } = start;
        let request = StartRequest { release_key: target.release, reference, arguments, runtime, priority, stop };
        match self.client(&connection) {
            Ok(client) => {
                #[cfg(feature = "faults")]
                crate::faults::point(crate::faults::FAIL_BEFORE_POST, "started");
                let reply = client.start_job(target.folder_id, &request).await;
                Report::Started {
                    connection,
                    run,
                    ended: reply.post_ended_boot,
                    server_date: reply.server_date,
                    result: reply.outcome,
                }
            }
            Err(error) => Report::Started {
                connection,
                run,
                ended: std::time::Duration::ZERO,
                server_date: None,
                result: Err(error),
            },
        }
    }
}

/// Each name once.
fn names_of(asks: &[Ask], control: Option<&Reference>) -> Vec<Reference> {
    let mut references: Vec<Reference> = asks.iter().map(|ask| &ask.reference).chain(control).cloned().collect();
    references.sort();
    references.dedup();
    references
}

async fn look_up_next_to_newest(
    client: &Client,
    folder_id: FolderId,
    asks: &[Ask],
    nonce: &Reference,
) -> Result<NextToNewest, CallError> {
    let (newest, freshness) = client.newest_job(folder_id).await?;
    let Some(newest) = newest else {
        return Ok(NextToNewest { newest: None, page: JobPage { freshness, ..JobPage::nothing() } });
    };
    // Its own Reference shows that this very filter works; its number shows less, and is what a job started by hand has.
    let page = match &newest.reference {
        Some(reference) => client.list_by_reference(folder_id, &names_of(asks, Some(reference)), nonce).await?,
        None => client.list_by_reference_or_id(folder_id, &names_of(asks, None), newest.id, nonce).await?,
    };
    Ok(NextToNewest { newest: Some(newest), page })
}

impl Ask {
    /// Whether this is the Reference that was asked for; the server's filter is not trusted.
    pub fn is(&self, reference: Option<&Reference>) -> bool {
        reference == Some(&self.reference)
    }
}
