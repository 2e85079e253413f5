//! What is said of a token, of scopes and of a clock, and what is never said.

use base64::Engine as _;
use jiff::SignedDuration;
use punctual::auth::claims;
use punctual::doctor::scopes::{ScopeVerdict, judge};
use punctual::sandbox::{Endpoint, Fault, FaultRule, Words};
use punctual::secret::Secret;
use punctual::witness::{MASK, excerpt, masked};
use serde_json::json;

use crate::bench::{Bench, CLIENT, SCHEDULE, file, step};

fn jwt(claims: &serde_json::Value) -> String {
    let part = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.{}", part(r#"{"alg":"RS256","typ":"JWT"}"#), part(&claims.to_string()), part("signature-signature"))
}

#[test]
fn a_jwt_is_read_and_what_is_no_jwt_is_opaque() {
    let token = jwt(&json!({
        "iss": "https://cloud.uipath.com/identity_", "aud": ["UiPath.Orchestrator"], "scope": ["OR.Jobs", "OR.Folders.Read"],
        "client_id": "3f2c0d2e", "exp": 1_900_000_000, "nbf": 1_700_000_000, "email": "somebody@example.com",
    }));
    let read = claims::read(&Secret::new(token)).unwrap();
    assert_eq!(read.issuer.as_deref(), Some("https://cloud.uipath.com/identity_"));
    assert_eq!(read.audience, ["UiPath.Orchestrator"]);
    assert_eq!(read.scopes.as_deref(), Some(["OR.Jobs".to_owned(), "OR.Folders.Read".to_owned()].as_slice()));
    assert_eq!(read.expires_at.unwrap().as_second(), 1_900_000_000);
    assert!(!format!("{read:?}").contains("somebody"), "a claim that names a person is not taken");
    let one = claims::read(&Secret::new(jwt(&json!({"aud": "a b", "scope": "x y"})))).unwrap();
    assert_eq!((one.audience.len(), one.scopes.unwrap().len()), (2, 2));
    for opaque in ["", "rt_0123", "a.b", "a.b.c", "a.b.c.d", "..", "e30.e30", "e30.W10.e30"] {
        assert_eq!(claims::read(&Secret::new(opaque)), None, "{opaque}");
    }
}

#[test]
fn scopes_are_enough_when_each_call_has_its_own_or_the_whole() {
    let had = |text: &str| judge(&text.split(' ').map(str::to_owned).collect::<Vec<_>>());
    for enough in [
        "OR.Jobs OR.Execution OR.Folders",
        "OR.Jobs.Read OR.Jobs.Write OR.Execution.Read OR.Folders.Read",
        "or.jobs or.execution.read or.folders",
    ] {
        assert_eq!(had(enough), ScopeVerdict::Enough, "{enough}");
    }
    assert_eq!(had("OR.Default"), ScopeVerdict::ByRoles);
    let missing = |text: &str| match had(text) {
        ScopeVerdict::Missing { add, .. } => add,
        other => panic!("{text}: {other:?}"),
    };
    assert_eq!(missing("OR.Execution OR.Folders"), ["OR.Jobs"]);
    assert_eq!(missing("OR.Jobs.Read OR.Execution OR.Folders"), ["OR.Jobs.Write"]);
    assert_eq!(missing("OR.Jobs"), ["OR.Execution.Read", "OR.Folders.Read"]);
    assert_eq!(missing(""), ["OR.Jobs", "OR.Execution.Read", "OR.Folders.Read"]);
}

