//! Every call of the API, one line each, below `/api/v1`.
//!
//! `GET` only looks; `POST` acts, and leaves an `audit` row with who did it before anything is done.

use std::sync::Arc;

use axum::Router;
use axum::middleware;
use axum::routing::{get, post};

use super::answer::{OTHER_VERSION, Refusal, Why};
use super::control::Control;
use super::{
    backfill, holding, listing, log, login, once, overview, reading, reload, resolve, retry, skip, start, stop, token,
    why,
};

/// What every path begins with. It goes up when something is renamed or taken away, never when something is added.
pub const API: &str = "/api/v1";

pub(super) fn routes(control: &Arc<Control>) -> Router<Arc<Control>> {
    let calls = looks()
        .merge(acts().route_layer(middleware::from_fn_with_state(control.clone(), once::once)))
        .merge(logins().route_layer(middleware::from_fn(once::never_kept)))
        .method_not_allowed_fallback(|| std::future::ready(wrong_method()));
    Router::new().nest(API, calls).fallback(|| std::future::ready(unknown()))
}

fn looks() -> Router<Arc<Control>> {
    Router::new()
        .route("/status", get(overview::show))
        .route("/tokens", get(token::list))
        .route("/tokens/{connection}", get(token::show))
        .route("/held", get(holding::show))
        .route("/runs", get(listing::runs))
        .route("/runs/changed", get(listing::changed))
        .route("/runs/{run}", get(reading::run))
        .route("/runs/{run}/story", get(reading::story))
        .route("/schedules/digests", get(listing::digests))
        .route("/schedules/{schedule}/why", get(why::why))
        .route("/audit", get(reading::audit))
}

/// Done once under one `Idempotency-Key`.
fn acts() -> Router<Arc<Control>> {
    Router::new()
        .route("/tokens/{connection}/refresh", post(token::refresh))
        .route("/log", post(log::set))
        .route("/reload", post(reload::reload))
        .route("/runs/{run}/resolve", post(resolve::resolve))
        .route("/runs/{run}/stop", post(stop::run))
        .route("/runs/{run}/retry", post(retry::retry))
        .route("/schedules/{schedule}/backfill", post(backfill::backfill))
        .route("/schedules/{schedule}/backfill/cancel", post(backfill::cancel))
        .route("/schedules/{schedule}/start", post(start::start))
        .route("/schedules/{schedule}/stop", post(stop::waiting))
        .route("/schedules/{schedule}/skip", post(skip::skip))
        .route("/pauses", post(holding::pause))
        .route("/pauses/end", post(holding::resume))
}

fn logins() -> Router<Arc<Control>> {
    Router::new()
        .route("/login/{connection}", get(login::need))
        .route("/login/{connection}/begin", post(login::begin))
        .route("/login/{connection}/finish", post(login::finish))
        .route("/login/{connection}/keep", post(login::take_secret))
}

fn unknown() -> Refusal {
    Refusal::new(Why::Missing, "this daemon has no such call").hint(OTHER_VERSION)
}

fn wrong_method() -> Refusal {
    Refusal::new(Why::WrongMethod, "this call takes another method").hint("`GET` looks, `POST` acts")
}
