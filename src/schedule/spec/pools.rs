//! `limits.POOL`: how many runs of several schedules may be at Orchestrator at once.

use std::collections::{BTreeMap, BTreeSet};

use super::keys::{LIMITS, MOST_RUNNING, POOL};
use super::open;
use super::tree::{Entry, Kind, Scalar, Value};
use crate::schedule::diagnostic::{At, Findings};
use crate::schedule::model::ScheduleSet;

/// Reads one pool. `None`: something was told.
pub(super) fn read(entry: &Entry, findings: &mut Findings) -> Option<u32> {
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
