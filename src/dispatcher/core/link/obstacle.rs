//! What keeps a connection's starts back.

use std::time::Duration;

use crate::run::WaitReason;
use crate::schedule::ConnectionName;

/// What keeps a connection's starts back.
#[derive(Debug)]
pub(crate) struct Obstacle {
    pub(crate) reason: WaitReason,
    /// In boot time, where time alone may take it away.
    pub(crate) until: Option<Duration>,
    /// For the run's story.
    pub(crate) text: String,
    /// The failure itself, for the run's `error`.
    pub(crate) error: Option<String>,
}

/// A connection on which starts have to wait now, for people who ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionObstacle {
    /// Which.
    pub connection: ConnectionName,
    /// As its waiting runs show it.
    pub reason: WaitReason,
    /// In words.
    pub text: String,
    /// When it is tried again, in boot time; none when something else must happen first.
    pub until: Option<Duration>,
}

/// A trouble of a connection that keeps no start back but that a person must act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionTrouble {
    /// The connection.
    pub connection: ConnectionName,
    /// What is wrong and what to do, in words.
    pub text: String,
}
