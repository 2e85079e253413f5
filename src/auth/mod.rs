//! Turns a credential into a fresh access token, for ever.
//!
//! One task owns each credential; everyone else reads its last snapshot. The task decides in [`core`] (margins, classes,
//! back-off, budget: no clock, no network) and acts in `task`. A one-use refresh token is on the disk before the access
//! token that came with it is handed out, because the file is then the only copy of the login.
//!
//! Rules are numbered in the comments: T1–T24, the token rules of the project.
//!
//! Absent: opening a browser, and asking a person for a secret.

#[doc(hidden)]
pub mod access_file;
#[doc(hidden)]
pub mod answer;
mod answer_text;
mod concern;
mod challenge;
#[doc(hidden)]
pub mod claims;
mod classes;
#[doc(hidden)]
pub mod core;
mod at_rest;
mod credential;
mod cure;
mod discovery;
mod environment;
mod event;
mod exchange;
mod exposed;
mod family;
mod keep;
pub mod kept;
#[doc(hidden)]
pub mod login;
mod login_keep;
#[doc(hidden)]
pub mod login_trouble;
mod manager;
#[doc(hidden)]
pub mod margins;
mod order;
mod personal;
#[doc(hidden)]
pub mod private_file;
mod raw;
mod redeem;
mod secrets;
#[doc(hidden)]
pub mod standing;
mod status;
mod task;
mod tell;
#[doc(hidden)]
pub mod token_file;
#[doc(hidden)]
pub mod trouble;
mod trial;
mod under_way;
mod unpacked;
mod view;
mod what_helps;
mod wire;
mod work;

pub use at_rest::at_rest;
pub use claims::Claims;
pub use credential::{AuthSetupError, Credential, token_url};
pub use discovery::{Discovery, Looks, discover, discover_elsewhere};
pub use environment::AuthEnvironment;
pub use kept::KeptSecrets;
pub use login::{Login, same};
pub use login_keep::{KeepError, keep};
pub use login_trouble::{LoginError, LoginFate, refused_page};
pub use manager::TokenManager;
pub use margins::ONE_USE_LIMIT;
pub use status::{AccessToken, AuthUnavailable, Generation, TokenState, TokenStatus};
pub use token_file::tokens_folder;
pub use trial::{Earlier, Given, NotKept, Taken, Unfinished, finish_login, take_login};
pub use under_way::{Exchanges, UnderWay};
pub use what_helps::Cure;
