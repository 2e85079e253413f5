//! What stands between us and Orchestrator: firewalls that block the answer, caches, folders that get another number, rights that
//! are missing (semantics.md 12a, 15, 16a, 16b, 22).

use punctual::dispatcher::core::{Command, CommandRefused, Resolution, Resolved};
use punctual::run::{FolderId, Reference};

use super::server::{Call, Filter, Post};
use super::world::{CONNECTION, FOLDER, World, attempt_of, hourly, read, seconds};

const BEFORE: &str = "2026-11-23T11:59:00Z";
const NOON: &str = "2026-11-23T12:00:00Z";
const ONE: &str = "2026-11-23T13:00:00Z";

const NEW: FolderId = FolderId(8);

fn resolve(world: &mut World, run: &str, how: Resolution) -> Result<Resolved, CommandRefused> {
    let run = world.run("x", run).id;
    world.command(Command::Resolve { run, how, actor: "ada (uid 1000)".to_owned() })
}

/// The folder has another number from now on; its jobs go with it.
fn renumber(world: &mut World) {
    world.server.gone_folders.push(FOLDER);
    world.server.folders.push(("F".to_owned(), NEW));
    for job in &mut world.server.jobs {
        job.folder = NEW;
    }
}

#[test]
fn a_page_of_a_firewall_after_the_job_was_made_makes_no_second_one() {
    for status in [301, 302, 400, 401, 403, 404, 405, 406, 409, 410, 413, 418, 422, 429, 451, 500, 502, 503, 520] {
        let mut world = World::proven(&hourly(""), BEFORE);
        world.server.script.push_back(Post::AnsweredMade(status));
        world.pass_to("2026-11-23T12:30:00Z");
        assert_eq!(world.state("x", NOON), "succeeded", "{status}");
        assert_eq!(world.server.posts(), 1, "{status}");
    }
}

#[test]
fn three_sends_that_are_answered_alike_and_make_no_job_are_a_refusal() {
    let mut world = World::proven(&hourly(""), BEFORE);
    world.server.script.extend(vec![Post::Answered(403); 5]);
    world.pass_to("2026-11-23T12:30:00Z");
    assert_eq!(world.state("x", NOON), "rejected");
    assert_eq!(world.server.posts(), 3);
    let error = world.run("x", NOON).error.clone().unwrap();
    assert!(error.contains("403 with a web page") && error.contains("firewall"), "{error}");
}

#[test]
fn other_answers_than_before_are_no_refusal() {
    let mut world = World::proven(&hourly(""), BEFORE);
    world.server.script.extend([403, 502, 403, 502].map(Post::Answered));
    world.pass_to("2026-11-23T12:30:00Z");
    assert_eq!(world.state("x", NOON), "succeeded");
    assert_eq!(world.server.posts(), 5);
}

#[test]
fn past_its_deadline_the_last_answer_is_what_the_run_shows() {
    let mut world = World::proven(&hourly(", start_deadline: 5m"), BEFORE);
    world.server.script.extend([403, 502, 403, 502].map(Post::Answered));
    world.pass_to("2026-11-23T12:30:00Z");
    assert_eq!(world.state("x", NOON), "missed: deadline");
    let error = world.run("x", NOON).error.clone().unwrap();
    assert!(error.contains("was answered"), "{error}");
}

#[test]
fn an_answer_to_one_start_keeps_no_neighbour_waiting() {
    let schedules = format!("{}  y: {{ every: 5s, overlap: allow, start: {{ process: Q }} }}\n", hourly(""));
    let mut world = World::proven(&schedules, BEFORE);
    world.server.lasts = seconds(1);
    world.pass_to("2026-11-23T11:59:58Z");
    world.server.script.extend((0..400).map(|_| Post::Answered(403)));
    // Only the poisoned one is answered so.
    world.server.poisoned = Some(punctual::schedule::ScheduleKey::parse("x").unwrap());
    world.pass_to("2026-11-23T12:09:58Z");
    let late: Vec<_> = world
        .db
        .runs
        .values()
        .filter(|run| run.schedule.as_str() == "y")
        .filter(|run| run.sent_at.is_none_or(|sent| sent.duration_since(run.fire_at).as_secs() > 1))
        .collect();
    assert!(late.is_empty(), "{} of them: {late:#?}", late.len());
    assert_eq!(world.state("x", NOON), "rejected");
}

