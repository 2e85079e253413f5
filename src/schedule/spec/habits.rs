//! What a schedule and `defaults` can both say.
//!
//! A schedule's own word comes first, then the one of `defaults`, then the product's. A map such as `dst` is one word.
//!
//! Absent: the keys about the odd cases (`policies`).

use std::collections::BTreeMap;
use std::time::Duration;

use super::choices;
use super::field::Field;
use super::fields::Fields;
use super::given::{Given, NONE, taken_back};
use super::keys;
use super::known::Known;
use super::near::{Noun, unknown};
use super::open;
use super::policies::Policies;
use super::tree::Value;
use super::values::{Bound, Zones, zone_hint};
use crate::recurrence::{Calendar, Class, GapPolicy, OnExcluded, OverlapTime, Zone, ZoneDatabase};
use crate::schedule::diagnostic::{At, Findings, quoted};
use crate::schedule::kept::{HistoryChoice, Kept};
use crate::schedule::model::Enablement;
use crate::schedule::name::ConnectionName;

/// How `cron` is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Cron,
    Quartz,
}

/// What `dst` says.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ClockRules {
    pub(super) gap: Option<GapPolicy>,
    pub(super) twice: Option<OverlapTime>,
    pub(super) class: Option<Class>,
}

/// The common keys, each as far as it was said.
#[derive(Clone, Debug, Default)]
pub(super) struct Habits {
    pub(super) description: Option<String>,
    enabled: Option<bool>,
    pub(super) connection: Given<ConnectionName>,
    pub(super) timezone: Given<Zone>,
    pub(super) policies: Policies,
    history: Option<HistoryChoice>,
    pub(super) dst: Option<ClockRules>,
    /// With its name.
    pub(super) calendar: Given<(String, Calendar)>,
    pub(super) on_excluded: Option<OnExcluded>,
    pub(super) jitter: Option<Duration>,
    pub(super) starts: Given<(At, Bound)>,
    pub(super) ends: Given<(At, Bound)>,
    dialect: Option<Dialect>,
}

impl Habits {
    /// Reads them. `defaults` is what a schedule takes over where it says nothing; none: these are `defaults`.
    pub(super) fn read(
        fields: &Fields<'_>,
        known: Known<'_>,
        defaults: Option<&Habits>,
        findings: &mut Findings,
    ) -> Habits {
        let mut habits = Habits::default();
        let description = fields.get("description").and_then(|field| field.text(findings));
        habits.description = description.map(|text| text.trim_end().to_owned());
        habits.enabled = fields.get("enabled").and_then(|field| field.flag(findings));
        if let Some(field) = fields.get("connection") {
            habits.connection = connection(&field, known.connections, findings);
        }
        if let Some(field) = fields.get("timezone") {
            habits.timezone = timezone(&field, known.zones.database, findings);
        }
        if let Some(dst) = fields.get("dst").and_then(|field| open::within(&field, &keys::DST, findings)) {
            habits.dst = Some(ClockRules {
                gap: dst.get("gap").and_then(|field| Some(field.choice(&choices::GAP, findings)?.1)),
                twice: dst.get("overlap").and_then(|field| Some(field.choice(&choices::TWICE, findings)?.1)),
                class: dst.get("class").and_then(|field| Some(field.choice(&choices::CLASS, findings)?.1)),
            });
        }
        habits.policies = Policies::read(fields, known, defaults.map(|defaults| &defaults.policies), findings);
        if let Some(history) = fields.get("history").and_then(|field| open::within(&field, &keys::HISTORY, findings)) {
            let mut kept = |name| history.get(name).and_then(|field| field.choice(&choices::KEPT, findings));
            let (arguments, output) = (kept("arguments"), kept("output"));
            let kept = |said: Option<(_, Kept)>| said.map_or(Kept::default(), |(_, kept)| kept);
            habits.history = Some(HistoryChoice { arguments: kept(arguments), output: kept(output) });
        }
        if let Some(field) = fields.get("calendar") {
            let of_defaults = defaults.map(|defaults| &defaults.calendar);
            habits.calendar = calendar(&field, of_defaults, known.calendars, findings);
        }
        let on_excluded = fields.get("on_excluded").and_then(|field| field.choice(&choices::ON_EXCLUDED, findings));
        habits.on_excluded = on_excluded.map(|(_, on_excluded)| on_excluded);
        habits.jitter = fields.get("jitter").and_then(|field| field.duration(findings));
        let zone = match &habits.timezone {
            Given::Here(zone) => zone.name().to_owned(),
            Given::Absent | Given::TakenBack | Given::Wrong => known.zones.usual.to_owned(),
        };
        let zones = Zones { usual: &zone, ..known.zones };
        let mut bound = |name| match fields.get(name) {
            Some(field) => field.bound(zones, findings).map_or(Given::Wrong, |bound| Given::Here((field.at(), bound))),
            None => Given::Absent,
        };
        (habits.starts, habits.ends) = (bound("starts"), bound("ends"));
        habits.dialect = fields.get("quartz").map(|field| match field.flag(findings) {
            Some(false) => Dialect::Cron,
            // `quartz: on` was told; it is meant all the same.
            Some(true) | None => Dialect::Quartz,
        });
        habits
    }

