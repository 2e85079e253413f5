//! Clocks that are set, and machines that sleep: treated like a restart (semantics.md 7).
//!
//! What was known of the open runs is old then: a job may have ended hours ago. So every open run is read again before
//! anything new is started beside it; due times are found as late ones by the planner, as after a restart.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Core;
use super::link::Phase;
use super::open::Verdict;
use super::target::Warmed;
use crate::clock::{Reading, earlier};
use crate::policy::overlap::Knowledge;
use crate::run::{RunEvent, RunId, RunState};
use crate::schedule::ConnectionName;

/// Wall time may run this far from boot time between two turns; more is a step of the clock (semantics.md 7).
const STEP: SignedDuration = SignedDuration::from_secs(5);

/// A turn this much later than it was to be taken: the machine slept, or the process was stopped.
const SLEPT: Duration = Duration::from_secs(5);

impl Core {
    /// What a crash left as `starting`, or released, may have been sent: it is settled before it is sent again (semantics.md
    /// 14). What was armed and not released was certainly not.
    pub(super) fn doubt_unfinished_starts(&mut self, now: Reading) {
        for id in self.book.ids() {
            let Some(state) = self.book.get(id).map(|open| open.run.state) else { continue };
            match state {
                RunState::Starting => {
                    self.step(id, RunEvent::Unclear, now, "The daemon stopped while this was being sent".to_owned());
                    self.book.change(id, |run| {
                        if let Some(attempt) = run.attempt_mut() {
                            attempt.unclear = attempt.unclear.saturating_add(1);
                            // Nobody has read what was answered.
                            attempt.answered = None;
                            attempt.settled_none = 0;
                        }
                    });
                    if let Some(open) = self.book.get_mut(id) {
                        open.settle_from(now.boot, now.boot);
                    }
                }
                RunState::Armed
                | RunState::Waiting(_)
                | RunState::Unknown
                | RunState::Held
                | RunState::Job(_)
                | RunState::Ended(_) => {}
            }
        }
    }

    pub(super) fn notice_jumps(&mut self, now: Reading) {
        let by_wall = now.wall.duration_since(self.last_turn.wall);
        let passed = now.boot.saturating_sub(self.last_turn.boot);
        let by_boot = SignedDuration::try_from(passed).unwrap_or_default();
        self.last_turn = now;
        let stepped = by_wall - by_boot;
        if stepped.abs() > STEP {
            tracing::warn!(
                "The clock was set by {stepped:#}; due times are judged by the new time, and open runs are read again"
            );
            // The clock has gone on since it was set: from then on times are looked at.
            self.take_back_marks(earlier(now.wall, passed));
            // Whatever is due by the new time may have been started by the old: it is looked up before it is sent.
            self.opened.wall = self.opened.wall.max(now.wall);
            self.warmed = Warmed::from(now.wall);
            self.book.look_at_all();
            for link in self.links.values_mut() {
                link.clock_was_set(stepped, now.boot);
            }
            self.store_list_calls_anew(now);
            self.reconcile_anew(now);
        } else if self.next_turn_by.is_some_and(|by| now.boot > by + SLEPT) {
            tracing::warn!(
                "Nothing was done for {by_boot:#}: the machine slept, or was too busy; open runs are read again"
            );
            self.reconcile_anew(now);
        }
    }

    /// Marks ahead of the clock were made under a wrong one, in this life or before it.
    pub(super) fn take_back_marks(&mut self, now: Timestamp) {
        for (key, mark) in self.planner.clamp_marks(now) {
            tracing::error!(
                schedule = %key,
                "Schedule `{key}` was planned up to a time ahead of the clock and goes on from now: check this machine's clock"
            );
            self.book.record_mark(key, mark);
        }
    }

    /// Every open run that was sent is read before anything new is started on its connection, as after a restart.
    fn reconcile_anew(&mut self, now: Reading) {
        let mut to_read: BTreeMap<ConnectionName, BTreeSet<RunId>> = BTreeMap::new();
        for id in self.book.ids() {
            // What leads to another tenant is not read there, and nothing waits for it.
            let Some(open) = self.book.get_mut(id).filter(|open| open.elsewhere.is_none()) else { continue };
            match open.run.state {
                RunState::Unknown | RunState::Held => {
                    if let Some(settle) = open.settle.as_mut() {
                        // What was to be sent again is looked up once more.
                        if settle.verdict == Verdict::None {
                            settle.verdict = Verdict::Open;
                        }
                        settle.next = settle.next.min(now.boot);
                    }
                }
                RunState::Job(_) => {
                    if let Some(follow) = open.follow.as_mut() {
                        follow.next = follow.next.min(now.boot);
                    }
                }
                // Its answer is under way, or it was never sent.
                RunState::Starting | RunState::Armed | RunState::Waiting(_) | RunState::Ended(_) => continue,
            }
            open.knowledge = Knowledge::NotReadYet;
            to_read.entry(open.run.connection.clone()).or_default().insert(id);
        }
        for (connection, runs) in to_read {
            let Some(link) = self.links.get_mut(&connection) else { continue };
            match &mut link.phase {
                Phase::Reconciling(left) => left.extend(runs),
                Phase::Ready => link.phase = Phase::Reconciling(runs),
            }
        }
    }
}
