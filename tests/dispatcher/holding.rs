//! Pauses, skipped times and windows in which nothing is started, from the asking to the history (semantics.md 8, 10, 29, 30).

use std::sync::Arc;

use jiff::Timestamp;
use punctual::dispatcher::core::{Command, CommandRefused, Done, HoldingCommand, HoldingDone, HoldingRefused, SkipHow};
use punctual::run::{PauseScope, Run};
use punctual::schedule::{Blackout, BlackoutThen, ScheduleSet};
use punctual::text::NamePattern;

use super::blackouts::{about, blackout, under};
use super::server::Mood;
use super::world::{World, at, hourly, seconds, set_of};

pub(crate) const BEFORE: &str = "2026-11-23T11:59:00Z";
pub(crate) const NOON: &str = "2026-11-23T12:00:00Z";
pub(crate) const ONE: &str = "2026-11-23T13:00:00Z";
const TWO: &str = "2026-11-23T14:00:00Z";

pub(crate) fn only(name: &str) -> PauseScope {
    PauseScope::Schedules(NamePattern::new(name))
}

pub(crate) fn ask(world: &mut World, what: HoldingCommand) -> Result<HoldingDone, HoldingRefused> {
    match world.ask(Command::Hold { what, actor: "maria (uid 1000)".to_owned() }) {
        Ok(Done::Held(done)) => Ok(done),
        Err(CommandRefused::Holding(refused)) => Err(refused),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn pause(world: &mut World, scope: PauseScope, until: Option<&str>) {
    let (reason, until) = (Some("month's end".to_owned()), until.map(at));
    ask(world, HoldingCommand::Pause { scopes: vec![scope], reason, until }).unwrap();
}

pub(crate) fn resume(world: &mut World, scope: PauseScope) -> HoldingDone {
    ask(world, HoldingCommand::Resume { scopes: vec![scope] }).unwrap()
}

fn skip(world: &mut World, at: Option<&str>, how: SkipHow) -> Result<HoldingDone, HoldingRefused> {
    let at = at.map(|at| at.parse().unwrap());
    ask(world, HoldingCommand::Skip { schedule: "x".to_owned(), at, how, reason: Some("no invoices".to_owned()) })
}

fn note(run: &Run) -> &str {
    run.note.as_deref().unwrap_or_default()
}

/// Every hour, under these windows.
fn hours(more: &str, begin: &str, windows: &[Blackout]) -> World {
    World::with(set(&hourly(more), begin, windows), at(begin))
}

pub(crate) fn set(schedules: &str, begin: &str, windows: &[Blackout]) -> Arc<ScheduleSet> {
    under(&set_of(schedules, at(begin)), windows)
}

/// From noon to a quarter to three.
fn afternoon(then: BlackoutThen) -> Blackout {
    blackout("patching", "0 12 * * *", 165, then)
}

#[test]
fn the_times_of_a_pause_are_recorded_with_its_reason_and_the_next_ones_run() {
    let mut world = World::new(&hourly(""), BEFORE);
    pause(&mut world, only("x"), Some(TWO));
    world.pass_to("2026-11-23T14:05:00Z");
    for hour in [NOON, ONE] {
        assert_eq!(world.state("x", hour), "skipped: paused");
        let run = world.run("x", hour);
        assert_eq!(note(run), "paused by maria (uid 1000): month's end");
        assert!(run.attempts.is_empty() && run.sent_at.is_none());
    }
    // `until` is not in it.
    assert_eq!(world.state("x", TWO), "succeeded");
    assert_eq!(world.server.posts(), 1);
    let deeds = world.db.audit.iter().map(|deed| (deed.action, deed.subject.as_str(), deed.detail.as_deref()));
    let deeds: Vec<_> = deeds.collect();
    assert_eq!(deeds, [("pause", "x", Some("until 2026-11-23T14:00:00Z: month's end"))]);
}

#[test]
fn a_restart_in_the_middle_of_a_pause_goes_on_as_if_nothing_had_been() {
    let mut world = World::new(&hourly(", catch_up: { window: 1d }"), BEFORE);
    pause(&mut world, PauseScope::All, Some(TWO));
    world.pass_to("2026-11-23T12:30:00Z");
    world.crash();
    // Down over a time in the pause and over one after it.
    world.sleep(seconds(2 * 3_600));
    world.recover();
    world.settle();
    world.pass(seconds(60));
    assert_eq!(
        world.states("x"),
        [
            (NOON.to_owned(), "skipped: paused".to_owned()),
            (ONE.to_owned(), "skipped: paused".to_owned()),
            (TWO.to_owned(), "succeeded".to_owned())
        ]
    );
    // A pause that is asked for in a later life has a number of its own.
    pause(&mut world, only("x"), None);
    assert_eq!(world.db.pauses.len(), 2);
}

#[test]
fn a_pause_holds_what_is_added_later_and_files_that_change_do_not_end_it() {
    let mut world = World::new(&hourly(""), BEFORE);
    let done = ask(&mut world, HoldingCommand::Pause { scopes: vec![only("y-*")], reason: None, until: None });
    assert_eq!(done, Ok(HoldingDone::Paused { scopes: vec![(only("y-*"), Vec::new())] }));
    let more = format!("{}  y-1: {{ cron: \"0 * * * *\", start: {{ process: P }} }}\n", hourly(""));
    world.load(set_of(&more, at(BEFORE)));
    world.pass_to("2026-11-23T12:05:00Z");
    assert_eq!(world.state("x", NOON), "succeeded");
    assert_eq!(world.state("y-1", NOON), "skipped: paused");
}

#[test]
fn what_waits_when_a_pause_comes_waits_for_its_end_and_the_pause_uses_its_deadline_up() {
    for (length, expected) in [(30 * 60, "succeeded"), (70 * 60, "missed: deadline")] {
        let mut world = World::new(&hourly(", start_deadline: 50m, overlap: allow"), BEFORE);
        world.server.mood = Mood::Down;
        world.pass_to("2026-11-23T12:05:00Z");
        assert_eq!(world.state("x", NOON), "waiting: outage");
        pause(&mut world, only("x"), None);
        assert_eq!(world.state("x", NOON), "waiting: paused");
        assert_eq!(world.run("x", NOON).waiting_until, None);
        world.server.mood = Mood::Well;
        let posts = world.server.posts();
        world.pass(seconds(length));
        assert_eq!(world.server.posts(), posts, "nothing is sent in a pause");
        world.restart();
        assert_eq!(world.server.posts(), posts, "nor after a restart in it");
        resume(&mut world, only("x"));
        world.pass(seconds(5 * 60));
        assert_eq!(world.state("x", NOON), expected);
    }
}

#[test]
fn a_pause_that_ends_by_itself_says_when_a_run_goes_on() {
    let mut world = World::new(&hourly(""), BEFORE);
    world.server.mood = Mood::Down;
    world.pass_to("2026-11-23T12:05:00Z");
    pause(&mut world, only("x"), Some("2026-11-23T12:20:00Z"));
    pause(&mut world, PauseScope::All, Some("2026-11-23T12:30:00Z"));
    assert_eq!(world.run("x", NOON).waiting_until, Some(at("2026-11-23T12:30:00Z")));
    world.server.mood = Mood::Well;
    world.pass_to("2026-11-23T12:29:59Z");
    assert_eq!(world.state("x", NOON), "waiting: paused");
    assert!(world.server.jobs.is_empty());
    world.pass_to("2026-11-23T12:31:00Z");
    assert_eq!(world.state("x", NOON), "succeeded");
}

#[test]
fn running_jobs_go_on_in_a_pause() {
    let mut world = World::new(&hourly(""), BEFORE);
    world.server.lasts = seconds(600);
    world.pass_to("2026-11-23T12:05:00Z");
    pause(&mut world, PauseScope::All, None);
    world.pass_to("2026-11-23T12:15:00Z");
    assert_eq!(world.state("x", NOON), "succeeded");
}

#[test]
fn resume_ends_the_pauses_with_just_that_scope_and_names_what_else_holds() {
    let mut world = World::new(&hourly(""), BEFORE);
    pause(&mut world, only("x"), None);
    pause(&mut world, only("x"), Some(TWO));
    pause(&mut world, only("x*"), None);
    pause(&mut world, only("x*"), Some(TWO));
    pause(&mut world, PauseScope::All, None);
    let done = resume(&mut world, only("x"));
    let HoldingDone::Resumed { scopes, still } = &done else { panic!("{done:?}") };
    assert_eq!(scopes, &[(only("x"), 2)]);
    let still: Vec<_> = still.iter().map(|(schedule, pause)| (schedule.as_str(), &pause.scope)).collect();
    assert_eq!(still, [("x", &only("x*")), ("x", &PauseScope::All)], "of those of one scope the first");
    resume(&mut world, PauseScope::All);
    world.pass_to("2026-11-23T12:05:00Z");
    assert_eq!(world.state("x", NOON), "skipped: paused");
    // A second time there is nothing to end, and that is said.
    assert!(matches!(resume(&mut world, only("x")), HoldingDone::Resumed { scopes, .. } if scopes == [(only("x"), 0)]));
    resume(&mut world, only("x*"));
    world.pass_to("2026-11-23T13:05:00Z");
    assert_eq!(world.state("x", ONE), "succeeded");
    let done: Vec<_> = world.db.audit.iter().map(|deed| (deed.action, deed.subject.as_str())).collect();
    let pauses = [("pause", "x"), ("pause", "x"), ("pause", "x*"), ("pause", "x*"), ("pause", "all")];
    assert_eq!(done, [pauses.as_slice(), &[("resume", "x"), ("resume", "all"), ("resume", "x*")]].concat());
}

#[test]
fn several_names_are_one_act_that_is_refused_whole() {
    let mut world = World::new(&hourly(""), BEFORE);
    let both = vec![only("x"), only("xs")];
    let refused = ask(&mut world, HoldingCommand::Pause { scopes: both, reason: None, until: None }).unwrap_err();
    assert_eq!(refused, HoldingRefused::NoSchedule { name: "xs".to_owned(), hint: "did you mean `x`?".to_owned() });
    let nobody = vec![PauseScope::Connections(NamePattern::new("clod"))];
    let refused = ask(&mut world, HoldingCommand::Pause { scopes: nobody, reason: None, until: None }).unwrap_err();
    assert!(matches!(&refused, HoldingRefused::NoConnection { hint, .. } if hint.contains("`cloud`")), "{refused:?}");
    let until = Some(at(BEFORE));
    let refused = ask(&mut world, HoldingCommand::Pause { scopes: vec![only("x")], reason: None, until });
    assert_eq!(refused, Err(HoldingRefused::Past(at(BEFORE))));
    let nothing = ask(&mut world, HoldingCommand::Resume { scopes: Vec::new() });
    assert_eq!(nothing, Err(HoldingRefused::Nothing));
    assert!(world.db.pauses.is_empty() && world.db.audit.is_empty());
}

#[test]
fn one_coming_time_is_skipped_and_only_that() {
    let mut world = World::new(&hourly(""), BEFORE);
    let x = world.set.schedules["x"].key.clone();
    assert_eq!(skip(&mut world, None, SkipHow::Skip), Ok(HoldingDone::Skipped(x, at(NOON))));
    // Asked for twice it is the same one.
    skip(&mut world, None, SkipHow::Skip).unwrap();
    skip(&mut world, Some(TWO), SkipHow::Skip).unwrap();
    world.restart();
    world.pass_to("2026-11-23T14:05:00Z");
    assert_eq!(world.state("x", NOON), "skipped: paused");
    assert_eq!(note(world.run("x", NOON)), "this time was skipped by maria (uid 1000): no invoices");
    assert_eq!((world.state("x", ONE).as_str(), world.state("x", TWO).as_str()), ("succeeded", "skipped: paused"));
    assert!(world.db.skips.is_empty(), "what has come is kept no longer");
    let refused = skip(&mut world, Some(TWO), SkipHow::Skip);
    assert!(matches!(refused, Err(HoldingRefused::NoTime { .. })), "{refused:?}");
}

#[test]
fn a_skipped_time_is_taken_back_until_it_is_due() {
    let mut world = World::new(&hourly(""), BEFORE);
    skip(&mut world, Some(ONE), SkipHow::Skip).unwrap();
    skip(&mut world, Some(TWO), SkipHow::Skip).unwrap();
    let x = world.set.schedules["x"].key.clone();
    assert_eq!(skip(&mut world, None, SkipHow::Undo), Ok(HoldingDone::Unskipped(x, at(ONE))));
    assert!(matches!(skip(&mut world, Some(ONE), SkipHow::Undo), Err(HoldingRefused::NotSkipped(_))));
    world.pass_to("2026-11-23T14:05:00Z");
    assert_eq!((world.state("x", ONE).as_str(), world.state("x", TWO).as_str()), ("succeeded", "skipped: paused"));
    assert!(matches!(skip(&mut world, Some(TWO), SkipHow::Undo), Err(HoldingRefused::NotSkipped(_))));
    let half = skip(&mut world, Some("2026-11-23T15:30:00Z"), SkipHow::Skip);
    assert_eq!(
        half,
        Err(HoldingRefused::NoTime {
            schedule: world.run("x", ONE).schedule.clone(),
            at: at("2026-11-23T15:30:00Z"),
            next: Some(at("2026-11-23T15:00:00Z")),
        })
    );
}

#[test]
fn a_skipped_time_that_an_edit_takes_away_is_forgotten_once_it_is_past() {
    let mut world = World::new(&hourly(""), BEFORE);
    skip(&mut world, Some(ONE), SkipHow::Skip).unwrap();
    world.load(set_of("  x: { cron: \"30 * * * *\", start: { process: P } }\n", at(BEFORE)));
    world.pass_to("2026-11-23T12:45:00Z");
    assert_eq!(world.db.skips.len(), 1, "it may come back");
    world.pass_to("2026-11-23T13:35:00Z");
    assert!(world.db.skips.is_empty());
}

#[test]
fn times_in_a_window_that_skips_are_recorded_with_its_name() {
    let mut world = hours("", BEFORE, &[afternoon(BlackoutThen::Skip)]);
    world.pass_to("2026-11-23T15:05:00Z");
    for hour in [NOON, ONE, TWO] {
        assert_eq!(world.state("x", hour), "skipped: blackout");
        assert_eq!(note(world.run("x", hour)), "in blackout `patching`");
    }
    assert_eq!(world.state("x", "2026-11-23T15:00:00Z"), "succeeded");
}

#[test]
fn of_the_times_in_a_window_the_last_waits_for_its_end_under_every_overlap_policy() {
    for overlap in ["skip", "allow"] {
        let windows = [afternoon(BlackoutThen::Wait)];
        let mut world = hours(&format!(", overlap: {overlap}, start_deadline: 10m"), BEFORE, &windows);
        world.pass_to("2026-11-23T12:30:00Z");
        assert_eq!(world.state("x", NOON), "waiting: blackout");
        assert_eq!(world.run("x", NOON).waiting_until, Some(at("2026-11-23T14:45:00Z")));
        world.pass_to("2026-11-23T14:44:59Z");
        for hour in [NOON, ONE] {
            assert_eq!(world.state("x", hour), "skipped: blackout", "{overlap}");
            assert_eq!(note(world.run("x", hour)), "in blackout `patching`, whose last time waits for the end");
            assert!(world.run("x", hour).attempts.is_empty());
        }
        assert_eq!((world.state("x", TWO).as_str(), world.server.posts()), ("waiting: blackout", 0));
        world.pass_to("2026-11-23T14:46:00Z");
        assert_eq!((world.state("x", TWO).as_str(), world.server.posts()), ("succeeded", 1));
    }
}

#[test]
fn a_restart_in_a_window_and_one_over_its_end_come_to_the_same_last_time() {
    let skipped = "skipped: blackout";
    for (down_at, seconds_down, expected) in [
        ("2026-11-23T14:10:00Z", 60, [skipped, skipped, "succeeded", "succeeded"]),
        // All but the first came while nobody was there.
        ("2026-11-23T12:10:00Z", 115 * 60, [skipped, skipped, "succeeded", "succeeded"]),
        // The window ended meanwhile, and of what is late the latest runs.
        ("2026-11-23T12:10:00Z", 160 * 60, [skipped, skipped, "succeeded", "succeeded"]),
        ("2026-11-23T12:10:00Z", 180 * 60, [skipped, skipped, "missed: down", "succeeded"]),
    ] {
        let mut world = hours(", start_deadline: 10m", BEFORE, &[afternoon(BlackoutThen::Wait)]);
        world.pass_to(down_at);
        world.crash();
        world.sleep(seconds(seconds_down));
        world.recover();
        world.settle();
        world.pass_to("2026-11-23T15:12:00Z");
        let states: Vec<_> = world.states("x").into_iter().map(|(_, state)| state).collect();
        assert_eq!(states, expected, "down for {seconds_down} s from {down_at}");
        assert_eq!(world.server.posts(), states.iter().filter(|state| *state == "succeeded").count());
    }
}

#[test]
fn a_window_that_passes_while_nobody_is_there_uses_no_deadline_up() {
    let windows = [blackout("patching", "30 12 * * *", 60, BlackoutThen::Wait)];
    let mut world = hours(", start_deadline: 45m", BEFORE, &windows);
    world.server.mood = Mood::Down;
    world.pass_to("2026-11-23T12:10:00Z");
    assert_eq!(world.run("x", NOON).deadline_at, at("2026-11-23T13:45:00Z"));
    world.crash();
    world.sleep(seconds(85 * 60));
    world.server.mood = Mood::Well;
    world.recover();
    world.settle();
    world.pass(seconds(300));
    assert_eq!(world.now.wall, at("2026-11-23T13:40:00Z"));
    assert_eq!(world.state("x", NOON), "succeeded", "{:?}", world.states("x"));
}

#[test]
fn whatever_else_would_be_sent_in_a_window_waits_for_its_end() {
    for then in [BlackoutThen::Skip, BlackoutThen::Wait] {
        let mut world = hours("", BEFORE, &[blackout("patching", "30 12 * * *", 60, then)]);
        world.server.mood = Mood::Down;
        world.pass_to("2026-11-23T12:40:00Z");
        assert_eq!(world.state("x", NOON), "waiting: outage");
        world.server.mood = Mood::Well;
        world.pass_to("2026-11-23T12:50:00Z");
        assert_eq!(world.state("x", NOON), "waiting: blackout", "{then:?}");
        assert_eq!(world.run("x", NOON).waiting_until, Some(at("2026-11-23T13:30:00Z")));
        assert!(world.server.jobs.is_empty());
        world.pass_to("2026-11-23T13:31:00Z");
        assert_eq!(world.state("x", NOON), "succeeded", "{then:?}");
    }
}

#[test]
fn a_run_that_waits_for_the_end_of_a_window_does_not_count_and_is_asked_for_its_overlap_then() {
    // An older run still goes when the window ends.
    let windows = [blackout("patching", "30 12 * * *", 60, BlackoutThen::Wait)];
    let mut world = hours("", BEFORE, &windows);
    world.server.lasts = seconds(2 * 3_600);
    world.pass_to("2026-11-23T13:29:00Z");
    assert_eq!((world.state("x", NOON).as_str(), world.state("x", ONE).as_str()), ("running", "waiting: blackout"));
    world.pass_to("2026-11-23T13:31:00Z");
    assert_eq!(world.state("x", ONE), "skipped: overlap");
    let about_noon = note(world.run("x", ONE)).contains(&world.run("x", NOON).id.short().to_string());
    assert!(about_noon, "{}", note(world.run("x", ONE)));
}

#[test]
fn a_time_that_comes_as_the_window_ends_meets_the_run_that_goes_then() {
    for (overlap, expected) in [("skip", "skipped: overlap"), ("allow", "succeeded")] {
        let windows = [blackout("patching", "30 12 * * *", 90, BlackoutThen::Wait)];
        let mut world = hours(&format!(", overlap: {overlap}"), BEFORE, &windows);
        world.pass_to("2026-11-23T14:05:00Z");
        assert_eq!((world.state("x", ONE).as_str(), world.state("x", TWO).as_str()), ("succeeded", expected));
    }
}

#[test]
fn windows_that_meet_are_one_and_one_that_skips_wins() {
    let evening = blackout("inventory", "45 14 * * *", 30, BlackoutThen::Skip);
    let mut world = hours("", BEFORE, &[afternoon(BlackoutThen::Wait), evening]);
    world.pass_to("2026-11-23T15:14:00Z");
    assert_eq!(world.state("x", TWO), "waiting: blackout", "the row of both ends at a quarter past three");
    assert_eq!(world.state("x", "2026-11-23T15:00:00Z"), "skipped: blackout");
    world.pass_to("2026-11-23T15:16:00Z");
    assert_eq!(world.state("x", TWO), "succeeded");
}

#[test]
fn a_window_is_about_whom_its_patterns_name() {
    let both = format!("{}  y: {{ cron: \"0 * * * *\", start: {{ process: P }} }}\n", hourly(""));
    let windows = [about(afternoon(BlackoutThen::Skip), &["y*"])];
    let mut world = World::with(set(&both, BEFORE, &windows), at(BEFORE));
    world.pass_to("2026-11-23T12:05:00Z");
    assert_eq!((world.state("x", NOON).as_str(), world.state("y", NOON).as_str()), ("succeeded", "skipped: blackout"));
}

#[test]
fn a_window_that_the_files_take_away_lets_its_runs_go_and_one_that_they_add_moves_their_deadlines() {
    let mut world = hours(", start_deadline: 30m", BEFORE, &[afternoon(BlackoutThen::Wait)]);
    world.pass_to("2026-11-23T12:30:00Z");
    assert_eq!(world.state("x", NOON), "waiting: blackout");
    world.load(set(&hourly(", start_deadline: 30m"), BEFORE, &[]));
    world.pass(seconds(60));
    assert_eq!(world.state("x", NOON), "succeeded", "its deadline stays what it was");

    world.server.mood = Mood::Down;
    world.pass_to("2026-11-23T13:10:00Z");
    assert_eq!(world.run("x", ONE).deadline_at, at("2026-11-23T13:30:00Z"));
    let windows = [blackout("patching", "20 13 * * *", 60, BlackoutThen::Wait)];
    world.load(set(&hourly(", start_deadline: 30m"), BEFORE, &windows));
    world.pass(seconds(1));
    assert_eq!(world.run("x", ONE).deadline_at, at("2026-11-23T14:30:00Z"));
    world.server.mood = Mood::Well;
    world.restart();
    world.pass_to("2026-11-23T14:22:00Z");
    assert_eq!(world.run("x", ONE).deadline_at, at("2026-11-23T14:30:00Z"));
    assert_ne!(world.state("x", ONE), "missed: deadline");
}

#[test]
fn a_pause_and_a_window_together_are_waited_for_both() {
    let windows = [blackout("patching", "30 12 * * *", 60, BlackoutThen::Wait)];
    for until in ["2026-11-23T13:00:30Z", "2026-11-23T13:40:00Z"] {
        let mut world = hours("", BEFORE, &windows);
        world.server.mood = Mood::Down;
        world.pass_to("2026-11-23T12:10:00Z");
        pause(&mut world, only("x"), Some(until));
        world.server.mood = Mood::Well;
        world.pass_to("2026-11-23T13:29:00Z");
        assert!(world.state("x", NOON).starts_with("waiting: "), "{until}: {}", world.state("x", NOON));
        assert!(world.server.jobs.is_empty());
        world.pass_to("2026-11-23T13:41:00Z");
        assert_eq!(world.state("x", NOON), "succeeded", "{until}");
        assert_eq!(world.state("x", ONE), "skipped: paused");
    }
}

/// Ends of a pause are instants, so nothing that is due then is lost, however the turn falls.
#[test]
fn each_time_has_one_row_whatever_pauses_come_and_go() {
    let mut world = World::new("  x: { every: 1m, overlap: allow, start: { process: P } }\n", "2026-11-23T12:00:00Z");
    for round in 0..20_u64 {
        world.pass(seconds(37));
        match round % 4 {
            0 => pause(&mut world, only("x"), None),
            1 => drop(resume(&mut world, only("x"))),
            2 => world.restart(),
            _ => {
                let until = world.now.wall.checked_add(seconds(50)).unwrap().to_string();
                pause(&mut world, PauseScope::All, Some(&until));
            }
        }
    }
    let first = at("2026-11-23T12:01:00Z");
    let times = world.states("x");
    let expected = (world.now.wall.duration_since(first).as_secs() / 60 + 1) as usize;
    assert_eq!(times.len(), expected);
    let distinct: std::collections::BTreeSet<Timestamp> = times.iter().map(|(nominal, _)| at(nominal)).collect();
    assert_eq!(distinct.len(), expected);
    for (nominal, state) in &times {
        let lies_in_one = world
            .db
            .pauses
            .values()
            .any(|(pause, ended)| pause.has(at(nominal)) && ended.is_none_or(|ended| at(nominal) < ended));
        assert_eq!(state == "skipped: paused", lies_in_one, "{nominal}: {state}");
    }
}

#[test]
fn an_edit_while_nobody_is_there_keeps_what_both_timings_have() {
    let mut world = World::new(&hourly(""), BEFORE);
    world.pass_to("2026-11-23T12:10:00Z");
    world.crash();
    world.sleep(seconds(2 * 3_600));
    world.set = set_of("  x: { cron: [\"0 */2 * * *\", \"20 * * * *\"], start: { process: P } }\n", at(BEFORE));
    world.recover();
    world.settle();
    world.pass_to("2026-11-23T14:15:00Z");
    assert_eq!((world.state("x", ONE).as_str(), world.state("x", TWO).as_str()), ("missed: edited", "succeeded"));
    assert_eq!(world.states("x").len(), 3, "what only the new timing has begins at the load");
    world.pass_to("2026-11-23T14:25:00Z");
    assert_eq!(world.state("x", "2026-11-23T14:20:00Z"), "succeeded");
}

#[test]
fn a_time_that_came_at_the_very_instant_of_a_pause_lies_in_it_though_it_was_claimed_before() {
    let mut world = World::proven(&hourly(", overlap: queue_all"), "2026-11-23T11:59:00Z");
    world.server.lasts = seconds(3_700);
    world.pass_to("2026-11-23T13:00:00Z");
    assert_eq!(world.state("x", "2026-11-23T13:00:00Z"), "waiting: overlap", "it is claimed");
    pause(&mut world, PauseScope::All, None);
    let run = world.run("x", "2026-11-23T13:00:00Z");
    assert_eq!((run.state.to_string().as_str(), run.attempts.len()), ("skipped: paused", 0));
    assert!(note(run).contains("month's end"), "{}", note(run));
    assert_eq!(world.state("x", "2026-11-23T12:00:00Z"), "running", "what came before goes on");
}
