//! Unclear starts: looked up until a job is found, or until it is certain that there is none.
//!
//! "None" is believed once, after the settle window, and only from a look-up that shows one of our own jobs in the same
//! answer: an empty list may also mean a filter that is ignored or a right that is missing (semantics.md 16). Where the rule
//! asks that such a look-up has worked in this folder before, this one carries its proof along, as a control Reference.

use std::time::Duration;

use super::Core;
use super::claim::join;
use super::look_up::{BROKEN_MOST, BROKEN_OFTEN};
use super::looked_up::Finding;
use super::moved::FOLDER_GONE;
use super::open::{BeforeStart, Decided, FolderState, Verdict};
use crate::clock::Reading;
use crate::executor::{Ask, AskedFor};
use crate::policy::overlap::Knowledge;
use crate::policy::unknown_start::{self, NoJob};
use crate::run::{Ending, FolderId, HeldFor, MissReason, RunEvent, RunId, RunState, SkipReason};
use crate::schedule::{ConnectionName, OnUnknownStart};

/// When an unclear start is looked up, after the end of its call. The last look is after the settle window.
const LOOK_UPS: [Duration; 6] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(20),
    Duration::from_secs(40),
];

/// A held run is looked at this often: its job may answer before the person does.
const HELD_EVERY: Duration = Duration::from_secs(300);

impl Core {
    /// One Reference's answer.
    pub(super) fn learned(
        &mut self,
        connection: &ConnectionName,
        folder_id: FolderId,
        ask: &Ask,
        finding: Finding,
        how: &str,
        now: Reading,
    ) {
        if matches!(ask.purpose, AskedFor::Sweep) {
            return self.swept(connection, folder_id, ask.run, finding, now);
        }
        if matches!(ask.purpose, AskedFor::Proof) {
            return;
        }
        if self.is_elsewhere(ask.run) && !matches!(finding, Finding::Jobs(_)) {
            // The files name another tenant since it was asked: that its job was not shown says nothing of where it was started.
            return;
        }
        if let Finding::Stale(why) = finding {
            let first = self.book.get(ask.run).and_then(|open| open.settle).is_none_or(|settle| settle.broken == 0);
            if first {
                self.book.note(ask.run, now.wall, format!("A look-up proves nothing: {why}"));
            }
            // It proves nothing, and the next one is as likely to: as if the call had broken.
            return self.put_off(ask, now);
        }
        self.read_once(connection, ask.run);
        let Some(open) = self.book.get_mut(ask.run) else { return };
        // While its folder is looked for, a refusal there is a call that came to nothing: after many of them it is held.
        if !open.folder.is_sought()
            && let Some(settle) = &mut open.settle
        {
            settle.broken = 0;
        }
        // What was learnt in another folder than the call went to can be "here it is", never "there is none": that it is not there
        // either is believed on the same proof as elsewhere, and ends the run.
        let moved = open.folder == FolderState::Moved(folder_id);
        match (open.run.state, finding) {
            (RunState::Unknown | RunState::Held | RunState::Waiting(_) | RunState::Armed, Finding::Jobs(jobs)) => {
                if moved {
                    self.book.change(ask.run, |run| {
                        if let Some(attempt) = run.attempt_mut() {
                            attempt.folder_id = Some(folder_id);
                        }
                    });
                }
                self.adopt(ask.run, folder_id, &jobs, &format!("Found at Orchestrator {how}"), now);
            }
            // Not there either, and whether it was made in the old folder cannot be learnt any more.
            (RunState::Unknown | RunState::Held, Finding::ProvenNone)
                if moved && ask.purpose != AskedFor::Settling && open.decided != Decided::Start =>
            {
                self.lose(ask.run, FOLDER_GONE, None, now);
            }
            (RunState::Unknown | RunState::Held, Finding::ProvenNone)
                if open.folder != FolderState::Known
                    && open.run.attempt().and_then(|attempt| attempt.folder_id) == Some(folder_id) =>
            {
                // It answers under its number again: a right was missing for a while.
                open.folder = FolderState::Known;
                self.learned(connection, folder_id, ask, Finding::ProvenNone, how, now);
            }
            (RunState::Unknown | RunState::Held, _) if open.folder.is_sought() => {
                // What comes of the search decides.
                self.put_off(ask, now);
            }
            (RunState::Unknown, _) if open.decided == Decided::Start => {
                open.decided = Decided::Granted;
                self.send_again(ask.run, now);
            }
            (RunState::Unknown | RunState::Held, Finding::ProvenNone)
                if !moved && matches!(ask.purpose, AskedFor::Settled | AskedFor::Held) =>
            {
                self.no_job_was_made(ask.run, now);
            }
            (RunState::Unknown, Finding::NoneShown) if ask.purpose == AskedFor::Settled => {
                if let Some(settle) = &mut open.settle {
                    settle.verdict = Verdict::NeedsBeside;
                    settle.next = now.boot;
                }
            }
            (RunState::Unknown, Finding::Nothing) if ask.purpose == AskedFor::Settled => {
                if let Some(settle) = &mut open.settle {
                    settle.verdict = Verdict::NeedsList;
                    settle.next = now.boot;
                }
            }
            (RunState::Unknown, _) => self.look_again_later(connection, ask.run, now),
            (RunState::Held, Finding::NoneShown) => {
                if let Some(settle) = &mut open.settle {
                    settle.verdict = Verdict::NeedsBeside;
                    settle.next = now.boot;
                }
            }
            (RunState::Held, _) => {
                if let Some(settle) = &mut open.settle {
                    settle.next = now.boot + HELD_EVERY;
                    settle.verdict = Verdict::Open;
                }
            }
            // Our own database says that it was never sent; the look-up is for the case that the database is an old copy.
            (RunState::Waiting(_) | RunState::Armed, Finding::ProvenNone | Finding::NoneShown) => {
                open.before_start = BeforeStart::Clear;
                open.settle = None;
            }
            (RunState::Waiting(_) | RunState::Armed, Finding::Nothing | Finding::Stale(_)) => {
                open.settle_from(now.boot, now.boot);
                if let Some(settle) = &mut open.settle {
                    settle.verdict = Verdict::NeedsList;
                }
            }
            (RunState::Starting | RunState::Job(_) | RunState::Ended(_), _) => {}
        }
    }

