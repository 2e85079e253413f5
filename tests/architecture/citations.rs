//! Every rule that is cited is in the law once: docs/semantics.md by numbers, docs/rules.md and docs/promises.md by letters.
//!
//! A citation is one of these and nothing else, so that `UTF-16`, `T07:30Z` or `%C3%A9` are none:
//! - numbers after `semantics.md`, `rule` or `rules`, also over the end of a line: `semantics.md 16a`, `rules 2 to 4, 7 and 12a`;
//! - T, R, S, C, I or A with one or two digits and no zero in front (C0 has one), between blanks, brackets, quotes or stops:
//!   `(T7)`, `C0/C1`, `Invariant::I3,`. Assumptions may have a letter more: `A2a`;
//! - the name of a page, `….md`: it must be one of the repository's.
//!
//! Absent: whether what is cited says what it is cited for.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::package;

/// Where rules are cited, and which files there.
const FOLDERS: [&str; 8] = ["src", "tests", "docs", "migrations", "benches", "fuzz", ".ci", "systemd"];
const PAGES: [&str; 5] = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"];
const KINDS: [&str; 9] = ["rs", "md", "sql", "toml", "py", "mjs", "c", "sh", "service"];

/// What other programs make or read.
const LEFT_OUT: [&str; 6] = ["target", "corpus", "artifacts", "node_modules", "data", "snapshots"];

/// Where the table of what is not built begins.
const NOT_BUILT: &str = "## Not built yet, or otherwise";

/// A citation with its line, from 1.
#[derive(Debug, PartialEq, Eq)]
struct Cited {
    line: usize,
    rule: String,
}

/// What a text cites, in the order of its lines.
fn cited(text: &str) -> Vec<Cited> {
    let mut found = after_words(text);
    for (line, words) in text.lines().enumerate() {
        found.extend(lettered(words).map(|rule| Cited { line: line + 1, rule }));
    }
    found.sort_by_key(|cited| cited.line);
    found
}

/// The numbers after `semantics.md`, `rule` and `rules`.
fn after_words(text: &str) -> Vec<Cited> {
    let lines = text.lines().enumerate().map(|(line, words)| {
        let words = words.trim_start().trim_start_matches(['/', '!', '#', '-', '*', '>', '|']);
        (line + 1, words.split_whitespace())
    });
    let words: Vec<(usize, &str)> = lines.flat_map(|(line, words)| words.map(move |word| (line, word))).collect();
    let mut found = Vec::new();
    for (at, (_, word)) in words.iter().enumerate() {
        let names = matches!(word.trim_start_matches(['(', '"', '`', '[']), "rule" | "rules" | "Rule" | "Rules");
        if !names && !word.ends_with("semantics.md") {
            continue;
        }
        for (line, word) in &words[at + 1..] {
            if matches!(*word, "and" | "to" | "or") {
                continue;
            }
            let ends = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            // `1–6)` is a range, `16a)` the last of a list.
            let numbers: Vec<&str> = ends.split('–').collect();
            if !numbers.iter().all(|number| is_number(number)) {
                break;
            }
            found.extend(numbers.iter().map(|rule| Cited { line: *line, rule: (*rule).to_owned() }));
            if ends.len() < word.len() && !word.ends_with(',') {
                break;
            }
        }
    }
    found
}

/// `7`, `16a`.
fn is_number(word: &str) -> bool {
    let digits = word.strip_suffix(|c: char| c.is_ascii_lowercase()).unwrap_or(word);
    (1..=2).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0')
}

/// The rules by letter of one line.
fn lettered(line: &str) -> impl Iterator<Item = String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    line.match_indices(['T', 'R', 'S', 'C', 'I', 'A']).filter_map(move |(at, _)| {
        let end = line[at..].find(|c| !is_part(c)).map_or(line.len(), |length| at + length);
        let before = line[..at].chars().next_back().is_none_or(|c| " \t([,:;\"'`|*–/".contains(c));
        let after = line[end..].chars().next().is_none_or(|c| " \t)],.:;\"'`|*–/!?".contains(c));
        (before && after && is_lettered(&line[at..end])).then(|| line[at..end].to_owned())
    })
}

