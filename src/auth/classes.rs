//! How each trouble is treated: its name, its class, whether anything left, and whether a one-use token may be used up.
//!
//! One table without a way out: a new trouble does not compile before it has its row. Its words are in `trouble`, its cure is in
//! `cure`.

use std::borrow::Cow;

use super::core::{Class, Left};
use super::trouble::{Network, Oauth, Trouble};
use crate::secret::Purpose;

/// What is so of a trouble, whatever the connection.
struct Facts {
    /// A short name for tables and machines.
    code: Cow<'static, str>,
    class: Class,
    left: Left,
    doubt: Doubt,
}

/// Whether the server may have used up a one-use token before this came back. Firewalls and gateways put their own pages in the
/// place of answers, so only what a token server itself says, and what kept the request from leaving, is clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doubt {
    /// It has not, or has said no to it.
    None,
    /// It may have.
    Some,
}

const TRANSIENT: Class = Class::Transient { retry_after: None };

/// Nothing was sent.
fn here(code: &'static str, class: Class) -> Facts {
    Facts { code: Cow::Borrowed(code), class, left: Left::Nothing, doubt: Doubt::None }
}

/// The server did not get the request, or says no itself.
fn clear(code: &'static str, class: Class) -> Facts {
    Facts { code: Cow::Borrowed(code), class, left: Left::Request, doubt: Doubt::None }
}

/// The server may have answered otherwise than what came.
fn unclear(code: &'static str, class: Class) -> Facts {
    Facts { code: Cow::Borrowed(code), class, left: Left::Request, doubt: Doubt::Some }
}

fn with_status(status: u16, facts: Facts) -> Facts {
    Facts { code: Cow::Owned(format!("http_{status}")), ..facts }
}

impl Trouble {
    fn facts(&self) -> Facts {
        match self {
            Trouble::Secret { which: Purpose::ClientSecret, .. } => here("secret_unreadable", Class::BadClient),
            Trouble::Secret { which: Purpose::RefreshToken | Purpose::Password | Purpose::PersonalToken, .. } => {
                here("secret_unreadable", Class::NeedsLogin)
            }
            Trouble::NothingKept { .. } => here("nothing_kept", Class::NeedsLogin),
            Trouble::TokenFile { .. } => here("token_file", TRANSIENT),
            Trouble::DamagedFile { .. } => here("token_file_damaged", Class::NeedsLogin),
            Trouble::Busy => here("token_file_busy", TRANSIENT),
            Trouble::Stopping => here("stopping", TRANSIENT),
            Trouble::Spent => here("refresh_token_spent", Class::NeedsLogin),
            Trouble::SameToken => here("personal_token_refused", Class::SameToken),
            Trouble::Network { how, .. } => match how {
                Network::Name => clear("name_not_found", TRANSIENT),
                Network::Refused => clear("connection_refused", TRANSIENT),
                Network::Tls => clear("tls", TRANSIENT),
                Network::ConnectTimeout => clear("connect_timeout", TRANSIENT),
                Network::Connect => clear("no_connection", TRANSIENT),
                Network::GaveUp { .. } => unclear("answer_timeout", Class::Ambiguous),
                Network::Broken => unclear("connection_broken", Class::Ambiguous),
            },
            Trouble::Denied { code: code @ Oauth::InvalidGrant, .. } => clear(code.as_str(), Class::NeedsLogin),
            Trouble::Denied {
                code:
                    code @ (Oauth::InvalidClient
                    | Oauth::UnauthorizedClient
                    | Oauth::InvalidScope
                    | Oauth::UnsupportedGrantType),
                ..
            } => clear(code.as_str(), Class::BadClient),
            Trouble::LoginRefused { .. } => clear("invalid_password", Class::BadKey),
            Trouble::Status { status, error, retry_after, .. } => {
                let class = match (status, retry_after) {
                    (502 | 504, None) => Class::Ambiguous,
                    (_, retry_after) => Class::Transient { retry_after: *retry_after },
                };
                // A proxy's login and a limit come before the work; an `error` below 500 is the token server's own.
                let is_clear = matches!(status, 407 | 429) || (error.is_some() && *status < 500);
                with_status(*status, if is_clear { clear("", class) } else { unclear("", class) })
            }
            Trouble::Redirect { status, .. } => with_status(*status, unclear("", TRANSIENT)),
            Trouble::Page { .. } => unclear("web_page", TRANSIENT),
            Trouble::Packed { .. } => unclear("answer_packed", Class::Ambiguous),
            Trouble::TooLarge => unclear("answer_too_large", Class::Ambiguous),
            Trouble::Unreadable => unclear("answer_unreadable", Class::Ambiguous),
            Trouble::NoToken => unclear("no_token", Class::Ambiguous),
            Trouble::OddToken => unclear("odd_token", Class::Ambiguous),
            Trouble::NotBearer => unclear("not_bearer", TRANSIENT),
            Trouble::Crashed => unclear("crashed", Class::Ambiguous),
        }
    }

    /// How it is treated.
    pub fn class(&self) -> Class {
        self.facts().class
    }

    /// Stable: scripts compare it.
    pub fn code(&self) -> String {
        self.facts().code.into_owned()
    }

    pub(super) fn leaves_doubt(&self) -> bool {
        self.facts().doubt == Doubt::Some
    }

    pub(super) fn left(&self) -> Left {
        self.facts().left
    }
}
