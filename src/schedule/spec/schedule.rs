//! `schedules.X`: one entry becomes one checked schedule.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::arguments;
use super::fields::{Field, Fields, list};
use super::habits::{Given, Habits};
use super::keys;
use super::tree::{Entry, Scalar, Value};
use crate::recurrence::{CronPattern, DstPolicy, Every, GapPolicy, OverlapTime, Pattern, Recurrence, Zone};
use crate::schedule::diagnostic::{At, Findings, Lines, SourceFile};
use crate::schedule::model::{ConnectionName, Enablement, Place, Schedule, ScheduleKey, StartSpec};
use crate::schedule::timing::Timing;

/// What an entry is read against.
pub(super) struct Context<'c> {
    pub(super) sources: &'c [SourceFile],
    /// Of each source.
    pub(super) lines: &'c [Lines],
    pub(super) now: Timestamp,
    /// Every connection that is described, rightly or wrongly.
    pub(super) connections: &'c BTreeMap<String, At>,
    pub(super) defaults: &'c Habits,
    pub(super) default_folder: Option<&'c str>,
}

/// The keys of which one says when.
const WHEN: [&str; 4] = ["cron", "every", "at", "after"];

/// Reads one schedule. `None`: something was told.
pub(super) fn read(
    entry: &Entry,
    key: ScheduleKey,
    context: &Context<'_>,
    findings: &mut Findings,
) -> Option<Arc<Schedule>> {
    let subject = format!("schedule `{key}`");
    let fields = Fields::open(&entry.value, &keys::SCHEDULE, subject, entry.key_at, findings)?;
    let habits = Habits::read(&fields, context.connections, findings).or(context.defaults);
    let description = fields.get("description").and_then(|field| field.text(findings).map(|t| t.trim_end().to_owned()));
    let enabled = fields.get("enabled").map(|field| field.flag(findings));
    let times = times(&fields, &habits, context.now, findings);
    let start_hint = "write `start: { process: … }`";
    let start = match fields.is_settled(&["queue_item"]) {
        true => fields.get("start"),
        false => fields.need("start", start_hint, findings),
    }
    .and_then(|field| start(&field, context, findings));
    let connection = connection(&fields, &habits, context, findings);
    let (timing, recurrence) = times?;
    let line = context.lines.get(entry.key_at.file)?.line(entry.key_at.start);
    Some(Arc::new(Schedule {
        key,
        description,
        timing,
        recurrence,
        enablement: match enabled.flatten() {
            Some(false) => Enablement::Disabled,
            Some(true) | None => Enablement::Enabled,
        },
        connection: connection?,
        start: start?,
        overlap: habits.overlap(),
        catch_up: habits.catch_up(),
        start_deadline: habits.start_deadline(),
        on_unknown_start: habits.on_unknown_start(),
        place: Place { file: context.sources.get(entry.key_at.file)?.path.clone(), line },
    }))
}

fn connection(
    fields: &Fields<'_>,
    habits: &Habits,
    context: &Context<'_>,
    findings: &mut Findings,
) -> Option<ConnectionName> {
    match &habits.connection {
        Given::Here(name) => Some(name.clone()),
        Given::Wrong => None,
        Given::Absent => {
            let mut names = context.connections.keys();
            match (names.next(), names.next()) {
                (Some(only), None) => Some(ConnectionName(only.as_str().into())),
                // That none is described is told once, for the whole set.
                (None, _) => None,
                (Some(first), Some(_)) => {
                    if !fields.is_settled(&["connection"]) {
                        let known = list(context.connections.keys().map(String::as_str));
                        let what = format!("no connection is named, and there are several: {known}");
                        let hint = format!("write `connection: {first}` here, or once under `defaults`");
                        fields.error(&what, findings).hint(hint);
                    }
                    None
                }
            }
        }
    }
}

