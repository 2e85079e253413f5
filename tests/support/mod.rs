//! What the story tests share: a sandbox, a daemon in this process, and one manual clock that drives both.
//!
//! A story waits for states, never for time to pass. At its end every request that the daemon sent and every good answer of
//! the sandbox is checked against UiPath's own description of the API, where that is at hand.

pub(crate) mod contract;

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use jiff::Timestamp;
use punctual::clock::{Clock, ManualClock, Reading};
use punctual::daemon::{Chores, Daemon, DaemonSettings, DispatcherThread, Files, Removals};
use punctual::dispatcher::core::Pace;
use punctual::history::{History, HistoryFilter, RunLine, RunSummary};
use punctual::sandbox::{Control, Sandbox, SandboxConfig};
use punctual::schedule::{Loaded, Paint, SourceFile, parse, render};

use self::contract::Contract;

static CONTRACT: LazyLock<Option<Contract>> = LazyLock::new(Contract::load);

/// How many looks at a state a story takes before it says that the state does not come.
const PATIENCE: Duration = Duration::from_secs(60);

/// A sandbox, a daemon and a clock.
pub(crate) struct Story {
    pub(crate) clock: Clock,
    pub(crate) hand: ManualClock,
    pub(crate) sandbox: Sandbox,
    pub(crate) control: Control,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) yaml: String,
    pub(crate) daemon: Option<Daemon>,
}

/// Reads an instant.
pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

/// The demo's tenant, on this clock, without its limit on list calls.
pub(crate) fn sandbox_config(clock: &Clock) -> SandboxConfig {
    let mut config = SandboxConfig::demo(clock.clone());
    config.tenant.list_calls_per_minute = 100_000;
    config
}

/// A connection by user key, as the smallest file has it.
pub(crate) fn connection(url: &str) -> String {
    format!(
        "version: 1\nconnections:\n  uipath:\n    url: {url}\n    tenant: acmeprod\n    auth: {{ grant: refresh_token, style: \
         account, client_id: sandbox-account, refresh_token: \"file:user-key\" }}\n"
    )
}

/// Checks a file's text as the daemon does; panics with what a person would see.
pub(crate) fn load(folder: &Path, text: &str, now: Timestamp) -> Loaded {
    let file = SourceFile { path: folder.join("schedules.yaml"), text: text.to_owned(), folder: folder.to_owned() };
    match parse(&[file], now) {
        Ok(loaded) => loaded,
        Err(invalid) => panic!("{}", render(&invalid.diagnostics, Paint::Plain)),
    }
}

/// Puts the sandbox's secrets where schedule files look for them.
pub(crate) fn write_secrets(folder: &Path) {
    for (name, secret) in [
        ("user-key", "sandbox-user-key"),
        ("client-secret", "sandbox-secret"),
        ("refresh-token", "sandbox-refresh-token"),
        ("password", "sandbox-password"),
        ("personal-token", "sandbox-personal-access-token"),
    ] {
        write_secret(&folder.join(name), secret);
    }
}

pub(crate) fn write_secret(path: &Path, secret: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, secret).expect("the secret is written");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("the secret is closed");
}

impl Story {
    /// Starts sandbox and daemon. `schedules` is the text after the connection: `defaults`, `schedules`.
    pub(crate) async fn begin(now: &str, schedules: &str) -> Story {
        Story::with(now, |_| {}, |url| format!("{}{schedules}", connection(url))).await
    }

    /// The same with a changed sandbox and a whole file.
    pub(crate) async fn with(
        now: &str,
        change: impl FnOnce(&mut SandboxConfig),
        file: impl FnOnce(&str) -> String,
    ) -> Story {
        let mut story = Story::without_daemon(now, change, file).await;
        story.start_daemon().await;
        story
    }

    /// The same, but the daemon has not been started.
    pub(crate) async fn without_daemon(
        now: &str,
        change: impl FnOnce(&mut SandboxConfig),
        file: impl FnOnce(&str) -> String,
    ) -> Story {
        let (clock, hand) = Clock::manual(at(now));
        let mut config = sandbox_config(&clock);
        change(&mut config);
        let sandbox = Sandbox::start(config).await.expect("the sandbox starts");
        let folder = tempfile::tempdir().expect("a folder");
        write_secrets(folder.path());
        let yaml = file(&sandbox.base_url());
        Story { clock, hand, control: sandbox.control(), sandbox, folder, yaml, daemon: None }
    }

