//! People who stop a run, or all of a schedule that waits (semantics.md 21a, 32).
//!
//! What was never sent is cancelled; what waits for another attempt ends as its last job did; a job is asked to stop, or killed; and of what
//! may have been started the wish is kept with its attempt, so that its job is stopped when it is found, and it is never sent again.
//!
//! Absent: how a job is stopped (`run/stop`), and the answer's way back (`command`).

use super::progress::{Open, Progress};
use super::run::cancel::{Sent, cancel, was_sent};
use super::run::{settle, stop};
use super::state::State;
use crate::run::{Ending, RunId, RunState, StoppedBy};
use crate::schedule::{ScheduleKey, Trigger};
use crate::store::Deed;
use crate::text::known_names;

/// What a person wants stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopCommand {
    /// One run.
    Run {
        /// Which.
        run: RunId,
        /// How its job is to stop.
        how: StopHow,
        /// Why.
        reason: Option<String>,
    },
    /// Whatever of a schedule was never sent.
    Waiting {
        /// Of which.
        schedule: String,
        /// Which of its runs.
        of: StopWaiting,
        /// Why.
        reason: Option<String>,
    },
}

/// Which of a schedule's runs that were never sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopWaiting {
    /// All of them.
    All,
    /// Those that make times of the past good.
    Backfill,
}

/// How a job is to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopHow {
    /// It is asked to; one that does not obey goes on.
    Softly,
    /// By force.
    Kill,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopDone {
    /// It was never sent, and is not.
    Cancelled(RunId),
    /// It waited for another attempt, and has ended as its last job did.
    EndedAsItsJob(RunId, Ending),
    /// Its job is to stop.
    Asked(RunId, StopHow),
    /// It may have been started: it is looked up, its job is stopped if there is one, and it is cancelled if there is none.
    LookedUp(RunId),
    /// Of a schedule, those that were never sent.
    Waiting(ScheduleKey, Vec<RunId>),
}

/// Why nothing was stopped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StopRefused {
    /// It has ended, or there is none.
    #[error("run `{}` is not open", .0.short())]
    NotOpen(RunId),
    /// Nothing has this name.
    #[error("there is no schedule `{name}`")]
    NoSchedule {
        /// As it was written.
        name: String,
        /// The one that was meant, or those there are.
        hint: String,
    },
    /// Nothing of it waits.
    #[error("nothing of `{0}` waits to be sent")]
    NothingWaits(ScheduleKey),
}

/// Does what a person asks for.
pub(crate) fn take(state: &mut State, command: StopCommand, actor: &str) -> Result<StopDone, StopRefused> {
    match command {
        StopCommand::Run { run, how, reason } => {
            let done = stop_one(state, run, how, actor)?;
            let detail = match how {
                StopHow::Softly => None,
                StopHow::Kill => Some("kill".to_owned()),
            };
            record(state, actor, run.to_string(), detail, reason);
            Ok(done)
        }
        StopCommand::Waiting { schedule, of, reason } => stop_waiting(state, &schedule, of, reason, actor),
    }
}

fn stop_one(state: &mut State, run: RunId, how: StopHow, actor: &str) -> Result<StopDone, StopRefused> {
    let open = state.book.get(run).filter(|open| !matches!(open.progress, Progress::Over));
    let open = open.ok_or(StopRefused::NotOpen(run))?;
    if let RunState::Job(_) = open.run.state {
        wish(state, run, how, actor);
        return Ok(StopDone::Asked(run, how));
    }
    match was_sent(state, open) {
        Sent::Never => {
            let had_job = open.run.had_job();
            let ending = cancel(state, run, actor.to_owned());
            Ok(match ending.filter(|_| had_job) {
                Some(ending) => StopDone::EndedAsItsJob(run, ending),
                None => StopDone::Cancelled(run),
            })
        }
        Sent::Perhaps => {
            wish(state, run, how, actor);
            settle::look_now(state, run);
            Ok(StopDone::LookedUp(run))
        }
    }
}

fn wish(state: &mut State, run: RunId, how: StopHow, actor: &str) {
    let how = match how {
        StopHow::Softly => stop::How::Softly,
        StopHow::Kill => stop::How::Kill,
    };
    stop::wish(state, run, StoppedBy::Person { actor: actor.to_owned() }, how, None);
}

fn stop_waiting(
    state: &mut State,
    name: &str,
    of: StopWaiting,
    reason: Option<String>,
    actor: &str,
) -> Result<StopDone, StopRefused> {
    let key = ScheduleKey::parse(name)
        .filter(|key| state.loaded.set.schedules.contains_key(key) || state.book.of_schedule(key).next().is_some());
    let key = key.ok_or_else(|| StopRefused::NoSchedule {
        name: name.to_owned(),
        hint: known_names(name, state.loaded.set.schedules.keys().map(ScheduleKey::as_str)),
    })?;
    let is_meant = |open: &Open| match of {
        StopWaiting::All => true,
        StopWaiting::Backfill => open.run.trigger == Trigger::Backfill,
    };
    let waits = |open: &&Open| is_meant(open) && !open.run.had_job() && was_sent(state, open) == Sent::Never;
    let mut runs: Vec<RunId> = state.book.of_schedule(&key).filter(waits).map(|open| open.run.id).collect();
    // The newest first, so that none goes because the one before it has gone.
    runs.reverse();
    if runs.is_empty() {
        return Err(StopRefused::NothingWaits(key));
    }
    for run in &runs {
        cancel(state, *run, actor.to_owned());
    }
    let told = match of {
        StopWaiting::All => format!("waiting: {}", runs.len()),
        StopWaiting::Backfill => format!("back-fill: {}", runs.len()),
    };
    record(state, actor, key.to_string(), Some(told), reason);
    Ok(StopDone::Waiting(key, runs))
}

fn record(state: &mut State, actor: &str, subject: String, detail: Option<String>, reason: Option<String>) {
    let detail = match (detail, reason) {
        (Some(detail), Some(reason)) => Some(format!("{detail}; {reason}")),
        (detail, reason) => detail.or(reason),
    };
    state.book.record_deed(Deed { at: state.now.wall, actor: actor.to_owned(), action: "stop", subject, detail });
}
