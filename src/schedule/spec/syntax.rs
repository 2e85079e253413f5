//! Text that is not YAML: which line, what a person most likely did, and the cure.
//!
//! The parser says what it could not do; here the line is looked at for the slips that lead there: a cron pattern without
//! quotes, a tab, a colon left out. Nothing of a line is repeated in a sentence, since it may hold a secret.

use std::ops::Range;

use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::{Error, UserMessageFormatter};

use crate::schedule::diagnostic::{At, Findings};
use crate::schedule::excerpt::line_around;
use crate::schedule::mask;

/// The deepest nesting (S34): no honest file comes near, and it bounds the stack.
pub(super) const MAX_DEPTH: usize = 64;

/// What is told: where, one sentence, and what to do.
struct Slip {
    at: Range<usize>,
    message: String,
    hint: Option<String>,
}

impl Slip {
    fn new(at: Range<usize>, message: impl Into<String>) -> Slip {
        Slip { at, message: message.into(), hint: None }
    }

    fn hint(self, hint: impl Into<String>) -> Slip {
        Slip { hint: Some(hint.into()), ..self }
    }
}

/// Tells the one thing that keeps a file from being read; of tabs, each line that is to be mended.
pub(super) fn tell(file: usize, text: &str, error: &Error, findings: &mut Findings) {
    let (byte, line_number) = place(text, error);
    let first = slip(text, error.without_snippet(), byte, line_number);
    let more = if first.message == TAB { other_tabs(text, &first.at) } else { Vec::new() };
    for Slip { at, message, hint } in std::iter::once(first).chain(more) {
        let finding = findings.error(At { file, start: at.start, end: at.end }, message);
        if let Some(hint) = hint {
            finding.hint(hint);
        }
    }
}

fn place(text: &str, error: &Error) -> (usize, usize) {
    let (line, column) = error.location().map_or((1, 1), |l| (l.line().max(1), l.column().max(1)));
    let line = usize::try_from(line).unwrap_or(1);
    let column = usize::try_from(column).unwrap_or(1);
    let start: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let rest = line_around(text, start);
    let inside = text[rest.clone()].char_indices().nth(column - 1).map_or(rest.len(), |(n, _)| n);
    (rest.start + inside, line)
}

