//! Times that a clock change of the coming year leaves out: told before it happens, since nobody looks at that night's run.
//!
//! Told only while the file does not say what is to happen then: `dst: { gap: … }` is the answer to the warning.

use std::cell::RefCell;
use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::field::Field;
use crate::recurrence::{Excluded, Nominal, Note, Recurrence, Zone};
use crate::schedule::diagnostic::Findings;

/// How far ahead is looked.
const AHEAD: SignedDuration = SignedDuration::from_hours(366 * 24);
/// No zone changes its clock twice within it.
const STEP: SignedDuration = SignedDuration::from_hours(24);
/// Times that stand for left-out ones come within it; more of them than this are a rhythm.
const AFTER: SignedDuration = SignedDuration::from_hours(3);
const MOST_TIMES: usize = 50;

/// The coming year's changes by which a clock is put forward, looked up once for each zone.
pub(super) struct ClockChanges {
    now: Timestamp,
    known: RefCell<BTreeMap<String, Vec<Timestamp>>>,
}

impl ClockChanges {
    pub(super) fn after(now: Timestamp) -> ClockChanges {
        ClockChanges { now, known: RefCell::default() }
    }

    fn of(&self, zone: &Zone) -> Vec<Timestamp> {
        let mut known = self.known.borrow_mut();
        known.entry(zone.name().to_owned()).or_insert_with(|| forward_changes(zone, self.now)).clone()
    }

    /// Warns of the first time that is left out.
    pub(super) fn warn(&self, field: &Field<'_>, times: &Recurrence, findings: &mut Findings) {
        let found = self.of(times.zone()).into_iter().find_map(|change| first_moved(times, change));
        let Some((nominal, missing)) = found else { return };
        let more = match missing.len() {
            0 | 1 => String::new(),
            all => format!(" and {} more", all - 1),
        };
        let Some(left_out) = missing.first() else { return };
        let what = format!(
            "on {} the clock change leaves out {}{more}, and the run is at {}",
            left_out.date(),
            left_out.strftime("%H:%M"),
            nominal.local.strftime("%H:%M"),
        );
        field
            .warning(&what, findings)
            .hint("choose another time, or write `dst: { gap: shift }` to say that it is meant");
    }
}

fn forward_changes(zone: &Zone, now: Timestamp) -> Vec<Timestamp> {
    let offset = |at| zone.read(at).1;
    let mut changes = Vec::new();
    let mut from = now;
    let Ok(until) = now.checked_add(AHEAD) else { return changes };
    while let Ok(next) = from.checked_add(STEP) {
        if from >= until {
            break;
        }
        if offset(next) > offset(from) {
            let (mut before, mut after) = (from.as_second(), next.as_second());
            while after - before > 1 {
                let middle = before + (after - before) / 2;
                match Timestamp::from_second(middle) {
                    Ok(at) if offset(at) == offset(from) => before = middle,
                    Ok(_) | Err(_) => after = middle,
                }
            }
            changes.extend(Timestamp::from_second(after));
        }
        from = next;
    }
    changes
}

fn first_moved(times: &Recurrence, change: Timestamp) -> Option<(Nominal, Vec<jiff::civil::DateTime>)> {
    let last = change.checked_add(AFTER).ok()?;
    let mut after = change.checked_sub(SignedDuration::from_secs(1)).ok()?;
    for _ in 0..MOST_TIMES {
        let nominal = times.next_after(after).filter(|nominal| nominal.at < last)?;
        after = nominal.at;
        if nominal.excluded == Excluded::Yes {
            continue;
        }
        let missing = nominal.note.as_ref().and_then(missing).map(<[_]>::to_vec);
        if let Some(missing) = missing {
            return Some((nominal, missing));
        }
    }
    None
}

fn missing(note: &Note) -> Option<&[jiff::civil::DateTime]> {
    match note {
        Note::Shifted { missing } => Some(missing),
        Note::Moved { also, .. } => also.as_deref().and_then(missing),
        Note::FirstOfTwo { .. } | Note::SecondOfTwo { .. } => None,
    }
}
