//! Takes a map of the tree apart, key by key, and notes every mistake on the way.
//!
//! A reader that returns `None` has told why; whoever asked goes on with the other keys, so one pass finds all mistakes.

use super::choices::{Choices, Names};
use super::hidden;
use super::keys::{Key, SECTIONS, Section, Shape, Stage};
use super::stray::{odd_quote, straight_quotes, stray_scope};
use super::tree::{Entry, Kind, Node, Scalar, Value};
use super::values::{self, Wrong, Zones};
use crate::schedule::diagnostic::{At, Finding, Findings, Sentence, Severity, quoted};
use crate::text;

/// The longest text of any key (S35): far above any name, far below what would hurt a table.
const LONGEST_TEXT: usize = 1_000;

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

/// What messages begin with.
#[derive(Clone)]
struct Whose {
    /// As in "schedule `payroll`"; empty at the top of a file.
    subject: String,
    /// As in `catch_up.`, before the names of keys.
    path: String,
}

impl Whose {
    fn say(&self, what: &str) -> Sentence {
        Sentence { subject: self.subject.clone(), what: what.to_owned() }
    }
}

/// One value with its key.
pub(super) struct Field<'t> {
    whose: Whose,
    /// As in `catch_up.window`.
    name: String,
    pub(super) key_at: At,
    pub(super) node: &'t Node,
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
        for entry in entries {
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
                None => fields.unknown(entry, section, findings),
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

    fn unknown(&mut self, entry: &Entry, section: &'static Section, findings: &mut Findings) {
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
        let what = self.whose.say(&format!("unknown key {}", quoted(&entry.key)));
        let finding = findings.error(entry.key_at, what);
        // A section that few keys belong to is what its keys are compared with first.
        let own = meant.filter(|_| !SECTIONS.iter().any(|other| std::ptr::eq(*other, section)));
        if let (Some(home), None) = (SECTIONS.iter().find(|other| other.key(&entry.key).is_some()), own) {
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
    pub(super) fn at(&self) -> At {
        self.node.at
    }

    /// A mistake in this value.
    pub(super) fn error<'f>(&self, what: &str, findings: &'f mut Findings) -> &'f mut Finding {
        self.error_at(self.place(), what, findings)
    }

    /// A mistake in a part of this value.
    pub(super) fn error_at<'f>(&self, at: At, what: &str, findings: &'f mut Findings) -> &'f mut Finding {
        self.note(at, Severity::Error, what, findings)
    }

    fn note<'f>(&self, at: At, severity: Severity, what: &str, findings: &'f mut Findings) -> &'f mut Finding {
        let taken_over = self.whose.say(&format!("{} takes over a secret", self.named()));
        findings.of_value((at, self.key_at), severity, self.whose.say(what), taken_over)
    }

    /// A doubt about this value.
    pub(super) fn warning<'f>(&self, what: &str, findings: &'f mut Findings) -> &'f mut Finding {
        self.note(self.place(), Severity::Warning, what, findings)
    }

    /// A sentence about this value, with its subject.
    pub(super) fn said(&self, what: &str) -> Sentence {
        self.whose.say(what)
    }

    /// The last part of its name.
    pub(super) fn key(&self) -> &str {
        self.name.rsplit('.').next().unwrap_or(&self.name)
    }

    /// "`catch_up.window`", for sentences.
    pub(super) fn named(&self) -> String {
        format!("`{}`", self.name)
    }

    /// An absent value is marked by its key.
    fn place(&self) -> At {
        if self.node.at.start == self.node.at.end { self.key_at } else { self.node.at }
    }

    /// The values of a list, or the one value.
    pub(super) fn items(&self, findings: &mut Findings) -> Vec<Field<'t>> {
        if matches!(&self.node.value, Value::List(items) if items.is_empty()) {
            self.error(&format!("{} is an empty list", self.named()), findings)
                .hint("write what belongs there, or take it out");
        }
        self.each()
    }

    /// As `items`, of a list that was looked at already.
    pub(super) fn each(&self) -> Vec<Field<'t>> {
        let one = |node: &'t Node, key_at| Field { whose: self.whose.clone(), name: self.name.clone(), key_at, node };
        match &self.node.value {
            Value::Map(_) | Value::Scalar(_) => vec![one(self.node, self.key_at)],
            // What is absent in a list is marked by the key of the list; a map in lines is as long as nothing.
            Value::List(items) => {
                let place = |node: &Node| match &node.value {
                    Value::Scalar(scalar) if scalar.kind == Kind::Null => self.key_at,
                    Value::Map(_) | Value::List(_) | Value::Scalar(_) => {
                        At { end: node.at.end.max(node.at.start + 1), ..node.at }
                    }
                };
                items.iter().map(|node| one(node, place(node))).collect()
            }
        }
    }

    /// A value inside, of a map that was looked at already.
    pub(super) fn inner(&self, name: &str) -> Option<Field<'t>> {
        let Value::Map(entries) = &self.node.value else { return None };
        let entry = entries.iter().find(|entry| entry.key == name)?;
        let name = format!("{}.{}", self.name, entry.key);
        Some(Field { whose: self.whose.clone(), name, key_at: entry.key_at, node: &entry.value })
    }

    /// A map of known keys.
    pub(super) fn map(&self, section: &'static Section, findings: &mut Findings) -> Option<Opened<'t>> {
        let whose = Whose { path: format!("{}.", self.name), ..self.whose.clone() };
        Fields::of(self.node, section, whose, self.key_at, findings)
    }

    /// The entries of a map whose keys are names.
    pub(super) fn entries(&self, findings: &mut Findings) -> Option<&'t [Entry]> {
        let whose = Whose { path: format!("{}.", self.name), ..self.whose.clone() };
        entries(self.node, &whose, self.key_at, findings)
    }

    fn scalar(&self, wanted: &str, findings: &mut Findings) -> Option<&'t Scalar> {
        let found = match &self.node.value {
            Value::Scalar(scalar) if scalar.kind == Kind::Null => {
                self.error(&format!("{} is empty", self.named()), findings)
                    .hint(format!("write {wanted} behind the colon"));
                return None;
            }
            Value::Scalar(scalar) => {
                let Some(sign) = odd_quote(self.at(), &scalar.text) else { return Some(scalar) };
                let what = format!("{} has {sign}, which is not meant", self.named());
                let cure = straight_quotes(self.key(), &scalar.text);
                self.error_at(self.at().part(sign.bytes()), &what, findings).hint(cure);
                return None;
            }
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        };
        let what = format!("{} is {found}, and must be {wanted}", self.named());
        self.error(&what, findings).hint("write one value behind the colon, without brackets and braces");
        None
    }

    /// A text. A number is taken as it is written, so a tenant `007` keeps its zeros.
    pub(super) fn text(&self, findings: &mut Findings) -> Option<&'t str> {
        let scalar = self.scalar("a text", findings)?;
        if let Kind::Bool(_) = scalar.kind {
            let hint = format!("write `\"{}\"` if the text is meant", scalar.text);
            self.error(&format!("{} is true or false, and must be a text", self.named()), findings).hint(hint);
            return None;
        }
        let text = scalar.text.as_str();
        if text.trim().is_empty() {
            self.error(&format!("{} is empty", self.named()), findings).hint("write the text behind the colon");
            return None;
        }
        if text.chars().count() > LONGEST_TEXT {
            let what = format!("{} is longer than {LONGEST_TEXT} characters", self.named());
            self.error(&what, findings).hint("shorten it; what is longer belongs into a comment");
            return None;
        }
        // In double quotes `\P` is a line of its own, so `"Finance\Payable"` is not what it looks like.
        let breaks = |c: char| matches!(c, '\u{2028}' | '\u{2029}');
        if text.trim_end().chars().any(|c| (c.is_control() && c != '\n' && c != '\t') || breaks(c)) {
            let hint = "a backslash in double quotes begins an escape; use single quotes, or `/` between folders";
            self.error(&format!("{} holds a control character", self.named()), findings).hint(hint);
            return None;
        }
        Some(text)
    }

    /// A name as people paste it: blanks of any kind around it do not count.
    pub(super) fn name(&self, findings: &mut Findings) -> Option<String> {
        let text = self.text(findings)?.trim();
        if text.chars().any(char::is_control) {
            let what = format!("{} must be one line", self.named());
            self.error(&what, findings).hint("take line breaks and tabs out of it");
            return None;
        }
        Some(text.to_owned())
    }

    /// A text of one line: a name that goes into a request.
    pub(super) fn line(&self, findings: &mut Findings) -> Option<&'t str> {
        let text = self.text(findings)?;
        if text.chars().any(char::is_control) || text.trim() != text {
            let what = format!("{} must be one line without spaces around it", self.named());
            self.error(&what, findings).hint("take line breaks, and spaces at both ends, out of it");
            return None;
        }
        Some(text)
    }

    /// True or false.
    pub(super) fn flag(&self, findings: &mut Findings) -> Option<bool> {
        let scalar = self.scalar("`true` or `false`", findings)?;
        if let Kind::Bool(value) = scalar.kind {
            return Some(value);
        }
        let finding = self.error(&format!("{} must be `true` or `false`", self.named()), findings);
        match scalar.text.to_ascii_lowercase().as_str() {
            "no" | "off" | "n" | "0" | "false" => finding.hint("write `false`"),
            "yes" | "on" | "y" | "1" | "true" => finding.hint("write `true`"),
            _ => finding.hint("write `true` or `false`, without quotes"),
        };
        None
    }

    /// A whole number from 1 to `most`.
    pub(super) fn count(&self, most: u32, findings: &mut Findings) -> Option<u32> {
        let scalar = self.scalar("a whole number", findings)?;
        let number = match &scalar.kind {
            Kind::Number(number) => number.as_u64().and_then(|n| u32::try_from(n).ok()),
            Kind::Null | Kind::Bool(_) | Kind::Inexact | Kind::Text => None,
        };
        let number = number.filter(|n| (1..=most).contains(n));
        if number.is_none() {
            let finding = self.error(&format!("{} must be a whole number from 1 to {most}", self.named()), findings);
            match scalar.text.parse::<u32>() {
                Ok(_) if scalar.kind == Kind::Text => finding.hint("write the number without quotes"),
                Ok(0) => finding.hint("write 1 or more"),
                Ok(_) => finding.hint(format!("write at most {most}")),
                Err(_) => finding.hint("write digits alone, without a sign, a fraction or a unit"),
            };
        }
        number
    }

    /// A length of time, longer than nothing.
    pub(super) fn duration(&self, findings: &mut Findings) -> Option<std::time::Duration> {
        let scalar = self.scalar("a duration such as `90s`", findings)?;
        self.told(values::duration(&scalar.text), &scalar.text, findings)
    }

    /// An instant.
    pub(super) fn instant(&self, zones: Zones<'_>, findings: &mut Findings) -> Option<jiff::Timestamp> {
        let scalar = self.scalar("an instant such as `2026-12-31T21:00:00Z`", findings)?;
        self.told(values::read_instant(&scalar.text, zones), &scalar.text, findings)
    }

    /// A day.
    pub(super) fn date(&self, findings: &mut Findings) -> Option<jiff::civil::Date> {
        let scalar = self.scalar("a date such as `2026-12-25`", findings)?;
        self.told(values::date(&scalar.text), &scalar.text, findings)
    }

    /// A day or an instant.
    pub(super) fn bound(&self, zones: Zones<'_>, findings: &mut Findings) -> Option<values::Bound> {
        let scalar = self.scalar("a date such as `2026-12-25`, or an instant", findings)?;
        self.told(values::bound(&scalar.text, zones), &scalar.text, findings)
    }

    fn told<T>(&self, result: Result<T, Wrong>, text: &str, findings: &mut Findings) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(Wrong { message, hint }) => {
                self.error(&format!("{} {} {message}", self.named(), quoted(text)), findings).hint(hint);
                None
            }
        }
    }

    /// One of some words.
    pub(super) fn choice<T: Copy + std::fmt::Debug + Sync>(
        &self,
        choices: &'static Choices<T>,
        findings: &mut Findings,
    ) -> Option<(&'static str, T)> {
        let word = self.word(choices, findings)?;
        choices.built.iter().find(|(name, _)| *name == word).copied()
    }

    /// One of some words, whatever it stands for.
    pub(super) fn word(&self, choices: &'static dyn Names, findings: &mut Findings) -> Option<&'static str> {
        let names = choices.built();
        let scalar = self.scalar(&text::either(&names), findings)?;
        let found = names.iter().find(|name| **name == scalar.text).copied();
        if found.is_none() {
            if choices.later().contains(&scalar.text.as_str()) {
                let what = format!("`{}: {}` is not built yet", self.name, scalar.text);
                self.error(&what, findings).hint(format!("use {}", text::either(&names)));
            } else {
                let what = format!("unknown {} {}", self.named(), quoted(&scalar.text));
                let hint = match text::nearest(&scalar.text, names.iter().copied()) {
                    Some(meant) => format!("did you mean `{meant}`? Known are {}", text::quoted(&names)),
                    None => format!("use {}", text::either(&names)),
                };
                self.error(&what, findings).hint(hint);
            }
        }
        found
    }
}

