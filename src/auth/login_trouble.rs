//! Everything that can go wrong with a browser login: what happened, and what to do about it.
//!
//! Two sides can refuse: the page in the browser, whose error comes back in the address (RFC 6749, 4.1.2.1), and the token
//! endpoint that takes the code. Each has its own words, since the cures differ.

use super::answer::clean;
use super::core::Class;
use super::credential::{AuthSetupError, Credential, printable};
use super::trouble::{Before, Oauth, Trouble};

/// Whether trying again may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginFate {
    /// Something must be changed here: the command or the file.
    Wrong,
    /// The server said no.
    Refused,
    /// The server could not be reached, or has a fault of its own.
    Unreachable,
}

/// A login that came to nothing.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}; {cure}")]
pub struct LoginError {
    /// Who is to act.
    pub fate: LoginFate,
    /// One sentence without its full stop.
    pub message: String,
    /// What to do.
    pub cure: String,
}

impl LoginError {
    fn new(fate: LoginFate, message: impl Into<String>, cure: impl Into<String>) -> LoginError {
        LoginError { fate, message: message.into(), cure: cure.into() }
    }

    pub(super) fn no_browser(credential: &Credential) -> LoginError {
        let kind = credential.grant.main_secret().1;
        LoginError::new(
            LoginFate::Wrong,
            format!("connection `{}`: its grant has no login in a browser", credential.connection),
            format!("give its {kind}: `punctual login {}` at a terminal asks for it", credential.connection),
        )
    }

    pub(super) fn odd_token_url(credential: &Credential) -> LoginError {
        LoginError::new(
            LoginFate::Wrong,
            format!(
                "connection `{}`: where to log in cannot be worked out, because {} does not end with `/token`",
                credential.connection,
                server(credential)
            ),
            "check `auth.token_url`; the login page is looked for next to it, at `…/authorize`",
        )
    }

    pub(super) fn setup(cause: &AuthSetupError) -> LoginError {
        LoginError::new(LoginFate::Wrong, cause.to_string(), "check `auth.token_url` and `url` of the connection")
    }

    pub(super) fn no_chance(cause: &str) -> LoginError {
        LoginError::new(LoginFate::Wrong, format!("the system gives no random bits: {cause}"), "try again")
    }

    pub(super) fn stopping(credential: &Credential) -> LoginError {
        LoginError::new(
            LoginFate::Unreachable,
            format!(
                "connection `{}`: the code was not sent, because this process is about to end",
                credential.connection
            ),
            format!("run `punctual login {}` again afterwards", credential.connection),
        )
    }

    pub(super) fn crashed(credential: &Credential) -> LoginError {
        LoginError::new(
            LoginFate::Wrong,
            format!("connection `{}`: the login ended in a fault of this program", credential.connection),
            "report it with the log",
        )
    }

    pub(super) fn foreign(credential: &Credential) -> LoginError {
        LoginError::new(
            LoginFate::Refused,
            format!("connection `{}`: the answer belongs to another login", credential.connection),
            "begin again, and use the address that was printed last",
        )
    }

    pub(super) fn no_refresh_token(credential: &Credential) -> LoginError {
        LoginError::new(
            LoginFate::Refused,
            format!(
                "connection `{}`: {} gave a token, but no refresh token",
                credential.connection,
                server(credential)
            ),
            "let the application ask for `offline_access`: in its settings, tick the scope or allow refresh tokens",
        )
    }

    pub(super) fn of(credential: &Credential, trouble: &Trouble, before: Before) -> LoginError {
        let fate = match trouble.class() {
            Class::Transient { .. } | Class::Ambiguous => LoginFate::Unreachable,
            Class::NeedsLogin | Class::BadClient | Class::BadKey | Class::SameToken => LoginFate::Refused,
        };
        let failure = trouble.clone().explain(credential, before);
        let message = format!("connection `{}`: {}", credential.connection, failure.message);
        LoginError::new(fate, message, failure.cure.to_string())
    }
}

/// The token endpoint did not take the code.
pub(super) fn refused_code(credential: &Credential, trouble: &Trouble, redirect: &str) -> LoginError {
    let refused = LoginError::of(credential, trouble, Before::Answered);
    let Trouble::Denied { code, .. } = trouble else { return refused };
    let cure = match code {
        Oauth::InvalidGrant => {
            "the code works once and for a few minutes: begin again, and paste what the last page shows".to_owned()
        }
        Oauth::InvalidClient if credential.grant.login_client_secret().is_some() => format!(
            "check `client_id`; for a confidential application give its secret first: `punctual login {} --client-secret`",
            credential.connection
        ),
        Oauth::UnauthorizedClient => {
            format!("let the application use authorization codes with the redirect address {redirect}")
        }
        Oauth::InvalidClient | Oauth::InvalidScope | Oauth::UnsupportedGrantType => refused.cure,
    };
    LoginError { cure, ..refused }
}

/// The page in the browser sent an error back instead of a code.
pub fn refused_page(connection: &str, error: &str, description: Option<&str>, redirect: &str) -> LoginError {
    let (error, description) = (clean(error, &[]), description.map(|text| clean(text, &[])));
    let words = description.filter(|words| !words.is_empty()).map(|words| format!(" ({words})")).unwrap_or_default();
    let message = format!("connection `{connection}`: the login page answered `{error}`{words}");
    let (fate, cure) = match error.as_str() {
        "access_denied" => {
            (LoginFate::Refused, "agree in the browser, as a user who may use this application".to_owned())
        }
        "invalid_scope" => (
            LoginFate::Refused,
            "check `scope`: each must be a user scope of the application, and `offline_access` must be allowed"
                .to_owned(),
        ),
        "unauthorized_client" => (
            LoginFate::Refused,
            format!("let the application use authorization codes with the redirect address {redirect}"),
        ),
        "invalid_request" | "unsupported_response_type" | "invalid_client" => (
            LoginFate::Refused,
            format!(
                "check `client_id`, and that the redirect address {redirect} is registered with the application, letter for letter"
            ),
        ),
        "server_error" | "temporarily_unavailable" => {
            (LoginFate::Unreachable, "the server has a fault of its own: try again in a few minutes".to_owned())
        }
        "login_required" | "interaction_required" | "consent_required" | "account_selection_required" => {
            (LoginFate::Refused, "log in and agree in the browser window that opens".to_owned())
        }
        _ => {
            (LoginFate::Refused, "begin again; if it comes back, ask the administrator of the organization".to_owned())
        }
    };
    LoginError::new(fate, message, cure)
}

/// Names the server of a login, for a sentence.
fn server(credential: &Credential) -> String {
    printable(&credential.token_url)
}
