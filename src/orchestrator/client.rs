//! The calls, each with its own types.
//!
//! Reads return what the server showed, unfiltered: what is ours is decided by who asked. Lists say whether they are whole.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::Method;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::call::Call;
use super::error::CallError;
use super::freshness::{Freshness, ServerSkew};
use super::job::{JobView, LogLine, StopStrategy};
use super::odata;
use super::outcome::{self, Asked};
use super::request::{Pool, Request};
use super::setup_error::ClientSetupError;
use super::transport::{ClientConfig, Exchange, Length, Transport};
use super::wire::{JobDto, LogDto, Page, StartBody, StartInfo, StopBody};
use crate::run::{FolderId, JobId, JobKey, Reference};
use crate::schedule::JobPriority;
use crate::witness::Witness;

/// How many references or keys go into one list call; more are asked for in several. UiPath's own clients send as many keys,
/// which keeps the URL within what servers take.
pub const MAX_NAMES_PER_CALL: usize = 50;

/// The largest `$top` there is.
pub(super) const MAX_TOP: usize = 1000;

/// A page size that some Cloud lists are held to whatever `$top` says: a list of just this length may be cut.
pub(super) const SERVER_PAGE: usize = 100;

/// Answers to all calls but the two below (S31).
pub(super) const SMALL: usize = 1024 * 1024;

/// A list of 1,000 jobs, or of long log lines.
pub(super) const LIST: usize = 8 * 1024 * 1024;

/// One job with its output (S31).
const JOB: usize = 10 * 1024 * 1024;

/// What lists of jobs show. All of it is known to every server since 2020.10.
pub(super) const JOB_FIELDS: &str = "Id,Key,State,Reference,ReleaseName,CreationTime,StartTime,EndTime";

/// The same and what only one job's read shows, without its output.
const JOB_FIELDS_NO_OUTPUT: &str = "Id,Key,State,Reference,ReleaseName,CreationTime,StartTime,EndTime,Info";

/// Orchestrator's GUID of a process in a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReleaseKey(pub Uuid);

/// One job to start.
#[derive(Clone, Debug)]
pub struct StartRequest {
    /// Of which process.
    pub release_key: ReleaseKey,
    /// Under which name it can be found again.
    pub reference: Reference,
    /// Its input arguments, JSON text.
    pub arguments: Option<String>,
    /// Orchestrator's `RuntimeType`, sent as written.
    pub runtime: Option<String>,
    /// Its priority; none: as the process says.
    pub priority: Option<JobPriority>,
    /// When Orchestrator itself stops the job.
    pub stop: Option<ServerStop>,
}

/// Orchestrator's own limits of a job's time, both in whole seconds. It counts from the job's creation: the wait for a robot and suspended
/// time are in it (semantics.md 21).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerStop {
    /// Until the soft stop.
    pub after: Duration,
    /// From there to the kill.
    pub grace: Duration,
}

/// What came of a start.
#[derive(Clone, Debug)]
pub struct StartReply {
    /// Boot time when the POST ended, by answer, error or time-out: the settle time counts from here (semantics.md 16).
    pub post_ended_boot: Duration,
    /// At least one job; more than one is an incident (R7).
    pub outcome: Result<Vec<JobView>, CallError>,
    /// The server's clock, as its answer told it.
    pub server_date: Option<Timestamp>,
}

/// One Orchestrator tenant.
#[derive(Debug)]
pub struct Client {
    pub(super) transport: Transport,
}

impl Client {
    /// Sets the client up; nothing is sent yet.
    ///
    /// # Errors
    /// See [`ClientSetupError`].
    pub fn new(config: ClientConfig) -> Result<Client, ClientSetupError> {
        Ok(Client { transport: Transport::new(config)? })
    }

    /// The same, and tells `witness` of each request.
    #[must_use]
    pub fn watched_by(self, witness: Witness) -> Client {
        Client { transport: self.transport.watched_by(witness) }
    }

    /// The server's clock minus ours, as far as its answers have told it (semantics.md 7).
    pub fn clock_skew(&self) -> ServerSkew {
        self.transport.skew()
    }

    /// Asks for exactly one job (semantics.md 13, 19).
    pub async fn start_job(&self, folder: FolderId, start: &StartRequest) -> StartReply {
        let StartRequest { release_key: _, reference, arguments: _, runtime: _, priority: _, stop: _ } = start;
        let asked = self.asked(Call::Start, format!("starting `{reference}` in folder {folder}"));
        let request = Request {
            pool: Pool::Starts,
            method: Method::POST,
            path: "odata/Jobs/UiPath.Server.Configuration.OData.StartJobs".to_owned(),
            query: None,
            folder: Some(folder),
            body: Some(start_body(start)),
            limit: SMALL,
            asked,
        };
        let Exchange { outcome, length: _, ended_boot, server_date, freshness: _ } =
            self.transport.exchange(&request).await;
        #[cfg(feature = "faults")]
        crate::faults::point(crate::faults::FAIL_BEFORE_PARSE, "started");
        let outcome = outcome.and_then(|bytes| accepted_jobs(&request.asked, &bytes, reference));
        StartReply { post_ended_boot: ended_boot, outcome, server_date }
    }

