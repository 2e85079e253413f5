//! Much at once: a thousand unclear starts, six hours of outage, a thousand open runs at a start. Time is simulated, so the
//! figures are of the rules and not of the machine.

use std::collections::VecDeque;
use std::time::Duration;

use punctual::clock::{Reading, later};
use punctual::dispatcher::core::{Absent, Core, Event, Pace};
use punctual::executor::{Action, NextToNewest, Report, Resolved, Target};
use punctual::orchestrator::{FoundBy, FoundFolder, JobPage, JobState, JobView, ReleaseKey, ServerSkew};
use punctual::run::{
    Evidence, FolderId, JobId, JobKey, JobPhase, JobRef, ListCalls, Reference, Run, RunId, RunState, WaitReason,
};
use punctual::schedule::{ConnectionName, Trigger};
use punctual::store::{Doubt, LoadedState};
use uuid::Uuid;

use super::server::{Call, Filter, Mood};
use super::world::{CONNECTION, INSTALLATION, World, at, attempt_of, is_start, read, seconds};

const BEFORE: &str = "2026-11-23T11:59:00Z";
const NOON: &str = "2026-11-23T12:00:00Z";
const FOLDERS: usize = 20;
const RUNS: usize = 1_000;

/// A thousand schedules in twenty folders, all due at noon, on a connection that may start them all at once.
fn thousand() -> World {
    let mut text = String::from(
        "version: 1\nconnections:\n  cloud:\n    url: https://cloud.uipath.com/acme/production/orchestrator_\n    \
         limits: { starts_per_second: 1000, open_requests: 1000 }\n    auth: { grant: client_credentials, client_id: app, \
         client_secret: \"credential:cloud\", scope: OR.Jobs }\ndefaults: { timezone: UTC }\nschedules:\n",
    );
    for n in 0..RUNS {
        let folder = n % FOLDERS;
        text.push_str(&format!("  s{n:04}: {{ at: \"{NOON}\", start: {{ process: P, folder: F{folder:02} }} }}\n"));
    }
    let mut world = World::with(read(&text, at(BEFORE)), at(BEFORE));
    world.crash();
    for n in 0..FOLDERS {
        let folder = folder(n);
        world.server.folders.push((format!("F{n:02}"), folder));
        // An earlier job of ours in each folder, as any folder has that has been used for a day.
        let reference = Reference::from_text(format!("{}0123456789ab.aaaaa{n:x}", Reference::prefix(INSTALLATION)));
        let now = world.now;
        world.server.make(&reference, folder, now, now.boot);
        let connection = ConnectionName("cloud".into());
        world.db.evidence.insert(folder, Evidence { connection, folder_id: folder, reference, proven_at: now.wall });
    }
    world.recover();
    world.settle();
    world.server.lasts = seconds(7_200);
    world
}

fn folder(n: usize) -> FolderId {
    FolderId(100 + i64::try_from(n).unwrap())
}

/// The most calls of this kind in any minute.
fn most_in_a_minute(world: &World, wanted: impl Fn(&Call) -> bool) -> usize {
    let mut minute: VecDeque<Duration> = VecDeque::new();
    let mut most = 0;
    for (made, _) in world.server.calls.iter().filter(|(_, call)| wanted(call)) {
        while minute.front().is_some_and(|first| *first + seconds(60) <= *made) {
            minute.pop_front();
        }
        minute.push_back(*made);
        most = most.max(minute.len());
    }
    most
}

fn is_list(call: &Call) -> bool {
    matches!(call, Call::LookUp(_) | Call::ListSince | Call::Poll(..) | Call::ListEnded)
}

fn unclear(world: &World) -> usize {
    world.db.runs.values().filter(|run| matches!(run.state, RunState::Unknown | RunState::Starting)).count()
}

