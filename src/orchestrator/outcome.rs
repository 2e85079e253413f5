//! What came back, and what it means for the request.
//!
//! One pure function over what was heard, so that every row of the law (semantics.md 15, reliability.md 2.4) is a row of a
//! table test. The rule behind the rows: "not processed" needs proof (nothing was sent, or a refusal at the door);
//! "refused" needs Orchestrator's own words; everything else may have been processed.
//!
//! Absent: sockets, and the one send after a refused token (`transport`).

use std::time::Duration;

use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};
use reqwest::header::{self, HeaderMap, HeaderName};

use super::body::{self, Refusal};
use super::cure;
use super::error::{CallError, UnsentReason};

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

/// The calls there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Folders by path.
    FindFolder,
    /// Processes by name.
    FindRelease,
    /// One job.
    Start,
    /// Whether one job could start, without starting it.
    CheckStart,
    /// Jobs by filter.
    ListJobs,
    /// One job by id.
    ReadJob,
    /// Soft stop or kill.
    StopJob,
    /// A job's log lines.
    ReadLogs,
}

/// What one send came to.
#[derive(Debug)]
pub enum Heard {
    /// No connection came about (DNS, refused, connect time-out, TLS, a proxy that refused the tunnel): nothing was sent.
    Unreached {
        /// The innermost reason.
        cause: String,
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
    /// 401: not processed; renew the token and send once more (T12).
    TokenRefused,
    /// Anything else.
    Failed(CallError),
}

/// What a person can do while nothing is reached.
const UNREACHED_CURE: &str = "check `url`, the network and the proxy; it is tried again by itself";

/// Says what came of a request. `now` serves `Retry-After` dates of servers that send no `Date`.
pub fn judge(asked: &Asked, heard: Heard, now: Timestamp) -> Verdict {
    match heard {
        Heard::Unreached { cause } => Verdict::Failed(CallError::Unsent {
            reason: UnsentReason::Outage,
            retry_after: None,
            text: asked.sentence(&format!("found no connection: {cause}; {UNREACHED_CURE}")),
        }),
        Heard::Cut { cause } => Verdict::Failed(unknown(asked, None, &format!("got no whole answer: {cause}"))),
        Heard::Answer(answer) => judge_answer(asked, answer, now),
    }
}

fn judge_answer(asked: &Asked, answer: Answer, now: Timestamp) -> Verdict {
    let Answer { status, headers, body } = answer;
    let wait = retry_after(&headers, now);
    match status {
        200..300 => judge_success(asked, status, &headers, body),
        300..400 => Verdict::Failed(CallError::Rejected {
            status,
            code: None,
            text: asked.sentence(&format!("was answered {status}, a redirect to {}", target(&headers))),
            cure: Some("redirects are not followed; write the final address as the connection's `url`".to_owned()),
        }),
        401 => Verdict::TokenRefused,
        407 => {
            Verdict::Failed(outage(asked, wait, &with_cure("was stopped by a proxy that wants a login (407)", status)))
        }
        429 => Verdict::Failed(CallError::Unsent {
            reason: UnsentReason::RateLimit,
            retry_after: wait,
            text: asked.sentence(&with_cure("was put off by the rate limit (429)", status)),
        }),
        // The server gave up waiting for us, or a gateway for the server: what it had of the request nobody can say.
        408 => Verdict::Failed(unknown(asked, wait, &with_words("was answered 408", &body))),
        400..500 => judge_refusal(asked, status, &headers, body, wait),
        // 1xx, 5xx and whatever is not HTTP. A gateway can fail after the service worked, so 503 too.
        _ => {
            let came = with_words(&format!("was answered {status}"), &body);
            Verdict::Failed(unknown(asked, wait, &with_cure(&came, status)))
        }
    }
}

/// The cure is part of the sentence where no field of the error holds it.
fn with_cure(came: &str, status: u16) -> String {
    match cure::explain_status(status) {
        Some(explained) => format!("{came}; {}", explained.cure),
        None => came.to_owned(),
    }
}

fn judge_success(asked: &Asked, status: u16, headers: &HeaderMap, body: Body) -> Verdict {
    match body {
        Body::Whole(bytes) if body::is_page(content_type(headers), &bytes) => Verdict::Failed(unknown(
            asked,
            None,
            &format!(
                "was answered {status} with a web page: a login page or a proxy answered, or the connection's `url` is wrong"
            ),
        )),
        Body::Whole(bytes) => Verdict::Accepted(bytes),
        Body::Oversize { limit } => {
            Verdict::TooLong(unknown(asked, None, &format!("was answered {status} with more than {limit} bytes")))
        }
        Body::Broken { cause } => {
            Verdict::Failed(unknown(asked, None, &format!("was answered {status}, but not to the end: {cause}")))
        }
    }
}

fn judge_refusal(asked: &Asked, status: u16, headers: &HeaderMap, body: Body, wait: Option<Duration>) -> Verdict {
    let bytes = match body {
        Body::Whole(bytes) => bytes,
        Body::Oversize { limit } => {
            let text =
                format!("was answered {status} with more than {limit} bytes: not Orchestrator, a proxy or gateway");
            return Verdict::Failed(outage(asked, wait, &text));
        }
        // Whose words these would have been is lost.
        Body::Broken { cause } => {
            let text = format!("was answered {status}, but not to the end: {cause}");
            return Verdict::Failed(unknown(asked, wait, &text));
        }
    };
    match body::refusal(&bytes) {
        Some(refusal) => Verdict::Failed(rejected(asked, status, &refusal)),
        None => {
            let page =
                if body::is_page(content_type(headers), &bytes) { "a web page" } else { "no word of Orchestrator" };
            let said = body::words(&bytes).map(|words| format!(" (`{words}`)")).unwrap_or_default();
            let text =
                format!("was answered {status} with {page}{said}: a proxy or gateway spoke, or the `url` is wrong");
            Verdict::Failed(outage(asked, wait, &text))
        }
    }
}

/// There is no token that the server takes.
pub(super) fn tokenless(asked: &Asked, retry_after: Option<Duration>, came: &str) -> CallError {
    CallError::Unsent { reason: UnsentReason::Token, retry_after, text: asked.sentence(came) }
}

/// A 2xx body that does not hold what it should. Says where, not what: a body may hold arguments.
pub(super) fn unreadable(asked: &Asked, cause: &serde_json::Error) -> CallError {
    let (line, column) = (cause.line(), cause.column());
    unknown(asked, None, &format!("got an answer that cannot be read (line {line}, column {column})"))
}

/// Any other doubt.
pub(super) fn unknown(asked: &Asked, retry_after: Option<Duration>, came: &str) -> CallError {
    CallError::Unknown { text: asked.sentence(came), retry_after }
}

/// A look-up by name that found nothing, or too much.
pub(super) fn not_found(asked: &Asked, status: u16, came: &str, cure: Option<String>) -> CallError {
    CallError::Rejected { status, code: None, text: asked.sentence(came), cure }
}

fn rejected(asked: &Asked, status: u16, refusal: &Refusal) -> CallError {
    let code = refusal.code.map(|code| format!(", code {code}")).unwrap_or_default();
    let words = refusal.message.as_deref().map(|words| format!(": {words}")).unwrap_or_default();
    CallError::Rejected {
        status,
        code: refusal.code,
        text: asked.sentence(&format!("was refused (HTTP {status}{code}){words}")),
        cure: cure::cure(asked.call, status, refusal),
    }
}

fn outage(asked: &Asked, retry_after: Option<Duration>, came: &str) -> CallError {
    CallError::Unsent { reason: UnsentReason::Outage, retry_after, text: asked.sentence(came) }
}

fn with_words(came: &str, body: &Body) -> String {
    match body {
        Body::Whole(bytes) => match body::words(bytes) {
            Some(words) => format!("{came}: {words}"),
            None => came.to_owned(),
        },
        Body::Oversize { .. } | Body::Broken { .. } => came.to_owned(),
    }
}

impl Asked {
    /// "connection `main`: starting … was …".
    pub(super) fn sentence(&self, came: &str) -> String {
        let Asked { connection, what, call: _ } = self;
        format!("connection `{connection}`: {what} {came}")
    }
}

fn content_type(headers: &HeaderMap) -> Option<&str> {
    text(headers, header::CONTENT_TYPE)
}

/// Where a redirect leads: the host only, the rest may hold a session.
fn target(headers: &HeaderMap) -> String {
    let location = text(headers, header::LOCATION);
    match location.and_then(|place| url::Url::parse(place).ok()).and_then(|place| place.host_str().map(str::to_owned)) {
        Some(host) => format!("`{host}`"),
        None if location.is_some() => "another path".to_owned(),
        None => "nowhere".to_owned(),
    }
}

/// `Retry-After`, in seconds or as a date. A date is compared with the answer's own `Date`, so that a wrong clock on our
/// side does not matter.
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let value = text(headers, header::RETRY_AFTER)?.trim();
    let wait = match value.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let left = read_date(value)?.duration_since(date(headers).unwrap_or(now));
            if left < SignedDuration::ZERO { Duration::ZERO } else { left.unsigned_abs() }
        }
    };
    Some(wait.min(MAX_RETRY_AFTER))
}

/// The server's clock, as its answer tells it.
pub(super) fn date(headers: &HeaderMap) -> Option<Timestamp> {
    text(headers, header::DATE).and_then(read_date)
}

fn read_date(text: &str) -> Option<Timestamp> {
    rfc2822::DateTimeParser::new().parse_timestamp(text.trim()).ok()
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}