#[test]
fn three_unclear_reads_over_five_seconds_mark_the_connection_and_one_good_one_takes_it_back() {
    let mut world = World::proven(&hourly(""), BEFORE);
    world.server.lasts = seconds(100_000);
    world.pass_to("2026-11-23T12:30:00Z");
    world.server.mood = super::server::Mood::Broken;
    // Its job is read every half minute; the trials that follow an unclear read take five seconds.
    world.pass(seconds(40));
    assert_eq!(world.core().obstacles(seconds(0)).len(), 1);
    world.server.mood = super::server::Mood::Well;
    world.pass(seconds(6));
    let boot = world.now.boot;
    assert_eq!(world.core().obstacles(boot), []);
}

#[test]
fn a_cached_list_proves_nothing_and_a_job_that_it_does_not_show_yet_is_not_made_again() {
    let mut world = World::proven(&hourly(""), BEFORE);
    world.server.cached = true;
    world.server.script.push_back(Post::Dropped);
    world.pass_to("2026-11-23T12:30:00Z");
    assert_eq!(world.state("x", NOON), "succeeded");
    assert_eq!(world.server.posts(), 1);
}

#[test]
fn while_every_answer_is_a_caches_nothing_is_started_again() {
    let mut world = World::proven(&hourly(""), BEFORE);
    world.server.cached = true;
    world.server.script.push_back(Post::NotMade);
    world.pass_to("2026-11-23T12:10:00Z");
    assert_eq!(world.state("x", NOON), "unknown");
    assert_eq!(world.server.posts(), 1);
    world.server.cached = false;
    world.pass_to("2026-11-23T12:15:00Z");
    assert_eq!(world.state("x", NOON), "succeeded");
    assert_eq!(world.server.posts(), 2);
}

#[test]
fn every_look_up_carries_a_name_that_was_never_used() {
    let mut world = World::proven(&hourly(""), BEFORE);
    world.server.script.push_back(Post::NotMade);
    world.pass_to("2026-11-23T12:05:00Z");
    let names = &world.server.nonces;
    let different: std::collections::BTreeSet<&Reference> = names.iter().collect();
    assert!(names.len() >= 7, "{names:?}");
    assert_eq!(different.len(), names.len());
}

#[test]
fn the_first_start_of_an_installation_that_meets_a_5xx_goes_on_without_a_person() {
    // Nothing was ever started in this folder, by anybody.
    let mut world = World::new(&hourly(""), BEFORE);
    world.server.script.push_back(Post::Answered(503));
    world.pass_to("2026-11-23T12:30:00Z");
    assert_eq!(world.state("x", NOON), "held");
    // What helps is shown next to why, and is no part of it.
    let run = world.run("x", NOON);
    let cure = run.held_for.unwrap().cure(&run.id.short());
    assert!(cure.contains(&format!("`punctual resolve {} start`", run.id.short())), "{cure}");
    let error = run.error.clone().unwrap();
    assert!(error.contains("503") && error.ends_with("its next job settles this one"), "{error}");
    // The next time is started all the same, and shows that look-ups work here.
    world.pass_to("2026-11-23T13:10:00Z");
    assert_eq!(world.state("x", ONE), "succeeded");
    assert_eq!(world.state("x", NOON), "missed: deadline", "it settled, an hour late");
    assert_eq!(world.server.posts(), 2);
}

#[test]
fn where_anybody_else_starts_jobs_one_of_theirs_is_the_control_of_the_first_start() {
    let mut world = World::new(&hourly(""), BEFORE);
    let now = world.now;
    world.server.make(&Reference::from_text("theirs"), FOLDER, now, now.boot);
    world.server.script.push_back(Post::Answered(503));
    world.pass_to("2026-11-23T12:10:00Z");
    assert_eq!(world.state("x", NOON), "succeeded");
    assert_eq!(world.server.posts(), 2);
    assert!(world.server.count(seconds(0), |call| *call == Call::LookUpNextToNewest) > 0);
}

