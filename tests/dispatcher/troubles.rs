//! Outages, tokens, rate limits: nothing is stuck afterwards, nothing is sent too fast, nothing spins.

use std::time::Duration;

use punctual::clock::later;
use punctual::orchestrator::UnsentReason;

use super::server::{Call, Mood, Post};
use super::world::{CONNECTION, World, hourly, read, seconds};

const BEFORE: &str = "2026-11-23T11:59:00Z";
const NOON: &str = "2026-11-23T12:00:00Z";

#[test]
fn a_start_waits_out_an_outage_and_is_sent_once() {
    for mood in [Mood::Down, Mood::Broken, Mood::NoToken, Mood::Busy(None), Mood::Busy(Some(seconds(30)))] {
        let mut world = World::proven(&hourly(""), BEFORE);
        world.server.mood = mood.clone();
        world.pass_to("2026-11-23T12:20:00Z");
        let waiting = world.run("x", NOON).state;
        // After a 502 nobody can say.
        let unclear = mood == Mood::Broken && waiting == punctual::run::RunState::Unknown;
        assert!(super::world::is_waiting(waiting) || unclear, "{mood:?}: {waiting}");
        world.server.mood = Mood::Well;
        world.pass(seconds(200));
        assert_eq!(world.state("x", NOON), "succeeded", "{mood:?}");
        assert_eq!(world.server.posts(), 1, "{mood:?}");
    }
}

#[test]
fn past_its_deadline_a_start_is_missed_and_says_why() {
    let mut world = World::proven(&hourly(", start_deadline: 10m"), BEFORE);
    world.server.mood = Mood::NoToken;
    world.pass_to("2026-11-23T12:10:01Z");
    assert_eq!(world.state("x", NOON), "missed: deadline");
    assert!(world.run("x", NOON).note.as_deref().unwrap().contains("token"));
    world.server.mood = Mood::Well;
    world.pass(seconds(600));
    assert_eq!(world.server.posts(), 0);
}

#[test]
fn a_429_in_answer_to_the_one_call_that_was_let_through_does_not_silence_the_connection() {
    let mut world = World::proven(&hourly(""), BEFORE);
    world.server.mood = Mood::Down;
    world.pass_to("2026-11-23T12:01:00Z");
    world.server.mood = Mood::Busy(Some(seconds(5)));
    world.pass(seconds(90));
    world.server.mood = Mood::Well;
    world.pass(seconds(200));
    assert_eq!(world.state("x", NOON), "succeeded");
}

#[test]
fn an_outage_is_probed_by_one_read_every_five_seconds_and_recovery_is_seen_within_them() {
    let mut world = World::proven(&hourly(""), BEFORE);
    world.server.mood = Mood::Down;
    world.pass_to("2026-11-23T12:40:00Z");
    let probes = world.server.count(seconds(0), |call| *call == Call::Resolve);
    assert!((470..=610).contains(&probes), "{probes} probes in forty minutes");
    assert_eq!(world.server.posts(), 0, "never by a start");
    world.server.mood = Mood::Well;
    world.pass(seconds(6));
    assert_eq!(world.server.posts(), 1);
}

#[test]
fn many_calls_that_fail_together_are_one_failure() {
    let schedules: String =
        (0..30).map(|n| format!("  s{n}: {{ cron: \"0 * * * *\", start: {{ process: P }} }}\n")).collect();
    let mut world = World::proven(&schedules, BEFORE);
    world.server.script.extend((0..15).map(|_| Post::Unsent(UnsentReason::Outage, None)));
    world.pass_to("2026-11-23T12:00:20Z");
    assert_eq!(world.server.jobs.len(), 31, "a glitch of a moment costs seconds");
}

#[test]
fn a_tenant_that_asks_for_quiet_gets_it_from_everything() {
    let mut world = World::proven(&hourly(""), BEFORE);
    world.server.script.push_back(Post::Unsent(UnsentReason::RateLimit, Some(seconds(120))));
    world.pass_to(NOON);
    let since = world.now.boot + Duration::from_millis(1);
    world.pass(seconds(119));
    assert_eq!(world.server.count(since, |_| true), 0);
    world.pass(seconds(60));
    assert_eq!(world.state("x", NOON), "succeeded");
}

