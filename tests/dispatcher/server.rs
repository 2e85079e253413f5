//! An Orchestrator that keeps the truth and answers as told.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use punctual::clock::{Reading, later};
use punctual::executor::{Action, NextToNewest, Report, Resolved, StartOrder, Target};
use punctual::orchestrator::{
    CallError, Completeness, ErrorCode, FoundBy, FoundFolder, Freshness, JobPage, JobState, JobView, ReleaseKey,
    Sentence, Stale, StopStrategy, UnsentReason,
};
use punctual::run::{FolderId, JobId, JobRef, Reference, RunId};
use punctual::schedule::ScheduleKey;
use uuid::Uuid;

use super::world::{FOLDER, id, key, seconds};

/// What comes of one StartJobs call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Post {
    /// A job, and an answer that shows it.
    Made,
    /// A job, and no answer.
    Dropped,
    /// No answer, and a job that is visible only so long after the call's end.
    Late(Duration),
    /// No job and no answer.
    NotMade,
    /// 503 and no job.
    PutOff(Duration),
    /// Certainly not sent.
    Unsent(UnsentReason, Option<Duration>),
    /// Somebody's answer with this status, and no job.
    Answered(u16),
    /// The same, after a job was made.
    AnsweredMade(u16),
    /// Orchestrator's own refusal.
    Refused(u16, i64),
    /// Two jobs from one call.
    Twice,
}

/// How the whole server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Well,
    /// No connection.
    Down,
    /// Every call ends in a 502; starts make nothing.
    Broken,
    NoToken,
    Busy(Option<Duration>),
}

/// What lists by Reference do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filter {
    Works,
    /// Everything is shown, oldest first, as much as was asked for.
    Ignored,
    /// The same, and cut after so many without a word about it.
    IgnoredAndCut(usize),
    /// 400.
    Refused,
    /// 502, always.
    Breaks,
    /// Nothing is ever shown, in no list: a right is missing.
    Blind,
    /// Jobs are shown without their Reference.
    NoReference,
    /// References are not even kept.
    Forgets,
}

#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) id: i64,
    pub(crate) folder: FolderId,
    pub(crate) reference: Reference,
    pub(crate) created_at: Timestamp,
    pub(crate) begins: Duration,
    pub(crate) ends: Duration,
    pub(crate) ends_as: JobState,
    pub(crate) visible: Duration,
    /// It was one too many, or never began.
    pub(crate) stopped: bool,
    /// When it was made.
    pub(crate) made: Duration,
    /// When it obeyed a stop.
    pub(crate) obeyed: Option<Duration>,
    pub(crate) life: Life,
    pub(crate) gone: bool,
    /// Shown instead of what it is.
    pub(crate) says: Option<JobState>,
}

/// How a job goes, from when it is made.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    /// Until a robot takes it; none: no robot ever does.
    pub(crate) waits: Option<Duration>,
    /// On the robot.
    pub(crate) lasts: Duration,
    pub(crate) ends_as: JobState,
    /// What it says where it fails.
    pub(crate) info: Option<&'static str>,
    /// How long after a soft stop it ends, and as what; none: it is deaf.
    pub(crate) obeys: Option<(Duration, JobState)>,
    /// The same of a kill.
    pub(crate) dies: Option<Duration>,
    /// Suspended from then to then, on the robot's time.
    pub(crate) parked: Option<(Duration, Duration)>,
}

impl Job {
    fn state(&self, boot: Duration) -> JobState {
        let on_robot = boot.saturating_sub(self.begins);
        let has_begun = self.life.waits.is_some() && boot >= self.begins;
        match &self.says {
            Some(state) => state.clone(),
            None if self.obeyed.is_some_and(|at| at <= boot) && !self.life_ended(boot) => self.obeyed_as(),
            None if self.obeyed.is_some() && !self.life_ended(boot) => JobState::Stopping,
            None if self.stopped => JobState::Stopped,
            None if !has_begun => JobState::Pending,
            None if self.life.parked.is_some_and(|(from, to)| from <= on_robot && on_robot < to) => JobState::Suspended,
            None if boot < self.ends => JobState::Running,
            None => self.ends_as.clone(),
        }
    }

