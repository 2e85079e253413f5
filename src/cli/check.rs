//! `punctual check`: every mistake of every file, for people and for CI.

use std::path::Path;

use super::args::{CheckArgs, Global};
use super::failure::{Exit, Failure};
use super::files::tell;
use super::grid::Grid;
use super::output::{Columns, Format, Out, counted};
use crate::clock::Clock;
use crate::schedule::{Diagnostic, Invalid, Severity, doubtful_secrets, load};

impl Columns for Diagnostic {
    const COLUMNS: &'static [&'static str] = &["file", "line", "column", "severity", "message", "hint"];
}

pub(super) fn run(global: &Global, args: &CheckArgs, clock: &Clock, out: &mut Out) -> Result<Exit, Failure> {
    let (diagnostics, loaded) = match load(&global.config_paths(), clock.now()) {
        Ok(loaded) => {
            let mut doubts = loaded.warnings.clone();
            // Files can be right and yet not work tonight.
            if let Some(file) = loaded.files.first() {
                doubts.extend(doubtful_secrets(&loaded.set, file));
            }
            if loaded.set.schedules.is_empty() {
                doubts.extend(loaded.files.first().map(|file| nothing_to_run(file)));
            }
            (doubts, Some(loaded))
        }
        Err(Invalid { diagnostics }) => (diagnostics, None),
    };
    let errors = diagnostics.iter().filter(|found| found.severity == Severity::Error).count();
    match args.output {
        Format::Table => {
            tell(&diagnostics);
            match &loaded {
                Some(loaded) => out.line(format!(
                    "{} on {} in {}: {}",
                    counted(loaded.set.schedules.len(), "schedule"),
                    counted(loaded.set.connections.len(), "connection"),
                    counted(loaded.files.len(), "file"),
                    if diagnostics.is_empty() { "no mistakes" } else { "no errors" },
                ))?,
                None => return Err(Failure::told(Exit::Usage)),
            }
        }
        Format::Json | Format::Ndjson | Format::Csv => out.rows(args.output, &diagnostics, |_| Grid::default())?,
    }
    Ok(if errors == 0 { Exit::Fine } else { Exit::Usage })
}

fn nothing_to_run(file: &Path) -> Diagnostic {
    Diagnostic {
        file: file.to_owned(),
        line: 0,
        column: 0,
        severity: Severity::Warning,
        message: "there is no schedule in the files, so nothing will run".to_owned(),
        hint: Some("write one under `schedules:`; `schedules.example.yaml` shows how".to_owned()),
        excerpts: Vec::new(),
    }
}
