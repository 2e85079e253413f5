//! Opens maps of known keys, and looks at the values of keys whose behaviour is not built yet.
//!
//! Such a key is refused in one sentence. Its value is read like any other, so that a file written ahead of its time is told
//! all its mistakes at once, and so that a secret in it is hidden. Nothing is kept of what is read.
//!
//! Absent: what needs more than one value (`later`).

use std::net::SocketAddr;
use std::time::Duration;

use super::field::Field;
use super::fields::{Fields, Opened};
use super::folder;
use super::foreign_cure;
use super::hidden;
use super::keys::{MOST_ATTEMPTS, Need, Section, Shape};
use super::secret::secret;
use super::tree::{Kind, Node, Scalar, Value};
use super::values;
use crate::schedule::diagnostic::{At, Findings, quoted};
use crate::text;

/// Opens a map. Keys that stand twice, are unknown, or are not built yet are told here.
pub(super) fn map<'t>(
    node: &'t Node,
    section: &'static Section,
    subject: impl Into<String>,
    at: At,
    findings: &mut Findings,
) -> Option<Fields<'t>> {
    Fields::open(node, section, subject, at, findings).map(|opened| looked_at(opened, findings))
}

/// The same for a whole file, whose `x-…` keys are the writer's own.
pub(super) fn file<'t>(
    node: &'t Node,
    section: &'static Section,
    at: At,
    findings: &mut Findings,
) -> Option<Fields<'t>> {
    Fields::open_file(node, section, at, findings).map(|opened| looked_at(opened, findings))
}

/// The same for the map in a field.
pub(super) fn within<'t>(field: &Field<'t>, section: &'static Section, findings: &mut Findings) -> Option<Fields<'t>> {
    field.map(section, findings).map(|opened| looked_at(opened, findings))
}

fn looked_at<'t>(opened: Opened<'t>, findings: &mut Findings) -> Fields<'t> {
    let Opened { fields, unbuilt } = opened;
    for (field, shape) in unbuilt {
        check(&field, shape, findings);
    }
    fields
}

/// Looks at a value by its shape alone. What needs to know the rest of the file is looked at in `later`.
fn check(field: &Field<'_>, shape: Shape, findings: &mut Findings) {
    match shape {
        Shape::Text => {
            field.line(findings);
        }
        Shape::Texts => {
            for item in field.items(findings) {
                item.line(findings);
            }
        }
        Shape::Flag => {
            field.flag(findings);
        }
        Shape::Count(most) => {
            field.count(most, findings);
        }
        Shape::FolderNumber => {
            folder::read_number(field, findings);
        }
        Shape::Duration => {
            field.duration(findings);
        }
        Shape::Names => names(field, findings),
        Shape::Secret => {
            hidden::hide(field.node, findings);
            secret(field, &[], findings);
        }
        Shape::Choice(words) => {
            field.word(words, findings);
        }
        Shape::Words(words) => {
            for item in field.items(findings) {
                item.word(words, findings);
            }
        }
        Shape::Map(section) => by_keys(field, section, findings),
        Shape::List(section) => list(field, section, findings),
        Shape::Listen => listen(field, findings),
        // They may hold templates (`queue_item`).
        Shape::Object | Shape::Moment => {}
        // No key that is not built has one of these.
        Shape::Version
        | Shape::Named(_)
        | Shape::MapOrNone(_)
        | Shape::Whole(..)
        | Shape::TimeOfDay
        | Shape::Instant
        | Shape::Instants
        | Shape::Dates
        | Shape::Bound
        | Shape::Url => {}
    }
}

/// The map in a field whose first key a person may have meant by a single value: `retry: 3`, `after: x`, `timeout: 1h`.
pub(super) fn map_or_word<'t>(
    field: &Field<'t>,
    section: &'static Section,
    findings: &mut Findings,
) -> Option<Fields<'t>> {
    let Some(text) = word(field) else { return within(field, section, findings) };
    let hint = match section.name {
        "retry" => format!("write `retry: {{ attempts: {} }}`", attempts(text)),
        "timeout" => whole_timeout(text),
        "catch_up" => format!("write `{}`", foreign_cure::catch_up(text)),
        _ => {
            let key = section.keys.iter().find(|key| key.need == Need::Required).or(section.keys.first())?;
            let value = match (key.need, key.shape) {
                (Need::Optional, Shape::Duration) if values::duration(text).is_err() => "1h".to_owned(),
                (Need::Optional, Shape::Choice(words)) if !words.built().contains(&text) => {
                    (*words.built().first()?).to_owned()
                }
                (Need::Required | Need::Optional, _) => quoted(text),
            };
            format!("write `{}: {{ {}: {} }}`", field.key(), key.name, value.trim_matches('`'))
        }
    };
    field.error(&format!("{} must be a map", field.named()), findings).hint(hint);
    None
}

/// How many starts somebody means who writes one value.
fn attempts(text: &str) -> u32 {
    text.parse().ok().filter(|number| (2..=MOST_ATTEMPTS).contains(number)).unwrap_or(3)
}

