//! `punctual next`: the coming times, and what clock changes, calendars, jitter, pauses and blackouts do to them.
//!
//! What is paused is asked of the daemon if one answers, else read from its files; where neither can be, times are shown without it.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::args::{Format, Global, NextArgs};
use super::client::Client;
use super::failure::{Exit, Failure};
use super::files::load_or_tell;
use super::grid::{Cell, Grid};
use super::output::{Columns, Out, first_line, plain};
use super::times::{self, Ahead, When};
use crate::clock::{self, Clock};
use crate::history::{History, HistoryError};
use crate::policy::holds::Holds;
use crate::recurrence::{Excluded, Nominal};
use crate::run::Held;
use crate::schedule::{Enablement, Schedule, ScheduleKey};
use crate::text::{known_names, roughly};
use crate::web::HeldNow;

#[derive(Debug, Serialize)]
struct Coming {
    schedule: String,
    nominal_at: String,
    fire_at: String,
    local: String,
    offset: String,
    note: Option<String>,
    #[serde(skip)]
    at: Timestamp,
    #[serde(skip)]
    zone: String,
}

impl Columns for Coming {
    const COLUMNS: &'static [&'static str] = &["schedule", "nominal_at", "fire_at", "local", "offset", "note"];
}

pub(super) async fn run(global: &Global, args: &NextArgs, clock: &Clock, out: &mut Out) -> Result<Exit, Failure> {
    let now = clock.now();
    let loaded = load_or_tell(global, now)?;
    for name in &args.schedules {
        if !loaded.set.schedules.contains_key(name.as_str()) {
            return Err(Failure::new(Exit::Usage, format!("there is no schedule `{}`", plain(name)))
                .hint(known_names(name, loaded.set.schedules.keys().map(ScheduleKey::as_str))));
        }
    }
    // What is asked for is to come, also where a time of day was given.
    let from = args.from.map(|when| match when {
        When::Clock(time) => Ahead::Clock(time).resolve(now),
        When::At(_) | When::Ago(_) | When::Today | When::Yesterday => when.resolve(now),
    });
    let until = args.until.map(|ahead| match ahead {
        Ahead::Clock(_) => ahead.resolve(from.unwrap_or(now).max(now)),
        Ahead::At(_) | Ahead::In(_) => ahead.resolve(now),
    });
    if until.is_some_and(|until| until <= from.unwrap_or(now)) {
        let what = match from {
            Some(_) => "`--until` is not after `--from`, so no time lies between",
            None => "`--until` is not after now, so no time lies between",
        };
        return Err(Failure::new(Exit::Usage, what).hint("give an earlier `--from`, or a later `--until`"));
    }
    let held = held(global, now).await?;
    let holds = RefCell::new(held.under(&loaded.set));
    // A range holds its beginning and not its end, so that days side by side show each time once.
    let after = from.map_or(now, |from| clock::earlier(from, Duration::from_millis(1)));
    let count = if until.is_some() && args.count == DEFAULT_COUNT { usize::MAX } else { args.count };
    let set = &loaded.set;
    let chosen = set.schedules.values().filter(|schedule| {
        args.schedules.is_empty() || args.schedules.iter().any(|name| name == schedule.key.as_str())
    });
    let holds = &holds;
    let mut coming = Merged::new(chosen.map(|schedule| {
        let nominals =
            std::iter::successors(schedule.recurrence.next_after(after), |at| schedule.recurrence.next_after(at.at));
        nominals
            .take_while(move |nominal| until.is_none_or(|until| nominal.at < until))
            .take(count)
            .map(move |nominal| coming(schedule, &nominal, &mut holds.borrow_mut()))
    }))
    .peekable();
    if args.output == Format::Table && coming.peek().is_none() {
        out.line("No coming times.")?;
        return Ok(Exit::Fine);
    }
    out.stream(args.output, coming, |rows| table(rows, now))?;
    if args.output == Format::Table {
        let here = TimeZone::system();
        let name = here.iana_name().unwrap_or("this machine's zone");
        out.line(format!("\nDUE is in {name}, as this machine's clock shows it."))?;
    }
    Ok(Exit::Fine)
}

const DEFAULT_COUNT: usize = 5;

