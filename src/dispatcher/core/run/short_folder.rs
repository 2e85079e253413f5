//! Folders that a schedule names by the last part of their path, and where that led (semantics.md 22).
//!
//! `Accounts payable` is clear while one folder is called so. When another one comes, or the first is renamed, the same words
//! lead elsewhere, and payroll would run in the wrong place. So what a short name led to is stored; if it leads to another full
//! name later, nothing is started there until a person has had the files loaded again.

use crate::dispatcher::core::state::State;
use crate::orchestrator::{CallError, FoundBy, FoundFolder, Sentence};
use crate::run::ShortFolder;
use crate::schedule::{ConnectionName, FolderChoice};

/// HTTP's word for two things that contradict each other.
const CONFLICT: u16 = 409;

/// Compares where a short name leads with where it led before.
///
/// # Errors
/// It leads to a folder of another name now.
pub(crate) fn check(
    state: &mut State,
    connection: &ConnectionName,
    folder: Option<&FolderChoice>,
    found: &FoundFolder,
) -> Result<(), CallError> {
    let now = state.now;
    let (Some(folder), FoundBy::LastPart, Some(full_name)) = (folder, found.found_by, &found.full_name) else {
        return Ok(());
    };
    let Some(link) = state.links.get_mut(connection) else { return Ok(()) };
    let name = folder.to_string();
    if let Some(known) = link.short_folders.get(&name) {
        if known.full_name != *full_name {
            let before = &known.full_name;
            return Err(CallError::Rejected {
                status: CONFLICT,
                code: None,
                text: Box::new(Sentence {
                    connection: connection.to_string(),
                    what: format!("folder `{name}`"),
                    came: format!("led to `{before}` and leads to `{full_name}` now"),
                    cure: None,
                }),
                cure: Some(format!(
                    "write the full name as the schedule's `folder`; if `{full_name}` is meant, `punctual reload` takes it"
                )),
                trace_id: None,
            });
        }
        if known.folder_id == found.id {
            return Ok(());
        }
    }
    let short = ShortFolder {
        connection: connection.clone(),
        name: name.clone(),
        folder_id: found.id,
        full_name: full_name.clone(),
        found_at: now.wall,
    };
    link.short_folders.insert(name, short.clone());
    state.book.record_short_folder(short);
    Ok(())
}
