//! The request itself: one POST, no redirect, no silent repetition, an answer of at most 64 KiB (T17).
//!
//! Limits are on the request and not on the future: dropping a request that the server has acted on would lose the new
//! refresh token with it.

use std::error::Error;
use std::io;
use std::time::Duration;

use jiff::SignedDuration;
use reqwest::header::{AGE, CONTENT_TYPE, HeaderMap, HeaderName};
use reqwest::{RequestBuilder, Response, retry};
use serde_json::json;

use crate::clock::{Clock, Reading, later};
use crate::http::{self, Client, Content, Names, Spoken};
use crate::secret::Secret;
use crate::witness::without_secrets;

use super::answer::{Answer, Reply, clean, read};
use super::credential::{AuthSetupError, Credential, GrantConfig};
use super::secrets::Secrets;
use super::tell::Telling;
use super::trouble::{Network, Trouble};

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
const TOTAL_LIMIT: Duration = Duration::from_secs(15);
const BODY_LIMIT: usize = 64 * 1024;
const TENANT: HeaderName = HeaderName::from_static("x-uipath-tenantname");

/// One client per credential.
pub(crate) fn client(credential: &Credential) -> Result<Client, AuthSetupError> {
    let Credential { connection, token_url, authorities, .. } = credential;
    let more = |builder: reqwest::ClientBuilder| {
        builder
            .retry(retry::never())
            .timeout(TOTAL_LIMIT)
            // A token is asked for once in fifty minutes: an idle connection would be dead by then, and its end ambiguous.
            .pool_max_idle_per_host(0)
    };
    Client::new(token_url, authorities.as_ref(), Spoken::Both, CONNECT_LIMIT, Names::default(), more).map_err(|cause| {
        let reason = clean(&cause.source().map_or_else(|| cause.to_string(), ToString::to_string), &[]);
        AuthSetupError::HttpClient { connection: connection.clone(), reason }
    })
}

/// An answer, with how far the server's clock is ahead of ours.
pub(crate) struct Answered {
    pub(crate) answer: Answer,
    pub(crate) skew: Option<SignedDuration>,
}

/// Sends one request and reads its answer.
pub(crate) async fn ask(
    client: &Client,
    credential: &Credential,
    secrets: &Secrets,
    clock: &Clock,
    telling: Option<Telling<'_>>,
) -> Answered {
    let words = secrets.all();
    let sent = clock.read();
    let raw = exchange(client, request(client, credential, secrets)).await;
    if let Some(telling) = telling {
        telling.tell(credential, secrets, &raw);
    }
    match raw {
        Err(trouble) => {
            Answered { answer: Answer { access: Err(trouble.cleaned(&words)), refresh_token: None }, skew: None }
        }
        Ok((status, headers, body)) => {
            let reply = Reply {
                status,
                content_type: text(&headers, CONTENT_TYPE),
                // For a `Retry-After` that names an instant.
                retry_after: retry_after(&headers, sent.wall),
                body: &body,
            };
            let skew = skew(&headers, sent, clock.boottime());
            Answered { answer: read(reply, credential.style(), &words), skew }
        }
    }
}

/// Measured against the middle of the round trip; an answer out of a cache says nothing (T13).
fn skew(headers: &HeaderMap, sent: Reading, received: Duration) -> Option<SignedDuration> {
    if headers.contains_key(AGE) {
        return None;
    }
    let middle = later(sent.wall, received.saturating_sub(sent.boot) / 2);
    Some(http::date(headers)?.duration_since(middle))
}

fn request(client: &Client, credential: &Credential, secrets: &Secrets) -> RequestBuilder {
    let post = client.post(credential.token_url.clone()).header("accept", "application/json");
    let Secrets { main, client_secret, odd: _ } = secrets;
    let with_tenant = |post: RequestBuilder, tenant: &Option<String>| match tenant {
        Some(tenant) => post.header(TENANT, tenant),
        None => post,
    };
    match &credential.grant {
        GrantConfig::ClientCredentials { client_id, scope, .. } => post.form(&[
            ("grant_type", "client_credentials"),
            ("client_id", client_id),
            ("client_secret", main.expose()),
            ("scope", scope),
        ]),
        GrantConfig::RefreshTokenIdentity { client_id, scope, .. } => {
            let mut form =
                vec![("grant_type", "refresh_token"), ("client_id", client_id), ("refresh_token", main.expose())];
            form.extend(client_secret.as_ref().map(|secret| ("client_secret", secret.expose())));
            form.extend(scope.as_deref().map(|scope| ("scope", scope)));
            post.form(&form)
        }
        GrantConfig::RefreshTokenAccount { client_id, tenant, .. } => {
            let body = json!({ "grant_type": "refresh_token", "client_id": client_id, "refresh_token": main.expose() });
            with_tenant(post.json(&body), tenant)
        }
        GrantConfig::Password { username, tenant, .. } => {
            let body = json!({
                "tenancyName": tenant, "usernameOrEmailAddress": username, "password": main.expose(),
            });
            with_tenant(post.json(&body), tenant)
        }
        // Not asked for; `exchange` ends before it gets here.
        GrantConfig::PersonalAccessToken { .. } => post,
    }
}

/// Status, headers and body of an answer.
pub(crate) type Raw = (u16, HeaderMap, Vec<u8>);

#[expect(clippy::disallowed_methods, reason = "this is where token requests leave")]
pub(crate) async fn exchange(client: &Client, request: RequestBuilder) -> Result<Raw, Trouble> {
    let sent = request.send().await;
    client.note(&sent);
    let response = sent.map_err(|cause| network(client, &cause))?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = body(response, &headers).await?;
    Ok((status, headers, body))
}

/// Whatever the body was packed in: what it holds may work once only.
async fn body(mut response: Response, headers: &HeaderMap) -> Result<Vec<u8>, Trouble> {
    match http::read(&mut response, headers, BODY_LIMIT).await {
        Content::Whole(body) => Ok(body),
        Content::TooLong => Err(Trouble::TooLarge),
        Content::Broken { cause } => Err(Trouble::Network { how: Network::Broken, detail: cause }),
    }
}

fn network(client: &Client, cause: &reqwest::Error) -> Trouble {
    // The outermost error repeats the URL, which may hold any word.
    let chain = || std::iter::successors(cause.source(), |error| (*error).source());
    let system = || chain().filter_map(|error| error.downcast_ref::<io::Error>());
    let proxy = chain().any(|error| error.to_string().contains("tunnel"));
    let how = match (cause.is_connect(), cause.is_timeout()) {
        (true, true) => Network::ConnectTimeout,
        (true, false) if cause.is_dns() => Network::Name,
        (true, false) if system().any(|error| error.kind() == io::ErrorKind::ConnectionRefused) => Network::Refused,
        (true, false) if proxy || system().any(|error| error.raw_os_error().is_some()) => Network::Connect,
        // Neither name, nor system, nor proxy: what is left before the request is the handshake.
        (true, false) => Network::Tls,
        (false, true) => Network::AnswerTimeout,
        (false, false) => Network::Broken,
    };
    Trouble::Network { how, detail: client.why(cause) }
}

impl Trouble {
    /// The transport's words never should hold a secret; make sure.
    pub(super) fn cleaned(self, sent: &[Secret]) -> Trouble {
        match self {
            // Not cut: its end is the cure.
            Trouble::Network { how, detail } => Trouble::Network { how, detail: without_secrets(&detail, sent) },
            other => other,
        }
    }
}

pub(super) use http::{retry_after, text};
