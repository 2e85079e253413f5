//! Logging in through the daemon, so that its own user owns what is kept, and the token is tried at once.
//!
//! `GET /login/NAME` says what is needed; `POST …/begin` and `…/finish` are the two halves of a browser login, whose verifier
//! stays here; `POST …/keep` takes a secret. A secret only ever goes in: no call gives one out.

use std::fmt;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::{Extension, Json};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::answer::{Body, Refusal, Why};
use super::control::Control;
use super::peer::Peer;
use super::status::TokenReport;
use crate::auth::{Given, KeepError, Login, LoginError, LoginFate, NotKept, TokenManager, Unfinished};
use crate::grant::Way;
use crate::secret::{Purpose, Secret, SecretSource};

/// What a login of this connection needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginNeed {
    pub connection: String,
    /// The key under `auth`: `client_secret`, `refresh_token`, `password`, `token`.
    pub secret: String,
    /// Where the file says that it is; none: what the login keeps is used.
    pub read_from: Option<String>,
    /// `loopback`, `page` or `secret`.
    pub way: String,
    /// Whether a client secret can be kept with it.
    pub client_secret: bool,
}

/// Begin a browser login.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Begin {
    /// Where the caller listens for the browser.
    pub port: u16,
}

/// A browser login that was begun.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Begun {
    /// For the browser.
    pub authorize_url: String,
    /// Where it comes back to.
    pub redirect: String,
    /// Comes back with the code, and must be the same.
    pub state: String,
}

/// The code that came back.
#[derive(Debug, Serialize, Deserialize)]
pub struct Finish {
    pub state: String,
    pub code: Typed,
}

/// A secret to keep.
#[derive(Debug, Serialize, Deserialize)]
pub struct Keep {
    /// As in [`LoginNeed::secret`].
    pub secret: String,
    pub value: Typed,
}

/// A secret on its way from a person to the daemon: the one shape in which it crosses the socket.
pub struct Typed(pub Secret);

impl fmt::Debug for Typed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl Serialize for Typed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose())
    }
}

impl<'de> Deserialize<'de> for Typed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Typed, D::Error> {
        String::deserialize(deserializer).map(|text| Typed(Secret::new(text)))
    }
}

impl LoginNeed {
    /// What this credential needs.
    pub fn of(credential: &crate::auth::Credential) -> LoginNeed {
        let (source, kind) = credential.grant.main_secret();
        let way = match credential.grant.facts().login {
            Way::Loopback => "loopback",
            Way::Page => "page",
            Way::Secret => "secret",
        };
        LoginNeed {
            connection: credential.connection.clone(),
            secret: kind.key().to_owned(),
            read_from: match source {
                SecretSource::At(reference) => Some(reference.to_string()),
                SecretSource::Kept => None,
            },
            way: way.to_owned(),
            client_secret: credential.grant.login_client_secret() == Some(&SecretSource::Kept),
        }
    }
}

pub(super) async fn need(
    State(control): State<Arc<Control>>,
    Path(name): Path<String>,
) -> Result<Json<LoginNeed>, Refusal> {
    Ok(Json(LoginNeed::of(&control.manager(&name)?.credential())))
}

pub(super) async fn begin(
    State(control): State<Arc<Control>>,
    Path(name): Path<String>,
    Body(Begin { port }): Body<Begin>,
) -> Result<Json<Begun>, Refusal> {
    let credential = control.manager(&name)?.credential();
    let login = Login::begin(credential, port).map_err(|cause| failed(&cause))?;
    let begun = Begun::of(&login);
    control.logins.begin(&name, login, control.clock.boottime())?;
    Ok(Json(begun))
}

impl Begun {
    /// What the caller needs of it.
    pub fn of(login: &Login) -> Begun {
        Begun {
            authorize_url: login.authorize_url().to_string(),
            redirect: login.redirect().to_owned(),
            state: login.state().to_owned(),
        }
    }
}

pub(super) async fn finish(
    State(control): State<Arc<Control>>,
    Extension(peer): Extension<Peer>,
    Path(name): Path<String>,
    Body(Finish { state, code: Typed(code) }): Body<Finish>,
) -> Result<Json<TokenReport>, Refusal> {
    let manager = control.manager(&name)?;
    let Some(login) = control.logins.take(&name, &state, control.clock.boottime()) else {
        return Err(Refusal::new(Why::NotNow, format!("connection `{name}`: no login that fits this code was begun"))
            .hint(
                "begin again: a login waits a quarter of an hour, and each code is for the login that asked for it",
            ));
    };
    control.audit(&peer, "login", &name, Some("browser".to_owned())).await?;
    match manager.finish_login(login, code).await {
        Ok(status) => Ok(Json(TokenReport::new(&name, &status))),
        Err(Unfinished::Code(cause)) => Err(failed(&cause)),
        Err(Unfinished::Token(cause)) => Err(not_kept(&cause)),
    }
}

pub(super) async fn take_secret(
    State(control): State<Arc<Control>>,
    Extension(peer): Extension<Peer>,
    Path(name): Path<String>,
    Body(Keep { secret, value: Typed(value) }): Body<Keep>,
) -> Result<Json<TokenReport>, Refusal> {
    let manager = control.manager(&name)?;
    let Some(kind) = Purpose::of_key(&secret) else {
        return Err(Refusal::new(Why::Wrong, "there is no such kind of secret"));
    };
    control.audit(&peer, "login", &name, Some(kind.key().to_owned())).await?;
    kept(&manager, Given { kind, secret: value }).await
}

/// Tries it and keeps it; the login from before stays until the server has taken the new one.
async fn kept(manager: &TokenManager, given: Given) -> Result<Json<TokenReport>, Refusal> {
    let connection = manager.credential().connection.clone();
    match manager.take_login(given).await {
        Ok(status) => Ok(Json(TokenReport::new(&connection, &status))),
        Err(cause) => Err(not_kept(&cause)),
    }
}

fn not_kept(cause: &NotKept) -> Refusal {
    Refusal::new(why(cause), cause.to_string()).hint(cause.cure())
}

fn why(cause: &NotKept) -> Why {
    match cause {
        NotKept::Keep(KeepError::File(cause)) => {
            tracing::error!("A login cannot be kept: {cause}");
            Why::Unable
        }
        NotKept::Crashed => Why::Unable,
        NotKept::Keep(KeepError::NotKept { .. } | KeepError::NotNeeded { .. } | KeepError::Odd { .. })
        | NotKept::Setup(_) => Why::Wrong,
        NotKept::Refused { .. } => Why::Refused,
        NotKept::Unclear { .. } => Why::Unreachable,
    }
}

fn failed(cause: &LoginError) -> Refusal {
    let why = match cause.fate {
        LoginFate::Wrong => Why::Wrong,
        LoginFate::Refused => Why::Refused,
        LoginFate::Unreachable => Why::Unreachable,
    };
    Refusal::new(why, cause.message.clone()).hint(cause.cure.clone())
}
