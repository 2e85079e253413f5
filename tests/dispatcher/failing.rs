//! Runs that fail one after another, and logons that do, pause their schedules (semantics.md 18, 29).

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use punctual::clock::later;
use punctual::dispatcher::core::{HoldingCommand, HoldingDone};
use punctual::orchestrator::JobState;
use punctual::run::{Pause, PauseScope};
use punctual::schedule::{PauseAfter, Retry, RetryOn, Schedule};

use super::holding::{ask, only, pause, resume};
use super::server::{Life, Post};
use super::world::{World, at, seconds, set_of};

const BEFORE: &str = "2026-11-23T11:59:30Z";

/// Schedules on which each of these has a say of its own.
fn with(schedules: &str, says: &[(&str, PauseAfter)]) -> World {
    let mut set = (*set_of(schedules, at(BEFORE))).clone();
    for (name, pause_after) in says {
        let schedule = set.schedules.get_mut(*name).unwrap();
        *schedule = Arc::new(Schedule { pause_after: *pause_after, ..(**schedule).clone() });
    }
    let mut world = World::with(Arc::new(set), at(BEFORE));
    world.server.lasts = seconds(10);
    world
}

/// Every minute, paused after so many failures.
fn minutes(most: u32) -> World {
    let x = "  x: { cron: \"* * * * *\", overlap: allow, start: { process: P } }\n";
    with(x, &[("x", PauseAfter::Failures(most))])
}

/// Lets the next minute's job end so.
fn end(world: &mut World, state: JobState) {
    let jobs = world.server.jobs.len();
    while world.server.jobs.len() == jobs {
        world.pass(seconds(5));
    }
    let job = world.server.jobs.last_mut().unwrap();
    job.ends_as = state;
    world.pass(seconds(40));
}

fn ours(world: &World) -> Vec<&Pause> {
    let open = world.db.pauses.values().filter(|(_, ended)| ended.is_none()).map(|(pause, _)| pause);
    open.filter(|pause| pause.actor == Pause::BY_US).collect()
}

#[test]
fn after_so_many_failures_in_a_row_the_schedule_is_paused_and_says_why() {
    let mut world = minutes(3);
    end(&mut world, JobState::Faulted);
    end(&mut world, JobState::Faulted);
    assert!(ours(&world).is_empty());
    end(&mut world, JobState::Faulted);
    let last = world.all("x").filter(|run| run.state.name() == "faulted").max_by_key(|run| run.nominal_at).unwrap();
    let [pause] = ours(&world)[..] else { panic!("{:?}", world.db.pauses) };
    assert_eq!(pause.scope, only("x"));
    let reason = pause.reason.as_deref().unwrap();
    assert!(reason.starts_with("3 runs in a row failed; the last was run "), "{reason}");
    assert!(reason.contains(&last.id.short().to_string()), "{reason}");
    assert_eq!(pause.until, None);
    world.pass(seconds(180));
    assert_eq!(world.server.jobs.len(), 3);
    let (nominal, state) = world.states("x").pop().unwrap();
    assert_eq!(state, "skipped: paused");
    assert!(world.run("x", &nominal).note.as_deref().unwrap().starts_with("paused by punctual: 3 runs in a row"));
}

#[test]
fn a_success_begins_a_new_row_and_a_stopped_run_does_not() {
    let mut world = minutes(2);
    for state in [JobState::Faulted, JobState::Successful, JobState::Faulted, JobState::Stopped] {
        end(&mut world, state);
        assert!(ours(&world).is_empty());
    }
    end(&mut world, JobState::Faulted);
    assert_eq!(ours(&world).len(), 1);
}

#[test]
fn refused_starts_count_and_a_restart_in_the_row_changes_nothing() {
    let mut world = minutes(2);
    world.server.script.push_back(Post::Refused(400, 2818));
    world.pass_to("2026-11-23T12:00:10Z");
    assert_eq!(world.state("x", "2026-11-23T12:00:00Z"), "rejected");
    world.restart();
    end(&mut world, JobState::Faulted);
    assert_eq!(ours(&world).len(), 1);
    world.restart();
    world.pass(seconds(120));
    assert_eq!(ours(&world).len(), 1, "one pause is enough");
}

