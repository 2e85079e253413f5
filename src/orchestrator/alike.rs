//! When two names are the same name to a person.
//!
//! macOS hands out decomposed letters (NFD) where Windows and Orchestrator's page write composed ones (NFC); texts from Word
//! and Teams bring no-break spaces and characters of no width. None of it can be seen, so none of it may decide whether a
//! payroll is found. Upper and lower case are alike, as they are to Orchestrator.
//!
//! What looks alike and is not the same stays different: a long dash is no hyphen, a Cyrillic letter no Latin one.

use icu_normalizer::ComposingNormalizerBorrowed;

/// How a name is compared: composed, lower case, one plain blank where there are blanks of any kind, nothing of no width.
pub(super) fn folded(name: &str) -> String {
    composed(&tidy(name).to_lowercase())
}

/// Whether two names of a process are one to a person.
pub fn is_same_name(one: &str, other: &str) -> bool {
    folded(one) == folded(other)
}

/// As `folded`, of a folder's path: parts between `/` or `\`, without blanks around them, and no empty ones.
pub(super) fn folded_path(path: &str) -> String {
    parts(path).map(folded).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
}

/// How Orchestrator most likely writes a name, for its filter: composed, with plain blanks.
pub(super) fn usual(name: &str) -> String {
    composed(&tidy(name))
}

/// As `usual`, of a folder's path.
pub(super) fn usual_path(path: &str) -> String {
    parts(path).map(usual).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
}

/// The last part of a path, compared as `folded_path`.
pub(super) fn last_part(folded_path: &str) -> &str {
    folded_path.rsplit('/').next().unwrap_or(folded_path)
}

fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.split(['/', '\\'])
}

fn composed(text: &str) -> String {
    ComposingNormalizerBorrowed::new_nfc().normalize(text).into_owned()
}

fn tidy(text: &str) -> String {
    let seen: String = text.chars().filter(|c| !has_no_width(*c)).collect();
    seen.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Characters that show nothing: soft hyphen, zero-width blanks and joiners, marks of direction, the byte order mark.
fn has_no_width(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2064}'
            | '\u{2066}'..='\u{206f}'
            | '\u{feff}'
    )
}
