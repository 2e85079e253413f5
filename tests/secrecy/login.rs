//! The two ways in which a person hands a secret to `punctual login` while a daemon runs: a browser, and stdin.

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

use super::find::Evidence;
use super::{Place, in_time, look_at};

/// Logs in with a browser that agrees to everything, and has the page that it ends on as evidence.
#[expect(clippy::disallowed_methods, reason = "the browser's own requests, in a test")]
pub(crate) async fn by_browser(place: &Place, connection: &str, evidence: &mut Evidence) {
    // Free a moment ago; that is as good as it gets.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let mut login = place.command(&["login", connection, "--no-browser", "--port", &port]).spawn().unwrap();
    let mut said = String::new();
    let mut lines = BufReader::new(login.stderr.take().unwrap()).lines();
    let url = loop {
        let line = in_time("the address of the login", lines.next_line()).await.unwrap();
        let Some(line) = line else { panic!("no address to log in at: {said}") };
        said.push_str(&line);
        if line.contains("/authorize?") {
            break line.trim().to_owned();
        }
    };
    let browser = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let sent_on = browser.get(&url).send().await.unwrap();
    let back = sent_on.headers()["location"].to_str().unwrap().to_owned();
    let page = browser.get(&back).send().await.unwrap().text().await.unwrap();
    look_at(&login, "login by browser", evidence);
    while let Some(line) = in_time("the end of the login", lines.next_line()).await.unwrap() {
        said.push_str(&line);
    }
    let end = in_time("the end of the login", login.wait_with_output()).await.unwrap();
    assert_eq!(end.status.code(), Some(0), "{said}");
    evidence.add("the page after the login", page.as_bytes());
    evidence.add("stdout of the login", &end.stdout);
    evidence.add("stderr of the login", said.as_bytes());
}

/// Gives a secret on stdin.
pub(crate) async fn by_stdin(place: &Place, connection: &str, secret: &str, evidence: &mut Evidence) {
    let mut command = place.command(&["login", connection, "--stdin"]);
    let mut login = command.stdin(std::process::Stdio::piped()).spawn().unwrap();
    let mut stdin = login.stdin.take().unwrap();
    stdin.write_all(secret.as_bytes()).await.unwrap();
    look_at(&login, "login by stdin", evidence);
    drop(stdin);
    let mut said = Vec::new();
    let mut stderr = login.stderr.take().unwrap();
    in_time("the words of the login", stderr.read_to_end(&mut said)).await.unwrap();
    let end = in_time("the end of the login", login.wait_with_output()).await.unwrap();
    assert_eq!(end.status.code(), Some(0), "{}", String::from_utf8_lossy(&said));
    evidence.add("stdout of the login by stdin", &end.stdout);
    evidence.add("stderr of the login by stdin", &said);
}
