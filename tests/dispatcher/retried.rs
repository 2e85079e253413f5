//! People who have a run tried again, or its next attempt made at once (semantics.md 31).

use punctual::dispatcher::core::{
    Again, ByHandRefused, Command, CommandRefused, Done, FileSays, RetryCommand, RetryDone, RetryRefused, RetryWork,
};
use punctual::orchestrator::JobState;
use punctual::run::{InWindows, Run, RunId};
use punctual::schedule::{HistoryChoice, Kept, OverlapPolicy, Retry, RetryOn, Schedule, Trigger};
use punctual::store::Recorded;
use serde_json::json;

use super::queue::set;
use super::server::{Life, Post};
use super::world::{World, at, attempt_of, changed, seconds};

const BEFORE: &str = "2026-11-23T11:59:00Z";
const NOON: &str = "2026-11-23T12:00:00Z";
const ADA: &str = "ada (uid 1000)";

fn world(change: impl FnOnce(&mut Schedule)) -> World {
    World::proven_with(set(change), BEFORE)
}

/// One whose run of noon has faulted.
fn faulted(change: impl FnOnce(&mut Schedule)) -> World {
    let mut world = world(change);
    world.server.lives.push_back(Life::fails(seconds(20), "Element not found"));
    world.pass_to("2026-11-23T12:05:00Z");
    assert_eq!(world.state("x", NOON), "faulted");
    world
}

struct Way {
    work: RetryWork,
    again: Again,
    overlap: Option<OverlapPolicy>,
}

const PLAIN: Way = Way { work: RetryWork::AsItWas, again: Again::Failed, overlap: None };

fn ask(world: &mut World, what: RetryCommand) -> Result<RetryDone, RetryRefused> {
    match world.ask(Command::Retry { what, actor: ADA.to_owned() }) {
        Ok(Done::Retried(done)) => Ok(done),
        Err(CommandRefused::Retry(refused)) => Err(refused),
        other => panic!("{other:?}"),
    }
}

/// As the daemon does it: the row is read from the database first.
fn again(world: &mut World, run: RunId, way: Way) -> Result<(RunId, FileSays), RetryRefused> {
    let recorded = Box::new(Recorded { run: world.db.runs[&run].clone(), made_good_by: None });
    let Way { work, again, overlap } = way;
    let what = RetryCommand::Again {
        recorded,
        work,
        again,
        overlap,
        in_windows: InWindows::Waits,
        reason: Some("audit".into()),
    };
    match ask(world, what)? {
        RetryDone::Repeated { run, file } => Ok((run, file)),
        done @ RetryDone::Sent(_) => panic!("{done:?}"),
    }
}

fn noon(world: &World) -> RunId {
    world.run("x", NOON).id
}

fn run(world: &World, id: RunId) -> &Run {
    &world.db.runs[&id]
}

#[test]
fn it_is_a_run_by_hand_of_the_same_time_with_the_same_work_under_a_name_of_its_own() {
    let mut world = faulted(|schedule| {
        schedule.start.arguments = json!({ "day": "${nominal:%F}", "name": "${reference}" }).as_object().cloned();
    });
    let old = noon(&world);
    let (id, file) = again(&mut world, old, PLAIN).unwrap();
    assert_eq!(file, FileSays::TheSame);
    world.pass(seconds(60));
    let (new, was) = (run(&world, id), run(&world, old));
    assert_eq!((new.trigger, new.retry_of, new.nominal_at), (Trigger::Manual, Some(old), was.nominal_at));
    assert_eq!((new.state.to_string().as_str(), new.actor.as_deref()), ("succeeded", Some(ADA)));
    assert_eq!(new.fire_at, at("2026-11-23T12:05:00Z"));
    let arguments = |run: &Run| run.start().arguments.clone().unwrap();
    assert_eq!((&arguments(new)["day"], &arguments(was)["day"]), (&json!("2026-11-23"), &json!("2026-11-23")));
    let reference = |run: &Run| attempt_of(run).reference.as_str().to_owned();
    assert_eq!((&arguments(new)["name"], &arguments(was)["name"]), (&json!(reference(new)), &json!(reference(was))));
    assert_ne!(reference(new), reference(was));
    let deed = world.db.audit.last().unwrap();
    assert_eq!((deed.action, deed.subject.clone(), deed.detail.as_deref()), ("retry", old.to_string(), Some("audit")));
    assert_eq!(world.state("x", NOON), "faulted", "the old row stays as it was");
}