/// A thousand starts are stored; every other one is made; then the daemon dies.
fn thousand_unclear(filter: Filter) -> World {
    let mut world = thousand();
    world.now.wall = at(NOON);
    world.now.boot += seconds(60);
    let mut starts = Vec::new();
    while starts.len() < RUNS {
        for action in world.decide() {
            match is_start(&action) {
                true => starts.push(action),
                false => world.launch(action),
            }
        }
        world.land_now();
    }
    for start in starts.into_iter().step_by(2) {
        world.answer(start);
    }
    world.server.filter = filter;
    world.crash();
    world.server.calls.clear();
    world.recover();
    world
}

#[test]
fn a_thousand_unclear_starts_in_twenty_folders_settle_within_five_minutes_on_sixty_list_calls_a_minute() {
    for (filter, name) in [(Filter::Works, "by reference"), (Filter::Refused, "by lists, as look-ups are refused")] {
        let mut world = thousand_unclear(filter);
        let began = world.now.boot;
        let posts = world.server.posts();
        while unclear(&world) > 0 {
            world.pass(seconds(1));
            assert!(world.now.boot - began <= seconds(300), "{name}: {} are unclear still", unclear(&world));
        }
        let took = (world.now.boot - began).as_secs();
        world.pass(seconds(60));
        let most = most_in_a_minute(&world, is_list);
        let looked = world.server.count(began, |call| matches!(call, Call::LookUp(_) | Call::ListSince));
        println!(
            "figure: 1000 unclear starts settled {name}: {took} s, {looked} look-ups, at most {most} list calls a minute"
        );
        assert!(most <= 60, "{most} list calls in a minute");
        assert_eq!(world.server.posts() - posts, RUNS / 2, "those that were not made are sent again");
        for run in world.db.runs.values() {
            assert_eq!(world.server.jobs_of(&attempt_of(run).reference), 1, "{:#?}", world.lines(run));
        }
    }
}

#[test]
fn a_thousand_open_runs_are_all_read_again_within_the_settle_time_plus_two_minutes() {
    let mut world = thousand_unclear(Filter::Works);
    let began = world.now.boot;
    while !world.core().is_reconciled() {
        world.pass(seconds(1));
    }
    let first = (world.now.boot - began).as_secs();
    world.pass(seconds(400));
    assert_eq!(unclear(&world), 0);
    // All of them are jobs now; the next life finds a thousand of those.
    world.crash();
    world.recover();
    let again = world.now.boot;
    while !world.core().is_reconciled() {
        world.pass(seconds(1));
    }
    let jobs = (world.now.boot - again).as_secs();
    println!(
        "figure: 1000 open runs reconciled after a start: {first} s when all were unclear, {jobs} s when all had jobs"
    );
    assert!(first.max(jobs) <= 240, "{first} s, {jobs} s");
}

