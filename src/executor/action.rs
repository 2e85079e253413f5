//! What can be asked of the executor, and what it says.

use std::time::Duration;

use jiff::Timestamp;

use crate::orchestrator::{CallError, FoundFolder, JobPage, JobView, ReleaseKey, ServerSkew, ServerStop, StopStrategy};
use crate::run::{FolderId, JobKey, JobRef, Reference, RunId};
use crate::schedule::{ConnectionName, FolderChoice, StartSpec};

/// One call.
#[derive(Clone, Debug)]
pub enum Action {
    /// Find a process in a folder. `asked_of` is where the connection leads, and comes back with the answer: the files may name
    /// another tenant by then.
    Resolve { connection: ConnectionName, asked_of: String, folder: Option<FolderChoice>, process: String },
    /// Ask for one job.
    Start(StartOrder),
    /// List jobs by Reference. `nonce` is a name that nobody has, so that no cache knows the answer.
    LookUp {
        connection: ConnectionName,
        folder_id: FolderId,
        asks: Vec<Ask>,
        control: Option<Reference>,
        nonce: Reference,
    },
    /// Read the folder's newest job, whoever started it, and list jobs by Reference next to it: where no job of ours can show
    /// that a look-up works, that one does. Two calls.
    LookUpNextToNewest { connection: ConnectionName, folder_id: FolderId, asks: Vec<Ask>, nonce: Reference },
    /// List all jobs since an instant, where the filter by Reference is of no use: one list for all that is asked in a folder.
    ListSince { connection: ConnectionName, folder_id: FolderId, asks: Vec<Ask>, since: Timestamp },
    /// List jobs by key.
    Poll { connection: ConnectionName, folder_id: FolderId, jobs: Vec<(RunId, JobRef)> },
    /// List jobs of ours that have ended since an instant.
    ListEnded { connection: ConnectionName, folder_id: FolderId, prefix: String, since: Timestamp },
    /// Read one job whole.
    Read { connection: ConnectionName, folder_id: FolderId, run: RunId, job: JobRef },
    /// List jobs of ours since an instant, or all where there is no prefix, after the database forgot them.
    Recall {
        connection: ConnectionName,
        folder: Option<FolderChoice>,
        folder_id: FolderId,
        prefix: Option<String>,
        since: Timestamp,
    },
    /// Look for a job that a person named.
    FindJob { connection: ConnectionName, folder_id: FolderId, run: RunId, key: JobKey },
    /// Ask Orchestrator to stop a job that is one too many.
    StopSpare { connection: ConnectionName, folder_id: FolderId, run: RunId, job: JobRef },
    /// Ask Orchestrator to stop a run's job.
    Stop { connection: ConnectionName, folder_id: FolderId, run: RunId, job: JobRef, how: StopStrategy },
}

/// A start, with all it needs.
#[derive(Clone, Debug)]
pub struct StartOrder {
    /// Whose.
    pub run: RunId,
    /// Where.
    pub connection: ConnectionName,
    /// The process, already found.
    pub target: Target,
    /// Its name for good.
    pub reference: Reference,
    /// What is sent.
    pub start: StartSpec,
    /// When Orchestrator itself stops the job.
    pub stop: Option<ServerStop>,
}

/// What came of looking for a process in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// What a start needs.
    pub target: Target,
    /// How the folder was found, and its full name.
    pub folder: FoundFolder,
}

/// A process in a folder, as Orchestrator knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// The folder.
    pub folder_id: FolderId,
    /// The process.
    pub release: ReleaseKey,
}

/// One Reference that is looked up.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Whose.
    pub run: RunId,
    /// Under which name.
    pub reference: Reference,
    /// What for.
    pub purpose: AskedFor,
}

/// A look-up with somebody else's job as its control.
#[derive(Clone, Debug)]
pub struct NextToNewest {
    /// The folder's newest job when it was read without a filter; `None` where the folder showed no job at all.
    pub newest: Option<JobView>,
    /// What the look-up then showed; nothing where there was no job to put next to it.
    pub page: JobPage,
}

/// Why a Reference is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskedFor {
    /// The start is unclear, and a job may still become visible.
    Settling,
    /// The start is unclear, and the settle window is over: this "none" may count.
    Settled,
    /// Before a start that may have been made under an older database.
    BeforeStart,
    /// A person has been asked; perhaps the job answers first.
    Held,
    /// After a repeated start: is there one job too many?
    Sweep,
    /// To prove that this folder's look-ups see our jobs.
    Proof,
}

