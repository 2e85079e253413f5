//! The command line as a person and a script meet it: the real binary, its words and its exit codes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::Read;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use punctual::cli::csv_cell::cell;
use serde_json::Value;

mod asked;
mod check;
mod grid;
mod history;
mod logged;
mod manual;

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
fn durations_are_read_as_the_schedule_file_reads_them() {
    let folder = folder_with("schedules: {}\n");
    for slip in ["1m1h", "1h1h", "90"] {
        let refused = run(folder.path(), &["runs", "--since", slip]);
        assert_eq!(refused.status.code(), Some(2), "{slip}: {}", text(&refused.stderr));
        assert!(text(&refused.stderr).contains(&format!("`{slip}` is not a time")), "{}", text(&refused.stderr));
    }
    let length = run(folder.path(), &["demo", "--for", "1m1h"]);
    assert_eq!(length.status.code(), Some(2), "{}", text(&length.stderr));
    assert!(text(&length.stderr).contains("is not a duration; write for example"), "{}", text(&length.stderr));
    // There is no history here, which is found out after the time was read.
    let read = run(folder.path(), &["runs", "--since", "1h1m", "--state-dir", "none"]);
    assert_eq!(read.status.code(), Some(3), "{}", text(&read.stderr));
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
        "schedules:\n  s: { cron: \"0 7 * * *\", timezone: UTC, ping: \"credential:ping\", start: { process: P } }\n",
    );
    for command in [["check"].as_slice(), &["daemon", "--state-dir", "state"]] {
        let output = run(folder.path(), command);
        assert_eq!(output.status.code(), Some(2));
        let told = text(&output.stderr);
        assert!(told.contains("`ping` is not built yet"), "{told}");
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
fn a_list_is_bounded_by_either_name_of_the_option() {
    let folder = folder_with("schedules:\n  s: { every: 1h, start: { process: P } }\n");
    for option in ["-n", "--count", "--limit"] {
        let output = run(folder.path(), &["next", option, "2", "-o", "ndjson"]);
        assert_eq!((output.status.code(), text(&output.stdout).lines().count()), (Some(0), 2), "{option}");
        // No daemon has run, so there is nothing to list; the option is understood.
        let output = run(folder.path(), &["runs", option, "2", "--state-dir", "empty"]);
        assert_eq!(output.status.code(), Some(3), "{option}: {}", text(&output.stderr));
    }
    let help = text(&run(folder.path(), &["runs", "--help"]).stdout);
    assert!(help.contains("-n, --limit"), "{help}");
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
fn days_side_by_side_show_each_time_once() {
    let folder =
        folder_with("schedules:\n  nights: { cron: \"0 0,12 * * *\", timezone: UTC, start: { process: P } }\n");
    let due = |from: &str, until: &str| {
        let range = ["next", "nights", "--from", from, "--until", until, "-o", "ndjson"];
        let output = run(folder.path(), &range);
        let rows = text(&output.stdout);
        let times = rows.lines().map(|row| serde_json::from_str::<Value>(row).unwrap()["nominal_at"].clone());
        times.collect::<Vec<_>>()
    };
    let (first, second) =
        (due("2027-01-01T00:00Z", "2027-01-02T00:00Z"), due("2027-01-02T00:00Z", "2027-01-03T00:00Z"));
    assert_eq!(first, ["2027-01-01T00:00:00.000Z", "2027-01-01T12:00:00.000Z"]);
    assert_eq!([first, second].concat(), due("2027-01-01T00:00Z", "2027-01-03T00:00Z"));
    let turned = run(folder.path(), &["next", "--from", "2027-01-03", "--until", "2027-01-01"]);
    assert_eq!(turned.status.code(), Some(2));
    assert!(text(&turned.stderr).contains("`--until` is not after `--from`"), "{}", text(&turned.stderr));
}

#[test]
fn a_schedule_that_is_not_there_is_told_with_the_one_that_was_meant() {
    let folder = folder_with("schedules:\n  night: { every: 1h, start: { process: P } }\n");
    for (name, cure) in [("nigth", "did you mean `night`?"), ("invoices", "known are `night`")] {
        let output = run(folder.path(), &["next", name]);
        assert_eq!(output.status.code(), Some(2));
        let told = text(&output.stderr);
        assert!(told.contains(&format!("there is no schedule `{name}`")) && told.contains(cure), "{told}");
    }
}

#[test]
fn a_long_range_is_whole_in_every_format_and_in_order_over_all_schedules() {
    let folder = folder_with(
        "schedules:\n  often: { every: 1m, start: { process: P } }\n  seldom: { cron: \"30 12 * * *\", timezone: UTC, start: { process: P } }\n",
    );
    // Eight days: more than ten thousand times.
    let shown = |format: &str| {
        let range = ["next", "--from", "2027-01-01T00:00:00Z", "--until", "2027-01-09T00:00:00Z", "-o", format];
        let output = run(folder.path(), &range);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let rows: Vec<Value> = shown("ndjson").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 8 * 24 * 60 + 8);
    let fires: Vec<&str> = rows.iter().map(|row| row["fire_at"].as_str().unwrap()).collect();
    assert!(fires.is_sorted());
    assert_eq!(serde_json::from_str::<Vec<Value>>(&shown("json")).unwrap(), rows);
    assert_eq!(shown("csv").lines().count(), 1 + rows.len());
    let table = shown("table");
    // Each part of a long table has its names on top.
    let heads = table.lines().filter(|line| line.starts_with("SCHEDULE")).count();
    let (table, zone) = table.trim_end().rsplit_once("\n\n").unwrap();
    assert!(zone.starts_with("DUE is in UTC"), "{zone}");
    assert_eq!(table.lines().count(), rows.len() + heads);
    assert_eq!(heads, rows.len().div_ceil(1_000));
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

#[test]
fn a_demo_leaves_a_history_whose_tables_are_straight_in_every_colour_and_whose_questions_are_answered() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("d/user-key");
    let output = run(folder.path(), &["demo", "--state-dir", "d", "--for", "2s"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let told = text(&output.stdout);
    // Usually it is not sent within 2 s, and then it is not named; on a machine that is busy it may be, and then it is there.
    if let Some(line) = told.lines().find(|line| line.contains("the start whose answer was lost")) {
        let words: Vec<&str> = line.split('#').next().unwrap().split_whitespace().skip(1).collect();
        let shown = run(folder.path(), &words);
        assert!(text(&shown.stdout).contains("May have started"), "{told}\n{}", text(&shown.stdout));
    }
    let mode = |path: &Path| std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(path).unwrap().permissions());
    assert_eq!(mode(&key) & 0o777, 0o600);

    let plain = run(folder.path(), &["runs", "--state-dir", "d", "--color", "never"]).stdout;
    let colored = run(folder.path(), &["runs", "--state-dir", "d", "--color", "always"]).stdout;
    let no_color = punctual(folder.path()).args(["runs", "--state-dir", "d"]).env("NO_COLOR", "1").output().unwrap();
    // What still runs has run for longer the next time; the columns in front of that stay.
    let front = |table: &str| {
        let pending = table.find("PENDING").unwrap();
        table.lines().map(|line| line.get(..pending).unwrap_or(line).to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(front(&text(&plain)), front(&text(&no_color.stdout)));
    assert!(!text(&plain).contains('\u{1b}') && text(&colored).contains('\u{1b}'));
    assert_eq!(front(&anstream::adapter::strip_str(&text(&colored)).to_string()), front(&text(&plain)));
    let lines: Vec<String> = text(&plain).lines().map(str::to_owned).collect();
    let state = lines[0].find("STATE").unwrap();
    for line in &lines[1..] {
        assert!(line[..state].ends_with(' ') && !line[state..].starts_with(' '), "{lines:#?}");
    }

    let nosuch = run(folder.path(), &["runs", "--state-dir", "d", "--schedule", "nosuch"]);
    assert_eq!(nosuch.status.code(), Some(2));
    assert!(text(&nosuch.stderr).contains("heartbeat"), "{}", text(&nosuch.stderr));
    let json = run(folder.path(), &["runs", "--state-dir", "d", "--follow", "-o", "json"]);
    assert_eq!(json.status.code(), Some(2));
    assert!(text(&json.stderr).contains("use `-o ndjson` with `--follow`"));
    let csv = text(&run(folder.path(), &["runs", "--state-dir", "d", "-o", "csv"]).stdout);
    assert!(csv.contains(",+01:00,") || csv.contains(",+02:00,"), "an offset stays as it is:\n{csv}");

    // Again in the same folder: the counts are of this demo, and the key is closed even if it was open.
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let mut following = punctual(folder.path())
        .args(["runs", "--state-dir", "d", "--follow", "-o", "csv", "--limit", "1"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0u8; 4];
    following.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    let again = run(folder.path(), &["demo", "--state-dir", "d", "--for", "3s"]);
    assert_eq!(again.status.code(), Some(0), "{}", text(&again.stderr));
    assert_eq!(mode(&key) & 0o777, 0o600);
    following.kill().unwrap();
    let followed = text(&following.wait_with_output().unwrap().stdout);
    let columns = followed.lines().next().unwrap().matches(',').count();
    assert!(followed.lines().count() > 2 && followed.lines().all(|line| !line.starts_with('{')), "{followed}");
    assert!(followed.lines().skip(1).all(|line| line.matches(',').count() >= columns), "{followed}");
    assert!(!followed.lines().skip(1).any(|line| line.starts_with("run,")), "one header:\n{followed}");
}

#[test]
fn a_demo_never_writes_over_a_users_files() {
    let folder = folder_with("schedules: {}\n");
    let before = std::fs::read(folder.path().join("schedules.yaml")).unwrap();
    let output = run(folder.path(), &["demo", "--state-dir", ".", "--for", "1s"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("hint"), "{}", text(&output.stderr));
    assert_eq!(std::fs::read(folder.path().join("schedules.yaml")).unwrap(), before);
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["schedules.yaml"], "nothing was begun");
}

#[test]
fn a_demo_in_a_folder_that_a_daemon_holds_ends_with_75_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("schedules.yaml");
    std::fs::write(&file, "# Written by `punctual demo`. An earlier one.\n").unwrap();
    let lock = std::fs::File::create(folder.path().join("lock")).unwrap();
    lock.lock().unwrap();
    let output = run(folder.path(), &["demo", "--state-dir", ".", "--for", "1s"]);
    assert_eq!(output.status.code(), Some(75));
    let told = text(&output.stderr);
    assert!(told.contains("another daemon already runs with") && told.contains("--state-dir"), "{told}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "# Written by `punctual demo`. An earlier one.\n");
    assert!(!folder.path().join("user-key").exists());
}

#[test]
fn nothing_is_no_number_of_rows_and_no_length_of_a_demo() {
    let folder = folder_with("schedules: {}\n");
    for command in [["runs", "--limit", "0"].as_slice(), &["next", "-n", "0"], &["demo", "--for", "0s"]] {
        assert_eq!(run(folder.path(), command).status.code(), Some(2), "{command:?}");
    }
}

#[test]
fn one_schedule_is_counted_in_the_singular() {
    let folder = folder_with("schedules:\n  often: { every: 1m, timezone: UTC, start: { process: P, folder: F } }\n");
    let output = run(folder.path(), &["check"]);
    let told = text(&output.stdout);
    assert!(told.contains("\n1 schedule on 1 connection in 1 file: "), "{told}{}", text(&output.stderr));
}

#[test]
fn what_the_sandbox_prints_is_a_whole_file_that_check_accepts() {
    let folder = tempfile::tempdir().unwrap();
    let mut child =
        punctual(folder.path()).args(["sandbox", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut printed = String::new();
    for line in std::io::BufRead::lines(std::io::BufReader::new(child.stdout.as_mut().unwrap())) {
        let line = line.unwrap();
        printed.push_str(&line);
        printed.push('\n');
        if line.contains("punctual status") {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(
        printed.contains("\n#   Shared (3 robots): ") && printed.contains("\n#   Finance (1 robot): "),
        "{printed}"
    );
    assert!(printed.contains("\n#   punctual daemon --state-dir state\n"), "{printed}");
    std::fs::write(folder.path().join("schedules.yaml"), &printed).unwrap();
    for command in printed.lines().filter_map(|line| line.strip_prefix("#   printf ")) {
        let script = format!("printf {command}");
        assert!(Command::new("sh").args(["-c", &script]).current_dir(folder.path()).status().unwrap().success());
    }
    assert_eq!(std::fs::read_to_string(folder.path().join("user-key")).unwrap(), "sandbox-user-key");
    assert_eq!(std::fs::read_to_string(folder.path().join("client-secret")).unwrap(), "sandbox-secret");
    let output = run(folder.path(), &["check"]);
    assert_eq!(output.status.code(), Some(0), "{}\n{printed}", text(&output.stderr));
    assert!(text(&output.stdout).contains("\n1 schedule on 2 connections"), "{}", text(&output.stdout));
}

#[test]
fn a_mistake_in_a_faults_file_is_told_once_with_the_files_name() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("faults.yaml"), "rules:\n  - fault: drop_answr\n").unwrap();
    let output = run(folder.path(), &["sandbox", "--listen", "127.0.0.1:0", "--faults", "faults.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output.stderr);
    assert_eq!(told.matches("unknown").count(), 1, "{told}");
    assert!(told.contains("faults.yaml") && told.contains("drop_answr"), "{told}");
}

#[test]
fn only_what_people_write_is_kept_from_being_a_formula() {
    let value = |text: &str| Value::String(text.to_owned());
    assert_eq!(cell("note", Some(&value("=1+1"))), "'=1+1");
    assert_eq!(cell("offset", Some(&value("-05:00"))), "-05:00");
    assert_eq!(cell("note", Some(&Value::Null)), "");
}

#[test]
fn the_commands_that_a_hint_names_keep_the_files_and_the_folder_that_were_given() {
    let folder = folder_with("schedules: {}\n");
    std::fs::write(
        folder.path().join("here.yaml"),
        "version: 1\nconnections:\n  cloud:\n    url: http://127.0.0.1:9/acme/acmeprod\n    tenant: acmeprod\n    auth: { grant: \
         refresh_token, style: account, client_id: app-7, token_url: \"http://127.0.0.1:9/oauth/token\" }\n",
    )
    .unwrap();
    let output = run(folder.path(), &["token", "refresh", "cloud", "--config", "here.yaml", "--state-dir", "st"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("run `punctual login --config here.yaml --state-dir st cloud`"), "{said}");
}

#[test]
fn a_command_that_is_not_built_yet_says_so_and_what_to_do_instead() {
    let folder = folder_with("schedules: {}\n");
    for (command, instead) in [
        (["incident", "list"].as_slice(), "`punctual status`"),
        (&["notify", "list"], "`punctual status`"),
        (&["web"], "`punctual runs`"),
    ] {
        let output = run(folder.path(), command);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.starts_with(&format!("error: `punctual {}` is not built yet\n", command[0])), "{told}");
        assert!(told.contains(instead) && !told.contains("unrecognized"), "{told}");
    }
    let unknown = run(folder.path(), &["stats"]);
    assert!(text(&unknown.stderr).contains("unrecognized subcommand"), "{}", text(&unknown.stderr));
}

#[test]
fn a_usage_line_does_not_ask_for_what_the_environment_sets() {
    let folder = folder_with("schedules: {}\n");
    let output = punctual(folder.path())
        .args(["token", "refresh"])
        .env("PUNCTUAL_CONFIG", "schedules.yaml")
        .env("PUNCTUAL_STATE_DIR", "state")
        .env("PUNCTUAL_SOCKET", "socket")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output.stderr);
    let usage = told.lines().find(|line| line.starts_with("Usage: ")).unwrap();
    assert_eq!(usage, "Usage: punctual token refresh [OPTIONS] <CONNECTION>");
}
