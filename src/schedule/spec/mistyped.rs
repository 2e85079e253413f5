//! What a value of a connection cannot mean: characters of documents and chats, names that stand for others, commas between
//! scopes, fields of `auth` next to it.
//!
//! Each of them is valid YAML and reaches the server, which answers `invalid_client`, `invalid_scope` or a page; people then look for
//! the fault in their rights. So it is said here, where the file still shows it.
//!
//! Scopes are separated by blanks (RFC 6749, 3.3); with commas UiPath's identity server answers `invalid_scope`. So it does for
//! `offline_access` in a login of an application's own (forum 341681). That a user's login needs `offline_access` is no matter of the file:
//! `punctual login` asks for it by itself.

use super::choices::{self, Names};
use super::field::{Field, written};
use super::hidden;
use super::keys;
use super::tree::{Kind, Node, Value};
use crate::schedule::diagnostic::{At, Findings, SourceFile};
use crate::secret::{first_sign, without_signs};
use crate::text;

/// A line without characters that nobody types.
pub(super) fn line<'t>(field: &Field<'t>, findings: &mut Findings) -> Option<&'t str> {
    let text = field.text(findings)?;
    if signs(field, text, &without_signs(text), findings) { None } else { field.line(findings) }
}

/// Scopes, separated by blanks.
pub(super) fn scope(field: &Field<'_>, findings: &mut Findings) -> Option<String> {
    let text = field.text(findings)?;
    let meant = without_signs(text).replace([',', ';'], " ").split_whitespace().collect::<Vec<_>>().join(" ");
    if signs(field, text, &meant, findings) {
        return None;
    }
    if text.contains([',', ';']) {
        let what = format!("{} holds commas, and scopes are separated by blanks", field.named());
        field.error(&what, findings).hint(format!("write `{}: {meant}`", field.key()));
        return None;
    }
    field.line(findings).map(str::to_owned)
}

/// Scopes of an application's own login.
pub(super) fn user_scope(field: &Field<'_>, scope: &str, findings: &mut Findings) {
    const OFFLINE: &str = "offline_access";
    if scope.split_whitespace().any(|one| one == OFFLINE) {
        let others = scope.split_whitespace().filter(|one| *one != OFFLINE).collect::<Vec<_>>().join(" ");
        let what = format!(
            "{} asks for `{OFFLINE}`, which goes with a user's login only, so the server refuses it",
            field.named()
        );
        let cure = match others.is_empty() {
            true => "write the scopes that the application has".to_owned(),
            false => format!("write `{}: {others}`", field.key()),
        };
        field.warning(&what, findings).hint(cure);
    }
}

/// Whether such a character was told of.
fn signs(field: &Field<'_>, text: &str, meant: &str, findings: &mut Findings) -> bool {
    let Some(sign) = first_sign(text) else { return false };
    let what = format!("{} has {sign}, which is not meant", field.named());
    let place = written(field.at(), text).map_or(field.at(), |at| at.part(sign.bytes()));
    let meant = meant.trim();
    let cure = match meant.is_empty() {
        true => "type the value anew".to_owned(),
        false => format!("write `{}: {meant}`", field.key()),
    };
    field.error_at(place, &what, findings).hint(cure);
    true
}

/// What is to be said of blanks, and of characters that nobody types, inside an address. A blank between two words of a name is no
/// mistake: `My Tenant` is sent as `My%20Tenant`.
pub(super) fn blank_inside(address: &str) -> Option<String> {
    if let Some(sign) = first_sign(address) {
        return Some(format!("has {sign}, which is not meant"));
    }
    let parts = address.split('/').collect::<Vec<_>>();
    // The scheme, nothing, and the host.
    let host = parts.iter().take(3).any(|part| part.contains(char::is_whitespace));
    match host {
        true => Some("has a blank in its host".to_owned()),
        false if parts.iter().any(|part| part.trim() != *part) => Some("has a blank next to a `/`".to_owned()),
        false => None,
    }
}

/// An address without such blanks and characters.
pub(super) fn together(address: &str) -> String {
    let plain = without_signs(address);
    let parts = plain.split('/').enumerate().map(|(n, part)| match n {
        0..=2 => part.split_whitespace().collect::<String>(),
        _ => part.trim().to_owned(),
    });
    parts.collect::<Vec<_>>().join("/")
}

