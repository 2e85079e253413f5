//! The stand-in Orchestrator behaves as the real one is known to, and misbehaves as told.

#![expect(clippy::disallowed_methods, reason = "here the sandbox is asked directly, not through the client under test")]
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests, which clippy does not see in a file of their own")]

mod complaints;
mod robots;

use std::time::Duration;

use base64::Engine as _;
use jiff::{SignedDuration, Timestamp};
use punctual::clock::{Clock, ManualClock};
use punctual::sandbox::{
    Control, Endpoint, Failure, Fault, FaultRule, Faults, JobState, Mishap, Nulls, Outage, PendingReason, ProcessSpec,
    Refusal, RobotResult, Sandbox, SandboxConfig, Telling, TokenOutcome,
};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use sha2::Digest as _;

const START: &str = "/odata/Jobs/UiPath.Server.Configuration.OData.StartJobs";
const STOP_JOBS: &str = "/odata/Jobs/UiPath.Server.Configuration.OData.StopJobs";
const RESTART: &str = "/odata/Jobs/UiPath.Server.Configuration.OData.RestartJob";
const RESUME: &str = "/odata/Jobs/UiPath.Server.Configuration.OData.ResumeJob";
const VALIDATE: &str = "/odata/Jobs/UiPath.Server.Configuration.OData.ValidateDynamicJob";
const ADD_ITEM: &str = "/odata/Queues/UiPathODataSvc.AddQueueItem";

/// A sandbox on a manual clock, with one who calls it.
struct Stage {
    sandbox: Sandbox,
    control: Control,
    hand: ManualClock,
    http: reqwest::Client,
    token: String,
}

async fn stage() -> Stage {
    stage_with(|_| {}).await
}

async fn stage_with(change: impl FnOnce(&mut SandboxConfig)) -> Stage {
    let (clock, hand) = Clock::manual("2026-11-23T08:00:00Z".parse().unwrap());
    let mut config = SandboxConfig::demo(clock);
    change(&mut config);
    let sandbox = Sandbox::start(config).await.unwrap();
    let control = sandbox.control();
    let http = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .pool_max_idle_per_host(0)
        .build()
        .unwrap();
    let token = control.mint_token(&[]);
    Stage { sandbox, control, hand, http, token }
}

impl Stage {
    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}{path}", self.sandbox.base_url());
        self.http.request(method, url).bearer_auth(&self.token).header("X-UIPATH-FolderPath", "Shared")
    }

    async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    async fn rows(&self, path: &str) -> Vec<Value> {
        let response = self.get(path).await;
        assert_eq!(response.status(), 200, "{path}");
        rows_of(response).await
    }

    async fn filtered(&self, filter: &str) -> Response {
        self.request(Method::GET, "/odata/Jobs").query(&[("$filter", filter)]).send().await.unwrap()
    }

    async fn found(&self, reference: &str) -> Vec<Value> {
        let response = self.filtered(&format!("Reference eq '{reference}'")).await;
        assert_eq!(response.status(), 200);
        rows_of(response).await
    }

    async fn post(&self, path: &str, body: Value) -> Response {
        self.request(Method::POST, path).json(&body).send().await.unwrap()
    }

    fn start_request(&self, process: &str, reference: &str) -> reqwest::RequestBuilder {
        let body = json!({"startInfo": {"ReleaseName": process, "Reference": reference}});
        self.request(Method::POST, START).json(&body)
    }

    async fn try_start(&self, process: &str, reference: &str) -> reqwest::Result<Response> {
        self.start_request(process, reference).send().await
    }

    /// Starts a job and gives its id.
    async fn start(&self, process: &str, reference: &str) -> i64 {
        let response = self.try_start(process, reference).await.unwrap();
        assert_eq!(response.status(), 201);
        rows_of(response).await[0]["Id"].as_i64().unwrap()
    }

    async fn start_with(&self, info: Value) -> i64 {
        let response = self.post(START, json!({"startInfo": info})).await;
        assert_eq!(response.status(), 201);
        rows_of(response).await[0]["Id"].as_i64().unwrap()
    }

    async fn shown(&self, id: i64) -> Value {
        json_of(self.get(&format!("/odata/Jobs({id})")).await).await
    }

    async fn state(&self, id: i64) -> String {
        self.shown(id).await["State"].as_str().unwrap().to_owned()
    }

    async fn token_call(&self, path: &str, form: &[(&str, &str)]) -> (u16, Value) {
        let response = self.http.post(format!("{}{path}", self.sandbox.root_url())).form(form).send().await.unwrap();
        (response.status().as_u16(), json_of(response).await)
    }

    async fn refresh(&self, token: &str) -> (u16, Value) {
        let form = [("grant_type", "refresh_token"), ("client_id", "sandbox-client"), ("refresh_token", token)];
        self.token_call("/identity_/connect/token", &form).await
    }

    fn pass(&self, seconds: u64) {
        self.hand.advance(Duration::from_secs(seconds));
    }
}

async fn json_of(response: Response) -> Value {
    serde_json::from_str(&response.text().await.unwrap()).unwrap()
}

