//! Facts about a run: the lines of its story.

use jiff::Timestamp;

use super::cause::{Cause, Level};
use super::reasons::{Came, Fate, HowFound, NotRun, OldBlocker, WhyHeld, WhyLost, WhyUnwanted};
use crate::orchestrator::{Stale, StopStrategy, UnsentReason};
use crate::run::{FolderId, HeldBy, JobId, RunId, RunState, StoppedBy, WaitReason};

/// What happened to a run.
#[derive(Clone, Debug, PartialEq)]
pub enum OfRun {
    /// Its row was written; a life before this one may have started it.
    ClaimedToLookUp,
    /// Its row was written; what an older run does is not known.
    ClaimedBehindOlder,
    /// Its time will not run.
    NotRun(NotRun),
    /// A pause or a window keeps it from being sent for now.
    HeldBack(HeldBy),
    /// It was claimed, and is not started by this after all.
    LeftOut(HeldBy),
    /// An older run is read first.
    WaitsForOlder,
    /// Its folder and process are being found.
    WaitsForProcess,
    /// Its connection keeps starts back, for this reason.
    WaitsForConnection(String),
    /// Its connection is not in the loaded files.
    ConnectionNotLoaded,
    /// Its connection leads to another tenant than at the claim, and it was not sent yet.
    WaitsForTenant,
    /// The clock was set back to before its time.
    TimeNotCome,
    /// It waits for the end of an older run.
    Behind(OldBlocker),
    /// It waits until an older run has ended that was made to.
    BehindStopped(OldBlocker),
    /// It waits for the end of an older time that is caught up.
    BehindCaughtUp(OldBlocker),
    /// A planned time comes before what fills a hole of the past would be done.
    PlannedIsNear {
        /// Which.
        nominal_at: Timestamp,
    },
    /// A newer time took its place.
    Replaced {
        /// Which.
        newer: RunId,
    },
    /// More times of its schedule wait than may.
    TooManyWait {
        /// So many may.
        most: usize,
    },
    /// It waited for this, and newer times of its schedule go first.
    PiledUp(WaitReason),
    /// Its pool has no place free.
    WaitsForPool {
        /// Which.
        pool: String,
    },
    /// As many starts as may be are under way.
    WaitsForPlace,
    /// As many starts as may be were made in this second.
    WaitsForRate,
    /// It was sent.
    Sent,
    /// It was sent again under the same Reference.
    SentAgain,
    /// It was certainly not sent.
    NotSent(UnsentReason),
    /// Orchestrator says "not now".
    NotNow {
        /// What it waits for.
        what: &'static str,
        /// What came back.
        came: String,
    },
    /// A repeated call was refused, perhaps because of the job of the first.
    RepeatRefused(String),
    /// Its folder has another number now.
    FolderUnknown,
    /// Its process has another key now.
    ProcessUnknown,
    /// The answer leaves open whether a job was made.
    MayHaveStarted(String),
    /// It was refused.
    Refused(String),
    /// The files do not want it any more.
    Unwanted(WhyUnwanted),
    /// An older run was open.
    Overlapped { older: OldBlocker, came: Came },
    /// Its deadline passed.
    DeadlinePassed {
        /// What it was until then.
        was: RunState,
    },
    /// A life before this one may have started it, and the database may have forgotten that.
    MayBeForgotten,
    /// The daemon stopped while it was being sent.
    DaemonStopped,
    /// A job is its own.
    Adopted {
        /// How it was found.
        how: HowFound,
        /// Which.
        job: JobId,
    },
    /// A second job was made under its Reference.
    JobTooMany {
        /// Which.
        job: JobId,
        /// What becomes of it.
        fate: Fate,
    },
    /// A second job showed up long after.
    JobMadeLate {
        /// Which.
        job: JobId,
    },
    /// A job that was one too many was asked to stop.
    SpareStopped(JobId),
    /// It could not be.
    SpareNotStopped {
        /// Which.
        job: JobId,
        /// What came back.
        came: String,
    },
    /// Its job is in this state of Orchestrator's.
    JobIs {
        /// Which.
        job: JobId,
        /// Orchestrator's word.
        state: String,
    },
    /// Its job is in a state that is not known here.
    JobInUnknownState {
        /// Which.
        job: JobId,
        /// Orchestrator's word.
        state: String,
    },
    /// Its job has ended.
    JobEnded {
        /// Which.
        job: JobId,
        /// Orchestrator's word.
        state: String,
        /// The job's own error.
        error: Option<String>,
    },
    /// Its job has ended, and another attempt follows.
    TriesAgain {
        /// Which job.
        job: JobId,
        /// Orchestrator's word.
        state: String,
        /// The job's own error.
        error: Option<String>,
        /// The number of the next attempt.
        attempt: u16,
        /// When that is due.
        due: Timestamp,
    },
    /// Its job is to stop.
    ToStop {
        /// Why.
        by: StoppedBy,
        /// The newer run that has it stopped.
        newer: Option<RunId>,
    },
    /// Orchestrator took the stop of its job.
    StopTaken {
        /// Which job.
        job: JobId,
        /// How.
        how: StopStrategy,
    },
    /// It did not.
    StopNotTaken {
        /// Which job.
        job: JobId,
        /// What came back.
        came: String,
    },
    /// The robot took its job before it was to stop for having none.
    StopDropped {
        /// Which job.
        job: JobId,
    },
    /// Its job goes on although it was killed, or its stop is refused.
    Stuck {
        /// Which job.
        job: JobId,
        /// For the command that helps.
        run: RunId,
    },
    /// Its job is not there any more.
    JobVanished,
    /// Its job may not be read.
    JobUnreadable(Cause),
    /// Its job cannot be read, for some time now.
    JobSilent {
        /// The last answer.
        came: String,
        /// For the command that helps.
        run: RunId,
    },
    /// Its end was seen while nothing could be stored.
    EndSeenBefore,
    /// Its folder has this number now; its job is read there.
    ReadInMovedFolder(FolderId),
    /// Its folder has this number now; it is looked up there too.
    LookedUpInMovedFolder(FolderId),
    /// A look-up was answered by a cache.
    LookUpProvesNothing(Stale),
    /// Look-ups have come to nothing several times.
    LookUpsBreak(Cause),
    /// Nothing proves that no job was made.
    HeldForProof(WhyHeld),
    /// No job was made, and its schedule leaves the decision to a person.
    HeldForPerson,
    /// A look-up proves after all that no job was made.
    SettledAfterHold,
    /// No job was made, and its deadline has passed.
    NoJobAndLate,
    /// No job was made, and its schedule does not want another try.
    NoJobAndSkipped,
    /// No job was made.
    NoJob,
    /// So many calls were answered alike, and none made a job.
    AnsweredAlike {
        /// How many.
        times: u16,
        /// The answer.
        error: String,
    },
    /// It is given up.
    Lost {
        /// Why.
        why: WhyLost,
        /// Until when it counts for overlap.
        counts_until: Option<Timestamp>,
    },
    /// Its connection leads to its tenant again.
    TenantBack,
    /// Its connection leads to another tenant.
    TenantGone,
    /// Its connection is in the files no more.
    ConnectionGone,
    /// A person decided to start it.
    DecidedToStart {
        /// Who.
        actor: String,
    },
    /// A person decided not to.
    DecidedNotToStart {
        /// Who.
        actor: String,
    },
    /// A person has its next attempt made at once.
    SentSooner {
        /// Who.
        actor: String,
    },
    /// A person called it off.
    CancelledBy {
        /// Who.
        actor: String,
    },
    /// A person does not wait for its job any more.
    CountsNoLonger {
        /// Who.
        actor: String,
    },
}

impl OfRun {
    pub(super) fn level(&self) -> Level {
        match self {
            OfRun::JobTooMany { .. } | OfRun::JobMadeLate { .. } => Level::Error,
            OfRun::JobInUnknownState { .. }
            | OfRun::JobSilent { .. }
            | OfRun::LookUpsBreak(_)
            | OfRun::StopNotTaken { .. }
            | OfRun::Stuck { .. }
            | OfRun::SpareNotStopped { .. } => Level::Warning,
            // A run's story is for whoever looks at it: what needs a person is seen by its state.
            _ => Level::Info,
        }
    }
}
