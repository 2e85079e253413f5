//! Pauses and skipped times through the real program: what is said, what is written down, and what `next` and `status` make of it.

use serde_json::Value;
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use super::place::{FINE, NOT_REACHABLE, Place, QUIET, USAGE, json, quiet, stop, text};

/// As `resume` ends where something is still held.
const FOUND: i32 = 1;

/// Schedules whose next time is years away, all with the same.
fn place(names: &[&str]) -> Place {
    let line = |name: &&str| {
        format!("  {name}: {{ cron: \"0 0 29 2 *\", timezone: UTC, start: {{ process: Leap, folder: Shared }} }}\n")
    };
    let place = quiet();
    let head = QUIET.split_once("schedules:\n").unwrap().0;
    place.write("schedules.yaml", &format!("{head}schedules:\n{}", names.iter().map(line).collect::<String>()));
    place
}

async fn said(place: &Place, arguments: &[&str], code: i32) -> String {
    let end = place.run(arguments).await;
    let (said, told) = (text(&end.stdout), text(&end.stderr));
    assert_eq!(end.status.code(), Some(code), "{arguments:?}: {said}{told}");
    if code == USAGE || code == NOT_REACHABLE { told } else { said }
}

/// Actor, action, subject and detail of all that was asked.
#[expect(clippy::disallowed_methods, reason = "the table is read as any SQL tool reads it")]
async fn audit(place: &Place) -> Vec<(String, String, String, Option<String>)> {
    let database = SqliteConnectOptions::new().filename(place.path("state/punctual.db")).read_only(true);
    let mut connection = SqliteConnection::connect_with(&database).await.unwrap();
    let rows = sqlx::query_as("select actor, action, subject, detail from audit order by seq");
    rows.fetch_all(&mut connection).await.unwrap()
}

