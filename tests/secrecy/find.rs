//! Looks for secrets in everything that others may read, in the forms in which they could have got there.

use std::collections::BTreeSet;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::encoders;

/// Shorter texts are found by chance.
const SHORTEST: usize = 12;

/// The same for a piece of a secret between two signs.
const SHORTEST_PIECE: usize = 8;

/// What was left behind or shown, by the name of its place.
#[derive(Default)]
pub(crate) struct Evidence(Vec<(String, String)>);

impl Evidence {
    pub(crate) fn add(&mut self, place: impl Into<String>, bytes: &[u8]) {
        self.0.push((place.into(), String::from_utf8_lossy(bytes).into_owned()));
    }

    /// All files below, but for folders of this name.
    pub(crate) fn add_folder(&mut self, folder: &Path, except: Option<&str>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap_or_default();
            if path.is_dir() {
                if except.is_none_or(|except| name != except) {
                    self.add_folder(&path, except);
                }
            } else if path.is_file() {
                self.add(path.display().to_string(), &std::fs::read(&path).unwrap());
            }
        }
    }

    /// What is there, or nothing.
    pub(crate) fn place(&self, name: &str) -> &str {
        self.0.iter().find(|(place, _)| place == name).map_or("", |(_, text)| text)
    }

    pub(crate) fn places(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.0.iter().map(|(_, text)| text.len()).sum()
    }

    /// Every find, as text. The secrets of a test are nobody's.
    pub(crate) fn hits(&self, secrets: &BTreeSet<String>) -> Vec<String> {
        let mut hits = Vec::new();
        for secret in secrets.iter().filter(|secret| secret.len() >= SHORTEST) {
            for form in forms(secret) {
                for (place, text) in &self.0 {
                    if let Some(at) = text.find(&form) {
                        let near = &text.as_bytes()[at.saturating_sub(120)..at];
                        hits.push(format!("{place}: {secret}, after `{}`", String::from_utf8_lossy(near)));
                    }
                }
            }
        }
        hits
    }
}

/// As it is, as each encoder writes it, its pieces between signs, in hex, and in base64 at each of its three alignments.
fn forms(secret: &str) -> BTreeSet<String> {
    let hex = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = BTreeSet::from([hex]);
    forms.extend(encoders::all().iter().map(|(_, encoder)| secret.chars().map(encoder).collect()));
    let pieces = secret.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    // The markers' own first words are in names of files, too.
    forms.extend(
        pieces.filter(|piece| piece.len() >= SHORTEST_PIECE && !piece.starts_with("marker-")).map(str::to_owned),
    );
    for before in 0..3 {
        let whole = [&vec![b' '; before][..], secret.as_bytes()].concat();
        let text = STANDARD_NO_PAD.encode(&whole);
        // The first and the last group depend on what stands around it.
        let inner = text.get(4..text.len().saturating_sub(4)).unwrap_or_default();
        forms.insert(inner.to_owned());
        forms.insert(inner.replace('+', "-").replace('/', "_"));
    }
    forms
}
