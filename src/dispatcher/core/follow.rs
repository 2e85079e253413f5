//! From accepted to the end, by reading Orchestrator again: one list call per folder for all open jobs.
//!
//! Nothing is taken from the answer to one call alone: a job is over when it has been read whole, and lost only when three
//! complete lists over five minutes and a read by id do not show it.

use std::time::Duration;

use super::Core;
use super::claim::join;
use super::ending::phase_of;
use crate::clock::Reading;
use crate::orchestrator::{CallError, Freshness, JobPage, JobView};
use crate::policy::overlap::Knowledge;
use crate::run::{Ending, FolderId, JobRef, RunEvent, RunId, RunState};
use crate::schedule::ConnectionName;

/// A job that a list shows as ended is read whole this often before the list's word is enough: an answer that always breaks
/// must not keep its schedule from running.
const READS: u32 = 20;

/// So many lists in a row that came to nothing, and their jobs are read one by one.
const BROKEN_LISTS: u32 = 3;

/// A job of which nothing can be read for so long is told to people.
const SILENT_FOR: Duration = Duration::from_secs(600);

/// A job missing from this many complete lists …
const MISSES: u32 = 3;

/// … over this time is asked for by its id (semantics.md 22).
const MISSING_FOR: Duration = Duration::from_secs(300);

impl Core {
    /// Jobs were listed by key.
    pub(super) fn polled(
        &mut self,
        connection: &ConnectionName,
        folder_id: FolderId,
        jobs: &[(RunId, JobRef)],
        result: Result<JobPage, CallError>,
        now: Reading,
    ) {
        for (run, _) in jobs {
            self.asked_to_follow(*run);
        }
        self.heard_of_jobs(connection, folder_id, &result, now);
        let Some(link) = self.links.get_mut(connection) else { return };
        link.heard_read(&result, now.boot);
        let page = match result {
            Ok(page) => page,
            Err(error) => return self.poll_failed(connection, folder_id, jobs, &error, now),
        };
        if page.freshness == Freshness::Fresh {
            self.folder_answered(folder_id, jobs.iter().map(|(run, _)| *run));
        }
        for (run, job) in jobs {
            self.read_once(connection, *run);
            match page.jobs.iter().find(|seen| seen.key == job.key && self.is_ours(*run, seen)) {
                // What a cache kept may be of before; an end is an end.
                Some(seen) if page.freshness == Freshness::Fresh || seen.state.is_final() => {
                    self.seen(*run, seen, now);
                }
                Some(_) => self.read_again_later(*run, now),
                None if page.is_proof() => {
                    self.missed(connection, folder_id, *run, *job, now);
                }
                None => self.read_again_later(*run, now),
            }
        }
    }

    /// A list was refused, or came to nothing. One job in it may be the reason, and must not hide the others: they are read one
    /// by one (semantics.md 22).
    fn poll_failed(
        &mut self,
        connection: &ConnectionName,
        folder_id: FolderId,
        jobs: &[(RunId, JobRef)],
        error: &CallError,
        now: Reading,
    ) {
        let refused = matches!(error, CallError::Rejected { .. });
        if refused {
            tracing::debug!(connection = %connection, "{error}");
        }
        if error.folder_is_unknown() {
            let ids: Vec<RunId> = jobs.iter().map(|(run, _)| *run).collect();
            self.seek_folder(connection, &ids);
        }
        for (run, job) in jobs {
            let mut alone = refused;
            if matches!(error, CallError::Unknown { .. })
                && let Some(follow) = self.book.get_mut(*run).and_then(|open| open.follow.as_mut())
            {
                follow.broken = follow.broken.saturating_add(1);
                alone = follow.broken >= BROKEN_LISTS;
            }
            if alone && let Some(link) = self.links.get_mut(connection) {
                // Its own schedule waits until it has been read; the others do not (semantics.md 22).
                link.reconciled(*run);
            }
            if refused {
                self.read_once(connection, *run);
            }
            if alone {
                self.read_whole(connection, folder_id, *run, *job, now);
            }
            self.read_again_later(*run, now);
        }
    }

