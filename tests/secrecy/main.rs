//! No secret in any output: the real program at its most talkative, with every kind of secret, and a search through all
//! that it leaves behind or shows.
//!
//! What is secret is read off the wire, where a relay before the sandbox keeps everything raw; so the search knows each
//! access token and each rotated refresh token, too, and is shown to find them where they have to be.

#![expect(clippy::unwrap_used, reason = "a step that fails ends the test where it stands")]

mod encoders;
mod find;
mod forms;
mod login;
mod wire;
mod written;

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use find::Evidence;
use punctual::clock::Clock;
use punctual::sandbox::{Control, PasswordSpec, Sandbox, SandboxConfig};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use wire::Wire;

/// Far longer than anything here takes; a test that hangs fails with what it waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a person can write down about each kind of login; each works once the sandbox knows it.
/// Each holds what URLs, forms, JSON, HTML and shells write in another way.
const CLIENT_SECRET: &str = "marker-client&5b1f0a9c7d3e%41<x>\"q'\\@:/ é+5b1f0a9c";
const REFRESH_TOKEN: &str = "marker-refresh+0c92e7715ab4%&<x>\"q'\\@:/é=0c92e771";
const USER_KEY: &str = "marker-key/71aa3d0e88f2%&+<x>\"q'\\@:é-71aa3d0e";
const PASSWORD: &str = "marker-pass@4e5c2b90d1f7%&+<x>\"q'\\@:/ é#4e5c2b90";
/// It goes into a header as it is.
const PERSONAL_TOKEN: &str = "marker-personal:93d07c6be214%&+<x>\"q'\\@:/%41-93d07c6b";
/// Refused by a server that repeats it.
const WRONG_SECRET: &str = "marker-wrong\\2f8867ce01bd%&+<x>\"q'\\@:/ é?2f8867ce";
/// Of a proxy that is not there.
const PROXY_PASSWORD: &str = "marker-proxy%401d77a0c36be4@1d77a0c36be4/#x";

#[expect(clippy::disallowed_methods, reason = "a hanging test must fail; nothing of the product is dropped by it")]
async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// The sandbox with these logins.
fn config() -> SandboxConfig {
    let mut config = SandboxConfig::demo(Clock::system());
    let identity = &mut config.identity;
    identity.clients[0].secret = Some(CLIENT_SECRET.to_owned());
    identity.refresh_tokens[0].token = REFRESH_TOKEN.to_owned();
    identity.user_keys[0].key = USER_KEY.to_owned();
    identity.passwords = vec![PasswordSpec { username: "robot-starter".to_owned(), password: PASSWORD.to_owned() }];
    identity.personal_access_tokens = vec![PERSONAL_TOKEN.to_owned()];
    config
}

struct Place {
    folder: TempDir,
}

