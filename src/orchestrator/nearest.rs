//! Which names were probably meant.

use crate::text;

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
    if near.is_empty() {
        let all: Vec<String> = known.iter().map(|name| name.shown.to_owned()).collect();
        return (!all.is_empty()).then(|| format!("{plural} there: {}", listed(&all)));
    }
    Some(format!("did you mean {}?", text::either(near.iter().take(3).map(|(_, name)| name))))
}

/// How far a name is from what was written, if it is near at all.
fn far(wanted: &[String], name: &Known<'_>) -> Option<usize> {
    let first = wanted.first().into_iter().flat_map(|wanted| name.compared.iter().map(move |form| (wanted, form)));
    let same = wanted.iter().zip(&name.compared);
    first.chain(same).filter_map(|(wanted, form)| near(wanted, form)).min()
}

fn near(wanted: &str, form: &str) -> Option<usize> {
    let (a, b) = (wanted.chars().count(), form.chars().count());
    text::within(wanted, form, (a.min(b) / 3).max(1))
}

/// Some names for a sentence, at most ten.
pub(super) fn listed(names: &[String]) -> String {
    const SHOWN: usize = 10;
    text::listed(names, SHOWN)
}
