//! Everything that can go wrong with one attempt, in words. How each is treated is in `classes`, its cure in `cure`.
//!
//! The words are the product here: a token that fails at three in the morning is read by someone who has never seen OAuth.
//! Every row of the project's list of token errors has its own cause and cure.

use std::time::Duration;

use super::challenge::Challenge;
use super::core::{Class, Left};
use super::credential::{Credential, printable};
use super::what_helps::Cure;
use crate::grant::{Asking, Facts};
use crate::secret::Purpose;

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

    pub(super) fn as_str(self) -> &'static str {
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
    /// No complete answer came in the time that is given here.
    GaveUp {
        /// How long that was.
        after: Duration,
        /// How long the next try waits.
        next: Duration,
    },
    /// The connection could not be made for another reason.
    Connect,
    /// The connection broke after it was made.
    Broken,
}

impl Network {
    fn words(self) -> String {
        let words = match self {
            Network::Name => "the server's name was not found",
            Network::Refused => "the connection was refused",
            Network::Tls => "no secure connection",
            Network::ConnectTimeout => "no connection within 5 s",
            // Whose limit it is: a person looks for it in gateways otherwise.
            Network::GaveUp { after, .. } => {
                return format!("no complete answer yet when punctual stopped waiting after {} s", after.as_secs());
            }
            Network::Connect => "no connection",
            Network::Broken => "the connection broke before the answer was complete",
        };
        words.to_owned()
    }
}

/// Why an attempt gave no token. Holds no secret: server's words are cleaned before they get here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// A secret could not be read here.
    Secret {
        /// Which one.
        which: Purpose,
        /// Why, with its place.
        reason: String,
    },
    /// The file leaves the secret out, and `punctual login` has kept none yet.
    NothingKept {
        /// Which one.
        kind: Purpose,
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
    /// Another process held the token file for longer than an exchange takes.
    Busy,
    /// The process is about to end, so nothing was sent.
    Stopping,
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
        /// The ways to log in that it names instead.
        challenge: Option<Challenge>,
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
        /// The ways to log in that it names.
        challenge: Option<Challenge>,
    },
    /// A redirect, which is not followed (T17).
    Redirect {
        /// HTTP status.
        status: u16,
        /// Where to, as it may be printed; none when that is not said, or is no address.
        to: Option<String>,
    },
    /// A web page, or nothing, where the token endpoint should be.
    Page {
        /// HTTP status.
        status: u16,
    },
    /// It was packed and cannot be unpacked, at least not to its end.
    Packed {
        /// HTTP status.
        status: u16,
        /// Why, as a fragment whose subject is the body.
        cause: String,
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
    /// One sentence without its full stop, and without the connection, which is named where it is shown.
    pub message: String,
    pub cure: Cure,
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
    /// Puts it into words for one connection.
    pub fn explain(&self, credential: &Credential, before: Before) -> Failure {
        let Facts { secret, asking, .. } = credential.grant.facts();
        let class = match (self, self.class(), secret, asking) {
            // A client without a refresh token has no login to renew.
            (Trouble::Denied { .. } | Trouble::Spent, _, Purpose::ClientSecret, _) => Class::BadClient,
            // A user key works again and again; its user may have been disabled for a while.
            (Trouble::Denied { code: Oauth::InvalidGrant, .. }, _, Purpose::RefreshToken, Asking::Free) => {
                Class::BadKey
            }
            // Servers forgive a second use for seconds only, so it comes before any back-off (T8).
            (_, Class::Transient { retry_after: None }, _, Asking::UsesUp) if self.leaves_doubt() => Class::Ambiguous,
            (_, class, _, _) => class,
        };
        Failure {
            class,
            left: self.left(),
            code: self.code(),
            message: self.sentence(credential),
            cure: self.cure(credential, before),
        }
    }

    /// Why there was no answer; empty when there was one.
    pub(crate) fn what_broke(&self) -> String {
        match self {
            Trouble::Network { how, detail } => {
                let what = how.words();
                if detail.is_empty() { what } else { format!("{what} ({detail})") }
            }
            Trouble::TooLarge => "the answer is longer than 64 KiB".to_owned(),
            Trouble::Secret { .. }
            | Trouble::NothingKept { .. }
            | Trouble::TokenFile { .. }
            | Trouble::DamagedFile { .. }
            | Trouble::Busy
            | Trouble::Stopping
            | Trouble::Spent
            | Trouble::Denied { .. }
            | Trouble::LoginRefused { .. }
            | Trouble::SameToken
            | Trouble::Status { .. }
            | Trouble::Redirect { .. }
            | Trouble::Page { .. }
            | Trouble::Packed { .. }
            | Trouble::Unreadable
            | Trouble::NoToken
            | Trouble::OddToken
            | Trouble::NotBearer
            | Trouble::Crashed => String::new(),
        }
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
            Trouble::LoginRefused { status, description, challenge } => {
                let asks = challenge.as_ref().map(|challenge| format!(" and wants {challenge}")).unwrap_or_default();
                format!("{post} answered {status}{asks}{}", in_brackets(description.as_deref()))
            }
            Trouble::TokenFile { reason } => format!("nothing was sent to {} because {reason}", printable(url)),
            Trouble::DamagedFile { path } => {
                format!("nothing was sent to {} because the token file `{path}` is damaged", printable(url))
            }
            Trouble::Busy => {
                format!("nothing was sent to {} because another process keeps the token file", printable(url))
            }
            Trouble::Stopping => format!("nothing was sent to {} because this process is about to end", printable(url)),
            Trouble::Spent => format!(
                "the refresh token was refused before with `invalid_grant` and was not sent to {} again",
                printable(url)
            ),
            Trouble::Network { how, detail } => {
                let what = how.words();
                let detail = in_brackets(Some(detail.as_str()).filter(|detail| !detail.is_empty()));
                format!("{post} failed: {what}{detail}")
            }
            Trouble::Denied { status, code, description } => {
                let error = code.as_str();
                format!("{post} answered {status} `{error}`{}", in_brackets(description.as_deref()))
            }
            Trouble::Status { status, error, description, challenge, .. } => {
                let error = error.as_deref().map(|error| format!(" `{error}`")).unwrap_or_default();
                let asks = challenge.as_ref().map(|challenge| format!(" and wants {challenge}")).unwrap_or_default();
                format!("{post} answered {status}{error}{asks}{}", in_brackets(description.as_deref()))
            }
            Trouble::Redirect { status, to } => {
                let to = to.as_ref().map_or_else(|| " without an address".to_owned(), |to| format!(" to {to}"));
                format!("{post} answered {status}, a redirect{to}, which is not followed")
            }
            Trouble::Page { status: status @ 200..=299 } => {
                format!("{post} answered {status} with a web page instead of a token")
            }
            Trouble::Page { status } => format!("{post} answered {status}: there is no token endpoint at this path"),
            Trouble::Packed { status, cause } => format!("{post} answered {status}, but {cause}"),
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
