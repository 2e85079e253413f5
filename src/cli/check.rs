//! `punctual check`: every mistake of every file, for people and for CI.

use super::args::{CheckArgs, Global};
use super::failure::{Exit, Failure};
use super::files::tell;
use super::grid::Grid;
use super::output::{Columns, Format, Out, counted};
use crate::clock::Clock;
use crate::schedule::{Diagnostic, Invalid, Severity, load};

impl Columns for Diagnostic {
    const COLUMNS: &'static [&'static str] = &["file", "line", "column", "severity", "message", "hint"];
}

pub(super) fn run(global: &Global, args: &CheckArgs, clock: &Clock, out: &mut Out) -> Result<Exit, Failure> {
    let (diagnostics, loaded) = match load(&global.config_paths(), clock.now()) {
        Ok(loaded) => (loaded.warnings.clone(), Some(loaded)),
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
