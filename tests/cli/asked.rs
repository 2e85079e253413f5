//! The questions that people ask of the history first.

use jiff::{SignedDuration, Timestamp};
use punctual::cli::bars::{Bar, Script, bars};
use punctual::cli::grid::Tint;
use punctual::clock::Clock;
use punctual::run::{Ending, RunState};
use serde_json::Value;

use super::history::{Row, with_history};
use super::{punctual, run, text};

const DAYS: [&str; 7] = [
    "2026-11-16T07:00:00Z",
    "2026-11-17T07:00:00Z",
    "2026-11-18T07:00:00Z",
    "2026-11-19T07:00:00Z",
    "2026-11-20T07:00:00Z",
    "2026-11-21T07:00:00Z",
    "2026-11-22T07:00:00Z",
];

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn ago(minutes: i64) -> Timestamp {
    Clock::system().now().checked_sub(SignedDuration::from_mins(minutes)).unwrap()
}

fn a_week() -> Vec<Row> {
    let mut rows = Vec::new();
    for (day, due) in DAYS.into_iter().map(at).enumerate() {
        rows.push(Row::ran("payroll", due, "succeeded", 60 + 10 * day as i64));
        let invoices = if day < 5 { "succeeded" } else { "faulted" };
        rows.push(Row::ran("invoices", due, invoices, 480));
    }
    rows.push(Row {
        sent: None,
        accepted: None,
        started: None,
        reason: Some("overlap"),
        ..Row::ran("payroll", at("2026-11-22T08:00:00Z"), "skipped", 0)
    });
    rows.push(Row {
        sent: None,
        accepted: None,
        started: None,
        reason: Some("deadline"),
        ..Row::ran("reports", at(DAYS[6]), "missed", 0)
    });
    rows
}

