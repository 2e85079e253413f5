//! `punctual reload`: what changed, what is refused, who asked.

use serde_json::{Value, json};
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use super::place::{FINE, NOT_REACHABLE, Place, QUIET, USAGE, quiet, stop, text};

/// Not watched, so that only the command can have done it.
const UNWATCHED: &str = "daemon: { watch: false }\n";

fn yearly(names: &[&str]) -> String {
    let schedules: String = names
        .iter()
        .map(|name| {
            format!("  {name}: {{ cron: \"0 0 29 2 *\", timezone: UTC, start: {{ process: Leap, folder: Shared }} }}\n")
        })
        .collect();
    let head = QUIET.split_once("schedules:\n").unwrap().0;
    format!("{head}{UNWATCHED}schedules:\n{schedules}")
}

fn place(names: &[&str]) -> Place {
    let place = quiet();
    place.write("schedules.yaml", &yearly(names));
    place
}

async fn reload(place: &Place, more: &[&str], code: i32) -> (String, String) {
    let end = place.run(&[&["reload"], more].concat()).await;
    let (said, told) = (text(&end.stdout), text(&end.stderr));
    assert_eq!(end.status.code(), Some(code), "{said}{told}");
    (said, told)
}

async fn report(place: &Place, more: &[&str], code: i32) -> Value {
    let (said, told) = reload(place, &[&["-o", "json"], more].concat(), code).await;
    assert_eq!(told, "", "data alone, and on stdout");
    serde_json::from_str(&said).unwrap_or_else(|_| panic!("no JSON: {said}"))
}

/// Actor, action, subject and detail of all that was asked.
#[expect(clippy::disallowed_methods, reason = "the table is read as any SQL tool reads it")]
async fn audit(place: &Place) -> Vec<(String, String, String, Option<String>)> {
    let database = SqliteConnectOptions::new().filename(place.path("state/punctual.db")).read_only(true);
    let mut connection = SqliteConnection::connect_with(&database).await.unwrap();
    let rows = sqlx::query_as("select actor, action, subject, detail from audit order by seq");
    rows.fetch_all(&mut connection).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_is_shown_by_name_and_who_asked_is_written_down() {
    let place = place(&["kept", "gone", "moved"]);
    let path = place.path("schedules.yaml").display().to_string();
    let daemon = place.daemon().await;
    let (said, told) = reload(&place, &[], FINE).await;
    assert_eq!((said, told), (format!("nothing has changed in `{path}`: 3 schedules\n"), String::new()));

    let moved = yearly(&["kept", "moved", "new"]).replacen("moved: { cron: \"0 0", "moved: { cron: \"0 1", 1);
    place.write("schedules.yaml", &moved);
    let (said, _) = reload(&place, &[], FINE).await;
    let lines: Vec<Vec<&str>> = said.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(said.lines().next(), Some(format!("the changed files are taken from `{path}`: 3 schedules").as_str()));
    assert_eq!(
        lines[1..],
        [
            vec!["CHANGE", "WHAT", "NAME"],
            vec!["removed", "schedule", "gone"],
            vec!["other", "times", "schedule", "moved"],
            vec!["added", "schedule", "new"],
        ]
    );
    let status = place.run(&["status", "-o", "json"]).await;
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(status["daemon"]["schedules"], 3);

    place.write("schedules.yaml", &yearly(&["kept", "moved", "new"]));
    let report = report(&place, &[], FINE).await;
    assert_eq!(
        report,
        json!({
            "outcome": "taken",
            "message": "the changed files are taken: 1 with other times (moved)",
            "hint": null,
            "paths": [path],
            "schedules": 3,
            "added": [], "removed": [], "retimed": ["moved"], "changed": [],
            "connections_added": [], "connections_removed": [], "connections_changed": [],
            "blackouts_changed": [], "pools_changed": [],
            "settings_changed": false,
            "lost": [],
            "diagnostics": [],
        })
    );
    let asked = audit(&place).await;
    assert_eq!(asked.len(), 3, "{asked:?}");
    for (actor, action, subject, detail) in &asked {
        assert!(actor.contains("uid "), "{actor}");
        assert_eq!((action.as_str(), subject, detail), ("reload", &path, &None));
    }
    stop(daemon).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_are_shown_as_check_shows_them_and_the_old_set_goes_on() {
    let place = place(&["kept"]);
    let path = place.path("schedules.yaml").display().to_string();
    let daemon = place.daemon().await;
    place.write("schedules.yaml", &yearly(&["kept", "new"]).replace("process: Leap", "proces: Leap"));
    let checked = place.run(&["check"]).await;
    assert_eq!(checked.status.code(), Some(USAGE));
    let checked = text(&checked.stderr);
    assert!(checked.contains("`proces`"), "{checked}");
    let (said, told) = reload(&place, &[], USAGE).await;
    let sentence = format!("error: 4 mistakes in `{path}`: the files are not taken, and 1 schedule as before");
    assert_eq!(said, "");
    let mistakes = checked.lines().rev().find_map(|line| line.strip_suffix(" errors")).unwrap();
    assert_eq!(
        told,
        format!(
            "{checked}{}\n\nhint: mend what is told above, and call it again\n",
            sentence.replace("4 mistakes", &format!("{mistakes} mistakes"))
        )
    );

    let wrong = report(&place, &[], USAGE).await;
    let rows = place.run(&["check", "-o", "json"]).await;
    assert_eq!(wrong["diagnostics"], serde_json::from_slice::<Value>(&rows.stdout).unwrap());
    assert_eq!((&wrong["outcome"], &wrong["schedules"]), (&json!("wrong"), &json!(1)));
    let status = place.run(&["status", "-o", "json"]).await;
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(status["daemon"]["schedules"], 1);
    stop(daemon).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_great_loss_is_held_back_until_the_same_command_says_that_it_is_meant() {
    let place = place(&["a", "b", "c", "d", "e"]);
    let daemon = place.daemon().await;
    place.write("schedules.yaml", &yearly(&["e"]));
    let (said, told) = reload(&place, &[], USAGE).await;
    assert_eq!(said, "");
    let state = place.path("state").display().to_string();
    assert_eq!(
        told,
        format!(
            "error: held back: the files lost 4 of 5 schedules: a, b, c, d; what was loaded before goes on\n\nhint: if that is meant, \
             run `punctual reload --state-dir {state} --accept-removals`, or leave them so for 10 minutes; otherwise mend them\n"
        )
    );
    let held = report(&place, &[], USAGE).await;
    assert_eq!((&held["outcome"], &held["lost"]), (&json!("held_back"), &json!(["a", "b", "c", "d"])));
    let (said, _) = reload(&place, &["--accept-removals"], FINE).await;
    assert_eq!(said.lines().filter(|line| line.starts_with("removed")).count(), 4, "{said}");
    assert!(said.lines().next().unwrap().ends_with(": 1 schedule"), "{said}");
    let asked = audit(&place).await;
    assert_eq!(asked.last().unwrap().3.as_deref(), Some("accept removals"), "{asked:?}");
    stop(daemon).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_daemon_there_is_nothing_to_reload() {
    let place = quiet();
    let (said, told) = reload(&place, &[], NOT_REACHABLE).await;
    assert_eq!(said, "");
    let given =
        format!("--config {} --state-dir {}", place.path("schedules.yaml").display(), place.path("state").display());
    assert_eq!(
        told,
        format!(
            "error: no daemon answers, so nothing is loaded that could be read again\n\nhint: start it with `punctual daemon {given}`, \
             or say where its socket is with `--socket`; `punctual check {given}` reads the files without one\n"
        )
    );
}
