//! What one odd answer must not hold up: neighbours, the connection, the schedule itself (semantics.md 11, 15, 16b, 17, 22).

use punctual::run::{FolderId, Reference, Run};

use super::server::{Call, Filter, Mood, Post};
use super::world::{CONNECTION, FOLDER, World, at, hourly, read, seconds};

const BEFORE: &str = "2026-11-23T11:59:00Z";
const NOON: &str = "2026-11-23T12:00:00Z";
const ONE: &str = "2026-11-23T13:00:00Z";

/// An hourly schedule `x`, and a neighbour that starts every so many minutes.
fn with_neighbour(minutes: u32) -> String {
    format!(
        "{}  y: {{ every: {minutes}m, anchor: 2026-11-23T12:00:00Z, overlap: allow, start: {{ process: Q }} }}\n",
        hourly("")
    )
}

/// The neighbour's times in a span that were sent late or not at all.
fn late<'w>(world: &'w World, from: &str, until: &str) -> Vec<&'w Run> {
    let (from, until) = (at(from), at(until));
    world
        .db
        .runs
        .values()
        .filter(|run| run.schedule.as_str() == "y" && run.nominal_at >= from && run.nominal_at < until)
        .filter(|run| run.sent_at.is_none_or(|sent| sent.duration_since(run.fire_at).as_secs() > 2))
        .collect()
}

#[test]
fn a_read_that_stays_unclear_does_not_keep_a_connection_waiting_for_ever() {
    let mut world = World::proven(&with_neighbour(10), BEFORE);
    world.server.reads_break = true;
    // Its job has ended and cannot be read whole when the token goes, so that this read is the one that is let through.
    world.pass_to("2026-11-23T12:00:40Z");
    world.server.mood = Mood::NoToken;
    world.pass_to("2026-11-23T12:04:00Z");
    world.server.mood = Mood::Well;
    world.pass_to("2026-11-23T12:30:00Z");
    let boot = world.now.boot;
    assert_eq!(world.core().obstacles(boot), []);
    assert_eq!(late(&world, "2026-11-23T12:05:00Z", "2026-11-23T12:29:00Z").len(), 0);
}

#[test]
fn a_process_whose_look_up_a_firewall_blocks_keeps_no_neighbour_waiting() {
    let mut world = World::proven(&with_neighbour(10), BEFORE);
    world.server.blocked_process = Some("P".to_owned());
    world.restart();
    world.pass_to("2026-11-23T12:40:00Z");
    let late = late(&world, "2026-11-23T11:59:00Z", "2026-11-23T12:39:00Z");
    assert!(late.is_empty(), "{} of them: {:#?}", late.len(), late[0]);
}

#[test]
fn after_a_start_a_job_that_cannot_be_read_keeps_no_neighbour_waiting() {
    let mut world = World::proven(&with_neighbour(1), BEFORE);
    world.server.lasts = seconds(100_000);
    world.pass_to("2026-11-23T12:05:00Z");
    world.crash();
    // All of them: nobody's answer ends the wait.
    world.server.polls_break = true;
    world.server.reads_break = true;
    world.recover();
    world.pass_to("2026-11-23T12:30:00Z");
    let late = late(&world, "2026-11-23T12:10:00Z", "2026-11-23T12:29:00Z");
    assert!(late.is_empty(), "{} of them: {:#?}", late.len(), late[0]);
}

#[test]
fn after_a_start_an_unclear_one_whose_look_ups_break_keeps_no_neighbour_waiting() {
    let mut world = World::proven(&with_neighbour(1), BEFORE);
    world.pass_to("2026-11-23T11:59:59Z");
    world.server.poisoned = Some(punctual::schedule::ScheduleKey::parse("x").unwrap());
    world.server.filter = Filter::Breaks;
    world.server.script.push_back(Post::Dropped);
    world.pass_to("2026-11-23T12:05:00Z");
    world.restart();
    world.pass_to("2026-11-23T12:15:00Z");
    let late = late(&world, "2026-11-23T12:07:00Z", "2026-11-23T12:14:00Z");
    assert!(late.is_empty(), "{} of them: {:#?}", late.len(), late[0]);
}

