//! `blackouts.X`: one entry becomes one set of windows in which nothing is started (semantics.md 30).
//!
//! Absent: whether windows meet without an end, and whose times they take (`shut`).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::choices;
use super::context::Context;
use super::field::Field;
use super::fields::Fields;
use super::given::Given;
use super::habits::{Dialect, timezone};
use super::keys;
use super::near::{Noun, unknown};
use super::open;
use super::times::{self, Patterns};
use super::tree::Entry;
use super::values::Zones;
use crate::recurrence::{DstPolicy, Pattern, Recurrence, Zone};
use crate::schedule::blackout::{Blackout, BlackoutThen};
use crate::schedule::diagnostic::{At, Findings, quoted};
use crate::schedule::model::ScheduleSet;
use crate::schedule::timing::Timing;
use crate::text::{self, NamePattern};

/// The longest window: a quarter. A freeze lasts weeks; what rests for longer is switched off (`enabled: false`).
const LONGEST: Duration = Duration::from_secs(92 * 86_400);
/// Each time of each schedule is looked for in each of them.
pub(super) const MOST: usize = 100;

/// Reads one blackout. `None`: something was told.
pub(super) fn read(entry: &Entry, context: &Context<'_>, findings: &mut Findings) -> Option<Arc<Blackout>> {
    let subject = format!("blackout `{}`", entry.key);
    let fields = open::map(&entry.value, &keys::BLACKOUT, subject, entry.key_at, findings)?;
    let length = fields.need("for", "write how long it lasts, such as `for: 6h`", findings);
    let length = length.and_then(|field| length_of(&field, findings));
    let own = fields.get("timezone").map(|field| timezone(&field, context.known.zones.database, findings));
    let zone = match own.as_ref().unwrap_or(&context.defaults.timezone) {
        Given::Here(zone) => Some(zone.clone()),
        Given::Wrong => None,
        Given::Absent | Given::TakenBack => Some(Zone::utc()),
    };
    let patterns = begins(&fields, zone.as_ref(), context, findings);
    let schedules = names(&fields, "schedules", Noun::Schedule, context.known.schedules, findings);
    let connections = names(&fields, "connections", Noun::Connection, context.known.connections, findings);
    let except = names(&fields, "except", Noun::Schedule, context.known.schedules, findings);
    let then = fields.get("then").map(|field| field.choice(&choices::IN_BLACKOUT, findings));
    let (places, patterns): (Vec<At>, Vec<Pattern>) = patterns?.into_iter().unzip();
    let (zone, length, schedules, connections, except) = (zone?, length?, schedules?, connections?, except?);
    let then = match then {
        Some(read) => read?.1,
        None => BlackoutThen::Skip,
    };
    let timing = Timing::of(&patterns, &zone, DstPolicy::default()).ok()?;
    match Recurrence::new(patterns, zone, DstPolicy::default()) {
        Ok(begins) => {
            let name = entry.key.clone();
            Some(Arc::new(Blackout { name, timing, begins, length, schedules, connections, except, then }))
        }
        Err(never) => {
            let at = places.get(never.pattern).copied().unwrap_or(entry.key_at);
            let hint = "look at day and month: there is no 30 February, and 31 April never comes";
            findings.error(at, fields.said("`cron`: no date ever matches")).hint(hint);
            None
        }
    }
}

fn length_of(field: &Field<'_>, findings: &mut Findings) -> Option<Duration> {
    let length = field.duration(findings)?;
    if length > LONGEST {
        let most = text::exactly(LONGEST);
        let hint = format!("write at most `{most}`; what rests for longer says `enabled: false` in its schedules");
        field.error(&format!("{} is longer than {most}", field.named()), findings).hint(hint);
        return None;
    }
    Some(length)
}

/// When its windows begin. `None`: something was told.
fn begins(fields: &Fields<'_>, zone: Option<&Zone>, context: &Context<'_>, findings: &mut Findings) -> Patterns {
    match (fields.get("cron"), fields.get("at")) {
        (None, None) => {
            if !fields.is_settled(&["cron", "at"]) {
                let hint = "write `cron: \"0 22 * * SAT\"`, or `at: \"2026-12-31T22:00[Europe/Berlin]\"`";
                fields.error("nothing says when it begins: `cron` or `at` is missing", findings).hint(hint);
            }
            None
        }
        (Some(first), Some(other)) => {
            let finding =
                other.error_at(other.key_at, "`cron` and `at` both say when it begins, and only one may", findings);
            finding.hint("make two blackouts of it").also(first.key_at, "and here");
            None
        }
        (Some(field), None) => {
            let nowhere = matches!(context.defaults.timezone, Given::Absent) && fields.get("timezone").is_none();
            if nowhere && !fields.is_settled(&["timezone"]) {
                let hint = "write `timezone: Europe/Berlin` in the blackout, or once under `defaults`";
                let what = "no `timezone` is given, so the times are read as UTC";
                findings.warning(field.key_at, field.said(what)).hint(hint);
            }
            times::crons(&field, Dialect::Cron, findings)
        }
        (None, Some(field)) => instants(&field, zone, context, findings),
    }
}

