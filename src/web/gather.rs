//! The part of a status that the files tell, with or without a daemon.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};

use super::holding::HeldNow;
use super::instant::instant;
use super::needs::{act_on, needs};
use super::status::{ConnectionStatus, FailingLine, NextTime, PoolLine, RunLine, Status, ZoneDatabaseStatus};
use crate::clock::earlier;
use crate::history::{Digest, HeldBack, History, HistoryError, PoolUse, RunSummary};
use crate::policy::holds::Holds;
use crate::recurrence::{Excluded, ZoneDatabase, ZoneSource, zone_database};
use crate::run::{Held, RunState};
use crate::schedule::{Enablement, Schedule, ScheduleSet};

/// Open runs, and failures, that are shown one by one.
const LINES: usize = 20;

/// Coming times that are shown.
const TIMES: usize = 10;

/// Times that are left out are passed over, so many at most.
const MOST_LEFT_OUT: usize = 1_000;

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
    let (open, counting, failures, chores, held, pools) = match history {
        Some(history) => (
            history.open_runs().await?,
            history.counting_runs(now).await?,
            history.failures_since(since).await?,
            history.chores().await?,
            history.held_back(now).await?,
            history.pools(now).await?,
        ),
        None => (Vec::new(), Vec::new(), Vec::new(), Vec::new(), HeldBack::default(), Vec::new()),
    };
    // Of those that are shown, and no others.
    let shown: BTreeSet<&String> = open.iter().take(LINES).chain(&failures).map(|run| &run.schedule).collect();
    let shown: Vec<String> = shown.into_iter().cloned().collect();
    let digests = match history {
        Some(history) => history.digests(&shown, Some(since), None).await?,
        None => Vec::new(),
    };
    let usual = |schedule: &str| digest_of(&digests, schedule).and_then(|digest| digest.usual_ms);
    let failing = failing(&failures, &digests, now);
    let ZoneDatabase { source, version } = zone_database();
    let source = match source {
        ZoneSource::System(folder) => folder.display().to_string(),
        ZoneSource::Bundled => "bundled".to_owned(),
    };
    let needs = needs(&open, &counting, &held.pauses, state_dir);
    let HeldNow { pauses, skips } = HeldNow::of(&held);
    Ok(Status {
        at: instant(now),
        daemon: None,
        trouble: None,
        act_on: act_on(&needs, []),
        needs,
        connections: set.map(|set| connections(set, &open)).unwrap_or_default(),
        pauses,
        skips,
        pools: set.map(|set| fill(set, &pools)).unwrap_or_default(),
        open: counted(open.iter().map(|run| run.state.to_string())),
        open_runs: open
            .into_iter()
            .take(LINES)
            .map(|run| {
                let usual = usual(&run.schedule);
                RunLine::new(run, usual, now)
            })
            .collect(),
        next: set.map(|set| coming(set, held, now)).unwrap_or_default(),
        failed_since: instant(since),
        failed: u64::try_from(failures.len()).unwrap_or(u64::MAX),
        failures: failures.into_iter().take(LINES).map(|run| RunLine::new(run, None, now)).collect(),
        failing,
        zone_database: ZoneDatabaseStatus { source, version },
        chores,
    })
}

fn digest_of<'d>(digests: &'d [Digest], schedule: &str) -> Option<&'d Digest> {
    // In the order of their names.
    let place = digests.binary_search_by(|digest| digest.schedule.as_str().cmp(schedule)).ok()?;
    digests.get(place)
}

/// The failures of each schedule together, the one that failed last first.
fn failing(newest_first: &[RunSummary], digests: &[Digest], now: Timestamp) -> Vec<FailingLine> {
    let mut lines: Vec<FailingLine> = Vec::new();
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for run in newest_first {
        let failed = run.count.unwrap_or(1);
        if let Some(line) = places.get(run.schedule.as_str()).and_then(|place| lines.get_mut(*place)) {
            line.failed = line.failed.saturating_add(failed);
            line.judged = line.judged.map(|judged| judged.saturating_add(failed - 1));
            continue;
        }
        places.insert(&run.schedule, lines.len());
        let digest = digest_of(digests, &run.schedule);
        let judged = digest.filter(|digest| digest.is_whole()).and_then(|digest| u64::try_from(digest.judged()).ok());
        lines.push(FailingLine {
            schedule: run.schedule.clone(),
            failed,
            // A row may stand for many times.
            judged: judged.map(|judged| judged.saturating_add(failed - 1)),
            failing_since: digest.and_then(Digest::failing_since).map(instant),
            last_success_at: digest.and_then(|digest| digest.last_success).map(instant),
            newest: RunLine::new(run.clone(), None, now),
        });
    }
    lines.truncate(LINES);
    lines
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

fn fill(set: &ScheduleSet, all: &[PoolUse]) -> Vec<PoolLine> {
    let line = |(name, size): (&String, &u32)| {
        let found = all.iter().find(|one| one.pool == *name);
        let (running, waiting) = found.map_or((0, 0), |one| (one.running, one.waiting));
        PoolLine { pool: name.clone(), size: *size, running, waiting }
    };
    set.pools.iter().map(line).collect()
}

fn counted(names: impl Iterator<Item = String>) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    counts
}

/// The soonest times of all enabled schedules that are not skipped, each schedule's next one first of all.
fn coming(set: &ScheduleSet, held: HeldBack, now: Timestamp) -> Vec<NextTime> {
    let mut holds = Holds::new(held.pauses, held.skips, set);
    let enabled = set.schedules.values().filter(|schedule| match schedule.enablement {
        Enablement::Enabled => true,
        Enablement::Disabled => false,
    });
    let mut times: Vec<_> = enabled.filter_map(|schedule| next_of(schedule, &mut holds, now)).collect();
    times.sort_by(|a, b| (&a.0, &a.1.schedule).cmp(&(&b.0, &b.1.schedule)));
    times.into_iter().take(TIMES).map(|(_, line)| line).collect()
}

fn next_of(schedule: &Schedule, holds: &mut Holds, now: Timestamp) -> Option<(Timestamp, NextTime)> {
    let mut after = now;
    for _ in 0..MOST_LEFT_OUT {
        let time = schedule.recurrence.next_after(after)?;
        after = time.at;
        if time.excluded == Excluded::Yes {
            continue;
        }
        let (goes_at, note) = match holds.outlook(schedule, &time) {
            Held::No => (Some(time.fire_at), None),
            Held::Waits { name, until } => {
                let note = format!("waits for the end of blackout `{name}`");
                (until, Some(note))
            }
            Held::Skipped(by) => {
                // Times before the end of a pause are not gone through one by one.
                let end = holds.skipped_until(schedule, &time, &by)?;
                after = after.max(earlier(end, Duration::from_nanos(1)));
                continue;
            }
        };
        let (schedule, nominal_at, fire_at) = (schedule.key.to_string(), instant(time.at), instant(time.fire_at));
        let line = NextTime { schedule, nominal_at, fire_at, goes_at: goes_at.map(instant), note };
        return Some((goes_at.unwrap_or(Timestamp::MAX), line));
    }
    None
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
