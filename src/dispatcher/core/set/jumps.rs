//! Clocks that are set, and machines that sleep: treated like a restart (semantics.md 7).
//!
//! What was known of the open runs is old then: a job may have ended hours ago. So every open run is read again before
//! anything new is started next to it; due times are found as late ones by the planner, as after a restart.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::planning::{Planning, Warmed};
use crate::clock::{Reading, earlier, later};
use crate::dispatcher::core::inquiry::Settle;
use crate::dispatcher::core::link::Phase;
use crate::dispatcher::core::progress::Progress;
use crate::dispatcher::core::run::lists;
use crate::dispatcher::core::state::State;
use crate::happening::{Happening, OfDaemon, OfRun, OfSchedule};
use crate::policy::overlap::Knowledge;
use crate::run::{RunId, RunState, WaitReason};
use crate::schedule::{ConnectionName, Timeouts};

/// Wall time may run this far from boot time between two turns; more is a step of the clock (semantics.md 7).
const STEP: SignedDuration = SignedDuration::from_secs(5);

/// A turn this much later than it was to be taken: the machine slept, or the process was stopped.
const SLEPT: Duration = Duration::from_secs(5);

/// When turns are taken.
#[derive(Debug)]
pub(crate) struct Turns {
    /// When the last one was taken, and until when (boot time) it let the next one wait.
    last: Reading,
    next_by: Option<Duration>,
}

impl Turns {
    /// None yet.
    pub(crate) fn from(opened: Reading) -> Turns {
        Turns { last: opened, next_by: None }
    }

    /// One is taken now. Gives when the one before was.
    pub(crate) fn begin(&mut self, now: Reading) -> Reading {
        std::mem::replace(&mut self.last, now)
    }

    /// All is decided that is due; the next one is taken when something may change by time alone.
    pub(crate) fn end(&mut self, state: &mut State) {
        let now = state.now;
        for link in state.links.values() {
            link.health.wake(now.boot).into_iter().for_each(|boot| state.wake.at_boot(boot));
        }
        self.next_by = state.wake.from(now).map(|left| now.boot + left);
        state.book.end_turn();
    }
}

/// What a crash left as `starting`, or released, may have been sent: it is settled before it is sent again (semantics.md
/// 14). What was armed and not released was certainly not.
pub(crate) fn doubt_unfinished_starts(state: &mut State) {
    let now = state.now;
    for id in state.book.ids() {
        if state.book.get(id).is_none_or(|open| open.run.state != RunState::Starting) {
            continue;
        }
        let settle = Settle { knowledge: Knowledge::NotReadYet, ..Settle::from(now.boot, now.boot) };
        state.become_unclear(id, settle, OfRun::DaemonStopped);
        state.book.change_attempt(id, |attempt| {
            attempt.unclear = attempt.unclear.saturating_add(1);
            // Nobody has read what was answered.
            attempt.answered = None;
            attempt.settled_none = 0;
        });
    }
}

/// A new turn begins: has the clock been set, or did the machine sleep, since the last one?
pub(crate) fn notice(state: &mut State, planning: &mut Planning, turns: &mut Turns) {
    let now = state.now;
    let last = turns.begin(now);
    let by_wall = now.wall.duration_since(last.wall);
    let passed = now.boot.saturating_sub(last.boot);
    let by_boot = SignedDuration::try_from(passed).unwrap_or_default();
    let stepped = by_wall - by_boot;
    if stepped.abs() > STEP {
        state.book.log(Happening::Daemon(OfDaemon::ClockSet(stepped)));
        planning.burst_found = None;
        // The clock has gone on since it was set: from then on times are looked at.
        take_back_marks(state, planning, earlier(now.wall, passed));
        // Whatever is due by the new time may have been started by the old: it is looked up before it is sent.
        state.loaded.opened.wall = state.loaded.opened.wall.max(now.wall);
        planning.warmed = Warmed::from(now.wall);
        state.holding.holds.begin_by(earlier(now.wall, passed));
        keep_distances(state, stepped);
        state.book.look_at_all();
        for link in state.links.values_mut() {
            link.clocks.were_set(stepped, now.boot);
        }
        lists::store_anew(state);
        reconcile_anew(state);
    } else if turns.next_by.is_some_and(|by| now.boot > by + SLEPT) {
        planning.burst_found = None;
        state.book.log(Happening::Daemon(OfDaemon::Slept(by_boot)));
        reconcile_anew(state);
    }
}

