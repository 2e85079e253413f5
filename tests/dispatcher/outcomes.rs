//! What every outcome of the POST means: states, number of calls, number of jobs.

use punctual::executor::{Action, AskedFor};
use punctual::orchestrator::UnsentReason;

use super::server::{Call, Mood, Post};
use super::world::{World, attempt_of, hourly, seconds};

const BEFORE: &str = "2026-11-23T11:59:00Z";
const NOON: &str = "2026-11-23T12:00:00Z";

struct Row {
    name: &'static str,
    posts: Vec<Post>,
    /// Right after the first call.
    then: &'static str,
    /// In the end.
    last: &'static str,
    calls: usize,
    jobs: usize,
}

#[test]
fn every_outcome_of_the_call_has_its_own_way() {
    let rows = vec![
        Row { name: "made", posts: vec![Post::Made], then: "pending", last: "succeeded", calls: 1, jobs: 1 },
        Row { name: "dropped", posts: vec![Post::Dropped], then: "unknown", last: "succeeded", calls: 1, jobs: 1 },
        Row {
            name: "made late",
            posts: vec![Post::Late(seconds(119))],
            then: "unknown",
            last: "succeeded",
            calls: 1,
            jobs: 1,
        },
        Row { name: "not made", posts: vec![Post::NotMade], then: "unknown", last: "succeeded", calls: 2, jobs: 1 },
        Row {
            name: "not made, twice",
            posts: vec![Post::NotMade, Post::NotMade],
            then: "unknown",
            last: "succeeded",
            calls: 3,
            jobs: 1,
        },
        Row {
            name: "not made, then dropped",
            posts: vec![Post::NotMade, Post::Dropped],
            then: "unknown",
            last: "succeeded",
            calls: 2,
            jobs: 1,
        },
        Row {
            name: "503",
            posts: vec![Post::PutOff(seconds(7))],
            then: "unknown",
            last: "succeeded",
            calls: 2,
            jobs: 1,
        },
        Row {
            name: "no connection",
            posts: vec![Post::Unsent(UnsentReason::Outage, None)],
            then: "waiting: outage",
            last: "succeeded",
            calls: 2,
            jobs: 1,
        },
        Row {
            name: "no token",
            posts: vec![Post::Unsent(UnsentReason::Token, None)],
            then: "waiting: token",
            last: "succeeded",
            calls: 2,
            jobs: 1,
        },
        Row {
            name: "429",
            posts: vec![Post::Unsent(UnsentReason::RateLimit, Some(seconds(20)))],
            then: "waiting: rate_limit",
            last: "succeeded",
            calls: 2,
            jobs: 1,
        },
        Row {
            name: "refused",
            posts: vec![Post::Refused(400, 2000)],
            then: "rejected",
            last: "rejected",
            calls: 1,
            jobs: 0,
        },
        Row {
            name: "the process is not known under its key",
            posts: vec![Post::Refused(404, 1002)],
            then: "pending",
            last: "succeeded",
            calls: 2,
            jobs: 1,
        },
        Row {
            name: "the process is not known for good",
            posts: vec![Post::Refused(404, 1002), Post::Refused(404, 1002)],
            then: "rejected",
            last: "rejected",
            calls: 2,
            jobs: 0,
        },
        Row { name: "two jobs", posts: vec![Post::Twice], then: "pending", last: "succeeded", calls: 1, jobs: 1 },
    ];
    for Row { name, posts, then, last, calls, jobs } in rows {
        let mut world = World::proven(&hourly(""), BEFORE);
        world.server.script.extend(posts);
        world.pass_to(NOON);
        assert_eq!(world.state("x", NOON), then, "{name}");
        world.pass(seconds(900));
        let run = world.run("x", NOON);
        assert_eq!(run.state.to_string(), last, "{name}: {:#?}", world.lines(run));
        assert_eq!(world.server.posts(), calls, "{name}");
        assert_eq!(world.server.jobs_of(&attempt_of(run).reference), jobs, "{name}");
    }
}