    /// Whether it ended by itself before it obeyed a stop.
    fn life_ended(&self, boot: Duration) -> bool {
        self.life.waits.is_some() && self.ends <= self.obeyed.unwrap_or(boot).min(boot)
    }

    fn obeyed_as(&self) -> JobState {
        match (&self.life.obeys, self.obeyed) {
            _ if self.has_never_begun() => JobState::Stopped,
            (Some((_, state)), _) => state.clone(),
            (None, _) => JobState::Stopped,
        }
    }

    fn has_never_begun(&self) -> bool {
        self.life.waits.is_none() || self.obeyed.is_some_and(|at| at < self.begins)
    }

    fn wall(&self, boot: Duration) -> Timestamp {
        later(self.created_at, boot.saturating_sub(self.made))
    }

    /// It is asked to stop, or killed.
    fn stop(&mut self, how: StopStrategy, boot: Duration) {
        let begun = self.life.waits.is_some() && boot >= self.begins;
        let after = match how {
            _ if !begun => Some(Duration::ZERO),
            StopStrategy::SoftStop => self.life.obeys.as_ref().map(|(after, _)| *after),
            StopStrategy::Kill => self.life.dies,
        };
        if let Some(at) = after.map(|after| boot + after) {
            self.obeyed = Some(self.obeyed.map_or(at, |old| old.min(at)));
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Resolve,
    Start(Reference),
    LookUp(Vec<Reference>),
    LookUpNextToNewest,
    ListSince,
    Poll(FolderId, usize),
    ListEnded,
    Read,
    Recall,
    FindJob,
    StopSpare(JobId),
    Stop(JobId, StopStrategy),
}

pub(crate) struct Server {
    pub(crate) jobs: Vec<Job>,
    pub(crate) calls: Vec<(Duration, Call)>,
    pub(crate) script: VecDeque<Post>,
    pub(crate) mood: Mood,
    pub(crate) filter: Filter,
    /// Whether the process exists; else 404.
    pub(crate) process: Option<u128>,
    /// How long a job takes.
    pub(crate) lasts: Duration,
    /// How the next jobs go, each in turn; then as usual.
    pub(crate) lives: VecDeque<Life>,
    /// Stops are refused.
    pub(crate) stops_refused: bool,
    pub(crate) post_takes: VecDeque<Duration>,
    pub(crate) read_takes: VecDeque<Duration>,
    /// Reads by id that end in a 502.
    pub(crate) reads_break: bool,
    /// 403 on lists by key.
    pub(crate) polls_refused: bool,
    /// Jobs may be started and not read: each read of them is refused.
    pub(crate) jobs_hidden: bool,
    /// Lists by Reference are a cache's.
    pub(crate) cached: bool,
    /// Only starts of this schedule follow the script.
    pub(crate) poisoned: Option<ScheduleKey>,
    /// The names that were sent along so that no cache knows the answer.
    pub(crate) nonces: Vec<Reference>,
    /// Numbers of folders that are not known any more.
    pub(crate) gone_folders: Vec<FolderId>,
    /// There is no folder of the schedule's name.
    pub(crate) no_folder: bool,
    /// The process that jobs are said to be of.
    pub(crate) release: Option<String>,
    pub(crate) folders: Vec<(String, FolderId)>,
    /// How far its clock is ahead of ours.
    pub(crate) skew: Option<SignedDuration>,
    /// Looks for this process end in a firewall's page.
    pub(crate) blocked_process: Option<String>,
    /// Lists by key end in a 502.
    pub(crate) polls_break: bool,
    /// Lists by key are a cache's.
    pub(crate) polls_cached: bool,
    /// Lists by key are answered 401, whatever the token.
    pub(crate) polls_refuse_tokens: bool,
    /// Lists by time end in a 502.
    pub(crate) lists_break: bool,
    /// This job is left out of every list, as one that cannot be read.
    pub(crate) odd_row: Option<i64>,
    /// Each job is shown twice in lists by Reference.
    pub(crate) rows_twice: bool,
}

impl Default for Server {
    fn default() -> Server {
        Server {
            jobs: Vec::new(),
            calls: Vec::new(),
            script: VecDeque::new(),
            mood: Mood::Well,
            filter: Filter::Works,
            process: Some(99),
            lasts: seconds(30),
            lives: VecDeque::new(),
            stops_refused: false,
            skew: None,
            post_takes: VecDeque::new(),
            read_takes: VecDeque::new(),
            reads_break: false,
            polls_refused: false,
            jobs_hidden: false,
            cached: false,
            poisoned: None,
            nonces: Vec::new(),
            gone_folders: Vec::new(),
            no_folder: false,
            release: None,
            folders: Vec::new(),
            blocked_process: None,
            polls_break: false,
            polls_cached: false,
            polls_refuse_tokens: false,
            lists_break: false,
            odd_row: None,
            rows_twice: false,
        }
    }
}

fn unknown(text: &str) -> CallError {
    CallError::Unknown { status: None, text: text.into(), retry_after: None, trace_id: None }
}

fn answered(status: u16) -> CallError {
    let text = format!("was answered {status} with a web page");
    CallError::Unknown { status: Some(status), text: text.as_str().into(), retry_after: None, trace_id: None }
}

fn refused(status: u16, code: i64) -> CallError {
    let text = Box::<Sentence>::from(format!("refused with {status}/{code}").as_str());
    CallError::Rejected { status, code: Some(ErrorCode::Number(code)), text, cure: None, trace_id: None }
}

/// As the client says that nothing has a name.
fn absent() -> CallError {
    let text = Box::<Sentence>::from("found none");
    CallError::Rejected { status: 404, code: None, text, cure: None, trace_id: None }
}

impl Life {
    /// As jobs go where nothing is said.
    pub(crate) fn usual() -> Life {
        Life {
            waits: Some(seconds(2)),
            lasts: seconds(30),
            ends_as: JobState::Successful,
            info: None,
            obeys: Some((seconds(3), JobState::Stopped)),
            dies: Some(seconds(1)),
            parked: None,
        }
    }

    /// It fails after so long, and says this.
    pub(crate) fn fails(lasts: Duration, info: &'static str) -> Life {
        Life { lasts, ends_as: JobState::Faulted, info: Some(info), ..Life::usual() }
    }

    /// No robot ever takes it.
    pub(crate) fn hangs() -> Life {
        Life { waits: None, ..Life::usual() }
    }
}

impl Server {
    pub(crate) fn old_job(&mut self, reference: Reference, now: Reading) {
        let number = self.make(&reference, FOLDER, now, now.boot);
        let job = self.jobs.iter_mut().find(|job| job.id == number).unwrap();
        (job.begins, job.ends) = (Duration::ZERO, Duration::ZERO);
    }

    pub(crate) fn make(&mut self, reference: &Reference, folder: FolderId, now: Reading, visible: Duration) -> i64 {
        let number = self.jobs.len() as i64 + 1;
        let life = self.lives.pop_front().unwrap_or(Life { lasts: self.lasts, ..Life::usual() });
        self.jobs.push(Job {
            id: number,
            folder,
            reference: reference.clone(),
            created_at: now.wall,
            begins: now.boot + life.waits.unwrap_or_default(),
            ends: now.boot + life.waits.unwrap_or_default() + life.lasts,
            ends_as: life.ends_as.clone(),
            made: now.boot,
            obeyed: None,
            life,
            visible,
            stopped: false,
            gone: false,
            says: None,
        });
        number
    }

    /// How many jobs there are of one Reference, stopped ones aside.
    pub(crate) fn jobs_of(&self, reference: &Reference) -> usize {
        self.jobs.iter().filter(|job| &job.reference == reference && !job.stopped).count()
    }

    pub(crate) fn posts(&self) -> usize {
        self.calls.iter().filter(|(_, call)| matches!(call, Call::Start(_))).count()
    }

    pub(crate) fn count(&self, since: Duration, wanted: impl Fn(&Call) -> bool) -> usize {
        self.calls.iter().filter(|(at, call)| *at >= since && wanted(call)).count()
    }

    pub(crate) fn latency(&mut self, action: &Action) -> Duration {
        let queue = match action {
            Action::Start(_) => &mut self.post_takes,
            Action::Resolve { .. }
            | Action::LookUp { .. }
            | Action::LookUpNextToNewest { .. }
            | Action::ListSince { .. }
            | Action::Poll { .. }
            | Action::ListEnded { .. }
            | Action::Read { .. }
            | Action::Recall { .. }
            | Action::FindJob { .. }
            | Action::StopSpare { .. }
            | Action::Stop { .. } => &mut self.read_takes,
        };
        let Some(first) = queue.pop_front() else { return Duration::ZERO };
        // Handed out in turn, for ever.
        queue.push_back(first);
        first
    }

    fn trouble(&self) -> Option<CallError> {
        let unsent =
            |reason, retry_after| CallError::Unsent { reason, status: None, retry_after, text: "trouble".into() };
        match &self.mood {
            Mood::Well => None,
            Mood::Down => Some(unsent(UnsentReason::Outage, None)),
            Mood::Broken => Some(unknown("was answered 502")),
            Mood::NoToken => Some(unsent(UnsentReason::Token, None)),
            Mood::Busy(wait) => Some(unsent(UnsentReason::RateLimit, *wait)),
        }
    }

    fn check(&self) -> Result<(), CallError> {
        self.trouble().map_or(Ok(()), Err)
    }

    fn check_folder(&self, folder: FolderId) -> Result<(), CallError> {
        self.check()?;
        if self.gone_folders.contains(&folder) {
            return Err(refused(400, 1100));
        }
        if self.jobs_hidden { Err(refused(403, 0)) } else { Ok(()) }
    }

    fn view(&self, job: &Job, boot: Duration) -> JobView {
        let state = job.state(boot);
        JobView {
            id: id(job.id),
            key: key(job.id),
            reference: Some(job.reference.clone()),
            release_name: self.release.clone(),
            created_at: Some(job.created_at),
            started_at: (!job.has_never_begun() && boot >= job.begins && !job.begins.is_zero())
                .then(|| job.wall(job.begins)),
            // No two end at the very same millisecond.
            ended_at: state.is_final().then(|| {
                let ended = if job.life_ended(boot) { job.ends } else { job.obeyed.unwrap_or(job.ends).min(boot) };
                later(job.wall(ended), Duration::from_millis(job.id.unsigned_abs() % 100))
            }),
            info: (state == JobState::Faulted).then(|| job.life.info.map(str::to_owned)).flatten(),
            error: None,
            output: state.is_final().then(|| "{}".to_owned()),
            state,
        }
    }

    fn shown(&self, folder: FolderId, boot: Duration) -> Vec<JobView> {
        let visible = self.jobs.iter().filter(|job| job.folder == folder && job.visible <= boot && !job.gone);
        match self.filter {
            Filter::Blind => Vec::new(),
            Filter::NoReference | Filter::Forgets => {
                visible.map(|job| JobView { reference: None, ..self.view(job, boot) }).collect()
            }
            Filter::Works | Filter::Ignored | Filter::IgnoredAndCut(_) | Filter::Refused | Filter::Breaks => {
                visible.map(|job| self.view(job, boot)).collect()
            }
        }
    }

    fn look_up(&self, folder: FolderId, wanted: &[Reference], boot: Duration) -> Result<JobPage, CallError> {
        self.check_folder(folder)?;
        let all = self.shown(folder, boot);
        let ours = |job: &JobView| wanted.iter().any(|text| job.reference.as_ref() == Some(text));
        let top = (wanted.len() * 4).max(20);
        let page = |jobs: Vec<JobView>| {
            let completeness = if jobs.len() >= top { Completeness::Cut } else { Completeness::Complete };
            JobPage { jobs: jobs.into_iter().take(top).collect(), completeness, freshness: Freshness::Fresh }
        };
        match self.filter {
            Filter::Works | Filter::Blind => Ok(page(all.into_iter().filter(ours).collect())),
            // The server compares what it holds, and shows it without.
            Filter::NoReference => {
                let held = self.jobs.iter().filter(|job| wanted.contains(&job.reference)).map(|job| job.id);
                let held: Vec<JobId> = held.map(JobId).collect();
                Ok(page(all.into_iter().filter(|job| held.contains(&job.id)).collect()))
            }
            Filter::Forgets => Ok(page(Vec::new())),
            Filter::Ignored => Ok(page(all)),
            Filter::IgnoredAndCut(most) => Ok(JobPage {
                jobs: all.into_iter().take(most).collect(),
                completeness: Completeness::Complete,
                freshness: Freshness::Fresh,
            }),
            Filter::Refused => Err(refused(400, 1015)),
            Filter::Breaks => Err(unknown("was answered 502")),
        }
    }

    /// The newest job of anybody, and then our names next to it.
    fn look_up_next_to_newest(
        &self,
        folder: FolderId,
        wanted: &[Reference],
        boot: Duration,
    ) -> Result<NextToNewest, CallError> {
        self.check_folder(folder)?;
        let newest = self.shown(folder, boot).into_iter().max_by_key(|job| job.id);
        let Some(newest) = newest else { return Ok(NextToNewest { newest: None, page: JobPage::nothing() }) };
        let mut page = self.look_up(folder, wanted, boot)?;
        if !page.jobs.iter().any(|job| job.id == newest.id) {
            page.jobs.push(newest.clone());
        }
        Ok(NextToNewest { newest: Some(newest), page })
    }

    fn list_since(&self, folder: FolderId, since: Timestamp, boot: Duration) -> Result<JobPage, CallError> {
        self.check_folder(folder)?;
        if self.lists_break {
            return Err(unknown("was answered 502"));
        }
        let mut jobs: Vec<JobView> = self.shown(folder, boot);
        jobs.retain(|job| job.created_at.is_some_and(|at| at >= since));
        let left_out = self.odd_row.is_some_and(|odd| jobs.iter().any(|job| job.id.0 == odd));
        jobs.retain(|job| Some(job.id.0) != self.odd_row);
        jobs.sort_by_key(|job| std::cmp::Reverse(job.created_at));
        let completeness = if left_out { Completeness::Holes } else { Completeness::Complete };
        Ok(JobPage { jobs, completeness, freshness: Freshness::Fresh })
    }

    fn poll(&self, folder: FolderId, jobs: &[(RunId, JobRef)], boot: Duration) -> Result<JobPage, CallError> {
        self.check_folder(folder)?;
        if self.polls_refused {
            return Err(refused(403, 0));
        }
        if self.polls_refuse_tokens {
            let text = "was answered 401 even with a fresh token".into();
            return Err(CallError::Unsent { reason: UnsentReason::Token, status: Some(401), retry_after: None, text });
        }
        if self.polls_break {
            return Err(unknown("was answered 502"));
        }
        let wanted = |job: &&Job| job.folder == folder && !job.gone && jobs.iter().any(|(_, name)| name.id.0 == job.id);
        let jobs = self.jobs.iter().filter(wanted).map(|job| self.view(job, boot)).collect();
        let freshness = if self.polls_cached { Freshness::Stale(Stale::Age(60)) } else { Freshness::Fresh };
        Ok(JobPage { jobs, completeness: Completeness::Complete, freshness })
    }

    fn start(&mut self, order: &StartOrder, now: Reading, takes: Duration) -> Result<Vec<JobView>, CallError> {
        if let Some(trouble) = self.trouble() {
            return Err(trouble);
        }
        let folder = order.target.folder_id;
        if self.gone_folders.contains(&folder) {
            return Err(refused(400, 1100));
        }
        let end = now.boot + takes;
        let part = self.poisoned.as_ref().map(Reference::part_of);
        let scripted = part.is_none_or(|part| order.reference.as_str().contains(&part));
        let post = if scripted { self.script.pop_front() } else { None }.unwrap_or(Post::Made);
        let made = |server: &mut Server, visible| {
            let number = server.make(&order.reference, folder, now, visible);
            let job = server.jobs.iter().find(|job| job.id == number).unwrap().clone();
            server.view(&job, now.boot)
        };
        match post {
            Post::Made => Ok(vec![made(self, now.boot)]),
            Post::Twice => Ok(vec![made(self, now.boot), made(self, now.boot)]),
            Post::Dropped => {
                made(self, now.boot);
                Err(unknown("got no whole answer"))
            }
            Post::Late(after) => {
                made(self, end + after);
                Err(unknown("got no whole answer"))
            }
            Post::NotMade => Err(unknown("was answered 502")),
            Post::PutOff(wait) => Err(CallError::Unknown {
                status: Some(503),
                text: "was answered 503".into(),
                retry_after: Some(wait),
                trace_id: None,
            }),
            Post::Unsent(reason, retry_after) => {
                Err(CallError::Unsent { reason, status: None, retry_after, text: "was not sent".into() })
            }
            Post::Answered(status) => Err(answered(status)),
            Post::AnsweredMade(status) => {
                made(self, now.boot);
                Err(answered(status))
            }
            Post::Refused(status, code) => Err(refused(status, code)),
        }
    }

    /// What is so when the call is made; the answer may come later.
    pub(crate) fn answer(&mut self, action: Action, now: Reading) -> Report {
        let boot = now.boot;
        match action {
            Action::Resolve { connection, asked_of, folder, process } => {
                self.calls.push((boot, Call::Resolve));
                let number = self
                    .folders
                    .iter()
                    .find(|(name, _)| folder.as_ref().is_some_and(|folder| folder.to_string() == *name));
                let folder_id = number.map_or(FOLDER, |(_, number)| *number);
                let result = match (self.check(), self.process) {
                    (Err(trouble), _) => Err(trouble),
                    (Ok(()), _) if self.blocked_process.as_ref() == Some(&process) => Err(answered(403)),
                    (Ok(()), _) if self.no_folder => Err(absent()),
                    (Ok(()), Some(release)) => Ok(found(folder_id, release)),
                    (Ok(()), None) => Err(absent()),
                };
                Report::Resolved { connection, asked_of, folder, process, result, server_skew: self.skew.into() }
            }
            Action::Start(order) => {
                // One that finds nobody is no call.
                if self.trouble().is_none() {
                    self.calls.push((boot, Call::Start(order.reference.clone())));
                }
                // The one that `latency` has just handed out.
                let takes = self.post_takes.back().copied().unwrap_or_default();
                let result = self.start(&order, now, takes);
                Report::Started {
                    connection: order.connection,
                    run: order.run,
                    ended: boot + takes,
                    server_date: now.wall.checked_add(self.skew.unwrap_or_default()).ok(),
                    result,
                }
            }
            Action::LookUp { connection, folder_id, asks, control, nonce } => {
                self.nonces.push(nonce);
                let wanted: Vec<Reference> =
                    asks.iter().map(|ask| ask.reference.clone()).chain(control.clone()).collect();
                self.calls.push((boot, Call::LookUp(wanted.clone())));
                let mut result = self.look_up(folder_id, &wanted, boot);
                if self.rows_twice
                    && let Ok(page) = &mut result
                {
                    let again = page.jobs.clone();
                    page.jobs.extend(again);
                }
                if self.cached
                    && let Ok(page) = &mut result
                {
                    // What it was a minute ago.
                    page.jobs.retain(|job| later(job.created_at.unwrap(), seconds(60)) <= now.wall);
                    page.freshness = Freshness::Stale(Stale::Age(60));
                }
                Report::LookedUp { connection, folder_id, asks, control, result }
            }
            Action::LookUpNextToNewest { connection, folder_id, asks, nonce: _ } => {
                self.calls.push((boot, Call::LookUpNextToNewest));
                let wanted: Vec<Reference> = asks.iter().map(|ask| ask.reference.clone()).collect();
                let result = self.look_up_next_to_newest(folder_id, &wanted, boot);
                Report::LookedUpNextToNewest { connection, folder_id, asks, result }
            }
            Action::ListSince { connection, folder_id, asks, since } => {
                self.calls.push((boot, Call::ListSince));
                let result = self.list_since(folder_id, since, boot);
                Report::ListedSince { connection, folder_id, asks, result }
            }
            Action::Poll { connection, folder_id, jobs } => {
                self.calls.push((boot, Call::Poll(folder_id, jobs.len())));
                let result = self.poll(folder_id, &jobs, boot);
                Report::Polled { connection, folder_id, jobs, result }
            }
            Action::ListEnded { connection, folder_id, prefix: _, since } => {
                self.calls.push((boot, Call::ListEnded));
                let result = self.check().map(|()| {
                    let views = self.jobs.iter().filter(|job| job.folder == folder_id && !job.gone);
                    let mut jobs: Vec<JobView> = views
                        .map(|job| self.view(job, boot))
                        .filter(|job| job.ended_at.is_some_and(|at| at >= since))
                        .collect();
                    jobs.sort_by_key(|job| job.ended_at);
                    let completeness = if jobs.len() > 1_000 { Completeness::Cut } else { Completeness::Complete };
                    jobs.truncate(1_000);
                    JobPage { jobs, completeness, freshness: Freshness::Fresh }
                });
                Report::ListedEnded { connection, folder_id, result }
            }
            Action::Read { connection, folder_id, run, job } => {
                self.calls.push((boot, Call::Read));
                let found = self.jobs.iter().find(|known| known.id == job.id.0 && !known.gone);
                let result = match self.check_folder(folder_id) {
                    Err(trouble) => Err(trouble),
                    Ok(()) if self.reads_break => Err(unknown("was answered 502")),
                    Ok(()) => Ok(found.map(|job| self.view(job, boot))),
                };
                Report::Read { connection, run, result }
            }
            Action::Recall { connection, folder, folder_id, prefix, since } => {
                self.calls.push((boot, Call::Recall));
                let result = match (self.filter, &prefix) {
                    (Filter::Refused, Some(_)) => Err(refused(400, 1015)),
                    (Filter::Breaks, Some(_)) => Err(unknown("was answered 502")),
                    _ => self.list_since(folder_id, since, boot).map(|mut page| {
                        page.jobs.retain(|job| {
                            let ours = job.reference.as_ref().map(Reference::as_str).unwrap_or_default();
                            prefix.as_ref().is_none_or(|prefix| ours.starts_with(prefix))
                        });
                        page
                    }),
                };
                Report::Recalled { connection, folder, folder_id, result }
            }
            Action::FindJob { connection, folder_id, run, key: wanted } => {
                self.calls.push((boot, Call::FindJob));
                let result = self.check().map(|()| {
                    let mut jobs = self.shown(folder_id, boot);
                    jobs.retain(|job| job.key == wanted);
                    JobPage { jobs, completeness: Completeness::Complete, freshness: Freshness::Fresh }
                });
                Report::JobFound { connection, folder_id, run, result }
            }
            Action::StopSpare { connection, folder_id: _, run, job } => {
                self.calls.push((boot, Call::StopSpare(job.id)));
                let result = self.check();
                if result.is_ok()
                    && let Some(known) = self.jobs.iter_mut().find(|known| known.id == job.id.0)
                {
                    known.stopped = true;
                }
                Report::SpareStopped { connection, run, job, result }
            }
            Action::Stop { connection, folder_id: _, run, job, how } => {
                self.calls.push((boot, Call::Stop(job.id, how)));
                let result = self.check().and_then(|()| match self.stops_refused {
                    true => Err(refused(409, 1001)),
                    false => Ok(()),
                });
                if result.is_ok()
                    && let Some(known) = self.jobs.iter_mut().find(|known| known.id == job.id.0)
                {
                    known.stop(how, boot);
                }
                Report::Stopped { connection, run, job, how, result }
            }
        }
    }
}

/// What comes of a process that was looked for and is there.
fn found(folder_id: FolderId, release: u128) -> Resolved {
    let target = Target { folder_id, release: ReleaseKey(Uuid::from_u128(release)) };
    Resolved { target, folder: FoundFolder { id: folder_id, full_name: None, found_by: FoundBy::FullName } }
}
