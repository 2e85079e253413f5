//! Taking a job as a run's own, and dealing with one too many.
//!
//! Two jobs under one Reference are the failure that everything else is there to prevent; when it happens all the same, one is
//! followed, the other is stopped while it has not begun, and somebody is told.

use std::time::Duration;

use super::Core;
use super::claim::join;
use super::ending::phase_of;
use super::look_up::Wanted;
use super::looked_up::Finding;
use super::open::{Asked, BeforeStart};
use crate::clock::{Reading, later};
use crate::executor::{Action, Ask, AskedFor};
use crate::orchestrator::{CallError, JobState, JobView};
use crate::policy::overlap::Knowledge;
use crate::run::{Attempt, FolderId, JobPhase, JobRef, RunEvent, RunId};
use crate::schedule::ConnectionName;

/// After a repeated start all jobs of the Reference are counted once more (R11).
const SWEEP_AFTER: Duration = Duration::from_secs(300);

/// After a look-up that broke.
const SWEEP_AGAIN: Duration = Duration::from_secs(60);

/// So many pages in a row may say nothing, ten minutes of them, before the count is given up: what is searched for is a second job that
/// almost never is there.
const SWEEPS_SAID_NOTHING: u32 = 10;

/// A repeated start whose jobs are counted once more.
#[derive(Clone, Debug)]
pub(super) struct Sweep {
    pub(super) run: RunId,
    connection: ConnectionName,
    attempt: Attempt,
    pub(super) asked: Asked,
    /// Pages of a cache, or without their filter, since the start of this life.
    said_nothing: u32,
}

impl Sweep {
    pub(super) fn new(run: RunId, connection: ConnectionName, attempt: Attempt) -> Sweep {
        Sweep { run, connection, attempt, asked: Asked::No, said_nothing: 0 }
    }

    pub(super) fn connection(&self) -> &ConnectionName {
        &self.connection
    }
}

impl Core {
    pub(super) fn collect_sweeps(&mut self, now: Reading, wanted: &mut Wanted) {
        for sweep in &self.sweeps {
            let (Some(at), Some(folder_id)) = (sweep.attempt.sweep_at, sweep.attempt.folder_id) else { continue };
            if sweep.asked == Asked::Yes {
                continue;
            }
            if at > now.wall {
                self.wake.at_wall(at);
                continue;
            }
            let reference = sweep.attempt.reference.clone();
            let ask = Ask { run: sweep.run, reference, purpose: AskedFor::Sweep };
            wanted.look_up((sweep.connection.clone(), folder_id), now.boot, ask);
        }
    }

    /// The call broke: it is made again later, beside others.
    pub(super) fn put_off_sweep(&mut self, run: RunId, now: Reading) {
        for sweep in self.sweeps.iter_mut().filter(|sweep| sweep.run == run) {
            // Only in memory: after a restart it is due at once.
            sweep.attempt.sweep_at = Some(later(now.wall, SWEEP_AGAIN));
        }
    }

    /// A start was accepted.
    pub(super) fn accepted(&mut self, id: RunId, jobs: &[JobView], now: Reading) {
        let Some(open) = self.book.get(id) else { return };
        let Some(folder_id) = open.run.attempt().and_then(|attempt| attempt.folder_id) else { return };
        self.adopt(id, folder_id, jobs, "Accepted", now);
        let Some(open) = self.book.get(id) else { return };
        let Some(attempt) = open.run.attempt() else { return };
        let connection = open.run.connection.clone();
        let reference = attempt.reference.clone();
        self.want_proof(&connection, folder_id, id, reference, now);
    }

    /// After a repeated call, however its job was found: are there two?
    fn plan_sweep(&mut self, id: RunId, now: Reading) {
        let Some(open) = self.book.get(id) else { return };
        let connection = open.run.connection.clone();
        if open.run.attempt().is_none_or(|attempt| attempt.sends < 2 || attempt.unclear == 0) {
            return;
        }
        let at = later(now.wall, SWEEP_AFTER);
        self.book.change(id, |run| {
            if let Some(attempt) = run.attempt_mut() {
                attempt.sweep_at = Some(at);
            }
        });
        if let Some(attempt) = self.book.get(id).and_then(|open| open.run.attempt()).cloned() {
            self.sweeps.retain(|sweep| sweep.run != id);
            self.sweeps.push(Sweep::new(id, connection, attempt));
        }
    }

