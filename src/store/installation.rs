//! The installation's id: in a file and in the database, so that either can be lost.
//!
//! Behind the id the file holds its check: with another id none of the jobs of before would be recognised, so a digit that a
//! disk has changed must not pass for one. An id without a check, as older versions and people write it, is taken as it is.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::durable::replace;
use crate::run::InstallationId;

/// Its name in the state folder.
pub(super) const FILE: &str = "installation";

/// What the state folder says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InFile {
    /// This is the id.
    Holds(InstallationId),
    /// There is no file.
    Missing,
    /// It holds something else.
    Damaged,
}

/// Reads the id that the state folder holds.
pub(super) fn read(folder: &Path) -> io::Result<InFile> {
    match std::fs::read(folder.join(FILE)) {
        Ok(bytes) => Ok(parse(&bytes).map_or(InFile::Damaged, InFile::Holds)),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(InFile::Missing),
        Err(cause) => Err(cause),
    }
}

fn parse(bytes: &[u8]) -> Option<InstallationId> {
    let mut words = std::str::from_utf8(bytes).ok()?.split_ascii_whitespace();
    let id = InstallationId::parse(words.next()?)?;
    let right = words.next().is_none_or(|check| check == check_of(id)) && words.next().is_none();
    right.then_some(id)
}

/// Eight hex digits that follow from the id.
fn check_of(id: InstallationId) -> String {
    let digest = Sha256::digest(format!("punctual installation {id}"));
    digest[..4].iter().fold(String::new(), |mut text, byte| {
        // Writing to a text does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Writes it so that it survives a power loss from here on.
pub(super) fn write(folder: &Path, id: InstallationId) -> io::Result<()> {
    replace(&folder.join(FILE), format!("{id} {}\n", check_of(id)).as_bytes())
}

/// A new id.
pub(super) fn make() -> io::Result<InstallationId> {
    let mut bytes = [0u8; 4];
    getrandom::fill(&mut bytes).map_err(|cause| io::Error::other(cause.to_string()))?;
    Ok(InstallationId(u32::from_be_bytes(bytes)))
}
