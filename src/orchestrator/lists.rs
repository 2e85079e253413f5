//! Lists of jobs: by Reference, by key, by time. Each says whether it is complete and of now.

use jiff::Timestamp;

use super::call::Call;
use super::client::{Client, JOB_FIELDS, LIST, MAX_NAMES_PER_CALL, MAX_TOP, SERVER_PAGE};
use super::error::CallError;
use super::freshness::Freshness;
use super::job::{Completeness, JobPage, JobView};
use super::odata;
use super::outcome::{self, Asked};
use super::transport::Exchange;
use super::wire::{JobDto, Page};
use crate::run::{FolderId, JobId, JobKey, Reference};

impl Client {
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
        let completeness = if read.len() == count { all_read } else { Completeness::Holes };
        if read.len() < count {
            tracing::warn!(
                connection = self.transport.connection,
                "{} of {count} jobs in an answer of folder {folder} cannot be read; they are left out",
                count - read.len()
            );
        }
        Ok(JobPage { jobs: read.into_iter().map(JobView::from).collect(), completeness, freshness })
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
        Completeness::Cut if all.completeness == Completeness::Holes => {}
        gap @ (Completeness::Cut | Completeness::Holes) => all.completeness = gap,
    }
}
