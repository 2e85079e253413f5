//! Dies at every step, under every behaviour of the server, and recovers as the table of crash points says.
//!
//! The places stand in `src/faults.rs`: before and after each commit, the POST, the reading of an answer, a report. Each
//! cell is one place and one behaviour: a daemon with one due start dies at the place, a second one recovers. What it must
//! do follows from what lay on the disk and what was true at Orchestrator at that instant, and from nothing else. All cells
//! share one stand-in; each has a process, a schedule and a state folder of its own, copied from one that has run before.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use punctual::clock::{Clock, later};
use punctual::faults;
use punctual::history::RunSummary;
use punctual::sandbox::{Control, Endpoint, Fault, FaultRule, ProcessSpec, Refusal};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tokio::sync::Semaphore;

use super::checker::{Calm, Evidence, judge};
use super::demand::demanded;
use super::dice;
use super::kill_loop::SETTLE;
use super::rig::{End, Home, Rig, copy_files, is_kill};
use super::support;

/// Cells side by side.
const AT_ONCE: usize = 24;

/// A place to die at, and which crash point it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    name: &'static str,
    kind: &'static str,
    passing: u32,
    /// C0 to C11 of the table.
    crash_point: &'static str,
}

const fn place(name: &'static str, kind: &'static str, passing: u32, crash_point: &'static str) -> Place {
    Place { name, kind, passing, crash_point }
}

const PLACES: [Place; 21] = [
    place(faults::FAIL_COMMIT_OPEN, "other", 1, "C0"),
    place(faults::FAIL_COMMIT_DONE, "other", 1, "C0"),
    place(faults::FAIL_COMMIT_OPEN, "starting", 1, "C1"),
    place(faults::FAIL_COMMIT_DONE, "starting", 1, "C2"),
    place(faults::FAIL_BEFORE_POST, "started", 1, "C3"),
    place(IN_FLIGHT, "", 1, "C4"),
    place(faults::FAIL_BEFORE_PARSE, "started", 1, "C5"),
    place(faults::FAIL_BEFORE_REPORT, "started", 1, "C5"),
    place(faults::FAIL_COMMIT_OPEN, "job", 1, "C6"),
    place(faults::FAIL_COMMIT_DONE, "job", 1, "C7"),
    place(faults::FAIL_BEFORE_REPORT, "polled", 1, "C7"),
    place(faults::FAIL_BEFORE_REPORT, "read", 1, "C8"),
    place(faults::FAIL_COMMIT_OPEN, "ended", 1, "C8"),
    place(faults::FAIL_COMMIT_DONE, "ended", 1, "C9"),
    place(faults::FAIL_COMMIT_OPEN, "unknown", 1, "C5"),
    place(faults::FAIL_COMMIT_DONE, "unknown", 1, "C10"),
    place(faults::FAIL_BEFORE_REPORT, "looked_up", 1, "C10"),
    place(faults::FAIL_COMMIT_OPEN, "starting", 2, "C10"),
    place(faults::FAIL_COMMIT_DONE, "starting", 2, "C11"),
    place(faults::FAIL_BEFORE_POST, "started", 2, "C11"),
    place(faults::FAIL_BEFORE_REPORT, "started", 2, "C11"),
];

/// Not a place in the program: the harness kills it while the request is at the server.
const IN_FLIGHT: &str = "in_flight";

/// What the server makes of the first start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Behaviour {
    Made,
    NotMade,
    MadeLate,
    AnswerDropped,
    FailedAfterwards,
    TooMany,
    TokenRefused,
}

impl Behaviour {
    const ALL: [Behaviour; 7] = [
        Behaviour::Made,
        Behaviour::NotMade,
        Behaviour::MadeLate,
        Behaviour::AnswerDropped,
        Behaviour::FailedAfterwards,
        Behaviour::TooMany,
        Behaviour::TokenRefused,
    ];

    fn faults(self) -> Vec<Fault> {
        match self {
            Behaviour::Made => vec![],
            Behaviour::NotMade => vec![Fault::DropRequest],
            Behaviour::MadeLate => vec![Fault::Late(SETTLE / 2), Fault::DropAnswer],
            Behaviour::AnswerDropped => vec![Fault::DropAnswer],
            Behaviour::FailedAfterwards => vec![Fault::FailAfter(Refusal::gateway(502))],
            Behaviour::TooMany => vec![Fault::Refuse(Refusal::gateway(429).retry_after(1))],
            Behaviour::TokenRefused => vec![Fault::RevokeToken],
        }
    }
}