fn slip(text: &str, error: &Error, byte: usize, line_number: usize) -> Slip {
    let here = byte..next_char(text, byte);
    match error {
        Error::Budget { breach, .. } => too_much(here, breach),
        Error::AliasReplayLimitExceeded { .. }
        | Error::AliasReplayCounterOverflow { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => {
            Slip::new(here, "aliases expand to more values than one file may have")
                .hint("use fewer aliases inside anchored values")
        }
        Error::AliasError { error, .. } => slip(text, error, byte, line_number),
        Error::RecursiveReferencesRequireWeakTypes { .. } => {
            Slip::new(here, "an alias stands inside its own anchor").hint("an anchored value cannot hold itself")
        }
        Error::UnknownAnchor { .. } => {
            let found = star(text, byte, "no anchor of this name stands above");
            let name = text[found.at.clone()].trim_start_matches('*').to_owned();
            // What follows `<<:` can only be meant as an alias.
            let merged = text[..byte].trim_end().ends_with("<<:");
            if merged {
                found.hint(format!("write `&{name}` where it is described, or correct the name"))
            } else {
                found
            }
        }
        Error::MultipleDocuments { .. } => {
            let mark = text[..byte].rfind("\n---").map_or(byte, |n| n + 1);
            Slip::new(mark..line_around(text, mark).end, "a second document begins here")
                .hint("write one document a file; `--config` takes several files and folders")
        }
        Error::UnsupportedTag { .. } => {
            let start = text[..byte].trim_end_matches([' ', '\t']);
            let tag = start.rfind([' ', '\t', '\n', '{', '[', ',']).map_or(0, |n| n + 1);
            let at = if start[tag..].starts_with('!') { tag..start.len() } else { here };
            Slip::new(at, "a value that begins with `!` is a tag, and this tag is not known")
                .hint("put quotes around a text that begins with `!`")
        }
        Error::MergeValueNotMapOrSeqOfMaps { .. } => Slip::new(here, "`<<` takes a map, or a list of maps")
            .hint("write `<<: *name` for a map that stands at `&name`"),
        other => scanned(text, &other.render_with_formatter(&UserMessageFormatter), byte, line_number),
    }
}

fn too_much(here: Range<usize>, breach: &BudgetBreach) -> Slip {
    match breach {
        BudgetBreach::Depth { .. } => Slip::new(here, format!("nested deeper than {MAX_DEPTH} levels"))
            .hint("no key needs more than a few; close the brackets that were left open"),
        BudgetBreach::Nodes { .. } | BudgetBreach::Events { .. } | BudgetBreach::ScalarBytes { .. } => {
            Slip::new(here, "more than 250,000 values in one file").hint("split the file; `--config` takes folders")
        }
        _ => Slip::new(here, "more anchors and aliases than one file may have")
            .hint("split the file, or write values out"),
    }
}

/// The parser's own words are matched by their beginning; words that are not known here are shown as they are.
fn scanned(text: &str, said: &str, byte: usize, line_number: usize) -> Slip {
    let here = byte..next_char(text, byte);
    if let Some(tab) = tab_in_indentation(text, line_number) {
        return tab_at(tab);
    }
    let line = line_around(text, byte);
    let value = first_value(text, line.clone());
    if said.contains("scanning an anchor or alias") {
        return star(text, byte, "`*` and `&` begin an alias or an anchor, and need a name");
    }
    if said.starts_with("unexpected character") {
        let sign = &text[here.clone()];
        if sign.chars().any(char::is_control) {
            return Slip::new(here, "a control character that YAML does not allow").hint("delete it");
        }
        return Slip::new(here, format!("a value cannot begin with `{sign}`")).hint("put quotes around the value");
    }
    if said.contains("mapping values are not allowed") {
        return colons(text, byte, line, value);
    }
    if said.contains("unclosed quote") {
        return Slip::new(here, "a quote is opened here and never closed").hint("close it with the same quote");
    }
    if said.contains("unclosed bracket") {
        return Slip::new(here, "a bracket is opened here and never closed").hint(closing(text, byte));
    }
    if said.contains("unknown escape") {
        return Slip::new(here, "an unknown escape in double quotes")
            .hint("use single quotes: in them a backslash is a backslash");
    }
    if said.contains("flow") || said.contains("illegal placement of ':'") {
        let template = unquoted_template(text, byte, &line).map(|at| (at, "a template in brackets needs quotes"));
        let instant = || Some((unquoted_instant(text, byte, &line)?, "a time with its zone in brackets needs quotes"));
        if let Some((at, message)) = template.or_else(instant) {
            let hint = format!("write `\"{}\"`", &text[at.clone()]);
            return Slip::new(at, message).hint(hint);
        }
        if let Some(bracket) = left_open(text, line.start, line_number) {
            return Slip::new(
                bracket..bracket + 1,
                format!("this bracket is still open where line {line_number} begins"),
            )
            .hint(closing(text, bracket));
        }
        return Slip::new(here, "the list or map in brackets is broken here")
            .hint("look for a missing comma or bracket, or for a value with `[`, `{`, `,` or `: ` that needs quotes");
    }
    if said.contains("did not find expected key") || said.contains("expected <block end>") {
        return no_key(text, byte, line);
    }
    if said.contains("simple key expected") {
        return half_a_key(text, here, line);
    }
    let said = said.split(" at line ").next().unwrap_or("not YAML");
    Slip::new(here, format!("not YAML: {said}"))
        .hint("look at quotes, brackets and indentation here and in the line above")
}

/// `cron:0 7 * * *`, `enabled=true`: a line that was meant to be a key with its value.
fn half_a_key(text: &str, here: Range<usize>, line: Range<usize>) -> Slip {
    let first = text[line.clone()].trim_start();
    let start = line.end - first.len();
    let name = first.find(|c: char| !(c.is_ascii_alphanumeric() || "_-.".contains(c))).unwrap_or(first.len());
    let at = start..start + name;
    match first[name..].chars().next() {
        _ if name == 0 => Slip::new(here, "a key with a colon is expected here").hint("write `key: value`"),
        Some(':') => Slip::new(at, "a space is missing after the colon of this key").hint("write `key: value`"),
        Some(_) | None => Slip::new(at, "a colon is missing after this key").hint("write `key: value`"),
    }
}

fn closing(text: &str, bracket: usize) -> &'static str {
    if text[bracket..].starts_with('{') { "close it with `}`" } else { "close it with `]`" }
}

