//! Orchestrator's API on top of the world: each call, done as UiPath's OpenAPI description says.
//!
//! Nothing here waits, cuts or records; that is `server`'s. Given the state and a call, the answer follows.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::answer::{Answer, entity, without_nulls};
use super::config::TenantSpec;
use super::effects::Twist;
use super::faults::Endpoint;
use super::folder::{Folder, ShownRelease};
use super::identity::{Access, Identity, Refused};
use super::job::Job;
use super::logs;
use super::odata::{Page, Row, list};
use super::queue::{Queues, ShownItem};
use super::request::{Request, member, text_member, utf16_base64_decoded};
use super::route::{Base, Call};
use super::shown_job::{Mask, ShownJob};
use super::start::Wanted;
use super::time::length_until;
use super::world::World;
use crate::clock::later;

/// The window of the limit on list calls.
const LIMIT_WINDOW: Duration = Duration::from_secs(60);

/// The state of the service.
pub(super) struct Service {
    pub(super) tenant: TenantSpec,
    pub(super) world: World,
    pub(super) identity: Identity,
    pub(super) queues: Queues,
    list_calls: VecDeque<Timestamp>,
}

/// The kind of a call, as rules of faults name it.
pub(super) fn endpoint(call: &Call) -> Endpoint {
    match call {
        Call::ListFolders | Call::GetFolder(_) | Call::FoldersForCurrentUser | Call::AllFoldersForCurrentUser => {
            Endpoint::Folders
        }
        Call::ListReleases | Call::GetRelease(_) | Call::ListReleasesFunction => Endpoint::Releases,
        Call::ListJobs => Endpoint::ListJobs,
        Call::GetJob(_) | Call::GetJobByKey(_) => Endpoint::GetJob,
        Call::StartJobs => Endpoint::StartJobs,
        Call::StopJob(_) | Call::StopJobs => Endpoint::StopJobs,
        Call::ValidateDynamicJob | Call::ValidateExistingJob(_) | Call::RestartJob | Call::ResumeJob => {
            Endpoint::OtherJobs
        }
        Call::ListRobotLogs => Endpoint::RobotLogs,
        Call::AddQueueItem => Endpoint::AddQueueItem,
        Call::ListQueueItems => Endpoint::ListQueueItems,
        Call::CurrentUser | Call::CurrentUserExtended | Call::RuntimesForFolder(_) | Call::Unknown => Endpoint::Other,
    }
}

/// The scope a call needs, by the OpenAPI description.
fn scope(call: &Call) -> Option<(&'static str, Access)> {
    match call {
        Call::ListFolders | Call::GetFolder(_) | Call::AllFoldersForCurrentUser => Some(("OR.Folders", Access::Read)),
        Call::ListReleases | Call::GetRelease(_) | Call::ListReleasesFunction => Some(("OR.Execution", Access::Read)),
        Call::ListJobs | Call::GetJob(_) | Call::GetJobByKey(_) => Some(("OR.Jobs", Access::Read)),
        Call::StartJobs
        | Call::ValidateDynamicJob
        | Call::ValidateExistingJob(_)
        | Call::StopJob(_)
        | Call::StopJobs
        | Call::RestartJob
        | Call::ResumeJob => Some(("OR.Jobs", Access::Write)),
        Call::ListRobotLogs => Some(("OR.Monitoring", Access::Read)),
        Call::RuntimesForFolder(_) => Some(("OR.Machines", Access::Read)),
        Call::AddQueueItem => Some(("OR.Queues", Access::Write)),
        Call::ListQueueItems => Some(("OR.Queues", Access::Read)),
        Call::CurrentUser => Some(("OR.Users", Access::Read)),
        Call::FoldersForCurrentUser | Call::CurrentUserExtended | Call::Unknown => None,
    }
}

impl Service {
    pub(super) fn new(tenant: TenantSpec, world: World, identity: Identity) -> Service {
        let queues = Queues::new(tenant.queues.clone());
        Service { tenant, world, identity, queues, list_calls: VecDeque::new() }
    }

