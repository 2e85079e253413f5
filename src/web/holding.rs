//! `POST /pauses` and `/pauses/end`: people hold schedules back (single times: `skip`); `GET /held`: what is held back.
//!
//! The dispatcher writes the `audit` rows itself, in the transaction that changes something: an act that was refused is none.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::answer::{Body, Refusal, Why};
use super::control::Control;
use super::instant::instant;
use super::peer::Peer;
use crate::dispatcher::core::{CommandRefused, HoldingCommand, HoldingDone, HoldingRefused};
use crate::history::{HeldBack, History};
use crate::policy::holds::Holds;
use crate::run::{Pause, PauseId, PauseScope, SkipMark};
use crate::schedule::{Schedule, ScheduleKey, ScheduleSet};
use crate::text::NamePattern;

/// What a pause is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// A schedule's key, or a pattern.
    Schedule(String),
    /// A connection's name, or a pattern.
    Connection(String),
    /// Everything.
    All,
}

/// Hold these back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PauseRequest {
    /// What.
    pub scopes: Vec<Scope>,
    /// Why.
    pub reason: Option<String>,
    /// The first instant after it. None: until it is resumed.
    pub until: Option<Timestamp>,
}

/// What is paused from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paused {
    /// Each scope with the schedules that it holds now.
    pub scopes: Vec<(Scope, Vec<String>)>,
    /// The pauses with just these scopes that were there already. They hold on, each as long as it says.
    #[serde(default)]
    pub already: Vec<PauseLine>,
}

/// End the pauses with just these scopes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumeRequest {
    /// Of what.
    pub scopes: Vec<Scope>,
}

/// What goes on, and what does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resumed {
    /// Each scope with the number of its pauses that were ended.
    pub scopes: Vec<(Scope, u64)>,
    /// The schedules that other pauses still hold, each with each of these pauses.
    pub still: Vec<StillHeld>,
}

/// A schedule that is still held, and by which pause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StillHeld {
    /// Which schedule.
    pub schedule: String,
    /// What the pause is about.
    pub scope: Scope,
    /// Who asked for it.
    pub actor: String,
    /// Why.
    pub reason: Option<String>,
    /// Until when. None: until it is resumed.
    pub until: Option<String>,
}

/// A pause that is not over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PauseLine {
    /// What it is about.
    pub scope: Scope,
    /// Who asked for it; `punctual` where runs have failed.
    pub actor: String,
    /// Why.
    pub reason: Option<String>,
    /// Since when, RFC 3339.
    pub since: String,
    /// Until when. None: until it is resumed.
    pub until: Option<String>,
}

/// A coming time that is to be skipped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkipLine {
    /// Whose.
    pub schedule: String,
    /// Which nominal time, RFC 3339.
    pub nominal_at: String,
    /// Who asked for it.
    pub actor: String,
    /// Why.
    pub reason: Option<String>,
}

/// All that people hold back, and what we do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldNow {
    /// The pauses that are not over, the first one first.
    pub pauses: Vec<PauseLine>,
    /// The times to be skipped, by time.
    pub skips: Vec<SkipLine>,
}

impl Scope {
    fn of(scope: &PauseScope) -> Scope {
        match scope {
            PauseScope::Schedules(pattern) => Scope::Schedule(pattern.to_string()),
            PauseScope::Connections(pattern) => Scope::Connection(pattern.to_string()),
            PauseScope::All => Scope::All,
        }
    }

    /// The same in the words of `run`.
    pub fn into_scope(self) -> PauseScope {
        match self {
            Scope::Schedule(pattern) => PauseScope::Schedules(NamePattern::new(pattern)),
            Scope::Connection(pattern) => PauseScope::Connections(NamePattern::new(pattern)),
            Scope::All => PauseScope::All,
        }
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.clone().into_scope().fmt(f)
    }
}

impl PauseLine {
    pub(super) fn of(pause: &Pause) -> PauseLine {
        let Pause { scope, reason, actor, since, until } = pause;
        PauseLine {
            scope: Scope::of(scope),
            actor: actor.clone(),
            reason: reason.clone(),
            since: instant(*since),
            until: until.map(instant),
        }
    }
}

impl HeldNow {
    /// What the history knows.
    pub fn of(held: &HeldBack) -> HeldNow {
        let skip = |mark: &SkipMark| SkipLine {
            schedule: mark.schedule.to_string(),
            nominal_at: instant(mark.nominal_at),
            actor: mark.actor.clone(),
            reason: mark.reason.clone(),
        };
        HeldNow {
            pauses: held.pauses.iter().map(|(_, pause)| PauseLine::of(pause)).collect(),
            skips: held.skips.iter().map(skip).collect(),
        }
    }

    /// The same together with the blackouts of the files, to be asked about times. A line that cannot be read holds nothing.
    pub fn under(&self, set: &ScheduleSet) -> Holds {
        let pauses = self.pauses.iter().filter_map(|line| {
            let PauseLine { scope, actor, reason, since, until } = line.clone();
            let until = until.map(|until| until.parse()).transpose().ok()?;
            Some(Pause { scope: scope.into_scope(), reason, actor, since: since.parse().ok()?, until })
        });
        let skips = self.skips.iter().filter_map(|line| {
            let SkipLine { schedule, nominal_at, actor, reason } = line.clone();
            let nominal_at = nominal_at.parse().ok()?;
            Some(SkipMark { schedule: ScheduleKey::parse(&schedule)?, nominal_at, actor, reason, asked_at: nominal_at })
        });
        Holds::new((1..).map(PauseId).zip(pauses), skips, set)
    }
}

pub(super) async fn show(State(control): State<Arc<Control>>) -> Result<Json<HeldNow>, Refusal> {
    Ok(Json(HeldNow::of(&held_back(&control).await?)))
}

