//! What is wrong with a schedule file, and where.
//!
//! A diagnostic carries the line it talks about, with secrets already taken out: nothing that is shown later needs the
//! files again, and no printer can leak what a person wrote in the wrong place.
//!
//! Absent: how it looks on a terminal (`render`).

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize, Serializer};

use super::excerpt::{Column, Shown};
use super::mask;

/// One mistake or doubt. Serialized, it is a row of `check -o json` (cli.md).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// The file as it was named.
    #[serde(serialize_with = "as_shown")]
    pub file: PathBuf,
    /// Counted from 1; 0 when the file as a whole is meant.
    pub line: u32,
    /// In characters, counted from 1; 0 when the file as a whole is meant.
    pub column: u32,
    /// Whether the file can be used.
    pub severity: Severity,
    /// One sentence without a full stop. Never holds a secret.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The lines it talks about: first its own, then others it names.
    #[serde(skip)]
    pub excerpts: Vec<Excerpt>,
}

impl Diagnostic {
    /// All of it in one line, for a log.
    pub fn line(&self) -> String {
        let Diagnostic { file, line, column, severity: _, message, hint, excerpts: _ } = self;
        let place = match line {
            0 => file.display().to_string(),
            _ => format!("{}:{line}:{column}", file.display()),
        };
        match hint {
            Some(hint) => format!("{place}: {message}; {hint}"),
            None => format!("{place}: {message}"),
        }
    }
}

/// Whether a file can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It cannot.
    Error,
    /// It can, but perhaps it says what was not meant.
    Warning,
}

/// One line of a file, with a mark. Secrets are already replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excerpt {
    /// The file as it was named.
    #[serde(serialize_with = "as_shown")]
    pub file: PathBuf,
    /// Counted from 1.
    pub line: u32,
    /// The line without its end.
    pub text: String,
    /// The bytes of `text` that are meant.
    pub mark: Range<usize>,
    /// What the mark says, when the message alone does not.
    pub label: Option<String>,
}

fn as_shown<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

/// One file's text, with its name and where its relative paths start.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// As it was named on the command line, or found in a folder.
    pub path: PathBuf,
    /// Its whole text.
    pub text: String,
    /// `file:` references are relative to it.
    pub folder: PathBuf,
}

/// A stretch of bytes in one of the files that are read together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct At {
    /// Which file, by its number.
    pub(super) file: usize,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl At {
    /// A part of it, counted from its start.
    pub(super) fn part(self, range: Range<usize>) -> At {
        let end = self.start.saturating_add(range.end).min(self.end);
        At { start: self.start.saturating_add(range.start).min(end), end, ..self }
    }
}

/// How many names are compared for hints in one load: those of ten unknown names beside ten thousand known ones.
const MOST_COMPARED: usize = 100_000;

/// A diagnostic in the making: places are bytes until all secrets are known.
#[derive(Debug)]
pub(super) struct Finding {
    at: At,
    severity: Severity,
    message: String,
    hint: Option<String>,
    also: Option<(At, String)>,
    /// Its words are about a secret that was taken over; those of whoever found it might repeat the secret.
    sealed: bool,
}

impl Finding {
    /// What to do about it.
    pub(super) fn hint(&mut self, hint: impl Into<String>) -> &mut Finding {
        if !self.sealed {
            self.hint = Some(hint.into());
        }
        self
    }

    /// A second place, and what stands there.
    pub(super) fn also(&mut self, at: At, label: impl Into<String>) -> &mut Finding {
        self.also = Some((at, label.into()));
        self
    }
}

/// Everything found so far, and every place that must not be shown.
#[derive(Debug, Default)]
pub(super) struct Findings {
    list: Vec<Finding>,
    hidden: Vec<At>,
    /// The same: where each begins, and where it ends.
    ends: BTreeMap<(usize, usize), usize>,
    /// How many names were compared with one that nothing has.
    compared: usize,
}

impl Findings {
    /// Notes a mistake.
    pub(super) fn error(&mut self, at: At, message: impl Into<String>) -> &mut Finding {
        self.note(at, Severity::Error, message.into())
    }

    /// Notes a doubt.
    pub(super) fn warning(&mut self, at: At, message: impl Into<String>) -> &mut Finding {
        self.note(at, Severity::Warning, message.into())
    }

    fn note(&mut self, at: At, severity: Severity, message: String) -> &mut Finding {
        if !self.hides(at) {
            return self.push(at, severity, message);
        }
        let finding = self.push(at, Severity::Error, "a secret that stands here is used for something else".to_owned());
        finding.hint("write the other value itself, without an alias");
        finding.sealed = true;
        finding
    }

