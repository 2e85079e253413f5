//! Keys whose behaviour is not built yet: what stands behind them is checked all the same.
//!
//! Such a key is refused in one sentence. Its value is read like any other, so that a file
//! written ahead of its time is told all its mistakes at once, and so that a secret behind it is hidden. Nothing is kept of
//! what is read.
//!
//! Absent: what the keys do.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use super::arguments;
use super::choices::{self, Names};
use super::connection;
use super::fields::{Field, Fields};
use super::folder;
use super::habits::Known;
use super::hidden;
use super::keys::{MOST_PRIORITY, Need, Section, Shape};
use super::near::{Noun, unknown};
use super::tree::{Entry, Kind, Scalar, Value};
use super::values;
use crate::schedule::diagnostic::{At, Findings, quoted};
use crate::schedule::model::ScheduleKey;
use crate::text::{self, MOST_NAMES};

/// Looks at a value by its shape alone. What needs to know the rest of the file is looked at by the functions below.
pub(super) fn check(field: &Field<'_>, shape: Shape, findings: &mut Findings) {
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
            connection::secret(field, &[], findings);
        }
        Shape::Choice(words) => {
            field.word(words, findings);
        }
        Shape::Words(words) => {
            for item in field.items(findings) {
                item.word(words, findings);
            }
        }
        Shape::Map(section) => map(field, section, findings),
        Shape::List(section) => list(field, section, findings),
        Shape::Priority => priority(field, findings),
        Shape::Listen => listen(field, findings),
        // Pools of all files are merged first (`pool`); the other two may hold templates (`queue_item`).
        Shape::Named(_) | Shape::Object | Shape::Moment => {}
        // No key that is not built has one of these.
        Shape::Version | Shape::Instant | Shape::Instants | Shape::Dates | Shape::Bound | Shape::Url => {}
    }
}

fn map(field: &Field<'_>, section: &'static Section, findings: &mut Findings) {
    if let Some(text) = word(field) {
        // `retry: 3` and `after: x` say what they mean.
        let finding = field.error(&format!("{} must be a map", field.named()), findings);
        match section.keys.iter().find(|key| key.need == Need::Required) {
            Some(key) => {
                let value = quoted(text);
                finding.hint(format!("write `{}: {{ {}: {} }}`", field.key(), key.name, value.trim_matches('`')))
            }
            None => finding.hint(format!("write `{}: {{ {}: … }}`", field.key(), section.keys[0].name)),
        };
        return;
    }
    let optional = section.keys.iter().all(|key| key.need == Need::Optional);
    if optional && matches!(&field.node.value, Value::Map(entries) if entries.is_empty()) {
        let known = text::quoted(section.keys.iter().map(|key| key.name));
        let what = format!("{} is an empty map", field.named());
        field.error_at(field.key_at, &what, findings).hint(format!("write one of {known}, or take it out"));
    }
    if let Some(fields) = field.map(section, findings) {
        keys(&fields, section, findings);
    }
}

fn keys(fields: &Fields<'_>, section: &'static Section, findings: &mut Findings) {
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
            map(&item, section, findings);
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
        | Shape::Named(_)
        | Shape::List(_)
        | Shape::Object
        | Shape::Priority
        | Shape::Moment
        | Shape::Listen => "…".to_owned(),
    }
}

