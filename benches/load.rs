//! How long 10,000 schedules take to load, in as few files as the limit of 1 MiB a file allows and in 1,000 files.
//!
//! Beside it the floor: the same bytes read, and as much JSON parsed. Promised is one second on two cores; it ends with code 1
//! when that is broken. Run it with `cargo bench --bench load`; it is no test, so that a busy machine fails none.

#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]
#![expect(clippy::disallowed_methods, reason = "a bench measures real time")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use punctual::schedule::load;

const SCHEDULES: usize = 10_000;
const ROUNDS: usize = 7;
const BOUND: Duration = Duration::from_secs(1);

const HEAD: &str = "version: 1
connections:
  cloud:
    url: https://cloud.uipath.com/acme/production/orchestrator_
    auth: { grant: client_credentials, client_id: app, client_secret: \"credential:cloud\", scope: OR.Jobs }
defaults: { timezone: Europe/Berlin }
schedules:
";

fn main() -> ExitCode {
    let kept: Vec<bool> = [1, 1_000].into_iter().map(measure).collect();
    if kept.iter().all(|kept| *kept) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Whether so many files were loaded in time.
fn measure(files: usize) -> bool {
    let folder = tempfile::tempdir().expect("a folder");
    write_files(folder.path(), files);
    let paths = vec![folder.path().to_owned()];
    let now = "2026-11-23T12:00:00Z".parse().expect("an instant");
    let loading = best(|| {
        let loaded = load(&paths, now).expect("the files are right");
        assert_eq!(loaded.set.schedules.len(), SCHEDULES);
    });
    let floor = best(|| read_as_json(folder.path()));
    println!(
        "figure: {SCHEDULES} schedules in {files} file(s) loaded: {loading:.2?}, promised is {BOUND:?}; floor {floor:.1?}, \
         ratio {:.1}",
        loading.as_secs_f64() / floor.as_secs_f64()
    );
    if loading > BOUND {
        println!("BROKEN: {SCHEDULES} schedules in {files} file(s) take {loading:.2?}, and {BOUND:?} is promised");
    }
    loading <= BOUND
}

fn write_files(folder: &Path, files: usize) {
    for file in 0..files {
        let mut text = if file == 0 { HEAD.to_owned() } else { "version: 1\nschedules:\n".to_owned() };
        for n in (file..SCHEDULES).step_by(files) {
            let (minute, hour) = (n % 60, n / 60 % 24);
            text.push_str(&format!(
                "  s{n}: {{ cron: \"{minute} {hour} * * MON-FRI\", start: {{ process: P, folder: Finance, arguments: {{ n: {n} }} }} }}\n"
            ));
        }
        fs::write(folder.join(format!("{file:04}.yaml")), text).expect("the file is written");
    }
}

/// The bytes of the folder, and one JSON value for each schedule in it.
fn read_as_json(folder: &Path) {
    let mut entries = 0;
    let files: Vec<PathBuf> =
        fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").path()).collect();
    for file in files {
        let text = fs::read_to_string(file).expect("the file is read");
        let lines = text.lines().filter(|line| line.starts_with("  s"));
        let json: Vec<String> = lines.map(|line| serde_json::Value::String(line.to_owned()).to_string()).collect();
        let json = format!("[{}]", json.join(","));
        entries += serde_json::from_str::<Vec<serde_json::Value>>(&json).expect("JSON").len();
    }
    assert_eq!(entries, SCHEDULES);
}

/// The shortest of some rounds: the others were disturbed.
fn best(mut work: impl FnMut()) -> Duration {
    (0..ROUNDS)
        .map(|_| {
            let begun = Instant::now();
            work();
            begun.elapsed()
        })
        .min()
        .expect("there are rounds")
}
