//! Lists in words.

use std::fmt::Display;

/// "a, b".
pub fn all(items: impl IntoIterator<Item = impl Display>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    items.join(", ")
}

/// "`a`, `b`".
pub fn quoted(names: impl IntoIterator<Item = impl Display>) -> String {
    all(names.into_iter().map(|name| format!("`{name}`")))
}

/// "`a`, `b` or `c`".
pub fn either(names: impl IntoIterator<Item = impl Display>) -> String {
    joined(names, "or")
}

/// "`a`, `b` and `c`".
pub fn both(names: impl IntoIterator<Item = impl Display>) -> String {
    joined(names, "and")
}

fn joined(names: impl IntoIterator<Item = impl Display>, word: &str) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [before @ .., last] => format!("{} {word} {last}", before.join(", ")),
    }
}

/// "a, b and 3 more": at most `most` items, which are written as they are.
pub fn first(items: impl IntoIterator<Item = impl Display, IntoIter: ExactSizeIterator>, most: usize) -> String {
    shortened(items, most, all)
}

/// "`a`, `b` and 3 more".
pub fn listed(names: impl IntoIterator<Item = impl Display, IntoIter: ExactSizeIterator>, most: usize) -> String {
    shortened(names, most, quoted)
}

/// Those that are not shown are not even looked at, as there may be thousands.
fn shortened<T>(
    items: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>,
    most: usize,
    write: fn(Vec<T>) -> String,
) -> String {
    let mut items = items.into_iter();
    let shown = write(items.by_ref().take(most).collect());
    match items.len() {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// `1 schedule`, `2 schedules`.
pub fn counted(count: usize, one: &str) -> String {
    format!("{count} {one}{}", if count == 1 { "" } else { "s" })
}