/// The bracket above a line that is not part of what the bracket holds: it is indented no further than the bracket's own line.
fn left_open(text: &str, line: usize, number: usize) -> Option<usize> {
    let indent = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let of_line = indent(&text[line..]);
    let mut start = line;
    for above in text[..line].split_inclusive('\n').rev().take(number - 1) {
        start -= above.len();
        let bracket = unclosed(above);
        if bracket.is_some() || indent(above) < of_line && !above.trim().is_empty() {
            return bracket.filter(|_| of_line <= indent(above)).map(|n| start + n);
        }
    }
    None
}

/// The innermost bracket that a line opens and does not close. What stands in quotes, in a comment or amid a text does not count.
fn unclosed(line: &str) -> Option<usize> {
    let mut open = Vec::new();
    let mut quote = None;
    let mut before = ' ';
    // The last sign that is no space: outside of brackets, a value begins behind these only.
    let mut last = ':';
    for (n, c) in line.char_indices() {
        match (quote, c) {
            (Some(mark), _) if c == mark => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') if " [{,:".contains(before) => quote = Some(c),
            (None, '#') if before == ' ' => break,
            (None, '{' | '[') if !open.is_empty() || matches!(last, ':' | '-') => open.push(n),
            (None, '}' | ']') => {
                open.pop();
            }
            (None, _) => {}
        }
        before = c;
        if c != ' ' {
            last = c;
        }
    }
    open.pop()
}

/// `{ date: ${nominal} }`: the template around the place at which the parser stops.
fn unquoted_template(text: &str, byte: usize, line: &Range<usize>) -> Option<Range<usize>> {
    let shown = next_char(text, next_char(text, byte)).min(line.end);
    let start = text[line.start..shown].rfind("${")? + line.start;
    let end = start + text[start..line.end].find('}')? + 1;
    let before = text[line.start..start].trim_end();
    (byte <= end && before.ends_with([':', ',', '[']) && !is_secret(text, start)).then_some(start..end)
}

/// `[2026-12-31T22:00[Europe/Berlin]]`: the time around the bracket at which the parser stops.
fn unquoted_instant(text: &str, byte: usize, line: &Range<usize>) -> Option<Range<usize>> {
    let is_of_a_time = |c: char| c.is_ascii_digit() || "T:+-".contains(c);
    let time = text[line.start..byte].trim_end_matches(is_of_a_time).len() + line.start..byte;
    let zone = text[byte..line.end].strip_prefix('[')?.find(']')? + 2;
    (time.len() >= "2026-12-31T22:00".len() && text[time.clone()].contains('T')).then_some(time.start..byte + zone)
}

/// `cron: */15 * * * *`: the commonest slip of all.
fn star(text: &str, byte: usize, otherwise: &str) -> Slip {
    let line = line_around(text, byte);
    let value = text[byte..line.end].trim_end();
    let value = byte..byte + value.find(" #").map_or(value.len(), |n| value[..n].trim_end().len());
    // Inside brackets the pattern ends where the next entry begins.
    let inner = text[value.clone()].find([',', '}', ']']).filter(|_| text[line.start..byte].contains(['{', '[']));
    let value = inner.map_or(value.clone(), |n| value.start..value.start + text[value.start..][..n].trim_end().len());
    let written = &text[value.clone()];
    let pattern_signs = |c: char| c.is_ascii_alphanumeric() || matches!(c, '*' | '/' | ',' | '-' | '?' | '#' | ' ');
    if written.starts_with('*') && written.contains(' ') && written.chars().all(pattern_signs) && !is_secret(text, byte)
    {
        let hint = format!("write `\"{written}\"`");
        return Slip::new(value, "a cron pattern that begins with `*` needs quotes").hint(hint);
    }
    let name = value.start + written.find([' ', ',']).unwrap_or(written.len());
    let hint = if is_secret(text, byte) {
        "write where the secret is kept: `credential:NAME`, `file:PATH` or `env:NAME`"
    } else {
        "put quotes around a text that begins with `*` or `&`"
    };
    Slip::new(value.start..name, otherwise).hint(hint)
}

fn is_secret(text: &str, byte: usize) -> bool {
    let line = line_around(text, byte);
    text[line.start..byte].split(|c: char| !(c.is_ascii_alphanumeric() || "_-".contains(c))).any(mask::is_secret_name)
}

