//! Everything that can go wrong with one attempt: its class and its cause in words. The cures stand in `cure`.
//!
//! The words are the product here: a token that fails at three in the morning is read by someone who has never seen OAuth.
//! Every row of the project's list of token errors has its own cause and cure.

use std::time::Duration;

use super::core::{Class, Left};
use super::credential::{Credential, GrantConfig, printable};
use super::kept::Kind;

/// The refusals that do not pass by themselves (T6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oauth {
    /// The refresh token.
    InvalidGrant,
    /// Id or secret.
    InvalidClient,
    /// This client may not use this grant.
    UnauthorizedClient,
    /// The scopes.
    InvalidScope,
    /// The server does not know the grant.
    UnsupportedGrantType,
}

impl Oauth {
    /// Reads the `error` of an answer; other errors may pass by themselves.
    pub fn parse(text: &str) -> Option<Oauth> {
        match text {
            "invalid_grant" => Some(Oauth::InvalidGrant),
            "invalid_client" => Some(Oauth::InvalidClient),
            "unauthorized_client" => Some(Oauth::UnauthorizedClient),
            "invalid_scope" => Some(Oauth::InvalidScope),
            "unsupported_grant_type" => Some(Oauth::UnsupportedGrantType),
            _ => None,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Oauth::InvalidGrant => "invalid_grant",
            Oauth::InvalidClient => "invalid_client",
            Oauth::UnauthorizedClient => "unauthorized_client",
            Oauth::InvalidScope => "invalid_scope",
            Oauth::UnsupportedGrantType => "unsupported_grant_type",
        }
    }
}

/// How the connection failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// The name was not found.
    Name,
    /// Nobody listens there.
    Refused,
    /// No agreement on certificates or ciphers.
    Tls,
    /// No connection within 5 s.
    ConnectTimeout,
    /// No complete answer within 15 s.
    AnswerTimeout,
    /// The connection could not be made for another reason.
    Connect,
    /// The connection broke after it was made.
    Broken,
}

impl Network {
    fn as_str(self) -> &'static str {
        match self {
            Network::Name => "the server's name was not found",
            Network::Refused => "the connection was refused",
            Network::Tls => "no secure connection",
            Network::ConnectTimeout => "no connection within 5 s",
            Network::AnswerTimeout => "no complete answer within 15 s",
            Network::Connect => "no connection",
            Network::Broken => "the connection broke before the answer was complete",
        }
    }
}

/// Why an attempt gave no token. Holds no secret: server's words are cleaned before they get here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// A secret could not be read here.
    Secret {
        /// Which one.
        which: Kind,
        /// Why, with its place.
        reason: String,
    },
    /// The file leaves the secret out, and `punctual login` has kept none yet.
    NothingKept {
        /// Which one.
        kind: Kind,
    },
    /// The token file could not be read or written, so no one-use token was sent.
    TokenFile {
        /// Why, with its path.
        reason: String,
    },
    /// The token file is damaged: which refresh token is current is not known.
    DamagedFile {
        /// Its path.
        path: String,
    },
    /// Another process held the token file for 30 s.
    Busy,
    /// This refresh token was refused before and is not sent again (T8).
    Spent,
    /// No answer.
    Network {
        /// How it failed.
        how: Network,
        /// The innermost cause.
        detail: String,
    },
    /// A refusal that does not pass by itself.
    Denied {
        /// HTTP status.
        status: u16,
        /// OAuth's code.
        code: Oauth,
        /// The server's words.
        description: Option<String>,
    },
    /// Orchestrator refused user and password.
    LoginRefused {
        /// HTTP status.
        status: u16,
        /// The server's words.
        description: Option<String>,
    },
    /// Orchestrator refused the personal access token, and the same one is still there.
    SameToken,
    /// Any other status.
    Status {
        /// HTTP status.
        status: u16,
        /// The `error` of the body.
        error: Option<String>,
        /// The server's words.
        description: Option<String>,
        /// What the server asked for.
        retry_after: Option<Duration>,
    },
    /// A redirect, which is not followed (T17).
    Redirect {
        /// HTTP status.
        status: u16,
    },
    /// A web page, or nothing, where the token endpoint should be.
    Page {
        /// HTTP status.
        status: u16,
    },
    /// The answer is longer than 64 KiB.
    TooLarge,
    /// The answer is not a JSON object.
    Unreadable,
    /// Success, but no token in it.
    NoToken,
    /// Success, but the token cannot stand in a header.
    OddToken,
    /// Success, but for another kind of token.
    NotBearer,
    /// The attempt itself broke: a bug of ours.
    Crashed,
}