/// Words of which people make a name for an id that they do not know yet.
const WORDS: [&str; 22] = [
    "your",
    "my",
    "the",
    "insert",
    "enter",
    "replace",
    "with",
    "change",
    "me",
    "here",
    "placeholder",
    "todo",
    "put",
    "client",
    "app",
    "application",
    "external",
    "uipath",
    "id",
    "key",
    "name",
    "of",
];

/// Of those, the ones that no name of an application would have.
const TELLING: [&str; 8] = ["your", "insert", "enter", "replace", "change", "placeholder", "todo", "put"];

/// Whether a client id is one that stands in instructions for the reader's own.
pub(super) fn stands_for_an_id(text: &str) -> bool {
    if text.contains(['<', '>', '{', '}', '…']) || !text.contains(char::is_alphanumeric) {
        return true;
    }
    let plain: String = text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    // `xxxxxxxx-xxxx-…`, and the GUID of nothing.
    let one_letter = |letter: char| plain.chars().all(|c| c == letter);
    if (plain.len() >= 4 && one_letter('x')) || (plain.len() >= 8 && one_letter('0')) {
        return true;
    }
    let telling = TELLING.iter().any(|word| plain.contains(word));
    (telling || matches!(plain.as_str(), "clientid" | "appid" | "applicationid")) && made_of_words(&plain)
}

/// Whether a text is words of the list, one after the other.
fn made_of_words(text: &str) -> bool {
    // No such name is long.
    if text.len() > 64 {
        return false;
    }
    let mut ends = vec![false; text.len() + 1];
    ends[0] = true;
    for start in 0..text.len() {
        if ends[start] && text.is_char_boundary(start) {
            for word in WORDS.iter().filter(|word| text[start..].starts_with(**word)) {
                ends[start + word.len()] = true;
            }
        }
    }
    ends[text.len()]
}

/// A connection without `auth` and its fields, when fields that belong into `auth` are next to it; that is told.
pub(super) fn without_stray_auth(
    connection: &Node,
    subject: &str,
    sources: &[SourceFile],
    findings: &mut Findings,
) -> Option<Node> {
    let auth = connection.entries().find(|entry| entry.key == "auth")?;
    let stray = |key: &str| keys::AUTH.key(key).is_some() && keys::CONNECTION.key(key).is_none();
    let strays: Vec<_> = connection.entries().filter(|entry| stray(&entry.key)).collect();
    let first = strays.first()?;
    for entry in &strays {
        if !crate::schedule::mask::SHOWN_IN_AUTH.contains(&entry.key.as_str()) {
            hidden::hide(&entry.value, findings);
        }
    }
    let names = text::both(strays.iter().map(|entry| &entry.key));
    let verb = if strays.len() == 1 { "is" } else { "are" };
    let cure = match &auth.value.value {
        Value::Map(_) if starts_with_brace(auth.value.at, sources) => {
            format!("move {names} between the braces of `auth`")
        }
        Value::Map(_) => format!("indent {names} as the lines under `auth` are"),
        Value::Scalar(scalar) if scalar.kind == Kind::Null => {
            format!("indent {names} by two more blanks, under `auth:`")
        }
        Value::Scalar(_) | Value::List(_) => {
            let grant = format!("grant: {}", grant_of(&auth.value).unwrap_or("…"));
            format!("write `auth: {{ {grant} }}`, and move {names} between those braces")
        }
    };
    let what = format!("{subject}: {names} {verb} next to `auth`, and must be one level deeper, in it");
    findings.valueless(first.key_at, what).hint(cure).also(auth.key_at, "`auth` is here");
    let rest = connection.entries().filter(|entry| entry.key != "auth" && !stray(&entry.key)).cloned().collect();
    Some(Node { at: connection.at, value: Value::Map(rest) })
}

/// The kind of credential, where it is the value of `auth` itself.
fn grant_of(auth: &Node) -> Option<&'static str> {
    let Value::Scalar(scalar) = &auth.value else { return None };
    choices::GRANT.built().into_iter().find(|name| *name == scalar.text)
}

pub(super) fn starts_with_brace(at: At, sources: &[SourceFile]) -> bool {
    sources.get(at.file).and_then(|source| source.text.get(at.start..)).is_some_and(|text| text.starts_with('{'))
}
