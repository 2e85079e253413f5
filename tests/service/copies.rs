//! `backup` and `restore` by the real program, next to a daemon and without one.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use rustix::process::Signal;

use super::place::{FINE, HELD, Place, USAGE, quiet, signal, text};
use super::{ended, lines};

fn said(output: &Output, code: i32) -> String {
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{said}");
    said
}

/// The commands between backticks.
fn commands(said: &str) -> Vec<String> {
    said.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// What is printed to be typed, as a shell runs it.
async fn typed(place: &Place, command: &str) -> Output {
    let program = env!("CARGO_BIN_EXE_punctual");
    let words = command.replacen("punctual", program, 1);
    let mut shell = Command::new("sh");
    shell.args(["-c", &words]).current_dir(place.folder.path()).env_clear();
    shell
        .env("TZ", "UTC")
        .env("PUNCTUAL_CONFIG", place.path("schedules.yaml"))
        .env("PUNCTUAL_STATE_DIR", place.path("state"));
    tokio::task::spawn_blocking(move || shell.output().unwrap()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_made_next_to_a_daemon_is_put_back_by_the_command_that_is_printed_when_no_daemon_runs() {
    let place = quiet();
    let daemon = place.daemon().await;
    said(&place.run(&["pause", "yearly", "--reason", "closing"]).await, FINE);
    let folder = place.path("my copies");
    std::fs::create_dir(&folder).unwrap();
    let told = said(&place.run(&["backup", folder.to_str().unwrap()]).await, FINE);
    let copy = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(told.contains(&copy.display().to_string()), "{told}");
    let restore = commands(&told).pop().unwrap();
    assert!(restore.starts_with("punctual restore"), "{told}");

    let refused = said(&typed(&place, &restore).await, HELD);
    let stop = format!("`kill {}`", daemon.id().unwrap());
    assert!(refused.contains("a copy is put back only where no daemon runs") && refused.contains(&stop), "{refused}");
    signal(&daemon, Signal::KILL);
    ended(daemon).await;

    let asked = said(&typed(&place, &restore).await, USAGE);
    for part in [
        "These pauses stand in it, and hold again:\n  `yearly`, by ",
        " (closing)\n",
        "No run waits in it.",
        "must not run any more",
        "nothing was changed",
        "`--yes`",
    ] {
        assert!(asked.contains(part), "`{part}` is not in:\n{asked}");
    }
    let done = said(&typed(&place, &format!("{restore} --yes --paused")).await, FINE);
    assert!(
        commands(&done).iter().any(|command| command.starts_with("punctual resume") && command.ends_with("--all")),
        "{done}"
    );
    let mut log = lines(place.command(&["daemon"]).spawn().unwrap());
    log.until("Ready:").await;
    let status = said(&place.run(&["status"]).await, FINE);
    assert!(status.contains("a copy was put back") && status.contains("closing"), "{status}");
    said(&place.run(&["resume", "--all"]).await, 1);
    let deeds = said(&place.run(&["audit"]).await, FINE);
    assert!(deeds.contains("restore"), "{deeds}");
    log.end().await;

    // And back to what was there.
    let undo = commands(&done).into_iter().find(|command| command.starts_with("punctual restore")).unwrap();
    said(&typed(&place, &format!("{undo} --yes")).await, FINE);
    let again = place.run(&["backup", copy.to_str().unwrap()]).await;
    let refused = said(&again, USAGE);
    let better = commands(&refused).into_iter().find(|command| command.starts_with("punctual backup")).unwrap();
    said(&typed(&place, &better).await, FINE);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_name_a_copy_goes_to_the_folder_where_it_is_asked_for() {
    let place = quiet();
    let none = said(&typed(&place, "punctual backup").await, 3);
    assert!(none.contains("no daemon has run with this state folder"), "{none}");
    let daemon = place.daemon().await;
    signal(&daemon, Signal::TERM);
    ended(daemon).await;
    let told = said(&typed(&place, "punctual backup").await, FINE);
    let start = format!("Copied the database to {}", place.path("punctual-2").display());
    assert!(told.starts_with(&start), "{start}: {told}");
}
