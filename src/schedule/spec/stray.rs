//! What commas and quotes make of a value that was meant otherwise: a key of its own, a sign in the value.

use super::keys::{self, Section};
use super::tree::{Entry, Kind, Value};
use crate::schedule::diagnostic::At;
use crate::secret::{Sign, first_sign, without_signs};

/// In `{ scope: OR.Jobs, OR.Folders }` the second scope is a key of its own. The cure, if this is one.
pub(super) fn stray_scope(entry: &Entry, section: &'static Section) -> Option<String> {
    let empty = matches!(&entry.value.value, Value::Scalar(scalar) if scalar.kind == Kind::Null);
    let scope = entry.key.starts_with("OR.") || entry.key == "offline_access";
    let here = std::ptr::eq(section, &keys::AUTH);
    (empty && scope && here)
        .then(|| "separate scopes by blanks, as in `scope: OR.Jobs OR.Execution.Read OR.Folders.Read`".to_owned())
}

/// The typographic quote that a value begins with in the place of a straight one.
///
/// YAML knows straight quotes only, so such a one is a part of the value. In braces a comma after it ends the value, and what is to
/// be written cannot be seen any more.
pub(super) fn odd_quote(at: At, text: &str) -> Option<Sign> {
    let bare = at.end - at.start == text.len();
    first_sign(text).filter(|sign| bare && sign.bytes().start == 0 && is_quote(text.chars().next()))
}

/// What to write in the place of a value with such a quote.
pub(super) fn straight_quotes(key: &str, text: &str) -> String {
    match is_quote(text.chars().next_back()) && text.chars().count() > 2 {
        true => format!("write `{key}: \"{}\"`", without_signs(text).trim().replace(['"', '\\'], "")),
        false => "put straight quotes around the value".to_owned(),
    }
}

fn is_quote(c: Option<char>) -> bool {
    c.is_some_and(|c| "\u{2018}\u{2019}\u{201a}\u{201b}\u{201c}\u{201d}\u{201e}\u{201f}\u{ab}\u{bb}".contains(c))
}
