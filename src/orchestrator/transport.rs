//! Sends requests to one origin and reads the answers.
//!
//! The client is tied to the configured origin by construction (S26): URLs are the base plus a path of constants and
//! numbers, redirects are off, links in answers are never followed. Starts have a pool of their own that never retries
//! (semantics.md 19, R6). It speaks HTTP/1.1 only: one connection carries one start, so a connection that breaks makes one
//! start unclear, not a whole burst. What hyper does on its own is safe: it sends again only if a pooled connection closed
//! before the first byte.
//!
//! Absent: TLS and the reading of bodies (`http`): the limit of a call holds for what was received and for what it unpacks to
//! (S31).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::retry;
use url::Url;

use super::bearer::{Bearer, Token, TokenUnavailable, authorization};
use super::error::CallError;
use super::freshness::{Freshness, ServerClock, ServerSkew, Way};
use super::outcome::{self, Answer, Body, Heard, Verdict};
use super::request::{Pool, Request};
use super::setup_error::ClientSetupError;
use super::tell;
use crate::clock::Clock;
use crate::http::{self, Authorities, Content, Names, Spoken, Why, is_loopback};
use crate::run::FolderId;
use crate::witness::{Exchange as Witnessed, Witness, without_secrets};

/// A whole exchange, head and body. The settle time of an unclear start is four times this (semantics.md 16).
const TOTAL: Duration = Duration::from_secs(30);

/// Name look-up, TCP and TLS: beyond it nothing was sent, so it can be short.
const CONNECT: Duration = Duration::from_secs(10);

/// How long a start's connection stays open unused. Gateways close idle ones after a minute or more; closing first avoids
/// the race in which a start is written to a connection that is being closed, and its outcome is unknown.
const IDLE: Duration = Duration::from_secs(20);

/// Headers of an answer on HTTP/2 (S31). hyper bounds them on HTTP/1.1 by itself.
const MAX_HEADER_BYTES: u32 = 32 * 1024;

const FOLDER: HeaderName = HeaderName::from_static("x-uipath-organizationunitid");
const TENANT: HeaderName = HeaderName::from_static("x-uipath-tenantname");

/// What a client is made of.
#[derive(Clone)]
pub struct ClientConfig {
    /// The connection's name, for texts.
    pub connection: String,
    /// What stands before `/odata`.
    pub base: Url,
    /// Sent as `X-UIPATH-TenantName` when given.
    pub tenant: Option<String>,
    /// Whom to trust besides the system's authorities (`tls.ca`).
    pub authorities: Option<Authorities>,
    /// Where time comes from.
    pub clock: Clock,
    /// Where tokens come from.
    pub bearer: Arc<dyn Bearer>,
}

impl std::fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ClientConfig { connection, base, tenant, authorities, clock: _, bearer: _ } = self;
        f.debug_struct("ClientConfig")
            .field("connection", connection)
            .field("base", &base.as_str())
            .field("tenant", tenant)
            .field("authorities", authorities)
            .finish_non_exhaustive()
    }
}

/// What came of a request.
pub(super) struct Exchange {
    pub(super) outcome: Result<Vec<u8>, CallError>,
    pub(super) length: Length,
    /// Boot time when the last send ended, or when it was clear that there would be none.
    pub(super) ended_boot: Duration,
    /// The server's clock, as a fresh answer of its own showed it.
    pub(super) server_date: Option<Timestamp>,
    /// Whether what the answer does not show may be believed.
    pub(super) freshness: Freshness,
}

/// Whether the answer's body was within the request's limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    Fits,
    TooLong,
}

struct Attempt {
    verdict: Verdict,
    server_date: Option<Timestamp>,
    freshness: Freshness,
}

#[derive(Debug)]
pub(super) struct Transport {
    pub(super) connection: String,
    base: Url,
    headers: HeaderMap,
    clock: Clock,
    bearer: Arc<dyn Bearer>,
    starts: http::Client,
    reads: http::Client,
    server_clock: Mutex<ServerClock>,
    witness: Option<Witness>,
}

impl std::fmt::Debug for dyn Bearer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Bearer")
    }
}

