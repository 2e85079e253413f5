//! `Idempotency-Key`: an act that is asked for again under its key is done once (semantics.md 35).
//!
//! What makes an act the same is who asks, for which call, and the body, in whatever order its members stand. A repeat waits for the first
//! and is told what that was told; a refusal is not kept, so the one that waits tries itself. The kept answer is looked up by the one writer
//! of the database, behind whatever was handed to it before.
//!
//! Absent: how an answer gets into the transaction of its act (`dispatcher`).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::answer::{Refusal, Why};
use super::control::Control;
use super::peer::Peer;
use crate::dispatcher::By;
use crate::dispatcher::core::Done;
use crate::store::{KeptAnswer, OnceKey, StoreError, UnderKey};

/// The header with the key.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Says of an answer that it is the one of before; a program sees the act in it, and nothing was done now.
pub const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The longest key, in bytes.
pub const LONGEST_KEY: usize = 255;

/// An answer is held whole in any case, when it is made.
const ANSWER_BYTES: usize = usize::MAX;

/// Who acts, and the key of the act, where one came.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    /// Who.
    pub(super) peer: Peer,
    once: Option<Once>,
}

#[derive(Clone, Debug)]
struct Once {
    key: OnceKey,
    /// Whether the act takes the answer into its own transaction.
    handed_on: Arc<AtomicBool>,
}

impl Caller {
    /// For the dispatcher, with how the answer is told that is kept with the act.
    pub(super) fn by<A: Serialize>(&self, tell: impl FnOnce(&Done) -> Option<A> + Send + 'static) -> By {
        let Some(Once { key, handed_on }) = &self.once else { return By::from(self.peer.to_string()) };
        handed_on.store(true, Ordering::Relaxed);
        let tell = |done: &Done| tell(done).and_then(|answer| serde_json::to_string(&answer).ok());
        By::once(self.peer.to_string(), key.clone(), tell)
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Caller, Refusal> {
        let peer = peer_of(parts)?;
        Ok(Caller { peer, once: parts.extensions.get().cloned() })
    }
}

fn peer_of(parts: &Parts) -> Result<Peer, Refusal> {
    let nobody = || Refusal::new(Why::NotAllowed, "the daemon does not know who you are");
    parts.extensions.get().cloned().ok_or_else(nobody)
}

/// Stands before every act.
pub(super) async fn once(State(control): State<Arc<Control>>, request: Request, next: Next) -> Response {
    match under_key(&control, request, next).await {
        Ok(response) => response,
        Err(refusal) => refusal.into_response(),
    }
}

/// Stands before what cannot be asked for under a key: whoever sends one relies on it.
pub(super) async fn never_kept(request: Request, next: Next) -> Response {
    if !request.headers().contains_key(IDEMPOTENCY_KEY) {
        return next.run(request).await;
    }
    Refusal::new(Why::Wrong, "a login takes no `Idempotency-Key`, since a hash of a secret is not written down")
        .hint("leave it out: a secret that is given again is kept again, and a code works once anyway")
        .into_response()
}

async fn under_key(control: &Control, request: Request, next: Next) -> Result<Response, Refusal> {
    let Some(key) = key_of(request.headers())? else { return Ok(next.run(request).await) };
    let (mut parts, body) = request.into_parts();
    // It has been read before, within its limit.
    let body =
        to_bytes(body, ANSWER_BYTES).await.map_err(|_| Refusal::new(Why::Wrong, "the request's body broke off"))?;
    let asked = fingerprint(&parts.method, parts.uri.path(), &body);
    let key = OnceKey { actor: format!("uid {}", peer_of(&parts)?.uid), key, asked };
    let _turn = control.turns.of(&key).await.map_err(|_| another())?;
    match control.store.under_key(key.clone(), control.clock.now()).await.map_err(|cause| unreadable(&cause))? {
        UnderKey::Done(answer) => return Ok(replayed(answer)),
        UnderKey::Another => return Err(another()),
        UnderKey::Nothing => {}
    }
    let once = Once { key, handed_on: Arc::default() };
    parts.extensions.insert(once.clone());
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    if !response.status().is_success() || once.handed_on.load(Ordering::Relaxed) {
        return Ok(response);
    }
    let (parts, answer) = response.into_parts();
    let answer = to_bytes(answer, ANSWER_BYTES).await.unwrap_or_default();
    keep(control, once.key, &answer).await;
    Ok(Response::from_parts(parts, Body::from(answer)))
}

/// Of what the dispatcher does not do. It is done by now, and to do it again does no harm, so one that cannot be kept is no refusal.
async fn keep(control: &Control, once: OnceKey, answer: &Bytes) {
    let answer = String::from_utf8_lossy(answer).into_owned();
    let kept = KeptAnswer { once, at: control.clock.now(), answer };
    if let Err(cause) = control.store.keep_answer(kept).await {
        tracing::warn!("What was answered under a key cannot be kept: {cause}");
    }
}

/// The key, as a structured field has it or bare, which most clients send.
fn key_of(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let mut all = headers.get_all(IDEMPOTENCY_KEY).iter();
    let (Some(first), None) = (all.next(), all.next()) else {
        return if headers.contains_key(IDEMPOTENCY_KEY) { Err(no_key()) } else { Ok(None) };
    };
    let text = first.to_str().map_err(|_| no_key())?.trim();
    let bare = match text.strip_prefix('"') {
        Some(quoted) => {
            let inner = quoted.strip_suffix('"').ok_or_else(no_key)?;
            inner.replace("\\\"", "\"").replace("\\\\", "\\")
        }
        None => text.to_owned(),
    };
    if bare.is_empty() || bare.len() > LONGEST_KEY { Err(no_key()) } else { Ok(Some(bare)) }
}

/// A hash of the call and of its body, which says nothing of the order of members.
fn fingerprint(method: &Method, path: &str, body: &[u8]) -> String {
    let mut digest = Sha256::new();
    digest.update(format!("{method} {path}\n"));
    match serde_json::from_slice::<serde_json::Value>(body) {
        Ok(mut value) => {
            value.sort_all_objects();
            digest.update(value.to_string());
        }
        Err(_) => digest.update(body),
    }
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn replayed(answer: String) -> Response {
    let json = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    ([json, (IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"))], answer).into_response()
}

fn another() -> Refusal {
    Refusal::new(Why::Wrong, "under this key something else was asked for within the last day")
        .hint("give each act a key of its own")
}

fn no_key() -> Refusal {
    Refusal::new(Why::Wrong, "`Idempotency-Key` is not one key of 1 to 255 visible characters")
        .hint("a random UUID is a good one")
}

fn unreadable(cause: &StoreError) -> Refusal {
    tracing::error!("What was done under a key cannot be read, so nothing is done: {cause}");
    Refusal::new(Why::Unable, "the daemon's database cannot be used, so nothing was done")
        .hint("its log says why; free space on the disk of the state folder")
}
