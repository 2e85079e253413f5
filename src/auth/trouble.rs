//! Everything that can go wrong with one attempt: its class, its cause in words, its cure.
//!
//! The words are the product here: a token that fails at three in the morning is read by someone who has never seen OAuth.
//! Every row of the project's list of token errors has its own cause and cure.

use std::time::Duration;

use url::Url;

use crate::secret::SecretRef;

use super::core::{Class, Left};
use super::credential::{Credential, GrantConfig, other_token_url, printable};

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

/// Which secret could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// `auth.client_secret`.
    ClientSecret,
    /// `auth.refresh_token`.
    RefreshToken,
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
        which: Which,
        /// Why, with its place.
        reason: String,
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
            Trouble::Secret { which: Which::ClientSecret, .. } => Class::BadClient,
            Trouble::Secret { which: Which::RefreshToken, .. } | Trouble::Spent | Trouble::DamagedFile { .. } => {
                Class::NeedsLogin
            }
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

    fn left(&self) -> Left {
        match self {
            Trouble::Secret { .. }
            | Trouble::TokenFile { .. }
            | Trouble::DamagedFile { .. }
            | Trouble::Busy
            | Trouble::Spent => Left::Nothing,
            Trouble::Network { .. }
            | Trouble::Denied { .. }
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
        let message = format!("connection `{}`: {}", credential.connection, self.sentence(&credential.token_url));
        let mut class = self.class();
        // A client without a refresh token has no login to renew.
        if let (Class::NeedsLogin, GrantConfig::ClientCredentials { .. }) = (class, &credential.grant) {
            class = Class::BadClient;
        }
        Failure { class, left: self.left(), message, cure: self.cure(credential, before) }
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
            | Trouble::TokenFile { .. }
            | Trouble::DamagedFile { .. }
            | Trouble::Busy
            | Trouble::Spent
            | Trouble::Denied { .. }
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

    fn sentence(&self, url: &Url) -> String {
        let post = format!("POST {}", printable(url));
        match self {
            Trouble::Secret { which: Which::ClientSecret, reason } => format!("no client secret: {reason}"),
            Trouble::Secret { which: Which::RefreshToken, reason } => format!("no refresh token: {reason}"),
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
            Trouble::NoToken => format!("{post} answered 200 without an `access_token`"),
            Trouble::OddToken => {
                format!("{post} answered with an `access_token` that is too long or cannot stand in a header")
            }
            Trouble::NotBearer => format!("{post} answered with a `token_type` other than Bearer"),
            Trouble::Crashed => format!("{post} ended in a fault of this program"),
        }
    }

    fn cure(&self, credential: &Credential, before: Before) -> String {
        let Credential { grant, token_url, .. } = credential;
        let waiting = "it is tried again by itself";
        match self {
            Trouble::Secret { .. } => {
                "put the secret there, for this service only; it is looked for every 5 s".to_owned()
            }
            Trouble::TokenFile { .. } => format!("let this service, and nobody else, write there; {waiting}"),
            Trouble::DamagedFile { .. } => {
                format!("restore it from a copy, or log in once more and put the new refresh token in {}", seed(grant))
            }
            Trouble::Busy => format!("end the other process that uses this login; {waiting}"),
            Trouble::Spent => new_login(grant, ""),
            Trouble::Denied { code, .. } => denied(*code, grant, before),
            Trouble::Network { how, .. } => match how {
                Network::Name => format!("check the host in `auth.token_url` or `url`, and the name server; {waiting}"),
                Network::Refused | Network::Connect | Network::ConnectTimeout => {
                    format!("check host and port, firewall and proxy; {waiting}")
                }
                Network::Tls => {
                    format!(
                        "check host and port, or add the server's authority to the system's certificates; {waiting}"
                    )
                }
                Network::AnswerTimeout | Network::Broken => {
                    format!("check the server and any proxy between; {waiting}")
                }
            },
            Trouble::Status { status: 429, .. } => {
                format!("ask for tokens less often from other programs of this organization; {waiting}")
            }
            Trouble::Status { status: 500.., .. } => format!("the token server has a fault of its own; {waiting}"),
            Trouble::Status { .. } => format!("check `auth` and `auth.token_url` of the connection; {waiting}"),
            Trouble::Redirect { .. } | Trouble::Page { .. } => {
                format!(
                    "the path `{}` was tried; set `auth.token_url` to {}",
                    token_url.path(),
                    other_token_url(token_url)
                )
            }
            Trouble::TooLarge | Trouble::Unreadable | Trouble::NoToken | Trouble::OddToken | Trouble::NotBearer => {
                format!("check that `auth.token_url` is the token endpoint and no proxy changes answers; {waiting}")
            }
            Trouble::Crashed => format!("report it with the log; {waiting}"),
        }
    }
}

fn denied(code: Oauth, grant: &GrantConfig, before: Before) -> String {
    match (code, grant) {
        (Oauth::InvalidGrant, _) => match before {
            Before::Answered => new_login(grant, "it expired, was revoked, or was used by another process: "),
            Before::Lost => new_login(grant, "the answer that held the next one was lost: "),
        },
        (Oauth::InvalidClient, GrantConfig::ClientCredentials { client_secret, .. }) => format!(
            "check `client_id` and the secret in `{client_secret}`, that the secret has not expired, and that the application belongs to this organization"
        ),
        (Oauth::InvalidClient, GrantConfig::RefreshTokenIdentity { client_secret: Some(client_secret), .. }) => {
            format!(
                "check `client_id` and the secret in `{client_secret}`, that the secret has not expired, and that the application belongs to this organization"
            )
        }
        (Oauth::InvalidClient, GrantConfig::RefreshTokenIdentity { client_secret: None, .. }) => {
            "check `client_id`; a confidential application needs `client_secret` too".to_owned()
        }
        (Oauth::InvalidClient, GrantConfig::RefreshTokenAccount { .. }) => {
            "check `client_id`: it stands beside the user key under API Access".to_owned()
        }
        (Oauth::InvalidScope, GrantConfig::ClientCredentials { scope, .. }) => {
            format!("{} (asked for: `{scope}`)", scope_cure(scope))
        }
        (Oauth::InvalidScope, GrantConfig::RefreshTokenIdentity { scope, .. }) => {
            "take scopes out of `scope` that the login did not have".to_owned()
                + &scope.as_ref().map(|scope| format!(" (asked for: `{scope}`)")).unwrap_or_default()
        }
        (Oauth::InvalidScope, GrantConfig::RefreshTokenAccount { .. }) => {
            "create a new user key under API Access".to_owned()
        }
        (Oauth::UnauthorizedClient | Oauth::UnsupportedGrantType, GrantConfig::ClientCredentials { .. }) => {
            "make the application a confidential one with application scopes".to_owned()
        }
        (
            Oauth::UnauthorizedClient | Oauth::UnsupportedGrantType,
            GrantConfig::RefreshTokenIdentity { .. } | GrantConfig::RefreshTokenAccount { .. },
        ) => "check `style`, and that the application may use refresh tokens (`offline_access`)".to_owned(),
    }
}

/// Names the mistake that can be seen in the scopes, else the ones that cannot.
fn scope_cure(scope: &str) -> &'static str {
    if scope.contains(',') {
        "put spaces, not commas, between the scopes"
    } else if scope.split_whitespace().any(|one| one == "offline_access") {
        "take `offline_access` out of `scope`: this grant has no refresh token"
    } else {
        "check that each scope is granted to the application as an application scope, and that none is asked for both whole and as `.Read` and `.Write`"
    }
}

fn new_login(grant: &GrantConfig, cause: &str) -> String {
    match grant {
        GrantConfig::ClientCredentials { .. } => "check the application at the identity server".to_owned(),
        GrantConfig::RefreshTokenAccount { .. } => {
            format!("{cause}create a new user key under API Access and put it in {}", seed(grant))
        }
        GrantConfig::RefreshTokenIdentity { .. } => {
            format!("{cause}log in once more and put the new refresh token in {}", seed(grant))
        }
    }
}

fn seed(grant: &GrantConfig) -> String {
    let reference: Option<&SecretRef> = match grant {
        GrantConfig::ClientCredentials { .. } => None,
        GrantConfig::RefreshTokenAccount { refresh_token, .. }
        | GrantConfig::RefreshTokenIdentity { refresh_token, .. } => Some(refresh_token),
    };
    reference.map_or_else(|| "`auth`".to_owned(), |reference| format!("`{reference}`"))
}

fn in_brackets(text: Option<&str>) -> String {
    text.map(|text| format!(" ({text})")).unwrap_or_default()
}
