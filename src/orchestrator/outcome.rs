//! What came back, and what it means for the request.
//!
//! One pure function over what was heard, so that every row of the law (semantics.md 15) is a row of a
//! table test. The rule in all of them: "not processed" needs proof (nothing was sent, or a refusal at the door);
//! "refused" needs Orchestrator's own words; everything else may have been processed.
//!
//! Absent: sockets, and the one send after a refused token (`transport`).

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{self, HeaderMap};

use super::body::{self, Refusal};
use super::call::Call;
use super::cure;
use super::error::{CallError, Sentence, UnsentReason};
use crate::http;

/// The longest wait that a server can ask for: a mistaken date must not silence a tenant for years.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// What was asked, for texts and cures.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The connection's name.
    pub connection: String,
    /// Which call.
    pub call: Call,
    /// A fragment that says it to people: "starting `p1.…` in folder 7".
    pub what: String,
}

/// What one send came to.
#[derive(Debug)]
pub enum Heard {
    /// No connection came about (DNS, refused, connect time-out, TLS, a proxy that refused the tunnel): nothing was sent.
    Unreached {
        /// The innermost reason.
        cause: String,
        /// What helps, where whoever found the reason knows.
        cure: Option<String>,
    },
    /// The connection broke or time ran out after bytes may have been sent.
    Cut {
        /// The innermost reason.
        cause: String,
    },
    /// An answer, at least its head.
    Answer(Answer),
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, as far as it was read.
    pub body: Body,
}

/// How a body was read.
#[derive(Debug)]
pub enum Body {
    /// To its end.
    Whole(Vec<u8>),
    /// It was longer than this call's limit (S31); the rest was not read.
    Oversize {
        /// In bytes.
        limit: usize,
    },
    /// The connection broke or time ran out in the middle.
    Broken {
        /// The innermost reason.
        cause: String,
    },
}

/// What it means.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// 2xx, with this body, which is not a page for people.
    Accepted(Vec<u8>),
    /// 2xx, with a body beyond the call's limit: a narrower question may fit.
    TooLong(CallError),
    /// 401 at the door: not processed; renew the token and send once more (T12).
    TokenRefused {
        /// What the server says about the token, if it says anything.
        said: Option<String>,
    },
    /// Anything else.
    Failed(CallError),
}

/// What an answer's status and body say about the request's fate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It was processed.
    Accepted,
    /// It was turned away at the door because of its token.
    TokenRefused,
    /// It was turned away before Orchestrator read it.
    Unsent(UnsentReason),
    /// Orchestrator itself refused it.
    Refused,
    /// Nobody can say.
    Unknown,
}

/// Says what came of a request. `now` serves `Retry-After` dates of servers that send no `Date`.
pub fn judge(asked: &Asked, heard: Heard, now: Timestamp) -> Verdict {
    match heard {
        Heard::Unreached { cause, cure } => Verdict::Failed(CallError::Unsent {
            reason: UnsentReason::Outage,
            status: None,
            retry_after: None,
            text: Box::new(Sentence { cure, ..*asked.sentence(format!("found no connection: {cause}")) }),
        }),
        Heard::Cut { cause } => Verdict::Failed(unknown(asked, None, format!("got no complete answer: {cause}"))),
        Heard::Answer(answer) => judge_answer(asked, answer, now),
    }
}

