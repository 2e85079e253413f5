//! `punctual check` as a gate: its exit codes, and what programs read of it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{CONNECTION, punctual, run, text};

/// Right, and nothing in it is doubtful.
const RIGHT: &str = "schedules:\n  a: { cron: \"0 7 * * *\", timezone: UTC, start: { process: P, folder: F } }\n";
/// A time of next spring that does not exist.
const DOUBTFUL: &str =
    "schedules:\n  b: { cron: \"30 2 * * *\", timezone: Europe/Berlin, start: { process: P, folder: F } }\n";
const WRONG: &str = "schedules:\n  c: { cron: \"61 7 * * *\", timezone: UTC, start: { process: P, folder: F } }\n";

fn write(folder: &Path, name: &str, content: &str) {
    fs::write(folder.join(name), content).unwrap();
    fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o600)).unwrap();
}

/// A folder with a secret, and these files.
fn place(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "user-key", "a-user-key");
    for (name, content) in files {
        if let Some((parent, _)) = name.rsplit_once('/') {
            fs::create_dir_all(folder.path().join(parent)).unwrap();
        }
        write(folder.path(), name, content);
    }
    folder
}

fn whole(schedules: &str) -> String {
    format!("{CONNECTION}{schedules}")
}

#[test]
fn each_exit_code_has_its_cause() {
    let (right, doubtful, wrong) = (whole(RIGHT), whole(DOUBTFUL), whole(WRONG));
    let table: [(&str, &str, &[&str], i32, &str); 9] = [
        ("right", &right, &[], 0, "1 schedule on 1 connection in 1 file: no mistakes"),
        ("right, strictly", &right, &["--strict"], 0, "no mistakes"),
        ("doubtful", &doubtful, &[], 0, "no errors, 1 warning"),
        ("doubtful, strictly", &doubtful, &["--strict"], 2, "no errors, 1 warning"),
        ("doubtful, as rows", &doubtful, &["-o", "json"], 0, "\"severity\": \"warning\""),
        ("doubtful, as rows, strictly", &doubtful, &["--strict", "-o", "json"], 2, "\"severity\": \"warning\""),
        ("wrong", &wrong, &[], 2, ""),
        ("wrong, as rows", &wrong, &["-o", "ndjson"], 2, "\"severity\":\"error\""),
        ("wrong usage", &right, &["--no-such-option"], 2, ""),
    ];
    for (name, file, more, code, says) in table {
        let folder = place(&[("schedules.yaml", file)]);
        let output = run(folder.path(), &[&["check"], more].concat());
        let (said, told) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{name}: {said}{told}");
        assert!(said.contains(says) && said.is_empty() == says.is_empty(), "{name}: {said}{told}");
    }
    let nothing = tempfile::tempdir().unwrap();
    let output = run(nothing.path(), &["check", "--config", "nowhere.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("nowhere.yaml"), "{}", text(&output.stderr));
}

#[test]
fn data_alone_goes_to_stdout_and_words_to_stderr() {
    let folder = place(&[("schedules.yaml", &whole(DOUBTFUL))]);
    let output = run(folder.path(), &["check"]);
    assert!(text(&output.stderr).starts_with("warning: schedules.yaml:8:"), "{}", text(&output.stderr));
    let output = run(folder.path(), &["check", "-o", "json"]);
    assert_eq!(text(&output.stderr), "");
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap().as_array().map(Vec::len), Some(1));
    let folder = place(&[("schedules.yaml", &whole(RIGHT))]);
    for (format, nothing) in [("json", "[]\n"), ("ndjson", ""), ("csv", "file,line,column,severity,message,hint\n")] {
        let output = run(folder.path(), &["check", "-o", format]);
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), nothing.to_owned()), "{format}");
    }
}

