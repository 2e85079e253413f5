//! The installation's id: in a file and in the database, so that either can be lost.

use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::run::InstallationId;

const FILE: &str = "installation";

/// Reads the id that the state folder holds, if any.
pub(super) fn read(folder: &Path) -> io::Result<Option<InstallationId>> {
    match std::fs::read_to_string(folder.join(FILE)) {
        Ok(text) => InstallationId::parse(text.trim()).map(Some).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, "the file `installation` does not hold 8 hex digits")
        }),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(cause),
    }
}

/// Writes it so that it survives a power loss from here on.
pub(super) fn write(folder: &Path, id: InstallationId) -> io::Result<()> {
    let temporary = folder.join("installation.new");
    let mut file = std::fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&temporary)?;
    writeln!(file, "{id}")?;
    file.sync_all()?;
    std::fs::rename(&temporary, folder.join(FILE))?;
    std::fs::File::open(folder)?.sync_all()
}

/// A new id.
pub(super) fn make() -> io::Result<InstallationId> {
    let mut bytes = [0u8; 4];
    getrandom::fill(&mut bytes).map_err(|cause| io::Error::other(cause.to_string()))?;
    Ok(InstallationId(u32::from_be_bytes(bytes)))
}
