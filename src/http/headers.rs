//! What headers of an answer say.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};

/// The header's value, if it is text.
pub(crate) fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// A date as HTTP writes it.
pub(crate) fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text.trim()).ok()
}

/// The server's clock, as its answer tells it.
pub(crate) fn date(headers: &HeaderMap) -> Option<Timestamp> {
    text(headers, DATE).and_then(http_date)
}

/// `Retry-After`, in seconds or as a date, which is compared with the answer's own `Date`, so that a wrong clock on our side
/// does not matter. What is over counts as zero, and whatever is longer than `most` as that: a server can ask for years.
pub fn retry_after(headers: &HeaderMap, now: Timestamp, most: Duration) -> Option<Duration> {
    let value = text(headers, RETRY_AFTER)?.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds).min(most));
    }
    let left = http_date(value)?.duration_since(date(headers).unwrap_or(now));
    Some(left.max(SignedDuration::ZERO).unsigned_abs().min(most))
}

/// One way in that a server or proxy names (RFC 9110, 11.6.1; the members of Bearer: RFC 6750, 3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Challenge {
    /// `Bearer`, `Basic`, `Negotiate`, `NTLM`, …, as written.
    pub scheme: String,
    /// What is protected.
    pub realm: Option<String>,
    /// `invalid_token`, `insufficient_scope`, ….
    pub error: Option<String>,
    /// The server's sentence about it.
    pub error_description: Option<String>,
    /// The scopes that would be enough.
    pub scope: Option<String>,
}

impl Challenge {
    /// Whether it is of this scheme.
    pub fn is(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme)
    }
}

/// All challenges of `WWW-Authenticate` or `Proxy-Authenticate`, in order. What cannot be read is left out.
pub fn challenges(headers: &HeaderMap, name: HeaderName) -> Vec<Challenge> {
    values(headers, name).map(|text| challenges_of(&text)).unwrap_or_default()
}

/// All values of a header that may come several times, as one line.
pub(crate) fn values(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let lines: Vec<_> = headers.get_all(name).iter().map(|line| String::from_utf8_lossy(line.as_bytes())).collect();
    Some(lines.join(", ")).filter(|text| !text.trim().is_empty())
}

/// The same from the header's text.
pub fn challenges_of(text: &str) -> Vec<Challenge> {
    let mut all: Vec<Challenge> = Vec::new();
    for part in parts(text) {
        let part = part.trim();
        let (scheme, rest) = match part.split_once(char::is_whitespace) {
            // `name = value` with blanks around the sign belongs to the challenge before it.
            Some((first, rest)) if !first.contains('=') && !rest.trim_start().starts_with('=') => (Some(first), rest),
            _ if part.contains('=') => (None, part),
            _ => (Some(part), ""),
        };
        if let Some(scheme) = scheme.filter(|scheme| !scheme.is_empty()) {
            all.push(Challenge { scheme: scheme.to_owned(), ..Challenge::default() });
        }
        if let (Some(challenge), Some((name, value))) = (all.last_mut(), rest.split_once('=')) {
            let place = match name.trim().to_ascii_lowercase().as_str() {
                "realm" => &mut challenge.realm,
                "error" => &mut challenge.error,
                "error_description" => &mut challenge.error_description,
                "scope" => &mut challenge.scope,
                _ => continue,
            };
            *place = Some(unquoted(value.trim())).filter(|value| !value.is_empty());
        }
    }
    all
}

/// Between commas that are not within quotes.
fn parts(line: &str) -> Vec<&str> {
    let (mut parts, mut from, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, c) in line.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                parts.push(&line[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&line[from..]);
    parts
}

fn unquoted(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"') else { return value.to_owned() };
    let mut text = String::new();
    let mut escaped = false;
    for c in inner.chars() {
        match c {
            _ if escaped => {
                text.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => break,
            _ => text.push(c),
        }
    }
    text
}