#[test]
fn six_hours_of_outage_keep_order_rate_and_deadlines_and_double_nothing() {
    let mut schedules = String::new();
    for n in 0..50 {
        // Payroll may come late, a report may not.
        schedules.push_str(&format!(
            "  pay{n:02}: {{ cron: \"0 * * * *\", start_deadline: 12h, overlap: allow, start: {{ process: P }} }}\n  rep{n:02}: \
             {{ cron: \"0 * * * *\", overlap: allow, start: {{ process: P }} }}\n"
        ));
    }
    // Each time counts, also of those that waited together.
    let all = format!(
        "{CONNECTION}defaults: {{ timezone: UTC, folder: F, catch_up: {{ policy: all }} }}\nschedules:\n{schedules}"
    );
    let mut world = World::proven_with(read(&all, at(BEFORE)), BEFORE);
    world.server.mood = Mood::Down;
    let began = world.now.boot;
    world.pass_to("2026-11-23T17:50:00Z");
    let probes = world.server.count(began, |call| *call == Call::Resolve);
    let outage = (world.now.boot - began).as_secs();
    assert!(probes as u64 <= outage / 4, "{probes} probes in {outage} s");
    assert!(world.open().iter().all(|run| run.state.to_string() == "waiting: outage"));
    world.server.mood = Mood::Well;
    let healed = world.now.boot;
    world.pass_to("2026-11-23T17:59:00Z");

    let posts: Vec<(Duration, &Reference)> = world
        .server
        .calls
        .iter()
        .filter_map(|(made, call)| match call {
            Call::Start(reference) => Some((*made, reference)),
            Call::Resolve
            | Call::LookUp(_)
            | Call::LookUpNextToNewest
            | Call::ListSince
            | Call::Poll(..)
            | Call::ListEnded
            | Call::Read
            | Call::Recall
            | Call::FindJob
            | Call::StopSpare(_)
            | Call::Stop(..) => None,
        })
        .collect();
    let first = posts[0].0 - healed;
    let took = posts[posts.len() - 1].0 - healed;
    println!(
        "figure: 6 h outage, 600 due fires: {probes} probes, first start {} s after recovery, {} starts in {} s",
        first.as_secs(),
        posts.len(),
        took.as_secs()
    );
    assert!(first <= seconds(6), "recovery is noticed within five seconds: {first:?}");
    assert_eq!(posts.len(), 50 * 6 + 50, "all of the payroll, and the reports of the last hour");
    for pair in posts.windows(6) {
        assert!(pair[5].0 - pair[0].0 >= Duration::from_millis(999), "five a second, not {pair:?}");
    }
    let fired: Vec<_> = posts
        .iter()
        .map(|(_, reference)| {
            world.db.runs.values().find(|run| attempt_of(run).reference == **reference).unwrap().fire_at
        })
        .collect();
    assert!(fired.is_sorted(), "oldest first");
    for run in world.db.runs.values() {
        let late = run.schedule.as_str().starts_with("rep") && run.nominal_at < at("2026-11-23T17:00:00Z");
        let expected = if late { "missed: deadline" } else { "succeeded" };
        let state = run.state.to_string();
        assert!(state == expected || (!late && !run.state.is_final()), "{} {}: {state}", run.schedule, run.nominal_at);
        assert_eq!(world.server.jobs_of(&attempt_of(run).reference), usize::from(!late));
        if late {
            assert!(run.ended_at.unwrap() >= run.deadline_at, "given up before its deadline");
        }
    }
}

/// A thousand starts are unclear, and the daemon dies every six seconds for four minutes. Gives the most list calls of any minute.
fn forty_kills(forgets: bool) -> usize {
    let mut world = thousand_unclear(Filter::Works);
    for _ in 0..40 {
        world.pass(seconds(6));
        world.crash();
        if forgets {
            world.db.list_calls.clear();
        }
        world.recover();
        world.settle();
    }
    most_in_a_minute(&world, is_list)
}

#[test]
fn list_calls_stay_within_sixty_in_any_minute_while_the_daemon_dies_every_six_seconds() {
    let most = forty_kills(false);
    println!(
        "figure: 40 kills in four minutes next to a thousand unclear starts: at most {most} list calls in any minute"
    );
    assert!((50..=60).contains(&most), "{most} list calls in a minute");
    // Checks the checker: lives that know nothing of each other are beyond the limit, and this is seen.
    let most = forty_kills(true);
    assert!(most > 60, "only {most}");
}

#[test]
fn list_calls_of_before_the_machine_was_off_are_not_counted() {
    let mut world = World::proven("  x: { cron: \"0 12 * * *\", start: { process: P } }\n", BEFORE);
    world.server.lasts = seconds(9 * 3_600);
    world.pass_to("2026-11-23T12:01:00Z");
    world.crash();
    let at = world.now.wall;
    world.db.list_calls = vec![ListCalls { connection: ConnectionName("cloud".into()), at, calls: 60 }];
    world.now = Reading { wall: later(at, seconds(8 * 3_600)), boot: seconds(10) };
    world.recover();
    world.settle();
    assert!(world.core().is_reconciled(), "its job is read at once");
}

const CROWD: u32 = 100_000;

