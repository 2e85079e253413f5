//! From waiting to sent, within the limits, and what each answer to a start means.

use std::time::Duration;

use super::book::Book;
use super::claim::join;
use super::elsewhere::identity;
use super::link::{Health, Obstacle};
use super::open::{Asked, BeforeStart, Decided};
use super::queue::{Gate, Seat};
use super::target::{TargetKey, TargetState};
use super::{Core, boot_of, wall_of};
use crate::clock::Reading;
use crate::executor::{Action, Resolved, StartOrder, Target};
use crate::orchestrator::{CallError, ServerSkew};
use crate::policy::overlap::{self, Admission};
use crate::run::{Ending, RunEvent, RunId, RunState, WaitReason};
use crate::schedule::{ConnectionName, OverlapPolicy, StartSpec};

/// A process that could not be looked for, for want of a clear answer, is looked for again after this.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

impl Core {
    /// Sends what may be sent: on each connection in the order of its times.
    pub(super) fn send_waiting(&mut self, now: Reading) {
        self.book.look_at_younger();
        let names: Vec<ConnectionName> = self.book.due().queues.keys().cloned().collect();
        for (name, link) in &mut self.links {
            // Nothing is left of the outage.
            if link.health == Health::Recovering && !piled_up(&mut self.book, name, now) {
                link.health = Health::Fine;
            }
        }
        for name in names {
            self.send_on(&name, now);
        }
        if self.book.look_at_younger() {
            // Of what became of the older ones just now the younger ones learn in a turn of their own.
            self.wake.at_boot(now.boot);
        }
    }

    fn send_on(&mut self, name: &ConnectionName, now: Reading) {
        let obstacle = self.links.get(name).map(|link| link.obstacle(now.boot));
        let targets = self.links.get(name).map(|link| link.targets.changes()).unwrap_or_default();
        let (gate, until): (Gate, Option<Duration>) = match obstacle {
            None => (Some((WaitReason::Outage, None)), None),
            Some(None) => (None, None),
            Some(Some(obstacle)) => (Some((obstacle.reason, obstacle.error)), obstacle.until),
        };
        let due = self.book.due();
        let Some(queue) = due.queues.get_mut(name) else { return };
        queue.wake_up(&gate, targets, now);
        // Nobody whose connection leads elsewhere needs it.
        let first = queue.runs().take_while(|_| gate.is_some()).find(|id| !due.elsewhere.contains(id));
        if let Some(start) = first.and_then(|id| self.book.get(id)).map(|open| open.run.start().clone()) {
            until.into_iter().for_each(|until| self.wake.at_boot(until));
            self.probe(name, &start, now);
        }
        let (mut last, mut is_full) = (None, gate.is_some());
        while let Some(order) = self.book.due().queues.get(name).and_then(|queue| queue.after(last, is_full)) {
            let (.., id) = order;
            let seat = self.send(id, now);
            is_full |= seat == Seat::Limit;
            self.book.seat(id, seat);
            last = Some(order);
        }
        let Some(queue) = self.book.due().queues.get(name) else { return };
        let (boot, wall) = queue.wakes();
        boot.into_iter().for_each(|boot| self.wake.at_boot(boot));
        wall.into_iter().for_each(|at| self.wake.at_wall(at));
    }