#[test]
fn with_what_the_file_says_now_only_if_that_is_asked_for_and_it_says_when_that_differs() {
    let mut world = faulted(|schedule| schedule.start.arguments = json!({ "n": 1 }).as_object().cloned());
    let new_set = changed(&world.set.clone(), "x", |schedule| {
        schedule.start.arguments = json!({ "n": 2 }).as_object().cloned();
    });
    world.load(new_set);
    let old = noon(&world);
    let (first, file) = again(&mut world, old, PLAIN).unwrap();
    assert_eq!(file, FileSays::Otherwise);
    world.pass(seconds(60));
    let (second, _) = again(&mut world, old, Way { work: RetryWork::AsNow, again: Again::Whatever, ..PLAIN }).unwrap();
    world.pass(seconds(60));
    let argument = |id| run(&world, id).start().arguments.clone().unwrap()["n"].clone();
    assert_eq!((argument(first), argument(second)), (json!(1), json!(2)));
}

#[test]
fn only_what_was_asked_for_has_ended_and_has_failed_is_tried_again() {
    let mut world = world(|_| {});
    world.server.lasts = seconds(600);
    world.pass_to("2026-11-23T12:01:00Z");
    let first = noon(&world);
    assert!(matches!(again(&mut world, first, PLAIN), Err(RetryRefused::Open { .. })));
    world.pass_to("2026-11-23T12:20:00Z");
    assert_eq!(again(&mut world, first, PLAIN).unwrap_err(), RetryRefused::Succeeded { run: first });
    let (forced, _) = again(&mut world, first, Way { again: Again::Whatever, ..PLAIN }).unwrap();
    world.server.lasts = seconds(9_000);
    world.pass_to("2026-11-23T14:10:00Z");
    assert_eq!(run(&world, forced).state.to_string(), "succeeded");
    assert_eq!(world.state("x", "2026-11-23T14:00:00Z"), "skipped: overlap");
    let skipped = world.run("x", "2026-11-23T14:00:00Z").id;
    let refused = again(&mut world, skipped, Way { again: Again::Whatever, ..PLAIN }).unwrap_err();
    assert!(matches!(refused, RetryRefused::NeverAsked { .. }), "{refused:?}");
}

#[test]
fn of_two_retries_the_second_is_told_of_the_first_while_that_is_open_and_when_it_succeeded() {
    let mut world = faulted(|_| {});
    let old = noon(&world);
    let (first, _) = again(&mut world, old, Way { overlap: Some(OverlapPolicy::Allow), ..PLAIN }).unwrap();
    let allow = || Way { overlap: Some(OverlapPolicy::Allow), ..PLAIN };
    assert_eq!(again(&mut world, old, allow()), Err(RetryRefused::MadeGood { run: old, by: first }));
    world.pass(seconds(60));
    let recorded = Box::new(Recorded { run: world.db.runs[&old].clone(), made_good_by: Some(first) });
    let what = RetryCommand::Again {
        recorded,
        work: RetryWork::AsItWas,
        again: Again::Failed,
        overlap: None,
        in_windows: InWindows::Waits,
        reason: None,
    };
    assert_eq!(ask(&mut world, what), Err(RetryRefused::MadeGood { run: old, by: first }));
}

#[test]
fn one_that_failed_again_may_be_tried_again_and_an_open_run_of_the_schedule_is_named() {
    let mut world = faulted(|_| {});
    world.server.lives.push_back(Life::fails(seconds(20), "Element not found"));
    let old = noon(&world);
    let (first, _) = again(&mut world, old, PLAIN).unwrap();
    world.pass(seconds(60));
    assert_eq!(run(&world, first).state.to_string(), "faulted");
    world.server.lives.push_back(Life { lasts: seconds(6_000), ..Life::usual() });
    let (second, _) = again(&mut world, first, PLAIN).unwrap();
    world.pass_to("2026-11-23T13:05:00Z");
    assert_eq!(run(&world, second).retry_of, Some(first));
    assert_eq!(world.state("x", "2026-11-23T13:00:00Z"), "skipped: overlap", "it counts as any other");
    let refused = again(&mut world, old, Way { again: Again::Whatever, ..PLAIN }).unwrap_err();
    assert!(
        matches!(refused, RetryRefused::ByHand(ByHandRefused::Overlaps { run, .. }) if run == second),
        "{refused:?}"
    );
}

