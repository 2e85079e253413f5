//! Questions through the socket: the same answer as from the files, and for a member of the group who has no right on them.

use std::process::Output;

use serde_json::{Value, json};

use super::place::{FINE, NOBODY, Place, USAGE, json, quiet, stop, text};

/// What a command says. Not the cure: it names what was given to this very command.
fn said(output: &Output) -> (Option<i32>, String, String) {
    let told = text(&output.stderr).lines().next().unwrap_or_default().to_owned();
    (output.status.code(), text(&output.stdout), told)
}

async fn only_run(place: &Place) -> String {
    let runs = json(&place.run(&["runs", "-o", "json"]).await);
    assert_eq!(runs.as_array().unwrap().len(), 1);
    runs[0]["run"].as_str().unwrap().to_owned()
}

/// Needs root, to be somebody else.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_of_the_group_reads_and_acts_without_a_right_on_the_folder() {
    if !rustix::process::geteuid().is_root() {
        println!("left out: only root can call as another user");
        return;
    }
    let place = quiet();
    let daemon = place.daemon().await;
    place.open_folders().await;
    std::os::unix::fs::chown(place.socket(), None, Some(NOBODY)).unwrap();
    assert_eq!(place.run(&["start", "yearly", "--reason", "a try"]).await.status.code(), Some(FINE));
    let run = only_run(&place).await;
    let refused = place.as_nobody(&["resolve", &run, "skip"]).await;
    assert_eq!(refused.status.code(), Some(USAGE));
    assert!(text(&refused.stderr).contains("only a held run can be resolved so"), "{}", text(&refused.stderr));
    let stopped = place.as_nobody(&["stop", &run[24..]]).await;
    assert_eq!(stopped.status.code(), Some(FINE), "{}", text(&stopped.stderr));

    let questions: [&[&str]; 14] = [
        &["show", &run],
        &["show", &run[20..], "-o", "json"],
        &["show", &run, "-o", "csv"],
        &["show", "nothing"],
        &["why", "yearly", "2028-02-29T00:00:00Z"],
        &["why", "yearly", "29 February"],
        &["why", "nothing"],
        &["audit", "-o", "json", "--since", "2020-01-01", "-n", "7"],
        &["runs"],
        &["runs", "yearly", "--state", "cancelled", "--trigger", "manual", "--since", "2020-01-01", "-o", "csv"],
        &["runs", "--not", "cancelled,faulted"],
        &["runs", "yearl"],
        &["runs", "--by-schedule"],
        &["runs", "yearly", "--by-schedule", "-o", "json"],
    ];
    let mut asked = Vec::new();
    for question in questions {
        let mine = said(&place.run(question).await);
        assert_eq!(said(&place.as_nobody(question).await), mine, "{question:?}");
        asked.push(mine);
    }
    assert_eq!(
        asked.iter().map(|(code, ..)| code.unwrap()).collect::<Vec<_>>(),
        [0, 0, 0, 2, 0, 2, 2, 0, 0, 0, 0, 2, 0, 0]
    );
    assert!(asked[0].1.contains("cancelled") && asked[7].1.contains("nobody (uid 65534)"), "{asked:#?}");

    // The API says what the command prints.
    let get = |path: &str| format!("GET /api/v1{path} HTTP/1.1\r\nhost: punctual\r\n\r\n");
    let printed: Value = serde_json::from_str(&asked[1].1).unwrap();
    assert_eq!(place.call(&get(&format!("/runs/{run}"))).await, (200, printed));
    let (status, why) = place.call(&get("/schedules/yearly/why?at=2028-02-29T00:00:00Z")).await;
    let printed = json(&place.run(&["why", "yearly", "2028-02-29T00:00:00Z", "-o", "json"]).await);
    assert_eq!((status, &why), (200, &printed));
    assert_eq!((&why["local"], &why["zone"]), (&json!("2028-02-29 00:00:00 +00:00"), &json!("UTC")));
    let (status, list) = place.call(&get("/runs?schedule=yearly&limit=1")).await;
    let printed = json(&place.run(&["runs", "-o", "json"]).await);
    assert_eq!((status, &list["runs"]), (200, &printed));
    let changed = format!("/runs/changed?after={}", list["seen"]);
    assert_eq!(place.call(&get(&changed)).await.1["runs"], json!([]));
    assert_eq!(place.call(&get("/runs/changed?after=0")).await.1["runs"], printed);
    let (_, digests) = place.call(&get("/schedules/digests")).await;
    let newest = &digests[0]["runs"][0];
    assert_eq!((&digests[0]["schedule"], &newest["state"]), (&json!("yearly"), &json!("cancelled")), "{digests}");
    let wrong =
        [("/runs?limit=10001", 422), ("/runs?since=soon", 422), ("/runs?schedule=yearl", 404), ("/runs/changed", 422)];
    for (path, status) in wrong.into_iter().chain([
        ("/runs/nothing", 404),
        ("/audit?limit=some", 422),
        ("/schedules/yearly/why?at=soon", 422),
    ]) {
        let (came, body) = place.call(&get(path)).await;
        assert_eq!((came, body["status"].as_u64()), (status, Some(status.into())), "{path}: {body}");
    }
    stop(daemon).await;

    // Without a daemon the files say the same, to whoever may read them.
    for (question, mine) in questions.iter().zip(&asked) {
        assert_eq!(said(&place.run(question).await), *mine, "{question:?}");
    }
}
