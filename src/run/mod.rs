//! A run: our record of one occurrence, from the claim to its end.
//!
//! One enum of states; an illegal step is an error, never a silent correction. States, reasons and their names are those of
//! the `history` view and of `-o json`: they are stable.
//!
//! Pure: no clock, no network, no database.

mod attempt;
mod holding;
mod id;
mod record;
mod reference;
mod state;
mod stop;
mod work;

pub use attempt::{Attempt, JobRef};
pub use holding::{Account, Held, HeldBy, Pause, PauseId, PauseScope, SkipMark};
pub use id::{FolderId, InstallationId, JobId, JobKey, RunId, VersionId};
pub use record::{Evidence, HeldFor, ListCalls, Run, Seen, ShortFolder};
pub use reference::Reference;
pub use state::{Ending, IllegalStep, JobPhase, MissReason, RunEvent, RunState, SkipReason, WaitReason};
pub use stop::{DUPLICATE, FaultClass, HAD_BEGUN, JobEnding, STUCK, StopIntent, StopStep, StoppedBy, TimeLimit};
pub use work::{FrozenPolicy, InWindows, Work};
