//! From due times to rows: the claim that must be durable before anything is sent.

use std::collections::BTreeSet;

use super::new_run::{fill_in, new_run};
use super::planning::Planning;
use crate::dispatcher::core::counting;
use crate::dispatcher::core::flights::Question;
use crate::dispatcher::core::progress::{Need, Open, Progress};
use crate::dispatcher::core::run::{ending, overlap};
use crate::dispatcher::core::state::{EarlierLife, State, boot_of};
use crate::happening::{Happening, NotRun, OfRun, OfSchedule};
use crate::planner::{Plan, Recorded};
use crate::policy::overlap::Admission;
use crate::policy::{self, deadline};
use crate::run::{RunEvent, RunId, WaitReason};
use crate::schedule::{Occurrence, Trigger};

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
    let plan = planning.planner.pass_some(found_at, most);
    claim_planned(state, plan);
    if planning.planner.wake_at().is_none_or(|next| next > found_at) {
        planning.burst_found = None;
    }
}

/// Writes a row for every time that has come.
pub(crate) fn claim_all(state: &mut State, planning: &mut Planning) {
    let found_at = planning.burst_found.take().unwrap_or(state.now.wall);
    let mut plan = planning.planner.pass(found_at);
    let since = planning.planner.pass(state.now.wall);
    plan.due.extend(since.due);
    plan.recorded.extend(since.recorded);
    plan.marks.extend(since.marks);
    claim_planned(state, plan);
}

fn claim_planned(state: &mut State, plan: Plan) {
    let Plan { due, recorded, marks } = plan;
    for recorded in &recorded {
        record_not_run(state, recorded);
    }
    for occurrence in due {
        claim(state, &occurrence);
    }
    for (key, mark) in marks {
        state.book.record_mark(key, mark);
    }
}

fn claim(state: &mut State, occurrence: &Occurrence) {
    let now = state.now;
    let schedule = &occurrence.schedule;
    let id = state.random_run_id();
    let mut run = new_run(id, schedule, &occurrence.nominal, occurrence.trigger, now.wall);
    run.fire_at = occurrence.fire_at;
    run.deadline_at = deadline::decide(occurrence.trigger, occurrence.fire_at, now.wall, schedule.start_deadline);
    run.identity = state.identity_of(&schedule.connection);
    let filled = fill_in(&mut run, schedule, &state.loaded.set, state.loaded.installation);
    let due = boot_of(now, occurrence.fire_at);
    let older = counting::active(&state.book, schedule.overlap, &schedule.key, None, due, now.wall);
    let admission = policy::overlap::decide(schedule.overlap, &older);
    let earlier = state.earlier_life(occurrence.trigger, occurrence.fire_at);
    let need = match (admission, earlier) {
        (Admission::AskAgain, _) => Need::Overlap,
        (Admission::Start | Admission::Skip(_), EarlierLife::StartedNothing) => Need::Nothing,
        (Admission::Start | Admission::Skip(_), EarlierLife::MayHaveStarted | EarlierLife::MayBeForgotten) => {
            Need::LOOK_UP
        }
    };
    state.book.add(Open { progress: Progress::Queued(need), ..Open::claimed(run) });
    if let Err(wrong) = filled {
        state.book.change(id, |run| run.attempts.clear());
        return ending::refuse(state, id, &wrong.to_string());
    }
    if earlier == EarlierLife::MayBeForgotten {
        // Whether it overlaps is asked when it is known not to have been started.
        return overlap::doubt_start(state, id);
    }
    match admission {
        Admission::Skip(other) => {
            // Nothing was sent for it, so it has no attempt to look for.
            state.book.change(id, |run| run.attempts.clear());
            ending::skip_for(state, id, other);
        }
        Admission::Start | Admission::AskAgain => {
            let (reason, what) = match need {
                // It is sent in this very turn, or gets a line there that says what it waits for.
                Need::Nothing => return,
                Need::LookUp(_) => (WaitReason::CatchUp, OfRun::ClaimedToLookUp),
                Need::Overlap => (WaitReason::Overlap, OfRun::ClaimedBehindOlder),
            };
            state.step(id, RunEvent::Wait(reason), what);
        }
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
    state.book.add(Open::claimed(run));
    let not_run = NotRun {
        count: recorded.range.map(|(_, count)| count),
        ending: recorded.ending,
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
