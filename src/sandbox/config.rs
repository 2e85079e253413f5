//! What a sandbox is made of: tenant, folders, processes, and who may log in.
//!
//! Plain values with sensible defaults: a test writes down only what it is about. The secrets in here open nothing but the
//! sandbox itself; `Debug` leaves them out all the same, so that a search of a test's output for secrets stays meaningful.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde_json::{Value, json};

use super::complaint::Complaint;
use crate::clock::Clock;

/// Everything a sandbox needs to start.
#[derive(Clone, Debug)]
pub struct SandboxConfig {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The clock that drives robots, tokens, limits and delays.
    pub clock: Clock,
    /// The one tenant that is served.
    pub tenant: TenantSpec,
    /// Who may log in, and for how long.
    pub identity: IdentitySpec,
    /// Decides keys, tokens and the dice of faults: the same seed, the same calls, the same answers.
    pub seed: u64,
}

/// One tenant of one organization.
#[derive(Clone, Debug)]
pub struct TenantSpec {
    /// First part of the path.
    pub organization: String,
    /// Second part of the path, and the value of `X-UIPATH-TenantName`.
    pub tenant: String,
    /// The folders; missing parents are made up.
    pub folders: Vec<FolderSpec>,
    /// Sent as `api-supported-versions`; fields of StartJobs newer than it are not understood. 20 is today's Cloud.
    pub api_version: u32,
    /// Calls of the list form of Jobs and QueueItems in 60 s before 429, by UiPath's page on rate limits.
    pub list_calls_per_minute: u32,
    /// Whether fields without a value are left out or written as `null`.
    pub nulls: Nulls,
    /// Queues, each in one folder.
    pub queues: Vec<QueueSpec>,
}

/// How a field without a value is answered. The contract's schemas know no `null`; the real service writes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Nulls {
    /// The field is left out.
    #[default]
    Omitted,
    /// The field is `null`.
    Written,
}

/// A folder with its processes and robots.
#[derive(Clone, Debug)]
pub struct FolderSpec {
    /// Fully qualified name, `Finance/Accounts payable`.
    pub path: String,
    /// What can be started here.
    pub processes: Vec<ProcessSpec>,
    /// Jobs that run at once; others stay Pending.
    pub robots: usize,
}

/// A process, and what its jobs do.
#[derive(Clone, Debug)]
pub struct ProcessSpec {
    /// Name of the release in its folder.
    pub name: String,
    /// The shortest time between creation and start.
    pub pending: Duration,
    /// How long a robot is busy with it.
    pub running: Duration,
    /// How it ends.
    pub result: RobotResult,
}

/// How a job ends when nobody stops it.
#[derive(Clone, Debug, PartialEq)]
pub enum RobotResult {
    /// Successful, with output arguments (`null` for none).
    Succeeds {
        /// The output arguments, an object or `null`.
        output: Value,
    },
    /// Faulted.
    Faults {
        /// The job's `Info`.
        info: String,
    },
    /// Faulted, and says this to the letter.
    Fails(Complaint),
    /// Stopped by the workflow or a person.
    Stops,
    /// Suspended once for `suspended`, then resumed, run again for `running`, and Successful.
    Suspends {
        /// How long it is parked.
        suspended: Duration,
        /// The output arguments, an object or `null`.
        output: Value,
    },
}

/// A queue.
#[derive(Clone, Debug)]
pub struct QueueSpec {
    /// Its name in the folder.
    pub name: String,
    /// Path of its folder.
    pub folder: String,
    /// Whether a second item with the same reference is refused.
    pub references: References,
}

/// Whether references in a queue are unique.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum References {
    /// A second item with the same reference is refused.
    Unique,
    /// Any number of items may carry the same reference.
    Repeatable,
}

/// Who may log in.
#[derive(Clone)]
pub struct IdentitySpec {
    /// External applications (`client_credentials`, and `authorization_code` for the login).
    pub clients: Vec<ClientSpec>,
    /// User keys of the early Cloud platform: reusable, `POST /oauth/token`.
    pub user_keys: Vec<UserKeySpec>,
    /// First one-use refresh tokens of the identity server.
    pub refresh_tokens: Vec<RefreshTokenSpec>,
    /// Users of `POST /api/Account/Authenticate`.
    pub passwords: Vec<PasswordSpec>,
    /// Tokens that are simply valid, with all rights.
    pub personal_access_tokens: Vec<String>,
    /// Life of an identity server's access token.
    pub token_lifetime: Duration,
    /// Life of an access token got with a user key.
    pub account_token_lifetime: Duration,
    /// For how long a used refresh token is answered as before instead of being taken for theft.
    pub reuse_grace: Option<Duration>,
}

/// An external application.
#[derive(Clone)]
pub struct ClientSpec {
    /// Its application id.
    pub id: String,
    /// Its secret; a public client has none.
    pub secret: Option<String>,
    /// What it may ask for.
    pub scopes: Vec<String>,
}

/// A user key of the early Cloud platform.
#[derive(Clone)]
pub struct UserKeySpec {
    /// The client id shown next to it.
    pub client_id: String,
    /// The key; it stays valid.
    pub key: String,
}

