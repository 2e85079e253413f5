//! May a due time start, given what is open? Overlap is a function of a list, not of locks (semantics.md 11).
//!
//! Absent: which runs count (`dispatcher`).

use crate::run::RunId;
use crate::schedule::OverlapPolicy;

/// An open run of the same schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActiveRun {
    /// Its id.
    pub id: RunId,
    /// Whether its state is known to be current.
    pub knowledge: Knowledge,
}

/// How much is known of an open run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knowledge {
    /// Read from Orchestrator at or after the due time that asks, or without a job.
    Current,
    /// Its job was last read before that, perhaps by an earlier process: it may have ended since.
    NotReadYet,
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Start it.
    Start,
    /// Do not: this run is open.
    Skip(RunId),
    /// Ask again when the older runs have been read from Orchestrator.
    AskAgain,
}

/// `open` are the runs that count, oldest first (semantics.md 11, 16b). Asked at the due time, and again for a run that waited.
pub fn decide(policy: OverlapPolicy, open: &[ActiveRun]) -> Admission {
    match policy {
        OverlapPolicy::Allow => Admission::Start,
        OverlapPolicy::Skip => match open.iter().find(|run| run.knowledge == Knowledge::Current) {
            Some(current) => Admission::Skip(current.id),
            None if open.is_empty() => Admission::Start,
            None => Admission::AskAgain,
        },
    }
}