    /// Sends a run if nothing stands in its way. Gives what it waits for.
    fn send(&mut self, id: RunId, now: Reading) -> Seat {
        let Some(open) = self.book.get(id) else { return Seat::Event };
        if open.elsewhere.is_some() {
            let text = "Its connection leads to another tenant than when this was claimed";
            self.wait(id, WaitReason::Outage, None, text, now);
            return Seat::Event;
        }
        let (connection, start, state) = (open.run.connection.clone(), open.run.start().clone(), open.run.state);
        let before_start = open.before_start;
        // What may have been started by another life is looked up first, whatever the files say now.
        let certain = match before_start {
            BeforeStart::Clear => open.decided != Decided::Granted,
            // It came due in this life, or has settled as "no job was made": no other life has sent it.
            BeforeStart::Overlap => {
                let settled = open.run.state == RunState::Unknown;
                open.decided != Decided::Granted && (settled || !self.was_due_before(open.run.fire_at))
            }
            BeforeStart::LookUp(_) => false,
        };
        let (fire_at, pause) = (open.run.fire_at, open.pause);
        if let Some((ending, why)) = self.unwanted(&open.run).filter(|_| certain) {
            self.book.change(id, |run| run.note = join(run.note.take(), why.to_owned()));
            if self.step(id, RunEvent::End(ending), now, format!("Not started: {why}")) && ending == Ending::Cancelled {
                self.book.change(id, |run| run.cancelled_by = Some("files".to_owned()));
            }
            return Seat::Event;
        }
        if fire_at > now.wall {
            // Claimed under a clock that has been set back since.
            self.wait(id, WaitReason::Clock, None, "The clock was set back, and its time has not come", now);
            return Seat::UntilWall(fire_at);
        }
        let Some(link) = self.links.get_mut(&connection) else {
            self.wait(id, WaitReason::Outage, None, "Its connection is not in the loaded files", now);
            return Seat::Event;
        };
        if let Some(obstacle) = link.obstacle(now.boot) {
            let Obstacle { reason, until, text, error } = obstacle;
            // Its own last answer is worth more than what another call met.
            if let Some(error) = error
                && self.book.get(id).is_some_and(|open| {
                    open.run.state != RunState::Unknown
                        && open.pause.is_none()
                        && open.run.error.as_ref() != Some(&error)
                })
            {
                self.book.change(id, |run| run.error = Some(error));
            }
            self.wait(id, reason, until, &text, now);
            return Seat::Event;
        }
        if let Some(until) = pause.map(|pause| pause.until)
            && now.boot < until
        {
            return Seat::Until(until);
        }
        match before_start {
            BeforeStart::Clear => {}
            // `ask_about_unclear_starts` has it.
            BeforeStart::LookUp(_) => return Seat::Event,
            BeforeStart::Overlap => {
                if !self.pass_overlap(id, now) {
                    return Seat::Event;
                }
            }
        }
        let known = self.known_target(&connection, &start);
        let Some(target) = known.or_else(|| self.want_target(&connection, &start, now)) else {
            self.wait(id, WaitReason::LookUp, None, "Its folder and process are being looked up", now);
            let targets = self.links.get(&connection).map(|link| &link.targets);
            return match targets.and_then(|targets| targets.get(&(start.folder, start.process))) {
                Some(TargetState::PutOff(until)) => Seat::Until(*until),
                Some(TargetState::Asked | TargetState::Known(..) | TargetState::Refused(_)) | None => Seat::Target,
            };
        };
        let Some(link) = self.links.get_mut(&connection) else { return Seat::Event };
        if link.starts_in_flight >= link.connection.limits.open_requests {
            self.wait(id, WaitReason::Limit, None, "Enough starts are under way", now);
            return Seat::Limit;
        }
        let taken = match link.health {
            Health::Recovering => link.starts.take_slowly(now.boot, f64::from(link.connection.limits.recovery_rate)),
            Health::Fine | Health::Down { .. } | Health::Probing(_) => link.starts.take(now.boot),
        };
        if let Err(next) = taken {
            self.wake.at_boot(next);
            self.wait(id, WaitReason::Limit, Some(next), "Within the connection's limit of starts", now);
            return Seat::Limit;
        }
        link.starts_in_flight += 1;
        // One that is old is looked up again next to this start.
        self.want_target(&connection, &start, now);
        let again = state == RunState::Unknown;
        self.order_start(id, target, again.then_some(Again), now);
        Seat::Event
    }

    /// Tries what stands in the way by a harmless read, never by a start.
    fn probe(&mut self, connection: &ConnectionName, start: &StartSpec, now: Reading) {
        let Some(link) = self.links.get_mut(connection) else { return };
        // Either the connection is tried, or its clock; both by the same read.
        let wanted = match link.health {
            Health::Down { .. } => link.may_read(now.boot),
            Health::Fine | Health::Recovering => link.may_compare_clocks(now.boot) && link.may_read(now.boot),
            Health::Probing(_) => false,
        };
        if wanted {
            let action = link.find(start.folder.clone(), start.process.clone());
            self.actions.push(action);
        }
    }

    fn order_start(&mut self, id: RunId, target: Target, again: Option<Again>, now: Reading) {
        self.book.change(id, |run| {
            run.sent_at = Some(now.wall);
            if let Some(attempt) = run.attempt_mut() {
                attempt.sends = attempt.sends.saturating_add(1);
                attempt.sent_at = Some(now.wall);
                // The folder of the first call: every look-up asks this very folder.
                attempt.folder_id.get_or_insert(target.folder_id);
            }
        });
        let text = match again {
            Some(Again) => "Sent again under the same Reference: no job was made by the call before",
            None => "Sent to Orchestrator",
        };

        if !self.step(id, RunEvent::Send, now, text.to_owned()) {
            return;
        }
        let Some(open) = self.book.get_mut(id) else { return };
        open.settle = None;
        let Some(attempt) = open.run.attempt() else { return };
        self.actions.push(Action::Start(StartOrder {
            run: id,
            connection: open.run.connection.clone(),
            target: Target { folder_id: attempt.folder_id.unwrap_or(target.folder_id), ..target },
            reference: attempt.reference.clone(),
            start: open.run.start().clone(),
        }));
    }