/// What all cells share.
struct Bench {
    url: String,
    control: Control,
    /// The state folder of a daemon that has run, so that a look-up has been seen to work.
    warm: PathBuf,
}

/// What one cell came to.
#[derive(Debug)]
struct Cell {
    place: Place,
    behaviour: Behaviour,
    died: Died,
    wrong: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Died {
    There,
    NotReached,
}

/// What lay on the disk when it died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OnDisk {
    Nothing,
    Unsent,
    MayBeSent,
    HasJob,
    Final,
}

fn process_name(number: usize) -> String {
    format!("P{number:03}")
}

fn file(url: &str, schedules: &str) -> String {
    let seconds = SETTLE.as_secs();
    let connection = support::connection(url);
    format!(
        "{connection}    settle: {seconds}s\n    limits: {{ list_calls_per_minute: 6000 }}\ndefaults: {{ folder: Shared, \
         timezone: UTC }}\nschedules:\n{schedules}"
    )
}

fn case(key: &str, due: Timestamp, process: &str) -> String {
    format!(
        "  {key}: {{ at: \"{due}\", start: {{ process: {process}, arguments: {{ schedule: {key}, due: \"${{nominal}}\" }} }} }}\n"
    )
}

/// A whole second, late enough for a daemon to be there before it, and next to many others.
fn soon(clock: &Clock) -> Timestamp {
    Timestamp::from_second(clock.now().as_second() + 6).expect("an instant")
}

/// The due time of a cell. Who dies before anything is stored has promised nothing: the second life is the first to know the
/// schedule, so it too has to be there before.
fn due_at(place: Place, clock: &Clock) -> Timestamp {
    let nothing_stored = place.name == faults::FAIL_COMMIT_OPEN && place.crash_point == "C0";
    let begun = soon(clock);
    if nothing_stored { later(begun, Duration::from_secs(9)) } else { begun }
}

fn is_final(runs: &[RunSummary], key: &str) -> bool {
    runs.iter().any(|run| run.schedule == key && run.ended_at.is_some())
}

/// One run from beginning to end, so that the folder's look-ups are proven.
async fn warm(rig: &Rig) -> PathBuf {
    rig.write(&file(&rig.sandbox.base_url(), &case("warm", soon(&rig.clock), "Burst")));
    let life = rig.ready_life().await;
    let ended = rig.until(None, Duration::from_secs(40), |runs| is_final(runs, "warm")).await;
    ended.expect("the first run comes to its end");
    life.ask_to_stop();
    assert_eq!(life.ended().await, End::Code(0));
    let kept = rig.folder.path().join("warm");
    copy_files(&rig.state_dir(), &kept);
    kept
}

