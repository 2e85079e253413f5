//! `calendars.X`: one entry becomes one set of local days.

use std::collections::BTreeSet;

use jiff::civil::{Date, Weekday};

use super::field::{Field, written};
use super::fields::Fields;
use super::keys;
use super::open;
use super::tree::{Entry, Value};
use crate::recurrence::{Calendar, Weekdays};
use crate::schedule::diagnostic::Findings;

/// Reads one calendar. `None`: something was told.
pub(super) fn read(entry: &Entry, findings: &mut Findings) -> Option<Calendar> {
    let subject = format!("calendar `{}`", entry.key);
    let fields = open::map(&entry.value, &keys::CALENDAR, subject, entry.key_at, findings)?;
    let weekdays = fields.get("weekdays").map(|field| weekdays(&field, findings));
    let exclude = fields.get("exclude").map_or(Some(BTreeSet::new()), |field| dates(&field, findings));
    let include = fields.get("include").map_or(Some(BTreeSet::new()), |field| dates(&field, findings));
    let weekdays = match weekdays {
        Some(read) => Some(read?),
        None => None,
    };
    let (exclude, include) = (exclude?, include?);
    if let Some(field) = fields.get("include")
        && let Some(both) = include.intersection(&exclude).next()
    {
        let what = format!("{both} stands under `exclude` and `include`, and `include` wins");
        field.warning(&what, findings).hint("take it out of one of the two");
    }
    let said = fields.get("exclude").is_some() || fields.is_settled(&["weekdays", "exclude"]);
    if weekdays.is_none() && !said {
        let what = "it takes no day out, so it changes nothing";
        fields.warning(what, findings).hint("write `weekdays: MON-FRI`, or dates under `exclude`");
    }
    Some(Calendar { weekdays, exclude, include })
}

fn weekdays(field: &Field<'_>, findings: &mut Findings) -> Option<Weekdays> {
    let read: Vec<Option<Weekdays>> = field.items(findings).iter().map(|item| some_days(item, findings)).collect();
    let read = read.into_iter().collect::<Option<Vec<_>>>().filter(|read| !read.is_empty())?;
    let all = Weekday::Monday.cycle_forward().take(7);
    Some(all.filter(|day| read.iter().any(|some| some.contains(*day))).collect())
}

fn some_days(item: &Field<'_>, findings: &mut Findings) -> Option<Weekdays> {
    let text = item.line(findings)?;
    match Weekdays::parse(text) {
        Ok(days) => Some(days),
        Err(wrong) => {
            let part = wrong.span.and_then(|span| written(item.at(), text).map(|whole| whole.part(span)));
            let what = format!("{}: {}", item.named(), wrong.message);
            let finding = item.error_at(part.unwrap_or(item.at()), &what, findings);
            finding.hint(wrong.hint.unwrap_or_else(|| "write weekdays such as `MON-FRI` or `[MON, WED]`".to_owned()));
            None
        }
    }
}

fn dates(field: &Field<'_>, findings: &mut Findings) -> Option<BTreeSet<Date>> {
    let read: Vec<Option<Date>> = field.items(findings).iter().map(|item| item.date(findings)).collect();
    read.into_iter().collect()
}

/// Warns of calendars that no schedule keeps to. `defaults` are taken for one that does.
pub(super) fn doubts<'t>(
    calendars: &[&Entry],
    schedules: impl Iterator<Item = &'t Entry>,
    defaults: Option<&Fields<'_>>,
    findings: &mut Findings,
) {
    let mut schedules = schedules.peekable();
    if schedules.peek().is_none() {
        return;
    }
    let own = schedules.flat_map(|schedule| schedule.value.entries().filter(|entry| entry.key == "calendar"));
    let own = own.filter_map(|entry| match &entry.value.value {
        Value::Scalar(scalar) => Some(scalar.text.as_str()),
        Value::Map(_) | Value::List(_) => None,
    });
    let mut used: BTreeSet<&str> = own.collect();
    let field = defaults.and_then(|fields| fields.get("calendar"));
    used.extend(field.as_ref().and_then(open::word));
    for entry in calendars.iter().filter(|entry| !used.contains(entry.key.as_str())) {
        let name = &entry.key;
        let hint = format!("write `calendar: {name}` in the schedules that keep to it, or take it out");
        findings.warning(entry.key_at, format!("calendar `{name}`: no schedule keeps to it")).hint(hint);
    }
}
