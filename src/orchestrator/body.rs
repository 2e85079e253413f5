//! Error bodies: which are Orchestrator's own, and what they say.
//!
//! Only an answer that Orchestrator itself gave is a refusal; a gateway's or a proxy's says nothing about the request
//! (semantics.md 15). Two forms are its own: `{message, errorCode}` with a number or a known word, and the envelope marked
//! `__abp`. Problem details, OData errors and plain `{error: {…}}` are not: gateways write them too. Their words are shown
//! all the same.

use serde_json::{Map, Value};

use super::code::{self, ErrorCode};

/// Longer server messages are cut: they go into tables and logs.
const MAX_MESSAGE_CHARS: usize = 300;

/// So many named fields of a refused request are shown; more are counted.
const MAX_FIELDS: usize = 5;

/// A trace id is some 55 characters (W3C trace context); what is much longer is something else.
const MAX_TRACE_CHARS: usize = 128;

/// What an error body says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// Orchestrator's code for it.
    pub code: Option<ErrorCode>,
    /// Its words, cleaned: one line, no control characters, cut. Fields that it names follow in brackets.
    pub message: Option<String>,
    /// Its name for the request.
    pub trace_id: Option<String>,
}

/// What Orchestrator said, if it was Orchestrator that spoke.
pub(super) fn refusal(bytes: &[u8]) -> Option<Refusal> {
    let Value::Object(body) = serde_json::from_slice(bytes).ok()? else { return None };
    let trace_id = trace_id_of(&body);
    if field(&body, "__abp").is_some() {
        let (code, message) = match field(&body, "error") {
            Some(Value::Object(error)) => (code(error, "code"), with_fields(text(error, "message"), error)),
            Some(_) | None => (None, None),
        };
        // The envelope says 0 for "no code".
        return Some(Refusal { code: code.filter(|code| *code != ErrorCode::Number(0)), message, trace_id });
    }
    let code = code(&body, "errorCode")?;
    field(&body, "message")?;
    Some(Refusal { code: Some(code), message: with_fields(text(&body, "message"), &body), trace_id })
}

/// Whether it is `{errorMessage}`, in which Orchestrator refuses a token without the scope. Short enough for anybody to have
/// written it, so it proves nothing about a start.
pub(super) fn is_bare_refusal(bytes: &[u8]) -> bool {
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(body)) => field(&body, "errorMessage").is_some(),
        Ok(_) | Err(_) => false,
    }
}

/// The words of any JSON error body, whoever wrote it: for people only.
///
/// Read are Orchestrator's own forms, `{errorMessage}`, problem details (RFC 9457: `title`, `detail`, and ASP.NET's
/// `errors`), OData errors (`error.message`), and OAuth's `error_description`.
pub(super) fn words(bytes: &[u8]) -> Option<String> {
    if let Some(Refusal { message, .. }) = refusal(bytes) {
        return message;
    }
    let Value::Object(body) = serde_json::from_slice(bytes).ok()? else { return None };
    let found = match field(&body, "error") {
        Some(Value::Object(error)) => text(error, "message").or_else(|| match field(error, "message") {
            // OData 3 put the text one level deeper.
            Some(Value::Object(message)) => text(message, "value"),
            Some(_) | None => None,
        }),
        Some(_) | None => None,
    };
    let found = found
        .or_else(|| text(&body, "errorMessage"))
        .or_else(|| match (text(&body, "title"), text(&body, "detail")) {
            (Some(title), Some(detail)) if title != detail => Some(format!("{title}: {detail}")),
            (title, detail) => detail.or(title),
        })
        .or_else(|| text(&body, "error_description"))
        .or_else(|| text(&body, "message"))
        .or_else(|| text(&body, "error"));
    with_fields(found, &body)
}

/// The server's name for the request, in whatever JSON error body.
pub(super) fn trace_id(bytes: &[u8]) -> Option<String> {
    let Value::Object(body) = serde_json::from_slice(bytes).ok()? else { return None };
    trace_id_of(&body)
}

fn trace_id_of(body: &Map<String, Value>) -> Option<String> {
    text(body, "traceId").filter(|text| text.chars().count() <= MAX_TRACE_CHARS)
}

/// The message with the fields that the body names: `validationErrors` of the ABP envelope (`[{message, members}]`), and
/// `errors` of ASP.NET's problem details (`{field: [message]}`).
fn with_fields(message: Option<String>, body: &Map<String, Value>) -> Option<String> {
    let mut fields: Vec<String> = Vec::new();
    if let Some(Value::Array(errors)) = field(body, "validationErrors") {
        for error in errors.iter().filter_map(Value::as_object) {
            let members: Vec<String> = match field(error, "members") {
                Some(Value::Array(members)) => members.iter().filter_map(Value::as_str).map(clean).collect(),
                Some(_) | None => Vec::new(),
            };
            let words = text(error, "message").unwrap_or_default();
            fields.push(if members.is_empty() { words } else { format!("{}: {words}", members.join(", ")) });
        }
    }
    if let Some(Value::Object(errors)) = field(body, "errors") {
        for (name, messages) in errors {
            let words = match messages {
                Value::Array(messages) => {
                    messages.iter().filter_map(Value::as_str).map(clean).collect::<Vec<_>>().join(", ")
                }
                Value::String(message) => clean(message),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => String::new(),
            };
            fields.push(format!("{}: {words}", clean(name)));
        }
    }
    fields.retain(|field| !field.is_empty());
    if fields.is_empty() {
        return message;
    }
    let more = fields.len().saturating_sub(MAX_FIELDS);
    fields.truncate(MAX_FIELDS);
    let mut list = fields.join("; ");
    if more > 0 {
        list.push_str(&format!("; and {more} more"));
    }
    Some(match message {
        Some(message) => format!("{message} ({list})"),
        None => list,
    })
}

/// What a page calls itself: firewalls and gateways put their name or the reason there.
pub(super) fn title(bytes: &[u8]) -> Option<String> {
    // Titles come early; a page is not read to its end for one.
    const LOOKED_AT: usize = 4096;
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(LOOKED_AT)]);
    let lower = head.to_ascii_lowercase();
    let begin = lower.find("<title")?;
    let begin = begin + lower[begin..].find('>')? + 1;
    let end = begin + lower[begin..].find("</title")?;
    Some(clean(head.get(begin..end)?)).filter(|text| !text.is_empty())
}

/// One line, without control characters and the full stop, cut.
pub(super) fn clean(text: &str) -> String {
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()).collect();
    let line = words.join(" ");
    crate::text::cut(line.trim_end_matches('.'), MAX_MESSAGE_CHARS)
}

fn field<'a>(body: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    body.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn text(body: &Map<String, Value>, name: &str) -> Option<String> {
    field(body, name)?.as_str().map(clean).filter(|words| !words.is_empty())
}

fn code(body: &Map<String, Value>, name: &str) -> Option<ErrorCode> {
    let value = field(body, name)?;
    if let Some(number) = value.as_i64() {
        return Some(ErrorCode::Number(number));
    }
    let text = value.as_str()?.trim();
    match text.parse() {
        Ok(number) => Some(ErrorCode::Number(number)),
        Err(_) => code::known_word(text).map(ErrorCode::Word),
    }
}