async fn rows_of(response: Response) -> Vec<Value> {
    json_of(response).await["value"].as_array().unwrap().clone()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn by_key(key: &Value) -> String {
    format!("/odata/Jobs/UiPath.Server.Configuration.OData.GetByKey(identifier={})", key.as_str().unwrap())
}

// ---- starts and the life of a job ----

#[tokio::test]
async fn a_started_job_is_answered_with_201_and_found_by_its_reference() {
    let stage = stage().await;
    let body = json!({"StartInfo": {
        "releaseName": "InvoiceIntake", "reference": "p1.a", "inputArguments": "{\"day\":\"2026-11-23\"}",
        "Strategy": "ModernJobsCount", "jobsCount": 1,
    }});
    let response = stage.post(START, body).await;
    assert_eq!(response.status(), 201);
    assert_eq!(response.headers()["api-supported-versions"], "20.0");
    assert_eq!(response.headers()["date"], "Mon, 23 Nov 2026 08:00:00 GMT");
    let started = rows_of(response).await[0].clone();
    assert_eq!(started["State"], "Pending");
    assert_eq!(started["CreationTime"], "2026-11-23T08:00:00.000Z");

    assert_eq!(stage.found("p1.a").await, std::slice::from_ref(&started));
    assert_eq!(json_of(stage.get(&by_key(&started["Key"])).await).await["Id"], started["Id"]);

    let truth = stage.control.jobs();
    assert_eq!(truth.len(), 1);
    assert_eq!(truth[0].arguments, Some(json!({"day": "2026-11-23"})));
    assert_eq!(truth[0].reference.as_deref(), Some("p1.a"));
    assert_eq!((truth[0].folder.as_str(), truth[0].process.as_str()), ("Shared", "InvoiceIntake"));
}

#[tokio::test]
async fn a_job_is_pending_then_running_then_successful_as_the_clock_moves() {
    let stage = stage().await;
    let id = stage.start("InvoiceIntake", "r").await;
    stage.pass(1);
    assert_eq!(stage.state(id).await, "Running");
    stage.pass(2);
    let job = stage.shown(id).await;
    assert_eq!(job["State"], "Successful");
    assert_eq!(job["StartTime"], "2026-11-23T08:00:01.000Z");
    assert_eq!(job["EndTime"], "2026-11-23T08:00:03.000Z");
    assert_eq!(job["OutputArguments"], "{\"invoices\":17}");
}

#[tokio::test]
async fn a_clock_that_jumps_leaves_the_same_history_as_one_that_creeps() {
    let mut histories = Vec::new();
    for steps in [vec![60], vec![1; 60]] {
        let stage = stage_with(|config| config.tenant.folders[0].robots = 1).await;
        for (process, reference) in [("InvoiceIntake", "a"), ("Flaky", "b"), ("Heartbeat", "c"), ("LongReport", "d")] {
            stage.start(process, reference).await;
        }
        for step in steps {
            stage.pass(step);
            stage.control.jobs();
        }
        histories.push(stage.control.jobs());
    }
    assert_eq!(histories[0], histories[1]);
    // Heartbeat is ready at once; the others wait for the one robot in their order.
    let times: Vec<_> = histories[0].iter().map(|job| (job.started_at.unwrap(), job.ended_at.unwrap())).collect();
    assert_eq!(times[2], (at("2026-11-23T08:00:00Z"), at("2026-11-23T08:00:01Z")));
    assert_eq!(times[0], (at("2026-11-23T08:00:01Z"), at("2026-11-23T08:00:03Z")));
    assert_eq!(times[1], (at("2026-11-23T08:00:03Z"), at("2026-11-23T08:00:04Z")));
    assert_eq!(times[3], (at("2026-11-23T08:00:04Z"), at("2026-11-23T08:00:34Z")));
}

#[tokio::test]
async fn more_jobs_than_robots_stay_pending_and_the_urgent_one_goes_first() {
    let stage = stage_with(|config| config.tenant.folders[0].robots = 1).await;
    let first = stage.start("LongReport", "first").await;
    stage.pass(2);
    let second = stage.start("LongReport", "second").await;
    let urgent = stage.start_with(json!({"ReleaseName": "LongReport", "JobPriority": "High"})).await;
    stage.pass(10);
    for (id, state) in [(first, "Running"), (second, "Pending"), (urgent, "Pending")] {
        assert_eq!(stage.state(id).await, state);
    }
    stage.pass(30);
    for (id, state) in [(first, "Successful"), (second, "Pending"), (urgent, "Running")] {
        assert_eq!(stage.state(id).await, state);
    }
}

#[tokio::test]
async fn each_result_ends_a_job_in_its_own_way() {
    let results = [
        (RobotResult::Succeeds { output: Value::Null }, "Successful", Some("Job completed")),
        (RobotResult::Faults { info: "boom".to_owned() }, "Faulted", Some("boom")),
        (RobotResult::Stops, "Stopped", None),
    ];
    for (result, state, info) in results {
        let process = ProcessSpec::new("P").taking(Duration::ZERO, Duration::from_secs(5)).ending(result);
        let stage = stage_with(|config| config.tenant.folders[0].processes = vec![process]).await;
        let id = stage.start("P", "r").await;
        stage.pass(5);
        let job = stage.shown(id).await;
        assert_eq!(job["State"], state);
        assert_eq!(job["Info"].as_str(), info);
    }
}

#[tokio::test]
async fn a_suspended_job_goes_on_by_itself_or_when_asked_and_a_final_one_is_restarted() {
    let suspends = RobotResult::Suspends { suspended: Duration::from_secs(60), output: json!({"x": 1}) };
    let process = ProcessSpec::new("P").taking(Duration::ZERO, Duration::from_secs(5)).ending(suspends);
    let stage = stage_with(|config| config.tenant.folders[0].processes = vec![process]).await;
    let (alone, asked) = (stage.start("P", "alone").await, stage.start("P", "asked").await);
    stage.pass(5);
    assert_eq!(stage.state(alone).await, "Suspended");
    let key = stage.shown(asked).await["Key"].clone();
    assert_eq!(stage.post(RESUME, json!({"jobKey": key})).await.status(), 200);
    assert_eq!(stage.post(RESUME, json!({"jobKey": key})).await.status(), 409);
    stage.pass(5);
    assert_eq!((stage.state(alone).await.as_str(), stage.state(asked).await.as_str()), ("Suspended", "Successful"));
    stage.pass(55);
    assert_eq!(stage.state(alone).await, "Running");
    assert_eq!(stage.post(RESTART, json!({"jobId": alone})).await.status(), 409);
    stage.pass(5);
    assert_eq!(stage.state(alone).await, "Successful");
    let restarted = stage.post(RESTART, json!({"jobId": alone})).await;
    assert_eq!(json_of(restarted).await["State"], "Pending");
    assert_eq!(stage.control.jobs().len(), 3);
}

#[tokio::test]
async fn a_job_stops_when_asked_and_is_killed_when_it_does_not() {
    let stage = stage().await;
    let stop = |id: i64| format!("/odata/Jobs({id})/UiPath.Server.Configuration.OData.StopJob");
    let soft = stage.start("LongReport", "soft").await;
    stage.control.push_fault(Fault::IgnoreSoftStop);
    let deaf = stage.start("LongReport", "deaf").await;
    let pending = stage.start("LongReport", "pending").await;
    assert_eq!(stage.post(&stop(pending), json!({"strategy": "SoftStop"})).await.status(), 200);
    assert_eq!(stage.state(pending).await, "Stopped");
    stage.pass(2);

    let response = stage.post(STOP_JOBS, json!({"strategy": "SoftStop", "jobIds": [soft, deaf]})).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.text().await.unwrap(), "");
    assert_eq!(stage.state(soft).await, "Stopping");
    stage.pass(1);
    assert_eq!(stage.state(soft).await, "Stopped");
    assert_eq!(stage.state(deaf).await, "Stopping");
    assert_eq!(stage.post(&stop(deaf), json!({"Strategy": "2"})).await.status(), 200);
    assert_eq!(stage.state(deaf).await, "Terminating");
    stage.pass(1);
    assert_eq!(stage.state(deaf).await, "Stopped");
    assert_eq!(stage.post(&stop(7), json!({"strategy": "Kill"})).await.status(), 404);
    assert_eq!(stage.post(&stop(deaf), json!({"strategy": "Maybe"})).await.status(), 400);
}

#[tokio::test]
async fn a_job_that_is_done_before_the_soft_stop_is_noticed_has_succeeded() {
    let stage = stage().await;
    let id = stage.start("Heartbeat", "r").await;
    assert_eq!(stage.state(id).await, "Running");
    assert_eq!(stage.post(STOP_JOBS, json!({"strategy": "SoftStop", "jobIds": [id]})).await.status(), 200);
    assert_eq!(stage.state(id).await, "Stopping");
    stage.pass(1);
    assert_eq!(stage.state(id).await, "Successful");
}

#[tokio::test]
async fn a_stop_expression_holds_without_anybody_asking() {
    let stage = stage().await;
    stage.control.push_fault(Fault::IgnoreSoftStop);
    let id = stage
        .start_with(json!({
            "ReleaseName": "LongReport", "StopStrategy": "SoftStop", "StopProcessExpression": "5",
            "KillProcessExpression": "3",
        }))
        .await;
    for (seconds, state) in [(4, "Running"), (1, "Stopping"), (3, "Terminating"), (1, "Stopped")] {
        stage.pass(seconds);
        assert_eq!(stage.state(id).await, state);
    }
}

#[tokio::test]
async fn a_start_that_the_real_service_refuses_is_refused_here() {
    let stage = stage().await;
    let long = "x".repeat(129);
    let large = json!({"a": "x".repeat(10_000)}).to_string();
    let cases = [
        (json!({}), 400, 0),
        (json!({"startInfo": {}}), 400, 0),
        (json!({"startInfo": {"ReleaseName": "Nobody"}}), 404, 1002),
        (json!({"startInfo": {"ReleaseKey": "6e8a2a3c-0000-4000-8000-000000000000"}}), 404, 1002),
        (json!({"startInfo": {"ReleaseKey": "no key"}}), 400, 0),
        (json!({"startInfo": {"ReleaseName": "Heartbeat", "Reference": long}}), 400, 0),
        (json!({"startInfo": {"ReleaseName": "Heartbeat", "InputArguments": {"a": 1}}}), 400, 0),
        (json!({"startInfo": {"ReleaseName": "Heartbeat", "InputArguments": "no json"}}), 400, 0),
        (json!({"startInfo": {"ReleaseName": "Heartbeat", "InputArguments": large}}), 400, 0),
        (json!({"startInfo": {"ReleaseName": "Heartbeat", "Strategy": "Any"}}), 400, 0),
        (json!({"startInfo": {"ReleaseName": "Heartbeat", "Strategy": "ModernJobsCount"}}), 400, 0),
        (json!({"startInfo": {"ReleaseName": "Heartbeat", "Strategy": "JobsCount", "JobsCount": 0}}), 400, 0),
        (json!({"startInfo": {"ReleaseName": "Heartbeat", "RuntimeType": "Magic"}}), 400, 0),
        (json!({"startInfo": {"ReleaseName": "Heartbeat", "SpecificPriorityValue": 101}}), 400, 0),
        (json!({"startInfo": {"ReleaseName": "Heartbeat", "JobPriority": "Low", "SpecificPriorityValue": 3}}), 400, 0),
        (json!({"startInfo": {"ReleaseName": "Heartbeat", "Colour": "blue"}}), 400, 0),
    ];
    for (body, status, code) in cases {
        let response = stage.post(START, body.clone()).await;
        assert_eq!(response.status(), status, "{body}");
        let error = json_of(response).await;
        assert_eq!(error["errorCode"], code, "{body}");
        assert!(error["message"].is_string() && error["traceId"].is_string());
    }
    let form = stage.request(Method::POST, START).form(&[("startInfo", "x")]).send().await.unwrap();
    assert_eq!(form.status(), 400);
    assert_eq!(stage.control.jobs(), []);
}

