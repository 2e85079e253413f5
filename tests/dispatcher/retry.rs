//! A failed job is tried again, by whose fault it was (semantics.md 18).

use punctual::orchestrator::JobState;
use punctual::run::{FaultClass, JobEnding, Run};
use punctual::schedule::{Enablement, Retry, RetryOn, Schedule};

use super::queue::set;
use super::server::{Life, Mood, Post};
use super::world::{World, attempt_of, seconds, set_of};

const BEFORE: &str = "2026-11-23T11:59:00Z";
const NOON: &str = "2026-11-23T12:00:00Z";
const WORKFLOW: &str = "Click 'OK': Could not find the user-interface (UI) element for this action.";
const LOGON: &str = "Could not start executor. Logon failed for user ACME\\robot7. The user name or password is incorrect. (0x0000052E)";
const RULE: &str = "Main.xaml\nUiPath.Core.Activities.BusinessRuleException: Invoice is not ours";

fn retry(attempts: u16) -> Retry {
    Retry { attempts, delay: seconds(60), max_delay: seconds(900), on: vec![RetryOn::Faulted] }
}

fn world(change: impl FnOnce(&mut Schedule)) -> World {
    World::proven_with(
        set(|schedule| {
            schedule.retry = Some(retry(3));
            change(schedule);
        }),
        BEFORE,
    )
}

fn fails(world: &mut World, times: usize, info: &'static str) {
    world.server.lives.extend(std::iter::repeat_n(Life::fails(seconds(20), info), times));
}

fn ends(run: &Run) -> Vec<Option<JobEnding>> {
    run.attempts.iter().map(|attempt| attempt.ended_as).collect()
}

#[test]
fn a_job_that_fails_twice_and_then_does_its_work_is_one_run_that_succeeded() {
    let mut world = world(|_| {});
    fails(&mut world, 2, WORKFLOW);
    world.pass_to("2026-11-23T12:30:00Z");
    let run = world.run("x", NOON);
    assert_eq!(run.state.to_string(), "succeeded");
    assert_eq!(ends(run), [Some(JobEnding::Faulted), Some(JobEnding::Faulted), Some(JobEnding::Succeeded)]);
    let references: Vec<&str> = run.attempts.iter().map(|attempt| attempt.reference.as_str()).collect();
    assert_eq!(references[1], format!("{}.a2", references[0]));
    assert_eq!(references[2], format!("{}.a3", references[0]));
    assert_eq!(world.server.posts(), 3);
    assert!(run.error.is_none() && run.output.is_some());
}

#[test]
fn each_pause_is_twice_the_one_before_give_or_take_a_tenth() {
    let mut world = world(|_| {});
    fails(&mut world, 3, WORKFLOW);
    world.pass_to("2026-11-23T12:30:00Z");
    let run = world.run("x", NOON);
    assert_eq!(run.state.to_string(), "faulted");
    assert_eq!(run.error.as_deref(), Some(WORKFLOW));
    for (attempt, expected) in [(1, 60), (2, 120)] {
        let due = run.attempts[attempt].due_at.unwrap();
        let pause = due.duration_since(run.attempts[attempt - 1].ended_at.unwrap()).as_secs();
        // The reading of an end comes a little after it.
        assert!((expected * 9 / 10..=expected * 11 / 10 + 35).contains(&pause), "{pause} s, not {expected}");
        let sent = run.attempts[attempt].sent_at.unwrap();
        assert!(sent.duration_since(due).as_secs() <= 1, "sent when it was due");
    }
}

#[test]
fn while_it_waits_it_is_open_and_its_schedule_does_not_start_another() {
    let mut world = world(|schedule| {
        schedule.retry = Some(Retry { delay: seconds(3_000), max_delay: seconds(9_000), ..retry(3) });
    });
    fails(&mut world, 2, WORKFLOW);
    world.pass_to("2026-11-23T12:10:00Z");
    assert_eq!(world.state("x", NOON), "waiting: retry");
    assert!(world.run("x", NOON).waiting_until.is_some());
    world.pass_to("2026-11-23T13:00:05Z");
    assert_eq!(world.state("x", "2026-11-23T13:00:00Z"), "skipped: overlap");
}

#[test]
fn the_next_life_makes_the_attempt_that_was_due_while_nobody_was_there_and_only_that() {
    let mut world = world(|_| {});
    fails(&mut world, 1, WORKFLOW);
    world.pass_to("2026-11-23T12:00:50Z");
    assert_eq!(world.state("x", NOON), "waiting: retry");
    world.crash();
    world.sleep(seconds(2 * 3_600));
    world.recover();
    world.pass(seconds(300));
    let run = world.run("x", NOON);
    assert_eq!(run.state.to_string(), "succeeded", "an hour after its due time, but from the finding in time");
    assert_eq!(run.attempts.len(), 2);
    assert_eq!(world.server.jobs_of(&run.attempts[1].reference), 1);
}

#[test]
fn an_attempt_whose_start_stays_unclear_is_made_once() {
    for post in [Post::Dropped, Post::Late(seconds(30)), Post::NotMade] {
        let mut world = world(|_| {});
        fails(&mut world, 1, WORKFLOW);
        world.server.script.extend([Post::Made, post.clone()]);
        world.pass_to("2026-11-23T12:30:00Z");
        let run = world.run("x", NOON);
        assert_eq!(run.state.to_string(), "succeeded", "{post:?}");
        assert!(run.attempts.iter().all(|attempt| world.server.jobs_of(&attempt.reference) == 1), "{post:?}");
    }
}

