//! One run of a schedule at a time, also across restarts (semantics.md 11).

use punctual::clock::{earlier, later};
use punctual::orchestrator::JobState;
use punctual::run::{FolderId, Run};

use super::server::Mood;
use super::world::{CONNECTION, World, at, hourly, read, seconds, set_of};

const BEFORE: &str = "2026-11-23T11:59:00Z";
const NOON: &str = "2026-11-23T12:00:00Z";
const ONE: &str = "2026-11-23T13:00:00Z";

fn long(more: &str) -> World {
    let mut world = World::proven(&hourly(more), BEFORE);
    world.server.lasts = seconds(5_000);
    world.pass_to("2026-11-23T12:30:00Z");
    assert_eq!(world.state("x", NOON), "running");
    world
}

#[test]
fn a_time_that_comes_while_a_run_is_open_is_skipped_and_says_which() {
    let mut world = long("");
    world.pass_to("2026-11-23T13:00:01Z");
    let run = world.run("x", ONE);
    assert_eq!(run.state.to_string(), "skipped: overlap");
    assert!(run.note.as_deref().unwrap().contains(&world.run("x", NOON).id.short()));
    assert!(run.attempts.is_empty());
}

#[test]
fn with_allow_both_run() {
    let mut world = long(", overlap: allow");
    world.pass_to("2026-11-23T13:30:00Z");
    assert_eq!(world.state("x", ONE), "running");
}

#[test]
fn after_a_restart_an_older_run_is_read_before_a_time_is_skipped_for_it() {
    let mut world = long("");
    world.crash();
    // It ends while nobody looks.
    world.sleep(seconds(5_000));
    world.recover();
    world.pass(seconds(60));
    assert_eq!(world.state("x", NOON), "succeeded");
    assert_eq!(world.state("x", ONE), "running");
}

#[test]
fn after_a_restart_an_older_run_that_still_runs_keeps_the_next_from_starting() {
    let mut world = long("");
    world.crash();
    world.sleep(seconds(1_805));
    world.recover();
    world.pass(seconds(60));
    assert_eq!(world.state("x", NOON), "running");
    assert_eq!(world.state("x", ONE), "skipped: overlap");
}

#[test]
fn a_run_that_waits_is_judged_by_the_overlap_policy_of_its_claim_whatever_the_files_say_since() {
    for (claimed, edited, expected) in
        [("", ", overlap: allow", "skipped: overlap"), (", overlap: allow", "", "running")]
    {
        let mut world = long(claimed);
        world.crash();
        world.sleep(seconds(1_805));
        world.server.mood = Mood::Down;
        world.recover();
        world.pass(seconds(30));
        assert!(super::world::is_waiting(world.run("x", ONE).state));
        world.crash();
        world.set = set_of(&hourly(edited), world.now.wall);
        world.server.mood = Mood::Well;
        world.recover();
        world.pass(seconds(120));
        assert_eq!(world.state("x", NOON), "running");
        assert_eq!(world.state("x", ONE), expected, "claimed with `{claimed}`, then `{edited}`");
    }
}

#[test]
fn a_run_that_waited_for_an_older_one_still_does_after_a_second_restart() {
    let mut world = long("");
    world.crash();
    world.sleep(seconds(1_805));
    world.server.mood = Mood::Down;
    world.recover();
    world.pass(seconds(30));
    assert!(super::world::is_waiting(world.run("x", ONE).state));
    world.crash();
    world.server.mood = Mood::Well;
    world.recover();
    world.pass(seconds(120));
    assert_eq!(world.state("x", NOON), "running");
    assert_eq!(world.state("x", ONE), "skipped: overlap");
    assert_eq!(world.server.posts(), 1);
}

#[test]
fn times_that_were_missed_are_not_open_and_keep_nothing_from_starting() {
    let mut world = World::proven(&hourly(""), BEFORE);
    world.crash();
    world.sleep(seconds(4 * 3_600));
    world.recover();
    world.pass(seconds(50));
    let states: Vec<_> = world.states("x").into_iter().map(|(_, state)| state).collect();
    assert_eq!(states, ["missed: down", "missed: down", "missed: down", "succeeded"]);
}

