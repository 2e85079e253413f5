//! A damaged database, or the log of another one, is moved out of the way, never overwritten: somebody may want to save what is
//! in it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::claim_lock::StateFolder;
use super::trouble::StoreError;
use crate::durable::flush_folder;

/// The files that belong to a database; the WAL may hold what the file does not.
pub(super) const PARTS: [&str; 3] = ["", "-wal", "-shm"];

/// The log and its index.
const LOG_PARTS: [&str; 2] = ["-wal", "-shm"];

/// Between the name of the database and the instant.
const DAMAGED: &str = ".corrupt-";
const FOREIGN: &str = ".foreign-";

/// Renames the database and what belongs to it; gives its new name. It must be closed.
pub(super) fn set_aside(path: &Path, now: Timestamp) -> Result<PathBuf, StoreError> {
    let failed = |cause| StoreError::SetAside { path: path.to_owned(), cause };
    let aside = free_name(path, DAMAGED, now).map_err(failed)?;
    rename_parts(path, &aside, &PARTS).map_err(failed)?;
    Ok(aside)
}

/// Renames the log of another database, with its index, and leaves the database; gives the log's new name. Nobody may have it open.
pub(super) fn set_log_aside(path: &Path, now: Timestamp) -> Result<PathBuf, StoreError> {
    let failed = |cause| StoreError::SetAside { path: path.to_owned(), cause };
    let aside = free_name(path, FOREIGN, now).map_err(failed)?;
    rename_parts(path, &aside, &LOG_PARTS).map_err(failed)?;
    Ok(with(&aside, "-wal"))
}

/// The damaged databases that were set aside in a state folder and are still there, oldest first. None in a folder that cannot be
/// read.
pub fn damaged_databases(folder: &Path) -> Vec<PathBuf> {
    let database = StateFolder::database_path(folder);
    let start = with(&database, DAMAGED);
    let is_one = |path: &PathBuf| {
        let name = path.as_os_str().as_encoded_bytes();
        name.starts_with(start.as_os_str().as_encoded_bytes()) && !name.ends_with(b"-wal") && !name.ends_with(b"-shm")
    };
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut found: Vec<_> = entries.map(|entry| entry.path()).filter(is_one).collect();
    found.sort();
    found
}

/// Renames those parts of a database that are there.
pub(super) fn rename_parts(path: &Path, aside: &Path, parts: &[&str]) -> io::Result<()> {
    for part in parts {
        match fs::rename(with(path, part), with(aside, part)) {
            Ok(()) => {}
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
            Err(cause) => return Err(cause),
        }
    }
    match path.parent() {
        Some(folder) => flush_folder(folder),
        None => Ok(()),
    }
}

fn free_name(path: &Path, kind: &str, now: Timestamp) -> io::Result<PathBuf> {
    let stamp = now.strftime("%Y%m%dT%H%M%SZ").to_string();
    let taken = |name: &Path| -> io::Result<bool> {
        PARTS.iter().try_fold(false, |taken, part| Ok(taken || with(name, part).try_exists()?))
    };
    let mut name = with(path, &format!("{kind}{stamp}"));
    let mut count = 2;
    while taken(&name)? {
        name = with(path, &format!("{kind}{stamp}-{count}"));
        count += 1;
    }
    Ok(name)
}

fn with(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}
