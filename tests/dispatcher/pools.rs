//! Places in pools, and who gets the next (semantics.md 11).

use std::sync::Arc;

use punctual::schedule::{ScheduleKey, ScheduleSet};

use super::server::{Life, Mood, Post};
use super::world::{World, at, seconds, set_of};

const BEFORE: &str = "2026-11-23T11:59:00Z";
const NOON: &str = "2026-11-23T12:00:00Z";

/// These schedules at noon, each with its priority, in a pool of that size.
fn set(size: u32, schedules: &[(&str, i32)]) -> Arc<ScheduleSet> {
    let lines: String = schedules
        .iter()
        .map(|(key, _)| format!("  {key}: {{ cron: \"0 12 * * *\", start: {{ process: P }} }}\n"))
        .collect();
    let mut set = (*set_of(&lines, at(BEFORE))).clone();
    set.pools.insert("robots".to_owned(), size);
    for (key, priority) in schedules {
        let schedule = set.schedules.get_mut(&ScheduleKey::parse(key).unwrap()).unwrap();
        let schedule = Arc::make_mut(schedule);
        schedule.pool = Some("robots".to_owned());
        schedule.priority = *priority;
        schedule.start_deadline = seconds(7_200);
    }
    Arc::new(set)
}

fn running(world: &World) -> usize {
    world.open().iter().filter(|run| matches!(run.state.name(), "starting" | "unknown" | "pending" | "running")).count()
}

#[test]
fn no_more_run_at_once_than_a_pool_has_places_and_the_higher_priority_goes_first() {
    let mut world = World::proven_with(set(1, &[("a", 0), ("b", 0), ("c", 5)]), BEFORE);
    world.server.lasts = seconds(600);
    world.pass_to("2026-11-23T12:00:05Z");
    assert_eq!(world.state("c", NOON), "running");
    assert_eq!(
        (world.state("a", NOON).as_str(), world.state("b", NOON).as_str()),
        ("waiting: limit", "waiting: limit")
    );
    assert!(world.lines(world.run("a", NOON)).contains(&"The pool `robots` has no place free"));
    for _ in 0..40 {
        world.pass(seconds(60));
        assert!(running(&world) <= 1);
    }
    let sent = |key| world.run(key, NOON).sent_at.unwrap();
    assert!(sent("c") < sent("a") && sent("a") < sent("b"));
    assert!(["a", "b", "c"].into_iter().all(|key| world.state(key, NOON) == "succeeded"));
}

#[test]
fn an_unclear_start_has_its_place_and_a_crash_gives_none_away() {
    let mut world = World::proven_with(set(1, &[("a", 1), ("b", 0)]), BEFORE);
    world.server.lasts = seconds(3_000);
    world.server.script.push_back(Post::Late(seconds(100)));
    world.pass_to("2026-11-23T12:01:00Z");
    assert_eq!((world.state("a", NOON).as_str(), world.state("b", NOON).as_str()), ("unknown", "waiting: limit"));
    world.restart();
    world.pass_to("2026-11-23T12:10:00Z");
    assert_eq!((world.state("a", NOON).as_str(), world.state("b", NOON).as_str()), ("running", "waiting: limit"));
}

#[test]
fn a_start_that_came_to_nothing_goes_again_before_a_higher_priority_that_waits_for_its_place() {
    let lines =
        "  a: { cron: \"0 12 * * *\", start: { process: P } }\n  b: { cron: \"1 12 * * *\", start: { process: P } }\n";
    let mut set = (*set_of(lines, at(BEFORE))).clone();
    set.pools.insert("robots".to_owned(), 1);
    for (key, priority) in [("a", 0), ("b", 5)] {
        let schedule = Arc::make_mut(set.schedules.get_mut(&ScheduleKey::parse(key).unwrap()).unwrap());
        (schedule.pool, schedule.priority) = (Some("robots".to_owned()), priority);
    }
    let mut world = World::proven_with(Arc::new(set), BEFORE);
    world.server.script.push_back(Post::NotMade);
    world.pass_to("2026-11-23T12:01:30Z");
    let late = "2026-11-23T12:01:00Z";
    assert_eq!((world.state("a", NOON).as_str(), world.state("b", late).as_str()), ("unknown", "waiting: limit"));
    world.pass_to("2026-11-23T12:10:00Z");
    assert_eq!((world.state("a", NOON).as_str(), world.state("b", late).as_str()), ("succeeded", "succeeded"));
    assert!(world.run("a", NOON).sent_at.unwrap() < world.run("b", late).sent_at.unwrap());
}