#[test]
fn a_run_whose_end_is_read_in_the_very_turn_of_the_next_time_does_not_hold_it_up() {
    let mut world = World::proven("  x: { every: 1m, start: { process: P } }\n", "2026-11-23T11:59:30Z");
    let read = world.until_ordered(|action| matches!(action, punctual::executor::Action::Read { .. }));
    let report = world.answer(read);
    world.now.wall = super::world::at("2026-11-23T12:01:00Z");
    world.now.boot += seconds(3);
    world.tell(report);
    world.settle();
    assert_eq!(world.state("x", NOON), "succeeded");
    assert_eq!(world.state("x", "2026-11-23T12:01:00Z"), "pending");
}

#[test]
fn an_open_run_of_a_connection_that_is_gone_waits_for_it_an_hour_and_others_go_on() {
    let mut world = long("");
    world.crash();
    let text = super::world::CONNECTION.replace("cloud:", "other:");
    world.set = super::world::read(
        &format!(
            "{text}defaults: {{ timezone: UTC, folder: F }}\nschedules:\n  y: {{ cron: \"0 * * * *\", start: {{ process: P }} }}\n"
        ),
        world.now.wall,
    );
    world.recover();
    world.pass_to("2026-11-23T13:01:00Z");
    assert_eq!(world.state("x", NOON), "running");
    assert_eq!(world.state("y", ONE), "running");
    world.pass_to("2026-11-23T14:30:00Z");
    assert_eq!(world.state("x", NOON), "lost");
    let error = world.run("x", NOON).error.clone().unwrap();
    assert!(error.contains("is not in the files any more"), "{error}");
}

/// The rows of `x` in order, after an hour of a schedule whose jobs take 31 s, next to so many jobs that run on.
fn an_hour_of(every: u64, crowd: usize) -> (World, Vec<Run>) {
    let connection = CONNECTION
        .replace("scope: OR.Jobs }", "scope: OR.Jobs }\n    limits: { starts_per_second: 1000, open_requests: 1000 }");
    let others: String = (0..crowd)
        .map(|n| format!("  y{n}: {{ at: [\"2026-11-23T11:59:10Z\"], start: {{ process: P }} }}\n"))
        .collect();
    let schedules = format!(
        "{connection}defaults: {{ timezone: UTC }}\nschedules:\n  \
         x: {{ every: {every}s, anchor: \"{NOON}\", starts: \"{NOON}\", start: {{ process: P }} }}\n{others}"
    );
    let mut world = World::with(read(&schedules, at(BEFORE)), at(BEFORE));
    world.server.lasts = seconds(100_000);
    world.pass_to("2026-11-23T11:59:50Z");
    assert_eq!(world.open().len(), crowd);
    world.server.lasts = seconds(31);
    world.pass_to("2026-11-23T13:00:00Z");
    let mut runs: Vec<Run> = world.all("x").cloned().collect();
    runs.sort_by_key(|run| run.nominal_at);
    (world, runs)
}

#[test]
fn no_time_is_skipped_whose_older_job_had_ended() {
    for (every, crowd) in [(33, 0), (35, 0), (40, 0), (33, 2_000), (40, 2_000)] {
        let (world, runs) = an_hour_of(every, crowd);
        assert!(runs.len() as u64 >= 3_600 / every - 1, "{every}");
        for run in &runs[..runs.len() - 2] {
            assert_eq!(run.state.to_string(), "succeeded", "{every} s, crowd of {crowd}: {:#?}", world.lines(run));
            let late = run.sent_at.unwrap().duration_since(run.fire_at);
            assert!(late <= jiff::SignedDuration::from_secs(2), "{every} s, crowd of {crowd}: {late:?}");
        }
    }
}

#[test]
fn a_time_that_comes_while_its_older_job_runs_is_skipped_by_what_was_read_then() {
    let (world, runs) = an_hour_of(20, 0);
    // 31 s: each second time.
    for (n, run) in runs[..runs.len() - 2].iter().enumerate() {
        let expected = if n % 2 == 0 { "succeeded" } else { "skipped: overlap" };
        assert_eq!(run.state.to_string(), expected, "{n}: {:#?}", world.lines(run));
    }
}

