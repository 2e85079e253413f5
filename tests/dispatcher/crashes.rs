//! A crash at every point of a start (C0 to C11, C13, C14): the robot is started once, and its run is told to the end.

use punctual::dispatcher::core::Event;
use punctual::executor::Action;
use punctual::run::RunState;

use super::server::{Call, Post};
use super::world::{World, attempt_of, hourly, is_start, seconds};

const BEFORE: &str = "2026-11-23T11:59:00Z";
const NOON: &str = "2026-11-23T12:00:00Z";

fn world() -> World {
    World::proven(&hourly(""), BEFORE)
}

/// The noon run's job exists once, and the run has succeeded.
fn assert_once(world: &World) {
    let run = world.run("x", NOON);
    assert_eq!(run.state.to_string(), "succeeded", "{:#?}", world.lines(run));
    assert_eq!(world.server.jobs_of(&attempt_of(run).reference), 1);
}

#[test]
fn c0_a_time_that_came_while_the_daemon_was_down_for_a_moment_is_started_once() {
    let mut world = world();
    world.crash();
    world.sleep(seconds(90));
    world.recover();
    world.pass(seconds(300));
    assert_once(&world);
    assert_eq!(world.server.posts(), 1);
}

#[test]
fn c1_a_claim_that_was_not_stored_was_never_made() {
    let mut world = world();
    world.pass(seconds(59));
    world.now.wall = super::world::at(NOON);
    world.now.boot += seconds(1);
    let now = world.now;
    let step = world.core().turn(now);
    assert!(step.then.iter().any(is_start), "it was about to be sent");
    world.restart();
    world.pass(seconds(300));
    assert_once(&world);
    assert_eq!(world.server.posts(), 1);
}

#[test]
fn c2_a_claim_that_was_not_sent_is_sent_by_the_next_life() {
    let mut world = world();
    world.server.mood = super::server::Mood::Down;
    world.pass_to(NOON);
    assert!(super::world::is_waiting(world.run("x", NOON).state));
    world.crash();
    world.server.mood = super::server::Mood::Well;
    world.recover();
    world.pass(seconds(300));
    assert_once(&world);
    assert_eq!(world.server.posts(), 1);
}

#[test]
fn c3_a_start_that_was_stored_and_not_sent_is_sent_again_after_the_settle_window_and_not_before() {
    let mut world = world();
    world.until_ordered(is_start);
    world.restart();
    world.pass(seconds(119));
    assert_eq!(world.state("x", NOON), "unknown");
    assert_eq!(world.server.posts(), 0);
    world.pass(seconds(300));
    assert_once(&world);
    assert_eq!(world.server.posts(), 1);
}

#[test]
fn c4_a_start_that_became_visible_late_is_adopted_and_not_repeated() {
    let mut world = world();
    let start = world.until_ordered(is_start);
    world.server.script.push_back(Post::Late(seconds(110)));
    world.answer(start);
    world.restart();
    world.pass(seconds(400));
    assert_once(&world);
    assert_eq!(world.server.posts(), 1);
}

#[test]
fn c5_a_start_whose_answer_died_with_the_daemon_is_adopted_at_the_first_look() {
    let mut world = world();
    let start = world.until_ordered(is_start);
    world.answer(start);
    world.restart();
    assert_eq!(world.state("x", NOON), "pending");
    world.pass(seconds(300));
    assert_once(&world);
    assert_eq!(world.server.posts(), 1);
}

#[test]
fn c6_an_answer_that_was_heard_and_not_stored_is_found_again() {
    let mut world = world();
    let start = world.until_ordered(is_start);
    let report = world.answer(start);
    world.tell(report);
    let now = world.now;
    world.core().turn(now);
    world.restart();
    world.pass(seconds(300));
    assert_once(&world);
    assert_eq!(world.server.posts(), 1);
}

#[test]
fn c7_a_job_that_is_followed_is_followed_on() {
    let mut world = world();
    world.pass_to("2026-11-23T12:00:10Z");
    assert_eq!(world.state("x", NOON), "running");
    world.restart();
    world.pass(seconds(300));
    assert_once(&world);
    assert_eq!(world.server.posts(), 1);
}

#[test]
fn c8_an_end_that_was_read_and_not_stored_is_read_again() {
    let mut world = world();
    let read = world.until_ordered(|action| matches!(action, Action::Read { .. }));
    let report = world.answer(read);
    world.tell(report);
    let now = world.now;
    world.core().turn(now);
    world.restart();
    world.pass(seconds(60));
    assert_once(&world);
}

