//! `punctual status`, with a daemon and without.

use std::process::Output;

use punctual::clock::Clock;
use punctual::sandbox::{Sandbox, SandboxConfig};
use punctual::store::StateFolder;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

use super::place::{FINE, NOT_REACHABLE, Place, QUIET, in_time, json, quiet, stop, text};

fn with_sandbox(url: &str) -> Place {
    let place = Place::new(&format!(
        "version: 1\nconnections:\n  uipath:\n    url: {url}\n    tenant: acmeprod\n    auth: {{ grant: refresh_token, \
         style: account, client_id: sandbox-account, refresh_token: \"file:user-key\" }}\nschedules:\n  reports: {{ every: \
         1s, timezone: UTC, start: {{ process: LongReport, folder: Shared }} }}\n  yearly: {{ cron: \"0 0 29 2 *\", \
         timezone: UTC, start: {{ process: Leap, folder: Shared }} }}\n"
    ));
    place.write("user-key", "sandbox-user-key\n");
    place
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_daemon_tells_what_runs_what_is_due_and_how_its_token_stands() {
    let sandbox = Sandbox::start(SandboxConfig::demo(Clock::system())).await.unwrap();
    let place = with_sandbox(&sandbox.base_url());
    let daemon = place.daemon().await;
    in_time("a job", sandbox.control().wait_until(|control| !control.jobs().is_empty())).await;
    let job = sandbox.control().jobs()[0].id;

    // The job is there a moment before the daemon has noted it.
    let noted = |told: &Output| {
        assert_eq!(told.status.code(), Some(FINE), "{}", text(&told.stderr));
        let status = json(told);
        status["open_runs"][0]["job_id"].is_i64().then_some(status)
    };
    let status = place.until("the job in the status", &["status", "-o", "json"], noted).await;
    assert_eq!(status["daemon"]["pid"].as_u64(), daemon.id().map(u64::from));
    assert_eq!(status["daemon"]["store_writable"], true);
    assert_eq!(status["trouble"], serde_json::Value::Null);
    assert_eq!(status["connections"][0]["connection"], "uipath");
    assert_eq!(status["connections"][0]["obstacle"], serde_json::Value::Null);
    assert_eq!(status["connections"][0]["token"]["state"], "valid");
    assert_eq!(status["open_runs"][0]["schedule"], "reports");
    assert_eq!(status["open_runs"][0]["job_id"], job);
    assert_eq!(status["next"][0]["schedule"], "reports");
    assert_eq!(status["next"][1]["schedule"], "yearly");
    assert!(status["zone_database"]["version"].is_string(), "{status:#}");

    let told = place.run(&["status"]).await;
    let said = text(&told.stdout);
    assert_eq!(told.status.code(), Some(FINE), "{}", text(&told.stderr));
    for part in ["running since ", "2 schedules", "uipath", "token valid, until ", "reports", "tz database  "] {
        assert!(said.contains(part), "`{part}` is not in:\n{said}");
    }
    assert!(!said.contains("sandbox-user-key") && !said.contains("sandbox-at-"), "{said}");
    stop(daemon).await;
    sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_daemon_the_files_are_shown_and_the_code_is_3() {
    let place = quiet();
    let told = place.run(&["status"]).await;
    assert_eq!(told.status.code(), Some(NOT_REACHABLE), "{}", text(&told.stderr));
    let said = text(&told.stdout);
    let nobody = format!("no daemon: nobody answers at `{}`", place.socket().display());
    assert!(said.starts_with(&nobody), "{said}");
    assert!(said.contains("2028-02-29 00:00:00 +00:00  yearly"), "{said}");
    let status = json(&place.run(&["status", "-o", "json"]).await);
    assert_eq!(status["daemon"], serde_json::Value::Null);
    assert_eq!(status["next"][0]["nominal_at"], "2028-02-29T00:00:00.000Z");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worst_trouble_is_told_to_people_and_to_the_service_manager() {
    let place = quiet();
    let daemon = place.daemon().await;
    let line = place.told().await;
    assert!(line.starts_with("STATUS=1 schedule; connection `cloud`: "), "{line}");
    assert!(line.contains("http://127.0.0.1:9/acme/identity_/connect/token"), "{line}");
    let status = json(&place.run(&["status", "-o", "json"]).await);
    assert!(status["trouble"].as_str().unwrap().starts_with("connection `cloud`: "), "{status:#}");
    // Unless a try is under way in this very moment.
    let rests = |told: &std::process::Output| {
        let token = json(told)["connections"][0]["token"].clone();
        (token["state"] == "unavailable").then_some(token)
    };
    let token = place.until("the token to be unavailable", &["status", "-o", "json"], rests).await;
    assert!(token["next_try_at"].is_string(), "{token:#}");
    let told = place.run(&["status"]).await;
    assert_eq!(told.status.code(), Some(FINE), "it is asked for again by itself");
    let said = text(&told.stdout);
    assert!(said.contains("trouble: connection `cloud`, see below\n"), "{said}");
    assert_eq!(said.matches("/identity_/connect/token").count(), 1, "a trouble is said once: {said}");
    stop(daemon).await;
}

/// A process that closes a file lets go of all locks that it has on it, SQLite's too. Then whoever looks into the database next would
/// remove the log that the daemon writes into.
#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::disallowed_methods, reason = "another process looks, as any SQL tool does")]
async fn a_daemon_that_was_asked_keeps_its_hold_on_the_database() {
    let place = quiet();
    let daemon = place.daemon().await;
    assert_eq!(place.run(&["status"]).await.status.code(), Some(FINE));
    let options = SqliteConnectOptions::new().filename(StateFolder::database_path(&place.path("state")));
    let mut other = options.connect().await.unwrap();
    sqlx::query("select count(*) from run").fetch_one(&mut other).await.unwrap();
    other.close().await.unwrap();
    assert!(place.path("state/punctual.db-wal").is_file(), "the log was taken away from under the daemon");
    stop(daemon).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_that_waits_for_a_blackout_is_shown_when_it_goes_and_where_it_stands_in_the_order() {
    let place = quiet();
    let freeze = "blackouts:\n  freeze: { at: \"2028-02-29T00:00:00Z\", for: 2h, timezone: UTC, schedules: [yearly], then: wait }\n";
    let other = "  other: { at: \"2028-02-29T01:00:00Z\", timezone: UTC, start: { process: Leap, folder: Shared } }\n";
    place.write("schedules.yaml", &format!("{QUIET}{other}{freeze}"));
    let said = text(&place.run(&["status"]).await.stdout);
    let next = said.split_once("\ndue next\n").map(|(_, rest)| rest).unwrap_or_else(|| panic!("{said}"));
    let lines: Vec<&str> = next.lines().take(2).collect();
    assert_eq!(
        lines,
        [
            "  2028-02-29 01:00:00 +00:00  other",
            "  2028-02-29 02:00:00 +00:00  yearly  (due 2028-02-29 00:00:00 +00:00; waits for the end of blackout `freeze`)",
        ]
    );
    let status = json(&place.run(&["status", "-o", "json"]).await);
    let yearly = &status["next"][1];
    assert_eq!(
        [&yearly["fire_at"], &yearly["goes_at"]],
        [&"2028-02-29T00:00:00.000Z", &"2028-02-29T02:00:00.000Z"],
        "{status:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn files_with_mistakes_are_for_a_person_and_the_code_says_so() {
    let place = quiet();
    let daemon = place.daemon().await;
    assert_eq!(json(&place.run(&["status", "-o", "json"]).await)["act_on"], serde_json::json!([]));
    place.write("schedules.yaml", &QUIET.replace("process: Leap", "proces: Leap"));
    place.run(&["reload"]).await;
    let told = place.run(&["status", "-o", "json"]).await;
    assert_eq!((told.status.code(), &json(&told)["act_on"]), (Some(1), &serde_json::json!(["files"])));
    stop(daemon).await;
}
