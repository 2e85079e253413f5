//! What tokens need from outside: time, a folder, chance, and who waits for what is under way.

use std::path::PathBuf;

use tokio_util::task::TaskTracker;

use super::under_way::Exchanges;
use crate::clock::Clock;

/// What a manager takes from outside.
#[derive(Clone, Debug)]
pub struct AuthEnvironment {
    /// Time.
    pub clock: Clock,
    /// The folder for rotated refresh tokens, mode 0700.
    pub tokens_dir: PathBuf,
    /// Counts the tasks, so that the end of the process waits for them.
    pub tracker: TaskTracker,
    /// For jitter.
    pub seed: u64,
    /// Where exchanges are noted whose answers come once, so that the end of the process waits for them.
    pub exchanges: Exchanges,
}
