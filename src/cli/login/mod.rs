//! `punctual login`: what needs a person, done once.
//!
//! A refresh token comes from a browser login that this command leads: it prints the address, takes the code that comes back,
//! and has it exchanged and kept. Other secrets are typed, without being shown, or piped in. With a daemon running all of
//! that goes through its socket, so that its user owns the files and the token is tried at once.
//!
//! Nothing secret is printed, and none is an argument.

mod ask;
mod callback;
mod desk;
mod say;

use std::io::{IsTerminal, Read};
use std::process::{Command, Stdio};

use secrecy::zeroize::Zeroizing;

use super::args::{Global, LoginArgs};
use super::failure::{Exit, Failure};
use super::output::Out;
use super::token;
use crate::auth::refused_page;
use crate::clock::Clock;
use crate::secret::{Purpose, Secret, written};
use crate::web::{Begun, LoginNeed, TokenReport};
use callback::{Callback, Returned};
use desk::Desk;
use say::say;

/// Longest secret that is read from stdin.
const LONGEST: u64 = 64 * 1024;

/// As [`LoginNeed::secret`] has it.
const CLIENT_SECRET: &str = "client_secret";

/// How the person gives it.
enum How {
    /// The browser comes back to this machine.
    Loopback,
    /// The address of the last page is pasted.
    Paste,
    /// At the terminal, not shown.
    Ask,
    /// Piped in.
    Stdin,
}

pub(super) async fn run(global: &Global, args: &LoginArgs, clock: &Clock, out: &mut Out) -> Result<Exit, Failure> {
    let desk = Desk::find(global, &args.connection, clock).await?;
    let need = desk.need().await?;
    let report = if args.client_secret && need.secret != CLIENT_SECRET {
        if !need.client_secret {
            return Err(Failure::new(
                Exit::Usage,
                format!("connection `{}` keeps no client secret with its `{}`", need.connection, need.secret),
            )
            .hint("leave `--client-secret` out; where the file has a `client_secret`, take that out to keep it here"));
        }
        let secret = typed(args, &need.connection, CLIENT_SECRET)?;
        desk.keep(CLIENT_SECRET, secret).await?
    } else {
        refuse_if_read_elsewhere(&need)?;
        match how(args, &need) {
            How::Ask | How::Stdin => {
                let secret = typed(args, &need.connection, &need.secret)?;
                desk.keep(&need.secret, secret).await?
            }
            How::Paste => pasted(&desk, args, &need).await?,
            How::Loopback => by_browser(&desk, args, &need, clock).await?,
        }
    };
    end(&report, &desk, args, clock, out)
}

fn how(args: &LoginArgs, need: &LoginNeed) -> How {
    match need.way.as_str() {
        _ if args.stdin => How::Stdin,
        _ if args.ask => How::Ask,
        "loopback" if !args.paste => How::Loopback,
        "loopback" | "page" => How::Paste,
        _ => How::Ask,
    }
}

fn refuse_if_read_elsewhere(need: &LoginNeed) -> Result<(), Failure> {
    let Some(reference) = &need.read_from else { return Ok(()) };
    let LoginNeed { connection, secret, .. } = need;
    let message =
        format!("connection `{connection}` reads its `{secret}` from `{reference}`, so a login would not be used");
    Err(Failure::new(Exit::Usage, message)
        .hint(format!("take `{secret}` out of the connection's `auth`, so that what the login keeps is used; or write the new one there")))
}

/// A secret from the terminal or from stdin.
fn typed(args: &LoginArgs, connection: &str, secret: &str) -> Result<Secret, Failure> {
    if args.stdin {
        let mut bytes = Zeroizing::new(Vec::new());
        let read = std::io::stdin().take(LONGEST).read_to_end(&mut bytes);
        read.map_err(|cause| Failure::new(Exit::Usage, format!("failed to read the secret from stdin: {cause}")))?;
        return tidy(&bytes, secret);
    }
    let name = match secret {
        CLIENT_SECRET => "client secret",
        "refresh_token" => "refresh token or user key",
        "password" => "password",
        _ => "personal access token",
    };
    tidy(ask::hidden(&format!("The {name} of connection `{connection}` (not shown): "))?.expose().as_bytes(), secret)
}

