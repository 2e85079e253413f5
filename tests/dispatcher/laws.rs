//! What holds whatever happens: at most one job an occurrence, exactly one row a time, nothing stuck afterwards.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use punctual::orchestrator::UnsentReason;
use punctual::run::{Reference, Run, RunState};

use super::server::{Filter, Mood, Post};
use super::world::{World, read, seconds};

const BEGIN: &str = "2026-11-23T11:59:00Z";

const SCHEDULES: &str = "
  skip: { every: 5m, start: { process: P } }
  allow: { every: 7m, overlap: allow, start: { process: P } }
  once: { cron: \"30 * * * *\", on_unknown_start: skip, start: { process: P } }
  late: { cron: \"15 * * * *\", catch_up: { policy: skip }, start: { process: P } }
";

#[derive(Clone, Debug)]
enum Op {
    Pass(u64),
    /// What the next starts come to.
    Posts(Vec<Post>),
    Mood(Mood),
    Filter(Filter),
    /// How long calls take, in turn.
    Takes(Vec<u64>, Vec<u64>),
    /// The process dies between two turns and is down so long.
    Kill(u64),
    /// It dies after the next start is stored and before it is sent.
    KillBeforeCall(u64),
    /// It dies after the next start has reached the server.
    KillAfterCall(u64),
    StoreFails(u64),
    ProcessGone,
}

fn post() -> impl Strategy<Value = Post> {
    prop_oneof![
        4 => Just(Post::Made),
        2 => Just(Post::Dropped),
        2 => (0u64..119).prop_map(|late| Post::Late(seconds(late))),
        2 => Just(Post::NotMade),
        1 => (1u64..400).prop_map(|wait| Post::PutOff(seconds(wait))),
        1 => Just(Post::Unsent(UnsentReason::Outage, None)),
        1 => Just(Post::Unsent(UnsentReason::Token, Some(seconds(3)))),
        1 => (1u64..400).prop_map(|wait| Post::Unsent(UnsentReason::RateLimit, Some(seconds(wait)))),
        1 => Just(Post::Refused(409, 1670)),
        1 => Just(Post::Refused(404, 1002)),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let mood = prop_oneof![
        3 => Just(Mood::Well),
        1 => Just(Mood::Down),
        1 => Just(Mood::Broken),
        1 => Just(Mood::NoToken),
        1 => proptest::option::of(1u64..400).prop_map(|wait| Mood::Busy(wait.map(seconds))),
    ];
    let filter = prop_oneof![
        3 => Just(Filter::Works),
        1 => Just(Filter::Ignored),
        1 => (10usize..40).prop_map(Filter::IgnoredAndCut),
        1 => Just(Filter::Refused),
        1 => Just(Filter::Breaks),
        1 => Just(Filter::Blind),
        1 => Just(Filter::NoReference),
    ];
    let takes = || proptest::collection::vec(0u64..30, 1..4);
    prop_oneof![
        6 => (1u64..900).prop_map(Op::Pass),
        4 => proptest::collection::vec(post(), 1..5).prop_map(Op::Posts),
        2 => mood.prop_map(Op::Mood),
        2 => filter.prop_map(Op::Filter),
        1 => (takes(), takes()).prop_map(|(posts, reads)| Op::Takes(posts, reads)),
        1 => (0u64..2_000).prop_map(Op::Kill),
        1 => (0u64..300).prop_map(Op::KillBeforeCall),
        1 => (0u64..300).prop_map(Op::KillAfterCall),
        1 => (1u64..90).prop_map(Op::StoreFails),
        1 => Just(Op::ProcessGone),
    ]
}

/// What one Reference's job count must never exceed, stopped copies counted too: a robot may have begun.
fn assert_no_double(world: &World) {
    let mut made: BTreeMap<&Reference, usize> = BTreeMap::new();
    for job in &world.server.jobs {
        *made.entry(&job.reference).or_default() += 1;
    }
    for (reference, count) in made {
        assert!(count <= 1, "{count} jobs under {reference}");
    }
}

/// A job that exists belongs to a run that knows it, unless that run was given up while it was unclear.
fn assert_one_row_each(world: &World, begin: Timestamp) {
    for (key, schedule) in &world.set.schedules {
        let mut after = begin;
        while let Some(nominal) = schedule.recurrence.next_after(after) {
            if nominal.at > world.now.wall {
                break;
            }
            let rows =
                world.db.runs.values().filter(|run| &run.schedule == key && run.nominal_at == nominal.at).count();
            assert_eq!(rows, 1, "{key} at {}", nominal.at);
            after = nominal.at;
        }
    }
}

fn kill_at_a_start(world: &mut World, reach: Reach, down: u64) {
    // Not every hour has a start, as when the server is down.
    if let Some(actions) = world.until_a_start(seconds(3_600)) {
        match reach {
            Reach::Nobody => {}
            Reach::Server => actions.into_iter().for_each(|action| world.launch(action)),
        }
    }
    world.crash();
    world.sleep(seconds(down));
    world.recover();
    world.settle();
}

#[derive(Clone, Copy)]
enum Reach {
    Nobody,
    Server,
}

fn do_all(world: &mut World, ops: &[Op]) {
    for op in ops {
        match op.clone() {
            Op::Pass(length) => world.pass(seconds(length)),
            Op::Posts(posts) => world.server.script.extend(posts),
            Op::Mood(mood) => world.server.mood = mood,
            Op::Filter(filter) => world.server.filter = filter,
            Op::Takes(posts, reads) => {
                world.server.post_takes = posts.into_iter().map(seconds).collect();
                world.server.read_takes = reads.into_iter().map(seconds).collect();
            }
            Op::Kill(down) => {
                world.crash();
                world.sleep(seconds(down));
                world.recover();
                world.settle();
            }
            Op::KillBeforeCall(down) => kill_at_a_start(world, Reach::Nobody, down),
            Op::KillAfterCall(down) => kill_at_a_start(world, Reach::Server, down),
            Op::StoreFails(length) => world.store_fails_until = world.now.boot + seconds(length),
            Op::ProcessGone => world.server.process = None,
        }
        assert_no_double(world);
    }
}

/// What is unclear settles, what was late has its deadline behind it.
fn all_is_well_again(world: &mut World) {
    world.server.mood = Mood::Well;
    world.server.filter = Filter::Works;
    world.server.process = Some(99);
    world.server.script.clear();
    world.server.post_takes.clear();
    world.server.read_takes.clear();
}

fn play(ops: &[Op], proven: bool) {
    let mut world = if proven { World::proven(SCHEDULES, BEGIN) } else { World::new(SCHEDULES, BEGIN) };
    let begin = world.now.wall;
    do_all(&mut world, ops);
    all_is_well_again(&mut world);
    world.pass(seconds(2 * 3_600));
    assert_no_double(&world);
    assert_one_row_each(&world, begin);
    let long_ago = world.now.wall.checked_sub(jiff::SignedDuration::from_mins(10)).unwrap();
    for run in world.open() {
        let young = run.claimed_at > long_ago;
        let for_a_person = run.state == RunState::Held;
        assert!(
            young || for_a_person,
            "{} at {} is {}: {:#?}",
            run.schedule,
            run.nominal_at,
            run.state,
            world.lines(run)
        );
    }
    let held = world.open().iter().any(|run| run.state == RunState::Held);
    let last = world.db.runs.values().filter(|run| run.schedule.as_str() == "allow").max_by_key(|run| run.nominal_at);
    let last = last.expect("two hours have many times");
    assert!(
        held || matches!(last.state.name(), "succeeded" | "pending" | "running"),
        "the last time of `allow` is {}",
        last.state
    );
    assert!(last.nominal_at.duration_since(world.now.wall).abs() < jiff::SignedDuration::from_mins(8));
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_a_robot_is_started_at_most_once_and_every_time_has_one_row(
        ops in proptest::collection::vec(op(), 1..14),
        proven in any::<bool>(),
    ) {
        play(&ops, proven);
    }
}

/// Two schedules of each kind on a connection that lets few calls through at once.
fn crowd() -> String {
    let kinds = [
        ("skip", "every: 2m"),
        ("allow", "every: 1m, overlap: allow"),
        ("hold", "every: 7m, on_unknown_start: hold"),
        ("late", "cron: \"*/5 * * * *\", start_deadline: 3m"),
        ("other", "every: 3m, start_deadline: 20m"),
    ];
    let lines = kinds.iter().flat_map(|(name, times)| {
        (0..3).map(move |n| {
            let process = if n == 2 { "Q" } else { "P" };
            format!("  {name}{n}: {{ {times}, start: {{ process: {process}, folder: F{} }} }}\n", n % 2)
        })
    });
    format!(
        "version: 1\nconnections:\n  cloud:\n    url: https://cloud.uipath.com/acme/production/orchestrator_\n    limits: {{ \
         starts_per_second: 1, open_requests: 3, list_calls_per_minute: 12 }}\n    auth: {{ grant: client_credentials, \
         client_id: app, client_secret: \"credential:cloud\", scope: OR.Jobs }}\ndefaults: {{ timezone: UTC }}\nschedules:\n{}",
        lines.collect::<String>()
    )
}

/// All that the server was asked for and all that became of the runs.
fn all_that_happened(ops: &[Op], looks_at_all: bool) -> (Vec<String>, Vec<String>) {
    let begin = BEGIN.parse().unwrap();
    let mut world = World::with(read(&crowd(), begin), begin);
    world.looks_at_all = looks_at_all;
    do_all(&mut world, ops);
    all_is_well_again(&mut world);
    world.pass(seconds(1_800));
    let calls = world.server.calls.iter().map(|(at, call)| format!("{at:?} {call:?}")).collect();
    let runs = world.db.runs.values().map(|run| {
        let Run { schedule, nominal_at, state, sent_at, accepted_at, ended_at, note, error, .. } = run;
        format!("{schedule} {nominal_at} {state} {sent_at:?} {accepted_at:?} {ended_at:?} {note:?} {error:?}")
    });
    (calls, runs.collect())
}

/// Each case is two hours, twice.
fn twice_each() -> ProptestConfig {
    let usual = ProptestConfig::default();
    let cases = (usual.cases / 32).clamp(1, 300);
    ProptestConfig { cases, max_shrink_iters: 500, failure_persistence: None, ..usual }
}

fn line_by_line(due: &[String], all: &[String]) {
    for (n, (one, other)) in due.iter().zip(all).enumerate() {
        assert_eq!(one, other, "line {n}");
    }
    assert_eq!(due.len(), all.len());
}

/// A turn looks at what is due and at what was touched. Were a run forgotten, the one that looks at all would find it.
#[test]
fn a_turn_that_looks_at_what_is_due_decides_as_one_that_looks_at_all() {
    let played = TestRunner::new(twice_each()).run(&proptest::collection::vec(op(), 1..10), |ops| {
        let (calls, runs) = all_that_happened(&ops, false);
        let (all_calls, all_runs) = all_that_happened(&ops, true);
        line_by_line(&calls, &all_calls);
        line_by_line(&runs, &all_runs);
        Ok(())
    });
    played.unwrap();
}

/// Checks the checker: a settle window shorter than the server's delay does give two jobs, and this is seen.
#[test]
#[should_panic(expected = "2 jobs under")]
fn a_server_slower_than_the_settle_window_is_beyond_the_promise_and_would_be_noticed() {
    play(&[Op::Posts(vec![Post::Late(Duration::from_secs(150))]), Op::Pass(900)], true);
}
