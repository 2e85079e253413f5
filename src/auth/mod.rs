//! Turns a credential into a fresh access token, for ever.
//!
//! One task owns each credential; everyone else reads its last snapshot. The task decides in [`core`] (margins, classes,
//! back-off, budget: no clock, no network) and acts in `manager`. A one-use refresh token is on the disk before the access
//! token that came with it is handed out, because the file is then the only copy of the login.
//!
//! Rules are numbered in the comments: T1–T24, the token rules of the project.
//!
//! Absent: access tokens on the disk, password and personal-token grants, the browser login.

#[doc(hidden)]
pub mod answer;
#[doc(hidden)]
pub mod core;
mod credential;
mod exchange;
mod manager;
mod margins;
mod status;
#[doc(hidden)]
pub mod token_file;
mod trouble;
mod wire;

pub use credential::{AuthSetupError, Credential, GrantConfig, Style, token_url};
pub use manager::{AuthEnvironment, TokenManager};
pub use status::{AccessToken, AuthUnavailable, Generation, TokenState, TokenStatus};
