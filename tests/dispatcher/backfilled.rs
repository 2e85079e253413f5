//! People who have times of the past made good (semantics.md 12, 33).

use punctual::dispatcher::core::{
    BackfillCommand, BackfillDone, BackfillRefused, Command, CommandRefused, Done, StopCommand, StopDone, StopWaiting,
};
use punctual::run::{PauseScope, Run, RunId};
use punctual::schedule::{Enablement, OverlapPolicy, Schedule, Trigger};

use super::holding::{pause, resume};
use super::queue::set;
use super::server::{Life, Mood};
use super::world::{World, at, changed, seconds};

const BEFORE: &str = "2026-11-23T11:59:00Z";
const NOON: &str = "2026-11-23T12:00:00Z";
const ADA: &str = "ada (uid 1000)";

fn world(change: impl FnOnce(&mut Schedule)) -> World {
    World::proven_with(set(change), BEFORE)
}

fn day(hours: std::ops::Range<u8>) -> Vec<jiff::Timestamp> {
    hours.map(|hour| at(&format!("2026-11-20T{hour:02}:00:00Z"))).collect()
}

fn command(hours: std::ops::Range<u8>) -> BackfillCommand {
    BackfillCommand { schedule: "x".to_owned(), times: day(hours), overlap: None, reason: Some("audit".to_owned()) }
}

fn ask(world: &mut World, what: BackfillCommand) -> Result<BackfillDone, BackfillRefused> {
    match world.ask(Command::Backfill { what, actor: ADA.to_owned() }) {
        Ok(Done::Backfilled(done)) => Ok(done),
        Err(CommandRefused::Backfill(refused)) => Err(refused),
        other => panic!("{other:?}"),
    }
}

fn filled(world: &World) -> Vec<&Run> {
    let mut runs: Vec<&Run> = world.all("x").filter(|run| run.trigger == Trigger::Backfill).collect();
    runs.sort_by_key(|run| run.nominal_at);
    runs
}

fn states(world: &World) -> Vec<String> {
    filled(world).iter().map(|run| run.state.to_string()).collect()
}

fn state(world: &World, id: RunId) -> String {
    world.db.runs[&id].state.to_string()
}

#[test]
fn they_go_one_after_another_the_oldest_first_and_have_no_deadline() {
    let mut world = world(|schedule| schedule.start_deadline = seconds(60));
    world.server.lasts = seconds(300);
    let done = ask(&mut world, command(1..5)).unwrap();
    assert_eq!(done.runs.iter().map(|(at, _)| *at).collect::<Vec<_>>(), day(1..5));
    let deed = world.db.audit.last().unwrap();
    assert_eq!((deed.action, deed.subject.as_str()), ("backfill", "x"));
    assert_eq!(deed.detail.as_deref(), Some("4 from 2026-11-20T01:00:00Z to 2026-11-20T04:00:00Z; audit"));
    world.pass(seconds(30));
    assert_eq!(states(&world), ["running", "waiting: overlap", "waiting: overlap", "waiting: overlap"]);
    assert!(filled(&world).iter().all(|run| run.deadline_at == jiff::Timestamp::MAX));
    world.pass_to("2026-11-23T12:40:00Z");
    assert_eq!(states(&world), ["succeeded"; 4]);
    for pair in filled(&world).windows(2) {
        assert!(pair[0].ended_at.unwrap() <= pair[1].sent_at.unwrap(), "one after another");
    }
}

#[test]
fn a_planned_time_that_comes_between_goes_first_though_it_is_younger() {
    let mut world = world(|schedule| schedule.overlap = OverlapPolicy::QueueAll);
    world.server.lasts = seconds(300);
    ask(&mut world, command(1..5)).unwrap();
    world.pass_to("2026-11-23T12:03:00Z");
    assert_eq!(world.state("x", NOON), "waiting: overlap", "the first of them is running");
    world.pass_to("2026-11-23T12:08:00Z");
    assert_eq!(world.state("x", NOON), "running");
    assert_eq!(states(&world), ["succeeded", "waiting: overlap", "waiting: overlap", "waiting: overlap"]);
    world.pass_to("2026-11-23T12:45:00Z");
    assert_eq!(states(&world), ["succeeded"; 4]);
}

#[test]
fn none_goes_shortly_before_a_planned_time_once_it_is_known_how_long_a_run_takes() {
    let mut world = world(|_| {});
    world.server.lasts = seconds(600);
    world.pass_to("2026-11-23T12:55:00Z");
    assert_eq!(world.state("x", NOON), "succeeded");
    ask(&mut world, command(1..3)).unwrap();
    world.pass_to("2026-11-23T12:59:30Z");
    assert_eq!(states(&world), ["waiting: overlap", "waiting: overlap"]);
    assert_eq!(
        world.lines(filled(&world)[0]).last(),
        Some(&"Waits for the planned time 2026-11-23T13:00:00Z, which is near")
    );
    world.pass_to("2026-11-23T13:20:00Z");
    assert_eq!(world.state("x", "2026-11-23T13:00:00Z"), "succeeded", "it was in nobody's way");
    assert_eq!(states(&world), ["running", "waiting: overlap"]);
    world.pass_to("2026-11-23T13:45:00Z");
    assert_eq!(states(&world), ["succeeded"; 2]);
}

