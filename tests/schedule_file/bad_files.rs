//! Files that a person got wrong. The snapshots are what that person sees.

use std::fs;
use std::path::{Path, PathBuf};

use punctual::schedule::{Paint, Severity, parse, render};

use super::{HEAD, messages, now, read, source, told, with_schedule};

pub(super) fn settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings
}

#[test]
fn every_bad_file_is_told_with_place_line_and_cure() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schedule_file/bad");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 60, "the corpus is not there");
    for path in files {
        let name = path.file_name().unwrap().to_str().unwrap();
        let invalid = parse(&[source(name, &fs::read_to_string(&path).unwrap())], now()).expect_err(name);
        assert!(invalid.diagnostics.iter().any(|d| d.severity == Severity::Error), "{name}");
        for told in &invalid.diagnostics {
            assert!(told.line > 0 && told.column > 0 && told.hint.is_some(), "{told:#?}");
        }
        let seen = render(&invalid.diagnostics, Paint::Plain);
        settings().bind(|| insta::assert_snapshot!(name.trim_end_matches(".yaml"), seen));
    }
}

#[test]
fn no_bad_file_shows_its_secret_in_text_or_machine_rows() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schedule_file/bad");
    let mut secrets = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        secrets += text.matches("hunter2").count();
        let invalid = parse(&[source("f.yaml", &text)], now()).unwrap_err();
        let debug = format!("{:?}", invalid.diagnostics);
        let rows = serde_json::to_string(&invalid.diagnostics).unwrap();
        let seen = render(&invalid.diagnostics, Paint::Colored);
        for shown in [debug, rows, seen] {
            assert!(!shown.contains("hunter2") && !shown.contains("1234567890123 "), "{}:\n{shown}", path.display());
        }
    }
    assert!(secrets >= 10, "the corpus holds no secrets");
}

#[test]
fn a_secret_stays_hidden_wherever_a_file_breaks() {
    let whole = HEAD
        .replace("\"credential:cloud\"", "hunter2")
        .replace("scope: OR.Jobs }", "scope: OR.Jobs, password: 'hunter2', api_key: hunter2 }");
    // Every way to cut it, and every place to leave a sign out or to put one in that breaks it.
    for cut in (0..whole.len()).filter(|n| whole.is_char_boundary(*n)) {
        let (before, after) = whole.split_at(cut);
        let without = after.char_indices().nth(1).map_or("", |(n, _)| &after[n..]);
        for broken in [before.to_owned(), format!("{before}{without}"), format!("{before}\t*: {after}")] {
            let seen = told(read(source("f.yaml", &broken)));
            assert!(!seen.contains("hunter2"), "{seen}\nin\n{broken}");
        }
    }
}

#[test]
fn the_address_that_somebody_is_told_at_is_a_secret_too() {
    for line in ["notify: [{ on: [faulted], webhook: hunter2 }]", "schedules: { x: { every: 5m, ping: hunter2 } }"] {
        let whole = format!("{HEAD}{line}\n");
        assert!(told(read(source("f.yaml", &whole))).contains("the secret itself"), "{line}");
        for cut in whole.find("hunter2").unwrap()..=whole.len() {
            let (before, after) = whole.split_at(cut);
            for broken in [before.to_owned(), format!("{before}\t*: {after}"), format!("{before}{{{after}")] {
                let seen = told(read(source("f.yaml", &broken)));
                assert!(!seen.contains("hunter2"), "{seen}\nin\n{broken}");
            }
        }
    }
}

#[test]
fn five_different_mistakes_have_five_places() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schedule_file/bad/five_different_mistakes.yaml");
    let invalid = read(source("f.yaml", &fs::read_to_string(path).unwrap())).unwrap_err();
    let mut places: Vec<(u32, u32)> = invalid.diagnostics.iter().map(|d| (d.line, d.column)).collect();
    assert!(places.is_sorted());
    places.dedup();
    assert!(places.len() >= 5, "{places:?}");
}

