//! The request itself: one POST, no redirect, no silent repetition, an answer of at most 64 KiB (T17).
//!
//! Limits are on the request and not on the future: dropping a request that the server has acted on would lose the new
//! refresh token with it. A token that works once is waited for as long as token servers have been seen to take (T17), and
//! what has come of an answer that breaks off is read too: the new refresh token may be whole in it.

use std::io;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::header::{AGE, CONTENT_TYPE, HeaderMap, HeaderName, LOCATION, PROXY_AUTHENTICATE, WWW_AUTHENTICATE};
use reqwest::{RequestBuilder, retry};
use serde_json::{Map, Value};
use url::Url;

use super::margins::LONGEST_RETRY_AFTER;
use crate::clock::{Clock, Reading, later};
use crate::http::{self, Client, Content, Names, Spoken};
use crate::secret::Secret;
use crate::text::{causes, innermost};
use crate::witness::without_secrets;

use super::answer::{Answer, Reply, clean, read};
use super::credential::{AuthSetupError, Credential, printable};
use super::margins::ONE_USE_LIMIT;
use super::order::{Form, Part, order};
use super::raw::Raw;
use super::secrets::Secrets;
use super::tell::Telling;
use super::trouble::{Network, Trouble};
use super::unpacked::unpacked;

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// For an answer that can be asked for again: the first try, and each after one that was given up by this limit. Token servers
/// have been reported to take 12 s for their first answer of a day (DuendeArchive/IdentityServer4 4327 and 4465), so that is
/// waited for. One that takes longer has not always hung: it is waited for twice as long each time, and in the end as long as
/// for a token that works once. Not from the beginning, since a request that has hung would keep everybody waiting as long.
const ANSWER_LIMITS: [Duration; 4] =
    [Duration::from_secs(15), Duration::from_secs(30), Duration::from_secs(60), ONE_USE_LIMIT];
/// How much of the wait one look at the clock can use up: a machine that was suspended has not waited.
const LONGEST_STEP: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_secs(1);
const BODY_LIMIT: usize = 64 * 1024;
const TENANT: HeaderName = HeaderName::from_static("x-uipath-tenantname");

/// One client per credential.
pub(crate) fn client(credential: &Credential) -> Result<Client, AuthSetupError> {
    let Credential { connection, token_url, authorities, .. } = credential;
    let more = |builder: reqwest::ClientBuilder| {
        builder
            .retry(retry::never())
            // A token is asked for once in fifty minutes: an idle connection would be dead by then, and its end ambiguous.
            .pool_max_idle_per_host(0)
    };
    Client::new(token_url, authorities.as_ref(), Spoken::Both, CONNECT_LIMIT, Names::default(), more).map_err(|cause| {
        let reason = clean(&innermost(&cause), &[]);
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
    patience: Patience,
    telling: Option<Telling<'_>>,
) -> Answered {
    let words = secrets.all();
    let sent = clock.read();
    let raw = exchange(client, request(client, credential, secrets), clock, patience).await;
    if let Some(telling) = telling {
        telling.tell(credential, secrets, &raw);
    }
    let skew = raw.as_ref().ok().and_then(|raw| skew(&raw.headers, sent, clock.boottime()));
    Answered { answer: answer_of(raw, credential, &words, sent.wall), skew }
}

/// What an exchange came to. Of an answer that broke off, what came is read.
pub(super) fn answer_of(
    raw: Result<Raw, Trouble>,
    credential: &Credential,
    sent: &[Secret],
    wall: Timestamp,
) -> Answer {
    match raw {
        Err(trouble) => Answer { access: Err(trouble.cleaned(sent)), refresh_token: None },
        Ok(Raw { status, headers, body, cut, packed }) => {
            let challenge = challenge(&headers, status);
            let reply = Reply {
                status,
                content_type: text(&headers, CONTENT_TYPE),
                authenticate: challenge.as_deref(),
                // For a `Retry-After` that names an instant.
                retry_after: http::retry_after(&headers, wall, LONGEST_RETRY_AFTER),
                body: &body,
            };
            let answer = read(reply, credential.style(), sent);
            match (cut, &answer.access) {
                // Whatever should have followed, the token is there.
                (Some(_), Ok(_)) => answer,
                (None, Err(Trouble::Redirect { status, .. })) => {
                    let to = location(&headers, &credential.token_url, sent);
                    Answer { access: Err(Trouble::Redirect { status: *status, to }), ..answer }
                }
                (None, Err(Trouble::Unreadable | Trouble::NoToken)) if packed.is_some() => {
                    let cause = clean(&packed.unwrap_or_default(), sent);
                    Answer { access: Err(Trouble::Packed { status, cause }), ..answer }
                }
                (None, _) => answer,
                (Some(cut), Err(_)) => Answer { access: Err(cut.cleaned(sent)), ..answer },
            }
        }
    }
}

/// Where a redirect leads, as it may be printed: no user, no password, no query, no secret. None when that is no web address.
pub(super) fn location(headers: &HeaderMap, asked: &Url, sent: &[Secret]) -> Option<String> {
    let to = text(headers, LOCATION).map(str::trim).filter(|to| !to.is_empty())?;
    let to = asked.join(to).ok()?;
    matches!(to.scheme(), "http" | "https").then(|| clean(&printable(&to), sent))
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
    // None: not asked for; `exchange` ends before it gets here.
    let Some((form, fields)) = order(credential, secrets) else { return post };
    let value = |part: Part<'_>| match part {
        Part::Plain(text) => Value::from(text),
        Part::Secret(secret) => Value::from(secret.expose()),
        Part::Null => Value::Null,
    };
    match form {
        Form::Url => {
            let text = |part| match part {
                Part::Plain(text) => text,
                Part::Secret(secret) => secret.expose(),
                Part::Null => "",
            };
            post.form(&fields.into_iter().map(|(name, part)| (name, text(part))).collect::<Vec<_>>())
        }
        Form::Json => {
            let body: Map<String, Value> =
                fields.into_iter().map(|(name, part)| (name.to_owned(), value(part))).collect();
            let post = post.json(&body);
            match &credential.tenant {
                Some(tenant) => post.header(TENANT, tenant),
                None => post,
            }
        }
    }
}

/// How long an answer is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// It can be asked for again: 15 s, and longer after tries that were given up.
    Usual {
        /// How many in a row.
        unanswered: u32,
    },
    /// It comes once: 100 s.
    OneUse,
}

