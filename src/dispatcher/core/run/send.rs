//! From waiting to sent, within the limits, and what each answer to a start means.

use std::time::Duration;

use super::cancel::Sent;
use super::ending::join;
use super::{cancel, deadline, holding, overlap, pile, pool, process};
use crate::clock::Reading;
use crate::dispatcher::core::book::Book;
use crate::dispatcher::core::link::health::Answering;
use crate::dispatcher::core::link::obstacle::Obstacle;
use crate::dispatcher::core::link::targets::TargetState;
use crate::dispatcher::core::progress::{Need, Open, Wish};
use crate::dispatcher::core::queue::{Gate, Seat};
use crate::dispatcher::core::state::{Absent, EarlierLife, State, there};
use crate::executor::{Action, StartOrder, Target};
use crate::happening::{OfRun, WhyUnwanted};
use crate::orchestrator::ServerStop;
use crate::run::{Ending, Run, RunEvent, RunId, RunState, SkipReason, WaitReason};
use crate::schedule::{ConnectionName, Enablement, StartSpec, Timeouts, Trigger};

/// Sends what may be sent: on each connection in the order of its times.
pub(crate) fn send_waiting(state: &mut State) {
    let now = state.now;
    state.book.look_at_younger();
    let names: Vec<ConnectionName> = state.book.due().queues.keys().cloned().collect();
    for (name, link) in &mut state.links {
        // Nothing is left of the outage.
        if link.health.is == Answering::Recovering && !piled_up(&mut state.book, name, now) {
            link.health.recovered();
        }
    }
    for name in names {
        send_on(state, &name);
    }
    pool::grant(state, |state, id| {
        let seat = send(state, id, Place::Free);
        state.book.seat(id, seat);
        seat
    });
    if state.book.look_at_younger() {
        // Of what became of the older ones just now the younger ones learn in a turn of their own.
        state.wake.at_boot(now.boot);
    }
}

fn send_on(state: &mut State, name: &ConnectionName) {
    let now = state.now;
    let obstacle = state.links.get(name).map(|link| link.obstacle(now.boot));
    let targets = state.links.get(name).map(|link| link.targets.changes()).unwrap_or_default();
    if let Some(link) = state.links.get_mut(name) {
        link.has_kept_back |= link.is_in_trouble(now.boot);
        if matches!(obstacle, Some(None)) && std::mem::take(&mut link.has_kept_back) {
            pile::choose(state, name);
        }
    }
    let is_easing = state.links.get(name).is_some_and(|link| link.health.is_easing(now.boot));
    let (gate, until): (Gate, Option<Duration>) = match obstacle {
        None => (Gate::Shut(WaitReason::Outage, None), None),
        Some(None) if is_easing => (Gate::Easing, None),
        Some(None) => (Gate::Open, None),
        Some(Some(obstacle)) => (Gate::Shut(obstacle.reason, obstacle.error), obstacle.until),
    };
    let is_shut = matches!(gate, Gate::Shut(..));
    let due = state.book.due();
    let Some(queue) = due.queues.get_mut(name) else { return };
    queue.wake_up(&gate, targets, now);
    // Nobody whose connection leads elsewhere needs it.
    let first = queue.runs().take_while(|_| is_shut).find(|id| !due.elsewhere.contains(id));
    if let Some(start) = first.and_then(|id| state.book.get(id)).map(|open| open.run.start().clone()) {
        until.into_iter().for_each(|until| state.wake.at_boot(until));
        probe(state, name, &start);
    }
    let (mut last, mut is_full) = (None, is_shut);
    while let Some(order) = state.book.due().queues.get(name).and_then(|queue| queue.after(last, is_full)) {
        let (.., id) = order;
        let seat = send(state, id, Place::Asked);
        is_full |= seat == Seat::Limit;
        state.book.seat(id, seat);
        last = Some(order);
    }
    let Some(queue) = state.book.due().queues.get(name) else { return };
    let (boot, wall) = queue.wakes();
    boot.into_iter().for_each(|boot| state.wake.at_boot(boot));
    wall.into_iter().for_each(|at| state.wake.at_wall(at));
}

/// Whether a run's pool has a place for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// That is found out at the end of the turn, when all are known who want one.
    Asked,
    /// There is one, and it is this run's turn.
    Free,
}