#[test]
fn a_retry_after_beyond_five_minutes_is_cut() {
    for post in [Post::PutOff(seconds(3_600)), Post::Unsent(UnsentReason::RateLimit, Some(seconds(3_600)))] {
        let mut world = World::proven(&hourly(""), BEFORE);
        world.server.script.push_back(post.clone());
        world.pass_to("2026-11-23T12:10:00Z");
        assert_eq!(world.state("x", NOON), "succeeded", "{post:?}");
    }
}

#[test]
fn what_piled_up_is_sent_oldest_first_at_the_recovery_rate() {
    let schedules: String = (0..100)
        .map(|n| format!("  s{n:03}: {{ cron: \"{} 12 * * *\", start: {{ process: P }} }}\n", n % 10))
        .collect();
    let mut world = World::proven(&schedules, BEFORE);
    world.server.mood = Mood::Down;
    world.pass_to("2026-11-23T12:15:00Z");
    world.server.mood = Mood::Well;
    let since = world.now.boot;
    world.pass(seconds(120));
    let sent: Vec<Duration> = world
        .server
        .calls
        .iter()
        .filter(|(_, call)| matches!(call, Call::Start(_)))
        .map(|(at, _)| *at)
        .filter(|at| *at >= since)
        .collect();
    assert_eq!(sent.len(), 100);
    for pair in sent.windows(6) {
        assert!(pair[5] - pair[0] >= Duration::from_millis(990), "five a second, not more: {pair:?}");
    }
    let mut runs: Vec<_> = world.db.runs.values().map(|run| (run.sent_at, run.fire_at)).collect();
    runs.sort();
    assert!(runs.windows(2).all(|pair| pair[0].1 <= pair[1].1), "oldest first");
}

