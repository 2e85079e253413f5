//! Stopping a run's job: the wish is stored first, then asked for, and pursued until the job is final (semantics.md 21a).
//!
//! Nothing here says how a run ends: that is read from its job, by whom it was to stop.

use std::time::Duration;

use jiff::Timestamp;

use crate::clock::later;
use crate::dispatcher::core::due::limit_of;
use crate::dispatcher::core::flights::Question;
use crate::dispatcher::core::link::clocks::Judges;
use crate::dispatcher::core::progress::{Follow, Open};
use crate::dispatcher::core::state::{State, boot_of, there};
use crate::executor::Action;
use crate::happening::OfRun;
use crate::orchestrator::{CallError, StopStrategy};
use crate::policy::stop::{Standing, decide};
use crate::run::{JobPhase, JobRef, RunId, RunState, StopIntent, StopStep, StoppedBy, TimeLimit};
use crate::schedule::{ConnectionName, Timeouts};

/// A stop that came to nothing is asked for again after this, …
const AGAIN: Duration = Duration::from_secs(5);

/// … each time later, up to this: a job that is to stop must, and a server that refuses is not asked more often for it.
const AGAIN_MOST: Duration = Duration::from_secs(60);

/// How soon a job is read after its stop was taken: an obedient robot ends within seconds.
const READ_AFTER: Duration = Duration::from_secs(2);

/// A job that goes on for so long after its kill was taken is stuck: Orchestrator itself gives one up only after a day.
const STUCK_AFTER: Duration = Duration::from_secs(15 * 60);

/// So many refusals in a row, and the job counts as stuck as well.
const REFUSALS: u32 = 3;

/// How a job is to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// Softly, and by force where it does not obey within its `timeout.kill_after`.
    Softly,
    /// By force.
    Kill,
}

/// A run's job is to stop. `newer` is the run for which.
pub(crate) fn wish(state: &mut State, id: RunId, by: StoppedBy, how: How, newer: Option<RunId>) {
    let now = state.now.wall;
    let Some(open) = there(state.book.get(id), "a run whose job is to stop is open") else { return };
    let Some(attempt) = there(open.run.attempt(), "what has a job has an attempt") else { return };
    let step = StopStep { at: now, accepted_at: None };
    let (soft, kill) = match how {
        How::Softly => (Some(step), None),
        How::Kill => (None, Some(step)),
    };
    let new = StopIntent { by: by.clone(), asked_at: now, soft, kill };
    let old = attempt.stop.clone();
    let intent = match (decide(old.as_ref(), &new), old.clone()) {
        (Standing::Stays, _) => return,
        (Standing::Replaces, None) => new,
        // What was asked for is not asked for again, and a kill that was decided stays decided.
        (Standing::Replaces, Some(old)) => StopIntent {
            soft: new.soft.map(|soft| old.soft.unwrap_or(soft)),
            kill: earlier_kill(old.kill, new.kill),
            ..new
        },
        (Standing::Hastens, Some(old)) => StopIntent { kill: earlier_kill(old.kill, new.kill), ..old },
        (Standing::Hastens, None) => new,
    };
    if old.as_ref() == Some(&intent) {
        // Whoever waits for it asks each time that something of it changes, and this would be such a change.
        return;
    }
    state.book.change_attempt(id, |attempt| attempt.stop = Some(intent));
    if let Some(follow) = state.book.get_mut(id).and_then(Open::follow_mut) {
        (follow.stop_again, follow.stops_in_vain) = (Duration::ZERO, 0);
    }
    state.note(id, OfRun::ToStop { by, newer });
}

fn earlier_kill(one: Option<StopStep>, other: Option<StopStep>) -> Option<StopStep> {
    [one, other].into_iter().flatten().min_by_key(|step| (step.accepted_at.is_none(), step.at))
}

/// Jobs that have passed a limit of time are to stop. Each is read first: what was known of it may be old (semantics.md 21).
pub(crate) fn judge_limits(state: &mut State) {
    let now = state.now;
    let limits = &state.book.due().limits;
    let passed: Vec<RunId> = limits.iter().take_while(|(at, _)| *at <= now.wall).map(|(_, id)| *id).collect();
    if let Some((next, _)) = limits.iter().find(|(at, _)| *at > now.wall) {
        state.wake.at_wall(*next);
    }
    for id in passed {
        let Some(open) = state.book.get(id) else { continue };
        let Some((at, limit)) = limit_of(&open.run) else { continue };
        let due = boot_of(now, at);
        let Some(follow) = open.follow().filter(|follow| follow.ended.is_none()) else { continue };
        if follow.read_at.is_some_and(|read_at| read_at >= due) {
            if !is_by_a_good_clock(state, id) {
                continue;
            }
            wish(state, id, StoppedBy::Timeout(limit), How::Softly, None);
            continue;
        }
        let is_asked = state.book.flights().has_job_of(id);
        if !is_asked
            && follow.asked_at < due
            && follow.next > now.boot
            && let Some(follow) = state.book.get_mut(id).and_then(Open::follow_mut)
        {
            follow.next = now.boot;
        }
    }
}

