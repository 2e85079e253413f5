//! A token server on loopback with an answer per request, and the hands to drive a manager against it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Response, Uri};
use jiff::Timestamp;
use punctual::auth::token_file::{Family, Stored, TokenFile};
use punctual::auth::{AuthEnvironment, Credential, Exchanges, TokenManager, TokenStatus};
use punctual::clock::{Clock, ManualClock};
use punctual::grant::Grant;
use punctual::secret::{Secret, SecretRef, SecretSource};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, watch};
use tokio_util::task::TaskTracker;
use url::Url;

/// One request as the server saw it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    pub(crate) boot: Duration,
}

impl Seen {
    /// A field of a form or of a JSON object.
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        if self.content_type().starts_with("application/json") {
            let body: Value = serde_json::from_str(&self.body).unwrap();
            return body[name].as_str().map(str::to_owned);
        }
        let mut pairs = url::form_urlencoded::parse(self.body.as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    pub(crate) fn content_type(&self) -> &str {
        self.headers["content-type"].to_str().unwrap()
    }
}

/// What the server says.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

impl Said {
    pub(crate) fn json(status: u16, body: Value) -> Said {
        Said { status, headers: vec![("content-type", "application/json".to_owned())], body: body.to_string() }
    }

    /// A token that lives an hour.
    pub(crate) fn token(token: &str) -> Said {
        Said::json(200, json!({ "access_token": token, "expires_in": 3600, "token_type": "Bearer" }))
    }

    pub(crate) fn rotated(token: &str, next: &str) -> Said {
        Said::json(
            200,
            json!({ "access_token": token, "expires_in": 3600, "token_type": "Bearer", "refresh_token": next }),
        )
    }

    pub(crate) fn error(status: u16, error: &str) -> Said {
        Said::json(status, json!({ "error": error }))
    }

