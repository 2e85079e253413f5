//! `punctual runs`: the history.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::args::{Format, Global};
use super::failure::{Exit, Failure};
use super::grid::{Cell, Grid, Tint};
use super::output::{Out, first_line, plain};
use super::reads::Reads;
use super::run_row::RunRow;
use super::runs_args::RunsArgs;
use super::{by_schedule, times};
use crate::clock::Clock;
use crate::history::{Details, Ended, HistoryFilter, RunSummary, ShownState, Spans};
use crate::run::{Ending, JobPhase, MissReason, RunState, WaitReason};
use crate::text::in_columns;
use crate::web::{ListedRun, MOST_LISTED, RunList, held_cure, lost_cure};

/// How often `--follow` looks.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);

/// Until then how long a job has run needs no more than its column.
const WORTH_A_WORD: SignedDuration = SignedDuration::from_mins(1);

pub(super) async fn run(global: &Global, args: &RunsArgs, clock: &Clock, out: &mut Out) -> Result<Exit, Failure> {
    if args.follow && args.output == Format::Json {
        return Err(Failure::new(Exit::Usage, "an array has no end while it is followed")
            .hint("use `-o ndjson` with `--follow`"));
    }
    // A daemon lists only so many at once.
    let reads = if args.limit > MOST_LISTED { Reads::files(global).await? } else { Reads::find(global).await? };
    let now = clock.now();
    let filter = HistoryFilter {
        schedules: args.schedules.iter().chain(&args.schedule).cloned().collect(),
        states: args.state.clone(),
        not: args.not.clone(),
        ended: if args.failed { Ended::Failed } else { Ended::Anyhow },
        reasons: args.reason.clone(),
        triggers: args.trigger.clone(),
        since: args.since.map(|when| when.resolve(now)),
        until: args.until.map(|when| when.resolve(now)),
        limit: args.limit,
    };
    if args.by_schedule {
        let digests = reads.digests(&filter, global, now).await?;
        reads.close().await;
        return by_schedule::show(digests, args, now, out);
    }
    let list = reads.runs(&filter, global, now).await?;
    match args.output {
        Format::Table if list.runs.is_empty() && !args.follow => {
            out.line("No runs. Coming times: `punctual next`; other filters: `punctual runs --help`.")?;
        }
        Format::Table => {
            let runs: Vec<RunSummary> = list.runs.into_iter().map(|listed| listed.run).collect();
            print(&runs, &list.details, now, out)?;
        }
        Format::Json | Format::Ndjson | Format::Csv => out.rows(args.output, &rows(list.runs), |_| Grid::default())?,
    }
    out.flush()?;
    if args.follow {
        return follow(&reads, &filter, list.seen, args.output, clock, out).await;
    }
    reads.close().await;
    Ok(Exit::Fine)
}

fn rows(runs: Vec<ListedRun>) -> Vec<RunRow> {
    runs.into_iter().map(|listed| RunRow::of(listed.run, listed.spans)).collect()
}

/// Prints each run as it changes, until the reader goes away.
async fn follow(
    reads: &Reads,
    filter: &HistoryFilter,
    mut seen: i64,
    format: Format,
    clock: &Clock,
    out: &mut Out,
) -> Result<Exit, Failure> {
    loop {
        clock.sleep(FOLLOW_EVERY).await;
        let now = clock.now();
        let RunList { mut runs, details, seen: newest } = reads.changed(seen, now).await?;
        seen = newest;
        runs.retain(|listed| lets_through(filter, &listed.run));
        match format {
            Format::Table => {
                for listed in &runs {
                    out.line(one_line(&listed.run, &details, now))?;
                }
            }
            Format::Csv => out.more_csv(&rows(runs))?,
            Format::Json | Format::Ndjson => out.rows(Format::Ndjson, &rows(runs), |_| Grid::default())?,
        }
        out.flush()?;
    }
}

fn lets_through(filter: &HistoryFilter, run: &RunSummary) -> bool {
    let any = |wanted: &[String], value: Option<&str>| {
        wanted.is_empty() || value.is_some_and(|value| wanted.iter().any(|one| one == value))
    };
    any(&filter.schedules, Some(&run.schedule))
        && any(&filter.states, Some(run.state.name()))
        && !filter.not.iter().any(|name| name == run.state.name())
        && match (filter.ended, run.state.known()) {
            (Ended::Anyhow, _) => true,
            (Ended::Failed, Some(RunState::Ended(ending))) => ending.is_failure(),
            (Ended::Failed, _) => false,
        }
        && any(&filter.reasons, run.state.reason())
        && any(&filter.triggers, Some(run.trigger.name()))
}

/// The runs as a table.
pub(super) fn print(
    runs: &[RunSummary],
    details: &BTreeMap<String, Details>,
    now: Timestamp,
    out: &mut Out,
) -> Result<(), Failure> {
    let width = out.size().map(|size| size.columns);
    for line in runs_table(runs, details, now).lines(width) {
        out.line(line)?;
    }
    Ok(())
}

