//! The calls, each with its own types.
//!
//! Reads return what the server showed, unfiltered: what is ours is decided by who asked. Lists say whether they are whole.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde::de::DeserializeOwned;

use super::error::CallError;
use super::find::ReleaseKey;
use super::freshness::Freshness;
use super::job::{Completeness, JobPage, JobView, LogLine, StopStrategy};
use super::odata;
use super::outcome::{self, Asked, Call};
use super::setup_error::ClientSetupError;
use super::transport::{ClientConfig, Exchange, Length, Pool, Request, Transport};
use super::wire::{JobDto, LogDto, Page, StartBody, StartInfo, StopBody};
use crate::run::{FolderId, JobId, JobKey, Reference};
use crate::witness::Witness;

/// How many references or keys go into one list call; more are asked for in several. UiPath's own clients send as many keys,
/// which keeps the URL within what servers take.
pub const MAX_NAMES_PER_CALL: usize = 50;

/// The largest `$top` there is.
const MAX_TOP: usize = 1000;

/// A page size that some Cloud lists are held to whatever `$top` says: a list of just this length may be cut.
const SERVER_PAGE: usize = 100;

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

    /// The server's clock minus ours at its last good answer (semantics.md 7); `None` before the first.
    pub fn clock_skew(&self) -> Option<SignedDuration> {
        self.transport.skew()
    }

    /// Asks for exactly one job (semantics.md 13, 19).
    pub async fn start_job(&self, folder: FolderId, start: &StartRequest) -> StartReply {
        let StartRequest { release_key: _, reference, arguments: _, runtime: _ } = start;
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

    /// The jobs that were started under these names, duplicates included, by id. Always one and the same form of query, so
    /// that a hit proves that the form works (semantics.md 16). One call for each [`MAX_NAMES_PER_CALL`].
    ///
    /// # Errors
    /// `Rejected` when the server refuses the filter; else see [`CallError`].
    ///
    /// `nonce` is a name that nobody has and that was never asked for: with it in the question no cache can know the answer
    /// (semantics.md 16a).
    pub async fn list_by_reference(
        &self,
        folder: FolderId,
        references: &[Reference],
        nonce: &Reference,
    ) -> Result<JobPage, CallError> {
        let mut all = JobPage::nothing();
        for some in references.chunks(MAX_NAMES_PER_CALL) {
            let filter = odata::one_of("Reference", some.iter().chain([nonce]).map(Reference::as_str));
            // Room for several jobs under each name, so that duplicates are seen and not cut off.
            let top = (some.len() * 4).max(20);
            let what = format!("looking up {} references in folder {folder}", some.len());
            append(&mut all, self.list(folder, filter, "Id asc", top, what).await?);
        }
        Ok(all)
    }

    /// The newest job of the folder, whoever started it; `None` where there is none.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn newest_job(&self, folder: FolderId) -> Result<(Option<JobView>, Freshness), CallError> {
        let asked = self.asked(Call::ListJobs, format!("looking for the newest job of folder {folder}"));
        let query = [("$orderby", "Id desc".to_owned()), ("$top", "1".to_owned()), ("$select", JOB_FIELDS.to_owned())];
        let JobPage { jobs, completeness: _, freshness } = self.jobs(&query, folder, 1, &asked).await?;
        Ok((jobs.into_iter().max_by_key(|job| job.id), freshness))
    }

    /// The jobs under these names, and the one job `beside` that is known to exist: where no job of ours can show that such
    /// a look-up works, this one does (semantics.md 16a).
    ///
    /// # Errors
    /// `Rejected` when the server refuses the filter; else see [`CallError`].
    pub async fn list_by_reference_or_id(
        &self,
        folder: FolderId,
        references: &[Reference],
        beside: JobId,
        nonce: &Reference,
    ) -> Result<JobPage, CallError> {
        let names = odata::one_of("Reference", references.iter().chain([nonce]).map(Reference::as_str));
        let filter = format!("{names} or Id eq {beside}");
        let top = (references.len() * 4).max(20);
        let what = format!("looking up {} references next to job {beside} in folder {folder}", references.len());
        self.list(folder, filter, "Id asc", top, what).await
    }

    /// The folder's jobs created at or after an instant, newest first, at most 1,000.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn list_since(&self, folder: FolderId, since: Timestamp) -> Result<JobPage, CallError> {
        let filter = format!("CreationTime ge {}", odata::instant(since));
        let what = format!("listing the jobs of folder {folder} created since {since}");
        self.list(folder, filter, "CreationTime desc", MAX_TOP, what).await
    }

    /// The jobs whose Reference begins with `prefix` created at or after an instant, oldest first, at most 1,000: after a cut
    /// page, ask again from its last one.
    ///
    /// # Errors
    /// `Rejected` when the server refuses the filter; else see [`CallError`].
    pub async fn list_ours_since(
        &self,
        folder: FolderId,
        prefix: &str,
        since: Timestamp,
    ) -> Result<JobPage, CallError> {
        let filter =
            format!("startswith(Reference,{}) and CreationTime ge {}", odata::literal(prefix), odata::instant(since));
        let what = format!("listing our jobs of folder {folder} created since {since}");
        self.list(folder, filter, "CreationTime asc", MAX_TOP, what).await
    }

    /// The jobs with these keys. One call for each [`MAX_NAMES_PER_CALL`].
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn list_by_key(&self, folder: FolderId, keys: &[JobKey]) -> Result<JobPage, CallError> {
        let mut all = JobPage::nothing();
        for some in keys.chunks(MAX_NAMES_PER_CALL) {
            let texts: Vec<String> = some.iter().map(JobKey::to_string).collect();
            let filter = odata::one_of("Key", texts.iter().map(String::as_str));
            // One more than can be found: a key names one job, so a whole answer is never as long as this.
            let top = some.len() + 1;
            let what = format!("reading {} jobs in folder {folder}", some.len());
            append(&mut all, self.list(folder, filter, "Id asc", top, what).await?);
        }
        Ok(all)
    }

    /// The jobs whose Reference begins with `prefix` and that ended at or after an instant, oldest end first, at most
    /// 1,000: after a cut page, ask again from its last end.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn list_ended_since(
        &self,
        folder: FolderId,
        prefix: &str,
        since: Timestamp,
    ) -> Result<JobPage, CallError> {
        let filter =
            format!("startswith(Reference,{}) and EndTime ge {}", odata::literal(prefix), odata::instant(since));
        let what = format!("listing our jobs of folder {folder} ended since {since}");
        self.list(folder, filter, "EndTime asc", MAX_TOP, what).await
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
                Ok(Some(job.into()))
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

    async fn list(
        &self,
        folder: FolderId,
        filter: String,
        order: &str,
        top: usize,
        what: String,
    ) -> Result<JobPage, CallError> {
        let asked = self.asked(Call::ListJobs, what);
        let query = [
            ("$filter", filter),
            ("$orderby", order.to_owned()),
            ("$top", top.to_string()),
            ("$select", JOB_FIELDS.to_owned()),
        ];
        self.jobs(&query, folder, top, &asked).await
    }

    /// One list of jobs. A job that cannot be read is left out, and the list is then not complete: one odd row must not hide
    /// the others.
    async fn jobs(
        &self,
        query: &[(&str, String)],
        folder: FolderId,
        top: usize,
        asked: &Asked,
    ) -> Result<JobPage, CallError> {
        let request = self.list_request("odata/Jobs", query, Some(folder), LIST, asked);
        let Exchange { outcome, freshness, .. } = self.transport.exchange(&request).await;
        let page: Page<serde_json::Value> =
            serde_json::from_slice(&outcome?).map_err(|cause| outcome::unreadable(asked, &cause))?;
        let all_read = completeness(&page, top);
        let count = page.value.len();
        let read: Vec<JobDto> = page.value.into_iter().filter_map(|job| serde_json::from_value(job).ok()).collect();
        let completeness = if read.len() == count { all_read } else { Completeness::Cut };
        if read.len() < count {
            tracing::warn!(
                connection = self.transport.connection,
                "{} of {count} jobs in an answer of folder {folder} cannot be read; they are left out",
                count - read.len()
            );
        }
        Ok(JobPage { jobs: read.into_iter().map(JobView::from).collect(), completeness, freshness })
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

    fn list_request(
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

pub(super) fn completeness<T>(page: &Page<T>, top: usize) -> Completeness {
    let got = page.value.len();
    let more = page.next_link.is_some() || page.count.is_some_and(|count| count > got as u64);
    if more || got >= top || got == SERVER_PAGE { Completeness::Cut } else { Completeness::Complete }
}

fn append(all: &mut JobPage, page: JobPage) {
    let JobPage { jobs, completeness, freshness } = page;
    all.jobs.extend(jobs);
    match freshness {
        Freshness::Fresh => {}
        stale @ Freshness::Stale(_) => all.freshness = stale,
    }
    match completeness {
        Completeness::Complete => {}
        Completeness::Cut => all.completeness = Completeness::Cut,
    }
}

/// The body of a start, and of asking whether it could be.
pub(super) fn start_body(start: &StartRequest) -> Vec<u8> {
    let StartRequest { release_key: ReleaseKey(release_key), reference, arguments, runtime } = start;
    to_bytes(&StartBody {
        start_info: StartInfo {
            release_key: *release_key,
            strategy: "ModernJobsCount",
            jobs_count: 1,
            reference,
            input_arguments: arguments.as_deref(),
            runtime_type: runtime.as_deref(),
        },
    })
}

/// These bodies are strings and numbers, which always have a JSON form.
fn to_bytes(body: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(body).unwrap_or_default()
}
