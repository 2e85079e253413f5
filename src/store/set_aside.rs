//! A damaged database is moved out of the way, never overwritten: somebody may want to save what is in it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::trouble::StoreError;

/// The files that belong to a database; the WAL may hold what the file does not.
const PARTS: [&str; 3] = ["", "-wal", "-shm"];

/// Renames the database and what belongs to it; gives its new name. It must be closed.
pub(super) fn set_aside(path: &Path, now: Timestamp) -> Result<PathBuf, StoreError> {
    let failed = |cause| StoreError::SetAside { path: path.to_owned(), cause };
    let aside = free_name(path, now).map_err(failed)?;
    for part in PARTS {
        match fs::rename(with(path, part), with(&aside, part)) {
            Ok(()) => {}
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
            Err(cause) => return Err(failed(cause)),
        }
    }
    if let Some(folder) = path.parent() {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    }
    Ok(aside)
}

fn free_name(path: &Path, now: Timestamp) -> io::Result<PathBuf> {
    let stamp = now.strftime("%Y%m%dT%H%M%SZ").to_string();
    let mut name = with(path, &format!(".corrupt-{stamp}"));
    let mut count = 2;
    while name.try_exists()? {
        name = with(path, &format!(".corrupt-{stamp}-{count}"));
        count += 1;
    }
    Ok(name)
}

fn with(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}