#[test]
fn an_unclear_start_is_repeated_under_the_same_reference() {
    let mut world = World::proven(&hourly(""), BEFORE);
    world.server.script.push_back(Post::NotMade);
    world.pass(seconds(600));
    let sent: Vec<_> = world
        .server
        .calls
        .iter()
        .filter_map(|(_, call)| match call {
            Call::Start(reference) => Some(reference.as_str().to_owned()),
            _ => None,
        })
        .collect();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0], sent[1]);
}

#[test]
fn an_unclear_start_is_not_repeated_when_the_schedule_says_skip() {
    let mut world = World::proven(&hourly(", on_unknown_start: skip"), BEFORE);
    world.server.script.push_back(Post::NotMade);
    world.pass(seconds(600));
    assert_eq!(world.state("x", NOON), "skipped: unknown_start");
    assert_eq!(world.server.posts(), 1);
}

#[test]
fn an_unclear_start_waits_for_a_person_when_the_schedule_says_hold_and_a_job_answers_first() {
    let mut world = World::proven(&hourly(", on_unknown_start: hold"), BEFORE);
    world.server.script.push_back(Post::NotMade);
    world.pass(seconds(600));
    assert_eq!(world.state("x", NOON), "held");
    assert_eq!(world.server.posts(), 1);
    let reference = attempt_of(world.run("x", NOON)).reference.clone();
    let now = world.now;
    world.server.make(&reference, super::world::FOLDER, now, now.boot);
    world.pass(seconds(600));
    assert_eq!(world.state("x", NOON), "succeeded");
}

#[test]
fn a_start_that_stays_unclear_past_its_deadline_is_missed() {
    let mut world = World::proven(&hourly(", start_deadline: 90s"), BEFORE);
    world.server.script.push_back(Post::NotMade);
    world.pass(seconds(600));
    assert_eq!(world.state("x", NOON), "missed: deadline");
    assert_eq!(world.server.posts(), 1);
}

#[test]
fn an_unclear_start_that_cannot_be_repeated_before_its_deadline_is_missed_and_not_sent_late() {
    let mut world = World::proven(&hourly(", start_deadline: 10m"), BEFORE);
    world.server.script.push_back(Post::NotMade);
    world.pass_to("2026-11-23T12:00:30Z");
    world.restart();
    let last_look = world.until_ordered(|action| match action {
        Action::LookUp { asks, .. } => asks.iter().any(|ask| ask.purpose == AskedFor::Settled),
        _ => false,
    });
    let none = world.answer(last_look);
    // With this "none" the tenant is gone for an hour.
    world.server.mood = Mood::Down;
    world.tell(none);
    world.pass(seconds(3_000));
    assert_eq!(world.state("x", NOON), "missed: deadline");
    world.server.mood = Mood::Well;
    world.pass(seconds(300));
    assert_eq!(world.server.posts(), 1);
}

#[test]
fn a_process_that_vanishes_while_its_start_is_unclear_ends_the_run_instead_of_asking_for_ever() {
    let mut world = World::proven(&hourly(""), BEFORE);
    world.server.script.push_back(Post::NotMade);
    world.pass_to(NOON);
    // Its process was found more than an hour ago when the time for the second call has come.
    world.restart();
    world.server.process = None;
    let before = world.now.boot;
    world.pass(seconds(400));
    assert_eq!(world.state("x", NOON), "rejected");
    assert!(world.server.count(before, |call| *call == Call::Resolve) < 10);
}

#[test]
fn a_process_that_does_not_exist_is_not_asked_for_in_a_loop_before_its_time() {
    let mut world = World::proven(&hourly(""), "2026-11-23T11:58:00Z");
    world.server.process = None;
    world.pass_to("2026-11-23T12:00:30Z");
    assert_eq!(world.state("x", NOON), "rejected");
    let asked = world.server.count(seconds(0), |call| *call == Call::Resolve);
    assert!(asked <= 4, "asked {asked} times");
}