pub(super) fn runs_table(runs: &[RunSummary], details: &BTreeMap<String, Details>, now: Timestamp) -> Grid {
    let mut rows = Grid::new(&["RUN", "SCHEDULE", "DUE", "LATE", "STATE", "PENDING", "TOOK", "JOB", "NOTE"])
        .right(&[3, 5, 6, 7])
        .spare(&[7, 5, 6, 3]);
    for run in runs {
        let Spans { late_ms, pending_ms, running_ms } = Spans::of(run, now);
        rows.row([
            Cell::new(short(&run.run)),
            Cell::new(plain(&run.schedule)),
            due(run),
            Cell::new(length(late_ms)),
            Cell::new(run.state.to_string()).tinted(tint(&run.state)),
            Cell::new(length(pending_ms)),
            Cell::new(length(running_ms)),
            Cell::new(run.job_id.map(|id| id.to_string()).unwrap_or_default()),
            Cell::new(note(run, details.get(&run.run), now)),
        ]);
    }
    rows
}

pub(super) fn one_line(run: &RunSummary, details: &BTreeMap<String, Details>, now: Timestamp) -> String {
    let job = run.job_id.map(|id| format!("  job {id}")).unwrap_or_default();
    let note = note(run, details.get(&run.run), now);
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

fn due(run: &RunSummary) -> Cell {
    let first = times::local_text(&run.nominal_at);
    let short = run.nominal_at.parse().map_or_else(|_| first.clone(), times::local_short);
    match (&run.nominal_until, run.count) {
        (Some(until), Some(count)) => Cell::new(format!("{first} … {} ({count} times)", times::local_text(until)))
            .or_short(format!("{short} (×{count})")),
        (Some(until), None) => {
            Cell::new(format!("{first} … {} (not counted)", times::local_text(until))).or_short(format!("{short} …"))
        }
        (None, _) => Cell::new(first).or_short(short),
    }
}

/// For a cell; nothing where it is not known.
pub(super) fn length(ms: Option<i64>) -> String {
    ms.map(|ms| in_columns(SignedDuration::from_millis(ms))).unwrap_or_default()
}

/// Where a person must decide, the very command. `show` has the reason.
pub(super) fn cure(run: &RunSummary, details: Option<&Details>) -> Option<String> {
    match run.state.known() {
        Some(RunState::Held) => Some(held_cure(run)),
        Some(RunState::Ended(Ending::Lost)) if details.is_some_and(|details| details.counts) => Some(lost_cure(run)),
        Some(_) | None => None,
    }
}

/// How long it has been running, and how long it usually does.
pub(super) fn running(run: &RunSummary, details: Option<&Details>, now: Timestamp) -> Option<String> {
    let Some(RunState::Job(JobPhase::Running | JobPhase::Suspended | JobPhase::Stopping)) = run.state.known() else {
        return None;
    };
    let since: Timestamp = run.started_at.as_deref()?.parse().ok()?;
    if now.duration_since(since) < WORTH_A_WORD {
        return None;
    }
    Some(by_schedule::running(since, details.and_then(|details| details.usual_ms), now))
}

pub(super) fn state(run: &RunSummary) -> String {
    tint(&run.state).paint(&run.state.to_string())
}

/// Red needs somebody, yellow may, green is well, the rest goes on.
pub(super) fn tint(state: &ShownState) -> Tint {
    let Some(known) = state.known() else { return Tint::None };
    match known {
        RunState::Ended(Ending::Succeeded) => Tint::Green,
        RunState::Held
        | RunState::Ended(Ending::Faulted | Ending::Rejected | Ending::Lost | Ending::TimedOut | Ending::Missed(_)) => {
            Tint::Red
        }
        RunState::Unknown | RunState::Waiting(_) | RunState::Ended(Ending::Stopped) => Tint::Yellow,
        RunState::Starting | RunState::Job(JobPhase::Running | JobPhase::Pending) => Tint::Cyan,
        RunState::Armed
        | RunState::Job(JobPhase::Suspended | JobPhase::Stopping)
        | RunState::Ended(Ending::Skipped(_) | Ending::Cancelled) => Tint::None,
    }
}

/// The cure stands at the end, so nothing may take its room in front.
fn note(run: &RunSummary, details: Option<&Details>, now: Timestamp) -> String {
    let connection = format!("connection `{}`: ", run.connection);
    let error = run.error.as_deref().map(|error| error.strip_prefix(&connection).unwrap_or(error));
    let attempts = (run.attempts > 1).then(|| match details.and_then(|details| details.starts_allowed) {
        Some(allowed) => format!("attempt {} of {allowed}", run.attempts),
        None => format!("attempt {}", run.attempts),
    });
    let to_stop = match run.state.known() {
        Some(RunState::Ended(Ending::Stopped | Ending::TimedOut) | RunState::Job(JobPhase::Stopping)) => {
            details.and_then(|details| details.to_stop.as_deref()).map(plain)
        }
        Some(_) | None => None,
    };
    let until = match run.state.known() {
        Some(RunState::Waiting(WaitReason::Paused | WaitReason::Blackout)) => run.waiting_until.as_deref(),
        Some(_) | None => None,
    };
    let until = until.map(|until| format!("until {}", times::local_text(until)));
    let told = error.or(run.note.as_deref()).map(|text| plain(first_line(text)));
    let told = told.or_else(|| match run.state.known() {
        // Late times that were left out together have no note of their own.
        Some(RunState::Ended(Ending::Missed(MissReason::Limit))) => Some("`catch_up` took later times".to_owned()),
        Some(_) | None => None,
    });
    let cure = cure(run, details).map(|cure| format!("then {cure}"));
    let running = running(run, details, now);
    attempts
        .into_iter()
        .chain(until)
        .chain(running)
        .chain(to_stop)
        .chain(cure)
        .chain(told)
        .collect::<Vec<_>>()
        .join("; ")
}
