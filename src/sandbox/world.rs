//! What is true in the tenant: folders, robots, jobs, and the passing of time.
//!
//! Time passes by events, not by looking: every change due up to now is applied in the order of its own time, so a manual
//! clock that jumps an hour leaves the same history as one that creeps. Nothing here waits; [`World::next_change`] says when
//! to come back.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::config::{RobotResult, TenantSpec};
use super::dice::Keys;
use super::folder::{Folder, Process};
use super::job::{Job, JobState, JobTruth, Obedience};
use super::start::{StartInfo, Wanted};
use super::stop::StopStrategy;
use crate::clock::later;

/// What a robot needs to come to a stop, asked or killed.
const STOP_TAKES: Duration = Duration::from_secs(1);
/// Ids begin where nobody takes them for positions in a list.
const FIRST_JOB: i64 = 1_000_001;
const FIRST_FOLDER: i64 = 100_001;
const FIRST_RELEASE: i64 = 500_001;

#[derive(Debug)]
pub(super) struct World {
    pub(super) folders: Vec<Folder>,
    pub(super) jobs: Vec<Job>,
    pub(super) created_at: Timestamp,
    by_key: HashMap<Uuid, usize>,
    yards: Vec<Yard>,
    timers: BTreeSet<Timer>,
    keys: Keys,
}

/// The robots of a folder, and who waits for them.
#[derive(Debug)]
struct Yard {
    robots: usize,
    busy: usize,
    /// Highest priority first, then the oldest.
    queue: BTreeSet<(Reverse<i64>, usize)>,
}

/// Ordered by time, then by job, so that ties are always broken the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Timer {
    at: Timestamp,
    job: usize,
    epoch: u64,
    what: Due,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// The job may be shown from now on: nothing changes but what can be seen.
    Visible,
    Ready,
    StopExpression,
    KillExpression,
    Ended,
    StoppedByRequest,
    Resumes,
}

/// What the jobs of one StartJobs call have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Making {
    pub(super) batch: Uuid,
    pub(super) visible_after: Duration,
    pub(super) obedience: Obedience,
}

impl World {
    pub(super) fn new(tenant: &TenantSpec, seed: u64, now: Timestamp) -> World {
        let mut keys = Keys::new(seed, 1);
        let mut folders: Vec<Folder> = Vec::new();
        let mut yards = Vec::new();
        let mut releases = FIRST_RELEASE..;
        for spec in &tenant.folders {
            let mut parent = None;
            let ends = spec.path.match_indices('/').map(|(end, _)| end).chain([spec.path.len()]);
            for path in ends.map(|end| &spec.path[..end]) {
                let known = folders.iter().find(|folder| folder.path == path).map(|folder| (folder.id, folder.key));
                let (id, key) = known.unwrap_or_else(|| {
                    let id = FIRST_FOLDER + folders.len() as i64;
                    let key = keys.uuid();
                    folders.push(Folder { id, key, path: path.to_owned(), parent, processes: Vec::new() });
                    yards.push(Yard { robots: 0, busy: 0, queue: BTreeSet::new() });
                    (id, key)
                });
                parent = Some((id, key));
            }
            let Some(at) = folders.iter().position(|folder| folder.path == spec.path) else { continue };
            yards[at].robots += spec.robots;
            for process in &spec.processes {
                let id = releases.next().unwrap_or(FIRST_RELEASE);
                folders[at].processes.push(Process { id, key: keys.uuid(), spec: process.clone() });
            }
        }
        World {
            folders,
            jobs: Vec::new(),
            created_at: now,
            by_key: HashMap::new(),
            yards,
            timers: BTreeSet::new(),
            keys,
        }
    }

    /// Where the process that is wanted stands in its folder.
    pub(super) fn find_process(&self, folder: usize, wanted: &Wanted) -> Option<usize> {
        match wanted {
            Wanted::Key(key) => self.folders[folder].process_with_key(*key),
            Wanted::Name(name) => self.folders[folder].process_named(name),
        }
    }

    pub(super) fn find_job(&self, id: i64) -> Option<usize> {
        let at = usize::try_from(id - FIRST_JOB).ok()?;
        (at < self.jobs.len()).then_some(at)
    }

    pub(super) fn find_key(&self, key: Uuid) -> Option<usize> {
        self.by_key.get(&key).copied()
    }

    pub(super) fn truths(&self) -> Vec<JobTruth> {
        self.jobs.iter().map(Job::truth).collect()
    }

