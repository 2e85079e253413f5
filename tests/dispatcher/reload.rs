//! Files that are read again while the daemon runs: what is due, what is open, and what is known (semantics.md 8, 27).

use std::sync::Arc;

use jiff::Timestamp;
use punctual::dispatcher::core::Absent;
use punctual::schedule::{ScheduleKey, ScheduleSet};

use super::server::{Call, Mood, Post};
use super::world::{CONNECTION, World, at, hourly, is_start, read, seconds, set_of};

const BEFORE: &str = "2026-11-23T11:59:00Z";
const NOON: &str = "2026-11-23T12:00:00Z";
const ONE: &str = "2026-11-23T13:00:00Z";

fn schedules(lines: &str) -> Arc<ScheduleSet> {
    set_of(lines, at(BEFORE))
}

/// Two connections, and one schedule on each.
fn two(now: Timestamp) -> Arc<ScheduleSet> {
    read(
        &format!(
            "{CONNECTION}  other:\n    url: https://other.example.com\n    auth: {{ grant: client_credentials, client_id: app, \
             client_secret: \"credential:other\", scope: OR.Jobs }}\ndefaults: {{ timezone: UTC, folder: F }}\nschedules:\n  \
             x: {{ cron: \"0 * * * *\", connection: cloud, start: {{ process: P }} }}\n  y: {{ cron: \"0 * * * *\", connection: \
             other, start: {{ process: P }} }}\n"
        ),
        now,
    )
}

#[test]
fn a_new_schedule_begins_at_its_load_and_the_others_go_on() {
    let mut world = World::new(&hourly(""), BEFORE);
    world.pass_to("2026-11-23T12:30:00Z");
    world.load(schedules(&format!("{}  fresh: {{ cron: \"15,45 * * * *\", start: {{ process: P }} }}\n", hourly(""))));
    world.pass_to("2026-11-23T13:10:00Z");
    assert_eq!(world.states("x"), [(NOON.into(), "succeeded".into()), (ONE.into(), "succeeded".into())]);
    // 12:15 was before the load.
    assert_eq!(world.states("fresh"), [("2026-11-23T12:45:00Z".into(), "succeeded".into())]);
}

#[test]
fn a_renamed_schedule_is_a_new_one_and_the_old_key_is_forgotten() {
    let mut world = World::new(&hourly(""), BEFORE);
    world.pass_to("2026-11-23T12:30:00Z");
    world.load(schedules("  z: { cron: \"0 * * * *\", start: { process: P } }\n"));
    world.pass_to("2026-11-23T13:10:00Z");
    assert_eq!(world.states("x"), [(NOON.into(), "succeeded".into())]);
    assert_eq!(world.states("z"), [(ONE.into(), "succeeded".into())]);
    let marks: Vec<&str> = world.db.marks.keys().map(ScheduleKey::as_str).collect();
    assert_eq!(marks, ["z"]);
}

#[test]
fn what_was_due_before_the_load_is_claimed_as_the_old_files_had_it() {
    let mut world = World::new(&hourly(""), BEFORE);
    world.pass_to("2026-11-23T11:59:59Z");
    // Due, and not looked at yet, when the load comes in the same turn.
    world.now.wall = at("2026-11-23T12:00:00.300Z");
    world.now.boot += std::time::Duration::from_millis(1_300);
    world.load(schedules("  x: { cron: \"30 * * * *\", start: { process: New } }\n"));
    world.pass_to("2026-11-23T12:40:00Z");
    let noon = world.run("x", NOON);
    assert_eq!((noon.state.to_string().as_str(), noon.start().process.as_str()), ("succeeded", "P"));
    assert_eq!(world.run("x", "2026-11-23T12:30:00Z").start().process, "New");
    assert_eq!(world.states("x").len(), 2);
}

#[test]
fn an_edit_of_something_else_keeps_the_mark_and_no_time_comes_twice_or_is_lost() {
    let mut world = World::new(&hourly(""), BEFORE);
    for minute in 0..180 {
        world.pass(seconds(60));
        world.load(schedules(&hourly(&format!(", description: \"edit {minute}\""))));
    }
    let states = world.states("x");
    let expected: Vec<String> = ["12", "13", "14"].map(|hour| format!("2026-11-23T{hour}:00:00Z")).into();
    assert_eq!(states.iter().map(|(at, _)| at.clone()).collect::<Vec<_>>(), expected);
    assert_eq!(world.server.jobs.len(), 3);
}

#[test]
fn a_run_that_is_open_keeps_its_payload_and_is_followed_when_its_schedule_is_gone() {
    let mut world = World::new(&hourly(""), BEFORE);
    world.server.lasts = seconds(600);
    world.pass_to("2026-11-23T12:01:00Z");
    assert_eq!(world.state("x", NOON), "running");
    world.load(schedules("  y: { cron: \"0 0 * * *\", start: { process: Q } }\n"));
    world.pass_to("2026-11-23T12:20:00Z");
    assert_eq!(world.state("x", NOON), "succeeded");
    assert_eq!(world.run("x", NOON).start().process, "P");
}

#[test]
fn a_start_that_waits_goes_out_with_its_frozen_payload_after_an_edit() {
    let mut world = World::new(&hourly(""), BEFORE);
    world.server.mood = Mood::Down;
    world.pass_to("2026-11-23T12:10:00Z");
    world.load(schedules("  x: { cron: \"0 * * * *\", start: { process: Edited } }\n"));
    world.server.mood = Mood::Well;
    world.pass_to("2026-11-23T12:20:00Z");
    assert_eq!((world.state("x", NOON).as_str(), world.run("x", NOON).start().process.as_str()), ("succeeded", "P"));
}

