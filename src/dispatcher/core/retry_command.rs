//! People who have a run tried again (semantics.md 31): a run by hand for the same nominal time with the same frozen work, or with what the file
//! says now; and a further attempt that waits, which is made at once.
//!
//! The run is read from the database by whoever asks, since it has ended and is in no memory. What may have changed since is asked here: only
//! open runs can, and these are in the book.
//!
//! Absent: the answer's way back (`command`), and what it has in common with other acts (`by_hand`).

use jiff::Timestamp;

use super::by_hand::{self, ByHandRefused};
use super::set::new_run::{fill_in, new_run};
use super::start_command::nominal_for;
use super::state::State;
use crate::happening::OfRun;
use crate::run::{Ending, FrozenPolicy, InWindows, Run, RunId, RunState, WaitReason, Work};
use crate::schedule::{Kept, OverlapPolicy, Schedule, ScheduleKey, Trigger};
use crate::store::Recorded;

/// What a person wants tried again.
#[derive(Clone, Debug)]
pub enum RetryCommand {
    /// A run that has ended.
    Again {
        /// Which.
        recorded: Box<Recorded>,
        /// With which work.
        work: RetryWork,
        /// Whether it is tried whatever became of it, and of those that repeated it.
        again: Again,
        /// What an older run does to it. None: it is refused while one is open, unless the schedule lets both run.
        overlap: Option<OverlapPolicy>,
        /// Whether it is started inside a window in which nothing is.
        in_windows: InWindows,
        /// Why.
        reason: Option<String>,
    },
    /// A further attempt that waits for its time is made now.
    Now {
        /// Of which run.
        run: RunId,
        /// Why.
        reason: Option<String>,
    },
}

/// With which work a run is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryWork {
    /// With its own.
    AsItWas,
    /// With what the file says now.
    AsNow,
}

/// Whether what has succeeded, or may still run, is repeated too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// Only what has failed.
    Failed,
    /// Whatever became of it.
    Whatever,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RetryDone {
    /// This run repeats it.
    Repeated {
        /// Which.
        run: RunId,
        /// Whether the file says something else by now than what it starts.
        file: FileSays,
    },
    /// Its next attempt is made.
    Sent(RunId),
}

/// What the file says now of a run's work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileSays {
    /// The same.
    TheSame,
    /// Something else.
    Otherwise,
}

/// Why nothing is tried again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RetryRefused {
    /// It has not ended.
    #[error("run `{}` is still open, {state}", run.short())]
    Open {
        /// Which.
        run: RunId,
        /// How it stands.
        state: RunState,
    },
    /// Nothing of it waits for its time.
    #[error("run `{}` does not wait for another attempt: it {}", run.short(), stands(*state))]
    NotWaiting {
        /// Which.
        run: RunId,
        /// How it stands; none: it is not open.
        state: Option<RunState>,
    },
    /// No start was asked for.
    #[error("run `{}` is {state}: it never got as far as a start that could be tried again", run.short())]
    NeverAsked {
        /// Which.
        run: RunId,
        /// How it ended.
        state: RunState,
        /// Of which schedule.
        schedule: ScheduleKey,
        /// For which time.
        nominal_at: Timestamp,
    },
    /// There is nothing to make good.
    #[error("run `{}` succeeded", run.short())]
    Succeeded {
        /// Which.
        run: RunId,
    },
    /// Its job may be running.
    #[error("run `{}` is lost: its job may still run, and would then run twice", run.short())]
    MayRun {
        /// Which.
        run: RunId,
    },
    /// Somebody has repeated it.
    #[error("run `{}` has been repeated by run `{}`", run.short(), by.short())]
    MadeGood {
        /// Which.
        run: RunId,
        /// By which.
        by: RunId,
    },
    /// Its arguments are not kept.
    #[error("the arguments of run `{}` were not kept, as `history` of its schedule says", run.short())]
    Dropped {
        /// Which.
        run: RunId,
    },
    /// Its connection leads to another server or tenant by now.
    #[error("run `{}` was for {was}, and its connection leads to {now} now", run.short())]
    Elsewhere {
        /// Which.
        run: RunId,
        /// Where its connection led.
        was: String,
        /// Where it leads.
        now: String,
    },
    /// As any start by hand.
    #[error(transparent)]
    ByHand(#[from] ByHandRefused),
}

fn stands(state: Option<RunState>) -> String {
    state.map_or_else(|| "has ended".to_owned(), |state| format!("is {state}"))
}

/// Does what a person asks for.
pub(crate) fn take(state: &mut State, command: RetryCommand, actor: &str) -> Result<RetryDone, RetryRefused> {
    match command {
        RetryCommand::Now { run, reason } => send_now(state, run, reason, actor),
        RetryCommand::Again { recorded, work, again, overlap, in_windows, reason } => {
            let Recorded { run: old, made_good_by } = *recorded;
            may_be_repeated(state, &old, made_good_by, again)?;
            let schedule = by_hand::find(state, old.schedule.as_str())?;
            let policy = by_hand::policy(overlap, &schedule);
            let (mut run, file) = match work {
                RetryWork::AsItWas => as_it_was(state, &old, &schedule)?,
                RetryWork::AsNow => (as_now(state, &old, &schedule)?, FileSays::TheSame),
            };
            by_hand::may_start(state, &schedule, policy, in_windows)?;
            (run.policy.overlap, run.policy.in_windows) = (Some(policy), in_windows);
            run.actor = Some(actor.to_owned());
            run.retry_of = Some(old.id);
            let id = by_hand::claim(state, run);
            let how = match work {
                RetryWork::AsItWas => None,
                RetryWork::AsNow => Some("as now".to_owned()),
            };
            by_hand::record(state, actor, "retry", old.id.to_string(), [how, reason]);
            Ok(RetryDone::Repeated { run: id, file })
        }
    }
}

