//! The server: reads requests, lets faults happen, has the work done, records, answers.
//!
//! A call is worked on in a task of its own: when a client gives up and hangs up, the work still happens, as it would on
//! the real service. That is the case a daemon has to be built for.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::answer::{Answer, Body};
use super::config::SandboxConfig;
use super::connection::{Connections, CuttingListener, Gate, Peer};
use super::control::Control;
use super::effects::{Connection, Effects, Twist};
use super::fault_book::{FaultBook, Subject};
use super::faults::{Endpoint, Outage};
use super::identity::{Granted, Identity};
use super::login;
use super::recording::{Asked, Done, Ending, record};
use super::request::Request;
use super::route::{self, Route};
use super::service::{Service, endpoint};
use super::shared::{Shared, SharedState};
use super::time::ServerTime;
use super::world::{Progress, World};

/// The largest body that is read.
const MAX_BODY: usize = 4 * 1024 * 1024;

/// A running sandbox. Dropping it stops it at once; [`Sandbox::stop`] waits for its end.
#[derive(Debug)]
pub struct Sandbox {
    shared: Arc<Shared>,
    address: SocketAddr,
    server: JoinHandle<()>,
    ticker: JoinHandle<()>,
}

/// What the client gets.
enum Verdict {
    Answer(Answer, SignedDuration),
    Cut,
}

impl Sandbox {
    /// Starts serving.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn start(config: SandboxConfig) -> io::Result<Sandbox> {
        let SandboxConfig { listen, clock, tenant, identity, seed } = config;
        let time = ServerTime::new(clock);
        let now = time.now();
        let world = World::new(&tenant, seed, now);
        let service = Service::new(tenant, world, Identity::new(identity, seed, now));
        let (gate, gate_reader) = watch::channel(Gate::Open);
        let connections = Connections::default();
        let listener = CuttingListener::bind(listen, connections.clone(), gate_reader).await?;
        let address = listener.address();
        let shared = Arc::new(Shared::new(time, service, FaultBook::new(seed), gate, connections));
        let app = Router::new().fallback(handle).with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move {
            // It ends only by being aborted.
            let _ = axum::serve(listener, app.into_make_service_with_connect_info::<Peer>()).await;
        });
        let ticker = tokio::spawn(tick(Arc::clone(&shared)));
        Ok(Sandbox { shared, address, server, ticker })
    }

    /// The base of the API: `http://127.0.0.1:PORT/{org}/{tenant}/orchestrator_`.
    pub fn base_url(&self) -> String {
        let state = self.shared.lock();
        let tenant = &state.service.tenant;
        format!("{}/{}/{}/orchestrator_", self.root_url(), tenant.organization, tenant.tenant)
    }

    /// `http://127.0.0.1:PORT`, where `/identity_` and `/oauth` are.
    pub fn root_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The hand behind the scenes.
    pub fn control(&self) -> Control {
        Control::new(Arc::clone(&self.shared))
    }

    /// Stops serving; open connections are cut.
    pub async fn stop(mut self) {
        self.server.abort();
        self.ticker.abort();
        let _ = (&mut self.server).await;
        let _ = (&mut self.ticker).await;
        self.shared.connections.cut_all();
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.server.abort();
        self.ticker.abort();
        self.shared.connections.cut_all();
    }
}

/// Lets time show its effects even while nobody asks, for those who wait for a state.
async fn tick(shared: Arc<Shared>) {
    let mut changes = shared.watch();
    loop {
        changes.borrow_and_update();
        let (progress, next) = {
            let mut state = shared.lock();
            let progress = state.service.world.advance(shared.time.now());
            (progress, state.service.world.next_change())
        };
        match progress {
            Progress::Something => shared.changed(),
            Progress::Nothing => {}
        }
        let due = async {
            match next {
                Some(at) => shared.time.sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = due => {}
            changed = changes.changed() => {
                if changed.is_err() {
                    return;
                }
            }
        }
    }
}

async fn handle(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: axum::extract::Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY).await else {
        peer.cut.cut();
        return Response::default();
    };
    let headers = parts
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let request = Request {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().map(str::to_owned),
        headers,
        body: body.to_vec(),
    };
    let work = tokio::spawn({
        let shared = Arc::clone(&shared);
        async move { serve(&shared, &request).await }
    });
    match work.await {
        Ok(Verdict::Answer(answer, date_off)) => response(answer, shared.time.now(), date_off),
        Ok(Verdict::Cut) | Err(_) => {
            peer.cut.cut();
            Response::default()
        }
    }
}

/// What was decided about a call before anything was done.
enum Opening {
    /// It is not let in, and uses no fault up.
    Turned(Answer),
    Cut,
    Goes(Box<Effects>),
}

/// Has a call worked on, records it, and gives what the client gets.
async fn serve(shared: &Shared, request: &Request) -> Verdict {
    let at = shared.time.now();
    let route = route::parse(&request.method, &request.path);
    let (done, date_off) = carry_out(shared, request, &route, at).await;
    let status = done.ending.status();
    tracing::debug!(method = request.method, path = request.path, status, faults = ?done.faults, "Answered a call");
    let mut state = shared.lock();
    record(&mut state, Asked { request, route: &route, at }, &done, shared.time.now());
    let version = state.service.tenant.api_version;
    drop(state);
    shared.changed();
    match done.ending {
        Ending::Given(answer) if matches!(route, Route::Api { .. }) => {
            Verdict::Answer(answer.header("api-supported-versions", format!("{version}.0")), date_off)
        }
        Ending::Given(answer) => Verdict::Answer(answer, date_off),
        Ending::CutWith(_) | Ending::Cut => Verdict::Cut,
    }
}