    /// Own words first, then these.
    pub(super) fn or(&self, defaults: &Habits) -> Habits {
        Habits {
            description: self.description.clone().or_else(|| defaults.description.clone()),
            enabled: self.enabled.or(defaults.enabled),
            connection: self.connection.or(&defaults.connection),
            timezone: self.timezone.or(&defaults.timezone),
            policies: self.policies.or(&defaults.policies),
            history: self.history.or(defaults.history),
            dst: self.dst.or(defaults.dst),
            calendar: self.calendar.or(&defaults.calendar),
            on_excluded: self.on_excluded.or(defaults.on_excluded),
            jitter: self.jitter.or(defaults.jitter),
            starts: self.starts.or(&defaults.starts),
            ends: self.ends.or(&defaults.ends),
            dialect: self.dialect.or(defaults.dialect),
        }
    }

    pub(super) fn enablement(&self) -> Enablement {
        match self.enabled {
            Some(false) => Enablement::Disabled,
            Some(true) | None => Enablement::Enabled,
        }
    }

    pub(super) fn dialect(&self) -> Dialect {
        self.dialect.unwrap_or(Dialect::Cron)
    }

    pub(super) fn history(&self) -> HistoryChoice {
        self.history.unwrap_or_default()
    }
}

fn connection(field: &Field<'_>, connections: &BTreeMap<String, At>, findings: &mut Findings) -> Given<ConnectionName> {
    let Some(name) = field.line(findings) else {
        return Given::Wrong;
    };
    if connections.contains_key(name) {
        return Given::Here(ConnectionName(name.into()));
    }
    unknown(field, Noun::Connection, name, connections.keys(), findings);
    Given::Wrong
}

fn calendar(
    field: &Field<'_>,
    defaults: Option<&Given<(String, Calendar)>>,
    calendars: &BTreeMap<String, Option<Calendar>>,
    findings: &mut Findings,
) -> Given<(String, Calendar)> {
    let named = open::word(field).is_some_and(|word| word != NONE && calendars.contains_key(word));
    if let Some(none) = (!named).then(|| taken_back(field, defaults, findings)).flatten() {
        return none;
    }
    if let Value::Map(_) = field.node.value {
        let hint = "describe it once under `calendars`, and write its name here";
        field.error("`calendar` is a map, and must be a calendar's name", findings).hint(hint);
        return Given::Wrong;
    }
    let Some(name) = field.line(findings) else {
        return Given::Wrong;
    };
    match calendars.get(name) {
        Some(Some(days)) => Given::Here((name.to_owned(), days.clone())),
        Some(None) => Given::Wrong,
        None => {
            unknown(field, Noun::Calendar, name, calendars.keys(), findings);
            Given::Wrong
        }
    }
}

pub(super) fn timezone(field: &Field<'_>, database: &ZoneDatabase, findings: &mut Findings) -> Given<Zone> {
    let Some(name) = field.line(findings) else {
        return Given::Wrong;
    };
    match Zone::find_in(database, name) {
        Ok(zone) => Given::Here(zone),
        Err(unknown) => {
            let hint = zone_hint(unknown.hint.as_deref());
            field.error(&format!("unknown time zone {}", quoted(name)), findings).hint(hint);
            Given::Wrong
        }
    }
}
