//! From accepted to the end, within the budget (semantics.md 20 and 22).

use punctual::orchestrator::JobState;
use punctual::run::{FolderId, Reference};

use super::server::{Call, Post};
use super::world::{CONNECTION, World, hourly, read, seconds};

const BEFORE: &str = "2026-11-23T11:59:00Z";
const NOON: &str = "2026-11-23T12:00:00Z";

fn running(more: &str) -> World {
    let mut world = World::proven(&hourly(more), BEFORE);
    world.server.lasts = seconds(20_000);
    world.pass_to("2026-11-23T12:01:00Z");
    assert_eq!(world.state("x", NOON), "running");
    world
}

#[test]
fn a_state_that_nobody_knows_is_not_the_end() {
    let mut world = running("");
    world.server.jobs.last_mut().unwrap().says = Some(JobState::Other("Hibernating".to_owned()));
    world.pass(seconds(1_200));
    assert_eq!(world.state("x", NOON), "running");
    world.server.jobs.last_mut().unwrap().says = Some(JobState::Successful);
    world.pass(seconds(60));
    assert_eq!(world.state("x", NOON), "succeeded");
}

#[test]
fn each_state_of_a_job_is_told_in_our_words() {
    let rows = [
        (JobState::Pending, "pending"),
        (JobState::Resumed, "pending"),
        (JobState::Running, "running"),
        (JobState::Suspended, "suspended"),
        (JobState::Stopping, "stopping"),
        (JobState::Terminating, "stopping"),
        (JobState::Faulted, "faulted"),
        (JobState::Successful, "succeeded"),
        (JobState::Stopped, "stopped"),
    ];
    for (says, state) in rows {
        let mut world = running("");
        world.server.jobs.last_mut().unwrap().says = Some(says.clone());
        world.pass(seconds(60));
        assert_eq!(world.state("x", NOON), state, "{says:?}");
    }
}

#[test]
fn a_vanished_job_is_lost_after_three_lists_over_five_minutes_and_never_started_again() {
    let mut world = running("");
    world.server.jobs.last_mut().unwrap().gone = true;
    world.pass(seconds(290));
    assert_eq!(world.state("x", NOON), "running");
    world.pass(seconds(120));
    assert_eq!(world.state("x", NOON), "lost");
    world.pass(seconds(600));
    assert_eq!(world.server.posts(), 1);
}

#[test]
fn a_job_that_comes_back_is_not_lost() {
    let mut world = running("");
    world.server.jobs.last_mut().unwrap().gone = true;
    world.pass(seconds(280));
    world.server.jobs.last_mut().unwrap().gone = false;
    world.pass(seconds(40));
    world.server.jobs.last_mut().unwrap().gone = true;
    world.pass(seconds(280));
    assert_eq!(world.state("x", NOON), "running");
}

#[test]
fn a_job_whose_folder_is_gone_is_lost_too() {
    let mut world = running("");
    world.server.jobs.last_mut().unwrap().gone = true;
    world.server.polls_refused = true;
    world.pass(seconds(250));
    assert_eq!(world.state("x", NOON), "running");
    world.pass(seconds(400));
    assert_eq!(world.state("x", NOON), "lost");
}

#[test]
fn a_job_that_may_not_be_listed_is_read_by_its_id() {
    let mut world = running("");
    world.server.polls_refused = true;
    world.pass(seconds(60));
    world.server.jobs.last_mut().unwrap().says = Some(JobState::Successful);
    world.pass(seconds(60));
    assert_eq!(world.state("x", NOON), "succeeded");
}

#[test]
fn an_ended_job_that_can_never_be_read_whole_ends_as_the_list_says() {
    let mut world = running("");
    world.server.reads_break = true;
    world.server.jobs.last_mut().unwrap().says = Some(JobState::Successful);
    world.pass(seconds(3_000));
    assert_eq!(world.state("x", NOON), "succeeded");
}

#[test]
fn many_folders_are_read_in_turn_and_none_is_forgotten() {
    let count = 120;
    let schedules: String = (0..count)
        .map(|n| format!("  s{n}: {{ at: [\"{NOON}\"], start: {{ process: P, folder: F{n} }} }}\n"))
        .collect();
    let set =
        read(&format!("{CONNECTION}defaults: {{ timezone: UTC }}\nschedules:\n{schedules}"), super::world::at(BEFORE));
    let mut world = World::with(set, super::world::at(BEFORE));
    world.server.folders = (0..count).map(|n| (format!("F{n}"), FolderId(1_000 + n))).collect();
    world.server.lasts = seconds(200);
    world.pass_to("2026-11-23T12:20:00Z");
    let open: Vec<_> = world.open().iter().map(|run| run.schedule.to_string()).collect();
    assert_eq!(open, Vec::<String>::new());
    let lists = world.server.count(seconds(0), |call| matches!(call, Call::Poll(..) | Call::LookUp(_)));
    assert!(lists <= 60 + 21 * 60, "{lists} lists in twenty-one minutes");
}

