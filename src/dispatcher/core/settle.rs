//! Unclear starts: looked up until a job is found, or until it is certain that there is none.
//!
//! "None" is believed once, after the settle window, and only from a look-up that shows one of our own jobs in the same
//! answer: an empty list may also mean a filter that is ignored or a right that is missing (semantics.md 16). Where the rule
//! asks that such a look-up has worked in this folder before, this one carries its proof along, as a control Reference.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::Core;
use super::book::{Asked, BeforeStart, Verdict};
use super::claim::join;
use super::follow::phase_of;
use super::link::{PROOF_FIRST, PROOF_TRIES, ProofWanted};
use super::send::with_cure;
use crate::admission::Knowledge;
use crate::clock::{Reading, earlier, later};
use crate::executor::{Action, Ask, AskedFor};
use crate::orchestrator::{CallError, Completeness, JobPage, JobState, JobView};
use crate::run::{
    Attempt, Ending, Evidence, FolderId, JobPhase, JobRef, MissReason, Reference, RunEvent, RunId, RunState, SkipReason,
};
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

/// References in one call. With the control, the URL stays below 8 KiB.
const ASKS_PER_CALL: usize = 49;

/// A held run is looked at this often: its job may answer before the person does.
const HELD_EVERY: Duration = Duration::from_secs(300);

/// After a repeated start all jobs of the Reference are counted once more (R11).
const SWEEP_AFTER: Duration = Duration::from_secs(300);

/// A proof older than this is renewed with the next accepted start: jobs are purged from Orchestrator one day.
const PROOF_LIFE: Duration = Duration::from_secs(24 * 3600);

/// Clocks differ, and a call may have waited in a gateway: lists begin this long before the start.
const LIST_MARGIN: Duration = Duration::from_secs(600);

/// A repeated start whose jobs are counted once more.
#[derive(Clone, Debug)]
pub(super) struct Sweep {
    run: RunId,
    connection: ConnectionName,
    attempt: Attempt,
    asked: Asked,
}

impl Sweep {
    pub(super) fn new(run: RunId, connection: ConnectionName, attempt: Attempt) -> Sweep {
        Sweep { run, connection, attempt, asked: Asked::No }
    }
}

/// What a look-up says of one Reference.
#[derive(Debug)]
enum Finding {
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
    /// Sends the look-ups that are due, fullest calls first come, within the budget of list calls.
    pub(super) fn ask_about_unclear_starts(&mut self, now: Reading) {
        let mut asks: BTreeMap<(ConnectionName, FolderId), Vec<Ask>> = BTreeMap::new();
        let mut lists: Vec<(ConnectionName, FolderId, Ask, Timestamp)> = Vec::new();
        for id in self.book.ids() {
            self.collect_asks(id, now, &mut asks, &mut lists);
        }
        self.collect_sweeps(now, &mut asks);
        self.collect_proofs(now, &mut asks);
        for ((connection, folder_id), asks) in asks {
            for chunk in asks.chunks(ASKS_PER_CALL) {
                if !self.may_list(&connection, now) {
                    break;
                }
                for ask in chunk {
                    self.mark_asked(ask, &connection, folder_id);
                }
                let control = self
                    .links
                    .get(&connection)
                    .and_then(|link| link.evidence.get(&folder_id))
                    .map(|evidence| evidence.reference.clone());
                self.actions.push(Action::LookUp {
                    connection: connection.clone(),
                    folder_id,
                    asks: chunk.to_vec(),
                    control,
                });
            }
        }
        for (connection, folder_id, ask, since) in lists {
            if self.may_list(&connection, now) {
                self.mark_asked(&ask, &connection, folder_id);
                self.actions.push(Action::ListSince { connection, folder_id, ask, since });
            }
        }
    }