#[tokio::test]
async fn several_jobs_asked_for_at_once_share_a_batch() {
    let stage = stage().await;
    let three = json!({"startInfo": {"ReleaseName": "Heartbeat", "Strategy": "ModernJobsCount", "JobsCount": 3}});
    let jobs = rows_of(stage.post(START, three).await).await;
    assert_eq!(jobs.len(), 3);
    assert_eq!(jobs[0]["BatchExecutionKey"], jobs[2]["BatchExecutionKey"]);
    assert_ne!(jobs[0]["Key"], jobs[2]["Key"]);
}

#[tokio::test]
async fn an_old_server_does_not_know_new_fields() {
    let stage = stage_with(|config| config.tenant.api_version = 11).await;
    let release = stage.rows("/odata/Releases?$filter=Name eq 'Heartbeat'").await[0]["Key"].clone();
    let start = async |info: Value| stage.post(START, json!({"startInfo": info})).await.status();
    assert_eq!(start(json!({"ReleaseKey": release, "Reference": "r"})).await, 201);
    assert_eq!(start(json!({"ReleaseKey": release, "StopProcessExpression": "5"})).await, 400);
    assert_eq!(start(json!({"ReleaseName": "Heartbeat"})).await, 400);
}

// ---- lists ----

#[tokio::test]
async fn filters_find_what_they_say() {
    let stage = stage().await;
    let a = stage.start("InvoiceIntake", "p1.a").await;
    stage.pass(60);
    let b = stage.start("LongReport", "p1.b").await;
    let c = stage.start("Heartbeat", "it's").await;
    let d = stage.start_with(json!({"ReleaseName": "Flaky"})).await;
    stage.pass(1);
    let truth = stage.control.jobs();
    let (key_a, key_b) = (truth[0].key, truth[1].key);
    let cases: Vec<(String, Vec<i64>)> = vec![
        ("Reference eq 'p1.a'".into(), vec![a]),
        ("reference eq 'P1.A'".into(), vec![a]),
        ("Reference eq 'it''s'".into(), vec![c]),
        ("Reference eq null".into(), vec![d]),
        ("Reference ne 'p1.a'".into(), vec![b, c, d]),
        ("startswith(Reference,'p1.')".into(), vec![a, b]),
        ("endswith(Reference, 'b') or contains(Reference,'t')".into(), vec![b, c]),
        ("not startswith(Reference,'p1.')".into(), vec![c, d]),
        ("State eq 'Running'".into(), vec![b, d]),
        ("state eq 'successful' and Id gt 0".into(), vec![a, c]),
        ("State eq '5'".into(), vec![a, c]),
        ("State in ('Running','Pending')".into(), vec![b, d]),
        (format!("Id eq {a}"), vec![a]),
        (format!("Id ge {b} and Id le {c}"), vec![b, c]),
        (format!("Id lt {b} or Id gt {c}"), vec![a, d]),
        (format!("Id in ({a},{d})"), vec![a, d]),
        (format!("Key eq {key_a}"), vec![a]),
        (format!("key in ('{key_a}', '{key_b}')"), vec![a, b]),
        (format!("Key in ({key_b})"), vec![b]),
        ("CreationTime ge 2026-11-23T08:01:00Z".into(), vec![b, c, d]),
        ("CreationTime lt 2026-11-23T09:01:00+01:00".into(), vec![a]),
        ("EndTime eq null".into(), vec![b, d]),
        ("EndTime le 2026-11-23T08:00:03.000Z".into(), vec![a]),
        ("not (State eq 'Running' or ReleaseName eq 'Heartbeat')".into(), vec![a]),
        ("ReleaseName eq 'LongReport' and (State eq 'Pending' or State eq 'Running')".into(), vec![b]),
        ("Id eq 0 and Id eq 0 or Id gt 0".into(), vec![a, b, c, d]),
        ("Id eq 0 and (Id eq 0 or Id gt 0)".into(), vec![]),
    ];
    for (filter, ids) in cases {
        let response = stage.filtered(&filter).await;
        assert_eq!(response.status(), 200, "{filter}");
        let found: Vec<i64> = rows_of(response).await.iter().map(|row| row["Id"].as_i64().unwrap()).collect();
        assert_eq!(found, ids, "{filter}");
    }
}

#[tokio::test]
async fn a_filter_the_real_service_cannot_read_is_refused() {
    let stage = stage().await;
    let or = |n: u32| (0..n).map(|id| format!("Id eq {id}")).collect::<Vec<_>>().join(" or ");
    let refused = [
        String::new(),
        "Reference".to_owned(),
        "Reference eq".to_owned(),
        "Reference eq 'x".to_owned(),
        "Reference eq 5".to_owned(),
        "Reference is 'x'".to_owned(),
        "Colour eq 'x'".to_owned(),
        "Id eq '5'".to_owned(),
        "Id eq 5 and".to_owned(),
        "(Id eq 5".to_owned(),
        "Id eq 5)".to_owned(),
        "Id in ()".to_owned(),
        "Key eq 'no guid'".to_owned(),
        "State eq 'Sleeping'".to_owned(),
        "State eq Running".to_owned(),
        "CreationTime ge '2026-11-23T08:00:00Z'".to_owned(),
        "CreationTime ge 2026-11-23T08:00:00".to_owned(),
        "tolower(Reference) eq 'x'".to_owned(),
        "Robot eq null".to_owned(),
        "not ".repeat(500) + "Id eq 1",
        "(".repeat(500) + "Id eq 1" + &")".repeat(500),
        or(26),
    ];
    for filter in refused {
        let response = stage.filtered(&filter).await;
        assert_eq!(response.status(), 400, "{filter}");
        let error = json_of(response).await;
        assert_eq!((&error["errorCode"], &error["message"]), (&json!(1000), &json!("Invalid OData query options")));
    }
    assert_eq!(stage.filtered(&or(25)).await.status(), 200);
    let keys = ["'6e8a2a3c-0000-4000-8000-000000000000'"; 50].join(",");
    assert_eq!(stage.filtered(&format!("Key in ({keys})")).await.status(), 200);
}

#[tokio::test]
async fn lists_are_ordered_paged_counted_and_cut_to_the_columns() {
    let stage = stage().await;
    for reference in ["b", "a", "c"] {
        stage.start("Heartbeat", reference).await;
    }
    let cases = [
        ("$orderby=Reference", vec!["a", "b", "c"]),
        ("$orderby=Id desc&$top=2", vec!["c", "a"]),
        ("$orderby=ReleaseName desc,reference asc", vec!["a", "b", "c"]),
        ("%24skip=1&%24top=1", vec!["a"]),
        ("%24filter=Reference+eq+%27c%27", vec!["c"]),
        ("$FILTER=reference%20eq%20'c'", vec!["c"]),
        ("$top=0", vec![]),
    ];
    for (query, references) in cases {
        let rows = stage.rows(&format!("/odata/Jobs?{query}")).await;
        let found: Vec<&str> = rows.iter().map(|row| row["Reference"].as_str().unwrap()).collect();
        assert_eq!(found, references, "{query}");
    }
    let page = json_of(stage.get("/odata/Jobs?$count=true&$top=1&$select=id,State&$expand=Robot").await).await;
    assert_eq!(page["@odata.count"], 3);
    assert_eq!(page["@odata.context"], "$metadata#Jobs");
    let columns: Vec<&String> = page["value"][0].as_object().unwrap().keys().collect();
    assert_eq!(columns, ["Id", "State"]);

    let refused = [
        "$top=1001",
        "$top=-1",
        "$top=x",
        "$skip=-1",
        "$select=Colour",
        "$orderby=Colour",
        "$orderby=Id sideways",
        "$orderby=Id,Key,State,Reference,StartTime,EndTime",
        "$count=maybe",
        "$colour=blue",
        "$top=1&$top=2",
    ];
    for query in refused {
        assert_eq!(stage.get(&format!("/odata/Jobs?{query}")).await.status(), 400, "{query}");
    }
}