/// A hundred thousand open runs of one schedule: most have a job that runs, others wait for a place within the limits or are held.
fn crowd(mut world: World) -> Vec<Run> {
    let now = world.now.wall;
    world.pass_to(NOON);
    let one = world.db.runs.values().find(|run| run.schedule.as_str() == "crowd").unwrap().clone();
    (0..CROWD)
        .map(|n| {
            let mut run = Run { id: RunId(Uuid::from_u128(u128::from(n) + 1)), ..one.clone() };
            let attempt = run.attempt_mut().unwrap();
            attempt.reference =
                Reference::from_text(format!("{}0123456789ab.{n:06x}", Reference::prefix(INSTALLATION)));
            attempt.folder_id = Some(folder(usize::try_from(n).unwrap() % 200));
            (attempt.job, attempt.sends) = (None, 1);
            run.state = match n % 10 {
                0 => RunState::Waiting(WaitReason::Limit),
                1 => RunState::Held,
                _ => {
                    attempt.job = Some(JobRef { key: JobKey(Uuid::from_u128(u128::from(n))), id: JobId(i64::from(n)) });
                    RunState::Job(JobPhase::Running)
                }
            };
            (run.accepted_at, run.ended_at) = (Some(now), None);
            run.deadline_at = later(now, seconds(7 * 24 * 3_600));
            run
        })
        .collect()
}

/// As a server would answer that has all the jobs, and none under another Reference.
fn answered(action: Action) -> Option<Report> {
    let page = |jobs| JobPage { jobs, ..JobPage::nothing() };
    let running = |(_, job): &(RunId, JobRef)| JobView {
        id: job.id,
        key: job.key,
        state: JobState::Running,
        reference: None,
        release_name: None,
        created_at: None,
        started_at: None,
        ended_at: None,
        info: None,
        error: None,
        output: None,
    };
    Some(match action {
        Action::Poll { connection, folder_id, jobs } => {
            let result = Ok(page(jobs.iter().map(running).collect()));
            Report::Polled { connection, folder_id, jobs, result }
        }
        Action::LookUp { connection, folder_id, asks, control, .. } => {
            Report::LookedUp { connection, folder_id, asks, control, result: Ok(page(Vec::new())) }
        }
        Action::LookUpNextToNewest { connection, folder_id, asks, .. } => {
            let result = Ok(NextToNewest { newest: None, page: page(Vec::new()) });
            Report::LookedUpNextToNewest { connection, folder_id, asks, result }
        }
        Action::ListSince { connection, folder_id, asks, .. } => {
            Report::ListedSince { connection, folder_id, asks, result: Ok(page(Vec::new())) }
        }
        Action::Resolve { connection, asked_of, folder: name, process } => {
            let target = Target { folder_id: folder(0), release: ReleaseKey(Uuid::from_u128(1)) };
            let found = FoundFolder { id: folder(0), full_name: None, found_by: FoundBy::FullName };
            let result = Ok(Resolved { target, folder: found });
            Report::Resolved { connection, asked_of, folder: name, process, result, server_skew: ServerSkew::Unknown }
        }
        // Its answer takes its time.
        Action::Start(_) => return None,
        other => panic!("{other:?}"),
    })
}