    fn collect_asks(
        &mut self,
        id: RunId,
        now: Reading,
        asks: &mut BTreeMap<(ConnectionName, FolderId), Vec<Ask>>,
        lists: &mut Vec<(ConnectionName, FolderId, Ask, Timestamp)>,
    ) {
        let Some(open) = self.book.get(id) else { return };
        let Some(attempt) = open.run.attempt() else { return };
        let connection = open.run.connection.clone();
        let Some(link) = self.links.get(&connection) else { return };
        let window = link.connection.settle;
        let reference = attempt.reference.clone();
        match (open.run.state, open.settle, open.before_start) {
            (RunState::Unknown | RunState::Held, Some(settle), _) => {
                if settle.asked == Asked::Yes || settle.verdict == Verdict::None {
                    return;
                }
                if now.boot < settle.next {
                    return self.wake.at_boot(settle.next);
                }
                let purpose = if open.run.state == RunState::Held {
                    AskedFor::Held
                } else if now.boot >= settle.from + window {
                    AskedFor::Settled
                } else {
                    AskedFor::Settling
                };
                let since = attempt.sent_at.unwrap_or(open.run.fire_at);
                let Some(folder_id) = attempt.folder_id else { return };
                let ask = Ask { run: id, reference, purpose };
                match settle.verdict {
                    Verdict::NeedsList => lists.push((connection, folder_id, ask, earlier(since, LIST_MARGIN))),
                    Verdict::Open | Verdict::None => asks.entry((connection, folder_id)).or_default().push(ask),
                }
            }
            (RunState::Waiting(_) | RunState::Armed, settle, BeforeStart::LookUp(Asked::No)) => {
                if let Some(settle) = settle.filter(|settle| now.boot < settle.next) {
                    return self.wake.at_boot(settle.next);
                }
                let (start, kept, since) = (open.run.start.clone(), attempt.folder_id, open.run.fire_at);
                // Never sent in this life: the folder is where its process is now.
                let found = self.want_target(&connection, &start, now).map(|target| target.folder_id);
                let Some(folder_id) = kept.or(found) else { return };
                let ask = Ask { run: id, reference, purpose: AskedFor::BeforeStart };
                match settle.map(|settle| settle.verdict) {
                    Some(Verdict::NeedsList) => {
                        lists.push((connection, folder_id, ask, earlier(since, LIST_MARGIN)));
                    }
                    Some(Verdict::Open | Verdict::None) | None => {
                        asks.entry((connection, folder_id)).or_default().push(ask);
                    }
                }
            }
            _ => {}
        }
    }

    fn collect_sweeps(&mut self, now: Reading, asks: &mut BTreeMap<(ConnectionName, FolderId), Vec<Ask>>) {
        for sweep in &self.sweeps {
            let (Some(at), Some(folder_id)) = (sweep.attempt.sweep_at, sweep.attempt.folder_id) else { continue };
            if sweep.asked == Asked::Yes {
                continue;
            }
            if at > now.wall {
                self.wake.at_wall(at);
                continue;
            }
            let reference = sweep.attempt.reference.clone();
            let ask = Ask { run: sweep.run, reference, purpose: AskedFor::Sweep };
            asks.entry((sweep.connection.clone(), folder_id)).or_default().push(ask);
        }
    }

    fn collect_proofs(&mut self, now: Reading, asks: &mut BTreeMap<(ConnectionName, FolderId), Vec<Ask>>) {
        for (name, link) in &self.links {
            for (folder_id, proof) in &link.proofs {
                if proof.in_flight {
                    continue;
                }
                if now.boot < proof.next {
                    self.wake.at_boot(proof.next);
                    continue;
                }
                let ask = Ask { run: proof.run, reference: proof.reference.clone(), purpose: AskedFor::Proof };
                asks.entry((name.clone(), *folder_id)).or_default().push(ask);
            }
        }
    }

    /// Whether a list call may be made now; if so it is counted.
    pub(super) fn may_list(&mut self, connection: &ConnectionName, now: Reading) -> bool {
        let Some(link) = self.links.get_mut(connection) else { return false };
        if let Some(boot) = link.wake(now.boot).filter(|boot| *boot > now.boot) {
            self.wake.at_boot(boot);
            return false;
        }
        match link.lists.take(now.boot) {
            Ok(()) => link.may_read(now.boot),
            Err(next) => {
                self.wake.at_boot(next);
                false
            }
        }
    }

    fn mark_asked(&mut self, ask: &Ask, connection: &ConnectionName, folder_id: FolderId) {
        self.set_asked(ask, connection, folder_id, Asked::Yes);
    }

