//! Rule 11: places in pools, and who gets the next.

use std::collections::{BTreeMap, BTreeSet};

use punctual::run::{RunState, WaitReason};

use super::Findings;
use crate::job::Moment;
use crate::law::Law;
use crate::story::{Row, Story};

pub(super) fn check(story: &Story, found: &mut Findings<'_>) {
    let pools: BTreeSet<&str> = story.files.iter().flat_map(|files| files.pools.keys().copied()).collect();
    for pool in pools {
        let with_law = story.rows.iter().filter_map(|row| story.law(row).map(|law| (row, law)));
        let rows: Vec<(&Row, &Law)> = with_law.filter(|(_, law)| law.pool == Some(pool)).collect();
        places(story, pool, &rows, found);
        order(story, &rows, found);
    }
}

/// `starting` to `stopping` and `unknown` take a place.
fn takes_a_place(state: RunState) -> bool {
    matches!(state, RunState::Starting | RunState::Unknown | RunState::Job(_))
}

fn places(story: &Story, pool: &str, rows: &[(&Row, &Law)], found: &mut Findings<'_>) {
    let mut changes: BTreeMap<Moment, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
    for (number, (row, _)) in rows.iter().enumerate() {
        let mut inside = false;
        for (at, state) in &row.lines {
            let now_inside = takes_a_place(*state);
            if now_inside != inside {
                let change = changes.entry(*at).or_default();
                if now_inside {
                    change.1.push(number)
                } else {
                    change.0.push(number)
                }
                inside = now_inside;
            }
        }
    }
    let mut inside: BTreeSet<usize> = BTreeSet::new();
    for (at, (left, came)) in changes {
        inside.retain(|number| !left.contains(number));
        inside.extend(came.iter().copied());
        let size = story.files_at(at).pools.get(pool).copied();
        let held = i64::try_from(inside.len()).unwrap();
        if let Some(size) = size.filter(|size| held > *size && !came.is_empty()) {
            let rows: Vec<&Row> = came.iter().map(|number| rows[*number].0).collect();
            found.add("11", at, &rows, format!("{held} at once in the pool `{pool}` of {size}"));
        }
    }
}

/// Planned before catch-up.
fn class(row: &Row) -> u8 {
    u8::from(row.trigger == "catch_up")
}

fn waits(state: RunState) -> bool {
    state == RunState::Waiting(WaitReason::Limit)
}

/// Since when it waits for the pool, of the waiting that lasts at that moment.
fn waits_since(row: &Row, at: Moment) -> Option<Moment> {
    row.spans(waits).into_iter().find(|(from, to)| *from < at && at <= *to).map(|(from, _)| from)
}

fn order(story: &Story, rows: &[(&Row, &Law)], found: &mut Findings<'_>) {
    // None of these waits for longer.
    const LONGEST: i64 = 12 * 3_600_000;
    let mut waiting: Vec<(&Row, &Law)> =
        rows.iter().copied().filter(|(row, _)| row.lines.iter().any(|(_, state)| waits(*state))).collect();
    waiting.sort_by_key(|(row, _)| row.claimed);
    for (row, law) in rows {
        for sent in row.sends().filter(|sent| !row.state_before(*sent).is_some_and(takes_a_place)) {
            // What interrupts the waiting, such as an outage, may count or not: here as is best for the one that was sent.
            let with_job = row.lines.iter().filter(|(at, state)| *at < sent && matches!(state, RunState::Job(_)));
            let last = with_job.map(|(at, _)| *at).max().unwrap_or(0);
            // While Orchestrator asks for fewer calls a run shows that, whatever it would wait for next (rule 15).
            let may_wait = |state| waits(state) || state == RunState::Waiting(WaitReason::RateLimit);
            let own = row.spans(may_wait).into_iter().map(|(from, _)| from).find(|from| *from > last).unwrap_or(sent);
            let first = waiting.partition_point(|(other, _)| other.claimed < sent - LONGEST);
            let near = waiting[first..].iter().take_while(|(other, _)| other.claimed <= sent);
            for (other, others_law) in near {
                let still = other.lines.iter().all(|(at, state)| *at != sent || waits(*state));
                let Some(since) = waits_since(other, sent).filter(|_| other.id != row.id && still) else { continue };
                // Of what the connection itself puts off nothing follows.
                let calm = story.is_calm(others_law.connection, since - 120_000, sent)
                    && !story.is_held(others_law, since - 120_000, sent);
                let before = (-others_law.priority, class(other), since) < (-law.priority, class(row), own);
                let far = others_law.priority != law.priority || class(other) != class(row) || own - since > 5_000;
                if before && far && calm && other.schedule != row.schedule {
                    found.add("11", sent, &[row, other], "a place in the pool went past a run that came before it");
                }
            }
        }
    }
}
