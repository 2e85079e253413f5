//! An answer of a server as it came, before anything is read out of it.

use reqwest::header::HeaderMap;

use super::trouble::Trouble;

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Raw {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// Its first 64 KiB.
    pub(crate) body: Vec<u8>,
    /// Why the body is not whole.
    pub(crate) cut: Option<Trouble>,
    /// Why it could not be unpacked to its end.
    pub(crate) packed: Option<String>,
}

impl Raw {
    /// Itself, or why it is not whole.
    pub(super) fn whole(self) -> Result<Raw, Trouble> {
        match self.cut {
            Some(cut) => Err(cut),
            None => Ok(self),
        }
    }
}
