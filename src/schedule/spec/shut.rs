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
/// Beginnings that are looked at in one window: those of each minute of more than a day.
const MOST_JOINED: usize = 1_500;
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
        if let Some((what, hint)) = windows.run_together(self.now) {
            findings.warning(at, what).hint(hint);
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
            let others = about
                .iter()
                .filter(|windows| taken.by.contains(&windows.blackout.name))
                .find(|windows| set.schedules.values().any(|other| other.key != schedule.key && windows.takes(other)));
            let hint = match others {
                None => "move one of the two, or write `then: wait`, which starts the last time of a window at its end"
                    .to_owned(),
                Some(windows) => format!(
                    "move one of the two; or write `except: [{key}]` in blackout `{name}`, which holds for others too, and a second \
                     blackout with `schedules: [{key}]` and `then: wait`, which starts its last time at the end",
                    key = schedule.key,
                    name = windows.blackout.name,
                ),
            };
            let finding = findings.warning(*at, what);
            finding.hint(hint);
            if let Some(first) = about.iter().find(|windows| taken.by.contains(&windows.blackout.name)) {
                finding.also(first.at, "the blackout here");
            }
        }
    }
}

impl Shut {
    /// Warns of windows that wait and never come to it: one that skips at the same times wins (semantics.md 30).
    pub(super) fn useless_waits(&self, set: &ScheduleSet, findings: &mut Findings) {
        let mut left = MOST_LOOKS;
        let is = |then: BlackoutThen| self.blackouts.iter().filter(move |windows| windows.blackout.then == then);
        for wait in is(BlackoutThen::Wait) {
            for skip in is(BlackoutThen::Skip).filter(|skip| skip.covers(wait)) {
                let Some(rest) = left.checked_sub(set.schedules.len()) else { return };
                left = rest;
                let of_skip = skip.about(set).count();
                let both: Vec<&str> =
                    wait.about(set).filter(|one| skip.is_about(one)).map(|one| one.key.as_str()).collect();
                // Of those that wait, some may be meant to be skipped; that none is left is not.
                if both.is_empty() || both.len() != wait.about(set).count() {
                    continue;
                }
                let (name, other) = (&wait.blackout.name, &skip.blackout.name);
                let verb = if both.len() == 1 { "waits" } else { "wait" };
                let what = format!(
                    "blackout `{name}`: blackout `{other}` skips at all its times, and where two meet `skip` wins: {} never {verb}",
                    text::listed(both.iter().copied(), text::MOST_NAMES)
                );
                let hint = if both.len() == of_skip {
                    format!("take blackout `{other}` out, or this one")
                } else {
                    let patterns = wait.blackout.schedules.iter().map(|pattern| pattern.as_str());
                    let named: Vec<&str> = if wait.blackout.schedules.is_empty() { both } else { patterns.collect() };
                    let named = text::all(named.into_iter().map(in_a_list));
                    format!("write `except: [{named}]` in blackout `{other}`")
                };
                findings.warning(wait.at, what).hint(hint).also(skip.at, "the other one here");
                break;
            }
        }
    }
}

/// The last three fields of a pattern, its weekdays by their names.
fn with_names(fields: &[&str]) -> String {
    const NAMES: [&str; 8] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"];
    let [days, months, weekdays] = fields else { return fields.join(" ") };
    if weekdays.contains(|c: char| !c.is_ascii_digit() && !matches!(c, ',' | '-')) {
        return fields.join(" ");
    }
    let name = |c: char| c.to_digit(10).and_then(|digit| NAMES.get(usize::try_from(digit).ok()?).copied());
    let named: String = weekdays.chars().map(|c| name(c).map_or_else(|| c.to_string(), str::to_owned)).collect();
    format!("{days} {months} {named}")
}

/// As it is written between the brackets of a list.
fn in_a_list(name: &str) -> String {
    if name.contains(['*', '?']) { format!("\"{name}\"") } else { name.to_owned() }
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

    /// Windows of one pattern that begin while another one of it is open: what that comes to, and what is meant.
    fn run_together(&self, now: Timestamp) -> Option<(String, String)> {
        let [cron] = self.blackout.timing.cron.as_slice() else { return None };
        let (begins, length) = (&self.blackout.begins, self.blackout.length);
        // Of one that is open now only the last beginning is known, so the next one is looked at.
        let open = self.spans.first().filter(|(from, _)| *from <= now).map_or(now, |(_, until)| *until);
        let from = begins.next_after(open)?.at;
        let mut until = later(from, length);
        let mut next = begins.next_after(from)?.at;
        // One that begins when the last one ends makes a longer one on purpose.
        if next >= until {
            return None;
        }
        for _ in 0..MOST_JOINED {
            if next > until {
                break;
            }
            until = later(next, length);
            next = begins.next_after(next)?.at;
        }
        let zone = self.blackout.begins.zone();
        let (first, end) = (zone.read(from).0, zone.read(until).0);
        let form = if first.date() == end.date() { "%H:%M" } else { "%a %H:%M" };
        let lasts = Duration::try_from(until.duration_since(from)).unwrap_or_default();
        let (lasts, each) = (text::exactly(lasts), text::exactly(self.blackout.length));
        let what = format!(
            "blackout `{}`: its windows run into each other, so that one lasts from {} to {}, {lasts} and not {each}",
            self.blackout.name,
            first.strftime(form),
            end.strftime(form),
        );
        let fields: Vec<&str> = cron.split_whitespace().collect();
        let hint = match fields.as_slice() {
            [minute, hour, days @ ..] if days.len() == 3 => {
                let begin = (first.minute().to_string(), first.hour().to_string());
                match (*minute, *hour) == (begin.0.as_str(), begin.1.as_str()) {
                    true => "write a shorter `for`, or a `cron` with fewer times".to_owned(),
                    false => format!(
                        "write `cron: \"{} {} {}\"`, which begins once a day; with `for: {lasts}` if all of it is meant",
                        begin.0,
                        begin.1,
                        with_names(days)
                    ),
                }
            }
            _ => "write a shorter `for`, or a `cron` with fewer times".to_owned(),
        };
        Some((what, hint))
    }

    /// Whether each window of another one lies in one of these, as far as anybody looks.
    fn covers(&self, other: &Windows) -> bool {
        let within = |(from, until): &(Timestamp, Timestamp)| self.end_at(*from).is_some_and(|end| *until <= end);
        let known = [self.known_until, other.known_until].into_iter().flatten().min().unwrap_or(Timestamp::MAX);
        let mut spans = other.spans.iter().filter(|(_, until)| *until < known).peekable();
        spans.peek().is_some() && spans.all(within)
    }

    /// The schedules that it is about.
    fn about<'s>(&'s self, set: &'s ScheduleSet) -> impl Iterator<Item = &'s Schedule> {
        set.schedules.values().map(|schedule| &**schedule).filter(|schedule| self.is_about(schedule))
    }

    fn is_about(&self, schedule: &Schedule) -> bool {
        self.blackout.is_about(schedule.key.as_str(), schedule.connection.as_str())
    }

    /// Whether it leaves out times of this schedule.
    fn takes(&self, schedule: &Schedule) -> bool {
        self.blackout.then == BlackoutThen::Skip && self.is_about(schedule)
    }

    /// The first instant after the windows that hold an instant.
    fn end_at(&self, at: Timestamp) -> Option<Timestamp> {
        let (_, end) = self.spans.get(self.spans.partition_point(|(from, _)| *from <= at).checked_sub(1)?)?;
        (at < *end).then_some(*end)
    }
}
