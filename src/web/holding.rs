//! `POST /pauses` and `/pauses/end`: people hold schedules back (single times: `skip`); `GET /held`: what is held back.
//!
//! The dispatcher writes the `audit` rows itself, in the transaction that changes something: an act that was refused is none.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::answer::{Body, Refusal, Why};
use super::control::Control;
use super::instant::instant;
use super::once::Caller;
use super::reading::{NotTold, opened};
use crate::clock::later;
use crate::dispatcher::core::{CommandRefused, Done, HoldingCommand, HoldingDone, HoldingRefused};
use crate::history::HeldBack;
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
    /// The first instant after it. None, and no length either: until it is resumed.
    pub until: Option<Timestamp>,
    /// How long, in seconds from when it is done, in the place of `until`: the same words asked again are the same act.
    #[serde(default)]
    pub for_s: Option<u64>,
}

/// What is paused from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paused {
    /// Each scope with the schedules that it holds now.
    pub scopes: Vec<(Scope, Vec<String>)>,
    /// The pauses with just these scopes that were there already. They hold on, each as long as it says.
    #[serde(default)]
    pub already: Vec<PauseLine>,
    /// When it ends by itself, RFC 3339.
    #[serde(default)]
    pub until: Option<String>,
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
    let history = opened(control).await?;
    let held = history.held_back(control.clock.now()).await;
    history.close().await;
    Ok(held.map_err(NotTold::from)?)
}

/// The first pause that holds a schedule now, in words: by whom, and why.
pub(super) async fn paused_by(control: &Control, schedule: &Schedule) -> Result<Option<String>, Refusal> {
    let now = control.clock.now();
    let held = held_back(control).await?;
    let mut pauses = held.pauses.iter().map(|(_, pause)| pause);
    let pause = pauses.find(|pause| pause.has(now) && pause.scope.holds(&schedule.key, &schedule.connection));
    Ok(pause.map(|Pause { actor, reason, .. }| match reason {
        Some(reason) => format!("{actor}: {reason}"),
        None => actor.clone(),
    }))
}

pub(super) async fn pause(
    State(control): State<Arc<Control>>,
    caller: Caller,
    Body(request): Body<PauseRequest>,
) -> Result<Json<Paused>, Refusal> {
    let PauseRequest { scopes, reason, until, for_s } = request;
    let until = match (until, for_s) {
        (until, None) => until,
        (None, Some(seconds)) => Some(later(control.clock.now(), Duration::from_secs(seconds))),
        (Some(_), Some(_)) => {
            return Err(Refusal::new(Why::Wrong, "a pause has one end, and both `until` and `for_s` are given"));
        }
    };
    let there: Vec<PauseLine> = HeldNow::of(&held_back(&control).await?).pauses;
    let already: Vec<PauseLine> = there.into_iter().filter(|line| scopes.contains(&line.scope)).collect();
    let scopes = scopes.into_iter().map(Scope::into_scope).collect();
    let tell = move |done: &HoldingDone| Paused::of(done, &already, until);
    hold(&control, &caller, HoldingCommand::Pause { scopes, reason, until }, tell).await
}

pub(super) async fn resume(
    State(control): State<Arc<Control>>,
    caller: Caller,
    Body(request): Body<ResumeRequest>,
) -> Result<Json<Resumed>, Refusal> {
    let scopes = request.scopes.into_iter().map(Scope::into_scope).collect();
    hold(&control, &caller, HoldingCommand::Resume { scopes }, Resumed::of).await
}

impl Paused {
    fn of(done: &HoldingDone, already: &[PauseLine], until: Option<Timestamp>) -> Option<Paused> {
        let HoldingDone::Paused { scopes } = done else { return None };
        let named = |all: &[ScheduleKey]| all.iter().map(ToString::to_string).collect();
        let scopes = scopes.iter().map(|(scope, all)| (Scope::of(scope), named(all))).collect();
        Some(Paused { scopes, already: already.to_vec(), until: until.map(instant) })
    }
}

impl Resumed {
    fn of(done: &HoldingDone) -> Option<Resumed> {
        let HoldingDone::Resumed { scopes, still } = done else { return None };
        let ended = |ended: usize| u64::try_from(ended).unwrap_or(u64::MAX);
        let line = |(schedule, pause): &(ScheduleKey, Pause)| StillHeld {
            schedule: schedule.to_string(),
            scope: Scope::of(&pause.scope),
            actor: pause.actor.clone(),
            reason: pause.reason.clone(),
            until: pause.until.map(instant),
        };
        Some(Resumed {
            scopes: scopes.iter().map(|(scope, all)| (Scope::of(scope), ended(*all))).collect(),
            still: still.iter().map(line).collect(),
        })
    }
}

/// Asks the dispatcher, and tells its answer; what is kept under a key is told the same way.
pub(super) async fn hold<A: Serialize + 'static>(
    control: &Control,
    caller: &Caller,
    what: HoldingCommand,
    tell: impl Fn(&HoldingDone) -> Option<A> + Clone + Send + 'static,
) -> Result<Json<A>, Refusal> {
    let kept = tell.clone();
    let by = caller.by(move |done| {
        let Done::Held(done) = done else { return None };
        kept(done)
    });
    let done = control.dispatcher.hold(what, by).await.map_err(|cause| refused(&cause))?;
    tell(&done).map(Json).ok_or_else(other)
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