impl Transport {
    pub(super) fn new(config: ClientConfig) -> Result<Transport, ClientSetupError> {
        let ClientConfig { connection, base, tenant, authorities, clock, bearer } = config;
        let plain = base.username().is_empty()
            && base.password().is_none()
            && base.query().is_none()
            && base.fragment().is_none()
            && base.has_host();
        if !plain || !matches!(base.scheme(), "http" | "https") {
            return Err(ClientSetupError::Address { connection });
        }
        if base.scheme() == "http" && !is_loopback(&base) {
            return Err(ClientSetupError::Insecure { connection });
        }
        let mut headers = HeaderMap::new();
        if let Some(tenant) = tenant {
            let Ok(value) = HeaderValue::from_str(&tenant) else {
                return Err(ClientSetupError::Tenant { connection });
            };
            headers.insert(TENANT, value);
        }
        let names = Names::default();
        let client = |spoken, more: fn(reqwest::ClientBuilder) -> reqwest::ClientBuilder| {
            let more = |builder: reqwest::ClientBuilder| more(builder.timeout(TOTAL));
            http::Client::new(&base, authorities.as_ref(), spoken, CONNECT, names.clone(), more)
        };
        let starts = client(Spoken::Http1, |builder| builder.retry(retry::never()).pool_idle_timeout(IDLE));
        let reads = client(Spoken::Both, |builder| builder.http2_max_header_list_size(MAX_HEADER_BYTES));
        let (starts, reads) = match (starts, reads) {
            (Ok(starts), Ok(reads)) => (starts, reads),
            (Err(cause), _) | (_, Err(cause)) => return Err(ClientSetupError::Http { connection, cause }),
        };
        Ok(Transport {
            connection,
            base,
            headers,
            clock,
            bearer,
            starts,
            reads,
            server_clock: Mutex::default(),
            witness: None,
        })
    }

    /// Tells `witness` of each request from now on.
    pub(super) fn watched_by(self, witness: Witness) -> Transport {
        Transport { witness: Some(witness), ..self }
    }

    /// The server's clock minus ours, at its last fresh answer (semantics.md 7).
    pub(super) fn skew(&self) -> ServerSkew {
        self.server_clock.lock().unwrap_or_else(PoisonError::into_inner).skew(self.clock.read())
    }

    /// Sends once; after a 401 renews the token and sends once more (T12).
    pub(super) async fn exchange(&self, request: &Request) -> Exchange {
        let token = match self.bearer.token().await {
            Ok(token) => token,
            Err(cause) => return self.without_token(request, cause),
        };
        let first = self.attempt(request, &token).await;
        match first {
            Attempt { verdict: Verdict::TokenRefused { said: _ }, .. } => {}
            Attempt { verdict, server_date, freshness } => {
                return self.ended(request, verdict, server_date, freshness);
            }
        }
        let fresh = match self.bearer.renewed(token.generation).await {
            Ok(fresh) => fresh,
            Err(cause) => return self.without_token(request, cause),
        };
        let Attempt { verdict, server_date, freshness } = self.attempt(request, &fresh).await;
        self.ended(request, verdict, server_date, freshness)
    }

    fn ended(
        &self,
        request: &Request,
        verdict: Verdict,
        server_date: Option<Timestamp>,
        freshness: Freshness,
    ) -> Exchange {
        let (outcome, length) = match verdict {
            Verdict::Accepted(bytes) => (Ok(bytes), Length::Fits),
            Verdict::TooLong(error) => (Err(error), Length::TooLong),
            Verdict::Failed(error) => (Err(error), Length::Fits),
            Verdict::TokenRefused { said } => {
                let said = said.map(|said| format!(": {said}")).unwrap_or_default();
                let came = format!("was answered 401 even with a fresh token{said}");
                (Err(outcome::tokenless(&request.asked, Some(401), None, came)), Length::Fits)
            }
        };
        Exchange { outcome, length, ended_boot: self.clock.boottime(), server_date, freshness }
    }

    fn without_token(&self, request: &Request, cause: TokenUnavailable) -> Exchange {
        let TokenUnavailable { message, retry_at } = cause;
        let now = self.clock.now();
        let left = retry_at.map(|at| at.duration_since(now).max(SignedDuration::ZERO).unsigned_abs());
        let error = outcome::tokenless(
            &request.asked,
            None,
            left,
            format!("was not sent, as there is no access token: {message}"),
        );
        self.ended(request, Verdict::Failed(error), None, Freshness::Fresh)
    }

