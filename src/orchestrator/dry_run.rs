//! Asks Orchestrator whether a start would find a robot, without starting anything (`ValidateDynamicJob`).
//!
//! Its codes are the reasons for which a job would stay pending; each has its cause and its cure here.

use reqwest::Method;

use super::call::Call;
use super::client::{Client, SMALL, StartRequest, start_body};
use super::cure::Explained;
use super::error::CallError;
use super::outcome;
use super::request::{Pool, Request};
use super::wire::ValidationDto;
use crate::run::FolderId;

/// What Orchestrator thinks of a start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DryRun {
    /// A robot would take it.
    WouldRun,
    /// The job would be made, but would wait.
    WouldWait {
        /// Orchestrator's codes, such as `TemplateNoLicense`.
        codes: Vec<String>,
        /// Its words.
        words: Vec<String>,
    },
}

impl Client {
    /// Asks whether this start would find a robot. Nothing is started.
    ///
    /// # Errors
    /// See [`CallError`]; servers before 2021 do not know the call.
    pub async fn check_start(&self, folder: FolderId, start: &StartRequest) -> Result<DryRun, CallError> {
        let asked =
            self.asked(Call::CheckStart, format!("asking whether a start in folder {folder} would find a robot"));
        let request = Request {
            asked,
            pool: Pool::Reads,
            method: Method::POST,
            path: "odata/Jobs/UiPath.Server.Configuration.OData.ValidateDynamicJob".to_owned(),
            query: None,
            folder: Some(folder),
            body: Some(start_body(start)),
            limit: SMALL,
        };
        let bytes = self.transport.exchange(&request).await.outcome?;
        let ValidationDto { is_valid, errors, error_codes } =
            serde_json::from_slice(&bytes).map_err(|cause| outcome::unreadable(&request.asked, &cause))?;
        let clean = |texts: Vec<String>| texts.iter().map(|text| super::body::clean(text)).collect();
        let (codes, words) = (clean(error_codes.unwrap_or_default()), clean(errors.unwrap_or_default()));
        Ok(if is_valid { DryRun::WouldRun } else { DryRun::WouldWait { codes, words } })
    }
}

const fn because(cause: &'static str, cure: &'static str) -> Explained {
    Explained { cause, cure }
}

/// Every reason for which a job stays pending, by Orchestrator's own names.
const BY_REASON: [(&str, Explained); 22] = [
    (
        "RobotNotAssignedToFolder",
        because(
            "the robot account is not assigned to this folder",
            "assign the robot account to the folder by name, under the folder's settings",
        ),
    ),
    (
        "RobotNotFound",
        because(
            "there is no robot account for this job in the folder",
            "assign a user or robot account with an unattended robot to the folder",
        ),
    ),
    (
        "RobotNoCredentials",
        because(
            "the robot account has no Windows login, and the process needs a session",
            "set the Windows user and password in the account's unattended settings",
        ),
    ),
    (
        "RobotBusy",
        because(
            "the robot account is at work on another job",
            "nothing is wrong: the job would wait; give the folder more robot accounts if it must not",
        ),
    ),
    (
        "RobotConcurrencyLimit",
        because(
            "the robot account already runs as many jobs as it may",
            "allow it to run on several machines at once, or add robot accounts to the folder",
        ),
    ),
    (
        "RobotNoMatchingUsernames",
        because(
            "no machine has a login for this robot account's Windows user",
            "map the account to a machine, or log that Windows user in on one of the folder's machines",
        ),
    ),
    (
        "RobotVersionTooLow",
        because("the robots of this folder are too old for the process", "update UiPath Robot on the machines"),
    ),
    (
        "TemplateNoRuntime",
        because(
            "no machine template of this folder has a runtime of the kind that is asked for",
            "give a machine template Unattended or NonProduction runtimes, or write the kind there is as the schedule's `runtime`",
        ),
    ),
    (
        "TemplateNoHostsAvailable",
        because(
            "no machine of this folder is connected",
            "start the machines, or see that UiPath Robot there is connected to this tenant",
        ),
    ),
    (
        "TemplateNoLicense",
        because(
            "no licence is left for a runtime of this kind",
            "free a licence or buy one: tenant settings, Licenses",
        ),
    ),
    (
        "TemplateFullCapacity",
        because(
            "all runtimes of the folder's machines are in use",
            "nothing is wrong: the job would wait; give the machines more runtimes if it must not",
        ),
    ),
    (
        "TemplateNotAssignedToFolder",
        because(
            "no machine template is assigned to this folder",
            "assign a machine template with Unattended runtimes to the folder",
        ),
    ),
    (
        "TemplateMaintenanceMode",
        because(
            "the machines of this folder are in maintenance mode",
            "take them out of it: tenant, Machines, maintenance mode",
        ),
    ),
    (
        "DynamicJobAccountCredentialsInvalid",
        because(
            "the Windows login of the robot account is wrong or has expired",
            "set the right password in the account's unattended settings",
        ),
    ),
    (
        "DynamicJobForegroundAutomationTypeInvalid",
        because(
            "it is a foreground process, and no account here has a session for it",
            "give an account an unattended robot with a Windows login, or publish the process as a background one",
        ),
    ),
    (
        "DynamicJobBackgroundAutomationTypeInvalid",
        because(
            "it is a background process, and nothing here runs those",
            "assign an account and a machine that run background processes to the folder",
        ),
    ),
    (
        "DynamicJobWindowsTargetFrameworkInvalid",
        because(
            "the process needs Windows, and no Windows machine is here",
            "assign a Windows machine to the folder, or publish the process as cross-platform",
        ),
    ),
    (
        "DynamicJobCrossPlatformTargetFrameworkInvalid",
        because(
            "the process is cross-platform, and no machine here runs those",
            "assign a machine with a robot that runs cross-platform processes",
        ),
    ),
    (
        "DynamicJobConnectedMachinesInvalid",
        because(
            "none of the machines that could run it is connected",
            "start the machines, or see that UiPath Robot there is connected to this tenant",
        ),
    ),
    (
        "DynamicJobConnectedMachinesUserCredentialsInvalid",
        because(
            "the connected machines have no valid login for the robot account",
            "set the Windows user and password in the account's unattended settings",
        ),
    ),
    (
        "DynamicJobConnectedMachinesCrossPlatformRobotVersionInvalid",
        because(
            "the robots on the connected machines are too old for cross-platform processes",
            "update UiPath Robot on the machines",
        ),
    ),
    (
        "DynamicJobConnectedMachinesWindowsRobotVersionInvalid",
        because(
            "the robots on the connected machines are too old for this Windows process",
            "update UiPath Robot on the machines",
        ),
    ),
];

/// What a reason of [`DryRun::WouldWait`] means, where known.
pub fn explain_pending(reason: &str) -> Option<Explained> {
    BY_REASON.iter().find(|(name, _)| name.eq_ignore_ascii_case(reason)).map(|(_, explained)| *explained)
}
