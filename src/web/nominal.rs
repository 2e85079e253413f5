//! Which instant of a schedule's clock a person means who writes `07:00`, a date, or what `runs` prints: for times that have been.
//!
//! An act must not guess: where `punctual why` takes the newest time that fits, several are named here and none is taken.
//!
//! Pure, but for whether a time has a row. Absent: times to come (`meant`).

use jiff::Timestamp;
use jiff::civil::DateTime;

use super::answer::{Refusal, Why};
use super::control::Control;
use crate::clock::{earlier, later};
use crate::history::{History, HistoryError, HistoryFilter};
use crate::recurrence::{Recurrence, Written, Zone, instants_at, spoken};
use crate::schedule::{Schedule, Trigger};
use crate::text::{all, quoted};

/// Times are whole seconds: what is this much later is after one and before the next.
const A_MOMENT: std::time::Duration = std::time::Duration::from_millis(1);

/// What a time of the schedule itself is claimed as.
const PLANNED: [Trigger; 2] = [Trigger::Scheduled, Trigger::CatchUp];

/// So many times are named where several are meant.
const NAMED: usize = 3;

/// The time of a schedule for which something is started.
///
/// # Errors
/// It cannot be read, or no one time is meant by it.
fn time(text: &str, recurrence: &Recurrence, now: Timestamp) -> Result<Timestamp, Refusal> {
    let zone = recurrence.zone();
    match read(text, zone, now)? {
        Written::Instant(at) => Ok(at),
        Written::Local(local) => one(zone, local, text),
        Written::Clock(time) => {
            let today = zone.read(now).0.date();
            let days =
                [Some(today), today.yesterday().ok(), today.yesterday().ok().and_then(|day| day.yesterday().ok())];
            let mut come = days.into_iter().flatten().filter_map(|day| one(zone, day.to_datetime(time), text).ok());
            come.find(|at| *at <= now).ok_or_else(|| left_out(text, zone))
        }
        Written::Day(day) => {
            let Some(first) = zone.first_instant_of(day) else { return Err(unreadable(text)) };
            let before = recurrence.next_after(earlier(first, std::time::Duration::from_millis(1)));
            let times = std::iter::successors(before, |time| recurrence.next_after(time.at));
            let times: Vec<Timestamp> =
                times.take_while(|time| time.local.date() == day).map(|time| time.at).take(NAMED).collect();
            match times.as_slice() {
                [one] => Ok(*one),
                [] => Err(Refusal::new(Why::Wrong, format!("it has no time on {day}"))
                    .hint("write the time of day too, such as `2026-11-23 07:00`")),
                several => Err(which(text, zone, several)),
            }
        }
    }
}

/// The same, of which the schedule knows: by its files, or by a row of a plan of before.
///
/// # Errors
/// It cannot be read, no one time is meant by it, or it is none of the schedule's.
pub(super) async fn of(control: &Control, schedule: &Schedule, text: &str) -> Result<Timestamp, Refusal> {
    let (recurrence, zone) = (&schedule.recurrence, schedule.recurrence.zone());
    let at = time(text, recurrence, control.clock.now())?;
    let after = later(at, A_MOMENT);
    let before = recurrence.previous_before(after);
    if before.as_ref().is_some_and(|time| time.at == at) || has_row(control, schedule, at).await? {
        return Ok(at);
    }
    let near = [before, recurrence.next_after(at)].into_iter().flatten().map(|time| spoken(zone, time.at));
    let message = format!("`{}` has no time {} in {}, its zone", schedule.key, spoken(zone, at), zone.name());
    Err(Refusal::new(Why::Wrong, message).hint(format!("the nearest there: {}", all(near))))
}

async fn has_row(control: &Control, schedule: &Schedule, at: Timestamp) -> Result<bool, Refusal> {
    let filter = HistoryFilter {
        schedules: vec![schedule.key.to_string()],
        triggers: PLANNED.map(|trigger| trigger.name().to_owned()).to_vec(),
        since: Some(at),
        until: Some(later(at, A_MOMENT)),
        limit: 1,
        ..HistoryFilter::default()
    };
    let unreadable = |cause: HistoryError| {
        tracing::warn!("Whether a time has a row cannot be read: {cause}");
        Refusal::new(Why::Unable, "the daemon's database cannot be read").hint("its log says why")
    };
    let history = History::open(&control.state_dir).await.map_err(unreadable)?;
    let rows = history.list(&filter).await;
    history.close().await;
    Ok(!rows.map_err(unreadable)?.is_empty())
}

/// An end of a range: of a day its first instant, of a local time that a clock change leaves out the first one after it, of two alike the first. A time of
/// day is its next one after `from`, where that is given, else its last one.
///
/// # Errors
/// It cannot be read.
pub(super) fn edge(text: &str, zone: &Zone, now: Timestamp, from: Option<Timestamp>) -> Result<Timestamp, Refusal> {
    let at_local = |local| instants_at(zone, local).first().copied().or_else(|| zone.first_instant_at(local));
    let at = match read(text, zone, now)? {
        Written::Instant(at) => Some(at),
        Written::Local(local) => at_local(local),
        Written::Day(day) => zone.first_instant_of(day),
        Written::Clock(time) => {
            let first = zone.read(from.unwrap_or(now)).0.date();
            let days = match from {
                Some(_) => [Some(first), first.tomorrow().ok()],
                None => [Some(first), first.yesterday().ok()],
            };
            let fits = |at: &Timestamp| from.map_or(*at <= now, |from| *at > from);
            days.into_iter().flatten().filter_map(|day| at_local(day.to_datetime(time))).find(fits)
        }
    };
    at.ok_or_else(|| unreadable(text))
}

fn read(text: &str, zone: &Zone, now: Timestamp) -> Result<Written, Refusal> {
    Written::read(text, zone, now).ok_or_else(|| unreadable(text))
}

fn unreadable(text: &str) -> Refusal {
    Refusal::new(Why::Wrong, format!("`{text}` is not a time")).hint(
        "write a time as `punctual runs` shows it, `2026-11-23 07:00`, `yesterday 07:00`, `07:00`, or a date; it is read in the \
         schedule's zone unless it has an offset",
    )
}

fn one(zone: &Zone, local: DateTime, text: &str) -> Result<Timestamp, Refusal> {
    match instants_at(zone, local).as_slice() {
        [one] => Ok(*one),
        [] => Err(left_out(text, zone)),
        several => Err(which(text, zone, several)),
    }
}

fn left_out(text: &str, zone: &Zone) -> Refusal {
    Refusal::new(Why::Wrong, format!("the clocks of {} did not show `{text}`", zone.name()))
        .hint("write it with its offset, as `punctual runs` shows it")
}

fn which(text: &str, zone: &Zone, times: &[Timestamp]) -> Refusal {
    Refusal::new(Why::Wrong, format!("`{text}` may be several times"))
        .hint(format!("say which: {}", quoted(times.iter().map(|at| spoken(zone, *at)))))
}