    /// Makes one job of the process in the folder, Pending.
    pub(super) fn make_job(
        &mut self,
        folder: usize,
        process: usize,
        start: &StartInfo,
        making: Making,
        now: Timestamp,
    ) -> usize {
        let at = self.jobs.len();
        let Folder { id: folder_id, path, processes, .. } = &self.folders[folder];
        let release = &processes[process];
        let key = self.keys.uuid();
        let ready_at = later(now, release.spec.pending);
        let visible_at = later(now, making.visible_after);
        self.jobs.push(Job {
            id: FIRST_JOB + at as i64,
            key,
            folder,
            process,
            folder_id: *folder_id,
            folder_path: path.clone(),
            process_name: release.spec.name.clone(),
            release_id: release.id,
            start: start.clone(),
            batch: making.batch,
            created_at: now,
            visible_at,
            modified_at: now,
            started_at: None,
            ended_at: None,
            runs_until: Timestamp::MAX,
            resumed_at: None,
            state: JobState::Pending,
            stop: None,
            obedience: making.obedience,
            output: Value::Null,
            info: None,
            epoch: 0,
        });
        self.by_key.insert(key, at);
        self.set(at, ready_at, Due::Ready);
        self.set(at, visible_at, Due::Visible);
        at
    }

    /// How many robots a folder has.
    pub(super) fn robots(&self, folder: usize) -> usize {
        self.yards[folder].robots
    }

    pub(super) fn new_key(&mut self) -> Uuid {
        self.keys.uuid()
    }

    /// Applies everything that is due. Says whether anything was.
    pub(super) fn advance(&mut self, now: Timestamp) -> Progress {
        let mut progress = Progress::Nothing;
        while let Some(timer) = self.timers.first().copied().filter(|timer| timer.at <= now) {
            self.timers.remove(&timer);
            if timer.what == Due::Visible || self.jobs[timer.job].epoch == timer.epoch {
                self.apply(timer);
                progress = Progress::Something;
            }
        }
        progress
    }

    /// When something changes next by itself.
    pub(super) fn next_change(&self) -> Option<Timestamp> {
        self.timers.first().map(|timer| timer.at).filter(|at| *at < Timestamp::MAX)
    }

    fn set(&mut self, job: usize, at: Timestamp, what: Due) {
        let epoch = self.jobs[job].epoch;
        self.timers.insert(Timer { at, job, epoch, what });
    }

    fn apply(&mut self, timer: Timer) {
        let Timer { at, job, epoch: _, what } = timer;
        match what {
            Due::Visible => {}
            Due::Ready => self.queue(job, at),
            Due::StopExpression => self.stop(job, self.jobs[job].start.stop_by, at),
            Due::KillExpression => self.stop(job, StopStrategy::Kill, at),
            Due::StoppedByRequest => self.enter(job, JobState::Stopped, at),
            Due::Resumes => {
                self.jobs[job].resumed_at = Some(at);
                self.enter(job, JobState::Resumed, at);
                self.queue(job, at);
            }
            Due::Ended => {
                let result = self.result(job);
                self.end(job, result, at);
            }
        }
    }

    fn result(&self, job: usize) -> RobotResult {
        let Job { folder, process, .. } = self.jobs[job];
        self.folders[folder].processes[process].spec.result.clone()
    }

    fn end(&mut self, job: usize, result: RobotResult, at: Timestamp) {
        match result {
            RobotResult::Succeeds { output } => self.succeed(job, output, at),
            RobotResult::Faults { info } => {
                self.jobs[job].info = Some(info);
                self.enter(job, JobState::Faulted, at);
            }
            RobotResult::Stops => self.enter(job, JobState::Stopped, at),
            RobotResult::Suspends { suspended, output } => match self.jobs[job].resumed_at {
                Some(_) => self.succeed(job, output, at),
                None => {
                    self.enter(job, JobState::Suspended, at);
                    self.set(job, later(at, suspended), Due::Resumes);
                }
            },
        }
    }

    fn succeed(&mut self, job: usize, output: Value, at: Timestamp) {
        self.jobs[job].output = output;
        self.jobs[job].info = Some("Job completed".to_owned());
        self.enter(job, JobState::Successful, at);
    }

    /// Puts a job that is ready in front of the robots.
    fn queue(&mut self, job: usize, at: Timestamp) {
        let Job { folder, .. } = self.jobs[job];
        self.yards[folder].queue.insert((Reverse(self.jobs[job].priority()), job));
        self.dispatch(folder, at);
    }