/// What is held back, as far as it may be known here: the times of files alone need no state folder.
pub(super) async fn held(global: &Global, now: Timestamp) -> Result<HeldNow, Failure> {
    if let Ok(Some(client)) = Client::find(global).await
        && let Ok(held) = client.get("/held").await
    {
        return Ok(held);
    }
    let history = match History::open(&global.state_dir()).await {
        Ok(history) => history,
        Err(HistoryError::Missing(_) | HistoryError::Closed(_)) => return Ok(HeldNow::default()),
        Err(cause) => return Err(cause.into()),
    };
    let held = history.held_back(now).await;
    history.close().await;
    Ok(HeldNow::of(&held?))
}

/// The times of all schedules in the order in which they fire, one at a time: a range may have millions of them.
struct Merged<I: Iterator<Item = Coming>> {
    schedules: Vec<std::iter::Peekable<I>>,
    /// Which schedule is next at which instant; those of one instant in the files' order.
    next: BinaryHeap<Reverse<(Timestamp, usize)>>,
}

impl<I: Iterator<Item = Coming>> Merged<I> {
    fn new(schedules: impl Iterator<Item = I>) -> Merged<I> {
        let mut schedules: Vec<_> = schedules.map(Iterator::peekable).collect();
        let firsts = schedules.iter_mut().enumerate();
        let next = firsts.filter_map(|(at, times)| Some(Reverse((times.peek()?.at, at)))).collect();
        Merged { schedules, next }
    }
}

impl<I: Iterator<Item = Coming>> Iterator for Merged<I> {
    type Item = Coming;

    fn next(&mut self) -> Option<Coming> {
        let Reverse((_, which)) = self.next.pop()?;
        let times = self.schedules.get_mut(which)?;
        let row = times.next();
        if let Some(following) = times.peek() {
            self.next.push(Reverse((following.at, which)));
        }
        row
    }
}

fn table(rows: &[Coming], now: Timestamp) -> Grid {
    let mut shown = Grid::new(&["SCHEDULE", "WHEN", "DUE", "IN ITS ZONE", "NOTE"]).spare(&[2]);
    for row in rows {
        shown.row([
            Cell::new(row.schedule.clone()),
            Cell::new(away(row.at, now)),
            Cell::new(times::local(row.at)).or_short(times::local_short(row.at)),
            Cell::new(format!("{} {} {}", row.local.replace('T', " "), row.offset, row.zone)),
            Cell::new(row.note.as_deref().map(|note| plain(first_line(note))).unwrap_or_default()),
        ]);
    }
    shown
}

/// `in 12 min`, or `12 min ago` where the past was asked for.
fn away(at: Timestamp, now: Timestamp) -> String {
    let length = roughly(at.duration_since(now).unsigned_abs());
    if at < now { format!("{length} ago") } else { format!("in {length}") }
}

fn coming(schedule: &Schedule, nominal: &Nominal, holds: &mut Holds) -> Coming {
    let mut notes: Vec<String> = nominal.note.iter().map(ToString::to_string).collect();
    match nominal.excluded {
        Excluded::No => {}
        Excluded::Yes => notes.push("skipped: the calendar takes this day out".to_owned()),
    }
    match schedule.enablement {
        Enablement::Enabled => match holds.outlook(schedule, nominal) {
            Held::No => {}
            Held::Skipped(by) => notes.push(format!("will not run: {by}")),
            Held::Waits { name, until } => notes.push(match until {
                Some(until) => format!("waits until {}, for the end of blackout `{name}`", times::local(until)),
                None => format!("waits for the end of blackout `{name}`, which has none"),
            }),
        },
        Enablement::Disabled => notes.push("disabled: will not run".to_owned()),
    }
    Coming {
        schedule: schedule.key.to_string(),
        nominal_at: times::machine(nominal.at),
        fire_at: times::machine(nominal.fire_at),
        local: nominal.local.to_string(),
        offset: offset(nominal.offset),
        note: (!notes.is_empty()).then(|| notes.join("; ")),
        at: nominal.fire_at,
        zone: schedule.recurrence.zone().name().to_owned(),
    }
}

fn offset(offset: jiff::tz::Offset) -> String {
    let seconds = offset.seconds();
    let sign = if seconds < 0 { '-' } else { '+' };
    format!("{sign}{:02}:{:02}", seconds.abs() / 3_600, seconds.abs() / 60 % 60)
}
