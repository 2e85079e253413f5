//! Takes a map of the tree apart, key by key, and notes every mistake on the way.
//!
//! A reader that returns `None` has reported why; its caller goes on with the other keys, so one pass finds all mistakes.

use super::field::{Field, Whose, entries};
use super::foreign_cure;
use super::hidden;
use super::keys::{Key, SCHEDULE, SECTIONS, START, Section, Shape, Stage};
use super::stray::stray_scope;
use super::tree::{Entry, Kind, Node, Value};
use crate::schedule::diagnostic::{At, Finding, Findings, Sentence, quoted};
use crate::text;

/// The known keys of one map.
pub(super) struct Fields<'t> {
    whose: Whose,
    /// Where it is said that a key is missing: the key of this map.
    at: At,
    entries: Vec<&'t Entry>,
    /// Keys that are not there and about which enough was said: misspelt ones, ones that are not built.
    settled: Vec<&'static str>,
}

/// A map that was taken apart, and the values of its keys that are not built: `open` looks at those.
pub(super) struct Opened<'t> {
    pub(super) fields: Fields<'t>,
    pub(super) unbuilt: Vec<(Field<'t>, Shape)>,
}

impl<'t> Fields<'t> {
    /// Opens a map. Keys that stand twice, are unknown, or are not built yet are told here.
    pub(super) fn open(
        node: &'t Node,
        section: &'static Section,
        subject: impl Into<String>,
        at: At,
        findings: &mut Findings,
    ) -> Option<Opened<'t>> {
        let whose = Whose { subject: subject.into(), path: String::new() };
        Fields::of(node, section, whose, at, findings)
    }

    /// Opens a whole file, whose `x-…` keys are the writer's own.
    pub(super) fn open_file(
        node: &'t Node,
        section: &'static Section,
        at: At,
        findings: &mut Findings,
    ) -> Option<Opened<'t>> {
        let whose = Whose { subject: String::new(), path: String::new() };
        let entries = entries(node, &whose, at, findings)?.iter().filter(|entry| !entry.key.starts_with("x-"));
        Some(Fields::sort(entries, section, whose, at, findings))
    }

    fn of(
        node: &'t Node,
        section: &'static Section,
        whose: Whose,
        at: At,
        findings: &mut Findings,
    ) -> Option<Opened<'t>> {
        let entries = entries(node, &whose, at, findings)?;
        Some(Fields::sort(entries, section, whose, at, findings))
    }

    fn sort(
        entries: impl IntoIterator<Item = &'t Entry>,
        section: &'static Section,
        whose: Whose,
        at: At,
        findings: &mut Findings,
    ) -> Opened<'t> {
        let mut fields = Fields { whose, at, entries: Vec::new(), settled: Vec::new() };
        let mut unbuilt = Vec::new();
        let entries: Vec<&Entry> = entries.into_iter().collect();
        for entry in entries.iter().copied() {
            if let Some(first) = fields.entries.iter().find(|known| known.key == entry.key) {
                twice(&fields.whose, entry, first.key_at, findings);
                continue;
            }
            match section.key(&entry.key) {
                Some(key) => {
                    fields.entries.push(entry);
                    if let Stage::Later(instead) = key.stage {
                        unbuilt.push(fields.later(entry, key, instead, findings));
                    }
                }
                None => fields.unknown(entry, &entries, section, findings),
            }
        }
        Opened { fields, unbuilt }
    }

    /// A key that is not built is refused, and its value is to be looked at all the same.
    fn later(
        &mut self,
        entry: &'t Entry,
        key: &'static Key,
        instead: &str,
        findings: &mut Findings,
    ) -> (Field<'t>, Shape) {
        self.settled.push(key.name);
        let what = format!("`{}{}` is not built yet", self.whose.path, key.name);
        findings.error(entry.key_at, self.whose.say(&what)).hint(instead);
        (self.field(entry), key.shape)
    }

    fn unknown(&mut self, entry: &Entry, beside: &[&Entry], section: &'static Section, findings: &mut Findings) {
        // `client_secret:value` and `client_secret=value` are each one long key; what follows may be the secret.
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
        let end = entry.key.find(|c| !is_name(c)).unwrap_or(entry.key.len());
        if (1..entry.key.len()).contains(&end) {
            let name = &entry.key[..end];
            findings.hide(entry.key_at.part(end..usize::MAX));
            let known = section.key(name);
            self.settled.extend(known.map(|key| key.name));
            let what = match known {
                Some(_) => format!("a colon and a space are missing after {}", quoted(name)),
                None => format!("unknown key {} with more text after it", quoted(name)),
            };
            findings.error(entry.key_at, self.whose.say(&what)).hint("write `key: value`");
            return;
        }
        if let Some(cure) = stray_scope(entry, section) {
            let what = format!("a comma ends the value of `{}scope` before {}", self.whose.path, quoted(&entry.key));
            findings.error(entry.key_at, self.whose.say(&what)).hint(cure);
            return;
        }
        let meant =
            text::nearest(&entry.key, section.keys.iter().map(|key| key.name)).and_then(|name| section.key(name));
        hidden::unknown(entry, section, meant, findings);
        if let Some(told) = foreign_cure::told(entry, beside, section, &self.whose.subject) {
            if let Some(what) = told.what {
                hidden::hide(&entry.value, findings);
                // Of several keys about it the first is enough.
                if !self.is_settled(&[told.settles]) {
                    findings.error(entry.key_at, self.whose.say(&what)).hint(told.hint);
                }
            } else {
                let what = self.whose.say(&format!("unknown key {}", quoted(&entry.key)));
                findings.error(entry.key_at, what).hint(told.hint);
            }
            self.settled.push(told.settles);
            return;
        }
        let what = self.whose.say(&format!("unknown key {}", quoted(&entry.key)));
        let finding = findings.error(entry.key_at, what);
        // A section that few keys belong to is what its keys are compared with first.
        let own = meant.filter(|_| !SECTIONS.iter().any(|other| std::ptr::eq(*other, section)));
        if std::ptr::eq(section, &START) && own.is_none() && SCHEDULE.key(&entry.key).is_some() {
            finding.hint(format!("`{}` belongs one level out, next to `start`", entry.key));
        } else if let (Some(home), None) = (SECTIONS.iter().find(|other| other.key(&entry.key).is_some()), own) {
            finding.hint(format!("`{}` belongs {}", entry.key, home.place));
        } else if let Some(meant) = meant {
            finding.hint(format!("did you mean `{}`?", meant.name));
            self.settled.push(meant.name);
        } else {
            finding.hint(format!("known keys are {}", text::quoted(section.built())));
        }
    }

    /// A key's value, when it is there.
    pub(super) fn get(&self, name: &str) -> Option<Field<'t>> {
        self.entries.iter().find(|entry| entry.key == name).map(|entry| self.field(entry))
    }

    fn field(&self, entry: &'t Entry) -> Field<'t> {
        Field {
            whose: self.whose.clone(),
            name: format!("{}{}", self.whose.path, entry.key),
            key_at: entry.key_at,
            node: &entry.value,
        }
    }

    /// A key's value; that it is missing or empty is told, unless something nearer to the cause was said already.
    pub(super) fn need(&self, name: &'static str, hint: &str, findings: &mut Findings) -> Option<Field<'t>> {
        let field = self.get(name);
        if field.is_none() && !self.is_settled(&[name]) {
            self.error(&format!("`{}{name}` is missing", self.whose.path), findings).hint(hint);
        }
        let empty = |field: &Field<'_>| matches!(&field.node.value, Value::Scalar(scalar) if scalar.kind == Kind::Null);
        if let Some(field) = field.as_ref().filter(|field| empty(field)) {
            field.error(&format!("{} is empty", field.named()), findings).hint(hint);
            return None;
        }
        field
    }

    /// Whether enough was said about one of these keys.
    pub(super) fn is_settled(&self, names: &[&str]) -> bool {
        self.settled.iter().any(|settled| names.contains(settled))
    }

    /// A sentence about this map, with its subject.
    pub(super) fn said(&self, what: &str) -> Sentence {
        self.whose.say(what)
    }

    /// A doubt about the map as a whole.
    pub(super) fn warning<'f>(&self, what: &str, findings: &'f mut Findings) -> &'f mut Finding {
        findings.warning(self.at, self.whose.say(what))
    }

    /// A mistake of the map as a whole.
    pub(super) fn error<'f>(&self, what: &str, findings: &'f mut Findings) -> &'f mut Finding {
        findings.error(self.at, self.whose.say(what))
    }
}

impl<'t> Field<'t> {
    /// A map of known keys.
    pub(super) fn map(&self, section: &'static Section, findings: &mut Findings) -> Option<Opened<'t>> {
        let whose = Whose { path: format!("{}.", self.name), ..self.whose.clone() };
        Fields::of(self.node, section, whose, self.key_at, findings)
    }
}

fn twice(whose: &Whose, entry: &Entry, first: At, findings: &mut Findings) {
    let what = whose.say(&format!("`{}{}` stands twice", whose.path, plain(&entry.key)));
    findings.error(entry.key_at, what).hint("keep one of the two").also(first, "first here");
}

/// A key without signs that would disturb a sentence.
fn plain(key: &str) -> String {
    quoted(key).trim_matches('`').to_owned()
}
