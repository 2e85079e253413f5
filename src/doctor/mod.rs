//! Examines a connection step by step, so that "my credentials are invalid" is never where a person is left.
//!
//! Each step is tried alone, in the order in which a request meets it; the first that fails is the one to mend, and what
//! hangs on it is said to be not tried. Tokens come through the same manager as in the daemon, with its lock and its token
//! file, so an examination never costs a login. Nothing is started, but for the one job of a probe that was asked for.
//!
//! Absent: printing (the command line's), asking a person, and any repair.

mod bundle;
mod case;
mod challenge;
mod examination;
mod grant;
mod network;
mod probe;
#[doc(hidden)]
pub mod scopes;
mod secrets;
mod step;
mod tls;
mod token;
mod trouble;
mod work;

pub use bundle::{Bundle, Machine, RunError, StateCount, bundle};
pub use case::ProbeWish;
pub use examination::{DoctorSettings, examine};
pub use step::{Blame, Step, Topic, Verdict};