/// What came of an action, and the one thing that comes by itself.
#[derive(Debug)]
pub enum Report {
    /// By itself: the connection has a new access token, so what waited for one need not wait on.
    TokenRenewed { connection: ConnectionName },
    /// Of [`Action::Resolve`].
    Resolved {
        connection: ConnectionName,
        asked_of: String,
        folder: Option<FolderChoice>,
        process: String,
        result: Result<Resolved, CallError>,
        /// Orchestrator's clock minus ours, as far as it is known.
        server_skew: ServerSkew,
    },
    /// Of [`Action::Start`]. `ended` is boot time at the end of the call: the settle window counts from here.
    Started {
        connection: ConnectionName,
        run: RunId,
        ended: Duration,
        server_date: Option<Timestamp>,
        result: Result<Vec<JobView>, CallError>,
    },
    /// Of [`Action::LookUp`].
    LookedUp {
        connection: ConnectionName,
        folder_id: FolderId,
        asks: Vec<Ask>,
        control: Option<Reference>,
        result: Result<JobPage, CallError>,
    },
    /// Of [`Action::LookUpNextToNewest`].
    LookedUpNextToNewest {
        connection: ConnectionName,
        folder_id: FolderId,
        asks: Vec<Ask>,
        result: Result<NextToNewest, CallError>,
    },
    /// Of [`Action::ListSince`].
    ListedSince { connection: ConnectionName, folder_id: FolderId, asks: Vec<Ask>, result: Result<JobPage, CallError> },
    /// Of [`Action::Poll`].
    Polled {
        connection: ConnectionName,
        folder_id: FolderId,
        jobs: Vec<(RunId, JobRef)>,
        result: Result<JobPage, CallError>,
    },
    /// Of [`Action::ListEnded`].
    ListedEnded { connection: ConnectionName, folder_id: FolderId, result: Result<JobPage, CallError> },
    /// Of [`Action::Read`].
    Read { connection: ConnectionName, run: RunId, result: Result<Option<JobView>, CallError> },
    /// Of [`Action::Recall`].
    Recalled {
        connection: ConnectionName,
        folder: Option<FolderChoice>,
        folder_id: FolderId,
        result: Result<JobPage, CallError>,
    },
    /// Of [`Action::FindJob`].
    JobFound { connection: ConnectionName, folder_id: FolderId, run: RunId, result: Result<JobPage, CallError> },
    /// Of [`Action::StopSpare`].
    SpareStopped { connection: ConnectionName, run: RunId, job: JobRef, result: Result<(), CallError> },
    /// Of [`Action::Stop`].
    Stopped { connection: ConnectionName, run: RunId, job: JobRef, how: StopStrategy, result: Result<(), CallError> },
}

impl Action {
    /// Whom it asks.
    pub fn connection(&self) -> &ConnectionName {
        match self {
            Action::Start(order) => &order.connection,
            Action::Resolve { connection, .. }
            | Action::LookUp { connection, .. }
            | Action::LookUpNextToNewest { connection, .. }
            | Action::ListSince { connection, .. }
            | Action::Poll { connection, .. }
            | Action::ListEnded { connection, .. }
            | Action::Read { connection, .. }
            | Action::Recall { connection, .. }
            | Action::FindJob { connection, .. }
            | Action::StopSpare { connection, .. }
            | Action::Stop { connection, .. } => connection,
        }
    }

    /// The run whose claim must have been won before this may happen.
    pub fn claimed_run(&self) -> Option<RunId> {
        match self {
            Action::Start(order) => Some(order.run),
            Action::Resolve { .. }
            | Action::LookUp { .. }
            | Action::LookUpNextToNewest { .. }
            | Action::ListSince { .. }
            | Action::Poll { .. }
            | Action::ListEnded { .. }
            | Action::Read { .. }
            | Action::Recall { .. }
            | Action::FindJob { .. }
            | Action::StopSpare { .. }
            | Action::Stop { .. } => None,
        }
    }

    /// Whether it changes nothing at Orchestrator, so that it may be done although nothing can be stored.
    pub fn only_reads(&self) -> bool {
        match self {
            Action::Start(_) | Action::StopSpare { .. } | Action::Stop { .. } => false,
            Action::Resolve { .. }
            | Action::LookUp { .. }
            | Action::LookUpNextToNewest { .. }
            | Action::ListSince { .. }
            | Action::Poll { .. }
            | Action::ListEnded { .. }
            | Action::Read { .. }
            | Action::Recall { .. }
            | Action::FindJob { .. } => true,
        }
    }
}

impl Report {
    /// Who was asked.
    pub fn connection(&self) -> &ConnectionName {
        match self {
            Report::TokenRenewed { connection }
            | Report::Resolved { connection, .. }
            | Report::Started { connection, .. }
            | Report::LookedUp { connection, .. }
            | Report::LookedUpNextToNewest { connection, .. }
            | Report::ListedSince { connection, .. }
            | Report::Polled { connection, .. }
            | Report::ListedEnded { connection, .. }
            | Report::Read { connection, .. }
            | Report::Recalled { connection, .. }
            | Report::JobFound { connection, .. }
            | Report::SpareStopped { connection, .. }
            | Report::Stopped { connection, .. } => connection,
        }
    }

    /// Its name, for the places where the process is made to die.
    #[cfg(feature = "faults")]
    pub fn kind(&self) -> &'static str {
        match self {
            Report::TokenRenewed { .. } => "token_renewed",
            Report::Resolved { .. } => "resolved",
            Report::Started { .. } => "started",
            Report::LookedUp { .. } => "looked_up",
            Report::LookedUpNextToNewest { .. } => "looked_up_next_to_newest",
            Report::ListedSince { .. } => "listed_since",
            Report::Polled { .. } => "polled",
            Report::ListedEnded { .. } => "listed_ended",
            Report::Read { .. } => "read",
            Report::Recalled { .. } => "recalled",
            Report::JobFound { .. } => "job_found",
            Report::SpareStopped { .. } => "spare_stopped",
            Report::Stopped { .. } => "stopped",
        }
    }

    /// Whether this answers an action, of which each has exactly one report.
    pub fn answers_an_action(&self) -> bool {
        !matches!(self, Report::TokenRenewed { .. })
    }
}
