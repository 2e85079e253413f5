//! Which times of the past are made good, given what has become of each (semantics.md 33).
//!
//! Absent: where the times come from (`web`), and how their runs go (`dispatcher`).

use std::collections::BTreeSet;

use crate::run::{Ending, MissReason, RunState, SkipReason};
use crate::schedule::Trigger;

/// What became of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// It should have run, and was not started. The only kind that is taken without being named.
    Missed,
    /// An older run was open.
    Overlap,
    /// Its schedule was disabled.
    Disabled,
    /// An edit took it out.
    Edited,
    /// A pause held it, or a person had it skipped.
    Paused,
    /// It lay in a window in which nothing is started.
    Blackout,
    /// It was started, whatever came of it.
    Ran,
    /// It is a time of what the file says now that has no row.
    Unplanned,
}

impl Kind {
    /// Those that can be added by name.
    pub const NAMED: [Kind; 7] =
        [Kind::Overlap, Kind::Disabled, Kind::Edited, Kind::Paused, Kind::Blackout, Kind::Ran, Kind::Unplanned];

    /// Its name on the command line and in the API.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Missed => "missed",
            Kind::Overlap => "overlap",
            Kind::Disabled => "disabled",
            Kind::Edited => "edited",
            Kind::Paused => "paused",
            Kind::Blackout => "blackout",
            Kind::Ran => "ran",
            Kind::Unplanned => "unplanned",
        }
    }
}

/// A run of the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// By whom.
    pub trigger: Trigger,
    /// How it stands.
    pub state: RunState,
}

/// Whether a time is made good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Choice {
    /// It is.
    Taken(Kind),
    /// A run of it is open.
    Open,
    /// A run of it has succeeded.
    Succeeded,
    /// It would have to be named.
    NotNamed(Kind),
    /// Nobody wanted it to run, or a person has decided about it: it can be started one by one.
    Never,
}

/// `rows` are all runs of one time: what its plan made of it, if anything, and what people have started for it.
pub fn decide(rows: &[Row], named: &BTreeSet<Kind>) -> Choice {
    if rows.iter().any(|row| !row.state.is_final()) {
        return Choice::Open;
    }
    if rows.iter().any(|row| row.state == RunState::Ended(Ending::Succeeded)) {
        // Whatever its plan made of it, a robot has done it, and would do it again.
        return if named.contains(&Kind::Ran) { Choice::Taken(Kind::Ran) } else { Choice::Succeeded };
    }
    let planned = rows.iter().find(|row| row.trigger.is_planned());
    let Some(kind) = planned.map_or(Some(Kind::Unplanned), |row| kind(row.state)) else { return Choice::Never };
    if kind == Kind::Missed || named.contains(&kind) { Choice::Taken(kind) } else { Choice::NotNamed(kind) }
}

/// None: it is never taken.
fn kind(state: RunState) -> Option<Kind> {
    match state {
        RunState::Armed
        | RunState::Waiting(_)
        | RunState::Starting
        | RunState::Unknown
        | RunState::Held
        | RunState::Job(_) => None,
        RunState::Ended(ending) => match ending {
            Ending::Missed(MissReason::Edited) => Some(Kind::Edited),
            Ending::Missed(MissReason::Down | MissReason::Window | MissReason::Deadline | MissReason::Limit) => {
                Some(Kind::Missed)
            }
            Ending::Skipped(SkipReason::Overlap) => Some(Kind::Overlap),
            Ending::Skipped(SkipReason::Disabled) => Some(Kind::Disabled),
            Ending::Skipped(SkipReason::Paused) => Some(Kind::Paused),
            Ending::Skipped(SkipReason::Blackout) => Some(Kind::Blackout),
            Ending::Skipped(SkipReason::Calendar | SkipReason::Parent | SkipReason::UnknownStart)
            | Ending::Cancelled => None,
            Ending::Succeeded
            | Ending::Faulted
            | Ending::Stopped
            | Ending::TimedOut
            | Ending::Rejected
            | Ending::Lost => Some(Kind::Ran),
        },
    }
}
