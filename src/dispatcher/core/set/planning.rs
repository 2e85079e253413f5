//! What decides when schedules are due: the planner with its marks, and what keeps schedules out of it for now.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::earlier;
use crate::dispatcher::core::book::Book;
use crate::dispatcher::core::flights::Question;
use crate::dispatcher::core::state::{Absent, State};
use crate::happening::{Happening, OfSchedule};
use crate::planner::{AskHeld, Edited, Planner, Recorded, plan_edited};
use crate::schedule::{
    ConnectionName, FolderChoice, HighWaterMark, Occurrence, Schedule, ScheduleKey, ScheduleSet, StartSpec, Timing,
};
use crate::store::{Doubt, StoredVersion};

/// All of it.
#[derive(Debug)]
pub(crate) struct Planning {
    pub(crate) planner: Planner,
    /// Marks of schedules that are not loaded, kept for when they are.
    pub(crate) parked: Vec<StoredMark>,
    pub(crate) warmed: Warmed,
    /// Folders that are asked what was started, before anything is planned there.
    pub(crate) recalls: Vec<Recall>,
    pub(crate) trusted: Trusted,
    /// While a burst is claimed in parts: when its times were found.
    pub(crate) burst_found: Option<Timestamp>,
}

impl Planning {
    /// Nothing is warmed up or recalled yet.
    pub(crate) fn new(planner: Planner, parked: Vec<StoredMark>, now: Timestamp) -> Planning {
        Planning {
            planner,
            parked,
            warmed: Warmed::from(now),
            recalls: Vec::new(),
            trusted: Trusted::No,
            burst_found: None,
        }
    }

    /// Whether times that were found together are not all claimed yet.
    pub(crate) fn is_behind(&self) -> bool {
        self.burst_found.is_some()
    }
}

/// One folder that is to be asked.
#[derive(Debug)]
pub(crate) struct Recall {
    pub(crate) connection: ConnectionName,
    pub(crate) folder: Option<FolderChoice>,
    /// By any of these the folder is found.
    pub(crate) starts: Vec<StartSpec>,
    pub(crate) schedules: Vec<ScheduleKey>,
    pub(crate) since: Timestamp,
    pub(crate) how: HowAsked,
    pub(crate) next: Duration,
    pub(crate) broken: u32,
    /// The latest time of each schedule that has a job.
    pub(crate) latest: BTreeMap<ScheduleKey, Timestamp>,
}

/// How a folder's jobs are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HowAsked {
    /// Those whose Reference begins as ours do.
    OursOnly,
    /// All of them, where that filter is refused.
    All,
}

impl Recall {
    /// What is asked there.
    pub(crate) fn question(&self) -> Question {
        Question::Recall(self.connection.clone(), self.folder.clone())
    }
}

/// Whether it has been written that the doubt is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trusted {
    No,
    Yes,
}

/// Up to where the coming times have been made ready.
#[derive(Debug)]
pub(crate) struct Warmed {
    pub(crate) until: Timestamp,
    /// Of these the places of processes are not known yet; each is looked for until its time, and then by the run itself.
    pub(crate) wanted: BTreeMap<(ConnectionName, Option<FolderChoice>, String), Timestamp>,
}

impl Warmed {
    /// Nothing yet: from this instant on.
    pub(crate) fn from(now: Timestamp) -> Warmed {
        Warmed { until: now, wanted: BTreeMap::new() }
    }
}

/// Where planning begins for a schedule whose mark was lost: as far back as it would catch up.
pub(crate) fn mark_without_memory(schedule: &Schedule, load: Timestamp) -> HighWaterMark {
    HighWaterMark(earlier(load, schedule.catch_up.window))
}

/// A mark with the hash of the timing it belongs to, and that timing itself if it can still be read.
pub(crate) type StoredMark = (ScheduleKey, HighWaterMark, String, Option<Timing>);

