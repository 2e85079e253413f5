//! `limits.POOL`: how many runs of several schedules may be at Orchestrator at once.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::doubts;
use super::keys::{LIMITS, MOST_RUNNING, POOL};
use super::open;
use super::tree::{Entry, Kind, Scalar, Value};
use crate::schedule::diagnostic::{At, Findings};
use crate::schedule::model::ScheduleSet;
use crate::schedule::policy::OverlapPolicy;
use crate::text;

/// Reads one pool. `None`: something was told.
pub(super) fn read(entry: &Entry, findings: &mut Findings) -> Option<u32> {
    if let (Some(_), Value::Scalar(Scalar { text, .. })) = (POOL.key(&entry.key), &entry.value.value) {
        let running = text.parse::<u32>().ok().filter(|running| (1..=MOST_RUNNING).contains(running)).unwrap_or(3);
        let hint = format!(
            "write `limits: {{ licences: {{ {}: {running} }} }}` with a name of yours, and `pool: licences` in each schedule that \
             shares it",
            entry.key
        );
        findings
            .error(entry.key_at, format!("`limits.{}` stands in no pool, and each pool has a name", entry.key))
            .hint(hint);
        return None;
    }
    let subject = format!("pool `{}`", entry.key);
    if let Value::Scalar(Scalar { text, kind: Kind::Number(_) }) = &entry.value.value {
        let hint = match LIMITS.key(&entry.key) {
            Some(_) => format!("`{}` belongs {}", entry.key, LIMITS.place),
            None => format!("write `{}: {{ running: {text} }}`", entry.key),
        };
        findings.error(entry.value.at, format!("{subject}: it must be a map")).hint(hint);
        return None;
    }
    let fields = open::map(&entry.value, &POOL, subject, entry.key_at, findings)?;
    fields.need("running", "write `running: 3`", findings)?.count(MOST_RUNNING, findings)
}

/// Warns of pools that bound nothing.
pub(super) fn doubts(set: &ScheduleSet, places: &BTreeMap<String, At>, findings: &mut Findings) {
    let used: BTreeSet<&String> = set.schedules.values().filter_map(|schedule| schedule.pool.as_ref()).collect();
    for name in set.pools.keys().filter(|name| !used.contains(name)) {
        if let Some(at) = places.get(name) {
            let hint = format!("write `pool: {name}` in the schedules that share it, or take it out");
            findings.warning(*at, format!("pool `{name}`: no schedule is in it, so it bounds nothing")).hint(hint);
        }
    }
}

/// Warns of schedules whose runs side by side need more places than their pool has.
pub(super) fn too_small(set: &ScheduleSet, places: &BTreeMap<String, At>, now: Timestamp, findings: &mut Findings) {
    for schedule in set.schedules.values().filter(|schedule| schedule.overlap == OverlapPolicy::Allow) {
        let running = schedule.pool.as_ref().and_then(|pool| Some((pool, *set.pools.get(pool)?)));
        let soft = schedule.timeout.as_ref().and_then(|timeout| timeout.soft);
        let (Some((pool, running)), Some(soft), Some(at)) = (running, soft, places.get(schedule.key.as_str())) else {
            continue;
        };
        let Some(gap) = doubts::least_gap(&doubts::coming(&schedule.recurrence, now)) else { continue };
        if soft.as_secs() > gap.as_secs().saturating_mul(u64::from(running)) {
            let (lasts, next) = (text::exactly(soft), text::exactly(gap));
            let what = format!(
                "schedule `{}`: its runs may last {lasts}, it has a time every {next}, and pool `{pool}` holds {running} at once: \
                 what finds no place within `start_deadline` is missed",
                schedule.key
            );
            findings
                .warning(*at, what)
                .hint("make `timeout.soft` shorter or the pool larger, or write `overlap: skip`");
        }
    }
}
