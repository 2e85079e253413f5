//! What the answers to look-ups say of each Reference that was asked for.
//!
//! "There is none" is said only by an answer that proves it: complete, of now, showing what is known to be there and nothing
//! that was not asked for (semantics.md 16, 16a). What follows from it is `settle`'s.

use std::time::Duration;

use jiff::Timestamp;

use super::Core;
use super::claim::join;
use super::look_up::{BROKEN_AT_START, list_from};
use super::open::{Asked, Verdict};
use super::send::with_cure;
use crate::clock::{Reading, earlier};
use crate::executor::{Ask, AskedFor, Beside};
use crate::orchestrator::{CallError, Completeness, Freshness, JobPage, JobView, Stale, is_same_name};
use crate::run::{FolderId, Reference, RunId};
use crate::schedule::ConnectionName;

/// Orchestrator's clock may be so far from ours before starts wait for it (semantics.md 7), and a little more.
const CLOCKS_APART: Duration = Duration::from_secs(600);

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
        let freshness = result.as_ref().ok().map(|page| page.freshness);
        self.heard_look_up(connection, folder_id, &asks, &result, freshness, now);
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
        let freshness = result.as_ref().ok().map(|beside| beside.page.freshness);
        self.heard_look_up(connection, folder_id, &asks, &result, freshness, now);
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

    /// A call for look-ups has ended; what it says of each of them comes after.
    fn heard_look_up<T>(
        &mut self,
        connection: &ConnectionName,
        folder_id: FolderId,
        asks: &[Ask],
        result: &Result<T, CallError>,
        freshness: Option<Freshness>,
        now: Reading,
    ) {
        for ask in asks {
            self.set_asked(ask, connection, folder_id, Asked::No);
        }
        if freshness == Some(Freshness::Fresh) {
            self.folder_answered(folder_id, asks.iter().map(|ask| ask.run));
        }
        self.heard_of_jobs(connection, folder_id, result, now);
        if let Some(link) = self.link_mut(connection) {
            link.heard_read(result, now.boot);
        }
    }

    /// Whether a job is certainly not this run's: it has another name, is of another process, or was there before the call. One that
    /// shows no name at all may be ours, shown by a server that leaves names out.
    fn is_foreign(&self, id: RunId, job: &JobView) -> bool {
        let Some(run) = self.book.get(id).map(|open| &open.run) else { return false };
        let named =
            job.reference.is_some() && job.reference.as_ref() != run.attempt().map(|attempt| &attempt.reference);
        let other = job.release_name.as_ref().is_some_and(|name| !is_same_name(name, &run.start().process));
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
                    self.say_that_look_ups_break(ask, error, now);
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

    /// So many calls came to nothing that whoever looks at the run should see why.
    fn say_that_look_ups_break(&mut self, ask: &Ask, error: &CallError, now: Reading) {
        let settle = self.book.get(ask.run).and_then(|open| open.settle);
        if settle.is_none_or(|settle| settle.broken != BROKEN_AT_START) {
            return;
        }
        let told = format!("its look-ups come to nothing: {}", with_cure(error));
        tracing::warn!(run.id = %ask.run, "Run {}: {told}", ask.run.short());
        self.book.change(ask.run, |run| run.error = join(run.error.take(), told.clone()));
        self.book.note(ask.run, now.wall, "Its look-ups come to nothing".to_owned());
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
        let freshness = result.as_ref().ok().map(|page| page.freshness);
        self.heard_look_up(connection, folder_id, asks, &result, freshness, now);
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
            // The job that could not be read may be the one that is looked for.
            Completeness::Holes => false,
        };
        match whole {
            _ if !jobs.is_empty() => Finding::Jobs(jobs),
            _ if page.freshness != Freshness::Fresh => stale(page),
            true if page.jobs.iter().any(is_ours) => Finding::ProvenNone,
            true => Finding::NoneShown,
            false => Finding::Nothing,
        }
    }
}

/// What a page says of one Reference: `filtered` when it shows nothing foreign, `shows_control` when it shows what must be there.
fn find_in_page(ask: &Ask, page: &JobPage, filtered: bool, shows_control: bool) -> Finding {
    let jobs: Vec<JobView> = page.jobs.iter().filter(|job| ask.is(job.reference.as_ref())).cloned().collect();
    // A second job is what is counted for: that there is one is known, and an old page does not say that it is the only one.
    let counts_for_more = matches!(ask.purpose, AskedFor::Sweep) && jobs.len() == 1;
    match page.completeness {
        _ if page.freshness != Freshness::Fresh && counts_for_more => stale(page),
        _ if !jobs.is_empty() => Finding::Jobs(jobs),
        _ if page.freshness != Freshness::Fresh => stale(page),
        Completeness::Complete if !filtered => Finding::Nothing,
        Completeness::Complete if shows_control => Finding::ProvenNone,
        Completeness::Complete => Finding::NoneShown,
        // The filter was ignored, and what we ask for may lie beyond the cut, or could not be read.
        Completeness::Cut | Completeness::Holes => Finding::Nothing,
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
