//! `punctual login` and `punctual token`, with the real program, a real daemon or none, and the sandbox as identity server.
//!
//! The browser is played by a few lines of HTTP that follow the printed address.

use std::process::Stdio;

use punctual::clock::Clock;
use punctual::sandbox::{Sandbox, SandboxConfig};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::Child;
use url::Url;

use super::place::{FINE, Place, USAGE, in_time, json, stop, text};

const UNREACHABLE: i32 = 4;
const REFUSED: i32 = 5;
const HELD: i32 = 75;

/// What a login gives out or takes in; none of it may be printed.
const SECRETS: [&str; 7] = [
    "sandbox-rt-",
    "sandbox-at-",
    "sandbox-code-",
    "sandbox-user-key",
    "sandbox-secret",
    "sandbox-password",
    "sandbox-personal-access-token",
];

const IDENTITY: &str =
    "grant: refresh_token, client_id: sandbox-client, scope: OR.Jobs OR.Folders.Read OR.Execution.Read";
const ACCOUNT: &str = "grant: refresh_token, style: account, client_id: sandbox-account";
const APPLICATION: &str =
    "grant: client_credentials, client_id: sandbox-client, scope: OR.Jobs OR.Folders.Read OR.Execution.Read";

async fn sandbox() -> Sandbox {
    Sandbox::start(SandboxConfig::demo(Clock::system())).await.unwrap()
}

fn place(sandbox: &Sandbox, auth: &str) -> Place {
    Place::new(&format!(
        "version: 1\nconnections:\n  uipath:\n    url: {}\n    tenant: acmeprod\n    auth: {{ {auth} }}\nschedules:\n  \
         yearly: {{ cron: \"0 0 29 2 *\", timezone: UTC, start: {{ process: Heartbeat, folder: Shared }} }}\n",
        sandbox.base_url()
    ))
}

/// A login under way.
struct Begun {
    child: Child,
    stderr: BufReader<tokio::process::ChildStderr>,
    said: String,
}

impl Begun {
    async fn new(place: &Place, arguments: &[&str]) -> Begun {
        let mut command = place.command(arguments);
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Begun { child, stderr, said: String::new() }
    }

    /// The address that is printed for the browser.
    async fn address(&mut self) -> Url {
        self.until(|line| Url::parse(line.trim()).ok()).await
    }

    async fn until<T>(&mut self, found: impl Fn(&str) -> Option<T>) -> T {
        let lines = async {
            loop {
                let mut line = String::new();
                let read = self.stderr.read_line(&mut line).await.unwrap();
                self.said.push_str(&line);
                assert!(read > 0, "the command ended: {}", self.said);
                if let Some(found) = found(&line) {
                    return found;
                }
            }
        };
        in_time("a line", lines).await
    }

    /// Its exit code, what it printed, and what it said.
    async fn end(mut self) -> (Option<i32>, String, String) {
        let mut rest = String::new();
        in_time("the end of what it says", self.stderr.read_to_string(&mut rest)).await.unwrap();
        let end = in_time("the end of the login", self.child.wait_with_output()).await.unwrap();
        let (out, said) = (text(&end.stdout), self.said + &rest);
        for secret in SECRETS {
            assert!(!out.contains(secret) && !said.contains(secret), "`{secret}` was printed:\n{out}{said}");
        }
        (end.status.code(), out, said)
    }
}

/// One GET, as a browser would send it; gives status, the address it is sent on to, and the page.
async fn visit(url: &Url) -> (u16, Option<Url>, String) {
    visit_as(url, &format!("localhost:{}", url.port().unwrap())).await
}

