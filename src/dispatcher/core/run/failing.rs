//! Runs that fail one after another pause their schedule, and logons that fail pause whatever runs under that account (semantics.md 18, 29).
//!
//! Ends are counted when a turn begins, again when what is too late was given up, before anything new is started, and once more when the turn
//! ends; in the order in which they came.

use jiff::Timestamp;

use super::holding::{look_at, skip_claimed};
use crate::dispatcher::core::state::State;
use crate::happening::{Happening, OfSchedule, WhyPaused};
use crate::policy::failing::{self, Counted};
use crate::run::{Account, Ending, Pause, PauseId, PauseScope, Run, RunId, RunState, Work};
use crate::schedule::{ScheduleKey, StartSpec, Trigger};
use crate::text::NamePattern;

/// Counts the runs that have ended since this was last asked. Gives whether there were any.
pub(crate) fn count_ends(state: &mut State) -> bool {
    if state.holding.ended.is_empty() {
        return false;
    }
    let ids = std::mem::take(&mut state.holding.ended);
    let mut ended: Vec<(Option<Timestamp>, RunId)> =
        ids.into_iter().map(|id| (state.book.get(id).and_then(|open| open.run.ended_at), id)).collect();
    // One answer may tell of several; those of one instant stay as they came.
    ended.sort_by_key(|(at, _)| *at);
    for (_, id) in ended {
        let Some(run) = state.book.get(id).map(|open| open.run.clone()) else { continue };
        if let RunState::Ended(ending) = run.state {
            count_run(state, &run, ending);
            count_logon(state, &run, ending);
        }
    }
    true
}

fn count_run(state: &mut State, run: &Run, ending: Ending) {
    let (schedule, at) = (&run.schedule, run.ended_at.unwrap_or(state.now.wall));
    match failing::of_run(ending) {
        Counted::Failed => {}
        Counted::Succeeded => {
            state.holding.count_success(&mut state.book, schedule, at);
            match run.trigger {
                Trigger::Manual => end_ours(state, run),
                Trigger::Scheduled | Trigger::CatchUp | Trigger::After | Trigger::Backfill => {}
            }
            return;
        }
        Counted::Not => return,
    }
    let Some(failures) = state.holding.count_failure(&mut state.book, schedule, at) else { return };
    let Some(pause_after) = state.loaded.set.schedules.get(schedule).map(|schedule| schedule.pause_after) else {
        return;
    };
    if failing::pauses(pause_after, failures) {
        pause(state, schedule, WhyPaused::Failures { failures, last: run.id, error: run.error.clone() });
    }
}

fn count_logon(state: &mut State, run: &Run, ending: Ending) {
    let Some(attempt) = run.attempts.iter().rev().find(|attempt| attempt.job.is_some()) else { return };
    let Some(folder) = attempt.folder_id else { return };
    let counted = failing::of_account(ending, attempt.fault);
    let named = Account { connection: run.connection.clone(), folder, name: attempt.account.clone() };
    let account = match (&named.name, counted) {
        (Some(_), _) | (None, Counted::Failed) => named,
        // A job that ends well need not say under whom: under the same one as before, as long as it is the same folder.
        (None, Counted::Succeeded | Counted::Not) => match state.holding.failing.last.get(&run.schedule) {
            Some(last) if last.folder == folder && last.connection == run.connection => last.clone(),
            Some(_) | None => return,
        },
    };
    state.holding.ran_under(&mut state.book, &run.schedule, &account);
    match counted {
        Counted::Not => return,
        Counted::Succeeded => return state.holding.count_logons(&mut state.book, &account, 0),
        Counted::Failed => {}
    }
    let faults = state.holding.failing.accounts.get(&account).copied().unwrap_or(0).saturating_add(1);
    state.holding.count_logons(&mut state.book, &account, faults);
    let under_it = state.holding.failing.last.iter().filter(|(_, last)| **last == account);
    let under_it: Vec<ScheduleKey> = under_it.map(|(schedule, _)| schedule.clone()).collect();
    for schedule in under_it {
        let Some(pause_after) = state.loaded.set.schedules.get(&schedule).map(|schedule| schedule.pause_after) else {
            continue;
        };
        if failing::logons_pause(pause_after, faults) {
            let Work::Process(StartSpec { folder, .. }) = &run.work;
            let (account, folder, error) = (account.clone(), folder.clone(), run.error.clone());
            pause(state, &schedule, WhyPaused::Logons { faults, account, folder, last: run.id, error });
        }
    }
}

/// Pauses a schedule, unless we have already.
fn pause(state: &mut State, schedule: &ScheduleKey, why: WhyPaused) {
    if ours(state, schedule).next().is_some() {
        return;
    }
    let scope = PauseScope::Schedules(NamePattern::new(schedule.as_str()));
    let since = state.this_millisecond();
    let pause = Pause {
        scope: scope.clone(),
        reason: Some(why.to_string()),
        actor: Pause::BY_US.to_owned(),
        since,
        until: None,
    };
    state.holding.pause(&mut state.book, pause);
    skip_claimed(state, &scope, since);
    state.book.log(Happening::Schedule(schedule.clone(), OfSchedule::PausedByUs(why)));
    look_at(state, &scope);
}

/// A run by hand has succeeded: what we had paused goes on.
fn end_ours(state: &mut State, run: &Run) {
    let over: Vec<PauseId> = ours(state, &run.schedule).collect();
    for id in over {
        let at = state.this_millisecond();
        state.holding.resume(&mut state.book, id, at, Pause::BY_US);
        forget_logons(state, &run.schedule);
        state.book.log(Happening::Schedule(run.schedule.clone(), OfSchedule::GoesOn { after: run.id }));
        look_at(state, &PauseScope::Schedules(NamePattern::new(run.schedule.as_str())));
    }
}

/// The pauses of ours that a schedule has.
fn ours<'s>(state: &'s State, schedule: &ScheduleKey) -> impl Iterator<Item = PauseId> + use<'s> {
    let schedule = schedule.clone();
    let ours = state.holding.holds.pauses(state.now.wall).filter(move |(_, pause)| {
        let of_it = match &pause.scope {
            PauseScope::Schedules(key) => key.as_str() == schedule.as_str(),
            PauseScope::Connections(_) | PauseScope::All => false,
        };
        of_it && pause.actor == Pause::BY_US
    });
    ours.map(|(id, _)| id)
}

/// A schedule goes on: its failures, and those of the account that it ran under, are counted anew.
pub(crate) fn count_anew(state: &mut State, schedule: &ScheduleKey) {
    state.holding.count_anew(&mut state.book, schedule);
    forget_logons(state, schedule);
}

fn forget_logons(state: &mut State, schedule: &ScheduleKey) {
    if let Some(account) = state.holding.failing.last.get(schedule).cloned() {
        state.holding.count_logons(&mut state.book, &account, 0);
    }
}
