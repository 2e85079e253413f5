//! Jobs that wait for a robot, or run, for too long (semantics.md 21, 21a).

use jiff::civil::time;
use punctual::dispatcher::core::{Command, CommandRefused, Resolution};
use punctual::orchestrator::{JobState, StopStrategy};
use punctual::run::{JobEnding, TimeLimit};
use punctual::schedule::{CountedBy, OnPending, Retry, RetryOn, Timeouts};

use super::queue::set;
use super::server::{Call, Life, Mood};
use super::world::{World, at, attempt_of, seconds};

const BEFORE: &str = "2026-11-23T12:59:00Z";
const ONE: &str = "2026-11-23T13:00:00Z";

pub(crate) fn none() -> Timeouts {
    Timeouts {
        pending: None,
        soft: None,
        at: None,
        kill_after: seconds(300),
        on_pending: OnPending::Stop,
        counted_by: CountedBy::Us,
    }
}

fn world(timeouts: Timeouts) -> World {
    World::proven_with(set(|schedule| schedule.timeout = Some(timeouts)), BEFORE)
}

fn soft(minutes: u64) -> Timeouts {
    Timeouts { soft: Some(seconds(minutes * 60)), ..none() }
}

fn pending(minutes: u64, on_pending: OnPending) -> Timeouts {
    Timeouts { pending: Some(seconds(minutes * 60)), on_pending, ..none() }
}

fn stops(world: &World) -> Vec<StopStrategy> {
    let calls = world.server.calls.iter();
    calls.filter_map(|(_, call)| if let Call::Stop(_, how) = call { Some(*how) } else { None }).collect()
}

#[test]
fn a_job_that_starts_late_is_never_stopped_early() {
    // Due at 13:00, twenty minutes, and the robot is free at 13:15: it may run until 13:35.
    let mut world = world(soft(20));
    world.server.lives.push_back(Life { waits: Some(seconds(900)), lasts: seconds(9_000), ..Life::usual() });
    world.pass_to("2026-11-23T13:34:58Z");
    assert_eq!((world.state("x", ONE).as_str(), stops(&world).len()), ("running", 0));
    world.pass_to("2026-11-23T13:36:30Z");
    assert_eq!(world.state("x", ONE), "timed_out");
    assert_eq!(stops(&world), [StopStrategy::SoftStop]);
}

#[test]
fn a_deaf_job_is_killed_after_the_soft_stop_was_taken_and_not_before() {
    let mut world = world(soft(20));
    world.server.lives.push_back(Life { lasts: seconds(9_000), obeys: None, ..Life::usual() });
    world.pass_to("2026-11-23T13:24:50Z");
    assert_eq!((world.state("x", ONE).as_str(), stops(&world)), ("running", vec![StopStrategy::SoftStop]));
    world.pass_to("2026-11-23T13:26:30Z");
    assert_eq!(world.state("x", ONE), "timed_out");
    assert_eq!(stops(&world), [StopStrategy::SoftStop, StopStrategy::Kill]);
}

#[test]
fn a_job_that_ends_well_after_a_soft_stop_succeeded() {
    let mut world = world(soft(20));
    let life = Life { lasts: seconds(9_000), obeys: Some((seconds(90), JobState::Successful)), ..Life::usual() };
    world.server.lives.push_back(life);
    world.pass_to("2026-11-23T13:30:00Z");
    let run = world.run("x", ONE);
    assert_eq!(run.state.to_string(), "succeeded");
    assert_eq!(run.note.as_deref(), Some("it ended well although it was to stop"));
}

#[test]
fn the_time_that_a_job_was_suspended_is_left_out() {
    let mut world = world(soft(20));
    // Ten minutes of work, two days of waiting for somebody, and it goes on.
    let two_days = seconds(600 + 2 * 86_400);
    let life = Life { lasts: two_days + seconds(9_000), parked: Some((seconds(600), two_days)), ..Life::usual() };
    world.server.lives.push_back(life);
    world.pass_to("2026-11-25T13:09:00Z");
    assert_eq!((world.state("x", ONE).as_str(), stops(&world).len()), ("suspended", 0));
    world.restart();
    world.pass_to("2026-11-25T13:18:00Z");
    assert_eq!((world.state("x", ONE).as_str(), stops(&world).len()), ("running", 0));
    world.pass_to("2026-11-25T13:22:30Z");
    assert_eq!(world.state("x", ONE), "timed_out");
}

#[test]
fn a_job_that_no_robot_takes_is_stopped_and_its_run_timed_out() {
    let mut world = world(pending(20, OnPending::Stop));
    world.server.lives.push_back(Life::hangs());
    world.pass_to("2026-11-23T13:19:55Z");
    assert_eq!(world.state("x", ONE), "pending");
    world.pass_to("2026-11-23T13:21:00Z");
    let run = world.run("x", ONE);
    assert_eq!(run.state.to_string(), "timed_out");
    assert_eq!((run.attempts.len(), world.server.posts()), (1, 1));
}