async fn cell(bench: Arc<Bench>, number: usize, place: Place, behaviour: Behaviour) -> Cell {
    let key = format!("case{number:03}");
    let process = process_name(number);
    let Place { name, kind, passing, crash_point: _ } = place;
    let home = Home::new(bench.control.clone());
    copy_files(&bench.warm, &home.state_dir());
    private(&home.state_dir());
    for fault in behaviour.faults() {
        bench.control.push_rule(FaultRule::once(fault).on(Endpoint::StartJobs).process(process.clone()));
    }
    if name == IN_FLIGHT {
        let answer = Fault::DelayAnswer(Duration::from_millis(600));
        bench.control.push_rule(FaultRule::once(answer).on(Endpoint::StartJobs).process(process.clone()));
    }
    let due = due_at(place, &home.clock);
    let yaml = file(&bench.url, &case(&key, due, &process));
    home.write(&yaml);
    let loaded = home.clock.now();
    let fatal = home.with_variable("PUNCTUAL_FAIL_AT", &format!("{name}/{kind}:{passing}"));
    let mut life = fatal.live();
    let most = Duration::from_secs(18);
    let died = if name == IN_FLIGHT {
        let reached = fatal.control.wait_until(|control| control.starts_asked(&process) > 0);
        tokio::select! { () = reached => {}, () = fatal.clock.sleep(most) => {} }
        life.kill().await;
        Died::There
    } else {
        let ended = async {
            let _ = fatal.until(None, most, |runs| is_final(runs, &key)).await;
            // The step after the end may still come.
            fatal.clock.sleep(Duration::from_millis(200)).await;
        };
        let end = tokio::select! {
            end = life.ends_within(&fatal.clock, most) => end,
            () = ended => life.ends_within(&fatal.clock, Duration::ZERO).await,
        };
        match end {
            Some(end) => {
                assert!(is_kill(end), "{key} at {place:?} ended with {end:?}:\n{}", fatal.log());
                Died::There
            }
            None => {
                life.ask_to_stop();
                life.ended().await;
                Died::NotReached
            }
        }
    };
    let home = fatal.without_variables();
    let on_disk = on_disk(&home.runs().await, &key);
    let jobs_then = jobs_of(&home, &process);
    let posts_then = home.control.starts_asked(&process);
    let restarted = home.clock.now();
    let life = home.ready_life().await;
    let _ = home.until(None, Duration::from_secs(30), |runs| is_final(runs, &key)).await;
    life.ask_to_stop();
    let end = life.ended().await;
    let mut wrong = Vec::new();
    if end != End::Code(0) {
        wrong.push(format!("asked to stop, the second life ended with {end:?}"));
    }
    let runs: Vec<RunSummary> = home.runs().await.into_iter().filter(|run| run.schedule == key).collect();
    let evidence = Evidence {
        demanded: demanded(&yaml, loaded, later(due, Duration::from_secs(1))),
        jobs: home.control.jobs().into_iter().filter(|job| job.process == process).collect(),
        runs,
        calm: Some(Calm),
        ..Evidence::default()
    };
    wrong.extend(judge(&evidence).broken.iter().map(ToString::to_string));
    if died == Died::There {
        let posts_after = home.control.starts_asked(&process) - posts_then;
        let late = restarted > due;
        wrong.extend(unlike_the_table(&home, &evidence, on_disk, jobs_then, posts_after, late).await);
    }
    Cell { place, behaviour, died, wrong }
}

/// The folders that hold the state are their owner's alone.
fn private(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).expect("the folder is closed");
}

fn jobs_of(home: &Home, process: &str) -> usize {
    home.control.jobs().iter().filter(|job| job.process == process).count()
}

fn on_disk(runs: &[RunSummary], key: &str) -> OnDisk {
    let Some(run) = runs.iter().find(|run| run.schedule == key) else { return OnDisk::Nothing };
    match run.state.name() {
        "waiting" | "armed" => OnDisk::Unsent,
        "starting" | "unknown" => OnDisk::MayBeSent,
        "pending" | "running" => OnDisk::HasJob,
        "succeeded" => OnDisk::Final,
        other => panic!("{key} was found {other}"),
    }
}

