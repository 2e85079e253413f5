//! Policies that meet at their worst moments: each other, an edit, the death of the daemon, a clock that is set.

use std::sync::Arc;

use jiff::SignedDuration;
use jiff::civil::time;
use punctual::executor::Action;
use punctual::orchestrator::StopStrategy;
use punctual::run::PauseScope;
use punctual::schedule::{
    OnPending, OverlapPolicy, PauseAfter, Retry, RetryOn, Schedule, ScheduleKey, ScheduleSet, Timeouts,
};

use super::holding::{only, pause};
use super::queue::set;
use super::server::{Call, Life, Mood, Post};
use super::time_outs::none as no_timeouts;
use super::world::{CONNECTION, World, at, changed, id, read, seconds, set_of};

const BEFORE: &str = "2026-11-23T11:59:00Z";
const NOON: &str = "2026-11-23T12:00:00Z";
const ONE: &str = "2026-11-23T13:00:00Z";

fn world(change: impl FnOnce(&mut Schedule)) -> World {
    World::proven_with(set(change), BEFORE)
}

fn lasts(length: u64) -> Life {
    Life { lasts: seconds(length), ..Life::usual() }
}

fn retry(attempts: u16, delay: u64) -> Retry {
    Retry { attempts, delay: seconds(delay), max_delay: seconds(delay), on: vec![RetryOn::Faulted] }
}

fn states(world: &World) -> Vec<String> {
    world.states("x").into_iter().map(|(_, state)| state).collect()
}

/// When jobs were asked to stop, in seconds of boot time, and how.
fn stops(world: &World) -> Vec<(u64, StopStrategy)> {
    let calls = world.server.calls.iter();
    let stop = |call: &Call| if let Call::Stop(_, how) = call { Some(*how) } else { None };
    calls.filter_map(|(at, call)| Some((at.as_secs(), stop(call)?))).collect()
}

/// Ours alone; Orchestrator's stays.
fn set_clock(world: &mut World, minutes: i64) {
    let by = SignedDuration::from_mins(minutes);
    world.now.wall = world.now.wall.checked_add(by).unwrap();
    world.server.skew = Some(world.server.skew.unwrap_or_default() - by);
}

/// These schedules in a pool of that size.
fn pool(size: u32, lines: &str) -> Arc<ScheduleSet> {
    let mut set = (*set_of(lines, at(BEFORE))).clone();
    set.pools.insert("robots".to_owned(), size);
    for schedule in set.schedules.values_mut() {
        let schedule = Arc::make_mut(schedule);
        (schedule.pool, schedule.start_deadline) = (Some("robots".to_owned()), seconds(7_200));
    }
    Arc::new(set)
}

#[test]
fn a_queue_whose_connection_leads_to_another_tenant_ends_and_its_schedule_goes_on() {
    let schedules = "defaults: { timezone: UTC, folder: F }\nschedules:\n  x: { cron: \"0 * * * *\", overlap: queue_one, start: { process: P } }\n";
    let other = CONNECTION.replace("acme/production", "acme/test");
    for dies in [false, true] {
        let mut world = World::proven_with(read(&format!("{CONNECTION}{schedules}"), at(BEFORE)), BEFORE);
        world.server.lives.push_back(lasts(9_000));
        world.pass_to("2026-11-23T13:05:00Z");
        assert_eq!(states(&world), ["running", "waiting: overlap"]);
        world.load(read(&format!("{other}{schedules}"), world.now.wall));
        if dies {
            world.restart();
        }
        world.pass_to("2026-11-23T16:59:00Z");
        assert_eq!(states(&world)[..2], ["lost", "missed: deadline"], "dies: {dies}");
        assert_eq!(states(&world).last().unwrap(), "succeeded", "12a: nothing waits for ever");
    }
}

#[test]
fn a_run_that_waits_for_an_older_one_and_a_pause_has_its_deadline_from_the_end_of_the_older_one() {
    for dies in [false, true] {
        let mut world = world(|schedule| {
            (schedule.overlap, schedule.start_deadline) = (OverlapPolicy::QueueOne, seconds(3_600));
        });
        world.server.lives.push_back(lasts(2 * 3_600));
        world.pass_to("2026-11-23T13:05:00Z");
        pause(&mut world, only("x"), Some("2026-11-23T16:30:00Z"));
        world.pass_to("2026-11-23T13:30:00Z");
        if dies {
            world.restart();
        }
        // The older one ends at two.
        world.pass_to("2026-11-23T14:59:00Z");
        assert_eq!(world.state("x", ONE), "waiting: paused", "11: it used up none of it before; dies: {dies}");
        if dies {
            world.restart();
        }
        world.pass_to("2026-11-23T15:02:00Z");
        assert_eq!(world.state("x", ONE), "missed: deadline", "29: the pause uses it up; dies: {dies}");
    }
}

