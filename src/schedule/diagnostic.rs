//! What is wrong with a schedule file, and where.
//!
//! A diagnostic carries the line it talks about, with secrets already taken out: nothing that is shown later needs the
//! files again, and no printer can leak what a person wrote in the wrong place.
//!
//! Absent: how it looks on a terminal (`render`).

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize, Serializer};

use super::excerpt::{Column, Shown, ShownLine};
use super::mask;
use crate::text;

/// One mistake or doubt. Serialized, it is a row of `check -o json`.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
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

/// What a sentence is about, and the sentence: "schedule `payroll`", "`cron` is empty".
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sentence {
    /// Empty at the top of a file.
    pub(super) subject: String,
    pub(super) what: String,
}

impl From<&str> for Sentence {
    fn from(what: &str) -> Sentence {
        Sentence::from(what.to_owned())
    }
}

impl From<String> for Sentence {
    fn from(what: String) -> Sentence {
        Sentence { subject: String::new(), what }
    }
}

impl fmt::Display for Sentence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Sentence { subject, what } = self;
        if subject.is_empty() { f.write_str(what) } else { write!(f, "{subject}: {what}") }
    }
}

/// A diagnostic in the making: places are bytes until all secrets are known.
#[derive(Debug)]
pub(super) struct Finding {
    at: At,
    severity: Severity,
    sentence: Sentence,
    hint: Option<String>,
    also: Option<(At, String)>,
    words: Words,
}

/// What the words of a finding may repeat. By an alias the text of a secret may have come anywhere in the file, and that it
/// is one may turn out later.
#[derive(Debug)]
enum Words {
    /// Nothing of what stands at its place.
    Own,
    /// What stands at its place.
    Place,
    /// The value there, which is that of a key.
    Value { key: At, taken_over: Sentence },
}

impl Finding {
    /// What to do about it.
    pub(super) fn hint(&mut self, hint: impl Into<String>) -> &mut Finding {
        self.hint = Some(hint.into());
        self
    }

    /// A second place, and what stands there.
    pub(super) fn also(&mut self, at: At, label: impl Into<String>) -> &mut Finding {
        self.also = Some((at, label.into()));
        self
    }

    /// Without any word of the secret that stands at its place.
    fn silenced(self) -> Finding {
        let (at, sentence, hint) = match self.words {
            Words::Own => return self,
            Words::Place => (
                self.at,
                Sentence::from("a secret that stands here is used for something else"),
                "write the other value itself, without an alias",
            ),
            Words::Value { key, taken_over } => {
                (key, taken_over, "write the value itself; a secret is named in `auth` alone, by a reference")
            }
        };
        let hint = Some(hint.to_owned());
        Finding { at, severity: Severity::Error, sentence, hint, also: None, words: Words::Own }
    }

