//! Reasons that facts about runs carry, with their words.

use std::fmt;
use std::time::Duration;

use crate::run::{
    Account, Ending, HAD_BEGUN, HeldBy, MissReason, RunId, RunState, SkipReason, StoppedBy, TimeLimit, WaitReason,
};
use crate::schedule::FolderChoice;
use crate::text::{cut, exactly};

/// Of what went wrong with a run the first line stands in the reason of a pause, and so many characters at most; all of it, where robots
/// add how they came there, stands with the run.
const LONGEST_ERROR: usize = 300;

/// A time, or several, that will not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotRun {
    /// How many share the row: `None` for one, `Some(None)` for more than can be counted.
    pub count: Option<Option<u64>>,
    /// How it ends.
    pub ending: Ending,
    /// What held it back, where that is why.
    pub by: Option<HeldBy>,
    /// The schedule's catch-up window.
    pub window: Duration,
}

/// Why a schedule was paused without anybody asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhyPaused {
    /// Its runs have failed.
    Failures {
        /// So many in a row.
        failures: u32,
        /// The last of them.
        last: RunId,
        /// What went wrong with it.
        error: Option<String>,
    },
    /// Logons of the account that it last ran under have failed.
    Logons {
        /// So many in a row.
        faults: u32,
        /// Which account, and where.
        account: Account,
        /// That folder as the file of the last one calls it.
        folder: Option<FolderChoice>,
        /// The last of them, perhaps of another schedule.
        last: RunId,
        /// What went wrong with it.
        error: Option<String>,
    },
}

/// Why the files do not want a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyUnwanted {
    /// Its schedule was disabled.
    Disabled,
    /// Its schedule was taken out.
    Gone,
}

/// The older run that stood in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OldBlocker {
    /// Which.
    pub run: RunId,
    /// Its state; `None` when it has ended, and its job may still run.
    pub state: Option<RunState>,
}

/// Whether a time was found when it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// It was.
    InTime,
    /// Later: no daemon ran, or it could not write, and catching up takes it.
    Late,
}

impl Came {
    /// Of one that was found late.
    pub const WHILE_AWAY: &str = "it came while the daemon was down, slept or could not write";
}

/// What kept a run back until it was too late for it, in words.
#[derive(Clone, Copy, Debug)]
pub struct WaitedFor(pub WaitReason);

/// Why a job is to stop, in words.
#[derive(Clone, Copy, Debug)]
pub struct WhyToStop<'a> {
    /// By whom or what.
    pub by: &'a StoppedBy,
    /// The newer run that has it stopped.
    pub newer: Option<RunId>,
}

/// How a job was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HowFound {
    /// The start was accepted.
    Accepted,
    /// By its Reference.
    ByReference,
    /// In a list of all jobs.
    InList,
    /// While the folder was asked what was started.
    Recalled,
    /// The same, and no row was there.
    Forgotten,
    /// A person named it.
    ByPerson(String),
}

/// What becomes of a job that is one too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is stopped.
    Stopped,
    /// It had begun.
    HadBegun,
}

/// Why nothing proves that no job was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyHeld {
    /// The folder shows no job of ours.
    NoneOfOurs,
    /// The answers are refused or cut.
    NoAnswer,
}

/// Why a run is given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhyLost {
    /// Its folder is gone.
    FolderGone,
    /// Its job may not be read.
    MayNotBeRead,
    /// Its connection leads to another tenant.
    OtherTenant,
    /// Its connection is in the files no more.
    NoConnection,
    /// A person gave it up.
    GivenUp(String),
}

impl fmt::Display for NotRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count {
            Some(Some(count)) => write!(f, "{count} times"),
            Some(None) => f.write_str("Times too many to be counted"),
            None => f.write_str("This time"),
        }?;
        match self.ending {
            Ending::Missed(MissReason::Down) => {
                f.write_str(" came while the daemon was down, slept or could not write; catching up takes the latest")
            }
            Ending::Missed(MissReason::Limit) => f.write_str(
                " came while the daemon was down, slept or could not write; catching up takes only the newest",
            ),
            Ending::Missed(MissReason::Window) => {
                write!(f, " came longer ago than the catch-up window of {}", exactly(self.window))
            }
            Ending::Missed(MissReason::Edited) => f.write_str(" belonged to the schedule before it was edited"),
            Ending::Skipped(SkipReason::Calendar) => f.write_str(" came on a day that the calendar takes out"),
            Ending::Skipped(SkipReason::Disabled) => f.write_str(" came while the schedule was disabled"),
            Ending::Skipped(SkipReason::Paused | SkipReason::Blackout) => match &self.by {
                Some(by) => write!(f, " came and did not run: {by}"),
                None => f.write_str(" came while nothing was to be started"),
            },
            other => write!(f, ": {}", RunState::Ended(other)),
        }
    }
}

