//! One step of an examination: what was tried, what was found, and what it means for a person.

use std::time::Duration;

use crate::orchestrator::Explained;
use crate::witness::Exchange;

/// What a step looks at, in the order in which a request meets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// The connection as the files have it.
    Configuration,
    /// The secrets that the grant needs.
    Secret,
    /// Whether a proxy stands between.
    Proxy,
    /// The name of the server, or of the proxy.
    Address,
    /// A TCP connection.
    Connect,
    /// The handshake and the certificate.
    Tls,
    /// The path of the identity server.
    Identity,
    /// Getting an access token.
    Grant,
    /// What the token says of itself.
    Token,
    /// Our clock against the server's.
    Clock,
    /// What the token allows.
    Scopes,
    /// The tenant, and the version of its API.
    Tenant,
    /// A folder that schedules name.
    Folder,
    /// A process that schedules name.
    Process,
    /// A harmless read.
    Read,
    /// A start that starts nothing.
    DryRun,
    /// One job that was asked for.
    Probe,
}

/// What a failed step leaves untried, in order.
pub(super) const ORDER: [Topic; 16] = [
    Topic::Configuration,
    Topic::Secret,
    Topic::Proxy,
    Topic::Address,
    Topic::Connect,
    Topic::Tls,
    Topic::Identity,
    Topic::Grant,
    Topic::Token,
    Topic::Scopes,
    Topic::Tenant,
    Topic::Folder,
    Topic::Process,
    Topic::Read,
    Topic::DryRun,
    Topic::Probe,
];

impl Topic {
    /// Its name, as printed; stable.
    pub fn as_str(self) -> &'static str {
        match self {
            Topic::Configuration => "configuration",
            Topic::Secret => "secret",
            Topic::Proxy => "proxy",
            Topic::Address => "address",
            Topic::Connect => "connect",
            Topic::Tls => "tls",
            Topic::Identity => "identity",
            Topic::Grant => "grant",
            Topic::Token => "token",
            Topic::Clock => "clock",
            Topic::Scopes => "scopes",
            Topic::Tenant => "tenant",
            Topic::Folder => "folder",
            Topic::Process => "process",
            Topic::Read => "read",
            Topic::DryRun => "dry_run",
            Topic::Probe => "probe",
        }
    }
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Fine,
    /// It works, and yet somebody should know.
    Doubt,
    /// It does not work.
    Fault(Blame),
    /// It could not be tried.
    NotTried,
}

impl Verdict {
    /// Its name, as printed; stable.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Fine => "fine",
            Verdict::Doubt => "doubt",
            Verdict::Fault(_) => "fault",
            Verdict::NotTried => "not_tried",
        }
    }
}

/// Where a fault is; it decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// In our files or on this machine.
    Here,
    /// On the way: Orchestrator or identity was not reached.
    Unreached,
    /// It was reached, and refused.
    Refused,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The connection's name.
    pub connection: String,
    /// What was looked at.
    pub topic: Topic,
    /// Which one, where there are several: a host, a folder, a process.
    pub subject: Option<String>,
    /// How it ended.
    pub verdict: Verdict,
    /// What was found, one fragment.
    pub found: String,
    /// The likely cause of a fault or doubt.
    pub cause: Option<String>,
    /// What to do about it.
    pub cure: Option<String>,
    /// The last exchange of the step.
    pub exchange: Option<Exchange>,
    /// How long it took.
    pub took: Option<Duration>,
}

/// What a step came to, before it has its place.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    pub(super) verdict: Verdict,
    pub(super) found: String,
    pub(super) cause: Option<String>,
    pub(super) cure: Option<String>,
    pub(super) exchange: Option<Exchange>,
    pub(super) took: Option<Duration>,
}

impl Finding {
    fn new(verdict: Verdict, found: impl Into<String>) -> Finding {
        Finding { verdict, found: found.into(), cause: None, cure: None, exchange: None, took: None }
    }

    pub(super) fn fine(found: impl Into<String>) -> Finding {
        Finding::new(Verdict::Fine, found)
    }

    pub(super) fn doubt(found: impl Into<String>, cause: impl Into<String>, cure: impl Into<String>) -> Finding {
        Finding { cause: Some(cause.into()), cure: Some(cure.into()), ..Finding::new(Verdict::Doubt, found) }
    }

    pub(super) fn fault(
        blame: Blame,
        found: impl Into<String>,
        cause: impl Into<String>,
        cure: impl Into<String>,
    ) -> Finding {
        let (cause, cure) = (Some(cause.into()), Some(cure.into()));
        Finding { cause, cure, ..Finding::new(Verdict::Fault(blame), found) }
    }

    pub(super) fn explained(blame: Blame, found: impl Into<String>, explained: Explained) -> Finding {
        Finding::fault(blame, found, explained.cause, explained.cure)
    }

    pub(super) fn not_tried(reason: impl Into<String>) -> Finding {
        Finding::new(Verdict::NotTried, reason)
    }

    pub(super) fn with(self, exchange: Option<Exchange>) -> Finding {
        let took = self.took.or_else(|| exchange.as_ref().map(|exchange| exchange.took));
        Finding { exchange, took, ..self }
    }

    pub(super) fn taking(self, took: Duration) -> Finding {
        Finding { took: Some(took), ..self }
    }

    pub(super) fn is_fault(&self) -> bool {
        match self.verdict {
            Verdict::Fault(_) => true,
            Verdict::Fine | Verdict::Doubt | Verdict::NotTried => false,
        }
    }
}