/// `T7`, `C0`, `A2a`.
fn is_lettered(word: &str) -> bool {
    match word.split_at_checked(1) {
        Some(("C", "0")) => true,
        Some(("A", number)) => is_number(number),
        Some(("T" | "R" | "S" | "C" | "I", digits)) => is_number(digits) && digits.bytes().all(|b| b.is_ascii_digit()),
        _ => false,
    }
}

/// The pages that a text names, with their lines.
fn pages(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (line, words) in text.lines().enumerate() {
        let is_part = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
        for (at, end) in words.match_indices(".md") {
            let name = words[..at].rsplit(|c| !is_part(c)).next().unwrap_or_default();
            if !name.is_empty() && !words[at + end.len()..].starts_with(is_part) {
                found.push((line + 1, format!("{name}.md")));
            }
        }
    }
    found
}

/// The rules of `semantics.md` by the beginnings of their lines, as often as they are there.
fn numbered(law: &str) -> Vec<String> {
    let law = law.split(NOT_BUILT).next().unwrap_or_default();
    let begins = |line: &str| {
        let (number, _) = line.trim_start().split_once(' ')?;
        // `7.` begins a line; `16a.` and, inside of its rule, `    16a. ` do too.
        number.strip_suffix('.').filter(|number| is_number(number)).map(str::to_owned)
    };
    law.lines().filter_map(begins).collect()
}

/// The first cells of the tables of a page that are rules, as often as they are there.
fn tabled(page: &str, is_rule: fn(&str) -> bool) -> Vec<String> {
    let cells = page.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    cells.filter(|cell| is_rule(cell)).map(str::to_owned).collect()
}

/// What is there more than once.
fn repeated(rules: &[String]) -> BTreeSet<&String> {
    let mut seen = BTreeSet::new();
    rules.iter().filter(|rule| !seen.insert(*rule)).collect()
}

fn page(name: &str) -> String {
    fs::read_to_string(package().join(name)).unwrap_or_else(|cause| panic!("{name}: {cause}"))
}

/// Every rule there is.
fn law() -> Vec<String> {
    let [semantics, rules, promises] = ["docs/semantics.md", "docs/rules.md", "docs/promises.md"].map(page);
    let lettered = [rules, promises].map(|page| tabled(&page, is_lettered));
    numbered(&semantics).into_iter().chain(lettered.into_iter().flatten()).collect()
}

/// Files that may cite it.
fn citing() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = PAGES.iter().chain(&["Cargo.toml"]).map(|name| package().join(name)).collect();
    let mut folders: Vec<PathBuf> = FOLDERS.iter().map(|name| package().join(name)).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a readable folder") {
            let path = entry.expect("a readable entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && !LEFT_OUT.contains(&name.as_str()) {
                folders.push(path);
            } else if path.is_file() && path.extension().is_none_or(|end| KINDS.iter().any(|kind| end == *kind)) {
                found.push(path);
            }
        }
    }
    // It holds what citations look like.
    found.retain(|path| !path.ends_with(Path::new("tests/architecture/citations.rs")));
    assert!(found.len() > 300, "only {} files were found: the scan looks in the wrong place", found.len());
    found
}

/// What a text cites that is not there.
fn amiss(name: &str, text: &str, law: &[String], known_pages: &[String]) -> Vec<String> {
    let rules = cited(text).into_iter().filter(|cited| !law.contains(&cited.rule));
    let rules = rules.map(|Cited { line, rule }| format!("{name}:{line}: {rule} is in no page of the law"));
    let pages = pages(text).into_iter().filter(|(_, page)| !known_pages.contains(page));
    rules.chain(pages.map(|(line, page)| format!("{name}:{line}: there is no page {page}"))).collect()
}

