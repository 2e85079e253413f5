//! The client against a server that says exactly what a test scripts: raw sockets, so that answers can break anywhere.
//!
//! Every request that the client sends here, and every good answer that a test scripts, is checked against UiPath's own
//! description of its API, where it is at hand.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use punctual::clock::{Clock, ManualClock};
use punctual::orchestrator::{
    Answer, Asked, Bearer, Body, BoxFuture, Call, CallError, Client, ClientConfig, ClientSetupError, Completeness,
    ErrorCode, Heard, JobState, ReleaseKey, ServerSkew, StartReply, StartRequest, StopStrategy, Token,
    TokenUnavailable, UnsentReason, Verdict, judge,
};
use punctual::run::{FolderId, JobId, JobKey, Reference};
use punctual::schedule::FolderChoice;
use punctual::secret::Secret;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use url::Url;
use uuid::Uuid;

#[path = "../support/contract.rs"]
mod contract;
mod finding;
#[path = "../support/thread_log.rs"]
mod thread_log;

use contract::Contract;

static CONTRACT: LazyLock<Option<Contract>> = LazyLock::new(Contract::load);

const FOLDER: FolderId = FolderId(7);
const TOKEN: &str = "t0ken-number-1";
const FRESH: &str = "t0ken-number-2";
const NOW: &str = "2026-03-01T06:00:00Z";

// --- the scripted server ---

/// What the server does with one request.
enum Step {
    /// Answers as UiPath describes it, and closes.
    Say { status: u16, headers: Vec<(&'static str, String)>, body: Value },
    /// Answers as a proxy, an older server or nobody would, and closes.
    Raw { status: u16, headers: Vec<(&'static str, String)>, body: Vec<u8> },
    /// Closes without a word.
    Hang,
    /// Promises more than it sends, then closes.
    Break { status: u16, body: Vec<u8> },
    /// Says nothing and waits for the client to go.
    Stall,
    /// Never stops sending.
    Flood { status: u16 },
}

fn say(status: u16, body: &Value) -> Step {
    let headers = vec![("content-type", "application/json; odata.metadata=minimal".to_owned())];
    Step::Say { status, headers, body: body.clone() }
}

fn page(status: u16, html: &str) -> Step {
    Step::Raw { status, headers: vec![("content-type", "text/html".to_owned())], body: html.as_bytes().to_vec() }
}

fn empty(status: u16) -> Step {
    Step::Raw { status, headers: Vec::new(), body: Vec::new() }
}

/// One request as it arrived.
#[derive(Clone, Debug)]
struct Seen {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: Option<Value>,
}

impl Seen {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn option(&self, name: &str) -> Option<String> {
        url::form_urlencoded::parse(self.query.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }
}

struct Server {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    /// What broke the contract; shown when the server goes, since its task cannot fail the test.
    wrong: Arc<Mutex<Vec<String>>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let wrong = self.wrong.lock().unwrap();
            assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        }
    }
}

impl Server {
    async fn start(steps: Vec<Step>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let wrong = Arc::new(Mutex::new(Vec::new()));
        let (log, faults) = (seen.clone(), wrong.clone());
        tokio::spawn(async move {
            let mut steps = VecDeque::from(steps);
            while let Ok((stream, _)) = listener.accept().await {
                // A connection that is closed unused was a probe, not a request.
                let Some((stream, request)) = receive(stream).await else { continue };
                let step = steps.pop_front();
                match &step {
                    Some(step) => faults.lock().unwrap().extend(broken(&request, step)),
                    None => faults.lock().unwrap().push(format!("nobody expected {request:?}")),
                }
                log.lock().unwrap().push(request);
                act(stream, step.unwrap_or(Step::Hang)).await;
            }
        });
        Server { address, seen, wrong }
    }

    fn base(&self) -> Url {
        Url::parse(&format!("http://{}/acme/main/orchestrator_", self.address)).unwrap()
    }

    /// All requests so far. The server records before it answers, so a request that was answered is here.
    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    fn only(&self) -> Seen {
        let seen = self.seen();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen[0].clone()
    }
}

/// Where an exchange breaks UiPath's description, on either side.
fn broken(request: &Seen, step: &Step) -> Option<String> {
    let contract = CONTRACT.as_ref()?;
    let Seen { method, path, query, headers, body } = request;
    let sent = contract.check_request(method, path, query, headers, body.as_ref());
    let answered = match step {
        Step::Say { status, body, .. } => {
            contract.check_response(method, &format!("{path}?{query}"), *status, Some(body))
        }
        Step::Raw { .. } | Step::Hang | Step::Stall | Step::Break { .. } | Step::Flood { .. } => Ok(()),
    };
    let (sent, answered) = (sent.err(), answered.err());
    let lines = sent.iter().map(|wrong| format!("the client: {wrong}"));
    let lines: Vec<String> = lines.chain(answered.iter().map(|wrong| format!("the script: {wrong}"))).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

async fn receive(mut stream: TcpStream) -> Option<(TcpStream, Seen)> {
    let mut bytes = Vec::new();
    let head_len = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..head_len].to_vec()).unwrap();
    let mut lines = head.lines();
    let mut first = lines.next().unwrap().split(' ');
    let (method, target) = (first.next().unwrap().to_owned(), first.next().unwrap().to_owned());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, n)| n.parse().unwrap());
    while bytes.len() < head_len + length {
        assert_ne!(stream.read_buf(&mut bytes).await.ok()?, 0, "the request broke off");
    }
    let body = (length > 0).then(|| serde_json::from_slice(&bytes[head_len..]).unwrap());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let path = path.strip_prefix("/acme/main/orchestrator_").unwrap_or(path).to_owned();
    Some((stream, Seen { method, path, query: query.to_owned(), headers, body }))
}

async fn act(mut stream: TcpStream, step: Step) {
    let step = match step {
        Step::Say { status, headers, body } => Step::Raw { status, headers, body: body.to_string().into_bytes() },
        other => other,
    };
    let written = match step {
        Step::Say { .. } | Step::Hang => Ok(()),
        Step::Stall => stream.read_u8().await.map(drop),
        Step::Raw { status, headers, body } => {
            let mut head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
            for (name, value) in headers {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
            head.push_str("\r\n");
            let mut all = head.into_bytes();
            all.extend(body);
            stream.write_all(&all).await
        }
        Step::Break { status, body } => {
            let mut all = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n", body.len() + 1).into_bytes();
            all.extend(body);
            stream.write_all(&all).await
        }
        Step::Flood { status } => {
            let mut written =
                stream.write_all(format!("HTTP/1.1 {status} X\r\nconnection: close\r\n\r\n").as_bytes()).await;
            let spaces = vec![b' '; 64 * 1024];
            while written.is_ok() {
                written = stream.write_all(&spaces).await;
            }
            written
        }
    };
    // The client may have gone first; that is its right.
    drop(written);
    drop(stream.shutdown().await);
}

// --- the scripted bearer ---

/// Hands out one token, then a fresh one, and keeps count.
#[derive(Default)]
struct Purse {
    renewals: AtomicU64,
    empty: Option<TokenUnavailable>,
}

impl Bearer for Purse {
    fn token(&self) -> BoxFuture<'_, Result<Token, TokenUnavailable>> {
        Box::pin(async {
            match &self.empty {
                Some(why) => Err(why.clone()),
                None => Ok(Token { generation: 1, secret: Secret::new(TOKEN) }),
            }
        })
    }

    fn renewed(&self, refused: u64) -> BoxFuture<'_, Result<Token, TokenUnavailable>> {
        Box::pin(async move {
            assert_eq!(refused, 1, "the generation that was refused is named");
            self.renewals.fetch_add(1, Ordering::SeqCst);
            Ok(Token { generation: 2, secret: Secret::new(FRESH) })
        })
    }
}

struct Bench {
    client: Client,
    purse: Arc<Purse>,
    hand: ManualClock,
}

fn bench(base: Url) -> Bench {
    bench_with(base, Purse::default())
}

fn bench_with(base: Url, purse: Purse) -> Bench {
    thread_log::keep(tracing::Level::TRACE);
    let (clock, hand) = Clock::manual(NOW.parse().unwrap());
    let purse = Arc::new(purse);
    let config = ClientConfig {
        connection: "main".to_owned(),
        base,
        tenant: Some("acmeprod".to_owned()),
        authorities: None,
        clock,
        bearer: purse.clone(),
    };
    Bench { client: Client::new(config).unwrap(), purse, hand }
}

// --- the material ---

