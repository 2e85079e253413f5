//! The real program against a stand-in of its own: begin, kill, ask to stop, look.
//!
//! The stand-in lives in the test's process and outlives every life of the daemon, so its list of jobs is the truth about
//! all of them. Each life's log goes to one file, which is searched for secrets at the end.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use jiff::Timestamp;
use punctual::clock::Clock;
use punctual::history::{History, HistoryFilter, RunLine, RunSummary};
use punctual::sandbox::{Control, ProcessSpec, Sandbox, SandboxConfig};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::net::UnixDatagram;
use tokio::process::{Child, Command};
use tokio::sync::watch;

use super::support;

/// Far longer than anything here takes; what hangs fails with what it waited for.
const PATIENCE: Duration = Duration::from_secs(90);

#[expect(clippy::disallowed_methods, reason = "a hanging test must fail; nothing of the product is dropped by it")]
pub(crate) async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// A stand-in, and a home of one daemon next to it.
pub(crate) struct Rig {
    pub(crate) sandbox: Sandbox,
    pub(crate) home: Home,
}

/// Where the lives of one daemon take place: a folder with files, state and log.
pub(crate) struct Home {
    pub(crate) clock: Clock,
    pub(crate) control: Control,
    pub(crate) folder: TempDir,
    /// How often a life has said that it is ready.
    readies: watch::Receiver<u64>,
    /// Variables that every life gets.
    pub(crate) environment: Vec<(String, String)>,
    /// What every life is begun by, with the program and its arguments after it; nothing in most tests.
    pub(crate) wrapper: Vec<String>,
}

/// One life of the daemon.
pub(crate) struct Life {
    child: Child,
    pub(crate) process: u32,
}

/// How a life ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Code(i32),
    Signal(i32),
}

/// How much longer than nothing a job of the torture takes.
pub(crate) const JOB: Duration = Duration::from_millis(800);

impl Rig {
    /// Starts a stand-in with the process `Burst` and robots enough.
    pub(crate) async fn begin(seed: u64, change: impl FnOnce(&mut SandboxConfig)) -> Rig {
        let clock = Clock::system();
        let mut config = support::sandbox_config(&clock);
        config.seed = seed;
        config.tenant.folders[0].robots = 10_000;
        config.tenant.folders[0].processes.push(ProcessSpec::new("Burst").taking(Duration::ZERO, JOB));
        change(&mut config);
        let sandbox = Sandbox::start(config).await.expect("the sandbox starts");
        let home = Home::new(sandbox.control());
        Rig { sandbox, home }
    }
}

impl std::ops::Deref for Rig {
    type Target = Home;

    fn deref(&self) -> &Home {
        &self.home
    }
}

impl Home {
    /// A new folder, with the login and nothing else.
    pub(crate) fn new(control: Control) -> Home {
        let folder = tempfile::tempdir().expect("a folder");
        support::write_secrets(folder.path());
        let manager = UnixDatagram::bind(folder.path().join("notify")).expect("a socket");
        Home {
            clock: Clock::system(),
            control,
            folder,
            readies: count_readies(manager),
            environment: Vec::new(),
            wrapper: Vec::new(),
        }
    }

    /// The same without variables of its own.
    #[must_use]
    pub(crate) fn without_variables(mut self) -> Home {
        self.environment.clear();
        self
    }

