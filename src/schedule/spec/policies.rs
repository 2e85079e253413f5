//! What a schedule and `defaults` can both say about the odd cases: an earlier run that is open, a late time, an
//! unclear start, a job that fails or hangs.
//!
//! A map that a schedule says stands in the place of the whole map of `defaults`: half of one and half of the other
//! is read by nobody.
//!
//! Absent: what needs the times of a schedule (`doubts`).

use std::sync::Arc;
use std::time::Duration;

use super::choices::{self, Names};
use super::field::Field;
use super::fields::Fields;
use super::given::{Given, NONE, taken_back};
use super::keys;
use super::known::{Known, Pools};
use super::near::{Noun, unknown};
use super::open;
use super::retry::{self, Again};
use super::timeout::{self, KILL_ALONE, STOPS, TimeOut};
use super::tree::Value;
use crate::schedule::diagnostic::{At, Findings};
use crate::schedule::model::{Schedule, ScheduleSet};
use crate::schedule::policy::{CatchUp, CatchUpPolicy, OnUnknownStart, OverlapPolicy, PauseAfter};
use crate::text;

/// What an unclear start takes besides `settle` until it may be tried again: its call, and the look-ups (semantics.md
/// 10, 16).
const BESIDES_SETTLE: Duration = Duration::from_secs(60);
/// How late the first start may be (semantics.md 10).
const START_DEADLINE: Duration = Duration::from_secs(3_600);
/// How old a time may be to run at all (semantics.md 9).
const CATCH_UP_WINDOW: Duration = Duration::from_secs(6 * 3_600);

/// Each as far as it was said, with the place where it is written.
#[derive(Clone, Debug, Default)]
pub(super) struct Policies {
    pub(super) overlap: Option<(OverlapPolicy, At)>,
    pub(super) catch_up: Option<(CatchUp, At)>,
    start_deadline: Option<(Duration, At)>,
    on_unknown_start: Option<OnUnknownStart>,
    pub(super) retry: Given<Again>,
    pub(super) timeout: Given<TimeOut>,
    pub(super) pool: Given<String>,
    priority: Option<i32>,
    pause_after: Option<PauseAfter>,
}

impl Policies {
    /// Reads them. `defaults` is what a schedule takes over where it says nothing; none: these are `defaults`.
    pub(super) fn read(
        fields: &Fields<'_>,
        known: Known<'_>,
        defaults: Option<&Policies>,
        findings: &mut Findings,
    ) -> Policies {
        let overlap =
            fields.get("overlap").and_then(|field| Some((field.choice(&choices::OVERLAP, findings)?.1, field.at())));
        let start_deadline =
            fields.get("start_deadline").and_then(|field| Some((field.duration(findings)?, field.at())));
        let unknown = fields.get("on_unknown_start").and_then(|field| field.choice(&choices::UNKNOWN_START, findings));
        let retried = defaults.map(|defaults| &defaults.retry);
        let timed = defaults.map(|defaults| &defaults.timeout);
        let pooled = defaults.map(|defaults| &defaults.pool);
        Policies {
            overlap,
            catch_up: fields.get("catch_up").and_then(|field| catch_up(&field, findings)),
            start_deadline,
            on_unknown_start: unknown.map(|(_, unknown)| unknown),
            retry: fields.get("retry").map_or(Given::Absent, |field| retry::read(&field, retried, findings)),
            timeout: fields.get("timeout").map_or(Given::Absent, |field| timeout::read(&field, timed, findings)),
            pool: fields.get("pool").map_or(Given::Absent, |field| pool(&field, pooled, known, findings)),
            priority: fields.get("priority").and_then(|field| priority(&field, findings)),
            pause_after: fields.get("pause_after_failures").and_then(|field| pause_after(&field, findings)),
        }
    }

    /// Own words first, then these.
    pub(super) fn or(&self, defaults: &Policies) -> Policies {
        Policies {
            overlap: self.overlap.or(defaults.overlap),
            catch_up: self.catch_up.or(defaults.catch_up),
            start_deadline: self.start_deadline.or(defaults.start_deadline),
            on_unknown_start: self.on_unknown_start.or(defaults.on_unknown_start),
            retry: self.retry.or(&defaults.retry),
            timeout: self.timeout.or(&defaults.timeout),
            pool: self.pool.or(&defaults.pool),
            priority: self.priority.or(defaults.priority),
            pause_after: self.pause_after.or(defaults.pause_after),
        }
    }

    pub(super) fn overlap(&self) -> OverlapPolicy {
        self.overlap.map_or(OverlapPolicy::Skip, |(overlap, _)| overlap)
    }

    pub(super) fn catch_up(&self) -> CatchUp {
        let usual = CatchUp { policy: CatchUpPolicy::Last, window: CATCH_UP_WINDOW, max: CatchUp::USUAL_MAX };
        self.catch_up.map_or(usual, |(catch_up, _)| catch_up)
    }

    pub(super) fn start_deadline(&self) -> Duration {
        self.start_deadline.map_or(START_DEADLINE, |(length, _)| length)
    }

    pub(super) fn on_unknown_start(&self) -> OnUnknownStart {
        self.on_unknown_start.unwrap_or(OnUnknownStart::Retry)
    }

    pub(super) fn priority(&self) -> i32 {
        self.priority.unwrap_or_default()
    }

    pub(super) fn pause_after(&self) -> PauseAfter {
        self.pause_after.unwrap_or_default()
    }

