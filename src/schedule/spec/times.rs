//! When a schedule is due: `cron`, `every` or `at`, read into a [`Recurrence`] and the [`Timing`] it is kept as.
//!
//! Exactly one of the three says when, so that a schedule's version can be compared key by key (semantics.md 8).

use jiff::Timestamp;

use super::context::Context;
use super::field::{Field, written};
use super::fields::Fields;
use super::given::Given;
use super::habits::{ClockRules, Dialect, Habits};
use super::values::{Bound, Zones};
use crate::recurrence::{CronPattern, DstPolicy, Every, Excluded, OnExcluded, Pattern, Recurrence, Zone};
use crate::schedule::diagnostic::{At, Findings};
use crate::schedule::name::ScheduleKey;
use crate::schedule::timing::{Bounds, Timing};

/// The keys of which one says when.
const WHEN: [&str; 4] = ["cron", "every", "at", "after"];

/// Reads when. `None`: something was told.
pub(super) fn read(
    fields: &Fields<'_>,
    habits: &Habits,
    key: &ScheduleKey,
    context: &Context<'_>,
    findings: &mut Findings,
) -> Option<(Timing, Recurrence)> {
    let now = context.now;
    let zone = match &habits.timezone {
        Given::Here(zone) => Some(zone.clone()),
        Given::Wrong => None,
        Given::Absent | Given::TakenBack => Some(Zone::utc()),
    };
    let usual = zone.as_ref().map_or("UTC", |zone| zone.name()).to_owned();
    let zones = Zones { usual: &usual, ..context.known.zones };
    let only = only_one(fields, findings)?;
    let patterns = if let Some(field) = fields.get("cron") {
        if matches!(habits.timezone, Given::Absent) && !fields.is_settled(&["timezone"]) {
            let hint = "write `timezone: Europe/Berlin` in the schedule, or once under `defaults`";
            let what = "no `timezone` is given, so the times are read as UTC";
            findings.warning(field.key_at, field.said(what)).hint(hint);
        }
        crons(&field, habits.dialect(), findings)
    } else if let Some(field) = fields.get("every") {
        let anchor = match fields.get("anchor") {
            Some(anchor) => anchor.instant(zones, findings),
            None => Some(Timestamp::UNIX_EPOCH),
        };
        let step = field.duration(findings);
        step.zip(anchor).map(|(step, anchor)| vec![(field.at(), Pattern::Every(Every { step, anchor }))])
    } else {
        // Without `at` it is `after`, which is not built and was told.
        instants(&fields.get("at")?, zones, now, findings)
    }?;
    let zone = zone?;
    let bounds = bounds(fields, habits, &zone, findings)?;
    let ClockRules { gap, twice, class } = habits.dst.unwrap_or_default();
    let dst = DstPolicy { gap: gap.unwrap_or_default(), overlap: twice.unwrap_or_default(), class };
    let (places, patterns): (Vec<At>, Vec<Pattern>) = patterns.into_iter().unzip();
    let timing = Timing::of(&patterns, &zone, dst);
    match (timing, Recurrence::new(patterns, zone, dst)) {
        (Ok(timing), Ok(times)) => {
            let times = bounds.clone().on(times, key.as_str());
            doubts(&only, habits, &times, context, findings);
            Some((timing.bounded(&bounds), times))
        }
        (Ok(_), Err(never)) => {
            let at = places.get(never.pattern).copied().unwrap_or(only.at());
            only.error_at(at, &format!("{}: no date ever matches", only.named()), findings)
                .hint("look at day and month: there is no 30 February, and 31 April never comes");
            None
        }
        (Err(wrong), _) => {
            only.error(&wrong.to_string(), findings);
            None
        }
    }
}

/// Calendar, first and last time, and jitter. `None`: something was told.
fn bounds(fields: &Fields<'_>, habits: &Habits, zone: &Zone, findings: &mut Findings) -> Option<Bounds> {
    let on_excluded = habits.on_excluded.unwrap_or(OnExcluded::Skip);
    let own = fields.get("on_excluded").filter(|_| !fields.is_settled(&["calendar"]));
    match (&habits.calendar, own) {
        (Given::Absent | Given::TakenBack, Some(field)) => {
            let hint = "name a `calendar` next to it, or take it out";
            field.error_at(field.key_at, "`on_excluded` goes with `calendar` only", findings).hint(hint);
            return None;
        }
        (Given::Here(_), Some(field)) if on_excluded != OnExcluded::Skip && fields.get("every").is_some() => {
            let what = "`on_excluded` cannot move a time of `every` to another day, so it is skipped";
            field.warning(what, findings).hint("write `on_excluded: skip`, or use `cron`");
        }
        (Given::Absent | Given::TakenBack | Given::Wrong | Given::Here(_), _) => {}
    }
    let calendar = match &habits.calendar {
        Given::Absent | Given::TakenBack => None,
        Given::Wrong => return None,
        Given::Here((_, days)) => Some((days.clone(), on_excluded)),
    };
    let starts = bound(&habits.starts, |day| zone.first_instant_of(day))?;
    let ends = bound(&habits.ends, |day| zone.last_second_of(day))?;
    if let (Some((first, starts)), Some((at, ends))) = (starts, ends)
        && ends < starts
    {
        let subject = fields.said("`ends` is before `starts`, so no time is left");
        findings.error(at, subject).hint("swap them, or take one out").also(first, "`starts` here");
        return None;
    }
    let jitter = habits.jitter.unwrap_or_default();
    Some(Bounds { calendar, starts: starts.map(|(_, at)| at), ends: ends.map(|(_, at)| at), jitter })
}