async fn asked(arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    with_history(folder.path(), &a_week()).await;
    let output = run(folder.path(), &[&["runs", "--state-dir", "state"], arguments].concat());
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

#[tokio::test]
async fn by_schedule_shows_one_line_each_those_that_fail_first() {
    let shown = asked(&["--by-schedule"]).await;
    insta::assert_snapshot!(shown);
    let one = asked(&["--by-schedule", "-n", "1"]).await;
    assert!(one.ends_with("2 more: `punctual runs --by-schedule -n 3`\n"), "{one}");
    let failed = asked(&["--by-schedule", "--failed", "-n", "3"]).await;
    assert!(failed.contains("invoices") && failed.contains("reports") && !failed.contains("payroll"), "{failed}");
    let since = asked(&["--by-schedule", "--since", "2026-11-22", "invoices"]).await;
    assert!(since.contains("1 of 1 failed, since Sun 11-22 07:00, last success Fri 11-20 07:00"), "{since}");
}

#[tokio::test]
async fn by_schedule_gives_programs_instants_and_milliseconds() {
    let rows: Value = serde_json::from_str(&asked(&["--by-schedule", "-o", "json"]).await).unwrap();
    let invoices = &rows[0];
    let fields: Vec<&String> = invoices.as_object().unwrap().keys().collect();
    assert_eq!(
        fields,
        [
            "schedule",
            "last_success_at",
            "usual_ms",
            "late_ms",
            "failed",
            "judged",
            "failing_since",
            "open_since",
            "runs"
        ]
    );
    assert_eq!(invoices["schedule"], "invoices");
    assert_eq!(invoices["last_success_at"], "2026-11-20T07:00:00.000Z");
    assert_eq!(invoices["usual_ms"], 480_000);
    assert_eq!(invoices["late_ms"], 0);
    assert_eq!((&invoices["failed"], &invoices["judged"]), (&2.into(), &7.into()));
    assert_eq!(invoices["failing_since"], "2026-11-21T07:00:00.000Z");
    assert_eq!(invoices["runs"][0]["state"], "faulted");
    assert_eq!(invoices["runs"][0]["took_ms"], 480_000);
    let reports = &rows[1];
    assert_eq!((&reports["usual_ms"], &reports["late_ms"]), (&Value::Null, &Value::Null));
    assert_eq!(rows[2]["usual_ms"], 90_000, "the median of seven");
}

#[test]
fn a_run_that_did_not_succeed_has_a_sign_and_not_only_a_colour() {
    let states = RunState::ALL.map(|state| Bar { state: Some(state), took_ms: Some(1_000) });
    let (text, tints) = bars(&states, Script::Blocks);
    for ((sign, tint), state) in text.chars().zip(tints).zip(RunState::ALL) {
        let is_bar = state == RunState::Ended(Ending::Succeeded);
        assert_eq!(sign == '█', is_bar, "{state}");
        assert_eq!(tint == Tint::Green, is_bar, "{state}");
        assert_eq!(tint == Tint::Red, matches!(sign, 'x' | '!'), "{state}");
    }
    let took = [0, 1_000, 4_000, 8_000]
        .map(|took| Bar { state: Some(RunState::Ended(Ending::Succeeded)), took_ms: Some(took) });
    assert_eq!(bars(&took, Script::Blocks).0, "▁▂▅█");
    assert_eq!(bars(&took, Script::Digits).0, "1258");
    let locale =
        |variable: &'static str, value: &'static str| move |name: &str| (name == variable).then(|| value.to_owned());
    assert_eq!(Script::of(true, locale("LANG", "de_DE.UTF-8")), Script::Blocks);
    assert_eq!(Script::of(true, locale("LC_ALL", "C.utf8")), Script::Blocks);
    assert_eq!(Script::of(true, locale("LANG", "C")), Script::Digits);
    assert_eq!(Script::of(true, |_| None), Script::Digits);
    assert_eq!(Script::of(false, locale("LANG", "de_DE.UTF-8")), Script::Digits, "a pipe may go anywhere");
}

#[tokio::test]
async fn a_list_takes_commas_and_may_be_turned_round() {
    let states = |said: &str| {
        let rows = said.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let mut states: Vec<String> = rows.map(|row| row["state"].as_str().unwrap().to_owned()).collect();
        states.sort();
        states.dedup();
        states
    };
    for (arguments, wanted) in [
        (["--state", "missed,faulted"].as_slice(), ["faulted", "missed"].as_slice()),
        (&["--not", "succeeded,missed"], &["faulted", "skipped"]),
        (&["--failed", "--not", "missed"], &["faulted"]),
        (&["--reason", "overlap,deadline"], &["missed", "skipped"]),
        (&["--trigger", "manual,scheduled", "reports,payroll"], &["missed", "skipped", "succeeded"]),
        (&["--schedule", "reports,invoices", "--not", "succeeded"], &["faulted", "missed"]),
    ] {
        let said = asked(&[arguments, &["-o", "ndjson"]].concat()).await;
        assert_eq!(states(&said), wanted, "{arguments:?}");
    }
}

#[tokio::test]
async fn a_time_without_a_date_is_the_last_one_of_what_was_and_the_next_one_of_what_comes() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("schedules.yaml"),
        format!("{}schedules:\n  s: {{ every: 1m, start: {{ process: P }} }}\n", super::CONNECTION),
    )
    .unwrap();
    with_history(folder.path(), &a_week()).await;
    let count = |arguments: &[&str]| {
        let output = run(folder.path(), &[arguments, &["-o", "ndjson", "--state-dir", "state"]].concat());
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout).lines().count()
    };
    // All of the history is long ago, whatever the clock shows.
    for since in ["today", "yesterday", "07:00", "23:59:59", "1h"] {
        assert_eq!(count(&["runs", "--since", since]), 0, "{since}");
        assert_eq!(count(&["runs", "--until", since]), 16, "{since}");
    }
    let (two, day) = (count(&["next", "--until", "2h"]), count(&["next", "--until", "00:00"]));
    assert!((119..=120).contains(&two), "{two}");
    assert!(day <= 1_440, "{day}");
    let last = |until: &str| {
        let rows = text(&run(folder.path(), &["next", "--until", until, "-o", "ndjson"]).stdout);
        let row: Value = serde_json::from_str(rows.lines().last().unwrap()).unwrap();
        row["fire_at"].as_str().unwrap().parse::<Timestamp>().unwrap()
    };
    assert!(last("12:00").to_string().ends_with("T11:59:00Z"), "{}", last("12:00"));
    let wrong = punctual(folder.path()).args(["runs", "--since", "lunch"]).output().unwrap();
    let told = text(&wrong.stderr);
    assert!(told.contains("a date, `today`, `yesterday`, a time of day such as `07:00`"), "{told}");
}

