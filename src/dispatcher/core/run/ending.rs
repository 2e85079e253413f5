//! How a run ends, but for its deadline: with its job, refused, out of reach, or for an older run.

use crate::dispatcher::core::state::{State, there};
use crate::happening::{Came, Cause, OfRun, OldBlocker, WaitedFor, WhyLost};
use crate::orchestrator::{CallError, JobState, JobView};
use crate::run::{Ending, JobPhase, MissReason, RunEvent, RunId, SkipReason, WaitReason};
use crate::schedule::Trigger;

/// Ends a run whose job is out of reach. Its job may still run, so it counts for overlap until then.
pub(crate) fn lose(state: &mut State, id: RunId, why: WhyLost, counts_until: Option<jiff::Timestamp>) {
    let open = there(state.book.get(id), "a run that is given up is open");
    let Some(run) = open.map(|open| &open.run) else { return };
    let (schedule, pool) = (run.schedule.clone(), run.policy.pool.clone());
    state.book.change(id, |run| {
        run.counts_until = counts_until;
        run.error = Some(match run.error.take() {
            Some(error) => format!("{why}; {error}"),
            None => why.to_string(),
        });
    });
    if state.step(id, RunEvent::End(Ending::Lost), OfRun::Lost { why, counts_until })
        && let Some(until) = counts_until
    {
        state.book.ended.count_until(&schedule, pool.as_deref(), id, until);
    }
}

/// An older run of the schedule is open.
pub(crate) fn skip_for(state: &mut State, id: RunId, other: RunId) {
    let older = OldBlocker { run: other, state: state.book.get(other).map(|open| open.run.state) };
    // Without the daemon's absence it would have been another time, and perhaps have run.
    let came = match state.book.get(id).map(|open| open.run.trigger) {
        Some(Trigger::CatchUp) => Came::Late,
        Some(Trigger::Scheduled | Trigger::After | Trigger::Backfill | Trigger::Manual) | None => Came::InTime,
    };
    let away = match came {
        Came::Late => Some(Came::WHILE_AWAY.to_owned()),
        Came::InTime => None,
    };
    state.book.change(id, |run| {
        for told in away.into_iter().chain([older.to_string()]) {
            run.note = join(run.note.take(), told);
        }
    });
    state.step(id, RunEvent::End(Ending::Skipped(SkipReason::Overlap)), OfRun::Overlapped { older, came });
}

/// A newer time of the schedule takes its place.
pub(crate) fn skip_for_newer(state: &mut State, id: RunId, newer: RunId) {
    let what = OfRun::Replaced { newer };
    state.book.change(id, |run| run.note = join(run.note.take(), format!("run {} took its place", newer.short())));
    state.step(id, RunEvent::End(Ending::Skipped(SkipReason::Overlap)), what);
}

/// More of its schedule wait than may.
pub(crate) fn too_many_wait(state: &mut State, id: RunId, most: usize) {
    state.book.change(id, |run| {
        run.note = join(run.note.take(), format!("{most} times of its schedule were waiting already"));
    });
    state.step(id, RunEvent::End(Ending::Missed(MissReason::Limit)), OfRun::TooManyWait { most });
}

/// A newer time of its schedule has waited for the same, and is caught up in its place.
pub(crate) fn piled_up(state: &mut State, id: RunId, reason: WaitReason) {
    let what = OfRun::PiledUp(reason);
    state
        .book
        .change(id, |run| run.note = join(run.note.take(), format!("{}; newer times go first", WaitedFor(reason))));
    state.step(id, RunEvent::End(Ending::Missed(MissReason::Limit)), what);
}

/// It waits for another attempt, which is not made: it ends as its last job did (semantics.md 18).
pub(crate) fn end_as_last_job(state: &mut State, id: RunId, what: OfRun) {
    // Whatever end without a job is asked for becomes that of its last job.
    state.step(id, RunEvent::End(Ending::Skipped(SkipReason::Overlap)), what);
}

/// Keeps what went wrong with the run that it went wrong with.
pub(crate) fn keep_error(state: &mut State, id: RunId, error: &CallError) {
    let text = Cause::of(error).to_string();
    state.book.change(id, |run| {
        run.error = Some(text);
        run.trace_id = error.trace_id().map(str::to_owned);
    });
}

pub(crate) fn reject(state: &mut State, id: RunId, error: &CallError) {
    keep_error(state, id, error);
    refuse(state, id, &Cause::of(error).to_string());
}

/// The same with what is known of it in words only.
pub(crate) fn refuse(state: &mut State, id: RunId, told: &str) {
    // What its job said stays; the refusal of a further attempt is in its note then.
    if state.book.get(id).is_some_and(|open| !open.run.had_job()) {
        state.book.change(id, |run| run.error = Some(told.to_owned()));
    }
    state.step(id, RunEvent::End(Ending::Rejected), OfRun::Refused(told.to_owned()));
}

/// What a job does, while it does something. `None` once it has ended, and for a word that is not known here.
pub(crate) fn phase_of(state: &JobState) -> Option<JobPhase> {
    match state {
        JobState::Pending | JobState::Resumed => Some(JobPhase::Pending),
        JobState::Running => Some(JobPhase::Running),
        JobState::Suspended => Some(JobPhase::Suspended),
        JobState::Stopping | JobState::Terminating => Some(JobPhase::Stopping),
        JobState::Faulted | JobState::Successful | JobState::Stopped | JobState::Other(_) => None,
    }
}

/// What went wrong with a job, in its own words: the title and detail of its error, else its info.
pub(crate) fn job_error(job: &JobView) -> Option<String> {
    if job.state == JobState::Successful {
        return None;
    }
    if let Some(fault) = &job.error {
        let title = fault.title.as_deref().filter(|text| !text.is_empty());
        let detail = fault.detail.as_deref().filter(|text| !text.is_empty());
        match (title, detail) {
            (Some(title), Some(detail)) if title != detail => return Some(format!("{title}: {detail}")),
            (Some(text), _) | (None, Some(text)) => return Some(text.to_owned()),
            (None, None) => {}
        }
    }
    job.info.clone().filter(|text| !text.is_empty())
}

/// Two notes on one run.
pub(crate) fn join(old: Option<String>, new: String) -> Option<String> {
    Some(match old {
        Some(old) => format!("{old}; {new}"),
        None => new,
    })
}
