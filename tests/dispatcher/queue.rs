//! Times that wait for an older run of their schedule, take each other's place, or have it stopped (semantics.md 11).

use std::sync::Arc;

use punctual::orchestrator::{JobState, StopStrategy};
use punctual::run::Run;
use punctual::schedule::{CatchUpPolicy, OverlapPolicy, Schedule, ScheduleSet};

use super::server::{Call, Life, Mood, Post};
use super::world::{World, at, changed, hourly, seconds, set_of};

const BEFORE: &str = "2026-11-23T11:59:00Z";

fn hour(hour: u8) -> String {
    format!("2026-11-23T{hour:02}:00:00Z")
}

pub(crate) fn set(change: impl FnOnce(&mut Schedule)) -> Arc<ScheduleSet> {
    changed(&set_of(&hourly(""), at(BEFORE)), "x", change)
}

/// Every hour; jobs take so many seconds.
fn world(policy: OverlapPolicy, lasts: u64) -> World {
    let mut world = World::proven_with(set(|schedule| schedule.overlap = policy), BEFORE);
    world.server.lasts = seconds(lasts);
    world
}

fn states(world: &World) -> Vec<String> {
    world.states("x").into_iter().map(|(_, state)| state).collect()
}

fn note(world: &World, nominal: &str) -> String {
    world.run("x", nominal).note.clone().unwrap_or_default()
}

fn sent(run: &Run) -> i64 {
    run.sent_at.expect("it was sent").as_second()
}

#[test]
fn of_queue_one_one_waits_and_later_times_are_skipped() {
    let mut world = world(OverlapPolicy::QueueOne, 3 * 3_600 + 600);
    world.pass_to("2026-11-23T14:30:00Z");
    assert_eq!(states(&world), ["running", "waiting: overlap", "skipped: overlap"]);
    world.pass_to("2026-11-23T16:30:00Z");
    assert_eq!(states(&world), ["succeeded", "running", "skipped: overlap", "skipped: overlap", "waiting: overlap"]);
    let first = world.run("x", &hour(12)).ended_at.unwrap();
    let waited = sent(world.run("x", &hour(13))) - first.as_second();
    assert!((0..=60).contains(&waited), "it was sent {waited} s after the end");
}

#[test]
fn of_queue_latest_the_newest_waits_and_says_whose_place_it_took() {
    let mut world = world(OverlapPolicy::QueueLatest, 3 * 3_600 + 600);
    world.pass_to("2026-11-23T14:30:00Z");
    assert_eq!(states(&world), ["running", "skipped: overlap", "waiting: overlap"]);
    let newer = world.run("x", &hour(14)).id.short();
    assert_eq!(note(&world, &hour(13)), format!("run {newer} took its place"));
    assert!(world.run("x", &hour(13)).attempts.is_empty(), "nothing was sent for it");
    world.pass_to("2026-11-23T15:40:00Z");
    assert_eq!(states(&world), ["succeeded", "skipped: overlap", "skipped: overlap", "running"]);
}

#[test]
fn of_queue_all_each_waits_for_the_one_before_it_and_none_is_lost() {
    let mut world = world(OverlapPolicy::QueueAll, 5_400);
    world.pass_to("2026-11-23T16:59:00Z");
    assert_eq!(world.server.posts(), 4);
    world.server.lasts = seconds(60);
    world.pass_to("2026-11-24T00:30:00Z");
    assert!(states(&world).iter().all(|state| state == "succeeded"), "{:?}", world.states("x"));
    let mut runs: Vec<&Run> = world.all("x").collect();
    runs.sort_by_key(|run| run.nominal_at);
    assert!(runs.is_sorted_by_key(|run| sent(run)), "in the order of their times");
    assert!(runs.windows(2).all(|pair| pair[0].ended_at.unwrap() <= pair[1].sent_at.unwrap()), "one at a time");
}

#[test]
fn a_queue_goes_on_whatever_the_end_of_the_run_before() {
    for (ends_as, state) in [(JobState::Faulted, "faulted"), (JobState::Stopped, "stopped")] {
        let mut world = world(OverlapPolicy::QueueAll, 30);
        world.server.lives.push_back(Life { lasts: seconds(4_000), ends_as, ..Life::usual() });
        world.pass_to("2026-11-23T13:30:00Z");
        assert_eq!(states(&world), [state, "succeeded"]);
    }
    // The start of the one before is refused.
    let mut world = world(OverlapPolicy::QueueAll, 30);
    world.server.lives.push_back(Life { lasts: seconds(4_000), ..Life::usual() });
    world.server.script.extend([Post::Made, Post::Refused(400, 1_000)]);
    world.pass_to("2026-11-23T14:30:00Z");
    assert_eq!(states(&world), ["succeeded", "rejected", "succeeded"]);
}

