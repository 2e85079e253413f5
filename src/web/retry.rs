//! `POST /runs/RUN/retry`: a person has a run tried again, or its next attempt made at once.
//!
//! The dispatcher writes the `audit` row itself, in the transaction that claims the run.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::answer::{Body, Refusal, Why};
use super::control::Control;
use super::once::Caller;
use super::start::{refused_by_hand, unable};
use crate::dispatcher::core::{
    Again, CommandRefused, Done, FileSays, RetryCommand, RetryDone, RetryRefused, RetryWork,
};
use crate::run::{InWindows, RunId, RunState, WaitReason};
use crate::schedule::OverlapPolicy;

/// How a run is tried again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryRequest {
    /// With which work, and when.
    #[serde(default)]
    pub how: RetryHow,
    /// What an open run does to it.
    #[serde(default)]
    pub overlap: Option<OverlapPolicy>,
    /// Also inside a blackout, and whatever became of it and of those that repeated it.
    #[serde(default)]
    pub force: bool,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
}

/// With which work a run is tried again, and when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryHow {
    /// With its own.
    #[default]
    AsItWas,
    /// With what the file says now.
    AsNow,
    /// It waits for another attempt, which is made at once.
    Now,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum RetryAnswer {
    /// A run repeats it.
    Repeated {
        /// Which.
        run: Uuid,
        /// The file says something else by now than what it starts.
        file_differs: bool,
    },
    /// Its next attempt is made.
    Sent,
}

pub(super) async fn retry(
    State(control): State<Arc<Control>>,
    caller: Caller,
    Path(run): Path<Uuid>,
    Body(request): Body<RetryRequest>,
) -> Result<Json<RetryAnswer>, Refusal> {
    let RetryRequest { how, overlap, force, reason } = request;
    let run = RunId(run);
    let work = match how {
        RetryHow::AsItWas => RetryWork::AsItWas,
        RetryHow::AsNow => RetryWork::AsNow,
        RetryHow::Now => return answer(&control, &caller, RetryCommand::Now { run, reason }).await,
    };
    let read = control.store.read_run(run).await.map_err(|cause| {
        tracing::error!("A run that is to be tried again cannot be read: {cause}");
        Refusal::new(Why::Unable, "the daemon's database cannot be read").hint("its log says why")
    })?;
    let Some(recorded) = read.map(Box::new) else {
        return Err(
            Refusal::new(Why::Missing, "there is no such run").hint("`punctual runs --failed` lists what failed")
        );
    };
    let (in_windows, again) =
        if force { (InWindows::Starts, Again::Whatever) } else { (InWindows::Waits, Again::Failed) };
    answer(&control, &caller, RetryCommand::Again { recorded, work, again, overlap, in_windows, reason }).await
}

async fn answer(control: &Control, caller: &Caller, what: RetryCommand) -> Result<Json<RetryAnswer>, Refusal> {
    let by = caller.by(|done| {
        let Done::Retried(done) = done else { return None };
        Some(RetryAnswer::of(done))
    });
    let done = control.dispatcher.retry(what, by).await.map_err(|cause| refused(&cause))?;
    Ok(Json(RetryAnswer::of(&done)))
}

impl RetryAnswer {
    fn of(done: &RetryDone) -> RetryAnswer {
        match done {
            RetryDone::Repeated { run, file } => {
                RetryAnswer::Repeated { run: run.0, file_differs: *file == FileSays::Otherwise }
            }
            RetryDone::Sent(_) => RetryAnswer::Sent,
        }
    }
}

fn refused(cause: &CommandRefused) -> Refusal {
    let CommandRefused::Retry(refused) = cause else { return unable(cause) };
    let hint = match refused {
        RetryRefused::ByHand(refused) => return refused_by_hand(refused),
        RetryRefused::Open { run, state } => {
            let short = run.short();
            match state {
                RunState::Held => {
                    format!("it waits for a person: `punctual resolve {short} start`, `skip`, or the job's key")
                }
                RunState::Waiting(WaitReason::Retry) => {
                    format!(
                        "`punctual retry {short} --now` makes its next attempt at once; `punctual stop {short}` ends it"
                    )
                }
                RunState::Armed
                | RunState::Waiting(_)
                | RunState::Starting
                | RunState::Unknown
                | RunState::Job(_)
                | RunState::Ended(_) => {
                    format!("`punctual show {short}` tells how it stands; `punctual stop {short}` stops it")
                }
            }
        }
        RetryRefused::NotWaiting { run, .. } => format!(
            "`punctual show {0}` tells how it stands; once it has ended `punctual retry {0}` starts it again",
            run.short()
        ),
        RetryRefused::NeverAsked { run, schedule, nominal_at, .. } => format!(
            "`punctual show {}` tells why; `punctual start {schedule} --nominal {nominal_at}` starts it for that time, with what the file \
             says now",
            run.short()
        ),
        RetryRefused::Succeeded { run } => {
            format!("`punctual retry {} --force` starts it once more all the same", run.short())
        }
        RetryRefused::MayRun { run } => {
            format!("look in Orchestrator whether its job runs; if not: `punctual retry {} --force`", run.short())
        }
        RetryRefused::MadeGood { run, by } => format!(
            "`punctual show {}` tells how that stands; `punctual retry {} --force` starts it once more all the same",
            by.short(),
            run.short()
        ),
        RetryRefused::Dropped { run } | RetryRefused::Elsewhere { run, .. } => {
            format!("`punctual retry {} --as-now` starts what the file says now, for the same time", run.short())
        }
    };
    Refusal::new(Why::NotNow, refused.to_string()).hint(hint)
}