fn start(field: &Field<'_>, context: &Context<'_>, findings: &mut Findings) -> Option<StartSpec> {
    let fields = field.map(&keys::START, findings)?;
    let process_hint = "write the process by its name in the folder";
    let process = fields.need("process", process_hint, findings).and_then(|field| field.line(findings));
    let mut line = |name| fields.get(name).and_then(|field| field.line(findings).map(str::to_owned));
    let folder = line("folder").or_else(|| context.default_folder.map(str::to_owned));
    let runtime = line("runtime");
    let arguments = fields.get("arguments").map(|field| arguments::read(&field, findings));
    Some(StartSpec {
        process: process?.to_owned(),
        folder,
        runtime,
        arguments: match arguments {
            Some(read) => Some(read?),
            None => None,
        },
    })
}

/// Reads when. The canonical words go into `Timing`, whose hash is the schedule's version (semantics.md 8).
fn times(
    fields: &Fields<'_>,
    habits: &Habits,
    now: Timestamp,
    findings: &mut Findings,
) -> Option<(Timing, Recurrence)> {
    let said: Vec<Field<'_>> = WHEN.iter().filter_map(|name| fields.get(name)).collect();
    let zone = match &habits.timezone {
        Given::Here(zone) => Some(zone.clone()),
        Given::Wrong => None,
        Given::Absent => Some(Zone::utc()),
    };
    let zone_name = zone.as_ref().map_or("UTC", |zone| zone.name()).to_owned();
    let mut timing = Timing {
        cron: Vec::new(),
        every_s: None,
        anchor: None,
        at: Vec::new(),
        timezone: zone_name.clone(),
        dst_gap: habits.gap.map_or("shift", |(name, _)| name).to_owned(),
        dst_overlap: habits.twice.map_or("first", |(name, _)| name).to_owned(),
        dst_class: habits.class.map(|(name, _)| name.to_owned()),
    };
    let anchor = fields.get("anchor");
    if let Some(anchor) = anchor.as_ref().filter(|_| fields.get("every").is_none() && !fields.is_settled(&["every"])) {
        anchor.error_at(anchor.key_at, "`anchor` goes with `every` only", findings).hint("take `anchor` out");
    }
    let (first, others) = match said.as_slice() {
        [] => {
            if !fields.is_settled(&WHEN) {
                let hint =
                    "write `cron: \"0 7 * * MON-FRI\"`, `every: 15m`, or `at: \"2026-12-31T22:00[Europe/Berlin]\"`";
                fields.error("nothing says when: `cron`, `every` or `at` is missing", findings).hint(hint);
            }
            return None;
        }
        [first, others @ ..] => (first, others),
    };
    for other in others {
        let what = format!("{} and {} both say when, and only one may", first.named(), other.named());
        let finding = other.error_at(other.key_at, &what, findings);
        finding.hint("make two schedules of it").also(first.key_at, "and here");
    }
    let patterns = if let Some(field) = fields.get("cron") {
        if matches!(habits.timezone, Given::Absent) && !fields.is_settled(&["timezone"]) {
            let hint = "write `timezone: Europe/Berlin` in the schedule, or once under `defaults`";
            let what = "no `timezone` is given, so the times are read as UTC";
            findings.warning(field.key_at, field.said(what)).hint(hint);
        }
        crons(&field, &mut timing, findings)
    } else if let Some(field) = fields.get("every") {
        let anchor = match anchor {
            Some(anchor) => anchor.instant(&zone_name, findings),
            None => Some(Timestamp::UNIX_EPOCH),
        };
        every(&field, anchor, &mut timing, findings)
    } else {
        let field = fields.get("at")?;
        instants(&field, &zone_name, now, &mut timing, findings)
    }?;
    let dst = DstPolicy {
        gap: habits.gap.map_or(GapPolicy::default(), |(_, gap)| gap),
        overlap: habits.twice.map_or(OverlapTime::default(), |(_, twice)| twice),
        class: habits.class.map(|(_, class)| class),
    };
    let (places, patterns): (Vec<At>, Vec<Pattern>) = patterns.into_iter().unzip();
    match Recurrence::new(patterns, zone?, dst) {
        Ok(recurrence) if others.is_empty() => Some((timing, recurrence)),
        Ok(_) => None,
        Err(never) => {
            let at = places.get(never.pattern).copied().unwrap_or(first.at());
            first
                .error_at(at, &format!("{}: no date ever matches", first.named()), findings)
                .hint("look at day and month: there is no 30 February, and 31 April never comes");
            None
        }
    }
}

