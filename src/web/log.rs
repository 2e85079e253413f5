//! `POST /log`: how much the running daemon logs, until it restarts.
//!
//! The filter belongs to whoever set the log up (`LogLevel`), which is above this module.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};

use super::answer::{Body, Refusal, Why};
use super::control::Control;
use super::directives::Directives;
use super::peer::Peer;

/// How much is logged from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRequest {
    /// A level, or parts with commas between them, as in `PUNCTUAL_LOG`.
    pub level: String,
}

/// What holds now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogAnswer {
    /// As it was written.
    pub level: String,
    /// What held until now.
    pub before: String,
}

/// Where nobody asked for anything.
const DEFAULT: &str = "info";

pub(super) async fn set(
    State(control): State<Arc<Control>>,
    Extension(peer): Extension<Peer>,
    Body(LogRequest { level }): Body<LogRequest>,
) -> Result<Json<LogAnswer>, Refusal> {
    let level = level.trim().to_owned();
    let understood = Directives::read(&level);
    if let Some(mistake) = understood.mistakes.first() {
        return Err(Refusal::new(Why::Wrong, mistake.clone()));
    }
    if level.is_empty() {
        return Err(Refusal::new(Why::Wrong, "no level is named").hint("`punctual log info` is the usual one"));
    }
    let Some(log) = &control.log else {
        return Err(Refusal::new(Why::NotNow, "this daemon does not keep a log of its own"));
    };
    let before = Some(log.asked()).filter(|asked| !asked.is_empty()).unwrap_or_else(|| DEFAULT.to_owned());
    control.audit(&peer, "log", &level, Some(format!("was {before}"))).await?;
    log.set(&level, &understood).map_err(|cause| Refusal::new(Why::Unable, cause))?;
    Ok(Json(LogAnswer { level, before }))
}
