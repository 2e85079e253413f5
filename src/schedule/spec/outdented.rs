//! Keys that stand one level too far out: next to the name of the connection or schedule that they belong to.
//!
//! Every such key would be an entry of its own, and one slip of the space bar four mistakes and more. They are put where they are
//! meant before anything else is read, so the slip is told once, and what else is wrong with them too.

use super::keys::{self, Section};
use super::mistyped::starts_with_brace;
use super::tree::{Entry, Kind, Node, Value};
use crate::schedule::diagnostic::{At, Findings, SourceFile, quoted};
use crate::text;

/// One kind of named entry: the key they stand under, what one is called, its keys, and those of which an entry has at least one.
struct Named {
    list: &'static str,
    what: &'static str,
    section: &'static Section,
    telling: &'static [&'static str],
}

const NAMED: [Named; 2] = [
    Named { list: "connections", what: "connection", section: &keys::CONNECTION, telling: &["url", "auth"] },
    Named { list: "schedules", what: "schedule", section: &keys::SCHEDULE, telling: &["cron", "every", "at", "start"] },
];

/// Puts such keys back into the entry above them, and tells of each entry once.
pub(super) fn put_back(trees: &mut [Node], sources: &[SourceFile], findings: &mut Findings) {
    for tree in trees {
        let Value::Map(top) = &mut tree.value else { continue };
        for named in &NAMED {
            for list in top.iter_mut().filter(|entry| entry.key == named.list) {
                if let Value::Map(entries) = &mut list.value.value {
                    named.put_back(entries, sources, findings);
                }
            }
        }
    }
}

impl Named {
    fn put_back(&self, entries: &mut Vec<Entry>, sources: &[SourceFile], findings: &mut Findings) {
        let mut owners: Vec<(Entry, Vec<Entry>)> = Vec::new();
        for entry in std::mem::take(entries) {
            match owners.last_mut() {
                Some((owner, strays)) if self.is_stray(&entry) && lacks(owner, strays, &entry) => strays.push(entry),
                Some(_) | None => owners.push((entry, Vec::new())),
            }
        }
        for (mut owner, strays) in owners {
            if let Some(first) = strays.first() {
                self.tell(&owner, &strays, first.key_at, sources, findings);
                let mut all: Vec<Entry> = owner.value.entries().cloned().collect();
                all.extend(strays);
                owner.value.value = Value::Map(all);
            }
            entries.push(owner);
        }
    }

    /// Whether an entry is a key of the one above it, and no entry that happens to be called so.
    fn is_stray(&self, entry: &Entry) -> bool {
        let known = self.section.key(&entry.key).is_some();
        known
            && match &entry.value.value {
                Value::Map(inner) => !inner.iter().any(|key| self.telling.contains(&key.key.as_str())),
                Value::List(_) => true,
                Value::Scalar(scalar) => scalar.kind != Kind::Null,
            }
    }

    fn tell(&self, owner: &Entry, strays: &[Entry], at: At, sources: &[SourceFile], findings: &mut Findings) {
        let names = text::both(strays.iter().map(|entry| &entry.key));
        let verb = if strays.len() == 1 { "is" } else { "are" };
        let name = quoted(&owner.key);
        let cure = match &owner.value.value {
            Value::Map(_) if starts_with_brace(owner.value.at, sources) => {
                format!("move {names} between the braces of {name}")
            }
            Value::Map(_) => format!("indent {names} as the lines under {name} are"),
            Value::List(_) | Value::Scalar(_) => format!("indent {names} by two more blanks, under {name}"),
        };
        let what = format!("{} {name}: {names} {verb} next to it, and must be one level deeper, in it", self.what);
        findings.valueless(at, what).hint(cure).also(owner.key_at, format!("{name} is here"));
    }
}

/// Whether the key is missing in the entry above it, which is written out there: what an alias stands for is elsewhere.
fn lacks(owner: &Entry, strays: &[Entry], entry: &Entry) -> bool {
    let value = &owner.value;
    let here = (owner.key_at.end..=entry.key_at.start).contains(&value.at.start);
    let open = match &value.value {
        Value::Map(_) => true,
        Value::Scalar(scalar) => scalar.kind == Kind::Null,
        Value::List(_) => false,
    };
    here && open && !value.entries().chain(strays).any(|known| known.key == entry.key)
}