#[test]
fn mistakes_of_all_files_are_told_together_and_a_name_in_two_files_names_both() {
    let a = format!("{HEAD}schedules:\n  x: {{ every: 5m, start: {{ process: P }} }}\n");
    let b = "version: 1\ndefaults: { timezone: UTC }\nschedules:\n  x: { every: 5, start: { process: P } }\n  y: { every: 5 }\n";
    let c = "version: 1\nconnections:\n\tcloud: {}\n";
    let files = [source("conf/a.yaml", &a), source("conf/b.yaml", b), source("conf/c.yaml", c)];
    settings().bind(|| insta::assert_snapshot!("across_files", told(parse(&files, now()))));
}

#[test]
fn a_machine_row_has_the_documented_fields() {
    let invalid = read(with_schedule("every: 5\nstart: { process: P }")).unwrap_err();
    let rows = serde_json::to_string(&invalid.diagnostics).unwrap();
    settings().bind(|| insta::assert_snapshot!("machine_rows", rows));
}

#[test]
fn a_value_that_many_schedules_take_from_one_place_is_told_once() {
    let text = format!(
        "{HEAD}x-a: &a {{ every: 5, start: {{ process: P }} }}\nschedules:\n  x: *a\n  y: {{ <<: *a }}\n  z: *a\n"
    );
    assert_eq!(messages(read(source("f.yaml", &text))), ["schedule `x` and 2 more: `every` `5` needs a unit"]);
}

#[test]
fn what_is_wrong_in_the_same_way_in_many_schedules_is_one_sentence_with_their_lines() {
    let schedules: String =
        (0..40).map(|n| format!("  s{n}: {{ every: 5m, retrys: 3, start: {{ process: P }} }}\n")).collect();
    let text = format!("{HEAD}schedules:\n{schedules}  other: {{ every: 5, start: {{ process: P }} }}\n");
    let invalid = read(source("f.yaml", &text)).unwrap_err();
    let seen = render(&invalid.diagnostics, Paint::Plain);
    assert!(seen.starts_with("error: f.yaml:8:20: schedule `s0` and 39 more: unknown key `retrys`\n"), "{seen}");
    assert_eq!(seen.matches("unknown key").count(), 1, "{seen}");
    assert_eq!(seen.matches("retrys: 3").count(), 12, "{seen}");
    assert!(seen.contains("f.yaml:9:") && !seen.contains("s12:"), "{seen}");
    assert!(seen.contains("error: f.yaml:48:19: schedule `other`: `every` `5` needs a unit"), "{seen}");
    assert!(seen.ends_with("41 errors\n"), "{seen}");
    // A program gets each place.
    assert_eq!(invalid.diagnostics.len(), 41);
}

#[test]
fn signs_that_move_a_cursor_are_not_repeated() {
    let seen = told(read(with_schedule("\"\\e[2Jkey\": 1\nevery: 5m\nstart: { process: \"a\\e[2J\" }")));
    assert!(!seen.contains('\u{1b}'), "{seen:?}");
    assert!(seen.contains("control character"), "{seen}");
}

#[test]
fn of_very_many_tabs_the_first_twenty_are_told_and_the_rest_are_counted() {
    let tabs: String = (0..30).map(|n| format!("\ts{n}: 1\n")).collect();
    let found = messages(read(source("f.yaml", &format!("version: 1\nschedules:\n{tabs}"))));
    assert_eq!(found.len(), 20, "{found:#?}");
    assert_eq!(found[18], "a tab stands in the indentation");
    assert!(found[19].contains("as in 10 more lines of this file"), "{found:#?}");
}

#[test]
fn an_error_is_shown_however_many_warnings_stand_before_it() {
    let day = |n: usize| format!("{}-{:02}-{:02}", 2030 + n / 100, n / 10 % 10 + 1, n % 10 + 1);
    let calendars: String = (0..300).map(|n| format!("  c{n}: {{ exclude: {0}, include: {0} }}\n", day(n))).collect();
    let text = format!("{HEAD}calendars:\n{calendars}schedules: {{ x: {{ every: 5, start: {{ process: P }} }} }}\n");
    let seen = told(read(source("f.yaml", &text)));
    assert!(seen.starts_with("error: f.yaml:308:26: schedule `x`: `every` `5` needs a unit"), "{}", &seen[..400]);
    assert!(seen.ends_with("and 101 more\n\n1 error, 300 warnings\n"), "{}", &seen[seen.len() - 100..]);
}
