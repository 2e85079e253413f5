//! What a look-up means for its run: a table of how far the run is, what was asked, and what was found (semantics.md 16, 16b).

use super::finding::Finding;
use crate::dispatcher::core::folder_state::FolderState;
use crate::dispatcher::core::inquiry::Way;
use crate::dispatcher::core::progress::{Need, Open, Progress, Wish};
use crate::executor::AskedFor;
use crate::run::{FolderId, RunState};

/// What follows from what a look-up says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Its job is there.
    Adopt,
    /// Its folder is gone, and its job with it.
    GiveUp,
    /// The call came to nothing, or the search for its folder decides.
    PutOff,
    /// A person has decided, and no job stands against it.
    SendAsDecided,
    /// It is certain that no job was made.
    NoJob,
    /// It is asked in another way, at once.
    Ask(Way),
    /// It is asked again within the settle window.
    AskLater,
    /// A person has been asked; it is looked at seldom.
    AskHeldLater,
    /// It was never sent, and may be now.
    MaySend,
    /// It is asked no more.
    Nothing,
}

/// Where a look-up was made, as seen from the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the folder that the start went to.
    Own,
    /// In that folder, whose name is being looked for, or leads to another one by now.
    OwnAgain,
    /// In the folder that has its name now. What was learnt there can be "here it is", never "there is none": that it is not there
    /// either is believed on the same proof as elsewhere, and ends the run.
    Moved,
    /// Somewhere while its folder is looked for by its name.
    Sought,
}

/// Where a look-up in this folder was made, as seen from the run.
pub(crate) fn place(open: &Open, folder_id: FolderId) -> Place {
    let is_own = open.run.folder_id() == Some(folder_id);
    match open.folder {
        FolderState::Known => Place::Own,
        FolderState::Moved(number) if number == folder_id => Place::Moved,
        FolderState::Sought | FolderState::Moved(_) | FolderState::Absent { .. } if is_own => Place::OwnAgain,
        FolderState::Sought | FolderState::Absent { .. } => Place::Sought,
        FolderState::Moved(_) => Place::Own,
    }
}

/// The table: how far the run is × what was asked × what was found.
pub(crate) fn decide(open: &Open, purpose: AskedFor, place: Place, finding: &Finding) -> Next {
    use Finding::{Jobs, NoneShown, ProvenNone, Stale};
    let is_held = open.run.state == RunState::Held;
    match (&open.progress, finding) {
        (Progress::Queued(_) | Progress::Settling(_) | Progress::Settled(_), Jobs(_)) => Next::Adopt,
        // Our own database says that it was never sent; the look-up is for the case that the database is an old copy.
        (Progress::Queued(Need::LookUp(_)), ProvenNone | NoneShown) => Next::MaySend,
        (Progress::Queued(Need::LookUp(_)), Finding::Nothing | Stale(_)) => Next::Ask(Way::InList),
        // Not there either, and whether it was made in the old folder cannot be learnt any more.
        (Progress::Settling(_), ProvenNone)
            if place == Place::Moved && purpose != AskedFor::Settling && open.wish != Wish::StartAfterLook =>
        {
            Next::GiveUp
        }
        // What comes of the search decides; but a proof under its own number says that a right was missing for a while.
        (Progress::Settling(_), finding)
            if open.folder.is_sought() && !(place == Place::OwnAgain && matches!(finding, ProvenNone)) =>
        {
            Next::PutOff
        }
        (Progress::Settling(_), _) if open.wish == Wish::StartAfterLook && !is_held => Next::SendAsDecided,
        (Progress::Settling(_), ProvenNone)
            if place != Place::Moved && matches!(purpose, AskedFor::Settled | AskedFor::Held) =>
        {
            Next::NoJob
        }
        (Progress::Settling(_), NoneShown) if is_held || purpose == AskedFor::Settled => Next::Ask(Way::NextToNewest),
        (Progress::Settling(_), Finding::Nothing) if !is_held && purpose == AskedFor::Settled => Next::Ask(Way::InList),
        (Progress::Settling(_), ProvenNone | NoneShown | Finding::Nothing | Stale(_)) => {
            if is_held {
                Next::AskHeldLater
            } else {
                Next::AskLater
            }
        }
        (Progress::Queued(Need::Nothing | Need::Overlap) | Progress::Settled(_), _)
        | (Progress::Sending | Progress::Following(_) | Progress::Over, _) => Next::Nothing,
    }
}