#[test]
fn every_rule_that_is_cited_is_in_the_law() {
    let law = law();
    let docs = fs::read_dir(package().join("docs")).expect("docs");
    let docs = docs.map(|entry| entry.expect("a readable entry").file_name().to_string_lossy().into_owned());
    let known_pages: Vec<String> = docs.chain(PAGES.map(str::to_owned)).collect();
    let mut findings = Vec::new();
    for path in citing() {
        let name = path.strip_prefix(package()).expect("a path below the package").display().to_string();
        // What is no text cites nothing.
        let Ok(text) = fs::read_to_string(&path) else { continue };
        findings.extend(amiss(&name, &text, &law, &known_pages));
    }
    findings.sort();
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

#[test]
fn every_rule_is_in_the_law_once() {
    let law = law();
    assert_eq!(repeated(&law), BTreeSet::new());
    for expected in ["1", "12a", "16b", "47", "T1", "T24", "R17", "C15", "S1", "S57", "I9", "A2c"] {
        assert!(law.iter().any(|rule| rule == expected), "{expected} is not there");
    }
}

#[test]
fn what_is_not_built_is_said_of_rules_that_there_are_and_once() {
    let semantics = page("docs/semantics.md");
    let (rules, table) = semantics.split_once(NOT_BUILT).expect("a table of what is not built");
    let (rules, named) = (numbered(rules), tabled(table, is_number));
    assert_eq!(repeated(&named), BTreeSet::new());
    let places: Vec<Option<usize>> = named.iter().map(|rule| rules.iter().position(|known| known == rule)).collect();
    assert!(places.iter().all(Option::is_some), "one of {named:?} is no rule");
    assert!(places.is_sorted(), "{named:?} are not in the order of the rules");
}

#[test]
fn citations_are_found_however_they_are_written() {
    let cited = |text: &str| cited(text).into_iter().map(|cited| cited.rule).collect::<Vec<_>>();
    assert_eq!(
        cited("as said (semantics.md 16a), (semantics.md 2 to 4) and (T7, R11): S31."),
        ["16a", "2", "4", "T7", "R11", "S31"]
    );
    assert_eq!(cited("semantics.md 12a, 15 and 16b. 3 of them"), ["12a", "15", "16b"]);
    assert_eq!(cited("(docs/semantics.md 1–6), because rule 21a, and Rules 7, 8"), ["1", "6", "21a", "7", "8"]);
    assert_eq!(cited("/// settles (semantics.md\n    /// 16, 16a\n    /// and 22)."), ["16", "16a", "22"]);
    assert_eq!(
        cited("`semantics.md 13, 19`, C0/C1, **T2**, Invariant::I3, A2a"),
        ["13", "19", "C0", "C1", "T2", "I3", "A2a"]
    );
    for other in [
        "2026-11-23T07:30:00Z, T05, R_11, UTF16, 10 S, S100, PT5, S256, T7a, 0xC9, %C3%A9, \\u{C9}, X-A1, A1=2, AES",
        "rule 950100, the rule of 24 h, semantics.md says 5, rules: 7",
        "let T1x = S3_BUCKET;",
    ] {
        assert_eq!(cited(other), [""; 0], "{other}");
    }
}

#[test]
fn a_citation_of_nothing_and_a_rule_that_is_there_twice_are_found() {
    let semantics =
        "1. One, of 5 s\n    and so on\n2. Two\n    2a. More\n    5 s. later\n2a. Again\n\n| 3 | no rule |\n";
    let law = numbered(semantics);
    assert_eq!(law, ["1", "2", "2a", "2a"]);
    assert_eq!(repeated(&law), BTreeSet::from([&"2a".to_owned()]));
    let table = "| | |\n|---|---|\n| T1 | as T9 |\n| S31 | limits |\n| x | T2 |\n| T1 | again |\n";
    assert_eq!(tabled(table, is_lettered), ["T1", "S31", "T1"]);
    let text = "//! One (semantics.md 1, 3).\n// T1, and T9; see gone.md and rules.md.\n";
    let law = [law, tabled(table, is_lettered)].concat();
    let found = amiss("src/x.rs", text, &law, &["rules.md".to_owned(), "semantics.md".to_owned()]);
    assert_eq!(
        found,
        [
            "src/x.rs:1: 3 is in no page of the law",
            "src/x.rs:2: T9 is in no page of the law",
            "src/x.rs:2: there is no page gone.md"
        ]
    );
}
