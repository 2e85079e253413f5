//! How a job's robot deals with it, where that is otherwise than usual: whether it takes it, and how it lets it be
//! stopped.

use std::time::Duration;

use serde::Deserialize;

use super::complaint::{Complaint, Failure, ROBOT_ACCOUNT};

/// How a robot deals with one job. Decided when the job is made.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Conduct {
    pub(super) waits: Waits,
    /// How long it runs, instead of what its process says.
    pub(super) runs: Option<Duration>,
    /// How it ends, instead of what its process says.
    pub(super) course: Course,
    pub(super) soft_stop: Response,
    pub(super) kill: Response,
    /// The Windows account.
    pub(super) account: String,
}

impl Default for Conduct {
    fn default() -> Conduct {
        Conduct {
            waits: Waits::default(),
            runs: None,
            course: Course::default(),
            soft_stop: Response::default(),
            kill: Response::default(),
            account: ROBOT_ACCOUNT.to_owned(),
        }
    }
}

/// From the start to the fault of a job that cannot even begin: most of those recorded end within a second.
const START_FAILS_AFTER: Duration = Duration::from_millis(700);

impl Conduct {
    pub(super) fn fails(&mut self, failure: &Failure) {
        self.course = Course::Fails(failure.complaint());
        self.account.clone_from(&failure.account);
        if failure.with.keeps_it_from_starting() {
            self.runs = Some(START_FAILS_AFTER);
        }
    }
}

/// For how long no robot takes the job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Waits {
    /// As its process says.
    #[default]
    AsUsual,
    /// So much longer.
    Longer(Duration),
    /// For ever. Why was written down when it was made and is not looked at again, even when robots are back
    /// (UiPath/skills, `job-pending-stale-dispatch`).
    ForEver(PendingReason),
}

/// What the job comes to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Course {
    /// As its process says.
    #[default]
    AsUsual,
    /// It faults.
    Fails(Complaint),
    /// It is suspended for so long, and then as its process says.
    Suspends(Duration),
}

/// What becomes of a soft stop, or of a kill.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Response {
    /// The job is Stopped soon.
    #[default]
    Obeys,
    /// Nothing. A workflow that does not ask `Should Stop` goes on ("Stopping a process", Robot guide); a robot that
    /// cannot be reached leaves the job Terminating.
    Ignores,
    /// What is said.
    Ends(Stopping),
}

impl Response {
    /// How long until the job ends; `usual` is what an obedient robot needs.
    pub(super) fn takes(self, usual: Duration) -> Option<Duration> {
        match self {
            Response::Obeys => Some(usual),
            Response::Ignores => None,
            Response::Ends(stopping) => Some(stopping.after),
        }
    }

    pub(super) fn ends(self) -> StopEnd {
        match self {
            Response::Obeys | Response::Ignores => StopEnd::Stopped,
            Response::Ends(stopping) => stopping.ends,
        }
    }
}

/// When and how a job ends that was asked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stopping {
    /// How long after it was asked.
    #[serde(deserialize_with = "super::durations::duration")]
    pub after: Duration,
    /// In which state.
    #[serde(default)]
    pub ends: StopEnd,
}

/// The state in which a job ends that was asked to. All three happen: a job that obeys `Should Stop` is Successful
/// ("Job states", Orchestrator guide), one that is killed is Stopped, or Faulted with an exit code (UiPath/skills,
/// `job-stopped-exit-code-0x40010004`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopEnd {
    /// Stopped.
    #[default]
    Stopped,
    /// Successful.
    Successful,
    /// Faulted.
    Faulted,
}

/// Why no robot takes a job. The codes are those of Orchestrator's OpenAPI description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PendingReason {
    /// No machine is connected.
    NoHost,
    /// The robot has no Windows credentials.
    NoCredentials,
    /// No account of the folder fits the machine.
    NoMatchingUser,
    /// No licence is left.
    NoLicense,
    /// The machine is in maintenance.
    Maintenance,
}

impl PendingReason {
    pub(super) fn codes(self) -> &'static [&'static str] {
        match self {
            // All three at once, as recorded (UiPath/skills, `no-host-pending`).
            PendingReason::NoHost => &[
                "TemplateNoHostsAvailable",
                "DynamicJobConnectedMachinesInvalid",
                "DynamicJobConnectedMachinesWindowsRobotVersionInvalid",
            ],
            PendingReason::NoCredentials => &["RobotNoCredentials"],
            PendingReason::NoMatchingUser => &["RobotNoMatchingUsernames"],
            PendingReason::NoLicense => &["TemplateNoLicense"],
            PendingReason::Maintenance => &["TemplateMaintenanceMode"],
        }
    }

    /// The sentences next to the codes, where they are known.
    pub(super) fn sentences(self) -> &'static [&'static str] {
        match self {
            PendingReason::NoHost => &[
                "Windows process. This job can only run on a windows machine and there is none connected to this \
                 folder.",
                "Windows .NET5 process. This job can only run on a windows machine with a minimum 21.10 robot version \
                 and there is none connected to this folder.",
            ],
            PendingReason::NoCredentials
            | PendingReason::NoMatchingUser
            | PendingReason::NoLicense
            | PendingReason::Maintenance => &[],
        }
    }
}
