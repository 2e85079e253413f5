//! `POST /schedules/KEY/start`: a person starts something by hand.
//!
//! The dispatcher writes the `audit` row itself, in the transaction that claims the run.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::answer::{Body, Refusal, Why};
use super::control::Control;
use super::peer::Peer;
use crate::dispatcher::core::{CommandRefused, StartCommand, StartRefused};
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
}

pub(super) async fn start(
    State(control): State<Arc<Control>>,
    Extension(peer): Extension<Peer>,
    Path(schedule): Path<String>,
    Body(request): Body<StartRequest>,
) -> Result<Json<StartAnswer>, Refusal> {
    let StartRequest { arguments, typed, overlap, force, reason } = request;
    let in_windows = if force { InWindows::Starts } else { InWindows::Waits };
    let what = StartCommand { schedule, arguments, typed, overlap, in_windows, reason };
    let run = control.dispatcher.start_run(what, peer.to_string()).await.map_err(|cause| refused(&cause))?;
    Ok(Json(StartAnswer { run: run.0 }))
}

fn refused(cause: &CommandRefused) -> Refusal {
    let CommandRefused::Start(refused) = cause else {
        return Refusal::new(Why::Unable, cause.to_string())
            .hint("try again when it runs and its database can be written; its log says why");
    };
    let (why, hint) = match refused {
        StartRefused::NoSchedule { hint, .. } => (Why::Missing, hint.clone()),
        StartRefused::Overlaps { run, .. } => (
            Why::NotNow,
            format!("`punctual show {}` tells how it stands; `--overlap allow` starts another next to it", run.short()),
        ),
        StartRefused::InWindow { until, .. } => {
            let until = until.map_or_else(String::new, |until| format!(" it ends at {until:.0};"));
            (Why::NotNow, format!("{until} `--force` starts it all the same").trim_start().to_owned())
        }
        StartRefused::Arguments(_) => (Why::Wrong, "give the arguments that its file names".to_owned()),
    };
    Refusal::new(why, refused.to_string()).hint(hint)
}