#[test]
fn a_time_waits_for_the_word_of_an_older_job_that_cannot_be_read() {
    let mut world = long("");
    world.pass_to("2026-11-23T12:59:00Z");
    world.server.jobs_hidden = true;
    world.pass_to("2026-11-23T13:05:00Z");
    assert_eq!(world.state("x", ONE), "waiting: overlap");
    world.server.jobs_hidden = false;
    world.pass_to("2026-11-23T13:07:00Z");
    assert_eq!(world.state("x", ONE), "skipped: overlap");
    assert_eq!(world.server.posts(), 1);
}

#[test]
fn after_a_restart_a_time_waits_for_a_job_of_which_only_a_cache_or_a_refusal_tells() {
    for cached in [true, false] {
        let mut world = long("");
        world.crash();
        // It ends while nobody looks, and what is shown of it is of before.
        world.server.jobs.last_mut().unwrap().says = Some(JobState::Running);
        world.server.polls_cached = cached;
        world.server.jobs_hidden = !cached;
        world.sleep(seconds(1_810));
        world.recover();
        world.pass(seconds(120));
        assert_eq!(world.state("x", ONE), "waiting: overlap", "cached: {cached}");
        world.server.jobs.last_mut().unwrap().says = Some(JobState::Successful);
        world.server.polls_cached = false;
        world.server.jobs_hidden = false;
        world.pass(seconds(120));
        assert_eq!(world.server.posts(), 2, "cached: {cached}: {:?}", world.states("x"));
    }
}

#[test]
fn a_time_that_waits_for_an_older_job_is_withdrawn_with_its_schedule() {
    for (more, expected) in [(", enabled: false", "skipped: disabled"), ("gone", "cancelled")] {
        let mut world = long("");
        world.pass_to("2026-11-23T12:59:00Z");
        world.server.jobs_hidden = true;
        world.pass_to("2026-11-23T13:01:00Z");
        assert_eq!(world.state("x", ONE), "waiting: overlap");
        let lines = if more == "gone" {
            "  y: { cron: \"0 0 * * *\", start: { process: Q } }\n".to_owned()
        } else {
            hourly(more)
        };
        world.load(set_of(&lines, world.now.wall));
        // Its older job turns out to have ended.
        world.server.jobs.last_mut().unwrap().says = Some(JobState::Successful);
        world.server.jobs_hidden = false;
        world.pass_to("2026-11-23T13:10:00Z");
        assert_eq!(world.state("x", ONE), expected);
        assert_eq!(world.server.posts(), 1, "{more}");
    }
}

#[test]
fn a_time_that_waited_for_a_connection_and_then_for_an_older_job_says_so() {
    let mut world = long("");
    world.pass_to("2026-11-23T12:59:30Z");
    world.server.mood = Mood::Down;
    world.pass_to("2026-11-23T13:01:00Z");
    assert_eq!(world.state("x", ONE), "waiting: outage");
    world.server.mood = Mood::Well;
    world.server.polls_cached = true;
    world.pass_to("2026-11-23T13:05:00Z");
    assert_eq!(world.state("x", ONE), "waiting: overlap");
}

/// A schedule of each minute in each of so many folders, whose jobs run on, and what else is said.
fn in_folders(count: u64, more: &str) -> World {
    let connection = CONNECTION
        .replace("scope: OR.Jobs }", "scope: OR.Jobs }\n    limits: { starts_per_second: 1000, open_requests: 1000 }");
    let schedules: String = (0..count)
        .map(|n| {
            format!(
                "  x{n}: {{ every: 1m, anchor: \"{NOON}\", starts: \"{NOON}\", start: {{ process: P, folder: F{n} }} }}\n"
            )
        })
        .collect();
    let text = format!("{connection}defaults: {{ timezone: UTC }}\nschedules:\n{schedules}{more}");
    let begin = at("2026-11-23T11:58:30Z");
    let mut world = World::with(read(&text, begin), begin);
    world.server.folders = (0..=count).map(|n| (format!("F{n}"), FolderId(100 + i64::try_from(n).unwrap()))).collect();
    world.server.lasts = seconds(1_000_000);
    world
}

