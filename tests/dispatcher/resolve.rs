//! What a person may decide about a held run, and what is written down of it.

use punctual::dispatcher::core::{Command, CommandRefused, Resolution, Resolved};
use punctual::executor::Action;
use punctual::orchestrator::JobState;
use punctual::run::{JobId, Reference, RunId};

use super::server::{Call, Post};
use super::world::{FOLDER, World, attempt_of, hourly, key, seconds};

const BEFORE: &str = "2026-11-23T11:59:00Z";
const NOON: &str = "2026-11-23T12:00:00Z";

/// Noon's start stayed unclear, and the schedule leaves it to a person.
fn held() -> World {
    let mut world = World::proven(&hourly(", on_unknown_start: hold"), BEFORE);
    world.server.script.push_back(Post::NotMade);
    world.pass_to("2026-11-23T12:10:00Z");
    assert_eq!(world.state("x", NOON), "held");
    world
}

fn resolve(world: &mut World, how: Resolution) -> Result<Resolved, CommandRefused> {
    let run = world.run("x", NOON).id;
    world.command(Command::Resolve { run, how, actor: "ada (uid 1000)".to_owned() })
}

fn assert_audited(world: &World, detail: &str) {
    let deeds: Vec<_> =
        world.db.audit.iter().map(|deed| (deed.actor.as_str(), deed.action, deed.detail.as_deref())).collect();
    assert_eq!(deeds, [("ada (uid 1000)", "resolve", Some(detail))]);
    let lines = world.lines(world.run("x", NOON));
    assert!(lines.iter().any(|line| line.contains("ada (uid 1000)")), "{lines:#?}");
}

#[test]
fn a_held_run_that_is_to_be_started_is_looked_up_once_more_and_sent_under_the_same_reference() {
    let mut world = held();
    let reference = attempt_of(world.run("x", NOON)).reference.clone();
    let looked = world.server.count(seconds(0), |call| matches!(call, Call::LookUp(_)));
    assert_eq!(resolve(&mut world, Resolution::Start), Ok(Resolved::Starting));
    assert_eq!(world.server.count(seconds(0), |call| matches!(call, Call::LookUp(_))), looked + 1);
    world.pass(seconds(120));
    assert_eq!(world.state("x", NOON), "succeeded", "{:#?}", world.lines(world.run("x", NOON)));
    assert_eq!(world.server.jobs_of(&reference), 1);
    assert_eq!(world.server.posts(), 2);
    assert_audited(&world, "start");
}

#[test]
fn a_job_that_came_meanwhile_is_taken_instead_of_a_second_start() {
    let mut world = held();
    let reference = attempt_of(world.run("x", NOON)).reference.clone();
    let now = world.now;
    world.server.make(&reference, FOLDER, now, now.boot);
    assert_eq!(resolve(&mut world, Resolution::Start), Ok(Resolved::Starting));
    world.pass(seconds(120));
    assert_eq!(world.state("x", NOON), "succeeded");
    assert_eq!((world.server.jobs_of(&reference), world.server.posts()), (1, 1));
}

#[test]
fn a_person_may_start_it_although_no_look_up_proves_anything() {
    let mut world = held();
    world.server.filter = super::server::Filter::Blind;
    assert_eq!(resolve(&mut world, Resolution::Start), Ok(Resolved::Starting));
    world.pass(seconds(60));
    assert_eq!(world.server.posts(), 2);
}

#[test]
fn a_held_run_that_is_to_be_skipped_ends_and_its_schedule_goes_on() {
    let mut world = held();
    assert_eq!(resolve(&mut world, Resolution::Skip), Ok(Resolved::Skipped));
    assert_eq!(world.state("x", NOON), "skipped: unknown_start");
    assert_audited(&world, "skip");
    world.pass_to("2026-11-23T13:02:00Z");
    assert_eq!(world.state("x", "2026-11-23T13:00:00Z"), "succeeded");
}

#[test]
fn a_job_that_a_person_names_is_followed_if_it_is_one_of_that_process_and_folder() {
    let mut world = held();
    // Started by hand, in Orchestrator.
    let now = world.now;
    let number = world.server.make(&Reference::from_text("by hand"), FOLDER, now, now.boot);
    assert_eq!(resolve(&mut world, Resolution::Job(key(number))), Ok(Resolved::Adopted(JobId(number))));
    world.pass(seconds(120));
    assert_eq!(world.state("x", NOON), "succeeded", "{:#?}", world.lines(world.run("x", NOON)));
    assert_eq!(world.server.posts(), 1);
    assert_audited(&world, &format!("job {}", key(number)));
}

#[test]
fn what_cannot_be_decided_is_refused_and_changes_nothing() {
    let mut world = held();
    let run = world.run("x", NOON).id;
    assert_eq!(
        resolve(&mut world, Resolution::Job(key(4_711))),
        Err(CommandRefused::NoJob { key: key(4_711), folder: FOLDER })
    );
    // Another run's job.
    let now = world.now;
    let other = Reference::from_text(format!("{}cccccccccccc.aaaaaa", Reference::prefix(super::world::INSTALLATION)));
    let number = world.server.make(&other, FOLDER, now, now.boot);
    assert_eq!(resolve(&mut world, Resolution::Job(key(number))), Err(CommandRefused::OtherRun(key(number))));
    // Of another process.
    let number = world.server.make(&Reference::from_text("by hand"), FOLDER, now, now.boot);
    world.server.release = Some("Q".to_owned());
    let refused = CommandRefused::OtherProcess { key: key(number), found: "Q".into(), wanted: "P".into() };
    assert_eq!(resolve(&mut world, Resolution::Job(key(number))), Err(refused));
    assert_eq!(world.state("x", NOON), "held");
    assert!(world.db.audit.is_empty());
    // Nobody's.
    let nobody = RunId::new(0, [0; 10]);
    let actor = "ada".to_owned();
    let answer = world.command(Command::Resolve { run: nobody, how: Resolution::Skip, actor: actor.clone() });
    assert_eq!(answer, Err(CommandRefused::NotOpen(nobody)));
    // Not held.
    world.server.release = None;
    let now = world.now;
    let number = world.server.make(&Reference::from_text("by hand"), FOLDER, now, now.boot);
    world.server.jobs.iter_mut().for_each(|job| job.says = Some(JobState::Running));
    resolve(&mut world, Resolution::Job(key(number))).unwrap();
    let answer = world.command(Command::Resolve { run, how: Resolution::Start, actor });
    assert!(matches!(answer, Err(CommandRefused::NotHeld { .. })), "{answer:?}");
}

#[test]
fn a_look_up_that_is_under_way_does_not_undo_the_decision_to_start() {
    // Held, since nothing was ever started in this folder, by anybody.
    let mut world = World::new(&hourly(""), BEFORE);
    world.server.script.push_back(Post::Answered(503));
    world.pass_to("2026-11-23T12:30:00Z");
    assert_eq!(world.state("x", NOON), "held");
    let under_way = world.until_ordered(|action| matches!(action, Action::LookUpNextToNewest { .. }));
    assert_eq!(resolve(&mut world, Resolution::Start), Ok(Resolved::Starting));
    let report = world.answer(under_way);
    world.tell(report);
    world.pass(seconds(120));
    assert_eq!(world.state("x", NOON), "succeeded", "{:#?}", world.lines(world.run("x", NOON)));
    assert_eq!(world.server.posts(), 2);
}
