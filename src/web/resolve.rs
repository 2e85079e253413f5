//! `POST /runs/RUN/resolve`: what a person decides about a run that is held, or whose job cannot be read.
//!
//! The dispatcher writes the `audit` row itself, in the transaction that changes the run: a decision that was refused is none.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::answer::{Body, Refusal, Why};
use super::control::Control;
use super::once::Caller;
use crate::dispatcher::core::{CommandRefused, Done, Resolution, Resolved};
use crate::run::{JobKey, RunId};

/// What is to be done with the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Start it, unless one more look-up shows its job.
    Start,
    /// Do not start it.
    Skip,
    /// Follow this job as its own.
    Job(Uuid),
    /// Give it up: its job cannot be read.
    Lost,
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// The run.
    pub run: Uuid,
    /// In words.
    pub answer: String,
}

pub(super) async fn resolve(
    State(control): State<Arc<Control>>,
    caller: Caller,
    Path(run): Path<Uuid>,
    Body(decision): Body<Decision>,
) -> Result<Json<Decided>, Refusal> {
    let how = match decision {
        Decision::Start => Resolution::Start,
        Decision::Skip => Resolution::Skip,
        Decision::Job(key) => Resolution::Job(JobKey(key)),
        Decision::Lost => Resolution::Lost,
    };
    let decided = move |resolved: &Resolved| Decided { run, answer: resolved.to_string() };
    let by = caller.by(move |done| {
        let Done::Resolved(resolved) = done else { return None };
        Some(decided(resolved))
    });
    let resolved = control.dispatcher.resolve(RunId(run), how, by).await.map_err(|cause| refused(&cause))?;
    Ok(Json(decided(&resolved)))
}

fn refused(cause: &CommandRefused) -> Refusal {
    let (why, hint) = match cause {
        CommandRefused::NotOpen(_) => (Why::Missing, "`punctual runs --state held` lists what can be resolved"),
        CommandRefused::NotHeld { .. } => (Why::NotNow, "`punctual show` tells how it stands"),
        CommandRefused::CanBeRead { .. } => (Why::NotNow, "`punctual show` shows how it goes on"),
        CommandRefused::NothingToLose { .. } => (Why::NotNow, "`punctual show` shows what it waits for"),
        CommandRefused::NoFolder(_) => (Why::NotNow, "resolve it by `start` or `skip`"),
        CommandRefused::NoJob { .. } => (
            Why::Missing,
            "the key is shown in Orchestrator under the job's details; the job must be in the run's folder",
        ),
        CommandRefused::OtherProcess { .. } | CommandRefused::OtherRun(_) => {
            (Why::Wrong, "give the key of the job that this run's start made")
        }
        CommandRefused::NotRead(_) => (Why::Unreachable, "try again when Orchestrator answers"),
        CommandRefused::Holding(_)
        | CommandRefused::Start(_)
        | CommandRefused::Retry(_)
        | CommandRefused::Backfill(_)
        | CommandRefused::Stop(_) => (Why::Wrong, "say what is to be decided about the run"),
        CommandRefused::Busy(_) => (Why::NotNow, "wait for the first answer"),
        CommandRefused::Stopping => (Why::Unable, "try again when it runs again"),
        CommandRefused::NotStored => (Why::Unable, "its log says why; free space on the disk of the state folder"),
    };
    Refusal::new(why, cause.to_string()).hint(hint)
}
