//! When a write has failed: the old core goes on reading Orchestrator, and a new one takes its place once the database is back.
//!
//! What was decided and not stored never happened, so the new core begins from the database. It inherits only what no database
//! holds: how each connection is, what was asked of it, and the ends of jobs that the old one has seen meanwhile.

use std::time::Duration;

use super::Core;
use super::link::Link;
use crate::clock::Reading;
use crate::executor::Action;
use crate::run::{Ending, RunEvent, RunState};

/// No call of a start takes longer: it may wait for a token, be refused, wait for another one and be made again.
const LONGEST_CALL: Duration = Duration::from_secs(300);

impl Core {
    /// Only what reads Orchestrator: nothing is claimed, started or given up while nothing can be stored. Changes pile up in
    /// memory.
    pub fn turn_reading(&mut self, now: Reading) -> Vec<Action> {
        self.wake = super::Wake::default();
        self.last_turn = now;
        if self.stopping == super::Stopping::No {
            self.try_unclear_connections(now);
            self.ask_about_unclear_starts(now);
        }
        self.ask_crowds(now);
        self.follow_jobs(now);
        self.wake_for_links(now);
        self.next_turn_by = self.wake.from(now).map(|left| now.boot + left);
        let (reads, kept) = std::mem::take(&mut self.actions).into_iter().partition(Action::only_reads);
        self.actions = kept;
        reads
    }

    /// These were decided and never carried out, because their claim could not be stored.
    pub fn never_sent(&mut self, actions: &[Action]) {
        for action in actions {
            if let Action::Start(order) = action
                && let Some(link) = self.links.get_mut(&order.connection)
            {
                link.starts_in_flight = link.starts_in_flight.saturating_sub(1);
            }
        }
    }

    /// Takes the place of a core whose decisions could not be stored.
    pub fn take_over(&mut self, old: Core, now: Reading) {
        self.keep_connections(old.leaving_connections(), now);
        self.usual = old.usual;
        for (name, link) in old.links {
            if let Some(own) = self.links.get_mut(&name) {
                let stored = own.lists.made(now.boot).count();
                own.inherit(link);
                self.inherit_list_calls(&name, stored, now);
            }
        }
        for open in old.book.iter() {
            // Its call is under way in this very process, and may leave only now: nothing is settled before it has ended.
            let ends = match (open.run.state, open.settle) {
                (RunState::Starting, _) => now.boot + LONGEST_CALL,
                (RunState::Unknown, Some(settle)) => settle.from,
                (RunState::Unknown, None)
                | (
                    RunState::Armed | RunState::Waiting(_) | RunState::Held | RunState::Job(_) | RunState::Ended(_),
                    _,
                ) => continue,
            };
            if let Some(own) = self.book.get_mut(open.run.id).filter(|own| own.run.state == RunState::Unknown)
                && let Some(settle) = own.settle.as_mut()
            {
                settle.from = settle.from.max(ends);
            }
        }
        for seen in old.book.iter().map(|open| &open.run) {
            let RunState::Ended(ending) = seen.state else { continue };
            match ending {
                Ending::Succeeded | Ending::Faulted | Ending::Stopped | Ending::TimedOut => {}
                Ending::Rejected | Ending::Lost | Ending::Skipped(_) | Ending::Missed(_) | Ending::Cancelled => {
                    continue;
                }
            }
            let job = seen.attempt().and_then(|attempt| attempt.job);
            let same = self.book.get(seen.id).is_some_and(|open| job.is_some() && open.run.open_job() == job);
            if !same {
                continue;
            }
            let job_state = seen.attempt().and_then(|attempt| attempt.job_state.clone());
            self.book.change(seen.id, |run| {
                run.started_at = seen.started_at.or(run.started_at);
                run.ended_at = seen.ended_at;
                run.output = seen.output.clone();
                run.error = seen.error.clone();
                if let Some(attempt) = run.attempt_mut() {
                    attempt.job_state = job_state;
                }
            });
            let text = "Its end was seen while the database could not be written".to_owned();
            self.step(seen.id, RunEvent::End(ending), now, text);
        }
        if old.stopping == super::Stopping::Yes {
            self.stopping = super::Stopping::Yes;
        }
    }
}

impl Link {
    /// How the server is, and what was asked of it, does not change because our database failed.
    fn inherit(&mut self, old: Link) {
        self.health = old.health;
        self.doubt = old.doubt;
        self.unreadable = old.unreadable;
        self.accepted = old.accepted;
        self.paused_until = old.paused_until;
        self.starts = old.starts;
        self.lists = old.lists;
        self.starts_in_flight = old.starts_in_flight;
        self.reads_in_flight = old.reads_in_flight;
        self.targets = old.targets;
        self.short_folders = old.short_folders;
        self.proofs = old.proofs;
        self.clocks = old.clocks;
    }
}