#[test]
fn a_schedule_whose_connection_was_renamed_while_its_job_ran_goes_on() {
    let schedules = "defaults: { timezone: UTC, folder: F }\nschedules:\n  x: { every: 10m, start: { process: P } }\n";
    let begin = at(BEFORE);
    let mut world = World::with(read(&format!("{CONNECTION}{schedules}"), begin), begin);
    world.server.lasts = seconds(100_000);
    world.pass_to("2026-11-23T12:05:00Z");
    assert_eq!(world.state("x", NOON), "running");
    world.crash();
    world.set = read(&format!("{}{schedules}", CONNECTION.replace("  cloud:", "  prod:")), world.now.wall);
    world.recover();
    world.server.lasts = seconds(60);
    world.pass(seconds(2 * 3600));
    assert_eq!(world.state("x", NOON), "lost", "{:#?}", world.run("x", NOON));
    assert_eq!(world.state("x", "2026-11-23T13:30:00Z"), "succeeded");
}

#[test]
fn an_unclear_start_of_which_nothing_can_be_read_is_held_and_its_schedule_goes_on() {
    let mut world = World::proven(&hourly(""), BEFORE);
    world.server.script.push_back(Post::NotMade);
    world.server.filter = Filter::Breaks;
    world.server.lists_break = true;
    world.pass_to("2026-11-23T12:02:00Z");
    let error = world.run("x", NOON).error.clone().unwrap();
    assert_eq!(error.matches("its look-ups come to nothing: ").count(), 1, "{error}");
    world.pass_to("2026-11-23T12:59:00Z");
    assert_eq!(world.state("x", NOON), "held");
    world.pass_to("2026-11-23T13:10:00Z");
    assert_eq!(world.state("x", ONE), "succeeded");
    assert_eq!(world.server.posts(), 2);
}

#[test]
fn an_unclear_start_of_which_only_caches_tell_is_held_and_its_schedule_goes_on() {
    let mut world = World::proven(&hourly(""), BEFORE);
    world.server.script.push_back(Post::NotMade);
    world.server.cached = true;
    world.server.lists_break = true;
    world.pass_to("2026-11-23T12:59:00Z");
    assert_eq!(world.state("x", NOON), "held");
    world.pass_to("2026-11-23T13:10:00Z");
    assert_eq!(world.state("x", ONE), "succeeded");
}

#[test]
fn a_list_that_shows_the_same_job_twice_stops_nothing() {
    let mut world = World::proven(&hourly(""), BEFORE);
    world.server.rows_twice = true;
    world.server.script.push_back(Post::Dropped);
    world.pass_to("2026-11-23T12:10:00Z");
    assert_eq!(world.server.count(seconds(0), |call| matches!(call, Call::StopSpare(_))), 0);
    assert_eq!(world.state("x", NOON), "succeeded");
    assert_eq!(world.run("x", NOON).note, None);
}

/// From 12:00:04 to 12:01:04 Orchestrator knows the folder neither by its number nor by its name.
fn no_folder_for_a_minute(world: &mut World) {
    world.pass_to("2026-11-23T12:00:04Z");
    world.server.gone_folders.push(FOLDER);
    world.server.no_folder = true;
    world.pass_to("2026-11-23T12:01:04Z");
    world.server.gone_folders.clear();
    world.server.no_folder = false;
}

#[test]
fn a_right_that_was_missing_for_a_minute_loses_no_unclear_start() {
    let mut world = World::proven(&hourly(""), BEFORE);
    world.server.script.push_back(Post::NotMade);
    no_folder_for_a_minute(&mut world);
    world.pass_to("2026-11-23T12:10:00Z");
    assert_eq!(world.state("x", NOON), "succeeded", "{:#?}", world.lines(world.run("x", NOON)));
}

#[test]
fn a_start_that_waits_for_a_robot_does_not_keep_its_neighbours_at_the_pace_of_recovery() {
    let many: String = (0..100)
        .map(|number| format!("  m{number}: {{ cron: \"*/10 * * * *\", start: {{ process: Q }} }}\n"))
        .collect();
    let mut world = World::proven(&format!("{}{many}", hourly("")), BEFORE);
    world.server.poisoned = Some(punctual::schedule::ScheduleKey::parse("x").unwrap());
    world.server.script.extend(vec![Post::Refused(409, 1670); 60]);
    world.pass_to("2026-11-23T12:05:00Z");
    assert_eq!(world.state("x", NOON), "waiting: capacity");
    world.server.mood = Mood::Down;
    world.pass_to("2026-11-23T12:06:00Z");
    world.server.mood = Mood::Well;
    world.pass_to("2026-11-23T12:11:00Z");
    let ten = at("2026-11-23T12:10:00Z");
    let last = world.db.runs.values().filter(|run| run.nominal_at == ten).filter_map(|run| run.sent_at).max();
    let last = last.unwrap().duration_since(ten).as_secs();
    assert!(last <= 8, "the last of a hundred was sent after {last} s");
}