fn entries<'t>(node: &'t Node, whose: &Whose, at: At, findings: &mut Findings) -> Option<&'t [Entry]> {
    let name = whose.path.trim_end_matches('.');
    let what = match (name.is_empty(), whose.subject.is_empty()) {
        (false, _) => format!("`{name}`"),
        (true, false) => "this entry".to_owned(),
        (true, true) => "the file".to_owned(),
    };
    match &node.value {
        Value::Map(entries) => return Some(entries),
        Value::Scalar(scalar) if scalar.kind == Kind::Null => {
            findings
                .error(at, whose.say(&format!("{what} is empty")))
                .hint("write `key: value` lines under it, indented by two spaces, or take it out");
        }
        Value::Scalar(_) => {
            findings
                .valueless(node.at, whose.say(&format!("{what} must be a map")))
                .hint("write `key: value` lines under it, or `{ key: value }`");
        }
        Value::List(_) => {
            findings
                .valueless(node.at, whose.say(&format!("{what} is a list, and must be a map")))
                .hint("write `key: value` lines without `-`");
        }
    }
    None
}

fn twice(whose: &Whose, entry: &Entry, first: At, findings: &mut Findings) {
    let what = whose.say(&format!("`{}{}` stands twice", whose.path, plain(&entry.key)));
    findings.error(entry.key_at, what).hint("keep one of the two").also(first, "first here");
}

/// A key without signs that would disturb a sentence.
fn plain(key: &str) -> String {
    quoted(key).trim_matches('`').to_owned()
}

/// Where a scalar's text itself stands, without quotes, when it stands there letter by letter.
pub(super) fn written(at: At, text: &str) -> Option<At> {
    match (at.end - at.start).checked_sub(text.len()) {
        Some(0) => Some(at),
        // Quotes, and nothing escaped between them.
        Some(2) => Some(At { start: at.start + 1, end: at.end - 1, ..at }),
        _ => None,
    }
}