/// `Some(None)`: nothing bounds it; `None`: something was told.
fn bound(
    given: &Given<(At, Bound)>,
    of_day: impl Fn(jiff::civil::Date) -> Option<Timestamp>,
) -> Option<Option<(At, Timestamp)>> {
    match given {
        Given::Absent | Given::TakenBack => Some(None),
        Given::Wrong => None,
        Given::Here((at, Bound::Instant(instant))) => Some(Some((*at, *instant))),
        // Past the end of the calendar nothing is bounded.
        Given::Here((at, Bound::Day(day))) => Some(of_day(*day).map(|instant| (*at, instant))),
    }
}

/// What is allowed and perhaps not meant.
fn doubts(only: &Field<'_>, habits: &Habits, times: &Recurrence, context: &Context<'_>, findings: &mut Findings) {
    let Some(first) = times.next_after(context.now) else {
        // That `at` has passed is told already.
        if only.named() != "`at`" {
            let what = format!("{}: no time is left", only.named());
            only.warning(&what, findings).hint("look at `ends` and at the year; or take the schedule out");
        }
        return;
    };
    if let Given::Here((name, _)) = &habits.calendar
        && first.excluded == Excluded::Yes
        && !is_kept_some_day(times, first.at)
    {
        let what = format!("{}: calendar `{name}` takes out every day on which it has a time", only.named());
        only.warning(&what, findings).hint("compare the weekdays of the two");
    }
    if habits.dst.is_none_or(|dst| dst.gap.is_none()) {
        context.changes.warn(only, times, findings);
    }
}

/// Whether any of the next days with a time is kept: a year of them is looked at.
fn is_kept_some_day(times: &Recurrence, from: Timestamp) -> bool {
    let mut after = from;
    for _ in 0..366 {
        let Some(next) = times.next_after(after) else { return false };
        if next.excluded == Excluded::No {
            return true;
        }
        after = times.zone().last_second_of(next.local.date()).unwrap_or(next.at).max(next.at);
    }
    false
}

/// The one key that says when.
fn only_one<'t>(fields: &Fields<'t>, findings: &mut Findings) -> Option<Field<'t>> {
    if let Some(anchor) = fields.get("anchor")
        && fields.get("every").is_none()
        && !fields.is_settled(&["every"])
    {
        anchor.error_at(anchor.key_at, "`anchor` goes with `every` only", findings).hint("take `anchor` out");
    }
    if let Some(quartz) = fields.get("quartz")
        && fields.get("cron").is_none()
        && !fields.is_settled(&["cron"])
    {
        quartz.error_at(quartz.key_at, "`quartz` goes with `cron` only", findings).hint("take `quartz` out");
    }
    let mut said = WHEN.iter().filter_map(|name| fields.get(name));
    let Some(first) = said.next() else {
        if !fields.is_settled(&WHEN) {
            let hint = "write `cron: \"0 7 * * MON-FRI\"`, `every: 15m`, or `at: \"2026-12-31T22:00[Europe/Berlin]\"`";
            fields.error("nothing says when: `cron`, `every` or `at` is missing", findings).hint(hint);
        }
        return None;
    };
    for other in said {
        let what = format!("{} and {} both say when, and only one may", first.named(), other.named());
        let finding = other.error_at(other.key_at, &what, findings);
        finding.hint("make two schedules of it").also(first.key_at, "and here");
    }
    Some(first)
}

pub(super) type Patterns = Option<Vec<(At, Pattern)>>;

pub(super) fn crons(field: &Field<'_>, dialect: Dialect, findings: &mut Findings) -> Patterns {
    let items = field.items(findings);
    // All are read before any is missed, so that each mistake is told.
    let read: Vec<Option<(At, Pattern)>> =
        items.iter().map(|item| Some((item.at(), cron(item, dialect, findings)?))).collect();
    read.into_iter().collect::<Option<Vec<_>>>().filter(|patterns| !patterns.is_empty())
}

fn cron(item: &Field<'_>, dialect: Dialect, findings: &mut Findings) -> Option<Pattern> {
    let text = item.text(findings)?;
    let read = match dialect {
        Dialect::Cron => CronPattern::parse(text),
        Dialect::Quartz => CronPattern::parse_quartz(text),
    };
    match read {
        Ok(pattern) => Some(Pattern::Cron(pattern)),
        Err(wrong) => {
            let part = wrong.span.and_then(|span| written(item.at(), text).map(|whole| whole.part(span)));
            let what = format!("{}: {}", item.named(), wrong.message);
            let finding = item.error_at(part.unwrap_or(item.at()), &what, findings);
            if let Some(hint) = wrong.hint {
                finding.hint(hint);
            }
            None
        }
    }
}

fn instants(field: &Field<'_>, zones: Zones<'_>, now: Timestamp, findings: &mut Findings) -> Patterns {
    let items = field.items(findings);
    let read: Vec<Option<Timestamp>> = items.iter().map(|item| item.instant(zones, findings)).collect();
    let read: Vec<Timestamp> = read.into_iter().collect::<Option<_>>()?;
    let mut past = items.iter().zip(&read).filter(|(_, at)| **at <= now).map(|(item, _)| item);
    if let Some(first) = past.next() {
        let what = match (1 + past.count(), items.len()) {
            (_, 1) => "`at` has passed, so it will not run".to_owned(),
            (1, all) => format!("one of the {all} times of `at` has passed and will not run"),
            (past, all) => format!("{past} of the {all} times of `at` have passed and will not run"),
        };
        first.warning(&what, findings).hint("write a later time, or take it out");
    }
    let patterns: Vec<_> = items.iter().map(Field::at).zip(read.into_iter().map(Pattern::At)).collect();
    Some(patterns).filter(|patterns| !patterns.is_empty())
}
