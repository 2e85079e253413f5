//! Files that are read again, with the manual clock: what is held back, and connections that come, change and go.

#![expect(clippy::unwrap_used, reason = "a step that fails ends the test where it stands")]

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use punctual::daemon::{Chores, Daemon, DaemonSettings, DispatcherThread, Files, FilesState, Reloaded, Removals};
use punctual::dispatcher::core::Pace;

use super::support::{Story, connection, load};
use super::{SECOND, seconds};

const BEGIN: &str = "2026-11-23T05:59:00Z";

/// A story whose daemon reads a real file.
struct Watched {
    story: Story,
    path: PathBuf,
}

impl Watched {
    async fn begin(schedules: &str) -> Watched {
        let mut story = Story::without_daemon(BEGIN, |_| {}, |url| format!("{}{schedules}", connection(url))).await;
        let path = story.folder.path().join("schedules.yaml");
        fs::write(&path, &story.yaml).unwrap();
        let files = Files::look(vec![path.clone()]);
        let settings = DaemonSettings {
            clock: story.clock.clone(),
            set: Arc::new(load(story.folder.path(), &story.yaml, story.clock.now()).set),
            files,
            removals: Removals::Guarded,
            state_dir: story.state_dir(),
            thread: DispatcherThread::Callers,
            pace: Pace::default(),
            housekeeping: Chores::None,
            socket: None,
            log: None,
        };
        story.daemon = Some(Daemon::start(settings).await.unwrap());
        story.settle().await;
        Watched { story, path }
    }

    fn daemon(&self) -> &Daemon {
        self.story.daemon.as_ref().unwrap()
    }

    /// Writes the file and asks for it to be read.
    async fn reload(&self, text: &str) -> Reloaded {
        fs::write(&self.path, text).unwrap();
        let reloaded = self.daemon().reloads().reload(Removals::Guarded).await.outcome;
        self.story.settle().await;
        reloaded
    }

    fn file(&self, schedules: &str) -> String {
        format!("{}{schedules}", connection(&self.story.sandbox.base_url()))
    }

    fn state(&self) -> FilesState {
        self.daemon().reloads().state().borrow().clone()
    }

    /// Steps through time until the files stand so; gives how long it took.
    async fn until(&self, wanted: impl Fn(&FilesState) -> bool) -> Duration {
        let begin = self.story.clock.boottime();
        let mut state = self.daemon().reloads().state();
        for _ in 0..2_000 {
            if wanted(&state.borrow_and_update()) {
                return self.story.clock.boottime() - begin;
            }
            self.story.pass(SECOND).await;
            // The look at the files is made on a thread of its own.
            tokio::task::spawn_blocking(|| ()).await.unwrap();
        }
        panic!("the files stand as {:?}", self.state());
    }
}