async fn visit_as(url: &Url, host: &str) -> (u16, Option<Url>, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", url.port().unwrap())).await.unwrap();
    let target = format!("{}?{}", url.path(), url.query().unwrap_or_default());
    let request = format!("GET {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    in_time("a page", stream.read_to_string(&mut answer)).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let location = answer.lines().find_map(|line| line.strip_prefix("location: "));
    (status, location.map(|to| Url::parse(to).unwrap()), answer)
}

/// The person agrees: where the browser is sent back to.
async fn agree(address: &Url) -> Url {
    let (status, back, page) = visit(address).await;
    assert_eq!(status, 302, "{page}");
    back.unwrap()
}

fn with(url: &Url, changes: &[(&str, &str)]) -> Url {
    let mut pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    for (name, value) in changes {
        pairs.retain(|(other, _)| other != name);
        pairs.push(((*name).to_owned(), (*value).to_owned()));
    }
    let mut url = url.clone();
    url.query_pairs_mut().clear().extend_pairs(pairs);
    url
}

async fn token(place: &Place) -> Value {
    json(&place.run(&["token", "status", "uipath", "-o", "json"]).await)
}

async fn with_stdin(place: &Place, arguments: &[&str], input: &str) -> (Option<i32>, String, String) {
    let mut begun = Begun::new(place, arguments).await;
    let mut stdin = begun.child.stdin.take().unwrap();
    // It may have ended already, with a sentence that the caller reads.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    begun.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_login_gives_the_running_daemon_its_token() {
    let sandbox = sandbox().await;
    let place = place(&sandbox, IDENTITY);
    let daemon = place.daemon().await;
    let before = in_time("the first attempt", async {
        loop {
            let report = token(&place).await;
            if report["state"] != "starting" {
                break report;
            }
        }
    })
    .await;
    assert_eq!(before["state"], "needs_login", "{before:#}");
    assert!(before["error"].as_str().unwrap().contains("run `punctual login uipath`"), "{before:#}");
    let status = place.run(&["status", "-o", "json"]).await;
    assert_eq!((status.status.code(), &json(&status)["act_on"]), (Some(1), &serde_json::json!(["token"])));

    let mut login = Begun::new(&place, &["login", "uipath", "--no-browser", "--port", "0"]).await;
    let address = login.address().await;
    let query: std::collections::HashMap<_, _> = address.query_pairs().into_owned().collect();
    assert!(address.path().ends_with("/identity_/connect/authorize"), "{address}");
    assert_eq!(query["response_type"], "code");
    assert_eq!(query["code_challenge_method"], "S256");
    assert_eq!(query["scope"], "OR.Jobs OR.Folders.Read OR.Execution.Read offline_access");
    assert!(query["state"].len() >= 43 && query["code_challenge"].len() == 43, "{address}");
    let back = agree(&address).await;
    assert!(back.as_str().starts_with(&query["redirect_uri"]), "{back}");

    // Neither another login's state, nor another site's name, nor another path ends the wait.
    let (status, _, page) = visit(&with(&back, &[("state", "another")])).await;
    assert!(status == 400 && page.contains("belongs to another login"), "{page}");
    let (status, _, page) = visit_as(&back, "attacker.example").await;
    assert_eq!(status, 421, "{page}");
    let mut elsewhere = back.clone();
    elsewhere.set_path("/favicon.ico");
    assert_eq!(visit(&elsewhere).await.0, 404);

    let (status, _, page) = visit(&back).await;
    assert!(status == 200 && page.contains("You may close this window"), "{page}");
    assert!(page.contains("content-security-policy: default-src 'none'") && !page.contains("<script"), "{page}");
    assert!(!page.contains("sandbox-code-"), "the page repeats the code: {page}");
    let (code, out, said) = login.end().await;
    assert_eq!(code, Some(FINE), "{said}");
    assert!(out.starts_with("uipath: valid, until "), "{out}");
    assert!(said.contains("still waiting for this one"), "{said}");
    assert_eq!(token(&place).await["state"], "valid");
    assert_eq!(place.run(&["status"]).await.status.code(), Some(FINE));

    let log = text(&stop(daemon).await.stderr);
    assert!(log.contains("login `uipath`"), "{log}");
    assert_eq!(audit(&place).await, [("login".to_owned(), "uipath".to_owned(), "browser".to_owned())]);
    // A new daemon goes on with what was kept.
    let next = place.daemon().await;
    let status = place.run(&["token", "refresh", "uipath", "-o", "json"]).await;
    assert_eq!(json(&status)["state"], "valid", "{}", text(&status.stderr));
    stop(next).await;
    sandbox.stop().await;
}

#[expect(clippy::disallowed_methods, reason = "the table is read as any SQL tool reads it")]
async fn audit(place: &Place) -> Vec<(String, String, String)> {
    use sqlx::{Connection, Row};
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(place.path("state/punctual.db")).read_only(true);
    let mut connection = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    let rows = sqlx::query("select actor, action, subject, detail from audit order by seq").fetch_all(&mut connection);
    let rows = rows.await.unwrap();
    connection.close().await.unwrap();
    let own = rustix::process::geteuid().as_raw();
    for row in &rows {
        let actor: String = row.get(0);
        assert!(actor.ends_with(&format!("uid {own})")) || actor == format!("uid {own}"), "{actor}");
    }
    rows.iter().map(|row| (row.get(1), row.get(2), row.get(3))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_login_pages_refusal_is_told_with_its_cure() {
    let sandbox = sandbox().await;
    let place = place(&sandbox, IDENTITY);
    let mut login = Begun::new(&place, &["login", "uipath", "--no-browser", "--port", "0"]).await;
    let address = login.address().await;
    let back = agree(&address).await;
    let mut refusal = back.clone();
    refusal.set_query(None);
    let state = address.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    refusal
        .query_pairs_mut()
        .append_pair("error", "access_denied")
        .append_pair("error_description", "the user said no")
        .append_pair("state", &state);
    let (status, _, page) = visit(&refusal).await;
    assert!(status == 200 && page.contains("The login page refused"), "{page}");
    let (code, out, said) = login.end().await;
    assert_eq!((code, out.as_str()), (Some(REFUSED), ""), "{said}");
    assert!(
        said.contains("error: connection `uipath`: the login page answered `access_denied` (the user said no)"),
        "{said}"
    );
    assert!(said.contains("hint: agree in the browser, as a user who may use this application"), "{said}");
    sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_daemon_the_address_is_pasted_and_the_next_daemon_has_the_login() {
    let sandbox = sandbox().await;
    let place = place(&sandbox, IDENTITY);
    let mut login = Begun::new(&place, &["login", "uipath", "--paste"]).await;
    let back = agree(&login.address().await).await;
    assert_eq!(back.port(), Some(8400), "the address to register is fixed");
    let mut stdin = login.child.stdin.take().unwrap();
    stdin.write_all(format!("{back}\n").as_bytes()).await.unwrap();
    let (code, out, said) = login.end().await;
    assert_eq!(code, Some(FINE), "{said}");
    assert!(out.starts_with("uipath: valid, until "), "{out}");

    // What is at rest tells the same, and a second renewal uses the rotated token.
    let at_rest = token(&place).await;
    assert_eq!(at_rest["state"], "valid");
    let renewed = place.run(&["token", "refresh", "uipath", "-o", "json"]).await;
    assert_eq!(renewed.status.code(), Some(FINE), "{}", text(&renewed.stderr));
    assert_ne!(json(&renewed)["issued_at"], at_rest["issued_at"], "the token of the file was given back");
    let daemon = place.daemon().await;
    assert_eq!(in_time("a token", valid(&place)).await["state"], "valid");
    // A login while a daemon runs that is not found would be kept under its feet.
    let elsewhere = place.path("nowhere.sock").display().to_string();
    let (code, _, said) = with_stdin(&place, &["login", "uipath", "--stdin", "--socket", &elsewhere], "x").await;
    assert_eq!(code, Some(HELD), "{said}");
    assert!(said.contains("hint: name its socket with `--socket`"), "{said}");
    stop(daemon).await;
    sandbox.stop().await;
}

async fn valid(place: &Place) -> Value {
    loop {
        let report = token(place).await;
        if report["state"] == "valid" {
            return report;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pasted_address_of_another_login_and_a_code_that_is_spent_are_refused() {
    let sandbox = sandbox().await;
    let place = place(&sandbox, IDENTITY);
    let mut login = Begun::new(&place, &["login", "uipath", "--paste"]).await;
    let back = agree(&login.address().await).await;
    let foreign = with(&back, &[("state", "another")]);
    login.child.stdin.take().unwrap().write_all(format!("{foreign}\n").as_bytes()).await.unwrap();
    let (code, _, said) = login.end().await;
    assert_eq!(code, Some(USAGE), "{said}");
    assert!(said.contains("error: that address belongs to another login"), "{said}");

    let (code, _, said) = with_stdin(&place, &["login", "uipath", "--paste"], "spent-code-of-another-login\n").await;
    assert_eq!(code, Some(REFUSED), "{said}");
    assert!(
        said.contains("invalid_grant") && said.contains("hint: the code works once and for a few minutes"),
        "{said}"
    );
    assert!(!said.contains("spent-code"), "{said}");
    for (pasted, told) in
        [("", "nothing was pasted"), ("http://localhost:8400/callback", "there is no code in the address")]
    {
        let (code, _, said) = with_stdin(&place, &["login", "uipath", "--paste"], pasted).await;
        assert!(code == Some(USAGE) && said.contains(told), "{said}");
    }
    sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_a_code_or_an_address_is_refused_before_the_server_is_asked() {
    let sandbox = sandbox().await;
    let place = place(&sandbox, IDENTITY);
    let before = sandbox.control().token_calls().len();
    for (pasted, told) in [
        ("x", "too short for a code, and is no address"),
        ("0123456789", "too short for a code, and is no address"),
        ("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "is an access token, and neither an address nor a code"),
        ("two words", "neither an address nor a code"),
    ] {
        let (code, _, said) = with_stdin(&place, &["login", "uipath", "--paste"], &format!("{pasted}\n")).await;
        assert!(code == Some(USAGE) && said.contains(told), "{said}");
        assert!(said.contains("it begins with `http://localhost:8400/callback?` and holds `code=`"), "{said}");
    }
    assert_eq!(sandbox.control().token_calls().len(), before);
    sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_early_clouds_style_ends_at_its_own_page_and_is_pasted_to_the_daemon() {
    let sandbox = sandbox().await;
    let place = place(&sandbox, ACCOUNT);
    let daemon = place.daemon().await;
    let mut login = Begun::new(&place, &["login", "uipath"]).await;
    let address = login.address().await;
    let query: std::collections::HashMap<_, _> = address.query_pairs().into_owned().collect();
    assert_eq!(address.path(), "/authorize");
    assert_eq!(query["audience"], "https://orchestrator.cloud.uipath.com");
    assert_eq!(query["redirect_uri"], "https://account.uipath.com/mobile");
    assert_eq!(query["scope"], "openid profile offline_access email");
    assert!(query["nonce"].len() >= 43, "{address}");
    let back = agree(&address).await;
    login.child.stdin.take().unwrap().write_all(format!("{back}\n").as_bytes()).await.unwrap();
    let (code, out, said) = login.end().await;
    assert_eq!(code, Some(FINE), "{said}");
    assert!(out.starts_with("uipath: valid, until "), "{out}");
    // The user key itself, as its page shows it, is the other way.
    let (code, _, said) = with_stdin(&place, &["login", "uipath", "--stdin"], "sandbox-user-key\n").await;
    assert_eq!(code, Some(FINE), "{said}");
    stop(daemon).await;
    sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_taken_from_stdin_and_tried_at_once() {
    let sandbox = sandbox().await;
    let login = ["login", "uipath", "--stdin"];
    for (auth, wrong, right, told) in [
        (APPLICATION, "wrong-secret", "sandbox-secret", "invalid_client"),
        (
            "grant: password, username: sandbox-user",
            "wrong",
            "sandbox-password\n",
            "Invalid username/email address or password",
        ),
    ] {
        let place = place(&sandbox, auth);
        let daemon = place.daemon().await;
        let (code, out, said) = with_stdin(&place, &login, wrong).await;
        assert_eq!((code, out.as_str()), (Some(REFUSED), ""), "{said}");
        assert!(said.contains("error: Refused, so not kept: ") && said.contains(told), "{said}");
        let (code, out, said) = with_stdin(&place, &login, right).await;
        assert_eq!(code, Some(FINE), "{out}{said}");
        assert!(out.starts_with("uipath: valid, until "), "{out}");
        assert!(said.contains("Kept; the daemon renews it by itself from here on."), "{said}");
        // A slip of the hand costs nothing.
        let (code, _, said) = with_stdin(&place, &login, wrong).await;
        assert_eq!(code, Some(REFUSED), "{said}");
        assert!(said.contains("error: Refused, so not kept; the login from before stays: "), "{said}");
        let refresh = place.run(&["token", "refresh", "uipath"]).await;
        assert_eq!(refresh.status.code(), Some(FINE), "{}", text(&refresh.stderr));
        let (code, _, said) = with_stdin(&place, &login, "two\nlines").await;
        assert_eq!(code, Some(USAGE), "{said}");
        assert!(said.contains("more than one line"), "{said}");
        let log = text(&stop(daemon).await.stderr);
        assert!(!log.contains("sandbox-secret") && !log.contains("sandbox-password"), "{log}");
    }
    let place = place(&sandbox, "grant: personal_access_token");
    let (code, out, said) = with_stdin(&place, &login, "sandbox-personal-access-token").await;
    assert!(code == Some(FINE) && out.starts_with("uipath: valid"), "{out}{said}");
    // Nobody is there who could renew anything, and nobody is promised to.
    let socket = place.path("state/punctual.sock");
    assert!(said.contains(&format!("It is in the state folder `{}`", place.path("state").display())), "{said}");
    assert!(said.contains(&format!("no daemon answers at `{}`", socket.display())), "{said}");
    assert!(said.contains("systemctl start punctual`, then log in again"), "{said}");
    assert!(!said.contains("renews it by itself") && !said.contains("tried again by itself"), "{said}");
    let (code, _, said) = with_stdin(&place, &["login", "uipath"], "").await;
    assert_eq!(code, Some(USAGE), "{said}");
    assert!(said.contains("there is no terminal at which to ask"), "{said}");
    sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_would_not_be_used_is_refused_before_anything_is_asked() {
    let sandbox = sandbox().await;
    let place = place(&sandbox, &format!("{ACCOUNT}, refresh_token: \"file:user-key\""));
    place.write("user-key", "sandbox-user-key");
    let daemon = place.daemon().await;
    let (code, _, said) = with_stdin(&place, &["login", "uipath", "--stdin"], "sandbox-user-key").await;
    assert_eq!(code, Some(USAGE), "{said}");
    assert!(said.contains("error: connection `uipath` reads its `refresh_token` from `file:"), "{said}");
    let (code, _, said) = with_stdin(&place, &["login", "nobody", "--stdin"], "x").await;
    assert_eq!(code, Some(USAGE), "{said}");
    assert!(said.contains("error: the daemon has no connection `nobody`") && said.contains("it has: uipath"), "{said}");
    // A name is not a path.
    let (code, _, said) = with_stdin(&place, &["token", "status", "../status"], "").await;
    assert_eq!(code, Some(USAGE), "{said}");
    stop(daemon).await;
    let (code, _, said) = with_stdin(&place, &["login", "nobody", "--stdin"], "x").await;
    assert!(code == Some(USAGE) && said.contains("error: there is no connection `nobody`"), "{said}");
    sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_server_that_is_down_is_told_apart_from_one_that_refuses() {
    let sandbox = sandbox().await;
    let place = place(&sandbox, APPLICATION);
    sandbox.stop().await;
    let (code, out, said) = with_stdin(&place, &["login", "uipath", "--stdin"], "sandbox-secret").await;
    assert_eq!(code, Some(UNREACHABLE), "{out}{said}");
    assert!(said.contains("Kept, but there is no token yet; the server could not be asked."), "{said}");
    let refresh = place.run(&["token", "refresh", "uipath"]).await;
    assert_eq!(refresh.status.code(), Some(UNREACHABLE), "{}", text(&refresh.stderr));
    assert!(text(&refresh.stderr).contains("hint: check host and port"), "{}", text(&refresh.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_cannot_be_read_any_more_is_in_the_status_as_soon_as_the_files_are_read_again() {
    let sandbox = sandbox().await;
    let place = place(&sandbox, &format!("{APPLICATION}, client_secret: \"file:secret\""));
    place.write("secret", "sandbox-secret");
    let daemon = place.daemon().await;
    in_time("a token", valid(&place)).await;
    std::fs::remove_file(place.path("secret")).unwrap();
    assert_eq!(place.run(&["reload"]).await.status.code(), Some(FINE));
    let told = |wanted: &'static str| {
        place.until(wanted, &["status"], move |told| Some(text(&told.stdout)).filter(|status| status.contains(wanted)))
    };
    let status = told("no client secret: failed to read the secret in").await;
    assert!(status.contains("trouble: connection `uipath`") && status.contains("until "), "{status}");
    // It serves as long as it lives, and a secret that is there again is taken up by itself.
    place.write("secret", "sandbox-secret");
    assert!(!told("no trouble").await.contains("trouble: "));
    stop(daemon).await;
    sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_a_terminal_the_secret_is_asked_for_and_not_shown() {
    let sandbox = sandbox().await;
    let place = place(&sandbox, APPLICATION);
    let (mut terminal, theirs) = pty();
    let mut command = place.command(&["login", "uipath"]);
    let child = command.stdin(theirs.try_clone().unwrap()).stderr(theirs).spawn().unwrap();
    drop(command);
    let seen = tokio::task::spawn_blocking(move || {
        use std::io::{Read, Write};
        let mut seen = String::new();
        let mut buffer = [0_u8; 1024];
        // The other end is closed when the command ends: that is an error of its own on Linux.
        while let Ok(read) = terminal.read(&mut buffer) {
            if read == 0 {
                break;
            }
            let asked = seen.contains("(not shown): ");
            seen.push_str(&String::from_utf8_lossy(&buffer[..read]));
            if !asked && seen.contains("(not shown): ") {
                // Ctrl-U takes back what was typed wrongly, as a shell would.
                terminal.write_all(b"wrong\x15sandbox-secre\x7fet\r").unwrap();
            }
        }
        seen
    });
    let end = in_time("the end of the login", child.wait_with_output()).await.unwrap();
    let seen = in_time("what the terminal showed", seen).await.unwrap();
    assert_eq!(end.status.code(), Some(FINE), "{seen}");
    assert!(seen.contains("The client secret of connection `uipath` (not shown): "), "{seen}");
    assert!(!seen.contains("wrong") && !seen.contains("secre\u{7f}") && !seen.contains("sandbox-secret"), "{seen}");
    sandbox.stop().await;
}

/// Both ends of a terminal.
fn pty() -> (std::fs::File, std::fs::File) {
    use rustix::fs::OFlags;
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap();
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let theirs = rustix::fs::open(name, flags, rustix::fs::Mode::empty()).unwrap();
    (std::fs::File::from(ours), std::fs::File::from(theirs))
}

#[test]
fn the_login_page_is_found_from_the_token_endpoint() {
    use punctual::auth::{Credential, Login};
    use punctual::grant::Grant;
    use punctual::secret::SecretSource;
    let begin = |token_url: &str, account: bool| {
        let client_id = "id".to_owned();
        let grant = if account {
            Grant::RefreshTokenAccount { client_id, refresh_token: SecretSource::Kept }
        } else {
            let (client_secret, refresh_token) = (SecretSource::Kept, SecretSource::Kept);
            Grant::RefreshTokenIdentity { client_id, client_secret, refresh_token, scope: None }
        };
        let credential = Credential {
            connection: "x".to_owned(),
            grant,
            token_url: token_url.parse().unwrap(),
            tenant: None,
            authorities: None,
        };
        Login::begin(credential.into(), 8400).map(|login| {
            let mut url = login.authorize_url().clone();
            let scope = url.query_pairs().find(|(name, _)| name == "scope").unwrap().1.into_owned();
            url.set_query(None);
            (url.to_string(), scope)
        })
    };
    let identity = "OR.Jobs OR.Execution.Read OR.Folders.Read offline_access";
    let table = [
        // The browser of an organisation of the cloud logs in at the host.
        (
            "https://cloud.uipath.com/acme/identity_/connect/token",
            "https://cloud.uipath.com/identity_/connect/authorize",
        ),
        ("https://suite.example.com/identity_/connect/token", "https://suite.example.com/identity_/connect/authorize"),
        ("https://own.example.com/identity/connect/token", "https://own.example.com/identity/connect/authorize"),
        ("https://proxy.example.com/sso/token", "https://proxy.example.com/sso/authorize"),
    ];
    for (token_url, page) in table {
        assert_eq!(begin(token_url, false).unwrap(), (page.to_owned(), identity.to_owned()), "{token_url}");
    }
    let (page, scope) = begin("https://account.uipath.com/oauth/token", true).unwrap();
    assert_eq!(
        (page.as_str(), scope.as_str()),
        ("https://account.uipath.com/authorize", "openid profile offline_access email")
    );
    let odd = begin("https://own.example.com/identity/connect", false).unwrap_err();
    assert!(odd.to_string().contains("does not end with `/token`"), "{odd}");
    let open = begin("http://own.example.com/identity/connect/token", false).unwrap_err();
    assert!(open.to_string().contains("is not https"), "{open}");
}

#[test]
fn states_are_compared_whole() {
    use punctual::auth::same;
    assert!(same("abc", "abc") && same("", ""));
    for (one, other) in [("abc", "abd"), ("abc", "ab"), ("", "a"), ("abc", "abcd")] {
        assert!(!same(one, other), "{one} {other}");
    }
}