type Patterns = Option<Vec<(At, Pattern)>>;

fn crons(field: &Field<'_>, timing: &mut Timing, findings: &mut Findings) -> Patterns {
    let items = field.items(findings);
    let mut patterns = Vec::new();
    let mut fine = !items.is_empty();
    for item in items {
        match cron(&item, findings) {
            Some((text, pattern)) => {
                timing.cron.push(text);
                patterns.push((item.at(), Pattern::Cron(pattern)));
            }
            None => fine = false,
        }
    }
    fine.then_some(patterns)
}

fn cron(item: &Field<'_>, findings: &mut Findings) -> Option<(String, CronPattern)> {
    let text = item.text(findings)?;
    let words: Vec<&str> = text.split_whitespace().collect();
    if let [.., year] = words.as_slice()
        && words.len() == 7
    {
        let start = text.trim_end().len() - year.len();
        let at = written(item, text).map_or(item.at(), |whole| whole.part(start..start + year.len()));
        item.error_at(at, &format!("{}: the year field is not built yet", item.named()), findings)
            .hint("leave the seventh field out, or use `at` for one date");
        return None;
    }
    match CronPattern::parse(text) {
        Ok(pattern) => Some((words.join(" "), pattern)),
        Err(wrong) => {
            let part = wrong.span.and_then(|span| written(item, text).map(|whole| whole.part(span)));
            let finding =
                item.error_at(part.unwrap_or(item.at()), &format!("{}: {}", item.named(), wrong.message), findings);
            if let Some(hint) = wrong.hint {
                finding.hint(hint);
            }
            None
        }
    }
}

/// Where a scalar's text itself stands, without quotes, when it stands there letter by letter.
fn written(item: &Field<'_>, text: &str) -> Option<At> {
    let at = item.at();
    let Value::Scalar(Scalar { .. }) = item.node.value else {
        return None;
    };
    match (at.end - at.start).checked_sub(text.len()) {
        Some(0) => Some(at),
        // Quotes, and nothing escaped between them.
        Some(2) => Some(At { start: at.start + 1, end: at.end - 1, ..at }),
        _ => None,
    }
}

fn every(field: &Field<'_>, anchor: Option<Timestamp>, timing: &mut Timing, findings: &mut Findings) -> Patterns {
    let step = field.duration(findings)?;
    let anchor = anchor?;
    timing.every_s = Some(step.as_secs());
    timing.anchor = Some(anchor.to_string());
    Some(vec![(field.at(), Pattern::Every(Every { step, anchor }))])
}

fn instants(field: &Field<'_>, zone: &str, now: Timestamp, timing: &mut Timing, findings: &mut Findings) -> Patterns {
    let items = field.items(findings);
    let read: Vec<Option<Timestamp>> = items.iter().map(|item| item.instant(zone, findings)).collect();
    let mut instants: Vec<Timestamp> = read.iter().copied().collect::<Option<_>>()?;
    let past: Vec<&Field<'_>> =
        items.iter().zip(&instants).filter(|(_, at)| **at <= now).map(|(item, _)| item).collect();
    if let Some(first) = past.first() {
        let what = match (past.len(), items.len()) {
            (_, 1) => "`at` has passed, so it will not run".to_owned(),
            (past, all) => format!("{past} of the {all} times of `at` have passed and will not run"),
        };
        first.warning(&what, findings);
    }
    if instants.is_empty() {
        return None;
    }
    instants.sort();
    instants.dedup();
    timing.at = instants.iter().map(Timestamp::to_string).collect();
    Some(instants.into_iter().map(|at| (field.at(), Pattern::At(at))).collect())
}
