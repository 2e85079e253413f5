//! The cure of every trouble in `trouble`: what a person can do about it, in one sentence.
//!
//! The words are the product here. Each cure names the key, the file or the command, and says when it is tried again, so
//! that nobody restarts a daemon in vain.

use super::credential::{Credential, GrantConfig, other_token_url};
use super::trouble::{Before, Network, Oauth, Trouble};
use crate::secret::SecretSource;

impl Trouble {
    pub(super) fn cure(&self, credential: &Credential, before: Before) -> String {
        let Credential { grant, token_url, .. } = credential;
        let waiting = "it is tried again by itself";
        match self {
            Trouble::Secret { .. } => {
                "put the secret there, for this service only; it is looked for every 5 s".to_owned()
            }
            Trouble::TokenFile { .. } => format!("let this service, and nobody else, write there; {waiting}"),
            Trouble::DamagedFile { .. } => {
                let (source, kind) = grant.main_secret();
                let anew = put(source, &format!("the new {kind}"), credential);
                format!("restore it from a copy, or log in once more and {anew}")
            }
            Trouble::NothingKept { kind: _ } => {
                format!("run `punctual login {}`; it is looked for every 5 s", credential.connection)
            }
            Trouble::LoginRefused { .. } => format!(
                "check `username`, `tenant` and {}; it is tried again every hour only, as each try may count towards locking the account",
                held(grant.main_secret().0, "the password", credential)
            ),
            Trouble::SameToken => format!(
                "it has ended, was revoked, or belongs to another organization: create a new one and {}; it is looked for every 5 s",
                put(grant.main_secret().0, "it", credential)
            ),
            Trouble::Busy => format!("end the other process that uses this login; {waiting}"),
            Trouble::Stopping => "start it again".to_owned(),
            Trouble::Spent => format!(
                "{}; `punctual token refresh {}` sends it once more",
                new_login(credential, ""),
                credential.connection
            ),
            Trouble::Denied { code, .. } => denied(*code, credential, before),
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
                Network::AnswerTimeout | Network::OneUseTimeout | Network::Broken => {
                    format!("check the server and any proxy between; {waiting}")
                }
            },
            Trouble::Status { status: 429, .. } => {
                format!("ask for tokens less often from other programs of this organization; {waiting}")
            }
            Trouble::Status { status: 500.., .. } => format!("the token server has a fault of its own; {waiting}"),
            Trouble::Status { .. } => format!("check `auth` and `auth.token_url` of the connection; {waiting}"),
            Trouble::Redirect { .. } | Trouble::Page { .. } if matches!(grant, GrantConfig::Password { .. }) => {
                format!(
                    "the path `{}` was tried; write as `url` what stands before `/odata` in a stand-alone Orchestrator's address (Automation Cloud takes no passwords)",
                    token_url.path()
                )
            }
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

fn denied(code: Oauth, credential: &Credential, before: Before) -> String {
    let wrong_client = |source: &SecretSource| {
        format!(
            "check `client_id` and {}, that the secret has not expired, and that the application belongs to this organization",
            held(source, "the secret", credential)
        )
    };
    match (code, &credential.grant) {
        (Oauth::InvalidGrant, _) => match before {
            Before::Answered => new_login(credential, "it expired, was revoked, or was used by another process: "),
            Before::Lost => new_login(credential, "the answer that held the next one was lost: "),
        },
        (Oauth::InvalidClient, GrantConfig::ClientCredentials { client_secret, .. }) => wrong_client(client_secret),
        (
            Oauth::InvalidClient,
            GrantConfig::RefreshTokenIdentity { client_secret: client_secret @ SecretSource::At(_), .. },
        ) => wrong_client(client_secret),
        (Oauth::InvalidClient, GrantConfig::RefreshTokenIdentity { client_secret: SecretSource::Kept, .. }) => {
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
        // Neither speaks OAuth.
        (
            Oauth::InvalidClient | Oauth::InvalidScope | Oauth::UnauthorizedClient | Oauth::UnsupportedGrantType,
            GrantConfig::Password { .. } | GrantConfig::PersonalAccessToken { .. },
        ) => "check `auth.token_url` and `grant` of the connection".to_owned(),
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

fn new_login(credential: &Credential, cause: &str) -> String {
    let (source, kind) = credential.grant.main_secret();
    match &credential.grant {
        GrantConfig::ClientCredentials { .. } => "check the application at the identity server".to_owned(),
        GrantConfig::RefreshTokenAccount { .. } => format!(
            "{cause}see that its user is enabled, or create a new user key under API Access and {}; this one is tried again every hour, and at once by `punctual token refresh {}`",
            put(source, "it", credential),
            credential.connection
        ),
        GrantConfig::RefreshTokenIdentity { refresh_token: SecretSource::Kept, .. } => {
            format!("{cause}run `punctual login {}`", credential.connection)
        }
        GrantConfig::RefreshTokenIdentity { .. } => {
            // Two ways: a fresh token where this one came from, or no more handling of tokens at all.
            format!(
                "{cause}log in once more and {}; or leave `refresh_token` out of the file and run `punctual login {}`",
                put(source, "the new refresh token", credential),
                credential.connection
            )
        }
        GrantConfig::Password { .. } | GrantConfig::PersonalAccessToken { .. } => {
            format!("{cause}{}", put(source, &format!("a new {kind}"), credential))
        }
    }
}

/// How a new secret gets to where it is looked for.
pub(super) fn put(source: &SecretSource, what: &str, credential: &Credential) -> String {
    match source {
        SecretSource::At(reference) => format!("put {what} in `{reference}`"),
        SecretSource::Kept => format!("give {what} to `punctual login {}`", credential.connection),
    }
}

/// The secret that is there now.
fn held(source: &SecretSource, what: &str, credential: &Credential) -> String {
    match source {
        SecretSource::At(reference) => format!("{what} in `{reference}`"),
        SecretSource::Kept => format!("{what} given to `punctual login {}`", credential.connection),
    }
}
