//! Takes secrets out of lines that are about to be shown.
//!
//! A literal secret is refused, and the refusal shows the line; so the value is replaced before the line leaves the
//! reader. The tree knows most of them by place. This file also finds them by the name before them, for text that is not
//! YAML at all and for keys with a typing error.
//!
//! Too much is hidden rather than too little: only shown lines are affected, never what is read.

use std::ops::Range;

/// Stands in for a secret, whatever its length.
const HIDDEN: &str = "[hidden]";

/// Parts of names whose values are not shown.
const SECRET_WORDS: &[&str] = &["secret", "token", "passw", "api_key", "apikey", "private_key", "credential"];

/// Names that hold one of the words and yet no secret.
const PLAIN_NAMES: &[&str] = &["token_url", "secret_arguments", "credential"];

/// Whether a key of this name holds a secret.
pub(super) fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('-', "_");
    !PLAIN_NAMES.contains(&name.as_str()) && SECRET_WORDS.iter().any(|word| name.contains(word))
}

/// The stretches of a text that follow a secret's name, references aside.
pub(super) fn secrets_by_name(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut line_start = 0;
    // Lines deeper than this one belong to a secret that began above.
    let mut inside: Option<usize> = None;
    for line in text.split_inclusive('\n') {
        let blank = line.trim().is_empty();
        let indent = line.len() - line.trim_start().len();
        match inside {
            Some(outer) if blank || indent > outer => {
                found.push(line_start + indent..line_start + line.trim_end().len())
            }
            Some(_) | None => {
                inside = None;
                for value in values_in_line(line) {
                    match value {
                        Found::Here(range) => found.push(line_start + range.start..line_start + range.end),
                        Found::Below => inside = Some(indent),
                    }
                }
            }
        }
        line_start += line.len();
    }
    found.retain(|range| !range.is_empty());
    found
}

enum Found {
    /// These bytes of the line.
    Here(Range<usize>),
    /// The value goes on in the lines below.
    Below,
}

fn values_in_line(line: &str) -> Vec<Found> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(word) = next_word(line, at) {
        at = word.end;
        if !is_secret_name(&line[word.clone()]) {
            continue;
        }
        let after = &line[word.end..];
        let after_quote = after.trim_start_matches(['"', '\'']);
        let value = after_quote.trim_start_matches([' ', '\t', ':', '=']);
        let start = line.len() - value.len();
        // Followed by a comma, a brace or nothing at all it is itself a value, as in `grant: refresh_token`.
        let separator = &line[word.end..start];
        if separator.trim_matches(['"', '\'']).is_empty() {
            continue;
        }
        let has_colon = separator.contains([':', '=']);
        let value = value.trim_end();
        if value.is_empty() || value.starts_with(['|', '>']) {
            if has_colon {
                found.push(Found::Below);
            }
            continue;
        }
        if value.starts_with([',', '}', ']', '#', '`']) {
            continue;
        }
        let end = start + value_len(value, line[..word.start].contains('{'));
        at = end;
        if is_reference(line[start..end].trim_matches(['"', '\''])) {
            continue;
        }
        found.push(Found::Here(start..end));
        if end >= start + value.len() {
            found.push(Found::Below);
        }
    }
    found
}

fn next_word(line: &str, from: usize) -> Option<Range<usize>> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let start = from + line[from..].find(is_word)?;
    let end = line[start..].find(|c| !is_word(c)).map_or(line.len(), |n| start + n);
    Some(start..end)
}

fn value_len(value: &str, in_flow: bool) -> usize {
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
    if let Some(quote) = quote {
        return value[1..].find(quote).map_or(value.len(), |n| n + 2);
    }
    if in_flow { value[..value.find([',', '}']).unwrap_or(value.len())].trim_end().len() } else { value.len() }
}

fn is_reference(value: &str) -> bool {
    ["credential:", "file:", "env:"].iter().any(|kind| {
        value.strip_prefix(kind).is_some_and(|rest| !rest.is_empty() && !rest.contains(char::is_whitespace))
    })
}

/// Replaces stretches of a line, and moves the mark along.
pub(super) fn apply(line: &str, mut hidden: Vec<Range<usize>>, mark: Range<usize>) -> (String, Range<usize>) {
    hidden.sort_by_key(|range| range.start);
    let mut shown = String::new();
    let mut new = mark.clone();
    let mut done = 0;
    for range in hidden {
        if range.end <= done {
            continue;
        }
        let start = range.start.max(done);
        shown.push_str(&line[done..start]);
        // Stretches that touch or overlap are one secret and one stand-in.
        let from = if start == done && shown.ends_with(HIDDEN) { shown.len() - HIDDEN.len() } else { shown.len() };
        if from == shown.len() {
            shown.push_str(HIDDEN);
        }
        if (start..range.end).contains(&mark.start) {
            new.start = from;
        }
        if mark.end > start && mark.end <= range.end {
            new.end = shown.len();
        }
        done = range.end;
        if mark.start >= done {
            new.start = shown.len() + (mark.start - done);
        }
        if mark.end > done {
            new.end = shown.len() + (mark.end - done);
        }
    }
    shown.push_str(&line[done..]);
    (shown, new)
}
