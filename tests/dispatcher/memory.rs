//! A database that was lost, or an old copy put back (R13, C13): Orchestrator is asked, and nothing is started twice.

use std::collections::BTreeSet;

use punctual::clock::Reading;
use punctual::dispatcher::core::{Event, Step};
use punctual::executor::Action;
use punctual::run::RunId;
use punctual::store::Doubt;

use super::server::{Call, Filter, Post};
use super::world::{FOLDER, Model, World, at, attempt_of, hourly, seconds};

const BEFORE: &str = "2026-11-23T11:59:00Z";
const NOON: &str = "2026-11-23T12:00:00Z";

/// Noon was started a moment ago, and its job is not to be seen yet.
fn just_started() -> (World, Model) {
    just_started_with(", catch_up: { policy: skip }")
}

fn just_started_with(more: &str) -> (World, Model) {
    let mut world = World::proven(&hourly(more), BEFORE);
    let copy = Model { marks: world.db.marks.clone(), evidence: world.db.evidence.clone(), ..Model::default() };
    let copy = Model { versions: world.db.versions.clone(), ..copy };
    world.server.script.push_back(Post::Late(seconds(60)));
    world.pass_to("2026-11-23T12:00:01Z");
    world.crash();
    (world, copy)
}

fn assert_noon_once(world: &World) {
    let run = world.run("x", NOON);
    assert_eq!(run.state.to_string(), "succeeded", "{:#?}", world.lines(run));
    assert_eq!(world.server.jobs_of(&attempt_of(run).reference), 1);
    assert_eq!(world.server.posts(), 1);
    assert_eq!(world.db.doubt, None, "it has been asked");
}

#[test]
fn a_start_of_a_moment_ago_is_not_repeated_under_an_old_copy() {
    let (mut world, copy) = just_started();
    world.db = Model { doubt: Some(Doubt::Older), ..copy };
    world.recover();
    world.pass(seconds(600));
    assert_noon_once(&world);
}

#[test]
fn a_start_of_a_moment_ago_is_not_repeated_under_a_new_database() {
    let (mut world, _) = just_started();
    world.db = Model { doubt: Some(Doubt::Lost), ..Model::default() };
    world.recover();
    world.pass(seconds(600));
    assert_noon_once(&world);
}

#[test]
fn a_start_of_a_moment_ago_is_found_beside_an_older_time_that_is_caught_up() {
    // Eleven o'clock is within the window, and no job of it is shown; noon is not skipped for it.
    let (mut world, _) = just_started_with("");
    world.db = Model { doubt: Some(Doubt::Lost), ..Model::default() };
    world.recover();
    world.pass(seconds(900));
    let noon = world.run("x", NOON);
    assert_eq!(noon.state.to_string(), "succeeded", "{:#?}", world.lines(noon));
    assert_eq!(world.server.jobs_of(&attempt_of(noon).reference), 1);
    assert_eq!(world.server.posts(), 2, "noon's by the life before, and eleven o'clock's: {:?}", world.states("x"));
}

#[test]
fn without_the_doubt_the_same_copy_would_start_it_twice() {
    let (mut world, copy) = just_started();
    world.db = copy;
    world.recover();
    world.pass(seconds(600));
    assert_eq!(world.server.posts(), 2, "or these tests show nothing");
}

#[test]
fn a_job_that_still_runs_is_followed_and_counts_for_overlap_although_the_database_forgot_it() {
    let mut world = World::proven(&hourly(""), BEFORE);
    world.server.lasts = seconds(5_400);
    world.pass_to("2026-11-23T12:30:00Z");
    world.crash();
    world.db = Model { doubt: Some(Doubt::Lost), ..Model::default() };
    world.recover();
    world.settle();
    assert_eq!(world.state("x", NOON), "running");
    world.pass_to("2026-11-23T13:00:30Z");
    assert_eq!(world.state("x", "2026-11-23T13:00:00Z"), "skipped: overlap");
    world.pass_to("2026-11-23T13:40:00Z");
    assert_noon_once(&world);
}

