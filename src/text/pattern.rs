//! Names that stand for several: `payroll-*`.

use std::fmt;

use wildmatch::WildMatch;

/// A name, or a pattern of names: `*` stands for any part, also none, `?` for one character. Capitals are told apart, as in names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamePattern(String);

impl NamePattern {
    /// Any text is one.
    pub fn new(text: impl Into<String>) -> NamePattern {
        NamePattern(text.into())
    }

    /// Whether a name fits.
    pub fn fits(&self, name: &str) -> bool {
        WildMatch::new(&self.0).matches(name)
    }

    /// Whether it can stand for more than itself.
    pub fn is_open(&self) -> bool {
        self.0.contains(['*', '?'])
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
