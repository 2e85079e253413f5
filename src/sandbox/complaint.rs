//! What a faulted job says of its fault, in the words of real robots.
//!
//! A client that tells faults apart reads text which nobody promised, so the texts here come from where robots wrote
//! them: the troubleshooting playbooks of UiPath/skills (`job-faulted-logon-failure`, `executor-start-transient-rerun`,
//! `job-faulted-session-console-contention`, `serverless-cannot-start-licensing`, `job-stopped-generic-exit-code`) and
//! the recorded jobs of its tests. Two things that those recordings show: `JobError` of a robot's fault is an object
//! without members and all is told by `Info`; and an `Info` of a workflow begins with the message, goes on with the
//! path of activities, and has the type of the exception only then.
//!
//! Absent: which class a fault belongs to. That is what a client is to find out.

use serde::Deserialize;

/// Whom robots are logged on as where no fault says otherwise.
pub(super) const ROBOT_ACCOUNT: &str = "sandbox\\robot";

/// A fault that real jobs have had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mishap {
    /// Windows refuses the robot's password.
    LogonFailed,
    /// The password of the robot's account has expired.
    PasswordExpired,
    /// The robot's account is locked.
    AccountLocked,
    /// The workflow throws a business rule exception.
    BusinessRule,
    /// The robot's service went down, or lost Orchestrator.
    ServiceShutdown,
    /// The transport of the remote session failed (131085).
    RdpTransport,
    /// Somebody logged the robot's session off (65548).
    SessionLoggedOff,
    /// The logon session is gone (0x80070520).
    LogonSessionGone,
    /// The robot's user runs another job, for too long.
    UserBusy,
    /// Orchestrator gave no token for the user.
    NoUserToken,
    /// It was Terminating for so long that it was cleaned up.
    CleanedUp,
    /// Somebody else sits at the machine.
    WorkstationInUse,
    /// Another job with a user interface runs in the session.
    ForegroundBusy,
    /// The tenant has no robot units left.
    NoRobotUnits,
    /// The workflow throws an exception.
    WorkflowException,
    /// The Excel activities throw what they call a business exception, which is no business rule's.
    ExcelException,
    /// A document that the workflow reads has another password, which is not the robot's.
    DocumentPassword,
    /// An exception ended the process, of which an old robot tells only the exit code (0xE0434352).
    ExitCode,
    /// The process was ended from outside (0x40010004): by a kill, or since the user was logged off.
    ProcessKilled,
}

/// Which of its fields a faulted job fills.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Telling {
    /// `Info` alone, next to a `JobError` without members: as recorded.
    #[default]
    Info,
    /// `Info` and all of `JobError`.
    Whole,
    /// A code in `JobError`, and no text at all.
    Code,
}

/// A fault, how it is told, and whom it names.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// What happened.
    pub with: Mishap,
    /// How it is told.
    #[serde(default)]
    pub told: Telling,
    /// The Windows account that the robot uses.
    #[serde(default = "robot_account")]
    pub account: String,
}

fn robot_account() -> String {
    ROBOT_ACCOUNT.to_owned()
}

impl Failure {
    /// A fault as robots tell it.
    pub fn new(with: Mishap) -> Failure {
        Failure { with, told: Telling::Info, account: robot_account() }
    }

    /// The same, told otherwise.
    #[must_use]
    pub fn told(self, told: Telling) -> Failure {
        Failure { told, ..self }
    }

    /// The same under another account.
    #[must_use]
    pub fn account(self, account: impl Into<String>) -> Failure {
        Failure { account: account.into(), ..self }
    }

    /// What the job says.
    pub fn complaint(&self) -> Complaint {
        let Failure { with, told, account } = self;
        let text = with.text(account);
        let code = with.code();
        let (info, error) = match told {
            Telling::Info => (Some(text), JobError::default()),
            Telling::Code => (None, JobError { code: Some(code.to_owned()), ..JobError::default() }),
            Telling::Whole => {
                let error = JobError {
                    code: Some(code.to_owned()),
                    title: text.lines().next().map(str::to_owned),
                    detail: Some(text.clone()),
                    category: Some(with.category().to_owned()),
                    status: None,
                };
                (Some(text), error)
            }
        };
        Complaint { info, error, error_code: Some(with.error_code().to_owned()) }
    }
}

/// All that a faulted job says, to the letter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Complaint {
    /// `Info`.
    pub info: Option<String>,
    /// `JobError`; without any of its members an empty object.
    pub error: JobError,
    /// `ErrorCode`: who speaks.
    pub error_code: Option<String>,
}

