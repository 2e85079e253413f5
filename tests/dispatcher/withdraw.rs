//! Runs that were not sent yet when their schedule left the files, or was disabled (semantics.md 14).

use std::sync::Arc;

use punctual::dispatcher::core::{Absent, Command, Resolution, Resolved};
use punctual::schedule::ScheduleSet;

use super::server::{Mood, Post};
use super::world::{FOLDER, World, at, attempt_of, hourly, is_start, seconds, set_of};

const BEFORE: &str = "2026-11-23T11:59:00Z";
const NOON: &str = "2026-11-23T12:00:00Z";

/// Files that do not have `x` any more.
fn without_x() -> Arc<ScheduleSet> {
    set_of("  y: { cron: \"0 0 * * *\", start: { process: Q } }\n", at(BEFORE))
}

fn with_x(more: &str) -> Arc<ScheduleSet> {
    set_of(&hourly(more), at(BEFORE))
}

/// Noon's start waits, because Orchestrator is down.
fn waiting() -> World {
    let mut world = World::new(&hourly(""), BEFORE);
    world.server.mood = Mood::Down;
    world.pass_to("2026-11-23T12:05:00Z");
    assert_eq!(world.state("x", NOON), "waiting: outage");
    world
}

#[test]
fn a_start_that_waits_is_withdrawn_with_its_schedule_and_never_sent() {
    let mut world = waiting();
    let tried = world.server.posts();
    world.load(without_x());
    assert_eq!(world.state("x", NOON), "cancelled", "at once, although Orchestrator is still down");
    assert_eq!(world.run("x", NOON).cancelled_by.as_deref(), Some("files"));
    let note = world.run("x", NOON).note.clone();
    assert_eq!(note.as_deref(), Some("its schedule was taken out of the files before it could be sent"));
    world.server.mood = Mood::Well;
    world.pass(seconds(600));
    assert_eq!((world.server.jobs.len(), world.server.posts()), (0, tried));
}

#[test]
fn a_start_that_waits_is_withdrawn_when_its_schedule_is_disabled() {
    let mut world = waiting();
    world.load(with_x(", enabled: false"));
    assert_eq!(world.state("x", NOON), "skipped: disabled");
    world.server.mood = Mood::Well;
    world.pass(seconds(600));
    assert!(world.server.jobs.is_empty());
}

#[test]
fn an_unclear_start_is_not_repeated_once_its_schedule_is_gone() {
    let mut world = World::proven(&hourly(""), BEFORE);
    world.server.script.push_back(Post::NotMade);
    world.pass_to("2026-11-23T12:00:30Z");
    assert_eq!(world.state("x", NOON), "unknown");
    world.load(without_x());
    assert_eq!(world.state("x", NOON), "unknown", "a job may still come to light");
    world.pass(seconds(300));
    assert_eq!((world.state("x", NOON).as_str(), world.server.posts()), ("cancelled", 1));
}

#[test]
fn the_job_of_an_unclear_start_is_followed_although_its_schedule_is_gone() {
    let mut world = World::proven(&hourly(""), BEFORE);
    world.server.script.push_back(Post::Dropped);
    let start = world.until_ordered(is_start);
    world.launch(start);
    world.load(without_x());
    world.pass(seconds(300));
    assert_eq!(world.state("x", NOON), "succeeded");
}

#[test]
fn a_start_that_waits_outlives_a_restart_under_files_that_are_held_back() {
    let mut world = waiting();
    world.crash();
    let whole = world.set.clone();
    world.set = Arc::new(ScheduleSet { schedules: Default::default(), ..(*whole).clone() });
    world.absent = Absent::Park;
    world.recover();
    world.server.mood = Mood::Well;
    world.pass(seconds(600));
    assert_eq!(world.state("x", NOON), "succeeded", "nobody has said that its schedule is gone");
}

#[test]
fn after_a_restart_without_its_schedule_a_start_that_waits_is_looked_up_before_it_is_withdrawn() {
    for (made, state) in [(false, "cancelled"), (true, "succeeded")] {
        let mut world = waiting();
        world.crash();
        if made {
            // The database is an old copy: another life has started it.
            let reference = attempt_of(world.run("x", NOON)).reference.clone();
            let now = world.now;
            world.server.make(&reference, FOLDER, now, now.boot);
        }
        let posts = world.server.posts();
        world.set = without_x();
        world.server.mood = Mood::Well;
        world.recover();
        world.pass(seconds(600));
        assert_eq!((world.state("x", NOON).as_str(), world.server.posts()), (state, posts), "made: {made}");
    }
}

#[test]
fn what_a_person_says_to_start_is_sent_although_its_schedule_is_gone() {
    let mut world = World::proven(&hourly(", on_unknown_start: hold"), BEFORE);
    world.server.script.push_back(Post::NotMade);
    world.pass_to("2026-11-23T12:10:00Z");
    assert_eq!(world.state("x", NOON), "held");
    world.load(without_x());
    world.pass(seconds(30));
    assert_eq!(world.state("x", NOON), "held");
    let run = world.run("x", NOON).id;
    let said = world.command(Command::Resolve { run, how: Resolution::Start, actor: "ada (uid 1000)".to_owned() });
    assert_eq!(said, Ok(Resolved::Starting));
    world.pass(seconds(120));
    assert_eq!(world.state("x", NOON), "succeeded");
}
