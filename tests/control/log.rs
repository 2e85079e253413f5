//! `punctual log`: how much a running daemon logs.

use tokio::io::{AsyncBufReadExt, BufReader};

use super::place::{FINE, NOT_REACHABLE, USAGE, in_time, json, quiet, stop, text};

#[tokio::test(flavor = "multi_thread")]
async fn the_level_of_a_running_daemon_is_changed_and_who_did_is_written_down() {
    let place = quiet();
    let mut daemon = place.daemon().await;
    let mut lines = BufReader::new(daemon.stderr.take().unwrap()).lines();
    let said = async |arguments: &[&str], code: i32| {
        let end = place.run(arguments).await;
        let (out, err) = (text(&end.stdout), text(&end.stderr));
        assert_eq!(end.status.code(), Some(code), "{arguments:?}: {out}{err}");
        if code == FINE { out } else { err }
    };
    // Nothing but errors: the line that says who asked next is not there.
    assert_eq!(said(&["log", "error"], FINE).await, "the daemon logs at `error` until it restarts; it was `info`\n");
    said(&["log", "off"], FINE).await;
    assert_eq!(said(&["log", "debug"], FINE).await, "the daemon logs at `debug` until it restarts; it was `off`\n");
    said(&["log", "info"], FINE).await;
    let mut asked = Vec::new();
    while asked.len() < 2 {
        let line = in_time("a line", lines.next_line()).await.unwrap().unwrap();
        if line.contains(": log `") {
            asked.push(line);
        }
    }
    assert!(asked[0].contains(": log `error`") && asked[1].contains(": log `info`"), "{asked:#?}");

    for wrong in ["loud", "hyper=loud"] {
        let told = said(&["log", wrong], USAGE).await;
        assert!(told.contains(&format!("`{wrong}` is not understood")) && told.contains("`debug`"), "{told}");
    }
    let deeds = json(&place.run(&["audit", "-o", "json"]).await);
    let deeds: Vec<_> = deeds.as_array().unwrap().iter().map(|deed| (&deed["action"], &deed["subject"])).collect();
    let log = &serde_json::Value::from("log");
    let subjects: Vec<_> = deeds.iter().map(|(action, subject)| (*action == log, subject.as_str().unwrap())).collect();
    assert_eq!(subjects.len(), 4, "what is refused is not written down: {subjects:?}");
    assert!(subjects.contains(&(true, "debug")), "{subjects:?}");
    stop(daemon).await;
    let told = said(&["log", "debug"], NOT_REACHABLE).await;
    assert!(told.contains("`PUNCTUAL_LOG`"), "{told}");
}
