//! Every rule that is cited is in the law: docs/semantics.md and docs/rules.md.

use std::collections::BTreeSet;

/// What a text cites: `semantics.md 16a` and `semantics.md 13, 19`, and rules by their letter, `T7`, `R11`, `S31`.
pub(crate) fn cited(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in text.match_indices("semantics.md ") {
        let list = &text[at + "semantics.md ".len()..];
        let end = list.find(|c: char| !c.is_ascii_alphanumeric() && !", ".contains(c)).unwrap_or(list.len());
        let words = list[..end].split([',', ' ']).filter(|word| !word.is_empty() && !matches!(*word, "to" | "and"));
        found.extend(words.take_while(|word| is_number(word)).map(str::to_owned));
    }
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    found.extend(words.filter(|word| is_letter_rule(word)).map(str::to_owned));
    found
}

/// `7`, `16a`.
fn is_number(word: &str) -> bool {
    let digits = word.trim_end_matches(|c: char| c.is_ascii_lowercase());
    !digits.is_empty()
        && digits.len() <= 2
        && word.len() - digits.len() <= 1
        && digits.bytes().all(|b| b.is_ascii_digit())
}

/// `T7`, `R11`, `S31`, with no zero in front. C is left out: C0 and C1 are also characters, C16 and more are nothing of ours.
fn is_letter_rule(word: &str) -> bool {
    let Some(digits) = word.strip_prefix(['T', 'R', 'S']) else { return false };
    (1..=2).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0')
}

/// The numbers of the rules in `semantics.md`, at the beginnings of their lines, as often as they are there.
pub(crate) fn numbered(law: &str) -> Vec<String> {
    law.lines()
        .filter_map(|line| line.trim_start().split_once(". ").or_else(|| line.trim_start().split_once(' ')))
        .map(|(number, _)| number.trim_end_matches('.'))
        .filter(|number| is_number(number))
        .map(str::to_owned)
        .collect()
}

/// The rules of the tables in `rules.md`, as often as they are there.
pub(crate) fn lettered(rules: &str) -> Vec<String> {
    let cells = rules.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    cells.filter(|cell| is_letter_rule(cell)).map(str::to_owned).collect()
}