#[test]
fn with_restart_another_job_is_started_once_the_first_has_ended_without_a_robot() {
    let mut world = world(pending(20, OnPending::Restart));
    world.server.lives.push_back(Life::hangs());
    world.pass_to("2026-11-23T13:25:00Z");
    let run = world.run("x", ONE);
    assert_eq!(run.state.to_string(), "succeeded");
    let ends: Vec<_> = run.attempts.iter().map(|attempt| attempt.ended_as).collect();
    assert_eq!(ends, [Some(JobEnding::TimedOut), Some(JobEnding::Succeeded)]);
    // It has two starts in all.
    let mut world = self::world(pending(20, OnPending::Restart));
    world.server.lives.extend([Life::hangs(), Life::hangs(), Life::hangs()]);
    world.pass_to("2026-11-23T13:59:00Z");
    assert_eq!((world.state("x", ONE).as_str(), world.server.posts()), ("timed_out", 2));
}

#[test]
fn a_robot_that_takes_the_job_in_the_last_second_keeps_it() {
    // The read before the stop shows it running.
    let mut world = world(pending(20, OnPending::Restart));
    world.server.lives.push_back(Life { waits: Some(seconds(1_199)), lasts: seconds(300), ..Life::usual() });
    world.pass_to("2026-11-23T13:30:00Z");
    assert_eq!((world.state("x", ONE).as_str(), world.server.posts()), ("succeeded", 1));
    assert!(stops(&world).is_empty());
    // The robot takes it between that read and the stop: it is judged by its own end, and no other is started.
    for (obeys, state) in [(JobState::Successful, "succeeded"), (JobState::Stopped, "timed_out")] {
        let mut world = self::world(pending(20, OnPending::Restart));
        world.server.lives.push_back(Life {
            waits: Some(seconds(1_201)),
            lasts: seconds(300),
            obeys: Some((seconds(5), obeys)),
            ..Life::usual()
        });
        world.pass_to("2026-11-23T13:19:30Z");
        // Each answer takes a moment, so the stop comes after the robot.
        world.server.read_takes.push_back(seconds(2));
        world.pass_to("2026-11-23T13:35:00Z");
        let run = world.run("x", ONE);
        assert_eq!((run.state.to_string().as_str(), world.server.posts()), (state, 1), "{:?}", world.lines(run));
    }
}

#[test]
fn a_wish_to_stop_outlives_a_restart_and_is_not_asked_for_twice() {
    let mut world = world(soft(20));
    world.server.lives.push_back(Life { lasts: seconds(9_000), obeys: None, ..Life::usual() });
    world.pass_to("2026-11-23T13:21:30Z");
    let stop = attempt_of(world.run("x", ONE)).stop.clone().unwrap();
    assert!(stop.soft.unwrap().accepted_at.is_some() && stop.kill.is_some());
    world.restart();
    world.pass_to("2026-11-23T13:24:00Z");
    assert_eq!(stops(&world), [StopStrategy::SoftStop]);
    world.crash();
    world.sleep(seconds(1_200));
    world.recover();
    world.pass(seconds(60));
    assert_eq!(stops(&world), [StopStrategy::SoftStop, StopStrategy::Kill]);
    assert_eq!(world.state("x", ONE), "timed_out");
}

#[test]
fn a_robot_that_took_a_pending_job_while_nobody_was_there_keeps_it() {
    let mut world = world(pending(20, OnPending::Restart));
    world.server.lives.push_back(Life { waits: Some(seconds(1_800)), lasts: seconds(3_000), ..Life::usual() });
    // Its stop is decided, and not taken before the end of this life.
    world.server.stops_refused = true;
    world.pass_to("2026-11-23T13:20:05Z");
    assert!(attempt_of(world.run("x", ONE)).stop.is_some());
    let before = stops(&world).len();
    world.crash();
    world.sleep(seconds(900));
    world.server.stops_refused = false;
    world.recover();
    world.pass(seconds(60));
    let run = world.run("x", ONE);
    assert_eq!((run.state.to_string().as_str(), stops(&world).len()), ("running", before), "{:?}", world.lines(run));
    assert!(attempt_of(run).stop.is_none());
}

#[test]
fn after_an_outage_a_job_is_read_before_it_is_stopped() {
    let mut world = world(soft(20));
    world.server.lives.push_back(Life { lasts: seconds(1_190), ..Life::usual() });
    world.pass_to("2026-11-23T13:15:00Z");
    world.server.mood = Mood::Down;
    world.pass_to("2026-11-23T13:40:00Z");
    world.server.mood = Mood::Well;
    world.pass_to("2026-11-23T13:45:00Z");
    assert_eq!((world.state("x", ONE).as_str(), stops(&world).len()), ("succeeded", 0));
}

