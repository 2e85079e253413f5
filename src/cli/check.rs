//! `punctual check`: every mistake of every file, for people and for CI.

use super::args::{CheckArgs, Global};
use super::failure::{Exit, Failure};
use super::files::tell;
use super::output::{Columns, Format, Out, table};
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
                    "{} schedules on {} connections in {} files: {}",
                    loaded.set.schedules.len(),
                    loaded.set.connections.len(),
                    loaded.files.len(),
                    if diagnostics.is_empty() { "no mistakes" } else { "no errors" },
                ))?,
                None => return Err(Failure::told(Exit::Usage)),
            }
        }
        Format::Json | Format::Ndjson | Format::Csv => out.rows(args.output, &diagnostics, |_| table(&[]))?,
    }
    Ok(if errors == 0 { Exit::Fine } else { Exit::Usage })
}
