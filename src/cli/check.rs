//! `punctual check`: every mistake of every file, and what was understood, for people and for CI; with `--online` also what Orchestrator says to them.

use std::path::Path;

use super::args::{CheckArgs, Format, Global};
use super::doctor;
use super::failure::{Exit, Failure};
use super::files::tell;
use super::grid::Grid;
use super::output::{Columns, Out};
use super::understood;
use crate::clock::Clock;
use crate::schedule::{Diagnostic, Invalid, SecretDoubt, Severity, doubtful_secrets, load};
use crate::text::counted;

impl Columns for Diagnostic {
    const COLUMNS: &'static [&'static str] = &["file", "line", "column", "severity", "message", "hint"];
}

pub(super) async fn run(global: &Global, args: &CheckArgs, clock: &Clock, out: &mut Out) -> Result<Exit, Failure> {
    let (mut diagnostics, loaded) = match load(&global.config_paths(), clock.now()) {
        Ok(loaded) => {
            let mut doubts = loaded.warnings.clone();
            if loaded.set.schedules.is_empty() {
                doubts.extend(loaded.files.first().map(|file| nothing_to_run(file)));
            }
            (doubts, Some(loaded))
        }
        Err(Invalid { diagnostics }) => (diagnostics, None),
    };
    let (found, online) = match &loaded {
        // Asking about files that are wrong would answer another question.
        Some(loaded) if args.online => doctor::online(global, loaded, clock).await,
        Some(_) | None => (Vec::new(), Exit::Fine),
    };
    // Files can be right and yet not work tonight.
    if let Some(loaded) = &loaded
        && let Some(file) = loaded.files.first()
    {
        let secrets = doubtful_secrets(&loaded.set, file).into_iter();
        // What the examination says of a secret, it says with cause and cure.
        let said = |doubt: &SecretDoubt| found.iter().any(|told| told.is_of_secret(&doubt.connection, doubt.key));
        diagnostics.extend(secrets.filter(|doubt| !said(doubt)).map(|doubt| doubt.diagnostic));
    }
    diagnostics.extend(found.into_iter().map(|told| told.diagnostic));
    let errors = diagnostics.iter().filter(|found| found.severity == Severity::Error).count();
    let warnings = diagnostics.len() - errors;
    match args.output {
        Format::Table => {
            tell(&diagnostics);
            match &loaded {
                Some(loaded) => {
                    let understood = understood::table(&loaded.set, clock.now());
                    if !args.quiet && !loaded.set.schedules.is_empty() {
                        let width = out.size().map(|size| size.columns);
                        for line in understood.lines(width) {
                            out.line(line)?;
                        }
                        out.line("")?;
                    }
                    out.line(format!(
                        "{} on {} in {}: {}",
                        counted(loaded.set.schedules.len(), "schedule"),
                        counted(loaded.set.connections.len(), "connection"),
                        counted(loaded.files.len(), "file"),
                        match (errors, warnings) {
                            (0, 0) => "no mistakes".to_owned(),
                            (0, _) => format!("no errors, {}", counted(warnings, "warning")),
                            (_, _) => counted(errors, "error"),
                        },
                    ))?;
                }
                None => return Err(Failure::told(Exit::Usage)),
            }
        }
        Format::Json | Format::Ndjson | Format::Csv => out.rows(args.output, &diagnostics, |_| Grid::default())?,
    }
    Ok(match (errors, &loaded) {
        (0, _) if args.strict && warnings > 0 => Exit::Usage,
        (0, _) => Exit::Fine,
        (_, None) => Exit::Usage,
        // A mistake in what the files refer to; what Orchestrator said comes first.
        (_, Some(_)) if online == Exit::Fine => Exit::Usage,
        (_, Some(_)) => online,
    })
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