/// What becomes of a call, and by how much the clock of its answer is off.
async fn carry_out(shared: &Shared, request: &Request, route: &Route, at: Timestamp) -> (Done, SignedDuration) {
    let opening = open(&mut shared.lock(), request, route, at);
    // Whoever waits for a fault to come sees it before a delay is over.
    shared.changed();
    let untouched = |ending| (Done { faults: Vec::new(), token: None, ending }, SignedDuration::ZERO);
    let effects = match opening {
        Opening::Cut => return untouched(Ending::Cut),
        Opening::Turned(answer) => return untouched(Ending::Given(answer)),
        Opening::Goes(effects) => *effects,
    };
    shared.time.sleep(effects.delay).await;
    let (token, ending) = if effects.connection == Connection::CutBefore {
        (None, Ending::Cut)
    } else if let Some(answer) = effects.instead {
        (None, Ending::Given(answer))
    } else {
        let (answer, token) = work(&mut shared.lock(), request, route, &effects.twist, shared.time.now());
        shared.changed();
        shared.time.sleep(effects.delay_answer).await;
        let answer = effects.afterwards.unwrap_or(answer);
        let answer = if effects.garbles { garbled(answer) } else { answer };
        let ending = match effects.connection {
            Connection::CutAfterwards => Ending::CutWith(answer),
            Connection::Kept | Connection::CutBefore => Ending::Given(answer),
        };
        (token, ending)
    };
    (Done { faults: effects.names, token, ending }, effects.date_off)
}

fn open(state: &mut SharedState, request: &Request, route: &Route, now: Timestamp) -> Opening {
    match state.outage {
        Outage::None => {}
        Outage::Refused | Outage::Silent => return Opening::Cut,
        Outage::Unavailable => return Opening::Turned(Answer::html(503, "<h1>Service unavailable</h1>")),
    }
    let SharedState { service, faults, starts_asked, .. } = state;
    let (endpoint, process) = match route {
        Route::Api { base, call } => {
            if let Err(refusal) = service.admit(request, base, call, now) {
                return Opening::Turned(refusal);
            }
            (endpoint(call), service.process_of(request, call))
        }
        Route::IdentityToken | Route::AccountToken | Route::PasswordLogin => (Endpoint::Token, None),
        Route::IdentityAuthorize
        | Route::AccountAuthorize
        | Route::IdentityConfiguration
        | Route::LoginPage
        | Route::Nothing => (Endpoint::Other, None),
    };
    if let (Endpoint::StartJobs, Some(process)) = (endpoint, &process) {
        *starts_asked.entry(process.clone()).or_default() += 1;
    }
    let effects = faults.decide(&Subject { endpoint, path: &request.path, process: process.as_deref(), at: now });
    if let (true, Some(token)) = (effects.revokes_token, request.bearer()) {
        service.identity.revoke(token);
    }
    Opening::Goes(Box::new(effects))
}

/// Has the work done. The second part is what to note of a token call.
fn work(
    state: &mut SharedState,
    request: &Request,
    route: &Route,
    twist: &Twist,
    now: Timestamp,
) -> (Answer, Option<Granted>) {
    let service = &mut state.service;
    let granted = match route {
        Route::Api { base: _, call } => return (service.work(request, call, twist, now), None),
        Route::IdentityAuthorize | Route::AccountAuthorize => {
            return (login::authorize(request, &mut service.identity, now), None);
        }
        Route::IdentityConfiguration => return (login::configuration(request), None),
        Route::LoginPage => return (Answer::login_page(), None),
        Route::Nothing => return (Answer::html(404, "<h1>Page not found</h1>"), None),
        Route::IdentityToken => service.identity.identity_token(request, now),
        Route::AccountToken => service.identity.account_token(request, now),
        Route::PasswordLogin => service.identity.password_login(request, &service.tenant.tenant, now),
    };
    (granted.answer.clone(), Some(granted))
}

/// JSON that ends in the middle.
fn garbled(answer: Answer) -> Answer {
    let Answer { status, headers, body } = answer;
    let text = body.text().unwrap_or_default();
    let half: String = text.chars().take(text.chars().count() / 2).collect();
    Answer { status, headers, body: Body::Garbled(half) }
}

fn response(answer: Answer, now: Timestamp, date_off: SignedDuration) -> Response {
    let Answer { status, headers, body } = answer;
    let content_type = body.content_type().map(str::to_owned);
    let mut response = Response::new(body.text().unwrap_or_default().into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let map = response.headers_mut();
    let shown = now.saturating_add(date_off).unwrap_or(now);
    let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&shown);
    let all = headers.into_iter().chain(content_type.map(|kind| (header::CONTENT_TYPE.as_str(), kind)));
    for (name, value) in all.chain(date.ok().map(|date| (header::DATE.as_str(), date))) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            map.insert(name, value);
        }
    }
    response
}
