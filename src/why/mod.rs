//! Why a time of a schedule ran or did not, past or to come (semantics.md 36).
//!
//! [`Why::ask`] reads what is known (rows, marks, versions of the schedule) and [`decide`] judges it; words are put together in [`words`]
//! only. The same answer is meant for the command line, the API and the page.
//!
//! Absent: the whole story of a run (`history`), and what is to happen at a time (`planner`, `dispatcher`): this reads, and decides nothing
//! that runs.

mod decide;
mod delay;
mod facts;
mod wanted;
mod words;

use jiff::Timestamp;

pub use self::decide::decide;
pub use self::delay::{Delay, Span, spans};
pub use self::facts::{Facts, Version};
pub use self::wanted::NotMeant;
use crate::history::{History, HistoryError, RunLine, RunSummary};
use crate::policy::holds::Holds;
use crate::recurrence::{Nominal, Zone};
use crate::run::{Held, PauseScope};
use crate::schedule::{Enablement, OverlapPolicy, Schedule};

/// The answer for one time.
#[derive(Clone, Debug)]
pub struct Why {
    /// Whose time.
    pub schedule: String,
    /// Which.
    pub nominal_at: Timestamp,
    /// The zone of its schedule.
    pub zone: Zone,
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

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// Neither the files nor the history know the name.
    #[error("there is no schedule `{0}`, neither in the files nor in the history")]
    NoSchedule(String),
    /// The time cannot be told.
    #[error(transparent)]
    NotMeant(#[from] NotMeant),
    /// The history cannot be read.
    #[error(transparent)]
    History(#[from] HistoryError),
}

impl Why {
    /// Answers for the time of a schedule that a person means by `text`; without one, for the last that was due.
    ///
    /// # Errors
    /// See [`NoAnswer`].
    pub async fn ask(
        history: Option<&History>,
        key: &str,
        schedule: Option<&Schedule>,
        holds: &mut Holds,
        text: Option<&str>,
        now: Timestamp,
    ) -> Result<Why, NoAnswer> {
        let mut facts = Facts::of(history, key, schedule, now).await?;
        let at = facts.meant(history, text).await?;
        facts.read(history, at).await?;
        Ok(decide(facts, holds, at))
    }

    /// Answers for an instant.
    ///
    /// # Errors
    /// See [`NoAnswer`].
    pub async fn ask_at(
        history: &History,
        key: &str,
        schedule: Option<&Schedule>,
        holds: &mut Holds,
        at: Timestamp,
        now: Timestamp,
    ) -> Result<Why, NoAnswer> {
        let mut facts = Facts::of(Some(history), key, schedule, now).await?;
        facts.read(Some(history), at).await?;
        Ok(decide(facts, holds, at))
    }
}

impl Answer {
    /// Its stable name, for machines.
    pub fn name(&self) -> &str {
        match self {
            Answer::Row(row) => decide::name_of(&row.run.state),
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
