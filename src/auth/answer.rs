//! Reads one answer of a token server, and believes as little of it as possible.
//!
//! Pure, total over any bytes. A new refresh token is rescued even from an answer whose access token is unusable, that broke
//! off, or that something on the way has changed: the server has already forgotten the old one.
//!
//! Absent: what finds the JSON in a body (`answer_text`).

use std::time::Duration;

use serde_json::{Map, Value};

use crate::grant::Style;
use crate::http;
use crate::secret::Secret;
use crate::text::cut;
use crate::witness::without_secrets;

use super::answer_text;
use super::challenge::Challenge;
use super::trouble::{Oauth, Trouble};

/// Longest token that is accepted (T16).
const LONGEST_TOKEN: usize = 16 * 1024;
/// Longest refresh token that is saved. It is never shown in a header, so it may hold spaces (RFC 6749 A.17).
const LONGEST_REFRESH_TOKEN: usize = 32 * 1024;
/// Longest part of a server's own words that is repeated (T18).
const LONGEST_QUOTE: usize = 200;
/// Life of a token without `expires_in` (T15). The account server means a day; an hour is kept back.
const UNSTATED_LIFE: Duration = Duration::from_secs(300);
const UNSTATED_ACCOUNT_LIFE: Duration = Duration::from_secs(23 * 3600);

/// A password's token never says how long it lives; servers give it half an hour unless they were set otherwise.
const UNSTATED_PASSWORD_LIFE: Duration = Duration::from_secs(25 * 60);

/// What came over the wire, cut at 64 KiB.
#[derive(Clone, Copy, Debug)]
pub struct Reply<'a> {
    /// HTTP status.
    pub status: u16,
    /// The header, if it is text.
    pub content_type: Option<&'a str>,
    /// `WWW-Authenticate`, if it is text.
    pub authenticate: Option<&'a str>,
    /// What `Retry-After` asks for, from now.
    pub retry_after: Option<Duration>,
    /// The body.
    pub body: &'a [u8],
}

/// An answer, read.
#[derive(Debug)]
pub struct Answer {
    /// The access token, or why there is none.
    pub access: Result<Access, Trouble>,
    /// A refresh token that replaces the one that was sent.
    pub refresh_token: Option<Secret>,
}

/// A usable access token.
#[derive(Debug)]
pub struct Access {
    /// Visible ASCII, at most 16 KiB.
    pub token: Secret,
    /// How long it lives; zero when it is dead on arrival.
    pub length: Duration,
    /// The scopes granted, when the server names them.
    pub scope: Option<String>,
}

/// Reads an answer. `sent` are the secrets of the request: a server that repeats them does not get them printed.
pub fn read(reply: Reply<'_>, style: Style, sent: &[Secret]) -> Answer {
    let text = answer_text::decoded(reply.body);
    let object = answer_text::object(&text);
    if style == Style::Authenticate {
        return Answer { access: authenticated(reply, object.as_ref(), sent), refresh_token: None };
    }
    let refresh_token = object.as_ref().and_then(|object| next_token(reply, object)).or_else(|| {
        // What follows the status is not believed, but for the one thing that cannot be had again.
        let rescued = answer_text::member(&text, "refresh_token")?;
        let believed = (200..300).contains(&reply.status) || answer_text::member(&text, "access_token").is_some();
        // Of JSON that was cut, an object further in is not all there is.
        let is_part = object.is_none() || !answer_text::is_whole(&text);
        refresh_token(&rescued).filter(|_| believed && is_part)
    });
    let access = match &object {
        _ if !(200..300).contains(&reply.status) => Err(refusal(reply, object.as_ref(), sent)),
        None if is_page(reply) => Err(Trouble::Page { status: reply.status }),
        None => Err(Trouble::Unreadable),
        Some(object) if is_refusal(object) => Err(refusal(reply, Some(object), sent)),
        Some(object) => {
            let fresh = ["refresh_token", "access_token", "id_token"].iter();
            let fresh = fresh.filter_map(|name| object.get(*name)?.as_str()).map(Secret::new);
            let known: Vec<Secret> = sent.iter().cloned().chain(fresh).collect();
            access(object, style, &known)
        }
    };
    Answer { access, refresh_token }
}

/// The object of a body, without a byte order mark.
pub(super) fn object(body: &[u8]) -> Option<Map<String, Value>> {
    answer_text::object(&answer_text::decoded(body))
}

/// The refresh token that replaces the one that was sent. With a status that is no success only with the access token that
/// it belongs to: a gateway can change a status, and a refusal can repeat a field.
fn next_token(reply: Reply<'_>, object: &Map<String, Value>) -> Option<Secret> {
    let next = object.get("refresh_token").and_then(Value::as_str).and_then(refresh_token)?;
    let believed = (200..300).contains(&reply.status) || object.get("access_token").is_some_and(Value::is_string);
    believed.then_some(next)
}

fn refresh_token(text: &str) -> Option<Secret> {
    let text = text.trim();
    let fits = !text.is_empty() && text.len() <= LONGEST_REFRESH_TOKEN;
    (fits && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))).then(|| Secret::new(text))
}

/// A refusal that calls itself a success, as some servers answer.
fn is_refusal(object: &Map<String, Value>) -> bool {
    let refused = object.get("error").and_then(Value::as_str).and_then(Oauth::parse).is_some();
    refused && !object.contains_key("access_token")
}

