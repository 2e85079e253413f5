//! `punctual status`: how the daemon, its connections and its runs stand.
//!
//! Without a daemon the files tell what they can, and the exit code is 3: a monitor that looks at nothing else must notice.

use jiff::Timestamp;
use owo_colors::OwoColorize;

use super::args::{Global, ObjectFormat, StatusArgs};
use super::client::Client;
use super::failure::{Exit, Failure};
use super::given::Given;
use super::grid::Tint;
use super::output::{Out, first_line, plain};
use super::{status_runs, times};
use crate::auth::at_rest;
use crate::clock::Clock;
use crate::history::{History, HistoryError};
use crate::run::{Pause, RunState};
use crate::schedule::load;
use crate::text::{counted, either, in_columns};
use crate::web::{ConnectionStatus, Need, NextTime, PauseLine, PoolLine, Scope, SkipLine, Status, TokenReport, gather};
use crate::wiring;

pub(super) async fn run(global: &Global, args: &StatusArgs, clock: &Clock, out: &mut Out) -> Result<Exit, Failure> {
    let (status, exit) = match Client::find(global).await? {
        Some(client) => {
            let status = client.get::<Status>("/status").await?;
            let exit = if status.act_on.is_empty() { Exit::Fine } else { Exit::Found };
            (status, exit)
        }
        None => (from_files(global, clock).await?, Exit::NotReachable),
    };
    match args.output {
        ObjectFormat::Json => {
            let text = serde_json::to_string_pretty(&status);
            out.line(text.map_err(|cause| Failure::new(Exit::Fault, cause.to_string()))?)?;
        }
        ObjectFormat::Table => print(&status, global, clock.now(), out)?,
    }
    Ok(exit)
}

/// What can be known without a daemon. Files with mistakes are left to `check`.
async fn from_files(global: &Global, clock: &Clock) -> Result<Status, Failure> {
    let loaded = load(&global.config_paths(), clock.now()).ok();
    let history = match History::open(&global.state_dir()).await {
        Ok(history) => Some(history),
        Err(HistoryError::Missing(_)) => None,
        Err(cause) => return Err(cause.into()),
    };
    let now = clock.now();
    let mut status =
        gather(loaded.as_ref().map(|loaded| &loaded.set), history.as_ref(), &global.state_dir(), now).await?;
    if loaded.is_none() {
        status.act_on.push("files".to_owned());
    }
    if let Some(loaded) = &loaded {
        for (line, connection) in status.connections.iter_mut().zip(loaded.set.connections.values()) {
            let token = at_rest(&wiring::credential(connection), &global.tokens_dir(), clock);
            line.token = Some(TokenReport::new(&line.connection, &token));
        }
    }
    if let Some(history) = history {
        history.close().await;
    }
    Ok(status)
}

fn print(status: &Status, global: &Global, now: Timestamp, out: &mut Out) -> Result<(), Failure> {
    match &status.daemon {
        Some(daemon) => {
            let began = times::local_text(&daemon.started_at);
            let schedules = usize::try_from(daemon.schedules).unwrap_or(usize::MAX);
            out.line(format!(
                "{} since {began} (pid {}, version {}), {}",
                "running".green(),
                daemon.pid,
                daemon.version,
                counted(schedules, "schedule")
            ))?;
            if !daemon.reconciled {
                out.line("The runs that were open at the start are being read again.")?;
            }
        }
        None => {
            let sockets = global.sockets();
            let places = either(sockets.iter().map(|socket| socket.display()));
            out.line(format!("{}: nobody answers at {places}", "no daemon".red()))?;
            out.line(
                "What follows is what its files say. Start it with `punctual daemon`, or `systemctl start punctual`.",
            )?;
        }
    }
    if !status.act_on.is_empty() {
        out.line(format!("{}: {}", "needs a person".red().bold(), plain(&status.act_on.join(", "))))?;
    }
    if let Some(trouble) = status.trouble.as_deref().map(|trouble| first_told(trouble, &status.connections)) {
        out.line(format!("{}: {trouble}", "trouble".red().bold()))?;
    }
    let given = Given::of(global);
    needs(&status.needs, &given, out)?;
    let daemon = if status.daemon.is_some() { Asked::Daemon } else { Asked::Files };
    connections(&status.connections, daemon, now, out)?;
    pauses(&status.pauses, &status.needs, out)?;
    skips(&status.skips, out)?;
    let open: Vec<_> = status.open.iter().map(|(state, count)| format!("{count} {state}")).collect();
    section("open runs", out)?;
    if open.is_empty() {
        out.line("  none")?;
    } else {
        out.line(format!("  {}", open.join(", ")))?;
        status_runs::open(status, now, out)?;
    }
    let pools: Vec<_> = status.pools.iter().filter(|pool| pool.running + pool.waiting > 0).map(fill).collect();
    if !pools.is_empty() {
        out.line(format!("  pools: {}", pools.join("; ")))?;
    }
    section(&format!("failed or missed since {}", times::local_text(&status.failed_since)), out)?;
    match status.failed {
        0 => out.line("  none")?,
        count => {
            status_runs::failing(status, out)?;
            let all = given.in_text("`punctual runs --failed --since yesterday`");
            out.line(format!("  each of the {count}: {all}"))?;
        }
    }
    due_next(&status.next, out)?;
    section("upkeep", out)?;
    let zones = &status.zone_database;
    out.line(format!(
        "  tz database  {} ({})",
        zones.version.as_deref().unwrap_or("of unknown version"),
        zones.source
    ))?;
    for chore in &status.chores {
        out.line(format!("  {:<11}  last succeeded {}", chore.name, times::local_text(&chore.last_ok_at)))?;
    }
    Ok(())
}