    /// Whether the caller may make this call at all: tenant, token, scope.
    pub(super) fn admit(&self, request: &Request, base: &Base, call: &Call, now: Timestamp) -> Result<(), Answer> {
        let TenantSpec { organization, tenant, .. } = &self.tenant;
        match base {
            Base::Path { organization: o, tenant: t } => {
                if !o.eq_ignore_ascii_case(organization) || !t.eq_ignore_ascii_case(tenant) {
                    return Err(Answer::html(404, "<h1>Page not found</h1>"));
                }
            }
            Base::Bare => {
                let named = request.header("x-uipath-tenantname");
                if named.is_some_and(|named| !named.eq_ignore_ascii_case(tenant)) {
                    return Err(Answer::unauthorized());
                }
            }
        }
        match self.identity.check(request.bearer(), scope(call), now) {
            Ok(()) => Ok(()),
            Err(Refused::NoToken) => Err(Answer::unauthorized()),
            Err(Refused::ScopeMissing(scope)) => {
                let message = format!("OAuth authorization failed. '{scope}' scope not found.");
                Err(Answer::json(403, json!({"errorMessage": message})))
            }
        }
    }

    /// The process a call is about, for faults that are meant for one.
    pub(super) fn process_of(&self, request: &Request, call: &Call) -> Option<String> {
        let of_job = |at: Option<usize>| at.map(|at| self.world.jobs[at].process_name.clone());
        match call {
            Call::StartJobs | Call::ValidateDynamicJob => {
                let body = request.object()?;
                let info = member(&body, "startInfo")?.as_object()?;
                let key = text_member(info, "ReleaseKey").and_then(|key| Uuid::parse_str(key).ok());
                let wanted = match key {
                    Some(key) => Wanted::Key(key),
                    None => Wanted::Name(text_member(info, "ReleaseName")?.to_owned()),
                };
                let folder = self.folder(request).ok()?;
                let process = self.world.find_process(folder, &wanted)?;
                Some(self.world.folders[folder].processes[process].spec.name.clone())
            }
            Call::GetJob(id) | Call::StopJob(id) | Call::ValidateExistingJob(id) => of_job(self.world.find_job(*id)),
            // Of several jobs, the first.
            Call::StopJobs => {
                let body = request.object()?;
                let id = member(&body, "jobIds")?.as_array()?.first()?.as_i64()?;
                of_job(self.world.find_job(id))
            }
            Call::GetJobByKey(key) => of_job(Uuid::parse_str(key).ok().and_then(|key| self.world.find_key(key))),
            Call::ListFolders
            | Call::GetFolder(_)
            | Call::FoldersForCurrentUser
            | Call::AllFoldersForCurrentUser
            | Call::CurrentUser
            | Call::CurrentUserExtended
            | Call::ListReleases
            | Call::GetRelease(_)
            | Call::ListReleasesFunction
            | Call::ListJobs
            | Call::RestartJob
            | Call::ResumeJob
            | Call::ListRobotLogs
            | Call::RuntimesForFolder(_)
            | Call::AddQueueItem
            | Call::ListQueueItems
            | Call::Unknown => None,
        }
    }

    /// Does the call.
    pub(super) fn work(&mut self, request: &Request, call: &Call, twist: &Twist, now: Timestamp) -> Answer {
        self.world.advance(now);
        if let (Some(robots), Ok(folder)) = (twist.robots, self.folder(request)) {
            self.world.set_robots(folder, robots, now);
        }
        self.try_work(request, call, twist, now).unwrap_or_else(|refusal| refusal)
    }