/// A trouble in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub class: Class,
    pub left: Left,
    /// A short name for tables and machines, such as `invalid_client` or `http_503`.
    pub code: String,
    /// One sentence without its full stop.
    pub message: String,
    pub cure: String,
}

/// Whether the attempt before this one ended without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// It was answered, or there was none.
    Answered,
    /// The server may have used up the refresh token then.
    Lost,
}

impl Trouble {
    pub fn class(&self) -> Class {
        match self {
            Trouble::Secret { which: Kind::ClientSecret, .. } => Class::BadClient,
            Trouble::Secret { which: Kind::RefreshToken | Kind::Password | Kind::PersonalToken, .. }
            | Trouble::NothingKept { .. }
            | Trouble::Spent
            | Trouble::DamagedFile { .. } => Class::NeedsLogin,
            Trouble::LoginRefused { .. } => Class::BadPassword,
            Trouble::SameToken => Class::SameToken,
            Trouble::Denied { code: Oauth::InvalidGrant, .. } => Class::NeedsLogin,
            Trouble::Denied {
                code:
                    Oauth::InvalidClient | Oauth::UnauthorizedClient | Oauth::InvalidScope | Oauth::UnsupportedGrantType,
                ..
            } => Class::BadClient,
            Trouble::Network { how: Network::AnswerTimeout | Network::Broken, .. }
            | Trouble::Status { status: 502 | 504, retry_after: None, .. }
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
            | Trouble::Redirect { .. }
            | Trouble::Page { .. }
            | Trouble::NotBearer => Class::Transient { retry_after: None },
        }
    }

    /// A refusal also says what is odd about the way the refused secret is written: that is most often why.
    pub(super) fn with_oddities(self, odd: &[(Kind, String)]) -> Trouble {
        let with = |kind: Kind, description: Option<String>| {
            let of_kind = odd.iter().filter(|(whose, _)| *whose == kind).map(|(_, what)| what.clone());
            let texts: Vec<String> = description.into_iter().chain(of_kind).collect();
            (!texts.is_empty()).then(|| texts.join("; "))
        };
        match self {
            Trouble::Denied { status, code: code @ Oauth::InvalidClient, description } => {
                Trouble::Denied { status, code, description: with(Kind::ClientSecret, description) }
            }
            Trouble::LoginRefused { status, description } => {
                Trouble::LoginRefused { status, description: with(Kind::Password, description) }
            }
            other => other,
        }
    }

    fn left(&self) -> Left {
        match self {
            Trouble::Secret { .. }
            | Trouble::NothingKept { .. }
            | Trouble::SameToken
            | Trouble::TokenFile { .. }
            | Trouble::DamagedFile { .. }
            | Trouble::Busy
            | Trouble::Spent => Left::Nothing,
            Trouble::Network { .. }
            | Trouble::Denied { .. }
            | Trouble::LoginRefused { .. }
            | Trouble::Status { .. }
            | Trouble::Redirect { .. }
            | Trouble::Page { .. }
            | Trouble::TooLarge
            | Trouble::Unreadable
            | Trouble::NoToken
            | Trouble::OddToken
            | Trouble::NotBearer
            | Trouble::Crashed => Left::Request,
        }
    }

    /// Puts it into words for one connection.
    pub fn explain(&self, credential: &Credential, before: Before) -> Failure {
        let mut class = self.class();
        // A client without a refresh token has no login to renew.
        if let (Trouble::Denied { .. } | Trouble::Spent, GrantConfig::ClientCredentials { .. }) =
            (self, &credential.grant)
        {
            class = Class::BadClient;
        }
        Failure {
            class,
            left: self.left(),
            code: self.code(),
            message: format!("connection `{}`: {}", credential.connection, self.sentence(credential)),
            cure: self.cure(credential, before),
        }
    }

    /// Why there was no answer; empty when there was one.
    pub(crate) fn what_broke(&self) -> String {
        match self {
            Trouble::Network { how, detail } => {
                let what = how.as_str();
                if detail.is_empty() { what.to_owned() } else { format!("{what} ({detail})") }
            }
            Trouble::TooLarge => "the answer is longer than 64 KiB".to_owned(),
            Trouble::Secret { .. }
            | Trouble::NothingKept { .. }
            | Trouble::TokenFile { .. }
            | Trouble::DamagedFile { .. }
            | Trouble::Busy
            | Trouble::Spent
            | Trouble::Denied { .. }
            | Trouble::LoginRefused { .. }
            | Trouble::SameToken
            | Trouble::Status { .. }
            | Trouble::Redirect { .. }
            | Trouble::Page { .. }
            | Trouble::Unreadable
            | Trouble::NoToken
            | Trouble::OddToken
            | Trouble::NotBearer
            | Trouble::Crashed => String::new(),
        }
    }