#[test]
fn a_monthly_payroll_whose_control_was_purged_goes_on_without_a_person() {
    let monthly = "  x: { cron: \"0 12 23 * *\", start: { process: P } }\n";
    let mut world = World::proven(monthly, BEFORE);
    world.pass_to("2026-11-23T12:30:00Z");
    assert_eq!(world.state("x", NOON), "succeeded");
    world.crash();
    world.recover();
    // Orchestrator keeps a job for a month; theirs of today is there.
    for job in &mut world.server.jobs {
        job.gone = true;
    }
    world.pass_to("2026-12-23T11:59:00Z");
    let now = world.now;
    world.server.make(&Reference::from_text("theirs"), FOLDER, now, now.boot);
    world.server.script.push_back(Post::Answered(503));
    world.pass_to("2026-12-23T12:10:00Z");
    assert_eq!(world.state("x", "2026-12-23T12:00:00Z"), "succeeded");
}

#[test]
fn what_is_held_is_settled_as_soon_as_its_folder_shows_a_job_of_ours_and_asks_for_its_overlap_first() {
    let schedules = "  x: { every: 1h, anchor: 2026-11-23T12:00:00Z, start_deadline: 6h, start: { process: P } }\n";
    let mut world = World::new(schedules, BEFORE);
    world.server.lasts = seconds(600);
    world.server.script.push_back(Post::Answered(503));
    world.pass_to("2026-11-23T12:59:00Z");
    assert_eq!(world.state("x", NOON), "held");
    world.pass_to("2026-11-23T13:01:00Z");
    // The job of one o'clock runs, and one at a time is what the schedule says.
    assert_eq!(world.state("x", ONE), "running");
    assert_eq!(world.state("x", NOON), "skipped: overlap");
}

#[test]
fn a_held_run_that_waits_for_a_person_holds_its_schedule() {
    let mut world = World::new(&hourly(", on_unknown_start: hold"), BEFORE);
    world.server.script.push_back(Post::Answered(503));
    world.pass_to("2026-11-23T13:10:00Z");
    assert_eq!(world.state("x", NOON), "held");
    assert_eq!(world.state("x", ONE), "skipped: overlap");
}

#[test]
fn a_folder_with_another_number_is_found_again_by_its_name_for_a_start() {
    let mut world = World::proven(&hourly(""), BEFORE);
    world.pass_to("2026-11-23T12:59:30Z");
    renumber(&mut world);
    world.pass_to("2026-11-23T13:10:00Z");
    assert_eq!(world.state("x", ONE), "succeeded");
    assert_eq!(attempt_of(world.run("x", ONE)).folder_id, Some(NEW));
    assert_eq!(world.server.posts(), 3, "refused once, and sent once more");
}

#[test]
fn a_job_is_followed_to_its_end_in_a_folder_that_got_another_number() {
    let mut world = World::proven(&hourly(""), BEFORE);
    world.server.lasts = seconds(900);
    world.pass_to("2026-11-23T12:05:00Z");
    renumber(&mut world);
    world.pass_to("2026-11-23T12:30:00Z");
    assert_eq!(world.state("x", NOON), "succeeded", "{:#?}", world.lines(world.run("x", NOON)));
}

