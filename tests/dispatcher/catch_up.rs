//! Late times that run one after another (semantics.md 9).

use std::sync::Arc;

use punctual::clock::earlier;
use punctual::run::Run;
use punctual::schedule::{CatchUpPolicy, OverlapPolicy, Schedule, ScheduleSet};

use super::queue::set;
use super::server::{Life, Mood};
use super::world::{World, at, changed, seconds, set_of};

const BEFORE: &str = "2026-11-23T11:59:00Z";

fn all(max: u32, overlap: OverlapPolicy) -> Arc<ScheduleSet> {
    set(|schedule: &mut Schedule| {
        schedule.catch_up.policy = CatchUpPolicy::All;
        schedule.catch_up.max = max;
        schedule.overlap = overlap;
    })
}

/// Down from noon until half past four.
fn after_a_long_night(max: u32, overlap: OverlapPolicy) -> World {
    let mut world = World::proven_with(all(max, overlap), BEFORE);
    world.crash();
    world.sleep(seconds(4 * 3_600 + 1_860));
    world.recover();
    world.settle();
    world
}

fn states(world: &World) -> Vec<String> {
    world.states("x").into_iter().map(|(_, state)| state).collect()
}

#[test]
fn the_newest_run_oldest_first_one_after_another_under_every_overlap_policy() {
    for overlap in OverlapPolicy::ALL {
        let mut world = after_a_long_night(3, overlap);
        world.server.lasts = seconds(300);
        world.pass_to("2026-11-23T16:59:00Z");
        let expected = ["missed: limit", "missed: limit", "succeeded", "succeeded", "succeeded"];
        assert_eq!(states(&world), expected, "{overlap:?}");
        let mut runs: Vec<&Run> = world.all("x").filter(|run| run.sent_at.is_some()).collect();
        runs.sort_by_key(|run| run.nominal_at);
        let one_by_one = runs.windows(2).all(|pair| pair[0].ended_at.unwrap() <= pair[1].sent_at.unwrap());
        assert!(one_by_one, "{overlap:?}");
    }
}

#[test]
fn later_times_wait_for_them_with_the_deadline_of_their_own_time() {
    let mut world = after_a_long_night(10, OverlapPolicy::Allow);
    world.server.lasts = seconds(1_500);
    world.pass_to("2026-11-23T17:05:00Z");
    assert_eq!(world.state("x", "2026-11-23T17:00:00Z"), "waiting: catch_up");
    world.pass_to("2026-11-23T18:00:01Z");
    assert_eq!(world.state("x", "2026-11-23T17:00:00Z"), "missed: deadline");
    world.pass_to("2026-11-23T19:00:00Z");
    assert_eq!(&states(&world)[..5], ["succeeded"; 5], "each has its deadline from the end before it");
}

#[test]
fn and_keep_it_in_an_outage_after_a_restart() {
    let mut world = after_a_long_night(10, OverlapPolicy::Allow);
    world.server.lasts = seconds(1_500);
    world.pass_to("2026-11-23T17:05:00Z");
    world.server.mood = Mood::Down;
    world.restart();
    world.pass_to("2026-11-23T17:59:00Z");
    assert_eq!(world.state("x", "2026-11-23T17:00:00Z"), "waiting: catch_up");
    world.pass_to("2026-11-23T18:00:01Z");
    assert_eq!(world.state("x", "2026-11-23T17:00:00Z"), "missed: deadline");
}

#[test]
fn a_caught_up_time_is_skipped_for_another_run_and_not_for_its_own_kind() {
    let mut world = World::proven_with(all(10, OverlapPolicy::Skip), BEFORE);
    world.server.lives.push_back(Life { lasts: seconds(4 * 3_600 + 7_200), ..Life::usual() });
    world.pass_to("2026-11-23T12:30:00Z");
    world.crash();
    world.sleep(seconds(4 * 3_600));
    world.recover();
    world.pass(seconds(120));
    assert_eq!(
        states(&world)[..],
        ["running", "skipped: overlap", "skipped: overlap", "skipped: overlap", "skipped: overlap"]
    );
}

#[test]
fn a_crash_in_the_middle_goes_on_where_it_was() {
    let mut world = after_a_long_night(10, OverlapPolicy::Skip);
    world.server.lasts = seconds(400);
    world.pass(seconds(600));
    world.restart();
    world.pass(seconds(4_000));
    assert_eq!(&states(&world)[..5], ["succeeded"; 5], "{:?}", world.states("x"));
    assert!(world.server.jobs.iter().all(|job| world.server.jobs_of(&job.reference) == 1), "one job each");
}

