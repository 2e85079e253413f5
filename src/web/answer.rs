//! How a call is refused: one sentence and what to do, with a status that programs can branch on.
//!
//! Nothing of the inside is told: no chain of causes, no path that the caller did not name, never a secret.

use axum::Json;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The body of every refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// One sentence, lower case, without a full stop.
    pub message: String,
    /// What to do, where something can be done.
    pub hint: Option<String>,
}

/// Why a call is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The caller may not do this (403).
    NotAllowed,
    /// There is no such thing (404).
    Missing,
    /// The request itself is wrong (422).
    Wrong,
    /// It does not fit the present state (409).
    NotNow,
    /// Orchestrator or the identity server refused (502).
    Refused,
    /// Orchestrator or the identity server cannot be reached (504).
    Unreachable,
    /// This daemon cannot do it: it is stopping, or its disk fails (503).
    Unable,
}

impl Why {
    /// The HTTP status.
    pub fn status(self) -> StatusCode {
        match self {
            Why::NotAllowed => StatusCode::FORBIDDEN,
            Why::Missing => StatusCode::NOT_FOUND,
            Why::Wrong => StatusCode::UNPROCESSABLE_ENTITY,
            Why::NotNow => StatusCode::CONFLICT,
            Why::Refused => StatusCode::BAD_GATEWAY,
            Why::Unreachable => StatusCode::GATEWAY_TIMEOUT,
            Why::Unable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// A call that is not answered as asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    why: Why,
    told: Told,
}

impl Refusal {
    /// A refusal with its sentence.
    pub fn new(why: Why, message: impl Into<String>) -> Refusal {
        Refusal { why, told: Told { message: message.into(), hint: None } }
    }

    /// The same with what to do about it.
    pub fn hint(self, hint: impl Into<String>) -> Refusal {
        Refusal { told: Told { hint: Some(hint.into()), ..self.told }, ..self }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.why.status(), Json(self.told)).into_response()
    }
}

/// A request's JSON body; what is wrong with it is told like every refusal.
#[derive(Debug)]
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Body<T>, Refusal> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(body)) => Ok(Body(body)),
            // The parser's words may repeat a part of the body, and that may be a secret.
            Err(_) => Err(Refusal::new(Why::Wrong, "the request's body is not the JSON object that this call takes")
                .hint("the command and the daemon may be of different versions: restart the daemon after an update")),
        }
    }
}
