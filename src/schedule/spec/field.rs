//! One value of the tree with its key: read as a text, a count, a word, and every mistake on the way noted.
//!
//! A reader that returns `None` has reported why.

use std::ops::RangeInclusive;

use super::choices::{Choices, Names};
use super::foreign_cure;
use super::stray::{odd_quote, straight_quotes};
use super::tree::{Entry, Kind, Node, Scalar, Value};
use super::values::{self, Wrong, Zones};
use crate::schedule::diagnostic::{At, Finding, Findings, Sentence, Severity, quoted};
use crate::text;

/// The longest text of any key (S35): far above any name, far below what would hurt a table.
const LONGEST_TEXT: usize = 1_000;

/// What messages begin with.
#[derive(Clone)]
pub(super) struct Whose {
    /// As in "schedule `payroll`"; empty at the top of a file.
    pub(super) subject: String,
    /// As in `catch_up.`, before the names of keys.
    pub(super) path: String,
}

impl Whose {
    pub(super) fn say(&self, what: &str) -> Sentence {
        Sentence { subject: self.subject.clone(), what: what.to_owned() }
    }
}

/// One value with its key.
pub(super) struct Field<'t> {
    pub(super) whose: Whose,
    /// As in `catch_up.window`.
    pub(super) name: String,
    pub(super) key_at: At,
    pub(super) node: &'t Node,
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

    /// Whether it is a text, and neither a number nor true or false.
    pub(super) fn is_text(&self) -> bool {
        matches!(&self.node.value, Value::Scalar(Scalar { kind: Kind::Text, .. }))
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
            self.error(&what, findings).hint("shorten it; write what is longer in a comment");
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
        self.whole(1..=i64::from(most), findings).and_then(|number| u32::try_from(number).ok())
    }

    /// A whole number within bounds.
    pub(super) fn whole(&self, within: RangeInclusive<i64>, findings: &mut Findings) -> Option<i64> {
        let scalar = self.scalar("a whole number", findings)?;
        let number = match &scalar.kind {
            Kind::Number(number) => number.as_i64(),
            Kind::Null | Kind::Bool(_) | Kind::Inexact | Kind::Text => None,
        };
        let number = number.filter(|n| within.contains(n));
        if number.is_none() {
            let (least, most) = (within.start(), within.end());
            let what = format!("{} must be a whole number from {least} to {most}", self.named());
            let finding = self.error(&what, findings);
            match scalar.text.parse::<i64>() {
                Ok(_) if scalar.kind == Kind::Text => finding.hint("write the number without quotes"),
                Ok(number) if number < *least && *least >= 0 => finding.hint(format!("write {least} or more")),
                Ok(_) if *least >= 0 => finding.hint(format!("write at most {most}")),
                Ok(_) => finding.hint(format!("write a number from {least} to {most}")),
                Err(_) if *least >= 0 => finding.hint("write digits alone, without a sign, a fraction or a unit"),
                Err(_) => finding.hint("write digits alone, without a fraction or a unit"),
            };
        }
        number
    }

    /// A time of day.
    pub(super) fn time_of_day(&self, findings: &mut Findings) -> Option<jiff::civil::Time> {
        let scalar = self.scalar("a time such as `\"08:00\"`", findings)?;
        self.taken(values::time_of_day(&scalar.text), &scalar.text, findings)
    }

    /// A length of time, longer than nothing.
    pub(super) fn duration(&self, findings: &mut Findings) -> Option<std::time::Duration> {
        let scalar = self.scalar("a duration such as `90s`", findings)?;
        self.taken(values::duration(&scalar.text), &scalar.text, findings)
    }

    /// An instant.
    pub(super) fn instant(&self, zones: Zones<'_>, findings: &mut Findings) -> Option<jiff::Timestamp> {
        let scalar = self.scalar("an instant such as `2026-12-31T21:00:00Z`", findings)?;
        self.taken(values::read_instant(&scalar.text, zones), &scalar.text, findings)
    }

    /// A day.
    pub(super) fn date(&self, findings: &mut Findings) -> Option<jiff::civil::Date> {
        let scalar = self.scalar("a date such as `2026-12-25`", findings)?;
        self.taken(values::date(&scalar.text), &scalar.text, findings)
    }

    /// A day or an instant.
    pub(super) fn bound(&self, zones: Zones<'_>, findings: &mut Findings) -> Option<values::Bound> {
        let scalar = self.scalar("a date such as `2026-12-25`, or an instant", findings)?;
        self.taken(values::bound(&scalar.text, zones), &scalar.text, findings)
    }

    /// The value, or its mistake noted.
    fn taken<T>(&self, result: Result<T, Wrong>, text: &str, findings: &mut Findings) -> Option<T> {
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
            let what = format!("unknown {} {}", self.named(), quoted(&scalar.text));
            // Another scheduler's word says more than its letters do.
            let foreign = names.contains(&"queue_one").then(|| foreign_cure::overlap(&scalar.text)).flatten();
            let hint = match foreign.ok_or_else(|| text::nearest(&scalar.text, names.iter().copied())) {
                Ok(foreign) => foreign,
                Err(Some(meant)) => format!("did you mean `{meant}`? Known are {}", text::quoted(&names)),
                Err(None) => format!("use {}", text::either(&names)),
            };
            self.error(&what, findings).hint(hint);
        }
        found
    }
}

pub(super) fn entries<'t>(node: &'t Node, whose: &Whose, at: At, findings: &mut Findings) -> Option<&'t [Entry]> {
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

/// Where a scalar's text itself stands, without quotes, when it stands there letter by letter.
pub(super) fn written(at: At, text: &str) -> Option<At> {
    match (at.end - at.start).checked_sub(text.len()) {
        Some(0) => Some(at),
        // Quotes, and nothing escaped between them.
        Some(2) => Some(At { start: at.start + 1, end: at.end - 1, ..at }),
        _ => None,
    }
}
