//! Rules 1 to 5 and 8, and the promise: every nominal time has exactly one row, or lies in exactly one range row.

use std::collections::{BTreeMap, BTreeSet};

use super::Findings;
use crate::job::Moment;
use crate::law::Law;
use crate::story::{Row, Story};

/// A stretch in which a schedule had one timing.
struct Era<'s> {
    law: &'s Law,
    from: Moment,
    until: Moment,
    next: Next<'s>,
}

enum Next<'s> {
    /// The schedule is in no file any more.
    Gone,
    Edited(&'s Law),
    /// The story ends.
    Over,
}

pub(super) fn check(story: &Story, found: &mut Findings<'_>) {
    let keys: BTreeSet<&String> = story.files.iter().flat_map(|files| files.laws.keys()).collect();
    for key in keys {
        let eras = eras(story, key);
        let (must, may) = expected(story, &eras);
        rows_for_times(story, key, &must, &may, found);
        edits(story, key, &eras, found);
    }
    story.rows.iter().for_each(|row| row_by_itself(story, row, found));
}

fn eras<'s>(story: &'s Story, key: &str) -> Vec<Era<'s>> {
    let mut eras: Vec<Era<'s>> = Vec::new();
    let mut open = false;
    for (at, files) in &story.record.loads {
        let law = story.files[*files].laws.get(key);
        let last = eras.last_mut().filter(|_| open);
        match (last, law) {
            (Some(last), Some(law)) if last.law.has_times_of(law) => continue,
            (Some(last), law) => {
                last.until = *at;
                last.next = law.map_or(Next::Gone, Next::Edited);
            }
            (None, _) => {}
        }
        open = law.is_some();
        eras.extend(law.map(|law| Era { law, from: *at, until: story.end, next: Next::Over }));
    }
    eras
}

/// Times that must have a row, and those that may have one.
fn expected(story: &Story, eras: &[Era<'_>]) -> (BTreeSet<Moment>, BTreeSet<Moment>) {
    let (mut must, mut may) = (BTreeSet::new(), BTreeSet::new());
    for Era { law, from, until, next } in eras {
        // A time that its jitter keeps back, or that comes while nobody is there, is not planned yet when the schedule goes.
        let latest = match next {
            Next::Over => *until - law.jitter * 1_000,
            Next::Edited(_) => *until,
            Next::Gone => alive_before(story, *until) - law.jitter * 1_000 - 1,
        };
        for time in law.nominal_times(from.div_euclid(1_000), until.div_euclid(1_000)) {
            let time = time * 1_000;
            if time > *from {
                if time <= latest {
                    must.insert(time)
                } else {
                    may.insert(time)
                };
            }
        }
    }
    (must, may)
}

/// The last moment before that one at which the daemon lived.
fn alive_before(story: &Story, at: Moment) -> Moment {
    let lives = story.record.lives.iter().filter(|(begun, _)| *begun < at);
    lives.map(|(_, died)| (*died).min(at)).max().unwrap_or(at)
}

fn rows_for_times(story: &Story, key: &str, must: &BTreeSet<Moment>, may: &BTreeSet<Moment>, found: &mut Findings<'_>) {
    let mut rows: BTreeMap<Moment, Vec<&Row>> = BTreeMap::new();
    for row in story.of(key) {
        let last = row.nominal_until.unwrap_or(row.nominal);
        let covered: Vec<Moment> =
            [must, may].into_iter().flat_map(|times| times.range(row.nominal..=last).copied()).collect();
        let count = row.count.map_or(1, |count| usize::try_from(count).unwrap_or(0));
        if !covered.contains(&row.nominal) {
            found.add("3", row.nominal, &[row], "no such time was planned");
        } else if covered.len() != count {
            found.add("9", row.nominal, &[row], format!("stands for {count} times, and there are {}", covered.len()));
        }
        covered.into_iter().for_each(|at| rows.entry(at).or_default().push(row));
    }
    for at in must.iter().filter(|at| !rows.contains_key(at)) {
        found.about("promise: one row", key.to_owned(), *at, &[], "this time has no row");
    }
    for (at, rows) in rows.iter().filter(|(_, rows)| rows.len() > 1) {
        found.add("promise: one row", *at, rows, "this time has more than one row");
    }
}

/// Rule 8: what an edit of the timing took away.
fn edits(story: &Story, key: &str, eras: &[Era<'_>], found: &mut Findings<'_>) {
    for row in story.of(key) {
        let taken_away = eras.iter().find(|era| {
            let Next::Edited(new) = era.next else { return false };
            let second = row.nominal / 1_000;
            era.from < row.nominal
                && row.nominal <= era.until
                && row.claimed >= era.until
                && new.nominal_times(second - 1, second).is_empty()
        });
        let disabled = story.files_at(row.claimed).laws.get(key).is_some_and(|law| !law.enabled);
        match (row.is("missed", "edited"), taken_away) {
            (true, None) => found.add("8", row.claimed, &[row], "no edit took this time away before it was planned"),
            (false, Some(_)) if !disabled => {
                found.add("8", row.claimed, &[row], "an edit took this time away, and the row does not say so");
            }
            (true, Some(era)) if alive_before(story, era.until) > row.fire + 1_000 => {
                found.add("8", row.claimed, &[row], "the daemon was there when this time came, before the edit");
            }
            (true, Some(_)) | (false, _) => {}
        }
    }
}

fn row_by_itself(story: &Story, row: &Row, found: &mut Findings<'_>) {
    let Some(law) = story.law(row) else {
        return found.add("8", row.claimed, &[row], "its schedule was in no file when it was claimed");
    };
    if row.fire < row.nominal || row.fire > row.nominal + 90_000 {
        found.add("5", row.nominal, &[row], "jitter moves a time by no more than itself");
    }
    if row.claimed < row.fire && !row.is("missed", "edited") {
        found.add("8", row.claimed, &[row], "claimed before its time");
    }
    // What is only written down may come with the next turn.
    let soon = if row.was_meant() { 2_000 } else { 60_000 };
    let lived = story.lived(row.fire, row.fire + soon);
    if lived && row.claimed > row.fire + soon {
        found.add("8", row.claimed, &[row], "claimed late although the daemon was there");
    }
    let over = row.over().unwrap_or(story.end);
    if row.is("skipped", "disabled") {
        let said = |at: Moment| story.files_at(at).laws.get(&row.schedule).is_some_and(|law| !law.enabled);
        let loads = story.record.loads.iter().map(|(at, _)| *at);
        let loads = loads.filter(|at| row.claimed <= *at && *at <= over);
        if !said(row.claimed) && !loads.into_iter().any(said) {
            found.add("8", over, &[row], "its schedule was not disabled");
        }
    } else if !law.enabled && row.fire > story.record.loads[0].0 && !row.is("missed", "edited") {
        found.add("8", row.claimed, &[row], "its schedule was disabled when it was claimed");
    }
    if row.is("cancelled", "") && story.files_at(over).laws.contains_key(&row.schedule) {
        found.add("12a", over, &[row], "cancelled although its schedule is in the files");
    }
}
