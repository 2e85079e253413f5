//! Facts about a run: the lines of its story.

use std::fmt;

use jiff::Timestamp;

use super::cause::{Cause, Level};
use super::reasons::{Fate, HowFound, NotRun, OldBlocker, WhyHeld, WhyLost, WhyUnwanted};
use crate::orchestrator::{Stale, UnsentReason};
use crate::run::{FolderId, JobId, RunId, RunState};

/// What happened to a run.
#[derive(Clone, Debug, PartialEq)]
pub enum OfRun {
    /// Its row was written; a life before this one may have started it.
    ClaimedToLookUp,
    /// Its row was written; what an older run does is not known.
    ClaimedBehindOlder,
    /// Its time will not run.
    NotRun(NotRun),
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
    Overlapped(OldBlocker),
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
            | OfRun::SpareNotStopped { .. } => Level::Warning,
            // A run's story is for whoever looks at it: what needs a person is seen by its state.
            _ => Level::Info,
        }
    }
}

impl fmt::Display for OfRun {
    #[expect(clippy::too_many_lines, reason = "it is the table of a run's words, a line for each fact")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OfRun::ClaimedToLookUp => f.write_str("Claimed; looked up at Orchestrator before it is started"),
            OfRun::ClaimedBehindOlder => {
                f.write_str("Claimed; an older run is read first to see whether it is still open")
            }
            OfRun::NotRun(not_run) => not_run.fmt(f),
            OfRun::WaitsForOlder => f.write_str("An older run is read first to see whether it is still open"),
            OfRun::WaitsForProcess => f.write_str("Its folder and process are being looked up"),
            OfRun::WaitsForConnection(why) => f.write_str(why),
            OfRun::ConnectionNotLoaded => f.write_str("Its connection is not in the loaded files"),
            OfRun::WaitsForTenant => {
                f.write_str("Its connection leads to another tenant than when this was claimed")
            }
            OfRun::TimeNotCome => f.write_str("The clock was set back, and its time has not come"),
            OfRun::WaitsForPlace => f.write_str("Enough starts are under way"),
            OfRun::WaitsForRate => f.write_str("Within the connection's limit of starts"),
            OfRun::Sent => f.write_str("Sent to Orchestrator"),
            OfRun::SentAgain => {
                f.write_str("Sent again under the same Reference: no job was made by the call before")
            }
            OfRun::NotSent(UnsentReason::Token) => f.write_str("Not sent: no access token"),
            OfRun::NotSent(UnsentReason::Outage) => f.write_str("Not sent: Orchestrator could not be reached"),
            OfRun::NotSent(UnsentReason::RateLimit) => {
                f.write_str("Not taken: Orchestrator asked to be called less often")
            }
            OfRun::NotNow { what, came } => write!(f, "Waits for {what}: {came}"),
            OfRun::RepeatRefused(came) => write!(f, "A repeated call was refused: {came}"),
            OfRun::FolderUnknown => f.write_str(
                "Orchestrator does not know the folder by its number any more; it is found again by its name",
            ),
            OfRun::ProcessUnknown => f.write_str(
                "Orchestrator does not know the process by its key any more; it is found again by its name",
            ),
            OfRun::MayHaveStarted(came) => write!(f, "May have started: {came}"),
            OfRun::Refused(came) => write!(f, "Refused: {came}"),
            OfRun::Unwanted(why) => write!(f, "Not started: {why}"),
            OfRun::Overlapped(older) => write!(f, "Not started: {older}"),
            OfRun::DeadlinePassed { was } => write!(f, "Not started before its deadline ({was})"),
            OfRun::MayBeForgotten => f.write_str(
                "It may have been started before the database was lost or put back; it is looked up until that is settled",
            ),
            OfRun::DaemonStopped => f.write_str("The daemon stopped while this was being sent"),
            OfRun::Adopted { how, job } => write!(f, "{how} as job {job}"),
            OfRun::JobTooMany { job, fate } => write!(f, "Job {job} is one too many; {fate}"),
            OfRun::JobMadeLate { job } => write!(f, "Job {job} was made late and is one too many"),
            OfRun::SpareStopped(job) => write!(f, "Job {job} was asked to stop"),
            OfRun::SpareNotStopped { job, came } => {
                write!(f, "Job {job} could not be stopped: {came}; stop it in Orchestrator")
            }
            OfRun::JobIs { job, state } | OfRun::JobEnded { job, state, error: None } => {
                write!(f, "Job {job} is {state}")
            }
            OfRun::JobInUnknownState { job, state } => {
                write!(f, "Job {job} is `{state}`, a state not known here; it is followed on")
            }
            OfRun::JobEnded { job, state, error: Some(error) } => write!(f, "Job {job} is {state}: {error}"),
            OfRun::JobVanished => {
                f.write_str("Three lists over five minutes and a read by id do not show the job")
            }
            OfRun::JobUnreadable(cause) => write!(f, "Its job cannot be read: {cause}"),
            OfRun::JobSilent { came, run } => write!(
                f,
                "its job cannot be read: {came}; it is tried again; if the job has ended in Orchestrator, `punctual resolve {} lost` lets its schedule go on",
                run.short()
            ),
            OfRun::EndSeenBefore => f.write_str("Its end was seen while the database could not be written"),
            OfRun::ReadInMovedFolder(number) => {
                write!(f, "Its folder has the number {number} now; its job is read there")
            }
            OfRun::LookedUpInMovedFolder(number) => {
                write!(f, "Its folder has the number {number} now; it is looked up there too")
            }
            OfRun::LookUpProvesNothing(why) => write!(f, "A look-up proves nothing: {why}"),
            OfRun::LookUpsBreak(cause) => write!(f, "its look-ups come to nothing: {cause}"),
            OfRun::HeldForProof(why) => write!(f, "Held: {why}"),
            OfRun::HeldForPerson => {
                f.write_str("Held: no job was found; the schedule leaves the decision to a person")
            }
            OfRun::SettledAfterHold => f.write_str(
                "Settled: Orchestrator shows our jobs in this folder again, and none of this start",
            ),
            OfRun::NoJobAndLate => f.write_str("No job was made, and its deadline has passed"),
            OfRun::NoJobAndSkipped => f.write_str("No job was made; the schedule says not to try again"),
            OfRun::NoJob => f.write_str("No job exists; sending it again"),
            OfRun::AnsweredAlike { times, error } => {
                write!(f, "{times} calls were answered alike, and none of them made a job: {error}")
            }
            OfRun::Lost { why, counts_until: None } => write!(f, "Lost: {why}"),
            OfRun::Lost { why, counts_until: Some(until) } => {
                write!(f, "Lost: {why}. The job may still run; it counts for overlap until {until:.0}")
            }
            OfRun::TenantBack => f.write_str("Its connection leads to the tenant that it was claimed for again"),
            OfRun::TenantGone => {
                f.write_str("Its connection leads to another tenant now: it is neither read nor sent there")
            }
            OfRun::ConnectionGone => {
                f.write_str("Its connection is not in the files any more: it can be neither read nor sent")
            }
            OfRun::DecidedToStart { actor } => {
                write!(f, "{actor} decided to start it; looking it up once more")
            }
            OfRun::DecidedNotToStart { actor } => write!(f, "{actor} decided not to start it"),
            OfRun::CountsNoLonger { actor } => {
                write!(f, "{actor} gave up waiting for its job; it no longer counts for overlap")
            }
        }
    }
}
