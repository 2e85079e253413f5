//! `--bundle`: everything but secrets.

use punctual::sandbox::{Endpoint, Fault, FaultRule, Words};
use serde_json::Value;

use crate::bench::{Bench, file};

/// Stands in every place where a secret can be.
const MARKER: &str = "mark3r";

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_gets_into_a_bundle_wherever_it_was() {
    let bench = Bench::with(|config| {
        config.identity.clients[0].secret = Some(format!("{MARKER}-client"));
        config.identity.refresh_tokens[0].token = format!("{MARKER}-refresh");
    })
    .await;
    bench.secret("client-secret", &format!("{MARKER}-client"));
    bench.secret("refresh-token", &format!("{MARKER}-refresh"));
    // A server that repeats what it was sent.
    let echo = format!(r#"{{"message":"argument {MARKER}-argument is wrong, so is {MARKER}-deep","errorCode":1000}}"#);
    bench.faults(vec![FaultRule::always(Fault::Say(Words::json(400, echo))).on(Endpoint::OtherJobs)]);
    let auth = "{ grant: refresh_token, client_id: sandbox-client, client_secret: \"file:client-secret\", refresh_token: \"file:refresh-token\" }";
    let schedules = format!(
        "  s: {{ cron: \"0 7 * * *\", timezone: UTC, start: {{ process: InvoiceIntake, folder: Shared, arguments: {{ pin: {MARKER}-argument, list: [{{ deep: {MARKER}-deep }}] }} }} }}\n"
    );
    let proxy = format!("http://clerk:{MARKER}-proxy@127.0.0.1:9");
    let environment = [("HTTPS_PROXY", proxy.as_str()), ("SOME_SECRET", "mark3r-environment")];
    let yaml = file(&bench.sandbox.base_url(), auth, &schedules);
    let seen = bench.doctor_in(&yaml, &["--bundle", "help.json"], &environment).await;
    assert_eq!(seen.exit, 5, "{}{}", seen.out, seen.err);
    assert!(seen.err.contains("no secrets and no arguments"), "{}", seen.err);
    let text = std::fs::read_to_string(bench.path("help.json")).unwrap();
    assert!(!text.contains(MARKER), "{text}");
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(bench.path("help.json")).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let tokens = std::fs::read_dir(bench.path("state/tokens")).unwrap().count();
    assert!(tokens > 0, "the login was rotated, so a token file was there to leak");

    let bundle: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(bundle["format"], "punctual-doctor");
    let parts: Vec<&String> = bundle.as_object().unwrap().keys().collect();
    assert_eq!(
        parts,
        ["format", "version", "made_at", "machine", "connections", "schedules", "steps", "runs", "errors"]
    );
    let references = format!("{}", bundle["connections"][0]["references"]);
    assert!(references.contains("client-secret") && references.contains("refresh-token"), "{references}");
    assert_eq!(bundle["schedules"][0]["argument_names"], 2);
    assert!(bundle["steps"].as_array().unwrap().iter().any(|step| step["step"] == "dry_run" && step["status"] == 400));

    let again = bench.doctor(&yaml, &["--bundle", "help.json"]).await;
    assert_eq!(again.exit, 2, "nothing is overwritten: {}", again.err);
}