#[tokio::test]
async fn list_calls_above_the_limit_are_refused_until_the_minute_is_over() {
    let stage = stage_with(|config| config.tenant.list_calls_per_minute = 2).await;
    assert_eq!(stage.get("/odata/Jobs").await.status(), 200);
    stage.pass(20);
    assert_eq!(stage.get("/odata/Jobs").await.status(), 200);
    let refused = stage.get("/odata/Jobs").await;
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()["retry-after"], "40");
    let id = stage.start("Heartbeat", "r").await;
    assert_eq!(stage.get(&format!("/odata/Jobs({id})")).await.status(), 200);
    stage.pass(40);
    assert_eq!(stage.get("/odata/Jobs").await.status(), 200);
    assert_eq!(SandboxConfig::demo(Clock::system()).tenant.list_calls_per_minute, 100);
}

#[tokio::test]
async fn folders_processes_logs_and_users_are_listed() {
    let stage = stage_with(|config| config.tenant.folders[1].path = "Finance/Accounts payable".to_owned()).await;
    let folders = stage.rows("/odata/Folders?$filter=FullyQualifiedName eq 'Finance/Accounts payable'&$top=1").await;
    assert_eq!(folders.len(), 1);
    assert_eq!(folders[0]["DisplayName"], "Accounts payable");
    let parents = stage.rows("/odata/Folders?$filter=FullyQualifiedName eq 'Finance'").await;
    assert_eq!(folders[0]["ParentId"], parents[0]["Id"]);
    let one = json_of(stage.get(&format!("/odata/Folders({})", parents[0]["Id"])).await).await;
    assert_eq!(one["FullyQualifiedName"], "Finance");
    let page = json_of(stage.get("/api/FoldersNavigation/GetFoldersForCurrentUser?searchText=payable").await).await;
    assert_eq!((&page["Count"], &page["PageItems"][0]["Key"]), (&json!(1), &folders[0]["Key"]));

    let releases = stage.rows("/odata/Releases?$filter=Name eq 'Heartbeat'&$top=1").await;
    assert_eq!(releases[0]["ProcessVersion"], "1.0.0");
    let list = "/odata/Releases/UiPath.Server.Configuration.OData.ListReleases?$filter=Name eq 'Heartbeat'";
    assert_eq!(stage.rows(list).await, releases);
    assert_eq!(stage.rows("/odata/Releases").await.len(), 4);

    let id = stage.start("Flaky", "r").await;
    stage.pass(5);
    let key = stage.shown(id).await["Key"].as_str().unwrap().to_owned();
    let logs = stage.rows(&format!("/odata/RobotLogs?$filter=JobKey eq {key}&$orderby=TimeStamp desc")).await;
    assert_eq!(logs.len(), 2);
    assert_eq!(logs[0]["Level"], "Error");
    let user = stage.get("/odata/Users/UiPath.Server.Configuration.OData.GetCurrentUserExtended").await;
    assert!(json_of(user).await.get("PersonalWorskpaceFeedId").is_some());
    assert_eq!(stage.get("/odata/Nothing").await.status(), 404);
    assert_eq!(stage.get("/odata/Jobs(x)").await.status(), 404);
}

#[tokio::test]
async fn a_job_of_another_folder_is_not_shown() {
    let stage = stage().await;
    let id = stage.start("Heartbeat", "r").await;
    let url = format!("{}/odata/Jobs", stage.sandbox.base_url());
    let get = |url: String| stage.http.get(url).bearer_auth(&stage.token).header("X-UIPATH-FolderPath", "Finance");
    assert_eq!(get(format!("{url}({id})")).send().await.unwrap().status(), 404);
    assert_eq!(rows_of(get(url).send().await.unwrap()).await, [] as [Value; 0]);
}

#[tokio::test]
async fn a_dry_run_says_whether_a_start_would_do() {
    let stage = stage_with(|config| config.tenant.folders[1].robots = 0).await;
    let validate = async |folder: &str, process: &str| {
        let url = format!("{}{VALIDATE}", stage.sandbox.base_url());
        let request = stage.http.post(url).bearer_auth(&stage.token).header("X-UIPATH-FolderPath", folder);
        let response = request.json(&json!({"startInfo": {"ReleaseName": process}})).send().await.unwrap();
        (response.status().as_u16(), json_of(response).await)
    };
    assert_eq!(validate("Shared", "Heartbeat").await.1["IsValid"], true);
    assert_eq!(validate("Finance", "Payroll").await.1["ErrorCodes"], json!(["TemplateNoRuntime"]));
    assert_eq!(validate("Shared", "Nobody").await.0, 404);
    assert_eq!(stage.control.jobs(), []);
}

#[tokio::test]
async fn a_queue_item_is_placed_once_for_each_reference() {
    let stage = stage().await;
    let item = json!({"itemData": {"name": "Heartbeats", "reference": "q1", "specificContent": {"n": 1}}});
    let placed = stage.post(ADD_ITEM, item.clone()).await;
    assert_eq!(placed.status(), 201);
    let again = stage.post(ADD_ITEM, item).await;
    assert_eq!((again.status().as_u16(), json_of(again).await["errorCode"].clone()), (409, json!(1016)));
    assert_eq!(stage.post(ADD_ITEM, json!({"itemData": {"Name": "Nothing"}})).await.status(), 404);
    let found = stage.rows("/odata/QueueItems?$filter=Reference eq 'q1'").await;
    assert_eq!(found[0]["Id"], json_of(placed).await["Id"]);
    assert_eq!(stage.control.queue_items().len(), 1);
}

#[tokio::test]
async fn absent_values_are_left_out_or_written_as_null_as_wished() {
    for (nulls, written) in [(Nulls::Omitted, None), (Nulls::Written, Some(&Value::Null))] {
        let stage = stage_with(|config| config.tenant.nulls = nulls).await;
        let id = stage.start("Heartbeat", "r").await;
        assert_eq!(stage.shown(id).await.get("EndTime"), written);
    }
}

// ---- where and who ----

#[tokio::test]
async fn a_folder_is_named_by_any_of_its_four_headers() {
    let stage = stage_with(|config| config.tenant.folders[1].path = "Büro".to_owned()).await;
    let folder = stage.rows("/odata/Folders?$filter=FullyQualifiedName eq 'Büro'").await[0].clone();
    let bytes: Vec<u8> = "Büro".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let encoded = base64::engine::general_purpose::STANDARD.encode(bytes);
    let url = format!("{}/odata/Releases", stage.sandbox.base_url());
    let get = async |header: Option<(&str, &str)>| {
        let mut request = stage.http.get(&url).bearer_auth(&stage.token);
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), json_of(response).await)
    };
    let headers = [
        ("X-UIPATH-OrganizationUnitId", folder["Id"].to_string(), 3),
        ("x-uipath-folderkey", folder["Key"].as_str().unwrap().to_owned(), 3),
        ("X-UIPATH-FolderPath", "shared".to_owned(), 4),
        ("X-UIPATH-FolderPath-Encoded", encoded, 3),
    ];
    for (name, value, processes) in headers {
        let (status, body) = get(Some((name, &value))).await;
        assert_eq!((status, body["value"].as_array().unwrap().len()), (200, processes), "{name}");
        let (status, body) = get(Some((name, "wrong"))).await;
        assert_eq!((status, &body["errorCode"]), (400, &json!(1100)), "{name}");
    }
    let (status, body) = get(None).await;
    assert_eq!((status, &body["errorCode"]), (400, &json!(1101)));
}