/// The recovery that the table of crash points demands for what was on the disk and what was true.
async fn unlike_the_table(
    home: &Home,
    evidence: &Evidence,
    on_disk: OnDisk,
    jobs_then: usize,
    posts_after: usize,
    late: bool,
) -> Vec<String> {
    let Some(run) = evidence.runs.first() else { return vec!["there is no row".to_owned()] };
    let told: Vec<String> = home.lines(&run.run).await.into_iter().map(|line| line.text).collect();
    let says = |text: &str| told.iter().any(|line| line.contains(text));
    let mut wrong = Vec::new();
    let mut demand = |holds: bool, what: &str| {
        if !holds {
            let story = told.join(" | ");
            wrong
                .push(format!("{on_disk:?} with {jobs_then} jobs and {posts_after} calls afterwards: {what}: {story}"));
        }
    };
    demand(run.state.name() == "succeeded", "it did not succeed");
    match (on_disk, jobs_then) {
        (OnDisk::Nothing, _) => {
            demand(posts_after > 0, "C1: it was not sent");
            demand(!late || says("looked up at Orchestrator before it is started"), "C1: it was not looked up first");
        }
        (OnDisk::Unsent, 0) => demand(posts_after > 0, "C2: it was not sent"),
        // A claim that waits was certainly not sent.
        (OnDisk::Unsent, _) => demand(false, "a job exists although it waits"),
        (OnDisk::MayBeSent, 0) => {
            demand(says("No job exists"), "C3: that there is no job was not found out");
            demand(posts_after > 0 && says("Sent again under the same Reference"), "C3: it was not sent again");
        }
        (OnDisk::MayBeSent, _) => {
            demand(says("Found at Orchestrator"), "C5: its job was not found");
            demand(posts_after == 0, "C5: it was sent again");
        }
        (OnDisk::HasJob | OnDisk::Final, _) => demand(posts_after == 0, "C7: it was sent again"),
    }
    wrong
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_death_at_every_step_under_every_behaviour_of_the_server_is_recovered_from_as_the_table_says() {
    let rounds = dice::setting("PUNCTUAL_STEP_ROUNDS", 1) as usize;
    let cells: Vec<(Place, Behaviour)> = (0..rounds)
        .flat_map(|_| PLACES.into_iter().flat_map(|place| Behaviour::ALL.map(|behaviour| (place, behaviour))))
        .collect();
    let count = cells.len();
    let rig = Rig::begin(dice::setting("PUNCTUAL_SEED", 7_804), |config| {
        for number in 0..count {
            let process = ProcessSpec::new(process_name(number)).taking(Duration::ZERO, Duration::from_millis(300));
            config.tenant.folders[0].processes.push(process);
        }
    })
    .await;
    let warm = warm(&rig).await;
    let bench = Arc::new(Bench { url: rig.sandbox.base_url(), control: rig.control.clone(), warm });
    let began = rig.clock.boottime();
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let mut tasks = Vec::new();
    for (number, (place, behaviour)) in cells.into_iter().enumerate() {
        let (bench, room) = (bench.clone(), room.clone());
        tasks.push(tokio::spawn(async move {
            let _place = room.acquire_owned().await.expect("room");
            cell(bench, number, place, behaviour).await
        }));
    }
    let mut done = Vec::new();
    for task in tasks {
        done.push(task.await.expect("a cell ends"));
    }
    let deaths = done.iter().filter(|cell| cell.died == Died::There).count();
    let wrong: Vec<&Cell> = done.iter().filter(|cell| !cell.wrong.is_empty()).collect();
    println!(
        "figure: kill at every step: {} places × {} behaviours × {rounds}: {count} cells, {deaths} deaths, {} recovered as \
         the table says, {:.0} s",
        PLACES.len(),
        Behaviour::ALL.len(),
        count - wrong.len(),
        (rig.clock.boottime() - began).as_secs_f64()
    );
    for place in PLACES {
        let reached = done.iter().any(|cell| cell.place == place && cell.died == Died::There);
        assert!(reached, "nobody died at {place:?}: the place is not where it is thought to be");
    }
    let told: Vec<String> = wrong
        .iter()
        .map(|cell| format!("{:?} × {:?}: {}", cell.place, cell.behaviour, cell.wrong.join("; ")))
        .collect();
    assert!(wrong.is_empty(), "{} cells of {count} went wrong:\n{}", wrong.len(), told.join("\n"));
    rig.sandbox.stop().await;
}

/// The id is in every Reference: one that came and went would make what was started unknown.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::disallowed_methods, reason = "the dead daemon's database is read as any SQL tool reads it")]
async fn a_death_between_the_two_places_of_the_installations_id_keeps_the_id() {
    let mut rig = Rig::begin(dice::setting("PUNCTUAL_SEED", 7_804), |_| {}).await;
    let due = soon(&rig.clock);
    rig.write(&file(&rig.sandbox.base_url(), &case("first", due, "Burst")));
    rig.home.environment.push(("PUNCTUAL_FAIL_AT".to_owned(), faults::FAIL_INSTALLATION_WRITTEN.to_owned()));
    let end = rig.live().ended().await;
    assert!(is_kill(end), "it ended with {end:?}: {}", rig.log());
    let file_of_the_id = rig.state_dir().join("installation");
    assert!(!file_of_the_id.exists(), "it died after the file was written, too");
    let path = rig.state_dir().join("punctual.db");
    let mut database = SqliteConnectOptions::new().filename(&path).connect().await.expect("the database opens");
    let written: String =
        sqlx::query_scalar("select id from installation").fetch_one(&mut database).await.expect("the row is there");
    database.close().await.expect("the database closes");
    let home = &rig.home;
    let next = home.command(&["daemon"]).env_remove("PUNCTUAL_FAIL_AT").spawn().expect("the daemon starts");
    let seen = rig.until(None, Duration::from_secs(40), |runs| is_final(runs, "first")).await;
    drop(next);
    let runs = seen.expect("the run comes to its end");
    let kept = std::fs::read_to_string(file_of_the_id).expect("the second life wrote the file");
    assert_eq!(kept.split_whitespace().next(), Some(written.as_str()));
    let reference = runs[0].reference.clone().unwrap_or_default();
    assert!(reference.starts_with(&format!("p1.{written}.")), "{reference} is not of {written}");
    rig.sandbox.stop().await;
}
