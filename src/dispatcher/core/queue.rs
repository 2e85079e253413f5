//! The runs of one connection that wait to be sent, in the order of their times, and what each of them waits for.
//!
//! A run is looked at again when it was touched, when its time has come, or when what it waits for has changed; a thousand that wait
//! for a place within the connection's limits cost a turn nothing.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::time::Duration;

use jiff::Timestamp;

use super::link::targets::TargetChanges;
use crate::clock::Reading;
use crate::run::{RunId, WaitReason};

/// The order in which runs are sent: by priority, the higher first, then by when each is due.
pub(crate) type Order = (Reverse<i32>, Timestamp, Timestamp, RunId);

/// What a run that may be sent waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seat {
    /// To be looked at in the next turn.
    Next,
    /// A place within the connection's limits.
    Limit,
    /// A place in its pool.
    Pool,
    /// The place of its process at Orchestrator.
    Target,
    /// This boot time.
    Until(Duration),
    /// This instant.
    UntilWall(Timestamp),
    /// An event that touches it, or a change of the connection's obstacle.
    Event,
}

/// Whether starts may go on a connection, as far as its waiting runs show it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Gate {
    #[default]
    Open,
    /// They may, and whether Orchestrator takes calls again is not known yet: it had asked for fewer.
    Easing,
    /// The obstacle's reason and error.
    Shut(WaitReason, Option<String>),
}

/// The runs of one connection that may be sent.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    seats: BTreeMap<Order, Seat>,
    next: BTreeSet<Order>,
    limit: BTreeSet<Order>,
    target: BTreeSet<Order>,
    until: BTreeSet<(Duration, Order)>,
    until_wall: BTreeSet<(Timestamp, Order)>,
    /// The obstacle at the last turn, and how often what is known of processes had changed by then.
    gate: Gate,
    targets: TargetChanges,
}

impl Queue {
    /// All of it, in order.
    pub(crate) fn runs(&self) -> impl Iterator<Item = RunId> {
        self.seats.keys().map(|(.., id)| *id)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.seats.is_empty()
    }

    /// Gives a run its seat.
    pub(crate) fn seat(&mut self, order: Order, seat: Seat) {
        if self.seats.get(&order) == Some(&seat) {
            return;
        }
        self.leave(order);
        self.seats.insert(order, seat);
        match seat {
            Seat::Next => drop(self.next.insert(order)),
            Seat::Limit => drop(self.limit.insert(order)),
            Seat::Target => drop(self.target.insert(order)),
            Seat::Until(boot) => drop(self.until.insert((boot, order))),
            Seat::UntilWall(at) => drop(self.until_wall.insert((at, order))),
            Seat::Event | Seat::Pool => {}
        }
    }

    /// It waits to be sent no longer.
    pub(crate) fn leave(&mut self, order: Order) {
        match self.seats.remove(&order) {
            Some(Seat::Next) => drop(self.next.remove(&order)),
            Some(Seat::Limit) => drop(self.limit.remove(&order)),
            Some(Seat::Target) => drop(self.target.remove(&order)),
            Some(Seat::Until(boot)) => drop(self.until.remove(&(boot, order))),
            Some(Seat::UntilWall(at)) => drop(self.until_wall.remove(&(at, order))),
            Some(Seat::Event | Seat::Pool) | None => {}
        }
    }

    /// Has those looked at whose time has come, and those for which something has changed since the last turn.
    pub(crate) fn wake_up(&mut self, gate: &Gate, targets: TargetChanges, now: Reading) {
        let mut awake: Vec<Order> = Vec::new();
        if self.gate != *gate {
            self.gate.clone_from(gate);
            awake.extend(self.seats.keys());
        }
        if self.targets != targets {
            awake.extend(&self.target);
            awake.extend(self.until.iter().map(|(_, order)| order));
        }
        if self.targets.forgotten != targets.forgotten {
            // What was known of theirs may be known no longer.
            awake.extend(&self.limit);
        }
        self.targets = targets;
        awake.extend(self.until.iter().take_while(|(boot, _)| *boot <= now.boot).map(|(_, order)| order));
        awake.extend(self.until_wall.iter().take_while(|(at, _)| *at <= now.wall).map(|(_, order)| order));
        for order in awake {
            self.seat(order, Seat::Next);
        }
    }

    /// The next one to be looked at after this. Those that wait for a place are left alone when there is none.
    pub(crate) fn after(&self, last: Option<Order>, is_full: bool) -> Option<Order> {
        let from = last.map_or(Bound::Unbounded, Bound::Excluded);
        let next = self.next.range((from, Bound::Unbounded)).next();
        let limited = self.limit.range((from, Bound::Unbounded)).next().filter(|_| !is_full);
        next.into_iter().chain(limited).min().copied()
    }

    /// When the first of those that wait for a time is looked at again, in boot time and by the wall clock.
    pub(crate) fn wakes(&self) -> (Option<Duration>, Option<Timestamp>) {
        (self.until.first().map(|(boot, _)| *boot), self.until_wall.first().map(|(at, _)| *at))
    }
}
