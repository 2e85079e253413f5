//! OData text: literals and query strings.

use jiff::Timestamp;
use url::form_urlencoded;

/// A string literal: quotes around it, quotes inside doubled (S33).
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// `field in ('a','b')`.
pub(super) fn one_of<'a>(field: &str, texts: impl Iterator<Item = &'a str>) -> String {
    let literals: Vec<String> = texts.map(literal).collect();
    format!("{field} in ({})", literals.join(","))
}

/// An instant as OData writes it: UTC, milliseconds, no quotes.
pub(super) fn instant(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// A query string. Spaces as `%20`: every server and gateway reads it alike, `+` not.
pub(super) fn query(options: &[(&str, String)]) -> String {
    // The encoder writes a plus sign as `%2B`, so what is replaced here was a space.
    form_urlencoded::Serializer::new(String::new()).extend_pairs(options).finish().replace('+', "%20")
}