/// The table of semantics.md 15, by what answered. A status alone proves nothing: firewalls that inspect answers send their own
/// 403 page after the job was made (ModSecurity's phase 4, response rules of F5 and Azure), gateways answer 404 while they
/// reload their routes, portals answer 302 under maintenance, and proxies answer 502 to 504 after the work was done.
fn fate(call: Call, status: u16, headers: &HeaderMap, body: &Body) -> Fate {
    #[cfg(feature = "faults")]
    if crate::faults::is_on(crate::faults::OLD_4XX_RULE) {
        return fate_of_before(status, body);
    }
    let own = || matches!(body, Body::Whole(bytes) if body::refusal(bytes).is_some());
    match status {
        200..300 => Fate::Accepted,
        // Reads change nothing: a token is renewed, and a limit obeyed, on the least hint.
        401 if call.only_reads() => Fate::TokenRefused,
        429 if call.only_reads() => Fate::Unsent(UnsentReason::RateLimit),
        // RFC 6750 3: whoever checks the token names its scheme; Orchestrator's own form has "You are not authenticated!".
        401 if has_bearer_challenge(headers) || own() => Fate::TokenRefused,
        // RFC 9110 15.5.8: only a proxy answers this, and it has not sent the request on.
        407 => Fate::Unsent(UnsentReason::Outage),
        // UiPath's rate limits, and every gateway that means its limit, say when to come again (release notes of June 2024).
        429 if headers.contains_key(header::RETRY_AFTER) || own() => Fate::Unsent(UnsentReason::RateLimit),
        // RFC 9110 15.5.9: the server gave up waiting for us, or a gateway for the server; what it had of the request nobody
        // can say.
        408 => Fate::Unknown,
        400..500 if own() => Fate::Refused,
        // A form of Orchestrator's own that holds no code, for a missing scope: enough where nothing was changed.
        400..500 if call.only_reads() && matches!(body, Body::Whole(bytes) if body::is_bare_refusal(bytes)) => {
            Fate::Refused
        }
        // 1xx, 3xx, 4xx of any other body, 5xx whoever wrote it, and whatever is not HTTP.
        _ => Fate::Unknown,
    }
}

/// The rule that made 32 jobs in 31 s behind a firewall: any 4xx without Orchestrator's body was "certainly not processed".
#[cfg(feature = "faults")]
fn fate_of_before(status: u16, body: &Body) -> Fate {
    let own = matches!(body, Body::Whole(bytes) if body::refusal(bytes).is_some());
    match status {
        200..300 => Fate::Accepted,
        300..400 => Fate::Refused,
        401 => Fate::TokenRefused,
        429 => Fate::Unsent(UnsentReason::RateLimit),
        408 => Fate::Unknown,
        400..500 if own => Fate::Refused,
        400..500 => Fate::Unsent(UnsentReason::Outage),
        _ => Fate::Unknown,
    }
}

fn judge_answer(asked: &Asked, answer: Answer, now: Timestamp) -> Verdict {
    let Answer { status, headers, body } = answer;
    let retry_after = http::retry_after(&headers, now, MAX_RETRY_AFTER);
    match fate(asked.call, status, &headers, &body) {
        Fate::Accepted => judge_success(asked, status, &headers, body),
        Fate::TokenRefused => Verdict::TokenRefused { said: challenge(&headers).or_else(|| said(&body)) },
        Fate::Unsent(reason) => {
            let came = match reason {
                UnsentReason::RateLimit => "was put off by the rate limit (429)".to_owned(),
                UnsentReason::Outage | UnsentReason::Token => {
                    format!("was stopped by a proxy that wants a login ({status})")
                }
            };
            Verdict::Failed(CallError::Unsent {
                reason,
                status: Some(status),
                retry_after,
                text: asked.sentence(with_challenge(came, &headers)),
            })
        }
        Fate::Refused => {
            let refusal = match &body {
                Body::Whole(bytes) => body::refusal(bytes)
                    .unwrap_or_else(|| Refusal { message: body::words(bytes), ..Refusal::default() }),
                Body::Oversize { .. } | Body::Broken { .. } => Refusal::default(),
            };
            Verdict::Failed(rejected(asked, status, refusal))
        }
        Fate::Unknown => Verdict::Failed(CallError::Unknown {
            status: Some(status),
            text: asked.sentence(with_challenge(unclear(status, &headers, &body), &headers)),
            retry_after,
            trace_id: match &body {
                Body::Whole(bytes) => body::trace_id(bytes),
                Body::Oversize { .. } | Body::Broken { .. } => None,
            },
        }),
    }
}

/// What an answer that proves nothing looked like.
fn unclear(status: u16, headers: &HeaderMap, body: &Body) -> String {
    let came = match status {
        300..400 => format!("was answered {status}, a redirect to {}", target(headers)),
        _ => format!("was answered {status}"),
    };
    match body {
        Body::Whole(bytes) if http::is_page(content_type(headers), bytes) => match body::title(bytes) {
            Some(title) => format!("{came} with a web page titled `{title}`"),
            None => format!("{came} with a web page"),
        },
        Body::Whole(bytes) => match body::words(bytes) {
            Some(words) => format!("{came}: {words}"),
            None => came,
        },
        Body::Oversize { limit } => format!("{came} with more than {limit} bytes"),
        Body::Broken { cause } => format!("{came}, but not to the end: {cause}"),
    }
}