    /// Tells what one key of a schedule takes from another one.
    pub(super) fn judge(&self, schedule: &Fields<'_>, findings: &mut Findings) {
        if let Given::Here(Again { timed_out: Some(at), .. }) = &self.retry {
            let hint = match &self.timeout {
                Given::Absent | Given::TakenBack => {
                    Some("write `timeout: { soft: 1h }` next to `retry`, or take `timed_out` out of `on`")
                }
                Given::Here(timeout) if timeout.timeouts.soft.is_none() => {
                    Some("write `soft: 1h` under `timeout`, or take `timed_out` out of `on`")
                }
                Given::Here(_) | Given::Wrong => None,
            };
            if let Some(hint) = hint.filter(|_| !schedule.is_settled(&["timeout"])) {
                let what = "`retry.on` names `timed_out`, and no `timeout.soft` says when that is";
                findings.error(*at, schedule.said(what)).hint(hint);
            }
        }
        // Of `defaults` it is enough that one schedule stops others.
        if let Given::Here(TimeOut { kill_alone: Some(at), .. }) = &self.timeout
            && schedule.get("timeout").is_some()
            && self.overlap() != OverlapPolicy::StopOther
        {
            findings.error(*at, schedule.said(KILL_ALONE)).hint(STOPS);
        }
    }

    /// Tells of a `kill_after` of `defaults` that no schedule has a stop for.
    pub(super) fn judge_defaults(&self, set: &ScheduleSet, findings: &mut Findings) {
        let Given::Here(TimeOut { kill_alone: Some(at), timeouts, .. }) = &self.timeout else { return };
        let takes = |schedule: &&Arc<Schedule>| schedule.timeout.as_ref() == Some(timeouts);
        let stops = |schedule: &Arc<Schedule>| schedule.overlap == OverlapPolicy::StopOther;
        if !set.schedules.values().filter(takes).any(stops) {
            findings.error(*at, format!("`defaults`: {KILL_ALONE}")).hint(STOPS);
        }
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
}

fn catch_up(field: &Field<'_>, findings: &mut Findings) -> Option<(CatchUp, At)> {
    let fields = open::map_or_word(field, &keys::CATCH_UP, findings)?;
    let policy = fields.get("policy").map(|field| (field.choice(&choices::CATCH_UP, findings), field));
    let window = fields.get("window").map_or(Some(CATCH_UP_WINDOW), |field| field.duration(findings));
    let max = fields.get("max").map(|field| (field.count(keys::MOST_CAUGHT_UP, findings), field));
    let (policy, said_at) = match policy {
        Some((read, field)) => (read?.1, Some(field.at())),
        None => (CatchUpPolicy::Last, None),
    };
    match (&max, policy) {
        (Some((_, max)), CatchUpPolicy::Last | CatchUpPolicy::Skip) if !fields.is_settled(&["policy"]) => {
            let what = format!("{} goes with `policy: all` only", max.named());
            let hint = "write `policy: all`, or take `max` out";
            let finding = max.error_at(max.key_at, &what, findings);
            finding.hint(hint);
            if let Some(at) = said_at {
                finding.also(at, "the policy here");
            }
            return None;
        }
        (Some(_) | None, CatchUpPolicy::Last | CatchUpPolicy::Skip | CatchUpPolicy::All) => {}
    }
    let max = max.map_or(Some(CatchUp::USUAL_MAX), |(max, _)| max)?;
    Some((CatchUp { policy, window: window?, max }, field.key_at))
}

fn pool(
    field: &Field<'_>,
    defaults: Option<&Given<String>>,
    known: Known<'_>,
    findings: &mut Findings,
) -> Given<String> {
    let named = open::word(field).is_some_and(|word| word != NONE && known.pools.contains_key(word));
    if let Some(none) = (!named).then(|| taken_back(field, defaults, findings)).flatten() {
        return none;
    }
    if let Value::Map(_) = field.node.value {
        let hint = "describe it once under `limits` at the top of the file, and write its name here";
        field.error("`pool` is a map, and must be a pool's name", findings).hint(hint);
        return Given::Wrong;
    }
    let Some(name) = field.line(findings) else { return Given::Wrong };
    if known.pools.contains_key(name) {
        return Given::Here(name.to_owned());
    }
    if known.all_pools == Pools::Known {
        unknown(field, Noun::Pool, name, known.pools_to_name.keys(), findings);
    }
    Given::Wrong
}

fn priority(field: &Field<'_>, findings: &mut Findings) -> Option<i32> {
    let within = i64::from(keys::LEAST_URGENT)..=i64::from(keys::MOST_URGENT);
    // Orchestrator's words stand in a key of the same name.
    if let Some(word) = open::word(field).and_then(|text| text::nearest(text, choices::PRIORITY.built()))
        && field.is_text()
    {
        let what = format!("{} must be a whole number from {} to {}", field.named(), within.start(), within.end());
        let hint = format!("write `start: {{ priority: {word} }}` if Orchestrator's own is meant, or a number");
        field.error(&what, findings).hint(hint);
        return None;
    }
    field.whole(within, findings).and_then(|number| i32::try_from(number).ok())
}

fn pause_after(field: &Field<'_>, findings: &mut Findings) -> Option<PauseAfter> {
    if let Some("never" | "none" | "no" | "off" | "false") = open::word(field) {
        let what = format!("{} must be a whole number from 0 to {}", field.named(), keys::MOST_FAILURES);
        field.error(&what, findings).hint("write `0`, which never pauses it");
        return None;
    }
    let number = field.whole(0..=i64::from(keys::MOST_FAILURES), findings)?;
    match u32::try_from(number).ok()? {
        0 => Some(PauseAfter::Never),
        failures => Some(PauseAfter::Failures(failures)),
    }
}