/// Sends a run if nothing stands in its way. Gives what it waits for.
fn send(state: &mut State, id: RunId, place: Place) -> Seat {
    let now = state.now;
    let Some(open) = there(state.book.get(id), "a run in a queue is open") else { return Seat::Event };
    let Some(need) = there(open.need(), "a run in a queue may be sent") else { return Seat::Event };
    let (connection, start, due) = (open.run.connection.clone(), open.run.start().clone(), open.run.due_at());
    let (state_before, is_retry) = (open.run.state, open.run.had_job());
    let (is_elsewhere, stop_at, trigger) = (open.elsewhere.is_some(), open.run.policy.stop_at, open.run.trigger);
    let limiting = pool::limited_by(state, open).filter(|_| place == Place::Asked);
    let pause = open.tries.pause.map(|pause| pause.until);
    let sent = if open.run.state == RunState::Unknown { OfRun::SentAgain } else { OfRun::Sent };
    if cancel::was_sent(state, open) == Sent::Never
        && let Some(actor) = cancel::wanted(open)
    {
        cancel::cancel(state, id, actor);
        return Seat::Event;
    }
    if is_certainly_unsent(state, open, need)
        && let Some((ending, why)) = unwanted(state, &open.run)
    {
        if !is_retry {
            state.book.change(id, |run| run.note = join(run.note.take(), why.to_string()));
        }
        if state.step(id, RunEvent::End(ending), OfRun::Unwanted(why)) && ending == Ending::Cancelled && !is_retry {
            state.book.change(id, |run| run.cancelled_by = Some("files".to_owned()));
        }
        return Seat::Event;
    }
    if is_elsewhere {
        // Its own time runs from the end of the older one, also where that can be read no more than it can be sent.
        if !overlap::stays_behind(state, id) {
            state.wait(id, WaitReason::Outage, None, OfRun::WaitsForTenant);
        }
        return Seat::Event;
    }
    if due > now.wall {
        if !is_retry {
            // Claimed under a clock that has been set back since.
            state.wait(id, WaitReason::Clock, None, OfRun::TimeNotCome);
        }
        return Seat::UntilWall(due);
    }
    if let Some(seat) = kept_back(state, id, &connection, pause) {
        return seat;
    }
    match need {
        Need::Nothing => {}
        // `look_up` has it.
        Need::LookUp(_) => return Seat::Event,
        Need::Overlap => {
            if !overlap::pass(state, id) {
                return Seat::Event;
            }
        }
    }
    let known = process::known_target(state, &connection, &start);
    let Some(target) = known.or_else(|| process::want_target(state, &connection, &start)) else {
        state.wait(id, WaitReason::LookUp, None, OfRun::WaitsForProcess);
        let targets = state.links.get(&connection).map(|link| &link.targets);
        return match targets.and_then(|targets| targets.get(&(start.folder, start.process))) {
            Some(TargetState::PutOff(until)) => Seat::Until(*until),
            Some(TargetState::Asked | TargetState::Known(..) | TargetState::Refused(_)) | None => Seat::Target,
        };
    };
    // Of one that was claimed just now, or waits for its own end to be settled, nothing has changed; but of those that people start in one turn
    // each learns only here of the one before it.
    let may_have_changed =
        need == Need::Nothing && (!trigger.is_planned() || matches!(state_before, RunState::Waiting(_)));
    if may_have_changed && !overlap::may_still_go(state, id) {
        return Seat::Event;
    }
    if stop_at.is_some_and(|stop_at| stop_at <= now.wall) {
        // What waited for an older one learns only then that its day is over (semantics.md 21).
        deadline::miss(state, id);
        return Seat::Event;
    }
    if let Some(pool) = limiting {
        pool::wait(state, id, pool);
        return Seat::Pool;
    }
    if !takes_place(state, id, &connection) {
        return Seat::Limit;
    }
    // One that is old is looked up again next to this start.
    process::want_target(state, &connection, &start);
    order_start(state, id, target, sent);
    Seat::Event
}

/// Whether no life before this one can have sent it. What may have been started is looked up first, whatever the files say now; and what a
/// person decided to start is not withdrawn.
fn is_certainly_unsent(state: &State, open: &Open, need: Need) -> bool {
    let certain = match need {
        Need::Nothing => true,
        // It came due in this life, or has settled as "no job was made".
        Need::Overlap => {
            let earlier = state.earlier_life(open.run.trigger, open.run.due_at());
            open.settle().is_some() || earlier == EarlierLife::StartedNothing
        }
        Need::LookUp(_) => false,
    };
    certain && open.wish != Wish::Start
}

/// What keeps a run back: a pause or a window, its connection, or its own pause until this boot time. None: nothing.
fn kept_back(state: &mut State, id: RunId, connection: &ConnectionName, pause: Option<Duration>) -> Option<Seat> {
    if let Some(seat) = holding::keep(state, id) {
        return Some(seat);
    }
    let now = state.now;
    let Some(link) = state.links.get(connection) else {
        state.wait(id, WaitReason::Outage, None, OfRun::ConnectionNotLoaded);
        return Some(Seat::Event);
    };
    if let Some(Obstacle { reason, until, text, error }) = link.obstacle(now.boot) {
        // What keeps it back is the older run: an outage uses up none of its time, and is nothing that its schedule
        // piled up.
        if overlap::stays_behind(state, id) {
            overlap::show_behind(state, id);
            return Some(Seat::Event);
        }
        // Its own last answer is worth more than what another call met.
        if let Some(error) = error
            && state.book.get(id).is_some_and(|open| {
                open.run.state != RunState::Unknown && pause.is_none() && open.run.error.as_ref() != Some(&error)
            })
        {
            state.book.change(id, |run| run.error = Some(error));
        }
        state.wait(id, reason, until, OfRun::WaitsForConnection(text));
        return Some(Seat::Event);
    }
    pause.filter(|until| now.boot < *until).map(Seat::Until)
}