async fn notes(place: &Place, schedule: &str) -> Vec<Option<String>> {
    let times = json(&place.run(&["next", schedule, "-n", "2", "-o", "json"]).await);
    times.as_array().unwrap().iter().map(|time| time["note"].as_str().map(str::to_owned)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn schedules_are_paused_and_resumed_by_name_pattern_connection_and_all() {
    let place = place(&["payroll-de", "payroll-fr", "invoices"]);
    let daemon = place.daemon().await;
    let day = ["--until", "2100-01-01T00:00:00Z", "--reason", "month's end"];
    let told = said(&place, &[&["pause", "payroll-*", "invoices"], day.as_slice()].concat(), FINE).await;
    let lines: Vec<_> = told.lines().collect();
    assert!(lines[0].starts_with("`payroll-*` is paused until 2100-01-01"), "{told}");
    assert!(lines[0].ends_with(": `payroll-de`, `payroll-fr`"), "{told}");
    assert!(lines[1].starts_with("`invoices` is paused until 2100-01-01") && !lines[1].ends_with('`'), "{told}");

    let me = format!("(uid {})", rustix::process::getuid().as_raw());
    let [note, _] = notes(&place, "invoices").await.try_into().unwrap();
    let note: String = note.unwrap();
    assert!(note.starts_with("will not run: paused by ") && note.ends_with(&format!("{me}: month's end")), "{note}");
    let status = json(&place.run(&["status", "-o", "json"]).await);
    let pauses = status["pauses"].as_array().unwrap();
    assert_eq!(pauses.len(), 2);
    assert_eq!(pauses[0]["scope"]["schedule"], "payroll-*");
    assert_eq!(
        (&pauses[0]["until"], &pauses[0]["reason"]),
        (&"2100-01-01T00:00:00.000Z".into(), &"month's end".into())
    );
    assert_eq!(status["next"][0]["nominal_at"], "2104-02-29T00:00:00.000Z", "the next one that runs");
    let told = said(&place, &["status"], FINE).await;
    assert!(told.contains("\npaused\n  `payroll-*`  since ") && told.contains(&format!("{me}: month's end")), "{told}");

    said(&place, &["pause", "--all"], FINE).await;
    let told = said(&place, &["resume", "payroll-*"], FOUND).await;
    let lines: Vec<_> = told.lines().collect();
    assert_eq!(lines[0], "`payroll-*` is resumed");
    assert!(lines[1].starts_with("`payroll-de` is still held: ") && lines[2].starts_with("`payroll-fr`"), "{told}");
    assert!(lines[1].ends_with("paused everything; `punctual resume --all` ends that"), "{told}");
    let told = said(&place, &["resume", "payroll-*"], FOUND).await;
    assert_eq!(told.lines().next(), Some("`payroll-*` had no pause of its own"));
    // The schedule that two pauses hold is named with both, each with what ends it.
    let told = said(&place, &["resume", "--connection", "cloud"], FOUND).await;
    let of_invoices: Vec<_> = told.lines().filter(|line| line.starts_with("`invoices` is still held: ")).collect();
    assert!(of_invoices[0].ends_with("; `punctual resume invoices` ends that"), "{told}");
    assert!(of_invoices[1].ends_with("; `punctual resume --all` ends that") && of_invoices.len() == 2, "{told}");
    let told = said(&place, &["pause", "--all", "--for", "2h"], FINE).await;
    let lines: Vec<_> = told.lines().collect();
    assert!(
        lines[0].starts_with("everything is paused until ") && lines[0].contains(" +00:00 (the time of this machine)"),
        "{told}"
    );
    assert!(lines[1].contains(&format!("{me} had paused everything already, since ")), "{told}");
    assert!(lines[1].ends_with("; both pauses hold now, and `punctual resume --all` ends both"), "{told}");
    let told = said(&place, &["resume", "payroll-de"], FOUND).await;
    assert_eq!(told.matches("is still held").count(), 1, "one command ends both: {told}");
    assert_eq!(said(&place, &["resume", "--all"], FOUND).await.lines().next(), Some("everything is resumed"));
    let told = said(&place, &["resume", "--all"], FOUND).await;
    assert_eq!(told.lines().next(), Some("there was no pause of everything, so none was ended"));
    let told = said(&place, &["resume", "payroll-de"], FINE).await;
    assert_eq!(told, "`payroll-de` had no pause of its own\n");
    assert_eq!(notes(&place, "payroll-de").await, [None, None]);

    let told = said(&place, &["pause", "--connection", "on*"], FINE).await;
    assert_eq!(
        told,
        "connection `on*` is paused until it is resumed; no schedule fits now, and it holds those that are added\n"
    );
    let rows = audit(&place).await;
    let acts: Vec<_> = rows.iter().map(|(_, action, subject, _)| (action.as_str(), subject.as_str())).collect();
    assert_eq!(
        acts,
        [
            ("pause", "payroll-*"),
            ("pause", "invoices"),
            ("pause", "all"),
            ("resume", "payroll-*"),
            ("pause", "all"),
            ("resume", "all"),
            ("pause", "connection on*"),
        ]
    );
    assert_eq!(rows[0].3.as_deref(), Some("until 2100-01-01T00:00:00Z: month's end"));
    assert!(rows.iter().all(|(actor, ..)| actor.ends_with(&me)), "{rows:?}");
    let shown = json(&place.run(&["audit", "--since", "1h", "-o", "json"]).await);
    let shown = shown.as_array().unwrap().iter().rev();
    let column = |row: &Value, name: &str| row[name].as_str().map(str::to_owned);
    let shown: Vec<_> = shown
        .map(|row| {
            let [actor, action, subject] = ["actor", "action", "subject"].map(|name| column(row, name).unwrap());
            (actor, action, subject, column(row, "detail"))
        })
        .collect();
    assert_eq!(shown, rows);
    let newest = said(&place, &["audit", "-n", "1"], FINE).await;
    assert!(newest.starts_with("WHEN") && newest.lines().count() == 2 && newest.contains("connection on*"), "{newest}");
    let before = said(&place, &["audit", "--until", "2000-01-01"], FINE).await;
    assert_eq!(before, "Nobody has done anything by hand in that time.\n");
    stop(daemon).await;

    // What is paused is known without a daemon, and holds in its next life.
    let note = notes(&place, "invoices").await.swap_remove(0).unwrap();
    assert!(note.starts_with("will not run: paused by "), "{note}");
    let daemon = place.daemon().await;
    let told = said(&place, &["resume", "invoices"], FINE).await;
    assert_eq!(told, "`invoices` is resumed\n");
    stop(daemon).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slip_of_the_fingers_is_refused_and_changes_nothing() {
    let place = place(&["payroll", "invoices"]);
    let daemon = place.daemon().await;
    let told = said(&place, &["pause", "invoices", "payrol"], USAGE).await;
    assert!(told.contains("there is no schedule `payrol`") && told.contains("did you mean `payroll`?"), "{told}");
    let told = said(&place, &["pause", "--connection", "nowhere"], USAGE).await;
    assert!(told.contains("there is no connection `nowhere`"), "{told}");
    let told = said(&place, &["resume", "payrol"], USAGE).await;
    assert!(told.contains("did you mean `payroll`?"), "{told}");
    let told = said(&place, &["pause", "payroll", "--until", "2020-01-01"], USAGE).await;
    assert!(told.contains("is past, so the pause would be over at once"), "{told}");
    for arguments in [
        ["pause", "--reason", "none is named"].as_slice(),
        &["pause", "payroll", "--all"],
        &["pause", "payroll", "--until", "soon"],
        &["pause", "payroll", "--until", "18:00", "--for", "2h"],
        &["pause", "payroll", "--for", "0s"],
        &["skip", "payroll", "2h"],
    ] {
        said(&place, arguments, USAGE).await;
    }
    let told = said(&place, &["skip", "payroll", "2031-01-01T00:00:00Z"], USAGE).await;
    assert!(told.contains("`payroll` has no coming time 2031-01-01 00:00:00 +00:00 in UTC, its zone"), "{told}");
    assert!(told.contains("the nearest there: 2028-02-29 00:00:00 +00:00, 2032-02-29 00:00:00 +00:00"), "{told}");
    assert_eq!(audit(&place).await, []);
    stop(daemon).await;
    let told = said(&place, &["pause", "payroll"], NOT_REACHABLE).await;
    assert!(told.contains("only a running one can hold schedules back") && told.contains("`enabled: false`"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_coming_time_is_skipped_until_that_is_taken_back() {
    let place = place(&["payroll", "invoices"]);
    let daemon = place.daemon().await;
    let next = json(&place.run(&["next", "payroll", "-o", "json"]).await)[0]["nominal_at"].clone();
    let next = next.as_str().unwrap().to_owned();
    let told = said(&place, &["skip", "payroll", "--reason", "no run in a leap year"], FINE).await;
    assert!(told.starts_with("`payroll`: its time ") && told.ends_with(" is skipped\n"), "{told}");
    let [first, second] = notes(&place, "payroll").await.try_into().unwrap();
    let first = first.unwrap();
    assert!(first.starts_with("will not run: this time was skipped by "), "{first}");
    assert!(first.ends_with(": no run in a leap year") && second.is_none(), "{first}");
    let status = json(&place.run(&["status", "-o", "json"]).await);
    let coming: Vec<&Value> = status["next"].as_array().unwrap().iter().collect();
    assert_eq!((coming[0]["schedule"].as_str(), coming[0]["nominal_at"].as_str()), (Some("invoices"), Some(&*next)));
    assert_ne!(coming[1]["nominal_at"], next.as_str());
    let told = said(&place, &["skip", "payroll", &next, "--undo"], FINE).await;
    assert!(told.ends_with(" is not skipped any more\n"), "{told}");
    assert_eq!(notes(&place, "payroll").await, [None, None]);
    let told = said(&place, &["skip", "payroll", "--undo"], USAGE).await;
    assert!(told.contains("no coming time of `payroll` is to be skipped"), "{told}");
    let acts: Vec<_> = audit(&place).await.into_iter().map(|(_, action, subject, _)| (action, subject)).collect();
    assert_eq!(acts, [("skip".to_owned(), "payroll".to_owned()), ("skip".to_owned(), "payroll".to_owned())]);
    stop(daemon).await;
}

/// A clock on the wall of another zone must not choose another run.
#[tokio::test(flavor = "multi_thread")]
async fn a_time_to_be_skipped_is_read_where_the_schedule_is_and_told_in_both_zones() {
    let place = quiet();
    let head = QUIET.split_once("schedules:\n").unwrap().0;
    let start = "start: { process: Leap, folder: Shared }";
    place.write(
        "schedules.yaml",
        &format!("{head}schedules:\n  payroll: {{ cron: \"0 6,15 29 2 *\", timezone: Asia/Tokyo, {start} }}\n"),
    );
    let daemon = place.daemon().await;
    // 06:00 on the clock of this machine, which is in UTC, is 15:00 there, and a time of the schedule too.
    let told = said(&place, &["skip", "payroll", "06:00"], FINE).await;
    let shown = "2028-02-29 06:00:00 +09:00 in Asia/Tokyo (2028-02-28 21:00:00 +00:00 here)";
    assert_eq!(told, format!("`payroll`: its time {shown} is skipped\n"));
    let status = json(&place.run(&["status", "-o", "json"]).await);
    assert_eq!(status["skips"][0]["nominal_at"], "2028-02-28T21:00:00.000Z", "{status:#}");
    let told = said(&place, &["status"], FINE).await;
    let listed = "\nskipped coming times\n  2028-02-28 21:00:00 +00:00  payroll, by ";
    assert_eq!(told.matches(listed).count(), 1, "{told}");
    // What is shown is taken, whether the shell kept it together or not.
    for written in [["2028-02-28", "21:00:00", "+00:00"].as_slice(), &["2028-02-29 06:00:00 +09:00"]] {
        let told = said(&place, &[&["skip", "payroll", "--undo"], written].concat(), FINE).await;
        assert_eq!(told, format!("`payroll`: its time {shown} is not skipped any more\n"));
        said(&place, &[&["skip", "payroll"], written].concat(), FINE).await;
    }
    let told = said(&place, &["skip", "payroll", "2028-02-29"], USAGE).await;
    assert!(told.contains("`payroll` has several coming times on 2028-02-29 in Asia/Tokyo, its zone"), "{told}");
    assert!(told.contains("say which: `2028-02-29 06:00:00 +09:00`, `2028-02-29 15:00:00 +09:00`"), "{told}");
    let told = said(&place, &["skip", "payroll", "2028-02-29", "07:00"], USAGE).await;
    assert!(told.contains("`payroll` has no coming time 2028-02-29 07:00:00 in Asia/Tokyo, its zone"), "{told}");
    stop(daemon).await;
}
