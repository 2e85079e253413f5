//! A server that takes starts as fast as it can and writes down when each arrived.
//!
//! It is the least of Orchestrator that a start needs: a token, one folder with one process, StartJobs, and lists of jobs so
//! that they can be followed to their end. `punctual sandbox` is no measure: it checks, keeps and may break each request, which
//! costs more than both programs spend on it. It shares no code with the client, and runs on a thread of its own.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::{Body, Bytes, to_bytes};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use url::form_urlencoded;

const PROCESS: &str = "11111111-1111-4111-8111-111111111111";

/// How long a job takes from its start to its end.
const JOB: Duration = Duration::from_secs(2);

/// Of connections that nobody has accepted yet: a burst opens hundreds.
const BACKLOG: u32 = 4_096;

/// Longer than any request here.
const MOST_BYTES: usize = 1 << 20;

/// One StartJobs call, as it arrived: before its body was read.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) reference: String,
    /// Since 1970.
    pub(crate) at: Duration,
    /// The first part of the path: each connection of punctual has one of its own.
    tenant: String,
}

#[derive(Debug)]
pub(crate) struct Sink {
    pub(crate) port: u16,
    jobs: Jobs,
}

/// Every job there is; its id is its place, from 1.
type Jobs = Arc<Mutex<Vec<Arrival>>>;

impl Sink {
    /// Listens on a port of its own until this process ends.
    pub(crate) fn start() -> Sink {
        let jobs = Jobs::default();
        let (sender, receiver) = std::sync::mpsc::channel();
        let served = Arc::clone(&jobs);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
                socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a free port");
                let listener = socket.listen(BACKLOG).expect("a socket that listens");
                sender.send(listener.local_addr().expect("an address").port()).expect("the bench waits for it");
                serve(&listener, &served).await;
            });
        });
        Sink { port: receiver.recv().expect("the sink listens"), jobs }
    }

    /// Forgets all that arrived.
    pub(crate) fn empty(&self) {
        lock(&self.jobs).clear();
    }

    pub(crate) fn count(&self) -> usize {
        lock(&self.jobs).len()
    }

    pub(crate) fn arrivals(&self) -> Vec<Arrival> {
        lock(&self.jobs).clone()
    }
}

fn lock(jobs: &Jobs) -> MutexGuard<'_, Vec<Arrival>> {
    jobs.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Since 1970, by the clock that both programs plan by.
pub(crate) fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970")
}

