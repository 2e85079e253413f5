//! May a due time start, given what is open? Overlap is a function of a list, not of locks.
//!
//! Pure. Absent: limits on rate and number (`dispatcher`), since they delay a start and never drop it.

use crate::run::RunId;
use crate::schedule::{Occurrence, OverlapPolicy};

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
    /// Ask again when the older runs have been read from Orchestrator (semantics.md 11).
    AskAgain,
}

/// Decides by the schedule's overlap policy. `open` are the runs that count (semantics.md 11, 16b).
pub fn admit(occurrence: &Occurrence, open: &[ActiveRun]) -> Admission {
    admit_by(occurrence.schedule.overlap, open)
}

/// The same for a run that waited and is asked about again.
pub fn admit_by(policy: OverlapPolicy, open: &[ActiveRun]) -> Admission {
    match policy {
        OverlapPolicy::Allow => Admission::Start,
        OverlapPolicy::Skip => match open.iter().find(|run| run.knowledge == Knowledge::Current) {
            Some(current) => Admission::Skip(current.id),
            None if open.is_empty() => Admission::Start,
            None => Admission::AskAgain,
        },
    }
}
