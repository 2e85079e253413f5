//! Reading the schedule files again, as a running daemon does it.
//!
//! The daemon's reloader does it, behind a trait: it is above this module and is not known here.

use std::fmt;
use std::pin::Pin;

use crate::schedule::{Change, Diagnostic, Loss, Removals};

/// What came of reading the files again.
#[derive(Clone, Debug)]
pub enum Reloaded {
    /// They say what is loaded already.
    Unchanged,
    /// The new set holds.
    Taken(Change),
    /// They lost too much.
    HeldBack {
        /// What would be gone.
        loss: Loss,
        /// What to do about it.
        cure: String,
    },
    /// They have mistakes.
    Wrong(Vec<Diagnostic>),
    /// A connection cannot be used at all.
    Unusable(String),
    /// The daemon is stopping; the next start reads them.
    Stopping,
}

/// One reading of the files.
#[derive(Clone, Debug)]
pub struct Reread {
    /// What came of it.
    pub outcome: Reloaded,
    /// What is doubtful in files without mistakes.
    pub warnings: Vec<Diagnostic>,
    /// How many schedules are loaded afterwards.
    pub schedules: usize,
}

/// Reads the schedule files again.
pub trait Rereads: fmt::Debug + Send + Sync {
    /// Once, together with all who ask at the same time.
    fn reread(&self, removals: Removals) -> Pin<Box<dyn Future<Output = Reread> + Send + '_>>;

    /// The files and folders that it reads, as they were named.
    fn paths(&self) -> Vec<String>;
}
