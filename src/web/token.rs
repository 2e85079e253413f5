//! `GET /tokens`, `GET /tokens/NAME`, `POST /tokens/NAME/refresh`: how the tokens stand, and a new one now.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::{Extension, Json};

use super::answer::{Refusal, Why};
use super::control::Control;
use super::peer::Peer;
use super::status::TokenReport;
use crate::auth::{AuthUnavailable, TokenState};

pub(super) async fn list(State(control): State<Arc<Control>>) -> Json<Vec<TokenReport>> {
    let tokens = control.served().tokens;
    Json(tokens.iter().map(|(name, manager)| TokenReport::new(name.as_str(), &manager.status())).collect())
}

pub(super) async fn show(
    State(control): State<Arc<Control>>,
    Path(name): Path<String>,
) -> Result<Json<TokenReport>, Refusal> {
    let manager = control.manager(&name)?;
    Ok(Json(TokenReport::new(&name, &manager.status())))
}

pub(super) async fn refresh(
    State(control): State<Arc<Control>>,
    Extension(peer): Extension<Peer>,
    Path(name): Path<String>,
) -> Result<Json<TokenReport>, Refusal> {
    let manager = control.manager(&name)?;
    control.audit(&peer, "token_refresh", &name, None).await?;
    let status = manager.refresh().await.map_err(|cause| unavailable(&cause))?;
    Ok(Json(TokenReport::new(&name, &status)))
}

fn unavailable(cause: &AuthUnavailable) -> Refusal {
    let why = match cause.state {
        TokenState::NeedsLogin | TokenState::BadClient | TokenState::AuthBroken => Why::Refused,
        TokenState::Unavailable | TokenState::Starting | TokenState::Refreshing => Why::Unreachable,
        TokenState::Unsaved => Why::Unable,
        TokenState::Valid => Why::NotNow,
    };
    Refusal::new(why, cause.sentence()).hint(cause.cure.to_string())
}
