//! A run: our record of one occurrence, from the claim to its end.
//!
//! One enum of states; an illegal step is an error, never a silent correction. States, reasons and their names are those of
//! the `history` view and of `-o json`: they are stable.
//!
//! Pure: no clock, no network, no database.

mod id;
mod record;
mod reference;
mod state;

pub use id::{FolderId, InstallationId, JobId, JobKey, RunId};
pub use record::{Attempt, Evidence, HeldFor, JobRef, ListCalls, Run, Seen, ShortFolder};
pub use reference::Reference;
pub use state::{Ending, IllegalStep, JobPhase, MissReason, RunEvent, RunState, SkipReason, WaitReason};