#[test]
fn an_unclear_start_is_looked_for_under_the_new_number_too_and_is_never_made_again_there() {
    // Its job was made, and went with the folder.
    let mut world = World::proven(&hourly(""), BEFORE);
    world.server.script.push_back(Post::Late(seconds(30)));
    world.pass_to("2026-11-23T12:00:10Z");
    renumber(&mut world);
    world.pass_to("2026-11-23T12:20:00Z");
    assert_eq!(world.state("x", NOON), "succeeded", "{:#?}", world.lines(world.run("x", NOON)));
    assert_eq!(world.server.posts(), 1);
    // None was made: what another folder does not show proves nothing.
    let mut world = World::proven(&hourly(""), BEFORE);
    world.server.script.push_back(Post::Answered(502));
    world.pass_to("2026-11-23T12:00:10Z");
    renumber(&mut world);
    world.pass_to("2026-11-23T13:10:00Z");
    assert_eq!(world.state("x", NOON), "lost", "{:#?}", world.lines(world.run("x", NOON)));
    assert!(world.run("x", NOON).error.as_deref().unwrap().contains("its folder no longer exists"));
    assert_eq!(world.state("x", ONE), "succeeded", "its schedule goes on");
}

#[test]
fn that_a_job_is_not_under_the_new_number_either_is_believed_on_proof_only() {
    // What the pages show after the settle window: others' jobs and not ours, nothing at all, nothing in any list.
    for filter in [Filter::IgnoredAndCut(3), Filter::Forgets, Filter::Blind, Filter::Refused, Filter::Breaks] {
        let mut world = World::proven(&hourly(""), BEFORE);
        let now = world.now;
        for theirs in ["theirs 1", "theirs 2", "theirs 3"] {
            world.server.make(&Reference::from_text(theirs), FOLDER, now, now.boot);
        }
        world.server.script.push_back(Post::Late(seconds(70)));
        world.pass_to("2026-11-23T12:00:10Z");
        renumber(&mut world);
        world.pass_to("2026-11-23T12:00:50Z");
        world.server.filter = filter;
        world.pass_to("2026-11-23T12:10:00Z");
        let state = world.state("x", NOON);
        assert!(matches!(state.as_str(), "unknown" | "held" | "succeeded"), "{filter:?}: {state}");
        world.server.filter = Filter::Works;
        world.pass_to("2026-11-23T12:50:00Z");
        assert_eq!(world.state("x", NOON), "succeeded", "{filter:?}: {:#?}", world.lines(world.run("x", NOON)));
        assert_eq!(world.server.posts(), 1, "{filter:?}");
    }
}

#[test]
fn an_unclear_start_in_a_folder_that_was_made_anew_ends_when_the_next_job_there_is_shown() {
    let mut world = World::proven(&hourly(""), BEFORE);
    world.server.script.push_back(Post::Answered(502));
    world.pass_to("2026-11-23T12:00:10Z");
    renumber(&mut world);
    world.server.jobs.clear();
    world.pass_to("2026-11-23T12:50:00Z");
    assert_eq!(world.state("x", NOON), "held", "{:#?}", world.lines(world.run("x", NOON)));
    world.pass_to("2026-11-23T13:10:00Z");
    assert_eq!(world.state("x", ONE), "succeeded", "its schedule goes on");
    assert_eq!(world.state("x", NOON), "lost", "{:#?}", world.lines(world.run("x", NOON)));
    assert!(world.run("x", NOON).error.as_deref().unwrap().contains("its folder no longer exists"));
}

#[test]
fn an_unclear_start_in_a_folder_that_was_deleted_is_given_up() {
    let mut world = World::proven(&hourly(""), BEFORE);
    world.server.script.push_back(Post::Answered(502));
    world.pass_to("2026-11-23T12:00:10Z");
    world.server.gone_folders.push(FOLDER);
    world.server.no_folder = true;
    world.pass_to("2026-11-23T12:20:00Z");
    assert_eq!(world.state("x", NOON), "lost", "{:#?}", world.lines(world.run("x", NOON)));
}

#[test]
fn a_folder_that_is_not_shown_for_a_moment_loses_no_unclear_start() {
    // Its number is answered 1100 and nothing has its name, as while a right is missing, when the last look-up is made.
    let mut world = World::proven(&hourly(""), BEFORE);
    world.server.script.push_back(Post::Late(seconds(100)));
    world.pass_to("2026-11-23T12:01:50Z");
    world.server.gone_folders.push(FOLDER);
    world.server.no_folder = true;
    world.pass_to("2026-11-23T12:02:20Z");
    assert_eq!(world.state("x", NOON), "unknown", "{:#?}", world.lines(world.run("x", NOON)));
    world.server.gone_folders.clear();
    world.server.no_folder = false;
    world.pass_to("2026-11-23T12:20:00Z");
    assert_eq!(world.state("x", NOON), "succeeded", "{:#?}", world.lines(world.run("x", NOON)));
    assert_eq!(world.server.posts(), 1);
}