/// What was typed or piped in, as it is meant; says what may not be meant.
fn tidy(bytes: &[u8], secret: &str) -> Result<Secret, Failure> {
    let Some(kind) = Purpose::of_key(secret) else {
        return Err(Failure::new(Exit::Fault, "no such kind of secret; please report this"));
    };
    let written =
        written(bytes, kind).map_err(|why| Failure::new(Exit::Usage, format!("what was given as {kind} is {why}")))?;
    for oddity in &written.odd {
        say(&format!("Note: {oddity}; it is kept so."));
    }
    Ok(written.secret)
}

/// The browser comes back to a port of this machine.
async fn by_browser(desk: &Desk, args: &LoginArgs, need: &LoginNeed, clock: &Clock) -> Result<TokenReport, Failure> {
    // Before the login is begun: its address holds the port.
    let callback = Callback::listen(args.port).await?;
    let begun = desk.begin(callback.port()).await?;
    say(&format!(
        "Log in for connection `{}` with a browser on this machine:\n\n  {}\n",
        need.connection, begun.authorize_url
    ));
    say(&format!(
        "The external application must have the redirect address {} (Admin > External applications; `--port` for another port).",
        begun.redirect
    ));
    if !args.no_browser {
        open_browser(&begun.authorize_url);
    }
    say("Waiting for the browser. On a machine without one, end this with Ctrl-C and use `--paste`.");
    let code = match callback.wait(&begun.state, clock).await? {
        Returned::Code(code) => code,
        Returned::Error { error, description } => {
            return Err(page_failure(need, &begun, &error, description.as_deref()));
        }
    };
    desk.finish(&begun.state, code).await
}

/// A person copies the address of the last page.
async fn pasted(desk: &Desk, args: &LoginArgs, need: &LoginNeed) -> Result<TokenReport, Failure> {
    let begun = desk.begin(args.port).await?;
    say(&format!("Log in for connection `{}` with any browser:\n\n  {}\n", need.connection, begun.authorize_url));
    if need.way == "loopback" {
        say(&format!(
            "The external application must have the redirect address {} (Admin > External applications).\nThe browser ends at a page that it cannot open: copy its whole address, {}?code=…",
            begun.redirect, begun.redirect
        ));
    } else {
        say(&format!(
            "The browser ends at {}: copy the whole address of that page.\nEasier, where Orchestrator's page API Access shows a user key: end this, and give that with `--ask`.",
            begun.redirect
        ));
        if !args.no_browser {
            open_browser(&begun.authorize_url);
        }
    }
    let text = if std::io::stdin().is_terminal() {
        ask::hidden("Paste it here (not shown): ")?
    } else {
        let mut text = String::new();
        let read = std::io::stdin().read_line(&mut text);
        read.map_err(|cause| Failure::new(Exit::Usage, format!("failed to read from stdin: {cause}")))?;
        Secret::new(text)
    };
    let code = match callback::read_pasted(text.expose(), &begun.state, &begun.redirect)? {
        Returned::Code(code) => code,
        Returned::Error { error, description } => {
            return Err(page_failure(need, &begun, &error, description.as_deref()));
        }
    };
    desk.finish(&begun.state, code).await
}

fn page_failure(need: &LoginNeed, begun: &Begun, error: &str, description: Option<&str>) -> Failure {
    let cause = refused_page(&need.connection, error, description, &begun.redirect);
    desk::login_failure(&cause)
}

/// Best effort: the address has been printed.
fn open_browser(url: &str) {
    let display =
        ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    if display {
        let opened =
            Command::new("xdg-open").arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        drop(opened);
    }
}

/// How the token stands now is the end of every login. One that was refused has not come here: it is not kept.
fn end(report: &TokenReport, desk: &Desk, args: &LoginArgs, clock: &Clock, out: &mut Out) -> Result<Exit, Failure> {
    token::show(report, args.output, clock.now(), out)?;
    out.flush()?;
    let nobody_renews = desk.nobody_renews();
    let (said, exit) = match report.state.as_str() {
        "valid" if nobody_renews.is_none() => ("Kept; the daemon renews it by itself from here on.", Exit::Fine),
        "valid" => ("Kept.", Exit::Fine),
        "unavailable" | "starting" | "refreshing" | "unsaved" if nobody_renews.is_none() => {
            ("Kept, but there is no token yet; it is tried again by itself.", Exit::Unreachable)
        }
        "unavailable" | "starting" | "refreshing" | "unsaved" => {
            ("Kept, but there is no token yet; the server could not be asked.", Exit::Unreachable)
        }
        _ => ("Kept, but it gives no token yet: see above what is missing.", Exit::Refused),
    };
    say(said);
    if let Some(told) = nobody_renews {
        say(&told);
    }
    Ok(exit)
}