    /// Whether a run that had to wait for older ones may go on.
    fn pass_overlap(&mut self, id: RunId, now: Reading) -> bool {
        let Some(open) = self.book.get(id) else { return false };
        let live = self.set.schedules.get(&open.run.schedule).map(|schedule| schedule.overlap);
        let policy = open.run.policy.overlap.or(live).unwrap_or(OverlapPolicy::Skip);
        let doubtful = self.was_due_before(open.run.fire_at);
        let due = boot_of(now, open.run.fire_at);
        let older = self.book.active(policy, &open.run.schedule, Some(id), due, now.wall);
        match overlap::decide(policy, &older) {
            Admission::AskAgain => {
                self.read_for_overlap(&older, due);
                self.wait(
                    id,
                    WaitReason::Overlap,
                    None,
                    "An older run is read first to see whether it is still open",
                    now,
                );
                false
            }
            Admission::Skip(other) => {
                // One that was sent before keeps its attempt: its Reference answers what became of it.
                self.book.change(id, |run| {
                    if run.sent_at.is_none() {
                        run.attempts.clear();
                    }
                });
                self.skip_for(id, other, now);
                false
            }
            Admission::Start => {
                if self.book.get(id).is_some_and(|open| open.run.state == RunState::Unknown) {
                    // It has settled: nothing was started.
                    if let Some(open) = self.book.get_mut(id) {
                        open.before_start = BeforeStart::Clear;
                    }
                    return true;
                }
                if doubtful && self.doubt.is_some() {
                    self.doubt_start(id, now);
                    return false;
                }
                if let Some(open) = self.book.get_mut(id) {
                    open.before_start = if doubtful { BeforeStart::LookUp(Asked::No) } else { BeforeStart::Clear };
                }
                if doubtful {
                    // Look-ups go out at the beginning of a turn.
                    self.wake.at_boot(now.boot);
                }
                !doubtful
            }
        }
    }

    /// Keeps a run waiting, and says so once.
    pub(super) fn wait(&mut self, id: RunId, reason: WaitReason, until: Option<Duration>, text: &str, now: Reading) {
        let Some(open) = self.book.get(id) else { return };
        if let Some(until) = until {
            self.wake.at_boot(until);
        }
        // An unclear start that may be sent again stays `unknown` until it is: it is not certain any more that nothing runs.
        if open.run.state == RunState::Unknown || open.run.state == RunState::Waiting(reason) {
            return;
        }
        if self.step(id, RunEvent::Wait(reason), now, text.to_owned()) {
            self.book.change(id, |run| run.waiting_until = until.map(|boot| wall_of(now, boot)));
        }
    }

    /// A process was looked for.
    pub(super) fn resolved(
        &mut self,
        connection: &ConnectionName,
        asked_of: &str,
        (folder, process): TargetKey,
        result: Result<Resolved, CallError>,
        server_skew: ServerSkew,
        now: Reading,
    ) {
        let Some(link) = self.link_mut(connection) else { return };
        if identity(&link.connection) != asked_of {
            // Folder and process of another tenant; it is asked again in this one.
            return;
        }
        match (&result, server_skew) {
            (Ok(_) | Err(_), ServerSkew::By(skew)) => link.compare_clocks(skew, now.boot),
            (Ok(_) | Err(_), ServerSkew::Open) => link.compare_clocks_soon(now.boot),
            (Ok(_), ServerSkew::Unknown) => link.clocks_cannot_be_compared(),
            (Err(_), ServerSkew::Unknown) => {}
        }
        let key = (folder.clone(), process.clone());
        link.heard_read(&result, now.boot);
        let result = result.and_then(|resolved| {
            self.check_short_folder(connection, folder.as_ref(), &resolved.folder, now)?;
            Ok(resolved)
        });
        let Some(link) = self.links.get_mut(connection) else { return };
        match result {
            Ok(Resolved { target, folder: _ }) => {
                link.targets.insert(key, TargetState::Known(target, now.boot));
                self.folder_was_found(connection, &folder, target.folder_id, now);
            }
            Err(error) => {
                if !matches!(error, CallError::Rejected { .. }) {
                    // What was known before is still good to start with; what was being asked for is asked for again.
                    if matches!(link.targets.get(&key), Some(TargetState::Asked)) {
                        link.targets.insert(key, TargetState::PutOff(now.boot + LOOK_AGAIN));
                    }
                    return;
                }
                link.targets.insert(key, TargetState::Refused(now.boot));
                self.folder_was_not_found(connection, &folder, &process, &error, now);
                // Only the runs that are due: a process may be deployed before the others' time.
                let queued: Vec<RunId> =
                    self.book.due().queues.get(connection).map(|queue| queue.runs().collect()).unwrap_or_default();
                let refused: Vec<RunId> = queued
                    .into_iter()
                    .filter_map(|id| self.book.get(id))
                    .filter(|open| open.run.start().folder == folder && open.run.start().process == process)
                    .map(|open| open.run.id)
                    .collect();
                if refused.is_empty() {
                    tracing::warn!(connection = %connection, "{}", with_cure(&error));
                }
                for id in refused {
                    self.reject(id, &error, now);
                }
            }
        }
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
        | RunState::Ended(_) => open.pause.is_none_or(|pause| pause.until <= now.boot),
    })
}

/// The call is a repetition.
#[derive(Clone, Copy, Debug)]
struct Again;

/// An error as a run shows it.
pub(super) fn with_cure(error: &CallError) -> String {
    match error.cure() {
        Some(cure) => format!("{error}; {cure}"),
        None => error.to_string(),
    }
}