    fn try_work(&mut self, request: &Request, call: &Call, twist: &Twist, now: Timestamp) -> Result<Answer, Answer> {
        match call {
            Call::ListFolders => self.rows(request, twist, |_, service| service.world.folders.iter()),
            Call::GetFolder(id) => {
                let folder = self.world.folders.iter().find(|folder| folder.id == *id);
                self.one(request, &folder.ok_or_else(|| Answer::not_found("The folder"))?)
            }
            Call::FoldersForCurrentUser | Call::AllFoldersForCurrentUser => Ok(self.folder_page(request)),
            Call::CurrentUser => Ok(Answer::json(200, entity("$metadata#Users/$entity", current_user()))),
            Call::CurrentUserExtended => {
                let mut user = current_user();
                user.insert("PersonalWorkspace".to_owned(), Value::Null);
                // Misspelled by the service, and read so by its clients.
                user.insert("PersonalWorskpaceFeedId".to_owned(), Value::from(Uuid::nil().to_string()));
                Ok(Answer::json(200, entity("$metadata#Users/$entity", user)))
            }
            Call::ListReleases | Call::ListReleasesFunction => {
                let folder = self.folder(request)?;
                self.rows(request, twist, |_, service| service.releases(folder))
            }
            Call::GetRelease(id) => {
                let folder = self.folder(request)?;
                let release = self.releases(folder).find(|release| release.process.id == *id);
                self.one(request, &release.ok_or_else(|| Answer::not_found("The process"))?)
            }
            Call::ListJobs => {
                let folder = self.folder(request)?;
                self.count_list_call(now)?;
                self.rows(request, twist, |twist, service| {
                    let shown = service.world.jobs.iter().filter(move |job| shows(job, folder, now));
                    shown.map(|job| ShownJob { job, mask: twist.mask.clone() })
                })
            }
            Call::GetJob(id) => {
                let folder = self.folder(request)?;
                let job = self.shown(self.world.find_job(*id), folder, now)?;
                self.one(request, &ShownJob { job: &self.world.jobs[job], mask: twist.mask.clone() })
            }
            Call::GetJobByKey(key) => {
                let folder = self.folder(request)?;
                let key = Uuid::parse_str(key).map_err(|_| Answer::bad_query())?;
                let job = self.shown(self.world.find_key(key), folder, now)?;
                self.one(request, &ShownJob { job: &self.world.jobs[job], mask: twist.mask.clone() })
            }
            Call::StartJobs => self.start_jobs(request, twist, now),
            Call::ValidateDynamicJob => self.validate(request),
            Call::ValidateExistingJob(id) => self.validate_existing(request, *id, now),
            Call::StopJob(id) => self.stop_job(request, *id, twist, now),
            Call::StopJobs => self.stop_jobs(request, twist, now),
            Call::RestartJob => self.restart(request, twist, now),
            Call::ResumeJob => self.resume_job(request, now),
            Call::RuntimesForFolder(folder) => self.runtimes(*folder),
            Call::ListRobotLogs => {
                let folder = self.folder(request)?;
                self.rows(request, twist, |_, service| {
                    service.world.jobs.iter().filter(move |job| shows(job, folder, now)).flat_map(logs::lines)
                })
            }
            Call::AddQueueItem => {
                let folder = self.folder(request)?;
                let key = self.world.new_key();
                let visible_at = later(now, twist.late);
                let path = self.world.folders[folder].path.clone();
                let item = self.queues.add(request, &path, key, now, visible_at)?;
                let row = self.shown_item(item, twist).render();
                let body = entity("$metadata#QueueItems/$entity", without_nulls(row, self.tenant.nulls));
                Ok(Answer::json(201, body))
            }
            Call::ListQueueItems => {
                let folder = self.folder(request)?;
                self.count_list_call(now)?;
                let path = self.world.folders[folder].path.clone();
                self.rows(request, twist, |twist, service| {
                    let items = service.queues.items.iter().enumerate();
                    let shown = items.filter(move |(_, item)| item.folder == path && item.visible_at <= now);
                    shown.map(|(at, _)| service.shown_item(at, twist))
                })
            }
            Call::Unknown => Err(Answer::error(404, 0, "No HTTP resource was found that matches the request")),
        }
    }

    /// The folder a request stands in, by whichever header it names it.
    pub(super) fn folder(&self, request: &Request) -> Result<usize, Answer> {
        let folders = &self.world.folders;
        let by = |found: &dyn Fn(&Folder) -> bool| folders.iter().position(found);
        let by_path = |path: &str| by(&|folder| folder.path.eq_ignore_ascii_case(path.trim_start_matches('/')));
        let found = if let Some(id) = request.header("x-uipath-organizationunitid") {
            id.trim().parse::<i64>().ok().and_then(|id| by(&|folder| folder.id == id))
        } else if let Some(key) = request.header("x-uipath-folderkey") {
            Uuid::parse_str(key.trim()).ok().and_then(|key| by(&|folder| folder.key == key))
        } else if let Some(path) = request.header("x-uipath-folderpath-encoded") {
            utf16_base64_decoded(path).and_then(|path| by_path(&path))
        } else if let Some(path) = request.header("x-uipath-folderpath") {
            by_path(path)
        } else {
            return Err(Answer::error(400, 1101, "A folder is required for this action."));
        };
        let message = "Folder does not exist or the user does not have access to the folder.";
        found.ok_or_else(|| Answer::error(400, 1100, message))
    }