/// Running for 12 minutes, and 8 are usual; held, given up, stuck; and what failed.
fn a_bad_day() -> Vec<Row> {
    let mut rows: Vec<Row> = (1..=6).map(|n| Row::ran("payroll", ago(600 - n), "succeeded", 480)).collect();
    rows.push(Row { started: Some(10), ended: None, ..Row::ran("payroll", ago(12), "running", 0) });
    rows.push(Row::ran("invoices", ago(180), "succeeded", 60));
    rows.push(Row { error: Some("No such element"), ..Row::ran("invoices", ago(120), "faulted", 60) });
    rows.push(Row { error: Some("No such window"), ..Row::ran("invoices", ago(60), "faulted", 60) });
    rows.push(Row {
        accepted: None,
        started: None,
        ended: None,
        error: Some("no answer"),
        ..Row::ran("report", ago(50), "held", 0)
    });
    rows.push(Row { counts: Some(7_200), error: Some("it vanished"), ..Row::ran("export", ago(40), "lost", 60) });
    let stuck =
        Some("job 13 does not end although it was stopped; if it is over in Orchestrator or will never end, more");
    rows.push(Row { ended: None, error: stuck, ..Row::ran("import", ago(30), "stopping", 0) });
    rows
}

async fn on_a_bad_day(arguments: &[&str], code: i32) -> String {
    let folder = super::folder_with(
        "schedules:\n  s: { cron: \"0 7 * * *\", timezone: Europe/Berlin, start: { process: P } }\n",
    );
    with_history(folder.path(), &a_bad_day()).await;
    let output = run(folder.path(), &[arguments, &["--state-dir", "state"]].concat());
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

fn line<'t>(shown: &'t str, part: &str) -> &'t str {
    shown.lines().find(|line| line.contains(part)).unwrap_or_else(|| panic!("no line has `{part}`:\n{shown}"))
}

#[tokio::test]
async fn runs_tell_late_pending_and_running_apart_and_what_is_for_a_person_to_do() {
    let shown = on_a_bad_day(&["runs"], 0).await;
    assert_eq!(
        shown.lines().next().unwrap().split_whitespace().collect::<Vec<_>>(),
        ["RUN", "SCHEDULE", "DUE", "LATE", "STATE", "PENDING", "TOOK", "JOB", "NOTE"]
    );
    let faulted = line(&shown, "No such window");
    assert!(faulted.contains("0.0s  faulted") && faulted.contains("2.0s") && faulted.contains("58.0s"), "{faulted}");
    let running = line(&shown, "running since ");
    assert!(running.ends_with(", 11 min; usually 8 min"), "{running}");
    let held = line(&shown, "held");
    assert!(
        held.ends_with("then `punctual resolve 0000000b start`, `skip`, the job's key, or `lost`; no answer"),
        "{held}"
    );
    let lost = line(&shown, "it vanished");
    assert!(lost.contains("if the job has ended: `punctual resolve 0000000c lost`"), "{lost}");

    let rows = on_a_bad_day(&["runs", "invoices", "-n", "1", "-o", "json"], 0).await;
    let rows: Value = serde_json::from_str(&rows).unwrap();
    let spans = ["late_ms", "pending_ms", "running_ms"].map(|name| rows[0][name].as_i64().unwrap());
    assert_eq!(spans, [0, 2_000, 58_000]);
    let csv = on_a_bad_day(&["runs", "invoices", "-n", "1", "-o", "csv"], 0).await;
    assert!(csv.lines().next().unwrap().ends_with(",held_for,late_ms,pending_ms,running_ms"), "{csv}");
}

