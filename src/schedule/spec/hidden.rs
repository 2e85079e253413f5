//! What must not be shown, by its place in the tree.
//!
//! By an alias a secret may be used anywhere, and a sentence about a wrong value repeats the value: whatever is hidden here is
//! taken out of sentences too (`Findings::finish`). What stands in text that is no YAML is found by `mask`.

use std::path::Path;

use super::keys::{self, Key, Section, Shape};
use super::tree::{Entry, Node, Value};
use crate::schedule::diagnostic::Findings;
use crate::schedule::mask::{SHOWN_IN_AUTH, is_secret_name};
use crate::secret::SecretRef;

/// Keys of an entry of `notify` whose values may be shown. All others are hidden, typing errors included.
const SHOWN_IN_NOTIFY: &[&str] = &["on", "schedules", "format"];

/// Sections in which a secret may stand under any key that is not known.
const GUARDED: [&Section; 4] = [&keys::CONNECTION, &keys::AUTH, &keys::TLS, &keys::NOTIFICATION];

/// Hides what stands under a key that the section does not know, if it may be a secret. `meant` is the key that comes near.
pub(super) fn unknown(entry: &Entry, section: &'static Section, meant: Option<&Key>, findings: &mut Findings) {
    let guarded = GUARDED.iter().any(|guarded| std::ptr::eq(*guarded, section));
    let address = matches!(&entry.value.value, Value::Scalar(scalar) if scalar.text.contains("://"));
    let secret = meant.is_some_and(|key| matches!(key.shape, Shape::Secret));
    if guarded || address || secret || is_secret_name(&entry.key) {
        hide(&entry.value, findings);
    }
}

/// Hides the secrets of one file.
pub(super) fn all(tree: &Node, findings: &mut Findings) {
    for (section, node) in tree.entries().map(|entry| (entry.key.as_str(), &entry.value)) {
        match section {
            "connections" => node.entries().for_each(|entry| under_auth(&entry.value, findings)),
            "notify" => addresses(node, findings),
            "schedules" => node.entries().for_each(|entry| ping(&entry.value, findings)),
            "defaults" => ping(node, findings),
            _ if section.starts_with("x-") => named(section, node, findings),
            _ => {}
        }
    }
}

/// Hides a value, references aside.
pub(super) fn hide(node: &Node, findings: &mut Findings) {
    match &node.value {
        Value::Map(entries) => entries.iter().for_each(|entry| hide(&entry.value, findings)),
        Value::List(items) => items.iter().for_each(|item| hide(item, findings)),
        Value::Scalar(scalar) => {
            if SecretRef::parse(&scalar.text, Path::new("")).is_err() {
                findings.hide(node.at);
            }
        }
    }
}

fn under_auth(connection: &Node, findings: &mut Findings) {
    for auth in connection.entries().filter(|entry| entry.key == "auth") {
        match &auth.value.value {
            Value::Map(entries) => hide_but(entries, SHOWN_IN_AUTH, findings),
            Value::List(_) | Value::Scalar(_) => hide(&auth.value, findings),
        }
    }
}

/// The addresses that somebody is told at: whoever knows one may use it.
fn addresses(notify: &Node, findings: &mut Findings) {
    match &notify.value {
        Value::List(items) => items.iter().for_each(|item| addresses(item, findings)),
        Value::Map(entries) => hide_but(entries, SHOWN_IN_NOTIFY, findings),
        Value::Scalar(_) => hide(notify, findings),
    }
}

/// The address of a dead-man's switch.
fn ping(schedule: &Node, findings: &mut Findings) {
    let pings = schedule.entries().filter(|entry| entry.key == "ping");
    pings.for_each(|entry| hide(&entry.value, findings));
}

/// Anchors stand under `x-…` keys, whose meaning only their names tell.
fn named(name: &str, node: &Node, findings: &mut Findings) {
    if is_secret_name(name) {
        return hide(node, findings);
    }
    node.entries().for_each(|entry| named(&entry.key, &entry.value, findings));
}

fn hide_but(entries: &[Entry], shown: &[&str], findings: &mut Findings) {
    let others = entries.iter().filter(|entry| !shown.contains(&entry.key.as_str()));
    others.for_each(|entry| hide(&entry.value, findings));
}