fn due_next(all: &[NextTime], out: &mut Out) -> Result<(), Failure> {
    section("due next", out)?;
    if all.is_empty() {
        out.line("  nothing")?;
    }
    for time in all {
        let due = times::local_text(&time.fire_at);
        let (at, note) = match (&time.note, &time.goes_at) {
            (None, _) => (due, String::new()),
            (Some(note), Some(goes_at)) => (times::local_text(goes_at), format!("  (due {due}; {})", plain(note))),
            // A daemon of an older version does not say when it goes.
            (Some(note), None) => (due, format!("  ({})", plain(note))),
        };
        out.line(format!("  {at}  {}{note}", plain(&time.schedule)))?;
    }
    Ok(())
}

/// A trouble is said once: one of a connection stands in its block.
fn first_told(trouble: &str, connections: &[ConnectionStatus]) -> String {
    let mut of = connections.iter().map(|line| format!("connection `{}`", line.connection));
    let told_below = of.find(|of| trouble.starts_with(&format!("{of}: ")));
    told_below.map_or_else(|| plain(trouble), |of| format!("{of}, see below"))
}

/// A pool that is in use.
fn fill(pool: &PoolLine) -> String {
    let PoolLine { pool, size, running, waiting } = pool;
    let waiting = if *waiting > 0 { format!(", {waiting} waiting") } else { String::new() };
    format!("{} {running} of {size}{waiting}", plain(pool))
}

/// The coming times that are skipped, by whom and why; nothing where none is.
fn skips(all: &[SkipLine], out: &mut Out) -> Result<(), Failure> {
    if all.is_empty() {
        return Ok(());
    }
    section("skipped coming times", out)?;
    for SkipLine { schedule, nominal_at, actor, reason } in all.iter().take(NEEDS) {
        let reason = reason.as_deref().map(|reason| format!(": {}", plain(first_line(reason)))).unwrap_or_default();
        out.line(format!(
            "  {}  {}, by {}{reason}",
            times::local_text(nominal_at),
            plain(schedule).yellow(),
            plain(actor)
        ))?;
    }
    more(all.len(), out)
}

fn more(all: usize, out: &mut Out) -> Result<(), Failure> {
    if let Some(hidden) = all.checked_sub(NEEDS).filter(|hidden| *hidden > 0) {
        out.line(format!("  {hidden} more: `punctual status -o json`"))?;
    }
    Ok(())
}

/// What is paused, by whom and why; nothing where nothing is. What we have paused stands above, for a person to mend.
fn pauses(all: &[PauseLine], needs: &[Need], out: &mut Out) -> Result<(), Failure> {
    let is_above = |pause: &PauseLine| {
        let Scope::Schedule(schedule) = &pause.scope else { return false };
        pause.actor == Pause::BY_US && needs.iter().any(|need| need.kind == "paused" && need.subject == *schedule)
    };
    let all: Vec<&PauseLine> = all.iter().filter(|pause| !is_above(pause)).collect();
    if all.is_empty() {
        return Ok(());
    }
    section("paused", out)?;
    for PauseLine { scope, actor, reason, since, until } in all.iter().copied().take(NEEDS) {
        let until = until.as_deref().map(|until| format!(" until {}", times::local_text(until))).unwrap_or_default();
        let reason = reason.as_deref().map(|reason| format!(": {}", plain(first_line(reason)))).unwrap_or_default();
        let scope = plain(&scope.to_string());
        let since = times::local_text(since);
        out.line(format!("  {}  since {since}{until}, by {}{reason}", scope.yellow(), plain(actor)))?;
    }
    more(all.len(), out)
}