    /// Takes a job as this run's. Of several the one that runs, then the oldest; the others are stopped while they have not
    /// begun, and somebody is told.
    pub(super) fn adopt(&mut self, id: RunId, folder_id: FolderId, jobs: &[JobView], how: &str, now: Reading) {
        let mut jobs: Vec<&JobView> = jobs.iter().collect();
        jobs.sort_by_key(|job| (job.state == JobState::Pending, job.id));
        // A list may show one job twice, as its rows move between two pages.
        jobs.dedup_by_key(|job| job.key);
        let Some((job, spare)) = jobs.split_first() else { return };
        let reference = JobRef { key: job.key, id: job.id };
        // A job that has ended already is read whole before the run ends.
        let phase = phase_of(&job.state).unwrap_or(JobPhase::Running);
        self.book.change(id, |run| {
            run.accepted_at.get_or_insert(now.wall);
            run.started_at = job.started_at.or(run.started_at);
            run.error = None;
            run.held_for = None;
            if let Some(attempt) = run.attempt_mut() {
                attempt.folder_id.get_or_insert(folder_id);
                attempt.job = Some(reference);
                attempt.job_state = Some(job.state.as_str().to_owned());
            }
        });
        if !self.step(id, RunEvent::Job(phase), now, format!("{how} as job {}", job.id)) {
            return;
        }
        let first = now.boot + self.pace.first;
        if let Some(open) = self.book.get_mut(id) {
            open.before_start = BeforeStart::Clear;
            open.knowledge = Knowledge::Current;
            open.follow_from(now.boot, first);
            if job.state.is_final() {
                open.knowledge = Knowledge::NotReadYet;
                open.follow_from(now.boot, now.boot);
            }
        }
        self.stop_spare(id, &spare.iter().map(|job| (*job).clone()).collect::<Vec<_>>(), now);
        self.plan_sweep(id, now);
    }

    fn stop_spare(&mut self, id: RunId, spare: &[JobView], now: Reading) {
        let Some(open) = self.book.get(id) else { return };
        let connection = open.run.connection.clone();
        let Some(folder_id) = open.run.attempt().and_then(|attempt| attempt.folder_id) else { return };
        for job in spare {
            tracing::error!(run.id = %id, "Job {} was made beside the one that is followed, under the same Reference", job.id);
            let fate = if job.state == JobState::Pending { "it is stopped" } else { "it had begun already" };
            self.book.change(id, |run| {
                run.note = join(run.note.take(), format!("duplicate job {}; {fate}", job.id));
            });
            self.book.note(id, now.wall, format!("Job {} is one too many; {fate}", job.id));
            if job.state == JobState::Pending {
                let job = JobRef { key: job.key, id: job.id };
                self.actions.push(Action::StopSpare { connection: connection.clone(), folder_id, run: id, job });
            }
        }
    }

    /// The answer to a stop of a job that was one too many.
    pub(super) fn spare_stopped(
        &mut self,
        connection: &ConnectionName,
        run: RunId,
        job: JobRef,
        result: Result<(), CallError>,
        now: Reading,
    ) {
        let text = match &result {
            Ok(()) => format!("Job {} was asked to stop", job.id),
            Err(error) => format!("Job {} could not be stopped: {error}; stop it in Orchestrator", job.id),
        };
        if let Some(link) = self.link_mut(connection) {
            link.heard_of_job(&result, now.boot);
        }
        self.book.note_ended(run, now.wall, text);
    }

    /// The late count after a repeated start.
    pub(super) fn swept(
        &mut self,
        connection: &ConnectionName,
        folder_id: FolderId,
        id: RunId,
        finding: Finding,
        now: Reading,
    ) {
        let Some(place) = self.sweeps.iter().position(|sweep| sweep.run == id) else { return };
        if matches!(finding, Finding::Nothing | Finding::Stale(_)) {
            let sweep = &mut self.sweeps[place];
            sweep.said_nothing += 1;
            if sweep.said_nothing < SWEEPS_SAID_NOTHING {
                return self.put_off_sweep(id, now);
            }
        }
        let mut attempt = self.sweeps.swap_remove(place).attempt;
        attempt.sweep_at = None;
        if let Some(open) = self.book.get(id) {
            let current = open.run.attempt().and_then(|attempt| attempt.job);
            attempt.job = current.or(attempt.job);
            self.book.change(id, |run| {
                if let Some(attempt) = run.attempt_mut() {
                    attempt.sweep_at = None;
                }
            });
        } else {
            self.book.record_sweep(id, attempt.clone());
        }
        let jobs = match finding {
            Finding::Jobs(jobs) => jobs,
            Finding::ProvenNone | Finding::NoneShown | Finding::Nothing | Finding::Stale(_) => return,
        };
        for job in jobs.iter().filter(|job| attempt.job.is_none_or(|ours| ours.key != job.key)) {
            tracing::error!(run.id = %id, "Job {} was made late, under a Reference that had been started again", job.id);
            self.book.note_ended(id, now.wall, format!("Job {} was made late and is one too many", job.id));
            if job.state == JobState::Pending {
                let job = JobRef { key: job.key, id: job.id };
                self.actions.push(Action::StopSpare { connection: connection.clone(), folder_id, run: id, job });
            }
        }
    }
}