#[tokio::test]
async fn all_three_bases_lead_to_the_tenant() {
    let stage = stage().await;
    let get = async |path: &str, tenant: Option<&str>| {
        let mut request = stage.http.get(format!("{}{path}", stage.sandbox.root_url())).bearer_auth(&stage.token);
        if let Some(tenant) = tenant {
            request = request.header("X-UIPATH-TenantName", tenant);
        }
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(get("/acme/acmeprod/orchestrator_/odata/Folders", None).await, 200);
    assert_eq!(get("/Acme/AcmeProd/odata/folders", None).await, 200);
    assert_eq!(get("/odata/Folders", None).await, 200);
    assert_eq!(get("/odata/Folders", Some("acmeprod")).await, 200);
    assert_eq!(get("/odata/Folders", Some("other")).await, 401);
    assert_eq!(get("/acme/other/orchestrator_/odata/Folders", None).await, 404);
    assert_eq!(get("/acme/acmeprod/elsewhere_/odata/Folders", None).await, 404);
}

#[tokio::test]
async fn a_call_without_a_good_token_is_refused() {
    let stage = stage().await;
    let get = async |authorization: Option<String>| {
        let mut request = stage.http.get(format!("{}/odata/Folders", stage.sandbox.base_url()));
        if let Some(authorization) = authorization {
            request = request.header("Authorization", authorization);
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), json_of(response).await)
    };
    assert_eq!(get(None).await.0, 401);
    assert_eq!(get(Some("Bearer nonsense".to_owned())).await.0, 401);
    assert_eq!(get(Some(format!("bearer {}", stage.token))).await.0, 200);
    assert_eq!(get(Some("Bearer sandbox-personal-access-token".to_owned())).await.0, 200);

    let narrow = format!("Bearer {}", stage.control.mint_token(&["OR.Folders.Read"]));
    assert_eq!(get(Some(narrow.clone())).await.0, 200);
    let (status, body) = get(Some(format!("Bearer {}", stage.control.mint_token(&["OR.Folders.Write"])))).await;
    assert_eq!(status, 403);
    assert_eq!(body, json!({"errorMessage": "OAuth authorization failed. 'OR.Folders' scope not found."}));

    stage.pass(3_599);
    assert_eq!(get(Some(narrow.clone())).await.0, 200);
    stage.pass(1);
    assert_eq!(get(Some(narrow)).await.0, 401);
    let fresh = format!("Bearer {}", stage.control.mint_token(&[]));
    assert_eq!(get(Some(fresh.clone())).await.0, 200);
    stage.control.revoke_tokens();
    assert_eq!(get(Some(fresh)).await.0, 401);
}

#[tokio::test]
async fn an_application_gets_a_token_for_the_scopes_it_has() {
    let stage = stage().await;
    let call = async |path: &str, secret: &str, scope: &str| {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", "sandbox-client"),
            ("client_secret", secret),
            ("scope", scope),
        ];
        stage.token_call(path, &form).await
    };
    for path in ["/identity_/connect/token", "/acme/identity_/connect/token", "/identity/connect/token"] {
        let (status, body) = call(path, "sandbox-secret", "OR.Jobs OR.Folders.Read").await;
        assert_eq!((status, &body["expires_in"]), (200, &json!(3_600)), "{path}");
        assert_eq!((&body["token_type"], body.get("refresh_token")), (&json!("Bearer"), None));
    }
    let path = "/identity_/connect/token";
    let invalid = |error: &str| (400, json!({"error": error}));
    assert_eq!(call(path, "wrong", "OR.Jobs").await, invalid("invalid_client"));
    assert_eq!(call(path, "sandbox-secret", "OR.Jobs offline_access").await, invalid("invalid_scope"));
    assert_eq!(call(path, "sandbox-secret", "OR.Robots").await, invalid("invalid_scope"));
    assert_eq!(call(path, "sandbox-secret", "OR.Jobs OR.Jobs.Read OR.Jobs.Write").await, invalid("invalid_scope"));
    assert_eq!(call(path, "sandbox-secret", "").await, invalid("invalid_scope"));
    let url = format!("{}{path}", stage.sandbox.root_url());
    let body = json!({
        "grant_type": "client_credentials", "client_id": "sandbox-client", "client_secret": "sandbox-secret",
        "scope": "OR.Jobs",
    });
    let response = stage.http.post(url).json(&body).send().await.unwrap();
    assert_eq!((response.status().as_u16(), json_of(response).await), invalid("invalid_client"));
    let other = [("grant_type", "password"), ("client_id", "sandbox-client")];
    assert_eq!(stage.token_call(path, &other).await, invalid("unsupported_grant_type"));

    let wrong = stage.http.post(format!("{}/acme/identity/connect/token", stage.sandbox.root_url()));
    let wrong = wrong.form(&other).send().await.unwrap();
    assert_eq!(wrong.status(), 200);
    assert!(wrong.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
}

#[tokio::test]
async fn a_refresh_token_is_good_once_and_its_reuse_revokes_the_family() {
    let stage = stage().await;
    let (status, first) = stage.refresh("sandbox-refresh-token").await;
    assert_eq!(status, 200);
    let next = first["refresh_token"].as_str().unwrap();
    assert_ne!(next, "sandbox-refresh-token");
    let (status, second) = stage.refresh(next).await;
    assert_eq!(status, 200);

    assert_eq!(stage.refresh("sandbox-refresh-token").await, (400, json!({"error": "invalid_grant"})));
    let (status, _) = stage.refresh(second["refresh_token"].as_str().unwrap()).await;
    assert_eq!(status, 400, "the newest token of the family is dead as well");
    let outcomes: Vec<TokenOutcome> = stage.control.token_calls().into_iter().map(|call| call.outcome).collect();
    // Tokens 1 and 2 are the personal one and the caller's.
    let refused = TokenOutcome::Refused("invalid_grant".to_owned());
    assert_eq!(outcomes, [TokenOutcome::Granted(3), TokenOutcome::Granted(4), TokenOutcome::ReuseDetected, refused]);
}

#[tokio::test]
async fn within_the_grace_window_a_used_refresh_token_brings_the_old_answer_again() {
    let stage = stage_with(|config| config.identity.reuse_grace = Some(Duration::from_secs(10))).await;
    let first = stage.refresh("sandbox-refresh-token").await;
    stage.pass(10);
    assert_eq!(stage.refresh("sandbox-refresh-token").await, first);
    stage.pass(1);
    assert_eq!(stage.refresh("sandbox-refresh-token").await.0, 400);
    assert_eq!(stage.control.token_calls()[1].outcome, TokenOutcome::Repeated);
}

#[tokio::test]
async fn a_refresh_token_lives_sixty_days_or_until_it_is_revoked() {
    let aged = stage().await;
    aged.pass(60 * 24 * 3_600);
    assert_eq!(aged.refresh("sandbox-refresh-token").await.0, 400);
    let revoked = stage().await;
    revoked.control.revoke_refresh_tokens();
    assert_eq!(revoked.refresh("sandbox-refresh-token").await.0, 400);
}

#[tokio::test]
async fn a_user_key_of_the_early_cloud_stays_good_and_brings_no_new_one() {
    let stage = stage().await;
    let url = format!("{}/oauth/token", stage.sandbox.root_url());
    let body = json!({
        "grant_type": "refresh_token", "client_id": "sandbox-account", "refresh_token": "sandbox-user-key",
    });
    for _ in 0..2 {
        let response = stage.http.post(&url).json(&body).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let answer = json_of(response).await;
        assert_eq!(answer["expires_in"], 86_400);
        assert!(answer["id_token"].is_string() && answer["scope"].is_string() && answer["token_type"] == "Bearer");
        assert_eq!(answer.get("refresh_token"), None);
        let token = answer["access_token"].as_str().unwrap();
        let jobs = stage.http.get(format!("{}/odata/Jobs", stage.sandbox.base_url())).bearer_auth(token);
        assert_eq!(jobs.header("X-UIPATH-FolderPath", "Shared").send().await.unwrap().status(), 200);
    }
    let wrong = json!({"grant_type": "refresh_token", "client_id": "sandbox-account", "refresh_token": "other"});
    let response = stage.http.post(&url).json(&wrong).send().await.unwrap();
    assert_eq!(json_of(response).await, json!({"error": "invalid_grant"}));
}

