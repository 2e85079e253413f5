//! Calls at the control socket of a real daemon.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use punctual::clock::Clock;
use rustix::process::Signal;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};

#[path = "../support/place.rs"]
mod daemon;

pub(crate) use daemon::{FINE, HELD, Place, QUIET, USAGE, in_time, quiet, signal, text};

pub(crate) const NOT_REACHABLE: i32 = 3;

/// The user and group of whoever is nobody.
pub(crate) const NOBODY: u32 = 65534;

impl Place {
    pub(crate) fn socket(&self) -> PathBuf {
        self.path("state/punctual.sock")
    }

    /// Runs a command again and again until `reached` finds something in what it prints. Between two looks the processor is
    /// left to the daemon that is waited for.
    pub(crate) async fn until<T>(&self, what: &str, arguments: &[&str], reached: impl Fn(&Output) -> Option<T>) -> T {
        let clock = Clock::system();
        let found = async {
            loop {
                if let Some(found) = reached(&self.run(arguments).await) {
                    break found;
                }
                clock.sleep(Duration::from_millis(100)).await;
            }
        };
        in_time(what, found).await
    }

    /// Opens a file of the place to others.
    pub(crate) fn open(&self, name: &str, mode: u32) {
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Lets others reach the folders, and a copy of the program: the build folder may be closed to them.
    pub(crate) async fn open_folders(&self) {
        self.open("", 0o755);
        self.open("state", 0o755);
        // By a program of its own: while this one writes a file, a child that another test begins holds it open for writing too, and
        // what is open for writing cannot be run.
        let mut copy = Command::new("cp");
        copy.arg(env!("CARGO_BIN_EXE_punctual")).arg(self.path("punctual"));
        assert!(in_time("a copy", copy.status()).await.unwrap().success());
        self.open("punctual", 0o755);
    }

    /// Runs a command as a user who owns nothing and is nobody's friend.
    pub(crate) async fn as_nobody(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(self.path("punctual"));
        command.args(arguments).arg("--socket").arg(self.socket()).env_clear().env("TZ", "UTC").current_dir("/");
        command.stdin(Stdio::null()).uid(NOBODY).gid(NOBODY);
        in_time("the end of a command", command.output()).await.unwrap()
    }

    /// A request at the socket, by hand; gives status and body.
    pub(crate) async fn call(&self, request: &str) -> (u16, Value) {
        let answer = self.answer(request).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no HTTP: {answer}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap_or_else(|_| panic!("no JSON: {answer}")))
    }

    /// The same, all that comes back.
    pub(crate) async fn answer(&self, request: &str) -> String {
        let mut stream = UnixStream::connect(self.socket()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        in_time("an answer", stream.read_to_end(&mut answer)).await.unwrap();
        String::from_utf8(answer).unwrap()
    }
}

/// Ends a daemon softly.
pub(crate) async fn stop(daemon: Child) -> Output {
    signal(&daemon, Signal::TERM);
    let end = in_time("the end of the daemon", daemon.wait_with_output()).await.unwrap();
    assert_eq!(end.status.code(), Some(FINE), "{}", text(&end.stderr));
    end
}

pub(crate) fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}{}", text(&output.stdout), text(&output.stderr)))
}
