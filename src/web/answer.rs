//! How a call is refused: one sentence and what to do, as problem details (RFC 9457) with a status that programs can branch on.
//!
//! The type is always `about:blank`, which says that the status tells all that a program needs: the sentence is for people. Nothing of
//! the inside is told: no chain of causes, no path that the caller did not name, never a secret.

use axum::Json;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The body of every refusal, as RFC 9457 has it, and one more member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Always `about:blank`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// One sentence, lower case, without a full stop.
    pub detail: String,
    /// What to do, where something can be done.
    pub cure: Option<String>,
}

/// The type of a problem of which its status says all.
const ABOUT_BLANK: &str = "about:blank";

/// What to do where both sides do not understand each other.
pub const OTHER_VERSION: &str =
    "the command and the daemon may be of different versions: restart the daemon after an update";

/// How a refusal says what it is.
const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// Why a call is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The caller may not do this (403).
    NotAllowed,
    /// There is no such thing (404).
    Missing,
    /// The thing is there, and this cannot be done with it (405).
    WrongMethod,
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
            Why::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
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
    message: String,
    hint: Option<String>,
}

impl Refusal {
    /// A refusal with its sentence.
    pub fn new(why: Why, message: impl Into<String>) -> Refusal {
        Refusal { why, message: message.into(), hint: None }
    }

    /// The same with what to do about it.
    pub fn hint(self, hint: impl Into<String>) -> Refusal {
        Refusal { hint: Some(hint.into()), ..self }
    }
}

impl From<Refusal> for Problem {
    fn from(Refusal { why, message, hint }: Refusal) -> Problem {
        let status = why.status();
        Problem {
            kind: ABOUT_BLANK.to_owned(),
            title: status.canonical_reason().unwrap_or_default().to_owned(),
            status: status.as_u16(),
            detail: message,
            cure: hint,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.why.status(), [(header::CONTENT_TYPE, PROBLEM_JSON)], Json(Problem::from(self))).into_response()
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
                .hint(OTHER_VERSION)),
        }
    }
}