#[test]
fn c7_a_run_that_ended_while_the_daemon_was_down_is_recorded_as_succeeded() {
    let mut world = world();
    world.pass_to("2026-11-23T12:00:10Z");
    world.crash();
    world.sleep(seconds(600));
    world.recover();
    world.pass(seconds(10));
    assert_once(&world);
}

#[test]
fn c10_between_none_and_the_second_call_the_next_life_looks_once_more() {
    let mut world = world();
    world.server.script.push_back(Post::NotMade);
    world.pass_to("2026-11-23T12:00:00Z");
    assert_eq!(world.state("x", NOON), "unknown");
    let again = world.until_ordered(is_start);
    // The second call is stored and not made; meanwhile the first one's job appears after all.
    let reference = attempt_of(world.run("x", NOON)).reference.clone();
    drop(again);
    let now = world.now;
    world.server.make(&reference, super::world::FOLDER, now, now.boot);
    world.restart();
    world.pass(seconds(300));
    assert_once(&world);
    assert_eq!(world.server.posts(), 1);
}

#[test]
fn c11_two_jobs_under_one_reference_leave_one_and_the_other_is_stopped() {
    let mut world = world();
    world.server.script.push_back(Post::NotMade);
    let again = {
        world.pass_to(NOON);
        world.until_ordered(is_start)
    };
    let reference = attempt_of(world.run("x", NOON)).reference.clone();
    let now = world.now;
    // A server that is slower than the settle window: the first call's job comes with the second's.
    world.server.make(&reference, super::world::FOLDER, now, now.boot);
    world.answer(again);
    world.restart();
    world.pass(seconds(600));
    assert_once(&world);
    assert_eq!(world.server.count(seconds(0), |call| matches!(call, Call::StopSpare(_))), 1);
    assert!(world.run("x", NOON).note.as_deref().unwrap().contains("duplicate job"));
}

#[test]
fn c13_under_an_old_copy_of_the_database_a_started_time_is_found_and_followed() {
    let mut world = world();
    let marks = world.db.marks.clone();
    world.pass_to("2026-11-23T12:00:05Z");
    assert_eq!(world.server.posts(), 1);
    world.crash();
    world.db.runs.clear();
    world.db.marks = marks;
    world.recover();
    world.pass(seconds(300));
    assert_once(&world);
    assert_eq!(world.server.posts(), 1);
    assert_eq!(world.open().len(), 0);
}

#[test]
fn c13_a_row_that_the_old_copy_holds_as_waiting_is_looked_up_before_it_is_sent() {
    let mut world = world();
    world.server.mood = super::server::Mood::Down;
    world.pass_to(NOON);
    let waiting = world.db.runs.clone();
    world.server.mood = super::server::Mood::Well;
    world.pass(seconds(100));
    assert_eq!(world.server.posts(), 1);
    world.crash();
    world.db.runs = waiting;
    world.recover();
    world.pass(seconds(300));
    assert_once(&world);
    assert_eq!(world.server.posts(), 1);
}

#[test]
fn c14_a_daemon_that_is_asked_to_stop_claims_nothing_and_keeps_the_answers() {
    let mut world = world();
    let start = world.until_ordered(is_start);
    let now = world.now;
    world.core().handle(Event::Stop, now);
    let report = world.answer(start);
    world.tell(report);
    world.settle();
    assert_eq!(world.state("x", NOON), "pending");
    world.pass(seconds(3_700));
    assert_eq!(world.states("x").len(), 1, "one o'clock is left to the next life");
    assert_eq!(world.server.posts(), 1);
}

#[test]
fn a_write_that_fails_leaves_nothing_behind_and_the_time_is_started_once_afterwards() {
    let mut world = world();
    world.pass(seconds(59));
    world.store_fails_until = world.now.boot + seconds(20);
    world.pass(seconds(100));
    assert_once(&world);
    assert_eq!(world.server.posts(), 1);
}

#[test]
fn the_answer_to_a_start_from_before_a_failed_write_is_taken_when_it_comes() {
    let mut world = world();
    world.server.post_takes.push_back(seconds(25));
    world.pass_to("2026-11-23T12:00:01Z");
    assert_eq!(world.run("x", NOON).state, RunState::Starting);
    // The writer fails; everything is read again while the call is under way.
    world.recover();
    world.server.post_takes.clear();
    world.server.filter = super::server::Filter::Breaks;
    world.pass(seconds(24));
    assert_eq!(world.state("x", NOON), "pending");
}

#[test]
fn the_settle_window_counts_from_the_end_of_a_call_that_outlived_a_failed_write() {
    let mut world = world();
    world.server.post_takes.push_back(seconds(30));
    world.server.script.push_back(Post::Late(seconds(119)));
    world.pass_to("2026-11-23T12:00:01Z");
    world.recover();
    world.pass(seconds(600));
    assert_once(&world);
    assert_eq!(world.server.posts(), 1);
}

