//! Unclear starts: looked up until a job is found, or until it is certain that there is none.
//!
//! "None" is believed once, after the settle window, and only from a look-up that shows one of our own jobs in the same
//! answer: an empty list may also mean a filter that is ignored or a right that is missing (semantics.md 16). Where the rule
//! asks that such a look-up has worked in this folder before, this one carries its proof along, as a control Reference.

use std::time::Duration;

use jiff::Timestamp;

use super::Core;
use super::book::{Asked, BeforeStart, Decided, Verdict};
use super::claim::join;
use super::look_up::{BROKEN_OFTEN, list_from};
use super::send::with_cure;
use crate::admission::Knowledge;
use crate::clock::Reading;
use crate::executor::{Ask, AskedFor};
use crate::orchestrator::{CallError, Completeness, JobPage, JobView};
use crate::run::{Ending, FolderId, MissReason, Reference, RunEvent, RunId, RunState, SkipReason};
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

/// What a look-up says of one Reference.
#[derive(Debug)]
pub(super) enum Finding {
    /// These jobs have it.
    Jobs(Vec<JobView>),
    /// None has, and the answer proves that it would have shown one.
    ProvenNone,
    /// None was shown.
    NoneShown,
    /// The answer says nothing.
    Nothing,
}

impl Core {
    /// Jobs were listed by Reference.
    pub(super) fn looked_up(
        &mut self,
        connection: &ConnectionName,
        folder_id: FolderId,
        asks: Vec<Ask>,
        control: Option<Reference>,
        result: Result<JobPage, CallError>,
        now: Reading,
    ) {
        for ask in &asks {
            self.set_asked(ask, connection, folder_id, Asked::No);
        }
        let page = match result {
            Ok(page) => {
                if let Some(link) = self.link_mut(connection) {
                    link.answered();
                }
                page
            }
            Err(error) => return self.look_up_failed(connection, folder_id, &asks, &error, now),
        };
        self.keep_proof(connection, folder_id, &asks, &page, now);
        let asked_for = |job: &JobView| {
            control.is_some() && job.reference == control || asks.iter().any(|ask| ask.is(job.reference.as_ref()))
        };
        let shows_ours = page.jobs.iter().any(asked_for);
        // Somebody else's job: the filter was ignored, and a server that ignores it may cut as it likes.
        let filtered = page.jobs.iter().all(asked_for);
        for ask in &asks {
            let jobs: Vec<JobView> = page.jobs.iter().filter(|job| ask.is(job.reference.as_ref())).cloned().collect();
            let finding = match page.completeness {
                _ if !jobs.is_empty() => Finding::Jobs(jobs),
                Completeness::Complete if !filtered => Finding::Nothing,
                Completeness::Complete if shows_ours => Finding::ProvenNone,
                Completeness::Complete => Finding::NoneShown,
                // The filter was ignored, and what we ask for may lie beyond the cut.
                Completeness::Cut => Finding::Nothing,
            };
            self.learned(connection, folder_id, ask, finding, "by its Reference", now);
        }
    }

    fn look_up_failed(
        &mut self,
        connection: &ConnectionName,
        folder_id: FolderId,
        asks: &[Ask],
        error: &CallError,
        now: Reading,
    ) {
        if let Some(link) = self.link_mut(connection) {
            link.failed(error, now.boot);
        }
        match error {
            // The link's health decides when it is tried again; nothing was learned.
            CallError::Unsent { .. } => {}
            CallError::Unknown { .. } => {
                self.proof_not_shown(connection, folder_id, asks, now);
                for ask in asks {
                    self.put_off(ask, now);
                }
            }
            CallError::Rejected { text, cure, .. } => {
                tracing::warn!(connection = %connection, "{}", with_cure(text, cure.as_deref()));
                self.proof_not_shown(connection, folder_id, asks, now);
                for ask in asks {
                    self.learned(connection, folder_id, ask, Finding::Nothing, "by its Reference", now);
                }
            }
        }
    }

    /// All jobs since an instant were listed, because the filter by Reference was of no use. One list answers for every
    /// unclear start of its folder.
    pub(super) fn listed_since(
        &mut self,
        connection: &ConnectionName,
        folder_id: FolderId,
        asks: &[Ask],
        result: Result<JobPage, CallError>,
        now: Reading,
    ) {
        for ask in asks {
            self.set_asked(ask, connection, folder_id, Asked::No);
        }
        if let Some(link) = self.link_mut(connection) {
            match &result {
                Ok(_) => link.answered(),
                Err(error) => link.failed(error, now.boot),
            }
        }
        for ask in asks {
            let finding = match &result {
                Ok(page) => self.find_in_list(ask, page),
                Err(CallError::Unsent { .. }) => continue,
                Err(CallError::Unknown { .. }) => {
                    self.put_off(ask, now);
                    continue;
                }
                Err(CallError::Rejected { .. }) => Finding::Nothing,
            };
            match finding {
                Finding::NoneShown | Finding::Nothing => self.cannot_tell(connection, ask, finding, now),
                Finding::Jobs(_) | Finding::ProvenNone => {
                    self.learned(connection, folder_id, ask, finding, "in the list of all jobs", now);
                }
            }
        }
    }