#[test]
fn jobs_that_may_not_be_read_are_given_up_after_ten_minutes_and_count_for_an_hour() {
    let mut world = World::new("  x: { every: 10m, start: { process: P } }\n", "2026-11-23T11:51:00Z");
    world.server.jobs_hidden = true;
    world.pass_to("2026-11-23T12:00:30Z");
    let troubles = world.core().troubles();
    assert_eq!(troubles.len(), 1, "it is shown at once");
    assert!(troubles[0].text.contains("cannot be read"), "{troubles:?}");
    world.pass_to("2026-11-23T12:11:30Z");
    assert_eq!(world.state("x", NOON), "lost", "{:#?}", world.lines(world.run("x", NOON)));
    // Its job may still run: nothing is started next to it for an hour, and then the schedule goes on.
    world.pass_to("2026-11-23T12:59:00Z");
    assert_eq!(world.state("x", "2026-11-23T12:50:00Z"), "skipped: overlap");
    assert_eq!(world.server.posts(), 1);
    world.pass_to("2026-11-23T13:12:00Z");
    assert_eq!(world.server.posts(), 2);
    world.server.jobs_hidden = false;
    world.pass_to("2026-11-23T14:15:00Z");
    assert_eq!(world.core().troubles(), [], "the next job is read");
}

#[test]
fn a_person_can_give_up_a_run_whose_job_cannot_be_read_and_only_such_a_one() {
    let mut world = World::proven(&hourly(""), BEFORE);
    world.server.lasts = seconds(100_000);
    world.pass_to("2026-11-23T12:05:00Z");
    let refused = resolve(&mut world, NOON, Resolution::Lost).unwrap_err();
    assert!(matches!(refused, CommandRefused::CanBeRead { .. }), "{refused}");
    assert_eq!(world.state("x", NOON), "running");
    world.server.jobs_hidden = true;
    assert_eq!(resolve(&mut world, NOON, Resolution::Lost), Ok(Resolved::Lost));
    assert_eq!(world.state("x", NOON), "lost");
    assert!(world.run("x", NOON).error.as_deref().unwrap().contains("ada (uid 1000)"));
    world.pass_to("2026-11-23T13:05:00Z");
    assert_ne!(world.state("x", ONE), "skipped: overlap", "its schedule goes on");
}

#[test]
fn a_run_that_is_lost_and_counts_for_an_hour_is_let_go_by_a_person_and_stays_so_after_a_restart() {
    let mut world = World::new("  x: { every: 10m, start: { process: P } }\n", "2026-11-23T11:51:00Z");
    world.server.jobs_hidden = true;
    world.pass_to("2026-11-23T12:21:00Z");
    assert_eq!(world.state("x", NOON), "lost");
    assert_eq!(world.state("x", "2026-11-23T12:20:00Z"), "skipped: overlap");
    let id = world.run("x", NOON).id;
    let note = world.run("x", "2026-11-23T12:20:00Z").note.clone().unwrap();
    assert!(note.contains(&format!("`punctual resolve {} lost`", id.short())), "{note}");
    world.restart();
    world.pass_to("2026-11-23T12:31:00Z");
    assert_eq!(world.state("x", "2026-11-23T12:30:00Z"), "skipped: overlap", "it counts after a restart, too");
    assert_eq!(resolve(&mut world, NOON, Resolution::Lost), Ok(Resolved::Lost));
    assert!(matches!(resolve(&mut world, NOON, Resolution::Lost), Err(CommandRefused::NotOpen(_))));
    world.server.jobs_hidden = false;
    world.restart();
    world.pass_to("2026-11-23T12:45:00Z");
    assert_eq!(world.state("x", "2026-11-23T12:40:00Z"), "succeeded");
}

