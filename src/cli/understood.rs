//! What `check` understood of each schedule: when it runs next, and every rule that is not the usual one.
//!
//! A file may be right and mean something else than its writer: half of that is seen at the next time, the other half
//! here.

use jiff::{SignedDuration, Timestamp};

use super::grid::{Cell, Grid};
use super::times;
use crate::policy::holds::Holds;
use crate::recurrence::Excluded;
use crate::run::Held;
use crate::schedule::{
    Blackout, BlackoutThen, CatchUp, CatchUpPolicy, CountedBy, Enablement, OnPending, OnUnknownStart, OverlapPolicy,
    PauseAfter, Retry, RetryOn, Schedule, ScheduleSet, Timeouts,
};
use crate::text::{self, exactly};
use crate::web::HeldNow;

/// What windows take is counted over so many days to come …
const AHEAD: SignedDuration = SignedDuration::from_hours(30 * 24);

/// … and over no more times than these, so that ten thousand schedules are shown within a second or two.
const TIMES_AHEAD: usize = 1_000;

/// One line for each schedule.
pub(super) fn table(set: &ScheduleSet, now: Timestamp) -> Grid {
    let mut shown = Grid::new(&["SCHEDULE", "WHEN", "NEXT", "RULES"]).spare(&[1]);
    let mut holds = HeldNow::default().under(set);
    for schedule in set.schedules.values() {
        let mut rules = rules(schedule, set, now);
        let next = match Windows::of(schedule, set) {
            Windows::None => Next::of(next(schedule, now)),
            Windows::Some => {
                let ahead = Ahead::of(schedule, &mut holds, now);
                rules.extend(ahead.told());
                ahead.next
            }
        };
        shown.row([
            Cell::new(schedule.key.to_string()),
            Cell::new(when(schedule)),
            Cell::new(next.shown(times::local)).or_short(next.shown(times::local_short)),
            Cell::new(rules.join("; ")),
        ]);
    }
    shown
}

/// Whether any blackout is about a schedule.
enum Windows {
    None,
    Some,
}

impl Windows {
    fn of(schedule: &Schedule, set: &ScheduleSet) -> Windows {
        let mut all = set.blackouts.values();
        match all.any(|blackout| blackout.is_about(schedule.key.as_str(), schedule.connection.as_str())) {
            true => Windows::Some,
            false => Windows::None,
        }
    }
}

/// When a schedule runs next.
enum Next {
    Never,
    At(Timestamp),
    /// Windows take all that was looked at, up to this one.
    After(Timestamp),
}

impl Next {
    fn of(at: Option<Timestamp>) -> Next {
        at.map_or(Next::Never, Next::At)
    }

    fn shown(&self, time: impl Fn(Timestamp) -> String) -> String {
        match self {
            Next::Never => "-".to_owned(),
            Next::At(at) => time(*at),
            Next::After(at) => format!("after {}", time(*at)),
        }
    }
}

/// What windows do to the times to come.
struct Ahead {
    next: Next,
    times: usize,
    taken: usize,
    put_off: usize,
    last: Option<Timestamp>,
}

impl Ahead {
    fn of(schedule: &Schedule, holds: &mut Holds, now: Timestamp) -> Ahead {
        let mut ahead = Ahead { next: Next::of(next(schedule, now)), times: 0, taken: 0, put_off: 0, last: None };
        let until = now.saturating_add(AHEAD).unwrap_or(Timestamp::MAX);
        let nexts = |at| schedule.recurrence.next_after(at);
        let coming = std::iter::successors(nexts(now), |nominal| nexts(nominal.at)).take(TIMES_AHEAD);
        let mut first = None;
        for nominal in coming.take_while(|nominal| nominal.fire_at <= until) {
            if nominal.excluded != Excluded::No {
                continue;
            }
            ahead.times += 1;
            ahead.last = Some(nominal.fire_at);
            let starts_at = match holds.outlook(schedule, &nominal) {
                Held::No => Some(nominal.fire_at),
                Held::Waits { until, .. } => {
                    ahead.put_off += 1;
                    until
                }
                Held::Skipped(_) => {
                    ahead.taken += 1;
                    None
                }
            };
            first = first.or(starts_at);
        }
        if let Some(last) = ahead.last {
            ahead.next = first.map_or(Next::After(last), Next::At);
        }
        ahead
    }

    fn told(&self) -> Option<String> {
        let Ahead { times, taken, put_off, last, .. } = self;
        let (all, last) = (text::counted(*times, "time"), times::local_day((*last)?));
        let did = match (taken, put_off) {
            (0, 0) => "take none".to_owned(),
            (taken, 0) => format!("take {taken}"),
            (0, put_off) => format!("put off {put_off}"),
            (taken, put_off) => format!("take {taken} and put off {put_off}"),
        };
        Some(format!("blackouts {did} of its {all} until {last}"))
    }
}

/// The next time that its calendar keeps, however long that takes: a year of days is looked at.
fn next(schedule: &Schedule, now: Timestamp) -> Option<Timestamp> {
    let times = &schedule.recurrence;
    let mut after = now;
    for _ in 0..366 {
        let time = times.next_after(after)?;
        if time.excluded == Excluded::No {
            return Some(time.fire_at);
        }
        after = times.zone().last_second_of(time.local.date()).unwrap_or(time.at).max(time.at);
    }
    None
}

fn when(schedule: &Schedule) -> String {
    let timing = &schedule.timing;
    let mut parts = timing.cron.clone();
    parts.extend(timing.every_s.map(|seconds| format!("every {}", exactly(std::time::Duration::from_secs(seconds)))));
    parts.extend(match timing.at.as_slice() {
        [] => None,
        [one] => Some(format!("at {one}")),
        several => Some(format!("at {}", text::counted(several.len(), "instant"))),
    });
    let zone = (!timing.cron.is_empty()).then(|| format!(" {}", timing.timezone));
    parts.join(" | ") + &zone.unwrap_or_default()
}

