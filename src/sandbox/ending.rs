//! How jobs end, and how they are stopped, suspended and resumed: the other half of the world.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::complaint::{Complaint, Failure, Mishap};
use super::conduct::{Course, StopEnd};
use super::config::RobotResult;
use super::job::{Job, JobState};
use super::stop::StopStrategy;
use super::world::{Due, World};
use crate::clock::later;

/// What a robot needs to come to a stop, asked or killed.
const STOP_TAKES: Duration = Duration::from_secs(1);
/// Orchestrator looks so often for jobs that have been Terminating for that long, and faults them ("Job states",
/// Orchestrator guide).
const CLEAN_UP_EVERY: SignedDuration = SignedDuration::from_hours(3);
const CLEAN_UP_AFTER: Duration = Duration::from_secs(24 * 3_600);

impl World {
    /// Asks a job to stop; a job that is final stays as it is.
    pub(super) fn stop(&mut self, job: usize, strategy: StopStrategy, at: Timestamp) {
        match strategy {
            StopStrategy::SoftStop => self.soft_stop(job, at),
            StopStrategy::Kill => self.kill(job, at),
        }
    }

    /// The same for a job that a robot takes a moment before.
    pub(super) fn take_and_stop(&mut self, job: usize, strategy: StopStrategy, at: Timestamp) {
        match self.jobs[job].state {
            JobState::Pending => self.take(job, at),
            JobState::Running
            | JobState::Stopping
            | JobState::Terminating
            | JobState::Faulted
            | JobState::Successful
            | JobState::Stopped
            | JobState::Suspended
            | JobState::Resumed => {}
        }
        self.stop(job, strategy, at);
    }

