//! punctual under load: the binary with schedule files, as a person would start it.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustix::process::{Pid, Signal, kill_process};

use super::Load;
use super::sink::Sink;
use super::watch::{Watched, watch, whole_second_after};

/// The most that a file may ask for of a connection (README): what is measured is not its wait for a limit.
const STARTS_PER_SECOND: u32 = 1_000;
const OPEN_REQUESTS: u32 = 1_000;

/// A file may have 1 MiB.
const PER_FILE: usize = 5_000;

/// To its readiness, and the schedules to be read by then.
const LEAD: Duration = Duration::from_secs(5);
const LEAD_PER_SCHEDULE: Duration = Duration::from_micros(300);

pub(crate) fn measure(sink: &Sink, load: Load) -> Watched {
    let folder = tempfile::tempdir().expect("a folder");
    let (files, state, log) = (folder.path().join("files"), folder.path().join("state"), folder.path().join("log"));
    sink.empty();
    let first_due = whole_second_after(LEAD + LEAD_PER_SCHEDULE * load.starts as u32);
    write_files(&files, sink.port, load, first_due);
    let mut daemon = start(&files, &state, &log);
    wait_for(&state.join("punctual.sock"), &mut daemon, &log);
    let watched = watch(sink, load, first_due, daemon.id());
    stop(&mut daemon);
    watched
}

fn write_files(folder: &Path, port: u16, load: Load, first_due: u64) {
    let instant = |second| Timestamp::from_second(i64::try_from(second).expect("a second of these years")).expect("it");
    let last_due = first_due + load.instants as u64 - 1;
    let (first, last) = (instant(first_due), instant(last_due));
    fs::create_dir(folder).expect("a folder");
    let mut head = String::from("version: 1\nconnections:\n");
    for connection in 0..load.connections {
        // Each has an account of its own, so that the sink can tell whose jobs it lists.
        let server = format!("http://127.0.0.1:{port}");
        writeln!(
            head,
            "  c{connection}:\n    url: {server}/a{connection}/b/orchestrator_\n    auth: {{ grant: client_credentials, client_id: \
             bench, client_secret: \"env:BENCH_SECRET\", scope: OR.Jobs OR.Execution.Read OR.Folders.Read, token_url: \
             \"{server}/identity_/connect/token\" }}\n    limits: {{ starts_per_second: {STARTS_PER_SECOND}, open_requests: \
             {OPEN_REQUESTS} }}"
        )
        .expect("text");
    }
    // Every second between two instants that are the only ones meant.
    let timing = format!("cron: \"* * * * * *\", starts: \"{first}\", ends: \"{last}\"");
    head.push_str("defaults: { folder: Shared, timezone: UTC, overlap: allow }\n");
    fs::write(folder.join("connections.yaml"), head).expect("the file is written");
    for from in (0..load.starts).step_by(PER_FILE) {
        let mut text = String::from("version: 1\nschedules:\n");
        for number in from..load.starts.min(from + PER_FILE) {
            let connection = number % load.connections;
            writeln!(text, "  s{number}: {{ connection: c{connection}, {timing}, start: {{ process: P }} }}")
                .expect("text");
        }
        fs::write(folder.join(format!("schedules-{from}.yaml")), text).expect("the file is written");
    }
}

fn start(files: &Path, state: &Path, log: &Path) -> Child {
    let log = File::create(log).expect("a file for its log");
    Command::new(env!("CARGO_BIN_EXE_punctual"))
        .arg("daemon")
        .arg("--config")
        .arg(files)
        .arg("--state-dir")
        .arg(state)
        .env("BENCH_SECRET", "the-secret-of-the-sink")
        .env_remove("PUNCTUAL_SOCKET")
        .env_remove("PUNCTUAL_LOG")
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("the same file"))
        .stderr(log)
        .spawn()
        .expect("punctual starts")
}

/// Its control socket is there once its files are read.
fn wait_for(socket: &Path, daemon: &mut Child, log: &Path) {
    let begun = Instant::now();
    while !socket.exists() {
        let ended = daemon.try_wait().expect("its state");
        if ended.is_some() || begun.elapsed() > Duration::from_secs(60) {
            let log = fs::read_to_string(log).unwrap_or_default();
            stop(daemon);
            panic!("punctual is not ready ({ended:?}):\n{log}");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn stop(daemon: &mut Child) {
    let pid = i32::try_from(daemon.id()).ok().and_then(Pid::from_raw).expect("a process");
    if daemon.try_wait().expect("its state").is_none() {
        kill_process(pid, Signal::TERM).expect("it can be asked to stop");
        daemon.wait().expect("its end");
    }
}
