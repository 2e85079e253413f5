//! Unclear starts: looked up until a job is found, or until it is certain that there is none.
//!
//! "None" is believed once, after the settle window, and only from a look-up that shows one of our own jobs in the same
//! answer: an empty list may also mean a filter that is ignored or a right that is missing (semantics.md 16). Where the rule
//! asks that such a look-up has worked in this folder before, this one carries its proof along, as a control Reference.

use std::time::Duration;

use jiff::Timestamp;

use super::Core;
use super::book::{Asked, BeforeStart, Decided, FolderState, Verdict};
use super::claim::join;
use super::look_up::{BROKEN_OFTEN, list_from};
use super::moved::FOLDER_GONE;
use super::send::with_cure;
use crate::admission::Knowledge;
use crate::clock::{Reading, earlier};
use crate::executor::{Ask, AskedFor, Beside};
use crate::orchestrator::{CallError, Completeness, Freshness, JobPage, JobView, Stale};
use crate::run::{Ending, FolderId, HeldFor, MissReason, Reference, RunEvent, RunId, RunState, SkipReason};
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

/// Orchestrator's clock may be so far from ours before starts wait for it (semantics.md 7), and a little more.
const CLOCKS_APART: Duration = Duration::from_secs(600);

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
    /// A cache answered.
    Stale(Stale),
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
        self.heard_of_jobs(connection, &result, now);
        if let Some(link) = self.link_mut(connection) {
            link.heard_read(&result, now.boot);
        }
        let page = match result {
            Ok(page) => page,
            Err(error) => return self.look_up_failed(connection, folder_id, &asks, &error, now),
        };
        if page.freshness == Freshness::Fresh {
            self.keep_proof(connection, folder_id, &asks, control.as_ref(), &page, now);
        }
        let asked_for = |job: &JobView| {
            control.is_some() && job.reference == control || asks.iter().any(|ask| ask.is(job.reference.as_ref()))
        };
        let shows_ours = page.jobs.iter().any(asked_for);
        // Somebody else's job: the filter was ignored, and a server that ignores it may cut as it likes.
        let filtered = page.jobs.iter().all(asked_for);
        for ask in &asks {
            let finding = find_in_page(ask, &page, filtered, shows_ours);
            self.learned(connection, folder_id, ask, finding, "by its Reference", now);
        }
    }

    /// Jobs were listed by Reference next to the folder's newest job, whoever started that one. Exactly that job and ours must
    /// come back.
    pub(super) fn looked_up_beside(
        &mut self,
        connection: &ConnectionName,
        folder_id: FolderId,
        asks: Vec<Ask>,
        result: Result<Beside, CallError>,
        now: Reading,
    ) {
        for ask in &asks {
            self.set_asked(ask, connection, folder_id, Asked::No);
        }
        self.heard_of_jobs(connection, &result, now);
        if let Some(link) = self.link_mut(connection) {
            link.heard_read(&result, now.boot);
        }
        let Beside { newest, page } = match result {
            Ok(beside) => beside,
            Err(error) => return self.look_up_failed(connection, folder_id, &asks, &error, now),
        };
        let control = |job: &JobView| newest.as_ref().is_some_and(|newest| newest.id == job.id);
        let shows_control = page.jobs.iter().any(control);
        let filtered =
            page.jobs.iter().all(|job| control(job) || asks.iter().any(|ask| ask.is(job.reference.as_ref())));
        for ask in &asks {
            let foreign = newest.as_ref().is_some_and(|newest| self.is_foreign(ask.run, newest));
            let finding = find_in_page(ask, &page, filtered, shows_control && foreign);
            match finding {
                Finding::NoneShown | Finding::Nothing => self.cannot_tell_beside(ask, now),
                Finding::Jobs(_) | Finding::ProvenNone | Finding::Stale(_) => {
                    self.learned(connection, folder_id, ask, finding, "by its Reference", now);
                }
            }
        }
    }

    /// Whether a job is certainly not this run's: it has another name, is of another process, or was there before the call. One that
    /// shows no name at all may be ours, shown by a server that leaves names out.
    fn is_foreign(&self, id: RunId, job: &JobView) -> bool {
        let Some(run) = self.book.get(id).map(|open| &open.run) else { return false };
        let named =
            job.reference.is_some() && job.reference.as_ref() != run.attempt().map(|attempt| &attempt.reference);
        let other = job.release_name.as_ref().is_some_and(|name| !name.eq_ignore_ascii_case(&run.start.process));
        let sent = run.attempt().and_then(|attempt| attempt.sent_at).unwrap_or(run.fire_at);
        let before = job.created_at.is_some_and(|created| created < earlier(sent.min(run.fire_at), CLOCKS_APART));
        named || other || before
    }

    /// Nobody's job can show that look-ups work here: a list of all jobs may tell.
    fn cannot_tell_beside(&mut self, ask: &Ask, now: Reading) {
        if let Some(settle) = self.book.get_mut(ask.run).and_then(|open| open.settle.as_mut()) {
            settle.verdict = Verdict::NeedsList;
            settle.next = now.boot;
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
        if error.folder_is_unknown() {
            let ids: Vec<RunId> = asks.iter().map(|ask| ask.run).collect();
            self.seek_folder(connection, &ids);
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
            CallError::Rejected { .. } => {
                tracing::warn!(connection = %connection, "{}", with_cure(error));
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
        self.heard_of_jobs(connection, &result, now);
        if let Some(link) = self.link_mut(connection) {
            link.heard_read(&result, now.boot);
        }
        if let Err(error) = &result
            && error.folder_is_unknown()
        {
            let ids: Vec<RunId> = asks.iter().map(|ask| ask.run).collect();
            self.seek_folder(connection, &ids);
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
                Finding::Jobs(_) | Finding::ProvenNone | Finding::Stale(_) => {
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
            _ if page.freshness != Freshness::Fresh => stale(page),
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
        if let Finding::Stale(why) = finding {
            let first = self.book.get(ask.run).and_then(|open| open.settle).is_none_or(|settle| settle.broken == 0);
            if first && ask.purpose != AskedFor::Sweep {
                self.book.note(ask.run, now.wall, format!("A look-up proves nothing: {why}"));
            }
            // It proves nothing, and the next one is as likely to: as if the call had broken.
            return self.put_off(ask, now);
        }
        self.read_once(connection, ask.run);
        let Some(open) = self.book.get_mut(ask.run) else { return };
        if let Some(settle) = &mut open.settle {
            settle.broken = 0;
        }
        // What was learnt in another folder than the call went to can be "here it is", never "there is none".
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
            (RunState::Unknown | RunState::Held, _) if moved => {
                if ask.purpose == AskedFor::Settling {
                    self.look_again_later(connection, ask.run, now);
                } else {
                    self.lose(ask.run, FOLDER_GONE, None, now);
                }
            }
            (RunState::Unknown | RunState::Held, _) if open.folder == FolderState::Sought => {
                // Its folder is being looked for; what comes of that decides.
                self.put_off(ask, now);
            }
            (RunState::Unknown | RunState::Held, _) if open.folder == FolderState::Gone => {
                if ask.purpose == AskedFor::Settling {
                    self.put_off(ask, now);
                } else {
                    self.lose(ask.run, FOLDER_GONE, None, now);
                }
            }
            (RunState::Unknown, _) if open.decided == Decided::Start => {
                open.decided = Decided::Granted;
                self.send_again(ask.run, now);
            }
            (RunState::Unknown | RunState::Held, Finding::ProvenNone)
                if matches!(ask.purpose, AskedFor::Settled | AskedFor::Held) =>
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
                    Finding::Jobs(_) | Finding::ProvenNone | Finding::Nothing | Finding::Stale(_) => {
                        "Orchestrator's answers are refused or cut short, so they prove nothing"
                    }
                };
                let (short, hold) = (ask.run.short(), open.run.on_unknown_start == OnUnknownStart::Hold);
                let cure = format!(
                    "look in Orchestrator whether the job exists; then: `punctual resolve {short} start`, `skip`, or the job's key"
                );
                let goes_on = if hold {
                    "its schedule starts nothing before"
                } else {
                    "its schedule goes on, and its next job settles this one"
                };
                self.book.change(ask.run, |run| {
                    run.held_for = Some(HeldFor::Proof);
                    run.error = join(run.error.take(), format!("{why}; {goes_on}; {cure}"));
                });
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
                Finding::Jobs(_) | Finding::ProvenNone | Finding::Nothing | Finding::Stale(_) => {
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
            return self.reject(id, &refusal, now);
        }
        let held = open.run.state == RunState::Held;
        let (choice, deadline) = (open.run.on_unknown_start, open.run.deadline_at);
        match choice {
            OnUnknownStart::Retry if now.wall < deadline => {
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
            OnUnknownStart::Retry => {
                let text = "No job was made, and its deadline has passed".to_owned();
                self.step(id, RunEvent::End(Ending::Missed(MissReason::Deadline)), now, text);
            }
            OnUnknownStart::Skip => {
                let text = "No job was made; the schedule says not to try again".to_owned();
                self.step(id, RunEvent::End(Ending::Skipped(SkipReason::UnknownStart)), now, text);
            }
            OnUnknownStart::Hold => {
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
        let held: Vec<RunId> = self
            .book
            .iter()
            .filter(|open| open.run.state == RunState::Held && &open.run.connection == connection)
            .filter(|open| open.run.attempt().and_then(|attempt| attempt.folder_id) == Some(folder_id))
            .map(|open| open.run.id)
            .collect();
        for id in held {
            if let Some(settle) = self.book.get_mut(id).and_then(|open| open.settle.as_mut()) {
                settle.verdict = Verdict::Open;
                settle.next = now.boot;
                self.wake.at_boot(now.boot);
            }
        }
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

/// What a page says of one Reference: `filtered` when it shows nothing foreign, `shows_control` when it shows what must be there.
fn find_in_page(ask: &Ask, page: &JobPage, filtered: bool, shows_control: bool) -> Finding {
    let jobs: Vec<JobView> = page.jobs.iter().filter(|job| ask.is(job.reference.as_ref())).cloned().collect();
    match page.completeness {
        _ if !jobs.is_empty() => Finding::Jobs(jobs),
        _ if page.freshness != Freshness::Fresh => stale(page),
        Completeness::Complete if !filtered => Finding::Nothing,
        Completeness::Complete if shows_control => Finding::ProvenNone,
        Completeness::Complete => Finding::NoneShown,
        // The filter was ignored, and what we ask for may lie beyond the cut.
        Completeness::Cut => Finding::Nothing,
    }
}

fn stale(page: &JobPage) -> Finding {
    match page.freshness {
        Freshness::Fresh => Finding::Nothing,
        Freshness::Stale(why) => Finding::Stale(why),
    }
}

/// Whether a list that is newest first, as it was asked for, goes back beyond an instant.
fn reaches_back_to(jobs: &[JobView], from: Timestamp) -> bool {
    let created: Vec<Timestamp> = jobs.iter().filter_map(|job| job.created_at).collect();
    created.len() == jobs.len()
        && created.is_sorted_by(|a, b| a >= b)
        && created.last().is_some_and(|last| *last < from)
}