#[test]
fn a_time_behind_them_waits_for_them_however_often_orchestrator_asks_to_be_left_alone() {
    let mut world = after_a_long_night(10, OverlapPolicy::Allow);
    world.server.mood = Mood::Busy(None);
    world.pass_to("2026-11-23T17:45:00Z");
    let later = world.run("x", "2026-11-23T17:00:00Z");
    let lines = world.lines(later);
    assert!(lines.len() <= 2, "{lines:#?}");
}

#[test]
fn of_times_that_waited_for_one_outage_the_newest_run_as_catch_up_says() {
    let cases = [(CatchUpPolicy::Last, 1), (CatchUpPolicy::Skip, 1), (CatchUpPolicy::All, 3)];
    for (mood, cause) in [
        (Mood::Down, "Orchestrator could not be reached when it came; newer times go first"),
        (Mood::NoToken, "there was no access token when it came; newer times go first"),
    ] {
        for (policy, runs) in cases {
            let every_minute = set_of("  x: { cron: \"* * * * *\", start: { process: P } }\n", at(BEFORE));
            let every_minute = changed(&every_minute, "x", |schedule| {
                schedule.overlap = OverlapPolicy::Allow;
                schedule.catch_up.policy = policy;
                schedule.catch_up.max = 3;
            });
            let mut world = World::proven_with(every_minute, BEFORE);
            world.server.mood = mood.clone();
            world.pass_to("2026-11-23T12:09:30Z");
            world.server.mood = Mood::Well;
            world.pass_to("2026-11-23T12:09:58Z");
            let of = |state: &str| states(&world).iter().filter(|found| *found == state).count();
            assert_eq!(
                (of("missed: limit"), world.server.posts()),
                (10 - runs, runs),
                "{policy:?} {:?}",
                world.states("x")
            );
            assert_eq!(world.run("x", "2026-11-23T12:05:00Z").note.as_deref(), Some(cause));
        }
    }
}

#[test]
fn what_was_found_within_a_minute_of_a_restart_is_no_pile() {
    let often = set_of("  x: { every: 5s, overlap: allow, start: { process: P } }\n", at(BEFORE));
    let mut world = World::proven_with(often, BEFORE);
    world.server.lasts = seconds(600);
    world.pass(seconds(30));
    world.crash();
    world.sleep(seconds(40));
    world.recover();
    world.pass(seconds(60));
    assert!(states(&world).iter().all(|state| state == "running" || state == "pending"), "{:?}", world.states("x"));
}

#[test]
fn a_time_that_is_only_recorded_has_its_jitter_as_any_other() {
    let jittered = set_of(
        "  x: { cron: \"0 * * * *\", jitter: 10m, catch_up: { policy: skip }, start: { process: P } }\n",
        at(BEFORE),
    );
    let expected: Vec<_> = ["12", "13", "14"]
        .map(|hour| at(&format!("2026-11-23T{hour}:00:00Z")))
        .map(|time| jittered.schedules["x"].recurrence.next_after(earlier(time, seconds(1))).unwrap().fire_at)
        .to_vec();
    let mut world = World::proven_with(jittered, BEFORE);
    world.crash();
    world.sleep(seconds(3 * 3_600));
    world.recover();
    world.settle();
    assert_eq!(states(&world), ["missed: down"; 3]);
    let fire_at: Vec<_> = world.all("x").map(|run| run.fire_at).collect();
    assert_eq!(fire_at, expected);
}

#[test]
fn one_that_may_not_overlap_says_that_it_came_while_nobody_was_there() {
    let schedules = set(|schedule: &mut Schedule| {
        schedule.catch_up.policy = CatchUpPolicy::Last;
        schedule.overlap = OverlapPolicy::Skip;
    });
    let mut world = World::proven_with(schedules, BEFORE);
    world.server.lasts = seconds(6 * 3_600);
    world.pass_to("2026-11-23T12:10:00Z");
    world.crash();
    world.sleep(seconds(2 * 3_600));
    world.recover();
    world.settle();
    assert_eq!(states(&world)[1..], ["missed: down", "skipped: overlap"]);
    let note = world.all("x").find_map(|run| run.note.clone().filter(|note| note.contains("still open"))).unwrap();
    assert!(note.starts_with("it came while the daemon was down, slept or could not write; run "), "{note}");
}