#[test]
fn after_a_lost_database_planning_begins_at_the_latest_start_that_orchestrator_shows() {
    let mut world = World::proven(&hourly(""), BEFORE);
    world.pass_to("2026-11-23T12:10:00Z");
    world.crash();
    world.sleep(seconds(3 * 3_600 + 20 * 60));
    world.db = Model { doubt: Some(Doubt::Lost), ..Model::default() };
    world.recover();
    world.pass(seconds(600));
    let states = world.states("x");
    let told: Vec<(&str, &str)> = states.iter().map(|(time, state)| (&time[11..16], state.as_str())).collect();
    // The eleven o'clock of the world's first job is of no schedule here.
    assert_eq!(
        told,
        [("12:00", "succeeded"), ("13:00", "missed: down"), ("14:00", "missed: down"), ("15:00", "succeeded")]
    );
    assert_eq!(world.server.posts(), 2);
}

#[test]
fn times_that_ran_since_the_old_copy_get_their_rows_from_their_jobs() {
    let mut world = World::proven(&hourly(""), BEFORE);
    let (marks, versions) = (world.db.marks.clone(), world.db.versions.clone());
    world.pass_to("2026-11-23T14:30:00Z");
    assert_eq!(world.server.posts(), 3);
    world.crash();
    world.db = Model { marks, versions, doubt: Some(Doubt::Older), ..Model::default() };
    world.recover();
    world.pass(seconds(600));
    let states: Vec<String> = world.states("x").into_iter().map(|(_, state)| state).collect();
    assert_eq!(states, ["succeeded", "succeeded", "succeeded"]);
    assert_eq!(world.server.posts(), 3);
    let run = world.run("x", NOON);
    assert!(run.note.as_deref().unwrap().contains("written from its job"), "{run:?}");
}

#[test]
fn where_the_filter_is_refused_all_jobs_are_listed_and_compared() {
    let (mut world, _) = just_started();
    world.server.filter = Filter::Refused;
    world.db = Model { doubt: Some(Doubt::Lost), ..Model::default() };
    world.recover();
    world.pass(seconds(600));
    assert_noon_once(&world);
    assert_eq!(world.server.count(seconds(0), |call| *call == Call::Recall), 2);
}

#[test]
fn nothing_is_planned_before_orchestrator_has_been_asked() {
    let (mut world, _) = just_started();
    world.server.mood = super::server::Mood::Down;
    world.db = Model { doubt: Some(Doubt::Lost), ..Model::default() };
    world.recover();
    world.pass(seconds(300));
    assert!(world.db.runs.is_empty(), "{:?}", world.states("x"));
    assert_eq!(world.db.doubt, Some(Doubt::Lost));
    // Killed meanwhile: the next life asks all the same.
    world.restart();
    world.server.mood = super::server::Mood::Well;
    world.pass(seconds(600));
    assert_noon_once(&world);
}

#[test]
fn a_payroll_that_may_have_been_started_is_left_to_a_person_when_the_schedule_says_so() {
    let mut world = World::proven(&hourly(", on_unknown_start: hold"), BEFORE);
    world.crash();
    let (marks, versions) = (world.db.marks.clone(), world.db.versions.clone());
    let evidence = world.db.evidence.clone();
    world.sleep(seconds(90));
    world.db = Model { marks, versions, evidence, doubt: Some(Doubt::Older), ..Model::default() };
    world.recover();
    world.pass(seconds(600));
    assert_eq!(world.state("x", NOON), "held");
    assert_eq!(world.server.posts(), 0);
    assert!(world.now.wall > at(NOON) && world.db.evidence.contains_key(&FOLDER));
}

#[test]
fn what_was_learnt_of_a_claim_while_it_was_being_written_goes_with_it_when_it_is_lost() {
    // A line without its run would have the database refuse all that is written next to it.
    let mut world = World::new(&hourly(""), "2026-11-23T11:50:00Z");
    world.server.process = None;
    world.now = Reading { wall: at(NOON), boot: world.now.boot + seconds(600) };
    let now = world.now;
    let Step { record, then, .. } = world.core().turn(now);
    let lost: BTreeSet<RunId> = record.inserted.iter().map(|run| run.id).collect();
    assert_eq!(lost.len(), 1);
    // The disk takes its time, and its process turns out not to be there.
    let asked =
        then.into_iter().find(|action| matches!(action, Action::Resolve { .. })).expect("its process is looked for");
    let report = world.answer(asked);
    world.tell(report);
    world.core().turn_reading(now);
    world.core().handle(Event::ClaimsLost(lost.clone()), now);
    let Step { record, .. } = world.core().turn(now);
    assert!(record.updated.is_empty());
    let lines: Vec<_> = record.seen.iter().filter(|seen| lost.contains(&seen.run)).collect();
    assert!(lines.is_empty(), "{lines:?}");
}