    /// The next look, or the last one after the window.
    fn look_again_later(&mut self, connection: &ConnectionName, id: RunId, now: Reading) {
        let Some(window) = self.links.get(connection).map(|link| link.connection.settle) else { return };
        let Some(settle) = self.book.get_mut(id).and_then(|open| open.settle.as_mut()) else { return };
        let end = settle.from + window;
        let mut next = end;
        while settle.step < LOOK_UPS.len() {
            let candidate = settle.from + LOOK_UPS[settle.step];
            settle.step += 1;
            if candidate > now.boot {
                next = candidate.min(end);
                break;
            }
        }
        settle.next = next.max(now.boot);
        self.wake.at_boot(settle.next);
    }

    /// Neither the look-up nor the list can tell.
    pub(super) fn cannot_tell(&mut self, connection: &ConnectionName, ask: &Ask, finding: Finding, now: Reading) {
        self.read_once(connection, ask.run);
        let Some(open) = self.book.get(ask.run) else { return };
        match open.run.state {
            // The list was asked because look-ups broke. Perhaps that was an outage: one of them may tell now.
            RunState::Unknown if open.settle.is_some_and(|settle| settle.broken == BROKEN_OFTEN) => {
                if let Some(settle) = self.book.get_mut(ask.run).and_then(|open| open.settle.as_mut()) {
                    settle.verdict = Verdict::Open;
                    settle.next = now.boot;
                }
            }
            RunState::Unknown => {
                self.hold_for_proof(ask.run, &finding, now);
            }
            RunState::Waiting(_) | RunState::Armed => match finding {
                // The list is whole and has none.
                Finding::NoneShown => {
                    if let Some(open) = self.book.get_mut(ask.run) {
                        open.before_start = BeforeStart::Clear;
                        open.settle = None;
                    }
                }
                Finding::Jobs(_) | Finding::ProvenNone | Finding::Nothing | Finding::Stale(_) => {
                    // Asked again until the deadline, from the look-up on, which may have been refused once only: a start that may be a
                    // second one is not made.
                    if let Some(settle) = self.book.get_mut(ask.run).and_then(|open| open.settle.as_mut()) {
                        settle.verdict = Verdict::Open;
                        settle.next = now.boot + BROKEN_MOST;
                    }
                }
            },
            RunState::Held => {
                if let Some(settle) = self.book.get_mut(ask.run).and_then(|open| open.settle.as_mut()) {
                    settle.verdict = Verdict::Open;
                    settle.next = now.boot + HELD_EVERY;
                }
            }
            RunState::Starting | RunState::Job(_) | RunState::Ended(_) => {}
        }
    }

    /// Neither look-ups nor lists come to anything, so nothing is learnt of it: it is held, and its schedule goes on (16b).
    pub(super) fn hold_unread(&mut self, connection: &ConnectionName, ask: &Ask, now: Reading) {
        self.read_once(connection, ask.run);
        self.hold_for_proof(ask.run, &Finding::Nothing, now);
    }