/// What is put off for a while by its policy is not put off for longer, nor for less, since the clock was set: another attempt, and the
/// kill of a job that does not obey (semantics.md 18, 21).
fn keep_distances(state: &mut State, stepped: SignedDuration) {
    let moved = |at: Timestamp| at.saturating_add(stepped).unwrap_or(at);
    for id in state.book.ids() {
        let Some(attempt) = state.book.get(id).and_then(|open| open.run.attempt()) else { continue };
        let is_waiting = state.book.get(id).is_some_and(|open| open.run.state == RunState::Waiting(WaitReason::Retry));
        if let Some(due) = attempt.due_at.filter(|_| is_waiting).map(moved) {
            put_off_until(state, id, due);
        } else if attempt.stop.as_ref().and_then(|stop| stop.kill).is_some_and(|kill| kill.accepted_at.is_none()) {
            state.book.change_attempt(id, |attempt| {
                if let Some(kill) = attempt.stop.as_mut().and_then(|stop| stop.kill.as_mut()) {
                    kill.at = moved(kill.at);
                }
            });
        }
    }
}

/// The clock was set back while nobody was there: nothing is put off for longer than its policy says.
pub(crate) fn shorten_distances(state: &mut State) {
    let now = state.now.wall;
    for id in state.book.ids() {
        let Some(run) = state.book.get(id).map(|open| &open.run) else { continue };
        let Some(attempt) = run.attempt() else { continue };
        let longest = run.policy.retry.as_ref().map_or(Duration::ZERO, |retry| retry.max_delay * 11 / 10);
        let latest = later(now, longest);
        if run.state == RunState::Waiting(WaitReason::Retry) && attempt.due_at.is_some_and(|due| due > latest) {
            put_off_until(state, id, latest);
            continue;
        }
        let kill_after = run.policy.timeout.as_ref().map_or(Timeouts::USUAL_KILL_AFTER, |timeout| timeout.kill_after);
        let latest = later(now, kill_after);
        if attempt.stop.as_ref().and_then(|stop| stop.kill).is_some_and(|kill| kill.at > latest) {
            state.book.change_attempt(id, |attempt| {
                if let Some(kill) = attempt.stop.as_mut().and_then(|stop| stop.kill.as_mut()) {
                    kill.at = latest;
                }
            });
        }
    }
}

fn put_off_until(state: &mut State, id: RunId, due: Timestamp) {
    state.book.change(id, |run| {
        run.waiting_until = Some(due);
        if let Some(attempt) = run.attempt_mut() {
            attempt.due_at = Some(due);
        }
    });
    state.set_deadline(id, due);
    state.wake.at_wall(due);
}

/// Marks ahead of the clock were made under a wrong one, in this life or before it.
pub(crate) fn take_back_marks(state: &mut State, planning: &mut Planning, now: Timestamp) {
    for (key, mark) in planning.planner.clamp_marks(now) {
        state.book.log(Happening::Schedule(key.clone(), OfSchedule::PlannedAhead));
        state.book.record_mark(key, mark);
    }
}

/// Every open run that was sent is read before anything new is started on its connection, as after a restart.
fn reconcile_anew(state: &mut State) {
    let now = state.now;
    let mut to_read: BTreeMap<ConnectionName, BTreeSet<RunId>> = BTreeMap::new();
    for id in state.book.ids() {
        // What leads to another tenant is not read there, and nothing waits for it.
        let Some(open) = state.book.get_mut(id).filter(|open| open.elsewhere.is_none()) else { continue };
        match open.progress {
            Progress::Settling(_) | Progress::Settled(_) | Progress::Following(_) => open.reread(now.boot),
            // Its answer is under way, or it was never sent.
            Progress::Sending | Progress::Queued(_) | Progress::Over => continue,
        }
        to_read.entry(open.run.connection.clone()).or_default().insert(id);
    }
    for (connection, runs) in to_read {
        let Some(link) = state.links.get_mut(&connection) else { continue };
        match &mut link.phase {
            Phase::Reconciling(left) => left.extend(runs),
            Phase::Ready => link.phase = Phase::Reconciling(runs),
        }
    }
}
