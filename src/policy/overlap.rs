//! May a due time start, given what is open? Overlap is a function of a list, not of locks (semantics.md 11).
//!
//! Absent: which runs count (`dispatcher`).

use crate::run::RunId;
use crate::schedule::OverlapPolicy;

/// An open run of the same schedule that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActiveRun {
    /// Its id.
    pub id: RunId,
    /// Whether its state is known to be current.
    pub knowledge: Knowledge,
    /// How far it is.
    pub stage: Stage,
}

/// How much is known of an open run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knowledge {
    /// Read from Orchestrator at or after the due time that asks, or without a job.
    Current,
    /// Its job was last read before that, perhaps by an earlier process: it may have ended since.
    NotReadYet,
}

/// How far an open run is, as far as a newer one has to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It was never sent.
    Unsent,
    /// Its call is under way, or it may have been sent: whether it has a job is not known.
    Unclear,
    /// It has a job.
    Job,
    /// Its last job has failed, and it waits for another attempt.
    Retrying,
    /// It was given up and counts for a while: nothing can be done about its job.
    GivenUp,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Start it.
    Start,
    /// Do not: this run is open.
    Skip(RunId),
    /// It waits for this run's end.
    Behind(RunId),
    /// It waits for the end of the first, and these, which waited as well, are not started.
    InPlaceOf(RunId, Vec<RunId>),
    /// It waits until these have ended, which are made to.
    AfterStopping(Vec<ActiveRun>),
    /// More wait than may.
    TooMany,
    /// Ask again when the older runs have been read from Orchestrator.
    AskAgain,
}

/// `open` are the runs that count, oldest first (semantics.md 11, 16b). Asked at the due time, and again for a run that waited.
///
/// Of a job that has not been read since, it is not known whether it is still open: nothing is decided because of it.
pub fn decide(policy: OverlapPolicy, open: &[ActiveRun]) -> Admission {
    let Some(front) = open.first() else { return Admission::Start };
    let certain = open.iter().filter(|run| run.knowledge == Knowledge::Current);
    let unread = open.iter().any(|run| run.knowledge == Knowledge::NotReadYet);
    let waiting = open.iter().filter(|run| run.stage == Stage::Unsent).count();
    match policy {
        OverlapPolicy::Allow => Admission::Start,
        OverlapPolicy::Skip => match certain.into_iter().next() {
            Some(current) => Admission::Skip(current.id),
            None => Admission::AskAgain,
        },
        OverlapPolicy::QueueOne => {
            let certain: Vec<&ActiveRun> = certain.collect();
            // Two that run next to each other, as one of them may by a policy of its own, leave the place in the queue free.
            let behind_front = certain.iter().skip(1).find(|run| run.stage == Stage::Unsent);
            let in_queue = behind_front.or(certain.first().filter(|run| run.stage == Stage::Unsent));
            match (certain.len(), in_queue) {
                (0 | 1, _) if unread => Admission::AskAgain,
                (0 | 1, _) | (_, None) => Admission::Behind(front.id),
                (_, Some(waiting)) => Admission::Skip(waiting.id),
            }
        }
        OverlapPolicy::QueueAll if waiting >= OverlapPolicy::LONGEST_QUEUE => Admission::TooMany,
        // One that is open for sure is in front, whatever has become of the others.
        OverlapPolicy::QueueAll if certain.count() > 0 => Admission::Behind(front.id),
        OverlapPolicy::QueueAll => Admission::AskAgain,
        OverlapPolicy::QueueLatest | OverlapPolicy::StopOther | OverlapPolicy::KillOther if unread => {
            Admission::AskAgain
        }
        OverlapPolicy::QueueLatest => {
            let replaced: Vec<RunId> =
                open.iter().skip(1).filter(|run| run.stage == Stage::Unsent).map(|run| run.id).collect();
            if replaced.is_empty() { Admission::Behind(front.id) } else { Admission::InPlaceOf(front.id, replaced) }
        }
        OverlapPolicy::StopOther | OverlapPolicy::KillOther => Admission::AfterStopping(open.to_vec()),
    }
}
