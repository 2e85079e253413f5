//! What is answered.

use jiff::Timestamp;

use super::delay::Span;
use crate::history::{RunLine, RunSummary, ShownState};
use crate::recurrence::{Excluded, Nominal, Zone};
use crate::run::{Ending, Held, PauseScope, RunState};
use crate::schedule::{Enablement, OverlapPolicy};

/// The answer for one time.
#[derive(Clone, Debug)]
pub struct Why {
    /// Whose time.
    pub schedule: String,
    /// Which.
    pub nominal_at: Timestamp,
    /// The zone of its schedule.
    pub zone: Zone,
    /// Whether the files have it now.
    pub is_loaded: bool,
    /// What is known of it.
    pub answer: Answer,
    /// Further runs of that time: by hand and back-fills, newest first.
    pub others: Vec<RunSummary>,
}

/// What became of a time, or will.
#[derive(Clone, Debug)]
pub enum Answer {
    /// It has a row, its own or one that it shares.
    Row(Box<Row>),
    /// It is yet to come.
    Coming(Box<Coming>),
    /// It has come, and the daemon has not judged it yet: up to where it has. None: no daemon has loaded this schedule.
    NotYet {
        /// What of the files it is by.
        planned: Box<Nominal>,
        /// Up to where the daemon has come.
        mark: Option<Timestamp>,
    },
    /// The schedule has no such time.
    NotPlanned {
        /// The time before it.
        before: Option<Box<Nominal>>,
        /// The time after it.
        after: Option<Box<Nominal>>,
        /// Whether by times that were changed since: when those of then were loaded.
        loaded_at: Option<Timestamp>,
    },
    /// The schedule was loaded first at this later instant.
    BeforeItExisted {
        /// When.
        loaded_at: Timestamp,
    },
    /// The schedule of then had it, and it has no row (any more).
    NoRow {
        /// The oldest row of the schedule.
        oldest: Option<Timestamp>,
    },
}

/// A row, with what explains it.
#[derive(Clone, Debug)]
pub struct Row {
    /// The row.
    pub run: RunSummary,
    /// Its story.
    pub lines: Vec<RunLine>,
    /// What an older run did to it, as it was claimed; none: of before that was kept.
    pub overlap: Option<OverlapPolicy>,
    /// What it waited for before a robot began it, longest first.
    pub delay: Vec<Span>,
    /// Who stands in front of it, if it waits.
    pub in_front: Vec<RunSummary>,
}

/// A time that is yet to come.
#[derive(Clone, Debug)]
pub struct Coming {
    /// The time.
    pub time: Nominal,
    /// Whether its schedule is on.
    pub enablement: Enablement,
    /// What pauses, marks and blackouts make of it.
    pub held: Held,
    /// Which pause it is, if one holds it.
    pub paused: Option<PauseScope>,
    /// What becomes of it if an older run is open then.
    pub overlap: OverlapPolicy,
    /// The runs of its schedule that are open now.
    pub open: Vec<RunSummary>,
}

impl Answer {
    /// Its stable name, for machines.
    pub fn name(&self) -> &str {
        match self {
            Answer::Row(row) => name_of(&row.run.state),
            Answer::Coming(_) => "coming",
            Answer::NotYet { .. } => "not_yet",
            Answer::NotPlanned { .. } => "not_planned",
            Answer::BeforeItExisted { .. } => "before_it_existed",
            Answer::NoRow { .. } => "no_row",
        }
    }

    /// The run that it is told of.
    pub fn run(&self) -> Option<&str> {
        match self {
            Answer::Row(row) => Some(&row.run.run),
            Answer::Coming(_)
            | Answer::NotYet { .. }
            | Answer::NotPlanned { .. }
            | Answer::BeforeItExisted { .. }
            | Answer::NoRow { .. } => None,
        }
    }

    /// The stable name of its reason: that of the row, or what will keep a coming time from running.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Answer::Row(row) => row.run.state.reason(),
            Answer::Coming(coming) => coming.reason(),
            Answer::NotYet { .. }
            | Answer::NotPlanned { .. }
            | Answer::BeforeItExisted { .. }
            | Answer::NoRow { .. } => None,
        }
    }
}

impl Coming {
    /// What will keep it from running, or from running on time, by its stable name.
    pub(super) fn reason(&self) -> Option<&'static str> {
        if self.enablement == Enablement::Disabled {
            return Some("disabled");
        }
        if self.time.excluded == Excluded::Yes {
            return Some("calendar");
        }
        match &self.held {
            Held::No => None,
            Held::Skipped(by) => RunState::Ended(Ending::Skipped(by.skips_as())).reason(),
            Held::Waits { .. } => Some("blackout"),
        }
    }
}

/// What became of a row, by a stable name: of a run that was started, `ran` or what it does; else the state's own.
pub(super) fn name_of(state: &ShownState) -> &str {
    let Some(known) = state.known() else { return state.name() };
    match known {
        RunState::Ended(Ending::Succeeded | Ending::Faulted | Ending::Stopped | Ending::TimedOut | Ending::Lost) => {
            "ran"
        }
        RunState::Job(_) => "runs",
        RunState::Starting | RunState::Unknown => "unclear",
        RunState::Armed
        | RunState::Waiting(_)
        | RunState::Held
        | RunState::Ended(Ending::Rejected | Ending::Skipped(_) | Ending::Missed(_) | Ending::Cancelled) => {
            known.name()
        }
    }
}