    /// One call of the list form more, or 429 with the time until there is room again.
    fn count_list_call(&mut self, now: Timestamp) -> Result<(), Answer> {
        while self.list_calls.front().is_some_and(|at| later(*at, LIMIT_WINDOW) <= now) {
            self.list_calls.pop_front();
        }
        let most = usize::try_from(self.tenant.list_calls_per_minute).unwrap_or(usize::MAX);
        if self.list_calls.len() >= most {
            let room_at = self.list_calls.front().map_or(now, |at| later(*at, LIMIT_WINDOW));
            let wait = length_until(now, room_at);
            return Err(Answer::too_many(Duration::from_secs(wait.as_secs() + u64::from(wait.subsec_nanos() > 0))));
        }
        self.list_calls.push_back(now);
        Ok(())
    }

    fn rows<'a, R: Row, I: Iterator<Item = R>>(
        &'a self,
        request: &Request,
        twist: &'a Twist,
        rows: impl FnOnce(&'a Twist, &'a Service) -> I,
    ) -> Result<Answer, Answer> {
        let query = request.query_pairs();
        if twist.refuses_filter && request.query_value("$filter").is_some() {
            return Err(Answer::bad_query());
        }
        let mut page = Page::parse::<R>(&query).map_err(|reason| {
            tracing::debug!(%reason, "Refused a query");
            Answer::bad_query()
        })?;
        if twist.ignores_filter {
            page.filter = None;
        }
        let most = if twist.empties_list { 0 } else { usize::MAX };
        Ok(Answer::json(200, list(rows(twist, self).take(most), &page, self.tenant.nulls)))
    }

    pub(super) fn one<R: Row>(&self, request: &Request, row: &R) -> Result<Answer, Answer> {
        let page = Page::parse::<R>(&request.query_pairs()).map_err(|_| Answer::bad_query())?;
        let row = without_nulls(page.selected(row.render()), self.tenant.nulls);
        Ok(Answer::json(200, entity(&format!("$metadata#{}/$entity", R::CONTEXT), row)))
    }

    fn releases(&self, folder: usize) -> impl Iterator<Item = ShownRelease<'_>> {
        let folder = &self.world.folders[folder];
        let created_at = self.world.created_at;
        folder.processes.iter().map(move |process| ShownRelease { folder, process, created_at })
    }

    pub(super) fn shown(&self, job: Option<usize>, folder: usize, now: Timestamp) -> Result<usize, Answer> {
        let job = job.filter(|at| shows(&self.world.jobs[*at], folder, now));
        job.ok_or_else(|| Answer::not_found("The job"))
    }

    pub(super) fn unmasked(&self, job: usize) -> ShownJob<'_> {
        ShownJob { job: &self.world.jobs[job], mask: Mask::default() }
    }

    fn shown_item(&self, item: usize, twist: &Twist) -> ShownItem<'_> {
        let item = &self.queues.items[item];
        let folder = self.world.folders.iter().find(|folder| folder.path.eq_ignore_ascii_case(&item.folder));
        ShownItem {
            item,
            definition_id: self.queues.definition_id(item),
            folder_id: folder.map_or(0, |folder| folder.id),
            reference: twist.mask.reference,
        }
    }

    fn folder_page(&self, request: &Request) -> Answer {
        let wanted = request.query_value("searchText").unwrap_or_default().to_lowercase();
        let number = |name: &str| request.query_value(name).and_then(|text| text.parse::<usize>().ok());
        let all: Vec<&Folder> =
            self.world.folders.iter().filter(|folder| folder.path.to_lowercase().contains(&wanted)).collect();
        let page = all.iter().skip(number("skip").unwrap_or(0)).take(number("take").unwrap_or(usize::MAX));
        let items: Vec<Value> =
            page.map(|folder| Value::Object(without_nulls(folder.render(), self.tenant.nulls))).collect();
        Answer::json(200, json!({"PageItems": items, "Count": all.len()}))
    }
}

/// Whether the API shows the job in this folder by now.
fn shows(job: &Job, folder: usize, now: Timestamp) -> bool {
    job.folder == folder && job.visible_at <= now
}

fn current_user() -> Map<String, Value> {
    super::folder::object(json!({
        "Id": 1, "UserName": "sandbox-user", "FullName": "Sandbox User", "Key": Uuid::nil(), "Type": "User",
    }))
}
