//! Folders whose number changed: a change of plan or a redeployed solution gives a folder of the same name another one.
//!
//! Orchestrator answers 1100 to every call with the old number. The folder is found again by its name, for starts and for what is
//! followed (semantics.md 22). An unclear start is never settled as "no job was made" in another folder: it is looked for
//! under the new number too, and given up if it is not there (16b).

use std::time::Duration;

use super::Core;
use super::link::Link;
use super::open::{FolderState, Verdict};
use crate::clock::Reading;
use crate::executor::Action;
use crate::orchestrator::CallError;
use crate::run::{FolderId, RunId, RunState};
use crate::schedule::{ConnectionName, FolderChoice};

/// So long nothing may have a folder's name before it is believed to be gone: a gateway may say so once, and a right may be missing for
/// some minutes. Nothing is lost by the wait, as no start could be made in it.
const GONE_AFTER: Duration = Duration::from_secs(600);

/// Why a run whose folder is gone is given up.
pub(super) const FOLDER_GONE: &str = "its folder no longer exists";

impl FolderState {
    /// Whether its own number was answered 1100, and nothing has come of the search for its name yet.
    pub(super) fn is_sought(self) -> bool {
        match self {
            FolderState::Sought | FolderState::Absent { .. } => true,
            FolderState::Known | FolderState::Moved(_) => false,
        }
    }

    /// Whether nothing has had its name for some time.
    pub(super) fn is_gone(self, now: Reading) -> bool {
        matches!(self, FolderState::Absent { since } if now.boot.saturating_sub(since) >= GONE_AFTER)
    }
}

impl Link {
    /// The next look for any process of this folder finds the folder anew.
    pub(super) fn forget_folder(&mut self, folder: &Option<FolderChoice>) {
        self.targets.retain(|(known, _), _| known != folder);
    }
}

impl Core {
    /// A call in the folder of these runs was answered 1100: the folder is looked for by its name.
    pub(super) fn seek_folder(&mut self, connection: &ConnectionName, ids: &[RunId]) {
        for id in ids {
            let Some(open) = self.book.get_mut(*id) else { continue };
            match open.folder {
                FolderState::Known => open.folder = FolderState::Sought,
                // The last look may have come to nothing.
                FolderState::Sought | FolderState::Absent { .. } => {}
                FolderState::Moved(_) => continue,
            }
            let start = open.run.start().clone();
            let Some(link) = self.links.get_mut(connection) else { continue };
            let asked = self.actions.iter().any(|action| {
                matches!(action, Action::Resolve { connection: c, folder, .. } if c == connection && *folder == start.folder)
            });
            link.forget_folder(&start.folder);
            if !asked {
                let action = link.find(start.folder, start.process);
                self.actions.push(action);
            }
        }
    }

    /// A folder has answered under its number, so it exists, also if its name was not found before.
    pub(super) fn folder_answered(&mut self, folder_id: FolderId, runs: impl Iterator<Item = RunId>) {
        for id in runs {
            if let Some(open) = self.book.get_mut(id)
                && open.folder.is_sought()
                && open.run.attempt().and_then(|attempt| attempt.folder_id) == Some(folder_id)
            {
                open.folder = FolderState::Known;
            }
        }
    }

    /// A folder's name leads to this number now.
    pub(super) fn folder_was_found(
        &mut self,
        connection: &ConnectionName,
        folder: &Option<FolderChoice>,
        number: FolderId,
        now: Reading,
    ) {
        for id in self.seeking(connection, folder) {
            let Some(open) = self.book.get_mut(id) else { continue };
            let before = open.run.attempt().and_then(|attempt| attempt.folder_id);
            if before == Some(number) {
                // It is there, and does not show us what is in it.
                open.folder = FolderState::Known;
                continue;
            }
            match open.run.state {
                RunState::Job(_) => {
                    open.folder = FolderState::Known;
                    if let Some(follow) = open.follow.as_mut() {
                        follow.next = now.boot;
                        follow.unreadable = None;
                    }
                    self.book.change(id, |run| {
                        run.error = None;
                        if let Some(attempt) = run.attempt_mut() {
                            attempt.folder_id = Some(number);
                        }
                    });
                    self.book.note(
                        id,
                        now.wall,
                        format!("Its folder has the number {number} now; its job is read there"),
                    );
                }
                RunState::Unknown | RunState::Held => {
                    open.folder = FolderState::Moved(number);
                    if let Some(settle) = open.settle.as_mut() {
                        settle.verdict = Verdict::Open;
                        settle.next = now.boot;
                    }
                    self.book.note(
                        id,
                        now.wall,
                        format!("Its folder has the number {number} now; it is looked up there too"),
                    );
                }
                // Certainly not sent, as far as our database knows: it is looked up and sent in the folder as it is now.
                RunState::Armed | RunState::Waiting(_) => {
                    open.folder = FolderState::Known;
                    if let Some(settle) = open.settle.as_mut() {
                        settle.verdict = Verdict::Open;
                        settle.next = now.boot;
                    }
                    self.wake.at_boot(now.boot);
                    self.book.change(id, |run| {
                        if let Some(attempt) = run.attempt_mut() {
                            attempt.folder_id = Some(number);
                        }
                    });
                }
                RunState::Starting | RunState::Ended(_) => {}
            }
        }
    }

    /// A folder or a process is not there by its name.
    pub(super) fn folder_was_not_found(
        &mut self,
        connection: &ConnectionName,
        folder: &Option<FolderChoice>,
        process: &str,
        error: &CallError,
        now: Reading,
    ) {
        for id in self.seeking(connection, folder) {
            let window = self.links.get(connection).map(|link| link.connection.settle).unwrap_or_default();
            let Some(open) = self.book.get_mut(id) else { continue };
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
            match (open.run.state, open.settle) {
                (RunState::Unknown | RunState::Held, Some(settle))
                    if absent.is_gone(now) && now.boot >= settle.from + window =>
                {
                    self.read_once(connection, id);
                    self.lose(id, FOLDER_GONE, None, now);
                }
                (RunState::Job(_), _) => {
                    self.could_not_read(id, error, now);
                }
                // Within its window it is looked for on; what was not sent has its own end.
                (RunState::Unknown | RunState::Held, _)
                | (RunState::Armed | RunState::Waiting(_) | RunState::Starting | RunState::Ended(_), _) => {}
            }
        }
    }

    fn seeking(&mut self, connection: &ConnectionName, folder: &Option<FolderChoice>) -> Vec<RunId> {
        let sought: Vec<RunId> = self.book.due().sought.iter().copied().collect();
        let in_it = |id: &RunId| {
            let run = self.book.get(*id).map(|open| &open.run);
            run.is_some_and(|run| &run.connection == connection && &run.start().folder == folder)
        };
        sought.into_iter().filter(in_it).collect()
    }
}
