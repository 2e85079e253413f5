//! `POST /runs/RUN/stop` and `POST /schedules/KEY/stop`: a person stops a run, or whatever of a schedule waits.
//!
//! The dispatcher writes the `audit` row itself, in the transaction that changes the runs.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::answer::{Body, Refusal, Why};
use super::control::Control;
use super::holding::other;
use super::once::Caller;
use crate::dispatcher::core::{CommandRefused, Done, StopCommand, StopDone, StopHow, StopRefused, StopWaiting};
use crate::run::RunId;

/// How a run is to stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopRequest {
    /// Its job by force, where it has one.
    #[serde(default)]
    pub kill: bool,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum StopAnswer {
    /// It was never sent.
    Cancelled,
    /// It waited for another attempt.
    EndedAsItsJob {
        /// What its last job made of it.
        state: String,
    },
    /// Its job was asked to stop, or is killed.
    Asked {
        /// By force.
        kill: bool,
    },
    /// It may have been started.
    LookedUp,
    /// Those of a schedule that were never sent.
    Waiting {
        /// Which.
        runs: Vec<Uuid>,
    },
}

pub(super) async fn run(
    State(control): State<Arc<Control>>,
    caller: Caller,
    Path(run): Path<Uuid>,
    Body(request): Body<StopRequest>,
) -> Result<Json<StopAnswer>, Refusal> {
    let how = if request.kill { StopHow::Kill } else { StopHow::Softly };
    stop(&control, &caller, StopCommand::Run { run: RunId(run), how, reason: request.reason }).await
}

pub(super) async fn waiting(
    State(control): State<Arc<Control>>,
    caller: Caller,
    Path(schedule): Path<String>,
    Body(request): Body<StopRequest>,
) -> Result<Json<StopAnswer>, Refusal> {
    if request.kill {
        return Err(Refusal::new(Why::Wrong, "what was never sent has no job to be killed").hint("leave `kill` out"));
    }
    stop(&control, &caller, StopCommand::Waiting { schedule, of: StopWaiting::All, reason: request.reason }).await
}

pub(super) async fn stop(control: &Control, caller: &Caller, what: StopCommand) -> Result<Json<StopAnswer>, Refusal> {
    let of_schedule = matches!(what, StopCommand::Waiting { .. });
    let by = caller.by(|done| {
        let Done::Stopped(done) = done else { return None };
        Some(StopAnswer::of(done))
    });
    let done = control.dispatcher.stop_runs(what, by).await.map_err(|cause| refused(&cause))?;
    let answer = StopAnswer::of(&done);
    match (&answer, of_schedule) {
        (StopAnswer::Waiting { .. }, true) => Ok(Json(answer)),
        (StopAnswer::Waiting { .. }, false) | (_, true) => Err(other()),
        (_, false) => Ok(Json(answer)),
    }
}

impl StopAnswer {
    fn of(done: &StopDone) -> StopAnswer {
        match done {
            StopDone::Cancelled(_) => StopAnswer::Cancelled,
            StopDone::EndedAsItsJob(_, ending) => {
                StopAnswer::EndedAsItsJob { state: crate::run::RunState::Ended(*ending).to_string() }
            }
            StopDone::Asked(_, how) => StopAnswer::Asked { kill: *how == StopHow::Kill },
            StopDone::LookedUp(_) => StopAnswer::LookedUp,
            StopDone::Waiting(_, runs) => StopAnswer::Waiting { runs: runs.iter().map(|run| run.0).collect() },
        }
    }
}

fn refused(cause: &CommandRefused) -> Refusal {
    let CommandRefused::Stop(refused) = cause else {
        return Refusal::new(Why::Unable, cause.to_string())
            .hint("try again when it runs and its database can be written; its log says why");
    };
    let (why, hint) = match refused {
        StopRefused::NotOpen(run) => (Why::NotNow, format!("`punctual show {}` tells how it ended", run.short())),
        StopRefused::NoSchedule { hint, .. } => (Why::Missing, hint.clone()),
        StopRefused::NothingWaits(_) => {
            (Why::NotNow, "`punctual status` shows what is open; `punctual stop RUN` stops one with a job".to_owned())
        }
    };
    Refusal::new(why, refused.to_string()).hint(hint)
}