#[test]
fn nothing_is_started_after_the_time_of_day_that_ends_all() {
    let until_half_past = |schedule: &mut Schedule| {
        schedule.timeout = Some(Timeouts { at: Some(time(12, 30, 0, 0)), ..no_timeouts() });
        schedule.retry = Some(retry(3, 60));
    };
    // An outage over it.
    let mut outage = world(until_half_past);
    outage.server.mood = Mood::Down;
    outage.pass_to("2026-11-23T12:31:00Z");
    outage.server.mood = Mood::Well;
    outage.pass_to("2026-11-23T12:40:00Z");
    assert_eq!((states(&outage), outage.server.posts()), (vec!["missed: deadline".to_owned()], 0));
    // A night over it.
    let mut night = world(until_half_past);
    night.crash();
    night.sleep(seconds(45 * 60));
    night.recover();
    night.pass(seconds(300));
    assert_eq!((states(&night), night.server.posts()), (vec!["missed: deadline".to_owned()], 0));
    // A second attempt that is held up.
    let mut again = world(until_half_past);
    again.server.lives.push_back(Life::fails(seconds(20), "It broke"));
    again.pass_to("2026-11-23T12:01:00Z");
    again.server.mood = Mood::Down;
    again.pass_to("2026-11-23T12:35:00Z");
    again.server.mood = Mood::Well;
    again.pass_to("2026-11-23T12:45:00Z");
    assert_eq!((states(&again), again.server.posts()), (vec!["faulted".to_owned()], 1));
    // An older run over it, behind which its time stands still.
    let mut behind = world(|schedule| {
        schedule.overlap = OverlapPolicy::QueueOne;
        schedule.timeout = Some(Timeouts { at: Some(time(13, 30, 0, 0)), ..no_timeouts() });
    });
    behind.server.lives.push_back(Life { obeys: None, ..lasts(5_800) });
    behind.pass_to("2026-11-23T13:50:00Z");
    assert_eq!((states(&behind)[1].as_str(), behind.server.posts()), ("missed: deadline", 1));
}

#[test]
fn starts_that_came_to_nothing_do_not_keep_each_other_out_of_a_pool_that_has_become_smaller() {
    let line = |key| format!("  {key}: {{ cron: \"0 12 * * *\", start: {{ process: P }} }}\n");
    let lines = format!("{}{}", line("a"), line("b"));
    let mut world = World::proven_with(pool(2, &lines), BEFORE);
    world.server.script.extend([Post::NotMade, Post::NotMade]);
    world.pass_to("2026-11-23T12:01:00Z");
    assert_eq!((world.state("a", NOON).as_str(), world.state("b", NOON).as_str()), ("unknown", "unknown"));
    world.load(pool(1, &lines));
    world.server.lasts = seconds(600);
    world.pass_to("2026-11-23T12:05:00Z");
    assert_eq!((world.state("a", NOON).as_str(), world.state("b", NOON).as_str()), ("running", "unknown"));
    world.pass_to("2026-11-23T12:30:00Z");
    assert_eq!((world.state("a", NOON).as_str(), world.state("b", NOON).as_str()), ("succeeded", "succeeded"));
}

#[test]
fn a_wrong_clock_stops_no_job_and_one_that_was_put_right_does_what_is_due() {
    let mut world = world(|schedule| {
        schedule.timeout = Some(Timeouts { soft: Some(seconds(3_600)), ..no_timeouts() });
    });
    world.server.skew = Some(SignedDuration::ZERO);
    world.server.lives.push_back(lasts(9_000));
    world.pass_to("2026-11-23T12:10:00Z");
    set_clock(&mut world, 180);
    world.pass(seconds(600));
    assert_eq!((world.state("x", NOON).as_str(), stops(&world).len()), ("running", 0), "it runs for 20 minutes");
    world.restart();
    world.pass(seconds(300));
    set_clock(&mut world, -180);
    world.pass_to("2026-11-23T12:59:50Z");
    assert_eq!((world.state("x", NOON).as_str(), stops(&world).len()), ("running", 0));
    world.pass_to("2026-11-23T13:02:00Z");
    assert_eq!((world.state("x", NOON).as_str(), stops(&world).len()), ("timed_out", 1));
}

