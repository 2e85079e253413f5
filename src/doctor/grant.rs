//! The grant: asks for a token as the daemon does, and finds the cause when there is none.

use super::step::{Blame, Finding};
use crate::auth::{AuthUnavailable, Credential, TokenStatus};
use crate::grant::{Asking, Grant};
use crate::http;
use crate::orchestrator::explain_status;
use crate::witness::{Answered, Came, Exchange};

/// The grant and where it is asked, for a sentence.
pub(super) fn named(credential: &Credential) -> String {
    let facts = credential.grant.facts();
    match facts.asking {
        Asking::Nobody => facts.title.to_owned(),
        Asking::Free | Asking::UsesUp | Asking::MayLock => format!("{} at `{}`", facts.title, credential.token_url),
    }
}

/// There is a token.
pub(super) fn got(status: &TokenStatus, credential: &Credential, exchange: Option<Exchange>) -> Finding {
    let until = status.expires_at.map(|at| format!(", good until {at:.0}")).unwrap_or_default();
    let found = match (&exchange, credential.grant.facts().asking) {
        (Some(_), asking) => {
            let kept = match asking {
                Asking::UsesUp => "; the next refresh token is in the token file, which the daemon shares",
                Asking::Free | Asking::MayLock | Asking::Nobody => "",
            };
            format!("got an access token from the token server{until}{kept}")
        }
        (None, Asking::Nobody) => {
            "nothing is asked: the personal access token itself is sent with each call".to_owned()
        }
        (None, Asking::Free | Asking::UsesUp | Asking::MayLock) => {
            format!("nothing was sent: the token file holds an access token, shared with the daemon{until}")
        }
    };
    Finding::fine(found).with(exchange)
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
pub(super) fn none(refusal: &AuthUnavailable, grant: &Grant, exchange: Option<Exchange>) -> Finding {
    let (blame, cause) = why(grant, exchange.as_ref());
    // What the daemon promises an examination does not.
    Finding::fault(blame, refusal.message.clone(), cause, refusal.cure.act.clone()).with(exchange)
}

fn why(grant: &Grant, exchange: Option<&Exchange>) -> (Blame, &'static str) {
    match exchange.map(|exchange| &exchange.came) {
        None => (Blame::Here, "nothing was sent, because what the request needs is not at hand on this machine"),
        Some(Came::Nothing { .. }) => {
            (Blame::Unreached, "the token server was not reached, or did not answer to the end")
        }
        Some(Came::Answer(answered)) => of_answer(grant, answered),
    }
}

fn of_answer(grant: &Grant, answered: &Answered) -> (Blame, &'static str) {
    let Answered { status, error, content_type, excerpt, .. } = answered;
    let page = http::is_page(content_type.as_deref(), excerpt.as_bytes());
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
        (None, 400 | 401 | 403) if !page && grant.username().is_some_and(|name| name.contains('\\')) => (
            Blame::Refused,
            "the user is of a directory (a Windows domain): Orchestrator logs such users in by NTLM or Negotiate only, and answers their password like a wrong one",
        ),
        (None, 400 | 401 | 403) if !page && grant.username().is_some() => (
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
