//! Names that nothing has, and the known ones that a person most likely meant.

/// How many names a hint lists: more are not read.
pub const MOST_NAMES: usize = 12;

/// Names far longer than any key are near to none; the bound keeps the work below small.
const LONGEST: usize = 100;

/// The cure for a name that nothing has: the one that was probably meant, else those there are, of many the first.
pub fn known_names<'n>(written: &str, names: impl ExactSizeIterator<Item = &'n str> + Clone) -> String {
    match nearest(written, names.clone()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => known(names),
    }
}

/// "known are `a`, `b` and 3 more".
pub fn known<'n>(names: impl ExactSizeIterator<Item = &'n str>) -> String {
    match names.len() {
        0 => "there are none yet".to_owned(),
        _ => format!("known are {}", super::listed(names, MOST_NAMES)),
    }
}

/// The nearest of some names, when it is near enough to be worth showing: a third of its letters may differ, and at least one.
/// Capitals and what joins words do not count: `catchUp`, `catch-up` and `CATCH_UP` are the same.
pub fn nearest<'n>(written: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let plain = plain(written);
    let most = (plain.chars().count() / 3).max(1);
    names
        .into_iter()
        .filter_map(|name| Some((within(&plain, &self::plain(name), most)?, name)))
        .min_by_key(|(steps, _)| *steps)
        .map(|(_, name)| name)
}

fn plain(name: &str) -> String {
    name.chars().take(LONGEST).filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// How many letters have to be put in, taken out, replaced or swapped with their neighbour to make one text of the other; none if
/// more than `most`. Where every letter is another one, nothing is near: `x` is not meant by `z`.
pub fn within(one: &str, other: &str, most: usize) -> Option<usize> {
    // Their lengths alone tell most names apart, without the table.
    if one.chars().count().abs_diff(other.chars().count()) > most {
        return None;
    }
    let (a, b): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let steps = steps(&a, &b);
    (steps <= most && steps < a.len().max(b.len())).then_some(steps)
}

/// Optimal string alignment: Levenshtein's distance with swaps of neighbours, the commonest slip of a typist.
fn steps(a: &[char], b: &[char]) -> usize {
    // Three rows of the table, which take turns.
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut before = vec![0; b.len() + 1];
    let mut row = vec![0; b.len() + 1];
    for (i, left) in a.iter().enumerate() {
        row[0] = i + 1;
        for (j, right) in b.iter().enumerate() {
            let replaced = last[j] + usize::from(left != right);
            let mut least = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *left == b[j - 1] && a[i - 1] == *right {
                least = least.min(before[j - 1] + 1);
            }
            row[j + 1] = least;
        }
        std::mem::swap(&mut before, &mut last);
        std::mem::swap(&mut last, &mut row);
    }
    last[b.len()]
}
