//! Reads that only `doctor` needs: what the tenant shows of itself, and what its lists understand.

use super::call::Call;
use super::client::{Client, JOB_FIELDS, LIST, SMALL};
use super::error::CallError;
use super::job::{Completeness, JobView};
use super::lists::completeness;
use super::wire::{FolderDto, JobDto, Page};
use crate::run::FolderId;

/// How many folders are looked at.
const FOLDERS: usize = 100;

/// A list of jobs as it came, with what the server said about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    /// The jobs, in the server's order.
    pub jobs: Vec<JobView>,
    /// `@odata.count`.
    pub count: Option<u64>,
    /// Whether the list is whole.
    pub completeness: Completeness,
}

impl Client {
    /// The folders that the account sees, by their full names: at most 100.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn list_folders(&self) -> Result<Vec<String>, CallError> {
        let asked = self.asked(Call::FindFolder, "listing the folders".to_owned());
        let query = [("$top", FOLDERS.to_string()), ("$select", "Id,FullyQualifiedName".to_owned())];
        let page: Page<FolderDto> = self.read("odata/Folders", &query, None, SMALL, &asked).await?;
        Ok(page.value.into_iter().map(|folder| folder.full_name).collect())
    }

    /// A list of jobs with these query options, and only the basic fields.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn survey_jobs(
        &self,
        folder: FolderId,
        options: &[(&str, String)],
        top: usize,
    ) -> Result<Survey, CallError> {
        let asked = self.asked(Call::ListJobs, format!("listing jobs of folder {folder}"));
        let mut query = options.to_vec();
        query.extend([("$top", top.to_string()), ("$select", JOB_FIELDS.to_owned())]);
        let page: Page<JobDto> = self.read("odata/Jobs", &query, Some(folder), LIST, &asked).await?;
        let completeness = completeness(&page, top);
        let count = page.count;
        Ok(Survey { jobs: page.value.into_iter().map(JobView::from).collect(), count, completeness })
    }
}