impl fmt::Display for WhyPaused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (last, error) = match self {
            WhyPaused::Failures { failures: 1, last, error } => {
                f.write_str("a run failed")?;
                (last, error)
            }
            WhyPaused::Failures { failures, last, error } => {
                write!(f, "{failures} runs in a row failed")?;
                (last, error)
            }
            WhyPaused::Logons { faults, account, folder, last, error } => {
                let name = account.name.as_ref().map(|name| format!(" of account `{name}`")).unwrap_or_default();
                write!(f, "{faults} logons{name} in a row failed in folder ")?;
                match folder {
                    Some(folder) => write!(f, "`{folder}`")?,
                    None => write!(f, "{}", account.folder)?,
                }
                f.write_str(", and each further one may lock the account")?;
                (last, error)
            }
        };
        write!(f, "; the last was run {}", last.short())?;
        match error.as_deref().and_then(|error| error.lines().map(str::trim).find(|line| !line.is_empty())) {
            Some(error) => write!(f, ": {}", cut(error, LONGEST_ERROR)),
            None => Ok(()),
        }
    }
}

impl fmt::Display for WhyUnwanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            WhyUnwanted::Disabled => "its schedule was disabled before it could be sent",
            WhyUnwanted::Gone => "its schedule was taken out of the files before it could be sent",
        })
    }
}

impl fmt::Display for OldBlocker {
    /// Whether a robot is at work or nothing could be sent yet is shown apart.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let run = self.run.short();
        match self.state {
            Some(state @ (RunState::Waiting(_) | RunState::Armed | RunState::Held)) => {
                write!(f, "run {run} was still open, {state}")
            }
            Some(RunState::Starting | RunState::Unknown | RunState::Job(_)) => write!(f, "run {run} was still open"),
            Some(RunState::Ended(_)) | None => write!(
                f,
                "run {run} is lost and its job may still run; `punctual resolve {run} lost` lets its schedule go on"
            ),
        }
    }
}

impl fmt::Display for WaitedFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            WaitReason::Token => "there was no access token when it came",
            WaitReason::Clock => "the clocks differed when it came",
            WaitReason::Overlap
            | WaitReason::Outage
            | WaitReason::RateLimit
            | WaitReason::Limit
            | WaitReason::Retry
            | WaitReason::CatchUp
            | WaitReason::LookUp
            | WaitReason::Capacity
            | WaitReason::Paused
            | WaitReason::Blackout => "Orchestrator could not be reached when it came",
        })
    }
}

impl fmt::Display for WhyToStop<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.by, self.newer) {
            (StoppedBy::Timeout(TimeLimit::Pending), _) => f.write_str("no robot took it in time"),
            (StoppedBy::Timeout(TimeLimit::Soft), _) => f.write_str("it ran for too long"),
            (StoppedBy::Timeout(TimeLimit::At), _) => f.write_str("it may not run after this time of day"),
            (StoppedBy::Overlap, Some(newer)) => write!(f, "run {} takes its place", newer.short()),
            (StoppedBy::Overlap, None) => f.write_str("a newer time takes its place"),
            (StoppedBy::Person { actor }, _) => write!(f, "{actor} stopped it"),
        }
    }
}

impl fmt::Display for HowFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HowFound::Accepted => f.write_str("Accepted"),
            HowFound::ByReference => f.write_str("Found at Orchestrator by its Reference"),
            HowFound::InList => f.write_str("Found at Orchestrator in the list of all jobs"),
            HowFound::Recalled => f.write_str("Found at Orchestrator"),
            HowFound::Forgotten => f.write_str("Found at Orchestrator, forgotten by the database,"),
            HowFound::ByPerson(actor) => write!(f, "Found by {actor}"),
        }
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fate::Stopped => "it is stopped",
            Fate::HadBegun => HAD_BEGUN,
        })
    }
}

impl fmt::Display for WhyHeld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            WhyHeld::NoneOfOurs => {
                "Orchestrator shows none of our jobs in this folder, so an empty answer proves nothing"
            }
            WhyHeld::NoAnswer => "Orchestrator's answers are refused or cut short, so they prove nothing",
        })
    }
}

impl fmt::Display for WhyLost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WhyLost::FolderGone => f.write_str("its folder no longer exists"),
            WhyLost::MayNotBeRead => f.write_str("its job may not be read"),
            WhyLost::OtherTenant => f.write_str("its connection leads to another tenant than when it was started"),
            WhyLost::NoConnection => f.write_str("its connection is not in the files any more"),
            WhyLost::GivenUp(actor) => write!(f, "{actor} gave it up"),
        }
    }
}