#[test]
fn more_than_a_thousand_do_not_wait() {
    let every_second = set_of("  x: { every: 1s, overlap: skip, start: { process: P } }\n", at(BEFORE));
    let every_second = changed(&every_second, "x", |schedule| {
        schedule.overlap = OverlapPolicy::QueueAll;
        schedule.start_deadline = seconds(7_200);
    });
    let mut world = World::proven_with(every_second, BEFORE);
    world.server.lasts = seconds(7_000);
    world.pass(seconds(1_010));
    let states = states(&world);
    let waiting = states.iter().filter(|state| *state == "waiting: overlap").count();
    let missed = states.iter().filter(|state| *state == "missed: limit").count();
    assert_eq!((waiting, states.len() - waiting - missed), (OverlapPolicy::LONGEST_QUEUE, 1));
    assert!(missed >= 8, "{missed} were told that too many wait");
}

#[test]
fn waiting_for_an_older_run_uses_no_deadline_up_and_waiting_for_anything_else_after_it_does() {
    let mut world = world(OverlapPolicy::QueueOne, 5 * 3_600);
    world.pass_to("2026-11-23T17:00:00Z");
    assert_eq!(world.state("x", &hour(13)), "waiting: overlap", "four hours, and its deadline is one");
    // The older one ends, and the process is not to be had.
    world.server.mood = Mood::NoToken;
    world.pass_to("2026-11-23T17:03:00Z");
    world.server.mood = Mood::Well;
    world.pass_to("2026-11-23T17:10:00Z");
    assert_eq!(world.state("x", &hour(13)), "running");

    let mut world = self::world(OverlapPolicy::QueueOne, 3_900);
    world.pass_to("2026-11-23T13:04:00Z");
    world.server.script.extend(std::iter::repeat_n(Post::Refused(409, 1_670), 200));
    world.pass_to("2026-11-23T14:03:00Z");
    assert_eq!(world.state("x", &hour(13)), "waiting: capacity", "less than an hour after that end");
    world.pass_to("2026-11-23T14:08:00Z");
    assert_eq!(world.state("x", &hour(13)), "missed: deadline", "an hour after it");
}

#[test]
fn an_outage_takes_nothing_out_of_a_queue_also_when_the_daemon_dies_in_it() {
    for dies in [false, true] {
        let mut world = world(OverlapPolicy::QueueAll, 5 * 3_600);
        world.pass_to("2026-11-23T15:30:00Z");
        world.server.mood = Mood::Down;
        world.pass(seconds(60));
        if dies {
            world.restart();
            world.pass(seconds(60));
            world.restart();
        }
        world.pass(seconds(60));
        assert_eq!(states(&world)[1..], ["waiting: overlap"; 3], "they wait for the older run, outage or not");
        world.server.mood = Mood::Well;
        world.server.lasts = seconds(60);
        world.pass_to("2026-11-23T17:30:00Z");
        assert!(states(&world).iter().all(|state| state == "succeeded"), "dies: {dies}: {:?}", world.states("x"));
    }
}

#[test]
fn a_queue_goes_on_in_the_next_life_also_past_the_deadlines_of_its_times() {
    let mut world = world(OverlapPolicy::QueueAll, 4 * 3_600);
    world.pass_to("2026-11-23T14:30:00Z");
    world.restart();
    world.pass_to("2026-11-23T15:30:00Z");
    assert_eq!(states(&world), ["running", "waiting: overlap", "waiting: overlap", "waiting: overlap"]);
    world.crash();
    // It ends while nobody looks.
    world.sleep(seconds(3_600));
    world.server.lasts = seconds(60);
    world.recover();
    world.pass(seconds(1_200));
    assert_eq!(states(&world), vec!["succeeded"; 5], "{:?}", world.states("x"));
}

#[test]
fn of_stop_other_the_older_job_is_stopped_softly_and_the_newer_time_goes_when_it_has_ended() {
    let mut world = world(OverlapPolicy::StopOther, 7_200);
    world.pass_to("2026-11-23T13:02:00Z");
    assert_eq!(states(&world), ["stopped", "running"]);
    let stops = |how| world.server.count(seconds(0), |call| matches!(call, Call::Stop(_, asked) if *asked == how));
    assert_eq!((stops(StopStrategy::SoftStop), stops(StopStrategy::Kill)), (1, 0));
    let newer = world.run("x", &hour(13)).id.short();
    assert!(
        world
            .lines(world.run("x", &hour(12)))
            .contains(&format!("Its job is to stop: run {newer} takes its place").as_str())
    );
}

