//! Finds the JSON in what a token server, or something on the way, made of it.
//!
//! Token answers have been seen with a byte order mark, with text before and after the object, wrapped in another object, as a
//! form, as a page around the JSON, and cut anywhere. A client that gives up on these loses a token that works once, so
//! whatever can be read without guessing is read.
//!
//! Pure, total over any bytes. Absent: what the members mean.

use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde_json::{Map, Value};

/// Beginnings of objects that are looked at, and how deep an answer may be wrapped: enough for a page's styles, and bounded
/// for a body of nothing but braces.
const MOST_BEGINNINGS: usize = 64;
const DEEPEST_WRAPPING: usize = 2;
/// One of these makes an object an answer of a token server.
const MARKS: [&str; 5] = ["access_token", "refresh_token", "error", "result", "errorCode"];

/// The text of a body. A byte order mark says how it is written, and is not part of it (RFC 8259, 8.1: a parser may ignore it;
/// seen from IIS, as Microsoft Graph's errors were: microsoftgraph/microsoft-graph-docs 679).
pub(super) fn decoded(body: &[u8]) -> Cow<'_, str> {
    let wide = |body: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = body.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
        Cow::Owned(String::from_utf16_lossy(&units))
    };
    let text = match body {
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8_lossy(rest),
        [0xFF, 0xFE, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => wide(rest, u16::from_be_bytes),
        body => String::from_utf8_lossy(body),
    };
    // JSON that is shown in a page.
    if text.trim_start().starts_with('<') && text.contains("&quot;") {
        return Cow::Owned(text.replace("&quot;", "\"").replace("&amp;", "&"));
    }
    text
}

/// The object of an answer: the whole text, else the first object in it that looks like one, else a form.
pub(super) fn object(text: &str) -> Option<Map<String, Value>> {
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    if text.starts_with('{') {
        if let Some(whole) = first_object(text) {
            return Some(unwrapped(whole, DEEPEST_WRAPPING));
        }
    } else if let Ok(other) = serde_json::from_str::<Value>(text) {
        return match other {
            // JSON that was put into JSON as text.
            Value::String(_) | Value::Array(_) => within(&other).map(|inner| unwrapped(inner, DEEPEST_WRAPPING)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
        };
    }
    let beginnings = text.match_indices('{').map(|(at, _)| at).take(MOST_BEGINNINGS);
    let inside = beginnings.filter_map(|at| first_object(&text[at..])).find(is_answer);
    inside.map(|object| unwrapped(object, DEEPEST_WRAPPING)).or_else(|| form(text))
}

fn first_object(text: &str) -> Option<Map<String, Value>> {
    match serde_json::Deserializer::from_str(text).into_iter::<Value>().next()? {
        Ok(Value::Object(object)) => Some(object),
        Ok(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) | Err(_) => None,
    }
}

fn is_answer(object: &Map<String, Value>) -> bool {
    MARKS.iter().any(|mark| object.contains_key(*mark))
}

/// With the tokens that are in an object within it: `data` and `result` are put around answers by gateways that have one form
/// for all of them (golang/oauth2 551), with `null` or nothing in the token's own place.
fn unwrapped(mut object: Map<String, Value>, depth: usize) -> Map<String, Value> {
    let access = text_of(&object, "access_token").map(str::to_owned);
    if depth == 0 || (access.is_some() && text_of(&object, "refresh_token").is_some()) {
        return object;
    }
    let refused = access.is_none() && text_of(&object, "error").is_some();
    let inner = object.values().filter_map(within).map(|inner| unwrapped(inner, depth - 1)).find(|inner| {
        match (&access, text_of(inner, "access_token"), text_of(inner, "refresh_token")) {
            // Somebody else's tokens may be next to ours.
            (Some(outer), Some(inner), Some(_)) => outer == inner,
            (Some(_), None, Some(_)) => true,
            // A refusal may repeat what was sent.
            (None, Some(_), _) | (None, None, Some(_)) => !refused,
            (Some(_), _, None) | (None, None, None) => false,
        }
    });
    for (name, value) in inner.unwrap_or_default() {
        if object.get(&name).is_none_or(is_nothing) {
            object.insert(name, value);
        }
    }
    object
}

/// An object as a member, alone in a list, or written as text.
fn within(value: &Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(inner) => Some(inner.clone()),
        Value::Array(list) => match list.as_slice() {
            [Value::Object(inner)] => Some(inner.clone()),
            _ => None,
        },
        Value::String(text) if text.trim_start().starts_with('{') => first_object(text.trim_start()),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

fn is_nothing(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(str::is_empty)
}

fn text_of<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    object.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// Whether it is JSON from its beginning to its end.
pub(super) fn is_whole(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text.trim_matches(|c: char| c.is_whitespace() || c == '\0')).is_ok()
}

/// `access_token=…&refresh_token=…`, as some servers answer whoever does not insist on JSON.
fn form(text: &str) -> Option<Map<String, Value>> {
    if !text.starts_with("access_token=") && !text.contains("&access_token=") || text.contains(['<', '{', '"']) {
        return None;
    }
    let pairs = url::form_urlencoded::parse(text.as_bytes());
    Some(pairs.map(|(name, value)| (name.into_owned(), Value::String(value.into_owned()))).collect())
}

/// A text member by its name, from text that is no JSON: only one that is whole, with its closing quote.
pub(super) fn member(text: &str, name: &str) -> Option<String> {
    let quoted = format!("\"{name}\"");
    text.match_indices(&quoted).find_map(|(at, _)| {
        let value = text[at + quoted.len()..].trim_start().strip_prefix(':')?.trim_start();
        match serde_json::Deserializer::from_str(value).into_iter::<Value>().next()? {
            Ok(Value::String(value)) => Some(value),
            Ok(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) | Err(_) => None,
        }
    })
}
