//! Stories about schedule files: what a person is told, what a good file means, and what no file can do to the daemon.

#![expect(clippy::unwrap_used, reason = "a test that cannot get on has failed")]

mod bad_files;
mod budgets;
mod change;
mod cures;
mod foreign;
mod meaning;
mod mistyped;
mod names;
mod schema;
mod templates;
mod windows;

use std::path::PathBuf;

use jiff::Timestamp;
use punctual::schedule::{Invalid, Loaded, Paint, SourceFile, parse, render};

/// Every story happens at this moment.
fn now() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

fn source(name: &str, text: &str) -> SourceFile {
    SourceFile { path: PathBuf::from(name), text: text.to_owned(), folder: PathBuf::from("/etc/punctual") }
}

/// The head of a good file: a connection, and a zone for all.
const HEAD: &str = "\
version: 1
connections:
  cloud:
    url: https://cloud.uipath.com/acme/production/orchestrator_
    auth: { grant: client_credentials, client_id: app, client_secret: \"credential:cloud\", scope: OR.Jobs }
defaults: { timezone: UTC }
";

/// The head, and these lines as the only schedule `x`.
fn with_schedule(lines: &str) -> SourceFile {
    let lines: String = lines.lines().map(|line| format!("    {line}\n")).collect();
    source("schedules.yaml", &format!("{HEAD}schedules:\n  x:\n{lines}"))
}

fn read(file: SourceFile) -> Result<Loaded, Invalid> {
    parse(&[file], now())
}

/// What a person sees on the terminal.
fn told(result: Result<Loaded, Invalid>) -> String {
    match result {
        Ok(loaded) => render(&loaded.warnings, Paint::Plain),
        Err(invalid) => render(&invalid.diagnostics, Paint::Plain),
    }
}

/// The messages alone, for tables.
fn messages(result: Result<Loaded, Invalid>) -> Vec<String> {
    match result {
        Ok(loaded) => loaded.warnings.into_iter().map(|d| d.message).collect(),
        Err(invalid) => invalid.diagnostics.into_iter().map(|d| d.message).collect(),
    }
}