#[test]
fn a_time_of_day_ends_a_job_and_all_attempts() {
    let until_half_past = || {
        let set = set(|schedule| {
            schedule.timeout = Some(Timeouts { at: Some(time(13, 30, 0, 0)), ..none() });
            let on = vec![RetryOn::Faulted, RetryOn::TimedOut];
            schedule.retry = Some(Retry { attempts: 9, delay: seconds(60), max_delay: seconds(60), on });
        });
        World::proven_with(set, BEFORE)
    };
    let mut world = until_half_past();
    world.server.lives.push_back(Life { lasts: seconds(9_000), ..Life::usual() });
    world.pass_to("2026-11-23T13:29:55Z");
    assert_eq!(world.state("x", ONE), "running");
    world.pass_to("2026-11-23T13:35:00Z");
    assert_eq!((world.state("x", ONE).as_str(), world.server.posts()), ("timed_out", 1));
    // One that fails a moment before has no time left for another.
    let mut world = until_half_past();
    world.server.lives.push_back(Life::fails(seconds(1_785), "It broke"));
    world.pass_to("2026-11-23T13:50:00Z");
    assert_eq!((world.state("x", ONE).as_str(), world.server.posts()), ("faulted", 1));
}

#[test]
fn what_timed_out_softly_is_tried_again_where_the_file_asks_for_it() {
    let mut world = World::proven_with(
        set(|schedule| {
            schedule.timeout = Some(soft(10));
            schedule.retry =
                Some(Retry { attempts: 2, delay: seconds(60), max_delay: seconds(60), on: vec![RetryOn::TimedOut] });
        }),
        BEFORE,
    );
    world.server.lives.push_back(Life { lasts: seconds(9_000), ..Life::usual() });
    world.pass_to("2026-11-23T13:20:00Z");
    let run = world.run("x", ONE);
    assert_eq!(run.state.to_string(), "succeeded");
    let ends: Vec<_> = run.attempts.iter().map(|attempt| attempt.ended_as).collect();
    assert_eq!(ends, [Some(JobEnding::TimedOut), Some(JobEnding::Succeeded)]);
}

#[test]
fn a_job_that_survives_its_kill_is_stuck_and_may_be_given_up_although_it_can_be_read() {
    let mut world = world(soft(5));
    world.server.lives.push_back(Life { lasts: seconds(90_000), obeys: None, dies: None, ..Life::usual() });
    world.pass_to("2026-11-23T13:15:00Z");
    let id = world.run("x", ONE).id;
    let lost = || Command::Resolve { run: id, how: Resolution::Lost, actor: "ana".to_owned() };
    assert!(matches!(world.command(lost()), Ok(_) | Err(CommandRefused::CanBeRead { .. })));
    world.pass_to("2026-11-23T13:28:00Z");
    let run = world.run("x", ONE);
    assert!(run.error.as_deref().unwrap().contains("does not end although it was stopped"), "{:?}", run.error);
    assert!(run.error.as_deref().unwrap().contains(&format!("punctual resolve {} lost", id.short())));
    world.command(lost()).unwrap();
    assert_eq!(world.state("x", ONE), "lost");
    world.pass_to("2026-11-23T14:01:00Z");
    assert_eq!(world.state("x", "2026-11-23T14:00:00Z"), "succeeded", "its schedule goes on");
}

#[test]
fn a_stop_that_is_refused_is_asked_for_again_and_told() {
    let mut world = world(soft(5));
    world.server.lives.push_back(Life { lasts: seconds(9_000), ..Life::usual() });
    world.server.stops_refused = true;
    world.pass_to("2026-11-23T13:10:00Z");
    let run = world.run("x", ONE);
    assert_eq!(run.state.to_string(), "running");
    assert!(run.error.as_deref().unwrap().contains("does not end although it was stopped"));
    assert!((3..20).contains(&stops(&world).len()), "{} times", stops(&world).len());
    world.server.stops_refused = false;
    world.pass_to("2026-11-23T13:13:00Z");
    assert_eq!(world.state("x", ONE), "timed_out");
}

#[test]
fn a_job_that_orchestrator_stopped_by_the_limit_it_was_given_has_timed_out() {
    for (ends_at, state) in [(1_800, "timed_out"), (900, "stopped")] {
        let mut world = world(Timeouts {
            pending: Some(seconds(600)),
            soft: Some(seconds(1_200)),
            counted_by: CountedBy::ServerToo,
            ..none()
        });
        let life = Life { waits: Some(seconds(595)), lasts: seconds(ends_at - 595), ..Life::usual() };
        world.server.lives.push_back(Life { ends_as: JobState::Stopped, ..life });
        world.pass_to("2026-11-23T13:40:00Z");
        assert_eq!(world.state("x", ONE), state);
    }
}

#[test]
fn which_limit_it_was_is_kept() {
    let mut world = world(soft(5));
    world.server.lives.push_back(Life { lasts: seconds(9_000), ..Life::usual() });
    world.pass_to("2026-11-23T13:10:00Z");
    let stop = attempt_of(world.run("x", ONE)).stop.clone().unwrap();
    assert!(matches!(stop.by, punctual::run::StoppedBy::Timeout(TimeLimit::Soft)));
    assert!(stop.asked_at >= at("2026-11-23T13:05:02Z"));
}
