//! `--bundle FILE`: collects what `doctor::bundle` may hand out, and writes it for its owner alone.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::cli::args::Global;
use crate::cli::failure::{Exit, Failure};
use crate::clock::Clock;
use crate::doctor::{Machine, RunError, StateCount, Step, bundle};
use crate::history::{History, HistoryFilter, RunSummary, ShownState};
use crate::recurrence::zone_database;
use crate::schedule::ScheduleSet;

/// States that somebody may have to do something about.
const TROUBLED: [&str; 9] =
    ["rejected", "held", "unknown", "lost", "missed", "faulted", "stopped", "timed_out", "waiting"];

/// In these the error is what a robot wrote, and it may quote what the robot was typing.
const ROBOTS_WORDS: [&str; 3] = ["faulted", "stopped", "timed_out"];

/// How many of them are told.
const ERRORS: u32 = 50;

pub(super) async fn write(
    path: &Path,
    global: &Global,
    set: &ScheduleSet,
    steps: &[Step],
    clock: &Clock,
) -> Result<(), Failure> {
    // Without a history the rest is worth having all the same.
    let (runs, errors) = match History::open(&global.state_dir()).await {
        Ok(history) => {
            let read = (counts(&history).await, errors(&history).await);
            history.close().await;
            (read.0.unwrap_or_default(), read.1.unwrap_or_default())
        }
        Err(_) => (Vec::new(), Vec::new()),
    };
    let bundle = bundle(set, steps, machine(), runs, errors, clock.now());
    let text = serde_json::to_string_pretty(&bundle)
        .map_err(|cause| Failure::new(Exit::Usage, format!("failed to write the bundle: {cause}")))?;
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let written = written.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.write_all(b"\n")));
    written.map_err(|cause| {
        let failure = Failure::new(Exit::Usage, format!("failed to write the bundle `{}`: {cause}", path.display()));
        if cause.kind() == std::io::ErrorKind::AlreadyExists {
            failure.hint("name a file that is not there yet; nothing is overwritten")
        } else {
            failure
        }
    })?;
    let mut err = anstream::stderr().lock();
    let _ = writeln!(
        err,
        "wrote `{}`: it holds no secrets and no arguments; read it before you hand it on",
        path.display()
    );
    Ok(())
}

async fn counts(history: &History) -> Option<Vec<StateCount>> {
    let counts = history.count_by_state().await.ok()?;
    Some(counts.into_iter().map(counted).collect())
}

fn counted((state, runs): (ShownState, u64)) -> StateCount {
    StateCount { state: state.name().to_owned(), reason: state.reason().map(str::to_owned), runs }
}

async fn errors(history: &History) -> Option<Vec<RunError>> {
    let filter =
        HistoryFilter { states: TROUBLED.map(str::to_owned).to_vec(), limit: ERRORS, ..HistoryFilter::default() };
    Some(history.list(&filter).await.ok()?.into_iter().map(told).collect())
}

fn told(run: RunSummary) -> RunError {
    // Where it is not known how a run ended, whose words they are is not known either.
    let ours = run.state.known().is_some() && !ROBOTS_WORDS.contains(&run.state.name());
    RunError {
        run: run.run,
        schedule: run.schedule,
        nominal_at: run.nominal_at,
        error: run.error.filter(|_| ours),
        state: run.state.name().to_owned(),
        reason: run.state.reason().map(str::to_owned),
    }
}

fn machine() -> Machine {
    let kernel = rustix::system::uname();
    let part = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
    let system = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let pretty = system.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    Machine {
        punctual: env!("CARGO_PKG_VERSION").to_owned(),
        system: pretty.unwrap_or("unknown").trim_matches('"').to_owned(),
        kernel: format!("{} {} {}", part(kernel.sysname()), part(kernel.release()), part(kernel.machine())),
        zones: format!("{:?}", zone_database()),
    }
}
