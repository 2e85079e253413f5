//! The command line as a person and a script meet it: the real binary, its words and its exit codes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::Read;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn punctual(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_punctual"));
    command.current_dir(folder).stdin(Stdio::null()).env("TZ", "UTC").env("HOME", folder);
    for name in ["PUNCTUAL_CONFIG", "PUNCTUAL_STATE_DIR", "STATE_DIRECTORY", "XDG_STATE_HOME"] {
        command.env_remove(name);
    }
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    punctual(folder).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

const CONNECTION: &str = "version: 1
connections:
  uipath:
    url: https://platform.uipath.com/acme/acmeprod
    tenant: acmeprod
    auth: { grant: refresh_token, style: account, client_id: abc, refresh_token: \"file:user-key\" }
";

fn folder_with(schedules: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("schedules.yaml"), format!("{CONNECTION}{schedules}")).unwrap();
    folder
}

#[test]
fn five_different_mistakes_are_shown_with_five_places_in_one_run_and_exit_code_2() {
    let folder = folder_with(
        "schedules:
  zone: { cron: \"0 7 * * *\", timezone: Europe/Zurch, start: { process: P } }
  pattern: { cron: \"61 7 * * *\", timezone: Europe/Berlin, start: { process: P } }
  key: { cron: \"0 7 * * *\", timezone: Europe/Berlin, overlapp: skip, start: { process: P } }
  nothing: { cron: \"0 7 * * *\", timezone: Europe/Berlin }
  duration: { every: soon, start: { process: P } }
",
    );
    for command in [["check"].as_slice(), &["daemon", "--state-dir", "state"], &["next"]] {
        let output = run(folder.path(), command);
        assert_eq!(output.status.code(), Some(2), "{command:?}");
        let told = text(&output.stderr);
        for place in
            ["schedules.yaml:8:", "schedules.yaml:9:", "schedules.yaml:10:", "schedules.yaml:11:", "schedules.yaml:12:"]
        {
            assert!(told.contains(place), "{command:?}: {place} is not in:\n{told}");
        }
        for cure in ["did you mean `Europe/Zurich`", "`61` is out of range", "did you mean `overlap`", "5 errors"] {
            assert!(told.contains(cure), "{command:?}: `{cure}` is not in:\n{told}");
        }
    }
    assert!(!folder.path().join("state").exists(), "nothing was begun");
}

#[test]
fn check_gives_rows_to_programs() {
    let folder = folder_with("schedules:\n  zone: { cron: \"0 7 * * *\", timezone: CET, start: { process: P } }\n");
    let output = run(folder.path(), &["check", "-o", "json"]);
    assert_eq!(output.status.code(), Some(2));
    let rows: Value = serde_json::from_slice(&output.stdout).unwrap();
    let row = &rows[0];
    assert_eq!(row["severity"], "error");
    assert_eq!(row["line"], 8);
    let fields: Vec<&String> = row.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["file", "line", "column", "severity", "message", "hint"]);
}

#[test]
fn a_field_that_is_not_built_yet_is_refused_by_check_and_daemon_alike() {
    let folder = folder_with(
        "schedules:\n  s: { cron: \"0 7 * * *\", timezone: UTC, retry: { attempts: 3 }, start: { process: P } }\n",
    );
    for command in [["check"].as_slice(), &["daemon", "--state-dir", "state"]] {
        let output = run(folder.path(), command);
        assert_eq!(output.status.code(), Some(2));
        let told = text(&output.stderr);
        assert!(told.contains("`retry` is not built yet"), "{told}");
    }
}

#[test]
fn next_shows_what_a_clock_change_does_to_a_time_before_it_happens() {
    let folder =
        folder_with("schedules:\n  night: { cron: \"30 2 * * *\", timezone: Europe/Berlin, start: { process: P } }\n");
    let output = run(folder.path(), &["next", "--from", "2027-03-27T12:00:00Z", "-n", "2", "-o", "ndjson"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let rows: Vec<Value> = text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0]["nominal_at"], "2027-03-28T01:00:00.000Z");
    assert_eq!(rows[0]["local"], "2027-03-28T03:00:00");
    assert_eq!(rows[0]["offset"], "+02:00");
    assert!(rows[0]["note"].as_str().unwrap().contains("02:30"));
    assert_eq!(rows[1]["note"], Value::Null);
    let table = text(&run(folder.path(), &["next", "--from", "2027-03-27T12:00:00Z", "-n", "1"]).stdout);
    assert!(table.contains("2027-03-28 03:00:00 +02:00"), "{table}");
}

#[test]
fn a_range_of_next_times_is_not_cut() {
    let folder = folder_with("schedules:\n  often: { every: 1m, start: { process: P } }\n");
    let range = ["next", "--from", "2027-01-01T00:00:00Z", "--until", "2027-01-02T00:00:00Z", "-o", "csv"];
    let output = run(folder.path(), &range);
    let lines = text(&output.stdout);
    assert_eq!(lines.lines().next(), Some("schedule,nominal_at,fire_at,local,offset,note"));
    assert_eq!(lines.lines().count(), 1 + 24 * 60);
}

#[test]
fn an_unknown_schedule_is_answered_with_the_known_ones() {
    let folder = folder_with("schedules:\n  nightly: { every: 1m, start: { process: P } }\n");
    let output = run(folder.path(), &["next", "nihgtly"]);
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output.stderr);
    assert!(told.contains("there is no schedule `nihgtly`") && told.contains("nightly"), "{told}");
}

#[test]
fn history_of_a_folder_without_one_says_so_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    for command in [["runs", "--state-dir", "empty"].as_slice(), &["show", "abc", "--state-dir", "empty"]] {
        let output = run(folder.path(), command);
        assert_eq!(output.status.code(), Some(3));
        let told = text(&output.stderr);
        assert!(told.contains("there is no history in `empty`") && told.contains("--state-dir"), "{told}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn the_schema_is_json_and_names_what_it_describes() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["schema"]);
    assert_eq!(output.status.code(), Some(0));
    let schema: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(schema["properties"]["schedules"].is_object(), "{schema}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let folder = folder_with("schedules:\n  often: { every: 1s, start: { process: P } }\n");
    let mut child = punctual(folder.path())
        .args(["next", "--from", "2027-01-01T00:00:00Z", "--until", "2027-02-01T00:00:00Z", "-o", "ndjson"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0u8; 64];
    child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn help_and_wrong_usage_have_their_exit_codes() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(run(folder.path(), &["--help"]).status.code(), Some(0));
    assert_eq!(run(folder.path(), &["runs", "--state", "sleeping"]).status.code(), Some(2));
    assert_eq!(run(folder.path(), &["fly"]).status.code(), Some(2));
}
