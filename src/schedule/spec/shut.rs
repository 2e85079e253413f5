//! What blackouts take: windows that meet without an end, and schedules of which no time is left.
//!
//! The windows of a blackout are laid out once, so that ten thousand schedules can be compared with them while files
//! are read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::{earlier, later};
use crate::recurrence::{Excluded, Nominal};
use crate::schedule::blackout::{Blackout, BlackoutThen};
use crate::schedule::diagnostic::{At, Findings};
use crate::schedule::model::{Enablement, Schedule, ScheduleSet};
use crate::text;

/// So far ahead windows are laid out: a year has its whole course by then.
const AHEAD: Duration = Duration::from_secs(400 * 86_400);
/// So many windows of one blackout: those of a day for as long.
const MOST_WINDOWS: usize = 500;
/// Of windows that meet so many more are laid out: until they have done so for longer than any month.
const LONGER_THAN_A_MONTH: Duration = Duration::from_secs(35 * 86_400);
/// So many windows of all blackouts together.
const MOST_IN_ALL: usize = 100_000;
/// After so many stretches without a free time a schedule is told of: a year of a weekly one.
const MOST_STRETCHES: usize = 53;
/// Fewer say nothing where the windows after them are not known.
const LEAST_STRETCHES: usize = 2;
/// What finding the next time of a schedule costs, in looks at the windows of one blackout.
const TIME: usize = 20;
/// So many looks for all schedules together.
const MOST_LOOKS: usize = 500_000;

/// The windows of all blackouts.
pub(super) struct Shut {
    now: Timestamp,
    left: usize,
    blackouts: Vec<Windows>,
}

/// The windows of one, those that meet made one.
struct Windows {
    blackout: Arc<Blackout>,
    at: At,
    /// In order: the first instant of each, and the first after it.
    spans: Vec<(Timestamp, Timestamp)>,
    /// From here on they were not laid out. None: there are no more.
    known_until: Option<Timestamp>,
}

impl Shut {
    pub(super) fn new(now: Timestamp) -> Shut {
        Shut { now, left: MOST_IN_ALL, blackouts: Vec::new() }
    }

    /// Lays one out, and tells if it is always shut.
    pub(super) fn add(&mut self, blackout: &Arc<Blackout>, at: At, findings: &mut Findings) {
        let windows = Windows::of(blackout, at, self.now, &mut self.left);
        if windows.never_end(self.now) {
            let what =
                format!("blackout `{}`: each window lasts until the next one begins, so it never ends", blackout.name);
            let hint = "write a shorter `for`, or a `cron` with fewer times; what rests for good says `enabled: false`";
            findings.error(at, what).hint(hint);
            return;
        }
        self.blackouts.push(windows);
    }

    /// Warns of schedules of which every time is skipped.
    pub(super) fn doubts(&self, set: &ScheduleSet, places: &BTreeMap<String, At>, findings: &mut Findings) {
        let mut left = MOST_LOOKS;
        for schedule in set.schedules.values().filter(|schedule| schedule.enablement == Enablement::Enabled) {
            let about: Vec<&Windows> = self.blackouts.iter().filter(|windows| windows.takes(schedule)).collect();
            if about.is_empty() {
                continue;
            }
            let Some(taken) = taken(schedule, &about, self.now, &mut left) else { continue };
            let Some(at) = places.get(schedule.key.as_str()) else { continue };
            let until = match taken.last {
                Some(last) => format!(" up to {}", last.local.date()),
                None => String::new(),
            };
            let names = text::both(&taken.by);
            let noun = if taken.by.len() == 1 { "blackout" } else { "blackouts" };
            let what =
                format!("schedule `{}`: all its times{until} lie in {noun} {names}, and are skipped", schedule.key);
            let finding = findings.warning(*at, what);
            finding
                .hint("move one of the two, or write `then: wait`, which starts the last time of a window at its end");
            if let Some(first) = about.iter().find(|windows| taken.by.contains(&windows.blackout.name)) {
                finding.also(first.at, "the blackout here");
            }
        }
    }
}

