//! The calls to Orchestrator, by what they ask for.

/// The calls there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Folders by path.
    FindFolder,
    /// Processes by name.
    FindRelease,
    /// One job.
    Start,
    /// Whether one job could start, without starting it.
    CheckStart,
    /// Jobs by filter.
    ListJobs,
    /// One job by id.
    ReadJob,
    /// Soft stop or kill.
    StopJob,
    /// A job's log lines.
    ReadLogs,
}

impl Call {
    /// Whether it changes nothing at Orchestrator, so that sending it again does no harm.
    pub fn only_reads(self) -> bool {
        match self {
            Call::Start | Call::StopJob => false,
            Call::FindFolder
            | Call::FindRelease
            | Call::CheckStart
            | Call::ListJobs
            | Call::ReadJob
            | Call::ReadLogs => true,
        }
    }
}
