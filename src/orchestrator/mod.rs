//! UiPath Orchestrator: the only place that knows its JSON.
//!
//! A typed client for the few calls that are needed, and what each failure means. Every failure knows its fate: certainly
//! not processed, refused, or perhaps processed ([`CallError`]); that is decided by one pure function over what came back
//! ([`judge`], semantics.md 15), because a wrong guess there is a robot that runs twice or not at all.
//!
//! Absent: deciding what to do about an answer (`executor`), tokens (`auth`, reached through [`Bearer`]), and the call
//! budget of a tenant (the caller counts its list calls). Nothing here retries but the one send after a refused token.

mod alike;
mod bearer;
mod body;
mod call;
mod client;
mod code;
mod cure;
mod dry_run;
mod error;
mod find;
mod freshness;
mod job;
mod lists;
mod nearest;
mod odata;
mod outcome;
mod pages;
mod request;
mod setup_error;
mod survey;
mod tell;
mod transport;
mod wire;

pub use alike::is_same_name;
pub use bearer::{Bearer, BoxFuture, Token, TokenUnavailable};
pub use body::Refusal;
pub use call::Call;
pub use client::{Client, MAX_NAMES_PER_CALL, ReleaseKey, ServerStop, StartReply, StartRequest};
pub use code::ErrorCode;
pub use cure::{Explained, explain_code, explain_job, explain_status};
pub use dry_run::{DryRun, explain_pending};
pub use error::{CallError, Sentence, UnsentReason};
pub use find::{FoundBy, FoundFolder};
pub use freshness::{Freshness, ServerSkew, Stale};
pub use job::{Completeness, JobFault, JobPage, JobState, JobView, LogLine, StopStrategy};
pub use outcome::{Answer, Asked, Body, Heard, Verdict, judge};
pub use setup_error::ClientSetupError;
pub use survey::Survey;
pub use transport::ClientConfig;