#[test]
fn what_was_not_kept_of_its_arguments_cannot_be_sent_again() {
    for (kept, given, refused) in
        [(Kept::Drop, true, true), (Kept::Drop, false, true), (Kept::Hash, true, true), (Kept::Hash, false, false)]
    {
        let mut world = faulted(|schedule| {
            schedule.history = HistoryChoice { arguments: kept, ..HistoryChoice::default() };
            schedule.start.arguments = given.then(|| json!({ "n": 1 }).as_object().cloned()).flatten();
        });
        let old = noon(&world);
        let told = again(&mut world, old, PLAIN);
        assert_eq!(told == Err(RetryRefused::Dropped { run: old }), refused, "{kept:?} {given}: {told:?}");
        if refused {
            again(&mut world, old, Way { work: RetryWork::AsNow, ..PLAIN }).unwrap();
        }
    }
}

#[test]
fn a_lost_run_is_tried_again_only_if_a_person_says_that_its_job_does_not_run() {
    let mut world = world(|_| {});
    world.server.lives.push_back(Life { lasts: seconds(6_000), ..Life::usual() });
    world.pass_to("2026-11-23T12:01:00Z");
    world.server.jobs.last_mut().unwrap().gone = true;
    world.pass_to("2026-11-23T12:30:00Z");
    assert_eq!(world.state("x", NOON), "lost");
    let old = noon(&world);
    assert_eq!(again(&mut world, old, PLAIN).unwrap_err(), RetryRefused::MayRun { run: old });
    let (id, _) = again(&mut world, old, Way { again: Again::Whatever, ..PLAIN }).unwrap();
    world.pass(seconds(60));
    assert_eq!(run(&world, id).state.to_string(), "succeeded");
}

#[test]
fn it_survives_a_kill_at_any_moment_and_is_started_once() {
    for (post, waits) in [(Post::Made, 0), (Post::Dropped, 0), (Post::NotMade, 0), (Post::Made, 1), (Post::Dropped, 1)]
    {
        let mut world = faulted(|_| {});
        world.server.script.push_back(post.clone());
        let old = noon(&world);
        let (id, _) = again(&mut world, old, PLAIN).unwrap();
        world.pass(seconds(waits));
        world.restart();
        world.pass(seconds(400));
        assert_eq!(run(&world, id).state.to_string(), "succeeded", "{post:?}");
        assert_eq!(world.server.jobs_of(&attempt_of(run(&world, id)).reference.clone()), 1, "{post:?}");
    }
}

#[test]
fn an_attempt_that_waits_for_its_time_is_made_at_once() {
    let mut world = world(|schedule| {
        let (delay, on) = (seconds(1_800), vec![RetryOn::Faulted]);
        schedule.retry = Some(Retry { attempts: 3, delay, max_delay: delay, on });
    });
    world.server.lives.push_back(Life::fails(seconds(20), "Element not found"));
    world.pass_to("2026-11-23T12:05:00Z");
    let id = noon(&world);
    assert_eq!(world.state("x", NOON), "waiting: retry");
    assert_eq!(
        ask(&mut world, RetryCommand::Now { run: id, reason: None }),
        Ok(RetryDone::Sent(id)),
        "it is asked for"
    );
    world.pass(seconds(5));
    assert_eq!(world.server.posts(), 2);
    let refused = ask(&mut world, RetryCommand::Now { run: id, reason: None }).unwrap_err();
    assert!(matches!(refused, RetryRefused::NotWaiting { .. }), "{refused:?}");
    world.pass(seconds(60));
    assert_eq!(world.state("x", NOON), "succeeded");
    assert_eq!(attempt_of(world.run("x", NOON)).job_state.as_deref(), Some(JobState::Successful.as_str()));
}