    pub(crate) fn html(status: u16) -> Said {
        let headers = vec![("content-type", "text/html; charset=utf-8".to_owned())];
        Said { status, headers, body: "<!DOCTYPE html><title>Sign in</title>".to_owned() }
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Said {
        self.headers.push((name, value.to_owned()));
        self
    }
}

type Script = Box<dyn FnMut(usize, &Seen) -> Said + Send>;

struct Inner {
    clock: Clock,
    script: Mutex<Script>,
    seen: Mutex<Vec<Seen>>,
    count: watch::Sender<usize>,
    gate: Semaphore,
    answered: AtomicUsize,
}

/// Answers every POST by its script, once the gate lets it through. The gate is open at first.
#[derive(Clone)]
pub(crate) struct Server {
    inner: Arc<Inner>,
    pub(crate) origin: String,
}

impl Server {
    pub(crate) async fn start(clock: Clock, script: impl FnMut(usize, &Seen) -> Said + Send + 'static) -> Server {
        let inner = Arc::new(Inner {
            clock,
            script: Mutex::new(Box::new(script)),
            seen: Mutex::default(),
            count: watch::channel(0).0,
            gate: Semaphore::new(1_000_000),
            answered: AtomicUsize::new(0),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(inner.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Server { inner, origin }
    }

    /// Holds back every answer from here on.
    pub(crate) fn close_gate(&self) {
        self.inner.gate.forget_permits(1_000_000);
    }

    pub(crate) fn open_gate(&self) {
        self.inner.gate.add_permits(1_000_000);
    }

    pub(crate) fn answer_with(&self, script: impl FnMut(usize, &Seen) -> Said + Send + 'static) {
        *self.inner.script.lock().unwrap() = Box::new(script);
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.inner.seen.lock().unwrap().clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.inner.seen.lock().unwrap().len()
    }

    /// Whether every request has its answer.
    pub(crate) fn is_idle(&self) -> bool {
        self.inner.answered.load(Ordering::SeqCst) == self.count()
    }

    /// Waits until so many requests have arrived.
    pub(crate) async fn arrived(&self, count: usize) {
        soon(self.inner.count.subscribe().wait_for(|seen| *seen >= count)).await.unwrap();
    }

    pub(crate) fn url(&self, path: &str) -> Url {
        Url::parse(&format!("{}{path}", self.origin)).unwrap()
    }
}

async fn answer(State(inner): State<Arc<Inner>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let body = String::from_utf8(body.to_vec()).unwrap();
    let seen = Seen { path: uri.path().to_owned(), headers, body, boot: inner.clock.boottime() };
    let number = {
        let mut all = inner.seen.lock().unwrap();
        all.push(seen.clone());
        all.len()
    };
    inner.count.send_replace(number);
    inner.gate.acquire().await.unwrap().forget();
    inner.gate.add_permits(1);
    let said = (inner.script.lock().unwrap())(number, &seen);
    inner.answered.fetch_add(1, Ordering::SeqCst);
    let response = said.headers.iter().fold(Response::builder().status(said.status), |r, (k, v)| r.header(*k, v));
    response.body(Body::from(said.body)).unwrap()
}

/// A test that would hang must fail instead.
#[expect(clippy::disallowed_methods, reason = "a limit for the whole test, not for work that could be lost")]
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("nothing happened for a minute")
}

/// Everything a manager needs, in a folder of its own.
pub(crate) struct House {
    pub(crate) clock: Clock,
    pub(crate) hand: ManualClock,
    pub(crate) server: Server,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) tracker: TaskTracker,
    pub(crate) exchanges: Exchanges,
}

pub(crate) fn noon() -> Timestamp {
    "2026-03-02T12:00:00Z".parse().unwrap()
}

impl House {
    pub(crate) async fn new(script: impl FnMut(usize, &Seen) -> Said + Send + 'static) -> House {
        let (clock, hand) = Clock::manual(noon());
        let server = Server::start(clock.clone(), script).await;
        let (folder, tracker) = (tempfile::tempdir().unwrap(), TaskTracker::new());
        let house = House { clock, hand, server, folder, tracker, exchanges: Exchanges::default() };
        house.write("client-secret", "client-secret-1");
        house.write("seed", "refresh-0");
        house
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    pub(crate) fn secret(&self, name: &str) -> SecretSource {
        SecretSource::At(SecretRef::File(self.folder.path().join(name)))
    }

    pub(crate) fn tokens(&self) -> PathBuf {
        self.folder.path().join("tokens")
    }

    pub(crate) fn client_credentials(&self) -> Grant {
        Grant::ClientCredentials {
            client_id: "app-1".to_owned(),
            client_secret: self.secret("client-secret"),
            scope: "OR.Jobs OR.Folders.Read".to_owned(),
        }
    }

    pub(crate) fn identity(&self) -> Grant {
        Grant::RefreshTokenIdentity {
            client_id: "app-1".to_owned(),
            client_secret: SecretSource::Kept,
            refresh_token: self.secret("seed"),
            scope: None,
        }
    }

    pub(crate) fn account(&self) -> Grant {
        Grant::RefreshTokenAccount { client_id: "app-1".to_owned(), refresh_token: self.secret("seed") }
    }

    pub(crate) fn password(&self) -> Grant {
        self.write("password", "password-1");
        Grant::Password { username: "svc-punctual".to_owned(), password: self.secret("password") }
    }

    pub(crate) fn personal(&self) -> Grant {
        self.write("pat", "personal-1");
        Grant::PersonalAccessToken { token: self.secret("pat") }
    }

    pub(crate) fn credential(&self, grant: Grant) -> Credential {
        let (path, tenant) = match &grant {
            Grant::RefreshTokenAccount { .. } => ("/oauth/token", Some("acmeprod".to_owned())),
            Grant::Password { .. } => ("/api/account/authenticate", Some("default".to_owned())),
            _ => ("/acme/identity_/connect/token", None),
        };
        Credential {
            connection: "cloud".to_owned(),
            grant,
            token_url: self.server.url(path),
            tenant,
            authorities: None,
        }
    }

    pub(crate) fn environment(&self) -> AuthEnvironment {
        AuthEnvironment {
            clock: self.clock.clone(),
            tokens_dir: self.tokens(),
            tracker: self.tracker.clone(),
            seed: 7,
            exchanges: self.exchanges.clone(),
        }
    }

    pub(crate) fn manager(&self, grant: Grant) -> TokenManager {
        TokenManager::start(self.credential(grant), self.environment()).unwrap()
    }

    /// The file of the family that began with `seed`.
    pub(crate) fn token_file(&self, seed: &str) -> TokenFile {
        let url = self.server.url("/acme/identity_/connect/token");
        TokenFile::new(&self.tokens(), Family::of(&url, "app-1", &Secret::new(seed)))
    }

    pub(crate) fn stored(&self, seed: &str) -> Stored {
        self.token_file(seed).load().unwrap().unwrap()
    }

    /// Lets time pass up to the next planned request, and waits for its end.
    pub(crate) async fn next_attempt(&self, manager: &TokenManager) -> TokenStatus {
        let attempts = |s: &TokenStatus| s.refreshes_ok + s.refreshes_failed;
        let mut statuses = manager.watch();
        let before = attempts(&statuses.borrow());
        // Each round ends with news, or after seconds without any.
        for _ in 0..30 {
            let status = statuses.borrow_and_update().clone();
            if attempts(&status) > before {
                return status;
            }
            // The budget may put a planned request off, so look again after every step.
            if let Some(next) = status.next_try_at {
                self.hand.advance_to(next);
            }
            if !changed_soon(&mut statuses).await {
                // Another test that begins a process holds all open files for a moment, this one's locked file too; who
                // finds it locked waits by the clock.
                self.hand.advance(Duration::from_millis(100));
            }
        }
        panic!("the planned request never ended");
    }
}

/// Whether there is news within seconds of the real clock.
#[expect(clippy::disallowed_methods, reason = "a wait for news, not for work that could be lost")]
async fn changed_soon(statuses: &mut watch::Receiver<TokenStatus>) -> bool {
    match tokio::time::timeout(Duration::from_secs(2), statuses.changed()).await {
        Ok(news) => {
            news.unwrap();
            true
        }
        Err(_) => false,
    }
}

/// Waits for a status.
pub(crate) async fn when(manager: &TokenManager, wanted: impl FnMut(&TokenStatus) -> bool) -> TokenStatus {
    soon(manager.watch().wait_for(wanted)).await.unwrap().clone()
}

/// What the folder holds, for messages.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
