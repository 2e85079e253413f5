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
const SECRET_WORDS: &[&str] = &[
    "secret",
    "token",
    "passw",
    "api_key",
    "apikey",
    "private_key",
    "credential",
    "webhook",
    "user_key",
    "userkey",
    "client_key",
    "access_key",
    "bearer",
    "authorization",
    "hc_ping",
];

/// Names that hold one of the words and yet no secret.
const PLAIN_NAMES: &[&str] = &["token_url", "secret_arguments", "credential"];

/// Names of secrets that are words of their own, since they stand inside harmless ones (`mapping`).
const SECRET_NAMES: &[&str] = &["ping", "pwd", "pat", "sas", "heartbeat", "healthcheck", "health_check"];

/// Keys whose addresses are shown whole: what is wrong with one can be in its path.
const OWN_ADDRESSES: &[&str] = &["url", "token_url"];

/// Keys under `auth` whose values may be shown. All others there are hidden, typing errors included.
pub(super) const SHOWN_IN_AUTH: &[&str] = &["grant", "style", "client_id", "username", "scope", "token_url"];

/// Whether a key of this name holds a secret.
pub(super) fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('-', "_");
    let named = SECRET_NAMES.contains(&name.as_str()) || SECRET_WORDS.iter().any(|word| name.contains(word));
    named && !PLAIN_NAMES.contains(&name.as_str())
}

/// The stretches of a text that follow a secret's name, references aside. Sorted, each within one line.
pub(super) fn secrets_by_name(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut line_start = 0;
    // Lines deeper than these belong to a secret, or to an `auth`, that began above.
    let mut secret: Option<usize> = None;
    let mut auth: Option<usize> = None;
    for line in text.split_inclusive('\n') {
        let blank = line.trim().is_empty();
        let indent = line.len() - line.trim_start().len();
        // A tab is no indentation of YAML's: how deep it is meant, nobody knows.
        let deeper = |outer: &usize| blank || indent > *outer || line[..indent].contains('\t');
        secret = secret.filter(deeper);
        auth = auth.filter(deeper);
        if secret.is_some() {
            found.push(line_start + indent..line_start + line.trim_end().len());
        } else {
            let begins = auth_begins(line);
            let (plain, inner) = if auth.is_some() { (0, Some(0)) } else { (begins.unwrap_or(line.len()), begins) };
            let mut here = values(line, 0..plain, is_secret_name);
            if let Some(start) = inner {
                here.extend(values(line, start..line.len(), |name| !SHOWN_IN_AUTH.contains(&name)));
            }
            for value in here {
                match value {
                    Found::Here(range) => found.push(line_start + range.start..line_start + range.end),
                    Found::Below => secret = Some(indent),
                }
            }
            if begins.is_some() {
                auth = Some(indent);
            }
        }
        found.extend(addresses(line).into_iter().map(|range| line_start + range.start..line_start + range.end));
        line_start += line.len();
    }
    found.retain(|range| !range.is_empty());
    found.sort_by_key(|range| range.start);
    found
}

/// What follows the host in each address of a line, but for the connections' own: whoever knows the whole address of a
/// webhook or of a dead-man's switch may use it, and it may stand under any key.
fn addresses(line: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (at, sign) in line.match_indices("://") {
        let host = at + sign.len();
        let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | '}' | ']');
        let end = line[host..].find(ends).map_or(line.len(), |n| host + n);
        let scheme = line[..at].trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let key = scheme.trim_end_matches([' ', '\t', '"', '\'']).strip_suffix(':').unwrap_or_default();
        let key = key.trim_end_matches([' ', '\t', '"', '\'']);
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let own = OWN_ADDRESSES.contains(&&key[key.trim_end_matches(is_word).len()..]);
        if own && !line[host..end].contains('@') {
            // What is asked for behind the path can be a key.
            found.extend(line[host..end].find(['?', '#']).map(|n| host + n + 1..end));
            continue;
        }
        let path = line[host..end].find(['/', '?', '#']).map_or(end, |n| host + n + 1);
        let user = line[host..end].rfind('@').map(|_| host);
        found.push(user.unwrap_or(path)..end);
    }
    found
}

/// A text of the file without what follows the host in an address.
pub(super) fn without_addresses(text: &str) -> String {
    let hidden = addresses(text).into_iter().filter(|range| !range.is_empty()).collect();
    apply(text, hidden, 0..0).0
}

/// Where in a line the content of an `auth` begins.
fn auth_begins(line: &str) -> Option<usize> {
    let mut at = 0;
    while let Some(word) = next_word(line, at) {
        let after = line[word.end..].trim_start_matches(['"', '\'', ' ']);
        if is_auth(&line[word.clone()]) && after.starts_with(':') {
            return Some(line.len() - after.len() + 1);
        }
        at = word.end;
    }
    None
}

/// `auth`, and whatever is likely to be meant by it.
fn is_auth(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    word.starts_with("auth") || matches!(word.as_str(), "auht" | "atuh" | "uath" | "ahth" | "aut")
}

enum Found {
    /// These bytes of the line.
    Here(Range<usize>),
    /// The value goes on in the lines below.
    Below,
}

fn values(line: &str, part: Range<usize>, is_secret: impl Fn(&str) -> bool) -> Vec<Found> {
    let mut found = Vec::new();
    let mut at = part.start;
    while let Some(word) = next_word(line, at).filter(|word| word.end <= part.end) {
        at = word.end;
        let after = line[word.end..].trim_start_matches(['"', '\'']);
        let value = after.trim_start_matches([' ', '\t', ':', '=']);
        let start = line.len() - value.len();
        let separator = &line[line.len() - after.len()..start];
        let value = value.trim_end();
        let end = start + value_len(value, line[..word.start].contains('{'));
        if !is_secret(&line[word.clone()]) {
            // What a harmless key says is no key itself, unless a comma was forgotten before the next one.
            if separator.contains(':') && !value.starts_with(['{', '[']) {
                at = at.max(start + harmless_len(&line[start..end]));
            }
            continue;
        }
        // Followed by a comma, a brace or nothing at all it is itself a value, as in `grant: refresh_token`.
        if separator.is_empty() || value.starts_with([',', '}', ']', '#', '`']) {
            continue;
        }
        if value.is_empty() || value.starts_with(['|', '>']) {
            if separator.contains([':', '=']) {
                found.push(Found::Below);
            }
            // Behind the sign nothing stands but how the text is meant; else it is a part of the text.
            let header = value.get(1..).unwrap_or_default();
            if header.split('#').next().unwrap_or_default().trim().contains(|c: char| !"0123456789+-".contains(c)) {
                found.push(Found::Here(start..start + value.len()));
            }
            continue;
        }
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

/// The part of a value that is surely a value.
fn harmless_len(value: &str) -> usize {
    let colon = value.char_indices().find(|(n, c)| *c == ':' && !value[n + 1..].starts_with('/')).map(|(n, _)| n);
    let key =
        colon.map(|n| value[..n].trim_end_matches(['"', '\'', ' ']).rfind([' ', '\t']).map_or(0, |space| space + 1));
    let mut word_at = 0;
    while let Some(word) = next_word(value, word_at).filter(|word| key.is_none_or(|key| word.start < key)) {
        if is_secret_name(&value[word.clone()]) {
            return word.start;
        }
        word_at = word.end;
    }
    key.unwrap_or(value.len())
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
