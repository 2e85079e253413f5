//! A state folder that cannot be taken: which exit code, and what to do.

use std::path::Path;

use super::failure::{Exit, Failure};
use super::output::size;
use crate::store::{Holder, NoRoom, StateFolderError, no_room};

/// The failure of a command that needs the folder for itself.
pub(super) fn folder_failure(error: &StateFolderError) -> Failure {
    let (exit, hint) = match error {
        StateFolderError::Held { path, holder } => (Exit::Held, Some(held_cure(path, holder.as_ref()))),
        StateFolderError::Open { path, .. } => {
            let rights = || "let this user write there, or choose another folder with `--state-dir`".to_owned();
            (Exit::NotReachable, Some(existing(path).and_then(full_cure).unwrap_or_else(rights)))
        }
        StateFolderError::Network { .. } => (Exit::NotReachable, None),
    };
    let failure = Failure::from_error(exit, error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// What to do when the folder's disk is full; none when it is not.
pub(super) fn full_cure(folder: &Path) -> Option<String> {
    no_room(folder).map(|no_room| room_cure(&no_room))
}

/// What to do about the daemon that is there already. Never a second folder for the same files: each of the two would start all.
fn held_cure(folder: &Path, holder: Option<&Holder>) -> String {
    let stop = match holder {
        Some(holder) => format!("`sudo systemctl stop punctual` if it is the service, else `kill {}`", holder.pid),
        None => format!("`fuser {}` shows its number", folder.join("lock").display()),
    };
    format!(
        "a second one with the same schedule files would start everything twice: stop the first ({stop}), or, for other files, \
         give this one a folder of its own with `--state-dir`"
    )
}

/// The folder, or the nearest one above it that is there.
fn existing(folder: &Path) -> Option<&Path> {
    folder.ancestors().find(|folder| folder.is_dir())
}

fn room_cure(no_room: &NoRoom) -> String {
    let NoRoom { folder, database, free, needed } = no_room;
    format!(
        "make room on the disk of `{}` (the database has {}, {} are free, {} are needed); a service then starts by itself, a daemon \
         in a terminal is started again",
        folder.display(),
        size(*database),
        size(*free),
        size(*needed)
    )
}
