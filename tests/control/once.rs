//! `Idempotency-Key` at the socket of the real daemon: an act that is asked for again under its key is done once.

use std::time::Duration;

use punctual::clock::Clock;
use punctual::sandbox::{Control, Endpoint, Fault, FaultRule, Sandbox, SandboxConfig};
use rustix::process::Signal;
use serde_json::{Value, json};
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use super::place::{FINE, NOBODY, NOT_REACHABLE, Place, QUIET, in_time, quiet, signal, stop, text};

const PAUSE: &str = "/api/v1/pauses";

/// What came back: the status, whether it says that it is of before, and the body as it is.
#[derive(Clone, Debug, PartialEq)]
struct Came {
    status: u16,
    replayed: bool,
    body: String,
}

impl Came {
    fn detail(&self) -> String {
        let body: Value = serde_json::from_str(&self.body).unwrap();
        body["detail"].as_str().unwrap_or_default().to_owned()
    }

    /// The same answer, of before.
    fn again(&self) -> Came {
        Came { replayed: true, ..self.clone() }
    }
}

fn request(path: &str, key: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: punctual\r\n{key}content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

async fn ask(place: &Place, path: &str, key: &str, body: &str) -> Came {
    let answer = place.answer(&request(path, &format!("idempotency-key: {key}\r\n"), body)).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Came { status, replayed: head.contains("\r\nidempotent-replayed: true"), body: body.to_owned() }
}

fn pause(name: &str) -> String {
    json!({ "scopes": [{ "schedule": name }], "reason": "month's end", "until": null }).to_string()
}

/// What was done, one row an act.
#[expect(clippy::disallowed_methods, reason = "the table is read as any SQL tool reads it")]
async fn audit(place: &Place) -> Vec<(String, String)> {
    let database = SqliteConnectOptions::new().filename(place.path("state/punctual.db")).read_only(true);
    let mut connection = SqliteConnection::connect_with(&database).await.unwrap();
    let rows = sqlx::query_as("select action, subject from audit order by seq");
    rows.fetch_all(&mut connection).await.unwrap()
}

fn deeds(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter().map(|(action, subject)| ((*action).to_owned(), (*subject).to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_act_under_one_key_is_done_once_and_answered_alike_over_restarts() {
    let place = quiet();
    let daemon = place.daemon().await;
    let first = ask(&place, PAUSE, "k-1", &pause("yearly")).await;
    assert_eq!((first.status, first.replayed), (200, false), "{first:?}");
    assert_eq!(ask(&place, PAUSE, "k-1", &pause("yearly")).await, first.again());
    // A structured field has quotes, and JSON has no order.
    let reordered = r#"{ "until": null, "scopes": [ {"schedule":"yearly"} ], "reason": "month's end" }"#;
    assert_eq!(ask(&place, PAUSE, "\"k-1\"", reordered).await, first.again());
    assert_eq!(audit(&place).await, deeds(&[("pause", "yearly")]));

    // Another body, and another call.
    let other = ask(&place, PAUSE, "k-1", &pause("year*")).await;
    let told = "under this key something else was asked for within the last day";
    assert_eq!((other.status, other.detail().as_str()), (422, told));
    assert_eq!(ask(&place, "/api/v1/pauses/end", "k-1", &pause("yearly")).await.status, 422);
    // Another key is another act, and its answer knows of the first.
    let second = ask(&place, PAUSE, "k-2", &pause("yearly")).await;
    assert_eq!((second.status, second.replayed), (200, false));
    assert!(second.body.contains("month's end") && !first.body.contains("month's end"), "{second:?}");
    stop(daemon).await;

    let daemon = place.daemon().await;
    assert_eq!(ask(&place, PAUSE, "k-1", &pause("yearly")).await, first.again());
    assert_eq!(ask(&place, PAUSE, "k-2", &pause("yearly")).await, second.again());
    assert_eq!(audit(&place).await, deeds(&[("pause", "yearly"), ("pause", "yearly")]));
    stop(daemon).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_act_takes_a_key_and_a_login_says_that_it_takes_none() {
    let place = quiet();
    let daemon = place.daemon().await;
    let run = place.run(&["start", "yearly"]).await;
    assert_eq!(run.status.code(), Some(FINE), "{}", text(&run.stderr));
    let resume = json!({ "scopes": ["all"] }).to_string();
    let skip = json!({ "at": null, "how": "skip", "reason": null }).to_string();
    let acts = [
        ("/api/v1/schedules/yearly/start", r#"{"overlap":"allow"}"#.to_owned()),
        ("/api/v1/schedules/yearly/stop", "{}".to_owned()),
        ("/api/v1/schedules/yearly/skip", skip),
        (PAUSE, pause("yearly")),
        ("/api/v1/pauses/end", resume),
        ("/api/v1/reload", r#"{"removals":"guarded"}"#.to_owned()),
    ];
    for (number, (path, body)) in acts.iter().enumerate() {
        let key = format!("key {number}");
        let first = ask(&place, path, &key, body).await;
        assert_eq!((first.status, first.replayed), (200, false), "{path}: {first:?}");
        let done = audit(&place).await.len();
        assert_eq!(ask(&place, path, &key, body).await, first.again(), "{path}");
        assert_eq!(audit(&place).await.len(), done, "{path} was done twice");
    }
    let refused = ask(&place, "/api/v1/login/cloud/keep", "k", "{}").await;
    assert_eq!(refused.status, 422);
    assert!(refused.detail().starts_with("a login takes no `Idempotency-Key`"), "{refused:?}");
    for key in ["", "\"half", &"k".repeat(256), "a\r\nidempotency-key: b"] {
        let refused = ask(&place, PAUSE, key, &pause("yearly")).await;
        assert_eq!(refused.status, 422, "{key}");
        assert!(refused.detail().starts_with("`Idempotency-Key` is not one key of"), "{key}: {refused:?}");
    }
    stop(daemon).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_not_kept() {
    let place = quiet();
    let daemon = place.daemon().await;
    let refused = ask(&place, PAUSE, "k", &pause("later")).await;
    assert_eq!((refused.status, refused.replayed), (404, false));
    assert_eq!(ask(&place, PAUSE, "k", &pause("later")).await, refused);
    let line = QUIET.lines().last().unwrap();
    place.write("schedules.yaml", &format!("{QUIET}{}\n", line.replace("yearly", "later")));
    assert_eq!(place.run(&["reload"]).await.status.code(), Some(FINE));
    let done = ask(&place, PAUSE, "k", &pause("later")).await;
    assert_eq!((done.status, done.replayed), (200, false), "{done:?}");
    assert_eq!(ask(&place, PAUSE, "k", &pause("later")).await, done.again());
    stop(daemon).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_one_acts_and_all_hear_the_same() {
    let place = quiet();
    let daemon = place.daemon().await;
    let body = pause("yearly");
    let mut calls = tokio::task::JoinSet::new();
    let request = request(PAUSE, "idempotency-key: k\r\n", &body);
    for _ in 0..24 {
        let (socket, request) = (place.socket(), request.clone());
        calls.spawn(async move {
            let mut stream = UnixStream::connect(socket).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            (head.starts_with("HTTP/1.1 200 "), head.contains("idempotent-replayed"), body.to_owned())
        });
    }
    let answers = in_time("all answers", calls.join_all()).await;
    assert!(answers.iter().all(|(fine, _, body)| *fine && *body == answers[0].2), "{answers:?}");
    assert_eq!(answers.iter().filter(|(_, replayed, _)| !replayed).count(), 1, "{answers:?}");
    assert_eq!(audit(&place).await, deeds(&[("pause", "yearly")]));
    stop(daemon).await;
}

/// The first is held up by the token server until the second has come.
#[tokio::test(flavor = "multi_thread")]
async fn one_that_comes_meanwhile_waits_for_the_first() {
    let sandbox = Sandbox::start(SandboxConfig::demo(Clock::system())).await.unwrap();
    let control = sandbox.control();
    let place = Place::new(&format!(
        "version: 1\nconnections:\n  uipath:\n    url: {}\n    tenant: acmeprod\n    auth: {{ grant: client_credentials, client_id: \
         sandbox-client, client_secret: \"file:secret\", scope: OR.Jobs OR.Folders.Read OR.Execution.Read }}\nschedules:\n  yearly: \
         {{ cron: \"0 0 29 2 *\", timezone: UTC, start: {{ process: Heartbeat, folder: Shared }} }}\n",
        sandbox.base_url()
    ));
    place.write("secret", "sandbox-secret");
    let daemon = place.daemon().await;
    // The daemon's own first token is there.
    let valid = |status: &std::process::Output| text(&status.stdout).contains("valid").then_some(());
    place.until("a token", &["token", "status"], valid).await;
    let before = control.token_calls().len();
    let held_up = |control: &Control| control.faults_fired() > 0;
    control.push_rule(FaultRule::once(Fault::Delay(Duration::from_secs(3))).on(Endpoint::Token));
    let refresh = "/api/v1/tokens/uipath/refresh";
    let (first, second, other) = tokio::join!(
        ask(&place, refresh, "k", "null"),
        async {
            in_time("a token request", control.wait_until(held_up)).await;
            ask(&place, refresh, "k", "null").await
        },
        async {
            in_time("a token request", control.wait_until(held_up)).await;
            ask(&place, refresh, "k", "1").await
        },
    );
    assert_eq!((first.status, first.replayed), (200, false), "{first:?}");
    assert_eq!(second, first.again());
    assert_eq!((other.status, other.detail().is_empty()), (422, false), "what is another act waits for nobody");
    assert_eq!(control.token_calls().len(), before + 1);
    assert_eq!(audit(&place).await, deeds(&[("token_refresh", "uipath")]));
    stop(daemon).await;
    sandbox.stop().await;
}

/// The daemon dies when the act is stored, and its answer is lost.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_whose_answer_was_lost_the_act_is_not_done_again() {
    let place = quiet();
    let daemon = place.daemon().await;
    let mut stream = UnixStream::connect(place.socket()).await.unwrap();
    let body = json!({ "overlap": null }).to_string();
    let start = "/api/v1/schedules/yearly/start";
    stream.write_all(request(start, "idempotency-key: k\r\n", &body).as_bytes()).await.unwrap();
    let stored = async {
        while audit(&place).await.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    in_time("the row of the act", stored).await;
    signal(&daemon, Signal::KILL);
    in_time("the end", daemon.wait_with_output()).await.unwrap();
    drop(stream);

    let next = place.daemon().await;
    let told = ask(&place, start, "k", &body).await;
    assert_eq!((told.status, told.replayed), (200, true), "{told:?}");
    let runs = super::place::json(&place.run(&["runs", "--trigger", "manual", "-o", "json"]).await);
    let answer: Value = serde_json::from_str(&told.body).unwrap();
    assert_eq!((runs.as_array().unwrap().len(), &runs[0]["run"]), (1, &answer["run"]));
    assert_eq!(audit(&place).await, deeds(&[("start", "yearly")]));
    stop(next).await;
}

/// On either side of the commit: what was not stored was not done, and is done when it is asked for again.
#[cfg(feature = "faults")]
#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_dies_in_the_commit_has_done_the_act_whole_or_not_at_all() {
    use punctual::faults::{FAIL_COMMIT_DONE, FAIL_COMMIT_OPEN};

    for (dies, is_stored) in [(FAIL_COMMIT_OPEN, false), (FAIL_COMMIT_DONE, true)] {
        let place = quiet();
        let daemon = place.command(&["daemon"]).env("PUNCTUAL_FAIL_AT", format!("{dies}/kept")).spawn().unwrap();
        while !place.told().await.lines().any(|line| line == "READY=1") {}
        let mut stream = UnixStream::connect(place.socket()).await.unwrap();
        stream.write_all(request(PAUSE, "idempotency-key: k\r\n", &pause("yearly")).as_bytes()).await.unwrap();
        in_time("the death", daemon.wait_with_output()).await.unwrap();
        let next = place.daemon().await;
        let told = ask(&place, PAUSE, "k", &pause("yearly")).await;
        assert_eq!((told.status, told.replayed), (200, is_stored), "{dies}: {told:?}");
        assert_eq!(audit(&place).await, deeds(&[("pause", "yearly")]), "{dies}");
        stop(next).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_whose_answer_was_lost_names_the_key_that_asks_again() {
    let place = quiet();
    let daemon = place.daemon().await;
    let between = place.path("between.sock");
    let listener = UnixListener::bind(&between).unwrap();
    // Hands on what is asked, and loses the answer. The command looks first whether somebody is there.
    let loses = async {
        loop {
            let (mut caller, _) = listener.accept().await.unwrap();
            let mut asked = vec![0; 64 * 1024];
            let length = caller.read(&mut asked).await.unwrap();
            if length > 0 {
                place.answer(std::str::from_utf8(&asked[..length]).unwrap()).await;
                break;
            }
        }
    };
    let between = between.display().to_string();
    let lost = ["pause", "yearly", "--for", "2h", "--socket", &between];
    let (end, ()) = tokio::join!(place.run(&lost), async { in_time("a request", loses).await });
    assert_eq!(end.status.code(), Some(NOT_REACHABLE), "{}", text(&end.stderr));
    let told = text(&end.stderr);
    let option =
        told.split('`').find(|part| part.starts_with("--idempotency-key ")).unwrap_or_else(|| panic!("{told}"));

    let again: Vec<&str> = ["pause", "yearly", "--for", "2h"].into_iter().chain(option.split(' ')).collect();
    let end = place.run(&again).await;
    assert_eq!(end.status.code(), Some(FINE), "{}", text(&end.stderr));
    assert!(text(&end.stdout).starts_with("`yearly` is paused until "), "{}", text(&end.stdout));
    assert!(text(&end.stderr).starts_with("note: this was done before under the key `"), "{}", text(&end.stderr));
    assert_eq!(audit(&place).await, deeds(&[("pause", "yearly")]));
    let key = place.run(&["pause", "yearly", "--idempotency-key", "two words"]).await;
    assert!(text(&key.stderr).contains("a key has 1 to 255 letters"), "{}", text(&key.stderr));
    stop(daemon).await;
}

/// Needs root, to be somebody else.
#[tokio::test(flavor = "multi_thread")]
async fn two_people_may_choose_the_same_key() {
    if !rustix::process::geteuid().is_root() {
        println!("left out: only root can call as another user");
        return;
    }
    let place = quiet();
    let daemon = place.daemon().await;
    place.open_folders().await;
    std::os::unix::fs::chown(place.socket(), None, Some(NOBODY)).unwrap();
    let pause = ["pause", "yearly", "--idempotency-key", "k"];
    let mine = place.run(&pause).await;
    assert_eq!(mine.status.code(), Some(FINE), "{}", text(&mine.stderr));
    let theirs = place.as_nobody(&pause).await;
    assert_eq!((theirs.status.code(), text(&theirs.stderr).as_str()), (Some(FINE), ""));
    let again = place.as_nobody(&pause).await;
    assert!(text(&again.stderr).starts_with("note: this was done before"), "{}", text(&again.stderr));
    assert_eq!(audit(&place).await, deeds(&[("pause", "yearly"), ("pause", "yearly")]));
    stop(daemon).await;
}
