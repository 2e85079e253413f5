//! `punctual backup`: a checked copy of the database, with or without a daemon.
//!
//! It goes to the folder where it was called, like any file that a command makes: next to the nightly copies it would be counted
//! and removed as one of them, and lost with their disk.

use std::path::{Path, PathBuf};

use super::args::Global;
use super::copies_args::BackupArgs;
use super::failure::{Exit, Failure};
use super::given::Given;
use super::output::{Out, size};
use crate::clock::Clock;
use crate::history::History;
use crate::store::{CopyError, copy_to};
use crate::text::in_shell;

pub(super) async fn run(global: &Global, args: &BackupArgs, clock: &Clock, out: &mut Out) -> Result<Exit, Failure> {
    let state = global.state_dir();
    // What is wrong with a state folder is said once, by those who read it.
    History::open(&state).await?.close().await;
    let wanted = args.file.clone().unwrap_or_else(|| PathBuf::from("."));
    let copy = copy_to(&state, &wanted, clock.now()).await.map_err(|cause| failure(&cause))?;
    let copy = std::path::absolute(&copy).unwrap_or(copy);
    let bytes = std::fs::metadata(&copy).map(|meta| size(meta.len())).unwrap_or_default();
    out.line(format!("Copied the database to {} ({bytes}) and checked the copy.", copy.display()))?;
    out.line(Given::of(global).in_text(&format!("`punctual restore {}` puts it back.", in_shell(&copy))))?;
    Ok(Exit::Fine)
}

/// What goes wrong with a copy, here and when it is put back.
pub(super) fn failure(cause: &CopyError) -> Failure {
    let failure = Failure::from_error(Exit::NotReachable, cause);
    match cause {
        CopyError::Store(_) => failure.hint("look at the disk; the older copies are as they were"),
        CopyError::Files { .. } => failure.hint("name a folder that is there and that you may write into"),
        CopyError::Exists(path) => Failure::from_error(Exit::Usage, cause).hint(format!(
            "name another file, or a folder (`punctual backup {}`): there each copy gets a name with its time",
            in_shell(path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")))
        )),
        CopyError::Foreign { .. } => failure.hint(
            "a daemon that starts keeps both and goes on with the database as it is; to go back to an older copy: `punctual restore FILE`",
        ),
        CopyError::Damaged { .. } => failure.hint(
            "the database is damaged, or the disk: a daemon that starts sets a damaged one aside; to go back to an older copy: \
             `punctual restore FILE`",
        ),
        CopyError::NoRoom { .. } => failure.hint("make room there, or name a folder on another disk"),
    }
}
