//! What the simulated years have found, each story in small, as the law has it.

use std::sync::Arc;

use punctual::schedule::{CatchUpPolicy, OverlapPolicy, PauseAfter, Retry, RetryOn, ScheduleKey};

use super::server::{Life, Mood, Post};
use super::world::{World, at, changed, hourly, seconds, set_of};

const BEFORE: &str = "2026-11-23T11:59:00Z";
const NOON: &str = "2026-11-23T12:00:00Z";

#[test]
fn an_attempt_that_came_due_before_a_crash_has_its_deadline_from_then() {
    let lines =
        "  x: { cron: \"0 12 * * *\", start: { process: P } }\n  y: { cron: \"1 12 * * *\", start: { process: P } }\n";
    let mut set = (*set_of(lines, at(BEFORE))).clone();
    set.pools.insert("robots".to_owned(), 1);
    for key in ["x", "y"] {
        let schedule = Arc::make_mut(set.schedules.get_mut(&ScheduleKey::parse(key).unwrap()).unwrap());
        schedule.pool = Some("robots".to_owned());
        schedule.retry =
            Some(Retry { attempts: 2, delay: seconds(90), max_delay: seconds(90), on: vec![RetryOn::Faulted] });
    }
    let mut world = World::proven_with(Arc::new(set), BEFORE);
    world.server.lives.push_back(Life::fails(seconds(20), "the element was not found"));
    world.server.lives.push_back(Life { lasts: seconds(7_200), ..Life::usual() });
    world.pass_to("2026-11-23T12:05:00Z");
    assert_eq!(world.state("x", NOON), "waiting: limit");
    world.crash();
    world.sleep(seconds(3 * 3_600));
    world.recover();
    world.pass(seconds(600));
    assert_eq!(world.state("x", NOON), "faulted", "18: an attempt that came due before the crash");
}

#[test]
fn a_place_in_a_pool_for_a_run_that_its_connection_keeps_back_lets_the_loop_rest() {
    let line = |key: char| {
        format!("  {key}: {{ cron: \"0,1 12 * * *\", catch_up: {{ policy: all }}, start: {{ process: P }} }}\n")
    };
    let lines: String = ('a'..='l').map(line).collect();
    let mut set = (*set_of(&lines, at(BEFORE))).clone();
    set.pools.insert("robots".to_owned(), 40);
    for schedule in set.schedules.values_mut() {
        let schedule = Arc::make_mut(schedule);
        (schedule.pool, schedule.overlap) = (Some("robots".to_owned()), OverlapPolicy::QueueAll);
    }
    let mut world = World::proven_with(Arc::new(set), BEFORE);
    world.server.mood = Mood::Down;
    world.pass_to("2026-11-23T12:02:00Z");
    world.server.mood = Mood::Well;
    world.pass_to("2026-11-23T12:10:00Z");
}

#[test]
fn what_waits_for_times_that_are_caught_up_has_its_deadline_from_its_own_time() {
    let x = "  x: { cron: \"0 * * * *\", catch_up: { policy: all }, start_deadline: 1h, start: { process: P } }\n";
    let y = "  y: { cron: \"5 15 * * *\", start: { process: P } }\n";
    let mut set = (*set_of(&format!("{x}{y}"), at(BEFORE))).clone();
    set.pools.insert("robots".to_owned(), 1);
    for (key, priority) in [("x", 0), ("y", 5)] {
        let schedule = Arc::make_mut(set.schedules.get_mut(&ScheduleKey::parse(key).unwrap()).unwrap());
        (schedule.pool, schedule.priority) = (Some("robots".to_owned()), priority);
    }
    let mut world = World::proven_with(Arc::new(set), BEFORE);
    world.pass_to("2026-11-23T12:05:00Z");
    world.crash();
    // 13:00 and 14:00 are caught up one after another, from 14:30 to 15:10; then `y` has the only place.
    world.server.lives.extend([1_200, 1_200, 7_200].map(|lasts| Life { lasts: seconds(lasts), ..Life::usual() }));
    world.sleep(seconds(8_700));
    world.recover();
    world.pass_to("2026-11-23T15:20:00Z");
    assert_eq!(world.state("x", "2026-11-23T15:00:00Z"), "waiting: limit");
    world.pass_to("2026-11-23T16:05:00Z");
    assert_eq!(world.state("x", "2026-11-23T15:00:00Z"), "missed: deadline", "9: from its own time");
}