    fn soft_stop(&mut self, job: usize, at: Timestamp) {
        match self.jobs[job].state {
            JobState::Pending | JobState::Resumed | JobState::Suspended => {
                self.jobs[job].stop = Some(StopStrategy::SoftStop);
                self.enter(job, JobState::Stopped, at);
            }
            JobState::Running => {
                self.enter(job, JobState::Stopping, at);
                let entry = &mut self.jobs[job];
                entry.stop = Some(StopStrategy::SoftStop);
                let until = entry.runs_until;
                let kill_at = entry.start.kill_after.map(|after| later(at, after));
                let stops_at =
                    entry.conduct.soft_stop.takes(STOP_TAKES).map_or(Timestamp::MAX, |takes| later(at, takes));
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
            JobState::Stopping
            | JobState::Terminating
            | JobState::Faulted
            | JobState::Successful
            | JobState::Stopped => {}
        }
    }

    pub(super) fn kill(&mut self, job: usize, at: Timestamp) {
        match self.jobs[job].state {
            JobState::Pending | JobState::Resumed | JobState::Suspended => {
                self.jobs[job].stop = Some(StopStrategy::Kill);
                self.enter(job, JobState::Stopped, at);
            }
            JobState::Running | JobState::Stopping => {
                self.enter(job, JobState::Terminating, at);
                self.jobs[job].stop = Some(StopStrategy::Kill);
                let takes = self.jobs[job].conduct.kill.takes(STOP_TAKES);
                let ends_at = takes.map_or(Timestamp::MAX, |takes| later(at, takes));
                self.set(job, ends_at, Due::StoppedByRequest);
                self.set(job, self.clean_up_at(at), Due::CleanedUp);
            }
            JobState::Terminating | JobState::Faulted | JobState::Successful | JobState::Stopped => {}
        }
    }

    /// Orchestrator's own time-out, unless it was taken back since.
    pub(super) fn stop_by_expression(&mut self, job: usize, at: Timestamp) {
        let Job { stops_at, ref start, .. } = self.jobs[job];
        let strategy = start.stop_by;
        if stops_at.is_some() {
            self.stop(job, strategy, at);
        }
    }

    /// A job that was asked to stop, or killed, is done with it.
    pub(super) fn stopped(&mut self, job: usize, at: Timestamp) {
        let Job { state, ref conduct, .. } = self.jobs[job];
        let ends = match state {
            JobState::Terminating => conduct.kill.ends(),
            JobState::Stopping
            | JobState::Pending
            | JobState::Running
            | JobState::Faulted
            | JobState::Successful
            | JobState::Stopped
            | JobState::Suspended
            | JobState::Resumed => conduct.soft_stop.ends(),
        };
        match ends {
            StopEnd::Stopped => self.enter(job, JobState::Stopped, at),
            StopEnd::Successful => self.succeed(job, Value::Null, at),
            StopEnd::Faulted => self.fault(job, Failure::new(Mishap::ProcessKilled).complaint(), at),
        }
    }

    /// The first of Orchestrator's rounds that finds the job Terminating for long enough.
    fn clean_up_at(&self, killed_at: Timestamp) -> Timestamp {
        let old_enough = later(killed_at, CLEAN_UP_AFTER);
        let round = CLEAN_UP_EVERY.as_secs();
        let since = old_enough.duration_since(self.created_at).as_secs();
        let rounds = since.div_euclid(round) + i64::from(since.rem_euclid(round) > 0);
        later(self.created_at, Duration::from_secs(u64::try_from(rounds * round).unwrap_or(0))).max(old_enough)
    }

    pub(super) fn clean_up(&mut self, job: usize, at: Timestamp) {
        self.fault(job, Failure::new(Mishap::CleanedUp).complaint(), at);
    }

    /// The present stretch of running is over.
    pub(super) fn end_by_itself(&mut self, job: usize, at: Timestamp) {
        let Job { folder, process, ref conduct, resumed_at, .. } = self.jobs[job];
        let of_process = &self.folders[folder].processes[process].spec.result;
        match (&conduct.course, resumed_at) {
            (Course::Fails(complaint), _) => self.fault(job, complaint.clone(), at),
            (Course::Suspends(length), None) => self.suspend(job, *length, at),
            (Course::AsUsual, _) | (Course::Suspends(_), Some(_)) => self.end(job, of_process.clone(), at),
        }
    }

    fn end(&mut self, job: usize, result: RobotResult, at: Timestamp) {
        match result {
            RobotResult::Succeeds { output } => self.succeed(job, output, at),
            RobotResult::Faults { info } => {
                self.jobs[job].info = Some(info);
                self.enter(job, JobState::Faulted, at);
            }
            RobotResult::Fails(complaint) => self.fault(job, complaint, at),
            RobotResult::Stops => self.enter(job, JobState::Stopped, at),
            RobotResult::Suspends { suspended, output } => match self.jobs[job].resumed_at {
                Some(_) => self.succeed(job, output, at),
                None => self.suspend(job, suspended, at),
            },
        }
    }

    fn succeed(&mut self, job: usize, output: Value, at: Timestamp) {
        self.jobs[job].output = output;
        self.jobs[job].info = Some("Job completed".to_owned());
        self.enter(job, JobState::Successful, at);
    }

    fn fault(&mut self, job: usize, complaint: Complaint, at: Timestamp) {
        self.jobs[job].info.clone_from(&complaint.info);
        self.jobs[job].complaint = Some(complaint);
        self.enter(job, JobState::Faulted, at);
    }

    fn suspend(&mut self, job: usize, length: Duration, at: Timestamp) {
        self.enter(job, JobState::Suspended, at);
        self.set(job, later(at, length), Due::Resumes);
    }

    /// A suspended job waits for a robot again.
    pub(super) fn go_on(&mut self, job: usize, at: Timestamp) {
        self.jobs[job].resumed_at = Some(at);
        self.enter(job, JobState::Resumed, at);
        self.queue(job, at);
    }

    /// A suspended job goes on at once.
    pub(super) fn resume(&mut self, job: usize, at: Timestamp) -> Resumed {
        match self.jobs[job].state {
            JobState::Suspended => {
                self.go_on(job, at);
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

    /// Ends a job by hand, however it stands.
    pub(super) fn finish_by_hand(&mut self, job: usize, result: RobotResult, at: Timestamp) {
        if !self.jobs[job].state.is_final() {
            self.end(job, result, at);
        }
    }

    /// Puts a job into a state by hand; nothing happens to it by itself from there.
    pub(super) fn set_by_hand(&mut self, job: usize, state: JobState, at: Timestamp) {
        self.jobs[job].ended_at = None;
        self.jobs[job].stops_at = None;
        self.enter(job, state, at);
    }

    /// Shows a job no more, as after a clean-up of the service's database.
    pub(super) fn forget(&mut self, job: usize) {
        self.jobs[job].visible_at = Timestamp::MAX;
    }
}

/// What came of a wish to resume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resumed {
    Done,
    NotSuspended,
}