#[test]
fn a_clock_step_while_a_run_is_elsewhere_keeps_no_start_waiting() {
    let other = CONNECTION.replace("acme/production", "acme/test");
    let schedules = "defaults: { timezone: UTC, folder: F }\nschedules:\n  x: { cron: \"0 * * * *\", start: { process: P } }\n  y: { every: 1m, overlap: allow, start: { process: Q } }\n";
    let begin = at(BEFORE);
    let mut world = World::with(read(&format!("{CONNECTION}{schedules}"), begin), begin);
    world.server.lasts = seconds(100_000);
    world.pass_to("2026-11-23T12:05:30Z");
    let there = read(&format!("{other}{schedules}"), world.now.wall);
    world.load(there);
    world.now.wall = punctual::clock::later(world.now.wall, seconds(20));
    world.pass_to("2026-11-23T12:20:00Z");
    assert_eq!(late(&world, "2026-11-23T12:07:00Z", "2026-11-23T12:19:00Z").len(), 0);
}

#[test]
fn a_job_that_cannot_be_read_in_a_list_may_be_the_one_that_is_looked_for() {
    let schedules = "  x: { every: 5h, anchor: 2026-11-23T12:00:00Z, start: { process: P } }\n  y: { every: 5h, anchor: 2026-11-23T12:01:30Z, start: { process: P } }\n";
    let mut world = World::proven(schedules, "2026-11-23T10:00:30Z");
    world.pass_to("2026-11-23T10:01:00Z");
    let now = world.now;
    world.server.make(&Reference::from_text("theirs"), FOLDER, now, now.boot);
    // The filter is refused, so all jobs are listed, for both at once: back to before the time of the second one. Its job is the
    // row that cannot be read.
    world.server.filter = Filter::Refused;
    world.server.script.extend([Post::NotMade, Post::Dropped]);
    world.server.odd_row = Some(3);
    world.pass_to("2026-11-23T12:01:55Z");
    world.server.mood = Mood::Down;
    world.pass_to("2026-11-23T12:05:00Z");
    world.server.mood = Mood::Well;
    world.pass_to("2026-11-23T12:30:00Z");
    let reference = super::world::attempt_of(world.run("y", "2026-11-23T12:01:30Z")).reference.clone();
    assert_eq!(world.server.jobs_of(&reference), 1);
}

#[test]
fn a_late_start_whose_look_up_was_refused_once_is_looked_up_again_within_a_minute() {
    let schedules = "  x: { every: 5h, anchor: 2026-11-23T12:00:00Z, start: { process: P } }\n";
    let mut world = World::proven(schedules, "2026-11-23T11:58:00Z");
    world.pass_to("2026-11-23T11:59:00Z");
    let now = world.now;
    world.server.make(&Reference::from_text("theirs"), FOLDER, now, now.boot);
    world.server.odd_row = world.server.jobs.last().map(|job| job.id);
    world.crash();
    world.sleep(seconds(300));
    world.server.filter = Filter::Refused;
    world.recover();
    world.pass(seconds(2));
    assert_eq!(world.server.posts(), 0);
    world.server.filter = Filter::Works;
    world.pass(seconds(120));
    assert_eq!(world.state("x", NOON), "succeeded", "{:#?}", world.lines(world.run("x", NOON)));
}

#[test]
fn a_process_that_is_written_in_another_form_is_the_same_process() {
    // A server that keeps no names: its newest job may be the one that was made.
    let mut world = World::new("  x: { cron: \"0 * * * *\", start: { process: \"Pru\u{308}fen\" } }\n", BEFORE);
    world.server.filter = Filter::Forgets;
    world.server.release = Some("Pr\u{fc}fen".to_owned());
    world.server.script.push_back(Post::Dropped);
    world.pass_to("2026-11-23T12:30:00Z");
    assert_eq!(world.server.posts(), 1);
    assert_eq!(world.state("x", NOON), "held");
}

