//! `GET /status`: what the files tell, with what only a running daemon knows.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;

use super::answer::{Refusal, Why};
use super::control::{Control, Served};
use super::gather::gather;
use super::instant::instant;
use super::needs::{Need, act_on};
use super::status::{DaemonStatus, ObstacleStatus, Status, TokenReport};
use super::worst::{only_a_person, worst};
use crate::auth::TokenState;
use crate::clock::{Reading, earlier, later};
use crate::dispatcher::StoreHealth;
use crate::history::History;
use crate::run::RunState;

pub(super) async fn show(State(control): State<Arc<Control>>) -> Result<Json<Status>, Refusal> {
    let now = control.clock.read();
    let Served { set, files, tokens } = control.served();
    let unreadable = |cause: crate::history::HistoryError| {
        tracing::warn!("The history cannot be read for `status`: {cause}");
        Refusal::new(Why::Unable, "the daemon's database cannot be read").hint("its log says why")
    };
    let history = History::open(&control.state_dir).await.map_err(unreadable)?;
    let mut status = gather(Some(&set), Some(&history), &control.state_dir, now.wall).await.map_err(unreadable)?;
    history.close().await;
    let turn = *control.dispatcher.turns().borrow();
    let obstacles = control.dispatcher.obstacles();
    let troubles = control.dispatcher.troubles();
    let states: BTreeMap<_, _> = tokens.iter().map(|(name, manager)| (name.to_string(), manager.status())).collect();
    let person = only_a_person(turn.store, &states, &obstacles, now.wall).chain(files.is_some().then_some("files"));
    let person: Vec<&'static str> = person.collect();
    status.trouble =
        worst(turn.store, &states, &obstacles, &control.failing.borrow(), now.wall).or(files).or_else(|| {
            let first = troubles.first()?;
            Some(format!("connection `{}`: {}", first.connection, first.text))
        });
    for (name, manager) in &tokens {
        // Whoever has no token has been told why.
        if matches!(
            states.get(name.as_str()).map(|state| state.state),
            Some(TokenState::Valid | TokenState::Refreshing)
        ) && let Some(failure) = manager.secret_trouble(&control.tokens_dir()).await
        {
            status.needs.push(Need::secret(name.as_str(), &failure.message, &failure.cure.to_string()));
        }
    }
    status.act_on = act_on(&status.needs, person);
    for line in &mut status.connections {
        line.token = states.get(&line.connection).map(|state| TokenReport::new(&line.connection, state));
        let of_it = troubles.iter().filter(|one| one.connection.as_str() == line.connection);
        line.troubles = of_it.map(|one| one.text.clone()).collect();
        line.obstacle =
            obstacles.iter().find(|one| one.connection.as_str() == line.connection).map(|one| ObstacleStatus {
                reason: RunState::Waiting(one.reason).reason().unwrap_or_default().to_owned(),
                text: one.text.clone(),
                until: one.until.map(|until| instant(on_the_wall(until, now))),
            });
    }
    status.daemon = Some(DaemonStatus {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        started_at: instant(control.started_at),
        state_dir: control.state_dir.display().to_string(),
        socket: control.socket.display().to_string(),
        schedules: u64::try_from(set.schedules.len()).unwrap_or(u64::MAX),
        reconciled: turn.reconciled,
        store_writable: turn.store == StoreHealth::Writable,
    });
    Ok(Json(status))
}

/// An instant of boot time as the wall clock shows it.
fn on_the_wall(boot: std::time::Duration, now: Reading) -> Timestamp {
    match boot.checked_sub(now.boot) {
        Some(ahead) => later(now.wall, ahead),
        None => earlier(now.wall, now.boot.saturating_sub(boot)),
    }
}