#[tokio::test]
async fn a_user_logs_in_with_a_password_for_half_an_hour() {
    let stage = stage().await;
    let url = format!("{}/api/Account/Authenticate", stage.sandbox.root_url());
    let body = json!({
        "TenancyName": "acmeprod", "usernameOrEmailAddress": "sandbox-user", "password": "sandbox-password",
    });
    let answer = json_of(stage.http.post(&url).json(&body).send().await.unwrap()).await;
    assert_eq!((&answer["success"], answer.get("expires_in")), (&json!(true), None));
    let token = answer["result"].as_str().unwrap();
    let folders = format!("{}/odata/Folders", stage.sandbox.base_url());
    stage.pass(1_799);
    assert_eq!(stage.http.get(&folders).bearer_auth(token).send().await.unwrap().status(), 200);
    stage.pass(1);
    assert_eq!(stage.http.get(&folders).bearer_auth(token).send().await.unwrap().status(), 401);
    let wrong = json!({"tenancyName": "acmeprod", "usernameOrEmailAddress": "sandbox-user", "password": "x"});
    assert_eq!(stage.http.post(&url).json(&wrong).send().await.unwrap().status(), 400);
}

#[tokio::test]
async fn a_login_with_pkce_brings_the_first_refresh_token() {
    let stage = stage().await;
    let verifier = "a-verifier-that-is-long-enough-to-be-one-0123456789";
    let challenge = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(verifier));
    let authorize = async || {
        let query = [
            ("response_type", "code"),
            ("client_id", "sandbox-client"),
            ("redirect_uri", "http://127.0.0.1:9/back"),
            ("scope", "OR.Jobs offline_access"),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
            ("state", "s1"),
        ];
        let url = format!("{}/acme/identity_/connect/authorize", stage.sandbox.root_url());
        let response = stage.http.get(url).query(&query).send().await.unwrap();
        assert_eq!(response.status(), 302);
        let location = url::Url::parse(response.headers()["location"].to_str().unwrap()).unwrap();
        let pairs: Vec<(String, String)> = location.query_pairs().into_owned().collect();
        assert_eq!((pairs[0].0.as_str(), &pairs[1]), ("code", &("state".to_owned(), "s1".to_owned())));
        pairs[0].1.clone()
    };
    // Without a secret the client is a public one.
    let redeem_with = async |secret: &str, code: &str, verifier: &str| {
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", "sandbox-client"),
            ("client_secret", secret),
            ("code", code),
            ("redirect_uri", "http://127.0.0.1:9/back"),
            ("code_verifier", verifier),
        ];
        stage.token_call("/identity_/connect/token", &form).await
    };
    let redeem = async |code: &str, verifier: &str| redeem_with("", code, verifier).await;
    let code = authorize().await;
    let (status, answer) = redeem_with("wrong", &code, verifier).await;
    assert_eq!((status, &answer["error"]), (400, &json!("invalid_client")), "which does not spend the code");
    let (status, answer) = redeem(&code, verifier).await;
    assert_eq!((status, &answer["scope"]), (200, &json!("OR.Jobs")));
    assert_eq!(stage.refresh(answer["refresh_token"].as_str().unwrap()).await.0, 200);
    assert_eq!(redeem(&code, verifier).await.0, 400, "a code is good once");
    assert_eq!(redeem(&authorize().await, "another verifier").await.0, 400);
}

// ---- faults ----

#[tokio::test]
async fn a_dropped_answer_leaves_a_job_and_a_closed_connection() {
    let stage = stage().await;
    stage.control.push_fault(Fault::DropAnswer);
    let error = stage.try_start("Heartbeat", "r").await.unwrap_err();
    assert!(!error.is_connect() && !error.is_timeout() && error.status().is_none(), "{error:?}");
    assert_eq!(stage.control.jobs().len(), 1);
    let exchange = stage.control.exchanges().pop().unwrap();
    assert_eq!((exchange.status, exchange.faults.as_slice()), (None, ["drop_answer"].as_slice()));
    assert_eq!(exchange.response_json().unwrap()["value"][0]["Reference"], "r");
    assert_eq!(stage.found("r").await.len(), 1);
}

#[tokio::test]
async fn a_cut_connection_carries_not_a_byte() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let stage = stage().await;
    stage.control.push_fault(Fault::DropAnswer);
    let address = stage.sandbox.root_url().strip_prefix("http://").unwrap().to_owned();
    let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
    let request =
        format!("GET /odata/Folders HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\n\r\n", stage.token);
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // Closed or reset: either way there is nothing to read.
    let _ = stream.read_to_end(&mut answer).await;
    assert_eq!(answer, b"");
    assert_eq!(stage.control.faults_fired(), 1);
}

#[tokio::test]
async fn a_dropped_request_leaves_nothing() {
    let stage = stage().await;
    stage.control.push_fault(Fault::DropRequest);
    assert!(stage.try_start("Heartbeat", "r").await.is_err());
    assert_eq!(stage.control.jobs(), []);
    assert_eq!(stage.try_start("Heartbeat", "r").await.unwrap().status(), 201);
}

#[tokio::test]
async fn a_late_job_is_in_its_own_answer_and_then_nowhere_until_its_time() {
    let stage = stage().await;
    stage.control.push_fault(Fault::Late(Duration::from_secs(90)));
    let started = rows_of(stage.try_start("Heartbeat", "r").await.unwrap()).await[0].clone();
    assert_eq!(started["Reference"], "r");
    let by_id = format!("/odata/Jobs({})", started["Id"]);
    stage.pass(89);
    assert_eq!(stage.found("r").await.len(), 0);
    assert_eq!(stage.get(&by_key(&started["Key"])).await.status(), 404);
    assert_eq!(json_of(stage.get(&by_id).await).await["errorCode"], 1002);
    let truth = stage.control.jobs().pop().unwrap();
    assert_eq!(truth.visible_at, at("2026-11-23T08:01:30Z"));
    assert_eq!(truth.state, JobState::Successful, "late or not, it runs");
    stage.pass(1);
    assert_eq!(stage.found("r").await.len(), 1);
    assert_eq!(stage.get(&by_id).await.status(), 200);
}

#[tokio::test]
async fn list_faults_twist_the_list_and_nothing_else() {
    let stage = stage().await;
    for reference in ["a", "b"] {
        stage.start("LongReport", reference).await;
    }
    stage.control.push_fault(Fault::IgnoreFilter);
    assert_eq!(stage.found("a").await.len(), 2);
    assert_eq!(stage.found("a").await.len(), 1);
    stage.control.push_fault(Fault::RefuseFilter);
    assert_eq!(json_of(stage.filtered("Id gt 0").await).await["errorCode"], 1000);
    stage.control.push_fault(Fault::EmptyList);
    assert_eq!(stage.found("a").await.len(), 0);
    stage.control.push_fault(Fault::HideReference);
    let hidden = stage.found("a").await;
    assert_eq!((hidden.len(), hidden[0].get("Reference")), (1, None));
    stage.control.push_fault(Fault::ShowState("Cancelled".to_owned()));
    assert_eq!(stage.found("a").await[0]["State"], "Cancelled");
    assert_eq!(stage.found("a").await[0]["State"], "Pending");
    assert_eq!(stage.control.faults_fired(), 5);
}

#[tokio::test]
async fn refusals_stand_in_for_the_work_and_failures_come_after_it() {
    let cases = [
        (Fault::Refuse(Refusal::code(409, 1670)), 409, "The robots already have pending jobs for this Process", 0),
        (Fault::Refuse(Refusal::code(409, 1671)), 409, "Couldn't find any user with unattended robot", 0),
        (Fault::Refuse(Refusal::code(409, 2818)), 409, "Could not find a machine", 0),
        (Fault::Refuse(Refusal::code(403, 0)), 403, "errorCode", 0),
        (Fault::Refuse(Refusal::gateway(502)), 502, "<h1>", 0),
        (Fault::FailAfter(Refusal::gateway(504)), 504, "<h1>", 1),
        (Fault::FailAfter(Refusal::code(500, 0)), 500, "errorCode", 1),
        (Fault::Html, 200, "<h1>Log in", 0),
        (Fault::Redirect("http://127.0.0.1:9/".to_owned()), 307, "", 0),
        (Fault::Garble, 201, "\"value\":[{", 1),
        (Fault::NoJobs, 201, "\"value\":[]", 1),
        (Fault::RevokeToken, 401, "not authenticated", 0),
    ];
    for (fault, status, text, jobs) in cases {
        let stage = stage().await;
        stage.control.push_fault(fault.clone());
        let response = stage.try_start("Heartbeat", "r").await.unwrap();
        assert_eq!(response.status(), status, "{fault:?}");
        let body = response.text().await.unwrap();
        assert!(body.contains(text), "{fault:?}: {body}");
        let reads = body.contains("errorCode") || fault == Fault::NoJobs;
        assert_eq!(serde_json::from_str::<Value>(&body).is_ok(), reads, "{fault:?}");
        assert_eq!(stage.control.jobs().len(), jobs, "{fault:?}");
        let next = if fault == Fault::RevokeToken { 401 } else { 201 };
        assert_eq!(stage.try_start("Heartbeat", "r").await.unwrap().status(), next, "{fault:?}");
    }
}