#[test]
fn another_attempt_and_a_kill_come_after_their_pauses_whatever_the_clock_was_set_to() {
    for (minutes, dies) in [(-180, false), (-180, true), (180, false)] {
        let mut world = world(|schedule| {
            schedule.timeout = Some(Timeouts { soft: Some(seconds(600)), ..no_timeouts() });
            schedule.retry = Some(retry(2, 600));
        });
        world.server.skew = Some(SignedDuration::from_mins(minutes));
        world.server.lives.push_back(Life::fails(seconds(20), "It broke"));
        world.server.lives.push_back(Life { obeys: None, ..lasts(30_000) });
        world.pass_to("2026-11-23T12:03:00Z");
        assert_eq!(world.state("x", NOON), "waiting: retry");
        if dies {
            world.crash();
        }
        set_clock(&mut world, minutes);
        if dies {
            world.recover();
        }
        world.pass(seconds(300));
        assert_eq!(world.server.posts(), 1, "by {minutes} minutes, dies: {dies}");
        world.pass(seconds(600));
        assert_eq!((world.server.posts(), world.state("x", NOON).as_str()), (2, "running"), "{minutes}, {dies}");
        while stops(&world).is_empty() {
            world.pass(seconds(1));
        }
        set_clock(&mut world, -minutes);
        world.pass(seconds(360));
        let [(soft, _), (kill, StopStrategy::Kill)] = stops(&world)[..] else { panic!("{:?}", stops(&world)) };
        assert!((299..=331).contains(&(kill - soft)), "{} s, by {minutes} minutes, dies: {dies}", kill - soft);
    }
}

#[test]
fn what_an_outage_has_piled_up_is_chosen_from_in_the_next_life_too() {
    let lines = "  x: { cron: \"*/10 * * * *\", overlap: allow, start: { process: P } }\n";
    for dies in [false, true] {
        let mut world = World::proven_with(set_of(lines, at(BEFORE)), BEFORE);
        world.server.mood = Mood::Down;
        world.pass_to("2026-11-23T12:25:00Z");
        if dies {
            world.crash();
        }
        world.server.mood = Mood::Well;
        if dies {
            world.recover();
        }
        world.pass(seconds(120));
        assert_eq!(
            states(&world),
            ["missed: limit", "missed: limit", "succeeded"],
            "9: the newest alone; dies: {dies}"
        );
    }
}

#[test]
fn a_pause_holds_although_the_clock_is_set_back_to_before_it() {
    for dies in [false, true] {
        let lines = "  x: { cron: \"*/10 * * * *\", start: { process: P } }\n";
        let mut world = World::new(lines, "2026-11-23T12:31:00Z");
        world.server.skew = Some(SignedDuration::from_mins(-30));
        pause(&mut world, PauseScope::All, None);
        if dies {
            world.crash();
        }
        set_clock(&mut world, -30);
        if dies {
            world.recover();
        }
        world.pass(seconds(1_500));
        assert_eq!((states(&world), world.server.posts()), (vec!["skipped: paused".to_owned(); 2], 0), "dies: {dies}");
    }
}

#[test]
fn a_job_that_makes_way_for_a_newer_time_is_not_started_anew_whatever_its_priority() {
    for older in [0, 5] {
        let edition = |priority: i32| {
            set(|schedule| {
                (schedule.overlap, schedule.priority) = (OverlapPolicy::StopOther, priority);
                let pending = Some(seconds(3_570));
                schedule.timeout = Some(Timeouts { pending, on_pending: OnPending::Restart, ..no_timeouts() });
            })
        };
        let mut world = World::proven_with(edition(older), BEFORE);
        world.server.lives.push_back(Life::hangs());
        world.pass_to("2026-11-23T12:10:00Z");
        world.load(edition(0));
        // Its stop is decided half a minute before the next time, and taken after it.
        world.server.stops_refused = true;
        world.pass_to("2026-11-23T13:00:03Z");
        assert_eq!(states(&world), ["pending", "waiting: overlap"]);
        world.server.stops_refused = false;
        world.pass_to("2026-11-23T13:30:00Z");
        assert_eq!((states(&world), world.server.posts()), (vec!["timed_out".into(), "succeeded".into()], 2));
    }
}