/// A further attempt is made now instead of after its pause.
fn send_now(state: &mut State, id: RunId, reason: Option<String>, actor: &str) -> Result<RetryDone, RetryRefused> {
    let now = state.now.wall;
    let its_state = state.book.get(id).map(|open| open.run.state);
    if its_state != Some(RunState::Waiting(WaitReason::Retry)) {
        return Err(RetryRefused::NotWaiting { run: id, state: its_state });
    }
    state.book.change_attempt(id, |attempt| attempt.due_at = Some(now));
    state.book.change(id, |run| run.waiting_until = None);
    state.set_deadline(id, now);
    state.note(id, OfRun::SentSooner { actor: actor.to_owned() });
    state.wake.at_wall(now);
    by_hand::record(state, actor, "retry", id.to_string(), [Some("now".to_owned()), reason]);
    Ok(RetryDone::Sent(id))
}

/// Only what was asked of Orchestrator, has ended, and is not repeated yet (semantics.md 31).
fn may_be_repeated(state: &State, old: &Run, made_good_by: Option<RunId>, again: Again) -> Result<(), RetryRefused> {
    let run = old.id;
    if let Some(open) = state.book.get(run).filter(|open| !open.run.state.is_final()) {
        return Err(RetryRefused::Open { run, state: open.run.state });
    }
    let ending = match old.state {
        RunState::Ended(ending) => ending,
        RunState::Armed
        | RunState::Waiting(_)
        | RunState::Starting
        | RunState::Unknown
        | RunState::Held
        | RunState::Job(_) => return Err(RetryRefused::Open { run, state: old.state }),
    };
    match (ending, again) {
        (Ending::Missed(_) | Ending::Skipped(_) | Ending::Cancelled, _) => {
            return Err(never_asked(old));
        }
        (Ending::Succeeded, Again::Failed) => return Err(RetryRefused::Succeeded { run }),
        (Ending::Lost, Again::Failed) => return Err(RetryRefused::MayRun { run }),
        (Ending::Faulted | Ending::Stopped | Ending::TimedOut | Ending::Rejected, Again::Failed)
        | (_, Again::Whatever) => {}
    }
    let by = by_hand::open_for(state, &old.schedule, old.nominal_at).filter(|by| *by != run).or(made_good_by);
    match (by, again) {
        (Some(by), Again::Failed) => Err(RetryRefused::MadeGood { run, by }),
        (Some(_), Again::Whatever) | (None, _) => Ok(()),
    }
}

fn never_asked(old: &Run) -> RetryRefused {
    let (run, state, schedule, nominal_at) = (old.id, old.state, old.schedule.clone(), old.nominal_at);
    RetryRefused::NeverAsked { run, state, schedule, nominal_at }
}

/// The same work under a name of its own, with the policies that it had.
fn as_it_was(state: &mut State, old: &Run, schedule: &Schedule) -> Result<(Run, FileSays), RetryRefused> {
    let run = old.id;
    let Work::Process(start) = &old.work;
    let kept = match old.policy.history.arguments {
        Kept::Keep => true,
        Kept::Hash => start.arguments.is_none(),
        Kept::Drop => false,
    };
    if old.attempts.is_empty() {
        // Its arguments could not be filled in.
        return Err(never_asked(old));
    }
    if !kept {
        return Err(RetryRefused::Dropped { run });
    }
    if let (Some(was), Some(now)) = (&old.identity, state.identity_of(&old.connection))
        && *was != now
    {
        return Err(RetryRefused::Elsewhere { run, was: was.clone(), now });
    }
    let file = match as_now(state, old, schedule) {
        Ok(now) => says(old, &now),
        Err(_) => FileSays::Otherwise,
    };
    let (now, id) = (state.now.wall, state.random_run_id());
    let nominal = nominal_for(schedule, old.nominal_at, now);
    let mut new = new_run(id, schedule, &nominal, Trigger::Manual, now);
    // `timeout.at` is a time of the day on which it is sent.
    let stop_at = new.policy.stop_at.filter(|_| old.policy.stop_at.is_some());
    new.policy = FrozenPolicy { stop_at, ..old.policy.clone() };
    new.connection = old.connection.clone();
    new.identity = old.identity.clone();
    new.work = old.work.clone();
    new.template = old.template.clone();
    let filled = new.begin_attempt(state.loaded.installation, 1, now);
    filled.map_err(|wrong| ByHandRefused::Arguments(wrong.to_string()))?;
    Ok((new, file))
}

/// What the file says now, for the same time.
fn as_now(state: &mut State, old: &Run, schedule: &Schedule) -> Result<Run, ByHandRefused> {
    let (now, id) = (state.now.wall, state.random_run_id());
    let nominal = nominal_for(schedule, old.nominal_at, now);
    let mut run = new_run(id, schedule, &nominal, Trigger::Manual, now);
    run.identity = state.identity_of(&schedule.connection);
    let filled = fill_in(&mut run, schedule, &state.loaded.set, state.loaded.installation);
    filled.map_err(|wrong| ByHandRefused::Arguments(wrong.to_string()))?;
    Ok(run)
}

/// Whether two runs would do the same. Arguments that name their own start are not compared: they differ anyway.
fn says(old: &Run, now: &Run) -> FileSays {
    let (Work::Process(was), Work::Process(is)) = (&old.work, &now.work);
    let same_arguments = now.template.is_some() || was.arguments == is.arguments;
    let same = was.process == is.process && was.folder == is.folder && old.connection == now.connection;
    if same && same_arguments { FileSays::TheSame } else { FileSays::Otherwise }
}