    /// One job with its output, remark and fault; `None` when Orchestrator itself says that there is none.
    ///
    /// An output beyond 10 MiB is left out: the job's end must still be seen.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn read_job(&self, folder: FolderId, id: JobId) -> Result<Option<JobView>, CallError> {
        let request = |query| Request {
            asked: self.asked(Call::ReadJob, format!("reading job {id} in folder {folder}")),
            pool: Pool::Reads,
            method: Method::GET,
            path: format!("odata/Jobs({id})"),
            query,
            folder: Some(folder),
            body: None,
            limit: JOB,
        };
        // All fields, because older servers refuse a `$select` with one that they do not know.
        let whole = request(None);
        let mut exchange = self.transport.exchange(&whole).await;
        if exchange.length == Length::TooLong {
            tracing::warn!(connection = self.transport.connection, job = %id, "Left out an output beyond 10 MiB");
            let fields = odata::query(&[("$select", JOB_FIELDS_NO_OUTPUT.to_owned())]);
            exchange = self.transport.exchange(&request(Some(fields))).await;
        }
        match exchange.outcome {
            Ok(bytes) => {
                let job: JobDto =
                    serde_json::from_slice(&bytes).map_err(|cause| outcome::unreadable(&whole.asked, &cause))?;
                let job = JobView::from(job);
                match exchange.freshness {
                    // It may have ended since; an end is an end, whoever kept it.
                    Freshness::Stale(why) if !job.state.is_final() => {
                        Err(outcome::unknown(&whole.asked, None, format!("got an answer that proves nothing: {why}")))
                    }
                    Freshness::Stale(_) | Freshness::Fresh => Ok(Some(job)),
                }
            }
            // A folder that is not known says nothing about a job, and neither does what a cache kept.
            Err(error) if error.folder_is_unknown() => Err(error),
            Err(CallError::Rejected { status: 404, .. }) if exchange.freshness == Freshness::Fresh => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Asks a job to end. It is still to be read how it ends.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn stop_job(&self, folder: FolderId, id: JobId, how: StopStrategy) -> Result<(), CallError> {
        let request = Request {
            asked: self.asked(Call::StopJob, format!("asking job {id} in folder {folder} to end")),
            pool: Pool::Reads,
            method: Method::POST,
            path: format!("odata/Jobs({id})/UiPath.Server.Configuration.OData.StopJob"),
            query: None,
            folder: Some(folder),
            body: Some(to_bytes(&StopBody { strategy: how.as_str() })),
            limit: SMALL,
        };
        self.transport.exchange(&request).await.outcome.map(|_| ())
    }

    /// The last `top` lines of a job's log (at most 1,000), oldest first.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn robot_logs(&self, folder: FolderId, key: JobKey, top: u32) -> Result<Vec<LogLine>, CallError> {
        let asked = self.asked(Call::ReadLogs, format!("reading the log of job {key} in folder {folder}"));
        let top = usize::try_from(top).unwrap_or(MAX_TOP).clamp(1, MAX_TOP);
        let query = [
            ("$filter", format!("JobKey eq {key}")),
            ("$orderby", "TimeStamp desc".to_owned()),
            ("$top", top.to_string()),
            ("$select", "TimeStamp,Level,Message".to_owned()),
        ];
        let page: Page<LogDto> = self.read("odata/RobotLogs", &query, Some(folder), LIST, &asked).await?;
        Ok(page.value.into_iter().rev().map(LogLine::from).collect())
    }

    pub(super) async fn read<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
        folder: Option<FolderId>,
        limit: usize,
        asked: &Asked,
    ) -> Result<T, CallError> {
        let request = self.list_request(path, query, folder, limit, asked);
        let bytes = self.transport.exchange(&request).await.outcome?;
        serde_json::from_slice(&bytes).map_err(|cause| outcome::unreadable(asked, &cause))
    }

    pub(super) fn list_request(
        &self,
        path: &str,
        query: &[(&str, String)],
        folder: Option<FolderId>,
        limit: usize,
        asked: &Asked,
    ) -> Request {
        Request {
            asked: asked.clone(),
            pool: Pool::Reads,
            method: Method::GET,
            path: path.to_owned(),
            query: (!query.is_empty()).then(|| odata::query(query)),
            folder,
            body: None,
            limit,
        }
    }

    pub(super) fn asked(&self, call: Call, what: String) -> Asked {
        Asked { connection: self.transport.connection.clone(), call, what }
    }
}

/// The jobs of a start's answer: at least one, all of them ours.
fn accepted_jobs(asked: &Asked, bytes: &[u8], reference: &Reference) -> Result<Vec<JobView>, CallError> {
    let page: Page<JobDto> = serde_json::from_slice(bytes).map_err(|cause| outcome::unreadable(asked, &cause))?;
    let jobs: Vec<JobView> = page.value.into_iter().map(JobView::from).collect();
    // An answer about another start (a confused proxy) must not be taken for ours; the look-up will tell.
    let foreign = jobs.iter().any(|job| job.reference.as_ref().is_some_and(|theirs| theirs != reference));
    if jobs.is_empty() {
        Err(outcome::unknown(asked, None, "was accepted, but the answer holds no job"))
    } else if foreign {
        Err(outcome::unknown(asked, None, "was accepted, but the answer is about another start"))
    } else {
        Ok(jobs)
    }
}

/// The body of a start, and of asking whether it could be.
pub(super) fn start_body(start: &StartRequest) -> Vec<u8> {
    let StartRequest { release_key: ReleaseKey(release_key), reference, arguments, runtime, priority, stop } = start;
    to_bytes(&StartBody {
        start_info: StartInfo {
            release_key: *release_key,
            strategy: "ModernJobsCount",
            jobs_count: 1,
            reference,
            input_arguments: arguments.as_deref(),
            runtime_type: runtime.as_deref(),
            job_priority: priority.map(JobPriority::name),
            stop_process_expression: stop.map(|stop| stop.after.as_secs().to_string()),
            stop_strategy: stop.map(|_| StopStrategy::SoftStop.as_str()),
            kill_process_expression: stop.map(|stop| stop.grace.as_secs().to_string()),
        },
    })
}

/// These bodies are strings and numbers, which always have a JSON form.
fn to_bytes(body: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(body).unwrap_or_default()
}
