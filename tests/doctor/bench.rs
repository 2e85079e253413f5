//! A sandbox, a folder with files, and the real program in it.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use punctual::clock::Clock;
use punctual::sandbox::{Control, FaultRule, Faults, Sandbox, SandboxConfig};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::support::{sandbox_config, write_secret, write_secrets};

pub(crate) struct Bench {
    pub(crate) sandbox: Sandbox,
    pub(crate) control: Control,
    pub(crate) folder: tempfile::TempDir,
}

/// What one examination came to.
pub(crate) struct Seen {
    pub(crate) exit: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// An application's login.
pub(crate) const CLIENT: &str = "{ grant: client_credentials, client_id: sandbox-client, client_secret: \"file:client-secret\", \
                                 scope: OR.Jobs OR.Execution.Read OR.Folders.Read }";

/// One schedule of a process that is there.
pub(crate) const SCHEDULE: &str =
    "  invoices: { cron: \"0 7 * * *\", timezone: UTC, start: { process: InvoiceIntake, folder: Shared } }\n";

/// A whole file.
pub(crate) fn file(url: &str, auth: &str, schedules: &str) -> String {
    format!("version: 1\nconnections:\n  main:\n    url: {url}\n    auth: {auth}\nschedules:\n{schedules}")
}

impl Bench {
    pub(crate) async fn new() -> Bench {
        Bench::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut SandboxConfig)) -> Bench {
        let mut config = sandbox_config(&Clock::system());
        change(&mut config);
        let sandbox = Sandbox::start(config).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        write_secrets(folder.path());
        Bench { control: sandbox.control(), sandbox, folder }
    }

    /// The usual file: one connection, one schedule.
    pub(crate) fn usual(&self) -> String {
        file(&self.sandbox.base_url(), CLIENT, SCHEDULE)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn secret(&self, name: &str, text: &str) {
        write_secret(&self.path(name), text);
    }

    pub(crate) fn faults(&self, rules: Vec<FaultRule>) {
        self.control.set_faults(Faults { rules });
    }

    /// Examines, with this file and these arguments.
    pub(crate) async fn doctor(&self, yaml: &str, arguments: &[&str]) -> Seen {
        self.doctor_in(yaml, arguments, &[]).await
    }

    /// The same with a changed environment.
    pub(crate) async fn doctor_in(&self, yaml: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Seen {
        std::fs::write(self.path("schedules.yaml"), yaml).unwrap();
        let mut all = vec!["doctor", "--state-dir", "state"];
        all.extend(arguments);
        run(self.folder.path(), &all, environment).await
    }

    /// Runs another command on this file.
    pub(crate) async fn run(&self, yaml: &str, arguments: &[&str]) -> Seen {
        std::fs::write(self.path("schedules.yaml"), yaml).unwrap();
        run(self.folder.path(), arguments, &[]).await
    }

    /// A real daemon on the same files, with its first token.
    pub(crate) async fn daemon(&self, yaml: &str) -> tokio::process::Child {
        std::fs::write(self.path("schedules.yaml"), yaml).unwrap();
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_punctual"));
        command.current_dir(self.folder.path()).stdin(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        command.env_remove("PUNCTUAL_CONFIG").env_remove("NOTIFY_SOCKET").env("NO_COLOR", "1");
        let mut daemon = command.args(["daemon", "--state-dir", "state"]).spawn().unwrap();
        let mut log = BufReader::new(daemon.stderr.take().unwrap()).lines();
        let mut said = String::new();
        while !said.contains("Got an access token") {
            let line = log.next_line().await.unwrap().unwrap_or_else(|| panic!("the daemon ended: {said}"));
            said.push_str(&line);
        }
        // Somebody must go on listening.
        tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
        daemon
    }

    /// The rows of an examination for programs.
    pub(crate) async fn rows(&self, yaml: &str) -> (i32, Vec<Value>) {
        let seen = self.doctor(yaml, &["-o", "json"]).await;
        (seen.exit, seen.rows())
    }
}

impl Seen {
    pub(crate) fn rows(&self) -> Vec<Value> {
        serde_json::from_str(&self.out).unwrap_or_else(|cause| panic!("{cause}: {}{}", self.out, self.err))
    }
}

/// The step of this name whose verdict is a fault or a doubt; else the first of the name.
pub(crate) fn step<'a>(rows: &'a [Value], name: &str) -> &'a Value {
    let mut of_name = rows.iter().filter(|row| row["step"] == name);
    let bad = of_name.clone().find(|row| row["verdict"] == "fault" || row["verdict"] == "doubt");
    bad.or_else(|| of_name.next()).unwrap_or_else(|| panic!("no step `{name}` in {rows:#?}"))
}

async fn run(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Seen {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_punctual"));
    command.current_dir(folder).stdin(Stdio::null()).env("TZ", "UTC").env("HOME", folder);
    for name in
        ["PUNCTUAL_CONFIG", "PUNCTUAL_STATE_DIR", "STATE_DIRECTORY", "XDG_STATE_HOME", "SSL_CERT_FILE", "SSL_CERT_DIR"]
    {
        command.env_remove(name);
    }
    for name in ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"] {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    command.env("NO_COLOR", "1").envs(environment.iter().copied());
    let output = command.args(arguments).output().await.unwrap();
    Seen {
        exit: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}
