//! What a person is told when something outside is wrong: one sentence with the connection, what was tried, what came back
//! and the cure; and the other connections go on.

#[expect(dead_code, reason = "each story uses its part")]
mod support;

use std::time::Duration;

use punctual::history::RunSummary;
use punctual::sandbox::{Endpoint, Fault, FaultRule};
use support::Story;

/// One connection is wrong, the other is right; both are due at the same second.
struct Case {
    name: &'static str,
    /// The connection `bad`, from `url:` on, with `{url}` and `{root}` to be filled in.
    connection: &'static str,
    /// What it starts.
    start: &'static str,
    fault: Option<FaultRule>,
    state: &'static str,
    /// What the message must say.
    says: &'static [&'static str],
}

const GOOD_AUTH: &str = "auth: { grant: client_credentials, client_id: sandbox-client, client_secret: \"file:client-secret\", scope: OR.Jobs OR.Execution.Read OR.Folders.Read }";

fn cases() -> Vec<Case> {
    let token =
        |fault| FaultRule { path: Some("identity_".to_owned()), ..FaultRule::always(fault).on(Endpoint::Token) };
    let plain = || Case {
        name: "",
        connection: "url: {url}\n    GOOD",
        start: "{ process: Heartbeat, folder: Shared }",
        fault: None,
        state: "waiting",
        says: &[],
    };
    vec![
        Case {
            name: "unknown process",
            start: "{ process: Hartbeat, folder: Shared }",
            state: "rejected",
            says: &["connection `bad`", "`Hartbeat`", "did you mean `Heartbeat`"],
            ..plain()
        },
        Case {
            name: "unknown folder",
            start: "{ process: Heartbeat, folder: Shred }",
            state: "rejected",
            says: &["connection `bad`", "`Shred`"],
            ..plain()
        },
        Case {
            name: "missing scope",
            connection: "url: {url}\n    auth: { grant: client_credentials, client_id: sandbox-client, client_secret: \"file:client-secret\", scope: OR.Execution.Read OR.Folders.Read }",
            // Without a code the refusal may be anybody's: it is looked up, and said at once.
            state: "unknown",
            says: &["connection `bad`", "403", "scope", "OR.Jobs"],
            ..plain()
        },
        Case {
            name: "wrong secret",
            connection: "url: {url}\n    auth: { grant: client_credentials, client_id: sandbox-client, client_secret: \"file:wrong-secret\", scope: OR.Jobs }",
            says: &["connection `bad`", "/identity_/connect/token", "invalid_client", "the secret in `file:"],
            ..plain()
        },
        Case {
            name: "html instead of a token",
            connection: "url: {url}\n    auth: { grant: refresh_token, style: identity, client_id: sandbox-client, client_secret: \"file:client-secret\", refresh_token: \"file:refresh-token\" }",
            fault: Some(token(Fault::Html)),
            says: &["connection `bad`", "a web page instead of a token", "token_url"],
            ..plain()
        },
        Case {
            name: "wrong identity path",
            connection: "url: {url}\n    auth: { grant: client_credentials, client_id: sandbox-client, client_secret: \"file:client-secret\", scope: OR.Jobs, token_url: \"{root}/wrong/connect/token\" }",
            says: &["connection `bad`", "/wrong/connect/token", "token_url"],
            ..plain()
        },
        Case {
            name: "expired refresh token",
            connection: "url: {url}\n    auth: { grant: refresh_token, style: identity, client_id: sandbox-client, client_secret: \"file:client-secret\", refresh_token: \"file:wrong-secret\" }",
            says: &["connection `bad`", "invalid_grant", "refresh token"],
            ..plain()
        },
        Case {
            name: "orchestrator down at boot",
            connection: "url: http://127.0.0.1:9/acme/acmeprod/orchestrator_\n    auth: { grant: client_credentials, client_id: sandbox-client, client_secret: \"file:client-secret\", scope: OR.Jobs, token_url: \"{root}/identity_/connect/token\" }",
            says: &["connection `bad`", "refused", "http://127.0.0.1:9", "check `url`"],
            ..plain()
        },
    ]
}

async fn tell(case: &Case) -> (RunSummary, RunSummary) {
    let story = Story::without_daemon(
        "2026-11-23T12:00:00Z",
        |_| {},
        |url| {
            let root = url.trim_end_matches("/acme/acmeprod/orchestrator_");
            let bad = case.connection.replace("GOOD", GOOD_AUTH).replace("{url}", url).replace("{root}", root);
            format!(
                "version: 1\nconnections:\n  bad:\n    {bad}\n  good:\n    url: {url}\n    tenant: acmeprod\n    auth: {{ grant: refresh_token, \
                 style: account, client_id: sandbox-account, refresh_token: \"file:user-key\" }}\nschedules:\n  \
                 wrong: {{ connection: bad, at: \"2026-11-23T12:00:10Z\", start: {start} }}\n  \
                 right: {{ connection: good, at: \"2026-11-23T12:00:10Z\", start: {{ process: Heartbeat, folder: Shared }} }}\n",
                start = case.start
            )
        },
    )
    .await;
    support::write_secret(&story.folder.path().join("wrong-secret"), "marker-of-a-wrong-secret");
    let mut story = story;
    if let Some(fault) = &case.fault {
        story.control.push_rule(fault.clone());
    }
    // A lost answer to a one-use token is asked for again a second later by the clock, which moves only below.
    story.begin_daemon().await;
    story.pass(Duration::from_secs(10)).await;
    let right = story.until("right", "succeeded", Duration::from_secs(1), Duration::from_secs(60)).await;
    let wrong = story.until("wrong", case.state, Duration::from_secs(1), Duration::from_secs(60)).await;
    story.end().await;
    (wrong, right)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_outside_is_told_in_one_sentence_and_the_other_connections_go_on() {
    let mut told = Vec::new();
    let mut unsaid = Vec::new();
    for case in cases() {
        let (wrong, right) = tell(&case).await;
        assert_eq!(right.state.name(), "succeeded", "{}: the other connection goes on", case.name);
        let error = wrong.error.clone().unwrap_or_default();
        for words in case.says.iter().filter(|words| !error.contains(**words)) {
            unsaid.push(format!("{}: `{words}` is not in: {error}", case.name));
        }
        assert!(!error.contains("marker-of-a-wrong-secret") && !error.contains("sandbox-secret"), "{error}");
        told.push(format!("{}: {error}", case.name));
    }
    println!("{}", told.join("\n\n"));
    assert!(unsaid.is_empty(), "{}", unsaid.join("\n\n"));
}
