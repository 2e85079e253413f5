//! When the deadline of what is held back is (semantics.md 10, 11, 29, 30).

use punctual::schedule::BlackoutThen;

use super::blackouts::{about, blackout};
use super::holding::{BEFORE, NOON, ONE, only, pause, set};
use super::server::Mood;
use super::world::{World, at, hourly, seconds};

#[test]
fn what_waits_behind_an_older_run_in_a_pause_has_its_deadline_from_that_ones_end() {
    // The older one ends at a quarter past one, inside the pause; thirty minutes from then on are over before the pause is, or are not.
    for (end, expected) in [("2026-11-23T14:10:00Z", "missed: deadline"), ("2026-11-23T13:30:00Z", "succeeded")] {
        let mut world = World::new(&hourly(", start_deadline: 30m, overlap: queue_all"), BEFORE);
        world.server.lasts = seconds(75 * 60);
        world.pass_to("2026-11-23T13:05:00Z");
        assert_eq!(world.state("x", ONE), "waiting: overlap");
        pause(&mut world, only("x"), Some(end));
        world.pass_to("2026-11-23T13:20:00Z");
        assert_eq!((world.state("x", NOON).as_str(), world.state("x", ONE).as_str()), ("succeeded", "waiting: paused"));
        world.server.lasts = seconds(60);
        world.pass_to("2026-11-23T14:20:00Z");
        assert_eq!(world.state("x", ONE), expected);
    }
}

#[test]
fn an_outage_after_a_window_uses_up_the_deadline_of_what_waits_behind_no_one_any_more() {
    // By another schedule it is known that nobody is there.
    let other = "  y: { cron: \"*/2 * * * *\", overlap: allow, start: { process: P } }\n";
    let schedules = format!("{}{other}", hourly(", start_deadline: 30m, overlap: queue_latest"));
    let window = about(blackout("patching", "10 13 * * *", 40, BlackoutThen::Wait), &["x"]);
    let mut world = World::with(set(&schedules, BEFORE, &[window]), at(BEFORE));
    world.server.lasts = seconds(75 * 60);
    world.pass_to("2026-11-23T13:05:00Z");
    assert_eq!(world.state("x", ONE), "waiting: overlap");
    // The older one ends at a quarter past one; thirty minutes count from the end of the window.
    world.pass_to("2026-11-23T13:40:00Z");
    assert_eq!((world.state("x", NOON).as_str(), world.state("x", ONE).as_str()), ("succeeded", "waiting: blackout"));
    world.server.mood = Mood::Down;
    world.pass_to("2026-11-23T14:15:00Z");
    assert_eq!(world.state("x", ONE), "waiting: outage");
    world.pass_to("2026-11-23T14:25:00Z");
    assert_eq!(world.state("x", ONE), "missed: deadline");
}

#[test]
fn a_restart_in_a_window_forgets_nothing_of_the_end_that_a_deadline_counts_from() {
    // The older run ends at a quarter past one; the window from ten past to ten to two counts for nothing.
    let window = blackout("patching", "10 13 * * *", 40, BlackoutThen::Wait);
    let schedules = hourly(", start_deadline: 30m, overlap: queue_latest");
    let mut world = World::with(set(&schedules, BEFORE, &[window]), at(BEFORE));
    world.server.lasts = seconds(75 * 60);
    world.pass_to("2026-11-23T13:20:00Z");
    assert_eq!((world.state("x", NOON).as_str(), world.state("x", ONE).as_str()), ("succeeded", "waiting: blackout"));
    world.restart();
    assert_eq!(world.run("x", ONE).deadline_at, at("2026-11-23T14:20:00Z"));
}

#[test]
fn nor_does_one_before_that_end_or_after_the_deadline() {
    let window = blackout("patching", "10 13 * * *", 40, BlackoutThen::Wait);
    let schedules = hourly(", start_deadline: 30m, overlap: queue_latest");
    for (length, expected) in [(65, "missed: deadline"), (35, "succeeded")] {
        let mut world = World::with(set(&schedules, BEFORE, std::slice::from_ref(&window)), at(BEFORE));
        world.server.lasts = seconds(75 * 60);
        world.pass_to("2026-11-23T13:12:00Z");
        pause(&mut world, only("x"), Some("2026-11-23T13:55:00Z"));
        // The older run is still there when the daemon comes back, and ends then.
        world.restart();
        world.pass_to("2026-11-23T13:20:00Z");
        world.server.lasts = seconds(60);
        assert_eq!(world.run("x", ONE).deadline_at, at("2026-11-23T14:20:00Z"));
        world.crash();
        world.sleep(seconds(length * 60));
        world.recover();
        world.settle();
        world.pass(seconds(120));
        assert_eq!(world.state("x", ONE), expected);
    }
}

#[test]
fn what_waits_behind_an_older_run_after_a_pause_says_so_in_an_outage_too() {
    let mut world = World::new(&hourly(", start_deadline: 30m, overlap: queue_all"), BEFORE);
    world.server.lasts = seconds(150 * 60);
    world.pass_to("2026-11-23T13:05:00Z");
    pause(&mut world, only("x"), Some("2026-11-23T13:20:00Z"));
    world.server.mood = Mood::Down;
    world.pass_to("2026-11-23T13:15:00Z");
    assert_eq!(world.state("x", ONE), "waiting: paused");
    world.pass_to("2026-11-23T13:55:00Z");
    assert_eq!(world.state("x", ONE), "waiting: overlap");
}

#[test]
fn what_a_window_used_to_hold_takes_no_time_with_it_that_comes_after_its_deadline() {
    // Down over the end of the window and the deadline: the time that is caught up then is not skipped for one that is given up.
    let window = blackout("patching", "30 11 * * *", 60, BlackoutThen::Wait);
    let schedules = hourly(", start_deadline: 30m, catch_up: { window: 1d }");
    let mut world = World::with(set(&schedules, BEFORE, &[window]), at(BEFORE));
    world.pass_to("2026-11-23T12:05:00Z");
    assert_eq!(world.state("x", NOON), "waiting: blackout");
    world.crash();
    world.sleep(seconds(2 * 3_600));
    world.recover();
    world.settle();
    world.pass(seconds(120));
    let two = "2026-11-23T14:00:00Z";
    assert_eq!(world.state("x", NOON), "missed: deadline");
    assert_eq!((world.state("x", ONE).as_str(), world.state("x", two).as_str()), ("missed: down", "succeeded"));
}
