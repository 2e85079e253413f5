//! Names that nothing has, and the known ones that a person most likely meant.

use super::fields::Field;
use crate::schedule::diagnostic::{Findings, quoted};

/// What a name is looked up among.
#[derive(Clone, Copy, Debug)]
pub(super) enum Noun {
    Calendar,
    Connection,
    Pool,
    Schedule,
}

impl Noun {
    fn name(self) -> &'static str {
        match self {
            Noun::Calendar => "calendar",
            Noun::Connection => "connection",
            Noun::Pool => "pool",
            Noun::Schedule => "schedule",
        }
    }

    /// Where one is described.
    fn home(self) -> &'static str {
        match self {
            Noun::Calendar => "`calendars`",
            Noun::Connection => "`connections`",
            Noun::Pool => "`limits` at the top of the file",
            Noun::Schedule => "`schedules`",
        }
    }
}

/// Tells that nothing has this name.
pub(super) fn unknown<'n>(
    field: &Field<'_>,
    noun: Noun,
    name: &str,
    known: impl ExactSizeIterator<Item = &'n String> + Clone,
    findings: &mut Findings,
) {
    let names = known.clone().map(String::as_str);
    let hint = match known.len() {
        0 => format!("describe it under {}", noun.home()),
        many if findings.may_compare(many) => known_names(name, names),
        _ => listed(names),
    };
    field.error(&format!("unknown {} {}", noun.name(), quoted(name)), findings).hint(hint);
}

/// How many names a hint lists: more are not read.
pub(super) const MOST_NAMES: usize = 12;

/// The cure for a name that nothing has: the one that was probably meant, else those there are, of many the first.
pub fn known_names<'n>(written: &str, names: impl ExactSizeIterator<Item = &'n str> + Clone) -> String {
    match nearest(written, names.clone()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => listed(names),
    }
}

/// "known are `a`, `b` and 3 more".
pub(super) fn listed<'n>(names: impl ExactSizeIterator<Item = &'n str>) -> String {
    let more = names.len().saturating_sub(MOST_NAMES);
    let first: Vec<String> = names.take(MOST_NAMES).map(|name| format!("`{name}`")).collect();
    match (first.len(), more) {
        (0, _) => "there are none yet".to_owned(),
        (_, 0) => format!("known are {}", first.join(", ")),
        (_, more) => format!("known are {} and {more} more", first.join(", ")),
    }
}

/// The nearest of some names, when it is near enough to be worth telling.
pub(in crate::schedule) fn nearest<'n>(written: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let plain = plain(written);
    let most = (plain.chars().count() / 3).max(1);
    names
        .into_iter()
        .map(|name| (self::plain(name), name))
        // Their lengths alone tell most names apart, without the table.
        .filter(|(other, _)| other.chars().count().abs_diff(plain.chars().count()) <= most)
        .map(|(other, name)| (distance(&plain, &other), other.chars().count().max(plain.chars().count()), name))
        // Where every letter is another one, nothing is near: `x` is not meant by `z`.
        .filter(|(steps, letters, _)| *steps <= most && steps < letters)
        .min_by_key(|(steps, _, _)| *steps)
        .map(|(_, _, name)| name)
}

/// `catchUp`, `catch-up` and `CATCH_UP` are all `catchup`.
fn plain(name: &str) -> String {
    // Names far longer than any key are near to none; the bound keeps the table below small.
    name.chars().take(100).filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// How many letters have to be put in, taken out, replaced or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let mut rows = vec![vec![0_usize; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    rows[0] = (0..=b.len()).collect();
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let same = usize::from(a[i - 1] != b[j - 1]);
            let mut least = (rows[i - 1][j] + 1).min(rows[i][j - 1] + 1).min(rows[i - 1][j - 1] + same);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = least;
        }
    }
    rows[a.len()][b.len()]
}
