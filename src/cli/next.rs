//! `punctual next`: the coming times, and what clock changes, calendars and jitter do to them.

use jiff::Timestamp;
use serde::Serialize;

use super::args::{Global, NextArgs};
use super::failure::{Exit, Failure};
use super::files::load_or_tell;
use super::grid::{Cell, Grid};
use super::output::{Columns, Format, Out, plain};
use super::times;
use crate::clock::Clock;
use crate::recurrence::{Excluded, Nominal};
use crate::schedule::{Enablement, Schedule};

/// How many rows a table takes before it is printed: a table needs them all to find its widths.
const TABLE_ROWS: usize = 10_000;

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
}

impl Columns for Coming {
    const COLUMNS: &'static [&'static str] = &["schedule", "nominal_at", "fire_at", "local", "offset", "note"];
}

pub(super) fn run(global: &Global, args: &NextArgs, clock: &Clock, out: &mut Out) -> Result<Exit, Failure> {
    let now = clock.now();
    let loaded = load_or_tell(global, now)?;
    for name in &args.schedules {
        if !loaded.set.schedules.contains_key(name.as_str()) {
            let known: Vec<_> = loaded.set.schedules.keys().map(ToString::to_string).collect();
            return Err(Failure::new(Exit::Usage, format!("there is no schedule `{name}`"))
                .hint(format!("the files have: {}", known.join(", "))));
        }
    }
    let from = args.from.map_or(now, |when| when.resolve(now));
    let until = args.until.map(|when| when.resolve(now));
    let count = if until.is_some() && args.count == DEFAULT_COUNT { usize::MAX } else { args.count };
    let chosen = loaded.set.schedules.values().filter(|schedule| {
        args.schedules.is_empty() || args.schedules.iter().any(|name| name == schedule.key.as_str())
    });
    let times = chosen.flat_map(|schedule| {
        std::iter::successors(schedule.recurrence.next_after(from), |at| schedule.recurrence.next_after(at.at))
            .take_while(move |nominal| until.is_none_or(|until| nominal.at <= until))
            .take(count)
            .map(move |nominal| coming(schedule, &nominal))
    });
    match args.output {
        // Streamed: a range may have millions of times.
        Format::Ndjson => {
            for row in times {
                out.rows(Format::Ndjson, &[row], |_| Grid::default())?;
            }
        }
        Format::Csv | Format::Json => {
            let rows: Vec<_> = times.collect();
            out.rows(args.output, &rows, |_| Grid::default())?;
        }
        Format::Table => print(times, out)?,
    }
    Ok(Exit::Fine)
}

const DEFAULT_COUNT: usize = 5;

fn print(times: impl Iterator<Item = Coming>, out: &mut Out) -> Result<(), Failure> {
    let mut rows: Vec<_> = times.take(TABLE_ROWS).collect();
    rows.sort_by_key(|row| row.at);
    if rows.is_empty() {
        out.line("No coming times.")?;
        return Ok(());
    }
    out.rows(Format::Table, &rows, |rows| {
        let mut shown = Grid::new(&["SCHEDULE", "DUE", "IN ITS ZONE", "NOTE"]).spare(&[1]);
        for row in rows {
            shown.row([
                Cell::new(row.schedule.clone()),
                Cell::new(times::local(row.at)).or_short(times::local_short(row.at)),
                Cell::new(format!("{} {}", row.local.replace('T', " "), row.offset)),
                Cell::new(row.note.as_deref().map(plain).unwrap_or_default()),
            ]);
        }
        shown
    })
}

fn coming(schedule: &Schedule, nominal: &Nominal) -> Coming {
    let mut notes: Vec<String> = nominal.note.iter().map(ToString::to_string).collect();
    match nominal.excluded {
        Excluded::No => {}
        Excluded::Yes => notes.push("skipped: the calendar takes this day out".to_owned()),
    }
    match schedule.enablement {
        Enablement::Enabled => {}
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
    }
}

fn offset(offset: jiff::tz::Offset) -> String {
    let seconds = offset.seconds();
    let sign = if seconds < 0 { '-' } else { '+' };
    format!("{sign}{:02}:{:02}", seconds.abs() / 3_600, seconds.abs() / 60 % 60)
}
