//! From due times to rows: the claim that must be durable before anything is sent.

use std::collections::BTreeSet;

use super::new_run::{fill_in, new_run};
use super::planning::Planning;
use super::window::{self, InWindow};
use crate::dispatcher::core::flights::Question;
use crate::dispatcher::core::progress::Open;
use crate::dispatcher::core::run::{deadline, ending, overlap};
use crate::dispatcher::core::state::{EarlierLife, State};
use crate::happening::{Happening, NotRun, OfRun, OfSchedule};
use crate::planner::{Plan, Recorded};
use crate::policy;
use crate::run::{RunEvent, RunId, WaitReason};
use crate::schedule::{HighWaterMark, Occurrence, Trigger};

/// So many times at most are claimed in one turn: while they are sent the next ones are stored, so that the last of a burst does not wait
/// for the rows of all.
const CLAIMS_PER_TURN: usize = 250;

/// The first part of a burst is small, so that the first starts leave at once, and while they are sent the second part is stored.
const FIRST_CLAIMS: usize = 60;

/// Writes a row for the times that have come, as many as a turn takes.
pub(crate) fn claim_some(state: &mut State, planning: &mut Planning) {
    let most = match planning.burst_found {
        None => FIRST_CLAIMS,
        Some(_) => CLAIMS_PER_TURN,
    };
    // All of a burst were found when its first part was: a slow disk between two parts makes none of them late.
    let found_at = *planning.burst_found.get_or_insert(state.now.wall);
    let plan = planning.planner.pass_some(found_at, most, &mut state.holding.ask());
    claim_planned(state, plan);
    if planning.planner.wake_at().is_none_or(|next| next > found_at) {
        planning.burst_found = None;
        forget_past(state, planning);
    }
}

/// Writes a row for every time that has come.
pub(crate) fn claim_all(state: &mut State, planning: &mut Planning) {
    let found_at = planning.burst_found.take().unwrap_or(state.now.wall);
    let mut plan = planning.planner.pass(found_at, &mut state.holding.ask());
    let since = planning.planner.pass(state.now.wall, &mut state.holding.ask());
    plan.due.extend(since.due);
    plan.recorded.extend(since.recorded);
    plan.marks.extend(since.marks);
    claim_planned(state, plan);
}

/// What held times back that have all been claimed is not needed any more.
fn forget_past(state: &mut State, planning: &Planning) {
    let now = state.now.wall;
    if !planning.planner.is_behind(now) && planning.parked.is_empty() {
        state.holding.forget_past(&mut state.book, now, planning.planner.marks());
    }
}

fn claim_planned(state: &mut State, plan: Plan) {
    let Plan { due, recorded, marks } = plan;
    for recorded in &recorded {
        record_not_run(state, recorded);
    }
    for (key, mark) in &marks {
        window::make_way(state, key, *mark);
    }
    // Of the times of a window the earlier ones have made way for the last by now, and are none of these (semantics.md 30).
    deadline::give_up_late_starts(state);
    for occurrence in due {
        claim(state, &occurrence);
    }
    for (key, mark) in marks {
        state.book.record_mark(key, mark);
    }
}

/// Times that an edited timing still has, and that are to start.
pub(crate) fn claim_kept(state: &mut State, due: &[Occurrence]) {
    for occurrence in due {
        window::make_way(state, &occurrence.schedule.key, HighWaterMark(occurrence.nominal.at));
        claim(state, occurrence);
    }
}

fn claim(state: &mut State, occurrence: &Occurrence) {
    let now = state.now;
    let schedule = &occurrence.schedule;
    let id = state.random_run_id();
    let mut run = new_run(id, schedule, &occurrence.nominal, occurrence.trigger, now.wall);
    run.fire_at = occurrence.fire_at;
    run.deadline_from = policy::deadline::base(occurrence.trigger, occurrence.fire_at, now.wall);
    run.deadline_at = state.holding.deadline(&run, run.deadline_from);
    run.identity = state.identity_of(&schedule.connection);
    let filled = fill_in(&mut run, schedule, &state.loaded.set, state.loaded.installation);
    let earlier = state.earlier_life(occurrence.trigger, occurrence.fire_at);
    state.book.add(Open::claimed(run));
    if let Err(wrong) = filled {
        state.book.change(id, |run| run.attempts.clear());
        return ending::refuse(state, id, &wrong.to_string());
    }
    if earlier == EarlierLife::MayBeForgotten {
        // Whether it overlaps is asked when it is known not to have been started.
        return overlap::doubt_start(state, id);
    }
    if window::wait(state, id) == InWindow::Waits {
        return;
    }
    // It is sent in this very turn, or gets a line that says what it waits for.
    if overlap::pass(state, id) {
        return;
    }
    if state.book.get(id).is_some_and(|open| open.inquiry().is_some()) {
        state.step(id, RunEvent::Wait(WaitReason::CatchUp), OfRun::ClaimedToLookUp);
    } else {
        overlap::wait_for_older(state, id);
    }
}

/// A time that will not run gets its row all the same.
pub(crate) fn record_not_run(state: &mut State, recorded: &Recorded) {
    let at = state.now.wall;
    let id = state.random_run_id();
    let mut run = new_run(id, &recorded.schedule, &recorded.first, Trigger::Scheduled, at);
    if let Some((until, count)) = recorded.range {
        run.nominal_until = Some(until);
        run.count = count;
    }
    if let Some(by) = &recorded.by {
        run.note = ending::join(run.note.take(), by.to_string());
    }
    state.holding.unmark(&mut state.book, &run.schedule, run.nominal_at);
    state.book.add(Open::claimed(run));
    let not_run = NotRun {
        count: recorded.range.map(|(_, count)| count),
        ending: recorded.ending,
        by: recorded.by.clone(),
        window: recorded.schedule.catch_up.window,
    };
    state.step(id, RunEvent::End(recorded.ending), OfRun::NotRun(not_run));
}

/// Another row had already won these times: they are dropped.
pub(crate) fn forget_lost(state: &mut State, lost: BTreeSet<RunId>) {
    for id in lost {
        let Some(open) = state.book.forget(id) else { continue };
        let what = OfSchedule::HasRow { nominal_at: open.run.nominal_at };
        state.book.log(Happening::Schedule(open.run.schedule.clone(), what));
        // Its call was not made.
        state.book.end(&Question::Start(id), &open.run.connection);
    }
}
