//! Rows of attempts as they are written and read.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::columns::{Column, columns_of_attempt, row};
use super::rows::{broken, ms};
use super::trouble::StoreError;
use crate::run::{
    Attempt, FaultClass, FolderId, JobEnding, JobId, JobKey, JobRef, Reference, Run, RunId, StopIntent, StopStep,
    StoppedBy, TimeLimit,
};
use crate::schedule::ConnectionName;

columns_of_attempt!(row);

/// How many attempts a run has: what the database has beyond them, and was never sent, goes.
#[derive(Debug, Serialize)]
pub(super) struct KeptAttempts {
    run_id: RunId,
    attempts: u16,
}

impl KeptAttempts {
    pub(super) fn of(run: &Run) -> KeptAttempts {
        let attempts = run.attempts.iter().map(|attempt| attempt.attempt).max().unwrap_or(0);
        KeptAttempts { run_id: run.id, attempts }
    }
}

/// An attempt whose jobs are to be counted once more, with the connection of its run.
#[derive(Debug, Deserialize)]
pub(super) struct SweepRow {
    pub(super) connection: ConnectionName,
    #[serde(flatten)]
    pub(super) attempt: AttemptRow,
}

/// What `stop_by` holds; the limit and the person have columns of their own.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum StopRule {
    Timeout,
    Overlap,
    Person,
}

impl StopRule {
    fn of(by: &StoppedBy) -> StopRule {
        match by {
            StoppedBy::Timeout(_) => StopRule::Timeout,
            StoppedBy::Overlap => StopRule::Overlap,
            StoppedBy::Person { .. } => StopRule::Person,
        }
    }
}

impl AttemptRow {
    pub(super) fn from_attempt(run_id: RunId, attempt: &Attempt) -> AttemptRow {
        let stop = attempt.stop.as_ref();
        #[cfg(feature = "faults")]
        let stop = stop.filter(|_| !crate::faults::is_on(crate::faults::STOP_IN_MEMORY));
        let (soft, kill) = (stop.and_then(|stop| stop.soft), stop.and_then(|stop| stop.kill));
        AttemptRow {
            run_id,
            job_number: attempt.job_number,
            attempt: attempt.attempt,
            reference: attempt.reference.as_str().to_owned(),
            folder_id: attempt.folder_id.map(|id| id.0),
            sends: attempt.sends,
            unclear: attempt.unclear,
            answered: attempt.answered,
            settled_none: attempt.settled_none,
            sent_at: attempt.sent_at.map(ms),
            job_id: attempt.job.map(|job| job.id.0),
            job_key: attempt.job.map(|job| job.key),
            job_state: attempt.job_state.clone(),
            sweep_at: attempt.sweep_at.map(ms),
            due_at: attempt.due_at.map(ms),
            started_at: attempt.started_at.map(ms),
            ended_at: attempt.ended_at.map(ms),
            ended_as: attempt.ended_as,
            parked_ms: u64::try_from(attempt.parked.as_millis()).unwrap_or(u64::MAX),
            read_at: attempt.read_at.map(ms),
            fault: attempt.fault,
            account: attempt.account.clone(),
            stop_by: stop.map(|stop| StopRule::of(&stop.by)),
            stop_limit: stop.and_then(|stop| match &stop.by {
                StoppedBy::Timeout(limit) => Some(*limit),
                StoppedBy::Overlap | StoppedBy::Person { .. } => None,
            }),
            stop_actor: stop.and_then(|stop| match &stop.by {
                StoppedBy::Person { actor } => Some(actor.clone()),
                StoppedBy::Timeout(_) | StoppedBy::Overlap => None,
            }),
            stop_asked_at: stop.map(|stop| ms(stop.asked_at)),
            soft_stop_at: soft.map(|step| ms(step.at)),
            soft_accepted_at: soft.and_then(|step| step.accepted_at).map(ms),
            kill_at: kill.map(|step| ms(step.at)),
            kill_accepted_at: kill.and_then(|step| step.accepted_at).map(ms),
        }
    }

    pub(super) fn into_attempt(self) -> Result<Attempt, StoreError> {
        let optional = |column, value: Option<i64>| {
            value
                .map(|ms| Timestamp::from_millisecond(ms).map_err(|_| broken("attempt", self.run_id, column)))
                .transpose()
        };
        let job = match (self.job_id, self.job_key) {
            (Some(id), Some(key)) => Some(JobRef { key, id: JobId(id) }),
            (None, None) => None,
            (Some(_), None) => return Err(broken("attempt", self.run_id, "job_key")),
            (None, Some(_)) => return Err(broken("attempt", self.run_id, "job_id")),
        };
        let stop = self.stop_intent()?;
        Ok(Attempt {
            job_number: self.job_number,
            attempt: self.attempt,
            folder_id: self.folder_id.map(FolderId),
            sends: self.sends,
            unclear: self.unclear,
            answered: self.answered,
            settled_none: self.settled_none,
            sent_at: optional("sent_at", self.sent_at)?,
            job,
            sweep_at: optional("sweep_at", self.sweep_at)?,
            due_at: optional("due_at", self.due_at)?,
            started_at: optional("started_at", self.started_at)?,
            ended_at: optional("ended_at", self.ended_at)?,
            ended_as: self.ended_as,
            parked: Duration::from_millis(self.parked_ms),
            read_at: optional("read_at", self.read_at)?,
            fault: self.fault,
            stop,
            account: self.account,
            reference: Reference::from_text(self.reference),
            job_state: self.job_state,
        })
    }

    fn stop_intent(&self) -> Result<Option<StopIntent>, StoreError> {
        let Some(rule) = self.stop_by else { return Ok(None) };
        let missing = |column| broken("attempt", self.run_id, column);
        let by = match rule {
            StopRule::Timeout => StoppedBy::Timeout(self.stop_limit.ok_or_else(|| missing("stop_limit"))?),
            StopRule::Overlap => StoppedBy::Overlap,
            StopRule::Person => {
                StoppedBy::Person { actor: self.stop_actor.clone().ok_or_else(|| missing("stop_actor"))? }
            }
        };
        let at = |column, ms: i64| Timestamp::from_millisecond(ms).map_err(|_| missing(column));
        let step = |column, ms: Option<i64>, accepted: Option<i64>| {
            ms.map(|ms| -> Result<StopStep, StoreError> {
                let accepted_at = accepted.map(|ms| at(column, ms)).transpose()?;
                Ok(StopStep { at: at(column, ms)?, accepted_at })
            })
            .transpose()
        };
        let asked_at = self.stop_asked_at.ok_or_else(|| missing("stop_asked_at"))?;
        Ok(Some(StopIntent {
            by,
            asked_at: at("stop_asked_at", asked_at)?,
            soft: step("soft_stop_at", self.soft_stop_at, self.soft_accepted_at)?,
            kill: step("kill_at", self.kill_at, self.kill_accepted_at)?,
        }))
    }
}
