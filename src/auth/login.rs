//! The browser login: authorization code with PKCE, for both of UiPath's token servers.
//!
//! A person agrees in a browser once; what comes back is a code that only the holder of the verifier can turn into a refresh
//! token. The verifier never leaves the process that began the login, so a code that is seen on its way (a browser's history,
//! a screen) is of no use to others.
//!
//! Absent: opening a browser, receiving the code, and keeping what came of it (`trial`).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use sha2::{Digest, Sha256};
use url::Url;

use super::credential::{Credential, is_uipath};
use super::login_trouble::{LoginError, refused_code};
use super::redeem::{CodeOrder, redeem};
use super::secrets::client_secret_of;
use super::trouble::Before;
use super::wire;
use crate::clock::Clock;
use crate::grant::Way;
use crate::secret::Secret;

/// What the early cloud's tokens are for.
const ACCOUNT_AUDIENCE: &str = "https://orchestrator.cloud.uipath.com";
/// Where the early cloud sends the browser: a page that only shows the code, in its address.
const ACCOUNT_REDIRECT: &str = "https://account.uipath.com/mobile";
const ACCOUNT_SCOPES: &str = "openid profile offline_access email";
/// What the daemon needs when the file names no scopes: starting and reading jobs, finding processes and folders.
const SCOPES: &str = "OR.Jobs OR.Execution.Read OR.Folders.Read";
/// Without it no refresh token is given.
const OFFLINE: &str = "offline_access";
/// For verifier, state and nonce: 256 bit each.
const RANDOM_BYTES: usize = 32;

/// A login that was begun.
#[derive(Debug)]
pub struct Login {
    credential: Arc<Credential>,
    authorize_url: Url,
    redirect: String,
    state: String,
    nonce: String,
    verifier: Secret,
}

/// The redirect address for a port, as it must be registered.
pub fn loopback_redirect(port: u16) -> String {
    // `localhost`, since that is what the application's page takes without https.
    format!("http://localhost:{port}/callback")
}

impl Login {
    /// Begins one; `port` is where this machine listens, if the server can send the browser there. Sends nothing.
    ///
    /// # Errors
    /// The grant has no user who could log in, or the server's address cannot be worked out.
    pub fn begin(credential: Arc<Credential>, port: u16) -> Result<Login, LoginError> {
        credential.check_url().map_err(|cause| LoginError::setup(&cause))?;
        let facts = credential.grant.facts();
        let (state, nonce, verifier) = (random()?, random()?, Secret::new(random()?));
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.expose().as_bytes()));
        let mut url = authorize_url(&credential)?;
        let redirect = match facts.login {
            Way::Loopback => loopback_redirect(port),
            Way::Page => ACCOUNT_REDIRECT.to_owned(),
            Way::Secret => return Err(LoginError::no_browser(&credential)),
        };
        let client_id = client_id(&credential)?;
        let mut query = url.query_pairs_mut();
        query.append_pair("response_type", "code").append_pair("client_id", client_id);
        match facts.login {
            Way::Page => {
                query
                    .append_pair("scope", ACCOUNT_SCOPES)
                    .append_pair("audience", ACCOUNT_AUDIENCE)
                    .append_pair("nonce", &nonce);
            }
            Way::Loopback => {
                query.append_pair("scope", &scopes(credential.grant.scope()));
            }
            // Refused above.
            Way::Secret => {}
        }
        query
            .append_pair("redirect_uri", &redirect)
            .append_pair("state", &state)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        drop(query);
        Ok(Login { credential, authorize_url: url, redirect, state, nonce, verifier })
    }

    /// Where the browser goes.
    pub fn authorize_url(&self) -> &Url {
        &self.authorize_url
    }

    /// Where it comes back to.
    pub fn redirect(&self) -> &str {
        &self.redirect
    }

    pub(super) fn credential(&self) -> &Arc<Credential> {
        &self.credential
    }

    /// What comes back with the code.
    pub fn state(&self) -> &str {
        &self.state
    }

    /// Turns the code into a refresh token.
    ///
    /// # Errors
    /// The server refused or cannot be reached; the code is used up, and the login begins anew.
    pub(super) async fn redeem(
        self,
        code: &Secret,
        tokens_dir: &std::path::Path,
        clock: &Clock,
    ) -> Result<Secret, LoginError> {
        let Login { credential, redirect, nonce, verifier, .. } = self;
        let client_secret = client_secret_of(&credential, tokens_dir)
            .map_err(|trouble| LoginError::of(&credential, &trouble, Before::Answered))?;
        let client = wire::client(&credential).map_err(|cause| LoginError::setup(&cause))?;
        let order = CodeOrder {
            client_id: client_id(&credential)?,
            code,
            redirect: &redirect,
            verifier: &verifier,
            client_secret: client_secret.as_ref(),
        };
        let (answer, id_token) = redeem(&client, &credential, order, clock).await;
        if let Err(trouble) = &answer.access {
            // Of an answer that broke off the refresh token may be whole, and the code is used up: what comes next tries it.
            let rescued = answer.refresh_token.as_ref().filter(|_| trouble.leaves_doubt());
            if rescued.is_none() {
                return Err(refused_code(&credential, trouble, &redirect));
            }
        }
        if id_token.is_some_and(|token| other_nonce(token.expose(), &nonce)) {
            return Err(LoginError::foreign(&credential));
        }
        answer.refresh_token.ok_or_else(|| LoginError::no_refresh_token(&credential))
    }
}