#[test]
fn a_job_that_does_not_obey_is_killed_after_five_minutes() {
    let mut world = world(OverlapPolicy::StopOther, 60);
    world.server.lives.push_back(Life { lasts: seconds(7_200), obeys: None, ..Life::usual() });
    world.pass_to("2026-11-23T13:04:50Z");
    assert_eq!(states(&world), ["running", "waiting: overlap"]);
    world.pass_to("2026-11-23T13:07:00Z");
    assert_eq!(states(&world), ["stopped", "succeeded"]);
}

#[test]
fn of_kill_other_it_is_killed_at_once() {
    let mut world = world(OverlapPolicy::KillOther, 7_200);
    world.pass_to("2026-11-23T13:00:30Z");
    assert_eq!(states(&world), ["stopped", "running"]);
    assert_eq!(world.server.count(seconds(0), |call| matches!(call, Call::Stop(_, StopStrategy::SoftStop))), 0);
}

#[test]
fn of_several_that_wait_for_a_stop_only_the_newest_goes() {
    let mut world = world(OverlapPolicy::StopOther, 60);
    // It obeys nothing for two hours.
    world.server.lives.push_back(Life { lasts: seconds(9_000), obeys: None, dies: None, ..Life::usual() });
    world.pass_to("2026-11-23T14:00:30Z");
    assert_eq!(states(&world), ["running", "skipped: overlap", "waiting: overlap"]);
    world.pass_to("2026-11-23T14:40:00Z");
    assert_eq!(states(&world), ["succeeded", "skipped: overlap", "succeeded"]);
    assert_eq!(note(&world, &hour(12)), "it ended well although it was to stop");
}

#[test]
fn what_may_have_been_sent_is_waited_for_and_stopped_as_soon_as_its_job_is_found() {
    let mut world = world(OverlapPolicy::StopOther, 9_000);
    world.server.lives.push_back(Life { waits: Some(seconds(0)), lasts: seconds(9_000), ..Life::usual() });
    // Its job shows only after the next time has come.
    world.pass_to("2026-11-23T11:59:30Z");
    world.server.post_takes.push_back(seconds(25));
    world.server.script.push_back(Post::Late(seconds(60)));
    let set = set(|schedule| {
        schedule.overlap = OverlapPolicy::StopOther;
        schedule.catch_up.policy = CatchUpPolicy::Last;
    });
    world.load(set);
    world.pass_to("2026-11-23T12:00:40Z");
    assert_eq!(states(&world), ["unknown"]);
    world.pass_to("2026-11-23T12:03:00Z");
    assert_eq!(states(&world), ["running"]);
    world.server.post_takes.clear();
    world.pass_to("2026-11-23T13:01:00Z");
    assert_eq!(states(&world), ["stopped", "running"]);
    assert!(world.server.jobs.iter().all(|job| world.server.jobs_of(&job.reference) == 1), "one job each");
}

#[test]
fn waiting_for_an_unclear_start_uses_no_deadline_up_also_when_the_daemon_dies_in_an_outage() {
    for dies in [false, true] {
        let often = set_of("  x: { every: 4s, overlap: queue_one, start: { process: P } }\n", at(BEFORE));
        let mut world = World::proven_with(often, BEFORE);
        world.server.script.push_back(Post::NotMade);
        world.pass(seconds(9));
        world.server.mood = Mood::Down;
        for _ in 0..2 {
            world.pass(seconds(40 * 60));
            if dies {
                world.restart();
                world.pass(seconds(10));
            }
        }
        assert_eq!(states(&world)[..3], ["unknown", "waiting: overlap", "skipped: overlap"], "dies: {dies}");
        world.server.mood = Mood::Well;
        world.pass(seconds(300));
        assert_eq!(states(&world)[..2], ["missed: deadline", "succeeded"], "dies: {dies}");
    }
}

#[test]
fn a_time_that_comes_at_the_deadline_of_the_one_before_it_is_not_skipped_for_it() {
    for overlap in [OverlapPolicy::Skip, OverlapPolicy::QueueOne] {
        let mut world = World::proven_with(
            set(|schedule| (schedule.overlap, schedule.start_deadline) = (overlap, seconds(3_600))),
            BEFORE,
        );
        world.server.script.extend(std::iter::repeat_n(Post::Refused(409, 1_670), 100));
        world.pass_to("2026-11-23T12:30:00Z");
        assert_eq!(world.state("x", &hour(12)), "waiting: capacity");
        world.pass_to(&hour(13));
        assert_eq!(world.states("x")[0].1, "missed: deadline");
        assert!(world.state("x", &hour(13)).starts_with("waiting"), "{overlap:?}: {:?}", world.states("x"));
    }
}