    pub(crate) fn state_dir(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    pub(crate) async fn start_daemon(&mut self) {
        self.begin_daemon().await;
        self.settle().await;
    }

    /// The same without waiting for what it does first.
    pub(crate) async fn begin_daemon(&mut self) {
        self.try_daemon().await.expect("the daemon starts");
    }

    /// The same where it may refuse; gives what a person is told then.
    pub(crate) async fn try_daemon(&mut self) -> Result<(), String> {
        let loaded = load(self.folder.path(), &self.yaml, self.clock.now());
        let settings = DaemonSettings {
            clock: self.clock.clone(),
            set: Arc::new(loaded.set),
            files: Files::none(),
            removals: Removals::Guarded,
            state_dir: self.state_dir(),
            thread: DispatcherThread::Callers,
            pace: Pace::default(),
            housekeeping: Chores::None,
            socket: None,
            log: None,
        };
        let daemon = Daemon::start(settings).await.map_err(|cause| chain(&cause))?;
        self.daemon = Some(daemon);
        Ok(())
    }

    pub(crate) async fn stop_daemon(&mut self) {
        if let Some(daemon) = self.daemon.take() {
            daemon.stop().await.expect("the daemon stops");
        }
    }

    /// Waits until the daemon has done all that is to be done at the clock's present time.
    pub(crate) async fn settle(&self) {
        let Some(daemon) = &self.daemon else { return };
        let now: Reading = self.clock.read();
        let mut turns = daemon.handle().turns();
        let idle = turns.wait_for(|turn| turn.at == now && turn.under_way == 0);
        #[expect(
            clippy::disallowed_methods,
            reason = "a story that hangs must say so; nothing of the product is dropped"
        )]
        let waited = tokio::time::timeout(PATIENCE, idle).await;
        match waited {
            Ok(turn) => drop(turn.expect("the daemon runs")),
            Err(_) => panic!("the daemon is still busy at {now:?}: {:?}", *daemon.handle().turns().borrow()),
        }
    }

    /// Lets time pass, in one go, and the daemon do what is due then.
    pub(crate) async fn pass(&self, length: Duration) {
        self.hand.advance(length);
        self.settle().await;
    }

    /// Lets time pass in steps, so that whatever is due in between happens at its time.
    pub(crate) async fn pass_in_steps(&self, length: Duration, step: Duration) {
        let mut left = length;
        while !left.is_zero() {
            let now = left.min(step);
            self.pass(now).await;
            left -= now;
        }
    }

    pub(crate) async fn pass_to(&self, wall: &str) {
        self.hand.advance_to(at(wall));
        self.settle().await;
    }

    /// Everything in the history, oldest first.
    pub(crate) async fn runs(&self) -> Vec<RunSummary> {
        let history = History::open(&self.state_dir()).await.expect("there is a history");
        let mut runs = history.list(&HistoryFilter::default()).await.expect("the history is read");
        history.close().await;
        runs.reverse();
        runs
    }

    /// The runs of one schedule, oldest first.
    pub(crate) async fn runs_of(&self, schedule: &str) -> Vec<RunSummary> {
        self.runs().await.into_iter().filter(|run| run.schedule == schedule).collect()
    }

    /// The only run there is.
    pub(crate) async fn only_run(&self) -> RunSummary {
        let mut runs = self.runs().await;
        assert_eq!(runs.len(), 1, "one run is expected: {runs:#?}");
        runs.remove(0)
    }

    /// The lines of a run, as `show` tells them.
    pub(crate) async fn lines(&self, run: &str) -> Vec<RunLine> {
        let history = History::open(&self.state_dir()).await.expect("there is a history");
        let lines = history.lines(run).await.expect("the lines are read");
        history.close().await;
        lines
    }

    /// Steps through time until the last run of the schedule has this state; gives it.
    pub(crate) async fn until(&self, schedule: &str, state: &str, step: Duration, most: Duration) -> RunSummary {
        let mut passed = Duration::ZERO;
        loop {
            let runs = self.runs_of(schedule).await;
            if let Some(run) = runs.last().filter(|run| run.state.name() == state) {
                return run.clone();
            }
            assert!(passed < most, "`{schedule}` does not become {state} within {most:?}: {runs:#?}");
            self.pass(step).await;
            passed += step;
        }
    }

    /// Stops everything and checks what was said against the contract.
    pub(crate) async fn end(mut self) {
        self.stop_daemon().await;
        check_contract(&self.control, &self.sandbox.base_url());
        self.sandbox.stop().await;
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Every request of the daemon and every good answer of the sandbox.
pub(crate) fn check_contract(control: &Control, base_url: &str) {
    let Some(contract) = CONTRACT.as_ref() else { return };
    let base = url::Url::parse(base_url).expect("a URL").path().trim_end_matches('/').to_owned();
    for exchange in control.exchanges() {
        let path = exchange.path.strip_prefix(&base).unwrap_or(&exchange.path);
        let query = exchange.query.clone().unwrap_or_default();
        contract
            .check_request(&exchange.method, path, &query, &exchange.headers, exchange.request_body.as_ref())
            .unwrap_or_else(|wrong| panic!("{} {path}?{query} is not valid:\n{wrong}", exchange.method));
        // What a fault spoiled on purpose is not the sandbox's word.
        if let Some(status) = exchange.status.filter(|_| exchange.faults.is_empty()) {
            let asked = format!("{path}?{query}");
            contract
                .check_response(&exchange.method, &asked, status, exchange.response_json().as_ref())
                .unwrap_or_else(|wrong| panic!("the answer to {} {asked} is not valid:\n{wrong}", exchange.method));
        }
    }
}
