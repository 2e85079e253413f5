//! The runs in `punctual status`: those that are open, and what failed, one line a schedule.

use std::time::Duration;

use jiff::Timestamp;

use super::failure::Failure;
use super::grid::{Cell, Grid};
use super::output::{Out, first_line, plain};
use super::runs::{length, short, tint};
use super::{by_schedule, times};
use crate::history::Spans;
use crate::web::{ConnectionStatus, RunLine, Status};

/// The open runs.
pub(super) fn open(status: &Status, now: Timestamp, out: &mut Out) -> Result<(), Failure> {
    let mut grid = Grid::new(&["  RUN", "SCHEDULE", "DUE", "LATE", "STATE", "PENDING", "RUNNING", "JOB", "NOTE"])
        .right(&[3, 5, 6, 7])
        .spare(&[7, 5, 3, 6]);
    for run in &status.open_runs {
        let Spans { late_ms, pending_ms, running_ms } = run.spans;
        grid.row([
            Cell::new(format!("  {}", short(&run.run))),
            Cell::new(plain(&run.schedule)),
            due(&run.nominal_at),
            Cell::new(length(late_ms)),
            Cell::new(run.state.to_string()).tinted(tint(&run.state)),
            Cell::new(length(pending_ms)),
            Cell::new(length(running_ms)),
            Cell::new(run.job_id.map(|id| id.to_string()).unwrap_or_default()),
            Cell::new(note(run, status, now)),
        ]);
    }
    show(&grid, out)
}

/// The failures of each schedule together.
pub(super) fn failing(status: &Status, out: &mut Out) -> Result<(), Failure> {
    let mut grid = Grid::new(&["  SCHEDULE", "FAILED", "LAST SUCCESS", "NEWEST", "STATE", "NOTE"]).spare(&[2]);
    for line in &status.failing {
        let of = line.judged.map(|judged| format!(" of {judged}")).unwrap_or_default();
        let since = line.failing_since.as_deref().and_then(read).map(times::local_weekday);
        let since = since.map(|since| format!(", since {since}")).unwrap_or_default();
        let success = line.last_success_at.as_deref().and_then(read).map(times::local_weekday);
        let newest = &line.newest;
        let why = match is_above(newest, status) {
            true => Some(ABOVE.to_owned()),
            false => newest.error.as_deref().or(newest.note.as_deref()).map(|why| plain(first_line(why))),
        };
        grid.row([
            Cell::new(format!("  {}", plain(&line.schedule))),
            Cell::new(format!("{}{of}{since}", line.failed)),
            Cell::new(success.unwrap_or_else(|| "none".to_owned())),
            Cell::new(short(&newest.run)),
            Cell::new(newest.state.to_string()).tinted(tint(&newest.state)),
            Cell::new(why.unwrap_or_default()),
        ]);
    }
    show(&grid, out)
}

fn read(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

fn due(at: &str) -> Cell {
    let whole = times::local_text(at);
    let short = at.parse().map_or_else(|_| whole.clone(), times::local_short);
    Cell::new(whole).or_short(short)
}

/// Where it stands with its cure.
const ABOVE: &str = "see above";

/// Whether a person is told of it already: a trouble is said once.
fn is_above(run: &RunLine, status: &Status) -> bool {
    status.needs.iter().any(|need| need.subject == run.run)
}

fn note(run: &RunLine, status: &Status, now: Timestamp) -> String {
    let why = run.error.as_deref().filter(|error| !is_told(error, &run.connection, &status.connections));
    // An error that stands with the connection leaves nothing else to say.
    let why = why.or(run.note.as_deref().filter(|_| run.error.is_none())).map(|why| plain(first_line(why)));
    let why = if is_above(run, status) { Some(ABOVE.to_owned()) } else { why };
    let until = run.waiting_until.as_deref().map(|until| format!("until {}", times::local_text(until)));
    let running = run
        .spans
        .running_ms
        .and_then(|ms| u64::try_from(ms).ok())
        .map(|ms| by_schedule::running(crate::clock::earlier(now, Duration::from_millis(ms)), run.usual_ms, now));
    until.into_iter().chain(running).chain(why).collect::<Vec<_>>().join("; ")
}

/// Whether the connection's own lines say it already.
fn is_told(error: &str, connection: &str, connections: &[ConnectionStatus]) -> bool {
    let Some(line) = connections.iter().find(|line| line.connection == connection) else { return false };
    let prefix = format!("connection `{connection}`: ");
    let error = error.strip_prefix(&prefix).unwrap_or(error);
    let obstacle = line.obstacle.as_ref().map(|obstacle| obstacle.text.as_str());
    let token = line.token.as_ref().and_then(|token| token.error.as_deref());
    let told = obstacle.into_iter().chain(token).chain(line.troubles.iter().map(String::as_str));
    told.map(|told| told.strip_prefix(&prefix).unwrap_or(told)).any(|told| told.contains(error) || error.contains(told))
}

fn show(grid: &Grid, out: &mut Out) -> Result<(), Failure> {
    let width = out.size().map(|size| size.columns);
    for line in grid.lines(width) {
        out.line(line)?;
    }
    Ok(())
}
