//! Files, a state folder, the real program, and a service manager that listens: what the tests of the daemon share.
//!
//! The service manager is played by a datagram socket. Nothing sleeps: every step waits for a datagram or for the end of a process.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::net::UnixDatagram;
use tokio::process::{Child, Command};

/// Far longer than anything here takes; a test that hangs fails with what it waited for.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const FINE: i32 = 0;
pub(crate) const USAGE: i32 = 2;
pub(crate) const HELD: i32 = 75;

#[expect(clippy::disallowed_methods, reason = "a hanging test must fail; nothing of the product is dropped by it")]
pub(crate) async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

pub(crate) struct Place {
    pub(crate) folder: TempDir,
    pub(crate) manager: UnixDatagram,
}

impl Place {
    pub(crate) fn new(schedules: &str) -> Place {
        let folder = tempfile::tempdir().unwrap();
        let manager = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        let place = Place { folder, manager };
        place.write("schedules.yaml", schedules);
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_punctual"));
        command
            .args(arguments)
            .env_clear()
            .env("TZ", "UTC")
            .env("PUNCTUAL_CONFIG", self.path("schedules.yaml"))
            .env("PUNCTUAL_STATE_DIR", self.path("state"))
            .env("NOTIFY_SOCKET", self.path("notify"))
            .envs(std::env::var("PUNCTUAL_FAULT").map(|fault| ("PUNCTUAL_FAULT", fault)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Begins a daemon and waits until it says that it is ready.
    pub(crate) async fn daemon(&self) -> Child {
        let daemon = self.command(&["daemon"]).spawn().unwrap();
        // A daemon before it may have said more than anybody listened to.
        while !self.told().await.lines().any(|line| line == "READY=1") {}
        daemon
    }

    /// The next thing that the service manager hears.
    pub(crate) async fn told(&self) -> String {
        let mut buffer = [0_u8; 4096];
        let length = in_time("a word to the service manager", self.manager.recv(&mut buffer)).await.unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Output {
        in_time("the end of a command", self.command(arguments).output()).await.unwrap()
    }
}

pub(crate) fn signal(daemon: &Child, signal: Signal) {
    let id = daemon.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    kill_process(id.expect("a running process"), signal).unwrap();
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A file whose only schedule is not due while a test runs, on a connection that nobody answers at.
pub(crate) const QUIET: &str = "\
version: 1
connections:
  cloud:
    url: http://127.0.0.1:9/acme/acmeprod/orchestrator_
    auth: { grant: client_credentials, client_id: x, client_secret: \"file:secret\", scope: OR.Jobs }
schedules:
  yearly: { cron: \"0 0 29 2 *\", timezone: UTC, start: { process: Leap, folder: Shared } }
";

pub(crate) fn quiet() -> Place {
    let place = Place::new(QUIET);
    place.write("secret", "a-client-secret");
    place
}
