//! `punctual reload`: the running daemon reads the schedule files again, and what changed is shown.
//!
//! The daemon reads its own files, whatever `--config` says here, so the answer names them. Mistakes are shown as `check`
//! shows them, and end with the same code.

use super::args::{Global, ObjectFormat, ReloadArgs};
use super::client::Client;
use super::failure::{Exit, Failure};
use super::files::tell;
use super::grid::{Cell, Grid, Tint};
use super::output::{Out, plain};
use crate::schedule::{Removals, Severity};
use crate::text::{counted, quoted};
use crate::web::{ReloadAnswer, ReloadOutcome, ReloadReport, ReloadRequest};

pub(super) async fn run(global: &Global, args: &ReloadArgs, out: &mut Out) -> Result<Exit, Failure> {
    let client = Client::find(global).await?.ok_or_else(|| {
        Failure::new(Exit::NotReachable, "no daemon answers, so nothing is loaded that could be read again")
            .hint("start it with `punctual daemon`, or say where its socket is with `--socket`; `punctual check` reads the files without one")
    })?;
    let removals = if args.accept_removals { Removals::Accepted } else { Removals::Guarded };
    let answer: ReloadAnswer = client.act("/reload", &ReloadRequest { removals }, &args.once).await?;
    let exit = match answer.report.outcome {
        ReloadOutcome::Unchanged | ReloadOutcome::Taken => Exit::Fine,
        ReloadOutcome::HeldBack | ReloadOutcome::Wrong | ReloadOutcome::Unusable => Exit::Usage,
    };
    match args.output {
        ObjectFormat::Json => {
            let text = serde_json::to_string_pretty(&answer.report);
            out.line(text.map_err(|cause| Failure::new(Exit::Fault, cause.to_string()))?)?;
            Ok(exit)
        }
        ObjectFormat::Table => print(&answer, exit, out),
    }
}

fn print(answer: &ReloadAnswer, exit: Exit, out: &mut Out) -> Result<Exit, Failure> {
    tell(&answer.diagnostics());
    let report = &answer.report;
    let files = quoted(report.paths.iter().map(|path| plain(path)));
    let loaded = counted(report.schedules, "schedule");
    match report.outcome {
        ReloadOutcome::Unchanged => out.line(format!("nothing has changed in {files}: {loaded}"))?,
        ReloadOutcome::Taken => {
            out.line(format!("the changed files are taken from {files}: {loaded}"))?;
            for line in changes(report).lines(out.size().map(|size| size.columns)) {
                out.line(line)?;
            }
        }
        ReloadOutcome::Wrong => {
            let errors = report.diagnostics.iter().filter(|told| told.severity == Severity::Error).count();
            return Err(Failure::new(
                exit,
                format!("{} in {files}: the files are not taken, and {loaded} as before", counted(errors, "mistake")),
            )
            .hint("mend what is told above, and call it again"));
        }
        ReloadOutcome::HeldBack | ReloadOutcome::Unusable => {
            let failure = Failure::new(exit, plain(&report.message));
            return Err(match &report.hint {
                Some(hint) => failure.hint(plain(hint)),
                None => failure.hint("mend the connection in the files; the daemon's log says the same"),
            });
        }
    }
    Ok(exit)
}

/// One row for each name, what is gone first: that is what was perhaps not meant.
fn changes(report: &ReloadReport) -> Grid {
    let lists = [
        ("removed", "schedule", &report.removed, Tint::Red),
        ("removed", "connection", &report.connections_removed, Tint::Red),
        ("other times", "schedule", &report.retimed, Tint::Yellow),
        ("changed", "schedule", &report.changed, Tint::Yellow),
        ("changed", "connection", &report.connections_changed, Tint::Yellow),
        ("changed", "blackout", &report.blackouts_changed, Tint::Yellow),
        ("changed", "pool", &report.pools_changed, Tint::Yellow),
        ("added", "schedule", &report.added, Tint::Green),
        ("added", "connection", &report.connections_added, Tint::Green),
    ];
    let mut grid = Grid::new(&["CHANGE", "WHAT", "NAME"]);
    for (change, what, list, tint) in lists {
        for name in list {
            grid.row([Cell::new(change).tinted(tint), Cell::new(what), Cell::new(plain(name))]);
        }
    }
    if report.settings_changed {
        grid.row([Cell::new("changed").tinted(Tint::Yellow), Cell::new("settings"), Cell::new("daemon")]);
    }
    grid
}
