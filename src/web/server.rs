//! Takes connections and answers them, one request each.
//!
//! hyper is used directly because axum's own loop has no limit on the time that a request's head may take. One request a
//! connection keeps the rest simple: no idle connection holds a place.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::UnixStream;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::answer::{Refusal, Why};
use super::control::Control;
use super::peer::Peer;
use super::routes::routes;
use super::socket::ControlSocket;
use crate::clock::Clock;

/// Connections at once (S23).
const CONNECTIONS: usize = 64;
/// For a request's head (S23).
const HEAD_TIME: Duration = Duration::from_secs(10);
/// For its body, which the caller has ready.
const BODY_TIME: Duration = Duration::from_secs(10);
const HEAD_BYTES: usize = 16 * 1024;
const BODY_BYTES: usize = 64 * 1024;
/// How long calls under way are waited for at the end.
const LAST_CALLS: Duration = Duration::from_secs(5);
/// After a failed accept: the process may be out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// The running server.
#[derive(Debug)]
pub struct Server {
    stop: CancellationToken,
    calls: TaskTracker,
    accepting: JoinHandle<()>,
    clock: Clock,
}

impl Server {
    /// Answers at `socket` from now on.
    pub fn start(socket: ControlSocket, control: Arc<Control>) -> Server {
        let clock = control.clock.clone();
        let (stop, calls) = (CancellationToken::new(), TaskTracker::new());
        tracing::debug!("Listening at {}", socket.path().display());
        let accepting = tokio::spawn(accept(socket, control, stop.clone(), calls.clone()));
        Server { stop, calls, accepting, clock }
    }

    /// Takes no more calls, waits at most 5 s for those under way, and takes the socket's file away.
    pub async fn stop(self) {
        let Server { stop, calls, accepting, clock } = self;
        stop.cancel();
        // An error means that it fell over; there is nothing left to stop then.
        let _ = accepting.await;
        calls.close();
        tokio::select! {
            () = calls.wait() => {}
            () = clock.sleep(LAST_CALLS) => tracing::warn!("Calls at the control socket were still under way at the end"),
        }
    }
}

async fn accept(socket: ControlSocket, control: Arc<Control>, stop: CancellationToken, calls: TaskTracker) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let app = routes(&control)
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(middleware::from_fn_with_state(control.clone(), whole_body))
        .with_state(control.clone());
    loop {
        let place = tokio::select! {
            () = stop.cancelled() => return,
            place = places.clone().acquire_owned() => place,
        };
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = socket.listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let app = admitted(&stream, &socket, app.clone());
                let stop = stop.clone();
                calls.spawn(async move {
                    serve(stream, app, stop).await;
                    drop(place);
                });
            }
            Err(cause) => {
                tracing::warn!("Failed to take a call at the control socket: {cause}");
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = control.clock.sleep(ACCEPT_PAUSE) => {}
                }
            }
        }
    }
}

/// The whole API for those who may, one sentence for all others.
fn admitted(stream: &UnixStream, socket: &ControlSocket, app: Router) -> Router {
    let peer = match Peer::of(stream) {
        Ok(peer) => peer,
        Err(cause) => {
            tracing::warn!("The system does not say who calls at the control socket: {cause}");
            return refusing(Refusal::new(Why::NotAllowed, "the system does not say who you are"));
        }
    };
    match peer.admit(socket.path()) {
        Ok(()) => app.layer(Extension(peer)),
        Err(refusal) => {
            tracing::warn!(uid = peer.uid, "Refused a call at the control socket by {peer}");
            refusing(refusal)
        }
    }
}

fn refusing(refusal: Refusal) -> Router {
    Router::new().fallback(move || std::future::ready(refusal.clone()))
}

async fn serve(stream: UnixStream, app: Router, stop: CancellationToken) {
    let service = TowerToHyperService::new(app);
    let call = http1::Builder::new()
        .keep_alive(false)
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_header_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let mut call = std::pin::pin!(call);
    let mut stopping = false;
    loop {
        tokio::select! {
            ended = &mut call => {
                if let Err(cause) = ended {
                    tracing::debug!("A call at the control socket broke off: {cause}");
                }
                return;
            }
            // The answer under way is finished; the handler behind it is never dropped half-way.
            () = stop.cancelled(), if !stopping => {
                stopping = true;
                call.as_mut().graceful_shutdown();
            }
        }
    }
}

/// Reads the whole body before anything acts on it, within its limits.
async fn whole_body(
    axum::extract::State(control): axum::extract::State<Arc<Control>>,
    request: Request,
    next: Next,
) -> Response {
    let (head, body) = request.into_parts();
    let read = tokio::select! {
        read = axum::body::to_bytes(body, BODY_BYTES) => read,
        () = control.clock.sleep(BODY_TIME) => {
            return Refusal::new(Why::Wrong, "the request's body did not come within 10 s").into_response();
        }
    };
    match read {
        // A caller that goes away must not cut off what was begun: the work has a task of its own.
        Ok(bytes) => match tokio::spawn(next.run(Request::from_parts(head, Body::from(bytes)))).await {
            Ok(response) => response,
            Err(_) => {
                Refusal::new(Why::Unable, "the call failed inside the daemon; its log says where").into_response()
            }
        },
        Err(_) => Refusal::new(Why::Wrong, "the request's body is longer than 64 KiB, or broke off").into_response(),
    }
}
