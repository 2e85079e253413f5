//! Diagnostics as a person reads them: one sentence, the line with a mark, a hint.
//!
//! Absent: secrets. They were taken out of the lines when the diagnostics were made.

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

/// The diagnostics, one blank line between two, and a line that counts them all.
pub fn render(diagnostics: &[Diagnostic], paint: Paint) -> String {
    let renderer = match paint {
        Paint::Plain => Renderer::plain(),
        Paint::Colored => Renderer::styled(),
    }
    .decor_style(DecorStyle::Ascii);
    let mut text = String::new();
    let mut shown: Vec<&Diagnostic> = diagnostics.iter().collect();
    if shown.len() > MOST_SHOWN {
        // In the order of the files, but an error is not left out for the sake of a warning.
        shown.sort_by_key(|diagnostic| diagnostic.severity);
        shown.truncate(MOST_SHOWN);
    }
    for diagnostic in shown {
        // Each by itself: together they would be joined by a line of their own.
        for group in report(diagnostic) {
            text.push_str(&renderer.render(&[group]));
            text.push('\n');
        }
        text.push('\n');
    }
    if diagnostics.len() > MOST_SHOWN {
        text.push_str(&format!("and {} more\n\n", diagnostics.len() - MOST_SHOWN));
    }
    text.push_str(&summary(diagnostics));
    text
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