    fn set_asked(&mut self, ask: &Ask, connection: &ConnectionName, folder_id: FolderId, asked: Asked) {
        match ask.purpose {
            AskedFor::Settling | AskedFor::Settled | AskedFor::Held => {
                if let Some(settle) = self.book.get_mut(ask.run).and_then(|open| open.settle.as_mut()) {
                    settle.asked = asked;
                }
            }
            AskedFor::BeforeStart => {
                if let Some(open) = self.book.get_mut(ask.run)
                    && matches!(open.before_start, BeforeStart::LookUp(_))
                {
                    open.before_start = BeforeStart::LookUp(asked);
                }
            }
            AskedFor::Sweep => {
                for sweep in self.sweeps.iter_mut().filter(|sweep| sweep.run == ask.run) {
                    sweep.asked = asked;
                }
            }
            AskedFor::Proof => {
                if let Some(proof) = self.links.get_mut(connection).and_then(|link| link.proofs.get_mut(&folder_id)) {
                    proof.in_flight = asked == Asked::Yes;
                }
            }
        }
    }

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
            CallError::Unsent { .. } | CallError::Unknown { .. } => {}
            CallError::Rejected { text, cure, .. } => {
                tracing::warn!(connection = %connection, "{}", with_cure(text, cure.as_deref()));
                self.proof_not_shown(connection, folder_id, asks, now);
                for ask in asks {
                    self.learned(connection, folder_id, ask, Finding::Nothing, "by its Reference", now);
                }
            }
        }
    }

    /// All jobs since an instant were listed, because the filter by Reference was of no use.
    pub(super) fn listed_since(
        &mut self,
        connection: &ConnectionName,
        folder_id: FolderId,
        ask: &Ask,
        result: Result<JobPage, CallError>,
        now: Reading,
    ) {
        self.set_asked(ask, connection, folder_id, Asked::No);
        let prefix = Reference::prefix(self.installation);
        let finding = match result {
            Ok(page) => {
                if let Some(link) = self.link_mut(connection) {
                    link.answered();
                }
                let jobs: Vec<JobView> =
                    page.jobs.iter().filter(|job| ask.is(job.reference.as_ref())).cloned().collect();
                // A list counts when it is whole and shows a job of ours with its Reference: then rights, folder and field
                // are all there.
                let shows_ours = page
                    .jobs
                    .iter()
                    .any(|job| job.reference.as_ref().is_some_and(|text| text.as_str().starts_with(&prefix)));
                match page.completeness {
                    _ if !jobs.is_empty() => Finding::Jobs(jobs),
                    Completeness::Complete if shows_ours => Finding::ProvenNone,
                    Completeness::Complete => Finding::NoneShown,
                    Completeness::Cut => Finding::Nothing,
                }
            }
            Err(error) => {
                if let Some(link) = self.link_mut(connection) {
                    link.failed(&error, now.boot);
                }
                match error {
                    CallError::Unsent { .. } | CallError::Unknown { .. } => return,
                    CallError::Rejected { .. } => Finding::Nothing,
                }
            }
        };
        match finding {
            Finding::NoneShown | Finding::Nothing => self.cannot_tell(connection, ask, finding, now),
            Finding::Jobs(_) | Finding::ProvenNone => {
                self.learned(connection, folder_id, ask, finding, "in the list of all jobs", now);
            }
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
        match (open.run.state, finding) {
            (RunState::Unknown | RunState::Held | RunState::Waiting(_) | RunState::Armed, Finding::Jobs(jobs)) => {
                self.adopt(ask.run, folder_id, &jobs, &format!("Found at Orchestrator {how}"), now);
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
        let (choice, deadline) = (open.run.on_unknown_start, open.run.deadline_at);
        match choice {
            OnUnknownStart::Retry if now.wall < deadline => {
                if let Some(settle) = &mut open.settle {
                    settle.verdict = Verdict::None;
                }
                self.book.note(id, now.wall, "No job was made; it is sent again".to_owned());
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
                let text = "Held: no job was found; the schedule leaves the decision to a person".to_owned();
                self.step(id, RunEvent::Hold, now, text);
                if let Some(settle) = self.book.get_mut(id).and_then(|open| open.settle.as_mut()) {
                    settle.verdict = Verdict::Open;
                    settle.next = now.boot + HELD_EVERY;
                }
            }
        }
    }

    /// A start was accepted.
    pub(super) fn accepted(&mut self, id: RunId, jobs: &[JobView], now: Reading) {
        let Some(open) = self.book.get(id) else { return };
        let Some(attempt) = open.run.attempt() else { return };
        let connection = open.run.connection.clone();
        let (Some(folder_id), reference) = (attempt.folder_id, attempt.reference.clone()) else { return };
        self.adopt(id, folder_id, jobs, "Accepted", now);
        self.want_proof(&connection, folder_id, id, reference, now);
    }

    /// After a repeated call, however its job was found: are there two?
    fn plan_sweep(&mut self, id: RunId, now: Reading) {
        let at = later(now.wall, SWEEP_AFTER);
        let Some(open) = self.book.get(id) else { return };
        let connection = open.run.connection.clone();
        if open.run.attempt().is_none_or(|attempt| attempt.sends < 2) {
            return;
        }
        self.book.change(id, |run| {
            if let Some(attempt) = run.attempt_mut() {
                attempt.sweep_at = Some(at);
            }
        });
        if let Some(attempt) = self.book.get(id).and_then(|open| open.run.attempt()).cloned() {
            self.sweeps.retain(|sweep| sweep.run != id);
            self.sweeps.push(Sweep::new(id, connection, attempt));
        }
    }

    /// Takes a job as this run's. Of several the one that runs, then the oldest; the others are stopped while they have not
    /// begun, and somebody is told.
    fn adopt(&mut self, id: RunId, folder_id: FolderId, jobs: &[JobView], how: &str, now: Reading) {
        let mut jobs: Vec<&JobView> = jobs.iter().collect();
        jobs.sort_by_key(|job| (job.state == JobState::Pending, job.id));
        let Some((job, spare)) = jobs.split_first() else { return };
        let reference = JobRef { key: job.key, id: job.id };
        // A job that has ended already is read whole before the run ends.
        let phase = phase_of(&job.state).unwrap_or(JobPhase::Running);
        self.book.change(id, |run| {
            run.accepted_at.get_or_insert(now.wall);
            run.started_at = job.started_at.or(run.started_at);
            run.error = None;
            if let Some(attempt) = run.attempt_mut() {
                // A start of another life, under a database that was put back, was never sent in this one.
                attempt.folder_id.get_or_insert(folder_id);
                attempt.job = Some(reference);
                attempt.job_state = Some(job.state.as_str().to_owned());
            }
        });
        if !self.step(id, RunEvent::Job(phase), now, format!("{how} as job {}", job.id)) {
            return;
        }
        let first = now.boot + self.pace.first;
        if let Some(open) = self.book.get_mut(id) {
            open.before_start = BeforeStart::Clear;
            open.knowledge = Knowledge::Current;
            open.follow_from(now.boot, first);
            if job.state.is_final() {
                open.follow_from(now.boot, now.boot);
            }
        }
        self.stop_spare(id, &spare.iter().map(|job| (*job).clone()).collect::<Vec<_>>(), now);
        self.plan_sweep(id, now);
    }

    fn stop_spare(&mut self, id: RunId, spare: &[JobView], now: Reading) {
        let Some(open) = self.book.get(id) else { return };
        let connection = open.run.connection.clone();
        let Some(folder_id) = open.run.attempt().and_then(|attempt| attempt.folder_id) else { return };
        for job in spare {
            tracing::error!(run.id = %id, "Job {} was made beside the one that is followed, under the same Reference", job.id);
            let fate = if job.state == JobState::Pending { "it is stopped" } else { "it had begun already" };
            self.book.change(id, |run| {
                run.note = join(run.note.take(), format!("duplicate job {}; {fate}", job.id));
            });
            self.book.note(id, now.wall, format!("Job {} is one too many; {fate}", job.id));
            if job.state == JobState::Pending {
                let job = JobRef { key: job.key, id: job.id };
                self.actions.push(Action::StopSpare { connection: connection.clone(), folder_id, run: id, job });
            }
        }
    }

    /// The answer to a stop of a job that was one too many.
    pub(super) fn spare_stopped(
        &mut self,
        connection: &ConnectionName,
        run: RunId,
        job: JobRef,
        result: Result<(), CallError>,
        now: Reading,
    ) {
        let text = match &result {
            Ok(()) => format!("Job {} was asked to stop", job.id),
            Err(error) => format!("Job {} could not be stopped: {error}; stop it in Orchestrator", job.id),
        };
        if let Some(link) = self.link_mut(connection) {
            match &result {
                Ok(()) => link.answered(),
                Err(error) => link.failed(error, now.boot),
            }
        }
        self.book.note_ended(run, now.wall, text);
    }

    /// The late count after a repeated start.
    fn swept(&mut self, connection: &ConnectionName, folder_id: FolderId, id: RunId, finding: Finding, now: Reading) {
        let Some(place) = self.sweeps.iter().position(|sweep| sweep.run == id) else { return };
        let mut attempt = self.sweeps.swap_remove(place).attempt;
        attempt.sweep_at = None;
        if let Some(open) = self.book.get(id) {
            let current = open.run.attempt().and_then(|attempt| attempt.job);
            attempt.job = current.or(attempt.job);
            self.book.change(id, |run| {
                if let Some(attempt) = run.attempt_mut() {
                    attempt.sweep_at = None;
                }
            });
        } else {
            self.book.record_sweep(id, attempt.clone());
        }
        let jobs = match finding {
            Finding::Jobs(jobs) => jobs,
            Finding::ProvenNone | Finding::NoneShown | Finding::Nothing => return,
        };
        for job in jobs.iter().filter(|job| attempt.job.is_none_or(|ours| ours.key != job.key)) {
            tracing::error!(run.id = %id, "Job {} was made late, under a Reference that had been started again", job.id);
            self.book.note_ended(id, now.wall, format!("Job {} was made late and is one too many", job.id));
            if job.state == JobState::Pending {
                let job = JobRef { key: job.key, id: job.id };
                self.actions.push(Action::StopSpare { connection: connection.clone(), folder_id, run: id, job });
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

    fn want_proof(
        &mut self,
        connection: &ConnectionName,
        folder_id: FolderId,
        run: RunId,
        reference: Reference,
        now: Reading,
    ) {
        let Some(link) = self.links.get_mut(connection) else { return };
        let fresh = link.evidence.get(&folder_id).is_some_and(|proof| later(proof.proven_at, PROOF_LIFE) > now.wall);
        if !fresh {
            let next = now.boot + PROOF_FIRST;
            link.proofs.entry(folder_id).or_insert(ProofWanted { run, reference, next, tries: 0, in_flight: false });
        }
    }

    /// Keeps the newest job of ours that this look-up showed as the folder's control.
    fn keep_proof(
        &mut self,
        connection: &ConnectionName,
        folder_id: FolderId,
        asks: &[Ask],
        page: &JobPage,
        now: Reading,
    ) {
        let shown = page
            .jobs
            .iter()
            .filter(|job| job.reference.as_ref().is_some_and(|text| asks.iter().any(|ask| ask.is(Some(text)))))
            .max_by_key(|job| job.id)
            .and_then(|job| job.reference.clone());
        let Some(link) = self.links.get_mut(connection) else { return };
        if let Some(reference) = shown {
            let proof = Evidence { connection: connection.clone(), folder_id, reference, proven_at: now.wall };
            link.proofs.remove(&folder_id);
            if link.evidence.get(&folder_id).is_none_or(|old| old.reference != proof.reference) {
                link.evidence.insert(folder_id, proof.clone());
                self.book.record_evidence(proof);
            }
            return;
        }
        self.proof_not_shown(connection, folder_id, asks, now);
    }

    /// The proof is tried again later, and not for ever: look-ups come before polls, and there is a budget.
    fn proof_not_shown(&mut self, connection: &ConnectionName, folder_id: FolderId, asks: &[Ask], now: Reading) {
        let Some(link) = self.links.get_mut(connection) else { return };
        if asks.iter().any(|ask| ask.purpose == AskedFor::Proof)
            && let Some(proof) = link.proofs.get_mut(&folder_id)
        {
            if proof.tried(now.boot) >= PROOF_TRIES {
                tracing::warn!(
                    connection = %connection,
                    "Look-ups by Reference do not show our jobs in folder {folder_id}: an unclear start there will be held for a person"
                );
                link.proofs.remove(&folder_id);
            }
        }
    }
}