#[test]
fn a_resume_counts_anew() {
    let mut world = minutes(2);
    end(&mut world, JobState::Faulted);
    end(&mut world, JobState::Faulted);
    assert_eq!(ours(&world).len(), 1);
    let done = resume(&mut world, only("x"));
    assert!(matches!(&done, HoldingDone::Resumed { still, .. } if still.is_empty()), "{done:?}");
    end(&mut world, JobState::Faulted);
    assert!(ours(&world).is_empty(), "{:?}", world.db.failing);
    // So it does where somebody else had paused it.
    pause(&mut world, PauseScope::All, None);
    ask(&mut world, HoldingCommand::Resume { scopes: vec![PauseScope::All] }).unwrap();
    end(&mut world, JobState::Faulted);
    assert!(ours(&world).is_empty());
    end(&mut world, JobState::Faulted);
    assert_eq!(ours(&world).len(), 1);
}

#[test]
fn what_was_running_when_it_was_paused_ends_nothing_of_it() {
    let mut world = minutes(2);
    end(&mut world, JobState::Faulted);
    // One that takes longer than the next.
    world.server.lasts = seconds(200);
    while world.server.jobs.len() < 2 {
        world.pass(seconds(5));
    }
    world.server.lasts = seconds(10);
    end(&mut world, JobState::Faulted);
    assert_eq!(ours(&world).len(), 1);
    world.pass(seconds(240));
    assert!(world.all("x").any(|run| run.state.name() == "succeeded"));
    assert_eq!(ours(&world).len(), 1, "only a run by hand ends it");
    assert_eq!(world.db.failing.schedules.len(), 0);
}

/// `x` every five minutes, whose second attempt waits in a full pool until its deadline is over, with the next time queued behind it; one
/// failure pauses it.
fn gives_up_in_a_full_pool() -> World {
    let lines = "  x: { cron: \"*/5 * * * *\", overlap: queue_all, start: { process: P } }\n  \
                 z: { cron: \"1 12 * * *\", start: { process: P } }\n";
    let mut set = (*set_of(lines, at(BEFORE))).clone();
    set.pools.insert("robots".to_owned(), 1);
    for key in ["x", "z"] {
        Arc::make_mut(set.schedules.get_mut(key).unwrap()).pool = Some("robots".to_owned());
    }
    let x = Arc::make_mut(set.schedules.get_mut("x").unwrap());
    x.retry = Some(Retry { attempts: 2, delay: seconds(90), max_delay: seconds(90), on: vec![RetryOn::Faulted] });
    (x.start_deadline, x.pause_after) = (seconds(300), PauseAfter::Failures(1));
    let mut world = World::proven_with(Arc::new(set), BEFORE);
    world.server.lives.push_back(Life::fails(seconds(10), "Index was outside the bounds of the array."));
    world.server.lives.push_back(Life { lasts: seconds(3_600), ..Life::usual() });
    world
}

fn until_given_up(world: &World) -> Duration {
    let due = world.run("x", "2026-11-23T12:00:00Z").attempts[1].due_at.unwrap();
    (due.duration_since(world.now.wall) + SignedDuration::from_secs(300)).unsigned_abs()
}

#[test]
fn who_waits_behind_the_failure_that_pauses_its_schedule_waits_for_the_pause_at_once() {
    let mut world = gives_up_in_a_full_pool();
    world.pass_to("2026-11-23T12:05:30Z");
    let (first, second) = ("2026-11-23T12:00:00Z", "2026-11-23T12:05:00Z");
    assert_eq!(world.state("x", first), "waiting: limit");
    assert_eq!(world.state("x", second), "waiting: overlap");
    // To the very turn that gives it up: any other one looks at all that was touched.
    world.pass(until_given_up(&world));
    assert_eq!(world.state("x", first), "faulted");
    assert_eq!(ours(&world).len(), 1);
    assert_eq!(world.state("x", second), "waiting: paused");
}

#[test]
fn who_waits_behind_the_failure_that_pauses_its_schedule_is_not_started_in_that_turn() {
    let mut world = gives_up_in_a_full_pool();
    let (first, second) = ("2026-11-23T12:00:00Z", "2026-11-23T12:05:00Z");
    world.pass_to("2026-11-23T12:05:30Z");
    world.pass(until_given_up(&world) - Duration::from_millis(1));
    let before = world.server.jobs.len();
    assert_eq!(world.state("x", first), "waiting: limit");
    // The very turn that gives it up finds a place for the next one.
    world.now.wall = later(world.now.wall, seconds(1));
    world.now.boot += seconds(1);
    let mut set = (*world.set).clone();
    set.pools.clear();
    world.load(Arc::new(set));
    assert_eq!(world.state("x", first), "faulted");
    assert_eq!(world.state("x", second), "waiting: paused");
    assert_eq!(world.server.jobs.len(), before, "nothing is started once the failure is known");
}