#[test]
fn look_ups_come_before_polls_within_the_budget() {
    let text = CONNECTION.replace("scope: OR.Jobs }", "scope: OR.Jobs }\n    limits: { list_calls_per_minute: 2 }");
    let schedules: String =
        (0..8).map(|n| format!("  s{n}: {{ at: [\"{NOON}\"], start: {{ process: P, folder: F{n} }} }}\n")).collect();
    let schedules =
        format!("{schedules}  z: {{ at: [\"2026-11-23T12:05:00Z\"], start: {{ process: P, folder: F }} }}\n");
    let set = read(&format!("{text}defaults: {{ timezone: UTC }}\nschedules:\n{schedules}"), super::world::at(BEFORE));
    let mut world = World::with(set, super::world::at(BEFORE));
    world.server.folders = (0..8).map(|n| (format!("F{n}"), FolderId(1_000 + n))).collect();
    world.server.lasts = seconds(20_000);
    world.pass_to("2026-11-23T12:04:59Z");
    // From here on folder F8 has a start that is unclear: its look-ups must not wait behind the eight folders' polls.
    world.server.script.push_back(Post::Dropped);
    world.pass_to("2026-11-23T12:06:30Z");
    assert_eq!(world.state("z", "2026-11-23T12:05:00Z"), "running");
}

#[test]
fn fifty_jobs_are_read_in_one_call() {
    let schedules: String =
        (0..120).map(|n| format!("  s{n}: {{ at: [\"{NOON}\"], start: {{ process: P }} }}\n")).collect();
    let mut world = World::new(&schedules, BEFORE);
    world.server.lasts = seconds(20_000);
    world.pass_to("2026-11-23T12:03:00Z");
    let since = world.now.boot;
    world.pass(seconds(40));
    let polls = world.server.count(since, |call| matches!(call, Call::Poll(..)));
    assert!((3..=12).contains(&polls), "{polls} polls of 120 jobs in forty seconds");
    assert!(world.server.calls.iter().all(|(_, call)| !matches!(call, Call::Poll(_, jobs) if *jobs > 50)));
}

#[test]
fn thousands_of_jobs_are_seen_to_end_within_seconds_and_within_the_budget() {
    let text = CONNECTION
        .replace("scope: OR.Jobs }", "scope: OR.Jobs }\n    limits: { starts_per_second: 1000, open_requests: 1000 }");
    let schedules: String =
        (0..2_500).map(|n| format!("  s{n}: {{ at: [\"{NOON}\"], start: {{ process: P }} }}\n")).collect();
    let set = read(&format!("{text}defaults: {{ timezone: UTC }}\nschedules:\n{schedules}"), super::world::at(BEFORE));
    let mut world = World::with(set, super::world::at(BEFORE));
    world.server.lasts = seconds(1_000);
    world.pass_to("2026-11-23T12:16:35Z");
    assert_eq!(world.open().len(), 2_500, "none has ended yet");
    let since = world.now.boot;
    // All end within a second; each is then read whole, which the budget of lists does not count.
    world.pass(seconds(25));
    assert_eq!(world.open().len(), 0, "every end was noticed");
    let lists = world.server.count(since, |call| matches!(call, Call::Poll(..) | Call::ListEnded | Call::LookUp(_)));
    assert!(lists <= 60, "{lists} lists in twenty-five seconds");
}

#[test]
fn jobs_that_end_together_are_not_all_read_at_once() {
    let schedules: String =
        (0..200).map(|n| format!("  s{n}: {{ at: [\"{NOON}\"], start: {{ process: P }} }}\n")).collect();
    let mut world = World::new(&schedules, BEFORE);
    world.server.lasts = seconds(300);
    world.server.read_takes.push_back(seconds(3));
    world.pass_to("2026-11-23T12:10:00Z");
    assert!(world.open().is_empty());
    let reads: Vec<_> = world.server.calls.iter().filter(|(_, call)| *call == Call::Read).map(|(at, _)| *at).collect();
    assert_eq!(reads.len(), 200);
    for pair in reads.windows(33) {
        assert!(pair[32] - pair[0] >= seconds(3), "thirty-two at a time: {pair:?}");
    }
}

#[test]
fn once_its_usual_duration_is_known_a_job_is_read_often_around_its_end_and_seldom_before() {
    let mut world = World::new(&hourly(""), BEFORE);
    world.server.lasts = seconds(903);
    // Three runs teach it.
    world.pass_to("2026-11-23T15:00:00Z");
    let since = world.now.boot;
    world.pass_to("2026-11-23T15:30:00Z");
    assert_eq!(world.state("x", "2026-11-23T15:00:00Z"), "succeeded");
    let polls = world.server.count(since, |call| matches!(call, Call::Poll(..)));
    assert!(polls <= 45, "{polls} polls of one job in a quarter of an hour");
    let ended = world.run("x", "2026-11-23T15:00:00Z").clone();
    let line = world.db.seen.iter().filter(|line| line.run == ended.id).map(|line| line.at).max().unwrap();
    let noticed = line.duration_since(super::world::at("2026-11-23T15:15:03Z"));
    assert!(noticed <= jiff::SignedDuration::from_secs(12), "its end was noticed after {noticed}");
}

