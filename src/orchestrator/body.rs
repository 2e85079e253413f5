//! Error bodies: which are Orchestrator's own, and what they say.
//!
//! Only an answer that Orchestrator itself gave is a refusal; a gateway's or a proxy's page says nothing about the request
//! (semantics.md 15). Three forms are its own: `{message, errorCode}`, `{errorMessage}` and the envelope marked `__abp`.
//! ProblemDetails and plain `{error: {…}}` are not: gateways write them too.

use serde_json::{Map, Value};

/// Longer server messages are cut: they go into tables and logs.
const MAX_MESSAGE_CHARS: usize = 300;

/// What an error body says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// Orchestrator's number for it.
    pub code: Option<i64>,
    /// Its words, cleaned: one line, no control characters, cut.
    pub message: Option<String>,
}

/// What Orchestrator said, if it was Orchestrator that spoke.
pub(super) fn refusal(bytes: &[u8]) -> Option<Refusal> {
    let Value::Object(body) = serde_json::from_slice(bytes).ok()? else { return None };
    if field(&body, "__abp").is_some() {
        let (code, message) = match field(&body, "error") {
            Some(Value::Object(error)) => (number(error, "code"), text(error, "message")),
            Some(_) | None => (None, None),
        };
        // The envelope says 0 for "no code".
        return Some(Refusal { code: code.filter(|code| *code != 0), message });
    }
    if let (Some(_), Some(_)) = (field(&body, "message"), field(&body, "errorCode")) {
        return Some(Refusal { code: number(&body, "errorCode"), message: text(&body, "message") });
    }
    field(&body, "errorMessage").map(|_| Refusal { code: None, message: text(&body, "errorMessage") })
}

/// The words of any JSON error body, whoever wrote it: for people only.
pub(super) fn words(bytes: &[u8]) -> Option<String> {
    if let Some(Refusal { message, .. }) = refusal(bytes) {
        return message;
    }
    let Value::Object(body) = serde_json::from_slice(bytes).ok()? else { return None };
    match field(&body, "error") {
        Some(Value::Object(error)) => text(error, "message"),
        Some(_) | None => None,
    }
    .or_else(|| text(&body, "detail"))
    .or_else(|| text(&body, "title"))
    .or_else(|| text(&body, "message"))
}

/// Whether this is a page for people, which no call of ours asks for.
pub(super) fn is_page(content_type: Option<&str>, bytes: &[u8]) -> bool {
    let named = content_type.is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("text/html"));
    named || bytes.trim_ascii_start().starts_with(b"<")
}

/// One line, without control characters and the full stop, cut.
pub(super) fn clean(text: &str) -> String {
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()).collect();
    let line = words.join(" ");
    match line.char_indices().nth(MAX_MESSAGE_CHARS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.trim_end_matches('.').to_owned(),
    }
}

fn field<'a>(body: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    body.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn text(body: &Map<String, Value>, name: &str) -> Option<String> {
    field(body, name)?.as_str().map(clean).filter(|words| !words.is_empty())
}

fn number(body: &Map<String, Value>, name: &str) -> Option<i64> {
    let value = field(body, name)?;
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}
