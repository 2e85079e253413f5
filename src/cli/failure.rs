//! How a command ends.

use std::fmt;
use std::io;
use std::process::ExitCode;

use owo_colors::OwoColorize;

use super::given::Given;
use crate::history::HistoryError;
use crate::text::chain;

/// The exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// All is well.
    Fine,
    /// What was asked about was found: `doctor` found a fault.
    Found,
    /// Wrong usage, or an invalid file.
    Usage,
    /// The daemon or its files cannot be reached.
    NotReachable,
    /// Orchestrator or the identity server cannot be reached.
    Unreachable,
    /// Orchestrator or the identity server refused.
    Refused,
    /// A fault of this program (`EX_SOFTWARE`).
    Fault,
    /// Another daemon holds the state folder (`EX_TEMPFAIL`).
    Held,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(match exit {
            Exit::Fine => 0,
            Exit::Found => 1,
            Exit::Usage => 2,
            Exit::NotReachable => 3,
            Exit::Unreachable => 4,
            Exit::Refused => 5,
            Exit::Fault => 70,
            Exit::Held => 75,
        })
    }
}

/// Why a command failed: one sentence, and what to do.
#[derive(Debug)]
pub(super) struct Failure {
    exit: Exit,
    message: String,
    hint: Option<String>,
}

impl Failure {
    pub(super) fn new(exit: Exit, message: impl Into<String>) -> Failure {
        Failure { exit, message: message.into(), hint: None }
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Failure {
        Failure { hint: Some(hint.into()), ..self }
    }

    /// The same, with what was given here in the commands that its hint names.
    pub(super) fn with(self, given: &Given) -> Failure {
        Failure { hint: self.hint.map(|hint| given.in_text(&hint)), ..self }
    }

    /// A message that has been printed already.
    pub(super) fn told(exit: Exit) -> Failure {
        Failure { exit, message: String::new(), hint: None }
    }

    /// An error with all its causes.
    pub(super) fn from_error(exit: Exit, error: &dyn std::error::Error) -> Failure {
        Failure::new(exit, chain(error))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<io::Error> for Failure {
    fn from(cause: io::Error) -> Failure {
        if cause.kind() == io::ErrorKind::BrokenPipe {
            // The reader has seen enough.
            return Failure::told(Exit::Fine);
        }
        Failure::new(Exit::Usage, format!("failed to print: {cause}"))
    }
}

/// Where the service's socket is while it runs.
const SERVICE_FOLDER: &str = "/run/punctual";

const SUDO: &str = "the service's history is for its own user and root: `sudo` and the same command reads it; a member of the service's \
                    group leaves `--state-dir` out, and asks the running daemon";

impl From<HistoryError> for Failure {
    fn from(cause: HistoryError) -> Failure {
        let failure = Failure::from_error(Exit::NotReachable, &cause);
        match &cause {
            HistoryError::Missing(_)
                if std::path::Path::new(SERVICE_FOLDER).is_dir() && !rustix::process::geteuid().is_root() =>
            {
                failure.hint(SUDO)
            }
            HistoryError::Missing(_) => {
                failure.hint("no daemon has run with this state folder; name the right one with `--state-dir`")
            }
            // What is in it is for the service's user alone, so no group helps here.
            HistoryError::Closed(_) => failure.hint(SUDO),
            HistoryError::Database { .. } | HistoryError::Row { .. } => failure,
        }
    }
}

/// Prints a failure to stderr and gives its exit code.
pub(super) fn report(failure: &Failure) -> Exit {
    use std::io::Write;
    if !failure.message.is_empty() {
        let mut err = anstream::stderr().lock();
        let _ = writeln!(err, "{}: {}", "error".red().bold(), failure.message);
        if let Some(hint) = &failure.hint {
            let _ = writeln!(err, "\n{}: {hint}", "hint".cyan().bold());
        }
    }
    failure.exit
}
