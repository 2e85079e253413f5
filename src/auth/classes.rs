//! How each trouble is treated: its class, whether anything left, and whether a one-use token may be used up.
//!
//! Tables without a way out: a new trouble does not compile before it has its place in each.

use super::core::{Class, Left};
use super::kept::Kind;
use super::trouble::{Network, Oauth, Trouble};

impl Trouble {
    pub fn class(&self) -> Class {
        match self {
            Trouble::Secret { which: Kind::ClientSecret, .. } => Class::BadClient,
            Trouble::Secret { which: Kind::RefreshToken | Kind::Password | Kind::PersonalToken, .. }
            | Trouble::NothingKept { .. }
            | Trouble::Spent
            | Trouble::DamagedFile { .. } => Class::NeedsLogin,
            Trouble::LoginRefused { .. } => Class::BadKey,
            Trouble::SameToken => Class::SameToken,
            Trouble::Denied { code: Oauth::InvalidGrant, .. } => Class::NeedsLogin,
            Trouble::Denied {
                code:
                    Oauth::InvalidClient | Oauth::UnauthorizedClient | Oauth::InvalidScope | Oauth::UnsupportedGrantType,
                ..
            } => Class::BadClient,
            Trouble::Network { how: Network::GaveUp { .. } | Network::Broken, .. }
            | Trouble::Status { status: 502 | 504, retry_after: None, .. }
            | Trouble::Packed { .. }
            | Trouble::TooLarge
            | Trouble::Unreadable
            | Trouble::NoToken
            | Trouble::OddToken
            | Trouble::Crashed => Class::Ambiguous,
            Trouble::Status { retry_after, .. } => Class::Transient { retry_after: *retry_after },
            Trouble::Network {
                how: Network::Name | Network::Refused | Network::Tls | Network::ConnectTimeout | Network::Connect,
                ..
            }
            | Trouble::TokenFile { .. }
            | Trouble::Busy
            | Trouble::Stopping
            | Trouble::Redirect { .. }
            | Trouble::Page { .. }
            | Trouble::NotBearer => Class::Transient { retry_after: None },
        }
    }

    /// Whether the server may have used up a one-use token before this came back. Firewalls and gateways put their own pages in
    /// the place of answers, so only what a token server itself says, and what kept the request from leaving, is clear.
    pub(super) fn leaves_doubt(&self) -> bool {
        match self {
            Trouble::Secret { .. }
            | Trouble::NothingKept { .. }
            | Trouble::SameToken
            | Trouble::TokenFile { .. }
            | Trouble::DamagedFile { .. }
            | Trouble::Busy
            | Trouble::Stopping
            | Trouble::Spent
            | Trouble::Denied { .. }
            | Trouble::LoginRefused { .. } => false,
            Trouble::Network { how, .. } => match how {
                Network::GaveUp { .. } | Network::Broken => true,
                Network::Name | Network::Refused | Network::Tls | Network::ConnectTimeout | Network::Connect => false,
            },
            Trouble::Status { status: 407 | 429, .. } => false,
            Trouble::Status { status, error, .. } => error.is_none() || *status >= 500,
            Trouble::Redirect { .. }
            | Trouble::Page { .. }
            | Trouble::Packed { .. }
            | Trouble::TooLarge
            | Trouble::Unreadable
            | Trouble::NoToken
            | Trouble::OddToken
            | Trouble::NotBearer
            | Trouble::Crashed => true,
        }
    }

    pub(super) fn left(&self) -> Left {
        match self {
            Trouble::Secret { .. }
            | Trouble::NothingKept { .. }
            | Trouble::SameToken
            | Trouble::TokenFile { .. }
            | Trouble::DamagedFile { .. }
            | Trouble::Busy
            | Trouble::Stopping
            | Trouble::Spent => Left::Nothing,
            Trouble::Network { .. }
            | Trouble::Denied { .. }
            | Trouble::LoginRefused { .. }
            | Trouble::Status { .. }
            | Trouble::Redirect { .. }
            | Trouble::Page { .. }
            | Trouble::Packed { .. }
            | Trouble::TooLarge
            | Trouble::Unreadable
            | Trouble::NoToken
            | Trouble::OddToken
            | Trouble::NotBearer
            | Trouble::Crashed => Left::Request,
        }
    }
}