/// Whether this machine's clock is to be trusted: by a wrong one every job has taken too long (semantics.md 7). Where that is not known it is
/// found out.
fn is_by_a_good_clock(state: &mut State, id: RunId) -> bool {
    let boot = state.now.boot;
    let Some(open) = state.book.get(id) else { return true };
    let (connection, start) = (open.run.connection.clone(), open.run.start().clone());
    let Some(link) = state.links.get_mut(&connection) else { return true };
    match link.may_judge(boot) {
        Judges::Yes => true,
        Judges::AfterALook => {
            if link.health.may_read(boot) {
                let action = link.find(start.folder, start.process);
                state.act(action);
            }
            state.wake.at_boot(boot + AGAIN);
            false
        }
        Judges::Later(next) => {
            state.wake.at_boot(next);
            false
        }
    }
}

/// Asks for the stops whose time has come.
pub(crate) fn pursue(state: &mut State) {
    let stopping: Vec<RunId> = state.book.due().stopping.iter().copied().collect();
    for id in stopping {
        pursue_one(state, id);
    }
}

fn pursue_one(state: &mut State, id: RunId) {
    let now = state.now;
    if state.book.flights().has(&Question::Stop(id)) {
        return;
    }
    let Some(open) = there(state.book.get(id), "a run whose job is to stop is open") else { return };
    let (Some(attempt), Some(job), Some(follow)) = (open.run.attempt(), open.run.open_job(), open.follow()) else {
        return;
    };
    let (Some(intent), Some(folder_id)) = (attempt.stop.clone(), attempt.folder_id) else { return };
    // Since its stop was decided it may have ended, or found a robot: after a restart it is read before anything is
    // asked for.
    if follow.ended.is_some() || is_unheard(follow) {
        return;
    }
    let (again, connection) = (follow.stop_again, open.run.connection.clone());
    let found_a_robot = attempt.started_at.is_some();
    // Also where the answer to it was lost: then the job itself says so.
    let asked = open.run.state == RunState::Job(JobPhase::Stopping)
        || intent.soft.iter().chain(&intent.kill).any(|step| step.accepted_at.is_some());
    if matches!(intent.by, StoppedBy::Timeout(TimeLimit::Pending)) && found_a_robot && !asked {
        state.book.change_attempt(id, |attempt| attempt.stop = None);
        return state.note(id, OfRun::StopDropped { job: job.id });
    }
    let Some((how, at)) = next_step(&intent) else { return show_that_it_is_stuck(state, id, &intent) };
    if at > now.wall {
        return state.wake.at_wall(at);
    }
    if again > now.boot {
        return state.wake.at_boot(again);
    }
    let Some(link) = state.links.get_mut(&connection) else { return };
    if link.health.may_read(now.boot) {
        state.act(Action::Stop { connection, folder_id, run: id, job, how });
    }
}

/// Whether nothing has been heard of a job since the start of this life, or since the clock was set: not even that it
/// cannot be read.
fn is_unheard(follow: &Follow) -> bool {
    let in_vain = follow.misses > 0 || follow.broken > 0 || follow.reads_in_vain > 0;
    follow.read_at.is_none() && !in_vain && follow.unreadable.is_none() && follow.silent.is_none()
}

/// What is asked for next, and when. None: all of it was taken.
fn next_step(intent: &StopIntent) -> Option<(StopStrategy, Timestamp)> {
    let soft = intent.soft.filter(|step| step.accepted_at.is_none()).map(|step| (StopStrategy::SoftStop, step.at));
    let kill = intent.kill.filter(|step| step.accepted_at.is_none()).map(|step| (StopStrategy::Kill, step.at));
    match (soft, kill) {
        // A kill whose time has come makes a soft stop needless.
        (Some(soft), Some(kill)) => Some(if kill.1 <= soft.1 { kill } else { soft }),
        (soft, kill) => soft.or(kill),
    }
}

