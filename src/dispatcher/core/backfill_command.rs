//! People who have times of the past made good: a run of the trigger `backfill` for each (semantics.md 12, 33).
//!
//! Which times these are is found by whoever asks, from rows that do not change any more; what is open is asked here. All of them are one
//! act. They go after whatever is planned, and have no deadline: they wait until they are sent or called off.
//!
//! Absent: the answer's way back (`command`), and which times are to be made good (`policy::backfill`).

use jiff::Timestamp;

use super::by_hand::{self, ByHandRefused};
use super::progress::Open;
use super::run::ending;
use super::set::new_run::{fill_in, new_run};
use super::start_command::nominal_for;
use super::state::State;
use crate::run::RunId;
use crate::schedule::{Enablement, OverlapPolicy, ScheduleKey, Trigger};

/// So many times at most are one act: each is a row, and all are one transaction.
pub const MOST_TIMES: usize = 1_000;

/// What a person wants made good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackfillCommand {
    /// Of which schedule.
    pub schedule: String,
    /// Which of its times; at most [`MOST_TIMES`] of them are taken, the oldest.
    pub times: Vec<Timestamp>,
    /// What an older run does to each of them. None: they go one after another.
    pub overlap: Option<OverlapPolicy>,
    /// Why.
    pub reason: Option<String>,
}

/// What was claimed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackfillDone {
    /// A run for each time, the oldest first.
    pub runs: Vec<(Timestamp, RunId)>,
}

/// Why nothing is made good.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BackfillRefused {
    /// Its runs would be skipped.
    #[error("`{0}` is disabled, and what is made good would be skipped")]
    Disabled(ScheduleKey),
    /// Somebody is doing it.
    #[error("all of these times of `{0}` are being made good already")]
    AllOpen(ScheduleKey),
    /// As any start by hand.
    #[error(transparent)]
    ByHand(#[from] ByHandRefused),
}

/// Does what a person asks for.
pub(crate) fn take(state: &mut State, command: BackfillCommand, actor: &str) -> Result<BackfillDone, BackfillRefused> {
    let BackfillCommand { schedule: name, mut times, overlap, reason } = command;
    let schedule = by_hand::find(state, &name)?;
    if schedule.enablement == Enablement::Disabled {
        return Err(BackfillRefused::Disabled(schedule.key.clone()));
    }
    times.sort();
    times.dedup();
    times.retain(|at| by_hand::open_for(state, &schedule.key, *at).is_none());
    times.truncate(MOST_TIMES);
    let (Some(first), Some(last)) = (times.first().copied(), times.last().copied()) else {
        return Err(BackfillRefused::AllOpen(schedule.key.clone()));
    };
    let policy = overlap.unwrap_or(OverlapPolicy::QueueAll);
    let now = state.now.wall;
    let mut runs = Vec::with_capacity(times.len());
    for at in times {
        let id = state.random_run_id();
        let mut run = new_run(id, &schedule, &nominal_for(&schedule, at, now), Trigger::Backfill, now);
        run.policy.overlap = Some(policy);
        run.actor = Some(actor.to_owned());
        run.identity = state.identity_of(&schedule.connection);
        let filled = fill_in(&mut run, &schedule, &state.loaded.set, state.loaded.installation);
        match filled {
            Ok(()) => drop(by_hand::claim(state, run)),
            Err(wrong) => {
                // Its row says so: the others go all the same.
                run.attempts.clear();
                state.book.add(Open::claimed(run));
                ending::refuse(state, id, &wrong.to_string());
            }
        }
        runs.push((at, id));
    }
    let told = format!("{} from {first} to {last}", runs.len());
    by_hand::record(state, actor, "backfill", schedule.key.to_string(), [Some(told), reason]);
    Ok(BackfillDone { runs })
}
