//! People who stop runs, wherever these stand (semantics.md 21a, 32).

use punctual::dispatcher::core::{
    Command, CommandRefused, Done, StopCommand, StopDone, StopHow, StopRefused, StopWaiting,
};
use punctual::orchestrator::{JobState, StopStrategy};
use punctual::run::Ending;
use punctual::schedule::{OverlapPolicy, Retry, RetryOn, Schedule, ScheduleKey};

use super::queue::set;
use super::server::{Call, Life, Post};
use super::world::{FOLDER, World, attempt_of, hourly, seconds};

const BEFORE: &str = "2026-11-23T11:59:00Z";
const NOON: &str = "2026-11-23T12:00:00Z";
const ONE: &str = "2026-11-23T13:00:00Z";
const TWO: &str = "2026-11-23T14:00:00Z";
const ADA: &str = "ada (uid 1000)";

fn world(change: impl FnOnce(&mut Schedule)) -> World {
    World::proven_with(set(change), BEFORE)
}

fn ask(world: &mut World, what: StopCommand) -> Result<StopDone, StopRefused> {
    match world.ask(Command::Stop { what, actor: ADA.to_owned() }) {
        Ok(Done::Stopped(done)) => Ok(done),
        Err(CommandRefused::Stop(refused)) => Err(refused),
        other => panic!("{other:?}"),
    }
}

fn stop(world: &mut World, nominal: &str, how: StopHow) -> Result<StopDone, StopRefused> {
    let run = world.run("x", nominal).id;
    ask(world, StopCommand::Run { run, how, reason: None })
}

fn stops(world: &World, how: StopStrategy) -> usize {
    world.server.count(seconds(0), |call| matches!(call, Call::Stop(_, asked) if *asked == how))
}

fn deeds(world: &World) -> Vec<(&str, &str, Option<&str>)> {
    world.db.audit.iter().map(|deed| (deed.actor.as_str(), deed.action, deed.detail.as_deref())).collect()
}

#[test]
fn what_waits_behind_an_older_run_is_cancelled_and_the_next_one_goes_in_its_turn() {
    let mut world = world(|schedule| schedule.overlap = OverlapPolicy::QueueAll);
    world.server.lives.push_back(Life { lasts: seconds(9_000), ..Life::usual() });
    world.pass_to("2026-11-23T14:10:00Z");
    let run = world.run("x", ONE).id;
    assert_eq!(stop(&mut world, ONE, StopHow::Softly), Ok(StopDone::Cancelled(run)));
    assert_eq!(world.state("x", ONE), "cancelled");
    assert_eq!(world.run("x", ONE).cancelled_by.as_deref(), Some(ADA));
    assert_eq!(world.lines(world.run("x", ONE)).last(), Some(&"ada (uid 1000) stopped it"));
    assert_eq!(deeds(&world), [(ADA, "stop", None)]);
    world.pass_to("2026-11-23T14:50:00Z");
    assert_eq!((world.state("x", NOON).as_str(), world.state("x", TWO).as_str()), ("succeeded", "succeeded"));
    assert_eq!(world.server.posts(), 2);
    assert_eq!(stop(&mut world, ONE, StopHow::Softly), Err(StopRefused::NotOpen(run)));
}

#[test]
fn what_waits_for_another_attempt_ends_as_its_last_job_did_and_says_who_stopped_it() {
    let mut world = world(|schedule| {
        let (delay, max_delay) = (seconds(600), seconds(900));
        schedule.retry = Some(Retry { attempts: 3, delay, max_delay, on: vec![RetryOn::Faulted] });
    });
    world.server.lives.push_back(Life::fails(seconds(20), "Index was outside the bounds of the array."));
    world.pass_to("2026-11-23T12:02:00Z");
    assert_eq!(world.state("x", NOON), "waiting: retry");
    let run = world.run("x", NOON).id;
    assert_eq!(stop(&mut world, NOON, StopHow::Softly), Ok(StopDone::EndedAsItsJob(run, Ending::Faulted)));
    let note = world.run("x", NOON).note.clone().unwrap_or_default();
    assert_eq!(note, "no further attempt was made: ada (uid 1000) stopped it");
    world.pass(seconds(3_000));
    assert_eq!(world.server.posts(), 1);
}

#[test]
fn a_job_is_asked_to_stop_and_a_deaf_one_is_killed_when_that_is_asked_for_and_is_never_tried_again() {
    let mut world = world(|schedule| {
        let (delay, max_delay) = (seconds(10), seconds(900));
        schedule.retry = Some(Retry { attempts: 3, delay, max_delay, on: vec![RetryOn::Faulted] });
    });
    world.server.lives.push_back(Life { lasts: seconds(3_000), obeys: None, ..Life::usual() });
    world.pass_to("2026-11-23T12:05:00Z");
    let run = world.run("x", NOON).id;
    assert_eq!(stop(&mut world, NOON, StopHow::Softly), Ok(StopDone::Asked(run, StopHow::Softly)));
    world.pass(seconds(1_200));
    // Nobody asked for more than that, so it goes on.
    assert_eq!(world.state("x", NOON), "running");
    assert_eq!((stops(&world, StopStrategy::SoftStop), stops(&world, StopStrategy::Kill)), (1, 0));
    world.restart();
    assert_eq!(stop(&mut world, NOON, StopHow::Kill), Ok(StopDone::Asked(run, StopHow::Kill)));
    world.pass(seconds(120));
    assert_eq!(world.state("x", NOON), "stopped");
    assert_eq!((stops(&world, StopStrategy::Kill), world.server.posts()), (1, 1));
    assert_eq!(deeds(&world), [(ADA, "stop", None), (ADA, "stop", Some("kill"))]);
}