    fn find_in_list(&self, ask: &Ask, page: &JobPage) -> Finding {
        let jobs: Vec<JobView> = page.jobs.iter().filter(|job| ask.is(job.reference.as_ref())).cloned().collect();
        // A list counts when it is whole and shows a job of ours with its Reference: then rights, folder and field are all
        // there.
        let prefix = Reference::prefix(self.installation);
        let is_ours = |job: &JobView| job.reference.as_ref().is_some_and(|text| text.as_str().starts_with(&prefix));
        let from = self.book.get(ask.run).map(|open| list_from(&open.run));
        let whole = match page.completeness {
            Completeness::Complete => true,
            // Newest first, and cut beyond the time of this start: what is cut off is older than its job would be.
            Completeness::Cut => from.is_some_and(|from| reaches_back_to(&page.jobs, from)),
        };
        match whole {
            _ if !jobs.is_empty() => Finding::Jobs(jobs),
            true if page.jobs.iter().any(is_ours) => Finding::ProvenNone,
            true => Finding::NoneShown,
            false => Finding::Nothing,
        }
    }

    /// One Reference's answer.
    fn learned(
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
        self.read_once(connection, ask.run);
        let Some(open) = self.book.get_mut(ask.run) else { return };
        if let Some(settle) = &mut open.settle {
            settle.broken = 0;
        }
        match (open.run.state, finding) {
            (RunState::Unknown | RunState::Held | RunState::Waiting(_) | RunState::Armed, Finding::Jobs(jobs)) => {
                self.adopt(ask.run, folder_id, &jobs, &format!("Found at Orchestrator {how}"), now);
            }
            (RunState::Unknown, Finding::ProvenNone | Finding::NoneShown | Finding::Nothing)
                if open.decided == Decided::Start =>
            {
                open.decided = Decided::Granted;
                self.send_again(ask.run, now);
            }
            (RunState::Unknown, Finding::ProvenNone) if ask.purpose == AskedFor::Settled => {
                self.no_job_was_made(ask.run, now);
            }
            (RunState::Unknown, Finding::NoneShown | Finding::Nothing) if ask.purpose == AskedFor::Settled => {
                if let Some(settle) = &mut open.settle {
                    settle.verdict = Verdict::NeedsList;
                }
            }
            (RunState::Unknown, _) => self.look_again_later(connection, ask.run, now),
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
            (RunState::Waiting(_) | RunState::Armed, Finding::Nothing) => {
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
    fn cannot_tell(&mut self, connection: &ConnectionName, ask: &Ask, finding: Finding, now: Reading) {
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
                let why = match finding {
                    Finding::NoneShown => {
                        "Orchestrator shows none of our jobs in this folder, so an empty answer proves nothing"
                    }
                    Finding::Jobs(_) | Finding::ProvenNone | Finding::Nothing => {
                        "Orchestrator's answers are refused or cut short, so they prove nothing"
                    }
                };
                let cure = "look in Orchestrator whether the job exists; the run stays open until it is resolved";
                self.book.change(ask.run, |run| run.error = join(run.error.take(), format!("{why}; {cure}")));
                self.step(ask.run, RunEvent::Hold, now, format!("Held: {why}"));
                if let Some(settle) = self.book.get_mut(ask.run).and_then(|open| open.settle.as_mut()) {
                    settle.verdict = Verdict::Open;
                    settle.next = now.boot + HELD_EVERY;
                }
            }
            RunState::Waiting(_) | RunState::Armed => match finding {
                // The list is whole and has none.
                Finding::NoneShown => {
                    if let Some(open) = self.book.get_mut(ask.run) {
                        open.before_start = BeforeStart::Clear;
                        open.settle = None;
                    }
                }
                Finding::Jobs(_) | Finding::ProvenNone | Finding::Nothing => {
                    // Asked again until the deadline: a start that may be a second one is not made.
                    if let Some(settle) = self.book.get_mut(ask.run).and_then(|open| open.settle.as_mut()) {
                        settle.next = now.boot + HELD_EVERY;
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

    /// After the settle window: certainly no job.
    fn no_job_was_made(&mut self, id: RunId, now: Reading) {
        let Some(open) = self.book.get_mut(id) else { return };
        if let Some(refusal) = open.refused.take() {
            return self.reject(id, &refusal, None, now);
        }
        let (choice, deadline) = (open.run.on_unknown_start, open.run.deadline_at);
        match choice {
            OnUnknownStart::Retry if now.wall < deadline => self.send_again(id, now),
            OnUnknownStart::Retry => {
                let text = "No job was made, and its deadline has passed".to_owned();
                self.step(id, RunEvent::End(Ending::Missed(MissReason::Deadline)), now, text);
            }
            OnUnknownStart::Skip => {
                let text = "No job was made; the schedule says not to try again".to_owned();
                self.step(id, RunEvent::End(Ending::Skipped(SkipReason::UnknownStart)), now, text);
            }
            OnUnknownStart::Hold => {
                let text = "Held: no job was found; the schedule leaves the decision to a person".to_owned();
                self.step(id, RunEvent::Hold, now, text);
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
        self.book.note(id, now.wall, "No job is there; it is sent".to_owned());
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

/// Whether a list that is newest first, as it was asked for, goes back beyond an instant.
fn reaches_back_to(jobs: &[JobView], from: Timestamp) -> bool {
    let created: Vec<Timestamp> = jobs.iter().filter_map(|job| job.created_at).collect();
    created.len() == jobs.len()
        && created.is_sorted_by(|a, b| a >= b)
        && created.last().is_some_and(|last| *last < from)
}