const REFERENCE: &str = "p1.0badcafe.0123456789ab.tay2o0";
const KEY: &str = "5f0c2a7e-91c3-4f57-8a4e-3f0f6f1f2a10";

fn start() -> StartRequest {
    StartRequest {
        release_key: ReleaseKey(Uuid::from_u128(0xabc)),
        reference: Reference::from_text(REFERENCE),
        arguments: Some(r#"{"password":"hunter2"}"#.to_owned()),
        runtime: Some("Unattended".to_owned()),
        priority: None,
        stop: None,
    }
}

fn nonce() -> Reference {
    Reference::from_text("p1.nonce")
}

fn job(id: i64) -> Value {
    json!({
        "Id": id, "Key": Uuid::from_u128(id as u128), "State": "Pending", "Reference": REFERENCE, "ReleaseName": "Invoices",
        "CreationTime": "2026-03-01T06:00:00.123Z", "StartTime": null, "EndTime": null
    })
}

fn jobs(count: i64) -> Value {
    json!({ "value": (1..=count).map(job).collect::<Vec<_>>() })
}

async fn start_against(steps: Vec<Step>) -> (StartReply, Server, Bench) {
    let server = Server::start(steps).await;
    let bench = bench(server.base());
    let reply = bench.client.start_job(FOLDER, &start()).await;
    (reply, server, bench)
}

fn text(error: &CallError) -> String {
    error.to_string()
}

#[track_caller]
fn assert_unsent(error: &CallError, expected: UnsentReason) -> Option<Duration> {
    match error {
        CallError::Unsent { reason, retry_after, .. } if *reason == expected => *retry_after,
        other => panic!("expected unsent for {expected:?}, got {other:?}"),
    }
}

#[track_caller]
fn assert_unknown(error: &CallError) -> Option<Duration> {
    match error {
        CallError::Unknown { retry_after, .. } => *retry_after,
        other => panic!("expected unknown, got {other:?}"),
    }
}

// --- UiPath's description ---

/// A description as small as one can be, in UiPath's manner.
fn small_contract() -> Contract {
    let folder = json!({
        "name": "X-UIPATH-OrganizationUnitId", "in": "header", "required": true,
        "schema": { "type": "integer", "format": "int64" }
    });
    let option = |name: &str, kind: &str| json!({ "name": name, "in": "query", "schema": { "type": kind } });
    let body =
        |name: &str| json!({ "application/json": { "schema": { "$ref": format!("#/components/schemas/{name}") } } });
    let key =
        json!({ "name": "key", "in": "path", "required": true, "schema": { "type": "integer", "format": "int64" } });
    Contract::from_json(&json!({
        "paths": {
            "/odata/Jobs": { "get": {
                "parameters": [folder, option("$top", "integer"), option("$filter", "string"), option("$count", "boolean"),
                    option("$select", "string")],
                "responses": { "200": { "content": body("Jobs") } }
            }},
            "/odata/Jobs({key})": { "get": {
                "parameters": [folder, key], "responses": { "200": { "content": body("Job") } }
            }},
            "/odata/Jobs({key})/Stop": { "post": {
                "parameters": [folder, key],
                "requestBody": { "content": body("Stop") }, "responses": { "200": { "content": {} } }
            }},
            "/{set}/{deed}/Stop": { "post": { "parameters": [], "responses": { "204": {} } } }
        },
        "components": { "schemas": {
            "Jobs": { "type": "object", "properties": {
                "value": { "type": "array", "items": { "$ref": "#/components/schemas/Job" } }
            }},
            "Job": { "type": "object", "required": ["Id"], "properties": {
                "Id": { "type": "integer", "format": "int64" },
                "Key": { "type": "string", "format": "uuid" },
                "State": { "type": "string", "enum": ["Pending", "Running"] },
                "EndTime": { "type": "string", "format": "date-time" },
                "Parent": { "$ref": "#/components/schemas/Job" }
            }},
            "Stop": { "type": "object", "required": ["strategy"], "properties": {
                "strategy": { "type": "string", "enum": ["SoftStop", "Kill"] },
                "reason": { "type": "string", "maxLength": 5, "nullable": true }
            }}
        }}
    }))
}

#[test]
fn the_contract_passes_what_it_describes_and_counts_it() {
    let contract = small_contract();
    let folder = [("x-uipath-organizationunitid".to_owned(), "7".to_owned())];
    let requests: [(&str, &str, &str, Option<Value>); 7] = [
        ("GET", "/odata/Jobs", "", None),
        ("GET", "odata/Jobs", "%24top=5&%24filter=State%20eq%20'Pending'&$count=true", None),
        ("GET", "/odata/Jobs(12)", "", None),
        ("POST", "/odata/Jobs(12)/Stop", "", Some(json!({ "strategy": "Kill" }))),
        ("POST", "/odata/Jobs(12)/Stop", "", Some(json!({ "strategy": "Kill", "reason": null }))),
        ("POST", "/acme/identity_/connect/token", "", Some(json!({ "grant_type": "x" }))),
        ("GET", "/odata/Jobs/UiPath.Server.Configuration.OData.GetByKey(identifier=x)", "", None),
    ];
    for (method, path, query, body) in requests {
        assert_eq!(
            contract.check_request(method, path, query, &folder, body.as_ref()),
            Ok(()),
            "{method} {path}?{query}"
        );
    }
    let job = json!({
        "@odata.context": "x", "Id": 1, "Key": KEY, "State": "Running", "EndTime": null, "Parent": { "Id": 2 }, "More": 1
    });
    let answers: [(&str, &str, u16, Option<Value>); 6] = [
        ("GET", "/odata/Jobs(12)", 200, Some(job.clone())),
        ("GET", "/odata/Jobs", 200, Some(json!({ "value": [job] }))),
        ("GET", "/odata/Jobs?$select=Key", 200, Some(json!({ "value": [{ "Key": KEY }] }))),
        ("POST", "/odata/Jobs(12)/Stop", 200, None),
        ("GET", "/odata/Jobs", 404, Some(json!({ "message": "m" }))),
        ("GET", "/odata/Jobs", 502, None),
    ];
    for (method, path, status, body) in answers {
        assert_eq!(contract.check_response(method, path, status, body.as_ref()), Ok(()), "{method} {path} {status}");
    }
    assert_eq!(contract.to_string(), "contract: 5 requests and 4 answers checked, 4 exempt");
}

#[test]
fn the_contract_catches_what_it_does_not_describe() {
    let contract = small_contract();
    let folder = |value: &str| vec![("X-UIPATH-OrganizationUnitId".to_owned(), value.to_owned())];
    let stop = |body: Value| ("POST", "/odata/Jobs(12)/Stop", "", folder("7"), Some(body));
    type Sent = (&'static str, &'static str, &'static str, Vec<(String, String)>, Option<Value>);
    let requests: Vec<Sent> = vec![
        ("GET", "/odata/Robots", "", folder("7"), None),
        ("PUT", "/odata/Jobs", "", folder("7"), None),
        ("GET", "/odata/Jobs/", "", folder("7"), None),
        ("GET", "/odata/Jobs", "", vec![], None),
        ("GET", "/odata/Jobs", "", folder("Shared"), None),
        ("GET", "/odata/Jobs", "$skiptoken=1", folder("7"), None),
        ("GET", "/odata/Jobs", "$top=many", folder("7"), None),
        ("GET", "/odata/Jobs", "$top=1001", folder("7"), None),
        ("GET", "/odata/Jobs", "$top=1&$top=2", folder("7"), None),
        ("GET", "/odata/Jobs", "$count=yes", folder("7"), None),
        ("GET", "/odata/Jobs", "", folder("7"), Some(json!({}))),
        ("GET", "/odata/Jobs(abc)", "", folder("7"), None),
        ("GET", "/odata/Jobs()", "", folder("7"), None),
        ("POST", "/odata/Jobs(12)/Stop", "", folder("7"), None),
        stop(json!({ "strategy": "Gently" })),
        stop(json!({ "strategy": null })),
        stop(json!({ "Strategy": "Kill" })),
        stop(json!({ "strategy": "Kill", "why": "x" })),
        stop(json!({ "strategy": "Kill", "reason": "too long" })),
        stop(json!([])),
    ];
    for (method, path, query, headers, body) in requests {
        let checked = contract.check_request(method, path, query, &headers, body.as_ref());
        assert!(checked.is_err(), "passed: {method} {path}?{query} {headers:?} {body:?}");
    }
    let job = |name: &str, value: Value| {
        let mut job = json!({ "Id": 1 });
        job[name] = value;
        ("GET", "/odata/Jobs(12)", 200, Some(job))
    };
    let answers: Vec<(&str, &str, u16, Option<Value>)> = vec![
        ("GET", "/odata/Robots", 200, None),
        ("GET", "/odata/Jobs", 202, Some(json!({ "value": [] }))),
        ("GET", "/odata/Jobs", 200, None),
        ("GET", "/odata/Jobs", 200, Some(json!([]))),
        ("GET", "/odata/Jobs", 200, Some(json!({ "value": [{ "Key": KEY }] }))),
        ("POST", "/odata/Jobs(12)/Stop", 200, Some(json!({}))),
        job("Id", json!("1")),
        job("Id", Value::Null),
        job("Key", json!("not-a-key")),
        job("State", json!("Sleeping")),
        job("EndTime", json!("yesterday")),
        job("Parent", json!({ "Id": "2" })),
    ];
    for (method, path, status, body) in answers {
        let checked = contract.check_response(method, path, status, body.as_ref());
        assert!(checked.is_err(), "passed: {method} {path} {status} {body:?}");
    }
}

#[test]
fn uipaths_own_description_refuses_a_field_that_startjobs_does_not_have() {
    let Some(contract) = CONTRACT.as_ref() else { return };
    let path = "/odata/Jobs/UiPath.Server.Configuration.OData.StartJobs";
    let folder = [("X-UIPATH-OrganizationUnitId".to_owned(), "7".to_owned())];
    let good = json!({ "startInfo": { "Strategy": "ModernJobsCount", "JobsCount": 1, "Reference": REFERENCE } });
    assert_eq!(contract.check_request("POST", path, "", &folder, Some(&good)), Ok(()));
    for (name, value) in [("ReleaseId", json!(1)), ("InputArguments", json!({})), ("Reference", json!("x".repeat(129)))]
    {
        let mut bad = good.clone();
        bad["startInfo"][name] = value;
        assert!(contract.check_request("POST", path, "", &folder, Some(&bad)).is_err(), "{name}");
    }
}

// --- what each outcome means ---

fn asked() -> Asked {
    Asked { connection: "main".to_owned(), call: Call::Start, what: "starting `p1.x` in folder 7".to_owned() }
}

fn heard(status: u16, headers: &[(&str, &str)], body: &str) -> Heard {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
    }
    Heard::Answer(Answer { status, headers: map, body: Body::Whole(body.as_bytes().to_vec()) })
}

fn spoiled(status: u16, body: Body) -> Heard {
    Heard::Answer(Answer { status, headers: HeaderMap::new(), body })
}

/// The fate in one word.
fn fate(heard: Heard) -> String {
    match judge(&asked(), heard, NOW.parse().unwrap()) {
        Verdict::Accepted(_) => "accepted".to_owned(),
        Verdict::TooLong(error) => {
            assert_unknown(&error);
            "unknown".to_owned()
        }
        Verdict::TokenRefused { .. } => "token refused".to_owned(),
        Verdict::Failed(CallError::Unsent { reason, retry_after, .. }) => {
            let wait = retry_after.map(|wait| format!(", {}s", wait.as_secs())).unwrap_or_default();
            format!("unsent {reason:?}{wait}")
        }
        Verdict::Failed(CallError::Rejected { status, code, .. }) => match code {
            Some(code) => format!("rejected {status}/{code}"),
            None => format!("rejected {status}"),
        },
        Verdict::Failed(CallError::Unknown { retry_after, .. }) => {
            let wait = retry_after.map(|wait| format!(", {}s", wait.as_secs())).unwrap_or_default();
            format!("unknown{wait}")
        }
    }
}

const ORCHESTRATOR: &str = r#"{"message":"Nope.","errorCode":1670,"traceId":"x","resourceIds":null}"#;
const ABP: &str =
    r#"{"error":{"code":0,"message":"Denied","details":null},"success":false,"unAuthorizedRequest":true,"__abp":true}"#;
const SCOPE: &str = r#"{"errorMessage":"OAuth authorization failed. 'OR.Jobs' scope not found."}"#;
const PROBLEM: &str = r#"{"type":"https://tools.ietf.org/html/rfc9110","title":"Bad Request","status":400}"#;
const GATEWAY: &str = r#"{"error":{"code":"BadRequest","message":"upstream"}}"#;
const PAGE: &str = "<!DOCTYPE html><html><body>Sign in</body></html>";

#[test]
fn every_outcome_of_a_request_means_what_the_law_says() {
    let whole = || Body::Whole(ORCHESTRATOR.as_bytes().to_vec());
    let broken = || Body::Broken { cause: "connection reset".to_owned() };
    let endless = || Body::Oversize { limit: 10 };
    let table: Vec<(&str, Heard, &str)> = vec![
        ("no connection", Heard::Unreached { cause: "refused".to_owned(), cure: None }, "unsent Outage"),
        ("cut after the first byte", Heard::Cut { cause: "reset".to_owned() }, "unknown"),
        ("200", heard(200, &[], "{}"), "accepted"),
        ("201", heard(201, &[], "{}"), "accepted"),
        ("204", heard(204, &[], ""), "accepted"),
        ("200, page by type", heard(200, &[("content-type", "text/html; charset=utf-8")], "x"), "unknown"),
        ("200, page by look", heard(200, &[("content-type", "application/json")], PAGE), "unknown"),
        ("201, broken", spoiled(201, broken()), "unknown"),
        ("201, endless", spoiled(201, endless()), "unknown"),
        ("301", heard(301, &[("location", "https://elsewhere.example/x?s=1")], ""), "unknown"),
        ("302", heard(302, &[("location", "/login")], PAGE), "unknown"),
        ("304", heard(304, &[], ""), "unknown"),
        ("307, broken", spoiled(307, broken()), "unknown"),
        ("400, Orchestrator", heard(400, &[], ORCHESTRATOR), "rejected 400/1670"),
        ("400, other case", heard(400, &[], r#"{"Message":"m","ErrorCode":"1101"}"#), "rejected 400/1101"),
        ("400, envelope", heard(400, &[], ABP), "rejected 400"),
        ("400, errorMessage", heard(400, &[], SCOPE), "unknown"),
        ("400, ProblemDetails", heard(400, &[], PROBLEM), "unknown"),
        ("400, a gateway's JSON", heard(400, &[], GATEWAY), "unknown"),
        ("400, message without a code", heard(400, &[], r#"{"message":"m"}"#), "unknown"),
        ("400, a word of somebody's", heard(400, &[], r#"{"message":"m","errorCode":"Forbidden"}"#), "unknown"),
        (
            "400, a word of Orchestrator's",
            heard(400, &[], r#"{"message":"m","errorCode":"InvalidStartJobRobotIds"}"#),
            "rejected 400/InvalidStartJobRobotIds",
        ),
        ("400, an OData error", heard(400, &[], r#"{"error":{"code":"400","message":"m"}}"#), "unknown"),
        ("400, empty", heard(400, &[], ""), "unknown"),
        ("400, broken", spoiled(400, broken()), "unknown"),
        ("400, endless", spoiled(400, endless()), "unknown"),
        ("401", heard(401, &[], ORCHESTRATOR), "token refused"),
        ("401, page", heard(401, &[], PAGE), "unknown"),
        ("401, Bearer", heard(401, &[("www-authenticate", "Bearer error=\"invalid_token\"")], PAGE), "token refused"),
        ("401, Basic", heard(401, &[("www-authenticate", "Basic realm=\"proxy\"")], ""), "unknown"),
        ("401, broken", spoiled(401, broken()), "unknown"),
        ("403, Orchestrator", heard(403, &[], r#"{"message":"m","errorCode":0}"#), "rejected 403/0"),
        ("403, firewall", heard(403, &[], PAGE), "unknown"),
        ("404, Orchestrator", heard(404, &[], r#"{"message":"m","errorCode":1002}"#), "rejected 404/1002"),
        ("404, gateway", heard(404, &[], PAGE), "unknown"),
        ("407", heard(407, &[], ORCHESTRATOR), "unsent Outage"),
        ("408", heard(408, &[], ORCHESTRATOR), "unknown"),
        ("409, Orchestrator", heard(409, &[], ORCHESTRATOR), "rejected 409/1670"),
        ("413, gateway", heard(413, &[], PAGE), "unknown"),
        ("422, Orchestrator", heard(422, &[], ORCHESTRATOR), "rejected 422/1670"),
        ("429, of anybody", heard(429, &[], ""), "unknown"),
        ("429, Orchestrator", heard(429, &[], ORCHESTRATOR), "unsent RateLimit"),
        ("429, seconds", heard(429, &[("retry-after", "30")], ORCHESTRATOR), "unsent RateLimit, 30s"),
        ("429, broken", spoiled(429, broken()), "unknown"),
        ("500, Orchestrator", spoiled(500, whole()), "unknown"),
        ("502", heard(502, &[], PAGE), "unknown"),
        ("503", heard(503, &[("retry-after", "7")], ""), "unknown, 7s"),
        ("504", heard(504, &[], ""), "unknown"),
        ("524", heard(524, &[], PAGE), "unknown"),
        ("599", heard(599, &[], ""), "unknown"),
        ("101", heard(101, &[], ""), "unknown"),
        ("799", heard(799, &[], ORCHESTRATOR), "unknown"),
    ];
    let wrong: Vec<String> = table
        .into_iter()
        .map(|(name, heard, expected)| (name, fate(heard), expected))
        .filter(|(_, fate, expected)| fate != expected)
        .map(|(name, fate, expected)| format!("{name}: {fate}, not {expected}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_wait_is_read_as_seconds_or_as_a_date_and_a_wrong_clock_of_ours_does_not_matter() {
    type Row = (&'static [(&'static str, &'static str)], Option<u64>);
    let table: [Row; 9] = [
        (&[("retry-after", "0")], Some(0)),
        (&[("retry-after", " 12 ")], Some(12)),
        (&[("retry-after", "Sun, 01 Mar 2026 06:00:42 GMT")], Some(42)),
        (&[("retry-after", "Sun, 01 Mar 2026 05:00:00 GMT")], Some(0)),
        (&[("date", "Sun, 01 Mar 2026 08:00:00 GMT"), ("retry-after", "Sun, 01 Mar 2026 08:00:05 GMT")], Some(5)),
        (&[("retry-after", "99999999999")], Some(3600)),
        (&[("retry-after", "Mon, 01 Jan 2125 00:00:00 GMT")], Some(3600)),
        (&[("retry-after", "soon")], None),
        (&[("retry-after", "-5")], None),
    ];
    for (headers, seconds) in table {
        let verdict = judge(&asked(), heard(429, headers, ORCHESTRATOR), NOW.parse().unwrap());
        let Verdict::Failed(error) = verdict else { panic!("{headers:?}: {verdict:?}") };
        let wait = assert_unsent(&error, UnsentReason::RateLimit);
        assert_eq!(wait, seconds.map(Duration::from_secs), "{headers:?}");
        assert_eq!(error.retry_after(), wait);
    }
}

#[test]
fn texts_name_the_connection_the_try_and_the_answer() {
    let say = |heard| match judge(&asked(), heard, NOW.parse().unwrap()) {
        Verdict::Failed(error) | Verdict::TooLong(error) => match error.cure() {
            Some(cure) => format!("{error}\n  cure: {cure}"),
            None => error.to_string(),
        },
        other => panic!("{other:?}"),
    };
    let texts = [
        say(Heard::Unreached { cause: "Connection refused (os error 111)".to_owned(), cure: None }),
        say(Heard::Cut { cause: "time ran out".to_owned() }),
        say(heard(200, &[], PAGE)),
        say(spoiled(201, Body::Oversize { limit: 1_048_576 })),
        say(heard(302, &[("location", "https://login.example.com/in?session=secret")], "")),
        say(heard(400, &[], PROBLEM)),
        say(heard(403, &[], PAGE)),
        say(heard(403, &[], r#"{"message":"You are not authorized!","errorCode":0}"#)),
        say(heard(403, &[], SCOPE)),
        say(heard(404, &[], r#"{"message":"The process\r\n does not exist.","errorCode":1002}"#)),
        say(heard(400, &[], r#"{"message":"Invalid OData query options.","errorCode":1000}"#)),
        say(heard(409, &[], ORCHESTRATOR)),
        say(heard(429, &[], ORCHESTRATOR)),
        say(heard(429, &[], PAGE)),
        say(heard(
            400,
            &[],
            r#"{"title":"Bad Request","status":400,"errors":{"startInfo.JobsCount":["must be positive"]}}"#,
        )),
        say(heard(502, &[], PAGE)),
        say(heard(500, &[], ORCHESTRATOR)),
    ];
    insta::assert_snapshot!(texts.join("\n"), @r"
    connection `main`: starting `p1.x` in folder 7 found no connection: Connection refused (os error 111)
      cure: check `url`, the network and the proxy; it is tried again by itself
    connection `main`: starting `p1.x` in folder 7 got no complete answer: time ran out
    connection `main`: starting `p1.x` in folder 7 was answered 200 with a web page: a login page or a proxy answered, or the connection's `url` is wrong
    connection `main`: starting `p1.x` in folder 7 was answered 201 with more than 1048576 bytes
    connection `main`: starting `p1.x` in folder 7 was answered 302, a redirect to `login.example.com`
      cure: nothing to do if it passes; if it lasts, open the connection's `url` in a browser and compare it with the address of Orchestrator itself
    connection `main`: starting `p1.x` in folder 7 was answered 400: Bad Request
      cure: if the words are Orchestrator's, mend what they name; else ask whoever runs the proxy or firewall what it refused, and check the connection's `url`
    connection `main`: starting `p1.x` in folder 7 was answered 403 with a web page
      cure: if the words are Orchestrator's, mend what they name; else ask whoever runs the proxy or firewall what it refused, and check the connection's `url`
    connection `main`: starting `p1.x` in folder 7 was refused (HTTP 403, code 0): You are not authorized!
      cure: give the account a role with the permission `Jobs.Create` in this folder
    connection `main`: starting `p1.x` in folder 7 was answered 403: OAuth authorization failed. 'OR.Jobs' scope not found
      cure: grant the scope that it names to the external application, and name it in the connection's `auth.scope`
    connection `main`: starting `p1.x` in folder 7 was refused (HTTP 404, code 1002): The process does not exist
      cure: check that it still exists under this name in this folder, and that the account may see it
    connection `main`: starting `p1.x` in folder 7 was refused (HTTP 400, code 1000): Invalid OData query options
      cure: this server's version may be too old for the query; compare it with the versions that are supported
    connection `main`: starting `p1.x` in folder 7 was refused (HTTP 409, code 1670): Nope
      cure: nothing to do if that job starts soon; if this happens often, start the process less often or give its folder more robots
    connection `main`: starting `p1.x` in folder 7 was put off by the rate limit (429)
      cure: nothing is lost: it waits as the server asks; if it lasts, lower `limits.list_calls_per_minute` or find the other client
    connection `main`: starting `p1.x` in folder 7 was answered 429 with a web page
      cure: nothing is lost: it waits as the server asks; if it lasts, lower `limits.list_calls_per_minute` or find the other client
    connection `main`: starting `p1.x` in folder 7 was answered 400: Bad Request (startInfo.JobsCount: must be positive)
      cure: if the words are Orchestrator's, mend what they name; else ask whoever runs the proxy or firewall what it refused, and check the connection's `url`
    connection `main`: starting `p1.x` in folder 7 was answered 502 with a web page
      cure: nothing to do if it passes; if it lasts, see status.uipath.com, or on your own server its web server and database
    connection `main`: starting `p1.x` in folder 7 was answered 500: Nope
      cure: if it lasts, look up the time in Orchestrator's own log, or tell UiPath's support
    ");
}

#[test]
fn every_code_that_a_start_can_meet_has_a_cure() {
    for code in [1002, 1009, 1015, 1020, 1100, 1101, 1230, 1670, 1671, 2002, 2813, 2818] {
        let body = json!({ "message": "m", "errorCode": code }).to_string();
        let verdict = judge(&asked(), heard(409, &[], &body), NOW.parse().unwrap());
        let Verdict::Failed(error) = verdict else { panic!("{code}: {verdict:?}") };
        assert!(error.cure().is_some_and(|cure| cure.len() > 20), "{code}: {error:?}");
    }
}

#[test]
fn a_long_message_is_cut_at_a_character() {
    let body = json!({ "message": "ä".repeat(5000), "errorCode": 1 }).to_string();
    let verdict = judge(&asked(), heard(400, &[], &body), NOW.parse().unwrap());
    let Verdict::Failed(error) = verdict else { panic!("{verdict:?}") };
    assert!(text(&error).ends_with("ä…"), "{error}");
    assert!(text(&error).chars().count() < 420, "{error}");
}

proptest::proptest! {
    #[test]
    fn whatever_comes_back_a_broken_gateway_never_reads_as_a_refusal(status in 100_u16..1000, body in ".{0,200}") {
        // Text that is by chance one of Orchestrator's own forms is not what this looks for.
        let fate = fate(heard(status, &[], &body));
        match status {
            200..300 => assert!(fate == "accepted" || fate == "unknown", "{fate}"),
            407 => assert_eq!(fate, "unsent Outage"),
            _ => assert_eq!(fate, "unknown"),
        }
    }
}

// --- starts ---

#[tokio::test]
async fn a_start_asks_for_exactly_one_job_and_nothing_more() {
    let (reply, server, _bench) = start_against(vec![say(201, &jobs(1))]).await;
    let jobs = reply.outcome.unwrap();
    assert_eq!(jobs.len(), 1);
    assert_eq!((jobs[0].id, &jobs[0].state), (JobId(1), &JobState::Pending));
    assert_eq!(jobs[0].reference, Some(Reference::from_text(REFERENCE)));
    assert_eq!(jobs[0].created_at, Some("2026-03-01T06:00:00.123Z".parse().unwrap()));
    let seen = server.only();
    assert_eq!(seen.path, "/odata/Jobs/UiPath.Server.Configuration.OData.StartJobs");
    assert_eq!((seen.method.as_str(), seen.query.as_str()), ("POST", ""));
    assert_eq!(
        seen.body.as_ref().unwrap(),
        &json!({ "startInfo": {
            "ReleaseKey": "00000000-0000-0000-0000-000000000abc",
            "Strategy": "ModernJobsCount",
            "JobsCount": 1,
            "Reference": REFERENCE,
            "InputArguments": "{\"password\":\"hunter2\"}",
            "RuntimeType": "Unattended",
        }})
    );
    assert_eq!(seen.header("authorization"), Some(format!("Bearer {TOKEN}").as_str()));
    assert_eq!(seen.header("x-uipath-organizationunitid"), Some("7"));
    assert_eq!(seen.header("x-uipath-tenantname"), Some("acmeprod"));
    assert_eq!(seen.header("user-agent"), Some(concat!("punctual/", env!("CARGO_PKG_VERSION"))));
    assert_eq!(seen.header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn a_start_without_arguments_and_runtime_does_not_name_them() {
    let server = Server::start(vec![say(201, &jobs(1))]).await;
    let start = StartRequest { arguments: None, runtime: None, ..start() };
    bench(server.base()).client.start_job(FOLDER, &start).await.outcome.unwrap();
    let body = server.only().body.unwrap();
    let names: Vec<&String> = body["startInfo"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["ReleaseKey", "Strategy", "JobsCount", "Reference"]);
}

#[tokio::test]
async fn several_jobs_in_the_answer_are_all_reported() {
    let (reply, _server, _bench) = start_against(vec![say(201, &jobs(2))]).await;
    assert_eq!(reply.outcome.unwrap().len(), 2);
}

#[tokio::test]
async fn a_start_whose_answer_is_lost_is_unknown_and_is_not_sent_again() {
    let cases: Vec<(&str, Step)> = vec![
        ("no answer", Step::Hang),
        ("half an answer", Step::Break { status: 201, body: jobs(1).to_string().into_bytes() }),
        ("an endless answer", Step::Flood { status: 201 }),
        ("no jobs", say(201, &jobs(0))),
        ("no list", say(201, &json!({}))),
        ("a job without a key", say(201, &json!({ "value": [{ "Id": 1, "State": "Pending" }] }))),
        ("no body", empty(201)),
        ("a login page", page(200, PAGE)),
        ("a gateway's time-out", page(504, PAGE)),
        ("an error of the server", say(500, &json!({ "message": "m", "errorCode": 0 }))),
    ];
    for (name, step) in cases {
        let (reply, server, _bench) = start_against(vec![step]).await;
        let error = reply.outcome.expect_err(name);
        assert_unknown(&error);
        assert!(text(&error).contains("`main`") && text(&error).contains(REFERENCE), "{name}: {error}");
        assert_eq!(server.seen().len(), 1, "{name}: sent again");
    }
}

#[tokio::test]
async fn an_answer_about_another_start_is_not_taken_for_ours() {
    let mut theirs = jobs(1);
    theirs["value"][0]["Reference"] = json!("p1.0badcafe.0123456789ab.other");
    let (reply, _server, _bench) = start_against(vec![say(201, &theirs)]).await;
    let error = reply.outcome.unwrap_err();
    assert_unknown(&error);
    assert!(text(&error).contains("another start"), "{error}");
}

#[tokio::test]
async fn a_server_too_old_to_return_references_is_believed() {
    let mut old = jobs(1);
    old["value"][0]["Reference"] = Value::Null;
    let (reply, _server, _bench) = start_against(vec![say(201, &old)]).await;
    assert_eq!(reply.outcome.unwrap()[0].reference, None);
}

#[tokio::test]
async fn a_start_that_found_no_connection_was_certainly_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let bench = bench(Url::parse(&format!("http://127.0.0.1:{port}")).unwrap());
    let error = bench.client.start_job(FOLDER, &start()).await.outcome.unwrap_err();
    assert_unsent(&error, UnsentReason::Outage);
    assert!(text(&error).contains("refused"), "{error}");
}

#[tokio::test]
async fn a_start_whose_tls_handshake_failed_was_certainly_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut hello = [0; 1];
        stream.read_exact(&mut hello).await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    });
    let bench = bench(Url::parse(&format!("https://127.0.0.1:{port}")).unwrap());
    let error = bench.client.start_job(FOLDER, &start()).await.outcome.unwrap_err();
    assert_unsent(&error, UnsentReason::Outage);
    server.await.unwrap();
}

#[tokio::test]
async fn a_start_to_a_host_that_has_no_address_was_certainly_not_sent() {
    let bench = bench(Url::parse("https://orchestrator.invalid").unwrap());
    let error = bench.client.start_job(FOLDER, &start()).await.outcome.unwrap_err();
    assert_unsent(&error, UnsentReason::Outage);
}

#[tokio::test]
#[ignore = "waits for the real time-out of 30 s"]
async fn a_start_that_nobody_answers_in_time_is_unknown_and_is_not_sent_again() {
    let (reply, server, _bench) = start_against(vec![Step::Stall]).await;
    let error = reply.outcome.unwrap_err();
    assert_unknown(&error);
    assert!(text(&error).contains("time ran out"), "{error}");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_redirect_is_refused_and_never_followed() {
    let elsewhere = Server::start(vec![]).await;
    let location = format!("http://{}/odata/Jobs?session=s3cret", elsewhere.address);
    let step = Step::Raw { status: 307, headers: vec![("location", location)], body: Vec::new() };
    let (reply, _server, _bench) = start_against(vec![step]).await;
    let error = reply.outcome.unwrap_err();
    assert!(matches!(error, CallError::Unknown { status: Some(307), .. }), "{error:?}");
    assert!(text(&error).contains("`127.0.0.1`") && !text(&error).contains("s3cret"), "{error}");
    assert_eq!(elsewhere.seen().len(), 0);
}

#[tokio::test]
async fn a_refusal_carries_code_message_and_cure() {
    let body = json!({ "message": "Couldn't find any user.", "errorCode": 1671, "traceId": "x" });
    let (reply, _server, _bench) = start_against(vec![say(409, &body)]).await;
    let error = reply.outcome.unwrap_err();
    assert!(matches!(error, CallError::Rejected { status: 409, code: Some(ErrorCode::Number(1671)), .. }), "{error:?}");
    assert!(error.cure().unwrap().contains("unattended robot"), "{error:?}");
}

#[tokio::test]
async fn the_end_of_the_post_is_told_by_the_boot_clock_and_the_servers_clock_by_its_date() {
    let mut step = say(201, &jobs(1));
    if let Step::Say { headers, .. } = &mut step {
        headers.push(("date", "Sun, 01 Mar 2026 06:07:00 GMT".to_owned()));
    }
    let server = Server::start(vec![step]).await;
    let bench = bench(server.base());
    assert_eq!(bench.client.clock_skew(), ServerSkew::Unknown);
    bench.hand.advance(Duration::from_secs(60));
    let reply = bench.client.start_job(FOLDER, &start()).await;
    assert_eq!(reply.post_ended_boot, Duration::from_secs(1_060));
    assert_eq!(reply.server_date, Some("2026-03-01T06:07:00Z".parse().unwrap()));
    assert_eq!(bench.client.clock_skew(), ServerSkew::By(SignedDuration::from_secs(6 * 60)));
}

// --- tokens ---

fn unauthorized() -> Step {
    Step::Raw {
        status: 401,
        headers: vec![("www-authenticate", "Bearer error=\"invalid_token\"".to_owned())],
        body: Vec::new(),
    }
}

#[tokio::test]
async fn a_refused_token_is_renewed_once_and_the_start_is_sent_once_more() {
    let (reply, server, bench) = start_against(vec![unauthorized(), say(201, &jobs(1))]).await;
    assert_eq!(reply.outcome.unwrap().len(), 1);
    let bearers: Vec<String> =
        server.seen().iter().map(|seen| seen.header("authorization").unwrap().to_owned()).collect();
    assert_eq!(bearers, [format!("Bearer {TOKEN}"), format!("Bearer {FRESH}")]);
    assert_eq!(bench.purse.renewals.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_second_refusal_ends_it_unsent() {
    let (reply, server, bench) = start_against(vec![unauthorized(), unauthorized()]).await;
    assert_unsent(&reply.outcome.unwrap_err(), UnsentReason::Token);
    assert_eq!(server.seen().len(), 2);
    assert_eq!(bench.purse.renewals.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_403_does_not_renew_the_token() {
    let (reply, server, bench) = start_against(vec![say(403, &json!({ "message": "m", "errorCode": 0 }))]).await;
    assert!(matches!(reply.outcome, Err(CallError::Rejected { status: 403, .. })));
    assert_eq!((server.seen().len(), bench.purse.renewals.load(Ordering::SeqCst)), (1, 0));
}

#[tokio::test]
async fn the_second_send_of_a_start_is_judged_like_the_first() {
    let (reply, _server, _bench) = start_against(vec![unauthorized(), Step::Hang]).await;
    assert_unknown(&reply.outcome.unwrap_err());
}

#[tokio::test]
async fn without_a_token_nothing_is_sent() {
    let server = Server::start(vec![]).await;
    let why = TokenUnavailable {
        message: "the identity server refused the client (`invalid_client`)".to_owned(),
        retry_at: Some("2026-03-01T06:00:30Z".parse().unwrap()),
    };
    let bench = bench_with(server.base(), Purse { empty: Some(why), ..Purse::default() });
    let error = bench.client.start_job(FOLDER, &start()).await.outcome.unwrap_err();
    assert_eq!(assert_unsent(&error, UnsentReason::Token), Some(Duration::from_secs(30)));
    assert!(text(&error).contains("invalid_client"), "{error}");
    assert_eq!(server.seen().len(), 0);
}

struct Odd(&'static str);

impl Bearer for Odd {
    fn token(&self) -> BoxFuture<'_, Result<Token, TokenUnavailable>> {
        Box::pin(async { Ok(Token { generation: 1, secret: Secret::new(self.0) }) })
    }
    fn renewed(&self, _refused: u64) -> BoxFuture<'_, Result<Token, TokenUnavailable>> {
        self.token()
    }
}

#[tokio::test]
async fn an_empty_or_broken_token_is_never_sent() {
    for odd in ["", "two\r\nlines"] {
        let server = Server::start(vec![]).await;
        let config = ClientConfig {
            connection: "main".to_owned(),
            base: server.base(),
            tenant: None,
            authorities: None,
            clock: Clock::system(),
            bearer: Arc::new(Odd(odd)),
        };
        let error = Client::new(config).unwrap().start_job(FOLDER, &start()).await.outcome.unwrap_err();
        assert_unsent(&error, UnsentReason::Token);
        assert_eq!(server.seen().len(), 0);
    }
}

// --- secrets ---

#[tokio::test]
async fn a_server_that_repeats_the_token_does_not_bring_it_into_texts() {
    let body = json!({ "message": format!("bad bearer {TOKEN}"), "errorCode": 0 });
    let (reply, _server, _bench) = start_against(vec![say(400, &body)]).await;
    let error = reply.outcome.unwrap_err();
    assert!(text(&error).contains("bad bearer [secret]"), "{error}");
    assert!(!format!("{error:?}").contains(TOKEN), "{error:?}");
}

#[tokio::test]
async fn the_log_has_method_path_status_and_time_but_no_token_argument_or_body() {
    let server = Server::start(vec![say(201, &jobs(1))]).await;
    let bench = bench(server.base());
    thread_log::take();
    bench.client.start_job(FOLDER, &start()).await.outcome.unwrap();
    let log = thread_log::take();
    let line = log
        .lines()
        .find(|line| line.contains("Asked Orchestrator"))
        .unwrap_or_else(|| panic!("the request is not logged:\n{log}"));
    for part in ["DEBUG", "method=POST", "StartJobs", "status=201", "elapsed_ms=0"] {
        assert!(line.contains(part), "{part} is missing: {line}");
    }
    for secret in [TOKEN, "hunter2", "Invoices"] {
        assert!(!log.contains(secret), "{secret} is in the log:\n{log}");
    }
}

#[test]
fn a_token_and_a_client_do_not_print_what_they_hold() {
    let token = Token { generation: 3, secret: Secret::new(TOKEN) };
    assert_eq!(format!("{token:?}"), "Token { generation: 3, .. }");
    let bench = bench(Url::parse("https://orchestrator.example.com").unwrap());
    assert!(!format!("{:?}", bench.client).contains(TOKEN));
}

// --- setting up ---

#[test]
fn a_connection_that_would_leak_or_cannot_work_is_refused() {
    let new = |base: &str, tenant: Option<&str>| {
        Client::new(ClientConfig {
            connection: "main".to_owned(),
            base: Url::parse(base).unwrap(),
            tenant: tenant.map(str::to_owned),
            authorities: None,
            clock: Clock::system(),
            bearer: Arc::new(Purse::default()),
        })
    };
    for base in
        ["https://me:pw@a.example", "https://a.example/?x=1", "https://a.example/#x", "ftp://a.example", "data:x"]
    {
        assert!(matches!(new(base, None), Err(ClientSetupError::Address { .. })), "{base}");
    }
    for base in ["http://a.example", "http://10.0.0.1/x", "http://localhost.example"] {
        assert!(matches!(new(base, None), Err(ClientSetupError::Insecure { .. })), "{base}");
    }
    assert!(matches!(new("https://a.example", Some("a\nb")), Err(ClientSetupError::Tenant { .. })));
    for base in ["http://localhost:8080", "http://127.0.0.1", "http://[::1]:1/x/", "https://a.example/acme/main/"] {
        assert!(new(base, Some("acme")).is_ok(), "{base}");
    }
}

#[tokio::test]
async fn a_base_with_or_without_a_last_slash_or_any_path_leads_to_the_same_place() {
    for base in ["/acme/main/orchestrator_", "/acme/main/orchestrator_/", "", "/"] {
        let server = Server::start(vec![say(200, &job(4))]).await;
        let base = Url::parse(&format!("http://{}{base}", server.address)).unwrap();
        let job = bench(base).client.read_job(FOLDER, JobId(4)).await.unwrap();
        assert_eq!(job.unwrap().id, JobId(4));
        assert_eq!(server.only().path, "/odata/Jobs(4)");
    }
}

// --- names ---

fn named(name: &str) -> Option<FolderChoice> {
    Some(FolderChoice::Named(name.to_owned()))
}

fn folders(names: &[(i64, &str)]) -> Value {
    let folder = |(id, name): &(i64, &str)| json!({ "Id": id, "FullyQualifiedName": name });
    json!({ "value": names.iter().map(folder).collect::<Vec<_>>() })
}

#[tokio::test]
async fn names_with_quotes_and_signs_reach_the_server_unharmed() {
    for name in ["O'Brien's robots", "a/b & c=d+e%20#?", "Zürich '' 100 %", "' or 1 eq 1 or Name eq '"] {
        let release = Uuid::from_u128(5);
        let server = Server::start(vec![
            say(200, &folders(&[(12, name)])),
            say(200, &json!({ "value": [{ "Key": release, "Name": name }] })),
        ])
        .await;
        let bench = bench(server.base());
        assert_eq!(bench.client.find_folder(named(name).as_ref()).await.unwrap().id, FolderId(12), "{name}");
        assert_eq!(bench.client.find_release(FOLDER, name).await, Ok(ReleaseKey(release)), "{name}");
        let seen = server.seen();
        let doubled = name.replace('\'', "''");
        assert_eq!(seen[0].option("$filter").unwrap(), format!("FullyQualifiedName eq '{doubled}'"));
        assert_eq!(seen[0].header("x-uipath-organizationunitid"), None);
        assert_eq!(seen[1].option("$filter").unwrap(), format!("Name eq '{doubled}'"));
        assert_eq!(seen[1].header("x-uipath-organizationunitid"), Some("7"));
        assert!(!seen[0].query.contains('+') || name.contains('+'), "spaces are %20: {}", seen[0].query);
        assert_eq!(seen[0].option("$top").as_deref(), Some("2"));
    }
}

#[tokio::test]
async fn a_name_that_nobody_has_comes_back_with_the_nearest() {
    let release = |name: &str| json!({ "Key": Uuid::now_v7(), "Name": name });
    let listed: Vec<Value> = ["Invoices", "Payroll", "Invoice"].map(release).into();
    let names = json!({ "value": listed });
    let server = Server::start(vec![
        say(200, &json!({ "value": [] })),
        say(200, &names),
        say(200, &json!({ "value": [] })),
        say(200, &folders(&[(1, "Shared"), (2, "Shared/Finance")])),
        say(200, &json!({ "value": [] })),
        page(502, PAGE),
        say(200, &json!({ "value": [] })),
        say(403, &json!({ "message": "You are not authorized!", "errorCode": 0 })),
    ])
    .await;
    let bench = bench(server.base());
    let error = bench.client.find_release(FOLDER, "invioces").await.unwrap_err();
    assert!(matches!(error, CallError::Rejected { status: 404, code: None, .. }), "{error:?}");
    // Two letters that changed places are one slip, so the nearest comes first.
    assert_eq!(error.cure(), Some("did you mean `Invoices` or `Invoice`?"));
    let error = bench.client.find_folder(named("Accounting").as_ref()).await.unwrap_err();
    assert_eq!(error.cure(), Some("folders there: `Shared`, `Shared/Finance`"));
    // The name may be in the list in another form, so that without the list nobody knows yet.
    let error = bench.client.find_release(FOLDER, "x").await.unwrap_err();
    assert!(!matches!(error, CallError::Rejected { .. }), "{error:?}");
    // Who is refused the list has the first answer.
    let error = bench.client.find_release(FOLDER, "x").await.unwrap_err();
    assert!(matches!(error, CallError::Rejected { status: 404, .. }) && error.cure().is_some(), "{error:?}");
}

#[tokio::test]
async fn a_server_that_ignores_the_filter_is_not_believed() {
    let server = Server::start(vec![
        say(200, &folders(&[(1, "Shared"), (2, "Other")])),
        say(200, &folders(&[(1, "Shared"), (2, "Other")])),
        say(200, &folders(&[(1, "Shared"), (2, "shared")])),
        say(200, &folders(&[(3, "SHARED")])),
        say(200, &folders(&[(1, "shared"), (2, "SHARED")])),
    ])
    .await;
    let bench = bench(server.base());
    assert!(bench.client.find_folder(named("Finance").as_ref()).await.is_err());
    assert_eq!(
        bench.client.find_folder(named("Shared").as_ref()).await.unwrap().id,
        FolderId(1),
        "the exact name wins"
    );
    assert_eq!(
        bench.client.find_folder(named("Shared").as_ref()).await.unwrap().id,
        FolderId(3),
        "case does not matter to Orchestrator"
    );
    let error = bench.client.find_folder(named("Shared").as_ref()).await.unwrap_err();
    assert!(matches!(error, CallError::Rejected { status: 409, .. }), "{error:?}");
}

#[tokio::test]
async fn without_a_path_the_only_folder_is_taken_and_several_are_named() {
    let server = Server::start(vec![
        say(200, &folders(&[(4, "Shared")])),
        say(200, &folders(&[])),
        say(200, &folders(&[(4, "Shared"), (5, "Finance")])),
    ])
    .await;
    let bench = bench(server.base());
    assert_eq!(bench.client.find_folder(None).await.unwrap().id, FolderId(4));
    assert!(matches!(bench.client.find_folder(None).await, Err(CallError::Rejected { status: 404, .. })));
    let error = bench.client.find_folder(None).await.unwrap_err();
    assert!(error.cure().unwrap().contains("`Shared`, `Finance`"), "{error:?}");
}

// --- lists ---

#[tokio::test]
async fn look_ups_by_reference_have_always_the_same_form() {
    let server = Server::start(vec![say(200, &jobs(1)), say(200, &jobs(2))]).await;
    let bench = bench(server.base());
    let one = [Reference::from_text("p1.a.b.c")];
    let two = [Reference::from_text("p1.a.b.c"), Reference::from_text("p1.a.b.d.a2")];
    assert_eq!(bench.client.list_by_reference(FOLDER, &one, &nonce()).await.unwrap().jobs.len(), 1);
    assert_eq!(
        bench.client.list_by_reference(FOLDER, &two, &nonce()).await.unwrap().jobs.len(),
        2,
        "duplicates are shown"
    );
    let seen = server.seen();
    assert_eq!(seen[0].option("$filter").unwrap(), "Reference in ('p1.a.b.c','p1.nonce')");
    assert_eq!(seen[1].option("$filter").unwrap(), "Reference in ('p1.a.b.c','p1.a.b.d.a2','p1.nonce')");
    for seen in seen {
        assert_eq!(seen.path, "/odata/Jobs");
        assert_eq!(seen.option("$orderby").unwrap(), "Id asc");
        assert_eq!(seen.option("$top").unwrap(), "20");
        assert_eq!(
            seen.option("$select").unwrap(),
            "Id,Key,State,Reference,ReleaseName,CreationTime,StartTime,EndTime"
        );
    }
}

#[tokio::test]
async fn more_than_fifty_names_go_in_several_calls_and_one_cut_page_cuts_all() {
    let server = Server::start(vec![say(200, &jobs(200)), say(200, &jobs(1))]).await;
    let names: Vec<Reference> = (0..51).map(|n| Reference::from_text(format!("p1.a.b.{n}"))).collect();
    let page = bench(server.base()).client.list_by_reference(FOLDER, &names, &nonce()).await.unwrap();
    assert_eq!((page.jobs.len(), page.completeness), (201, Completeness::Cut));
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn nothing_to_look_up_is_no_call() {
    let server = Server::start(vec![]).await;
    let bench = bench(server.base());
    let page = bench.client.list_by_reference(FOLDER, &[], &nonce()).await.unwrap();
    assert_eq!((page.jobs.len(), page.completeness), (0, Completeness::Complete));
    assert_eq!(bench.client.list_by_key(FOLDER, &[]).await.unwrap().jobs.len(), 0);
    assert_eq!(server.seen().len(), 0);
}

#[tokio::test]
async fn a_list_is_whole_only_when_nothing_says_otherwise() {
    let mut linked = jobs(1);
    linked["@odata.nextLink"] = json!("http://elsewhere.example/next");
    let mut counted = jobs(1);
    counted["@odata.count"] = json!(2);
    let cases = [
        (jobs(0), Completeness::Complete),
        (jobs(99), Completeness::Complete),
        (jobs(100), Completeness::Cut),
        (jobs(101), Completeness::Complete),
        (jobs(1000), Completeness::Cut),
        (linked, Completeness::Cut),
        (counted, Completeness::Cut),
    ];
    for (body, expected) in cases {
        let server = Server::start(vec![say(200, &body)]).await;
        let since: Timestamp = "2026-03-01T05:55:00.5Z".parse().unwrap();
        let page = bench(server.base()).client.list_since(FOLDER, since).await.unwrap();
        assert_eq!(page.completeness, expected, "{} jobs", page.jobs.len());
        let seen = server.only();
        assert_eq!(seen.option("$filter").unwrap(), "CreationTime ge 2026-03-01T05:55:00.500Z");
        assert_eq!(seen.option("$orderby").unwrap(), "CreationTime desc");
        assert_eq!(seen.option("$top").unwrap(), "1000");
    }
}

#[tokio::test]
async fn a_list_by_key_that_finds_all_is_whole() {
    let keys: Vec<JobKey> = (1..=50).map(|n| JobKey(Uuid::from_u128(n))).collect();
    let server = Server::start(vec![say(200, &jobs(50))]).await;
    let page = bench(server.base()).client.list_by_key(FOLDER, &keys).await.unwrap();
    assert_eq!((page.jobs.len(), page.completeness), (50, Completeness::Complete));
    assert!(server.only().option("$filter").unwrap().starts_with("Key in ('00000000-0000-0000-0000-000000000001','"));
}

#[tokio::test]
async fn ended_jobs_of_ours_are_listed_by_prefix_and_end() {
    let server = Server::start(vec![say(200, &jobs(3))]).await;
    let since = "2026-03-01T05:55:00Z".parse().unwrap();
    let page = bench(server.base()).client.list_ended_since(FOLDER, "p1.0badcafe.", since).await.unwrap();
    assert_eq!(page.jobs.len(), 3);
    let seen = server.only();
    assert_eq!(
        seen.option("$filter").unwrap(),
        "startswith(Reference,'p1.0badcafe.') and EndTime ge 2026-03-01T05:55:00.000Z"
    );
    assert_eq!(seen.option("$orderby").unwrap(), "EndTime asc");
}

#[tokio::test]
async fn a_refused_filter_is_a_refusal_and_no_empty_list() {
    let body = json!({ "message": "Invalid OData query options.", "errorCode": 1000 });
    let server = Server::start(vec![say(400, &body)]).await;
    let error = bench(server.base())
        .client
        .list_by_reference(FOLDER, &[Reference::from_text("p1.x")], &nonce())
        .await
        .unwrap_err();
    assert!(matches!(error, CallError::Rejected { status: 400, code: Some(ErrorCode::Number(1000)), .. }), "{error:?}");
}

// --- one job ---

#[tokio::test]
async fn the_last_read_shows_output_remark_and_fault() {
    let mut done = job(9);
    done["State"] = json!("Faulted");
    done["Key"] = json!(KEY);
    done["StartTime"] = json!("2026-03-01T06:00:10Z");
    done["EndTime"] = json!("2026-03-01T06:01:00.5Z");
    done["Info"] = json!("Robot said no");
    done["OutputArguments"] = json!("{\"rows\":3}");
    done["JobError"] = json!({ "code": "Robot.X", "title": "t", "detail": "d", "category": "User", "status": 400 });
    let server = Server::start(vec![say(200, &done)]).await;
    let job = bench(server.base()).client.read_job(FOLDER, JobId(9)).await.unwrap().unwrap();
    assert_eq!(job.state, JobState::Faulted);
    assert_eq!(job.job_ref().key, JobKey(KEY.parse().unwrap()));
    assert_eq!(job.started_at, Some("2026-03-01T06:00:10Z".parse().unwrap()));
    assert_eq!(job.ended_at, Some("2026-03-01T06:01:00.5Z".parse().unwrap()));
    assert_eq!((job.info.as_deref(), job.output.as_deref()), (Some("Robot said no"), Some("{\"rows\":3}")));
    let fault = job.error.unwrap();
    assert_eq!((fault.code.as_deref(), fault.category.as_deref()), (Some("Robot.X"), Some("User")));
    assert_eq!(server.only().query, "");
}

#[tokio::test]
async fn a_job_is_gone_only_when_orchestrator_itself_says_so() {
    let server = Server::start(vec![
        say(404, &json!({ "message": "Job does not exist.", "errorCode": 1002 })),
        page(404, PAGE),
        say(403, &json!({ "message": "m", "errorCode": 0 })),
    ])
    .await;
    let bench = bench(server.base());
    assert_eq!(bench.client.read_job(FOLDER, JobId(9)).await, Ok(None));
    assert_unknown(&bench.client.read_job(FOLDER, JobId(9)).await.unwrap_err());
    assert!(matches!(bench.client.read_job(FOLDER, JobId(9)).await, Err(CallError::Rejected { status: 403, .. })));
}

#[tokio::test]
async fn that_a_job_still_runs_is_not_believed_of_a_cache_and_its_end_is() {
    let kept = |state: &str| {
        let mut job = job(9);
        job["State"] = json!(state);
        let headers = vec![("content-type", "application/json".to_owned()), ("age", "60".to_owned())];
        Step::Say { status: 200, headers, body: job }
    };
    let server = Server::start(vec![kept("Running"), kept("Successful")]).await;
    let bench = bench(server.base());
    let error = bench.client.read_job(FOLDER, JobId(9)).await.unwrap_err();
    assert_unknown(&error);
    assert!(error.to_string().contains("a cache answered with what it had kept for 60 s"), "{error}");
    let ended = bench.client.read_job(FOLDER, JobId(9)).await.unwrap().unwrap();
    assert_eq!(ended.state, JobState::Successful);
}

#[tokio::test]
async fn a_job_whose_output_is_too_long_to_read_still_shows_its_end() {
    let mut done = job(9);
    done["State"] = json!("Successful");
    let server = Server::start(vec![Step::Flood { status: 200 }, say(200, &done)]).await;
    let job = bench(server.base()).client.read_job(FOLDER, JobId(9)).await.unwrap().unwrap();
    assert_eq!((job.state, job.output), (JobState::Successful, None));
    assert!(!server.seen()[1].option("$select").unwrap().contains("OutputArguments"));
}

#[tokio::test]
async fn odd_words_and_times_of_a_job_are_read_as_they_are_meant() {
    let server = Server::start(vec![Step::Raw {
        status: 200,
        headers: Vec::new(),
        body: br#"{"id":1,"key":"5f0c2a7e-91c3-4f57-8a4e-3f0f6f1f2a10","state":5,"startTime":"0001-01-01T00:00:00Z",
                "endTime":"2026-03-01T06:00:00","creationTime":"never","errorCode":"License","reference":""}"#
            .to_vec(),
    }])
    .await;
    let job = bench(server.base()).client.read_job(FOLDER, JobId(1)).await.unwrap().unwrap();
    assert_eq!(job.state, JobState::Successful);
    assert_eq!((job.started_at, job.created_at, job.reference), (None, None, None));
    assert_eq!(job.ended_at, Some("2026-03-01T06:00:00Z".parse().unwrap()));
    assert_eq!(job.error.unwrap().code.as_deref(), Some("License"));
}

#[test]
fn states_are_read_by_name_in_any_case_and_by_number_and_only_three_are_final() {
    let names =
        ["Pending", "Running", "Stopping", "Terminating", "Faulted", "Successful", "Stopped", "Suspended", "Resumed"];
    for (number, name) in names.into_iter().enumerate() {
        let state = JobState::from_text(name);
        assert_eq!(state.as_str(), name);
        assert_eq!(JobState::from_text(&number.to_string()), state);
        assert_eq!(JobState::from_text(&name.to_uppercase()), state);
        assert_eq!(state.is_final(), ["Faulted", "Successful", "Stopped"].contains(&name), "{name}");
    }
    for odd in ["Cancelled", "9", ""] {
        let state = JobState::from_text(odd);
        assert_eq!(state, JobState::Other(odd.to_owned()));
        assert!(!state.is_final());
    }
}

#[tokio::test]
async fn a_job_is_asked_to_end_softly_or_at_once() {
    let server = Server::start(vec![empty(200), empty(200), page(200, PAGE)]).await;
    let bench = bench(server.base());
    bench.client.stop_job(FOLDER, JobId(9), StopStrategy::SoftStop).await.unwrap();
    bench.client.stop_job(FOLDER, JobId(9), StopStrategy::Kill).await.unwrap();
    assert_unknown(&bench.client.stop_job(FOLDER, JobId(9), StopStrategy::Kill).await.unwrap_err());
    let seen = server.seen();
    assert_eq!(seen[0].path, "/odata/Jobs(9)/UiPath.Server.Configuration.OData.StopJob");
    assert_eq!(seen[0].body, Some(json!({ "strategy": "SoftStop" })));
    assert_eq!(seen[1].body, Some(json!({ "strategy": "Kill" })));
}

#[tokio::test]
async fn log_lines_come_oldest_first() {
    let lines = json!({ "value": [
        { "TimeStamp": "2026-03-01T06:00:02Z", "Level": "Error", "Message": "second" },
        { "TimeStamp": "2026-03-01T06:00:01Z", "Level": "Info", "Message": "first" },
    ]});
    let server = Server::start(vec![say(200, &lines)]).await;
    let key = JobKey(KEY.parse().unwrap());
    let lines = bench(server.base()).client.robot_logs(FOLDER, key, 5000).await.unwrap();
    let said: Vec<(&str, &str)> = lines.iter().map(|line| (line.level.as_str(), line.message.as_str())).collect();
    assert_eq!(said, [("Info", "first"), ("Error", "second")]);
    let seen = server.only();
    assert_eq!(seen.option("$filter").unwrap(), format!("JobKey eq {KEY}"));
    assert_eq!(seen.option("$top").unwrap(), "1000");
}