/// Times that are all taken.
struct Taken {
    /// Which blackouts do it.
    by: BTreeSet<String>,
    /// The last time that was looked at. None: there are no more.
    last: Option<Nominal>,
}

/// Whether no time of a schedule is free; each stretch of windows is passed over at once.
fn taken(schedule: &Schedule, about: &[&Windows], now: Timestamp, left: &mut usize) -> Option<Taken> {
    let times = &schedule.recurrence;
    let jitter = Duration::from_millis(schedule.timing.jitter_ms.unwrap_or_default());
    let mut by = BTreeSet::new();
    let mut after = now;
    let mut stretches = 0;
    let mut last = None;
    while stretches < MOST_STRETCHES {
        *left = left.checked_sub(about.len().saturating_add(TIME))?;
        let Some(time) = times.next_after(after) else {
            return (!by.is_empty()).then_some(Taken { by, last: None });
        };
        if time.excluded == Excluded::Yes {
            // The calendar takes whole days, so the rest of that day is passed over.
            after = times.zone().last_second_of(time.local.date()).unwrap_or(time.at).max(time.at);
            continue;
        }
        let holding = about.iter().filter_map(|windows| Some((windows.end_at(time.fire_at)?, windows)));
        let Some((end, windows)) = holding.max_by_key(|(end, _)| *end) else {
            let known = about.iter().all(|windows| windows.known_until.is_none_or(|until| time.fire_at < until));
            return (!known && stretches >= LEAST_STRETCHES).then_some(Taken { by, last });
        };
        by.insert(windows.blackout.name.clone());
        // A time before the end may fire after it.
        after = earlier(end, jitter.saturating_add(Duration::from_secs(1))).max(time.at);
        stretches += 1;
        last = Some(time);
    }
    Some(Taken { by, last })
}

impl Windows {
    fn of(blackout: &Arc<Blackout>, at: At, now: Timestamp, left: &mut usize) -> Windows {
        let begins = &blackout.begins;
        let before = begins.previous_before(later(now, Duration::from_nanos(1))).map(|time| time.at);
        let open = before.filter(|from| later(*from, blackout.length) > now);
        let mut next = open.or_else(|| begins.next_after(now).map(|time| time.at));
        let horizon = later(now, AHEAD);
        let mut spans: Vec<(Timestamp, Timestamp)> = Vec::new();
        let mut count = 0;
        while let Some(from) = next.filter(|from| *from <= horizon && *left > 0) {
            let joined = matches!(spans.as_slice(), [(_, end)] if *end < later(now, LONGER_THAN_A_MONTH));
            if count >= MOST_WINDOWS && !joined {
                break;
            }
            let until = later(from, blackout.length);
            match spans.last_mut() {
                Some((_, end)) if *end >= from => *end = until.max(*end),
                Some(_) | None => spans.push((from, until)),
            }
            count += 1;
            *left -= 1;
            next = begins.next_after(from).map(|time| time.at);
        }
        Windows { blackout: Arc::clone(blackout), at, spans, known_until: next }
    }

    /// Whether they meet for as long as anybody looks.
    fn never_end(&self, now: Timestamp) -> bool {
        let next = self.known_until;
        match self.spans.as_slice() {
            [(_, end)] => *end >= later(now, LONGER_THAN_A_MONTH) && next.is_some_and(|next| next <= *end),
            _ => false,
        }
    }

    /// Whether it leaves out times of this schedule.
    fn takes(&self, schedule: &Schedule) -> bool {
        self.blackout.then == BlackoutThen::Skip
            && self.blackout.is_about(schedule.key.as_str(), schedule.connection.as_str())
    }

    /// The first instant after the windows that hold an instant.
    fn end_at(&self, at: Timestamp) -> Option<Timestamp> {
        let (_, end) = self.spans.get(self.spans.partition_point(|(from, _)| *from <= at).checked_sub(1)?)?;
        (at < *end).then_some(*end)
    }
}