fn judge_success(asked: &Asked, status: u16, headers: &HeaderMap, body: Body) -> Verdict {
    let unknown = |came: String| CallError::Unknown {
        status: Some(status),
        text: asked.sentence(came),
        retry_after: None,
        trace_id: None,
    };
    match body {
        Body::Whole(bytes) if http::is_page(content_type(headers), &bytes) => Verdict::Failed(unknown(format!(
            "was answered {status} with a web page: a login page or a proxy answered, or the connection's `url` is wrong"
        ))),
        Body::Whole(bytes) => Verdict::Accepted(bytes),
        Body::Oversize { limit } => {
            Verdict::TooLong(unknown(format!("was answered {status} with more than {limit} bytes")))
        }
        Body::Broken { cause } => {
            Verdict::Failed(unknown(format!("was answered {status}, but not to the end: {cause}")))
        }
    }
}

/// There is no token that the server takes. `status` is that of its last answer, if it was asked.
pub(super) fn tokenless(
    asked: &Asked,
    status: Option<u16>,
    retry_after: Option<Duration>,
    came: impl Into<String>,
) -> CallError {
    CallError::Unsent { reason: UnsentReason::Token, status, retry_after, text: asked.sentence(came.into()) }
}

/// A 2xx body that does not hold what it should. Says where, not what: a body may hold arguments.
pub(super) fn unreadable(asked: &Asked, cause: &serde_json::Error) -> CallError {
    let (line, column) = (cause.line(), cause.column());
    unknown(asked, None, format!("got an answer that cannot be read (line {line}, column {column})"))
}

/// Any other doubt.
pub(super) fn unknown(asked: &Asked, retry_after: Option<Duration>, came: impl Into<String>) -> CallError {
    CallError::Unknown { status: None, text: asked.sentence(came.into()), retry_after, trace_id: None }
}

/// A look-up by name that found nothing, or too much.
pub(super) fn not_found(asked: &Asked, status: u16, came: &str, cure: Option<String>) -> CallError {
    CallError::Rejected { status, code: None, text: asked.sentence(came.to_owned()), cure, trace_id: None }
}

fn rejected(asked: &Asked, status: u16, refusal: Refusal) -> CallError {
    let cure = cure::cure(asked.call, status, &refusal);
    let Refusal { code, message, trace_id } = refusal;
    let number = code.map(|code| format!(", code {code}")).unwrap_or_default();
    let words = message.map(|words| format!(": {words}")).unwrap_or_default();
    let text = asked.sentence(format!("was refused (HTTP {status}{number}){words}"));
    CallError::Rejected { status, code, text, cure, trace_id }
}

/// The body's own words, whoever wrote them.
fn said(body: &Body) -> Option<String> {
    match body {
        Body::Whole(bytes) => body::words(bytes),
        Body::Oversize { .. } | Body::Broken { .. } => None,
    }
}

fn has_bearer_challenge(headers: &HeaderMap) -> bool {
    http::challenges(headers, header::WWW_AUTHENTICATE).iter().any(|challenge| challenge.is("Bearer"))
}

/// What `WWW-Authenticate` says, as it came: audiences, times and scopes are named there and nowhere else.
fn challenge(headers: &HeaderMap) -> Option<String> {
    let text = http::values(headers, header::WWW_AUTHENTICATE)?;
    Some(format!("`WWW-Authenticate: {}`", body::clean(&text)))
}

fn with_challenge(came: String, headers: &HeaderMap) -> String {
    match challenge(headers) {
        Some(challenge) => format!("{came} ({challenge})"),
        None => came,
    }
}

impl Asked {
    /// "connection `main`: starting … was …".
    pub(super) fn sentence(&self, came: String) -> Box<Sentence> {
        let Asked { connection, what, call: _ } = self;
        Box::new(Sentence { connection: connection.clone(), what: what.clone(), came, cure: None })
    }
}

fn content_type(headers: &HeaderMap) -> Option<&str> {
    http::text(headers, header::CONTENT_TYPE)
}

/// Where a redirect leads: the host only, the rest may hold a session.
fn target(headers: &HeaderMap) -> String {
    let location = http::text(headers, header::LOCATION);
    match location.and_then(|place| url::Url::parse(place).ok()).and_then(|place| place.host_str().map(str::to_owned)) {
        Some(host) => format!("`{host}`"),
        None if location.is_some() => "another path".to_owned(),
        None => "nowhere".to_owned(),
    }
}