#[test]
fn an_account_that_is_refused_is_never_tried_again() {
    let mut world = world(|_| {});
    fails(&mut world, 1, LOGON);
    world.pass_to("2026-11-23T12:50:00Z");
    let run = world.run("x", NOON);
    assert_eq!(run.state.to_string(), "faulted");
    assert_eq!(attempt_of(run).fault, Some(FaultClass::Account));
    assert_eq!(attempt_of(run).account.as_deref(), Some("acme\\robot7"));
    assert!(run.note.as_deref().unwrap().contains("each try may lock the account"));
    assert_eq!(world.server.posts(), 1);
}

#[test]
fn a_business_rule_is_tried_again_only_where_it_is_named() {
    for (on, posts) in [(vec![RetryOn::Faulted], 1), (vec![RetryOn::Business], 2)] {
        let mut world = world(|schedule| schedule.retry = Some(Retry { on, ..retry(3) }));
        fails(&mut world, 1, RULE);
        world.pass_to("2026-11-23T12:50:00Z");
        assert_eq!(world.server.posts(), posts);
        assert_eq!(world.run("x", NOON).attempts[0].fault, Some(FaultClass::Business));
    }
}

#[test]
fn a_job_that_somebody_stopped_is_not_tried_again() {
    let mut world = world(|_| {});
    world.server.lives.push_back(Life { ends_as: JobState::Stopped, ..Life::usual() });
    world.pass_to("2026-11-23T12:50:00Z");
    assert_eq!((world.state("x", NOON).as_str(), world.server.posts()), ("stopped", 1));
}

#[test]
fn what_waits_to_retry_ends_as_its_last_job_did_whatever_keeps_it_from_another() {
    let mut gone = set(|_| {});
    std::sync::Arc::make_mut(&mut gone).schedules.clear();
    let disabled = set(|schedule| schedule.enablement = Enablement::Disabled);
    for files in [gone, disabled] {
        let mut world = world(|_| {});
        fails(&mut world, 1, WORKFLOW);
        world.pass_to("2026-11-23T12:00:50Z");
        world.load(files);
        world.pass_to("2026-11-23T12:20:00Z");
        let run = world.run("x", NOON);
        assert_eq!(run.state.to_string(), "faulted");
        assert_eq!((run.attempts.len(), world.server.posts()), (1, 1));
        assert_eq!(run.error.as_deref(), Some(WORKFLOW));
        assert!(run.note.as_deref().unwrap().starts_with("no further attempt was made: "));
    }
    // Its deadline passes: an outage that lasts.
    let mut world = world(|_| {});
    fails(&mut world, 1, WORKFLOW);
    world.pass_to("2026-11-23T12:00:50Z");
    world.server.mood = Mood::Down;
    world.pass_to("2026-11-23T13:10:00Z");
    assert_eq!(world.state("x", NOON), "faulted");
    // The next attempt is refused.
    let mut world = self::world(|_| {});
    fails(&mut world, 1, WORKFLOW);
    world.server.script.extend([Post::Made, Post::Refused(404, 1_002), Post::Refused(404, 1_002)]);
    world.pass_to("2026-11-23T12:20:00Z");
    let run = world.run("x", NOON);
    assert_eq!(run.state.to_string(), "faulted");
    assert_eq!(ends(run), [Some(JobEnding::Faulted), Some(JobEnding::Rejected)]);
}

#[test]
fn an_attempt_fills_in_its_number_and_name_anew() {
    let text = "  x: { cron: \"0 * * * *\", start: { process: P, arguments: { n: \"${attempt}\", name: \"${reference}\" } } }\n";
    let set = super::world::changed(&set_of(text, super::world::at(BEFORE)), "x", |schedule| {
        schedule.retry = Some(retry(2));
    });
    let mut world = World::proven_with(set, BEFORE);
    fails(&mut world, 1, WORKFLOW);
    world.pass_to("2026-11-23T12:00:50Z");
    let run = world.run("x", NOON);
    let arguments = run.start().arguments.as_ref().unwrap();
    assert_eq!(arguments["n"], "2");
    assert_eq!(arguments["name"], run.attempts[1].reference.as_str());
}

#[test]
fn an_attempt_that_a_life_before_made_is_found_and_not_made_again_from_an_older_database() {
    let mut world = world(|_| {});
    fails(&mut world, 1, WORKFLOW);
    world.pass_to("2026-11-23T12:00:20Z");
    assert_eq!(world.state("x", NOON), "running");
    let copy = world.db.runs.clone();
    world.server.lasts = seconds(1_200);
    world.pass_to("2026-11-23T12:03:00Z");
    assert_eq!(world.server.posts(), 2, "the second attempt is made");
    world.crash();
    // A copy of before it is put back, and nothing says that it is one.
    world.db.runs = copy;
    world.recover();
    world.pass_to("2026-11-23T12:30:00Z");
    let run = world.run("x", NOON);
    assert_eq!(run.state.to_string(), "succeeded");
    assert!(
        run.attempts.iter().all(|attempt| world.server.jobs_of(&attempt.reference) == 1),
        "one job for each attempt"
    );
    assert_eq!(world.server.posts(), 2);
}
