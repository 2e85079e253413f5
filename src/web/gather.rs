//! The part of a status that the files tell, with or without a daemon.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};

use super::needs::needs;
use super::status::{ConnectionStatus, NextTime, RunLine, Status, ZoneDatabaseStatus, instant};
use crate::history::{History, HistoryError, RunSummary};
use crate::recurrence::{Excluded, ZoneDatabase, ZoneSource, zone_database};
use crate::run::RunState;
use crate::schedule::{Enablement, ScheduleSet};

/// Open runs, and failures, that are shown one by one.
const LINES: usize = 20;

/// Coming times that are shown.
const TIMES: usize = 10;

/// Times on days that a calendar takes out are passed over, so many at most.
const MOST_EXCLUDED: usize = 1_000;

/// Reads the history and looks ahead in the schedules; either may be missing.
///
/// # Errors
/// The history cannot be read.
pub async fn gather(
    set: Option<&ScheduleSet>,
    history: Option<&History>,
    state_dir: &Path,
    now: Timestamp,
) -> Result<Status, HistoryError> {
    let since = yesterday(now);
    let (open, counting, failures, chores) = match history {
        Some(history) => (
            history.open_runs().await?,
            history.counting_runs(now).await?,
            history.failures_since(since).await?,
            history.chores().await?,
        ),
        None => (Vec::new(), Vec::new(), Vec::new(), Vec::new()),
    };
    let ZoneDatabase { source, version } = zone_database();
    let source = match source {
        ZoneSource::System(folder) => folder.display().to_string(),
        ZoneSource::Bundled => "bundled".to_owned(),
    };
    Ok(Status {
        at: instant(now),
        daemon: None,
        trouble: None,
        needs: needs(&open, &counting, state_dir),
        connections: set.map(|set| connections(set, &open)).unwrap_or_default(),
        open: counted(open.iter().map(|run| run.state.to_string())),
        open_runs: open.into_iter().take(LINES).map(RunLine::new).collect(),
        next: set.map(|set| coming(set, now)).unwrap_or_default(),
        failed_since: instant(since),
        failed: u64::try_from(failures.len()).unwrap_or(u64::MAX),
        failures: failures.into_iter().take(LINES).map(RunLine::new).collect(),
        zone_database: ZoneDatabaseStatus { source, version },
        chores,
    })
}

fn connections(set: &ScheduleSet, open: &[RunSummary]) -> Vec<ConnectionStatus> {
    let line =
        |(name, connection): (&crate::schedule::ConnectionName, &std::sync::Arc<crate::schedule::Connection>)| {
            let waits = |run: &&RunSummary| matches!(run.state.known(), Some(RunState::Waiting(_)));
            let waiting = open.iter().filter(|run| run.connection == name.as_str()).filter(waits);
            ConnectionStatus {
                connection: name.to_string(),
                url: connection.url.to_string(),
                obstacle: None,
                troubles: Vec::new(),
                waiting: counted(waiting.filter_map(|run| run.state.reason().map(str::to_owned))),
                token: None,
            }
        };
    set.connections.iter().map(line).collect()
}

fn counted(names: impl Iterator<Item = String>) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    counts
}

/// The soonest times of all enabled schedules, each schedule's next one first of all.
fn coming(set: &ScheduleSet, now: Timestamp) -> Vec<NextTime> {
    let enabled = set.schedules.values().filter(|schedule| match schedule.enablement {
        Enablement::Enabled => true,
        Enablement::Disabled => false,
    });
    let mut times: Vec<_> = enabled
        .filter_map(|schedule| {
            let mut times =
                std::iter::successors(schedule.recurrence.next_after(now), |at| schedule.recurrence.next_after(at.at));
            let next = times.by_ref().take(MOST_EXCLUDED).find(|time| time.excluded == Excluded::No)?;
            Some((next.fire_at, next.at, schedule.key.to_string()))
        })
        .collect();
    times.sort();
    let line = |(fire_at, at, schedule)| NextTime { schedule, nominal_at: instant(at), fire_at: instant(fire_at) };
    times.into_iter().take(TIMES).map(line).collect()
}

/// The first instant of the day before, as this machine's people count days.
fn yesterday(now: Timestamp) -> Timestamp {
    let start = now.to_zoned_datetime(TimeZone::system()).start_of_day();
    let start = start.and_then(|today| today.checked_sub(Span::new().days(1)));
    start.map_or_else(
        |_| now.saturating_sub(SignedDuration::from_hours(48)).unwrap_or(Timestamp::MIN),
        |day| day.timestamp(),
    )
}
