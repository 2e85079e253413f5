//! Which names were probably meant.

/// A hint for a name that was not found among `known`: the nearest ones, else the first few.
pub(super) fn hint(wanted: &str, known: &[String], plural: &str) -> Option<String> {
    let wanted = wanted.to_lowercase();
    let mut near: Vec<(usize, &String)> = known
        .iter()
        .map(|name| (distance(&wanted, &name.to_lowercase()), name))
        .filter(|(far, name)| *far <= (wanted.chars().count().min(name.chars().count()) / 3).max(1))
        .collect();
    near.sort();
    let names: Vec<String> = near.iter().take(3).map(|(_, name)| format!("`{name}`")).collect();
    match names.split_last() {
        Some((last, [])) => Some(format!("did you mean {last}?")),
        Some((last, before)) => Some(format!("did you mean {} or {last}?", before.join(", "))),
        None => (!known.is_empty()).then(|| format!("{plural} there: {}", listed(known))),
    }
}

/// Some names for a sentence, at most ten.
pub(super) fn listed(names: &[String]) -> String {
    const SHOWN: usize = 10;
    let mut text = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}

/// Levenshtein's distance in characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let swapped = corner + usize::from(x != *y);
            corner = row[j + 1];
            row[j + 1] = swapped.min(corner + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