/// `JobError`, as Orchestrator's OpenAPI description has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JobError {
    /// Like `User.InvalidCredentials`.
    pub code: Option<String>,
    /// A short text that stays the same.
    pub title: Option<String>,
    /// What happened this time.
    pub detail: Option<String>,
    /// `User`, `Deployment` or `System`.
    pub category: Option<String>,
    /// An HTTP status.
    pub status: Option<i32>,
}

impl Complaint {
    /// A robot's fault with a text of one's own.
    pub fn info(info: impl Into<String>) -> Complaint {
        Complaint { info: Some(info.into()), error: JobError::default(), error_code: Some("Robot".to_owned()) }
    }
}

impl Mishap {
    /// Whether it happens before the workflow runs.
    pub(super) fn keeps_it_from_starting(self) -> bool {
        match self {
            Mishap::LogonFailed
            | Mishap::PasswordExpired
            | Mishap::AccountLocked
            | Mishap::RdpTransport
            | Mishap::SessionLoggedOff
            | Mishap::LogonSessionGone
            | Mishap::UserBusy
            | Mishap::NoUserToken
            | Mishap::WorkstationInUse
            | Mishap::ForegroundBusy
            | Mishap::NoRobotUnits => true,
            Mishap::BusinessRule
            | Mishap::ServiceShutdown
            | Mishap::CleanedUp
            | Mishap::WorkflowException
            | Mishap::ExcelException
            | Mishap::DocumentPassword
            | Mishap::ExitCode
            | Mishap::ProcessKilled => false,
        }
    }

    fn text(self, account: &str) -> String {
        let logon = |why: &str| {
            format!(
                "Could not start executor. Logon failed for user {account}. {why} Last error: 131092. RDP connection \
                 failed.\r\n   at \
                 UiPath.Robot.Service.SessionManager.CreateSessionAsync(LogonRequest request)\r\n   at \
                 UiPath.Robot.Service.JobManager.StartJobAsync(JobStartRequest request, CancellationToken \
                 cancellationToken)\r\n"
            )
        };
        let plain = match self {
            // The sentences of Windows for 1326, 1330 and 1909.
            Mishap::LogonFailed => return logon("The user name or password is incorrect. (0x0000052E)."),
            Mishap::PasswordExpired => return logon("The password for this account has expired. (0x00000532)."),
            Mishap::AccountLocked => {
                return logon(
                    "The referenced account is currently locked out and may not be logged on to. (0x00000775).",
                );
            }
            Mishap::BusinessRule => {
                return thrown("UiPath.Core.BusinessRuleException", "Invoice 4711 has no purchase order");
            }
            Mishap::WorkflowException => {
                return thrown("System.SystemException", "It was not possible to access the portal");
            }
            Mishap::ServiceShutdown => "Job faulted due to service shutdown or disconnect.",
            Mishap::RdpTransport => {
                "Could not start executor. Rdp connection failed: Message: The connection transport layer failed., \
                 Last error: 131085"
            }
            Mishap::SessionLoggedOff => {
                "Could not start executor. Rdp connection failed: Message: The disconnection was initiated by the user \
                 logging off their session on the server. Last error: 65548"
            }
            Mishap::LogonSessionGone => {
                "Could not start executor. A specified logon session does not exist. It may already have been \
                 terminated. (0x80070520)"
            }
            Mishap::UserBusy => {
                "Could not start executor. User is running another job. Waiting for the job to finish timed out."
            }
            Mishap::NoUserToken => "Could not obtain the user token from Orchestrator.",
            Mishap::CleanedUp => {
                "The job was transitioned to a faulted state as a result of a cleanup action for jobs in Terminating \
                 state."
            }
            Mishap::WorkstationInUse => {
                "Could not start executor. The workstation is in use by another user. Please retry after the user logs \
                 off or disconnects."
            }
            Mishap::ForegroundBusy => {
                "System.InvalidOperationException: A foreground process is already running. Only one foreground \
                 process can run at a time."
            }
            Mishap::ExcelException => {
                "UiPath.Excel.BusinessException: The sheet with the name 'data' does not exist.\r\n   at \
                 UiPath.Excel.Activities.ExcelReadRangeX.ExecuteAsync(NativeActivityContext context)\r\n"
            }
            Mishap::DocumentPassword => {
                "Source: Read document text\r\nMessage: The password is incorrect.\r\nException Type: \
                 UiPath.DocumentUnderstanding.Digitizer.Exceptions.PdfException\r\nin Main.xaml\r\n    at ReadPDFText \
                 \"Read document text\"\r\n    at Main \"Main\""
            }
            Mishap::NoRobotUnits => {
                "Automation cannot be started. Your tenant's assigned Robot Units have been exceeded. Allocate more \
                 Robot Units to your tenant to continue."
            }
            Mishap::ExitCode => "System.Exception: Job stopped with an unexpected exit code: 0xE0434352",
            Mishap::ProcessKilled => "System.Exception: Job stopped with an unexpected exit code: 0x40010004",
        };
        plain.to_owned()
    }