    /// A key names one job for ever; but a tenant that was set up anew, or a stand-in started again, may give it to another.
    /// What carries another Reference is not this run's job.
    pub(super) fn is_ours(&self, id: RunId, job: &JobView) -> bool {
        let ours = self.book.get(id).and_then(|open| open.run.attempt()).map(|attempt| &attempt.reference);
        job.reference.is_none() || job.reference.as_ref() == ours
    }

    /// A job as a list or a read shows it, not yet read whole.
    pub(super) fn seen(&mut self, id: RunId, job: &JobView, now: Reading) {
        let Some(open) = self.book.get_mut(id) else { return };
        let Some(follow) = open.follow.as_mut() else { return };
        follow.misses = 0;
        follow.first_miss = None;
        follow.broken = 0;
        let silent = follow.silent.take().is_some();
        if follow.unreadable.take().is_some() || silent {
            self.book.change(id, |run| run.error = None);
        }
        let Some(open) = self.book.get_mut(id) else { return };
        let Some(follow) = open.follow.as_mut() else { return };
        if job.state.is_final() {
            follow.ended = Some(Box::new(job.clone()));
            follow.next = now.boot;
            // It has ended; a time that comes before it is read whole waits for that, it is not skipped.
            open.knowledge = Knowledge::NotReadYet;
            return;
        }
        open.knowledge = Knowledge::Current;
        follow.read_at = Some(follow.asked_at);
        let known = open.run.attempt().and_then(|attempt| attempt.job_state.as_deref()) == Some(job.state.as_str());
        let started = open.run.started_at == job.started_at || job.started_at.is_none();
        if !known || !started {
            self.book.change(id, |run| {
                run.started_at = job.started_at.or(run.started_at);
                if let Some(attempt) = run.attempt_mut() {
                    attempt.job_state = Some(job.state.as_str().to_owned());
                }
            });
        }
        match phase_of(&job.state) {
            Some(phase) => {
                self.step(id, RunEvent::Job(phase), now, format!("Job {} is {}", job.id, job.state.as_str()));
            }
            None => {
                tracing::warn!(run.id = %id, "Job {} is `{}`, a state not known here; it is followed on", job.id, job.state.as_str())
            }
        }
        self.read_again_later(id, now);
    }

    /// A complete list does not show the job.
    fn missed(&mut self, connection: &ConnectionName, folder_id: FolderId, id: RunId, job: JobRef, now: Reading) {
        let Some(follow) = self.book.get_mut(id).and_then(|open| open.follow.as_mut()) else { return };
        follow.misses += 1;
        let first = *follow.first_miss.get_or_insert(now.boot);
        if follow.misses >= MISSES && now.boot.saturating_sub(first) >= MISSING_FOR {
            self.read_whole(connection, folder_id, id, job, now);
        }
        self.read_again_later(id, now);
    }