#[test]
fn jobs_that_take_longer_than_from_one_time_to_the_next_do_not_keep_them_back_for_ever() {
    let mut world = world(|_| {});
    world.server.lasts = seconds(4_000);
    world.pass_to("2026-11-23T13:10:00Z");
    assert_eq!(world.state("x", NOON), "succeeded");
    ask(&mut world, command(1..2)).unwrap();
    world.pass(seconds(20));
    assert_eq!(states(&world), ["running"]);
}

#[test]
fn a_time_is_made_good_once_however_often_it_is_asked_for() {
    let mut world = world(|_| {});
    world.server.lasts = seconds(300);
    ask(&mut world, command(1..3)).unwrap();
    let second = ask(&mut world, command(1..4)).unwrap();
    assert_eq!(second.runs.iter().map(|(at, _)| *at).collect::<Vec<_>>(), day(3..4));
    assert!(matches!(ask(&mut world, command(1..4)), Err(BackfillRefused::AllOpen(_))));
}

#[test]
fn what_was_not_sent_is_called_off_in_one_act_and_a_planned_run_that_waits_stays() {
    let mut world = world(|schedule| schedule.overlap = OverlapPolicy::QueueAll);
    world.server.lasts = seconds(300);
    ask(&mut world, command(1..5)).unwrap();
    world.pass_to("2026-11-23T12:01:00Z");
    let what = StopCommand::Waiting { schedule: "x".to_owned(), of: StopWaiting::Backfill, reason: None };
    let Ok(Done::Stopped(StopDone::Waiting(_, runs))) = world.ask(Command::Stop { what, actor: ADA.to_owned() }) else {
        panic!("they are called off")
    };
    assert_eq!(runs.len(), 3);
    assert_eq!(states(&world), ["running", "cancelled", "cancelled", "cancelled"]);
    world.pass_to("2026-11-23T12:20:00Z");
    assert_eq!(world.state("x", NOON), "succeeded");
    assert_eq!(world.server.posts(), 2);
}

#[test]
fn a_pause_holds_them_and_a_schedule_that_is_disabled_takes_none() {
    let mut world = world(|_| {});
    pause(&mut world, PauseScope::All, None);
    ask(&mut world, command(1..2)).unwrap();
    world.pass(seconds(30));
    assert_eq!(states(&world), ["waiting: paused"]);
    resume(&mut world, PauseScope::All);
    world.pass(seconds(90));
    assert_eq!(states(&world), ["succeeded"]);
    let disabled = changed(&world.set.clone(), "x", |schedule| schedule.enablement = Enablement::Disabled);
    world.load(disabled);
    assert!(matches!(ask(&mut world, command(1..2)), Err(BackfillRefused::Disabled(_))));
}

#[test]
fn an_outage_of_days_and_a_restart_lose_none_of_them() {
    let mut world = world(|_| {});
    world.server.mood = Mood::Down;
    let done = ask(&mut world, command(1..4)).unwrap();
    world.pass(seconds(3 * 86_400));
    world.restart();
    world.server.mood = Mood::Well;
    world.pass(seconds(3_000));
    for (_, id) in done.runs {
        assert_eq!(state(&world, id), "succeeded");
    }
}

#[test]
fn under_skip_only_the_first_goes_and_under_allow_all_do() {
    let mut world = world(|_| {});
    world.server.lives.extend((0..3).map(|_| Life { lasts: seconds(30), ..Life::usual() }));
    ask(&mut world, BackfillCommand { overlap: Some(OverlapPolicy::Skip), ..command(1..4) }).unwrap();
    world.pass(seconds(20));
    assert_eq!(states(&world), ["running", "skipped: overlap", "skipped: overlap"]);
    let mut world = self::world(|_| {});
    world.server.lasts = seconds(30);
    ask(&mut world, BackfillCommand { overlap: Some(OverlapPolicy::Allow), ..command(1..4) }).unwrap();
    world.pass(seconds(20));
    assert_eq!(states(&world), ["running"; 3]);
}

#[test]
fn a_thousand_of_them_cost_a_turn_little() {
    let mut world = world(|_| {});
    let times: Vec<_> = (0..1_000).map(|minute| at(BEFORE) - jiff::SignedDuration::from_mins(5_000 - minute)).collect();
    let done = ask(&mut world, BackfillCommand { times, ..command(0..0) }).unwrap();
    assert_eq!(done.runs.len(), 1_000);
    world.core().take_looks();
    world.pass(seconds(1));
    let looks = world.core().take_looks();
    assert!(looks < 200_000, "{looks} runs were looked at in a second");
}