fn instants(field: &Field<'_>, zone: Option<&Zone>, context: &Context<'_>, findings: &mut Findings) -> Patterns {
    let usual = zone.map_or("UTC", |zone| zone.name()).to_owned();
    let zones = Zones { usual: &usual, ..context.known.zones };
    let items = field.items(findings);
    let read: Vec<_> = items.iter().map(|item| Some((item.at(), item.instant(zones, findings)?))).collect();
    let read: Vec<(At, jiff::Timestamp)> = read.into_iter().collect::<Option<_>>()?;
    Some(read.into_iter().map(|(place, at)| (place, Pattern::At(at))).collect())
        .filter(|read: &Vec<_>| !read.is_empty())
}

/// Names and patterns of names, of which each stands for something. `None`: something was told.
fn names(
    fields: &Fields<'_>,
    key: &str,
    noun: Noun,
    known: &BTreeMap<String, At>,
    findings: &mut Findings,
) -> Option<Vec<NamePattern>> {
    let Some(field) = fields.get(key) else { return Some(Vec::new()) };
    let items = field.items(findings);
    let mut fine = !items.is_empty();
    let mut patterns = Vec::new();
    for item in items {
        let Some(text) = item.line(findings) else {
            fine = false;
            continue;
        };
        if let Some(but) = text.strip_prefix(['!', '-', '^']).map(str::trim).filter(|but| !but.is_empty()) {
            let what = format!("{} cannot say {}: names are not turned round here", item.named(), quoted(text));
            let hint = match (noun, key) {
                (Noun::Schedule, "schedules") => format!("write `except: [{but}]`, and leave it out of `schedules`"),
                _ => "name those that are meant".to_owned(),
            };
            item.error(&what, findings).hint(hint);
            fine = false;
            continue;
        }
        let pattern = NamePattern::new(text);
        if pattern.is_open() {
            if !known.keys().any(|name| pattern.fits(name)) {
                let what = format!("{} `{pattern}` fits no {} so far", item.named(), noun.name());
                let hint = match text.trim_matches(['*', '?']) {
                    "" => text::known(known.keys().map(String::as_str)),
                    rest => text::known_names(rest, known.keys().map(String::as_str)),
                };
                item.warning(&what, findings).hint(hint);
            }
        } else if !known.contains_key(text) {
            unknown(&item, noun, text, known.keys(), findings);
            fine = false;
        }
        patterns.push(pattern);
    }
    fine.then_some(patterns)
}

/// Warns of blackouts that are about no schedule, though each of their names stands for something.
pub(super) fn doubts(set: &ScheduleSet, places: &BTreeMap<String, At>, findings: &mut Findings) {
    for blackout in set.blackouts.values() {
        let fits = |patterns: &[NamePattern], mut names: Box<dyn Iterator<Item = &str> + '_>| {
            patterns.is_empty() || names.any(|name| patterns.iter().any(|pattern| pattern.fits(name)))
        };
        let named = fits(&blackout.schedules, Box::new(set.schedules.keys().map(|key| key.as_str())))
            && fits(&blackout.connections, Box::new(set.connections.keys().map(|name| name.as_str())));
        let used = set
            .schedules
            .values()
            .any(|schedule| blackout.is_about(schedule.key.as_str(), schedule.connection.as_str()));
        if let Some(at) = places.get(&blackout.name).filter(|_| named && !used && !set.schedules.is_empty()) {
            let what = format!("blackout `{}`: no schedule is in it, so it holds nothing back", blackout.name);
            let hint = "with both `schedules` and `connections` a schedule must fit both; take one of them out";
            let excepted = |schedule: &crate::schedule::model::Schedule| {
                blackout.except.iter().any(|pattern| pattern.fits(schedule.key.as_str()))
            };
            let hint = match (blackout.schedules.is_empty(), blackout.connections.is_empty()) {
                _ if set.schedules.values().any(|schedule| excepted(schedule)) => {
                    "take a schedule out of `except`, or take the blackout out"
                }
                (false, false) => hint,
                _ => "name a connection on which a schedule runs, or take the blackout out",
            };
            findings.warning(*at, what).hint(hint);
        }
    }
}
