//! The architecture as tests: who may import whom, and the rules that hold for every source file.
//!
//! The rows are data, and ARCHITECTURE.md shows the same rows; a test compares the two. Sources are read as text, with
//! comments and strings blanked out: no compiler plug-in, no crate, and a finding names file and line. The scanner is itself
//! shown small wrong sources, because a rule that cannot fail proves nothing.
//!
//! Absent: what clippy checks by types (`clippy.toml`), such as `send` outside of the clients.

mod circles;
mod citations;
mod imports;
mod rows;
mod rules;
mod source;

use std::fs;
use std::path::{Path, PathBuf};

use rows::ROWS;
use source::Source;

fn package() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every file under `src`, in the order of their names.
fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![package().join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a readable folder") {
            let path = entry.expect("a readable entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let name = path.strip_prefix(package()).expect("a path below the package").to_owned();
                found.push(Source::new(&name, &fs::read_to_string(&path).expect("a readable file")));
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(found.len() > 50, "only {} sources were found: the scan looks in the wrong place", found.len());
    found
}

/// Fails with every finding, one a line.
fn holds(rule: impl Fn(&Source) -> Vec<String>) {
    let findings: Vec<String> = sources().iter().flat_map(rule).collect();
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

/// What a rule says of one small source.
fn said(rule: impl Fn(&Source) -> Vec<String>, path: &str, text: &str) -> Vec<String> {
    rule(&Source::new(Path::new(path), text))
}

#[test]
fn every_module_imports_only_what_its_row_allows() {
    holds(rows::outside_of_row);
}

#[test]
fn a_row_allows_only_rows_above_it() {
    for (place, row) in ROWS.iter().enumerate() {
        for import in row.may_import {
            assert!(
                ROWS[..place].iter().any(|above| above.module == *import),
                "`{}` may import `{import}`, which does not stand above it",
                row.module
            );
        }
        assert!(!row.why.is_empty(), "the row of `{}` has no reason", row.module);
    }
}

#[test]
fn the_rows_are_the_modules_of_the_library() {
    let library = fs::read_to_string(package().join("src/lib.rs")).expect("src/lib.rs");
    let mut declared = rows::declared_modules(&Source::new(Path::new("src/lib.rs"), &library));
    let mut table: Vec<String> = ROWS.iter().map(|row| row.module.to_owned()).collect();
    declared.sort();
    table.sort();
    assert_eq!(declared, table);
}

#[test]
fn the_map_shows_the_same_rows() {
    let map = fs::read_to_string(package().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let shown = rows::rows_in_markdown(&map);
    let table: Vec<(String, Vec<String>)> = ROWS
        .iter()
        .map(|row| (row.module.to_owned(), row.may_import.iter().map(ToString::to_string).collect()))
        .collect();
    assert_eq!(shown, table);
}

#[test]
fn an_import_against_its_row_is_named_with_file_and_line() {
    let text = "//! Head.\n\nuse crate::run::Run;\nuse crate::store::Store;\n";
    let found = said(rows::outside_of_row, "src/policy.rs", text);
    assert_eq!(
        found,
        ["src/policy.rs:4: `policy` must not import `store`; it may import clock, recurrence, schedule, run"]
    );
}

#[test]
fn only_commands_that_run_a_daemon_import_it() {
    let text = "use crate::daemon::Daemon;";
    assert_eq!(said(rows::outside_of_row, "src/cli/daemon.rs", text), [""; 0]);
    let found = said(rows::outside_of_row, "src/cli/token.rs", text);
    assert_eq!(found, ["src/cli/token.rs:1: `cli` imports `daemon` only from src/cli/daemon.rs, src/cli/demo/mod.rs"]);
}

#[test]
fn imports_are_found_however_they_are_written() {
    let wrong = [
        "use crate::{run::Run, store::Store};",
        "use crate::{\n    run::{Run, RunId},\n    store::{self, Store},\n};",
        "fn f() { let s: crate::store::Store = make(); }",
        "use crate :: store :: Store;",
        "pub use crate::store::Store as Keeper;",
        "pub(in crate::store) fn f() {}",
        "use super::store::Store;",
        "use punctual::store::Store;",
        "use crate::*;",
        "use crate::{run::Run, *};",
        "use crate as everything;",
        "const CHAR: char = '\"'; use crate::store::Store; // \"",
        "fn f<'a>(x: &'a str) { crate::store::f(x) }",
        "const RAW: &str = r#\"a \" b\"#; use crate::store::Store;",
    ];
    for text in wrong {
        assert_eq!(said(rows::outside_of_row, "src/policy.rs", text).len(), 1, "{text}");
    }
    // One more `super` is needed in a file one deeper.
    let deeper = "use super::super::store::Store;";
    assert_eq!(said(rows::outside_of_row, "src/planner/pass.rs", deeper).len(), 1);
    assert_eq!(said(rows::outside_of_row, "src/planner/mod.rs", "use super::store::Store;").len(), 1);
}

#[test]
fn what_is_allowed_is_not_reported() {
    let right = [
        "use crate::run::Run;",
        "use crate::policy::overlap::Admission;",
        "// use crate::store::Store;",
        "/* use crate::store::Store; /* nested */ use crate::store::Store; */",
        "const TEXT: &str = \"use crate::store::Store; \\\" crate::store\";",
        "const RAW: &str = r##\"crate::store \"# crate::store\"##;",
        "/// See [`crate::store`].\nfn f() {}",
        "pub(crate) fn f() {}",
        "use super::run::Run;",
    ];
    for text in right {
        assert_eq!(said(rows::outside_of_row, "src/policy.rs", text), [""; 0], "{text}");
    }
    // `super` that stays within the module names a neighbour, whatever that is called.
    assert_eq!(said(rows::outside_of_row, "src/auth/core.rs", "use super::store::Store;"), [""; 0]);
}

#[test]
fn a_test_with_modules_is_a_folder_with_a_main_file() {
    let tests = package().join("tests");
    let mut findings = Vec::new();
    let mut folders = vec![tests.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a readable folder") {
            let path = entry.expect("a readable entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = fs::read_to_string(&path).expect("a readable file");
                findings.extend(rules::module_elsewhere(&Source::new(&path, &text)));
                if folder == tests && path.with_extension("").is_dir() {
                    findings.push(format!("{}: has a folder; move it there, as `main.rs`", path.display()));
                }
            }
        }
    }
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
    for wrong in ["#[path = \"cli/check.rs\"]\nmod check;", "#[path=\"check.rs\"] mod check;"] {
        assert_eq!(said(rules::module_elsewhere, "tests/cli/main.rs", wrong).len(), 1, "{wrong}");
    }
    for right in ["mod check;", "#[path = \"../support/mod.rs\"]\nmod support;", "// #[path = \"cli/check.rs\"]"] {
        assert_eq!(said(rules::module_elsewhere, "tests/cli/main.rs", right), [""; 0], "{right}");
    }
}

#[test]
fn no_test_code_is_in_the_flow() {
    holds(rules::test_code);
    for wrong in ["#[cfg(test)]\nmod tests {}", "#[cfg(all(unix, test))]\nfn f() {}", "fn f() { if cfg!(test) {} }"] {
        assert_eq!(said(rules::test_code, "src/run/state.rs", wrong).len(), 1, "{wrong}");
    }
    for right in ["#[cfg(feature = \"test\")]\nfn f() {}", "fn test() {}", "// #[cfg(test)]"] {
        assert_eq!(said(rules::test_code, "src/run/state.rs", right), [""; 0], "{right}");
    }
}

#[test]
fn no_lint_is_switched_off_without_being_expected() {
    holds(rules::allowed_lints);
    for wrong in
        ["#[allow(dead_code)]\nfn f() {}", "#![allow(unused)]", "#[cfg_attr(unix, allow(dead_code))]\nfn f() {}"]
    {
        assert_eq!(said(rules::allowed_lints, "src/run/state.rs", wrong).len(), 1, "{wrong}");
    }
    for right in ["#[expect(dead_code, reason = \"allow(me)\")]\nfn f() {}", "fn allow(x: u8) {} fn g() { allow(1); }"]
    {
        assert_eq!(said(rules::allowed_lints, "src/run/state.rs", right), [""; 0], "{right}");
    }
}

#[test]
fn every_file_begins_with_what_it_is_for() {
    holds(rules::head);
    assert_eq!(said(rules::head, "src/run/state.rs", "use std::fmt;\n").len(), 1);
    assert_eq!(said(rules::head, "src/run/state.rs", "//!\n\nuse std::fmt;\n").len(), 1);
    assert_eq!(said(rules::head, "src/run/state.rs", "//! The states of a run.\n"), [""; 0]);
}

#[test]
fn files_have_one_subject_and_fit_in_four_hundred_lines() {
    holds(rules::length);
    let long = "x\n".repeat(401);
    assert_eq!(said(rules::length, "src/run/state.rs", &long).len(), 1);
    assert_eq!(said(rules::length, "src/run/state.rs", &"x\n".repeat(400)), [""; 0]);
    // An exception that is not needed any more must go, or the file could grow back unnoticed.
    for (path, reason) in rules::LONG_FILES {
        assert!(!reason.is_empty());
        assert_eq!(said(rules::length, path, "x\n").len(), 1, "{path}");
        assert_eq!(said(rules::length, path, &long), [""; 0], "{path}");
    }
    let files = sources();
    for (path, _) in rules::LONG_FILES {
        assert!(files.iter().any(|file| file.path == Path::new(path)), "{path} is gone; take it out of the list");
    }
}

#[test]
fn sql_is_spoken_in_store_and_history_only() {
    holds(rules::sql);
    for wrong in ["fn f() { sqlx::query(\"select 1\"); }", "use sqlx::SqliteConnection;"] {
        assert_eq!(said(rules::sql, "src/planner.rs", wrong).len(), 1, "{wrong}");
        assert_eq!(said(rules::sql, "src/store/open.rs", wrong), [""; 0], "{wrong}");
    }
    assert_eq!(said(rules::sql, "src/planner.rs", "// sqlx would be wrong here"), [""; 0]);
}

#[test]
fn only_the_clock_knows_what_time_it_is() {
    holds(rules::time);
    let wrong = [
        "fn f() { Timestamp::now(); }",
        "fn f() { jiff::ZonedDateTime::now(); }",
        "fn f() { std::time::SystemTime::now(); }",
        "fn f() { let now = Instant::now; }",
        "fn f() { std::thread::sleep(d); }",
        "async fn f() { tokio::time::sleep(d).await; }",
        "use tokio::time::sleep;",
        "use tokio::time::{Duration, interval};",
        "fn f() { rustix::time::clock_gettime(id); }",
    ];
    for text in wrong {
        assert_eq!(said(rules::time, "src/planner.rs", text).len(), 1, "{text}");
        assert_eq!(said(rules::time, "src/clock.rs", text), [""; 0], "{text}");
    }
    for right in ["fn f(clock: &Clock) { clock.now(); clock.sleep(d); }", "use std::time::Duration;"] {
        assert_eq!(said(rules::time, "src/planner.rs", right), [""; 0], "{right}");
    }
}