#[tokio::test]
async fn show_tells_the_same_of_one_run_with_its_link() {
    let shown = on_a_bad_day(&["show", "00000007"], 0).await;
    let took = line(&shown, "  took ");
    assert!(took.contains("0.0s late, 9.0s pending, 11m ") && took.ends_with(", 11 min; usually 8 min"), "{took}");
    let page = "https://platform.uipath.com/acme/acmeprod/jobs(sidepanel:sidepanel/jobs/bef93a36-80f0-415a-8962-d2befa0aeae4/details)?fid=77";
    assert_eq!(line(&shown, "  link ").trim_start_matches("  link").trim(), page);
    let whole: Value = serde_json::from_str(&on_a_bad_day(&["show", "00000007", "-o", "json"], 0).await).unwrap();
    assert_eq!((&whole["job_link"], &whole["late_ms"]), (&page.into(), &0.into()));
    let lost = on_a_bad_day(&["show", "0000000c"], 0).await;
    assert!(line(&lost, "  cure ").contains("`punctual resolve --state-dir state 0000000c lost`"), "{lost}");
}

#[tokio::test]
async fn status_puts_failures_together_and_names_what_is_for_a_person_first() {
    let shown = on_a_bad_day(&["status"], 3).await;
    assert!(line(&shown, "needs a person: ").ends_with("needs a person: held, stuck"), "{shown}");
    let first = shown.find("needs a person: ").unwrap();
    assert!(
        ["connections", "open runs", "for you to do"].iter().all(|part| shown.find(part).unwrap() > first),
        "{shown}"
    );
    assert!(
        line(&shown, "job 13 of `import`").contains("`punctual resolve --state-dir state 0000000d lost`"),
        "{shown}"
    );
    let failed = line(&shown, "No such window");
    assert!(failed.contains("  invoices  2 of 3, since ") && failed.contains("0000000a"), "{failed}");
    assert!(!shown.contains("No such element"), "one line a schedule: {shown}");
    assert!(line(&shown, "  payroll ").ends_with(", 11 min; usually 8 min"), "{shown}");
    assert!(line(&shown, "  import ").ends_with("; see above"), "{shown}");
    // The hint lists those, and no others.
    assert!(shown.contains("each of the 3: `punctual runs --state-dir state --failed --since yesterday`"), "{shown}");
    let listed = on_a_bad_day(&["runs", "--failed", "--since", "yesterday", "-o", "ndjson"], 0).await;
    assert_eq!(listed.lines().count(), 3, "{listed}");

    let told: Value = serde_json::from_str(&on_a_bad_day(&["status", "-o", "json"], 3).await).unwrap();
    assert_eq!(told["act_on"], serde_json::json!(["held", "stuck"]));
    let invoices = &told["failing"][1];
    assert_eq!(
        (&invoices["schedule"], &invoices["failed"], &invoices["judged"]),
        (&"invoices".into(), &2.into(), &3.into())
    );
    assert!(invoices["failing_since"].is_string() && invoices["last_success_at"].is_string(), "{invoices}");
}

#[tokio::test]
async fn next_says_in_how_long_and_names_both_zones() {
    let shown = on_a_bad_day(&["next", "-n", "1"], 0).await;
    let time = line(&shown, " in ");
    assert!(time.starts_with("s  "), "{shown}");
    assert!(time.ends_with(":00 +01:00 Europe/Berlin") || time.ends_with(":00 +02:00 Europe/Berlin"), "{time}");
    assert!(shown.ends_with("\nDUE is in UTC, as this machine's clock shows it.\n"), "{shown}");
    let past = on_a_bad_day(&["next", "-n", "1", "--from", "2d"], 0).await;
    assert!(past.contains(" ago  "), "{past}");
}