    /// Stable: scripts compare it.
    pub fn code(&self) -> String {
        let code = match self {
            Trouble::Secret { .. } => "secret_unreadable",
            Trouble::NothingKept { .. } => "nothing_kept",
            Trouble::TokenFile { .. } => "token_file",
            Trouble::DamagedFile { .. } => "token_file_damaged",
            Trouble::Busy => "token_file_busy",
            Trouble::Spent => "refresh_token_spent",
            Trouble::Network { how, .. } => match how {
                Network::Name => "name_not_found",
                Network::Refused => "connection_refused",
                Network::Tls => "tls",
                Network::ConnectTimeout => "connect_timeout",
                Network::AnswerTimeout => "answer_timeout",
                Network::Connect => "no_connection",
                Network::Broken => "connection_broken",
            },
            Trouble::Denied { code, .. } => code.as_str(),
            Trouble::LoginRefused { .. } => "invalid_password",
            Trouble::SameToken => "personal_token_refused",
            Trouble::Status { status, .. } | Trouble::Redirect { status } => return format!("http_{status}"),
            Trouble::Page { .. } => "web_page",
            Trouble::TooLarge => "answer_too_large",
            Trouble::Unreadable => "answer_unreadable",
            Trouble::NoToken => "no_token",
            Trouble::OddToken => "odd_token",
            Trouble::NotBearer => "not_bearer",
            Trouble::Crashed => "crashed",
        };
        code.to_owned()
    }

    fn sentence(&self, credential: &Credential) -> String {
        let url = &credential.token_url;
        let post = format!("POST {}", printable(url));
        match self {
            Trouble::Secret { which, reason } => format!("no {which}: {reason}"),
            Trouble::NothingKept { kind } => {
                format!("no {kind}: `auth.{}` is left out, and none has been kept yet", kind.key())
            }
            Trouble::SameToken => "Orchestrator answered 401 to the personal access token".to_owned(),
            Trouble::LoginRefused { status, description } => {
                format!("{post} answered {status}{}", in_brackets(description.as_deref()))
            }
            Trouble::TokenFile { reason } => format!("nothing was sent to {} because {reason}", printable(url)),
            Trouble::DamagedFile { path } => {
                format!("nothing was sent to {} because the token file `{path}` is damaged", printable(url))
            }
            Trouble::Busy => {
                format!("nothing was sent to {} because another process kept the token file for 30 s", printable(url))
            }
            Trouble::Spent => format!(
                "the refresh token was refused before with `invalid_grant` and was not sent to {} again",
                printable(url)
            ),
            Trouble::Network { how, detail } => {
                let what = how.as_str();
                let detail = in_brackets(Some(detail.as_str()).filter(|detail| !detail.is_empty()));
                format!("{post} failed: {what}{detail}")
            }
            Trouble::Denied { status, code, description } => {
                let error = code.as_str();
                format!("{post} answered {status} `{error}`{}", in_brackets(description.as_deref()))
            }
            Trouble::Status { status, error, description, .. } => {
                let error = error.as_deref().map(|error| format!(" `{error}`")).unwrap_or_default();
                format!("{post} answered {status}{error}{}", in_brackets(description.as_deref()))
            }
            Trouble::Redirect { status } => format!("{post} answered {status}, a redirect, which is not followed"),
            Trouble::Page { status: status @ 200..=299 } => {
                format!("{post} answered {status} with a web page instead of a token")
            }
            Trouble::Page { status } => format!("{post} answered {status}: there is no token endpoint at this path"),
            Trouble::TooLarge => format!("{post} answered with more than 64 KiB"),
            Trouble::Unreadable => format!("{post} answered with something that is not a JSON object"),
            Trouble::NoToken => format!("{post} answered 200 without {}", credential.token_key()),
            Trouble::OddToken => {
                format!("{post} answered with {} that is too long or cannot stand in a header", credential.token_key())
            }
            Trouble::NotBearer => format!("{post} answered with a `token_type` other than Bearer"),
            Trouble::Crashed => format!("{post} ended in a fault of this program"),
        }
    }
}

fn in_brackets(text: Option<&str>) -> String {
    text.map(|text| format!(" ({text})")).unwrap_or_default()
}
