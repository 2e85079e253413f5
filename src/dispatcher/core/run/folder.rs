//! Folders whose number changed: a change of plan or a redeployed solution gives a folder of the same name another one.
//!
//! Orchestrator answers 1100 to every call with the old number. The folder is found again by its name, for starts and for what is
//! followed (semantics.md 22). An unclear start is never settled as "no job was made" in another folder: it is looked for
//! under the new number too, and given up if it is not there (16b).

use super::{ending, unreadable};
use crate::dispatcher::core::folder_state::FolderState;
use crate::dispatcher::core::inquiry::Way;
use crate::dispatcher::core::progress::Progress;
use crate::dispatcher::core::state::State;
use crate::executor::Action;
use crate::happening::{OfRun, WhyLost};
use crate::orchestrator::CallError;
use crate::run::{FolderId, RunId, RunState};
use crate::schedule::{ConnectionName, FolderChoice};

/// A call in the folder of these runs was answered 1100: the folder is looked for by its name.
pub(crate) fn seek(state: &mut State, connection: &ConnectionName, ids: &[RunId]) {
    for id in ids {
        let Some(open) = state.book.get_mut(*id) else { continue };
        match open.folder {
            FolderState::Known => open.folder = FolderState::Sought,
            // The last look may have come to nothing.
            FolderState::Sought | FolderState::Absent { .. } => {}
            FolderState::Moved(_) => continue,
        }
        let start = open.run.start().clone();
        let asked = state.actions().iter().any(|action| {
            matches!(action, Action::Resolve { connection: c, folder, .. } if c == connection && *folder == start.folder)
        });
        let Some(link) = state.links.get_mut(connection) else { continue };
        link.forget_folder(&start.folder);
        if !asked {
            let action = link.find(start.folder, start.process);
            state.act(action);
        }
    }
}

/// A folder has answered under its number, so it exists, also if its name was not found before.
pub(crate) fn answered(state: &mut State, folder_id: FolderId, runs: impl Iterator<Item = RunId>) {
    for id in runs {
        if let Some(open) = state.book.get_mut(id)
            && open.folder.is_sought()
            && open.run.folder_id() == Some(folder_id)
        {
            open.folder = FolderState::Known;
        }
    }
}

/// A folder's name leads to this number now.
pub(crate) fn on_found(
    state: &mut State,
    connection: &ConnectionName,
    folder: &Option<FolderChoice>,
    number: FolderId,
) {
    let now = state.now;
    for id in seeking(state, connection, folder) {
        let Some(open) = state.book.get_mut(id) else { continue };
        let before = open.run.folder_id();
        if before == Some(number) {
            // It is there, and does not show us what is in it.
            open.folder = FolderState::Known;
            continue;
        }
        match open.run.state {
            RunState::Job(_) => {
                open.folder = FolderState::Known;
                if let Some(follow) = open.follow_mut() {
                    follow.next = now.boot;
                    follow.unreadable = None;
                }
                state.book.change(id, |run| {
                    run.error = None;
                    if let Some(attempt) = run.attempt_mut() {
                        attempt.folder_id = Some(number);
                    }
                });
                state.note(id, OfRun::ReadInMovedFolder(number));
            }
            RunState::Unknown | RunState::Held => {
                open.folder = FolderState::Moved(number);
                if let Some(inquiry) = open.inquiry_mut() {
                    inquiry.turn_to(Way::ByReference, now.boot);
                }
                state.note(id, OfRun::LookedUpInMovedFolder(number));
            }
            // Certainly not sent, as far as our database knows: it is looked up and sent in the folder as it is now.
            RunState::Armed | RunState::Waiting(_) => {
                open.folder = FolderState::Known;
                if let Some(inquiry) = open.inquiry_mut() {
                    inquiry.turn_to(Way::ByReference, now.boot);
                }
                state.wake.at_boot(now.boot);
                state.book.change_attempt(id, |attempt| attempt.folder_id = Some(number));
            }
            RunState::Starting | RunState::Ended(_) => {}
        }
    }
}

/// A folder or a process is not there by its name.
pub(crate) fn on_absent(
    state: &mut State,
    connection: &ConnectionName,
    (folder, process): (&Option<FolderChoice>, &str),
    error: &CallError,
) {
    let now = state.now;
    for id in seeking(state, connection, folder) {
        let window = state.links.get(connection).map(|link| link.connection.settle).unwrap_or_default();
        let Some(open) = state.book.get_mut(id) else { continue };
        if open.run.start().process != process {
            continue;
        }
        let absent = match (error.is_absence(), open.folder) {
            (true, FolderState::Known | FolderState::Sought | FolderState::Moved(_)) => {
                FolderState::Absent { since: now.boot }
            }
            (true, known @ FolderState::Absent { .. }) | (false, known) => known,
        };
        open.folder = absent;
        match &open.progress {
            Progress::Settling(settle) | Progress::Settled(settle) => {
                // Within its window it is looked for on.
                if absent.is_gone(now) && now.boot >= settle.from + window {
                    state.read_once(connection, id);
                    ending::lose(state, id, WhyLost::FolderGone, None);
                }
            }
            Progress::Following(_) => {
                unreadable::could_not_read(state, id, error);
            }
            // What was not sent has its own end.
            Progress::Queued(_) | Progress::Sending | Progress::Over => {}
        }
    }
}

fn seeking(state: &mut State, connection: &ConnectionName, folder: &Option<FolderChoice>) -> Vec<RunId> {
    let sought: Vec<RunId> = state.book.due().sought.iter().copied().collect();
    let in_it = |id: &RunId| {
        let run = state.book.get(*id).map(|open| &open.run);
        run.is_some_and(|run| &run.connection == connection && &run.start().folder == folder)
    };
    sought.into_iter().filter(in_it).collect()
}
