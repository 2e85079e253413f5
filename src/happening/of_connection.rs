//! Facts about a connection.

use std::fmt;
use std::time::Duration;

use super::cause::{Cause, Level, with_cure};
use crate::run::FolderId;

/// What happened to a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OfConnection {
    /// A call came to nothing, the first after it had answered.
    Failed(Cause),
    /// It has come to nothing so often that it is an outage.
    Outage {
        /// In a row.
        failures: u32,
        /// It is tried again this often.
        every: Duration,
        /// The last of them.
        cause: Cause,
    },
    /// There has been no access token for some time.
    NoToken(Cause),
    /// It answers again.
    Answers,
    /// Every run that was open at the start, or when the clock was set, has been read again.
    AllRead,
    /// This machine's clock and Orchestrator's agree again.
    ClocksAgree,
    /// They do not: how they differ, and what helps.
    ClocksDiffer(Cause),
    /// Jobs may not be read.
    JobsUnreadable(Cause),
    /// They may be again.
    JobsReadable,
    /// A list of jobs was refused; they are read one by one.
    ListRefused(Cause),
    /// Look-ups by Reference were refused.
    LookUpRefused(Cause),
    /// A process that no run waits for yet cannot be found.
    ProcessNotFound(Cause),
    /// Look-ups have not shown a job of ours in this folder.
    NoProof(FolderId),
    /// Open runs belong to it, and it is not in the loaded files.
    NotLoaded {
        /// How many.
        runs: usize,
    },
    /// It is in the files no more, and nothing is open on it.
    LetGo,
    /// After the database was lost: no process of a folder's schedules can be found, so the folder cannot be asked.
    NothingToAskBy {
        /// The folder, in words.
        folder: String,
    },
    /// After the database was lost: a folder has more jobs of ours than it lists.
    MoreThanListed(FolderId),
    /// After the database was lost: the folder does not let itself be asked.
    CannotBeAsked {
        /// Which.
        folder: FolderId,
        /// What came back.
        came: String,
    },
    /// After the database was lost: a folder has been asked.
    WasAsked {
        /// The folder, in words.
        folder: String,
        /// Jobs of so many schedules were there.
        schedules: usize,
    },
}

impl OfConnection {
    pub(super) fn level(&self) -> Level {
        match self {
            OfConnection::ListRefused(_) => Level::Debug,
            OfConnection::Answers
            | OfConnection::AllRead
            | OfConnection::ClocksAgree
            | OfConnection::JobsReadable
            | OfConnection::LetGo
            | OfConnection::WasAsked { .. } => Level::Info,
            OfConnection::Failed(_)
            | OfConnection::LookUpRefused(_)
            | OfConnection::ProcessNotFound(_)
            | OfConnection::NoProof(_)
            | OfConnection::MoreThanListed(_) => Level::Warning,
            OfConnection::Outage { .. }
            | OfConnection::NoToken(_)
            | OfConnection::ClocksDiffer(_)
            | OfConnection::JobsUnreadable(_)
            | OfConnection::NotLoaded { .. }
            | OfConnection::NothingToAskBy { .. }
            | OfConnection::CannotBeAsked { .. } => Level::Error,
        }
    }
}

impl fmt::Display for OfConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OfConnection::Failed(cause) | OfConnection::LookUpRefused(cause) | OfConnection::ProcessNotFound(cause) => {
                cause.fmt(f)
            }
            OfConnection::ListRefused(cause) => f.write_str(&cause.came),
            OfConnection::Outage { failures, every, cause } => {
                let Cause { came, cure } = cause;
                let every = every.as_secs();
                let came = format!(
                    "it has failed {failures} times in a row, and its starts wait; it is tried every {every} s: {came}"
                );
                with_cure(f, &came, cure.as_deref())
            }
            OfConnection::NoToken(cause) => write!(f, "it has no access token, and its starts wait: {cause}"),
            OfConnection::Answers => f.write_str("it answers again"),
            OfConnection::AllRead => f.write_str("every open run has been read again"),
            OfConnection::ClocksAgree => f.write_str("the clocks agree again"),
            OfConnection::ClocksDiffer(cause) => cause.fmt(f),
            OfConnection::JobsUnreadable(cause) => write!(f, "jobs cannot be read: {cause}"),
            OfConnection::JobsReadable => f.write_str("jobs can be read again"),
            OfConnection::NoProof(folder) => write!(
                f,
                "no look-up by Reference has shown our jobs in folder {folder} yet: an unclear start there may be held for a person"
            ),
            OfConnection::NotLoaded { runs } => write!(
                f,
                "it is not in the loaded files, and {runs} open runs belong to it; they wait for it within their schedules' `start_deadline`"
            ),
            OfConnection::LetGo => f.write_str("it is not in the files, and nothing is open on it: it is let go"),
            OfConnection::NothingToAskBy { folder } => write!(
                f,
                "no process of the schedules in folder `{folder}` can be found, so it cannot be asked what was started there"
            ),
            OfConnection::MoreThanListed(folder) => write!(
                f,
                "folder {folder} has more jobs than Orchestrator lists, or some that cannot be read; those starts of ours there get no row"
            ),
            OfConnection::CannotBeAsked { folder, came } => write!(
                f,
                "it cannot be asked what was started in folder {folder}: {came}; look there before you trust the history"
            ),
            OfConnection::WasAsked { folder, schedules } => write!(
                f,
                "Orchestrator was asked what was started in folder `{folder}`: it shows jobs of {schedules} schedules"
            ),
        }
    }
}