#[tokio::test]
async fn a_429_names_the_time_to_wait() {
    let stage = stage().await;
    let rule = FaultRule::always(Fault::Refuse(Refusal::code(429, 0).retry_after(7))).count(2).on(Endpoint::StartJobs);
    stage.control.push_rule(rule);
    for _ in 0..2 {
        let response = stage.try_start("Heartbeat", "r").await.unwrap();
        assert_eq!((response.status().as_u16(), response.headers()["retry-after"].as_bytes()), (429, b"7".as_slice()));
    }
    assert_eq!(stage.try_start("Heartbeat", "r").await.unwrap().status(), 201);
}

#[tokio::test]
async fn one_call_can_make_several_jobs_and_show_one() {
    let stage = stage().await;
    stage.control.push_fault(Fault::Duplicate(3));
    assert_eq!(rows_of(stage.try_start("Heartbeat", "r").await.unwrap()).await.len(), 1);
    assert_eq!(stage.found("r").await.len(), 3);
}

#[tokio::test]
async fn work_that_was_asked_for_is_done_even_if_the_client_hangs_up() {
    let stage = stage().await;
    stage.control.push_fault(Fault::Delay(Duration::from_secs(40)));
    let asked = tokio::spawn(stage.start_request("Heartbeat", "r").send());
    stage.control.wait_until(|control| control.faults_fired() == 1).await;
    asked.abort();
    assert!(asked.await.unwrap_err().is_cancelled());
    assert_eq!(stage.control.jobs(), []);
    stage.pass(40);
    stage.control.wait_until(|control| control.jobs().len() == 1).await;
    assert_eq!(stage.control.jobs()[0].created_at, at("2026-11-23T08:00:40Z"));
}

#[tokio::test]
async fn a_delayed_answer_comes_after_the_work() {
    let stage = stage().await;
    stage.control.push_fault(Fault::DelayAnswer(Duration::from_secs(40)));
    let asked = tokio::spawn(stage.start_request("Heartbeat", "r").send());
    stage.control.wait_until(|control| control.jobs().len() == 1).await;
    assert!(!asked.is_finished());
    stage.pass(40);
    assert_eq!(asked.await.unwrap().unwrap().status(), 201);
    assert_eq!(stage.control.jobs()[0].created_at, at("2026-11-23T08:00:00Z"));
}

#[tokio::test]
async fn the_token_endpoint_can_be_down_alone() {
    let stage = stage().await;
    stage.control.push_rule(FaultRule::once(Fault::Refuse(Refusal::gateway(503))).on(Endpoint::Token));
    assert_eq!(stage.get("/odata/Folders").await.status(), 200);
    let form =
        [("grant_type", "refresh_token"), ("client_id", "sandbox-client"), ("refresh_token", "sandbox-refresh-token")];
    let url = format!("{}/identity_/connect/token", stage.sandbox.root_url());
    assert_eq!(stage.http.post(&url).form(&form).send().await.unwrap().status(), 503);
    stage.control.push_rule(FaultRule::once(Fault::DropAnswer).on(Endpoint::Token));
    assert!(stage.http.post(&url).form(&form).send().await.is_err());
    let outcomes: Vec<TokenOutcome> = stage.control.token_calls().into_iter().map(|call| call.outcome).collect();
    assert_eq!(outcomes, [TokenOutcome::Prevented, TokenOutcome::Granted(3)]);
}

#[tokio::test]
async fn outages_are_silent_or_answered_by_a_gateway_or_refused_and_they_end() {
    let stage = stage().await;
    stage.control.set_outage(Outage::Silent);
    let error = stage.try_start("Heartbeat", "r").await.unwrap_err();
    assert!(!error.is_connect(), "{error:?}");
    stage.control.set_outage(Outage::Unavailable);
    assert_eq!(stage.try_start("Heartbeat", "r").await.unwrap().status(), 503);
    stage.control.set_outage(Outage::Refused);
    // The listener lets go of the port in its own task: the first calls may still get through, to be cut.
    while !stage.try_start("Heartbeat", "r").await.unwrap_err().is_connect() {}
    stage.control.set_outage(Outage::None);
    let response = loop {
        match stage.try_start("Heartbeat", "r").await {
            Ok(response) => break response,
            Err(error) => assert!(error.is_connect(), "{error:?}"),
        }
    };
    assert_eq!(response.status(), 201);
    assert_eq!(stage.control.jobs().len(), 1);
}

#[tokio::test]
async fn rules_choose_by_process_path_order_and_share_and_repeat_themselves() {
    let rules = [
        FaultRule::always(Fault::Refuse(Refusal::code(409, 1670))).process("flaky"),
        FaultRule::always(Fault::EmptyList).path("robotlogs"),
        FaultRule::always(Fault::Duplicate(2)).process("Heartbeat").skip(1).count(1),
        FaultRule::always(Fault::Late(Duration::from_secs(5))).share(0.5),
    ];
    let mut stories = Vec::new();
    for seed in [7, 7, 8] {
        let stage = stage_with(|config| config.seed = seed).await;
        stage.control.set_faults(Faults { rules: rules.to_vec() });
        assert_eq!(stage.try_start("Flaky", "r").await.unwrap().status(), 409);
        for n in 0..20 {
            assert_eq!(stage.try_start("Heartbeat", &format!("r{n}")).await.unwrap().status(), 201);
        }
        let jobs = stage.control.jobs();
        assert_eq!(jobs.len(), 21);
        assert_eq!((&jobs[1].reference, &jobs[2].reference), (&Some("r1".to_owned()), &Some("r1".to_owned())));
        let late = jobs.iter().filter(|job| job.visible_at > job.created_at).count();
        assert!((4..=17).contains(&late), "{late} of 21 jobs are late");
        stories.push(jobs);
        stage.pass(100);
        assert_eq!(stage.rows("/odata/RobotLogs").await.len(), 0);
        assert_eq!(stage.rows("/odata/Jobs").await.len(), 21);
    }
    assert_eq!(stories[0], stories[1]);
    let throws = |jobs: &[punctual::sandbox::JobTruth]| jobs.iter().map(|job| job.visible_at).collect::<Vec<_>>();
    assert_ne!(throws(&stories[0]), throws(&stories[2]));
}

#[tokio::test]
async fn a_call_that_is_refused_for_its_token_uses_no_fault_up() {
    let stage = stage().await;
    stage.control.push_fault(Fault::DropAnswer);
    let url = format!("{}/odata/Folders", stage.sandbox.base_url());
    assert_eq!(stage.http.get(url).bearer_auth("nonsense").send().await.unwrap().status(), 401);
    assert_eq!(stage.control.faults_fired(), 0);
}

#[tokio::test]
async fn the_servers_clock_is_wrong_only_when_told_so() {
    let stage = stage().await;
    stage.control.push_fault(Fault::DateOff(SignedDuration::from_mins(-10)));
    assert_eq!(stage.get("/odata/Folders").await.headers()["date"], "Mon, 23 Nov 2026 07:50:00 GMT");
    stage.hand.step_to(at("2026-11-24T08:00:00Z"));
    let date = stage.get("/odata/Folders").await.headers()["date"].clone();
    assert_eq!(date, "Mon, 23 Nov 2026 08:00:00 GMT", "a step of our wall clock is none of the server's");
}

