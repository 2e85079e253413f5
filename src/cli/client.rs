//! Speaks to a running daemon through its control socket.
//!
//! The only place that sends requests to it, to the API that everybody may use. A daemon that does not answer is no error here: commands that can do without
//! one go on, the others say how to start it.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Method, RequestBuilder, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use uuid::Uuid;

use super::args::Global;
use super::failure::{Exit, Failure};
use super::once_args::OnceArgs;
use super::output::plain;
use super::people;
use crate::text::innermost;
use crate::web::{API, IDEMPOTENCY_KEY, IDEMPOTENT_REPLAYED, NotTold, OTHER_VERSION, Problem};

/// Longer than any call takes: a login waits for its token, and the answer to a token that works once takes up to 100 s.
const TIMEOUT: Duration = Duration::from_secs(360);

/// A daemon that answers.
#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    socket: PathBuf,
}

/// Under what an act is done once. Who names no key gets one by chance, which is shown where the answer was lost.
#[derive(Debug)]
enum Key {
    Named(String),
    Ours(Uuid),
}

impl Key {
    fn of(once: &OnceArgs) -> Result<Key, Failure> {
        if let Some(key) = &once.idempotency_key {
            return Ok(Key::Named(key.clone()));
        }
        let mut bits = [0_u8; 16];
        getrandom::fill(&mut bits).map_err(|cause| Failure::new(Exit::Fault, cause.to_string()))?;
        Ok(Key::Ours(uuid::Builder::from_random_bytes(bits).into_uuid()))
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Key::Named(key) => f.write_str(key),
            Key::Ours(key) => key.fmt(f),
        }
    }
}

impl Client {
    /// The daemon at the first place where one answers; none when nobody does.
    pub(super) async fn find(global: &Global) -> Result<Option<Client>, Failure> {
        for socket in global.sockets() {
            match UnixStream::connect(&socket).await {
                Ok(_) => {
                    let http = reqwest::Client::builder().unix_socket(socket.clone()).timeout(TIMEOUT).build();
                    let http = http.map_err(|cause| Failure::from_error(Exit::Fault, &cause))?;
                    return Ok(Some(Client { http, socket }));
                }
                Err(cause) => match cause.kind() {
                    io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::NotADirectory => {}
                    io::ErrorKind::PermissionDenied => return Err(locked_out(&socket)),
                    _ => return Err(unreachable(&socket, &cause.to_string())),
                },
            }
        }
        Ok(None)
    }

    /// Asks for something.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.answer(self.request(Method::GET, path), None).await
    }

    /// Has an act done, once under its key.
    pub(super) async fn act<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        once: &OnceArgs,
    ) -> Result<T, Failure> {
        let key = Key::of(once)?;
        let request = self.request(Method::POST, path).json(body).header(IDEMPOTENCY_KEY, key.to_string());
        self.answer(request, Some(&key)).await
    }

    /// Has something done that is no act, or one that cannot be asked for under a key.
    pub(super) async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Failure> {
        self.answer(self.request(Method::POST, path).json(body), None).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        // The name is for the Host header only.
        self.http.request(method, format!("http://punctual{API}{path}"))
    }

    #[expect(clippy::disallowed_methods, reason = "this is where the daemon is asked")]
    async fn answer<T: DeserializeOwned>(&self, request: RequestBuilder, key: Option<&Key>) -> Result<T, Failure> {
        // The outer errors repeat the made-up URL.
        let broken = |cause: reqwest::Error| {
            let failure = unreachable(&self.socket, &innermost(&cause));
            match key.filter(|_| !cause.is_connect()) {
                Some(key) => failure.hint(format!(
                    "it may have been done all the same: asked again with `--idempotency-key {key}`, it is not done twice"
                )),
                None => failure,
            }
        };
        let response = request.send().await.map_err(broken)?;
        let status = response.status();
        if let Some(Key::Named(key)) = key.filter(|_| response.headers().contains_key(IDEMPOTENT_REPLAYED)) {
            // Whoever reads stderr is told; one who has closed it does not want to be.
            let _ = writeln!(
                anstream::stderr().lock(),
                "note: this was done before under the key `{key}`, and nothing is done now: the answer is that of then"
            );
        }
        let body = response.bytes().await.map_err(broken)?;
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|cause| {
                Failure::new(Exit::NotReachable, format!("the daemon's answer cannot be read: {cause}"))
                    .hint(OTHER_VERSION)
            });
        }
        match serde_json::from_slice(&body) {
            Ok(problem) => Err(told(problem)),
            Err(_) => {
                let failure = Failure::new(exit_of(status.as_u16()), format!("the daemon answered {status}"));
                Err(failure.hint(OTHER_VERSION))
            }
        }
    }
}

/// A refusal, as the daemon tells it, and as the same code tells it here.
fn told(Problem { status, detail, cure, .. }: Problem) -> Failure {
    let failure = Failure::new(exit_of(status), plain(&detail));
    match cure {
        Some(cure) => failure.hint(plain(&cure)),
        None => failure,
    }
}

fn exit_of(status: u16) -> Exit {
    match StatusCode::from_u16(status) {
        Ok(StatusCode::BAD_GATEWAY) => Exit::Refused,
        Ok(StatusCode::GATEWAY_TIMEOUT) => Exit::Unreachable,
        Ok(StatusCode::SERVICE_UNAVAILABLE) => Exit::NotReachable,
        Ok(_) | Err(_) => Exit::Usage,
    }
}

impl From<NotTold> for Failure {
    fn from(none: NotTold) -> Failure {
        match none {
            NotTold::Unreadable(cause) => cause.into(),
            NotTold::Refused(refusal) => told(refusal.into()),
        }
    }
}

fn locked_out(socket: &Path) -> Failure {
    let message = format!("you may not use the control socket `{}`", socket.display());
    Failure::new(Exit::NotReachable, message).hint(people::way_in(socket, "punctual …"))
}

fn unreachable(socket: &Path, cause: &str) -> Failure {
    Failure::new(Exit::NotReachable, format!("the daemon at `{}` does not answer: {cause}", socket.display()))
        .hint("its log says more; `punctual runs` and `punctual show` read its files without it")
}

/// A name as one part of a path.
pub(super) fn segment(name: &str) -> String {
    url::form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>().replace('+', "%20")
}
