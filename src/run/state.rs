//! The states of a run and the steps between them.

use std::fmt;

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RunState {
    /// Claimed ahead of its time.
    Armed,
    /// Not sent.
    Waiting(WaitReason),
    /// About to be or being sent.
    Starting,
    /// May have started; settling.
    Unknown,
    /// May have started; for a person to resolve.
    Held,
    /// A job exists.
    Job(JobPhase),
    /// Nothing more will happen.
    Ended(Ending),
}

/// Why a run has not been sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WaitReason {
    /// An earlier run is open.
    Overlap,
    /// No access token.
    Token,
    /// Orchestrator cannot be reached, or has not been read since the start.
    Outage,
    /// Orchestrator asked us to slow down.
    RateLimit,
    /// Our own limit on starts.
    Limit,
    /// The time of the next attempt has not come.
    Retry,
    /// The clocks differ too much.
    Clock,
    /// Orchestrator is asked first whether the job exists.
    CatchUp,
    /// Its folder and process are being found.
    LookUp,
    /// Orchestrator says "not now": the robot has a job waiting, or no licence is free.
    Capacity,
    /// A pause holds its schedule back.
    Paused,
    /// A window in which nothing is started, and whose times wait for its end.
    Blackout,
}

impl WaitReason {
    /// For people, after "waits", or after how many do.
    pub fn for_what(self) -> &'static str {
        match self {
            WaitReason::Overlap => "behind an older run",
            WaitReason::Token => "for an access token",
            WaitReason::Outage => "for Orchestrator to answer",
            WaitReason::RateLimit => "until Orchestrator takes calls again",
            WaitReason::Limit => "for room in a pool or under a limit",
            WaitReason::Retry => "for the next attempt",
            WaitReason::Clock => "for the clocks to agree",
            WaitReason::CatchUp => "to be caught up in turn",
            WaitReason::LookUp => "for a process to be found",
            WaitReason::Capacity => "for room at Orchestrator",
            WaitReason::Paused => "for the end of a pause",
            WaitReason::Blackout => "for the end of a blackout",
        }
    }
}

/// What the job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JobPhase {
    /// Queued at Orchestrator.
    Pending,
    /// On a robot.
    Running,
    /// Parked by the workflow.
    Suspended,
    /// Asked to stop, softly or hard.
    Stopping,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ending {
    /// The job was successful.
    Succeeded,
    /// The job failed and no attempt is left.
    Faulted,
    /// The job was stopped.
    Stopped,
    /// The job took too long and was stopped for it.
    TimedOut,
    /// Orchestrator refused the start.
    Rejected,
    /// The job vanished.
    Lost,
    /// Deliberately not started.
    Skipped(SkipReason),
    /// Not started, though it should have been.
    Missed(MissReason),
    /// A person took it back.
    Cancelled,
}

impl Ending {
    /// Whether it should have run and did not, or did not run well: what people are told of as failed. What a person or an edit did not want
    /// any more is none of it.
    pub fn is_failure(self) -> bool {
        match self {
            Ending::Faulted | Ending::TimedOut | Ending::Rejected | Ending::Lost => true,
            Ending::Missed(reason) => reason != MissReason::Edited,
            Ending::Succeeded | Ending::Stopped | Ending::Skipped(_) | Ending::Cancelled => false,
        }
    }
}

/// Why a time was deliberately not started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SkipReason {
    /// The calendar takes the day out.
    Calendar,
    /// The schedule is paused.
    Paused,
    /// The schedule is disabled in its file.
    Disabled,
    /// It lies in a window in which nothing is started.
    Blackout,
    /// An earlier run was open.
    Overlap,
    /// The parent's outcome is not one that this follows.
    Parent,
    /// The start stayed unclear and the schedule says `skip`.
    UnknownStart,
}

/// Why a time was not started though it should have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MissReason {
    /// Nobody was there, and catching up takes another time.
    Down,
    /// Found too late for the catch-up window.
    Window,
    /// Not sent before its deadline.
    Deadline,
    /// The schedule was edited.
    Edited,
    /// More than the schedule lets pile up.
    Limit,
}

/// What can happen to a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunEvent {
    /// The start is about to be sent, again with the same Reference after an unclear one.
    Send,
    /// It was certainly not sent, and waits.
    Wait(WaitReason),
    /// It may have been sent.
    Unclear,
    /// A person has to decide.
    Hold,
    /// Orchestrator shows a job.
    Job(JobPhase),
    /// It is over.
    End(Ending),
}

