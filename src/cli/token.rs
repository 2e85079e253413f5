//! `punctual token`: how the access tokens stand, and a new one now.
//!
//! A running daemon is asked. Without one the command does it by itself: the lock on the token file keeps two processes from
//! using one refresh token, whoever they are (T11).

use jiff::Timestamp;

use super::args::{Global, ObjectFormat, TokenArgs, TokenCommand};
use super::client::Client;
use super::failure::{Exit, Failure};
use super::farewell::patiently;
use super::files::load_or_tell;
use super::here::{Here, refused};
use super::output::{Out, plain};
use super::status::{notes, told};
use crate::auth::{AuthUnavailable, TokenManager, TokenState, TokenStatus, at_rest};
use crate::clock::Clock;
use crate::web::TokenReport;
use crate::wiring;

pub(super) async fn run(global: &Global, args: &TokenArgs, clock: &Clock, out: &mut Out) -> Result<Exit, Failure> {
    let client = Client::find(global).await?;
    match &args.command {
        TokenCommand::Status { connection: None, output } => {
            let reports = match client {
                Some(client) => client.get::<Vec<TokenReport>>("/tokens").await?,
                None => all_at_rest(global, clock)?,
            };
            match output {
                ObjectFormat::Json => json(&reports, out)?,
                ObjectFormat::Table => {
                    for report in &reports {
                        print(report, clock.now(), out)?;
                    }
                }
            }
        }
        TokenCommand::Status { connection: Some(name), output } => {
            let report = match client {
                Some(client) => client.get::<TokenReport>(&format!("/tokens/{}", segment(name))).await?,
                None => {
                    let here = Here::find(global, name, clock)?;
                    TokenReport::new(name, &at_rest(&here.credential, &here.tokens_dir, clock))
                }
            };
            show(&report, *output, clock.now(), out)?;
        }
        TokenCommand::Refresh { connection, once, output } => {
            let report = match client {
                Some(client) => client.act(&format!("/tokens/{}/refresh", segment(connection)), &(), once).await?,
                None => {
                    let here = Here::find(global, connection, clock)?;
                    let refreshed = patiently(&here.exchanges, clock, async {
                        let manager = here.manager()?;
                        let refreshed = renewed(&manager).await;
                        manager.stop().await;
                        Ok::<_, Failure>(refreshed)
                    });
                    TokenReport::new(connection, &refreshed.await??.map_err(|cause| refused(&cause))?)
                }
            };
            show(&report, *output, clock.now(), out)?;
        }
    }
    Ok(Exit::Fine)
}

/// A manager that begins takes the token of the file, if that is good still: then the server has not been asked yet.
async fn renewed(manager: &TokenManager) -> Result<TokenStatus, AuthUnavailable> {
    let first = manager.look().await;
    match first.state {
        TokenState::Valid if first.taken_from_file == 0 => Ok(first),
        TokenState::Valid => manager.refresh().await,
        // Its renewal was due, and is under way: what is served meanwhile is the token of the file, and not the new one.
        TokenState::Refreshing if first.taken_from_file > 0 => manager.refresh().await,
        // It has just been sent, or a file said that it was refused before: a person's wish sends it all the same.
        TokenState::NeedsLogin if first.last_error_code.as_deref() == Some("refresh_token_spent") => {
            manager.refresh().await
        }
        TokenState::Starting
        | TokenState::Refreshing
        | TokenState::Unavailable
        | TokenState::NeedsLogin
        | TokenState::BadClient
        | TokenState::Unsaved
        | TokenState::AuthBroken => manager.token().await.map(|_| manager.status()),
    }
}

fn all_at_rest(global: &Global, clock: &Clock) -> Result<Vec<TokenReport>, Failure> {
    let loaded = load_or_tell(global, clock.now())?;
    let tokens_dir = global.tokens_dir();
    let report = |connection: &std::sync::Arc<crate::schedule::Connection>| {
        TokenReport::new(connection.name.as_str(), &at_rest(&wiring::credential(connection), &tokens_dir, clock))
    };
    Ok(loaded.set.connections.values().map(report).collect())
}

/// A connection's name as part of a path: whatever was typed must not become another call.
pub(super) fn segment(name: &str) -> String {
    let mut url = url::Url::parse("http://punctual").map(|mut url| {
        if let Ok(mut path) = url.path_segments_mut() {
            path.push(name);
        }
        url.path().trim_start_matches('/').to_owned()
    });
    url.as_mut().map(std::mem::take).unwrap_or_default()
}

pub(super) fn show(report: &TokenReport, format: ObjectFormat, now: Timestamp, out: &mut Out) -> Result<(), Failure> {
    match format {
        ObjectFormat::Json => json(report, out),
        ObjectFormat::Table => print(report, now, out),
    }
}

fn json(value: &impl serde::Serialize, out: &mut Out) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|cause| Failure::new(Exit::Fault, cause.to_string()))?;
    out.line(text)?;
    Ok(())
}

fn print(report: &TokenReport, now: Timestamp, out: &mut Out) -> Result<(), Failure> {
    out.line(format!("{}: {}", report.connection, told(report, now)))?;
    for line in notes(report) {
        out.line(format!("  {}", plain(&line)))?;
    }
    Ok(())
}
