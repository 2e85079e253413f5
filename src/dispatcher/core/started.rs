//! What each answer to a start means for its run (semantics.md 15).

use std::time::Duration;

use jiff::Timestamp;

use super::open::{Asked, BeforeStart, LookedAgain, Pause};
use super::send::with_cure;
use super::{Core, wall_of};
use crate::clock::Reading;
use crate::orchestrator::{CallError, JobView, UnsentReason};
use crate::run::{Ending, RunEvent, RunId, RunState, WaitReason};
use crate::schedule::ConnectionName;

/// HTTP's word for something that stands in the way.
const CONFLICT: u16 = 409;

/// Pauses before one start that was turned away at the door is sent again, and then always the last (semantics.md 15).
const PAUSES: [u64; 6] = [1, 2, 5, 10, 30, 60];

/// What a server asks for beyond this is not obeyed: its `Retry-After` may be a mistake, and a start has a deadline.
const LONGEST_ASKED: Duration = Duration::from_secs(300);

/// The same for one that was told "not now": a robot or a licence is rarely free within a second.
const CAPACITY_PAUSES: [u64; 4] = [5, 10, 30, 60];

/// So many sends that each were answered by the same status, and each had made no job, are an answer (semantics.md 15).
const SAME_ANSWERS: u16 = 3;

/// An unclear start is looked up a second after its call ended (semantics.md 16).
const FIRST_LOOK_UP: Duration = Duration::from_secs(1);

impl Core {
    /// A start was answered, or not.
    pub(super) fn started(
        &mut self,
        connection: &ConnectionName,
        id: RunId,
        ended: Duration,
        server_date: Option<Timestamp>,
        result: Result<Vec<JobView>, CallError>,
        now: Reading,
    ) {
        if let Some(link) = self.link_mut(connection) {
            link.starts_in_flight = link.starts_in_flight.saturating_sub(1);
            if let Some(date) = server_date {
                link.compare_clocks(date.duration_since(now.wall), now.boot);
            }
            link.heard_start(&result, now.boot);
        }
        let Some(open) = self.book.get_mut(id) else { return };
        if open.run.state != RunState::Starting {
            // The store was read again while the call was under way, so the run is settling.
            tracing::debug!(run.id = %id, "An answer came for a run that is {}", open.run.state);
            if let (RunState::Unknown | RunState::Held, Ok(jobs)) = (open.run.state, &result) {
                self.accepted(id, jobs, now);
            } else if let Some(settle) = &mut open.settle {
                // The window counts from the end of the call, which is now known.
                settle.from = if settle.from > now.boot { ended } else { settle.from.max(ended) };
            }
            return;
        }
        match result {
            Ok(jobs) => self.accepted(id, &jobs, now),
            Err(error @ CallError::Unsent { reason, .. }) => {
                let (reason, plain) = match reason {
                    UnsentReason::Token => (WaitReason::Token, "Not sent: no access token"),
                    UnsentReason::Outage => (WaitReason::Outage, "Not sent: Orchestrator could not be reached"),
                    UnsentReason::RateLimit => {
                        (WaitReason::RateLimit, "Not taken: Orchestrator asked to be called less often")
                    }
                };
                self.keep_error(id, &error);
                self.pause(id, error.retry_after(), &PAUSES, now);
                self.step(id, RunEvent::Wait(reason), now, plain.to_owned());
            }
            // Perhaps the first call's job is what it conflicts with: that one is looked for first (semantics.md 15).
            Err(error @ CallError::Rejected { status: CONFLICT, .. }) if self.may_have_been_made(id) => {
                self.step(id, RunEvent::Unclear, now, format!("A repeated call was refused: {error}"));
                if let Some(open) = self.book.get_mut(id) {
                    open.refused = Some(error);
                    open.settle_from(ended, ended + FIRST_LOOK_UP);
                }
            }
            Err(error) if error.passes().is_some() => {
                let what = error.passes().unwrap_or_default();
                self.keep_error(id, &error);
                self.pause(id, None, &CAPACITY_PAUSES, now);
                let text = format!("Waits for {what}: {}", error.text().came);
                self.step(id, RunEvent::Wait(WaitReason::Capacity), now, text);
                self.look_up_before_sending(id);
            }
            Err(error) if (error.thing_is_unknown() || error.folder_is_unknown()) && self.may_look_again(id) => {
                self.look_again(id, &error, now);
            }
            Err(error @ CallError::Rejected { .. }) => self.reject(id, &error, now),
            Err(error @ CallError::Unknown { status, .. }) => {
                self.keep_error(id, &error);
                self.book.change(id, |run| {
                    if let Some(attempt) = run.attempt_mut() {
                        attempt.unclear = attempt.unclear.saturating_add(1);
                        if attempt.answered != status {
                            attempt.answered = status;
                            attempt.settled_none = 0;
                        }
                    }
                });
                self.step(id, RunEvent::Unclear, now, format!("May have started: {error}"));
                if let Some(open) = self.book.get_mut(id) {
                    open.settle_from(ended, ended + FIRST_LOOK_UP);
                }
            }
        }
    }

