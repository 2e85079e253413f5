//! The page of a job in Orchestrator, for people who look at one run.
//!
//! Its form is the one that UiPath's own tools print after a start: the list of jobs with the job's panel, and the folder's number. It is made
//! of the connection's address in the schedule files, and only while that leads to where the run was claimed for.

use url::Url;

use crate::history::JobPlace;

/// The page; none when something of it is not known, or the connection leads elsewhere now.
pub fn job_link(base: &Url, job_key: &str, place: &JobPlace) -> Option<String> {
    let plain = !job_key.is_empty() && job_key.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let host = base.host_str().unwrap_or_default().to_ascii_lowercase();
    let here = format!("{host}{}", base.path().trim_end_matches('/'));
    let same = place.identity.as_deref().is_none_or(|identity| identity.split('#').next() == Some(here.as_str()));
    let folder = place.folder_id?;
    let base = base.as_str().trim_end_matches('/');
    (plain && same).then(|| format!("{base}/jobs(sidepanel:sidepanel/jobs/{job_key}/details)?fid={folder}"))
}
