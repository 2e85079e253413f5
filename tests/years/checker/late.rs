//! Rules 9 and 10: times that were found late, times that waited for one cause, and deadlines.

use punctual::run::{RunState, WaitReason};

use super::Findings;
use super::stops::day_is_over;
use crate::job::Moment;
use crate::law::{CatchUp, Law, Overlap};
use crate::story::{Row, Story};

/// Found so long after its time, it is late.
const LATE: i64 = 60_000;

/// What a turn may take, and the clock's slices.
const SLACK: i64 = 2_000;

/// So soon after it is past, a deadline has been acted on.
const SOON: i64 = 90_000;

pub(super) fn check(story: &Story, found: &mut Findings<'_>) {
    for key in story.by_schedule.keys() {
        let late: Vec<&Row> = story.of(key).filter(|row| is_found_late(story, row)).collect();
        for group in late.chunk_by(|a, b| (a.claimed - b.claimed).abs() < 10_000) {
            caught_up(story, group, found);
        }
    }
    for row in &story.rows {
        if let Some(law) = story.law(row) {
            trigger(story, row, law, found);
            deadline(story, row, law, found);
            limit(story, row, law, found);
        }
    }
}

fn is_found_late(story: &Story, row: &Row) -> bool {
    let taken = ["disabled", "paused", "blackout"].iter().any(|reason| row.is("skipped", reason));
    let by_file = row.is("missed", "edited") || taken && !row.was_meant();
    let late_from = story.law(row).and_then(|law| story.late_from(row, law).ok());
    late_from.is_some_and(|from| row.claimed - from > LATE) && !by_file
}

fn trigger(story: &Story, row: &Row, law: &Law, found: &mut Findings<'_>) {
    let Ok(late_from) = story.late_from(row, law) else { return };
    let late = row.claimed - late_from > LATE;
    let wrong = match row.trigger.as_str() {
        "scheduled" => late && row.was_meant(),
        // Of one that was found later than that, in the windows for whose end it waits, the law does not say which it is.
        "catch_up" => !late && row.claimed - row.fire <= LATE,
        _ => true,
    };
    if wrong {
        found.add("9", row.claimed, &[row], format!("its trigger is {}", row.trigger));
    }
    if !late && !row.was_meant() && (row.is("missed", "down") || row.is("missed", "window")) {
        found.add("9", row.claimed, &[row], "missed although it was found in time");
    }
}

/// Which of the times of one finding run.
fn caught_up(story: &Story, group: &[&Row], found: &mut Findings<'_>) {
    let Some(law) = story.law(group[0]) else { return };
    let late_from = |row: &Row| story.late_from(row, law).unwrap_or(row.fire);
    let in_window = |row: &Row| row.nominal_until.is_none() && late_from(row) >= row.claimed - law.window * 1_000;
    let most = match law.catch_up {
        CatchUp::Skip => 0,
        CatchUp::Last => 1,
        CatchUp::All { max } => max,
    };
    let mut chosen: Vec<&str> = group.iter().rev().filter(|row| in_window(row)).map(|row| row.id.as_str()).collect();
    chosen.truncate(most);
    for row in group {
        let in_window = late_from(row) >= row.claimed - law.window * 1_000;
        let runs = chosen.contains(&row.id.as_str());
        let limited = if matches!(law.catch_up, CatchUp::All { .. }) { "limit" } else { "down" };
        // At the very edge of the window both are true.
        let at_the_edge = (late_from(row) - (row.claimed - law.window * 1_000)).abs() < SLACK;
        let right = match (runs, in_window) {
            (true, _) => row.trigger == "catch_up" && (row.was_meant() || row.is("skipped", "overlap")),
            (false, true) => row.is("missed", limited) && !row.was_meant(),
            (false, false) => row.is("missed", "window") && !row.was_meant(),
        };
        if !right && !at_the_edge {
            let ought = if runs {
                "run"
            } else if in_window {
                limited
            } else {
                "window"
            };
            found.add("9", row.claimed, &[row], format!("found late under {:?}: it ought to be {ought}", law.catch_up));
        }
    }
}

fn waits_for(state: RunState, reasons: &[WaitReason]) -> bool {
    matches!(state, RunState::Waiting(reason) if reasons.contains(&reason))
}

const CAUSES: [WaitReason; 3] = [WaitReason::Token, WaitReason::Outage, WaitReason::Clock];

/// Where its deadline counts from, by what is certain: its own time or its finding, or the end of a run that it waited for.
fn counts_from(story: &Story, row: &Row, until: Moment) -> Moment {
    let own = if row.trigger == "catch_up" { row.claimed } else { row.fire };
    let spans = row.spans(|state| waits_for(state, &[WaitReason::Overlap]));
    let older = || story.near(row).filter(|other| other.nominal < row.nominal);
    if older().any(|other| other.is_open_before(until)) {
        // Behind one that is open still it is given up for want of an answer, which counts from its own time.
        return own;
    }
    let waited_for = older().filter(|other| {
        let over = other.over().filter(|over| *over <= until);
        over.is_some_and(|over| spans.iter().any(|(from, to)| *from < over && over <= *to))
    });
    // The end of a job, which may be read much later.
    let ends = waited_for.filter_map(|other| other.ended.or(other.over()));
    ends.max().unwrap_or(own).max(own)
}

