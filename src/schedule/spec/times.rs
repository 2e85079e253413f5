//! When a schedule is due: `cron`, `every` or `at`, read into a [`Recurrence`] and the [`Timing`] it is kept as.
//!
//! Exactly one of the three says when, so that a schedule's version can be compared key by key (semantics.md 8).

use jiff::Timestamp;

use super::fields::{Field, Fields, written};
use super::habits::{Given, Habits};
use crate::recurrence::{CronPattern, DstPolicy, Every, GapPolicy, OverlapTime, Pattern, Recurrence, Zone};
use crate::schedule::diagnostic::{At, Findings};
use crate::schedule::timing::Timing;

/// The keys of which one says when.
const WHEN: [&str; 4] = ["cron", "every", "at", "after"];

/// Reads when. `None`: something was told.
pub(super) fn read(
    fields: &Fields<'_>,
    habits: &Habits,
    now: Timestamp,
    findings: &mut Findings,
) -> Option<(Timing, Recurrence)> {
    let zone = match &habits.timezone {
        Given::Here(zone) => Some(zone.clone()),
        Given::Wrong => None,
        Given::Absent => Some(Zone::utc()),
    };
    let zone_name = zone.as_ref().map_or("UTC", |zone| zone.name());
    let only = only_one(fields, findings)?;
    let patterns = if let Some(field) = fields.get("cron") {
        if matches!(habits.timezone, Given::Absent) && !fields.is_settled(&["timezone"]) {
            let hint = "write `timezone: Europe/Berlin` in the schedule, or once under `defaults`";
            let what = "no `timezone` is given, so the times are read as UTC";
            findings.warning(field.key_at, field.said(what)).hint(hint);
        }
        crons(&field, findings)
    } else if let Some(field) = fields.get("every") {
        let anchor = match fields.get("anchor") {
            Some(anchor) => anchor.instant(zone_name, findings),
            None => Some(Timestamp::UNIX_EPOCH),
        };
        let step = field.duration(findings);
        step.zip(anchor).map(|(step, anchor)| vec![(field.at(), Pattern::Every(Every { step, anchor }))])
    } else {
        instants(&fields.get("at")?, zone_name, now, findings)
    }?;
    let zone = zone?;
    let dst = DstPolicy {
        gap: habits.gap.map_or(GapPolicy::default(), |(_, gap)| gap),
        overlap: habits.twice.map_or(OverlapTime::default(), |(_, twice)| twice),
        class: habits.class.map(|(_, class)| class),
    };
    let (places, patterns): (Vec<At>, Vec<Pattern>) = patterns.into_iter().unzip();
    let timing = Timing::of(&patterns, &zone, dst);
    match (timing, Recurrence::new(patterns, zone, dst)) {
        (Ok(timing), Ok(recurrence)) => Some((timing, recurrence)),
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

/// The one key that says when.
fn only_one<'t>(fields: &Fields<'t>, findings: &mut Findings) -> Option<Field<'t>> {
    if let Some(anchor) = fields.get("anchor")
        && fields.get("every").is_none()
        && !fields.is_settled(&["every"])
    {
        anchor.error_at(anchor.key_at, "`anchor` goes with `every` only", findings).hint("take `anchor` out");
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

type Patterns = Option<Vec<(At, Pattern)>>;

fn crons(field: &Field<'_>, findings: &mut Findings) -> Patterns {
    let items = field.items(findings);
    // All are read before any is missed, so that each mistake is told.
    let read: Vec<Option<(At, Pattern)>> = items.iter().map(|item| Some((item.at(), cron(item, findings)?))).collect();
    read.into_iter().collect::<Option<Vec<_>>>().filter(|patterns| !patterns.is_empty())
}

fn cron(item: &Field<'_>, findings: &mut Findings) -> Option<Pattern> {
    let text = item.text(findings)?;
    let words: Vec<&str> = text.split_whitespace().collect();
    if let [_, _, _, _, _, _, year] = words.as_slice() {
        let end = text.trim_end().len();
        let at = written(item.at(), text).map_or(item.at(), |whole| whole.part(end - year.len()..end));
        item.error_at(at, &format!("{}: the year field is not built yet", item.named()), findings)
            .hint("leave the seventh field out, or use `at` for one date");
        return None;
    }
    match CronPattern::parse(text) {
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

fn instants(field: &Field<'_>, zone: &str, now: Timestamp, findings: &mut Findings) -> Patterns {
    let items = field.items(findings);
    let read: Vec<Option<Timestamp>> = items.iter().map(|item| item.instant(zone, findings)).collect();
    let read: Vec<Timestamp> = read.into_iter().collect::<Option<_>>()?;
    let mut past = items.iter().zip(&read).filter(|(_, at)| **at <= now).map(|(item, _)| item);
    if let Some(first) = past.next() {
        let what = match (1 + past.count(), items.len()) {
            (_, 1) => "`at` has passed, so it will not run".to_owned(),
            (1, all) => format!("one of the {all} times of `at` has passed and will not run"),
            (past, all) => format!("{past} of the {all} times of `at` have passed and will not run"),
        };
        first.warning(&what, findings);
    }
    let patterns: Vec<_> = items.iter().map(Field::at).zip(read.into_iter().map(Pattern::At)).collect();
    Some(patterns).filter(|patterns| !patterns.is_empty())
}