fn colons(text: &str, byte: usize, line: Range<usize>, value: Option<Range<usize>>) -> Slip {
    if let Some(value) = value.filter(|value| value.contains(&byte)) {
        return Slip::new(value, "a value that holds `: ` needs quotes").hint("put the whole value in quotes");
    }
    // The line above went on into this one because its key has no colon.
    let above = text[..line.start].trim_end();
    let above = line_around(text, above.len());
    let key = text[above.clone()].trim_start();
    let start = above.end - key.len();
    let word = key.find([' ', '\t']).unwrap_or(key.len());
    if first_value(text, above).is_none() && !key.is_empty() && !key.starts_with('#') {
        return Slip::new(start..start + word, "a colon is missing after this key").hint("write `key: value`");
    }
    Slip::new(byte..next_char(text, byte), "a `key: value` cannot stand here")
        .hint("check the indentation of this line")
}

fn no_key(text: &str, byte: usize, line: Range<usize>) -> Slip {
    let first = text[line.clone()].trim_start();
    let start = line.end - first.len();
    if byte <= start {
        let end = start + first.find([':', ' ']).unwrap_or(first.len());
        return Slip::new(start..end, "this line fits no indentation above it")
            .hint("keys of one map begin in the same column");
    }
    Slip::new(byte..next_char(text, byte), "a key with a colon is expected here").hint("write `key: value`")
}

/// The bytes after the first `: ` of a line.
fn first_value(text: &str, line: Range<usize>) -> Option<Range<usize>> {
    let colon = text[line.clone()].find(": ").or_else(|| text[line.clone()].ends_with(':').then(|| line.len() - 1))?;
    let value = text[line.start + colon + 1..line.end].trim_start();
    Some(line.end - value.len()..line.end)
}

const TAB: &str = "a tab stands in the indentation";

/// So many lines with tabs are told; a file that has more has them everywhere.
const MOST_TABS: usize = 20;

fn tab_at(at: Range<usize>) -> Slip {
    Slip::new(at, TAB).hint("YAML indents with spaces only")
}

/// The other lines that are indented with tabs. The parser stops at the first, and a person would mend one a run.
fn other_tabs(text: &str, first: &Range<usize>) -> Vec<Slip> {
    let mut tabs = Vec::new();
    let mut start = 0;
    // Inside a text that `|` or `>` begins, what is indented further is the text's own.
    let mut text_below: Option<usize> = None;
    for line in text.split_inclusive('\n') {
        let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
        let spaces = line.len() - line.trim_start_matches(' ').len();
        let said = line.trim();
        let tab = (spaces < indent).then_some(start + spaces..start + spaces + 1);
        start += line.len();
        if said.is_empty() || text_below.is_some_and(|above| spaces > above) {
            continue;
        }
        let code =
            said.split(" #").next().unwrap_or(said).trim_end_matches(|c: char| c.is_ascii_digit() || "+- ".contains(c));
        text_below = (code.ends_with(": |") || code.ends_with(": >")).then_some(spaces);
        if let Some(tab) = tab.filter(|tab| tab != first && !said.starts_with('#')) {
            tabs.push(tab);
        }
    }
    let hidden = (tabs.len() + 1).saturating_sub(MOST_TABS);
    tabs.truncate(MOST_TABS - 1);
    let mut slips: Vec<Slip> = tabs.into_iter().map(tab_at).collect();
    if let (Some(last), 1..) = (slips.last_mut(), hidden) {
        last.message = format!("{TAB}, as in {hidden} more lines of this file");
    }
    slips
}

fn tab_in_indentation(text: &str, line_number: usize) -> Option<Range<usize>> {
    let mut start = 0;
    for (n, line) in text.split_inclusive('\n').enumerate() {
        let indent = &line[..line.len() - line.trim_start_matches([' ', '\t']).len()];
        // The parser may stop at the end of the line before.
        if (line_number..=line_number + 1).contains(&(n + 1))
            && let Some(tab) = indent.find('\t')
            && !line.trim().is_empty()
        {
            return Some(start + tab..start + tab + 1);
        }
        start += line.len();
    }
    None
}

fn next_char(text: &str, byte: usize) -> usize {
    text[byte..].chars().next().filter(|c| *c != '\n').map_or(byte, |c| byte + c.len_utf8())
}