fn whole_timeout(text: &str) -> String {
    match text.parse::<u32>() {
        Ok(number @ 1..=1_000) => {
            format!("write `timeout: {{ soft: {number}m }}` if minutes are meant; `s` is seconds, `h` hours")
        }
        Ok(seconds @ 1_001..) => {
            format!("write `timeout: {{ soft: {} }}`", text::exactly(Duration::from_secs(u64::from(seconds))))
        }
        Ok(0) | Err(_) if values::duration(text).is_ok() => format!("write `timeout: {{ soft: {text} }}`"),
        Ok(0) | Err(_) => "write `timeout: { soft: 1h }`: how long a job may run".to_owned(),
    }
}

fn by_keys(field: &Field<'_>, section: &'static Section, findings: &mut Findings) {
    let optional = section.keys.iter().all(|key| key.need == Need::Optional);
    if optional && matches!(&field.node.value, Value::Map(entries) if entries.is_empty()) {
        let known = text::quoted(section.keys.iter().map(|key| key.name));
        let what = format!("{} is an empty map", field.named());
        field.error_at(field.key_at, &what, findings).hint(format!("write one of {known}, or take it out"));
    }
    if let Some(fields) = map_or_word(field, section, findings) {
        each_key(&fields, section, findings);
    }
}

/// Looks at the values of all known keys by their shapes alone.
fn each_key(fields: &Fields<'_>, section: &'static Section, findings: &mut Findings) {
    for key in section.keys {
        let field = match key.need {
            Need::Required => fields.need(key.name, &format!("write `{}: {}`", key.name, example(key.shape)), findings),
            Need::Optional => fields.get(key.name),
        };
        if let Some(field) = field {
            check(&field, key.shape, findings);
        }
    }
}

/// Names of arguments. Who writes their values there gives secrets away.
fn names(field: &Field<'_>, findings: &mut Findings) {
    let in_maps = |field: &Field<'_>| matches!(field.node.value, Value::Map(_));
    let items = field.each();
    if items.iter().any(in_maps) {
        hidden::hide(field.node, findings);
        let what = format!("{} must be the names of arguments alone", field.named());
        findings.valueless(field.at(), field.said(&what)).hint("write `[NAME]`; no secret stands in this file");
        return;
    }
    for item in field.items(findings) {
        item.line(findings);
    }
}

fn list(field: &Field<'_>, section: &'static Section, findings: &mut Findings) {
    if let Value::Map(_) | Value::Scalar(_) = field.node.value {
        let what = format!("{} must be a list of maps", field.named());
        findings.valueless(field.at(), field.said(&what)).hint("begin each of its entries with `- `");
        return;
    }
    for item in field.items(findings) {
        if let Value::Map(_) = item.node.value {
            by_keys(&item, section, findings);
            continue;
        }
        let required = section.keys.iter().filter(|key| key.need == Need::Required);
        let entry: Vec<String> = required.map(|key| format!("{}: {}", key.name, example(key.shape))).collect();
        let what = format!("each entry of {} must be a map", field.named());
        let finding = findings.valueless(item.at(), item.said(&what));
        finding.hint(format!("write `- {{ {} }}`", entry.join(", ")));
    }
}

/// What may stand behind a required key.
fn example(shape: Shape) -> String {
    match shape {
        Shape::Count(_) => "3".to_owned(),
        Shape::Secret => "\"credential:NAME\"".to_owned(),
        Shape::Words(words) => format!("[{}]", words.built().first().unwrap_or(&"…")),
        Shape::Version
        | Shape::Text
        | Shape::Texts
        | Shape::Names
        | Shape::Flag
        | Shape::FolderNumber
        | Shape::Duration
        | Shape::Instant
        | Shape::Instants
        | Shape::Dates
        | Shape::Bound
        | Shape::Url
        | Shape::Choice(_)
        | Shape::Map(_)
        | Shape::MapOrNone(_)
        | Shape::Named(_)
        | Shape::List(_)
        | Shape::Object
        | Shape::Whole(..)
        | Shape::TimeOfDay
        | Shape::Moment
        | Shape::Listen => "…".to_owned(),
    }
}

fn listen(field: &Field<'_>, findings: &mut Findings) {
    let how = "write an address and a port, such as `\"127.0.0.1:9180\"`";
    let Some(text) = word(field) else {
        field.error(&format!("{} must be an address with a port", field.named()), findings).hint(how);
        return;
    };
    if text.parse::<SocketAddr>().is_err() {
        let hint = match text.trim_start_matches(':').parse::<u16>() {
            Ok(port) => format!("write `\"127.0.0.1:{port}\"`, which only this machine can reach"),
            Err(_) => how.to_owned(),
        };
        field.error(&format!("{} {} is no address with a port", field.named(), quoted(text)), findings).hint(hint);
    }
}

/// The text of a value that was looked at already.
pub(super) fn word<'t>(field: &Field<'t>) -> Option<&'t str> {
    match &field.node.value {
        Value::Scalar(Scalar { kind: Kind::Null, .. }) | Value::List(_) | Value::Map(_) => None,
        Value::Scalar(scalar) => Some(&scalar.text),
    }
}