#[test]
fn every_mistake_of_every_file_is_a_row_with_its_place_sentence_and_cure() {
    let folder = place(&[
        ("conf/10-connections.yaml", CONNECTION),
        ("conf/20-right.yaml", &format!("version: 1\n{RIGHT}")),
        ("conf/30-wrong.yml", &format!("version: 1\n{WRONG}  d: {{ every: 5, start: {{ process: P }} }}\n")),
        ("conf/README.txt", "not a schedule file"),
        ("more.yaml", "version: 1\nschedules:\n\te: {}\n"),
    ]);
    let output =
        run(folder.path(), &["check", "--config", "more.yaml", "--config", "conf", "--config", "gone", "-o", "json"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    let rows: Value = serde_json::from_slice(&output.stdout).unwrap();
    let expected = json!([
        {
            "file": "more.yaml", "line": 3, "column": 1, "severity": "error",
            "message": "a tab stands in the indentation", "hint": "YAML indents with spaces only",
        },
        {
            "file": "conf/30-wrong.yml", "line": 3, "column": 15, "severity": "error",
            "message": "schedule `c`: `cron`: `61` is out of range in the minute field, which takes 0 to 59",
            "hint": "write a number in that range, or `*` for all of it",
        },
        {
            "file": "conf/30-wrong.yml", "line": 4, "column": 15, "severity": "error",
            "message": "schedule `d`: `every` `5` needs a unit", "hint": "write `5s` for seconds, or `m`, `h`, `d`",
        },
        {
            "file": "gone", "line": 0, "column": 0, "severity": "error",
            "message": "failed to read the file: no such file or directory",
            "hint": "name schedule files or folders with `--config`; without it `./schedules.yaml` is read, or else `/etc/punctual`",
        },
    ]);
    assert_eq!(rows, expected, "{rows:#}");
    for row in rows.as_array().unwrap() {
        let fields: Vec<&String> = row.as_object().unwrap().keys().collect();
        assert_eq!(fields, ["file", "line", "column", "severity", "message", "hint"]);
    }
    // The same rows in each format.
    let lines =
        run(folder.path(), &["check", "--config", "more.yaml", "--config", "conf", "--config", "gone", "-o", "ndjson"]);
    let lines: Vec<Value> = text(&lines.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(Value::Array(lines), rows);
}

#[test]
fn a_folder_and_the_variable_name_the_same_files() {
    let folder = place(&[("conf/a.yaml", CONNECTION), ("conf/b.yaml", &format!("version: 1\n{RIGHT}"))]);
    let told = "1 schedule on 1 connection in 2 files: ";
    let named = run(folder.path(), &["check", "--config", "conf"]);
    assert!(text(&named.stdout).contains(told), "{}{}", text(&named.stdout), text(&named.stderr));
    let mut command = punctual(folder.path());
    let by_variable = command.arg("check").env("PUNCTUAL_CONFIG", "conf").output().unwrap();
    assert_eq!(by_variable.stdout, named.stdout);
}

/// A pipe has no place to point to and cannot be read again by a daemon.
#[test]
fn stdin_is_no_schedule_file() {
    let folder = place(&[]);
    let mut child = punctual(folder.path())
        .args(["check", "--config", "/dev/stdin"])
        .stdin(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(child.stdin.as_mut().unwrap(), whole(RIGHT).as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("not a regular file"), "{}", text(&output.stderr));
}

#[test]
fn a_character_in_a_secret_that_nobody_types_is_named_with_its_place_and_the_secret_is_not_shown() {
    let folder = place(&[("schedules.yaml", &whole(RIGHT))]);
    for (secret, says) in [
        ("a-user\u{a0}key", "the value has the character NO-BREAK SPACE (U+00A0) at position 7"),
        ("a-us\u{200b}er-key", "the value has the character ZERO WIDTH SPACE (U+200B) at position 5"),
        ("“a-user-key", "the value has the character LEFT DOUBLE QUOTATION MARK (U+201C) at position 1"),
        ("a-user–key", "the value has the character EN DASH (U+2013) at position 7"),
    ] {
        write(folder.path(), "user-key", secret);
        let output = run(folder.path(), &["check"]);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{told}");
        assert!(told.contains("`auth.refresh_token`: the refresh token in `file:") && told.contains(says), "{told}");
        assert!(told.contains("type that character anew, or take it out"), "{told}");
        assert!(!told.contains(secret) && !told.contains("a-us"), "{told}");
    }
    // The cure.
    write(folder.path(), "user-key", "a-user-key");
    let output = run(folder.path(), &["check", "--strict"]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
}

#[test]
fn what_was_understood_of_each_schedule_is_shown_unless_it_is_not_wanted() {
    let file = whole(
        "defaults: { timezone: Europe/Berlin }
limits: { licences: { running: 3 } }
blackouts:
  patching: { cron: \"30 7 * * *\", for: 1h, schedules: plain }
  freeze: { at: \"2090-12-20T00:00[Europe/Berlin]\", for: 14d, schedules: [a*], then: wait }
schedules:
  all-of-it:
    cron: \"0 7 * * MON-FRI\"
    start: { process: P, folder: F, priority: High }
    overlap: queue_latest
    catch_up: { policy: last, window: 2d }
    on_unknown_start: hold
    retry: { attempts: 3, on: [faulted, timed_out] }
    timeout: { pending: 20m, soft: 50m, at: \"23:00\", kill_after: 1m, on_pending: restart, on_server: true }
    pool: licences
    priority: 7
    pause_after_failures: 1
  off: { every: 90s, enabled: false, overlap: allow, catch_up: { policy: skip }, pause_after_failures: 0, start: { process: P, folder: F } }
  once: { at: \"2090-01-01T00:00:00Z\", on_unknown_start: skip, overlap: kill_other, start: { process: P, folder: F } }
  plain: { cron: [\"0 7 * * *\", \"0 8 * * *\"], start: { process: P, folder: F } }
  rhythm: { every: 1h, overlap: stop_other, timeout: { kill_after: 2m }, retry: { attempts: 2, delay: 5m, max_delay: 5m }, start: { process: P, folder: F } }
",
    );
    let folder = place(&[("schedules.yaml", &file)]);
    let output = run(folder.path(), &["check"]);
    let (said, told) = (text(&output.stdout), text(&output.stderr));
    assert_eq!((output.status.code(), told.as_str()), (Some(0), ""), "{said}");
    let rules = |key: &str| {
        let line = said.lines().find(|line| line.starts_with(key)).unwrap_or_else(|| panic!("{key}: {said}"));
        line.rsplit("  ").map(str::trim).find(|part| !part.is_empty()).unwrap().to_owned()
    };
    // What depends on today: how many times there are until when.
    let (all_of_it, ahead) = rules("all-of-it").rsplit_once("; ").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    assert!(ahead.starts_with("blackouts take none of its 2") && ahead.contains(" times until 2"), "{ahead}");
    assert_eq!(
        all_of_it,
        "the newest waits for the run before; catches up the last time of 2d; an unclear start waits for a person; up to 3 starts, \
         1m to 15m apart (faulted, timed out); stopped after 20m without a robot (then started again) or 50m of running and at 23:00, \
         killed 1m later, counted by Orchestrator too; pool licences, 3 at once; priority 7; High at Orchestrator; paused after 1 \
         failure in a row; blackout freeze puts off what falls in it"
    );
    assert_eq!(rules("off"), "disabled; runs side by side; catches up nothing; never paused for failures");
    assert_eq!(rules("once"), "kills the run before; an unclear start is let be");
    let (plain, ahead) = rules("plain").rsplit_once("; ").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    assert_eq!(plain, "blackout patching skips what falls in it");
    let numbers: Vec<u32> = ahead.split(' ').filter_map(|word| word.parse().ok()).collect();
    let [taken, times] = numbers[..] else { panic!("{ahead}") };
    assert!((29..=31).contains(&taken) && (59..=61).contains(&times), "every other one, for thirty days: {ahead}");
    assert!(ahead.starts_with("blackouts take "), "{ahead}");
    assert_eq!(rules("rhythm"), "stops the run before; up to 2 starts, 5m apart (faulted)");
    let line = |key: &str| said.lines().find(|line| line.starts_with(key)).unwrap().to_owned();
    assert!(line("plain").contains("0 7 * * * | 0 8 * * * Europe/Berlin"), "{said}");
    let next = line("plain").split("  ").map(str::trim).filter(|part| !part.is_empty()).nth(2).unwrap().to_owned();
    let next: jiff::Timestamp = next.replace(" +", "+").replace(" -", "-").parse().unwrap();
    let berlin = next.in_tz("Europe/Berlin").unwrap();
    assert_eq!((berlin.hour(), berlin.minute()), (7, 0), "not the one at eight, which the window takes: {said}");
    assert!(line("off").contains("every 1m30s") && line("once").contains("at 2090-01-01T00:00:00Z"), "{said}");
    assert!(said.ends_with("5 schedules on 1 connection in 1 file: no mistakes\n"), "{said}");
    let quiet = run(folder.path(), &["check", "--quiet"]);
    assert_eq!(text(&quiet.stdout), "5 schedules on 1 connection in 1 file: no mistakes\n");
}

#[test]
fn next_shows_what_a_blackout_takes_and_what_it_puts_off() {
    let file = whole(
        "defaults: { timezone: UTC }
blackouts:
  patching: { at: \"2090-01-01T22:00:00Z\", for: 6h, schedules: a }
  freeze: { at: \"2090-01-01T22:00:00Z\", for: 6h, schedules: b, then: wait }
schedules:
  a: { cron: \"0 23 1 1 *\", start: { process: P, folder: F } }
  b: { cron: \"59 59 3 2 1 *\", start: { process: P, folder: F } }
  c: { cron: \"0 4 2 1 *\", start: { process: P, folder: F } }
",
    );
    let folder = place(&[("schedules.yaml", &file)]);
    let output = run(
        folder.path(),
        &["next", "--from", "2090-01-01T00:00:00Z", "--until", "2090-01-03T00:00:00Z", "-o", "json"],
    );
    let rows: Value = serde_json::from_slice(&output.stdout).unwrap();
    let notes: Vec<&str> = rows.as_array().unwrap().iter().map(|row| row["note"].as_str().unwrap_or("-")).collect();
    assert_eq!(notes[0], "will not run: in blackout `patching`");
    assert!(notes[1].starts_with("waits until 2090-01-02 0"), "{notes:?}");
    assert!(notes[1].ends_with("for the end of blackout `freeze`"), "{notes:?}");
    assert_eq!(notes[2], "-", "the end is not in it");
}
