//! Unclear starts through the real program: what each `on_unknown_start` comes to, and what a person may decide by `resolve`.

use std::process::Output;
use std::time::Duration;

use punctual::clock::{Clock, later};
use punctual::sandbox::{Control, Endpoint, Fault, FaultRule, ProcessSpec, Sandbox, SandboxConfig};
use punctual::store::StateFolder;
use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Row};

use super::place::{FINE, NOT_REACHABLE, Place, USAGE, json, stop, text};

/// A sandbox, and a daemon whose starts of these processes stay unclear although no job is made. Each is due once, a few seconds
/// from now; a job of ours in the same folder shows that look-ups work there.
async fn unclear(schedules: &[(&str, &str)]) -> (Sandbox, Place, tokio::process::Child) {
    let clock = Clock::system();
    let mut config = SandboxConfig::demo(clock.clone());
    for (process, _) in schedules {
        let quick = ProcessSpec::new(*process).taking(Duration::ZERO, Duration::from_secs(1));
        config.tenant.folders[0].processes.push(quick);
    }
    let sandbox = Sandbox::start(config).await.unwrap();
    let control = sandbox.control();
    let due = |seconds: u64| later(clock.now(), Duration::from_secs(seconds)).strftime("%FT%TZ").to_string();
    let mut lines =
        format!("  proof: {{ at: \"{}\", timezone: UTC, start: {{ process: Heartbeat, folder: Shared }} }}\n", due(4));
    for (process, keys) in schedules {
        control.push_rule(FaultRule::once(Fault::DropRequest).on(Endpoint::StartJobs).process(*process));
        lines.push_str(&format!(
            "  {process}: {{ at: \"{}\", timezone: UTC, {keys} start: {{ process: {process}, folder: Shared }} }}\n",
            due(7)
        ));
    }
    let place = Place::new(&format!(
        "version: 1\nconnections:\n  uipath:\n    url: {}\n    tenant: acmeprod\n    settle: 2s\n    auth: {{ grant: refresh_token, \
         style: account, client_id: sandbox-account, refresh_token: \"file:user-key\" }}\nschedules:\n{lines}",
        sandbox.base_url()
    ));
    place.write("user-key", "sandbox-user-key\n");
    let daemon = place.daemon().await;
    (sandbox, place, daemon)
}

/// Asks again and again until a schedule's only run has this state.
async fn until(place: &Place, schedule: &str, state: &str) -> Value {
    let arguments = ["runs", "--schedule", schedule, "-o", "json"];
    let reached = |told: &Output| {
        let run = json(told)[0].clone();
        (run["state"] == state).then_some(run)
    };
    place.until(&format!("`{schedule}` to be {state}"), &arguments, reached).await
}

fn id(run: &Value) -> &str {
    run["run"].as_str().unwrap()
}

fn jobs_of(control: &Control, process: &str) -> usize {
    control.jobs().iter().filter(|job| job.process == process).count()
}