    fn hold_for_proof(&mut self, id: RunId, finding: &Finding, now: Reading) {
        let Some(open) = self.book.get(id) else { return };
        let why = match finding {
            Finding::NoneShown => {
                "Orchestrator shows none of our jobs in this folder, so an empty answer proves nothing"
            }
            Finding::Jobs(_) | Finding::ProvenNone | Finding::Nothing | Finding::Stale(_) => {
                "Orchestrator's answers are refused or cut short, so they prove nothing"
            }
        };
        let (short, hold) = (id.short(), open.run.policy.on_unknown_start == OnUnknownStart::Hold);
        let cure = format!(
            "look in Orchestrator whether the job exists; then: `punctual resolve {short} start`, `skip`, or the job's key"
        );
        let goes_on = if hold {
            "its schedule starts nothing before"
        } else {
            "its schedule goes on, and its next job settles this one"
        };
        self.book.change(id, |run| {
            run.held_for = Some(HeldFor::Proof);
            run.error = join(run.error.take(), format!("{why}; {goes_on}; {cure}"));
        });
        self.step(id, RunEvent::Hold, now, format!("Held: {why}"));
        if let Some(settle) = self.book.get_mut(id).and_then(|open| open.settle.as_mut()) {
            settle.verdict = Verdict::Open;
            settle.next = now.boot + HELD_EVERY;
        }
    }

    /// After the settle window: certainly no job.
    fn no_job_was_made(&mut self, id: RunId, now: Reading) {
        let Some(open) = self.book.get_mut(id) else { return };
        if let Some(refusal) = open.refused.take() {
            return self.reject(id, &refusal, now);
        }
        let held = open.run.state == RunState::Held;
        let (choice, deadline) = (open.run.policy.on_unknown_start, open.run.deadline_at);
        match unknown_start::decide(choice, now.wall, deadline) {
            NoJob::SendAgain => {
                if self.was_answered_so_before(id, now) {
                    return;
                }
                if held {
                    let text =
                        "Settled: Orchestrator shows our jobs in this folder again, and none of this start".to_owned();
                    self.step(id, RunEvent::Unclear, now, text);
                    if let Some(open) = self.book.get_mut(id) {
                        // Its schedule went on meanwhile.
                        open.before_start = BeforeStart::Overlap;
                        open.settle_from(now.boot, now.boot);
                    }
                }
                self.send_again(id, now);
            }
            NoJob::TooLate => {
                let text = "No job was made, and its deadline has passed".to_owned();
                self.step(id, RunEvent::End(Ending::Missed(MissReason::Deadline)), now, text);
            }
            NoJob::Skip => {
                let text = "No job was made; the schedule says not to try again".to_owned();
                self.step(id, RunEvent::End(Ending::Skipped(SkipReason::UnknownStart)), now, text);
            }
            NoJob::Hold => {
                if !held {
                    let short = id.short();
                    self.book.change(id, |run| {
                        run.held_for = Some(HeldFor::Person);
                        let cure = format!(
                            "`punctual resolve {short} start` or `skip` decides; its schedule starts nothing before"
                        );
                        run.error = join(run.error.take(), format!("no job was made; {cure}"));
                    });
                    let text = "Held: no job was found; the schedule leaves the decision to a person".to_owned();
                    self.step(id, RunEvent::Hold, now, text);
                }
                if let Some(settle) = self.book.get_mut(id).and_then(|open| open.settle.as_mut()) {
                    settle.verdict = Verdict::Open;
                    settle.next = now.boot + HELD_EVERY;
                }
            }
        }
    }

    fn send_again(&mut self, id: RunId, now: Reading) {
        if let Some(settle) = self.book.get_mut(id).and_then(|open| open.settle.as_mut()) {
            settle.verdict = Verdict::None;
        }
        self.book.note(id, now.wall, "No job exists; sending it again".to_owned());
    }

    /// A folder shows a job of ours: what is held there for want of such a proof is looked up at once (semantics.md 16b).
    pub(super) fn settle_held(&mut self, connection: &ConnectionName, folder_id: FolderId, now: Reading) {
        for id in self.held_in(connection, folder_id) {
            if let Some(settle) = self.book.get_mut(id).and_then(|open| open.settle.as_mut()) {
                settle.verdict = Verdict::Open;
                settle.next = now.boot;
                self.wake.at_boot(now.boot);
            }
        }
    }

    /// The held runs whose job would be in this folder.
    pub(super) fn held_in(&mut self, connection: &ConnectionName, folder_id: FolderId) -> Vec<RunId> {
        let held: Vec<RunId> = self.book.due().held.iter().copied().collect();
        let here = |id: &RunId| {
            let open = self.book.get(*id);
            open.is_some_and(|open| &open.run.connection == connection && open.is_looked_for_in(folder_id))
        };
        held.into_iter().filter(here).collect()
    }

    /// One of the runs left over from before the start has been asked about.
    pub(super) fn read_once(&mut self, connection: &ConnectionName, id: RunId) {
        if let Some(open) = self.book.get_mut(id) {
            open.knowledge = Knowledge::Current;
        }
        if let Some(link) = self.link_mut(connection) {
            link.reconciled(id);
        }
    }
}
