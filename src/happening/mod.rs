//! What happened: typed facts, each with its words, its level and its cure apart.
//!
//! One source for a run's story, the log, and later for notices and metrics. A fact is made where it is decided; words are put together
//! here, and only for whoever is shown them. Nobody takes a sentence apart.

mod cause;
mod of_connection;
mod of_daemon;
mod of_run;
mod of_run_words;
mod of_schedule;
mod reasons;

pub use self::cause::{Cause, Level};
pub use self::of_connection::OfConnection;
pub use self::of_daemon::OfDaemon;
pub use self::of_run::OfRun;
pub use self::of_schedule::OfSchedule;
pub use self::reasons::{
    Came, Fate, HowFound, NotRun, OldBlocker, WaitedFor, WhyHeld, WhyLost, WhyPaused, WhyToStop, WhyUnwanted,
};
use crate::run::{RunId, RunState};
use crate::schedule::{ConnectionName, ScheduleKey};

/// Logs at a level that is known only when it runs; `tracing` wants it as a constant.
macro_rules! at_level {
    ($level:expr, $($fields:tt)+) => {
        match $level {
            Level::Debug => tracing::debug!($($fields)+),
            Level::Info => tracing::info!($($fields)+),
            Level::Warning => tracing::warn!($($fields)+),
            Level::Error => tracing::error!($($fields)+),
        }
    };
}

/// One fact, with what it is about.
#[derive(Clone, Debug)]
pub enum Happening {
    /// About a run.
    Run {
        /// Which.
        run: RunId,
        /// Of which schedule; unknown of one that ended long ago.
        schedule: Option<ScheduleKey>,
        /// Its state after it, and whether that is new.
        state: Now,
        /// What.
        what: OfRun,
    },
    /// About a connection.
    Connection(ConnectionName, OfConnection),
    /// About a schedule.
    Schedule(ScheduleKey, OfSchedule),
    /// About the daemon or its machine.
    Daemon(OfDaemon),
}

/// A run's state with a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Now {
    /// It is this by the fact.
    Becomes(RunState),
    /// It is this and stays so.
    Stays(RunState),
    /// It ended before.
    Ended,
}

impl Happening {
    /// How much a person should care.
    pub fn level(&self) -> Level {
        match self {
            Happening::Run { what, .. } => what.level(),
            Happening::Connection(_, what) => what.level(),
            Happening::Schedule(_, what) => what.level(),
            Happening::Daemon(what) => what.level(),
        }
    }

    /// The line of the log.
    pub fn line(&self) -> String {
        match self {
            Happening::Run { run, schedule, state, what } => {
                let of = schedule.as_ref().map_or_else(|| format!("run {}", run.short()), |key| format!("`{key}`"));
                match state {
                    Now::Becomes(state) => format!("{of} is {state}: {what}"),
                    Now::Stays(_) | Now::Ended => format!("{of}: {what}"),
                }
            }
            Happening::Connection(name, what) => format!("Connection `{name}`: {what}"),
            Happening::Schedule(key, what) => format!("Schedule `{key}`: {what}"),
            Happening::Daemon(what) => what.to_string(),
        }
    }

    /// Logs it, with what it is about as fields.
    pub fn log(&self) {
        let line = self.line();
        match self {
            Happening::Run { run, schedule, state, .. } => {
                // As text, not as a quoted one: readers of the journal compare it.
                let schedule = schedule.as_ref().map(tracing::field::display);
                let state = match state {
                    Now::Becomes(state) | Now::Stays(state) => state.to_string(),
                    Now::Ended => "ended".to_owned(),
                };
                at_level!(self.level(), run.id = %run, schedule, %state, "{line}");
            }
            Happening::Connection(name, _) => at_level!(self.level(), connection = %name, "{line}"),
            Happening::Schedule(key, _) => at_level!(self.level(), schedule = %key, "{line}"),
            Happening::Daemon(_) => at_level!(self.level(), "{line}"),
        }
    }

    /// Whether it is so although what came with it could not be stored: how a connection or the machine is.
    pub fn is_known_anyway(&self) -> bool {
        match self {
            Happening::Connection(..) | Happening::Daemon(_) => true,
            Happening::Run { .. } | Happening::Schedule(..) => false,
        }
    }

    /// The run it is about.
    pub fn run(&self) -> Option<RunId> {
        match self {
            Happening::Run { run, .. } => Some(*run),
            Happening::Connection(..) | Happening::Schedule(..) | Happening::Daemon(_) => None,
        }
    }
}