/// The rows of `audit`: who, what, to what, how.
#[expect(clippy::disallowed_methods, reason = "read as any SQL tool reads it")]
async fn audit(place: &Place) -> Vec<(String, String, String, String)> {
    let options =
        SqliteConnectOptions::new().filename(StateFolder::database_path(&place.path("state"))).read_only(true);
    let mut connection = options.connect().await.unwrap();
    let rows = sqlx::query("select actor, action, subject, detail from audit order by seq");
    let rows = rows.fetch_all(&mut connection).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unclear_start_is_tried_again_skipped_or_held_as_its_schedule_says() {
    let (sandbox, place, daemon) = unclear(&[
        ("Again", "on_unknown_start: retry,"),
        ("Default", ""),
        ("Skipped", "on_unknown_start: skip,"),
        ("Held", "on_unknown_start: hold,"),
    ])
    .await;
    let control = sandbox.control();
    for schedule in ["Again", "Default"] {
        let run = until(&place, schedule, "succeeded").await;
        assert_eq!((run["attempts"].as_i64(), jobs_of(&control, schedule)), (Some(1), 1), "{run:#}");
    }
    let skipped = until(&place, "Skipped", "skipped").await;
    assert_eq!(skipped["reason"], "unknown_start");
    let held = until(&place, "Held", "held").await;
    assert_eq!((jobs_of(&control, "Skipped"), jobs_of(&control, "Held")), (0, 0));
    // The held one is the only open run, and `status` shows it.
    let status = json(&place.run(&["status", "-o", "json"]).await);
    assert_eq!(status["open"]["held"], 1, "{status:#}");
    let need = &status["needs"][0];
    let short = &id(&held)[28..];
    assert_eq!((need["kind"].as_str(), need["subject"].as_str()), (Some("held"), Some(id(&held))), "{status:#}");
    let cure = format!("`punctual resolve {short} start`, `skip`, the job's key, or `lost`");
    assert_eq!(need["cure"], cure);
    let told = place.run(&["status"]).await;
    assert_eq!((told.status.code(), &status["act_on"]), (Some(1), &serde_json::json!(["held"])), "{status:#}");
    let told = text(&told.stdout);
    let first = told.split("\nconnections\n").next().unwrap();
    let here = cure.replace("resolve ", &format!("resolve --state-dir {} ", place.path("state").display()));
    assert!(first.contains("for you to do") && first.contains(&format!("; then: {here}")), "{told}");
    stop(daemon).await;
    sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_resolves_held_runs_and_who_did_is_written_down() {
    let hold = "on_unknown_start: hold,";
    let (sandbox, place, daemon) = unclear(&[("Start", hold), ("Skip", hold), ("Job", hold)]).await;
    let control = sandbox.control();
    let (start, skip, job) =
        (until(&place, "Start", "held").await, until(&place, "Skip", "held").await, until(&place, "Job", "held").await);

    let told = place.run(&["resolve", id(&start), "start"]).await;
    assert_eq!(told.status.code(), Some(FINE), "{}", text(&told.stderr));
    assert_eq!(text(&told.stdout), "Start: it is looked up once more, and started if no job is found\n");
    until(&place, "Start", "succeeded").await;
    assert_eq!(jobs_of(&control, "Start"), 1);

    let told = place.run(&["resolve", id(&skip), "skip"]).await;
    assert_eq!(told.status.code(), Some(FINE), "{}", text(&told.stderr));
    assert_eq!(until(&place, "Skip", "skipped").await["reason"], "unknown_start");
    assert_eq!(jobs_of(&control, "Skip"), 0);

    // A job that is not there, and one of another process: nothing is changed, and nothing is written down.
    let nowhere = "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed";
    let told = place.run(&["resolve", id(&job), nowhere]).await;
    assert_ne!(told.status.code(), Some(FINE));
    let said = text(&told.stderr);
    assert!(said.contains(&format!("shows no job `{nowhere}`")) && said.contains("hint: "), "{said}");
    let other = control.jobs().iter().find(|job| job.process == "Start").unwrap().key.to_string();
    let told = place.run(&["resolve", id(&job), &other]).await;
    assert_ne!(told.status.code(), Some(FINE));
    assert!(text(&told.stderr).contains("is of process `Start`, and the run starts `Job`"), "{}", text(&told.stderr));
    until(&place, "Job", "held").await;

    let written = audit(&place).await;
    let rows: Vec<_> = written
        .iter()
        .map(|(_, action, subject, detail)| (action.as_str(), subject.as_str(), detail.as_str()))
        .collect();
    assert_eq!(rows, [("resolve", id(&start), "start"), ("resolve", id(&skip), "skip")]);
    let me = rustix::process::getuid().as_raw();
    assert!(written.iter().all(|(actor, ..)| actor.ends_with(&format!("(uid {me})"))), "{written:?}");
    let story = text(&place.run(&["show", id(&skip)]).await.stdout);
    assert!(story.contains(&format!("(uid {me}) decided not to start it")), "{story}");
    stop(daemon).await;
    sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_nothing_to_resolve_it_says_so_and_changes_nothing() {
    let (sandbox, place, daemon) = unclear(&[]).await;
    let run = until(&place, "proof", "succeeded").await;

    let told = place.run(&["resolve", id(&run), "start"]).await;
    let said = text(&told.stderr);
    assert_eq!(told.status.code(), Some(USAGE), "{said}");
    assert!(said.contains(&format!("run `{}` is not open", &id(&run)[28..])), "{said}");
    let state = place.path("state").display().to_string();
    let hint = format!("hint: `punctual runs --state-dir {state} --state held` lists what can be resolved");
    assert!(said.contains(&hint), "{said}");

    let told = place.run(&["resolve", id(&run), "maybe"]).await;
    assert_eq!(told.status.code(), Some(USAGE));
    assert!(text(&told.stderr).contains("`maybe` is not `start`, `skip`, `lost` or the key of a job"));
    let told = place.run(&["resolve", "ffffffff", "skip"]).await;
    assert_eq!(told.status.code(), Some(USAGE));
    assert!(text(&told.stderr).contains("there is no run `ffffffff`"), "{}", text(&told.stderr));
    assert_eq!(audit(&place).await, []);
    stop(daemon).await;

    let told = place.run(&["resolve", id(&run), "skip"]).await;
    assert_eq!(told.status.code(), Some(NOT_REACHABLE));
    assert!(text(&told.stderr).contains("only a running one can resolve a run"), "{}", text(&told.stderr));
    assert_eq!(sandbox.control().jobs().len(), 1);
    sandbox.stop().await;
}