#[test]
fn it_is_the_same_who_goes_next_in_a_pool_when_the_daemon_dies() {
    // The second time of `a` is queued behind the first until 12:50; `b` has waited for the pool since 12:30.
    let lines = "  a: { cron: \"0,10 12 * * *\", overlap: queue_one, start: { process: P } }
  b: { cron: \"30 12 * * *\", start: { process: P } }
  d: { cron: \"2 12 * * *\", start: { process: P } }\n";
    for dies in [false, true] {
        let mut set = (*pool(1, lines)).clone();
        Arc::make_mut(set.schedules.get_mut(&ScheduleKey::parse("d").unwrap()).unwrap()).priority = 9;
        let mut world = World::proven_with(Arc::new(set), BEFORE);
        world.server.lives.extend([lasts(3_000), lasts(1_200), lasts(600), lasts(600)]);
        world.pass_to("2026-11-23T13:00:00Z");
        assert_eq!(states_of(&world, "a"), ["succeeded", "waiting: limit"]);
        if dies {
            world.restart();
        }
        world.pass_to("2026-11-23T13:15:00Z");
        assert_eq!(states_of(&world, "a")[1], "waiting: limit", "11: the other has waited longer; dies: {dies}");
        assert_eq!(states_of(&world, "b"), ["running"]);
    }
}

fn states_of(world: &World, key: &str) -> Vec<String> {
    world.states(key).into_iter().map(|(_, state)| state).collect()
}

#[test]
fn the_count_of_failures_goes_by_when_jobs_ended_and_not_by_when_that_was_read() {
    let lines = "  x: { cron: \"* * * * *\", overlap: allow, start: { process: P } }\n";
    let set = changed(&set_of(lines, at(BEFORE)), "x", |schedule| schedule.pause_after = PauseAfter::Failures(1));
    // The first fails at 12:01:30, the second does its work a second later; the end of one is read after that of the other.
    for (first, second, pauses) in [(88, 29, 0), (90, 27, 1)] {
        let mut world = World::proven_with(set.clone(), BEFORE);
        world.server.lives.extend([Life::fails(seconds(first), "It broke"), lasts(second)]);
        world.pass_to("2026-11-23T12:01:25Z");
        let read = world.until_ordered(|action| matches!(action, Action::Read { job, .. } if job.id == id(2)));
        let report = world.answer(read);
        world.pass(seconds(6));
        assert_eq!(states(&world), ["running", "succeeded"]);
        world.tell(report);
        world.pass(seconds(2));
        assert_eq!(states(&world), ["faulted", "succeeded"]);
        assert_eq!(world.db.pauses.len(), pauses, "29: by the order of ending");
    }
}

#[test]
fn a_time_of_day_that_comes_twice_ends_what_was_sent_in_the_second_hour_in_that_hour() {
    let begin = "2026-10-25T00:00:00Z";
    for (overlap, stop) in [("first", "2026-10-25T00:30:00Z"), ("last", "2026-10-25T01:30:00Z")] {
        let text = format!(
            "{CONNECTION}defaults: {{ timezone: Europe/Berlin, folder: F }}\nschedules:\n  x: {{ cron: \"10 2 * * *\", dst: {{ overlap: {overlap} }}, start: {{ process: P }} }}\n"
        );
        let set = changed(&read(&text, at(begin)), "x", |schedule| {
            schedule.timeout = Some(Timeouts { at: Some(time(2, 30, 0, 0)), ..no_timeouts() });
        });
        let mut world = World::proven_with(set, begin);
        world.server.lasts = seconds(90_000);
        world.pass_to("2026-10-25T03:00:00Z");
        let run = world.all("x").next().unwrap();
        assert_eq!((run.policy.stop_at, run.state.to_string().as_str()), (Some(at(stop)), "timed_out"));
    }
}

#[test]
fn a_kill_for_a_newer_time_is_decided_once_where_the_job_was_to_stop_already() {
    let mut world = world(|schedule| {
        schedule.overlap = OverlapPolicy::KillOther;
        schedule.timeout = Some(Timeouts { soft: Some(seconds(3_590)), ..no_timeouts() });
    });
    world.server.lives.push_back(Life { obeys: None, dies: Some(seconds(40)), ..lasts(9_000) });
    world.pass_to("2026-11-23T13:02:00Z");
    let told = world.lines(world.run("x", NOON)).iter().filter(|line| line.contains("takes its place")).count();
    assert_eq!((states(&world), told), (vec!["timed_out".to_owned(), "succeeded".to_owned()], 1));
    let how: Vec<StopStrategy> = stops(&world).into_iter().map(|(_, how)| how).collect();
    assert_eq!(how, [StopStrategy::SoftStop, StopStrategy::Kill]);
}