    fn dispatch(&mut self, folder: usize, at: Timestamp) {
        while self.yards[folder].busy < self.yards[folder].robots {
            let Some((_, job)) = self.yards[folder].queue.pop_first() else { return };
            let Job { process, ref start, .. } = self.jobs[job];
            let until = later(at, self.folders[folder].processes[process].spec.running);
            let stop_at = start.stop_after.map(|after| later(at, after));
            self.enter(job, JobState::Running, at);
            self.jobs[job].runs_until = until;
            self.set(job, until, Due::Ended);
            if let Some(stop_at) = stop_at {
                self.set(job, stop_at, Due::StopExpression);
            }
        }
    }

    /// Moves a job to a state: robots are taken and given back, and timers of the old state are void.
    fn enter(&mut self, job: usize, state: JobState, at: Timestamp) {
        let priority = self.jobs[job].priority();
        let entry = &mut self.jobs[job];
        let (before, folder) = (entry.state, entry.folder);
        entry.epoch += 1;
        entry.state = state;
        entry.modified_at = at;
        if state.holds_robot() && entry.started_at.is_none() {
            entry.started_at = Some(at);
        }
        if state.is_final() {
            entry.ended_at = Some(at);
        }
        let yard = &mut self.yards[folder];
        yard.queue.remove(&(Reverse(priority), job));
        yard.busy += usize::from(state.holds_robot());
        yard.busy -= usize::from(before.holds_robot());
        if before.holds_robot() && !state.holds_robot() {
            self.dispatch(folder, at);
        }
    }

    /// Asks a job to stop; a job that is final stays as it is.
    pub(super) fn stop(&mut self, job: usize, strategy: StopStrategy, at: Timestamp) {
        let entry = &mut self.jobs[job];
        let (until, obedience) = (entry.runs_until, entry.obedience);
        if !entry.state.is_final() {
            entry.stop = Some(strategy);
        }
        let kill_at = entry.start.kill_after.map(|after| later(at, after));
        match (entry.state, strategy) {
            (JobState::Pending | JobState::Resumed | JobState::Suspended, _) => {
                self.enter(job, JobState::Stopped, at);
            }
            (JobState::Running, StopStrategy::SoftStop) => {
                self.enter(job, JobState::Stopping, at);
                let stops_at = match obedience {
                    Obedience::Stops => later(at, STOP_TAKES),
                    Obedience::GoesOn => Timestamp::MAX,
                };
                // Who is done before the stop is noticed has simply finished.
                if until <= stops_at {
                    self.set(job, until, Due::Ended);
                } else {
                    self.set(job, stops_at, Due::StoppedByRequest);
                }
                if let Some(kill_at) = kill_at {
                    self.set(job, kill_at, Due::KillExpression);
                }
            }
            (JobState::Running | JobState::Stopping, StopStrategy::Kill) => {
                self.enter(job, JobState::Terminating, at);
                self.set(job, later(at, STOP_TAKES), Due::StoppedByRequest);
            }
            (JobState::Stopping, StopStrategy::SoftStop)
            | (JobState::Terminating | JobState::Faulted | JobState::Successful | JobState::Stopped, _) => {}
        }
    }

    /// Ends a job by hand, however it stands.
    pub(super) fn finish_by_hand(&mut self, job: usize, result: RobotResult, at: Timestamp) {
        if !self.jobs[job].state.is_final() {
            self.end(job, result, at);
        }
    }

    /// Puts a job into a state by hand; nothing happens to it by itself from there.
    pub(super) fn set_by_hand(&mut self, job: usize, state: JobState, at: Timestamp) {
        self.jobs[job].ended_at = None;
        self.enter(job, state, at);
    }

    /// Shows a job no more, as after a clean-up of the service's database.
    pub(super) fn forget(&mut self, job: usize) {
        self.jobs[job].visible_at = Timestamp::MAX;
    }

    /// A suspended job goes on at once.
    pub(super) fn resume(&mut self, job: usize, at: Timestamp) -> Resumed {
        match self.jobs[job].state {
            JobState::Suspended => {
                self.jobs[job].resumed_at = Some(at);
                self.enter(job, JobState::Resumed, at);
                self.queue(job, at);
                Resumed::Done
            }
            JobState::Pending
            | JobState::Running
            | JobState::Stopping
            | JobState::Terminating
            | JobState::Faulted
            | JobState::Successful
            | JobState::Stopped
            | JobState::Resumed => Resumed::NotSuspended,
        }
    }
}

/// Whether time changed anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Nothing,
    Something,
}

/// What came of a wish to resume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resumed {
    Done,
    NotSuspended,
}
