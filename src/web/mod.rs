//! The control API of a running daemon: HTTP/1.1 with JSON on a unix socket, below `/api/v1`.
//!
//! HTTP, because every language and `curl --unix-socket` speak it; a unix socket, because the kernel says who calls, so there
//! is no password to keep. Questions are answered from `history` and from the last published state, so they never hold up a
//! start; acting goes to the one owner of the matter (token manager, dispatcher) and leaves an `audit` row first.
//!
//! To add a call: a file with its shapes and its handler, and one line in `routes.rs`. Shapes are part of the interface:
//! fields are added, never renamed.
//!
//! Absent: TCP, pages, and any decision about runs or tokens.

mod answer;
mod backfill;
mod control;
mod directives;
mod gather;
mod holding;
mod instant;
mod job_link;
mod listing;
mod log;
mod login;
mod logins;
#[doc(hidden)]
pub mod meant;
mod needs;
mod nominal;
mod once;
mod overview;
mod peer;
mod reading;
mod reload;
mod reread;
mod resolve;
mod retry;
mod routes;
mod server;
mod skip;
mod socket;
mod start;
mod stop;
#[doc(hidden)]
pub mod status;
mod token;
mod turns;
mod why;
mod worst;

pub use answer::{OTHER_VERSION, Problem, Refusal, Why};
pub use backfill::{BackfillAnswer, BackfillRequest, BackfillTime};
pub use control::{Control, Parts, Served};
pub use directives::{Directives, LogLevel};
pub use gather::gather;
pub use holding::{HeldNow, PauseLine, PauseRequest, Paused, ResumeRequest, Resumed, Scope, SkipLine, StillHeld};
pub use job_link::job_link;
pub use listing::{ListedRun, MOST_LISTED, RunList, RunQuery, digests_of};
pub use log::{LogAnswer, LogRequest};
pub use login::{Begin, Begun, Finish, Keep, LoginNeed, Typed};
pub use needs::{Need, held_cure, lost_cure};
pub use once::{IDEMPOTENCY_KEY, IDEMPOTENT_REPLAYED, LONGEST_KEY};
pub use peer::Peer;
pub use reading::{DeedFilter, NotTold, RunStory, ShownRun};
pub use reload::{ReloadAnswer, ReloadOutcome, ReloadReport, ReloadRequest};
pub use reread::{Reloaded, Reread, Rereads};
pub use resolve::{Decided, Decision};
pub use retry::{RetryAnswer, RetryHow, RetryRequest};
pub use routes::API;
pub use server::Server;
pub use skip::{SkipAnswer, SkipRequest, SkipWay};
pub use socket::{ControlSocket, SocketError};
pub use start::{StartAnswer, StartRequest};
pub use status::{
    ConnectionStatus, DaemonStatus, FailingLine, NextTime, ObstacleStatus, PoolLine, RunLine, Status, TokenReport,
    ZoneDatabaseStatus,
};
pub use stop::{StopAnswer, StopRequest};
pub use why::{WhyAnswer, WhyQuestion};
pub use worst::worst;
