//! The same of pauses, skipped times and blackouts (rules 18, 29, 30).

use punctual::run::{Ending, RunState, SkipReason, WaitReason};

use super::blackout::{Begins, Words};
use super::controls::{finds, place, succeeded};
use super::job::Moment;
use super::people::{Answer, Ask, Asked, PERSON, Pause, Scope, US};
use super::story::{Row, Story};

/// All files have this blackout too.
fn shut(story: &mut Story, schedule: &str, from: Moment, seconds: i64, waits: bool) {
    for files in &mut story.files {
        let words = Words {
            name: "falsified".to_owned(),
            begins: Begins::At(vec![from.div_euclid(1_000)]),
            zone: "UTC",
            lasts: seconds,
            schedules: vec![schedule.to_owned()],
            connections: Vec::new(),
            waits,
        };
        files.blackouts.insert("falsified".to_owned(), words.spread(from, from));
    }
}

fn pause(story: &mut Story, schedule: &str, since: Moment, until: Moment) {
    let (scope, actor) = (Scope::Schedules(schedule.to_owned()), PERSON.to_owned());
    story.pauses.push(Pause { scope, actor, reason: None, since, until: Some(until), ended: None });
}

fn one_that_ran(story: &Story) -> (Row, Moment) {
    let row = story.rows[place(story, succeeded)].clone();
    let sent = row.first_send().unwrap();
    (row, sent)
}

/// The last time of a window, which was sent at its end.
fn one_that_waited(story: &Story) -> usize {
    place(story, |row| {
        let waited = row.lines[0].1 == RunState::Waiting(WaitReason::Blackout) && row.first_send().is_some();
        let windows = story.law(row).and_then(|law| story.windows_of(row, law).ok().flatten());
        waited && windows.is_some_and(|windows| windows.waits)
    })
}

/// A pause by punctual for such a reason.
fn ours(story: &Story, words: &str) -> usize {
    let is_it = |pause: &Pause| pause.actor == US && pause.reason.as_ref().is_some_and(|text| text.contains(words));
    story.pauses.iter().position(is_it).expect("the day has such a pause")
}

#[test]
fn a_start_inside_a_window_and_one_inside_a_pause_are_found() {
    finds("30", "sent inside a window", |story| {
        let (row, sent) = one_that_ran(story);
        shut(story, &row.schedule, sent - 1_000, 60, false);
    });
    finds("29", "sent inside a pause", |story| {
        let (row, sent) = one_that_ran(story);
        pause(story, &row.schedule, sent - 1, sent + 60_000);
    });
}

#[test]
fn a_time_that_a_window_takes_and_that_goes_is_found() {
    finds("30", "lies in a window that takes it", |story| {
        let (row, _) = one_that_ran(story);
        shut(story, &row.schedule, row.fire, 60, false);
    });
    finds("30", "does not wait for the end of the window", |story| {
        let (row, _) = one_that_ran(story);
        shut(story, &row.schedule, row.fire, 60, true);
    });
}

#[test]
fn two_of_the_times_of_a_window_and_none_of_them_are_found() {
    finds("30", "it is not the last of these windows", |story| {
        let row = story.rows[one_that_waited(story)].clone();
        let later = (row.nominal + 1_000, row.fire + 1_000);
        story.rows.push(Row { id: "another".to_owned(), nominal: later.0, fire: later.1, tries: Vec::new(), ..row });
    });
    finds("30", "was left out", |story| {
        let place = one_that_waited(story);
        story.rows[place].state = RunState::Ended(Ending::Skipped(SkipReason::Blackout));
    });
}

#[test]
fn a_time_that_nothing_held_back_is_found() {
    finds("30", "nothing held this time back", |story| {
        let place = place(story, succeeded);
        story.rows[place].state = RunState::Ended(Ending::Skipped(SkipReason::Blackout));
    });
    finds("29", "nothing held this time back", |story| {
        // Its pause had ended.
        let paused = place(story, |row| {
            row.is("skipped", "paused") && story.law(row).is_some_and(|law| story.pause_at(law, row.fire).is_some())
        });
        let fire = story.rows[paused].fire;
        story.pauses.iter_mut().filter(|pause| pause.has(fire)).for_each(|pause| pause.ended = Some(fire));
    });
}