#[test]
fn a_job_that_comes_back_as_somebody_elses_is_lost_and_its_end_is_not_ours() {
    let mut world = World::proven(&hourly(""), BEFORE);
    world.server.lasts = seconds(20_000);
    world.pass_to("2026-11-23T12:00:30Z");
    assert_eq!(world.state("x", NOON), "running");
    // A tenant set up anew gives the same key and number to another job, which ends well.
    let other = Reference::from_text("p1.00000000.0123456789ab.abc");
    let job = world.server.jobs.last_mut().unwrap();
    job.reference = other;
    job.says = Some(JobState::Successful);
    world.pass(seconds(900));
    assert_eq!(world.state("x", NOON), "lost");
}

/// A job that is followed, and next to it a start every second, each of which takes so long.
fn next_to_starts(takes: std::time::Duration) -> World {
    let more =
        "  y: { cron: \"* * * * * *\", overlap: allow, starts: \"2026-11-23T12:01:00Z\", start: { process: P } }\n";
    let mut world = World::proven(&format!("{}{more}", hourly("")), BEFORE);
    world.server.lasts = seconds(20_000);
    world.server.post_takes = std::iter::repeat_n(takes, 200).collect();
    world.pass_to("2026-11-23T12:00:59Z");
    world
}

fn follows(call: &Call) -> bool {
    matches!(call, Call::Poll(..) | Call::Read)
}

#[test]
fn starts_go_first() {
    let mut world = next_to_starts(std::time::Duration::from_millis(400));
    let since = world.now.boot;
    world.pass(seconds(120));
    let calls = world.server.calls.iter().filter(|(at, call)| *at >= since && follows(call));
    let between: Vec<u32> = calls.map(|(at, _)| at.subsec_millis()).collect();
    assert!(between.len() > 10, "{between:?}");
    assert!(between.iter().all(|at| *at >= 400), "{between:?}");
}

#[test]
fn following_waits_for_starts_at_most_a_second() {
    // There is always one under way.
    let mut world = next_to_starts(seconds(30));
    let since = world.now.boot;
    world.server.jobs.last_mut().unwrap().says = Some(JobState::Successful);
    world.pass(seconds(60));
    assert!(world.server.count(since, follows) > 0);
    assert_eq!(world.state("x", NOON), "succeeded");
}

#[test]
fn what_an_older_run_has_become_is_read_next_to_starts() {
    let more = "  y: { cron: \"0 * * * *\", overlap: allow, start: { process: P } }\n";
    let mut world = World::proven(&format!("{}{more}", hourly("")), BEFORE);
    world.server.lasts = seconds(20_000);
    world.pass_to("2026-11-23T12:59:59Z");
    let since = world.now.boot;
    world.server.jobs.iter_mut().for_each(|job| job.says = Some(JobState::Successful));
    world.server.post_takes = [seconds(20), seconds(20)].into();
    world.pass(seconds(2));
    assert_eq!(
        world.server.count(since, |call| matches!(call, Call::Start(_))),
        2,
        "x did not wait for the start of y"
    );
}

#[test]
fn following_goes_on_where_one_start_leaves_as_the_other_ends() {
    // One at a time, and a backlog of five hundred: there is never a moment without a start.
    let text = CONNECTION
        .replace("scope: OR.Jobs }", "scope: OR.Jobs }\n    limits: { open_requests: 1, starts_per_second: 1000 }");
    let backlog: String =
        (0..500).map(|n| format!("  y{n}: {{ at: [\"2026-11-23T12:01:00Z\"], start: {{ process: P }} }}\n")).collect();
    let set = read(
        &format!("{text}defaults: {{ timezone: UTC, folder: F }}\nschedules:\n{}{backlog}", hourly("")),
        super::world::at(BEFORE),
    );
    let mut world = World::with(set, super::world::at(BEFORE));
    world.server.lasts = seconds(20_000);
    world.server.post_takes = [std::time::Duration::from_millis(300)].into();
    world.pass_to("2026-11-23T12:01:00Z");
    let since = world.now.boot;
    world.server.jobs.first_mut().unwrap().says = Some(JobState::Successful);
    world.pass(seconds(100));
    assert!(world.server.count(since, |call| matches!(call, Call::Start(_))) > 300, "the backlog is not over");
    assert!(world.server.count(since, follows) > 3);
    assert_eq!(world.state("x", NOON), "succeeded");
}