pub(super) async fn held_back(control: &Control) -> Result<HeldBack, Refusal> {
    let unreadable = |cause: crate::history::HistoryError| {
        tracing::warn!("What is held back cannot be read: {cause}");
        Refusal::new(Why::Unable, "the daemon's database cannot be read").hint("its log says why")
    };
    let history = History::open(&control.state_dir).await.map_err(unreadable)?;
    let held = history.held_back(control.clock.now()).await.map_err(unreadable);
    history.close().await;
    held
}

pub(super) async fn pause(
    State(control): State<Arc<Control>>,
    Extension(peer): Extension<Peer>,
    Body(request): Body<PauseRequest>,
) -> Result<Json<Paused>, Refusal> {
    let PauseRequest { scopes, reason, until } = request;
    let there: Vec<PauseLine> = HeldNow::of(&held_back(&control).await?).pauses;
    let already = there.into_iter().filter(|line| scopes.contains(&line.scope)).collect();
    let scopes = scopes.into_iter().map(Scope::into_scope).collect();
    match hold(&control, &peer, HoldingCommand::Pause { scopes, reason, until }).await? {
        HoldingDone::Paused { scopes } => {
            let named = |all: Vec<ScheduleKey>| all.iter().map(ToString::to_string).collect();
            Ok(Json(Paused {
                scopes: scopes.iter().map(|(scope, all)| (Scope::of(scope), named(all.clone()))).collect(),
                already,
            }))
        }
        HoldingDone::Resumed { .. } | HoldingDone::Skipped(..) | HoldingDone::Unskipped(..) => Err(other()),
    }
}

pub(super) async fn resume(
    State(control): State<Arc<Control>>,
    Extension(peer): Extension<Peer>,
    Body(request): Body<ResumeRequest>,
) -> Result<Json<Resumed>, Refusal> {
    let scopes = request.scopes.into_iter().map(Scope::into_scope).collect();
    match hold(&control, &peer, HoldingCommand::Resume { scopes }).await? {
        HoldingDone::Resumed { scopes, still } => {
            let ended = |ended: usize| u64::try_from(ended).unwrap_or(u64::MAX);
            // The dispatcher names the first pause of each; whoever has a schedule go on must end all of them.
            let keys: Vec<ScheduleKey> = still.into_iter().map(|(schedule, _)| schedule).collect();
            let still = if keys.is_empty() { Vec::new() } else { still_held(&control, &keys).await? };
            let scopes = scopes.iter().map(|(scope, all)| (Scope::of(scope), ended(*all)));
            Ok(Json(Resumed { scopes: scopes.collect(), still }))
        }
        HoldingDone::Paused { .. } | HoldingDone::Skipped(..) | HoldingDone::Unskipped(..) => Err(other()),
    }
}

/// All pauses that hold these schedules now; of those with one scope the first, for all of them end together.
async fn still_held(control: &Control, keys: &[ScheduleKey]) -> Result<Vec<StillHeld>, Refusal> {
    let (set, now) = (control.served().set, control.clock.now());
    let held = held_back(control).await?;
    let holds =
        |schedule: &Schedule, pause: &Pause| pause.has(now) && pause.scope.holds(&schedule.key, &schedule.connection);
    let of_one = |schedule: &Schedule| -> Vec<StillHeld> {
        let mut named: Vec<&PauseScope> = Vec::new();
        let mut pauses: Vec<&Pause> = held.pauses.iter().map(|(_, pause)| pause).collect();
        pauses.retain(|pause| {
            let is_first = holds(schedule, pause) && !named.contains(&&pause.scope);
            if is_first {
                named.push(&pause.scope);
            }
            is_first
        });
        let line = |pause: &Pause| StillHeld {
            schedule: schedule.key.to_string(),
            scope: Scope::of(&pause.scope),
            actor: pause.actor.clone(),
            reason: pause.reason.clone(),
            until: pause.until.map(instant),
        };
        pauses.into_iter().map(line).collect()
    };
    Ok(keys.iter().filter_map(|key| set.schedules.get(key)).flat_map(|schedule| of_one(schedule)).collect())
}

pub(super) async fn hold(control: &Control, peer: &Peer, what: HoldingCommand) -> Result<HoldingDone, Refusal> {
    control.dispatcher.hold(what, peer.to_string()).await.map_err(|cause| refused(&cause))
}

/// The dispatcher answers each command by its own kind.
pub(super) fn other() -> Refusal {
    Refusal::new(Why::Unable, "the daemon answered something else than it was asked")
}

pub(super) fn refused(cause: &CommandRefused) -> Refusal {
    let CommandRefused::Holding(refused) = cause else {
        return Refusal::new(Why::Unable, cause.to_string())
            .hint("try again when it runs and its database can be written; its log says why");
    };
    let (why, hint) = match refused {
        HoldingRefused::NoSchedule { hint, .. } | HoldingRefused::NoConnection { hint, .. } => {
            (Why::Missing, hint.clone())
        }
        HoldingRefused::Nothing => (Why::Wrong, "name schedules, a connection, or all".to_owned()),
        HoldingRefused::Past(_) => (Why::Wrong, "give a later time, or none".to_owned()),
        HoldingRefused::NoTime { next: Some(next), .. } => (Why::Wrong, format!("its next one is {next}")),
        HoldingRefused::NoTime { next: None, .. } | HoldingRefused::NoneComes(_) => {
            (Why::NotNow, "`punctual next` shows the coming times".to_owned())
        }
        HoldingRefused::NotSkipped(_) => (Why::NotNow, "`punctual next` shows what is skipped".to_owned()),
    };
    Refusal::new(why, refused.to_string()).hint(hint)
}