    /// Keeps a place out of every excerpt.
    pub(super) fn hide(&mut self, at: At) {
        self.hidden.push(at);
        let end = self.ends.entry((at.file, at.start)).or_default();
        *end = at.end.max(*end);
    }

    /// Whether a secret stands there. By an alias its text may have come anywhere in the file.
    pub(super) fn hides(&self, at: At) -> bool {
        let before = self.ends.range(..=(at.file, at.start)).next_back();
        before.is_some_and(|((file, _), end)| *file == at.file && at.start < *end)
    }

    /// Notes what is wrong with a value. Of one that an alias took over from a secret only that is told, at its key.
    pub(super) fn of_value(
        &mut self,
        (value, key): (At, At),
        severity: Severity,
        message: String,
        taken_over: impl FnOnce() -> String,
    ) -> &mut Finding {
        if !self.hides(value) {
            return self.push(value, severity, message);
        }
        let finding = self.push(key, Severity::Error, taken_over());
        finding.hint("write the value itself; a secret is named in `auth` alone, by a reference");
        finding.sealed = true;
        finding
    }

    /// Notes a mistake in words that hold no part of the value there: it may be a secret.
    pub(super) fn valueless(&mut self, at: At, message: impl Into<String>) -> &mut Finding {
        self.push(at, Severity::Error, message.into())
    }

    /// Whether so many names may still be compared: thousands of unknown names beside thousands of known ones would take
    /// longer than loading may.
    pub(super) fn may_compare(&mut self, names: usize) -> bool {
        self.compared = self.compared.saturating_add(names);
        self.compared <= MOST_COMPARED
    }

    fn push(&mut self, at: At, severity: Severity, message: String) -> &mut Finding {
        let place = self.list.len();
        self.list.push(Finding { at, severity, message, hint: None, also: None, sealed: false });
        &mut self.list[place]
    }

    /// The diagnostics in the order of files and lines, each told once.
    pub(super) fn finish(self, sources: &[SourceFile]) -> Vec<Diagnostic> {
        let mut shown: Vec<Shown<'_>> = sources.iter().map(Shown::new).collect();
        for at in &self.hidden {
            shown[at.file].hidden.push(at.start..at.end);
        }
        for file in &mut shown {
            file.sort();
        }
        let mut list = self.list;
        list.sort_by_key(|finding| (finding.at.file, finding.at.start, finding.severity));
        let mut told: Vec<Diagnostic> = Vec::new();
        // A value that many schedules take over from one place is wrong once: how many more it is wrong for.
        let mut more: Vec<usize> = Vec::new();
        let mut column = Column::default();
        for finding in list {
            let Finding { at, severity, message, hint, also, sealed: _ } = finding;
            let (line, column) = column.of(at, &shown[at.file].lines, &sources[at.file].text);
            let here = told.iter().rposition(|d| (d.line, d.column) != (line, column)).map_or(0, |n| n + 1);
            let same = |d: &Diagnostic| {
                d.file == sources[at.file].path
                    && (d.severity, &d.hint) == (severity, &hint)
                    && without_schedule(&d.message) == without_schedule(&message)
            };
            if let Some(first) = told[here..].iter().position(same) {
                more[here + first] += usize::from(told[here + first].message != message);
                continue;
            }
            let mut excerpts = vec![shown[at.file].excerpt(at, None)];
            excerpts.extend(also.map(|(at, label)| shown[at.file].excerpt(at, Some(label))));
            told.push(Diagnostic {
                file: sources[at.file].path.clone(),
                line,
                column,
                severity,
                message,
                hint,
                excerpts,
            });
            more.push(0);
        }
        for (diagnostic, more) in told.iter_mut().zip(more).filter(|(_, more)| *more > 0) {
            let what = without_schedule(&diagnostic.message);
            let whose = diagnostic.message.strip_suffix(what).unwrap_or_default().trim_end_matches(": ");
            diagnostic.message = format!("{whose} and {more} more: {what}");
        }
        told
    }
}

/// A message without "schedule `x`: ".
fn without_schedule(message: &str) -> &str {
    let rest = message.strip_prefix("schedule `").and_then(|rest| rest.split_once("`: "));
    rest.map_or(message, |(_, what)| what)
}

/// Text from a file inside a message: in backticks, short, without signs that move a terminal's cursor, and of an address no
/// more than its host.
pub(super) fn quoted(text: &str) -> String {
    const LONGEST: usize = 80;
    let mut shown = String::from("`");
    let text = mask::without_addresses(text);
    for (n, c) in text.chars().enumerate() {
        if n == LONGEST {
            shown.push('…');
            break;
        }
        if c.is_control() { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown.push('`');
    shown
}