#[test]
fn a_repeated_start_is_swept_once_more_however_it_was_found() {
    for second in [Post::Made, Post::Dropped] {
        let mut world = World::proven(&hourly(""), BEFORE);
        world.server.script.extend([Post::NotMade, second.clone()]);
        world.server.lasts = seconds(2_000);
        world.pass_to("2026-11-23T12:03:00Z");
        let run = world.run("x", NOON);
        assert_eq!(run.state.to_string(), "running", "{second:?}");
        let reference = attempt_of(run).reference.clone();
        // Far later than any settle window, the first call's job comes after all.
        let now = world.now;
        let late = world.server.make(&reference, super::world::FOLDER, now, now.boot + seconds(60));
        world.server.jobs.iter_mut().find(|job| job.id == late).unwrap().begins += seconds(100_000);
        world.pass(seconds(400));
        assert_eq!(world.server.jobs_of(&reference), 1, "{second:?}");
        assert!(attempt_of(world.run("x", NOON)).sweep_at.is_none(), "{second:?}");
    }
}

#[test]
fn a_sweep_that_a_cache_answers_is_made_again() {
    let mut world = World::proven(&hourly(""), BEFORE);
    world.server.script.push_back(Post::NotMade);
    world.pass_to("2026-11-23T12:04:00Z");
    assert_eq!(world.state("x", NOON), "succeeded");
    let reference = attempt_of(world.run("x", NOON)).reference.clone();
    let now = world.now;
    let late = world.server.make(&reference, super::world::FOLDER, now, now.boot + seconds(355));
    world.server.jobs.iter_mut().find(|job| job.id == late).unwrap().begins += seconds(100_000);
    world.server.cached = true;
    world.pass(seconds(350));
    assert!(attempt_of(world.run("x", NOON)).sweep_at.is_some());
    world.server.cached = false;
    world.pass(seconds(120));
    assert_eq!(world.server.jobs_of(&reference), 1);
    assert!(attempt_of(world.run("x", NOON)).sweep_at.is_none());
}

#[test]
fn a_sweep_survives_a_restart_and_the_end_of_its_run() {
    let mut world = World::proven(&hourly(""), BEFORE);
    world.server.script.push_back(Post::NotMade);
    world.pass_to("2026-11-23T12:04:00Z");
    assert_eq!(world.state("x", NOON), "succeeded");
    let reference = attempt_of(world.run("x", NOON)).reference.clone();
    world.restart();
    let now = world.now;
    let late = world.server.make(&reference, super::world::FOLDER, now, now.boot);
    world.server.jobs.iter_mut().find(|job| job.id == late).unwrap().begins += seconds(100_000);
    world.pass(seconds(400));
    assert_eq!(world.server.jobs_of(&reference), 1);
    assert!(attempt_of(world.run("x", NOON)).sweep_at.is_none());
    assert_eq!(world.state("x", NOON), "succeeded");
}

#[test]
fn a_repeated_start_that_is_refused_as_a_conflict_is_looked_up_before_it_counts_as_refused() {
    // What the first call really did, and how the run ends.
    for (first, last, jobs) in [(Post::NotMade, "rejected", 0), (Post::Late(seconds(180)), "succeeded", 1)] {
        let mut world = World::proven(&hourly(""), BEFORE);
        world.server.script.extend([first.clone(), Post::Refused(409, 1670)]);
        world.pass(seconds(900));
        let run = world.run("x", NOON);
        assert_eq!(run.state.to_string(), last, "{first:?}: {:#?}", world.lines(run));
        assert_eq!(world.server.jobs_of(&attempt_of(run).reference), jobs, "{first:?}");
        assert_eq!(world.server.posts(), 2, "{first:?}");
    }
}