#[test]
fn in_more_folders_than_lists_a_minute_each_job_that_ends_is_seen_before_long() {
    let mut world = in_folders(150, "");
    world.pass_to("2026-11-23T12:20:30Z");
    for folder in [100, 175, 249] {
        let job = world.server.jobs.iter_mut().find(|job| job.folder.0 == folder).unwrap();
        job.says = Some(JobState::Successful);
    }
    world.pass_to("2026-11-23T12:30:30Z");
    for schedule in ["x0", "x75", "x149"] {
        let starts = world.all(schedule).filter(|run| run.sent_at.is_some()).count();
        assert_eq!(starts, 2, "{schedule}: {:?}", world.states(schedule));
    }
}

#[test]
fn reads_for_newer_times_keep_no_other_job_from_being_followed() {
    let more = "  once: { at: [\"2026-11-23T12:00:00Z\"], start: { process: P, folder: F100 } }\n";
    let mut world = in_folders(100, more);
    world.pass_to("2026-11-23T12:10:00Z");
    let folder = FolderId(200);
    world.server.jobs.iter_mut().find(|job| job.folder == folder).unwrap().says = Some(JobState::Successful);
    world.pass_to("2026-11-23T12:20:00Z");
    assert_eq!(world.state("once", NOON), "succeeded");
}

#[test]
fn a_clock_that_is_set_while_a_time_waits_for_an_older_job_leaves_it_one_answer() {
    for (step, back) in [(20, true), (20, false), (400, true), (400, false), (7_200, true), (7_200, false)] {
        let mut world = long("");
        world.pass_to("2026-11-23T12:59:30Z");
        world.server.polls_cached = true;
        world.pass_to("2026-11-23T13:01:00Z");
        assert_eq!(world.state("x", ONE), "waiting: overlap");
        world.now.wall =
            if back { earlier(world.now.wall, seconds(step)) } else { later(world.now.wall, seconds(step)) };
        world.pass(seconds(120));
        world.server.polls_cached = false;
        world.pass(seconds(9_000));
        let state = world.state("x", ONE);
        assert!(
            matches!(state.as_str(), "skipped: overlap" | "missed: deadline" | "running"),
            "{step} {back}: {state}"
        );
        let attempt = world.run("x", ONE).attempts.last();
        let jobs = attempt.map_or(0, |attempt| world.server.jobs_of(&attempt.reference));
        assert_eq!(jobs, usize::from(state == "running"), "{step} {back}");
    }
}

#[test]
fn a_time_whose_deadline_is_shorter_than_the_answer_is_missed_and_the_next_has_its_own() {
    let mut world = long(", start_deadline: 20s");
    world.pass_to("2026-11-23T12:59:50Z");
    world.server.read_takes.push_back(seconds(45));
    world.server.lasts = seconds(30);
    world.pass_to("2026-11-23T13:50:00Z");
    assert_eq!(world.state("x", ONE), "missed: deadline");
    world.server.read_takes.clear();
    world.pass_to("2026-11-23T14:10:00Z");
    assert_eq!(world.state("x", "2026-11-23T14:00:00Z"), "succeeded");
}

#[test]
fn behind_a_job_that_cannot_be_read_for_want_of_calls_it_shows_that_and_not_two_things_by_turns() {
    let often = set_of("  x: { every: 20m, start: { process: P } }\n", at(BEFORE));
    let mut world = World::proven_with(often, BEFORE);
    world.server.lasts = seconds(1_500);
    world.pass_to("2026-11-23T12:15:00Z");
    world.server.mood = Mood::Busy(None);
    world.pass_to("2026-11-23T12:39:00Z");
    let second = world.run("x", "2026-11-23T12:20:00Z");
    assert_eq!(second.state.to_string(), "waiting: rate_limit");
    assert!(world.lines(second).len() <= 3, "{:#?}", world.lines(second));
    // The older one ended at 12:25; from then on its time counts.
    world.server.mood = Mood::Well;
    world.pass_to("2026-11-23T12:39:59Z");
    assert_eq!(world.states("x")[1].1, "running", "{:?}", world.states("x"));
}
