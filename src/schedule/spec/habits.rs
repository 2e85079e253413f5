//! What a schedule and `defaults` can both say.
//!
//! A schedule's own word comes first, then the one of `defaults`, then the product's; `dst`, `catch_up` and `history` are taken over
//! key by key, so that a schedule may change the window and keep the policy.

use std::collections::BTreeMap;
use std::time::Duration;

use super::choices;
use super::field::Field;
use super::fields::Fields;
use super::keys;
use super::known::Known;
use super::later;
use super::near::{Noun, unknown};
use super::open;
use super::tree::Value;
use super::values::{Bound, Zones, zone_hint};
use crate::recurrence::{Calendar, Class, GapPolicy, OnExcluded, OverlapTime, Zone, ZoneDatabase};
use crate::schedule::diagnostic::{At, Findings, quoted};
use crate::schedule::kept::{HistoryChoice, Kept};
use crate::schedule::model::{ConnectionName, Enablement};
use crate::schedule::policy::{CatchUp, CatchUpPolicy, OnUnknownStart, OverlapPolicy};
use crate::text;

/// What an unclear start takes besides `settle` until it may be tried again: its call, and the look-ups (semantics.md 10, 16).
const BESIDES_SETTLE: Duration = Duration::from_secs(60);
/// How late the first start may be (semantics.md 10).
const START_DEADLINE: Duration = Duration::from_secs(3_600);
/// How old a time may be to run at all (semantics.md 9).
const CATCH_UP_WINDOW: Duration = Duration::from_secs(6 * 3_600);

/// A value that other values depend on.
#[derive(Clone, Debug)]
pub(super) enum Given<T> {
    Absent,
    /// It was told; nothing that follows from it is told as well.
    Wrong,
    Here(T),
}

impl<T: Clone> Given<T> {
    fn or(&self, other: &Given<T>) -> Given<T> {
        match self {
            Given::Absent => other.clone(),
            Given::Wrong => Given::Wrong,
            Given::Here(value) => Given::Here(value.clone()),
        }
    }
}

/// How `cron` is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Cron,
    Quartz,
}