impl Patience {
    /// Nothing was given up before.
    pub(crate) const FIRST: Patience = Patience::Usual { unanswered: 0 };

    fn limit(self) -> Duration {
        match self {
            Patience::Usual { unanswered } => {
                let number = usize::try_from(unanswered).unwrap_or(usize::MAX).min(ANSWER_LIMITS.len() - 1);
                ANSWER_LIMITS[number]
            }
            Patience::OneUse => one_use_limit(),
        }
    }

    /// Of the next try, should this one be given up.
    fn next(self) -> Patience {
        match self {
            Patience::Usual { unanswered } => Patience::Usual { unanswered: unanswered.saturating_add(1) },
            Patience::OneUse => Patience::OneUse,
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is where token requests leave")]
pub(crate) async fn exchange(
    client: &Client,
    request: RequestBuilder,
    clock: &Clock,
    patience: Patience,
) -> Result<Raw, Trouble> {
    let mut over = std::pin::pin!(waited(clock, patience.limit()));
    let timed_out = || {
        let how = Network::GaveUp { after: patience.limit(), next: patience.next().limit() };
        Trouble::Network { how, detail: String::new() }
    };
    // What has arrived counts, however late it is looked at.
    let mut response = tokio::select! {
        biased;
        sent = request.send() => {
            client.note(&sent);
            sent.map_err(|cause| network(client, &cause))?
        }
        () = &mut over => return Err(timed_out()),
    };
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let mut body = Vec::new();
    let cut = loop {
        let chunk = tokio::select! {
            biased;
            chunk = response.chunk() => chunk,
            () = &mut over => break Some(timed_out()),
        };
        match chunk {
            Ok(Some(chunk)) => {
                let room = BODY_LIMIT - body.len();
                body.extend_from_slice(&chunk[..chunk.len().min(room)]);
                if chunk.len() > room {
                    break Some(Trouble::TooLarge);
                }
            }
            Ok(None) => break None,
            Err(cause) => break Some(network(client, &cause)),
        }
    };
    // Of an answer that broke off, what can be unpacked is kept.
    let (body, packed) = match &cut {
        None => match http::plain(&headers, body.clone(), BODY_LIMIT) {
            Content::Whole(plain) => (plain, None),
            Content::TooLong => (unpacked(&headers, body, BODY_LIMIT), None),
            Content::Broken { cause } => (unpacked(&headers, body, BODY_LIMIT), Some(cause)),
        },
        Some(_) => (unpacked(&headers, body, BODY_LIMIT), None),
    };
    Ok(Raw { status, headers, body, cut, packed })
}

#[cfg(not(feature = "faults"))]
fn one_use_limit() -> Duration {
    ONE_USE_LIMIT
}

#[cfg(feature = "faults")]
fn one_use_limit() -> Duration {
    if crate::faults::is_on(crate::faults::SHORT_TOKEN_WAIT) { Duration::from_secs(10) } else { ONE_USE_LIMIT }
}

/// Ends when so much time has been spent waiting.
async fn waited(clock: &Clock, limit: Duration) {
    let (mut left, mut seen) = (limit, clock.read());
    while !left.is_zero() {
        clock.nap(seen, left.min(LOOK_EVERY)).await;
        let now = clock.read();
        left = left.saturating_sub(now.boot.saturating_sub(seen.boot).min(LONGEST_STEP));
        seen = now;
    }
}

fn network(client: &Client, cause: &reqwest::Error) -> Trouble {
    // The outermost error repeats the URL, which may hold any word.
    let chain = || causes(cause);
    let system = || chain().filter_map(|error| error.downcast_ref::<io::Error>());
    let proxy = chain().any(|error| error.to_string().contains("tunnel"));
    let how = match (cause.is_connect(), cause.is_timeout()) {
        (true, true) => Network::ConnectTimeout,
        (true, false) if cause.is_dns() => Network::Name,
        (true, false) if system().any(|error| error.kind() == io::ErrorKind::ConnectionRefused) => Network::Refused,
        (true, false) if proxy || system().any(|error| error.raw_os_error().is_some()) => Network::Connect,
        // Neither name, nor system, nor proxy: what is left before the request is the handshake.
        (true, false) => Network::Tls,
        // Limits of ours are not reqwest's: this one is the system's.
        (false, true | false) => Network::Broken,
    };
    Trouble::Network { how, detail: client.why(cause).to_string() }
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

pub(super) use http::text;
/// All ways to log in that are named, by the server or by a proxy.
fn challenge(headers: &HeaderMap, status: u16) -> Option<String> {
    let name = if status == 407 { PROXY_AUTHENTICATE } else { WWW_AUTHENTICATE };
    let lines: Vec<&str> = headers.get_all(name).iter().filter_map(|line| line.to_str().ok()).collect();
    (!lines.is_empty()).then(|| lines.join(", "))
}
