//! What a daemon says at its start about how it is set up.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::lines;
use super::place::quiet;

#[tokio::test(flavor = "multi_thread")]
async fn a_log_level_that_cannot_be_read_is_said_and_keeps_no_daemon_from_starting() {
    let place = quiet();
    let daemon = place.command(&["daemon"]).env("PUNCTUAL_LOG", "debgu,hyper=warn").spawn().unwrap();
    let mut log = lines(daemon);
    let line = log.until("PUNCTUAL_LOG").await;
    assert!(
        line.contains("WARN In PUNCTUAL_LOG=debgu,hyper=warn `debgu` is not understood (did you mean `debug`?)"),
        "{line}"
    );
    assert!(line.contains("the rest of it holds; `punctual log LEVEL`"), "{line}");
    log.until("Ready:").await;
    log.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_folder_that_all_may_change_is_said_and_the_command_that_is_printed_closes_it() {
    let place = quiet();
    let state = place.path("state");
    std::fs::create_dir(&state).unwrap();
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o777)).unwrap();
    let mut log = lines(place.command(&["daemon"]).spawn().unwrap());
    let line = log.until("Every user of this machine may change").await;
    log.until("Ready:").await;
    log.end().await;

    let cure = line.split('`').nth(1).unwrap();
    assert!(cure.starts_with("chmod o-rwx "), "{cure}");
    assert!(Command::new("sh").args(["-c", cure]).status().unwrap().success());
    assert_eq!(std::fs::metadata(&state).unwrap().permissions().mode() & 0o777, 0o770);
    let mut log = lines(place.command(&["daemon"]).spawn().unwrap());
    log.until("Ready:").await;
    let said = log.end().await;
    assert!(!said.contains("Every user"), "{said}");
}
