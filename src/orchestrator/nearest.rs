//! Which names were probably meant.

/// A name that there is.
#[derive(Clone, Debug)]
pub(super) struct Known<'n> {
    /// As the server writes it.
    shown: &'n str,
    /// What is compared: of a folder its path and its last part.
    compared: Vec<String>,
}

impl<'n> Known<'n> {
    pub(super) fn by(shown: &'n str, compared: impl IntoIterator<Item = String>) -> Known<'n> {
        Known { shown, compared: compared.into_iter().collect() }
    }
}

/// A hint for a name that was not found among `known`: the nearest ones, else the first few. `wanted` is compared with each
/// form of a name, the nth with the nth and the first with all.
pub(super) fn hint(wanted: &[String], known: &[Known<'_>], plural: &str) -> Option<String> {
    let mut near: Vec<(usize, &str)> = known.iter().filter_map(|name| Some((far(wanted, name)?, name.shown))).collect();
    near.sort();
    let names: Vec<String> = near.iter().take(3).map(|(_, name)| format!("`{name}`")).collect();
    match names.split_last() {
        Some((last, [])) => Some(format!("did you mean {last}?")),
        Some((last, before)) => Some(format!("did you mean {} or {last}?", before.join(", "))),
        None => {
            let all: Vec<String> = known.iter().map(|name| name.shown.to_owned()).collect();
            (!all.is_empty()).then(|| format!("{plural} there: {}", listed(&all)))
        }
    }
}

/// How far a name is from what was written, if it is near at all.
fn far(wanted: &[String], name: &Known<'_>) -> Option<usize> {
    let first = wanted.first().into_iter().flat_map(|wanted| name.compared.iter().map(move |form| (wanted, form)));
    let same = wanted.iter().zip(&name.compared);
    first.chain(same).filter_map(|(wanted, form)| near(wanted, form)).min()
}

fn near(wanted: &str, form: &str) -> Option<usize> {
    let (a, b) = (wanted.chars().count(), form.chars().count());
    let most = (a.min(b) / 3).max(1);
    // The lengths alone say so already, and ten thousand names are compared at most.
    if a.abs_diff(b) > most {
        return None;
    }
    Some(distance(wanted, form)).filter(|far| *far <= most)
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
