//! A stand-in for Orchestrator and its identity server: for the demo, for rehearsals and for tests.
//!
//! It shares no code with the client, not even the names of fields, so it can prove the client wrong. It keeps a truth that
//! the client cannot see ([`Control::jobs`]), shows of it what the real service would show, and misbehaves as told
//! ([`Faults`]): a lost answer, a job that is visible late, a filter that is ignored.
//!
//! Its time runs with the boot-time side of the shared [`crate::clock::Clock`]: letting time pass moves both sides, while a
//! stepped wall clock leaves this "remote" machine alone, as it would a real one.
//!
//! Absent: TLS, HTTP/2, roles and permissions beyond scopes, robots that do anything, and any knowledge of schedules.

mod answer;
mod code;
mod complaint;
mod conduct;
mod config;
mod connection;
mod control;
mod dice;
mod durations;
mod effects;
mod ending;
mod fault_book;
mod faults;
mod folder;
mod identity;
mod job;
mod job_calls;
mod login;
mod logs;
mod odata;
mod queue;
mod record;
mod recording;
mod request;
mod route;
mod server;
mod service;
mod shared;
mod shown_job;
mod start;
mod stop;
mod time;
mod world;

pub use complaint::{Complaint, Failure, JobError, Mishap, Telling};
pub use conduct::{PendingReason, StopEnd, Stopping};
pub use config::{
    ClientSpec, FolderSpec, IdentitySpec, Nulls, PasswordSpec, ProcessSpec, QueueSpec, References, RefreshTokenSpec,
    RobotResult, SandboxConfig, TenantSpec, UserKeySpec,
};
pub use control::Control;
pub use faults::{Endpoint, Fault, FaultRule, Faults, FaultsError, Outage, Refusal, Words};
pub use job::{JobState, JobTruth};
pub use queue::QueueItemTruth;
pub use record::{Exchange, TokenCall, TokenOutcome};
pub use server::Sandbox;