    /// Keeps what went wrong with the run that it went wrong with.
    fn keep_error(&mut self, id: RunId, error: &CallError) {
        let text = with_cure(error);
        self.book.change(id, |run| {
            run.error = Some(text);
            run.trace_id = error.trace_id().map(str::to_owned);
        });
    }

    /// This start is not sent again before a pause has passed; each is longer than the one before.
    fn pause(&mut self, id: RunId, asked: Option<Duration>, pauses: &[u64], now: Reading) {
        let Some(open) = self.book.get_mut(id) else { return };
        let count = open.pause.map_or(0, |pause| pause.count);
        let place = usize::try_from(count).unwrap_or(usize::MAX).min(pauses.len() - 1);
        let asked = asked.unwrap_or_default().min(LONGEST_ASKED);
        let until = now.boot + asked.max(Duration::from_secs(pauses[place]));
        open.pause = Some(Pause { count: count.saturating_add(1), until });
        self.wake.at_boot(until);
        self.book.change(id, |run| run.waiting_until = Some(wall_of(now, until)));
    }

    /// Whether one of its calls stayed unclear, so that its job may exist.
    fn may_have_been_made(&self, id: RunId) -> bool {
        self.book.get(id).and_then(|open| open.run.attempt()).is_some_and(|attempt| attempt.unclear > 0)
    }

    fn may_look_again(&self, id: RunId) -> bool {
        self.book.get(id).is_some_and(|open| open.looked_again == LookedAgain::No)
    }

    /// The process has another key now, or the folder another number: they are found again by their names, and the start is
    /// sent once more.
    fn look_again(&mut self, id: RunId, error: &CallError, now: Reading) {
        let Some(open) = self.book.get_mut(id) else { return };
        open.looked_again = LookedAgain::Yes;
        let (connection, start) = (open.run.connection.clone(), open.run.start().clone());
        if let Some(link) = self.link_mut(&connection) {
            if error.folder_is_unknown() {
                link.forget_folder(&start.folder);
            } else {
                let gone = (start.folder, start.process);
                link.targets.retain(|known, _| *known != gone);
            }
        }
        // What was refused made no job, so the next call may go to another folder.
        self.book.change(id, |run| {
            if let Some(attempt) = run.attempt_mut() {
                attempt.folder_id = None;
            }
        });
        let text = if error.folder_is_unknown() {
            "Orchestrator does not know the folder by its number any more; it is found again by its name"
        } else {
            "Orchestrator does not know the process by its key any more; it is found again by its name"
        };
        self.step(id, RunEvent::Wait(WaitReason::LookUp), now, text.to_owned());
        self.look_up_before_sending(id);
    }

    /// A refusal made no job. But gateways send a request again by themselves, and what the second one conflicts with may be the
    /// job of the first: one look-up costs less than a robot that runs twice.
    fn look_up_before_sending(&mut self, id: RunId) {
        if let Some(open) = self.book.get_mut(id) {
            open.before_start = BeforeStart::LookUp(Asked::No);
        }
    }

    /// What was sent was settled as "no job was made". Gives whether it is given up: it was answered like that too often.
    pub(super) fn was_answered_so_before(&mut self, id: RunId, now: Reading) -> bool {
        self.book.change(id, |run| {
            if let Some(attempt) = run.attempt_mut() {
                attempt.settled_none = attempt.settled_none.saturating_add(1);
            }
        });
        let Some(open) = self.book.get(id) else { return false };
        let Some(attempt) = open.run.attempt() else { return false };
        if attempt.answered.is_none() || attempt.settled_none < SAME_ANSWERS {
            return false;
        }
        let error = open.run.error.clone().unwrap_or_default();
        let text = format!("{SAME_ANSWERS} calls were answered alike, and none of them made a job: {error}");
        self.step(id, RunEvent::End(Ending::Rejected), now, text);
        true
    }

    pub(super) fn reject(&mut self, id: RunId, error: &CallError, now: Reading) {
        self.keep_error(id, error);
        self.refuse(id, &with_cure(error), now);
    }

    /// The same with what is known of it in words only.
    pub(super) fn refuse(&mut self, id: RunId, told: &str, now: Reading) {
        self.book.change(id, |run| run.error = Some(told.to_owned()));
        self.step(id, RunEvent::End(Ending::Rejected), now, format!("Refused: {told}"));
    }
}