#[test]
fn what_waits_for_a_caught_up_time_that_is_given_up_in_an_outage_has_its_deadline_from_its_own_time() {
    let set = changed(&set_of(&hourly(""), at(BEFORE)), "x", |schedule| {
        schedule.overlap = OverlapPolicy::KillOther;
        schedule.catch_up.policy = CatchUpPolicy::All;
        schedule.start_deadline = seconds(1_080);
    });
    let mut world = World::proven_with(set, BEFORE);
    world.server.lasts = seconds(1_200);
    world.pass_to("2026-11-23T12:05:00Z");
    world.crash();
    // 13:00 is caught up from 13:59 on, while nothing can be asked: whether the job of 12:00 still runs, least of all.
    world.sleep(seconds(6_840));
    world.server.mood = Mood::NoToken;
    world.recover();
    world.pass_to("2026-11-23T14:10:00Z");
    assert_eq!(world.state("x", "2026-11-23T14:00:00Z"), "waiting: catch_up");
    world.pass_to("2026-11-23T14:17:30Z");
    assert_eq!(world.state("x", "2026-11-23T13:00:00Z"), "missed: deadline");
    world.pass_to("2026-11-23T14:18:30Z");
    assert_eq!(world.state("x", "2026-11-23T14:00:00Z"), "missed: deadline", "9: from its own time");
}

#[test]
fn an_end_that_is_read_late_and_pauses_its_schedule_is_what_the_next_time_counts_from() {
    let set = changed(&set_of(&hourly(""), at(BEFORE)), "x", |schedule| {
        schedule.overlap = OverlapPolicy::QueueAll;
        schedule.start_deadline = seconds(3_600);
        schedule.pause_after = PauseAfter::Failures(1);
    });
    let mut world = World::proven_with(set, BEFORE);
    world.server.lives.push_back(Life::fails(seconds(3_630), "the element was not found"));
    world.pass_to("2026-11-23T12:50:00Z");
    world.server.mood = Mood::Down;
    world.pass_to("2026-11-23T13:10:00Z");
    world.server.mood = Mood::Well;
    world.pass_to("2026-11-23T14:05:00Z");
    assert_eq!(world.state("x", NOON), "faulted");
    assert_eq!(world.state("x", "2026-11-23T13:00:00Z"), "waiting: paused", "11: not from 13:00");
    world.pass_to("2026-11-23T14:15:00Z");
    assert_eq!(world.state("x", "2026-11-23T13:00:00Z"), "missed: deadline", "29: a pause uses it up");
}

#[test]
fn the_second_behind_a_job_that_cannot_be_read_has_a_deadline_too() {
    let set = changed(&set_of(&hourly(""), at(BEFORE)), "x", |schedule| {
        schedule.overlap = OverlapPolicy::QueueAll;
        schedule.start_deadline = seconds(4_200);
    });
    let mut world = World::proven_with(set, BEFORE);
    world.server.lasts = seconds(5_400);
    world.pass_to("2026-11-23T12:50:00Z");
    world.server.mood = Mood::NoToken;
    world.pass_to("2026-11-23T15:30:00Z");
    assert_eq!(world.state("x", "2026-11-23T13:00:00Z"), "missed: deadline");
    // From 14:10 on, when the one before it was given up.
    assert_eq!(world.state("x", "2026-11-23T14:00:00Z"), "missed: deadline", "11: no answer within its deadline");
}

#[test]
fn a_start_that_is_to_be_sent_again_has_its_place_in_the_pool_whoever_waits() {
    let lines =
        "  x: { cron: \"0 12 * * *\", start: { process: P } }\n  y: { cron: \"1 12 * * *\", start: { process: P } }\n";
    let mut set = (*set_of(lines, at(BEFORE))).clone();
    set.pools.insert("robots".to_owned(), 1);
    for (key, priority) in [("x", 0), ("y", 5)] {
        let schedule = Arc::make_mut(set.schedules.get_mut(&ScheduleKey::parse(key).unwrap()).unwrap());
        (schedule.pool, schedule.priority) = (Some("robots".to_owned()), priority);
    }
    let mut world = World::proven_with(Arc::new(set), BEFORE);
    world.server.script.push_back(Post::NotMade);
    world.pass_to("2026-11-23T12:10:00Z");
    assert_eq!(world.state("x", NOON), "succeeded", "16: it has a place of its own");
}
