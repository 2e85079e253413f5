//! Facts about the daemon and its machine.

use std::fmt;

use jiff::SignedDuration;

use super::cause::Level;
use crate::run::PauseScope;
use crate::text::roughly;

/// What happened to the daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OfDaemon {
    /// The clock was set by so much.
    ClockSet(SignedDuration),
    /// No turn was taken for so long.
    Slept(SignedDuration),
    /// The database is new, though this installation has started robots.
    DatabaseLost {
        /// So many folders are asked first.
        folders: usize,
    },
    /// The database is an older copy.
    DatabaseOlder {
        /// So many folders are asked first.
        folders: usize,
    },
    /// A person holds something back.
    Paused {
        /// What.
        scope: PauseScope,
        /// Who.
        actor: String,
        /// Why.
        reason: Option<String>,
    },
    /// A person ends that.
    Resumed {
        /// What.
        scope: PauseScope,
        /// Who.
        actor: String,
    },
    /// A step that the states do not allow was not taken: a fault of this program.
    IllegalStep(String),
}

impl OfDaemon {
    pub(super) fn level(&self) -> Level {
        match self {
            OfDaemon::ClockSet(_)
            | OfDaemon::Slept(_)
            | OfDaemon::DatabaseLost { .. }
            | OfDaemon::DatabaseOlder { .. } => Level::Warning,
            OfDaemon::Paused { .. } | OfDaemon::Resumed { .. } => Level::Info,
            OfDaemon::IllegalStep(_) => Level::Error,
        }
    }
}

impl fmt::Display for OfDaemon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OfDaemon::ClockSet(by) => write!(
                f,
                "The clock was set {} by {}; due times are judged by the new time, and open runs are read again",
                if by.is_negative() { "back" } else { "forward" },
                roughly(by.unsigned_abs())
            ),
            OfDaemon::Slept(length) => write!(
                f,
                "Nothing was done for {}: the machine slept, or was too busy; open runs are read again",
                roughly(length.unsigned_abs())
            ),
            OfDaemon::Paused { scope, actor, reason: None } => write!(f, "Paused by {actor}: {scope}"),
            OfDaemon::Paused { scope, actor, reason: Some(reason) } => {
                write!(f, "Paused by {actor}: {scope}; {reason}")
            }
            OfDaemon::Resumed { scope, actor } => write!(f, "Resumed by {actor}: {scope}"),
            OfDaemon::DatabaseLost { folders } => write!(
                f,
                "Nothing is planned before Orchestrator has been asked what was started: {folders} folders, because the database is new"
            ),
            OfDaemon::DatabaseOlder { folders } => write!(
                f,
                "Nothing is planned before Orchestrator has been asked what was started: {folders} folders, because the database is older than its folder"
            ),
            OfDaemon::IllegalStep(step) => f.write_str(step),
        }
    }
}
