//! Stands between punctual and the sandbox and keeps all that passes, raw: the log of a server that hides nothing.
//!
//! Whatever is secret in there is what must be found nowhere else. Under `/rude` it is a token server that repeats what it
//! was sent in its own words, as a badly written one does; under `/parrot` it is an Orchestrator that repeats the headers of
//! each request. Both do it in another form each time.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, Uri};
use serde_json::{Value, json};

use super::encoders;

/// Fields of forms and JSON bodies, asked or answered, that hold a secret.
const SECRET_FIELDS: [&str; 9] = [
    "client_secret",
    "refresh_token",
    "access_token",
    "id_token",
    "password",
    "code",
    "code_verifier",
    "result",
    "assertion",
];

/// What passed, one text for each request and each answer.
#[derive(Clone, Default)]
pub(crate) struct Wire {
    seen: Arc<Mutex<Vec<String>>>,
    secrets: Arc<Mutex<BTreeSet<String>>>,
    turn: Arc<AtomicUsize>,
}

#[derive(Clone)]
struct Relay {
    wire: Wire,
    upstream: String,
    client: reqwest::Client,
}

impl Wire {
    /// Begins to relay; gives the origin to be used in the place of `upstream`.
    pub(crate) async fn before(upstream: &str) -> (Wire, String) {
        let wire = Wire::default();
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let relay = Relay { wire: wire.clone(), upstream: upstream.to_owned(), client };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(pass).with_state(relay);
        tokio::spawn(async move { axum::serve(listener, router).await });
        (wire, origin)
    }

    /// All of it, as a log file would have it.
    pub(crate) fn log(&self) -> String {
        self.seen.lock().unwrap().join("\n")
    }

    /// Every secret that passed.
    pub(crate) fn secrets(&self) -> BTreeSet<String> {
        self.secrets.lock().unwrap().clone()
    }

    /// The next form in turn.
    fn in_some_form(&self, text: &str) -> String {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let all = encoders::all();
        match all.get(turn % (all.len() + 3)) {
            Some((_, encoder)) => text.chars().map(encoder).collect(),
            None => {
                encoders::base64(["", "id:", "a"][turn % 3], text, "", turn.is_multiple_of(2), turn.is_multiple_of(3)).0
            }
        }
    }

    fn keep(&self, text: String) {
        self.seen.lock().unwrap().push(text);
    }

    fn secret(&self, text: &str) {
        self.secrets.lock().unwrap().insert(text.to_owned());
    }

    fn gather(&self, headers: &HeaderMap, body: &[u8]) {
        if let Some((_, token)) = headers.get("authorization").and_then(|v| v.to_str().ok()?.split_once(' ')) {
            self.secret(token);
        }
        if let Ok(Value::Object(object)) = serde_json::from_slice::<Value>(body) {
            for (key, value) in &object {
                if let (true, Some(text)) = (is_secret(key), value.as_str()) {
                    self.secret(text);
                }
            }
        }
        for (key, value) in url::form_urlencoded::parse(body) {
            if is_secret(&key) {
                self.secret(&value);
            }
        }
    }
}

fn is_secret(field: &str) -> bool {
    SECRET_FIELDS.iter().any(|name| name.eq_ignore_ascii_case(field))
}

#[expect(clippy::disallowed_methods, reason = "the relay's own requests, in a test")]
async fn pass(
    State(relay): State<Relay>,
    method: Method,
    uri: Uri,
    mut headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    relay.wire.keep(format!("{method} {uri} {headers:?} {}", String::from_utf8_lossy(&body)));
    relay.wire.gather(&headers, &body);
    if uri.path().starts_with("/parrot") {
        let header = headers.get("authorization").map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let words = relay.wire.in_some_form(&header.unwrap_or_default());
        // In Orchestrator's own form, so that it becomes the error of a run; and beyond, where it is cut.
        let answer = json!({ "message": format!("{words} {}{words}", "x".repeat(200)), "errorCode": 1234 }).to_string();
        let response = Response::builder().status(409).header("content-type", "application/json");
        return response.header("api-supported-versions", "17.0").body(Body::from(answer)).unwrap();
    }
    if uri.path().starts_with("/rude") {
        let form: Vec<(String, String)> = url::form_urlencoded::parse(&body).into_owned().collect();
        let secret = form.iter().find(|(key, _)| key == "client_secret").map(|(_, value)| value.as_str());
        let words = format!(
            "no client with {} ({})",
            String::from_utf8_lossy(&body),
            relay.wire.in_some_form(secret.unwrap_or_default())
        );
        let answer = json!({ "error": "invalid_client", "error_description": words }).to_string();
        let response = Response::builder().status(400).header("content-type", "application/json");
        return response.body(Body::from(answer)).unwrap();
    }
    headers.remove("host");
    let sent = relay.client.request(method, format!("{}{uri}", relay.upstream)).headers(headers).body(body).send();
    let Ok(answer) = sent.await else { return Response::builder().status(502).body(Body::empty()).unwrap() };
    let (status, headers) = (answer.status(), answer.headers().clone());
    let body = answer.bytes().await.unwrap_or_default();
    relay.wire.keep(format!("{status} {headers:?} {}", String::from_utf8_lossy(&body)));
    relay.wire.gather(&headers, &body);
    let mut response = Response::builder().status(status);
    for (name, value) in headers.iter().filter(|(name, _)| !matches!(name.as_str(), "transfer-encoding" | "connection"))
    {
        response = response.header(name, value);
    }
    response.body(Body::from(body)).unwrap()
}