#[test]
fn a_time_that_another_row_has_already_won_is_not_started() {
    let mut world = world();
    let marks = world.db.marks.clone();
    world.pass_to("2026-11-23T12:00:50Z");
    assert_once(&world);
    world.crash();
    // The mark lies back, the row is there.
    world.db.marks = marks;
    world.recover();
    world.pass(seconds(300));
    assert_eq!(world.states("x").len(), 1);
    assert_eq!(world.server.posts(), 1);
}

#[test]
fn a_mark_made_under_a_wrong_clock_does_not_silence_a_schedule_after_a_restart() {
    let mut world = world();
    world.crash();
    for (mark, ..) in world.db.marks.values_mut() {
        mark.0 = super::world::at("2027-11-23T00:00:00Z");
    }
    world.recover();
    world.pass(seconds(300));
    assert_once(&world);
}

#[test]
fn a_clock_that_is_set_back_starts_nothing_twice() {
    let mut world = world();
    world.pass_to("2026-11-23T12:10:00Z");
    assert_once(&world);
    world.now.wall = super::world::at("2026-11-23T11:30:00Z");
    world.pass(seconds(3_600 + 1_800 + 60));
    assert_eq!(world.server.posts(), 2, "noon once and one o'clock once: {:?}", world.states("x"));
}

#[test]
fn a_clock_that_is_set_forward_is_treated_as_time_that_was_missed() {
    let mut world = world();
    world.now.wall = super::world::at("2026-11-23T15:30:00Z");
    world.pass(seconds(300));
    let states: Vec<_> = world.states("x").into_iter().map(|(_, state)| state).collect();
    assert_eq!(states, ["missed: down", "missed: down", "missed: down", "succeeded"]);
    assert_eq!(world.server.posts(), 1);
}

#[test]
fn after_the_machine_slept_an_old_run_is_read_before_its_schedule_is_skipped_for_it() {
    let mut world = world();
    world.server.lasts = seconds(1_800);
    world.pass_to("2026-11-23T12:10:00Z");
    assert_eq!(world.state("x", NOON), "running");
    // Suspended for an hour, in which the job ended; the next time is due on waking.
    world.now.wall = super::world::at("2026-11-23T13:00:10Z");
    world.now.boot += seconds(3_010);
    world.pass(seconds(60));
    assert_eq!(world.state("x", NOON), "succeeded");
    assert_eq!(world.state("x", "2026-11-23T13:00:00Z"), "running", "{:?}", world.states("x"));
}

#[test]
fn after_a_clock_step_an_old_run_is_read_before_its_schedule_is_skipped_for_it() {
    let mut world = world();
    world.pass_to("2026-11-23T12:00:10Z");
    assert_eq!(world.state("x", NOON), "running");
    // It ends while the list that would show it is refused to come: only the step makes the daemon look at once.
    world.server.jobs.last_mut().unwrap().ends = world.now.boot;
    world.now.wall = super::world::at("2026-11-23T13:00:00Z");
    world.pass(seconds(120));
    assert_eq!(world.state("x", NOON), "succeeded");
    assert_eq!(world.state("x", "2026-11-23T13:00:00Z"), "succeeded", "{:?}", world.states("x"));
}

#[test]
fn a_start_that_was_to_be_sent_again_is_looked_up_once_more_after_a_clock_step() {
    let mut world = world();
    world.server.script.push_back(Post::NotMade);
    world.pass_to(NOON);
    // Down from here on, so that it is settled and cannot be sent again at once.
    world.pass(seconds(100));
    world.server.process = None;
    world.pass(seconds(1));
    world.server.process = Some(99);
    world.pass(seconds(40));
    world.now.wall = super::world::at("2026-11-23T12:20:00Z");
    world.pass(seconds(300));
    assert_once(&world);
}

#[test]
fn a_call_that_is_still_under_way_when_the_database_is_read_again_is_not_made_twice() {
    let mut world = World::proven(&hourly(""), BEFORE);
    let start = world.until_ordered(is_start);
    // A write fails, and a new core takes over; the call waits for a token that a server refused and renews slowly.
    let old = world.core.take().unwrap();
    world.recover();
    let now = world.now;
    world.core().take_over(old, now);
    world.pass(seconds(150));
    assert_eq!(world.server.posts(), 0, "it is not sent a second time");
    let report = world.answer(start);
    world.tell(report);
    world.pass(seconds(600));
    assert_eq!(world.server.posts(), 1);
    assert_eq!(world.state("x", NOON), "succeeded");
}
