//! The real program as a service: readiness, stopping, the lock, and how it refuses.
//!
//! The service manager is played by a datagram socket of the test, Orchestrator by the sandbox in this process. Nothing
//! sleeps: every step waits for a datagram, for a job in the sandbox's truth, or for the end of a process.

#![expect(clippy::unwrap_used, reason = "a step that fails ends the test where it stands")]

mod blocked;
mod copies;
mod last_exchange;
mod said;
#[path = "../support/place.rs"]
mod place;
mod reload;
mod upgrade;
mod watchdog;

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Output;

use place::{FINE, HELD, Place, QUIET, USAGE, in_time, quiet, signal, text};
use punctual::clock::Clock;
use punctual::sandbox::{Sandbox, SandboxConfig};
use rustix::process::Signal;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStderr};

impl Place {
    /// But for lines about how a first daemon stands.
    fn assert_nothing_was_told(&self) {
        let mut buffer = [0_u8; 4096];
        while let Ok(length) = self.manager.try_recv(&mut buffer) {
            let heard = String::from_utf8_lossy(&buffer[..length]).into_owned();
            assert!(heard.starts_with("STATUS="), "the service manager heard `{heard}`");
        }
    }
}

async fn ended(daemon: Child) -> Output {
    in_time("the end of the daemon", daemon.wait_with_output()).await.unwrap()
}

/// What a daemon logs, line by line.
struct Lines {
    daemon: Child,
    lines: tokio::io::Lines<BufReader<ChildStderr>>,
    seen: String,
}

fn lines(mut daemon: Child) -> Lines {
    let lines = BufReader::new(daemon.stderr.take().expect("its stderr is ours")).lines();
    Lines { daemon, lines, seen: String::new() }
}

impl Lines {
    /// Waits for a line that has this in it.
    async fn until(&mut self, wanted: &str) -> String {
        loop {
            let line = in_time(wanted, self.lines.next_line()).await.unwrap();
            let line = line.unwrap_or_else(|| panic!("`{wanted}` never came:\n{}", self.seen));
            self.seen.push_str(&line);
            self.seen.push('\n');
            if line.contains(wanted) {
                return line;
            }
        }
    }

    /// Stops the daemon and gives all that it said.
    async fn end(mut self) -> String {
        signal(&self.daemon, Signal::TERM);
        while let Some(line) = in_time("the end of the log", self.lines.next_line()).await.unwrap() {
            self.seen.push_str(&line);
            self.seen.push('\n');
        }
        assert_eq!(ended(self.daemon).await.status.code(), Some(FINE), "{}", self.seen);
        self.seen
    }
}

