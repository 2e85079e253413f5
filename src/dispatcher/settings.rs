//! What a dispatcher is begun with.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::core::{Absent, Pace};
use crate::clock::{Clock, Reading};
use crate::executor::{Executor, Report};
use crate::schedule::ScheduleSet;
use crate::store::{LoadedState, Store};

/// All that a dispatcher needs.
pub struct DispatcherSettings {
    /// The time.
    pub clock: Clock,
    /// The writer.
    pub store: Store,
    /// Who carries things out.
    pub executor: Executor,
    /// What it says.
    pub reports: mpsc::UnboundedReceiver<Report>,
    /// The schedules.
    pub set: Arc<ScheduleSet>,
    /// What becomes of schedules that the database knows and the set does not have.
    pub absent: Absent,
    /// What the database held when it was opened.
    pub state: LoadedState,
    /// When the lock was taken.
    pub opened: Reading,
    /// How often jobs are read.
    pub pace: Pace,
}

impl std::fmt::Debug for DispatcherSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DispatcherSettings").field("schedules", &self.set.schedules.len()).finish_non_exhaustive()
    }
}