/// The common keys, each as far as it was said.
#[derive(Clone, Debug)]
pub(super) struct Habits {
    pub(super) description: Option<String>,
    enabled: Option<bool>,
    pub(super) connection: Given<ConnectionName>,
    pub(super) timezone: Given<Zone>,
    pub(super) overlap: Option<OverlapPolicy>,
    policy: Option<CatchUpPolicy>,
    window: Option<Duration>,
    /// With the place where it is written.
    start_deadline: Option<(Duration, At)>,
    on_unknown_start: Option<OnUnknownStart>,
    arguments_kept: Option<Kept>,
    output_kept: Option<Kept>,
    pub(super) gap: Option<(&'static str, GapPolicy)>,
    pub(super) twice: Option<(&'static str, OverlapTime)>,
    pub(super) class: Option<(&'static str, Class)>,
    /// With its name.
    pub(super) calendar: Given<(String, Calendar)>,
    pub(super) on_excluded: Option<OnExcluded>,
    pub(super) jitter: Option<Duration>,
    pub(super) starts: Given<(At, Bound)>,
    pub(super) ends: Given<(At, Bound)>,
    dialect: Option<Dialect>,
}

impl Habits {
    /// Nothing said.
    pub(super) fn none() -> Habits {
        Habits {
            description: None,
            enabled: None,
            connection: Given::Absent,
            timezone: Given::Absent,
            overlap: None,
            policy: None,
            window: None,
            start_deadline: None,
            on_unknown_start: None,
            arguments_kept: None,
            output_kept: None,
            gap: None,
            twice: None,
            class: None,
            calendar: Given::Absent,
            on_excluded: None,
            jitter: None,
            starts: Given::Absent,
            ends: Given::Absent,
            dialect: None,
        }
    }

    /// Reads them from a schedule or from `defaults`.
    pub(super) fn read(fields: &Fields<'_>, known: Known<'_>, findings: &mut Findings) -> Habits {
        let mut habits = Habits::none();
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
            habits.gap = dst.get("gap").and_then(|field| field.choice(&choices::GAP, findings));
            habits.twice = dst.get("overlap").and_then(|field| field.choice(&choices::TWICE, findings));
            habits.class = dst.get("class").and_then(|field| field.choice(&choices::CLASS, findings));
        }
        if let Some(catch_up) = fields.get("catch_up").and_then(|field| open::within(&field, &keys::CATCH_UP, findings))
        {
            let policy = catch_up.get("policy").and_then(|field| field.choice(&choices::CATCH_UP, findings));
            habits.policy = policy.map(|(_, policy)| policy);
            habits.window = catch_up.get("window").and_then(|field| field.duration(findings));
        }
        let overlap = fields.get("overlap").and_then(|field| field.choice(&choices::OVERLAP, findings));
        habits.overlap = overlap.map(|(_, overlap)| overlap);
        habits.start_deadline =
            fields.get("start_deadline").and_then(|field| Some((field.duration(findings)?, field.at())));
        let unknown = fields.get("on_unknown_start").and_then(|field| field.choice(&choices::UNKNOWN_START, findings));
        habits.on_unknown_start = unknown.map(|(_, unknown)| unknown);
        if let Some(history) = fields.get("history").and_then(|field| open::within(&field, &keys::HISTORY, findings)) {
            let mut kept = |name| history.get(name).and_then(|field| field.choice(&choices::KEPT, findings));
            habits.arguments_kept = kept("arguments").map(|(_, kept)| kept);
            habits.output_kept = kept("output").map(|(_, kept)| kept);
        }
        if let Some(field) = fields.get("calendar") {
            habits.calendar = calendar(&field, known.calendars, findings);
        }
        let on_excluded = fields.get("on_excluded").and_then(|field| field.choice(&choices::ON_EXCLUDED, findings));
        habits.on_excluded = on_excluded.map(|(_, on_excluded)| on_excluded);
        habits.jitter = fields.get("jitter").and_then(|field| field.duration(findings));
        let zone = match &habits.timezone {
            Given::Here(zone) => zone.name().to_owned(),
            Given::Absent | Given::Wrong => known.zones.usual.to_owned(),
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
        later::common(fields, known, findings);
        habits
    }

    /// Own words first, then these.
    pub(super) fn or(&self, defaults: &Habits) -> Habits {
        Habits {
            description: self.description.clone().or_else(|| defaults.description.clone()),
            enabled: self.enabled.or(defaults.enabled),
            connection: self.connection.or(&defaults.connection),
            timezone: self.timezone.or(&defaults.timezone),
            overlap: self.overlap.or(defaults.overlap),
            policy: self.policy.or(defaults.policy),
            window: self.window.or(defaults.window),
            start_deadline: self.start_deadline.or(defaults.start_deadline),
            on_unknown_start: self.on_unknown_start.or(defaults.on_unknown_start),
            arguments_kept: self.arguments_kept.or(defaults.arguments_kept),
            output_kept: self.output_kept.or(defaults.output_kept),
            gap: self.gap.or(defaults.gap),
            twice: self.twice.or(defaults.twice),
            class: self.class.or(defaults.class),
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

    pub(super) fn overlap(&self) -> OverlapPolicy {
        self.overlap.unwrap_or(OverlapPolicy::Skip)
    }

    pub(super) fn catch_up(&self) -> CatchUp {
        CatchUp { policy: self.policy.unwrap_or(CatchUpPolicy::Last), window: self.window.unwrap_or(CATCH_UP_WINDOW) }
    }

    pub(super) fn start_deadline(&self) -> Duration {
        self.start_deadline.map_or(START_DEADLINE, |(length, _)| length)
    }

    /// Warns when no start whose answer was lost could be tried again in time. `settle` is the connection's.
    pub(super) fn judge_deadline(&self, settle: Duration, schedule: &Fields<'_>, findings: &mut Findings) {
        let least = settle.saturating_add(BESIDES_SETTLE);
        match self.on_unknown_start() {
            OnUnknownStart::Retry if self.start_deadline() < least => {}
            OnUnknownStart::Retry | OnUnknownStart::Skip | OnUnknownStart::Hold => return,
        }
        let (at, what) = match self.start_deadline {
            Some((_, at)) => {
                (Some(at), "`start_deadline` is so short that an unclear start cannot be tried again".to_owned())
            }
            None => {
                let usual = text::exactly(START_DEADLINE);
                (
                    None,
                    format!(
                        "`start_deadline`, which is {usual} unless it is written, is so short that an unclear start cannot be tried again"
                    ),
                )
            }
        };
        let finding = match at {
            Some(at) => findings.warning(at, schedule.said(&what)),
            None => schedule.warning(&what, findings),
        };
        let (least, settle) = (text::exactly(least), text::exactly(settle));
        finding.hint(format!("write `start_deadline: {least}` or more: that is a minute more than `settle` of the connection, which is {settle}"));
    }

    pub(super) fn on_unknown_start(&self) -> OnUnknownStart {
        self.on_unknown_start.unwrap_or(OnUnknownStart::Retry)
    }

    pub(super) fn history(&self) -> HistoryChoice {
        HistoryChoice {
            arguments: self.arguments_kept.unwrap_or_default(),
            output: self.output_kept.unwrap_or_default(),
        }
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
    calendars: &BTreeMap<String, Option<Calendar>>,
    findings: &mut Findings,
) -> Given<(String, Calendar)> {
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

fn timezone(field: &Field<'_>, database: &ZoneDatabase, findings: &mut Findings) -> Given<Zone> {
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