fn assert_same_state_folder(path: &Path) {
    assert!(path.join("punctual.db").is_file(), "{} is not the daemon's state folder", path.display());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_is_ready_although_its_tenant_is_down() {
    let place = quiet();
    let daemon = place.daemon().await;
    assert_same_state_folder(&place.path("state"));
    signal(&daemon, Signal::TERM);
    assert_eq!(ended(daemon).await.status.code(), Some(FINE));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_is_asked_to_stop_says_so_and_leaves_its_runs_in_the_history() {
    let sandbox = Sandbox::start(SandboxConfig::demo(Clock::system())).await.unwrap();
    let place = Place::new(&format!(
        "version: 1\nconnections:\n  sandbox:\n    url: {}\n    tenant: acmeprod\n    auth: {{ grant: refresh_token, \
         style: account, client_id: sandbox-account, refresh_token: \"file:user-key\" }}\nschedules:\n  reports: \
         {{ every: 1s, timezone: UTC, start: {{ process: LongReport, folder: Shared }} }}\n",
        sandbox.base_url()
    ));
    place.write("user-key", "sandbox-user-key\n");
    let daemon = place.daemon().await;
    let control = sandbox.control();
    in_time("a job", control.wait_until(|control| !control.jobs().is_empty())).await;

    signal(&daemon, Signal::TERM);
    assert_eq!(place.told().await.trim(), "STOPPING=1");
    let end = ended(daemon).await;
    assert_eq!(end.status.code(), Some(FINE), "{}", text(&end.stderr));
    assert_eq!(text(&end.stdout), "", "a daemon logs to stderr");

    let runs = place.run(&["runs", "-o", "json", "--limit", "100"]).await;
    assert_eq!(runs.status.code(), Some(FINE), "{}", text(&runs.stderr));
    let runs: Vec<serde_json::Value> = serde_json::from_slice(&runs.stdout).unwrap();
    // `overlap: skip`: one job, and all other times of that second rhythm are skipped for it.
    let jobs = control.jobs();
    assert_eq!(jobs.len(), 1);
    let started: Vec<_> = runs.iter().filter(|run| run["state"] != "skipped").collect();
    assert_eq!(started.len(), 1, "{runs:#?}");
    assert_eq!(started[0]["schedule"], "reports");
    // Stopped between the call and its answer, it would be `starting`; a soft stop waits for the answer.
    assert_eq!(started[0]["job_id"], jobs[0].id, "{:#}", started[0]);
    sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_whose_log_nobody_reads_any_more_goes_on() {
    let sandbox = Sandbox::start(SandboxConfig::demo(Clock::system())).await.unwrap();
    let control = sandbox.control();
    for format in ["text", "json"] {
        let place = Place::new(&format!(
            "version: 1\nconnections:\n  sandbox:\n    url: {}\n    tenant: acmeprod\n    auth: {{ grant: \
                 refresh_token, style: account, client_id: sandbox-account, refresh_token: \"file:user-key\" \
                 }}\nschedules:\n  beats: {{ every: 1s, timezone: UTC, overlap: allow, start: {{ process: Heartbeat, \
                 folder: Shared }} }}\n",
            sandbox.base_url()
        ));
        place.write("user-key", "sandbox-user-key\n");
        let daemon = place.command(&["daemon", "--log-format", format]).spawn().unwrap();
        let mut log = lines(daemon);
        log.until("`beats` is pending").await;
        let Lines { mut daemon, lines, seen: _ } = log;
        // From here on each line is a write to a pipe without a reader.
        drop(lines);
        let so_far = control.jobs().len();
        let goes_on = async {
            tokio::select! {
                () = control.wait_until(|control| control.jobs().len() >= so_far + 3) => {}
                end = daemon.wait() => panic!("it ended: {end:?}"),
            }
        };
        in_time("three more jobs", goes_on).await;
        signal(&daemon, Signal::TERM);
        assert_eq!(ended(daemon).await.status.code(), Some(FINE), "{format}");
    }
    sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_daemon_on_the_same_state_folder_ends_with_75_and_one_clear_sentence() {
    let place = quiet();
    let first = place.daemon().await;

    let second = place.run(&["daemon"]).await;
    assert_eq!(second.status.code(), Some(HELD));
    let said = text(&second.stderr);
    let folder = place.path("state");
    let holder = format!("daemon {} (`{} daemon`)", first.id().unwrap(), env!("CARGO_BIN_EXE_punctual"));
    let sentence = format!("error: {holder} already runs with `{}`", folder.display());
    let errors: Vec<&str> = said.lines().filter(|line| line.starts_with("error")).collect();
    assert_eq!(errors, [sentence.as_str()], "{said}");
    let hint = said.lines().find(|line| line.starts_with("hint: ")).unwrap_or_default();
    assert!(hint.contains("would start everything twice"), "{said}");
    assert!(hint.contains(&format!("`kill {}`", first.id().unwrap())), "{said}");
    place.assert_nothing_was_told();

    signal(&first, Signal::TERM);
    assert_eq!(ended(first).await.status.code(), Some(FINE), "the first one was disturbed");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_file_ends_with_2_and_names_the_place() {
    let place = quiet();
    place.write("schedules.yaml", &QUIET.replace("timezone: UTC", "timezone: Europe/Berlni"));
    let end = place.run(&["daemon"]).await;
    assert_eq!(end.status.code(), Some(USAGE));
    let said = text(&end.stderr);
    let line = 1 + QUIET.lines().position(|line| line.contains("yearly")).unwrap();
    let expected = format!("{}:{line}:", place.path("schedules.yaml").display());
    assert!(said.contains(&expected) && said.contains("Europe/Berlni"), "`{expected}` is not in:\n{said}");
    assert!(said.contains("Europe/Berlin"), "no hint in:\n{said}");
    place.assert_nothing_was_told();
    assert!(!place.path("state").exists(), "a state folder was made for a file that is refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_was_killed_leaves_no_lock_behind() {
    let place = quiet();
    let killed = place.daemon().await;
    signal(&killed, Signal::KILL);
    assert_eq!(ended(killed).await.status.signal(), Some(9));

    let next = place.daemon().await;
    signal(&next, Signal::TERM);
    assert_eq!(ended(next).await.status.code(), Some(FINE));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hang_up_does_not_end_the_daemon() {
    let place = quiet();
    let daemon = place.daemon().await;
    // Sent first: had it not been caught, the process would have died of it before it could be asked to stop.
    signal(&daemon, Signal::HUP);
    signal(&daemon, Signal::TERM);
    let end = ended(daemon).await;
    assert_eq!((end.status.code(), end.status.signal()), (Some(FINE), None));
}