    /// What stands in `JobError.code`. No recording has one that is filled: the number of Windows or of its remote
    /// desktop where the text has one, the type of the exception for a workflow's, else the word of `ErrorCode`.
    fn code(self) -> &'static str {
        match self {
            Mishap::LogonFailed => "0x0000052E",
            Mishap::PasswordExpired => "0x00000532",
            Mishap::AccountLocked => "0x00000775",
            Mishap::RdpTransport => "131085",
            Mishap::SessionLoggedOff => "65548",
            Mishap::LogonSessionGone => "0x80070520",
            Mishap::ExitCode => "0xE0434352",
            Mishap::ProcessKilled => "0x40010004",
            Mishap::BusinessRule => "UiPath.Core.BusinessRuleException",
            Mishap::WorkflowException => "System.SystemException",
            Mishap::ExcelException => "UiPath.Excel.BusinessException",
            Mishap::DocumentPassword => "UiPath.DocumentUnderstanding.Digitizer.Exceptions.PdfException",
            Mishap::ServiceShutdown
            | Mishap::UserBusy
            | Mishap::NoUserToken
            | Mishap::CleanedUp
            | Mishap::WorkstationInUse
            | Mishap::ForegroundBusy
            | Mishap::NoRobotUnits => self.error_code(),
        }
    }

    /// `Robot` and `Orchestrator` by the recordings, `License` by the playbook `serverless-license-quota`.
    fn error_code(self) -> &'static str {
        match self {
            Mishap::NoUserToken | Mishap::CleanedUp => "Orchestrator",
            Mishap::NoRobotUnits => "License",
            Mishap::LogonFailed
            | Mishap::PasswordExpired
            | Mishap::AccountLocked
            | Mishap::BusinessRule
            | Mishap::ServiceShutdown
            | Mishap::RdpTransport
            | Mishap::SessionLoggedOff
            | Mishap::LogonSessionGone
            | Mishap::UserBusy
            | Mishap::WorkstationInUse
            | Mishap::ForegroundBusy
            | Mishap::WorkflowException
            | Mishap::ExcelException
            | Mishap::DocumentPassword
            | Mishap::ExitCode
            | Mishap::ProcessKilled => "Robot",
        }
    }

    /// By what Orchestrator's OpenAPI description says of the three.
    fn category(self) -> &'static str {
        match self {
            Mishap::BusinessRule
            | Mishap::WorkflowException
            | Mishap::ExcelException
            | Mishap::DocumentPassword
            | Mishap::ExitCode => "User",
            Mishap::LogonFailed
            | Mishap::PasswordExpired
            | Mishap::AccountLocked
            | Mishap::WorkstationInUse
            | Mishap::ForegroundBusy
            | Mishap::NoRobotUnits => "Deployment",
            Mishap::ServiceShutdown
            | Mishap::RdpTransport
            | Mishap::SessionLoggedOff
            | Mishap::LogonSessionGone
            | Mishap::UserBusy
            | Mishap::NoUserToken
            | Mishap::CleanedUp
            | Mishap::ProcessKilled => "System",
        }
    }
}

/// An exception that a workflow throws, laid out as in the recording `uia-acme-login-checkappstate`.
fn thrown(exception: &str, message: &str) -> String {
    let path = [
        "in Process.xaml",
        "    at Throw \"Throw\"",
        "    at Sequence \"Check input\"",
        "    at Process \"Process\"",
        "--- End of workflow stack trace from previous location ---",
        "in Main.xaml",
        "    at InvokeWorkflowFile \"Process - Invoke Workflow File (Process.xaml)\"",
        "    at TryCatch \"Try Catch\"",
        "    at Main \"Main\"",
    ]
    .join("\r\n");
    format!(
        "{message}\r\n\r\n{path}\r\n\r\n{exception}: {message}\r\n   at \
         System.Activities.Statements.Throw.Execute(CodeActivityContext context)\r\n   at \
         System.Activities.CodeActivity.InternalExecute(ActivityInstance instance, ActivityExecutor executor, \
         BookmarkManager bookmarkManager)"
    )
}