/// What the stored marks and the loaded schedules come to.
pub(crate) struct Settled {
    pub(crate) marks: BTreeMap<ScheduleKey, HighWaterMark>,
    /// Times that edited timings have before and after, and that are to start.
    pub(crate) due: Vec<Occurrence>,
    /// Times that the old timings still owed.
    pub(crate) recorded: Vec<Recorded>,
    /// Marks of schedules that are not loaded, kept for when they are.
    pub(crate) parked: Vec<StoredMark>,
}

/// Brings the stored marks and the loaded schedules together (semantics.md 8): a new key begins at its load; a changed timing is a new
/// version, and of the times that the old one still owed those that the new one has too are judged as they are, and the others are
/// recorded as `missed: edited`; a key that is gone loses its mark, so that it begins anew should it come back.
pub(crate) fn settle_versions(
    state: &mut State,
    set: &ScheduleSet,
    stored: Vec<StoredMark>,
    absent: Absent,
    doubt: Option<Doubt>,
) -> Settled {
    let load = state.now.wall;
    let State { book, holding, .. } = state;
    let mut known: BTreeMap<ScheduleKey, (HighWaterMark, String, Option<Timing>)> =
        stored.into_iter().map(|(key, mark, hash, timing)| (key, (mark, hash, timing))).collect();
    let mut marks = BTreeMap::new();
    let (mut due, mut recorded) = (Vec::new(), Vec::new());
    for (key, schedule) in &set.schedules {
        let mark = match known.remove(key) {
            // Most are as they were, and comparing costs less than hashing.
            Some((mark, _, Some(old))) if old == schedule.timing => mark,
            Some((mark, hash, _)) if hash == schedule.timing.hash() => mark,
            Some((mark, _, old)) => {
                let edited = edited(schedule, old, mark, load, book, &mut holding.ask());
                due.extend(edited.due);
                recorded.extend(edited.recorded);
                book.log(Happening::Schedule(key.clone(), OfSchedule::Edited));
                book.record_version(version_of(schedule, load));
                book.record_mark(key.clone(), edited.mark);
                edited.mark
            }
            None => match doubt {
                Some(Doubt::Lost) => begin(schedule, mark_without_memory(schedule, load).0, book),
                Some(Doubt::Older) | None => begin(schedule, load, book),
            },
        };
        marks.insert(key.clone(), mark);
    }
    let mut parked = Vec::new();
    for (key, (mark, hash, timing)) in known {
        match absent {
            Absent::Retire => {
                book.log(Happening::Schedule(key.clone(), OfSchedule::Retired));
                book.record_retired(key);
            }
            Absent::Park => parked.push((key, mark, hash, timing)),
        }
    }
    Settled { marks, due, recorded, parked }
}

fn begin(schedule: &Arc<Schedule>, load: Timestamp, book: &mut Book) -> HighWaterMark {
    let mark = HighWaterMark(load);
    book.record_version(version_of(schedule, load));
    book.record_mark(schedule.key.clone(), mark);
    mark
}

fn edited(
    schedule: &Arc<Schedule>,
    old: Option<Timing>,
    mark: HighWaterMark,
    load: Timestamp,
    book: &mut Book,
    held: AskHeld<'_>,
) -> Edited {
    match old.map(|timing| timing.compile(schedule.key.as_str())) {
        Some(Ok(recurrence)) => plan_edited(schedule, &recurrence, mark, load, held),
        Some(Err(_)) | None => {
            let what = OfSchedule::OldTimesUnknown { since: mark.0 };
            book.log(Happening::Schedule(schedule.key.clone(), what));
            Edited { due: Vec::new(), recorded: Vec::new(), mark: HighWaterMark(load) }
        }
    }
}

/// The version to store for a schedule that is new or edited.
fn version_of(schedule: &Schedule, at: Timestamp) -> StoredVersion {
    StoredVersion { schedule: schedule.key.clone(), timing: schedule.timing.clone(), loaded_at: at }
}
