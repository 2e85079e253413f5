//! That the checker can fail: a day that went by the rules, falsified by hand, each time in one way that it must find.

use punctual::orchestrator::StopStrategy;
use punctual::run::{Ending, RunState};

use super::checker::check;
use super::day;
use super::job::Class;
use super::law::Overlap;
use super::orchestrator::StopCall;
use super::story::{Row, Story};

/// What the checker finds in the falsified day, and not in the true one.
pub(crate) fn finds(rule: &str, words: &str, falsify: impl FnOnce(&mut Story)) {
    let is_it = |story: &Story| check(story).iter().any(|one| one.rule == rule && one.text.contains(words));
    let mut story = day().clone();
    assert!(!is_it(&story), "the true day has it already");
    falsify(&mut story);
    story.index();
    assert!(is_it(&story), "rule {rule} is broken, and the checker does not see it");
}

pub(crate) fn place(story: &Story, wanted: impl Fn(&Row) -> bool) -> usize {
    story.rows.iter().position(wanted).expect("the day has such a row")
}

pub(crate) fn succeeded(row: &Row) -> bool {
    row.is("succeeded", "") && row.tries.len() == 1
}

#[test]
fn a_time_without_a_row_is_found() {
    finds("promise: one row", "has no row", |story| drop(story.rows.remove(place(story, succeeded))));
}

#[test]
fn a_time_with_two_rows_is_found() {
    finds("promise: one row", "more than one row", |story| {
        let row = story.rows[place(story, succeeded)].clone();
        story.rows.push(Row { id: "another".to_owned(), tries: Vec::new(), ..row });
    });
}

#[test]
fn a_second_job_is_found() {
    finds("13", "2 jobs", |story| {
        let second = story.jobs[0].clone();
        story.jobs.push(second);
    });
}

#[test]
fn a_job_that_no_row_has_is_found() {
    finds("14", "no row has the job", |story| {
        let mut job = story.jobs[0].clone();
        job.reference.push('x');
        story.jobs.push(job);
    });
}

#[test]
fn a_retry_of_an_account_fault_is_found() {
    finds("18", "an account's fault", |story| {
        let failed = |row: &Row| row.tries.len() > 1 && row.tries[0].ended_as.as_deref() == Some("faulted");
        let row = &story.rows[place(story, failed)];
        let id = row.tries[0].job.unwrap();
        story.jobs[usize::try_from(id - 1).unwrap()].fault = Some((Class::Account, ""));
    });
}

#[test]
fn a_retry_too_many_and_one_too_soon_are_found() {
    let failed = |row: &Row| row.tries.len() > 1 && row.tries[1].job.is_some();
    finds("18", "were allowed", |story| {
        let place = place(story, failed);
        let more = (0..9).map(|_| story.rows[place].tries[1].clone()).collect::<Vec<_>>();
        story.rows[place].tries.extend(more);
    });
    finds("18", "is due at", |story| {
        let place = place(story, failed);
        let due = story.rows[place].tries[1].due.as_mut().unwrap();
        *due -= 3_600_000;
    });
}

#[test]
fn a_queue_out_of_order_is_found() {
    finds("11", "in front of it", |story| {
        let queued = |row: &Row| {
            let queue = story.law(row).is_some_and(|law| law.overlap == Overlap::QueueAll);
            queue
                && succeeded(row)
                && row.lines[0].1.reason() == Some("overlap")
                && row.first_send() > Some(row.claimed + 60_000)
        };
        let place = place(story, queued);
        // It is sent at once, before those in front of it.
        let claimed = story.rows[place].claimed;
        story.rows[place].lines.insert(1, (claimed + 1, RunState::Starting));
    });
}

#[test]
fn a_time_that_was_skipped_for_nobody_is_found() {
    finds("11", "asks for it", |story| {
        let place = place(story, |row| {
            let alone = story.near(row).all(|other| {
                other.id == row.id || other.over().is_some_and(|over| over < row.claimed) || other.claimed > row.claimed
            });
            alone && succeeded(row)
        });
        let row = &mut story.rows[place];
        row.state = RunState::Ended(Ending::Skipped(punctual::run::SkipReason::Overlap));
        row.lines = vec![(row.claimed, row.state)];
        row.tries.clear();
    });
}

#[test]
fn a_pool_that_holds_too_many_is_found() {
    finds("11", "at once in the pool", |story| {
        story.files.iter_mut().for_each(|files| _ = files.pools.insert("large", 1));
    });
}

#[test]
fn a_stop_without_an_intent_and_one_too_early_are_found() {
    finds("21a", "without an intent", |story| {
        let row = &story.rows[place(story, succeeded)];
        let job = story.job_of(&row.tries[0]).unwrap();
        story.stops.push(StopCall { at: job.made + 1_000, job: job.id, how: StopStrategy::Kill, accepted: true });
    });
    finds("21", "for so long", |story| {
        let timed_out =
            |row: &Row| row.tries.iter().any(|attempt| attempt.stop.as_ref().is_some_and(|stop| stop.by == "timeout"));
        let place = place(story, timed_out);
        let stops = story.rows[place].tries.iter_mut().filter_map(|attempt| attempt.stop.as_mut());
        stops.for_each(|stop| stop.asked -= 100_000);
    });
}

#[test]
fn a_false_end_is_found() {
    finds("21a", "it ought to be", |story| {
        let place = place(story, succeeded);
        story.rows[place].tries[0].ended_as = Some("faulted".to_owned());
    });
    finds("20", "does not have its job's end", |story| {
        let place = place(story, succeeded);
        story.rows[place].ended = story.rows[place].ended.map(|at| at + 1);
    });
}

#[test]
fn a_start_after_its_deadline_is_found() {
    finds("10", "later than its deadline", |story| {
        let place =
            place(story, |row| succeeded(row) && row.lines.iter().all(|(_, state)| state.reason() != Some("overlap")));
        story.rows[place].lines.iter_mut().for_each(|(at, _)| *at += 100_000_000);
    });
}