#[test]
fn a_job_that_was_made_unseen_is_stopped_when_it_is_found_also_by_the_next_life() {
    for dies in [false, true] {
        let mut world = world(|_| {});
        world.server.script.push_back(Post::Late(seconds(30)));
        world.server.lives.push_back(Life { lasts: seconds(3_000), ..Life::usual() });
        world.pass_to("2026-11-23T12:00:20Z");
        assert_eq!(world.state("x", NOON), "unknown");
        let run = world.run("x", NOON).id;
        assert_eq!(stop(&mut world, NOON, StopHow::Softly), Ok(StopDone::LookedUp(run)));
        if dies {
            world.restart();
        }
        world.pass(seconds(600));
        assert_eq!(world.state("x", NOON), "stopped", "{:#?}", world.lines(world.run("x", NOON)));
        assert_eq!((stops(&world, StopStrategy::SoftStop), world.server.posts()), (1, 1));
    }
}

#[test]
fn what_made_no_job_is_cancelled_once_that_is_certain_and_never_sent_again() {
    for (more, dies) in
        [("", false), ("", true), (", on_unknown_start: hold", false), (", on_unknown_start: skip", true)]
    {
        let mut world = World::proven(&hourly(more), BEFORE);
        world.server.script.push_back(Post::NotMade);
        world.pass_to("2026-11-23T12:00:05Z");
        assert_eq!(world.state("x", NOON), "unknown");
        let run = world.run("x", NOON).id;
        assert_eq!(stop(&mut world, NOON, StopHow::Kill), Ok(StopDone::LookedUp(run)));
        assert_eq!(world.state("x", NOON), "unknown", "whether there is a job is not known yet");
        if dies {
            world.restart();
        }
        world.pass(seconds(900));
        assert_eq!(world.state("x", NOON), "cancelled", "{more}: {:#?}", world.lines(world.run("x", NOON)));
        assert_eq!(world.run("x", NOON).cancelled_by.as_deref(), Some(ADA));
        assert_eq!(world.server.posts(), 1, "{more}");
    }
}

#[test]
fn a_held_run_is_cancelled_by_the_look_that_follows_and_a_job_that_shows_up_then_is_stopped() {
    let mut world = World::proven(&hourly(", on_unknown_start: hold"), BEFORE);
    world.server.script.push_back(Post::NotMade);
    world.pass_to("2026-11-23T12:10:00Z");
    assert_eq!(world.state("x", NOON), "held");
    let run = world.run("x", NOON).id;
    assert_eq!(stop(&mut world, NOON, StopHow::Softly), Ok(StopDone::LookedUp(run)));
    world.pass(seconds(5));
    assert_eq!(world.state("x", NOON), "cancelled");
    // Orchestrator shows it only now, at work.
    let (reference, now) = (attempt_of(world.run("x", NOON)).reference.clone(), world.now);
    world.server.lives.push_back(Life { lasts: seconds(3_000), ..Life::usual() });
    world.server.make(&reference, FOLDER, now, now.boot + seconds(60));
    world.restart();
    world.pass(seconds(900));
    let job = world.server.jobs.last().unwrap();
    assert!(job.stopped || job.obeyed.is_some(), "{job:?}");
    assert!(world.lines(world.run("x", NOON)).iter().any(|line| line.contains("was made late and is one too many")));
}

#[test]
fn a_start_that_is_under_way_when_it_is_stopped_is_stopped_with_its_answer() {
    let mut world = world(|_| {});
    world.server.lives.push_back(Life { lasts: seconds(3_000), ..Life::usual() });
    let actions = world.until_a_start(seconds(120)).unwrap();
    actions.into_iter().for_each(|action| world.launch(action));
    assert_eq!(world.state("x", NOON), "starting");
    let run = world.run("x", NOON).id;
    assert_eq!(stop(&mut world, NOON, StopHow::Softly), Ok(StopDone::LookedUp(run)));
    world.pass(seconds(300));
    assert_eq!(world.state("x", NOON), "stopped", "{:#?}", world.lines(world.run("x", NOON)));
    assert_eq!((stops(&world, StopStrategy::SoftStop), world.server.posts()), (1, 1));
}

#[test]
fn all_of_a_schedule_that_waits_is_cancelled_in_one_act_and_nothing_of_what_runs() {
    let mut world = world(|schedule| schedule.overlap = OverlapPolicy::QueueAll);
    world.server.lives.push_back(Life { lasts: seconds(14_000), ..Life::usual() });
    world.pass_to("2026-11-23T15:10:00Z");
    let waiting = |schedule: &str| StopCommand::Waiting {
        schedule: schedule.to_owned(),
        of: StopWaiting::All,
        reason: Some("audit".to_owned()),
    };
    let Ok(StopDone::Waiting(_, runs)) = ask(&mut world, waiting("x")) else { panic!("it is done") };
    assert_eq!(runs.len(), 3);
    let states: Vec<String> = world.states("x").into_iter().map(|(_, state)| state).collect();
    assert_eq!(states, ["running", "cancelled", "cancelled", "cancelled"]);
    assert_eq!(deeds(&world), [(ADA, "stop", Some("waiting: 3; audit"))]);
    let x = ScheduleKey::parse("x").unwrap();
    assert_eq!(ask(&mut world, waiting("x")), Err(StopRefused::NothingWaits(x)));
    assert!(matches!(ask(&mut world, waiting("y")), Err(StopRefused::NoSchedule { .. })));
    world.pass_to("2026-11-23T16:30:00Z");
    assert_eq!(world.server.posts(), 2, "what comes after it runs");
    assert_eq!(world.state("x", NOON), "succeeded");
    assert!(world.server.jobs.iter().all(|job| job.ends_as == JobState::Successful));
}