#[test]
fn faults_are_read_from_yaml_and_json() {
    let text = "rules:\n  - { fault: drop_answer, on: start_jobs, share: 0.1 }\n  - { fault: { late: 20s }, process: A, \
                count: 3 }\n  - fault: { refuse: { status: 409, code: 1670 } }\n    skip: 2\n  - { fault: { date_off: \
                -6m } }\n";
    let faults = Faults::from_yaml(text).unwrap();
    let expected = vec![
        FaultRule::always(Fault::DropAnswer).on(Endpoint::StartJobs).share(0.1),
        FaultRule::always(Fault::Late(Duration::from_secs(20))).process("A").count(3),
        FaultRule::always(Fault::Refuse(Refusal::code(409, 1670))).skip(2),
        FaultRule::always(Fault::DateOff(SignedDuration::from_mins(-6))),
    ];
    assert_eq!(faults.rules, expected);
    assert_eq!(Faults::from_yaml(r#"{"rules": [{"fault": "html"}]}"#).unwrap().rules.len(), 1);
    for (text, word) in [
        ("rules: [{ fault: explode }]", "explode"),
        ("rules: [{ fault: html, often: true }]", "often"),
        ("rule: []", "rule"),
        ("rules: [{ fault: { late: soon } }]", "soon"),
        ("rules: [{ fault: { late: -5s } }]", "negative"),
        ("rules: [{ fault: html, share: 10 }]", "between 0 and 1"),
    ] {
        let error = Faults::from_yaml(text).unwrap_err().to_string();
        assert!(error.contains(word), "{text}: {error}");
    }
}

// ---- the hand behind the scenes ----

#[tokio::test]
async fn waiting_for_a_state_ends_when_the_clock_brings_it_about() {
    let stage = stage().await;
    stage.start("Heartbeat", "r").await;
    let ended = |control: &Control| control.jobs().iter().all(|job| job.state.is_final());
    let waiting = tokio::spawn({
        let control = stage.control.clone();
        async move { control.wait_until(ended).await }
    });
    assert!(!ended(&stage.control));
    stage.pass(10);
    waiting.await.unwrap();
    // Level, not edge: what holds already needs no further change.
    stage.control.wait_until(ended).await;
}

#[tokio::test]
async fn on_the_system_clock_jobs_run_by_themselves() {
    let mut config = SandboxConfig::demo(Clock::system());
    let short = ProcessSpec::new("Short").taking(Duration::from_millis(10), Duration::from_millis(20));
    config.tenant.folders[0].processes = vec![short];
    let sandbox = Sandbox::start(config).await.unwrap();
    let control = sandbox.control();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = http.post(format!("{}{START}", sandbox.base_url()));
    let request = request.bearer_auth(control.mint_token(&[])).header("X-UIPATH-FolderPath", "Shared");
    let body = json!({"startInfo": {"ReleaseName": "Short"}});
    assert_eq!(request.json(&body).send().await.unwrap().status(), 201);
    control.wait_until(|control| control.jobs()[0].state == JobState::Successful).await;
    let job = control.jobs().pop().unwrap();
    let length = job.ended_at.unwrap().duration_since(job.started_at.unwrap());
    assert_eq!(length, SignedDuration::from_millis(20), "ended at its time, however late anybody looked");
}

#[tokio::test]
async fn jobs_are_held_finished_moved_and_forgotten_by_hand() {
    let stage = stage().await;
    let held = stage.start("InvoiceIntake", "held").await;
    let moved = stage.start("InvoiceIntake", "moved").await;
    stage.control.hold_job(held);
    stage.control.set_job_state(moved, JobState::Terminating);
    stage.pass(3_600);
    let token = stage.control.mint_token(&[]);
    let stage = Stage { token, ..stage };
    assert_eq!(stage.state(held).await, "Pending");
    assert_eq!(stage.state(moved).await, "Terminating");
    stage.control.finish_job(held, RobotResult::Faults { info: "by hand".to_owned() });
    assert_eq!(stage.shown(held).await["Info"], "by hand");
    stage.control.forget_job(held);
    assert_eq!(stage.get(&format!("/odata/Jobs({held})")).await.status(), 404);
    assert_eq!(stage.found("held").await.len(), 0);
}

#[tokio::test]
async fn the_record_of_calls_holds_everything_but_secrets() {
    let stage = stage().await;
    stage.start("Heartbeat", "r").await;
    stage.refresh("sandbox-refresh-token").await;
    let exchanges = stage.control.exchanges();
    assert_eq!(exchanges.len(), 1);
    let one = &exchanges[0];
    assert_eq!((one.method.as_str(), one.template, one.status), ("POST", Some(START), Some(201)));
    assert_eq!(one.request_body.as_ref().unwrap()["startInfo"]["Reference"], "r");
    assert_eq!(one.header("authorization"), Some("Bearer [token 2]"));
    let text = format!(
        "{exchanges:?} {:?} {:?}",
        stage.control.token_calls(),
        (&stage.sandbox, SandboxConfig::demo(Clock::system()))
    );
    for secret in [stage.token.as_str(), "sandbox-secret", "sandbox-refresh-token", "sandbox-at-", "sandbox-user-key"] {
        assert!(!text.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn a_sandbox_that_was_stopped_answers_no_more() {
    let Stage { sandbox, http, .. } = stage().await;
    let url = sandbox.root_url();
    assert_eq!(http.get(&url).send().await.unwrap().status(), 200);
    sandbox.stop().await;
    assert!(http.get(&url).send().await.unwrap_err().is_connect());
}

// ---- the contract ----

#[tokio::test]
async fn answers_are_valid_against_the_contract() {
    let path = std::env::var("PUNCTUAL_CONTRACT").unwrap_or_else(|_| "../shared/contract/orchestrator.json".to_owned());
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: there is no contract at `{path}`");
        return;
    };
    let contract: Value = serde_json::from_str(&text).unwrap();
    let stage = stage().await;
    stage.start("InvoiceIntake", "r").await;
    let failed = stage.start("Flaky", "f").await;
    stage.control.push_fault(Fault::Hang(PendingReason::NoHost));
    let hangs = stage.start("Heartbeat", "h").await;
    for told in [Telling::Info, Telling::Whole, Telling::Code] {
        stage.control.push_fault(Fault::Fails(Failure::new(Mishap::LogonFailed).told(told)));
        stage.start("Heartbeat", "l").await;
    }
    stage.pass(10);
    let folder = stage.rows("/odata/Folders?$filter=FullyQualifiedName eq 'Shared'").await[0]["Id"].clone();
    for path in [
        "/odata/Folders",
        "/odata/Releases",
        "/odata/Jobs",
        "/odata/RobotLogs",
        &format!("/odata/Jobs({failed})"),
        "/odata/Users/UiPath.Server.Configuration.OData.GetCurrentUser",
        "/api/FoldersNavigation/GetFoldersForCurrentUser",
        "/api/Folders/GetAllForCurrentUser",
        &format!("/odata/Machines/UiPath.Server.Configuration.OData.GetRuntimesForFolder(folderId={folder})"),
    ] {
        assert_eq!(stage.get(path).await.status(), 200, "{path}");
    }
    assert_eq!(stage.post(RESTART, json!({"jobId": failed})).await.status(), 200);
    assert_eq!(stage.post(VALIDATE, json!({"startInfo": {"ReleaseName": "Flaky"}})).await.status(), 200);
    let why = format!("/odata/Jobs({hangs})/UiPath.Server.Configuration.OData.ValidateExistingJob");
    assert_eq!(stage.post(&why, json!({})).await.status(), 200);
    let item = json!({"itemData": {"Name": "Heartbeats", "Reference": "q"}});
    assert_eq!(stage.post(ADD_ITEM, item).await.status(), 201);
    assert_eq!(stage.get("/odata/QueueItems").await.status(), 200);

    let exchanges = stage.control.exchanges();
    assert_eq!(exchanges.len(), 21);
    for exchange in exchanges {
        let template = exchange.template.unwrap();
        let status = exchange.status.unwrap().to_string();
        let operation = &contract["paths"][template][&exchange.method.to_lowercase()];
        let schema = &operation["responses"][&status]["content"]["application/json"]["schema"];
        assert!(schema.is_object(), "{template} is in the contract");
        let schema = json!({"allOf": [schema], "components": contract["components"]});
        let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
        let body = exchange.response_json().unwrap();
        let errors: Vec<String> =
            validator.iter_errors(&body).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert_eq!(errors, [] as [String; 0], "{template}");
    }
}
