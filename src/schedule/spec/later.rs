//! What holds between the values of keys whose behaviour is not built yet; each by itself is looked at in `open`.
//!
//! Nothing is kept of what is read.
//!
//! Absent: what the keys do.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::arguments;
use super::field::Field;
use super::fields::Fields;
use super::known::Known;
use super::near::{Noun, unknown};
use super::open::word;
use super::tree::{Entry, Value};
use super::values;
use crate::schedule::diagnostic::{At, Findings};
use crate::schedule::name::ScheduleKey;
use crate::text::MOST_NAMES;

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

fn length(field: &Field<'_>) -> Option<Duration> {
    values::duration(word(field)?).ok()
}
