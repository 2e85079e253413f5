//! What keeps the connections' starts back, for people who ask.

use std::time::Duration;

use super::Core;
use crate::run::WaitReason;
use crate::schedule::ConnectionName;

/// A connection on which starts have to wait now.
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

impl Core {
    /// The connections that keep their starts back at boot time `boot`, in the order of their names.
    pub fn obstacles(&self, boot: Duration) -> Vec<ConnectionObstacle> {
        let waiting = self.links.iter().filter_map(|(name, link)| Some((name, link.obstacle(boot)?)));
        waiting
            .map(|(name, obstacle)| ConnectionObstacle {
                connection: name.clone(),
                reason: obstacle.reason,
                text: obstacle.text,
                until: obstacle.until,
            })
            .collect()
    }
}
