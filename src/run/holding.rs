//! What holds schedules back: pauses, and single coming times that are to be skipped (semantics.md 29); and what it makes of a time.
//!
//! Absent: which of them holds a time (`policy`), and blackouts, which are in the files (`schedule`).

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{FolderId, SkipReason};
use crate::schedule::{ConnectionName, ScheduleKey};
use crate::text::NamePattern;

/// The number of a pause. Given by the dispatcher, counting on from the last one that the database knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PauseId(pub i64);

/// What a pause holds back. It also holds what is added later under a name that fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PauseScope {
    /// Schedules whose key fits a pattern.
    Schedules(NamePattern),
    /// All schedules on connections whose name fits a pattern.
    Connections(NamePattern),
    /// Everything.
    All,
}

impl PauseScope {
    /// Reads it back from its two columns; `None` for a pair that no version of this program wrote.
    pub fn from_columns(scope: &str, pattern: Option<String>) -> Option<PauseScope> {
        match (scope, pattern) {
            ("schedule", Some(pattern)) => Some(PauseScope::Schedules(NamePattern::new(pattern))),
            ("connection", Some(pattern)) => Some(PauseScope::Connections(NamePattern::new(pattern))),
            ("all", None) => Some(PauseScope::All),
            (_, _) => None,
        }
    }

    /// What names it after `punctual pause` and `punctual resume`, as a shell takes it.
    pub fn arguments(&self) -> String {
        let quoted = |name: &NamePattern| if name.is_open() { format!("'{name}'") } else { name.to_string() };
        match self {
            PauseScope::Schedules(name) => quoted(name),
            PauseScope::Connections(name) => format!("--connection {}", quoted(name)),
            PauseScope::All => "--all".to_owned(),
        }
    }

    /// Whether it holds a schedule on a connection.
    pub fn holds(&self, schedule: &ScheduleKey, connection: &ConnectionName) -> bool {
        match self {
            PauseScope::Schedules(pattern) => pattern.fits(schedule.as_str()),
            PauseScope::Connections(pattern) => pattern.fits(connection.as_str()),
            PauseScope::All => true,
        }
    }
}

impl fmt::Display for PauseScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PauseScope::Schedules(pattern) => write!(f, "`{pattern}`"),
            PauseScope::Connections(pattern) => write!(f, "connection `{pattern}`"),
            PauseScope::All => f.write_str("everything"),
        }
    }
}

/// A pause. It survives restarts and edits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// What it holds back.
    pub scope: PauseScope,
    /// Why, in the words of who asked for it.
    pub reason: Option<String>,
    /// Who asked for it; [`Pause::BY_US`] where too many runs in a row have failed.
    pub actor: String,
    /// The first instant in it.
    pub since: Timestamp,
    /// The first instant after it. None: until somebody ends it.
    pub until: Option<Timestamp>,
}

impl Pause {
    /// Who paused where runs have failed. No person is called so: their names have a uid.
    pub const BY_US: &'static str = "punctual";

    /// Whether an instant lies in it.
    pub fn has(&self, at: Timestamp) -> bool {
        self.since <= at && self.until.is_none_or(|until| at < until)
    }

    /// Whether it is over by then.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

/// One coming time that is to be skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkipMark {
    /// Whose.
    pub schedule: ScheduleKey,
    /// Which nominal time.
    pub nominal_at: Timestamp,
    /// Who asked for it.
    pub actor: String,
    /// Why, in the words of who asked for it.
    pub reason: Option<String>,
    /// When it was asked for.
    pub asked_at: Timestamp,
}

/// What becomes of a time by pauses, marks and windows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// Nothing holds it back.
    No,
    /// It is recorded as skipped.
    Skipped(HeldBy),
    /// If it is the last of its schedule in these windows, it is sent when they have ended.
    Waits {
        /// The blackout whose window it lies in.
        name: String,
        /// The first instant after it and all windows that follow it without a gap. None: no end was found.
        until: Option<Timestamp>,
    },
}

/// What holds a time or a run back. Its `Display` is for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeldBy {
    /// A person has said so of this very time.
    Mark {
        /// Who.
        actor: String,
        /// Why.
        reason: Option<String>,
    },
    /// A pause.
    Pause {
        /// Which.
        pause: PauseId,
        /// Who asked for it.
        actor: String,
        /// Why.
        reason: Option<String>,
    },
    /// A window in which nothing is started.
    Window {
        /// The name of its blackout.
        name: String,
    },
    /// A later time in the same window, which waits for its end.
    LaterTime {
        /// The name of its blackout.
        name: String,
    },
}

impl HeldBy {
    /// A pause, as what holds back.
    pub fn pause(id: PauseId, pause: &Pause) -> HeldBy {
        HeldBy::Pause { pause: id, actor: pause.actor.clone(), reason: pause.reason.clone() }
    }

    /// As what a time is skipped that is held back by this.
    pub fn skips_as(&self) -> SkipReason {
        match self {
            HeldBy::Mark { .. } | HeldBy::Pause { .. } => SkipReason::Paused,
            HeldBy::Window { .. } | HeldBy::LaterTime { .. } => SkipReason::Blackout,
        }
    }
}

impl fmt::Display for HeldBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let because = |f: &mut fmt::Formatter<'_>, reason: &Option<String>| match reason {
            Some(reason) => write!(f, ": {reason}"),
            None => Ok(()),
        };
        match self {
            HeldBy::Mark { actor, reason } => {
                write!(f, "this time was skipped by {actor}")?;
                because(f, reason)
            }
            HeldBy::Pause { pause: _, actor, reason } => {
                write!(f, "paused by {actor}")?;
                because(f, reason)
            }
            HeldBy::Window { name } => write!(f, "in blackout `{name}`"),
            HeldBy::LaterTime { name } => write!(f, "in blackout `{name}`, whose last time waits for the end"),
        }
    }
}

/// A robot's account in a folder, as far as jobs name theirs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Account {
    /// On which connection.
    pub connection: ConnectionName,
    /// In which folder.
    pub folder: FolderId,
    /// Its name; none for the jobs of the folder that named none.
    pub name: Option<String>,
}