impl Place {
    fn new(origin: &str) -> Place {
        let place = Place { folder: tempfile::tempdir().unwrap() };
        for (name, secret) in [
            ("client-secret", CLIENT_SECRET),
            ("refresh-token", REFRESH_TOKEN),
            ("user-key", USER_KEY),
            ("password", PASSWORD),
            ("personal-token", PERSONAL_TOKEN),
            ("wrong-secret", WRONG_SECRET),
        ] {
            let path = place.path(name);
            std::fs::write(&path, secret).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        std::fs::write(place.path("schedules.yaml"), schedules(origin)).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn state(&self) -> PathBuf {
        self.path("state")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_punctual"));
        command
            .args(arguments)
            .env_clear()
            .env("PUNCTUAL_CONFIG", self.path("schedules.yaml"))
            .env("PUNCTUAL_STATE_DIR", self.state())
            .env("PUNCTUAL_LOG", everything())
            // As systemd hands credentials over.
            .env("CREDENTIALS_DIRECTORY", self.folder.path())
            .env("RUST_BACKTRACE", "full")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Runs a command to its end; what it said and how it could be seen from outside is evidence.
    async fn run(&self, arguments: &[&str], evidence: &mut Evidence) -> Output {
        let child = self.command(arguments).spawn().unwrap();
        let name = arguments.join(" ");
        look_at(&child, &name, evidence);
        let output = in_time(&name, child.wait_with_output()).await.unwrap();
        evidence.add(format!("stdout of `{name}`"), &output.stdout);
        evidence.add(format!("stderr of `{name}`"), &output.stderr);
        output
    }
}

/// A person's most talkative setting: every crate that is built in, at TRACE.
fn everything() -> String {
    let lock = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock")).unwrap();
    let names = lock.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
    let directives: BTreeSet<String> = names.map(|name| format!("{}=trace", name.replace('-', "_"))).collect();
    format!("trace,{}", directives.into_iter().collect::<Vec<_>>().join(","))
}

/// One connection for each kind of login, each with a schedule that starts a job every second.
fn schedules(origin: &str) -> String {
    let url = format!("{origin}/acme/acmeprod/orchestrator_");
    let scope = "scope: OR.Jobs OR.Execution.Read OR.Folders.Read";
    format!(
        "version: 1
connections:
  application:
    url: {url}
    auth: {{ grant: client_credentials, client_id: sandbox-client, client_secret: \"credential:client-secret\", {scope} }}
  early:
    url: {url}
    tenant: acmeprod
    auth: {{ grant: refresh_token, style: account, client_id: sandbox-account, refresh_token: \"file:user-key\" }}
  person:
    url: {url}
    auth: {{ grant: refresh_token, client_id: sandbox-client, client_secret: \"file:client-secret\", refresh_token: \"file:refresh-token\" }}
  password:
    url: {url}
    tenant: acmeprod
    auth: {{ grant: password, username: robot-starter, password: \"file:password\" }}
  personal:
    url: {url}
    auth: {{ grant: personal_access_token, token: \"file:personal-token\" }}
  browser:
    url: {url}
    auth: {{ grant: refresh_token, client_id: sandbox-client, client_secret: \"file:client-secret\", scope: OR.Jobs OR.Folders.Read offline_access }}
  typed:
    url: {url}
    tenant: acmeprod
    auth: {{ grant: password, username: robot-starter }}
  rude:
    url: {url}
    auth: {{ grant: client_credentials, client_id: sandbox-client, client_secret: \"file:wrong-secret\", {scope}, token_url: {origin}/rude/connect/token }}
  parrot:
    url: {origin}/parrot/acme/acmeprod/orchestrator_
    auth: {{ grant: personal_access_token, token: \"file:personal-token\" }}
defaults: {{ timezone: UTC, folder: Shared, overlap: allow }}
schedules:
  a: {{ connection: application, every: 1s, start: {{ process: InvoiceIntake, arguments: {{ source: mail }} }} }}
  b: {{ connection: early, every: 1s, start: {{ process: Heartbeat }} }}
  c: {{ connection: person, every: 1s, start: {{ process: LongReport }} }}
  d: {{ connection: password, every: 1s, start: {{ process: Flaky }} }}
  e: {{ connection: personal, every: 1s, start: {{ process: Payroll, folder: Finance }} }}
  f: {{ connection: rude, every: 1s, start: {{ process: CloseBooks, folder: Finance }} }}
  g: {{ connection: parrot, every: 1s, start: {{ process: Parrot }} }}
"
    )
}

/// The processes of the connections that can get another token, and of the one that has its token for ever.
const RENEWED: [&str; 4] = ["InvoiceIntake", "Heartbeat", "LongReport", "Flaky"];
const PERSONAL: &str = "Payroll";

/// What every user of the machine can see of a process, or its own user.
fn look_at(child: &Child, name: &str, evidence: &mut Evidence) {
    let Some(id) = child.id() else { return };
    for file in ["cmdline", "environ"] {
        // A command may have ended by now.
        let bytes = std::fs::read(format!("/proc/{id}/{file}")).unwrap_or_default();
        evidence.add(format!("{file} of `{name}`"), &bytes);
    }
}

/// A daemon whose log is kept as it comes.
struct Daemon {
    process: Child,
    log: watch::Receiver<String>,
    reader: JoinHandle<()>,
}

impl Daemon {
    fn begin(place: &Place, fault: Option<&str>) -> Daemon {
        let mut command = place.command(&["daemon", "--log-format", "json"]);
        if let Some(fault) = fault {
            command.env("PUNCTUAL_FAULT", fault);
        }
        let mut process = command.spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let (sender, log) = watch::channel(String::new());
        let reader = tokio::spawn(async move {
            while let Some(line) = lines.next_line().await.unwrap() {
                sender.send_modify(|log| log.extend([&line, "\n"]));
            }
        });
        Daemon { process, log, reader }
    }

    /// Asks it to end; what it said and how it could be seen from outside is evidence.
    async fn stop(mut self, evidence: &mut Evidence) {
        look_at(&self.process, "daemon", evidence);
        let id = self.process.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw).unwrap();
        kill_process(id, Signal::TERM).unwrap();
        let end = in_time("the end of the daemon", self.process.wait()).await.unwrap();
        in_time("the end of its log", self.reader).await.unwrap();
        assert_eq!(end.code(), Some(0), "{}", *self.log.borrow());
        evidence.add(LOG, self.log.borrow().as_bytes());
    }
}

/// The name of its place among the evidence.
const LOG: &str = "log of the daemon";

/// What the control socket answers, byte for byte.
async fn socket_answer(place: &Place, path: &str) -> Vec<u8> {
    let mut socket = UnixStream::connect(place.state().join("punctual.sock")).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: punctual\r\nconnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    in_time(path, socket.read_to_end(&mut answer)).await.unwrap();
    answer
}

async fn all_started(control: &Control, processes: &[&str], so_far: usize) {
    let started = |control: &Control| {
        let jobs = control.jobs();
        processes.iter().all(|name| jobs.iter().skip(so_far).any(|job| job.process == *name))
    };
    in_time("a job of each connection", control.wait_until(started)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_at_its_most_talkative_shows_no_secret_anywhere() {
    let sandbox = Sandbox::start(config()).await.unwrap();
    let control = sandbox.control();
    let base = sandbox.base_url();
    let (wire, origin) = Wire::before(base.split("/acme/").next().unwrap()).await;
    let place = Place::new(&origin);
    let mut evidence = Evidence::default();

    let daemon = Daemon::begin(&place, None);
    all_started(&control, &RENEWED, 0).await;
    all_started(&control, &[PERSONAL], 0).await;

    // Tokens that fail in use, and are renewed.
    let tokens = control.token_calls().len();
    control.revoke_tokens();
    in_time("new tokens", control.wait_until(|control| control.token_calls().len() >= tokens + RENEWED.len())).await;
    all_started(&control, &RENEWED, control.jobs().len()).await;
    login::by_browser(&place, "browser", &mut evidence).await;
    login::by_stdin(&place, "typed", PASSWORD, &mut evidence).await;
    for connection in ["application", "early", "person", "password", "personal", "browser", "typed", "rude", "parrot"] {
        place.run(&["token", "refresh", connection], &mut evidence).await;
    }
    // A login that is lost.
    control.revoke_refresh_tokens();
    control.revoke_tokens();

    let bundle = place.path("bundle");
    for arguments in [
        &["check"][..],
        &["next"],
        &["runs", "--limit", "100", "-o", "json"],
        &["runs", "--state", "waiting"],
        &["status"],
        &["status", "-o", "json"],
        &["token", "status"],
        &["doctor", "-v"],
        &["doctor", "-o", "json", "--bundle", bundle.to_str().unwrap()],
    ] {
        let output = place.run(arguments, &mut evidence).await;
        // 1 and 5: a fault was found, which is true of the connection with the wrong secret.
        assert!(matches!(output.status.code(), Some(0 | 1 | 5)), "{arguments:?}: {output:?}");
    }
    evidence.add("the doctor's bundle", &std::fs::read(&bundle).unwrap());
    // What was repeated is there, masked.
    let told = |name: &str, words: &[&str]| {
        let text = evidence.place(name);
        assert!(words.iter().all(|word| text.contains(word)), "{name} has not {words:?}: {text}");
    };
    told("stdout of `runs --limit 100 -o json`", &["Bearer", "[secret]", "1234"]);
    told("stdout of `status -o json`", &["no client with grant_type", "[secret]"]);
    for path in ["/api/v1/status", "/api/v1/tokens", "/api/v1/tokens/person", "/nothing"] {
        let answer = socket_answer(&place, path).await;
        assert!(answer.starts_with(b"HTTP/1.1 "), "{path}: {}", String::from_utf8_lossy(&answer));
        evidence.add(format!("answer of the socket to {path}"), &answer);
    }
    daemon.stop(&mut evidence).await;
    evidence.add_folder(&place.state(), Some("tokens"));
    behind_a_proxy(&place, &mut evidence).await;

    let mut secrets = wire.secrets();
    secrets.insert(PROXY_PASSWORD.to_owned());
    let found = evidence.hits(&secrets);
    assert_eq!(found, [""; 0], "{} secrets in {} places", secrets.len(), evidence.places());
    println!(
        "figure: {} secrets crossed the wire; in {} places with {} bytes: 0 of them",
        secrets.len(),
        evidence.places(),
        evidence.bytes()
    );

    // The search can find, and there was something to be found.
    let log = evidence.place(LOG);
    let others = ["hyper", "sqlx"].map(|name| log.contains(&format!("\"target\":\"{name}")));
    assert!(log.contains("\"level\":\"TRACE\"") && others.contains(&true), "it was not at its most talkative");
    let mut known = Evidence::default();
    known.add("the server's own log", wire.log().as_bytes());
    for marker in [CLIENT_SECRET, REFRESH_TOKEN, USER_KEY, PASSWORD, PERSONAL_TOKEN, WRONG_SECRET] {
        let one = BTreeSet::from([marker.to_owned()]);
        assert!(secrets.contains(marker), "{marker} was never used");
        assert!(!known.hits(&one).is_empty(), "{marker} is not in the server's own log");
    }
    let mut kept = Evidence::default();
    kept.add_folder(&place.state().join("tokens"), None);
    assert!(!kept.hits(&secrets).is_empty(), "the rotated refresh token is in its file");
    sandbox.stop().await;
}

/// Proxy variables as people write them: the password is not encoded, and no server is reached.
async fn behind_a_proxy(place: &Place, evidence: &mut Evidence) {
    let far = "version: 1
connections:
  far:
    url: https://orchestrator.invalid/acme/prod/orchestrator_
    auth: { grant: client_credentials, client_id: sandbox-client, client_secret: \"file:client-secret\", scope: OR.Jobs }
schedules: { a: { connection: far, timezone: UTC, every: 1h, start: { process: A, folder: Shared } } }
";
    std::fs::write(place.path("far.yaml"), far).unwrap();
    for value in [
        format!("http://user:{PROXY_PASSWORD}@127.0.0.1:9"),
        format!("user:{PROXY_PASSWORD}@127.0.0.1:9"),
        format!("http://{PROXY_PASSWORD}@proxy.invalid:9"),
        "http://user:x@1d77a0c36be4@127.0.0.1:9".to_owned(),
    ] {
        for arguments in
            [&["doctor", "-v"][..], &["doctor", "-o", "json"], &["check", "--online"], &["token", "refresh", "far"]]
        {
            let mut command = place.command(arguments);
            command.env("PUNCTUAL_CONFIG", place.path("far.yaml")).env("HTTPS_PROXY", &value);
            command.env("PUNCTUAL_STATE_DIR", place.path("far-state"));
            let output = in_time("a command behind a proxy", command.output()).await.unwrap();
            assert_ne!(output.status.code(), Some(0), "{output:?}");
            evidence.add(format!("stdout of {arguments:?} behind a proxy"), &output.stdout);
            evidence.add(format!("stderr of {arguments:?} behind a proxy"), &output.stderr);
        }
    }
    let said = evidence.place("stdout of [\"doctor\", \"-v\"] behind a proxy");
    assert!(said.contains("percent-encode"), "{said}");
}

/// A panic's text and its backtrace are for everybody's eyes: a service manager keeps them, people paste them into reports.
#[cfg(feature = "faults")]
#[tokio::test(flavor = "multi_thread")]
async fn a_panic_with_every_secret_at_hand_shows_none() {
    const PANIC: &str = "broken on purpose, with";
    let sandbox = Sandbox::start(config()).await.unwrap();
    let (wire, origin) = Wire::before(sandbox.base_url().split("/acme/").next().unwrap()).await;
    let place = Place::new(&origin);
    let mut evidence = Evidence::default();

    let mut daemon = Daemon::begin(&place, Some(punctual::faults::PANIC_WITH_TOKEN));
    // Each but the personal token has to be asked for.
    let asking = RENEWED.len() + 1;
    let all = daemon.log.wait_for(|log| log.matches(PANIC).count() >= asking);
    drop(in_time("a panic of each connection", all).await.unwrap());
    daemon.stop(&mut evidence).await;
    evidence.add_folder(&place.state(), Some("tokens"));

    let secrets = wire.secrets();
    for marker in [CLIENT_SECRET, REFRESH_TOKEN, USER_KEY, PASSWORD, WRONG_SECRET] {
        assert!(secrets.contains(marker), "{marker} was never used");
    }
    assert_eq!(evidence.hits(&secrets), [""; 0]);
    let log = evidence.place(LOG);
    assert!(log.contains("[secret]") && log.contains("stack backtrace"), "the panic shows what was at hand");
    sandbox.stop().await;
}
