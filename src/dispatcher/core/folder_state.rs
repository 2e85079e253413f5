//! Whether Orchestrator knows the folder of a run by its number: a change of plan gives a folder another one.

use std::time::Duration;

use crate::clock::Reading;
use crate::run::FolderId;

/// Whether Orchestrator knows the folder of a run's last call by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FolderState {
    /// As far as is known.
    Known,
    /// It does not, and the folder is looked for by its name.
    Sought,
    /// The name leads to this number now: what was started under the old one is looked for here.
    Moved(FolderId),
    /// No folder has had that name since then, in boot time.
    Absent { since: Duration },
}

impl FolderState {
    /// Nothing may have a folder's name for so long before it is believed to be gone: a gateway may say so once, and a right may be
    /// missing for some minutes. Nothing is lost by the wait, as no start could be made in it.
    const GONE_AFTER: Duration = Duration::from_secs(600);

    /// Whether its own number was answered 1100, and nothing has come of the search for its name yet.
    pub(crate) fn is_sought(self) -> bool {
        match self {
            FolderState::Sought | FolderState::Absent { .. } => true,
            FolderState::Known | FolderState::Moved(_) => false,
        }
    }

    /// Whether nothing has had its name for some time.
    pub(crate) fn is_gone(self, now: Reading) -> bool {
        matches!(self, FolderState::Absent { since } if now.boot.saturating_sub(since) >= FolderState::GONE_AFTER)
    }
}