/// Four schedules in one folder, two minutes apart.
fn four(of_c: PauseAfter) -> World {
    let line = |name: &str, minute: u8| {
        format!("  {name}: {{ cron: \"{minute}-59/10 * * * *\", overlap: allow, start: {{ process: P }} }}\n")
    };
    let mut world = with(&[line("a", 1), line("b", 3), line("c", 5), line("d", 7)].concat(), &[("c", of_c)]);
    world.server.lasts = seconds(30);
    world
}

/// The time that comes next fails by the logon of this account.
fn logon_fails(world: &mut World, schedule: &str, nominal: &str, account: Option<&str>) {
    world.pass_to(nominal);
    world.pass(seconds(5));
    let text = match account {
        Some(account) => format!("Could not start executor. Logon failed for user {account}. (0x0000052E)"),
        None => "Could not start executor. The account is locked out. (0x00000775)".to_owned(),
    };
    let job = world.server.jobs.last_mut().unwrap();
    job.ends_as = JobState::Faulted;
    job.life.info = Some(text.leak());
    world.pass(seconds(60));
    assert_eq!(world.state(schedule, nominal), "faulted");
}

fn paused(world: &World) -> Vec<String> {
    let mut scopes: Vec<_> = ours(world).into_iter().map(|pause| pause.scope.to_string()).collect();
    scopes.sort();
    scopes
}

#[test]
fn the_second_failed_logon_of_an_account_pauses_whatever_last_ran_under_it() {
    let mut world = four(PauseAfter::AccountFaults);
    let robot = Some("ACME\\robot");
    logon_fails(&mut world, "a", "2026-11-23T12:01:00Z", robot);
    logon_fails(&mut world, "b", "2026-11-23T12:03:00Z", Some("ACME\\other"));
    assert!(paused(&world).is_empty(), "each has failed once");
    logon_fails(&mut world, "c", "2026-11-23T12:05:00Z", robot);
    assert_eq!(paused(&world), ["`a`", "`c`"]);
    let reason = ours(&world)[0].reason.clone().unwrap();
    assert!(reason.starts_with("2 logons of account `acme\\robot` in a row failed in folder `F`, "), "{reason}");
    world.restart();
    world.pass_to("2026-11-23T12:20:00Z");
    assert_eq!(world.state("a", "2026-11-23T12:11:00Z"), "skipped: paused");
    assert_eq!(world.state("d", "2026-11-23T12:17:00Z"), "succeeded");
}

#[test]
fn jobs_that_name_no_account_are_counted_together_and_zero_switches_it_off() {
    let mut world = four(PauseAfter::Never);
    logon_fails(&mut world, "a", "2026-11-23T12:01:00Z", None);
    logon_fails(&mut world, "c", "2026-11-23T12:05:00Z", None);
    assert_eq!(paused(&world), ["`a`"]);
}

#[test]
fn a_success_under_the_account_begins_a_new_row_and_a_resume_too() {
    let mut world = four(PauseAfter::AccountFaults);
    let robot = Some("ACME\\robot");
    logon_fails(&mut world, "a", "2026-11-23T12:01:00Z", robot);
    world.pass_to("2026-11-23T12:12:00Z");
    assert_eq!(world.state("a", "2026-11-23T12:11:00Z"), "succeeded", "its job names nobody, and is under the same");
    logon_fails(&mut world, "b", "2026-11-23T12:13:00Z", robot);
    assert!(paused(&world).is_empty());
    logon_fails(&mut world, "c", "2026-11-23T12:15:00Z", robot);
    assert_eq!(paused(&world), ["`a`", "`b`", "`c`"]);
    ask(&mut world, HoldingCommand::Resume { scopes: vec![only("a"), only("b"), only("c")] }).unwrap();
    assert!(paused(&world).is_empty());
    logon_fails(&mut world, "a", "2026-11-23T12:21:00Z", robot);
    assert!(paused(&world).is_empty());
}