    async fn attempt(&self, request: &Request, token: &Token) -> Attempt {
        let Some(bearer) = authorization(token) else {
            let came = "was not sent, as the access token there is cannot stand in a header";
            return Attempt {
                verdict: Verdict::Failed(outcome::tokenless(&request.asked, None, None, came)),
                server_date: None,
                freshness: Freshness::Fresh,
            };
        };
        let began = self.clock.boottime();
        let heard = self.send(request, bearer).await;
        let now = self.clock.now();
        let elapsed_ms = self.clock.boottime().saturating_sub(began).as_millis() as u64;
        let (status, date, headers) = match &heard {
            Heard::Unreached { .. } | Heard::Cut { .. } => (None, None, None),
            Heard::Answer(answer) => (Some(answer.status), http::date(&answer.headers), Some(answer.headers.clone())),
        };
        tracing::debug!(
            connection = self.connection,
            method = %request.method,
            path = request.path,
            status,
            elapsed_ms,
            "Asked Orchestrator"
        );
        if let Some(witness) = &self.witness {
            witness.tell(Witnessed {
                request: tell::asked(request, &self.address(request)),
                sent: tell::sent(request, &self.headers),
                came: tell::came(&heard, token),
                took: self.clock.boottime().saturating_sub(began),
                ended_at: now,
            });
        }
        let verdict = match outcome::judge(&request.asked, heard, now) {
            Verdict::Failed(error) => Verdict::Failed(hide(error, token)),
            Verdict::TokenRefused { said } => {
                let clean = |said: String| without_secrets(&said, std::slice::from_ref(&token.secret));
                Verdict::TokenRefused { said: said.map(clean) }
            }
            other @ (Verdict::Accepted(_) | Verdict::TooLong(_)) => other,
        };
        // Only Orchestrator's own answers speak of its clock, and only those that no cache kept (semantics.md 7, 16a).
        let own = matches!(&verdict, Verdict::Accepted(_) | Verdict::Failed(CallError::Rejected { .. }));
        let way = Way { sent: began, came: self.clock.boottime() };
        let freshness = match &headers {
            Some(headers) if own => {
                self.server_clock.lock().unwrap_or_else(PoisonError::into_inner).judge(headers, way)
            }
            Some(_) | None => Freshness::Fresh,
        };
        let server_date = date.filter(|_| own && freshness == Freshness::Fresh);
        Attempt { verdict, server_date, freshness }
    }

    async fn send(&self, request: &Request, bearer: HeaderValue) -> Heard {
        let pool = match request.pool {
            Pool::Starts => &self.starts,
            Pool::Reads => &self.reads,
        };
        let mut builder = pool
            .request(request.method.clone(), self.address(request))
            .headers(self.headers.clone())
            .header(AUTHORIZATION, bearer);
        if request.asked.call.only_reads() && asks_the_origin() {
            // A cache between us and Orchestrator must not answer in its place (semantics.md 16a).
            builder = builder.header(CACHE_CONTROL, "no-cache");
        }
        if let Some(FolderId(folder)) = request.folder {
            builder = builder.header(FOLDER, folder);
        }
        if let Some(body) = &request.body {
            builder = builder.header(CONTENT_TYPE, "application/json").body(body.clone());
        }
        #[expect(clippy::disallowed_methods, reason = "this is where requests to Orchestrator leave")]
        let sent = builder.send().await;
        pool.note(&sent);
        match sent {
            Ok(response) => Heard::Answer(read(response, request.limit).await),
            // No connection, or a request that could not even be built.
            Err(error) if error.is_connect() || error.is_builder() => {
                let place = self.base.origin().ascii_serialization();
                let Why { what, cure } = pool.why(&error);
                Heard::Unreached { cause: format!("{place}: {}", or_nothing(what)), cure }
            }
            Err(error) => Heard::Cut { cause: or_nothing(pool.why(&error).to_string()) },
        }
    }

    fn address(&self, request: &Request) -> Url {
        let mut address = self.base.clone();
        if let Ok(mut segments) = address.path_segments_mut() {
            segments.pop_if_empty().extend(request.path.split('/'));
        }
        address.set_query(request.query.as_deref());
        address
    }
}

fn asks_the_origin() -> bool {
    #[cfg(feature = "faults")]
    if crate::faults::is_on(crate::faults::BELIEVE_CACHED_LISTS) {
        return false;
    }
    true
}

async fn read(mut response: reqwest::Response, limit: usize) -> Answer {
    let status = response.status().as_u16();
    let headers = std::mem::take(response.headers_mut());
    let body = match http::read(&mut response, &headers, limit).await {
        Content::Whole(bytes) => Body::Whole(bytes),
        Content::TooLong => Body::Oversize { limit },
        Content::Broken { cause } => Body::Broken { cause: or_nothing(cause) },
    };
    Answer { status, headers, body }
}

fn or_nothing(reason: String) -> String {
    if reason.is_empty() { "the request could not be sent".to_owned() } else { reason }
}

/// A server that repeats the token in its refusal must not bring it into our texts.
fn hide(error: CallError, token: &Token) -> CallError {
    error.map_texts(|text| without_secrets(&text, std::slice::from_ref(&token.secret)))
}