#[test]
fn a_job_of_which_nothing_can_be_read_is_told_with_what_helps() {
    let mut world = World::proven(&hourly(""), BEFORE);
    world.server.lasts = seconds(100_000);
    world.pass_to("2026-11-23T12:05:00Z");
    world.server.polls_break = true;
    world.server.reads_break = true;
    world.pass_to("2026-11-23T12:25:00Z");
    let error = world.run("x", NOON).error.clone().unwrap();
    let id = world.run("x", NOON).id.short();
    assert!(error.contains(&format!("`punctual resolve {id} lost`")), "{error}");
    world.server.polls_break = false;
    world.pass_to("2026-11-23T12:30:00Z");
    assert_eq!(world.run("x", NOON).error, None);
}

#[test]
fn lists_that_refuse_every_token_keep_no_neighbour_waiting() {
    let mut world = World::proven(&with_neighbour(1), BEFORE);
    world.server.lasts = seconds(100_000);
    world.server.polls_refuse_tokens = true;
    world.pass_to("2026-11-23T12:20:00Z");
    let late = late(&world, "2026-11-23T12:01:00Z", "2026-11-23T12:19:00Z");
    assert!(late.is_empty(), "{} of them: {:#?}", late.len(), late[0]);
}

/// `x`, and a neighbour in a folder that answers, so that the connection is not down.
fn with_other_folder() -> World {
    let neighbour = "  y: { every: 10m, start: { process: Q, folder: G } }\n";
    let mut world = World::proven(&format!("{}{neighbour}", hourly("")), "2026-11-23T11:58:00Z");
    world.server.folders.push(("G".to_owned(), FolderId(8)));
    world
}

#[test]
fn an_unclear_start_in_a_folder_that_shows_nothing_of_itself_is_held_and_its_schedule_goes_on() {
    // Its name is found, and every call in it is answered 1100; or its name cannot be looked for, behind a firewall.
    for blocked in [false, true] {
        let mut world = with_other_folder();
        world.server.script.push_back(Post::NotMade);
        world.pass_to("2026-11-23T12:00:10Z");
        world.server.gone_folders.push(FOLDER);
        world.server.blocked_process = blocked.then(|| "P".to_owned());
        world.pass_to("2026-11-23T12:50:00Z");
        assert_eq!(world.state("x", NOON), "held", "blocked: {blocked}");
        world.server.gone_folders.clear();
        world.server.blocked_process = None;
        world.pass_to("2026-11-23T13:10:00Z");
        assert_eq!(world.state("x", ONE), "succeeded", "blocked: {blocked}");
        assert_eq!(world.state("x", NOON), "succeeded", "it was settled when its folder answered; blocked: {blocked}");
    }
}

#[test]
fn a_folder_that_was_not_shown_once_and_answers_again_is_not_gone() {
    // Nothing there proves anything, as before the first job.
    let mut world = World::new(&hourly(""), BEFORE);
    world.server.script.push_back(Post::NotMade);
    no_folder_for_a_minute(&mut world);
    world.pass_to("2026-11-23T12:50:00Z");
    assert_eq!(world.state("x", NOON), "held", "{:#?}", world.lines(world.run("x", NOON)));
}

#[test]
fn a_folder_whose_name_nothing_had_once_is_not_gone_while_nobody_can_look() {
    let mut world = with_other_folder();
    world.server.script.push_back(Post::NotMade);
    world.pass_to("2026-11-23T12:00:10Z");
    world.server.gone_folders.push(FOLDER);
    world.server.no_folder = true;
    world.pass_to("2026-11-23T12:00:30Z");
    world.server.blocked_process = Some("P".to_owned());
    world.pass_to("2026-11-23T12:50:00Z");
    assert_eq!(world.state("x", NOON), "held", "{:#?}", world.lines(world.run("x", NOON)));
}

#[test]
fn a_job_whose_folder_was_not_shown_yesterday_is_not_lost_when_a_right_is_missing_today() {
    let mut world = World::proven("  x: { every: 5h, anchor: 2026-11-23T12:00:00Z, start: { process: P } }\n", BEFORE);
    world.server.lasts = seconds(100_000);
    world.pass_to("2026-11-23T12:05:00Z");
    world.server.gone_folders.push(FOLDER);
    world.server.no_folder = true;
    world.pass_to("2026-11-23T12:07:00Z");
    world.server.gone_folders.clear();
    world.server.no_folder = false;
    world.pass_to("2026-11-23T14:00:00Z");
    assert_eq!(world.state("x", NOON), "running");
    world.server.jobs_hidden = true;
    world.pass_to("2026-11-23T14:30:00Z");
    assert_eq!(world.state("x", NOON), "running", "{:#?}", world.lines(world.run("x", NOON)));
}