async fn serve(listener: &tokio::net::TcpListener, jobs: &Jobs) {
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        stream.set_nodelay(true).expect("a socket option");
        let jobs = Arc::clone(jobs);
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(request, Arc::clone(&jobs)));
            // A program that ends leaves its connections: that is no failure of the bench.
            drop(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

async fn answer(request: Request<Incoming>, jobs: Jobs) -> Result<Response<Body>, Infallible> {
    let at = now();
    let (head, body) = request.into_parts();
    let path = head.uri.path();
    let tenant = path.split('/').nth(1).unwrap_or_default();
    let (status, body) = if path.ends_with(".StartJobs") {
        let body = to_bytes(Body::new(body), MOST_BYTES).await.expect("a request that is whole");
        (201, start(&body, at, tenant, &jobs))
    } else {
        other(path, head.uri.query().unwrap_or_default(), at, tenant, &jobs)
    };
    let response = Response::builder().status(status).header("content-type", "application/json").body(Body::from(body));
    Ok(response.expect("a valid answer"))
}

fn start(body: &Bytes, at: Duration, tenant: &str, jobs: &Jobs) -> Vec<u8> {
    let asked: Value = serde_json::from_slice(body).expect("a start in JSON");
    let reference = asked["startInfo"]["Reference"].as_str().expect("a start with a Reference").to_owned();
    let mut jobs = lock(jobs);
    jobs.push(Arrival { reference, at, tenant: tenant.to_owned() });
    let place = jobs.len() - 1;
    text(&Page { value: vec![Job::of(&jobs, place, at)] })
}

fn other(path: &str, query: &str, at: Duration, tenant: &str, jobs: &Jobs) -> (u16, Vec<u8>) {
    let options: HashMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let found = match path.rsplit('/').next().unwrap_or_default() {
        "token" => json!({ "access_token": "the-token-of-the-sink", "token_type": "Bearer", "expires_in": 3_600,
            "scope": "OR.Jobs OR.Execution.Read OR.Folders.Read" }),
        "Folders" => {
            json!({ "@odata.count": 1, "value": [{ "Id": 7, "FullyQualifiedName": "Shared", "DisplayName": "Shared" }] })
        }
        "Releases" => json!({ "@odata.count": 1, "value": [{ "Id": 1, "Key": PROCESS, "Name": "P" }] }),
        "Jobs" => return (200, text(&listed(&options, at, tenant, &lock(jobs)))),
        one if one.starts_with("Jobs(") => {
            let id = one.trim_start_matches("Jobs(").trim_end_matches(')').parse::<usize>().ok();
            let jobs = lock(jobs);
            match id.and_then(|id| id.checked_sub(1)).filter(|place| *place < jobs.len()) {
                Some(place) => return (200, text(&Job::of(&jobs, place, at))),
                None => return (404, text(&json!({ "message": "There is no such job.", "errorCode": 1_002 }))),
            }
        }
        _ => return (404, text(&json!({ "message": "The sink does not know this path.", "errorCode": 1_002 }))),
    };
    (200, text(&found))
}

/// The filters that punctual asks with; each is recognised by what only it has.
fn listed(options: &HashMap<String, String>, at: Duration, tenant: &str, jobs: &[Arrival]) -> Page {
    let option = |name: &str| options.get(name).map_or("", String::as_str);
    let filter = option("$filter");
    let top = option("$top").parse().unwrap_or(100);
    // Jobs stand in the order of their arrival, and all take the same time: both kinds of `since` are a place in it.
    let since = |field: &str, after: Duration| {
        let (_, instant) = filter.split_once(field)?;
        let instant: Timestamp = instant.split([' ', ')']).next()?.parse().ok()?;
        let instant = Duration::from_nanos(u64::try_from(instant.as_nanosecond()).ok()?);
        Some(jobs.partition_point(|job| job.at + after < instant))
    };
    let literals = || filter.split('\'').skip(1).step_by(2);
    let places: Vec<usize> = if let Some(first) = since("EndTime ge ", JOB) {
        (first..jobs.partition_point(|job| job.at + JOB <= at)).collect()
    } else if let Some(first) = since("CreationTime ge ", Duration::ZERO) {
        (first..jobs.len()).collect()
    } else if filter.starts_with("Key ") {
        literals().filter_map(|key| usize::from_str_radix(key.rsplit('-').next()?, 16).ok()?.checked_sub(1)).collect()
    } else if filter.starts_with("Reference ") {
        let wanted: Vec<&str> = literals().collect();
        (0..jobs.len()).filter(|place| wanted.contains(&jobs[*place].reference.as_str())).collect()
    } else {
        (0..jobs.len()).collect()
    };
    let mut places: Vec<usize> =
        places.into_iter().filter(|place| jobs.get(*place).is_some_and(|job| job.tenant == tenant)).collect();
    if option("$orderby").ends_with(" desc") {
        places.reverse();
    }
    places.truncate(top);
    Page { value: places.into_iter().map(|place| Job::of(jobs, place, at)).collect() }
}

#[derive(Serialize)]
struct Page {
    value: Vec<Job>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Job {
    id: usize,
    key: String,
    state: &'static str,
    reference: String,
    release_name: &'static str,
    creation_time: String,
    start_time: Option<String>,
    end_time: Option<String>,
    info: Option<String>,
    output_arguments: Option<String>,
}

impl Job {
    /// A fifth of its time pending, the rest running.
    fn of(jobs: &[Arrival], place: usize, now: Duration) -> Job {
        let Arrival { reference, at, .. } = &jobs[place];
        let (started, ended) = (*at + JOB / 5, *at + JOB);
        let state = match now {
            now if now >= ended => "Successful",
            now if now >= started => "Running",
            _ => "Pending",
        };
        Job {
            id: place + 1,
            key: format!("00000000-0000-4000-8000-{:012x}", place + 1),
            state,
            reference: reference.clone(),
            release_name: "P",
            creation_time: instant(*at),
            start_time: (now >= started).then(|| instant(started)),
            end_time: (now >= ended).then(|| instant(ended)),
            info: None,
            output_arguments: None,
        }
    }
}

fn instant(since_1970: Duration) -> String {
    let instant = Timestamp::UNIX_EPOCH.checked_add(since_1970).expect("an instant of these years");
    format!("{instant:.3}")
}

fn text(answer: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(answer).expect("an answer in JSON")
}
