//! When an empty answer counts, and when it does not (semantics.md 16).

use punctual::executor::{Action, AskedFor};

use super::server::{Call, Filter, Post};
use super::world::{FOLDER, World, attempt_of, hourly, seconds};

const BEFORE: &str = "2026-11-23T11:59:00Z";
const NOON: &str = "2026-11-23T12:00:00Z";

#[test]
fn an_empty_answer_without_a_proof_holds_the_run() {
    let mut world = World::new(&hourly(""), BEFORE);
    world.server.script.push_back(Post::NotMade);
    world.pass(seconds(900));
    assert_eq!(world.state("x", NOON), "held");
    assert_eq!(world.server.posts(), 1);
}

#[test]
fn the_first_accepted_start_of_a_folder_proves_its_look_ups() {
    let mut world = World::new(&hourly(""), BEFORE);
    world.pass_to("2026-11-23T12:30:00Z");
    assert_eq!(world.db.evidence[&FOLDER].reference, attempt_of(world.run("x", NOON)).reference);
    world.server.script.push_back(Post::NotMade);
    world.pass_to("2026-11-23T13:10:00Z");
    assert_eq!(world.state("x", "2026-11-23T13:00:00Z"), "succeeded");
    assert_eq!(world.server.posts(), 3);
}

#[test]
fn no_answer_that_lacks_its_proof_ever_lets_a_start_be_repeated() {
    // What the server does to look-ups once the proof is there, and what becomes of a start that made nothing.
    let rows = [
        (Filter::Blind, "held", 2),
        // The newest job was there hours before the call: had the call made one, that would be the newest.
        (Filter::NoReference, "succeeded", 3),
        // A list of all jobs since the start, with none of ours in it, proves nothing either.
        (Filter::Refused, "held", 2),
    ];
    for (filter, last, posts) in rows {
        let mut world = World::proven("  x: { cron: \"0 12,15 * * *\", start: { process: P } }\n", BEFORE);
        world.pass(seconds(1_200));
        world.crash();
        world.recover();
        // Past the two hours that a list reaches back.
        world.pass_to("2026-11-23T14:59:30Z");
        world.server.filter = filter;
        world.server.script.push_back(Post::NotMade);
        world.pass_to("2026-11-23T15:20:00Z");
        assert_eq!(world.state("x", "2026-11-23T15:00:00Z"), last, "{filter:?}");
        assert_eq!(world.server.posts(), posts, "{filter:?}");
    }
}

#[test]
fn where_the_filter_is_refused_a_list_that_shows_ours_counts() {
    let schedules = format!("{}  y: {{ cron: \"0 * * * *\", start: {{ process: P }} }}\n", hourly(""));
    let mut world = World::proven(&schedules, BEFORE);
    world.server.filter = Filter::Refused;
    world.server.script.extend([Post::NotMade, Post::Made]);
    world.pass(seconds(900));
    assert_eq!(world.state("x", NOON), "succeeded");
    assert_eq!(world.state("y", NOON), "succeeded");
    assert_eq!(world.server.posts(), 3);
}

#[test]
fn a_job_that_the_list_shows_is_adopted_where_the_filter_is_refused() {
    let mut world = World::proven(&hourly(""), BEFORE);
    world.server.filter = Filter::Refused;
    world.server.script.push_back(Post::Dropped);
    world.pass(seconds(900));
    assert_eq!(world.state("x", NOON), "succeeded");
    assert_eq!(world.server.posts(), 1);
}

#[test]
fn a_page_of_other_jobs_shows_that_the_filter_was_ignored_and_proves_nothing() {
    let mut world = World::proven(&hourly(""), BEFORE);
    let now = world.now;
    for number in 0..30 {
        let theirs = punctual::run::Reference::from_text(format!("theirs-{number}"));
        world.server.make(&theirs, FOLDER, now, now.boot);
    }
    // Cut at ten without saying so, oldest first: the proof is on the page, the job that was made is not.
    world.server.filter = Filter::IgnoredAndCut(10);
    world.server.script.push_back(Post::Dropped);
    world.pass(seconds(900));
    assert_eq!(world.server.posts(), 1);
    assert_eq!(world.state("x", NOON), "succeeded", "found in the list of all jobs");
}

#[test]
fn a_cut_page_proves_nothing() {
    let mut world = World::proven(&hourly(""), BEFORE);
    let now = world.now;
    for number in 0..30 {
        let theirs = punctual::run::Reference::from_text(format!("theirs-{number}"));
        world.server.make(&theirs, FOLDER, now, now.boot);
    }
    world.server.filter = Filter::Ignored;
    world.server.script.push_back(Post::Dropped);
    world.pass(seconds(900));
    assert_eq!(world.server.posts(), 1);
    assert_eq!(world.state("x", NOON), "succeeded");
}

#[test]
fn every_look_up_carries_its_control() {
    let mut world = World::proven(&hourly(""), BEFORE);
    world.server.script.push_back(Post::NotMade);
    let control = world.db.evidence[&FOLDER].reference.clone();
    let last = world.until_ordered(|action| match action {
        Action::LookUp { asks, .. } => asks.iter().any(|ask| ask.purpose == AskedFor::Settled),
        _ => false,
    });
    assert!(matches!(last, Action::LookUp { control: Some(carried), .. } if carried == control));
}

#[test]
fn a_held_run_is_looked_at_now_and_then_and_not_in_a_loop() {
    for filter in [Filter::Refused, Filter::Blind, Filter::NoReference, Filter::Works] {
        for policy in ["retry", "hold"] {
            let mut world = World::proven(&hourly(&format!(", on_unknown_start: {policy}, overlap: allow")), BEFORE);
            world.server.script.push_back(Post::NotMade);
            world.server.filter = filter;
            world.pass_to("2026-11-23T12:10:00Z");
            if world.state("x", NOON) != "held" {
                continue;
            }
            let since = world.now.boot;
            world.pass(seconds(2_400));
            let asked = world.server.count(since, |call| matches!(call, Call::LookUp(_) | Call::ListSince));
            assert!(asked <= 20, "{filter:?}, {policy}: asked {asked} times in forty minutes");
        }
    }
}

#[test]
fn where_look_ups_are_refused_or_lag_the_proof_does_not_eat_the_budget() {
    for filter in [Filter::Refused, Filter::Blind, Filter::NoReference] {
        let mut world = World::new(&hourly(""), BEFORE);
        world.server.filter = filter;
        world.pass(seconds(1_200));
        assert_eq!(world.state("x", NOON), "succeeded", "{filter:?}");
        let asked = world.server.count(seconds(0), |call| matches!(call, Call::LookUp(_)));
        assert!(asked <= 10, "{filter:?}: asked {asked} times");
    }
}

#[test]
fn a_proof_that_is_renewed_and_not_visible_yet_does_not_eat_the_budget() {
    let mut world = World::proven(&hourly(""), BEFORE);
    for proof in world.db.evidence.values_mut() {
        proof.proven_at = super::world::at("2026-11-20T00:00:00Z");
    }
    world.restart();
    let start = world.until_ordered(super::world::is_start);
    let report = world.answer(start);
    // Accepted, and in no list for a minute.
    let lag = world.now.boot + seconds(60);
    world.server.jobs.last_mut().unwrap().visible = lag;
    world.tell(report);
    world.pass(seconds(600));
    let asked = world.server.count(seconds(0), |call| matches!(call, Call::LookUp(_)));
    assert!(asked <= 10, "asked {asked} times");
    assert_eq!(world.db.evidence[&FOLDER].reference, attempt_of(world.run("x", NOON)).reference);
}