/// Orchestrator takes a word or a number, and not both (UiPath API: `JobPriority`, `SpecificPriorityValue`).
fn priority(field: &Field<'_>, findings: &mut Findings) {
    match &field.node.value {
        Value::Scalar(Scalar { kind: Kind::Number(_) | Kind::Inexact, .. }) => {
            field.count(MOST_PRIORITY, findings);
        }
        Value::Scalar(Scalar { kind: Kind::Text, text }) => {
            let names = choices::PRIORITY.built();
            if !names.contains(&text.as_str()) {
                let hint = format!("use {}, or a whole number from 1 to {MOST_PRIORITY}", text::quoted(names));
                field.error(&format!("unknown {} {}", field.named(), quoted(text)), findings).hint(hint);
            }
        }
        Value::Scalar(_) | Value::Map(_) | Value::List(_) => {
            field.word(&choices::PRIORITY, findings);
        }
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

/// One pool of `limits`.
pub(super) fn pool(entry: &Entry, findings: &mut Findings) {
    let subject = format!("pool `{}`", entry.key);
    if let Value::Scalar(Scalar { text, kind: Kind::Number(_) }) = &entry.value.value {
        let hint = match super::keys::LIMITS.key(&entry.key) {
            Some(_) => format!("`{}` belongs {}", entry.key, super::keys::LIMITS.place),
            None => format!("write `{}: {{ running: {text} }}`", entry.key),
        };
        findings.error(entry.value.at, format!("{subject}: it must be a map")).hint(hint);
        return;
    }
    if let Some(fields) = Fields::open(&entry.value, &super::keys::POOL, subject, entry.key_at, findings) {
        keys(&fields, &super::keys::POOL, findings);
    }
}

/// What holds between the keys that a schedule and `defaults` can both say.
pub(super) fn common(fields: &Fields<'_>, known: Known<'_>, findings: &mut Findings) {
    if let Some(retry) = fields.get("retry")
        && let (Some(delay), Some(most)) = (retry.inner("delay"), retry.inner("max_delay"))
        && let (Some(shorter), Some(longer)) = (length(&most), length(&delay))
        && shorter < longer
    {
        let what = format!("{} is shorter than {}", most.named(), delay.named());
        most.error(&what, findings).hint("swap the two, or take one out").also(delay.at(), "the delay here");
    }
    if let Some(catch_up) = fields.get("catch_up")
        && let (Some(max), Some(policy)) = (catch_up.inner("max"), catch_up.inner("policy"))
        && matches!(word(&policy), Some("last" | "skip"))
    {
        let what = format!("{} goes with `policy: all` only", max.named());
        max.error_at(max.key_at, &what, findings).hint("take it out").also(policy.at(), "the policy here");
    }
    if let Some(field) = fields.get("pool")
        && let Some(name) = word(&field)
        // Else that was told.
        && name.trim() == name
        && !name.contains(char::is_control)
        && !known.pools.contains_key(name)
    {
        unknown(&field, Noun::Pool, name, known.pools.keys(), findings);
    }
}

/// What holds between the keys of one schedule. `env` are the variables that templates may name.
pub(super) fn schedule(fields: &Fields<'_>, known: Known<'_>, env: &BTreeSet<String>, findings: &mut Findings) {
    if let Some(after) = fields.get("after")
        && let Some(field) = after.inner("schedule")
        && let Some(name) = word(&field)
        && !known.schedules.contains_key(name)
    {
        unknown(&field, Noun::Schedule, name, known.schedules.keys(), findings);
    }
    if let Some(item) = fields.get("queue_item") {
        queue_item(&item, fields, env, findings);
    }
}

fn queue_item(item: &Field<'_>, fields: &Fields<'_>, env: &BTreeSet<String>, findings: &mut Findings) {
    if let Some(start) = fields.get("start") {
        let finding =
            start.error_at(start.key_at, "`start` and `queue_item` both say what, and only one may", findings);
        finding.hint("make two schedules of it").also(item.key_at, "and here");
    }
    // An item is placed and not followed, so there is nothing that these could be about (semantics.md 23).
    let bounds = ["timeout", "retry"].into_iter().filter_map(|name| fields.get(name));
    let overlap = fields.get("overlap").filter(|field| word(field) != Some("allow"));
    for other in bounds.chain(overlap) {
        let what = format!("{} has no use with `queue_item`, which is placed and not followed", other.named());
        let hint = if other.key() == "overlap" { "write `overlap: allow`, or take it out" } else { "take it out" };
        other.error_at(other.key_at, &what, findings).hint(hint);
    }
    if let Some(content) = item.inner("content") {
        arguments::read(&content, env, findings);
    }
    for moment in ["defer", "due"].into_iter().filter_map(|name| item.inner(name)) {
        match word(&moment) {
            Some(text) if text.contains("${") => {
                arguments::fits(text, moment.at(), &moment, env, findings);
            }
            Some(_) if length(&moment).is_some() => {}
            Some(_) | None => {
                let what = format!("{} must be a duration or a template", moment.named());
                let hint = "write `2h`, which counts from the nominal time, or a text such as `\"${nominal+2h}\"`";
                moment.error(&what, findings).hint(hint);
            }
        }
    }
    if let (Some(defer), Some(due)) = (item.inner("defer"), item.inner("due"))
        && let (Some(begin), Some(end)) = (length(&defer), length(&due))
        && end <= begin
    {
        let what = format!("{} is not after {}, so there is no time left for the item", due.named(), defer.named());
        due.error(&what, findings).hint("make the first longer or the second shorter").also(defer.at(), "not before");
    }
}

/// Schedules that wait for each other would never run; each circle is told once, where it closes.
pub(super) fn circles(schedules: &[(ScheduleKey, &Entry)], findings: &mut Findings) {
    let parents: BTreeMap<&str, (&str, At)> = schedules
        .iter()
        .filter_map(|(key, entry)| {
            let parent = inside(inside(entry, "after")?, "schedule")?;
            let Value::Scalar(scalar) = &parent.value.value else { return None };
            Some((key.as_str(), (scalar.text.as_str(), parent.value.at)))
        })
        .collect();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for first in parents.keys().copied() {
        let mut way = vec![first];
        let mut places = BTreeMap::from([(first, 0)]);
        let mut here = first;
        while !seen.contains(here) {
            let Some((parent, at)) = parents.get(here).copied() else { break };
            if let Some(start) = places.get(parent) {
                let circle = &way[*start..];
                let hint = match circle.len() {
                    1 => "name another schedule, or give it a time of its own",
                    _ => "give one of them a time of its own, so that there is a first one",
                };
                findings.error(at, format!("schedule `{here}`: {}", leads_back(circle))).hint(hint);
                break;
            }
            places.insert(parent, way.len());
            way.push(parent);
            here = parent;
        }
        seen.extend(way);
    }
}

/// The sentence about a circle; of a long one its first names.
fn leads_back(circle: &[&str]) -> String {
    let [first, _, ..] = circle else { return "`after` names the schedule itself".to_owned() };
    let names = circle.iter().take(MOST_NAMES).map(|key| format!("`{key}`"));
    let rest = (circle.len() > MOST_NAMES).then(|| "…".to_owned());
    let way: Vec<String> = names.chain(rest).chain([format!("`{first}`")]).collect();
    format!("`after` leads back to it: {}", way.join(" after "))
}

fn inside<'t>(entry: &'t Entry, name: &str) -> Option<&'t Entry> {
    entry.value.entries().find(|entry| entry.key == name)
}

/// Who is told of what: the schedules have to be there.
pub(super) fn notify(field: &Field<'_>, schedules: &BTreeMap<String, At>, findings: &mut Findings) {
    let items = field.each();
    for named in items.iter().filter_map(|item| item.inner("schedules")) {
        for item in named.each() {
            if let Some(name) = word(&item)
                && !schedules.contains_key(name)
            {
                unknown(&item, Noun::Schedule, name, schedules.keys(), findings);
            }
        }
    }
}

/// The text of a value that was looked at already.
fn word<'t>(field: &Field<'t>) -> Option<&'t str> {
    match &field.node.value {
        Value::Scalar(Scalar { kind: Kind::Null, .. }) | Value::List(_) | Value::Map(_) => None,
        Value::Scalar(scalar) => Some(&scalar.text),
    }
}

fn length(field: &Field<'_>) -> Option<Duration> {
    values::duration(word(field)?).ok()
}