#[test]
fn an_unclear_start_is_settled_across_a_load() {
    let mut world = World::proven(&hourly(""), BEFORE);
    world.server.script.push_back(Post::Dropped);
    let start = world.until_ordered(is_start);
    world.launch(start);
    world.load(schedules(&hourly(", overlap: allow")));
    world.pass(seconds(300));
    assert_eq!(world.state("x", NOON), "succeeded");
    assert_eq!(world.run("x", NOON).attempts.last().unwrap().sends, 1, "it was found, not sent again");
}

#[test]
fn the_runs_of_a_connection_that_is_gone_are_followed_to_their_end_and_then_it_is_let_go() {
    let begin = at(BEFORE);
    let mut world = World::with(two(begin), begin);
    world.server.lasts = seconds(600);
    world.pass_to("2026-11-23T12:01:00Z");
    assert_eq!((world.state("x", NOON).as_str(), world.state("y", NOON).as_str()), ("running", "running"));
    world.load(schedules(&hourly("")));
    let leaving: Vec<String> = world.core().leaving().iter().map(ToString::to_string).collect();
    assert_eq!(leaving, ["other"]);
    world.pass_to("2026-11-23T12:20:00Z");
    assert_eq!((world.state("x", NOON).as_str(), world.state("y", NOON).as_str()), ("succeeded", "succeeded"));
    assert!(world.core().leaving().is_empty(), "{:?}", world.core().leaving());
    // And nothing new is started on it.
    world.pass_to("2026-11-23T13:10:00Z");
    assert_eq!(world.states("y").len(), 1);
}

#[test]
fn a_connection_that_comes_back_reads_what_is_open_on_it_before_it_starts_anything() {
    let begin = at(BEFORE);
    let mut world = World::with(two(begin), begin);
    world.server.lasts = seconds(300);
    world.pass_to("2026-11-23T12:01:00Z");
    // The daemon is started with files that do not have it.
    world.crash();
    world.set = schedules(&hourly(""));
    world.recover();
    world.pass_to("2026-11-23T12:30:00Z");
    assert_eq!(world.state("y", NOON), "running", "nobody may ask about it");
    world.load(two(begin));
    world.pass_to("2026-11-23T13:10:00Z");
    assert_eq!(world.state("y", NOON), "succeeded");
    assert_eq!(world.state("y", ONE), "succeeded");
}

#[test]
fn a_set_that_is_held_back_at_the_start_loses_no_mark_and_its_times_are_caught_up_when_it_is_taken() {
    let mut world = World::new(&hourly(""), BEFORE);
    world.pass_to("2026-11-23T12:30:00Z");
    world.crash();
    let whole = world.set.clone();
    world.set = Arc::new(ScheduleSet { schedules: Default::default(), ..(*whole).clone() });
    world.absent = Absent::Park;
    world.recover();
    world.pass_to("2026-11-23T13:10:00Z");
    assert_eq!(world.states("x").len(), 1, "nothing is started while it is held back");
    world.load(whole);
    world.pass_to("2026-11-23T13:30:00Z");
    assert_eq!(world.states("x"), [(NOON.into(), "succeeded".into()), (ONE.into(), "succeeded".into())]);
}

#[test]
fn a_set_that_is_held_back_stays_so_when_the_store_fails() {
    let mut world = World::new(&hourly(""), BEFORE);
    world.crash();
    let whole = world.set.clone();
    world.set = Arc::new(ScheduleSet { schedules: Default::default(), ..(*whole).clone() });
    world.absent = Absent::Park;
    world.recover();
    world.store_fails_until = world.now.boot + seconds(30);
    world.pass(seconds(60));
    assert_eq!(world.db.marks.len(), 1, "its mark is gone");
}

#[test]
fn a_load_while_the_daemon_stops_is_left_to_the_next_life() {
    let mut world = World::new(&hourly(""), BEFORE);
    world.pass_to("2026-11-23T11:59:30Z");
    let now = world.now;
    world.core().handle(punctual::dispatcher::core::Event::Stop, now);
    world.load(schedules("  z: { cron: \"* * * * *\", start: { process: P } }\n"));
    world.pass(seconds(300));
    assert!(world.states("z").is_empty());
    let marks: Vec<&str> = world.db.marks.keys().map(ScheduleKey::as_str).collect();
    assert_eq!(marks, ["x"]);
}

#[test]
fn a_connection_that_goes_elsewhere_finds_its_processes_anew_and_one_that_stays_does_not() {
    for (place, resolves) in [("acme/staging", 1), ("acme/production", 0)] {
        let half_hourly = "  x: { cron: \"0,30 * * * *\", start: { process: P } }\n";
        let mut world = World::new(half_hourly, BEFORE);
        world.pass_to("2026-11-23T12:20:00Z");
        let loaded = world.now.boot;
        let connection = CONNECTION.replace("acme/production", place);
        let text = format!("{connection}defaults: {{ timezone: UTC, folder: F }}\nschedules:\n{half_hourly}");
        world.load(read(&text, at(BEFORE)));
        world.pass_to("2026-11-23T12:40:00Z");
        assert_eq!(world.state("x", "2026-11-23T12:30:00Z"), "succeeded");
        assert_eq!(world.server.count(loaded, |call| *call == Call::Resolve), resolves, "{place}");
    }
}
