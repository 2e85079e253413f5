//! Rule 29: times and runs that pauses hold back, and times that a person wants skipped.

use punctual::run::{RunState, WaitReason};

use super::{Findings, clock};
use crate::held::Mark;
use crate::job::Moment;
use crate::law::Law;
use crate::story::{Row, Story};

/// What a turn may take.
const SLACK: i64 = 2_000;

/// What is held no longer goes on so soon.
const SOON: i64 = 30_000;

pub(super) fn check(story: &Story, found: &mut Findings<'_>) {
    for key in story.by_schedule.keys() {
        let (marks, certain) = story.marks(key);
        for row in story.of(key) {
            let Some(law) = story.law(row) else { continue };
            if row.nominal_until.is_none() {
                time(story, row, law, &marks, certain, found);
            }
            begins(story, row, law, found);
            ends(story, row, law, found);
        }
    }
    for call in &story.starts {
        let row = story.by_reference.get(&call.reference).map(|(place, _)| &story.rows[*place]);
        let Some((row, law)) = row.and_then(|row| story.law(row).map(|law| (row, law))) else { continue };
        if story.pause_at(law, call.at).is_some() {
            found.add("29", call.at, &[row], "sent inside a pause");
        }
    }
}

/// By what it would have been left out anyhow.
pub(super) fn is_left_out_first(row: &Row) -> bool {
    !row.was_meant() && (row.is("missed", "edited") || row.is("skipped", "disabled"))
}

fn time(story: &Story, row: &Row, law: &Law, marks: &[Mark], certain: bool, found: &mut Findings<'_>) {
    let pause = story.pause_at(law, row.fire);
    let mark = marks.iter().find(|mark| mark.nominal == row.nominal && mark.from <= row.fire && row.fire < mark.until);
    if row.is("skipped", "paused") {
        // A time at the very instant from which a pause holds lies in it, also where it was claimed a moment before in the same turn.
        let begins_with_it = row.over() == Some(row.fire) && pause.is_some_and(|pause| pause.since == row.fire);
        if row.was_meant() && !begins_with_it {
            return found.add("29", row.fire, &[row], "it waited, and ended as a time that a pause takes");
        }
        if pause.is_none() && mark.is_none() && certain {
            found.add("29", row.fire, &[row], "nothing held this time back");
        }
        return;
    }
    // Of a time that a window takes too the law does not say what comes first.
    let by_window = row.is("skipped", "blackout") && !row.was_meant();
    if is_left_out_first(row) || by_window {
        return;
    }
    if let Some(pause) = pause {
        let text = format!("lies in a pause since {}, and is not skipped for it", clock(pause.since));
        found.add("29", row.fire, &[row], text);
    } else if mark.is_some() && certain {
        found.add("29", row.fire, &[row], "a person wanted it skipped, and it is not");
    }
}

fn waits_for(reason: WaitReason) -> impl Fn(RunState) -> bool {
    move |state| state == RunState::Waiting(reason)
}

/// What a pause does to a run that has not been sent.
fn begins(story: &Story, row: &Row, law: &Law, found: &mut Findings<'_>) {
    let over = row.over().unwrap_or(story.end);
    for pause in story.pauses_of(law).filter(|pause| row.claimed < pause.since && pause.since < over) {
        let at = pause.since + SLACK;
        let waits = matches!(row.state_at(at), Some(RunState::Waiting(reason))
            if !matches!(reason, WaitReason::Paused | WaitReason::Blackout));
        let unsent = row.first_send().is_none_or(|sent| sent > at);
        if waits && unsent && pause.has(at) && story.lived(pause.since, at) {
            found.add("29", at, &[row], "a pause came, and what was not sent does not wait for it");
        }
    }
}

/// The first moment from then on at which nothing holds it.
fn free_from(story: &Story, law: &Law, mut at: Moment) -> Moment {
    while at < story.end {
        let next_load = story.record.loads.iter().map(|(load, _)| *load).find(|load| *load > at).unwrap_or(Moment::MAX);
        match (story.pause_at(law, at), story.files_at(at).windows_at(law, at)) {
            (Some(pause), _) => at = pause.end(),
            (None, Some(windows)) => at = windows.until.min(next_load),
            (None, None) => return at,
        }
    }
    story.end
}

/// Nothing waits for what is over.
fn ends(story: &Story, row: &Row, law: &Law, found: &mut Findings<'_>) {
    for (rule, reason) in [("29", WaitReason::Paused), ("30", WaitReason::Blackout)] {
        for (from, to) in row.spans(waits_for(reason)) {
            let free = free_from(story, law, from);
            if free == from && to > from && from < story.end {
                found.add(rule, from, &[row], format!("it is made to wait for a {reason:?}, and there is none"));
            } else if to.min(story.end) > free + SOON && story.lived(free, free + SOON) {
                found.add(rule, free, &[row], format!("still waits for a {reason:?} that is over"));
            }
        }
    }
}
