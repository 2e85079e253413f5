//! The lines of a run's story, in words.

use std::fmt;

use super::of_run::OfRun;
use super::reasons::{Came, WaitedFor, WhyToStop};
use crate::orchestrator::{StopStrategy, UnsentReason};
use crate::run::STUCK;

impl fmt::Display for OfRun {
    #[expect(clippy::too_many_lines, reason = "it is the table of a run's words, a line for each fact")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OfRun::ClaimedToLookUp => f.write_str("Claimed; looked up at Orchestrator before it is started"),
            OfRun::ClaimedBehindOlder => {
                f.write_str("Claimed; an older run is read first to see whether it is still open")
            }
            OfRun::NotRun(not_run) => not_run.fmt(f),
            OfRun::HeldBack(by) => write!(f, "Waits: {by}"),
            OfRun::LeftOut(by) => write!(f, "Not started: {by}"),
            OfRun::WaitsForOlder => f.write_str("An older run is read first to see whether it is still open"),
            OfRun::WaitsForProcess => f.write_str("Its folder and process are being looked up"),
            OfRun::WaitsForConnection(why) => f.write_str(why),
            OfRun::ConnectionNotLoaded => f.write_str("Its connection is not in the loaded files"),
            OfRun::WaitsForTenant => {
                f.write_str("Its connection leads to another tenant than when this was claimed")
            }
            OfRun::TimeNotCome => f.write_str("The clock was set back, and its time has not come"),
            OfRun::Behind(older) => write!(f, "Waits for an older run: {older}"),
            OfRun::BehindStopped(older) => write!(f, "Waits until an older run has stopped: {older}"),
            OfRun::BehindCaughtUp(older) => write!(f, "Waits for an older time that is caught up: {older}"),
            OfRun::PlannedIsNear { nominal_at } => write!(f, "Waits for the planned time {nominal_at:.0}, which is near"),
            OfRun::Replaced { newer } => write!(f, "Not started: run {} took its place", newer.short()),
            OfRun::TooManyWait { most } => write!(f, "Not started: {most} times of its schedule wait already"),
            OfRun::PiledUp(reason) => write!(f, "Not started: {}; newer times go first", WaitedFor(*reason)),
            OfRun::WaitsForPool { pool } => write!(f, "The pool `{pool}` has no place free"),
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
            OfRun::Overlapped { older, came: Came::InTime } => write!(f, "Not started: {older}"),
            OfRun::Overlapped { older, came: Came::Late } => write!(f, "Not started: {}, and {older}", Came::WHILE_AWAY),
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
            OfRun::TriesAgain { job, state, error, attempt, due } => {
                write!(f, "Job {job} is {state}")?;
                if let Some(error) = error {
                    write!(f, ": {error}")?;
                }
                write!(f, "; attempt {attempt} follows at {due:.0}")
            }
            OfRun::ToStop { by, newer } => write!(f, "Its job is to stop: {}", WhyToStop { by, newer: *newer }),
            OfRun::StopTaken { job, how: StopStrategy::SoftStop } => write!(f, "Job {job} was asked to stop"),
            OfRun::StopTaken { job, how: StopStrategy::Kill } => write!(f, "Job {job} was killed"),
            OfRun::StopNotTaken { job, came } => {
                write!(f, "Job {job} could not be stopped: {came}; it is tried again")
            }
            OfRun::StopDropped { job } => write!(f, "A robot took job {job} in time, so it is not stopped"),
            OfRun::Stuck { job, run } => write!(
                f,
                "job {job} {STUCK}; if it is over in Orchestrator or will never end, `punctual resolve {} lost` lets its schedule go on",
                run.short()
            ),
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
            OfRun::SentSooner { actor } => write!(f, "{actor} has the next attempt made at once"),
            OfRun::CancelledBy { actor } => write!(f, "{actor} stopped it"),
            OfRun::CountsNoLonger { actor } => {
                write!(f, "{actor} gave up waiting for its job; it no longer counts for overlap")
            }
        }
    }
}
