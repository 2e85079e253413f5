//! What `show` says of a run whose start came to no job, through the real program.

use std::process::Output;
use std::time::Duration;

use punctual::clock::{Clock, later};
use punctual::sandbox::{Endpoint, Fault, FaultRule, Refusal, Sandbox, SandboxConfig};
use punctual::store::StateFolder;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

use super::place::{Place, json, stop, text};

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::disallowed_methods, reason = "a row is made that only a long absence leaves behind")]
async fn a_start_that_was_refused_has_made_no_job_and_show_says_so() {
    let clock = Clock::system();
    let sandbox = Sandbox::start(SandboxConfig::demo(clock.clone())).await.unwrap();
    sandbox.control().push_rule(FaultRule::once(Fault::Refuse(Refusal::code(409, 2818))).on(Endpoint::StartJobs));
    let due = later(clock.now(), Duration::from_secs(3)).strftime("%FT%TZ");
    let place = Place::new(&format!(
        "version: 1\nconnections:\n  uipath:\n    url: {}\n    tenant: acmeprod\n    auth: {{ grant: refresh_token, style: account, \
         client_id: sandbox-account, refresh_token: \"file:user-key\" }}\nschedules:\n  refused: {{ at: \"{due}\", timezone: UTC, start: {{ \
         process: Heartbeat, folder: Shared }} }}\n",
        sandbox.base_url()
    ));
    place.write("user-key", "sandbox-user-key\n");
    let daemon = place.daemon().await;
    let arguments = ["runs", "--schedule", "refused", "-o", "json"];
    let rejected = |told: &Output| {
        let run = &json(told)[0];
        (run["state"] == "rejected").then(|| run["run"].as_str().unwrap().to_owned())
    };
    let run = place.until("the run to be rejected", &arguments, rejected).await;
    let story = text(&place.run(&["show", &run]).await.stdout);
    let attempt = story.lines().find(|line| line.contains("attempt 1")).unwrap_or_else(|| panic!("{story}"));
    assert!(attempt.trim_end().ends_with("no job was made"), "{story}");
    stop(daemon).await;
    sandbox.stop().await;

    // Times that were left out together have no note of their own, and a line of `runs` is no riddle all the same.
    let options = SqliteConnectOptions::new().filename(StateFolder::database_path(&place.path("state")));
    let mut database = options.connect().await.unwrap();
    let changed = sqlx::query("update run set state = 'missed', reason = 'limit', note = null, error = null");
    assert_eq!(changed.execute(&mut database).await.unwrap().rows_affected(), 1);
    database.close().await.unwrap();
    let table = text(&place.run(&["runs", "refused"]).await.stdout);
    assert!(table.contains("missed: limit") && table.contains("`catch_up` took later times"), "{table}");
}
