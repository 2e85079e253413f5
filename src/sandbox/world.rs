//! What is true in the tenant: folders, robots, jobs, and the passing of time.
//!
//! Time passes by events, not by looking: every change due up to now is applied in the order of its own time, so a manual
//! clock that jumps an hour leaves the same history as one that creeps. Nothing here waits; [`World::next_change`] says when
//! to come back. How jobs end is in `ending`.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::conduct::{Conduct, PendingReason, Waits};
use super::config::TenantSpec;
use super::dice::Keys;
use super::folder::{Folder, Process};
use super::job::{Job, JobState, JobTruth};
use super::start::{StartInfo, Wanted};
use crate::clock::later;

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
pub(super) enum Due {
    /// The job may be shown from now on: nothing changes but what can be seen.
    Visible,
    Ready,
    StopExpression,
    KillExpression,
    Ended,
    StoppedByRequest,
    CleanedUp,
    Resumes,
}

impl Due {
    /// Whether it holds in whatever state the job is by then.
    fn outlives_states(self) -> bool {
        match self {
            Due::Visible | Due::StopExpression => true,
            Due::Ready | Due::KillExpression | Due::Ended | Due::StoppedByRequest | Due::CleanedUp | Due::Resumes => {
                false
            }
        }
    }
}

/// What the jobs of one StartJobs call have in common.
#[derive(Clone, Debug)]
pub(super) struct Making {
    pub(super) batch: Uuid,
    pub(super) visible_after: Duration,
    pub(super) conduct: Conduct,
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
        making: &Making,
        now: Timestamp,
    ) -> usize {
        let at = self.jobs.len();
        let Folder { id: folder_id, path, processes, .. } = &self.folders[folder];
        let release = &processes[process];
        let key = self.keys.uuid();
        let mut conduct = making.conduct.clone();
        if self.yards[folder].robots == 0 {
            conduct.waits = Waits::ForEver(PendingReason::NoHost);
        }
        let ready_at = match conduct.waits {
            Waits::AsUsual => later(now, release.spec.pending),
            Waits::Longer(length) => later(now, release.spec.pending.saturating_add(length)),
            Waits::ForEver(_) => Timestamp::MAX,
        };
        // From the start that was asked for, not from that of the robot: waiting and suspended time count too (time
        // triggers, Orchestrator guide: due at 13:00, stop after 20 min, begun at 13:15, stopped at 13:20).
        let stops_at = start.stop_after.map(|after| later(now, after));
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
            stops_at,
            conduct,
            output: Value::Null,
            info: None,
            complaint: None,
            epoch: 0,
        });
        self.by_key.insert(key, at);
        self.set(at, ready_at, Due::Ready);
        self.set(at, visible_at, Due::Visible);
        if let Some(stops_at) = stops_at {
            self.set(at, stops_at, Due::StopExpression);
        }
        at
    }

    /// How many robots a folder has, and how many of them are free.
    pub(super) fn robots(&self, folder: usize) -> (usize, usize) {
        let Yard { robots, busy, .. } = self.yards[folder];
        (robots, robots.saturating_sub(busy))
    }

    pub(super) fn set_robots(&mut self, folder: usize, robots: usize, at: Timestamp) {
        self.yards[folder].robots = robots;
        self.dispatch(folder, at);
    }

    /// Whether a job of the process is Pending in the folder.
    pub(super) fn has_pending(&self, folder: usize, process: usize) -> bool {
        let of_it = |job: &&Job| job.folder == folder && job.process == process;
        self.jobs.iter().filter(of_it).any(|job| job.state == JobState::Pending)
    }

    pub(super) fn new_key(&mut self) -> Uuid {
        self.keys.uuid()
    }

    /// Applies everything that is due. Says whether anything was.
    pub(super) fn advance(&mut self, now: Timestamp) -> Progress {
        let mut progress = Progress::Nothing;
        while let Some(timer) = self.timers.first().copied().filter(|timer| timer.at <= now) {
            self.timers.remove(&timer);
            if timer.what.outlives_states() || self.jobs[timer.job].epoch == timer.epoch {
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

    pub(super) fn set(&mut self, job: usize, at: Timestamp, what: Due) {
        let epoch = self.jobs[job].epoch;
        self.timers.insert(Timer { at, job, epoch, what });
    }

    fn apply(&mut self, timer: Timer) {
        let Timer { at, job, epoch: _, what } = timer;
        match what {
            Due::Visible => {}
            Due::Ready => self.queue(job, at),
            Due::StopExpression => self.stop_by_expression(job, at),
            Due::KillExpression => self.kill(job, at),
            Due::StoppedByRequest => self.stopped(job, at),
            Due::CleanedUp => self.clean_up(job, at),
            Due::Resumes => self.go_on(job, at),
            Due::Ended => self.end_by_itself(job, at),
        }
    }

    /// Puts a job that is ready in front of the robots.
    pub(super) fn queue(&mut self, job: usize, at: Timestamp) {
        let Job { folder, .. } = self.jobs[job];
        self.yards[folder].queue.insert((Reverse(self.jobs[job].priority()), job));
        self.dispatch(folder, at);
    }

    fn dispatch(&mut self, folder: usize, at: Timestamp) {
        while self.yards[folder].busy < self.yards[folder].robots {
            let Some((_, job)) = self.yards[folder].queue.pop_first() else { return };
            self.take(job, at);
        }
    }

    /// A robot takes the job.
    pub(super) fn take(&mut self, job: usize, at: Timestamp) {
        let Job { folder, process, ref conduct, .. } = self.jobs[job];
        let length = conduct.runs.unwrap_or(self.folders[folder].processes[process].spec.running);
        let until = later(at, length);
        self.enter(job, JobState::Running, at);
        self.jobs[job].runs_until = until;
        self.set(job, until, Due::Ended);
    }

    /// Moves a job to a state: robots are taken and given back, and timers of the old state are void.
    pub(super) fn enter(&mut self, job: usize, state: JobState, at: Timestamp) {
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
}

/// Whether time changed anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Nothing,
    Something,
}