fn client_id(credential: &Credential) -> Result<&str, LoginError> {
    match credential.grant.facts().login {
        Way::Loopback | Way::Page => credential.grant.client_id().ok_or_else(|| LoginError::no_browser(credential)),
        Way::Secret => Err(LoginError::no_browser(credential)),
    }
}

/// Equal, in a time that does not tell where they differ.
pub fn same(one: &str, other: &str) -> bool {
    #[cfg(feature = "faults")]
    if crate::faults::is_on(crate::faults::ANY_STATE) {
        return true;
    }
    one.len() == other.len() && one.bytes().zip(other.bytes()).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

/// The page at which a person agrees, next to the token endpoint.
fn authorize_url(credential: &Credential) -> Result<Url, LoginError> {
    let mut url = credential.token_url.clone();
    let path = url.path().trim_end_matches('/').to_owned();
    let cloud = url.host_str().is_some_and(is_uipath);
    let path = match (path.strip_suffix("/oauth/token"), path.strip_suffix("/token")) {
        // `https://account.uipath.com/authorize` next to `/oauth/token`.
        (Some(before), _) => format!("{before}/authorize"),
        // Organisations of the cloud have their tokens from their own path, and the browser at the host's.
        (None, Some(before)) if cloud && before.ends_with("/identity_/connect") => {
            "/identity_/connect/authorize".to_owned()
        }
        (None, Some(before)) => format!("{before}/authorize"),
        (None, None) => return Err(LoginError::odd_token_url(credential)),
    };
    url.set_path(&path);
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

fn scopes(configured: Option<&str>) -> String {
    let scopes = configured.unwrap_or(SCOPES);
    if scopes.split_whitespace().any(|scope| scope == OFFLINE) {
        scopes.to_owned()
    } else {
        format!("{scopes} {OFFLINE}")
    }
}

fn random() -> Result<String, LoginError> {
    let mut bytes = [0_u8; RANDOM_BYTES];
    getrandom::fill(&mut bytes).map_err(|cause| LoginError::no_chance(&cause.to_string()))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Whether an id token says that it was made for another login. It came straight from the server over TLS, so its signature
/// adds nothing; one that is no JWT says nothing.
fn other_nonce(id_token: &str, nonce: &str) -> bool {
    let claims = id_token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let claims = claims.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    claims
        .as_ref()
        .and_then(|claims| claims.get("nonce"))
        .and_then(Value::as_str)
        .is_some_and(|found| !same(found, nonce))
}