#[test]
fn secrets_and_whatever_looks_like_one_are_masked() {
    let sent = [Secret::new("hunter2")];
    assert_eq!(masked("the secret hunter2 is wrong", &sent), format!("the secret {MASK} is wrong"));
    let token = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJlLXNpZ25hdHVyZS0x";
    assert!(!masked(&format!("\"access_token\":\"{token}\""), &[]).contains("eyJ"));
    for kept in [
        "7f521a47-e999-4aa4-8aa2-d26d1d93fd63",
        "UiPath.Server.Configuration.OData.StartJobs",
        "https://cloud.uipath.com/acme/identity_/connect/token",
    ] {
        assert_eq!(masked(kept, &[]), kept);
    }
    assert_eq!(excerpt("a\r\nb\u{1b}[31m\u{202e}c".as_bytes(), &[]), "a b[31mc");
    assert_eq!(masked("hun\u{200b}ter2 and hunt\u{7f}er2", &sent), format!("{MASK} and {MASK}"));
    let cut = excerpt("ä ".repeat(5000).as_bytes(), &[]);
    assert!(cut.ends_with('…'), "whoever reads it sees that there was more: {cut}");
    assert_eq!(cut.chars().count(), 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_says_what_it_is_is_shown_without_being_shown() {
    let token =
        jwt(&json!({"iss": "https://id.example/identity_", "aud": "UiPath.Orchestrator", "exp": 4_000_000_000_u64}));
    let bench = Bench::with(|config| config.identity.personal_access_tokens.push(token.clone())).await;
    let answer =
        json!({"access_token": token, "token_type": "Bearer", "expires_in": 3600, "refresh_token": "rt-never-shown"});
    bench.faults(vec![FaultRule::always(Fault::Say(Words::json(200, answer.to_string()))).on(Endpoint::Token)]);
    let seen = bench.doctor(&bench.usual(), &["-o", "json"]).await;
    assert_eq!(seen.exit, 0, "{}", seen.out);
    let rows = seen.rows();
    let found = step(&rows, "token")["found"].as_str().unwrap();
    assert!(found.contains("by `https://id.example/identity_`, for `UiPath.Orchestrator`"), "{found}");
    assert!(!seen.out.contains(&token) && !seen.out.contains("rt-never-shown"), "{}", seen.out);
    let all = bench.doctor(&bench.usual(), &["-v"]).await;
    assert!(all.out.contains("\"access_token\":\"[secret]\"") && !all.out.contains(&token), "{}", all.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_off_is_told_in_both_directions() {
    let bench = Bench::new().await;
    for (off, verdict, words, exit) in [
        (SignedDuration::from_secs(90), "doubt", "89 s behind", 0),
        (SignedDuration::from_secs(-90), "doubt", "ahead of the server", 0),
        (SignedDuration::from_mins(60), "fault", "behind the server", 1),
    ] {
        bench.faults(vec![FaultRule::always(Fault::DateOff(off))]);
        let (code, rows) = bench.rows(&bench.usual()).await;
        let told = step(&rows, "clock");
        // Token server and Orchestrator are one host here, whose clock has one vote and is told once.
        assert_eq!(rows.iter().filter(|row| row["step"] == "clock").count(), 1, "{rows:#?}");
        assert_eq!((code, told["verdict"].as_str().unwrap()), (exit, verdict), "{told:#}");
        let found = told["found"].as_str().unwrap();
        assert!(found.contains(words) || (words == "89 s behind" && found.contains("90 s behind")), "{found}");
        assert!(told["cure"].as_str().unwrap().contains("timedatectl"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hosts_that_agree_say_that_this_machine_s_clock_is_alone() {
    let bench = Bench::new().await;
    bench.faults(vec![FaultRule::always(Fault::DateOff(SignedDuration::from_mins(60)))]);
    let url = bench.sandbox.base_url();
    let organization = url.split('/').nth(3).unwrap();
    let elsewhere = bench.sandbox.root_url().replace("127.0.0.1", "localhost");
    assert_ne!(elsewhere, bench.sandbox.root_url());
    let auth = CLIENT.replace(" }", &format!(", token_url: \"{elsewhere}/{organization}/identity_/connect/token\" }}"));
    let (code, rows) = bench.rows(&file(&url, &auth, SCHEDULE)).await;
    let told: Vec<&str> =
        rows.iter().filter(|row| row["step"] == "clock").map(|row| row["found"].as_str().unwrap()).collect();
    assert_eq!(code, 1, "{rows:#?}");
    assert!(told.iter().any(|found| found.contains("this machine's clock is alone")), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_is_asked_for_anew_though_a_saved_token_would_do() {
    let bench = Bench::new().await;
    for calls in 1..3 {
        let seen = bench.doctor(&bench.usual(), &[]).await;
        assert!(seen.exit == 0 && seen.out.contains("got an access token from the token server"), "{}", seen.out);
        assert_eq!(bench.control.token_calls().len(), calls);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_other_way_in_is_examined_too() {
    let bench = Bench::new().await;
    bench.secret("password", "sandbox-password");
    bench.secret("personal", "sandbox-personal-access-token");
    let schedule = crate::bench::SCHEDULE;
    let (url, root) = (bench.sandbox.base_url(), bench.sandbox.root_url());
    for (url, auth, said) in [
        (&url, "{ grant: personal_access_token, token: \"file:personal\" }", "is sent with each call"),
        (
            &root,
            "{ grant: password, username: sandbox-user, password: \"file:password\" }\n    tenant: acmeprod",
            "got an access token",
        ),
        (
            &url,
            "{ grant: refresh_token, style: account, client_id: sandbox-account, refresh_token: \"file:user-key\" }",
            "got an access token",
        ),
    ] {
        let seen = bench.doctor(&crate::bench::file(url, auth, schedule), &[]).await;
        assert_eq!(seen.exit, 0, "{}", seen.out);
        assert!(seen.out.contains(said), "{}", seen.out);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_daemon_and_examinations_share_one_login() {
    let bench = Bench::new().await;
    let auth = "{ grant: refresh_token, client_id: sandbox-client, refresh_token: \"file:refresh-token\" }";
    let yaml = crate::bench::file(&bench.sandbox.base_url(), auth, crate::bench::SCHEDULE);
    let mut daemon = bench.daemon(&yaml).await;
    for _ in 0..3 {
        let seen = bench.doctor(&yaml, &[]).await;
        assert_eq!(seen.exit, 0, "{}", seen.out);
        assert!(seen.out.contains("nothing was sent: the token file holds an access token"), "{}", seen.out);
    }
    assert!(daemon.try_wait().unwrap().is_none(), "the daemon goes on");
    assert_eq!(bench.control.token_calls().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_folder_of_another_user_is_left_alone() {
    let bench = Bench::new().await;
    std::fs::create_dir(bench.path("state")).unwrap();
    // Only root can give a folder away.
    if std::os::unix::fs::chown(bench.path("state"), Some(65_534), None).is_err() {
        return;
    }
    let secret = bench.path("client-secret");
    let (exit, rows) = bench.rows(&bench.usual()).await;
    let told = step(&rows, "secret");
    assert_eq!(exit, 1);
    assert!(told["found"].as_str().unwrap().contains("not by the service's user 65534"), "{told:#}");
    assert_eq!(told["cure"], "run `chown 65534 client-secret`");
    // As it says. Now it is the service's, and root is not told to take it away again.
    std::os::unix::fs::chown(&secret, Some(65_534), None).unwrap();
    let (exit, rows) = bench.rows(&bench.usual()).await;
    assert_eq!((exit, step(&rows, "secret")["verdict"].as_str()), (1, Some("fine")), "{rows:#?}");
    let told = step(&rows, "grant");
    assert!(told["found"].as_str().unwrap().contains("belongs to user 65534"), "{told:#}");
    assert!(
        told["cure"].as_str().unwrap().contains("`sudo -u '#65534' punctual doctor --state-dir state`"),
        "{told:#}"
    );
    assert!(bench.control.token_calls().is_empty() && std::fs::read_dir(bench.path("state")).unwrap().next().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_one_use_login_survives_any_number_of_examinations() {
    let bench = Bench::new().await;
    let auth = "{ grant: refresh_token, client_id: sandbox-client, refresh_token: \"file:refresh-token\" }";
    let yaml = crate::bench::file(&bench.sandbox.base_url(), auth, crate::bench::SCHEDULE);
    for examined in 0..4 {
        let seen = bench.doctor(&yaml, &[]).await;
        assert_eq!(seen.exit, 0, "{}", seen.out);
        let said = if examined == 0 { "got an access token from the token server" } else { "nothing was sent" };
        assert!(seen.out.contains(said) && seen.out.contains("token file"), "{}", seen.out);
    }
    assert_eq!(bench.control.token_calls().len(), 1, "the login was used once");
    let refused =
        bench.control.token_calls().iter().filter(|call| format!("{:?}", call.outcome).contains("Reuse")).count();
    assert_eq!(refused, 0);
}