/// Orchestrator has answered a stop, or not.
pub(crate) fn on_stopped(
    state: &mut State,
    connection: &ConnectionName,
    id: RunId,
    (job, how): (JobRef, StopStrategy),
    result: Result<(), CallError>,
) {
    let now = state.now;
    if let Some(link) = state.links.get_mut(connection) {
        link.health.heard_of_job(&result, now.boot);
    }
    let Some(open) = state.book.get(id).filter(|open| open.run.open_job() == Some(job)) else { return };
    let kill_after = open.run.policy.timeout.as_ref().map_or(Timeouts::USUAL_KILL_AFTER, |timeout| timeout.kill_after);
    match result {
        Ok(()) => {
            state.book.change_attempt(id, |attempt| {
                if let Some(intent) = &mut attempt.stop {
                    taken(intent, how, now.wall, kill_after);
                }
            });
            if let Some(follow) = state.book.get_mut(id).and_then(Open::follow_mut) {
                (follow.stop_again, follow.stops_in_vain) = (Duration::ZERO, 0);
                follow.next = follow.next.min(now.boot + READ_AFTER);
            }
            state.note(id, OfRun::StopTaken { job: job.id, how });
        }
        Err(error) => {
            let is_refusal = matches!(error, CallError::Rejected { .. });
            let Some(follow) = state.book.get_mut(id).and_then(Open::follow_mut) else { return };
            follow.stops_in_vain = follow.stops_in_vain.saturating_add(1);
            let count = follow.stops_in_vain;
            follow.stop_again = now.boot + AGAIN.saturating_mul(count).min(AGAIN_MOST);
            // Perhaps it has ended, and that is why.
            follow.next = follow.next.min(now.boot);
            state.wake.at_boot(now.boot + AGAIN.saturating_mul(count).min(AGAIN_MOST));
            if count == 1 {
                state.note(id, OfRun::StopNotTaken { job: job.id, came: error.to_string() });
            }
            if is_refusal && count == REFUSALS {
                show_stuck(state, id, job);
            }
        }
    }
}

/// A step was taken. From a soft stop on it is known when it is to be killed; a person's is not followed by force.
fn taken(intent: &mut StopIntent, how: StopStrategy, now: Timestamp, kill_after: Duration) {
    let step = match how {
        StopStrategy::SoftStop => &mut intent.soft,
        StopStrategy::Kill => &mut intent.kill,
    };
    if let Some(step) = step {
        step.accepted_at.get_or_insert(now);
    }
    let by_itself = match intent.by {
        StoppedBy::Timeout(_) | StoppedBy::Overlap => true,
        StoppedBy::Person { .. } => false,
    };
    if how == StopStrategy::SoftStop && by_itself && intent.kill.is_none() {
        intent.kill = Some(StopStep { at: later(now, kill_after), accepted_at: None });
    }
}

/// Whether a run's job does not end although it was stopped: then a person may give it up (semantics.md 21a).
pub(crate) fn is_stuck(open: &Open, now: Timestamp) -> bool {
    let RunState::Job(_) = open.run.state else { return false };
    let killed_at = open.run.attempt().and_then(|attempt| attempt.stop.as_ref()?.kill?.accepted_at);
    let refused = open.follow().is_some_and(|follow| follow.stops_in_vain >= REFUSALS);
    refused || killed_at.is_some_and(|at| later(at, STUCK_AFTER) <= now)
}

fn show_that_it_is_stuck(state: &mut State, id: RunId, intent: &StopIntent) {
    let now = state.now;
    // A person's soft stop may be obeyed hours later: nobody asked for more.
    let Some(killed_at) = intent.kill.and_then(|step| step.accepted_at) else { return };
    let stuck_at = later(killed_at, STUCK_AFTER);
    if stuck_at > now.wall {
        return state.wake.at_wall(stuck_at);
    }
    let Some(job) = state.book.get(id).and_then(|open| open.run.open_job()) else { return };
    show_stuck(state, id, job);
}

/// Once for each run: its error says it until it ends.
fn show_stuck(state: &mut State, id: RunId, job: JobRef) {
    let what = OfRun::Stuck { job: job.id, run: id };
    let text = what.to_string();
    if state.book.get(id).is_some_and(|open| open.run.error.as_ref() != Some(&text)) {
        state.book.change(id, |run| run.error = Some(text));
        state.note(id, what);
    }
}