#[test]
fn a_start_that_is_told_not_now_waits_within_its_deadline() {
    let mut world = World::proven(&hourly(""), BEFORE);
    world.server.script.extend(vec![Post::Refused(409, 1670); 4]);
    world.pass_to("2026-11-23T12:00:30Z");
    assert_eq!(world.state("x", NOON), "waiting: capacity");
    let lines = world.lines(world.run("x", NOON));
    assert!(lines.iter().any(|line| line.contains("the job that already waits for the same robot")), "{lines:#?}");
    world.pass_to("2026-11-23T12:10:00Z");
    assert_eq!(world.state("x", NOON), "succeeded");
    assert_eq!(world.server.posts(), 5);
    let mut world = World::proven(&hourly(", start_deadline: 10m"), BEFORE);
    world.server.script.extend(vec![Post::Refused(409, 1020); 200]);
    world.pass_to("2026-11-23T12:11:00Z");
    assert_eq!(world.state("x", NOON), "missed: deadline");
}

#[test]
fn a_run_of_another_tenant_is_neither_read_nor_sent_with_the_new_address() {
    let other = CONNECTION.replace("acme/production", "acme/test");
    let schedules =
        "defaults: { timezone: UTC, folder: F }\nschedules:\n  x: { cron: \"0 * * * *\", start: { process: P } }\n";
    let mut world =
        World::with(read(&format!("{CONNECTION}{schedules}"), super::world::at(BEFORE)), super::world::at(BEFORE));
    world.server.lasts = seconds(1_000);
    world.pass_to("2026-11-23T12:05:00Z");
    assert_eq!(world.state("x", NOON), "running");
    let there = read(&format!("{other}{schedules}"), world.now.wall);
    let back = read(&format!("{CONNECTION}{schedules}"), world.now.wall);
    world.load(there);
    let since = world.now.boot + std::time::Duration::from_millis(1);
    world.pass(seconds(600));
    assert_eq!(world.server.count(since, |call| matches!(call, Call::Poll(..) | Call::Read)), 0);
    world.load(back.clone());
    world.pass(seconds(600));
    assert_eq!(world.state("x", NOON), "succeeded", "it went on when the old one was back");
    // It does not come back: the run ends, and says why.
    world.server.lasts = seconds(100_000);
    world.pass_to("2026-11-23T13:05:00Z");
    let there = read(&format!("{other}{schedules}"), world.now.wall);
    world.load(there);
    world.pass(seconds(3_700));
    assert_eq!(world.state("x", ONE), "lost");
    assert!(world.run("x", ONE).error.as_deref().unwrap().contains("another tenant"));
}

#[test]
fn what_another_tenant_answers_after_the_files_changed_is_not_used_for_starts() {
    let schedules = "defaults: { timezone: UTC, folder: F }\nschedules:\n  x: { cron: \"0 * * * *\", overlap: allow, start: { process: P } }\n";
    let other = CONNECTION.replace("acme/production", "acme/test");
    let before = super::world::at(BEFORE);
    let mut world = World::with(read(&format!("{CONNECTION}{schedules}"), before), before);
    world.pass_to("2026-11-23T12:10:00Z");
    let there = read(&format!("{other}{schedules}"), world.now.wall);
    let back = read(&format!("{CONNECTION}{schedules}"), world.now.wall);
    world.server.folders.push(("F".to_owned(), NEW));
    world.server.read_takes.push_back(seconds(70));
    let since = world.now.boot;
    world.load(there);
    world.pass_to("2026-11-23T13:00:05Z");
    assert!(world.server.count(since, |call| matches!(call, Call::Resolve)) > 0);
    assert_eq!(world.server.posts(), 1, "it is still being looked for");
    world.server.folders.clear();
    world.load(back);
    world.pass_to("2026-11-23T14:10:00Z");
    assert_eq!(attempt_of(world.run("x", "2026-11-23T14:00:00Z")).folder_id, Some(FOLDER));
}
