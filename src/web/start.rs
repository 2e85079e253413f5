//! `POST /schedules/KEY/start`: a person starts something by hand.
//!
//! The dispatcher writes the `audit` row itself, in the transaction that claims the run.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::answer::{Body, Refusal, Why};
use super::control::Control;
use super::holding::paused_by;
use super::nominal;
use super::once::Caller;
use crate::dispatcher::core::{ByHandRefused, CommandRefused, Done, StartCommand};
use crate::run::InWindows;
use crate::schedule::OverlapPolicy;

/// What is started, and how.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StartRequest {
    /// In the place of the file's, one by one.
    #[serde(default)]
    pub arguments: Map<String, Value>,
    /// The same as a person types them.
    #[serde(default)]
    pub typed: BTreeMap<String, String>,
    /// For which time of the schedule, as a person writes it, read in the schedule's zone. None: for now.
    #[serde(default)]
    pub nominal: Option<String>,
    /// What an open run does to it.
    #[serde(default)]
    pub overlap: Option<OverlapPolicy>,
    /// Also inside a blackout.
    #[serde(default)]
    pub force: bool,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
}

/// What was claimed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartAnswer {
    /// Its run.
    pub run: Uuid,
    /// A pause that holds the schedule, though not what a person starts: by whom, and why.
    #[serde(default)]
    pub paused: Option<String>,
}

pub(super) async fn start(
    State(control): State<Arc<Control>>,
    caller: Caller,
    Path(schedule): Path<String>,
    Body(request): Body<StartRequest>,
) -> Result<Json<StartAnswer>, Refusal> {
    let StartRequest { arguments, typed, nominal, overlap, force, reason } = request;
    let in_windows = if force { InWindows::Starts } else { InWindows::Waits };
    let set = control.served().set;
    let loaded = set.schedules.get(schedule.as_str());
    let paused = match loaded {
        Some(loaded) => paused_by(&control, loaded).await?,
        None => None,
    };
    let nominal_at = match (nominal, loaded) {
        (Some(text), Some(loaded)) => Some(nominal::of(&control, loaded, &text).await?),
        // The dispatcher says that there is no such schedule.
        (Some(_), None) | (None, _) => None,
    };
    let what = StartCommand { schedule, arguments, typed, nominal_at, overlap, in_windows, reason };
    let kept = paused.clone();
    let by = caller.by(|done| {
        let Done::Started(run) = done else { return None };
        Some(StartAnswer { run: run.0, paused: kept })
    });
    let run = control.dispatcher.start_run(what, by).await.map_err(|cause| refused(&cause))?;
    Ok(Json(StartAnswer { run: run.0, paused }))
}

fn refused(cause: &CommandRefused) -> Refusal {
    match cause {
        CommandRefused::Start(refused) => refused_by_hand(refused),
        other => unable(other),
    }
}

/// Nothing can be done at the moment.
pub(super) fn unable(cause: &CommandRefused) -> Refusal {
    Refusal::new(Why::Unable, cause.to_string())
        .hint("try again when it runs and its database can be written; its log says why")
}

/// What a person wanted started is not, and what helps.
pub(super) fn refused_by_hand(refused: &ByHandRefused) -> Refusal {
    let (why, hint) = match refused {
        ByHandRefused::NoSchedule { hint, .. } => (Why::Missing, hint.clone()),
        ByHandRefused::Overlaps { run, .. } => (
            Why::NotNow,
            format!("`punctual show {}` tells how it stands; `--overlap allow` starts another next to it", run.short()),
        ),
        ByHandRefused::InWindow { until, .. } => {
            let until = until.map_or_else(String::new, |until| format!(" it ends at {until:.0};"));
            (Why::NotNow, format!("{until} `--force` starts it all the same").trim_start().to_owned())
        }
        ByHandRefused::NoArgument { name, meant, .. } => (
            Why::Wrong,
            format!("`{meant}` was meant? If the process has `{name}` too, put it among `arguments` in the file first"),
        ),
        ByHandRefused::Arguments(_) => (Why::Wrong, "give the arguments that its file names".to_owned()),
    };
    Refusal::new(why, refused.to_string()).hint(hint)
}