/// The first refresh token of a family.
#[derive(Clone)]
pub struct RefreshTokenSpec {
    /// The application it belongs to.
    pub client_id: String,
    /// The token; one use.
    pub token: String,
    /// Scopes of the tokens got with it.
    pub scopes: Vec<String>,
}

/// A user with a password.
#[derive(Clone)]
pub struct PasswordSpec {
    /// Name or e-mail address.
    pub username: String,
    /// The password.
    pub password: String,
}

impl SandboxConfig {
    /// Organization `acme`, tenant `acmeprod`, folders `Shared` and `Finance`, a few processes that take seconds.
    pub fn demo(clock: Clock) -> SandboxConfig {
        SandboxConfig {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            clock,
            tenant: TenantSpec::demo(),
            identity: IdentitySpec::demo(),
            seed: 1,
        }
    }
}

impl TenantSpec {
    /// The demo's tenant.
    pub fn demo() -> TenantSpec {
        let seconds = Duration::from_secs;
        TenantSpec {
            organization: "acme".to_owned(),
            tenant: "acmeprod".to_owned(),
            folders: vec![
                FolderSpec {
                    path: "Shared".to_owned(),
                    processes: vec![
                        ProcessSpec::new("InvoiceIntake")
                            .taking(seconds(1), seconds(2))
                            .ending(RobotResult::Succeeds { output: json!({"invoices": 17}) }),
                        ProcessSpec::new("Heartbeat").taking(Duration::ZERO, seconds(1)),
                        ProcessSpec::new("Flaky").taking(seconds(1), seconds(1)).ending(RobotResult::Faults {
                            info: "Could not find the user-interface element".to_owned(),
                        }),
                        ProcessSpec::new("LongReport").taking(seconds(1), seconds(30)),
                    ],
                    robots: 3,
                },
                FolderSpec {
                    path: "Finance".to_owned(),
                    processes: vec![
                        ProcessSpec::new("Payroll").taking(seconds(1), seconds(4)),
                        ProcessSpec::new("BookPayroll").taking(seconds(1), seconds(2)),
                        ProcessSpec::new("CloseBooks").taking(seconds(1), seconds(5)),
                    ],
                    robots: 1,
                },
            ],
            api_version: 20,
            list_calls_per_minute: 100,
            nulls: Nulls::Omitted,
            queues: vec![QueueSpec {
                name: "Heartbeats".to_owned(),
                folder: "Shared".to_owned(),
                references: References::Unique,
            }],
        }
    }
}

impl ProcessSpec {
    /// A process that is pending for a second, runs for two, and succeeds without output.
    pub fn new(name: impl Into<String>) -> ProcessSpec {
        ProcessSpec {
            name: name.into(),
            pending: Duration::from_secs(1),
            running: Duration::from_secs(2),
            result: RobotResult::Succeeds { output: Value::Null },
        }
    }

    /// The same with other times.
    #[must_use]
    pub fn taking(self, pending: Duration, running: Duration) -> ProcessSpec {
        ProcessSpec { pending, running, ..self }
    }

    /// The same with another end.
    #[must_use]
    pub fn ending(self, result: RobotResult) -> ProcessSpec {
        ProcessSpec { result, ..self }
    }
}

impl IdentitySpec {
    /// One application, one user key, one refresh token, one user, one personal access token.
    pub fn demo() -> IdentitySpec {
        let scopes: Vec<String> = [
            "OR.Jobs",
            "OR.Jobs.Read",
            "OR.Jobs.Write",
            "OR.Execution",
            "OR.Execution.Read",
            "OR.Folders",
            "OR.Folders.Read",
            "OR.Monitoring",
            "OR.Monitoring.Read",
            "OR.Queues",
            "OR.Queues.Read",
            "OR.Queues.Write",
            "OR.Users.Read",
            "OR.Default",
        ]
        .map(str::to_owned)
        .to_vec();
        IdentitySpec {
            clients: vec![ClientSpec {
                id: "sandbox-client".to_owned(),
                secret: Some("sandbox-secret".to_owned()),
                scopes: scopes.clone(),
            }],
            user_keys: vec![UserKeySpec {
                client_id: "sandbox-account".to_owned(),
                key: "sandbox-user-key".to_owned(),
            }],
            refresh_tokens: vec![RefreshTokenSpec {
                client_id: "sandbox-client".to_owned(),
                token: "sandbox-refresh-token".to_owned(),
                scopes,
            }],
            passwords: vec![PasswordSpec {
                username: "sandbox-user".to_owned(),
                password: "sandbox-password".to_owned(),
            }],
            personal_access_tokens: vec!["sandbox-personal-access-token".to_owned()],
            token_lifetime: Duration::from_secs(3_600),
            account_token_lifetime: Duration::from_secs(24 * 3_600),
            reuse_grace: None,
        }
    }
}

impl fmt::Debug for IdentitySpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentitySpec")
            .field("clients", &self.clients)
            .field("token_lifetime", &self.token_lifetime)
            .field("reuse_grace", &self.reuse_grace)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ClientSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSpec").field("id", &self.id).field("scopes", &self.scopes).finish_non_exhaustive()
    }
}

impl fmt::Debug for UserKeySpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserKeySpec").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

impl fmt::Debug for RefreshTokenSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshTokenSpec").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

impl fmt::Debug for PasswordSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordSpec").field("username", &self.username).finish_non_exhaustive()
    }
}
