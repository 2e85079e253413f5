//! People who start something by hand (semantics.md 12, 31).

use std::collections::BTreeMap;

use punctual::dispatcher::core::{ByHandRefused, Command, CommandRefused, Done, StartCommand};
use punctual::executor::Action;
use punctual::run::{InWindows, PauseScope, Run, RunId};
use punctual::schedule::{Enablement, OverlapPolicy, Schedule, Trigger};
use serde_json::json;

use super::holding::pause;
use super::queue::set;
use super::server::{Life, Mood, Post};
use super::world::{World, attempt_of, is_start, seconds};

const BEFORE: &str = "2026-11-23T11:59:00Z";
const NOON: &str = "2026-11-23T12:00:00Z";
const ADA: &str = "ada (uid 1000)";

fn world(change: impl FnOnce(&mut Schedule)) -> World {
    World::proven_with(set(change), BEFORE)
}

fn start() -> StartCommand {
    StartCommand {
        schedule: "x".to_owned(),
        arguments: serde_json::Map::new(),
        typed: BTreeMap::new(),
        nominal_at: None,
        overlap: None,
        in_windows: InWindows::Waits,
        reason: None,
    }
}

fn ask(world: &mut World, what: StartCommand) -> Result<RunId, ByHandRefused> {
    match world.ask(Command::Start { what, actor: ADA.to_owned() }) {
        Ok(Done::Started(run)) => Ok(run),
        Err(CommandRefused::Start(refused)) => Err(refused),
        other => panic!("{other:?}"),
    }
}

fn by_hand(world: &World) -> Vec<&Run> {
    world.all("x").filter(|run| run.trigger == Trigger::Manual).collect()
}

fn state(world: &World, id: RunId) -> String {
    world.all("x").find(|run| run.id == id).unwrap().state.to_string()
}

#[test]
fn a_run_by_hand_starts_at_once_under_who_asked_and_moves_no_time_of_the_schedule() {
    let mut world = world(|_| {});
    let id = ask(&mut world, StartCommand { reason: Some("audit".to_owned()), ..start() }).unwrap();
    world.pass(seconds(40));
    let [run] = by_hand(&world)[..] else { panic!("one run by hand") };
    assert_eq!((run.id, run.state.to_string().as_str(), run.actor.as_deref()), (id, "succeeded", Some(ADA)));
    let reference = attempt_of(run).reference.as_str().to_owned();
    assert!(reference.ends_with(&format!(".r{}", id.0.simple())), "{reference}");
    let deed = world.db.audit.last().unwrap();
    assert_eq!((deed.action, deed.subject.as_str(), deed.detail.as_deref()), ("start", "x", Some("audit")));
    world.pass_to("2026-11-23T12:30:00Z");
    assert_eq!(world.state("x", NOON), "succeeded", "its own time runs all the same");
    assert_eq!(world.server.posts(), 2);
}

#[test]
fn what_is_asked_twice_is_two_runs_and_the_second_is_refused_while_the_first_is_open() {
    let mut world = world(|_| {});
    world.server.lasts = seconds(30);
    let first = ask(&mut world, start()).unwrap();
    world.pass(seconds(5));
    let Err(ByHandRefused::Overlaps { run, .. }) = ask(&mut world, start()) else { panic!("it is refused") };
    assert_eq!(run, first);
    let second = ask(&mut world, StartCommand { overlap: Some(OverlapPolicy::Allow), ..start() }).unwrap();
    let third = ask(&mut world, StartCommand { overlap: Some(OverlapPolicy::QueueAll), ..start() }).unwrap();
    world.pass(seconds(15));
    assert_eq!((state(&world, second).as_str(), state(&world, third).as_str()), ("running", "waiting: overlap"));
    world.pass(seconds(300));
    assert_eq!((state(&world, second).as_str(), state(&world, third).as_str()), ("succeeded", "succeeded"));
    assert_eq!(world.server.posts(), 4 - 1);
}

#[test]
fn a_time_of_the_schedule_that_comes_meanwhile_finds_a_run_by_hand_as_it_finds_any_other() {
    let mut world = world(|_| {});
    world.server.lives.push_back(Life { lasts: seconds(600), ..Life::usual() });
    ask(&mut world, start()).unwrap();
    world.pass_to("2026-11-23T12:05:00Z");
    assert_eq!(world.state("x", NOON), "skipped: overlap");
}

#[test]
fn neither_a_pause_nor_enabled_false_keeps_a_person_from_starting_it() {
    let mut world = world(|schedule| schedule.enablement = Enablement::Disabled);
    pause(&mut world, PauseScope::All, None);
    let id = ask(&mut world, start()).unwrap();
    world.pass(seconds(40));
    assert_eq!(state(&world, id), "succeeded");
}

