//! What every HTTPS client of ours has in common: whom it trusts, how a body is read, what a header says.
//!
//! `auth`, `orchestrator` and `doctor` speak to the same servers over the same gateways and do not know each other, so the
//! rules stand below them, once: a certificate that a start would refuse must not please `doctor`, and a body that one of
//! them can read must not cost the other a login.
//!
//! Absent: sending (each caller knows what may be sent twice), and what an answer means.

mod added;
mod asked;
mod authorities;
mod body;
mod certificate;
mod client;
mod fragments;
mod headers;
mod names;
mod tls;
mod trouble;

pub(crate) use asked::Asked;
pub use authorities::{Authorities, Unusable};
pub(crate) use body::read;
pub use body::{Content, is_page, plain};
pub(crate) use certificate::Certificate;
pub use client::SetupError;
pub use client::is_loopback;
pub(crate) use client::{Client, Spoken};
pub use fragments::Trouble;
pub use headers::{Challenge, challenges, challenges_of, retry_after};
pub(crate) use headers::{date, http_date, text, values};
pub use names::{Names, Source};
pub(crate) use tls::Tls;
pub(crate) use trouble::Why;
pub(crate) use trouble::{broke_off, handshake, of_tls};