/// First of all, and only when there is something.
fn needs(all: &[Need], given: &Given, out: &mut Out) -> Result<(), Failure> {
    if all.is_empty() {
        return Ok(());
    }
    section("for you to do", out)?;
    for need in all.iter().take(NEEDS) {
        let text = times::local_in(&plain(first_line(&need.text)));
        out.line(format!("  {}; then: {}", text.red(), given.in_text(&plain(&need.cure))))?;
    }
    more(all.len(), out)
}

/// Of what is for a person to do, and of pauses, so many are printed.
const NEEDS: usize = 20;

fn section(name: &str, out: &mut Out) -> Result<(), Failure> {
    out.line("")?;
    out.line(name.bold())?;
    Ok(())
}

/// Who told it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Daemon,
    Files,
}

fn connections(all: &[ConnectionStatus], asked: Asked, now: Timestamp, out: &mut Out) -> Result<(), Failure> {
    section("connections", out)?;
    if all.is_empty() {
        out.line("  none: the schedule files cannot be read; `punctual check` says why")?;
    }
    for one in all {
        let token_is_fine =
            one.token.as_ref().is_none_or(|token| matches!(token.state.as_str(), "valid" | "refreshing"));
        let reach = match &one.obstacle {
            // The token's own line says why.
            Some(obstacle) if obstacle.reason == "token" && !token_is_fine => "has no access token".red().to_string(),
            Some(obstacle) => format!("{}: {}", obstacle.reason.red(), plain(&obstacle.text)),
            // Only a daemon knows whether it answers.
            None if !one.troubles.is_empty() => "jobs cannot be read".red().to_string(),
            None if asked == Asked::Daemon && token_is_fine => "no trouble".green().to_string(),
            None => String::new(),
        };
        out.line(format!("  {}  {}  {reach}", one.connection.bold(), one.url).trim_end().to_owned())?;
        let until = one.obstacle.as_ref().filter(|obstacle| obstacle.reason != "token");
        if let Some(until) = until.and_then(|obstacle| obstacle.until.as_deref()) {
            out.line(format!("    tried again at {}", times::local_text(until)))?;
        }
        for trouble in &one.troubles {
            out.line(format!("    {}", plain(trouble)))?;
        }
        if !one.waiting.is_empty() {
            let waiting: Vec<_> = one.waiting.iter().map(|(reason, count)| waits(reason, *count)).collect();
            out.line(format!("    waiting: {}", waiting.join(", ")))?;
        }
        if let Some(token) = &one.token {
            out.line(format!("    token {}", told(token, now)))?;
            for line in notes(token) {
                out.line(format!("      {}", plain(&line)))?;
            }
        }
    }
    Ok(())
}

/// How many wait, and for what.
fn waits(reason: &str, count: u64) -> String {
    let known = RunState::from_names("waiting", Some(reason));
    let Some(RunState::Waiting(reason)) = known else { return format!("{count} for {}", plain(reason)) };
    format!("{count} {}", reason.for_what())
}

/// One line about a token, for `status` and `token status`.
pub(super) fn told(token: &TokenReport, now: Timestamp) -> String {
    let mut parts = vec![token_tint(&token.state).paint(&token.state)];
    let left = |text: &str| text.parse::<Timestamp>().ok().map(|at| at.duration_since(now));
    if let Some(expires) = token.expires_at.as_deref() {
        let passed = left(expires).is_some_and(|left| left.is_negative());
        parts.push(format!("{} {}", if passed { "expired" } else { "until" }, times::local_text(expires)));
    }
    if let Some(at) = token.next_try_at.as_deref() {
        let what = match token.state.as_str() {
            "valid" => "renewal at",
            _ => "next try at",
        };
        parts.push(format!("{what} {}", times::local_text(at)));
    }
    if let Some(age) = token.refresh_token_at.as_deref().and_then(left) {
        parts.push(format!("refresh token {} old", in_columns(-age)));
    }
    parts.join(", ")
}

/// What is wrong with a token, or will be, without the name that stands above it.
pub(super) fn notes(token: &TokenReport) -> Vec<String> {
    [&token.error, &token.warning].into_iter().flatten().cloned().collect()
}

fn token_tint(state: &str) -> Tint {
    match state {
        "valid" => Tint::Green,
        "starting" | "refreshing" => Tint::Cyan,
        "unavailable" => Tint::Yellow,
        _ => Tint::Red,
    }
}