#[test]
fn a_turn_with_a_hundred_thousand_open_runs_of_which_one_is_due_looks_at_fewer_than_ten() {
    let text = "version: 1\nconnections:\n  cloud:\n    url: https://cloud.uipath.com/acme/production/orchestrator_\n    limits: { \
                list_calls_per_minute: 10000, open_requests: 1 }\n    auth: { grant: client_credentials, client_id: app, \
                client_secret: \"credential:cloud\", scope: OR.Jobs }\ndefaults: { timezone: UTC }\nschedules:\n  crowd: { at: \
                \"2026-11-23T12:00:00Z\", overlap: allow, start: { process: P, folder: F } }\n  one: { at: \
                \"2026-11-23T23:30:00Z\", start: { process: P, folder: F } }\n";
    const LATER: &str = "2026-11-23T23:30:00Z";
    let set = read(text, at(BEFORE));
    let before = || World::with(set.clone(), at(BEFORE));
    let mut now = Reading { wall: at(NOON), boot: seconds(1_000) };
    let state = LoadedState { open: crowd(before()), ..before().db.load() };
    let mut bits = 0u128;
    let random = move || {
        bits += 1;
        std::array::from_fn(|n| bits.to_be_bytes()[n + 6])
    };
    let mut core = Core::recover(set.clone(), Absent::Retire, state, now, Pace::default(), Box::new(random));
    // All are read, asked about and tried, until nothing of them is due for a while.
    let mut starts = 0;
    while core.wake().from(now).is_none_or(|left| left < seconds(5)) || !core.is_reconciled() || starts == 0 {
        let step = core.turn(now);
        starts += step.then.iter().filter(|action| is_start(action)).count();
        let reports: Vec<Report> = step.then.into_iter().filter_map(answered).collect();
        if reports.is_empty() {
            now = Reading { wall: later(now.wall, seconds(1)), boot: now.boot + seconds(1) };
            assert!(now.wall < at("2026-11-23T12:20:00Z"), "it is never quiet: {:?}", core.wake());
        }
        reports.into_iter().for_each(|report| core.handle(Event::Report(Box::new(report)), now));
    }
    // What the last answers have changed is looked at once.
    core.turn(now);
    core.take_looks();
    now = Reading { wall: later(now.wall, seconds(1)), boot: now.boot + seconds(1) };
    core.turn(now);
    let quiet = core.take_looks();
    let soon = later(now.wall, seconds(2)).to_string();
    core.handle(Event::Load(read(&text.replace(LATER, &soon), now.wall)), now);
    core.turn(now);
    let loaded = core.take_looks();
    now = Reading { wall: later(now.wall, seconds(2)), boot: now.boot + seconds(2) };
    let step = core.turn(now);
    let due = core.take_looks();
    println!(
        "figure: of {CROWD} open runs a quiet turn looks at {quiet}, one with one time due at {due}, one after a load at {loaded}"
    );
    assert_eq!(step.record.inserted.len(), 1, "its time is claimed");
    assert!(loaded >= u64::from(CROWD), "the count counts: after a load all are looked at, not {loaded}");
    assert!(quiet < 10 && due < 10, "{quiet} and {due} runs were looked at");
}

#[test]
fn a_database_that_may_have_forgotten_is_trusted_only_once_all_of_a_burst_is_claimed() {
    let mut world = thousand();
    world.crash();
    world.now = Reading { wall: at("2026-11-23T12:00:30Z"), boot: world.now.boot + seconds(90) };
    world.db.doubt = Some(Doubt::Older);
    world.recover();
    for _ in 0..1_000 {
        for action in world.decide() {
            world.launch(action);
        }
        if world.db.doubt.is_none() {
            // A time that is claimed later would be started after one look.
            assert_eq!(world.db.runs.len(), RUNS);
            return;
        }
        world.land_now();
    }
    panic!("it is never trusted: {} runs are claimed", world.db.runs.len());
}

#[test]
fn a_disk_that_is_slow_in_the_middle_of_a_burst_makes_no_time_of_it_late() {
    let mut world = thousand();
    world.now = Reading { wall: at(NOON), boot: world.now.boot + seconds(60) };
    world.decide();
    let claimed = world.db.runs.len();
    assert!(claimed < RUNS, "all were claimed in one turn, so this test shows nothing");
    // A write that takes more than a minute: Orchestrator is read meanwhile, and nothing is claimed.
    for _ in 0..20 {
        world.now = Reading { wall: later(world.now.wall, seconds(4)), boot: world.now.boot + seconds(4) };
        let now = world.now;
        world.core().turn_reading(now);
    }
    for _ in 0..10 {
        world.decide();
    }
    assert_eq!(world.db.runs.len(), RUNS);
    let late = world.db.runs.values().filter(|run| run.trigger != Trigger::Scheduled || run.state.is_final());
    assert_eq!(late.count(), 0);
}
