//! The grant: asks for a token as the daemon does, and finds the cause when there is none.

use super::step::{Blame, Finding};
use crate::auth::{AuthUnavailable, Credential, GrantConfig, TokenStatus};
use crate::orchestrator::explain_status;
use crate::witness::{Answered, Came, Exchange};

/// What the daemon promises and an examination does not.
const PROMISES: [&str; 4] = [
    "it is tried again by itself",
    "it is looked for every 5 s",
    "it goes on by itself",
    "the token is tried again by itself",
];

/// The grant and where it is asked, for a sentence.
pub(super) fn named(credential: &Credential) -> String {
    let what = match &credential.grant {
        GrantConfig::ClientCredentials { .. } => "an application's own login (client_credentials)",
        GrantConfig::RefreshTokenAccount { .. } => "a user key of the early Cloud (refresh_token, account)",
        GrantConfig::RefreshTokenIdentity { .. } => "a user's login (refresh_token, one use each)",
        GrantConfig::Password { .. } => "a user's password",
        GrantConfig::PersonalAccessToken { .. } => return "a personal access token".to_owned(),
    };
    format!("{what} at `{}`", credential.token_url)
}

/// There is a token.
pub(super) fn got(status: &TokenStatus, credential: &Credential, exchange: Option<Exchange>) -> Finding {
    let until = status.expires_at.map(|at| format!(", good until {at:.0}")).unwrap_or_default();
    let found = match &exchange {
        Some(_) => {
            let kept = match &credential.grant {
                GrantConfig::RefreshTokenIdentity { .. } => {
                    "; the next refresh token is in the token file, which the daemon shares"
                }
                GrantConfig::ClientCredentials { .. }
                | GrantConfig::RefreshTokenAccount { .. }
                | GrantConfig::Password { .. }
                | GrantConfig::PersonalAccessToken { .. } => "",
            };
            format!("got an access token from the token server{until}{kept}")
        }
        None => match &credential.grant {
            GrantConfig::PersonalAccessToken { .. } => {
                "nothing is asked: the personal access token itself is sent with each call".to_owned()
            }
            GrantConfig::RefreshTokenIdentity { .. }
            | GrantConfig::ClientCredentials { .. }
            | GrantConfig::RefreshTokenAccount { .. }
            | GrantConfig::Password { .. } => {
                format!("nothing was sent: the token file holds an access token, shared with the daemon{until}")
            }
        },
    };
    Finding::fine(found).with(exchange)
}

/// Whether asking for a token once more, without need, does any harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// The server gives another one.
    Harmless,
    /// It uses up a login, may lock an account, or there is nobody to ask.
    OnlyIfNeeded,
}

pub(super) fn again(grant: &GrantConfig) -> Again {
    match grant {
        GrantConfig::ClientCredentials { .. } | GrantConfig::RefreshTokenAccount { .. } => Again::Harmless,
        GrantConfig::RefreshTokenIdentity { .. }
        | GrantConfig::Password { .. }
        | GrantConfig::PersonalAccessToken { .. } => Again::OnlyIfNeeded,
    }
}

/// Orchestrator does not take a personal access token.
pub(super) fn dead_personal_token(finding: Finding) -> Finding {
    Finding {
        cause: Some(
            "the personal access token has ended, was revoked, or belongs to another organization; Orchestrator may take a revoked one for an hour"
                .to_owned(),
        ),
        cure: Some("create a new one (Preferences, Personal access tokens) and put it where `auth.token` says".to_owned()),
        ..finding
    }
}

/// There is none.
pub(super) fn none(refusal: &AuthUnavailable, grant: &GrantConfig, exchange: Option<Exchange>) -> Finding {
    let prefix = format!("connection `{}`: ", refusal.connection);
    let found = refusal.message.strip_prefix(&prefix).unwrap_or(&refusal.message).to_owned();
    let (blame, cause) = why(grant, exchange.as_ref());
    let parts = refusal.cure.split("; ").filter(|part| !PROMISES.contains(part));
    let cure = parts.collect::<Vec<_>>().join("; ");
    Finding::fault(blame, found, cause, cure).with(exchange)
}

fn why(grant: &GrantConfig, exchange: Option<&Exchange>) -> (Blame, &'static str) {
    match exchange.map(|exchange| &exchange.came) {
        None => (Blame::Here, "nothing was sent, because what the request needs is not at hand on this machine"),
        Some(Came::Nothing { .. }) => {
            (Blame::Unreached, "the token server was not reached, or did not answer to the end")
        }
        Some(Came::Answer(answered)) => of_answer(grant, answered),
    }
}

fn of_answer(grant: &GrantConfig, answered: &Answered) -> (Blame, &'static str) {
    let Answered { status, error, content_type, excerpt, .. } = answered;
    let page = content_type.as_deref().is_some_and(|kind| kind.contains("html")) || excerpt.starts_with('<');
    match (error.as_deref(), status) {
        (_, 407) => (Blame::Unreached, explain_status(407).map_or("a proxy wants a login", |known| known.cause)),
        (_, 429) => {
            (Blame::Unreached, "the token server's rate limit is used up, by all programs of the organization together")
        }
        (_, 500..) => (Blame::Unreached, "the token server, or a gateway before it, is down or overloaded"),
        (Some("invalid_client"), _) => (
            Blame::Refused,
            "id and secret do not belong together: one of them is mistyped, the secret has expired, or the application belongs to another organization than the one in the path of the token endpoint",
        ),
        (Some("invalid_scope"), _) => (
            Blame::Refused,
            "a scope is not granted to the application, or is of the other kind (application scope against user scope), or is asked for whole and in halves at once, or has a comma behind it; `offline_access` goes with a user's login only",
        ),
        (Some("invalid_grant"), _) => (
            Blame::Refused,
            "the refresh token was used before, has expired, or was revoked, or its user was disabled; two programs that share one log each other out",
        ),
        (Some("unauthorized_client" | "unsupported_grant_type"), _) => (
            Blame::Refused,
            "the application is of a kind that may not log in this way: public instead of confidential, or without refresh tokens",
        ),
        (Some(_), 400..=499) => (Blame::Refused, "the token server refused the request; its words say why"),
        (None, 200..=299) if page => {
            (Blame::Here, "the path leads to the login page for people, not to the token endpoint")
        }
        (None, 200..=299) => (Blame::Here, "what answered is no token endpoint, or a proxy changes its answers"),
        (_, 300..=399) => (Blame::Here, "the address of the token endpoint leads elsewhere"),
        (None, 400 | 401 | 403)
            if !page && matches!(grant, GrantConfig::Password { username, .. } if username.contains('\\')) =>
        {
            (
                Blame::Refused,
                "the user is of a directory (a Windows domain): Orchestrator logs such users in by NTLM or Negotiate only, and answers their password like a wrong one",
            )
        }
        (None, 400 | 401 | 403) if !page && matches!(grant, GrantConfig::Password { .. }) => (
            Blame::Refused,
            "user name, password or tenant is wrong, the account is locked, or the user is of a directory (a Windows domain) or of single sign-on and has no password here; newer servers take passwords of host administrators only",
        ),
        (None, 400 | 401 | 403) if !page => {
            (Blame::Refused, "the token server refused the request without OAuth's words")
        }
        (None, 400..=499) => {
            (Blame::Here, "there is no token endpoint at this path, or a proxy or firewall stands before it")
        }
        (Some(_) | None, _) => (Blame::Here, "what answered is no token endpoint, or a proxy changes its answers"),
    }
}
