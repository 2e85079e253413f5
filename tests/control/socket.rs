//! The socket itself: its file, its callers, its limits.

use std::os::unix::fs::{FileTypeExt, PermissionsExt};

use rustix::process::Signal;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::place::{FINE, HELD, NOBODY, NOT_REACHABLE, USAGE, in_time, quiet, signal, stop, text};

/// As the server has it.
const CONNECTIONS: usize = 64;

const ASK: &str = "GET /api/v1/status HTTP/1.1\r\nhost: punctual\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn the_socket_is_there_when_the_daemon_is_ready_and_gone_when_it_has_ended() {
    let place = quiet();
    let daemon = place.daemon().await;
    let meta = std::fs::symlink_metadata(place.socket()).unwrap();
    assert!(meta.file_type().is_socket());
    assert_eq!(meta.permissions().mode() & 0o777, 0o660);
    let (status, body) = place.call(ASK).await;
    assert_eq!((status, body["daemon"]["schedules"].as_u64()), (200, Some(1)), "{body:#}");
    stop(daemon).await;
    assert!(!place.socket().exists(), "the file was left behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_daemon_left_is_replaced() {
    let place = quiet();
    let daemon = place.daemon().await;
    signal(&daemon, Signal::KILL);
    in_time("the end", daemon.wait_with_output()).await.unwrap();
    assert!(place.socket().exists(), "nothing was left, so nothing is shown");
    let next = place.daemon().await;
    assert_eq!(place.call(ASK).await.0, 200);
    stop(next).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_at_which_another_daemon_answers_is_left_to_it() {
    let (first, second) = (quiet(), quiet());
    let daemon = first.daemon().await;
    let socket = first.socket().display().to_string();
    let end = second.run(&["daemon", "--socket", &socket]).await;
    assert_eq!(end.status.code(), Some(HELD), "{}", text(&end.stderr));
    let sentence = format!("error: another daemon answers at the control socket `{socket}`");
    assert!(text(&end.stderr).contains(&sentence), "{}", text(&end.stderr));
    assert_eq!(first.call(ASK).await.0, 200, "the first daemon lost its socket");
    stop(daemon).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_somebody_else_and_a_path_too_long_are_refused_in_one_sentence() {
    let place = quiet();
    place.write("mine", "precious");
    let mine = place.path("mine").display().to_string();
    let end = place.run(&["daemon", "--socket", &mine]).await;
    assert_eq!(end.status.code(), Some(USAGE));
    assert!(text(&end.stderr).contains("is not a socket and is left as it is"), "{}", text(&end.stderr));
    assert_eq!(std::fs::read_to_string(&mine).unwrap(), "precious");
    let long = place.path(&"x".repeat(100)).display().to_string();
    let end = place.run(&["daemon", "--socket", &long]).await;
    assert_eq!(end.status.code(), Some(USAGE));
    assert!(text(&end.stderr).contains("is longer than the system's 107 bytes"), "{}", text(&end.stderr));
}

/// Needs root, to be somebody else.
#[tokio::test(flavor = "multi_thread")]
async fn other_users_are_kept_out_by_the_mode_and_refused_where_it_was_opened() {
    if !rustix::process::geteuid().is_root() {
        println!("left out: only root can call as another user");
        return;
    }
    let place = quiet();
    let daemon = place.daemon().await;
    place.open_folders().await;
    let as_nobody = || place.as_nobody(&["status"]);
    let kept_out = as_nobody().await;
    assert_eq!(kept_out.status.code(), Some(NOT_REACHABLE));
    assert!(text(&kept_out.stderr).contains("error: you may not use the control socket"), "{}", text(&kept_out.stderr));
    // Its group is root's, which nobody is to join.
    assert!(
        text(&kept_out.stderr).contains("`sudo groupadd --system punctual-operators`"),
        "{}",
        text(&kept_out.stderr)
    );
    place.open("state/punctual.sock", 0o666);
    let refused = as_nobody().await;
    assert_eq!(refused.status.code(), Some(USAGE), "{}", text(&refused.stderr));
    assert!(
        text(&refused.stderr).contains("(uid 65534) may not control this daemon: only its own user, root and"),
        "{}",
        text(&refused.stderr)
    );
    assert_eq!(text(&refused.stdout), "");
    // Of the socket's group: allowed, also where the mode alone would not show it.
    std::os::unix::fs::chown(place.socket(), None, Some(NOBODY)).unwrap();
    let member = as_nobody().await;
    assert_eq!(member.status.code(), Some(FINE), "{}", text(&member.stderr));
    let log = text(&stop(daemon).await.stderr);
    assert!(log.contains("Refused a call at the control socket by nobody (uid 65534)"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_that_say_nothing_are_cut_off_and_hold_nobody_up_for_good() {
    let place = quiet();
    let daemon = place.daemon().await;
    let mut silent = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut stream = UnixStream::connect(place.socket()).await.unwrap();
        stream.write_all(b"GET /api/v1/status HTTP/1.1\r\nx-slow").await.unwrap();
        silent.push(stream);
    }
    // All places are taken: this one is answered when the silent ones have been cut off.
    assert_eq!(place.call(ASK).await.0, 200);
    let mut rest = Vec::new();
    let cut = in_time("the end of a silent call", silent[0].read_to_end(&mut rest)).await;
    assert!(cut.is_ok() || cut.is_err(), "either way the connection has ended");
    stop(daemon).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_or_unknown_is_refused_in_one_sentence() {
    let place = quiet();
    let daemon = place.daemon().await;
    let large = "x".repeat(65 * 1024);
    let post = |path: &str, body: &str| {
        let length = body.len();
        format!(
            "POST {path} HTTP/1.1\r\nhost: punctual\r\ncontent-type: application/json\r\ncontent-length: \
             {length}\r\n\r\n{body}"
        )
    };
    let (status, body) = place.call(&post("/api/v1/reload", &large)).await;
    assert_eq!(
        (status, body["detail"].as_str()),
        (422, Some("the request's body is longer than 64 KiB, or broke off"))
    );
    let (status, body) = place.call(&post("/api/v1/nothing", "{}")).await;
    let unknown = json!({
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "this daemon has no such call",
        "cure": "the command and the daemon may be of different versions: restart the daemon after an update",
    });
    assert_eq!((status, &body), (404, &unknown));
    // Where the API was before it had a number.
    assert_eq!(place.call(&ASK.replace("/api/v1", "")).await, (404, unknown));
    let (status, body) = place.call(&post("/api/v1/status", "{}")).await;
    assert_eq!((status, body["detail"].as_str()), (405, Some("this call takes another method")));
    let (status, body) = place.call(&post("/api/v1/pauses", "{}")).await;
    assert_eq!(
        (status, body["detail"].as_str()),
        (422, Some("the request's body is not the JSON object that this call takes"))
    );
    for request in [post("/api/v1/nothing", "{}"), post("/api/v1/pauses", "{}"), post("/api/v1/reload", &large)] {
        let answer = place.answer(&request).await;
        assert!(answer.contains("\r\ncontent-type: application/problem+json\r\n"), "{answer}");
    }
    let head = format!("GET /api/v1/status HTTP/1.1\r\nhost: punctual\r\nx-large: {}\r\n\r\n", "x".repeat(17 * 1024));
    let mut stream = UnixStream::connect(place.socket()).await.unwrap();
    // The server may close before it has read all of it.
    let _ = stream.write_all(head.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = in_time("an answer", stream.read_to_end(&mut answer)).await;
    assert!(!text(&answer).contains("200 OK"), "{}", text(&answer));
    assert_eq!(place.call(ASK).await.0, 200);
    stop(daemon).await;
}