/// A step that the states do not allow: a fault of this program, or of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a run that is {from} cannot take the step {event:?}")]
pub struct IllegalStep {
    /// The state it was in.
    pub from: RunState,
    /// The step that was tried.
    pub event: RunEvent,
}

impl RunState {
    /// The state after `event`.
    ///
    /// # Errors
    /// [`IllegalStep`] when the step is not in the table; the state is then unchanged.
    pub fn apply(self, event: RunEvent) -> Result<RunState, IllegalStep> {
        use RunState::{Armed, Ended, Held, Job, Starting, Unknown, Waiting};
        let illegal = Err(IllegalStep { from: self, event });
        match (self, event) {
            (Armed | Waiting(_) | Unknown, RunEvent::Send) => Ok(Starting),
            // From `starting` only when the call certainly did not reach Orchestrator.
            (Armed | Waiting(_) | Starting, RunEvent::Wait(reason)) => Ok(Waiting(reason)),
            // A job has ended, and another attempt follows.
            (Job(_), RunEvent::Wait(WaitReason::Retry)) => Ok(Waiting(WaitReason::Retry)),
            // From `waiting` when the database may have forgotten that it was sent, from `held` when a person says to start it.
            (Armed | Waiting(_) | Starting | Unknown | Held, RunEvent::Unclear) => Ok(Unknown),
            (Unknown, RunEvent::Hold) => Ok(Held),
            (Starting | Unknown | Held | Job(_), RunEvent::Job(phase)) => Ok(Job(phase)),
            // A catch-up start that is looked up first may find its job already there.
            (Waiting(_), RunEvent::Job(phase)) => Ok(Job(phase)),
            (from, RunEvent::End(ending)) if from.may_end_as(ending) => Ok(Ended(ending)),
            _ => illegal,
        }
    }

    fn may_end_as(self, ending: Ending) -> bool {
        use RunState::{Armed, Ended, Held, Job, Starting, Unknown, Waiting};
        match ending {
            Ending::Succeeded | Ending::Faulted | Ending::Stopped | Ending::TimedOut => {
                matches!(self, Waiting(_) | Starting | Unknown | Held | Job(_))
            }
            // An unclear start whose folder is gone cannot be looked up any more; a person may give any of them up.
            Ending::Lost => matches!(self, Job(_) | Unknown | Held),
            Ending::Rejected => matches!(self, Armed | Waiting(_) | Starting | Unknown | Held),
            Ending::Skipped(_) | Ending::Missed(_) => matches!(self, Armed | Waiting(_) | Unknown | Held),
            Ending::Cancelled => !matches!(self, Ended(_)),
        }
    }

    /// Whether it says that a robot's work was not begun, or was refused: never so of a run of which a job has existed (semantics.md 18).
    pub fn is_without_job(self) -> bool {
        match self {
            RunState::Ended(Ending::Rejected | Ending::Skipped(_) | Ending::Missed(_) | Ending::Cancelled) => true,
            RunState::Ended(
                Ending::Succeeded | Ending::Faulted | Ending::Stopped | Ending::TimedOut | Ending::Lost,
            )
            | RunState::Armed
            | RunState::Waiting(_)
            | RunState::Starting
            | RunState::Unknown
            | RunState::Held
            | RunState::Job(_) => false,
        }
    }

    /// Whether nothing more will happen.
    pub fn is_final(self) -> bool {
        matches!(self, RunState::Ended(_))
    }

    /// Whether its start may still be sent, for the first time or again.
    pub fn may_be_sent(self) -> bool {
        match self {
            RunState::Armed | RunState::Waiting(_) | RunState::Starting | RunState::Unknown | RunState::Held => true,
            RunState::Job(_) | RunState::Ended(_) => false,
        }
    }

