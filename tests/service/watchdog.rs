//! systemd's watchdog: fed for as long as the scheduling loop goes round, and no longer.

use std::time::Duration;

use rustix::process::Signal;
use tokio::process::Child;

use super::ended;
use super::place::{FINE, Place, quiet, signal};

/// What the service manager is told to expect; the test plays it.
const SPAN: Duration = Duration::from_secs(6);

async fn watched(place: &Place, fault: Option<&str>) -> Child {
    let mut command = place.command(&["daemon"]);
    command.env("WATCHDOG_USEC", SPAN.as_micros().to_string());
    if let Some(fault) = fault {
        command.env("PUNCTUAL_FAULT", fault);
    }
    let daemon = command.spawn().unwrap();
    while !place.told().await.lines().any(|line| line == "READY=1") {}
    daemon
}

/// Whether it is fed within its span, as systemd looks at it.
#[expect(clippy::disallowed_methods, reason = "this is how the service manager judges")]
async fn is_fed(place: &Place) -> bool {
    let fed = async { while !place.told().await.lines().any(|line| line == "WATCHDOG=1") {} };
    tokio::time::timeout(SPAN, fed).await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_has_nothing_to_do_feeds_the_watchdog() {
    let place = quiet();
    let daemon = watched(&place, None).await;
    for round in 0..3 {
        assert!(is_fed(&place).await, "round {round}");
    }
    signal(&daemon, Signal::TERM);
    assert_eq!(ended(daemon).await.status.code(), Some(FINE));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_watchdog_nobody_is_fed() {
    let place = quiet();
    let daemon = place.daemon().await;
    assert!(!is_fed(&place).await);
    signal(&daemon, Signal::TERM);
    assert_eq!(ended(daemon).await.status.code(), Some(FINE));
}

#[cfg(feature = "faults")]
#[tokio::test(flavor = "multi_thread")]
async fn a_loop_that_stands_still_feeds_nobody_although_the_rest_of_the_process_lives() {
    let place = quiet();
    let daemon = watched(&place, Some(punctual::faults::FREEZE_LOOP)).await;
    let mut log = super::lines(daemon);
    log.until("broken on purpose").await;
    // What was said before it stood still is heard first; a loop that lives would feed for ever.
    let mut fed = 0;
    while is_fed(&place).await {
        fed += 1;
        assert!(fed < 6, "{}", log.seen);
    }
    // The rest lives: a hang-up is still heard, and the files are read.
    signal(&log.daemon, Signal::HUP);
    log.until("Read the files again").await;
    // systemd's next step.
    signal(&log.daemon, Signal::ABORT);
    let end = ended(log.daemon).await;
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&end.status), Some(6));
}