/// Whether there is a place within the connection's limits; if so it is taken.
fn takes_place(state: &mut State, id: RunId, connection: &ConnectionName) -> bool {
    let now = state.now;
    let under_way = state.book.flights().starts_on(connection);
    let Some(link) = state.links.get_mut(connection) else { return false };
    if under_way >= link.connection.limits.open_requests {
        state.wait(id, WaitReason::Limit, None, OfRun::WaitsForPlace);
        return false;
    }
    if let Err(next) = link.take_start(now.boot) {
        state.wake.at_boot(next);
        state.wait(id, WaitReason::Limit, Some(next), OfRun::WaitsForRate);
        return false;
    }
    true
}

/// Tries what stands in the way by a harmless read, never by a start.
fn probe(state: &mut State, connection: &ConnectionName, start: &StartSpec) {
    let now = state.now;
    let Some(link) = state.links.get_mut(connection) else { return };
    // Either the connection is tried, or its clock; both by the same read.
    let wanted = match link.health.is {
        Answering::Down { .. } => link.health.may_read(now.boot),
        Answering::Fine | Answering::Recovering => link.clocks.may_compare(now.boot) && link.health.may_read(now.boot),
        Answering::Probing(_) => false,
    };
    if wanted {
        let action = link.find(start.folder.clone(), start.process.clone());
        state.act(action);
    }
}

fn order_start(state: &mut State, id: RunId, target: Target, sent: OfRun) {
    let now = state.now;
    let mut order = None;
    state.book.change(id, |run| {
        run.sent_at = Some(now.wall);
        let (connection, start) = (run.connection.clone(), run.start().clone());
        let stop = run.policy.timeout.as_ref().and_then(server_stop);
        order = run.attempt_mut().map(|attempt| {
            attempt.sends = attempt.sends.saturating_add(1);
            attempt.sent_at = Some(now.wall);
            // The folder of the first call: every look-up asks this very folder.
            let folder_id = *attempt.folder_id.get_or_insert(target.folder_id);
            let (target, reference) = (Target { folder_id, ..target }, attempt.reference.clone());
            StartOrder { run: id, connection, target, reference, start, stop }
        });
    });
    let Some(order) = there(order, "what is sent has an attempt") else { return };
    if state.step(id, RunEvent::Send, sent) {
        state.act(Action::Start(order));
    }
}

/// What Orchestrator is told of a job's time, where a file asks for that.
fn server_stop(timeouts: &Timeouts) -> Option<ServerStop> {
    let after = timeouts.on_server()?;
    Some(ServerStop { after, grace: timeouts.kill_after })
}

/// Why the files do not want a run any more that has not been sent, or is not to be sent again. An edit withdraws nothing: what
/// was due is sent as it was claimed (semantics.md 27).
fn unwanted(state: &State, run: &Run) -> Option<(Ending, WhyUnwanted)> {
    match (state.loaded.set.schedules.get(&run.schedule).map(|schedule| schedule.enablement), state.loaded.absent) {
        (Some(Enablement::Enabled), _) | (None, Absent::Park) => None,
        (Some(Enablement::Disabled), _) => match run.trigger {
            // Who asks for it by hand knows (semantics.md 12a, 31).
            Trigger::Manual => None,
            Trigger::Scheduled | Trigger::CatchUp | Trigger::After | Trigger::Backfill => {
                Some((Ending::Skipped(SkipReason::Disabled), WhyUnwanted::Disabled))
            }
        },
        (None, Absent::Retire) => Some((Ending::Cancelled, WhyUnwanted::Gone)),
    }
}

/// Whether anything is left of what an outage piled up. What waits for a robot, an older run or its own pause was not.
fn piled_up(book: &mut Book, name: &ConnectionName, now: Reading) -> bool {
    book.due();
    let queue = book.filed().queues.get(name);
    let mut queued = queue.into_iter().flat_map(|queue| queue.runs()).filter_map(|id| book.get(id));
    queued.any(|open| match open.run.state {
        RunState::Waiting(
            WaitReason::Capacity
            | WaitReason::Overlap
            | WaitReason::Retry
            | WaitReason::LookUp
            | WaitReason::Paused
            | WaitReason::Blackout,
        ) => false,
        RunState::Waiting(
            WaitReason::Token
            | WaitReason::Outage
            | WaitReason::RateLimit
            | WaitReason::Limit
            | WaitReason::Clock
            | WaitReason::CatchUp,
        )
        | RunState::Armed
        | RunState::Starting
        | RunState::Unknown
        | RunState::Held
        | RunState::Job(_)
        | RunState::Ended(_) => open.tries.pause.is_none_or(|pause| pause.until <= now.boot),
    })
}