    /// The state's stable name.
    pub fn name(self) -> &'static str {
        match self {
            RunState::Armed => "armed",
            RunState::Waiting(_) => "waiting",
            RunState::Starting => "starting",
            RunState::Unknown => "unknown",
            RunState::Held => "held",
            RunState::Job(JobPhase::Pending) => "pending",
            RunState::Job(JobPhase::Running) => "running",
            RunState::Job(JobPhase::Suspended) => "suspended",
            RunState::Job(JobPhase::Stopping) => "stopping",
            RunState::Ended(Ending::Succeeded) => "succeeded",
            RunState::Ended(Ending::Faulted) => "faulted",
            RunState::Ended(Ending::Stopped) => "stopped",
            RunState::Ended(Ending::TimedOut) => "timed_out",
            RunState::Ended(Ending::Rejected) => "rejected",
            RunState::Ended(Ending::Lost) => "lost",
            RunState::Ended(Ending::Skipped(_)) => "skipped",
            RunState::Ended(Ending::Missed(_)) => "missed",
            RunState::Ended(Ending::Cancelled) => "cancelled",
        }
    }

    /// The reason's stable name, where the state has one.
    pub fn reason(self) -> Option<&'static str> {
        match self {
            RunState::Waiting(reason) => Some(match reason {
                WaitReason::Overlap => "overlap",
                WaitReason::Token => "token",
                WaitReason::Outage => "outage",
                WaitReason::RateLimit => "rate_limit",
                WaitReason::Limit => "limit",
                WaitReason::Retry => "retry",
                WaitReason::Clock => "clock",
                WaitReason::CatchUp => "catch_up",
                WaitReason::LookUp => "look_up",
                WaitReason::Capacity => "capacity",
                WaitReason::Paused => "paused",
                WaitReason::Blackout => "blackout",
            }),
            RunState::Ended(Ending::Skipped(reason)) => Some(match reason {
                SkipReason::Calendar => "calendar",
                SkipReason::Paused => "paused",
                SkipReason::Disabled => "disabled",
                SkipReason::Blackout => "blackout",
                SkipReason::Overlap => "overlap",
                SkipReason::Parent => "parent",
                SkipReason::UnknownStart => "unknown_start",
            }),
            RunState::Ended(Ending::Missed(reason)) => Some(match reason {
                MissReason::Down => "down",
                MissReason::Window => "window",
                MissReason::Deadline => "deadline",
                MissReason::Edited => "edited",
                MissReason::Limit => "limit",
            }),
            RunState::Armed
            | RunState::Starting
            | RunState::Unknown
            | RunState::Held
            | RunState::Job(_)
            | RunState::Ended(
                Ending::Succeeded
                | Ending::Faulted
                | Ending::Stopped
                | Ending::TimedOut
                | Ending::Rejected
                | Ending::Lost
                | Ending::Cancelled,
            ) => None,
        }
    }

    /// Every state there is, with every reason: for reading names back, for the schema's test and for help texts.
    pub const ALL: [RunState; 39] = {
        use RunState::{Armed, Ended, Held, Job, Starting, Unknown, Waiting};
        [
            Armed,
            Waiting(WaitReason::Overlap),
            Waiting(WaitReason::Token),
            Waiting(WaitReason::Outage),
            Waiting(WaitReason::RateLimit),
            Waiting(WaitReason::Limit),
            Waiting(WaitReason::Retry),
            Waiting(WaitReason::Clock),
            Waiting(WaitReason::CatchUp),
            Waiting(WaitReason::LookUp),
            Waiting(WaitReason::Capacity),
            Waiting(WaitReason::Paused),
            Waiting(WaitReason::Blackout),
            Starting,
            Unknown,
            Held,
            Job(JobPhase::Pending),
            Job(JobPhase::Running),
            Job(JobPhase::Suspended),
            Job(JobPhase::Stopping),
            Ended(Ending::Succeeded),
            Ended(Ending::Faulted),
            Ended(Ending::Stopped),
            Ended(Ending::TimedOut),
            Ended(Ending::Rejected),
            Ended(Ending::Lost),
            Ended(Ending::Skipped(SkipReason::Calendar)),
            Ended(Ending::Skipped(SkipReason::Paused)),
            Ended(Ending::Skipped(SkipReason::Disabled)),
            Ended(Ending::Skipped(SkipReason::Blackout)),
            Ended(Ending::Skipped(SkipReason::Overlap)),
            Ended(Ending::Skipped(SkipReason::Parent)),
            Ended(Ending::Skipped(SkipReason::UnknownStart)),
            Ended(Ending::Missed(MissReason::Down)),
            Ended(Ending::Missed(MissReason::Window)),
            Ended(Ending::Missed(MissReason::Deadline)),
            Ended(Ending::Missed(MissReason::Edited)),
            Ended(Ending::Missed(MissReason::Limit)),
            Ended(Ending::Cancelled),
        ]
    };

    /// Reads the names back; `None` for a pair that no version of this program wrote.
    pub fn from_names(state: &str, reason: Option<&str>) -> Option<RunState> {
        Self::ALL.into_iter().find(|candidate| candidate.name() == state && candidate.reason() == reason)
    }
}

impl fmt::Display for RunState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self.reason() {
            Some(reason) => write!(f, ": {reason}"),
            None => Ok(()),
        }
    }
}