fn access(object: &Map<String, Value>, style: Style, known: &[Secret]) -> Result<Access, Trouble> {
    match object.get("token_type") {
        Some(Value::String(kind)) if kind.eq_ignore_ascii_case("bearer") => {}
        // RFC 6749 demands it; an answer that leaves it out is taken at its word all the same, one that differs is not.
        None | Some(Value::Null) => {}
        Some(_) => return Err(Trouble::NotBearer),
    }
    let token = match object.get("access_token") {
        None | Some(Value::Null) => return Err(Trouble::NoToken),
        Some(Value::String(text)) if text.is_empty() => return Err(Trouble::NoToken),
        Some(Value::String(text)) => token(text).ok_or(Trouble::OddToken)?,
        Some(_) => return Err(Trouble::OddToken),
    };
    let unstated = match style {
        Style::Identity => UNSTATED_LIFE,
        Style::Account => UNSTATED_ACCOUNT_LIFE,
        Style::Authenticate => UNSTATED_PASSWORD_LIFE,
    };
    Ok(Access {
        token,
        length: object.get("expires_in").map_or(unstated, |value| length(value).unwrap_or(unstated)),
        scope: object.get("scope").and_then(Value::as_str).map(|text| without_secrets(text, known)),
    })
}

/// Orchestrator's own log-in: `result` is the token, and its errors come in two envelopes.
fn authenticated(reply: Reply<'_>, object: Option<&Map<String, Value>>, sent: &[Secret]) -> Result<Access, Trouble> {
    let Reply { status, .. } = reply;
    let challenge = || reply.authenticate.and_then(Challenge::read);
    let refused = |object: &Map<String, Value>| {
        let inner = object.get("error").and_then(Value::as_object);
        let words = inner.and_then(|inner| inner.get("message")).or_else(|| object.get("message"));
        let description = words.and_then(Value::as_str).map(|text| clean(text, sent)).filter(|text| !text.is_empty());
        Trouble::LoginRefused { status, description, challenge: challenge() }
    };
    match (status, object) {
        (200..=299, Some(object)) if object.get("success") == Some(&Value::Bool(false)) => Err(refused(object)),
        (200..=299, Some(object)) => match object.get("result") {
            None | Some(Value::Null) => Err(Trouble::NoToken),
            Some(Value::String(text)) if text.is_empty() => Err(Trouble::NoToken),
            Some(Value::String(text)) => {
                let token = token(text).ok_or(Trouble::OddToken)?;
                Ok(Access { token, length: UNSTATED_PASSWORD_LIFE, scope: None })
            }
            Some(_) => Err(Trouble::OddToken),
        },
        (200..=299, None) if is_page(reply) => Err(Trouble::Page { status }),
        (200..=299, None) => Err(Trouble::Unreadable),
        // Whoever says it: each further try may count towards locking the account.
        (401 | 403, object) => {
            let silent = || Trouble::LoginRefused { status, description: None, challenge: challenge() };
            Err(object.map_or_else(silent, refused))
        }
        (400..=499, Some(object))
            if !matches!(status, 404 | 405 | 407 | 408 | 429)
                && ["errorCode", "error", "unAuthorizedRequest"].iter().any(|key| object.contains_key(*key)) =>
        {
            Err(refused(object))
        }
        (_, object) => Err(refusal(reply, object, sent)),
    }
}

/// Seconds as a number or in a string, held between zero and a day; none when it is neither (T15).
fn length(value: &Value) -> Option<Duration> {
    let seconds = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse::<f64>().ok()?,
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    if seconds.is_nan() {
        return None;
    }
    Some(Duration::from_secs_f64(seconds.clamp(0.0, super::margins::LONGEST_LIFE.as_secs_f64())))
}

fn token(text: &str) -> Option<Secret> {
    let text = text.trim();
    let fits = !text.is_empty() && text.len() <= LONGEST_TOKEN && text.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then(|| Secret::new(text))
}

fn refusal(reply: Reply<'_>, object: Option<&Map<String, Value>>, sent: &[Secret]) -> Trouble {
    let Reply { status, retry_after, .. } = reply;
    let words = |key| object.and_then(|o| o.get(key)).and_then(Value::as_str).map(|text| clean(text, sent));
    let error = words("error").filter(|text| !text.is_empty());
    let description = words("error_description").filter(|text| !text.is_empty());
    let code = error.as_deref().and_then(Oauth::parse);
    let challenge = reply.authenticate.and_then(Challenge::read);
    match (status, code) {
        // Where to is in no body.
        (300..=399, _) => Trouble::Redirect { status, to: None },
        // Too many requests and time-outs pass, whatever the body says.
        (400..=499, Some(code)) if status != 408 && status != 429 => Trouble::Denied { status, code, description },
        // A proxy that wants a login, a time-out and a limit are told by pages, too, and say nothing of the path.
        _ if error.is_none()
            && !matches!(status, 407 | 408 | 429)
            // Whoever wants a login stands before whatever is at this path.
            && !challenge.as_ref().is_some_and(Challenge::is_windows_only)
            && status < 500
            && (status == 404 || status == 405 || is_page(reply)) =>
        {
            Trouble::Page { status }
        }
        _ => Trouble::Status { status, error, description, retry_after, challenge },
    }
}

fn is_page(reply: Reply<'_>) -> bool {
    http::is_page(reply.content_type, reply.body)
}

/// A server's words as they may be printed: one line, no control or invisible characters, no secret, at most 200 characters.
pub fn clean(text: &str, sent: &[Secret]) -> String {
    cut(&without_secrets(text, sent), LONGEST_QUOTE)
}