    /// The same with one more variable for each life from now on.
    #[must_use]
    pub(crate) fn with_variable(mut self, name: &str, value: &str) -> Home {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn state_dir(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("schedules.yaml")
    }

    pub(crate) fn write(&self, yaml: &str) {
        std::fs::write(self.config(), yaml).expect("the file is written");
    }

    /// The program with these arguments, its folders and nothing of the test's environment.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let program = std::env::var("PUNCTUAL_BINARY").unwrap_or_else(|_| env!("CARGO_BIN_EXE_punctual").to_owned());
        let mut words = self.wrapper.iter().cloned().chain([program]);
        let mut command = Command::new(words.next().expect("the program at least"));
        command
            .args(words)
            .args(arguments)
            .env_clear()
            .env("PUNCTUAL_CONFIG", self.config())
            .env("PUNCTUAL_STATE_DIR", self.state_dir())
            .env("NOTIFY_SOCKET", self.folder.path().join("notify"))
            .env("PUNCTUAL_LOG", "debug")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true);
        for (name, value) in &self.environment {
            command.env(name, value);
        }
        command
    }

    /// How often lives have said so far that they are ready.
    pub(crate) fn readies(&self) -> u64 {
        *self.readies.borrow()
    }

    /// Begins a life.
    pub(crate) fn live(&self) -> Life {
        self.live_telling(self.log_file())
    }

    fn log_file(&self) -> std::fs::File {
        std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("log"))
            .expect("the log is opened")
    }

    fn live_telling(&self, log: impl Into<Stdio>) -> Life {
        let child = self.command(&["daemon"]).stderr(log).spawn().expect("the daemon starts");
        let process = child.id().expect("a process");
        Life { child, process }
    }

    /// Begins a life and waits until it says that it is ready.
    pub(crate) async fn ready_life(&self) -> Life {
        self.ready(|| self.live()).await
    }

    /// The same with a log that goes through a pipe: what keeps the daemon from writing files does not keep it from speaking.
    pub(crate) async fn ready_life_with_piped_log(&self) -> Life {
        let (mut told, log) = std::io::pipe().expect("a pipe");
        let mut file = self.log_file();
        // Ends with the last writer, which is the daemon.
        std::thread::spawn(move || std::io::copy(&mut told, &mut file));
        self.ready(|| self.live_telling(log)).await
    }

    async fn ready(&self, begin: impl FnOnce() -> Life) -> Life {
        let before = self.readies();
        let life = begin();
        self.until_ready(before).await;
        life
    }

    /// Waits until a life is ready that began when `before` lives had been.
    pub(crate) async fn until_ready(&self, before: u64) {
        let mut readies = self.readies.clone();
        let ready = readies.wait_for(|now| *now > before);
        drop(in_time("the word READY=1", ready).await.expect("the counter lives as long as the rig"));
    }

    /// The rows with nominal times from `since` on, newest first. Before the first life has made the database: none.
    pub(crate) async fn runs_since(&self, since: Option<Timestamp>) -> Vec<RunSummary> {
        let Ok(history) = History::open(&self.state_dir()).await else { return Vec::new() };
        let runs = history.list(&HistoryFilter { since, ..HistoryFilter::default() }).await.unwrap_or_default();
        history.close().await;
        runs
    }

    pub(crate) async fn runs(&self) -> Vec<RunSummary> {
        self.runs_since(None).await
    }

    pub(crate) async fn lines(&self, run: &str) -> Vec<RunLine> {
        let history = History::open(&self.state_dir()).await.expect("there is a history");
        let lines = history.lines(run).await.expect("the lines are read");
        history.close().await;
        lines
    }

    /// Looks again and again until `reached` holds for the rows from `since` on, or until `most` has passed.
    pub(crate) async fn until(
        &self,
        since: Option<Timestamp>,
        most: Duration,
        reached: impl Fn(&[RunSummary]) -> bool,
    ) -> Result<Vec<RunSummary>, Vec<RunSummary>> {
        let end = self.clock.boottime() + most;
        loop {
            let runs = self.runs_since(since).await;
            if reached(&runs) {
                return Ok(runs);
            }
            if self.clock.boottime() > end {
                return Err(runs);
            }
            self.clock.sleep(Duration::from_millis(100)).await;
        }
    }

    /// All that was printed, and what is kept in the state folder apart from the login.
    pub(crate) fn outputs(&self) -> Vec<(String, Vec<u8>)> {
        let mut outputs =
            vec![("the log".to_owned(), std::fs::read(self.folder.path().join("log")).unwrap_or_default())];
        for entry in std::fs::read_dir(self.state_dir()).expect("the state folder").flatten() {
            if entry.path().is_file() {
                let name = format!("the file `{}`", entry.file_name().to_string_lossy());
                outputs.push((name, std::fs::read(entry.path()).unwrap_or_default()));
            }
        }
        outputs
    }

    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.folder.path().join("log")).unwrap_or_default()).into_owned()
    }
}

/// Counts the words of readiness. All that is said is read at once: a full socket would hold the daemon up.
fn count_readies(manager: UnixDatagram) -> watch::Receiver<u64> {
    let (count, readies) = watch::channel(0);
    tokio::spawn(async move {
        let mut buffer = [0_u8; 4096];
        while let Ok(length) = manager.recv(&mut buffer).await {
            if String::from_utf8_lossy(&buffer[..length]).lines().any(|line| line == "READY=1") {
                count.send_modify(|count| *count += 1);
            }
        }
    });
    readies
}

impl Life {
    fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.process).ok().and_then(Pid::from_raw).expect("a process");
        // It may have ended by itself.
        let _ = kill_process(id, signal);
    }

    /// Kills it, and waits until it is gone.
    pub(crate) async fn kill(mut self) {
        self.signal(Signal::KILL);
        let _ = in_time("the end of a killed daemon", self.child.wait()).await;
    }

    /// Waits for its end for at most so long; afterwards it may still be asked.
    pub(crate) async fn ends_within(&mut self, clock: &Clock, most: Duration) -> Option<End> {
        tokio::select! {
            status = self.child.wait() => Some(end_of(status.expect("a status"))),
            () = clock.sleep(most) => None,
        }
    }

    pub(crate) fn ask_to_stop(&self) {
        self.signal(Signal::TERM);
    }

    pub(crate) fn hang_up(&self) {
        self.signal(Signal::HUP);
    }

    /// Waits for its end.
    pub(crate) async fn ended(mut self) -> End {
        let status = in_time("the end of the daemon", self.child.wait()).await.expect("a status");
        end_of(status)
    }
}

fn end_of(status: std::process::ExitStatus) -> End {
    match (status.code(), status.signal()) {
        (Some(code), _) => End::Code(code),
        (None, Some(signal)) => End::Signal(signal),
        (None, None) => panic!("{status:?} is no end"),
    }
}

/// Whether it ended by SIGKILL.
pub(crate) fn is_kill(end: End) -> bool {
    end == End::Signal(9)
}

/// Copies the files of a folder, not those of its folders.
pub(crate) fn copy_files(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder").flatten() {
        if entry.path().is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name())).expect("a copy");
        }
    }
}
