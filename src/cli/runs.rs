//! `punctual runs`: the history.

use std::time::Duration;

use comfy_table::Table;
use jiff::Timestamp;
use owo_colors::OwoColorize;

use super::args::{Global, RunsArgs};
use super::failure::{Exit, Failure};
use super::output::{Columns, Format, Out, plain, right_align, table};
use super::times;
use crate::clock::Clock;
use crate::history::{History, HistoryFilter, RunSummary};

/// How often `--follow` looks.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);

/// The longest note in a table; `show` has all of it.
const NOTE_CHARS: usize = 60;

impl Columns for RunSummary {
    const COLUMNS: &'static [&'static str] = &[
        "run",
        "schedule",
        "trigger",
        "nominal_at",
        "nominal_until",
        "count",
        "local",
        "offset",
        "fire_at",
        "claimed_at",
        "sent_at",
        "accepted_at",
        "started_at",
        "ended_at",
        "state",
        "reason",
        "note",
        "error",
        "connection",
        "folder",
        "process",
        "queue_item",
        "job_key",
        "job_id",
        "reference",
        "attempts",
        "jobs",
        "waiting_until",
        "actor",
        "parent",
        "retry_of",
        "made_good_by",
        "arguments",
        "output",
    ];
}

pub(super) async fn run(global: &Global, args: &RunsArgs, clock: &Clock, out: &mut Out) -> Result<Exit, Failure> {
    let history = History::open(&global.state_dir()).await?;
    let now = clock.now();
    let filter = HistoryFilter {
        schedules: args.schedule.clone(),
        states: args.state.clone(),
        reasons: args.reason.clone(),
        triggers: args.trigger.clone(),
        since: args.since.map(|when| when.resolve(now)),
        until: args.until.map(|when| when.resolve(now)),
        limit: args.limit,
    };
    let (_, seen) = history.changed_since(i64::MAX).await?;
    let runs = history.list(&filter).await?;
    if runs.is_empty() && args.output == Format::Table && !args.follow {
        out.line("No runs. Coming times: `punctual next`; other filters: `punctual runs --help`.")?;
    } else {
        out.rows(args.output, &runs, runs_table)?;
    }
    out.flush()?;
    if args.follow {
        return follow(&history, &filter, seen, args.output, clock, out).await;
    }
    history.close().await;
    Ok(Exit::Fine)
}

/// Prints each run as it changes, until the reader goes away.
async fn follow(
    history: &History,
    filter: &HistoryFilter,
    mut seen: i64,
    format: Format,
    clock: &Clock,
    out: &mut Out,
) -> Result<Exit, Failure> {
    loop {
        clock.sleep(FOLLOW_EVERY).await;
        let (changed, newest) = history.changed_since(seen).await?;
        seen = newest;
        let changed: Vec<_> = changed.into_iter().filter(|run| lets_through(filter, run)).collect();
        match format {
            Format::Table => {
                for run in &changed {
                    out.line(one_line(run))?;
                }
            }
            // An array has no end while it is followed; each change is an object of its own.
            Format::Json | Format::Ndjson | Format::Csv => out.rows(Format::Ndjson, &changed, runs_table)?,
        }
        out.flush()?;
    }
}

fn lets_through(filter: &HistoryFilter, run: &RunSummary) -> bool {
    let any = |wanted: &[String], value: Option<&str>| {
        wanted.is_empty() || value.is_some_and(|value| wanted.iter().any(|one| one == value))
    };
    any(&filter.schedules, Some(&run.schedule))
        && any(&filter.states, Some(&run.state))
        && any(&filter.reasons, run.reason.as_deref())
        && any(&filter.triggers, Some(&run.trigger))
}

pub(super) fn runs_table(runs: &[RunSummary]) -> Table {
    let mut rows = table(&["RUN", "SCHEDULE", "DUE", "LATE", "STATE", "TOOK", "JOB", "NOTE"]);
    for run in runs {
        rows.add_row([
            short(&run.run),
            run.schedule.clone(),
            due(run),
            late(run),
            state(run),
            took(run),
            run.job_id.map(|id| id.to_string()).unwrap_or_default(),
            note(run),
        ]);
    }
    right_align(&mut rows, 3);
    right_align(&mut rows, 5);
    right_align(&mut rows, 6);
    rows
}

pub(super) fn one_line(run: &RunSummary) -> String {
    let job = run.job_id.map(|id| format!("  job {id}")).unwrap_or_default();
    let note = note(run);
    let gap = if note.is_empty() { "" } else { "  " };
    format!(
        "{}  {}  {}  {}{job}{gap}{note}",
        short(&run.run),
        times::local_text(&run.nominal_at),
        run.schedule,
        state(run)
    )
}

/// As in every table: the end of the id, which is random.
pub(super) fn short(run: &str) -> String {
    let start = run.len().saturating_sub(crate::run::RunId::SHORT_CHARS);
    run.get(start..).unwrap_or(run).to_owned()
}

fn due(run: &RunSummary) -> String {
    let first = times::local_text(&run.nominal_at);
    match (&run.nominal_until, run.count) {
        (Some(until), Some(count)) => format!("{first} … {} ({count} times)", times::local_text(until)),
        _ => first,
    }
}

/// From due to sent.
fn late(run: &RunSummary) -> String {
    between(&run.fire_at, run.sent_at.as_deref())
}

/// From the job's start to its end, by Orchestrator's clock.
fn took(run: &RunSummary) -> String {
    run.started_at.as_deref().map(|started| between(started, run.ended_at.as_deref())).unwrap_or_default()
}

fn between(from: &str, to: Option<&str>) -> String {
    let read = |text: &str| text.parse::<Timestamp>().ok();
    match (read(from), to.and_then(read)) {
        (Some(from), Some(to)) => times::length(to.duration_since(from)),
        _ => String::new(),
    }
}

pub(super) fn state(run: &RunSummary) -> String {
    let text = match &run.reason {
        Some(reason) => format!("{}: {reason}", run.state),
        None => run.state.clone(),
    };
    colored(&run.state, text)
}

/// Red needs somebody, yellow may, green is well, the rest goes on.
fn colored(state: &str, text: String) -> String {
    match state {
        "succeeded" => text.green().to_string(),
        "faulted" | "rejected" | "lost" | "timed_out" | "missed" | "held" => text.red().to_string(),
        "unknown" | "stopped" | "waiting" => text.yellow().to_string(),
        "running" | "pending" | "starting" => text.cyan().to_string(),
        _ => text,
    }
}

fn note(run: &RunSummary) -> String {
    let text = run.error.as_deref().or(run.note.as_deref()).map(plain).unwrap_or_default();
    if text.chars().count() <= NOTE_CHARS {
        return text;
    }
    let cut: String = text.chars().take(NOTE_CHARS - 1).collect();
    format!("{cut}…")
}