    /// Whether another finding of the same place says the same, of whatever schedule, connection or calendar.
    fn says_as(&self, other: &Finding) -> bool {
        let noun = |finding: &Finding| finding.sentence.subject.split(' ').next().map(str::to_owned);
        (self.severity, &self.hint, &self.sentence.what) == (other.severity, &other.hint, &other.sentence.what)
            && noun(self) == noun(other)
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
    pub(super) fn error(&mut self, at: At, sentence: impl Into<Sentence>) -> &mut Finding {
        self.push(at, Severity::Error, sentence.into(), Words::Place)
    }

    /// Notes a doubt.
    pub(super) fn warning(&mut self, at: At, sentence: impl Into<Sentence>) -> &mut Finding {
        self.push(at, Severity::Warning, sentence.into(), Words::Place)
    }

    /// Notes what is wrong with the value of a key. Should the value be a secret that an alias took over, only that is told.
    pub(super) fn of_value(
        &mut self,
        (value, key): (At, At),
        severity: Severity,
        sentence: Sentence,
        taken_over: Sentence,
    ) -> &mut Finding {
        self.push(value, severity, sentence, Words::Value { key, taken_over })
    }

    /// Notes a mistake in words that hold no part of the value there: it may be a secret.
    pub(super) fn valueless(&mut self, at: At, sentence: impl Into<Sentence>) -> &mut Finding {
        self.push(at, Severity::Error, sentence.into(), Words::Own)
    }

    fn push(&mut self, at: At, severity: Severity, sentence: Sentence, words: Words) -> &mut Finding {
        let place = self.list.len();
        self.list.push(Finding { at, severity, sentence, hint: None, also: None, words });
        &mut self.list[place]
    }

    /// Keeps a place out of every excerpt.
    pub(super) fn hide(&mut self, at: At) {
        self.hidden.push(at);
        let end = self.ends.entry((at.file, at.start)).or_default();
        *end = at.end.max(*end);
    }

    /// Whether a secret is known to stand there.
    pub(super) fn hides(&self, at: At) -> bool {
        let before = self.ends.range(..=(at.file, at.start)).next_back();
        before.is_some_and(|((file, _), end)| *file == at.file && at.start < *end)
    }

    /// Whether so many names may still be compared: thousands of unknown names beside thousands of known ones would take
    /// longer than loading may.
    pub(super) fn may_compare(&mut self, names: usize) -> bool {
        self.compared = self.compared.saturating_add(names);
        self.compared <= MOST_COMPARED
    }

    /// The diagnostics in the order of files and lines, each told once.
    pub(super) fn finish(mut self, sources: &[SourceFile]) -> Vec<Diagnostic> {
        let mut list: Vec<Finding> = std::mem::take(&mut self.list)
            .into_iter()
            .map(|finding| if self.hides(finding.at) { finding.silenced() } else { finding })
            .collect();
        list.sort_by_key(|finding| (finding.at.file, finding.at.start, finding.severity));
        let mut hidden: Vec<Vec<Range<usize>>> = vec![Vec::new(); sources.len()];
        self.hidden.iter().for_each(|at| hidden[at.file].push(at.start..at.end));
        let shown: Vec<Shown<'_>> =
            sources.iter().zip(hidden).map(|(source, hidden)| Shown::new(&source.text, hidden)).collect();
        let excerpt = |at: At, label| {
            let ShownLine { number, text, mark } = shown[at.file].line(at.start..at.end);
            Excerpt { file: sources[at.file].path.clone(), line: number, text, mark, label }
        };
        let mut column = Column::default();
        let told = once_each(list).into_iter().map(|finding| {
            let Finding { at, severity, sentence, hint, also, words: _ } = finding;
            let (line, column) = column.of(at.file, at.start, &shown[at.file].lines, &sources[at.file].text);
            let mut excerpts = vec![excerpt(at, None)];
            excerpts.extend(also.map(|(at, label)| excerpt(at, Some(label))));
            let file = sources[at.file].path.clone();
            Diagnostic { file, line, column, severity, message: sentence.to_string(), hint, excerpts }
        });
        told.collect()
    }
}

/// Findings in the order of their places, those of one place that say the same made one: a value that many schedules take
/// over is wrong once.
fn once_each(list: Vec<Finding>) -> Vec<Finding> {
    let mut told: Vec<(Finding, usize)> = Vec::new();
    let mut here = 0;
    for finding in list {
        let place = |finding: &Finding| (finding.at.file, finding.at.start);
        if told.last().is_none_or(|(last, _)| place(last) != place(&finding)) {
            here = told.len();
        }
        match told[here..].iter_mut().find(|(first, _)| first.says_as(&finding)) {
            Some((first, more)) => *more += usize::from(first.sentence.subject != finding.sentence.subject),
            None => told.push((finding, 0)),
        }
    }
    let counted = told.into_iter().map(|(mut finding, more)| {
        if more > 0 {
            finding.sentence.subject.push_str(&format!(" and {more} more"));
        }
        finding
    });
    counted.collect()
}

/// Text from a file inside a message: in backticks, short, without signs that move a terminal's cursor, and of an address no
/// more than its host.
pub(super) fn quoted(text: &str) -> String {
    const LONGEST: usize = 80;
    let mut shown = String::from("`");
    for c in text::cut(&mask::without_addresses(text), LONGEST).chars() {
        if c.is_control() { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown.push('`');
    shown
}