    /// A job was read whole.
    pub(super) fn read(
        &mut self,
        connection: &ConnectionName,
        id: RunId,
        result: Result<Option<JobView>, CallError>,
        now: Reading,
    ) {
        self.asked_to_follow(id);
        if let Some(link) = self.links.get_mut(connection) {
            link.reads_in_flight = link.reads_in_flight.saturating_sub(1);
            link.heard_of_job(&result, now.boot);
        }
        let folder_id = self.book.get(id).and_then(|open| open.run.attempt()).and_then(|attempt| attempt.folder_id);
        if let Some(folder_id) = folder_id {
            self.heard_of_jobs(connection, folder_id, &result, now);
            if result.is_ok() {
                self.folder_answered(folder_id, std::iter::once(id));
            }
        }
        self.read_to_give_up(id, &result, now);
        let Some(open) = self.book.get(id) else { return };
        if !matches!(open.run.state, RunState::Job(_)) {
            return;
        }
        let listed = open.follow.as_ref().and_then(|follow| follow.ended.clone());
        // Somebody else's job under our number: ours is gone.
        let result = result.map(|found| found.filter(|job| self.is_ours(id, job)));
        match (result, listed) {
            (Ok(Some(job)), _) if job.state.is_final() => self.ended(id, &job, now),
            (Ok(Some(job)), _) => {
                if let Some(follow) = self.book.get_mut(id).and_then(|open| open.follow.as_mut()) {
                    follow.ended = None;
                }
                self.seen(id, &job, now);
            }
            // It was listed as ended and cannot be read whole any more: what the list said is all there is.
            (Ok(None) | Err(CallError::Rejected { .. }), Some(listed)) => self.ended(id, &listed, now),
            (Ok(None), None) => self.lost(id, now),
            (Err(CallError::Unknown { .. }), Some(listed)) if self.read_in_vain(id) >= READS => {
                self.ended(id, &listed, now);
            }
            (Err(error @ CallError::Rejected { .. }), None) => {
                if error.folder_is_unknown() {
                    self.seek_folder(connection, &[id]);
                }
                if !self.could_not_read(id, &error, now) {
                    self.read_again_later(id, now);
                }
            }
            (Err(error @ CallError::Unknown { .. }), None) => {
                self.say_that_it_is_silent(id, &error, now);
                self.read_again_later(id, now);
            }
            (Err(_), _) => self.read_again_later(id, now),
        }
    }

    /// Neither lists nor reads of a job come to anything: it is followed on, and after a while somebody is told what helps.
    fn say_that_it_is_silent(&mut self, id: RunId, error: &CallError, now: Reading) {
        let Some(follow) = self.book.get_mut(id).and_then(|open| open.follow.as_mut()) else { return };
        let since = *follow.silent.get_or_insert(now.boot);
        let open = self.book.get(id);
        if now.boot.saturating_sub(since) < SILENT_FOR || open.is_none_or(|open| open.run.error.is_some()) {
            return;
        }
        let short = id.short();
        let told = format!(
            "its job cannot be read: {error}; it is tried again; if the job has ended in Orchestrator, `punctual resolve {short} \
             lost` lets its schedule go on"
        );
        tracing::warn!(run.id = %id, "Run {short}: {told}");
        self.book.change(id, |run| run.error = Some(told));
        self.book.note(id, now.wall, "Its job cannot be read".to_owned());
    }

    fn ended(&mut self, id: RunId, job: &JobView, now: Reading) {
        self.learn_duration(id, now);
        self.record_end(id, job, now);
    }

    /// Counts the answers in vain to reads of a job that a list shows as ended.
    fn read_in_vain(&mut self, id: RunId) -> u32 {
        let Some(follow) = self.book.get_mut(id).and_then(|open| open.follow.as_mut()) else { return 0 };
        follow.reads_in_vain += 1;
        follow.reads_in_vain
    }

    /// Half of what was known and half of what was seen: a schedule whose work grows is followed.
    fn learn_duration(&mut self, id: RunId, now: Reading) {
        let Some(open) = self.book.get(id) else { return };
        let Some(follow) = &open.follow else { return };
        let seen = now.boot.saturating_sub(follow.since);
        let usual = self.usual.entry(open.run.schedule.clone()).or_insert(seen);
        *usual = (*usual + seen) / 2;
    }

    fn lost(&mut self, id: RunId, now: Reading) {
        let Some(follow) = self.book.get_mut(id).and_then(|open| open.follow.as_mut()) else { return };
        // Where lists are refused, as in a folder that is gone, "not there" by id is what counts (R15).
        follow.misses += 1;
        let first = *follow.first_miss.get_or_insert(now.boot);
        let gone = follow.misses >= MISSES && now.boot.saturating_sub(first) >= MISSING_FOR;
        if !gone {
            return self.read_again_later(id, now);
        }
        self.book.change(id, |run| {
            run.error = join(run.error.take(), "the job is not at Orchestrator any more".to_owned());
        });
        let text = "Three lists over five minutes and a read by id do not show the job".to_owned();
        self.step(id, RunEvent::End(Ending::Lost), now, text);
    }
}