/// The latest that it may count from: the end of its waiting for others.
fn counts_from_at_most(story: &Story, row: &Row, law: &Law, until: Moment) -> Moment {
    let own = if row.trigger == "catch_up" { row.claimed } else { row.fire };
    let all = row.trigger == "catch_up" && matches!(law.catch_up, CatchUp::All { .. });
    let behind = |state| waits_for(state, &[WaitReason::Overlap]) || all && waits_for(state, &[WaitReason::CatchUp]);
    let own = row
        .spans(behind)
        .into_iter()
        .filter(|(from, _)| *from < until)
        .map(|(_, to)| to.min(until))
        .fold(own, i64::max);
    // What waits for two things is shown with one of them; while Orchestrator asks to be left alone nobody is told whether an older one is there.
    let both = [WaitReason::Paused, WaitReason::Blackout, WaitReason::RateLimit];
    let held = row.spans(|state| waits_for(state, &both));
    let older = story.near(row).filter(|other| other.nominal < row.nominal && law.overlap != Overlap::Allow);
    let ends = older.filter_map(|other| other.over().filter(|over| held.iter().any(|(a, b)| a < over && over <= b)));
    ends.filter(|over| *over <= until).fold(own, i64::max)
}

/// When so much time outside windows has passed since then.
fn past(story: &Story, row: &Row, law: &Law, from: Moment, length: i64) -> Moment {
    let mut at = from + length;
    loop {
        let later = from + length + story.in_windows_at_most(law, row.claimed, from, at);
        if later == at || at >= story.end {
            return at;
        }
        at = later;
    }
}

fn deadline(story: &Story, row: &Row, law: &Law, found: &mut Findings<'_>) {
    let length = law.deadline * 1_000;
    if let Some(sent) = row.first_send() {
        let from = counts_from_at_most(story, row, law, sent);
        if sent - story.in_windows_at_most(law, row.claimed, from, sent) > from + length + SLACK {
            let after = after_others(row);
            found.add("10", sent, &[row], format!("sent later than its deadline of {} s{after}", law.deadline));
        }
    }
    if row.is("missed", "deadline")
        && let Some(over) = row.over()
    {
        let from = counts_from(story, row, over);
        // It may be its day that is over (rule 21).
        let is_day_over = day_is_over(law, row).is_some_and(|day| day <= over);
        if !is_day_over && over + SLACK - story.in_windows_at_least(law, from, over) < from + length {
            found.add("10", over, &[row], format!("given up before its deadline of {} s", law.deadline));
        }
    }
    let others = [WaitReason::Overlap, WaitReason::Retry, WaitReason::Paused, WaitReason::Blackout];
    let waits = |state| matches!(state, RunState::Waiting(_)) && !waits_for(state, &others);
    if row.tries.iter().any(|attempt| attempt.job.is_some()) {
        return;
    }
    for (from, to) in row.spans(waits) {
        let to = to.min(story.end);
        let due = past(story, row, law, counts_from_at_most(story, row, law, to), length).max(from);
        if to > due + SOON && story.lived(due, due + SOON) && !story.is_held(law, due, due + SOON) {
            let unread = story.near(row).find(|other| {
                other.nominal < row.nominal && matches!(other.state_before(due + SOON), Some(RunState::Job(_)))
            });
            // One that is unclear, or waits, is known without being read; waiting for it uses nothing up.
            let mut older = story.near(row).filter(|other| other.nominal < row.nominal);
            if unread.is_none() && older.any(|other| other.is_open_before(due + SOON)) {
                return;
            }
            let queued = row.lines[0].1 == RunState::Waiting(WaitReason::Overlap);
            let behind = match unread {
                Some(_) => ", behind a run whose job is not read",
                None if queued && !story.is_calm(law.connection, due, due) => {
                    ", queued while its connection is not well"
                }
                None => after_others(row),
            };
            let rows: Vec<&Row> = [row].into_iter().chain(unread).collect();
            found.add("10", due, &rows, format!("still waits after its deadline of {} s{behind}", law.deadline));
            return;
        }
    }
}

/// Words for one that waited for times that are caught up.
fn after_others(row: &Row) -> &'static str {
    let waited = row.spans(|state| waits_for(state, &[WaitReason::CatchUp])).iter().any(|(from, to)| to > from);
    if waited { ", after times that are caught up" } else { "" }
}

/// Of several times that waited for one cause, `catch_up` chooses.
fn limit(story: &Story, row: &Row, law: &Law, found: &mut Findings<'_>) {
    let most = match law.catch_up {
        CatchUp::Skip | CatchUp::Last => 1,
        CatchUp::All { max } => max,
    };
    let waited = |row: &Row| row.spans(|state| waits_for(state, &CAUSES));
    if row.is("missed", "limit") && row.was_meant() {
        let over = row.over().unwrap_or(story.end);
        let newer = story.near(row).filter(|other| other.nominal > row.nominal && other.claimed <= over);
        let newer = newer.filter(|other| !waited(other).is_empty()).count();
        if newer < most {
            found.add("9", over, &[row], "too many waited for one cause, and so many did not");
        }
        return;
    }
    let Some(sent) = row.first_send() else { return };
    // It was sent when its cause ended: so many newer ones must not have waited for the same then.
    let same = |state_a: RunState, state_b: RunState| state_a == state_b && waits_for(state_a, &CAUSES);
    let Some(before) = row.state_before(sent) else { return };
    // A life begins with reading what was open, which is no outage.
    let in_trouble = |from: Moment| story.troubles(law.connection, from, sent - 1).next().is_some();
    let newer: Vec<&Row> = story
        .near(row)
        .filter(|other| other.nominal > row.nominal && other.is_open_before(sent))
        .filter(|other| other.state_before(sent).is_some_and(|state| same(state, before)))
        .filter(|other| in_trouble(other.claimed))
        .collect();
    if newer.len() >= most {
        let mut rows = vec![row];
        rows.extend(newer);
        found.add("9", sent, &rows, "newer times waited for the same cause, and this one was sent");
    }
}