fn rules(schedule: &Schedule, set: &ScheduleSet, now: Timestamp) -> Vec<String> {
    let mut rules = Vec::new();
    match schedule.enablement {
        Enablement::Enabled => {}
        Enablement::Disabled => rules.push("disabled".to_owned()),
    }
    rules.extend(while_open(schedule.overlap).map(str::to_owned));
    rules.extend(late(schedule.catch_up));
    rules.extend(match schedule.on_unknown_start {
        OnUnknownStart::Retry => None,
        OnUnknownStart::Skip => Some("an unclear start is let be".to_owned()),
        OnUnknownStart::Hold => Some("an unclear start waits for a person".to_owned()),
    });
    rules.extend(schedule.retry.as_ref().map(tried));
    rules.extend(schedule.timeout.as_ref().and_then(stopped));
    rules.extend(schedule.pool.as_ref().map(|pool| match set.pools.get(pool) {
        Some(running) => format!("pool {pool}, {running} at once"),
        None => format!("pool {pool}"),
    }));
    if schedule.priority != 0 {
        rules.push(format!("priority {}", schedule.priority));
    }
    rules.extend(schedule.start.priority.map(|priority| format!("{} at Orchestrator", priority.name())));
    rules.extend(match schedule.pause_after {
        PauseAfter::AccountFaults => None,
        PauseAfter::Never => Some("never paused for failures".to_owned()),
        PauseAfter::Failures(count) => Some(format!(
            "paused after {} in a row",
            text::counted(usize::try_from(count).unwrap_or(usize::MAX), "failure")
        )),
    });
    rules.extend(windows(schedule, set, now));
    rules
}

/// What the blackouts that are about a schedule do to times in them, whether it has such times or not.
fn windows(schedule: &Schedule, set: &ScheduleSet, now: Timestamp) -> Vec<String> {
    let about = set.blackouts.values().filter(|b| b.is_about(schedule.key.as_str(), schedule.connection.as_str()));
    let over = |blackout: &Blackout| {
        blackout.begins.next_after(now).is_none() && blackout.stretch_at(now).shut_until.is_none()
    };
    let (over, coming): (Vec<_>, Vec<_>) = about.partition(|blackout| over(blackout));
    let (skip, wait): (Vec<_>, Vec<_>) = coming.into_iter().partition(|one| one.then == BlackoutThen::Skip);
    let both = (!skip.is_empty() && !wait.is_empty()).then(|| "where blackouts meet it is skipped".to_owned());
    let skip = skip.iter().map(|blackout| format!("blackout {} skips what falls in it", blackout.name));
    let wait = wait.iter().map(|blackout| format!("blackout {} puts off what falls in it", blackout.name));
    let over = over.iter().map(|blackout| format!("blackout {} is over", blackout.name));
    skip.chain(wait).chain(both).chain(over).collect()
}

fn while_open(overlap: OverlapPolicy) -> Option<&'static str> {
    match overlap {
        OverlapPolicy::Skip => None,
        OverlapPolicy::Allow => Some("runs side by side"),
        OverlapPolicy::QueueOne => Some("one waits for the run before"),
        OverlapPolicy::QueueLatest => Some("the newest waits for the run before"),
        OverlapPolicy::QueueAll => Some("all wait for the run before"),
        OverlapPolicy::StopOther => Some("stops the run before"),
        OverlapPolicy::KillOther => Some("kills the run before"),
    }
}

fn late(catch_up: CatchUp) -> Option<String> {
    let CatchUp { policy, window, max } = catch_up;
    let window = exactly(window);
    match policy {
        CatchUpPolicy::Last if window == "6h" => None,
        CatchUpPolicy::Last => Some(format!("catches up the last time of {window}")),
        CatchUpPolicy::Skip => Some("catches up nothing".to_owned()),
        CatchUpPolicy::All => Some(format!("catches up the last {max} of {window}")),
    }
}

fn tried(retry: &Retry) -> String {
    let Retry { attempts, delay, max_delay, on } = retry;
    let ends: Vec<&str> = on
        .iter()
        .map(|end| match end {
            RetryOn::Faulted => "faulted",
            RetryOn::TimedOut => "timed out",
            RetryOn::Business => "business",
        })
        .collect();
    let apart =
        if delay == max_delay { exactly(*delay) } else { format!("{} to {}", exactly(*delay), exactly(*max_delay)) };
    format!("up to {attempts} starts, {apart} apart ({})", text::all(ends))
}

/// None: what it says is about `overlap: stop_other` alone.
fn stopped(timeouts: &Timeouts) -> Option<String> {
    let Timeouts { pending, soft, at, kill_after, on_pending, counted_by } = timeouts;
    let waiting = pending.map(|length| match on_pending {
        OnPending::Stop => format!("{} without a robot", exactly(length)),
        OnPending::Restart => format!("{} without a robot (then started again)", exactly(length)),
    });
    let running = soft.map(|length| format!("{} of running", exactly(length)));
    let after: Vec<String> = [waiting, running].into_iter().flatten().collect();
    let mut parts = Vec::new();
    if !after.is_empty() {
        parts.push(format!("after {}", after.join(" or ")));
    }
    parts.extend(at.map(|at| format!("at {}", at.strftime("%H:%M"))));
    if parts.is_empty() {
        return None;
    }
    let counted = match counted_by {
        CountedBy::Us => "",
        CountedBy::ServerToo => ", counted by Orchestrator too",
    };
    Some(format!("stopped {}, killed {} later{counted}", parts.join(" and "), exactly(*kill_after)))
}
