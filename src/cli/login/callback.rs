//! Takes the code that the browser brings back: at a port of this machine, or as pasted text.
//!
//! Only the fixed path is answered, only for this machine's own names (a page elsewhere could make the browser call here under
//! another name), and only a state that is ours ends the wait. The page says that the window may be closed, and nothing else:
//! no script, nothing stored.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use url::Url;

use super::super::failure::{Exit, Failure};
use super::super::output::plain;
use super::say::say;
use crate::auth::same;
use crate::clock::Clock;
use crate::secret::Secret;
use crate::text::cut;

/// A code has at least 128 bits, so that nobody guesses it (RFC 6749, 10.10): 22 characters; of base64 or hexadecimal digits. Shorter
/// ones than this are pieces, or something else.
const SHORTEST_CODE: usize = 16;

/// How long the person may take.
const PATIENCE: Duration = Duration::from_secs(900);

/// What came back.
#[derive(Debug)]
pub(super) enum Returned {
    Code(Secret),
    /// The login page's error.
    Error {
        error: String,
        description: Option<String>,
    },
}

/// A port that waits for the browser.
#[derive(Debug)]
pub(super) struct Callback {
    listeners: Vec<TcpListener>,
    port: u16,
}

#[derive(Clone)]
struct Desk {
    state: Arc<str>,
    port: u16,
    returned: mpsc::Sender<Returned>,
}

#[derive(Deserialize)]
struct Answer {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

impl Callback {
    /// Takes the port.
    pub(super) async fn listen(port: u16) -> Result<Callback, Failure> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
        let listener = listener.map_err(|cause| {
            Failure::new(
                Exit::Usage,
                format!("port {port} of this machine cannot be used for the browser's way back: {cause}"),
            )
            .hint("choose another one with `--port`, and register its redirect address; or use `--paste`")
        })?;
        let port = listener.local_addr()?.port();
        let mut listeners = vec![listener];
        // Some browsers try `localhost` here first; without IPv6 they go on to the other.
        listeners.extend(TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await);
        Ok(Callback { listeners, port })
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Waits for the browser.
    pub(super) async fn wait(self, state: &str, clock: &Clock) -> Result<Returned, Failure> {
        let Callback { listeners, port } = self;
        let (returned, mut returns) = mpsc::channel(1);
        let desk = Desk { state: state.into(), port, returned };
        let app = Router::new().route("/callback", get(take)).with_state(desk);
        let mut servers = tokio::task::JoinSet::new();
        let (ended, _) = tokio::sync::watch::channel(());
        for listener in listeners {
            let mut end = ended.subscribe();
            let server = axum::serve(listener, app.clone()).with_graceful_shutdown(async move {
                // An error means the same: nobody waits any more.
                let _ = end.changed().await;
            });
            servers.spawn(server.into_future());
        }
        let came = tokio::select! {
            came = returns.recv() => came,
            () = clock.sleep(PATIENCE) => None,
        };
        // The page is sent whole before the port is given back.
        ended.send_replace(());
        tokio::select! {
            () = async { while servers.join_next().await.is_some() {} } => {}
            () = clock.sleep(Duration::from_secs(1)) => {}
        }
        came.ok_or_else(|| {
            Failure::new(Exit::Unreachable, "nobody came back from the login page within a quarter of an hour")
                .hint("begin again; on a machine without a browser use `--paste`")
        })
    }
}

async fn take(State(desk): State<Desk>, headers: HeaderMap, Query(answer): Query<Answer>) -> Response {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let known = ["localhost", "127.0.0.1", "[::1]"].iter().any(|name| host == format!("{name}:{}", desk.port));
    if !known {
        return page(StatusCode::MISDIRECTED_REQUEST, "Not here", "This address is for a login on this machine only.");
    }
    let Answer { code, state, error, error_description } = answer;
    if !same(state.as_deref().unwrap_or_default(), &desk.state) {
        say("Refused a code with the state of another login; still waiting for this one.");
        return page(
            StatusCode::BAD_REQUEST,
            "Another login",
            "This code belongs to another login. Use the address that was printed last.",
        );
    }
    let (returned, answer) = match (error, code) {
        (Some(error), _) => {
            let answer = page(
                StatusCode::OK,
                "Not logged in",
                "The login page refused. The terminal says why. You may close this window.",
            );
            (Returned::Error { error, description: error_description }, answer)
        }
        (None, Some(code)) => {
            let answer = page(
                StatusCode::OK,
                "Nearly done",
                "The code has arrived; the terminal says how it ends. You may close this window.",
            );
            (Returned::Code(Secret::new(code)), answer)
        }
        (None, None) => return page(StatusCode::BAD_REQUEST, "No code", "There is no code in this address."),
    };
    // Full: one has come already.
    let _ = desk.returned.try_send(returned);
    answer
}

fn page(status: StatusCode, title: &str, text: &str) -> Response {
    let body = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>punctual: {title}</title></head>\n<body><h1>{title}</h1><p>{text}</p></body></html>\n"
    );
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // The address holds the code.
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONNECTION, "close"),
    ];
    (status, headers, body).into_response()
}

/// Reads what was pasted: a whole address, its query, or the code alone.
/// `redirect` is where the browser ends.
pub(super) fn read_pasted(text: &str, state: &str, redirect: &str) -> Result<Returned, Failure> {
    let text = text.trim();
    let wrong = |message: &str| {
        Failure::new(Exit::Usage, message.to_owned()).hint(format!(
            "begin again, and copy the whole address of the page at which the browser ends: it begins with `{redirect}?` and holds `code=`"
        ))
    };
    if text.is_empty() {
        return Err(wrong("nothing was pasted"));
    }
    let query = match (Url::parse(text), text.split_once('?')) {
        (Ok(url), _) if url.query().is_some() => url.query().unwrap_or_default().to_owned(),
        (Ok(url), _) if url.has_host() => {
            return Err(wrong(&format!("there is no code in the address `{}`", shown(&printable(&url)))));
        }
        (_, Some((_, query))) => query.to_owned(),
        (_, None) if text.contains("code=") || text.contains("error=") => text.to_owned(),
        (_, None) if text.starts_with("eyJ") && text.matches('.').count() >= 2 => {
            return Err(wrong("what was pasted is an access token, and neither an address nor a code"));
        }
        (_, None) if text.chars().all(|c| c.is_ascii_graphic()) && text.len() < SHORTEST_CODE => {
            return Err(wrong("what was pasted is too short for a code, and is no address"));
        }
        // Alone, the code cannot be told from that of another login; the server can, by the verifier.
        (_, None) if text.chars().all(|c| c.is_ascii_graphic()) => return Ok(Returned::Code(Secret::new(text))),
        (_, None) => return Err(wrong("what was pasted is neither an address nor a code")),
    };
    let pairs: Vec<_> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let value = |name: &str| pairs.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone());
    if value("state").is_none_or(|found| !same(&found, state)) {
        return Err(wrong("that address belongs to another login: its `state` is not the one that was begun"));
    }
    match (value("error"), value("code")) {
        (Some(error), _) => Ok(Returned::Error { error, description: value("error_description") }),
        (None, Some(code)) if !code.is_empty() => Ok(Returned::Code(Secret::new(code))),
        (None, Some(_) | None) => Err(wrong("there is no code in that address")),
    }
}

fn printable(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}

/// Text from an address bar.
fn shown(text: &str) -> String {
    cut(&plain(text), 200)
}
