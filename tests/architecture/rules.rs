//! Rules for every source file. Each gives its findings, so that a test can show it small wrong sources.

use super::source::{Source, is_word};

const MOST_LINES: usize = 400;

/// Files that have one subject and more lines, each with its reason.
pub(crate) const LONG_FILES: &[(&str, &str)] = &[
    ("src/sandbox/faults.rs", "one list of faults with how each is written and when it hits"),
    ("src/schedule/spec/keys.rs", "one table of every key, read from top to bottom"),
];

/// Where the wall clock and sleeping may be spoken of besides `clock`.
const OTHER_CLOCKS: &[(&str, &str)] = &[("src/faults.rs", "a broken variant, never in a release")];

/// `#[cfg(test)]` and its kin.
pub(crate) fn test_code(source: &Source) -> Vec<String> {
    let conditions = ["cfg", "cfg_attr"].into_iter().flat_map(|word| source.words(word).collect::<Vec<_>>());
    conditions
        .filter(|at| {
            let from = source.code[*at..].find('(').map_or(source.code.len(), |open| at + open);
            let between = &source.code[*at..from];
            between.chars().all(|char| is_word(char) || char == '!' || char.is_whitespace())
                && has_word(balanced(&source.code[from..]), "test")
        })
        .map(|at| source.finding(at, "test code in the flow; put it under `tests/`"))
        .collect()
}

/// `#[path]` for anything but what several tests share: modules stand where Rust looks for them.
pub(crate) fn module_elsewhere(source: &Source) -> Vec<String> {
    source
        .code
        .match_indices("#[path")
        .filter(|(at, _)| {
            let written = source.text[at + "#[path".len()..].trim_start_matches([' ', '=']);
            !written.starts_with("\"../")
        })
        .map(|(at, _)| source.finding(at, "a module of this test alone needs no `#[path]`; move it next to `main.rs`"))
        .collect()
}

/// `#[allow(…)]`: `#[expect(…, reason = "…")]` says when it is not needed any more.
pub(crate) fn allowed_lints(source: &Source) -> Vec<String> {
    source
        .code
        .match_indices('#')
        .filter(|(at, _)| {
            let attribute = source.code[at + 1..].trim_start_matches('!');
            attribute.starts_with('[') && has_word(balanced(attribute), "allow")
        })
        .map(|(at, _)| source.finding(at, "a lint is switched off; use `#[expect(lint, reason = \"…\")]`"))
        .collect()
}

/// `//!` with something said.
pub(crate) fn head(source: &Source) -> Vec<String> {
    let said = source.text.lines().next().and_then(|line| line.strip_prefix("//! "));
    match said.filter(|text| !text.trim().is_empty()) {
        Some(_) => Vec::new(),
        None => vec![source.finding(0, "the file does not begin with `//! ` and what it is for")],
    }
}

pub(crate) fn length(source: &Source) -> Vec<String> {
    let lines = source.text.lines().count();
    let excepted = LONG_FILES.iter().any(|(path, _)| source.path.as_os_str() == *path);
    match (lines > MOST_LINES, excepted) {
        (true, false) => vec![format!("{}: {lines} lines; split it by subject", source.path.display())],
        (false, true) => vec![format!("{}: {lines} lines; take it out of `LONG_FILES`", source.path.display())],
        (true, true) | (false, false) => Vec::new(),
    }
}

/// Any use of sqlx: clippy forbids its queries, this also pools, connections and types.
pub(crate) fn sql(source: &Source) -> Vec<String> {
    if matches!(source.module().first().map(String::as_str), Some("store" | "history")) {
        return Vec::new();
    }
    source.words("sqlx").map(|at| source.finding(at, "SQL outside of `store` and `history`")).collect()
}

/// Reading a clock, and sleeping.
pub(crate) fn time(source: &Source) -> Vec<String> {
    let excepted = OTHER_CLOCKS.iter().any(|(path, _)| source.path.as_os_str() == *path);
    if excepted || source.module().first().is_some_and(|module| module == "clock") {
        return Vec::new();
    }
    let calls =
        ["Timestamp::now", "ZonedDateTime::now", "SystemTime::now", "Instant::now", "thread::sleep", "clock_gettime"];
    let mut places: Vec<usize> = calls.into_iter().flat_map(|call| source.words(call).collect::<Vec<_>>()).collect();
    // Whatever tokio has of time: sleeping, intervals, time-outs.
    places.extend(source.words("tokio::time"));
    places.sort_unstable();
    places
        .into_iter()
        .map(|at| source.finding(at, "time comes from `clock::Clock`, so that a test can move it"))
        .collect()
}

/// From an opening bracket to its partner.
fn balanced(text: &str) -> &str {
    let mut depth = 0_usize;
    for (at, char) in text.char_indices() {
        match char {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return &text[..=at];
                }
            }
            _ => {}
        }
    }
    text
}

fn has_word(text: &str, word: &str) -> bool {
    text.split(|char| !is_word(char)).any(|part| part == word)
}