fn hourly(keys: impl IntoIterator<Item = u32>) -> String {
    let lines =
        keys.into_iter().map(|n| format!("  s{n}: {{ every: 1h, start: {{ process: Heartbeat, folder: Shared }} }}\n"));
    format!("schedules:\n{}", lines.collect::<String>())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_set_that_lost_much_is_taken_after_ten_unchanged_minutes_and_an_empty_one_never() {
    let files = Watched::begin(&hourly(0..10)).await;
    let began = files.story.clock.boottime();
    let held = files.reload(&files.file(&hourly(0..5))).await;
    assert!(matches!(&held, Reloaded::HeldBack { loss, .. } if loss.lost.len() == 5 && loss.left == 5), "{held:?}");
    assert!(matches!(files.state(), FilesState::HeldBack { schedules: 10, .. }));
    files.story.pass_to("2026-11-23T06:00:05Z").await;
    assert_eq!(files.story.runs().await.len(), 10, "the old set goes on");
    for _ in 0..7 {
        files.story.pass(seconds(60)).await;
    }
    // Asking again does not begin the ten minutes anew.
    files.daemon().reloads().reload(Removals::Guarded).await;
    let waited = files.until(|state| matches!(state, FilesState::InUse { schedules: 5 })).await;
    assert!(waited.as_secs() < 599, "{waited:?} after it was asked again");
    let held_for = files.story.clock.boottime() - began;
    assert!(held_for.as_secs() >= 599, "{held_for:?}");

    let held = files.reload(&files.file("")).await;
    assert!(matches!(&held, Reloaded::HeldBack { loss, .. } if loss.left == 0), "{held:?}");
    for _ in 0..20 {
        files.story.pass(seconds(60)).await;
    }
    assert!(matches!(files.state(), FilesState::HeldBack { schedules: 5, .. }), "{:?}", files.state());
    let taken = files.daemon().reloads().reload(Removals::Accepted).await.outcome;
    assert!(matches!(&taken, Reloaded::Taken(change) if change.removed.len() == 5), "{taken:?}");
    files.story.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_the_files_during_the_ten_minutes_begins_them_anew() {
    let files = Watched::begin(&hourly(0..10)).await;
    files.reload(&files.file(&hourly(0..5))).await;
    for _ in 0..8 {
        files.story.pass(seconds(60)).await;
    }
    files.reload(&files.file(&hourly(0..4))).await;
    let waited = files.until(|state| matches!(state, FilesState::InUse { schedules: 4 })).await;
    assert!(waited.as_secs() >= 599, "{waited:?}");
    files.story.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_goes_has_its_runs_followed_to_the_end_and_a_new_one_starts_with_a_token_of_its_own() {
    let files = Watched::begin("schedules:\n  long: { cron: \"0 7 * * *\", timezone: Europe/Berlin, start: { process: LongReport, folder: Shared } }\n").await;
    files.story.pass_to("2026-11-23T06:00:00Z").await;
    files.story.until("long", "running", SECOND, seconds(20)).await;
    assert_eq!(files.story.control.token_calls().len(), 1);

    // The same tenant under another name and with another credential.
    let base = files.story.sandbox.base_url();
    let other = format!(
        "version: 1\nconnections:\n  other:\n    url: {base}\n    tenant: acmeprod\n    auth: {{ grant: client_credentials, client_id: \
         sandbox-client, client_secret: \"file:client-secret\", scope: OR.Jobs OR.Execution.Read OR.Folders.Read }}\nschedules:\n  \
         beat: {{ every: 20s, timezone: UTC, overlap: allow, start: {{ process: Heartbeat, folder: Shared }} }}\n"
    );
    let taken = files.reload(&other).await;
    let Reloaded::Taken(change) = &taken else { panic!("{taken:?}") };
    assert_eq!(
        change.to_string(),
        "1 added (beat), 1 removed (long), 1 connections added (other), 1 connections removed (uipath)"
    );
    files.story.pass_to("2026-11-23T06:00:21Z").await;
    assert!(files.daemon().token_status().keys().any(|name| name.as_str() == "uipath"), "its run is still open");
    let long = files.story.until("long", "succeeded", SECOND, seconds(60)).await;
    assert_eq!(long.connection, "uipath");
    let beats = files.story.runs_of("beat").await;
    assert!(
        beats.iter().all(|run| run.connection == "other" && run.state.name() == "succeeded" || run.ended_at.is_none()),
        "{beats:#?}"
    );
    assert!(!beats.is_empty());
    // It is let go, and nobody keeps a token for it.
    let mut leaving = files.daemon().handle().leaving();
    leaving.wait_for(|leaving| leaving.is_empty()).await.unwrap();
    let names = || files.daemon().token_status().keys().map(ToString::to_string).collect::<Vec<_>>();
    for _ in 0..1_000 {
        if names() == ["other"] {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(names(), ["other"]);
    let calls = files.story.control.token_calls();
    assert_eq!(calls.len(), 2, "{calls:#?}");
    files.story.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_credential_gets_a_new_token_and_a_changed_limit_keeps_the_old_one() {
    let beat = "schedules:\n  beat: { every: 1m, start: { process: Heartbeat, folder: Shared } }\n";
    let files = Watched::begin(beat).await;
    files.story.pass_to("2026-11-23T06:00:10Z").await;
    assert_eq!(files.story.control.token_calls().len(), 1);
    let limited = files
        .file(beat)
        .replace("    tenant: acmeprod\n", "    tenant: acmeprod\n    limits: { starts_per_second: 3 }\n");
    assert!(matches!(files.reload(&limited).await, Reloaded::Taken(_)));
    files.story.pass_to("2026-11-23T06:01:10Z").await;
    assert_eq!(files.story.control.token_calls().len(), 1, "the token is good still");

    let url = files.story.sandbox.base_url();
    let app = format!(
        "version: 1\nconnections:\n  uipath:\n    url: {url}\n    tenant: acmeprod\n    auth: {{ grant: client_credentials, client_id: \
         sandbox-client, client_secret: \"file:client-secret\", scope: OR.Jobs OR.Execution.Read OR.Folders.Read }}\n{beat}"
    );
    assert!(matches!(files.reload(&app).await, Reloaded::Taken(_)));
    files.story.pass_to("2026-11-23T06:02:10Z").await;
    assert_eq!(files.story.control.token_calls().len(), 2);
    files.story.until("beat", "succeeded", SECOND, seconds(30)).await;
    files.story.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn token_managers_of_credentials_that_are_gone_end_and_are_forgotten() {
    let beat = "schedules:\n  beat: { every: 1m, start: { process: Heartbeat, folder: Shared } }\n";
    let files = Watched::begin(beat).await;
    for number in 0..20 {
        let changed =
            files.file(beat).replace("client_id: sandbox-account", &format!("client_id: sandbox-account-{number}"));
        assert!(matches!(files.reload(&changed).await, Reloaded::Taken(_)));
    }
    for _ in 0..60 {
        if files.daemon().ending_tokens() == 0 {
            break;
        }
        files.story.pass(SECOND).await;
    }
    assert_eq!(files.daemon().ending_tokens(), 0);
    // The one in use is not one of them.
    assert!(matches!(files.reload(&files.file(beat)).await, Reloaded::Taken(_)));
    let begin = files.story.clock.now();
    files.story.pass(seconds(70)).await;
    let run = files.story.until("beat", "succeeded", SECOND, seconds(60)).await;
    assert!(run.nominal_at > begin.to_string(), "{run:#?}");
    files.story.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_often_it_is_asked_at_once_every_one_gets_an_answer() {
    let files = Watched::begin(&hourly(0..3)).await;
    fs::write(&files.path, files.file(&hourly(0..4))).unwrap();
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let one = files.daemon().reloads().clone();
        all.spawn(async move { one.reload(Removals::Guarded).await.outcome });
    }
    let answers = all.join_all().await;
    let fine = answers.iter().all(|answer| matches!(answer, Reloaded::Taken(_) | Reloaded::Unchanged));
    assert!(fine && answers.len() == 200, "{answers:?}");
    assert!(matches!(files.state(), FilesState::InUse { schedules: 4 }));
    files.story.end().await;
}

/// Far more than are made between two looks, also on a busy machine.
const CHANGES: u32 = 600;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_being_written_is_not_taken_before_it_is_still() {
    let files = Watched::begin(&hourly(0..10)).await;
    // Each is a valid file that lost too little to be held back: only that it goes on changing keeps it out. The looks are
    // made on a thread of their own, so there are many more changes than looks.
    for n in 0..CHANGES {
        fs::write(&files.path, files.file(&hourly(0..8 + n % 9))).unwrap();
        files.story.pass(SECOND).await;
        tokio::task::spawn_blocking(|| ()).await.unwrap();
        assert_eq!(files.state(), FilesState::InUse { schedules: 10 }, "half a file was taken");
    }
    fs::write(&files.path, files.file(&hourly(0..17))).unwrap();
    files.until(|state| matches!(state, FilesState::InUse { schedules: 17 })).await;
    files.story.end().await;
}

/// Negative controls: each runs this very program again with a rule taken away, because the switch is the process's
/// environment.
#[cfg(feature = "faults")]
mod broken {
    use std::process::Command;

    use punctual::faults::{NO_LOSS_GUARD, TAKE_MOVING_FILES};

    fn passes(test: &str, fault: Option<&str>) -> bool {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", test]).env_remove("PUNCTUAL_FAULT");
        if let Some(fault) = fault {
            command.env("PUNCTUAL_FAULT", fault);
        }
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains("running 1 test"), "no test is called {test}: {said}");
        output.status.success()
    }

    fn assert_noticed(fault: &str, test: &str) {
        assert!(passes(test, None), "{test} fails without any fault");
        assert!(!passes(test, Some(fault)), "{test} does not notice {fault}");
    }

    #[test]
    fn a_daemon_that_takes_any_loss_is_noticed() {
        assert_noticed(
            NO_LOSS_GUARD,
            "reload::a_set_that_lost_much_is_taken_after_ten_unchanged_minutes_and_an_empty_one_never",
        );
    }

    #[test]
    fn a_daemon_that_takes_half_written_files_is_noticed() {
        assert_noticed(TAKE_MOVING_FILES, "reload::a_file_that_is_being_written_is_not_taken_before_it_is_still");
    }
}