#[test]
fn the_size_is_what_the_files_say_now_and_a_pool_that_is_gone_limits_nothing() {
    let schedules = [("a", 0), ("b", 0), ("c", 0), ("d", 0)];
    let mut world = World::proven_with(set(1, &schedules), BEFORE);
    world.server.lasts = seconds(3_000);
    world.pass_to("2026-11-23T12:00:30Z");
    assert_eq!(running(&world), 1);
    world.load(set(2, &schedules));
    world.pass(seconds(10));
    assert_eq!(running(&world), 2);
    let mut none = (*set(2, &schedules)).clone();
    none.pools.clear();
    world.load(Arc::new(none));
    world.pass(seconds(10));
    assert_eq!(running(&world), 4);
}

#[test]
fn waiting_for_a_pool_uses_the_deadline_up() {
    let mut world = World::proven_with(set(1, &[("a", 1), ("b", 0)]), BEFORE);
    world.server.lives.push_back(Life { lasts: seconds(9_000), ..Life::usual() });
    world.pass_to("2026-11-23T14:00:01Z");
    assert_eq!(world.state("b", NOON), "missed: deadline");
    let note = world.run("b", NOON).note.clone().unwrap_or_default();
    assert!(note.ends_with("; it was waiting: limit, for a place in pool `robots`"), "{note}");
}

#[test]
fn while_orchestrator_asks_to_be_left_alone_nobody_shows_by_turns_what_else_it_waits_for() {
    let mut world = World::proven_with(set(1, &[("a", 0), ("b", 0)]), BEFORE);
    world.server.lasts = seconds(5_400);
    world.pass_to("2026-11-23T12:10:00Z");
    world.server.mood = Mood::Busy(None);
    world.pass_to("2026-11-23T12:50:00Z");
    let shown = world.lines(world.run("b", NOON)).len();
    assert!(shown <= 4, "in forty minutes: {shown}");
    assert_eq!(world.state("b", NOON), "waiting: rate_limit");
    world.server.mood = Mood::Well;
    world.pass(seconds(60));
    assert_eq!(world.state("b", NOON), "waiting: limit", "and then what it waits for");
    world.pass_to("2026-11-23T13:40:00Z");
    assert_eq!((world.state("a", NOON).as_str(), world.state("b", NOON).as_str()), ("succeeded", "running"));
}

#[test]
fn what_orchestrator_keeps_off_shows_that_in_the_next_life_too_though_nothing_is_read_there_yet() {
    let mut world = World::proven_with(set(1, &[("a", 0), ("b", 0)]), BEFORE);
    world.server.lasts = seconds(5_400);
    world.pass_to("2026-11-23T12:10:00Z");
    world.server.mood = Mood::Busy(None);
    world.pass_to("2026-11-23T12:30:00Z");
    assert_eq!(world.state("b", NOON), "waiting: rate_limit");
    let shown = world.lines(world.run("b", NOON)).len();
    world.restart();
    world.pass_to("2026-11-23T12:50:00Z");
    let lines = world.lines(world.run("b", NOON));
    assert!(lines.len() <= shown + 2, "{:#?}", &lines[shown..]);
    assert_eq!(world.state("b", NOON), "waiting: rate_limit");
    world.server.mood = Mood::Well;
    world.pass_to("2026-11-23T13:40:00Z");
    assert_eq!((world.state("a", NOON).as_str(), world.state("b", NOON).as_str()), ("succeeded", "running"));
}
