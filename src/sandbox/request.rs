//! A request as read from the wire: decoded query, headers in any case, bodies whose keys may have any case.

use std::borrow::Cow;

use base64::Engine as _;
use serde_json::{Map, Value};

#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) method: String,
    /// As sent, percent signs and all.
    pub(super) path: String,
    pub(super) query: Option<String>,
    /// Names in lower case.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Request {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The bearer token; the scheme is read in any case.
    pub(super) fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.header("authorization")?.trim().split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    }

    /// The body as an object; `None` when it is none, or says it is no JSON.
    pub(super) fn object(&self) -> Option<Map<String, Value>> {
        let is_json = self.header("content-type").is_some_and(|kind| kind.to_ascii_lowercase().contains("json"));
        match (is_json, serde_json::from_slice(&self.body)) {
            (true, Ok(Value::Object(map))) => Some(map),
            (true | false, _) => None,
        }
    }

    /// The body as a form; `None` when it says it is none.
    pub(super) fn form(&self) -> Option<Vec<(String, String)>> {
        let kind = self.header("content-type")?.to_ascii_lowercase();
        kind.starts_with("application/x-www-form-urlencoded")
            .then(|| url::form_urlencoded::parse(&self.body).into_owned().collect())
    }

    pub(super) fn query_pairs(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(self.query.as_deref().unwrap_or("").as_bytes()).into_owned().collect()
    }

    /// One query parameter, its name in any case.
    pub(super) fn query_value(&self, name: &str) -> Option<String> {
        self.query_pairs().into_iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// A member of an object, its name in any case; `null` counts as absent.
pub(super) fn member<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).filter(|v| !v.is_null())
}

/// A member that is text.
pub(super) fn text_member<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    member(object, name).and_then(Value::as_str)
}

/// Takes percent signs out of a path; unlike in a query, `+` stands for itself.
pub(super) fn percent_decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let pair = bytes.get(at + 1..at + 3).and_then(|pair| std::str::from_utf8(pair).ok());
        match pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(value) if byte == b'%' => {
                decoded.push(value);
                at += 3;
            }
            Some(_) | None => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&decoded).into_owned())
}

/// Base64 of UTF-16LE, as `X-UIPATH-FolderPath-Encoded` carries a folder's path.
pub(super) fn utf16_base64_decoded(text: &str) -> Option<String> {
    let bytes = base64::engine::general_purpose::STANDARD.decode(text.trim()).ok()?;
    let (pairs, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let units: Vec<u16> = pairs.iter().map(|pair| u16::from_le_bytes(*pair)).collect();
    String::from_utf16(&units).ok()
}