#[test]
fn a_time_that_was_to_be_held_back_is_found() {
    finds("29", "lies in a pause", |story| {
        let (row, _) = one_that_ran(story);
        pause(story, &row.schedule, row.fire, row.fire + 1);
    });
    finds("29", "a person wanted it skipped", |story| {
        let (row, _) = one_that_ran(story);
        let ask = Ask::Skip { schedule: row.schedule, at: Some(row.nominal) };
        story.record.asked.push(Asked { at: row.fire - 1, ask, answer: Some(Answer::Time(row.nominal)) });
    });
}

#[test]
fn a_wait_for_nothing_is_found() {
    finds("30", "and there is none", |story| story.files.iter_mut().for_each(|files| files.blackouts.clear()));
    finds("29", "does not wait for it", |story| {
        let unsent = |state| matches!(state, RunState::Waiting(WaitReason::Overlap | WaitReason::Outage));
        let long = |row: &Row| {
            let mut spans = row.spans(unsent).into_iter();
            spans.find(|(from, to)| *to < story.end && to - from > 60_000 && story.lived(*from, *to))
        };
        let row = &story.rows[place(story, |row| row.tries.len() == 1 && long(row).is_some())];
        let (schedule, (from, to)) = (row.schedule.clone(), long(row).unwrap());
        pause(story, &schedule, from + 10_000, to + 60_000);
    });
}

#[test]
fn a_deadline_that_a_window_used_up_is_found() {
    finds("10", "given up before its deadline", |story| {
        // One whose day does not end by a time of day.
        let has_its_time = |row: &Row| {
            let timeout = story.law(row).and_then(|law| law.timeout.clone());
            row.is("missed", "deadline") && timeout.is_none_or(|timeout| timeout.at.is_none())
        };
        let row = &story.rows[place(story, has_its_time)];
        let (schedule, claimed) = (row.schedule.clone(), row.claimed);
        shut(story, &schedule, claimed + 10_000, 100, true);
    });
}

#[test]
fn a_pause_after_too_few_failures_and_a_missing_one_are_found() {
    finds("29", "not so many have failed", |story| {
        let laws = story.files.iter_mut().flat_map(|files| files.laws.values_mut());
        laws.for_each(|law| law.pause_after = law.pause_after.map(|failures| failures + 1));
    });
    finds("29", "it is not paused", |story| {
        let gone = ours(story, "runs in a row");
        story.pauses.remove(gone);
    });
    finds("29", "it was already", |story| {
        let again = story.pauses[ours(story, "runs in a row")].clone();
        story.pauses.push(again);
    });
}

#[test]
fn a_missing_pause_after_failed_logons_is_found() {
    finds("18", "is not paused", |story| story.pauses.retain(|pause| pause.actor != US));
}

#[test]
fn a_pause_that_was_confirmed_and_is_not_stored_is_found() {
    let confirmed = |story: &Story, pause: &Pause| {
        let mut asked = story.record.asked.iter().filter(|asked| asked.answer == Some(Answer::Done));
        pause.actor == PERSON && asked.any(|asked| asked.at == pause.since)
    };
    let by_person = |story: &Story| story.pauses.iter().position(|pause| confirmed(story, pause)).unwrap();
    finds("29", "stored is: false", |story| {
        let gone = by_person(story);
        story.pauses.remove(gone);
    });
    finds("29", "nobody asked for", |story| pause(story, "s1", story.end - 1, story.end));
    finds("29", "nobody has resumed", |story| {
        let place = by_person(story);
        story.pauses[place].ended = Some(story.pauses[place].since + 1);
    });
}