#[test]
fn a_connection_that_is_down_does_not_slow_another_for_good() {
    let text = format!(
        "{}  other:
    url: https://other.example.com
    auth: {{ grant: client_credentials, client_id: app, client_secret: \"credential:cloud\", scope: OR.Jobs }}
defaults: {{ timezone: UTC, folder: F, connection: cloud }}
schedules:
{}",
        super::world::CONNECTION,
        (0..60).map(|n| format!("  s{n:03}: {{ cron: \"0 * * * *\", start: {{ process: P }} }}\n")).collect::<String>()
    );
    // An open run whose connection is not loaded waits on and on next to them.
    let set = super::world::read(&text, super::world::at(BEFORE));
    let mut world = World::with(set, super::world::at(BEFORE));
    // A short failure, and all is well again long before noon.
    world.pass_to("2026-11-23T11:59:05Z");
    world.pass_to("2026-11-23T12:00:10Z");
    assert_eq!(world.server.posts(), 60, "fifteen at once, fifteen a second");
}

#[test]
fn a_connection_that_was_down_and_has_nothing_to_do_is_not_asked_in_a_loop() {
    let mut world = World::proven(&hourly(""), BEFORE);
    world.server.mood = Mood::Down;
    // `World::settle` fails when turns follow each other without end at one instant.
    world.pass_to("2026-11-23T13:30:00Z");
    assert_eq!(world.state("x", NOON), "missed: deadline");
}

#[test]
fn a_look_up_that_always_breaks_does_not_keep_other_schedules_from_starting() {
    let schedules = format!("{}  y: {{ every: 5m, start: {{ process: P }} }}\n", hourly(""));
    let mut world = World::proven(&schedules, BEFORE);
    world.server.script.push_back(Post::NotMade);
    world.server.filter = super::server::Filter::Breaks;
    world.pass_to("2026-11-23T12:40:30Z");
    let started = world.states("y").into_iter().filter(|(_, state)| state == "succeeded").count();
    assert!(started >= 6, "{:?}", world.states("y"));
}

#[test]
fn a_burst_is_stored_at_once_and_sent_within_the_limits() {
    let schedules: String =
        (0..500).map(|n| format!("  s{n:03}: {{ at: [\"{NOON}\"], start: {{ process: P }} }}\n")).collect();
    let mut world = World::proven(&schedules, BEFORE);
    world.pass_to(NOON);
    assert_eq!(world.db.runs.len(), 500, "every time has its row before the first answer");
    assert_eq!(world.server.posts(), 15);
    world.pass(seconds(60));
    assert_eq!(world.server.posts(), 500);
    world.pass(seconds(120));
    assert!(world.open().is_empty());
}

#[test]
fn while_the_clocks_differ_nothing_is_started_and_it_goes_on_once_they_agree() {
    let mut world = World::new(&hourly(""), BEFORE);
    world.server.skew = Some(jiff::SignedDuration::from_mins(-20));
    // The answer to the first start shows it.
    world.pass_to("2026-11-23T13:10:00Z");
    let run = world.run("x", "2026-11-23T13:00:00Z").clone();
    assert_eq!(run.state.to_string(), "waiting: clock");
    assert!(run.error.as_deref().unwrap().contains("this machine's clock is 20 min ahead of"), "{:?}", run.error);
    assert_eq!(world.server.posts(), 1);
    world.server.skew = Some(jiff::SignedDuration::from_secs(2));
    world.pass_to("2026-11-23T13:12:00Z");
    assert_eq!(world.state("x", "2026-11-23T13:00:00Z"), "succeeded");
    assert_eq!(world.server.posts(), 2);
}

/// Ours alone, by an administrator.
fn set_clock(world: &mut World, by: jiff::SignedDuration) {
    world.now.wall = world.now.wall.checked_add(by).unwrap();
    let seen = world.server.skew.unwrap_or_default() - by;
    world.server.skew = Some(seen);
    world.settle();
}

#[test]
fn what_was_claimed_by_a_clock_that_was_ahead_waits_for_its_time_and_starts_once() {
    let mut world = World::proven(&hourly(""), BEFORE);
    world.server.skew = Some(jiff::SignedDuration::ZERO);
    world.pass_to("2026-11-23T12:10:00Z");
    assert_eq!(world.server.posts(), 1);
    set_clock(&mut world, jiff::SignedDuration::from_mins(115));
    world.pass(seconds(120));
    assert_eq!(world.state("x", "2026-11-23T14:00:00Z"), "waiting: clock");
    assert_eq!(world.server.posts(), 1, "the clocks differ, and nothing is started");
    set_clock(&mut world, jiff::SignedDuration::from_mins(-115));
    world.pass_to("2026-11-23T13:59:59Z");
    assert_eq!(world.state("x", "2026-11-23T14:00:00Z"), "waiting: clock");
    world.pass_to("2026-11-23T14:01:00Z");
    assert_eq!(world.state("x", "2026-11-23T14:00:00Z"), "succeeded");
}

#[test]
fn a_clock_that_was_set_is_compared_before_the_next_start_and_one_that_was_put_right_waits_for_one_read_only() {
    let mut world = World::proven(&hourly(", overlap: allow"), BEFORE);
    // It was wrong, and is put right.
    world.server.skew = Some(jiff::SignedDuration::from_hours(9));
    // The answer to the first start shows it.
    world.pass_to("2026-11-23T13:10:00Z");
    let before = world.server.posts();
    assert_eq!(world.state("x", "2026-11-23T13:00:00Z"), "waiting: clock");
    set_clock(&mut world, jiff::SignedDuration::from_hours(9));
    world.pass(seconds(2));
    assert_eq!(world.server.posts(), before + 1, "the latest time runs at once");
    // Where answers have no date, nothing speaks against it.
    world.pass(seconds(60));
    world.server.skew = None;
    world.now.wall = world.now.wall.checked_add(jiff::SignedDuration::from_hours(3)).unwrap();
    world.settle();
    world.pass(seconds(2));
    assert_eq!(world.server.posts(), before + 2);
}

#[test]
fn once_a_time_is_over_its_process_is_not_looked_for_any_more() {
    let mut world = World::proven(&hourly(", start_deadline: 10m"), "2026-11-23T11:50:00Z");
    world.server.mood = Mood::NoToken;
    world.pass_to("2026-11-23T12:11:00Z");
    assert_eq!(world.state("x", NOON), "missed: deadline");
    world.pass(seconds(60));
    let now = world.now;
    let left = world.core().wake().from(now).unwrap();
    assert!(left > seconds(1_800), "nobody needs it before 12:59, and it is looked for in {left:?}");
}

#[test]
fn runs_that_all_lead_elsewhere_wake_nobody_for_a_clock_that_was_set() {
    let mut world = World::proven(&hourly(""), BEFORE);
    world.server.mood = Mood::NoToken;
    world.pass_to("2026-11-23T12:01:00Z");
    let elsewhere = CONNECTION.replace("production", "other");
    let text = format!("{elsewhere}defaults: {{ timezone: UTC, folder: F }}\nschedules:\n{}", hourly(""));
    let now = world.now.wall;
    world.load(read(&text, now));
    world.now.wall = later(now, seconds(600));
    // That the loop does not spin is what `settle` demands.
    world.settle();
    world.pass(seconds(30));
    assert!(super::world::is_waiting(world.run("x", NOON).state));
}