#[test]
fn arguments_take_the_place_of_the_files_one_by_one_and_keep_its_types() {
    let mut world = world(|schedule| {
        let file = json!({ "number": "007", "count": 3, "other": true });
        schedule.start.arguments = file.as_object().cloned();
    });
    let typed = [("number", "9"), ("count", "12"), ("new", "a b")];
    let typed = typed.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
    let what = Command::Start { what: StartCommand { typed, ..start() }, actor: ADA.to_owned() };
    let now = world.now;
    world
        .core()
        .handle(punctual::dispatcher::core::Event::Command(punctual::dispatcher::core::CommandId(77), what), now);
    let actions = world.until_a_start(seconds(30)).unwrap();
    let Some(Action::Start(order)) = actions.into_iter().find(is_start) else { panic!("a start") };
    assert_eq!(
        serde_json::Value::Object(order.start.arguments.unwrap()),
        json!({ "number": "9", "count": 12, "other": true, "new": "a b" })
    );
}

#[test]
fn a_name_that_is_nearly_one_of_the_files_is_a_slip_and_any_other_is_the_processs_own() {
    let mut world = world(|schedule| schedule.start.arguments = json!({ "month": 10 }).as_object().cloned());
    let given = |name: &str| [(name.to_owned(), "12".to_owned())].into_iter().collect();
    let refused = ask(&mut world, StartCommand { typed: given("mont"), ..start() }).unwrap_err();
    assert!(matches!(&refused, ByHandRefused::NoArgument { meant, .. } if meant == "month"), "{refused:?}");
    assert!(by_hand(&world).is_empty(), "nothing was started");
    ask(&mut world, StartCommand { typed: given("mailbox"), ..start() }).unwrap();
}

#[test]
fn a_run_by_hand_survives_a_kill_at_any_moment_and_is_started_once() {
    for (post, waits) in [(Post::Made, 0), (Post::Dropped, 0), (Post::NotMade, 0), (Post::Made, 1), (Post::Dropped, 1)]
    {
        let mut world = world(|_| {});
        world.server.script.push_back(post.clone());
        let id = ask(&mut world, start()).unwrap();
        world.pass(seconds(waits));
        world.restart();
        world.pass(seconds(400));
        assert_eq!(state(&world, id), "succeeded", "{post:?}");
        let reference = by_hand(&world)[0].attempts[0].reference.clone();
        assert_eq!(world.server.jobs_of(&reference), 1, "{post:?}");
    }
}

#[test]
fn without_an_orchestrator_it_waits_within_its_deadline() {
    let mut world = world(|schedule| schedule.start_deadline = seconds(600));
    world.server.mood = Mood::Down;
    let id = ask(&mut world, start()).unwrap();
    world.pass(seconds(500));
    assert_eq!(state(&world, id), "waiting: outage");
    world.pass(seconds(200));
    assert_eq!(state(&world, id), "missed: deadline");
}

#[test]
fn of_two_that_are_asked_for_in_one_turn_the_second_finds_the_first() {
    for (overlap, at_once) in [(None, 1), (Some(OverlapPolicy::QueueAll), 1), (Some(OverlapPolicy::Allow), 2)] {
        let mut world = world(|_| {});
        world.server.lasts = seconds(60);
        let now = world.now;
        for number in [71, 72] {
            let what = Command::Start { what: StartCommand { overlap, ..start() }, actor: ADA.to_owned() };
            let id = punctual::dispatcher::core::CommandId(number);
            world.core().handle(punctual::dispatcher::core::Event::Command(id, what), now);
        }
        world.pass(seconds(30));
        assert_eq!(world.server.posts(), at_once, "{overlap:?}");
        world.pass(seconds(300));
        let all = if overlap.is_none() { 1 } else { 2 };
        assert_eq!(world.server.posts(), all, "{overlap:?}");
    }
}

#[test]
fn one_that_is_for_a_time_of_the_schedule_has_that_time_and_the_files_work() {
    let mut world = world(|schedule| {
        schedule.start.arguments = json!({ "day": "${nominal:%F}" }).as_object().cloned();
    });
    let at: jiff::Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
    let id = ask(&mut world, StartCommand { nominal_at: Some(at), ..start() }).unwrap();
    world.pass(seconds(40));
    let [run] = by_hand(&world)[..] else { panic!("one run by hand") };
    assert_eq!((run.id, run.nominal_at, run.fire_at), (id, at, BEFORE.parse().unwrap()));
    assert_eq!(serde_json::Value::Object(run.start().arguments.clone().unwrap()), json!({ "day": "2026-11-20" }));
    assert_eq!(world.db.audit.last().unwrap().detail.as_deref(), Some("for 2026-11-20T12:00:00Z"));
}

#[test]
fn a_name_that_no_schedule_has_is_told_with_the_one_that_was_meant() {
    let mut world = world(|_| {});
    let refused = ask(&mut world, StartCommand { schedule: "y".to_owned(), ..start() });
    assert!(matches!(refused, Err(ByHandRefused::NoSchedule { .. })), "{refused:?}");
    assert!(by_hand(&world).is_empty() && world.db.audit.is_empty());
}
