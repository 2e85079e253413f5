//! Diagnostics as a person reads them: one sentence, the line with a mark, a hint.
//!
//! Absent: secrets. They were taken out of the lines when the diagnostics were made.

use std::collections::HashMap;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};

use super::diagnostic::{Diagnostic, Excerpt, Severity};
use crate::text;

/// Whether the text may carry colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// Text alone.
    Plain,
    /// With ANSI colours.
    Colored,
}

/// A person mends the first of them and looks again; a file that is wrong in every line must not fill the terminal.
const MOST_SHOWN: usize = 200;

/// Of places where the same is wrong so many lines are shown.
const MOST_LINES: usize = 12;

/// The diagnostics, one blank line between two, and a line that counts them all. What is wrong in the same way in
/// several entries is one sentence with their lines: forty schedules that were copied are mended in one go.
pub fn render(diagnostics: &[Diagnostic], paint: Paint) -> String {
    let renderer = match paint {
        Paint::Plain => Renderer::plain(),
        Paint::Colored => Renderer::styled(),
    }
    .decor_style(DecorStyle::Ascii);
    let mut text = String::new();
    let mut shown = together(diagnostics);
    let told = shown.len();
    if told > MOST_SHOWN {
        // In the order of the files, but an error is not left out for the sake of a warning.
        shown.sort_by_key(|diagnostic| diagnostic.severity);
        shown.truncate(MOST_SHOWN);
    }
    for diagnostic in &shown {
        // Each by itself: together they would be joined by a line of their own.
        for group in report(diagnostic) {
            text.push_str(&renderer.render(&[group]));
            text.push('\n');
        }
        text.push('\n');
    }
    if told > MOST_SHOWN {
        text.push_str(&format!("and {} more\n\n", told - MOST_SHOWN));
    }
    text.push_str(&summary(diagnostics));
    text
}

/// Those that say the same of entries of one kind made one, where the first of them is.
fn together(diagnostics: &[Diagnostic]) -> Vec<Diagnostic> {
    let mut told: Vec<(Diagnostic, usize)> = Vec::new();
    let mut places: HashMap<(Severity, &str, &str, Option<&str>), usize> = HashMap::new();
    for diagnostic in diagnostics {
        let said = split(&diagnostic.message);
        let one = said.map(|(noun, _, what)| (diagnostic.severity, noun, what, diagnostic.hint.as_deref()));
        let first = one.and_then(|one| places.get(&one)).and_then(|place| told.get_mut(*place));
        // Two mistakes of one entry stay two.
        match first.filter(|(first, _)| split(&first.message).map(|(_, of, _)| of) != said.map(|(_, of, _)| of)) {
            Some((first, more)) => {
                *more += 1;
                let own = diagnostic.excerpts.first().filter(|_| *more < MOST_LINES).cloned();
                first.excerpts.extend(own);
            }
            None => {
                if let Some(one) = one {
                    places.entry(one).or_insert(told.len());
                }
                told.push((diagnostic.clone(), 0));
            }
        }
    }
    let counted = told.into_iter().map(|(mut first, more)| {
        if let Some((_, subject, what)) = split(&first.message).filter(|_| more > 0) {
            first.message = format!("{subject} and {more} more: {what}");
        }
        first
    });
    counted.collect()
}

/// "schedule `x`: `cron` is empty": the kind of entry, the entry, and what is said of it. None: it is about no entry,
/// or about several.
fn split(message: &str) -> Option<(&str, &str, &str)> {
    let (noun, rest) = message.split_once(" `")?;
    let (name, what) = rest.split_once("`: ")?;
    let plain = noun.chars().all(|c| c.is_ascii_lowercase()) && !name.contains('`');
    plain.then(|| (noun, &message[..noun.len() + name.len() + 3], what))
}

fn report(diagnostic: &Diagnostic) -> Vec<Group<'_>> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut first = Group::with_title(level.primary_title(format!("{}: {}", place(diagnostic), diagnostic.message)));
    if let Some((own, others)) = diagnostic.excerpts.split_first() {
        let same_line = |other: &&Excerpt| (&other.file, other.line) == (&own.file, own.line);
        let beside = others.iter().filter(same_line).map(|other| annotation(other, AnnotationKind::Context));
        first = first.element(snippet(own, AnnotationKind::Primary).annotations(beside));
        for other in others.iter().filter(|other| !same_line(other)) {
            let path = other.file.display().to_string();
            first = first.element(snippet(other, AnnotationKind::Context).path(path));
        }
    }
    let mut groups = vec![first];
    if let Some(hint) = &diagnostic.hint {
        groups.push(Group::with_title(Level::HELP.with_name("hint").secondary_title(hint.as_str())));
    }
    groups
}

fn place(diagnostic: &Diagnostic) -> String {
    let Diagnostic { file, line, column, .. } = diagnostic;
    match line {
        0 => file.display().to_string(),
        line => format!("{}:{line}:{column}", file.display()),
    }
}

fn snippet(excerpt: &Excerpt, kind: AnnotationKind) -> Snippet<'_, Annotation<'_>> {
    Snippet::source(excerpt.text.as_str())
        .line_start(usize::try_from(excerpt.line).unwrap_or(1))
        .annotation(annotation(excerpt, kind))
}

fn annotation(excerpt: &Excerpt, kind: AnnotationKind) -> Annotation<'_> {
    kind.span(excerpt.mark.clone()).label(excerpt.label.as_deref())
}

fn summary(diagnostics: &[Diagnostic]) -> String {
    let count = |wanted| diagnostics.iter().filter(|d| d.severity == wanted).count();
    let say = |n: usize, what: &str| (n > 0).then(|| text::counted(n, what));
    let parts: Vec<String> = [say(count(Severity::Error), "error"), say(count(Severity::Warning), "warning")]
        .into_iter()
        .flatten()
        .collect();
    if parts.is_empty() { String::new() } else { format!("{}\n", parts.join(", ")) }
}
